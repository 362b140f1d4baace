//! The steps of a conversation's preparation, each alone.

use opencode_llm::adapter::by_package;
use opencode_llm::request::Request;
use pretty_assertions::assert_eq;

use super::*;
use crate::fixture::{model, object};

fn messages(prompt: Value) -> Vec<Message> {
    let mut request = json!({});
    request["prompt"] = prompt;
    serde_json::from_value::<Request>(request).unwrap().prompt
}

fn prepared(model: &Model, prompt: Value) -> Value {
    let mut messages = messages(prompt);
    conversation(&mut messages, model);
    json!(messages)
}

fn user(text: &str) -> Value {
    json!({ "role": "user", "content": [{ "type": "text", "text": text }] })
}

#[test]
fn files_that_a_model_does_not_take_become_words() {
    let mut model = model("p", "@ai-sdk/openai-compatible", "m");
    model.capabilities.input.image = true;
    let file = |media_type: &str, data: &str, name: Option<&str>| {
        let mut part = json!({ "type": "file", "mediaType": media_type, "data": data });
        if let Some(name) = name {
            part["filename"] = json!(name);
        }
        part
    };
    for (part, wanted) in [
        (file("image/png", "data:image/png;base64,AAAA", None), None),
        (
            file("image/png", "data:image/png;base64,", None),
            Some("empty or damaged"),
        ),
        (file("application/pdf", "AAAA", Some("a.pdf")), Some("\"a.pdf\"")),
        (file("audio/wav", "AAAA", None), Some("Cannot read audio")),
        (file("application/zip", "AAAA", None), None),
    ] {
        let sent = prepared(&model, json!([{ "role": "user", "content": [part.clone()] }]));
        let sent = &sent[0]["content"][0];
        match wanted {
            None => assert_eq!(*sent, part),
            Some(words) => assert!(sent["text"].as_str().unwrap().contains(words), "{sent}"),
        }
    }
}

#[test]
fn empty_content_is_left_out_by_adapter() {
    let signed = json!({ "anthropic": { "signature": "s" } });
    let prompt = json!([
        { "role": "system", "content": "" },
        { "role": "assistant", "content": [
            { "type": "text", "text": "" },
            { "type": "reasoning", "text": " " },
            { "type": "reasoning", "text": "unsigned" },
            { "type": "reasoning", "text": "", "providerOptions": signed },
        ] },
        { "role": "assistant", "content": [{ "type": "text", "text": "" }] },
    ]);
    let anthropic = prepared(&model("p", "@ai-sdk/anthropic", "m"), prompt.clone());
    let kinds = |value: &Value| -> Vec<Vec<String>> {
        let content = |message: &Value| match &message["content"] {
            Value::Array(parts) => parts
                .iter()
                .map(|part| part["text"].as_str().unwrap().to_owned())
                .collect(),
            text => vec![format!("system {text}")],
        };
        value.as_array().unwrap().iter().map(content).collect()
    };
    assert_eq!(kinds(&anthropic), [["unsigned", ""]]);
    let bedrock = prepared(&model("p", "@ai-sdk/amazon-bedrock", "m"), prompt.clone());
    assert_eq!(kinds(&bedrock), [vec!["system \"\""], vec![""], vec![]]);
    let others = prepared(&model("p", "@ai-sdk/openai-compatible", "m"), prompt);
    assert_eq!(others.as_array().unwrap().len(), 3);
}

fn with_call(id: &str) -> Value {
    json!([
        { "role": "assistant", "content": [{ "type": "tool-call", "toolCallId": id, "toolName": "t", "input": {} }] },
        { "role": "tool", "content": [{ "type": "tool-result", "toolCallId": id, "toolName": "t",
            "output": { "type": "text", "value": "x" } }] },
        user("and now"),
    ])
}

#[test]
fn ids_of_calls_are_as_the_model_wants_them() {
    for (provider, id, call, wanted, count) in [
        ("mine", "claude-x", "call.1|a", "call_1_a", 3),
        ("mine", "m", "call.1|a", "call.1|a", 3),
        ("mistral", "m", "call_1", "call10000", 4),
        ("mine", "Devstral-2", "call_0123456789", "call01234", 4),
    ] {
        let sent = prepared(&model(provider, "@ai-sdk/openai-compatible", id), with_call(call));
        assert_eq!(sent[0]["content"][0]["toolCallId"], wanted, "{provider}/{id}");
        assert_eq!(sent[1]["content"][0]["toolCallId"], wanted, "{provider}/{id}");
        assert_eq!(sent.as_array().unwrap().len(), count, "{provider}/{id}");
        let word = &sent[2]["role"];
        assert_eq!(
            word,
            if count == 4 { "assistant" } else { "user" },
            "{provider}/{id}"
        );
    }
}

#[test]
fn thoughts_go_where_the_provider_looks_for_them() {
    let prompt = json!([{ "role": "assistant", "content": [
        { "type": "reasoning", "text": "a" }, { "type": "reasoning", "text": "b" }, { "type": "text", "text": "c" }] },
        { "role": "assistant", "content": [{ "type": "text", "text": "d" }] }]);
    let mut deepseek = model("p", "@ai-sdk/openai-compatible", "deepseek-v4");
    let sent = prepared(&deepseek, prompt.clone());
    assert_eq!(sent[1]["content"][1], json!({ "type": "reasoning", "text": "" }));
    deepseek.capabilities.interleaved =
        serde_json::from_value(json!({ "field": "reasoning_details" })).unwrap();
    let sent = prepared(&deepseek, prompt.clone());
    assert_eq!(sent[0]["content"], json!([{ "type": "text", "text": "c" }]));
    assert_eq!(
        sent[0]["providerOptions"],
        json!({ "openaiCompatible": { "reasoning_details": "ab" } })
    );
    assert_eq!(
        sent[1]["providerOptions"],
        json!({ "openaiCompatible": { "reasoning_details": "" } })
    );
    deepseek.api.npm = "@openrouter/ai-sdk-provider".to_owned();
    assert_eq!(prepared(&deepseek, prompt)[0]["content"][0]["text"], "a");
}

/// Where marks stand: `m` on the message, `p` on its last part.
fn marks(model: &Model) -> Vec<String> {
    let system = |text: &str| json!({ "role": "system", "content": text });
    let sent = prepared(
        model,
        json!([
            system("1"),
            system("2"),
            system("3"),
            user("4"),
            user("5"),
            user("6")
        ]),
    );
    let place = |message: &Value| {
        let on_message = message.get("providerOptions").is_some();
        let on_part = message["content"]
            .as_array()
            .is_some_and(|parts| parts[0].get("providerOptions").is_some());
        format!(
            "{}{}",
            if on_message { "m" } else { "" },
            if on_part { "p" } else { "" }
        )
    };
    sent.as_array().unwrap().iter().map(place).collect()
}

#[test]
fn caches_are_marked_at_both_ends() {
    let on_message = ["m", "m", "", "", "m", "m"];
    let on_part = ["m", "m", "", "", "p", "p"];
    let none = ["", "", "", "", "", ""];
    for (provider, npm, id, wanted) in [
        ("anthropic", "@ai-sdk/anthropic", "m", on_message),
        (
            "amazon-bedrock",
            "@ai-sdk/amazon-bedrock",
            "us.anthropic.claude-x",
            on_message,
        ),
        ("mine", "@ai-sdk/anthropic", "m", on_part),
        ("mine", "@ai-sdk/alibaba", "m", on_part),
        (
            "openrouter",
            "@openrouter/ai-sdk-provider",
            "anthropic/x",
            on_part,
        ),
        (
            "google-vertex-anthropic",
            "@ai-sdk/google-vertex/anthropic",
            "m",
            on_part,
        ),
        ("vercel", "@ai-sdk/gateway", "anthropic/claude-x", none),
        ("mine", "@ai-sdk/openai-compatible", "m", none),
    ] {
        assert_eq!(marks(&model(provider, npm, id)), wanted, "{provider} {npm} {id}");
    }
    let mut own = model("anthropic", "@ai-sdk/anthropic", "claude-x");
    own.options = object(json!({ "cacheControl": { "type": "ephemeral" } }));
    assert_eq!(marks(&own), none);
}

#[test]
fn names_and_ids_of_the_provider_are_settled_last() {
    let prompt = json!([{ "role": "assistant", "content": [{ "type": "text", "text": "t",
        "providerOptions": { "mine": { "a": 1 }, "openai": { "itemId": "i", "phase": "p" } } }] }]);
    for (npm, options, wanted) in [
        (
            "@ai-sdk/openai",
            json!({ "store": false }),
            json!({ "openai": { "phase": "p", "a": 1 } }),
        ),
        (
            "@ai-sdk/openai",
            json!({ "store": true }),
            json!({ "openai": { "itemId": "i", "phase": "p", "a": 1 } }),
        ),
        (
            "@ai-sdk/openai-compatible",
            json!({}),
            json!({ "mine": { "a": 1 }, "openai": { "itemId": "i", "phase": "p" } }),
        ),
    ] {
        let mut messages = messages(prompt.clone());
        let target = Target::new(by_package(npm).unwrap(), "mine", "m");
        for_adapter(&mut messages, &target, &object(options));
        assert_eq!(
            json!(messages)[0]["content"][0]["providerOptions"],
            wanted,
            "{npm}"
        );
    }
}
