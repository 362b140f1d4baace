//! An agent with its tools, and tools run by hand.

use jsonc_parser::ParseOptions;
use opencode_schema::agent::Agent;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::arguments::DebugAgent;
use crate::context::Context;
use crate::failure::Failure;
use crate::signals;

/// The tool for calls that make no sense; models are not told of it.
const INVALID: &str = "invalid";

/// Prints an agent, or runs a tool as it.
pub(super) async fn run(context: &Context, arguments: DebugAgent) -> Result<(), Failure> {
    let input = parameters(arguments.params.as_deref())?;
    let (engine, location) = context.here().await?;
    let found = location.agents.get(&arguments.name).cloned();
    let result = match (found, arguments.tool) {
        (None, _) => Err(said(
            context,
            format_args!(
                "Agent {} not found, run 'opencode agent list' to get an agent list",
                arguments.name
            ),
        )),
        (Some(agent), None) => show(context, &location, &agent),
        (Some(agent), Some(tool)) => {
            let cancel = CancellationToken::new();
            let signals = tokio::spawn(signals::wait(cancel.clone()));
            let tried = engine
                .try_tool(&location, &agent, &tool, input.clone(), cancel)
                .await;
            signals.abort();
            match tried? {
                None => Err(said(
                    context,
                    format_args!("Tool {tool} not found for agent {}", agent.name),
                )),
                Some(Err(failure)) => Err(Failure::told(failure.to_string())),
                Some(Ok(output)) => {
                    let mut result = json!({
                        "title": output.title,
                        "output": output.output,
                        "metadata": output.metadata,
                    });
                    let attachments = output.attachments.iter();
                    let attachments = attachments.map(|one| json!({ "mime": one.mime, "url": one.url }));
                    let attachments: Vec<Value> = attachments.collect();
                    if !attachments.is_empty() {
                        result["attachments"] = attachments.into();
                    }
                    super::json(
                        context,
                        &json!({ "tool": tool, "input": input, "result": result }),
                    )
                }
            }
        }
    };
    engine.shutdown().await;
    result
}

/// Tells it without calling it an error, as the reference program does.
fn said(context: &Context, text: impl std::fmt::Display) -> Failure {
    context.output.say(text);
    Failure::Silent
}

fn show(context: &Context, location: &opencode_session::Location, agent: &Agent) -> Result<(), Failure> {
    let visible: Vec<&str> = location
        .tools
        .visible(&[&agent.permission], None)
        .iter()
        .map(|tool| tool.name())
        .collect();
    let tools: Map<String, Value> = location
        .tools
        .names()
        .map(|name| {
            (
                name.to_owned(),
                (name == INVALID || visible.contains(&name)).into(),
            )
        })
        .collect();
    let mut shown = serde_json::to_value(agent)?;
    shown["tools"] = tools.into();
    super::json(context, &shown)
}

/// Reads JSON, or what JavaScript would take for an object.
fn parameters(text: Option<&str>) -> Result<Value, Failure> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
        return Ok(json!({}));
    };
    let bad = |reason: &dyn std::fmt::Display| {
        Failure::told(format!(
            "--params cannot be read: {reason}\nGive an object, as in: --params '{{\"filePath\": \"a.txt\"}}'"
        ))
    };
    let parsed: Option<Value> =
        jsonc_parser::parse_to_serde_value(text, &ParseOptions::default()).map_err(|error| bad(&error))?;
    match parsed {
        Some(object @ Value::Object(_)) => Ok(object),
        _ => Err(bad(&"it is no object")),
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn parameters_are_json_or_nearly() {
        for (text, wanted) in [
            (None, Some(json!({}))),
            (Some(" "), Some(json!({}))),
            (Some(r#"{"filePath": "a"}"#), Some(json!({ "filePath": "a" }))),
            (
                Some("{filePath: 'a', n: 2,}"),
                Some(json!({ "filePath": "a", "n": 2 })),
            ),
            (Some("[1]"), None),
            (Some("{\"filePath\""), None),
        ] {
            assert_eq!(parameters(text).ok(), wanted, "{text:?}");
        }
    }
}
