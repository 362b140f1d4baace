//! What models want changed in the tools that they are offered (reference `providers.md` §6, §6.1).

use opencode_llm::request::{Content, Message, ProviderOptions, Tool};
use opencode_schema::model::Model;
use serde_json::json;

use super::schema;

/// The tool that a request carries where the provider refuses calls in the history without any tool.
const NOTHING: &str = "_noop";

/// Prepares the tools of a request to `model`.
pub fn prepare(tools: &mut Vec<Tool>, messages: &[Message], model: &Model) {
    if tools.is_empty() && model.provider_id.contains("github-copilot") && messages.iter().any(has_calls) {
        tools.push(Tool::Function {
            name: NOTHING.to_owned(),
            description: Some("Stands in for tools that are gone. Never call it.".to_owned()),
            input_schema: json!({ "type": "object", "properties": {} }),
            strict: None,
            provider_options: ProviderOptions::new(),
        });
    }
    let npm = model.api.npm.as_str();
    let responses = matches!(npm, "@ai-sdk/openai" | "@ai-sdk/azure");
    let lenient = responses || npm == "@ai-sdk/amazon-bedrock/mantle";
    let id = model.api.id.to_lowercase();
    for Tool::Function {
        input_schema, strict, ..
    } in tools
    {
        if responses {
            schema::plain(input_schema);
        }
        if model.provider_id == "moonshotai" || id.contains("kimi") {
            schema::without_siblings(input_schema);
        }
        if model.provider_id == "google" || id.contains("gemini") {
            schema::for_gemini(input_schema);
        }
        if lenient {
            *strict = Some(false);
        }
    }
}

fn has_calls(message: &Message) -> bool {
    match message {
        Message::Assistant { content, .. } => content
            .iter()
            .any(|part| matches!(part, Content::ToolCall { .. })),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::model;

    fn tool() -> Tool {
        Tool::Function {
            name: "t".to_owned(),
            description: None,
            input_schema: json!({ "type": "object", "$schema": "x", "properties": { "n": { "type": "integer", "enum": [1] } } }),
            strict: None,
            provider_options: ProviderOptions::new(),
        }
    }

    #[test]
    fn schemas_and_strictness_by_adapter() {
        let as_is = json!({ "type": "object", "$schema": "x", "properties": { "n": { "type": "integer", "enum": [1] } } });
        let plain = json!({ "type": "object", "properties": { "n": { "type": "integer", "enum": [1] } } });
        let texts = json!({ "type": "object", "$schema": "x", "properties": { "n": { "type": "string", "enum": ["1"] } } });
        for (provider, npm, id, schema, strictness) in [
            ("mine", "@ai-sdk/openai-compatible", "m", as_is.clone(), None),
            ("mine", "@ai-sdk/openai", "m", plain.clone(), Some(false)),
            ("azure", "@ai-sdk/azure", "m", plain, Some(false)),
            (
                "amazon-bedrock",
                "@ai-sdk/amazon-bedrock/mantle",
                "m",
                as_is,
                Some(false),
            ),
            ("google", "@ai-sdk/google", "m", texts.clone(), None),
            (
                "openrouter",
                "@openrouter/ai-sdk-provider",
                "google/gemini-3-pro",
                texts,
                None,
            ),
        ] {
            let mut tools = vec![tool()];
            prepare(&mut tools, &[], &model(provider, npm, id));
            let [
                Tool::Function {
                    input_schema, strict, ..
                },
            ] = tools.as_slice()
            else {
                panic!("{npm}");
            };
            assert_eq!(
                (input_schema, *strict),
                (&schema, strictness),
                "{provider} {npm} {id}"
            );
        }
    }

    #[test]
    fn copilot_is_given_a_tool_where_it_has_called_one() {
        let called = Message::Assistant {
            content: vec![Content::ToolCall {
                tool_call_id: "c".to_owned(),
                tool_name: "t".to_owned(),
                input: json!({}),
                provider_executed: None,
                provider_options: ProviderOptions::new(),
            }],
            provider_options: ProviderOptions::new(),
        };
        for (provider, messages, wanted) in [
            ("github-copilot", vec![called.clone()], 1),
            ("github-copilot", vec![Message::user("x")], 0),
            ("mine", vec![called], 0),
        ] {
            let mut tools = Vec::new();
            prepare(&mut tools, &messages, &model(provider, "n", "m"));
            assert_eq!(tools.len(), wanted, "{provider}");
        }
    }
}
