//! Tools of a request, and the choice among them.

use serde_json::{Value, json};

use super::dialect::{Dialect, Items};
use super::options::Options;
use crate::json::{Body, opened, present};
use crate::request::{Request, Tool, ToolChoice};

pub(super) fn write(dialect: &Dialect, tools: &[Tool]) -> Vec<Value> {
    tools.iter().map(|tool| one(dialect, tool)).collect()
}

fn one(dialect: &Dialect, tool: &Tool) -> Value {
    let Tool::Function {
        name,
        description,
        input_schema,
        strict,
        provider_options,
    } = tool;
    let mut wire = Body::new();
    wire.set("type", "function");
    wire.set("name", name.as_str());
    wire.put("description", description.as_deref().map(Value::from));
    let schema = match dialect.items {
        Items::OpenAi => input_schema.clone(),
        Items::Xai => opened(input_schema),
    };
    wire.set("parameters", schema);
    wire.put("strict", strict.map(Value::from));
    let own = provider_options
        .get("openai")
        .filter(|_| dialect.items == Items::OpenAi);
    wire.put(
        "defer_loading",
        present(own.and_then(|own| own.get("deferLoading"))).cloned(),
    );
    wire.into_value()
}

/// Which tools the model may or must call.
pub(super) fn choice(options: &Options<'_>, request: &Request) -> Option<Value> {
    if let Some(allowed) = options.get("allowedTools") {
        let names = allowed.get("toolNames").and_then(Value::as_array);
        let tools: Vec<Value> = names
            .into_iter()
            .flatten()
            .map(|name| json!({"type": "function", "name": name}))
            .collect();
        let mode = present(allowed.get("mode"))
            .cloned()
            .unwrap_or_else(|| Value::from("auto"));
        return Some(json!({"type": "allowed_tools", "mode": mode, "tools": tools}));
    }
    Some(match request.tool_choice.as_ref()? {
        ToolChoice::Auto => Value::from("auto"),
        ToolChoice::None => Value::from("none"),
        ToolChoice::Required => Value::from("required"),
        ToolChoice::Tool { tool_name } => json!({"type": "function", "name": tool_name}),
    })
}
