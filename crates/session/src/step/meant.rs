//! What a call means, and whether it can be run (reference `agent-loop.md` §5, «Tool call repair»; `v2.md` §6).

use std::borrow::Cow;

use opencode_llm::stream::ToolCall;
use opencode_schema::Object;
use opencode_tool::mcp::{dispatch, search};
use serde_json::{Value, json};

use super::Step;

impl Step<'_> {
    /// A call as it is meant: one of a tool that has to be looked for is made by the tool that calls those.
    pub(super) fn directed<'a>(&self, call: &'a ToolCall) -> Cow<'a, ToolCall> {
        let deferred = self.deferred.as_deref();
        let is_deferred = deferred.is_some_and(|deferred| deferred.holds(&call.name));
        match serde_json::from_str::<Object>(&call.input) {
            Ok(arguments) if is_deferred => Cow::Owned(ToolCall {
                name: dispatch::NAME.to_owned(),
                input: json!({ "tool": call.name, "arguments": arguments }).to_string(),
                ..call.clone()
            }),
            _ => Cow::Borrowed(call),
        }
    }

    /// Whether a call of a durable session can be run, else why not. One of a tool that was taken away or registered
    /// anew since the model was told of it cannot: what it says may mean something else by now.
    pub(super) fn callable(&self, call: &ToolCall) -> Result<(), String> {
        let name = &call.name;
        let deferred = self.deferred.as_deref();
        if !self.offered.contains(name) {
            let how = match deferred.is_some_and(|deferred| deferred.holds(name)) {
                true => format!(". It is called with {}.", dispatch::NAME),
                false => String::new(),
            };
            return Err(format!("Unknown tool: {name}{how}"));
        }
        let input = serde_json::from_str::<Object>(&call.input);
        let told = match (deferred, name.as_str()) {
            // The tools that find and call are there as long as the step is; what is called counts.
            (Some(_), search::NAME) => None,
            (Some(deferred), dispatch::NAME) => {
                let target = input.as_ref().ok().and_then(|input| input.get("tool")?.as_str());
                target.and_then(|target| deferred.get(target))
            }
            _ => self.tools().get(name),
        };
        let latest = self.location.ground().latest();
        if let (Some(told), Some(latest)) = (told, latest)
            && !latest.registry(true).holds(told)
        {
            let name = told.name();
            return Err(format!(
                "Stale tool call: {name}. The tool was changed or taken away while you answered, and nothing was run. \
                 The tools that you are told of now count."
            ));
        }
        input
            .map(drop)
            .map_err(|error| format!("The arguments of {name} are no JSON object: {error}"))
    }
}

/// The tool and the arguments that a call really means: a name in other letters is understood, an unknown
/// name and arguments that are no JSON go to the tool `invalid`, which tells the model.
pub(super) fn repaired<'a>(
    call: &ToolCall,
    offered: &[String],
    all: impl Iterator<Item = &'a str>,
) -> (String, Value) {
    let invalid = |error: String| ("invalid".to_owned(), json!({ "tool": call.name, "error": error }));
    let lower = call.name.to_lowercase();
    let known = [&call.name, &lower]
        .into_iter()
        .find(|name| offered.contains(name));
    let Some(name) = known else {
        let mut names: Vec<&str> = all
            .filter(|name| *name == "invalid" || offered.iter().any(|one| one == name))
            .collect();
        names.sort_unstable();
        return invalid(format!(
            "There is no tool by the name '{}' here. Available tools: {}.",
            call.name,
            names.join(", ")
        ));
    };
    match serde_json::from_str(&call.input) {
        Ok(input) => (name.clone(), input),
        Err(error) => invalid(format!(
            "The arguments of {name} are not valid JSON.\nText: {}\nError message: {error}",
            call.input
        )),
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn call(name: &str, input: &str) -> ToolCall {
        ToolCall {
            id: "c".into(),
            name: name.into(),
            input: input.into(),
            provider_executed: false,
            metadata: Default::default(),
        }
    }

    #[test]
    fn names_and_arguments_are_repaired() {
        let offered = ["bash".to_owned(), "read".to_owned()];
        let all = ["invalid", "read", "bash", "edit"];
        for (name, input, wanted) in [
            ("read", r#"{"a":1}"#, ("read", json!({ "a": 1 }))),
            ("Read", "{}", ("read", json!({}))),
            (
                "edit",
                "{}",
                (
                    "invalid",
                    json!({ "tool": "edit", "error": "There is no tool by the name 'edit' here. Available tools: bash, invalid, read." }),
                ),
            ),
            ("read", "[1]", ("read", json!([1]))),
        ] {
            let (tool, arguments) = repaired(&call(name, input), &offered, all.into_iter());
            assert_eq!((tool.as_str(), arguments), wanted, "{name} {input}");
        }
        let (tool, arguments) = repaired(&call("read", "{\"a\": "), &offered, all.into_iter());
        assert_eq!((tool.as_str(), &arguments["tool"]), ("invalid", &json!("read")));
    }
}
