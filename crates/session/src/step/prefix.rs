//! What is sent stays the same from turn to turn, so that providers find it in their caches.

use opencode_catalog::headers::{self, Asking};
use opencode_catalog::request::{self, Purpose};
use opencode_catalog::transform;
use opencode_llm::Target;
use opencode_llm::adapter::table::ADAPTERS;
use opencode_llm::adapter::{Adapter, Protocol};
use opencode_llm::protocol::prepare;
use opencode_llm::request::{Message, Tool, ToolChoice};
use opencode_schema::MessageWithParts;
use opencode_schema::agent::Agent;
use opencode_schema::model::{Model, Provider};
use serde_json::{Value, json};

use super::{Tools, build};
use crate::history;

const TURNS: usize = 50;

/// Parts of a conversation by which providers are told where to cache; they move with its end.
const MARKS: [&str; 2] = ["cache_control", "cachePoint"];

const PERPLEXITY: &str = "@ai-sdk/perplexity";

fn model(adapter: &Adapter) -> Model {
    // Cohere wants files in a list of their own beside the conversation, which grows with it.
    let image = !matches!(adapter.protocol, Protocol::Cohere);
    let text = json!({ "text": true, "audio": false, "image": image, "video": false, "pdf": false });
    let id = match adapter.protocol {
        Protocol::AnthropicMessages(_) => "claude-sonnet-4-5",
        _ => "some-model",
    };
    serde_json::from_value(json!({
        "id": id, "providerID": "mine", "name": id, "status": "active", "headers": {}, "options": {},
        "api": { "id": id, "url": "", "npm": adapter.package }, "limit": { "context": 200_000, "output": 8_000 },
        "release_date": "2026-01-01", "cost": { "input": 0, "output": 0, "cache": { "read": 0, "write": 0 } },
        "capabilities": { "temperature": true, "reasoning": true, "attachment": true, "toolcall": true,
            "input": text, "output": text, "interleaved": false },
    }))
    .unwrap()
}

/// One turn: a question with a picture now and then, thoughts and two calls, an answer.
fn turn(at: usize, model: &Model) -> [Value; 2] {
    let (user, assistant) = (format!("msg_{at:04}a"), format!("msg_{at:04}b"));
    let part = |message: &str, number: usize, body: Value| {
        let mut part =
            json!({ "id": format!("prt_{at:04}{number}"), "sessionID": "ses_1", "messageID": message });
        part.as_object_mut()
            .unwrap()
            .extend(body.as_object().unwrap().clone());
        part
    };
    let call = |number: usize, state: Value| {
        part(
            &assistant,
            number,
            json!({ "type": "tool", "callID": format!("call_{at}_{number}"), "tool": "read", "state": state }),
        )
    };
    let mut asked = vec![part(
        &user,
        0,
        json!({ "type": "text", "text": format!("question {at}") }),
    )];
    if at.is_multiple_of(7) {
        asked.push(part(
            &user,
            1,
            json!({ "type": "file", "mime": "image/png", "url": "data:image/png;base64,AAAA", "filename": "a.png" }),
        ));
    }
    let time = json!({ "start": at, "end": at + 1 });
    let signature = json!({ "anthropic": { "signature": "s" }, "bedrock": { "signature": "s" } });
    let mut answer = vec![
        part(&assistant, 0, json!({ "type": "step-start" })),
        part(
            &assistant,
            1,
            json!({ "type": "reasoning", "text": "hm", "time": time, "metadata": signature }),
        ),
        call(
            2,
            json!({ "status": "completed", "input": { "filePath": "a", "z": 1, "b": 2 }, "output": format!("result {at}"),
            "title": "a", "metadata": {}, "time": time }),
        ),
        call(
            3,
            json!({ "status": "error", "input": {}, "error": "no", "time": time }),
        ),
        part(&assistant, 4, json!({ "type": "step-start" })),
        part(
            &assistant,
            5,
            json!({ "type": "text", "text": format!("answer {at}  ") }),
        ),
    ];
    // Perplexity refuses results of tools.
    if model.api.npm == PERPLEXITY {
        answer.retain(|part| part["type"] != "tool");
    }
    [
        json!({ "info": { "id": user, "sessionID": "ses_1", "role": "user", "time": { "created": at }, "agent": "build",
            "model": { "providerID": model.provider_id, "modelID": model.id } }, "parts": asked }),
        json!({ "info": { "id": assistant, "sessionID": "ses_1", "role": "assistant", "parentID": user, "agent": "build",
            "mode": "build", "providerID": model.provider_id, "modelID": model.id, "cost": 0, "finish": "stop",
            "path": { "cwd": "/", "root": "/" }, "time": { "created": at, "completed": at + 1 },
            "tokens": { "input": 0, "output": 0, "reasoning": 0, "cache": { "read": 0, "write": 0 } } }, "parts": answer }),
    ]
}

/// The body of a request with this history: what stands beside the conversation, and the conversation.
fn body(adapter: &'static Adapter, model: &Model, history: &[MessageWithParts]) -> (String, String) {
    let provider: Provider =
        serde_json::from_value(json!({ "id": "mine", "name": "mine", "source": "config",
        "env": [], "options": {}, "models": {} }))
        .unwrap();
    let agent: Agent = serde_json::from_value(
        json!({ "name": "build", "mode": "primary", "permission": [], "options": {} }),
    )
    .unwrap();
    let mut prompt = vec![Message::system("You are a program that helps.")];
    prompt.extend(history::conversation(history, model, None));
    transform::conversation(&mut prompt, model);
    let mut tools: Vec<Tool> = ["bash", "read"].map(tool).into();
    transform::tools(&mut tools, &prompt, model);
    let purpose = Purpose {
        agent: &agent,
        variant: None,
        session_id: "ses_1",
        small: false,
        output_limit: request::OUTPUT_TOKEN_MAX,
    };
    let asking = Asking {
        session_id: "ses_1",
        parent_id: None,
        project_id: "global",
        request_id: "",
        client: "cli",
        purpose: headers::Purpose::Turn,
    };
    let target = Target::new(adapter, "mine", &model.api.id);
    let choice = Some(ToolChoice::Auto);
    let parameters = request::parameters(model, &provider, purpose);
    let request = build(
        parameters,
        Some(&target),
        model,
        prompt,
        Tools { tools, choice },
        asking,
    );
    let mut body = prepare(&target, &request, true).unwrap().body;
    without_marks(&mut body);
    let conversation = conversation(&mut body).unwrap();
    (body.to_string(), conversation.to_string())
}

/// Takes the list of messages out of a body, however deep it lies.
fn conversation(body: &mut Value) -> Option<Value> {
    let fields = body.as_object_mut()?;
    let key = ["messages", "input", "contents", "prompt", "template"]
        .into_iter()
        .find(|key| fields.get(*key).is_some_and(Value::is_array));
    match key {
        Some(key) => fields.shift_remove(key),
        None => fields.values_mut().find_map(conversation),
    }
}

fn tool(name: &str) -> Tool {
    serde_json::from_value(
        json!({ "type": "function", "name": name, "description": "Does it.",
        "inputSchema": { "type": "object", "properties": { "a": { "type": "string" } } } }),
    )
    .unwrap()
}

fn without_marks(value: &mut Value) {
    let is_mark = |value: &Value| {
        value
            .as_object()
            .is_some_and(|fields| fields.len() == 1 && fields.contains_key("cachePoint"))
    };
    match value {
        Value::Object(fields) => {
            fields.retain(|key, _| !MARKS.contains(&key.as_str()));
            fields.values_mut().for_each(without_marks);
        }
        Value::Array(list) => {
            list.retain(|value| !is_mark(value));
            list.iter_mut().for_each(without_marks);
        }
        _ => {}
    }
}

#[test]
fn requests_begin_with_the_requests_before_them() {
    for adapter in ADAPTERS
        .iter()
        .filter(|adapter| !matches!(adapter.protocol, Protocol::Demo))
    {
        // DeepSeek on Azure wants the thoughts of the current turn only; the product does not use it.
        if adapter.api == opencode_llm::adapter::Api::DeepSeek {
            continue;
        }
        let name = format!("{} {:?}", adapter.package, adapter.api);
        let model = model(adapter);
        let mut history: Vec<MessageWithParts> = Vec::new();
        let mut before: Option<(String, String)> = None;
        let read = |value: Value| serde_json::from_value::<MessageWithParts>(value).unwrap();
        for at in 0..TURNS {
            let [asked, answered] = turn(at, &model).map(read);
            history.push(asked);
            let now = body(adapter, &model, &history);
            if let Some((head, conversation)) = before {
                assert_eq!(
                    now.0, head,
                    "{name}: turn {at} changes what stands beside the conversation"
                );
                // A message may grow by parts; its brackets close later.
                let open = conversation.trim_end_matches([']', '}']);
                assert!(
                    now.1.starts_with(open),
                    "{name}: turn {at} changes what was said before\n{}\n{}",
                    conversation
                        .chars()
                        .rev()
                        .take(600)
                        .collect::<String>()
                        .chars()
                        .rev()
                        .collect::<String>(),
                    now.1
                );
            }
            before = Some(now);
            history.push(answered);
        }
        assert!(
            before.is_some_and(|(_, conversation)| conversation.contains("answer 48")),
            "{name}"
        );
    }
}
