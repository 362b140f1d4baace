//! What models want changed in a conversation before it is sent (reference `providers.md` §6).

use opencode_llm::adapter::Adapter;
use opencode_llm::request::{Content, Message, ProviderOptions};
use opencode_schema::Object;
use opencode_schema::model::{Modalities, Model};
use serde_json::{Value, json};

/// Prepares a conversation for `model`. The order of the steps is part of the behaviour.
pub fn conversation(messages: &mut Vec<Message>, model: &Model) {
    explain_unsupported(messages, model);
    if model.api.npm == "@ai-sdk/anthropic" {
        drop_empty(messages);
    }
    let id = model.api.id.to_lowercase();
    if id.contains("claude") {
        rename_calls(messages, |id| {
            id.chars()
                .map(|c| {
                    if c.is_ascii_alphanumeric() || "_-".contains(c) {
                        c
                    } else {
                        '_'
                    }
                })
                .collect()
        });
    }
    if model.provider_id == "mistral"
        || ["mistral", "devstral", "codestral", "pixtral", "mixtral"]
            .iter()
            .any(|name| id.contains(name))
    {
        rename_calls(messages, |id| {
            let letters: String = id.chars().filter(char::is_ascii_alphanumeric).take(9).collect();
            format!("{letters:0<9}")
        });
        part_tools_from_users(messages);
        return;
    }
    if id.contains("deepseek") {
        add_empty_reasoning(messages);
    }
    if let Some(field) = model.capabilities.interleaved.field()
        && model.api.npm != "@openrouter/ai-sdk-provider"
    {
        move_reasoning(messages, field);
    }
    if wants_cache_marks(model) {
        mark_for_cache(messages, model);
    }
}

/// What providers left with messages, under the name that the adapter reads; the last step.
///
/// Ids of items mean nothing to a provider that does not keep them, and are taken out.
pub fn provider_facts(messages: &mut [Message], model: &Model, adapter: &Adapter, stored: bool) {
    let name = adapter.namespace.name(&model.provider_id);
    let forgets_ids = !stored && KEEPERS.contains(&adapter.package);
    for message in messages {
        let own = match message {
            Message::System { provider_options, .. }
            | Message::User { provider_options, .. }
            | Message::Assistant { provider_options, .. }
            | Message::Tool { provider_options, .. } => provider_options,
        };
        name_facts(own, &model.provider_id, name, forgets_ids);
        for part in content_of(message).into_iter().flatten() {
            name_facts(options_of(part), &model.provider_id, name, forgets_ids);
        }
    }
}

/// Adapters whose providers keep items, if they are let.
const KEEPERS: [&str; 4] = [
    "@ai-sdk/openai",
    "@ai-sdk/azure",
    "@ai-sdk/amazon-bedrock/mantle",
    "@ai-sdk/github-copilot",
];

fn name_facts(options: &mut ProviderOptions, provider_id: &str, name: &str, forgets_ids: bool) {
    if provider_id != name
        && let Some(facts) = options.shift_remove(provider_id)
    {
        options.entry(name.to_owned()).or_default().extend(facts);
    }
    if forgets_ids {
        for facts in options.values_mut() {
            facts.shift_remove("itemId");
        }
    }
}

/// Files that the model does not take become a text that says so.
fn explain_unsupported(messages: &mut [Message], model: &Model) {
    for message in messages {
        let Message::User { content, .. } = message else {
            continue;
        };
        for part in content {
            let Content::File {
                media_type,
                data,
                filename,
                ..
            } = part
            else {
                continue;
            };
            if media_type.starts_with("image/") && data.ends_with(";base64,") {
                *part = Content::text("ERROR: The image is empty or damaged. Ask the user for a valid one.");
                continue;
            }
            let Some((kind, supported)) = kind_of(media_type, &model.capabilities.input) else {
                continue;
            };
            if !supported {
                let name = filename
                    .as_ref()
                    .map_or_else(|| kind.to_owned(), |name| format!("\"{name}\""));
                *part = Content::text(format!(
                    "ERROR: Cannot read {name} (this model does not support {kind} input). Inform the user."
                ));
            }
        }
    }
}

fn kind_of(media_type: &str, input: &Modalities) -> Option<(&'static str, bool)> {
    match media_type.split('/').next()? {
        "image" => Some(("image", input.image)),
        "audio" => Some(("audio", input.audio)),
        "video" => Some(("video", input.video)),
        _ if media_type == "application/pdf" => Some(("pdf", input.pdf)),
        _ => None,
    }
}

fn content_of(message: &mut Message) -> Option<&mut Vec<Content>> {
    match message {
        Message::System { .. } => None,
        Message::User { content, .. }
        | Message::Assistant { content, .. }
        | Message::Tool { content, .. } => Some(content),
    }
}

/// Empty texts, thoughts without a signature and messages without content are left out.
fn drop_empty(messages: &mut Vec<Message>) {
    messages.retain_mut(|message| match message {
        Message::System { content, .. } => !content.is_empty(),
        other => content_of(other).is_none_or(|content| {
            content.retain(|part| match part {
                Content::Text { text, .. } => !text.is_empty(),
                Content::Reasoning {
                    text,
                    provider_options,
                } => {
                    !text.trim().is_empty()
                        || provider_options
                            .values()
                            .any(|o| o.contains_key("signature") || o.contains_key("redactedData"))
                }
                _ => true,
            });
            !content.is_empty()
        }),
    });
}

fn rename_calls(messages: &mut [Message], rename: impl Fn(&str) -> String) {
    for part in messages.iter_mut().filter_map(content_of).flatten() {
        if let Content::ToolCall { tool_call_id, .. } | Content::ToolResult { tool_call_id, .. } = part {
            *tool_call_id = rename(tool_call_id);
        }
    }
}

/// A word of the assistant between tool results and the user: some models refuse the one after the other.
fn part_tools_from_users(messages: &mut Vec<Message>) {
    let mut at = 1;
    while at < messages.len() {
        let parted = !matches!(
            (&messages[at - 1], &messages[at]),
            (Message::Tool { .. }, Message::User { .. })
        );
        if !parted {
            messages.insert(at, Message::assistant("Done."));
        }
        at += 1;
    }
}

fn add_empty_reasoning(messages: &mut [Message]) {
    for message in messages {
        let Message::Assistant { content, .. } = message else {
            continue;
        };
        if !content
            .iter()
            .any(|part| matches!(part, Content::Reasoning { .. }))
        {
            content.push(Content::Reasoning {
                text: String::new(),
                provider_options: ProviderOptions::new(),
            });
        }
    }
}

/// Thoughts go back in a field of the message instead of among its content.
fn move_reasoning(messages: &mut [Message], field: &str) {
    for message in messages {
        let Message::Assistant {
            content,
            provider_options,
        } = message
        else {
            continue;
        };
        let mut thoughts = String::new();
        content.retain(|part| match part {
            Content::Reasoning { text, .. } => {
                thoughts.push_str(text);
                false
            }
            _ => true,
        });
        provider_options
            .entry("openaiCompatible".to_owned())
            .or_default()
            .insert(field.to_owned(), Value::String(thoughts));
    }
}

fn wants_cache_marks(model: &Model) -> bool {
    let ids = [model.api.id.to_lowercase(), model.id.to_lowercase()];
    let named = ids
        .iter()
        .any(|id| id.contains("anthropic") || id.contains("claude"));
    let adapter = matches!(model.api.npm.as_str(), "@ai-sdk/anthropic" | "@ai-sdk/alibaba");
    let provider = matches!(
        model.provider_id.as_str(),
        "anthropic" | "google-vertex-anthropic"
    );
    let own_control = model.api.npm == "@ai-sdk/anthropic" && model.options.contains_key("cacheControl");
    (named || adapter || provider) && model.api.npm != "@ai-sdk/gateway" && !own_control
}

/// The first two system messages and the last two others are where the provider shall keep its cache.
fn mark_for_cache(messages: &mut [Message], model: &Model) {
    let is_system = |message: &Message| matches!(message, Message::System { .. });
    let mut marked: Vec<usize> = messages
        .iter()
        .enumerate()
        .filter(|(_, message)| is_system(message))
        .map(|(at, _)| at)
        .take(2)
        .collect();
    let others = messages
        .iter()
        .enumerate()
        .filter(|(_, message)| !is_system(message))
        .map(|(at, _)| at);
    marked.extend(others.collect::<Vec<_>>().into_iter().rev().take(2));
    let on_message = model.provider_id == "anthropic"
        || model.provider_id.contains("bedrock")
        || model.api.npm == "@ai-sdk/amazon-bedrock";
    for at in marked {
        let options = match &mut messages[at] {
            Message::System { provider_options, .. } => provider_options,
            Message::User {
                content,
                provider_options,
            }
            | Message::Assistant {
                content,
                provider_options,
            }
            | Message::Tool {
                content,
                provider_options,
            } => match content.last_mut() {
                Some(last) if !on_message => options_of(last),
                _ => provider_options,
            },
        };
        add_marks(options);
    }
}

fn options_of(part: &mut Content) -> &mut ProviderOptions {
    match part {
        Content::Text { provider_options, .. }
        | Content::Reasoning { provider_options, .. }
        | Content::File { provider_options, .. }
        | Content::ToolCall { provider_options, .. }
        | Content::ToolResult { provider_options, .. } => provider_options,
    }
}

/// The mark in every adapter's own words.
fn add_marks(options: &mut ProviderOptions) {
    for (namespace, key) in [
        ("anthropic", "cacheControl"),
        ("openrouter", "cacheControl"),
        ("alibaba", "cacheControl"),
        ("openaiCompatible", "cache_control"),
        ("copilot", "copilot_cache_control"),
    ] {
        let entry: &mut Object = options.entry(namespace.to_owned()).or_default();
        entry.insert(key.to_owned(), json!({ "type": "ephemeral" }));
    }
    options
        .entry("bedrock".to_owned())
        .or_default()
        .insert("cachePoint".to_owned(), json!({ "type": "default" }));
}
