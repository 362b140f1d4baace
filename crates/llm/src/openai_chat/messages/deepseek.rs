//! Messages for DeepSeek models: text only, reasoning of the current turn.

use serde_json::{Value, json};

use super::{Said, Scene, call, output_text, some_list};
use crate::json::{Body, stringify};
use crate::request::{Content, Message, ResponseFormat};

pub(super) fn write(scene: &Scene<'_>) -> Vec<Value> {
    let prompt = &scene.request.prompt;
    let mut messages = Vec::new();
    if let Some(ResponseFormat::Json { schema: None, .. }) = &scene.request.response_format {
        // The provider refuses to be asked for JSON unless the word occurs.
        messages.push(json!({"role": "system", "content": "Answer in JSON."}));
    }
    let last_user = prompt
        .iter()
        .rposition(|message| matches!(message, Message::User { .. }));
    let keeps_reasoning = scene.model_id.contains("deepseek-v4");
    for (index, message) in prompt.iter().enumerate() {
        match message {
            Message::System { content, .. } => messages.push(json!({"role": "system", "content": content})),
            Message::User { content, .. } => {
                if content.iter().any(|part| !matches!(part, Content::Text { .. })) {
                    tracing::warn!("this provider takes text only; other parts are not sent");
                }
                messages.push(json!({"role": "user", "content": Said::gather(content).text}));
            }
            Message::Assistant { content, .. } => {
                let current = last_user.is_none_or(|last| index > last);
                messages.push(assistant(content, current || keeps_reasoning, keeps_reasoning));
            }
            Message::Tool { content, .. } => {
                for part in content {
                    if let Content::ToolResult {
                        tool_call_id, output, ..
                    } = part
                    {
                        let content = output_text(output);
                        messages
                            .push(json!({"role": "tool", "tool_call_id": tool_call_id, "content": content}));
                    }
                }
            }
        }
    }
    messages
}

fn assistant(content: &[Content], with_reasoning: bool, always: bool) -> Value {
    let said = Said::gather(content);
    let reasons = content
        .iter()
        .any(|part| matches!(part, Content::Reasoning { .. }));
    let mut wire = Body::new();
    wire.set("role", "assistant");
    wire.set("content", said.text);
    if (with_reasoning && reasons) || always {
        wire.set("reasoning_content", said.reasoning);
    }
    let calls = content
        .iter()
        .filter_map(|part| call(part, stringify).map(Body::into_value))
        .collect();
    wire.put("tool_calls", some_list(calls));
    wire.into_value()
}
