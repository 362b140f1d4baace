//! What models want changed in a conversation and its tools before they are sent (reference
//! `providers.md` §6).

mod schema;
mod tools;

use opencode_llm::Target;
use opencode_llm::request::{Content, Message, ProviderOptions};
use opencode_schema::Object;
use opencode_schema::model::{Modalities, Model};
use serde_json::{Value, json};

pub use self::tools::prepare as tools;

/// Prepares a conversation for `model`. The order of the steps is part of the behaviour.
pub fn conversation(messages: &mut Vec<Message>, model: &Model) {
    explain_unsupported(messages, model);
    match model.api.npm.as_str() {
        "@ai-sdk/anthropic" => drop_empty(messages),
        "@ai-sdk/amazon-bedrock" => drop_unsigned(messages),
        _ => {}
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

/// Prepares a conversation for the adapter, when the options of the request are known: what stands under
/// the provider's own name goes where the adapter looks, and ids of items that the provider does not keep
/// are forgotten.
pub fn for_adapter(messages: &mut [Message], target: &Target, options: &Object) {
    let name = target.adapter.namespace.name(&target.provider_id);
    let renamed = name != target.provider_id;
    let kept = options.get("store") == Some(&Value::Bool(true));
    let forgets = !kept && ITEM_PACKAGES.contains(&target.adapter.package);
    if !renamed && !forgets {
        return;
    }
    each_options(messages, &mut |all| {
        if renamed && let Some(own) = all.shift_remove(&target.provider_id) {
            all.entry(name.to_owned()).or_default().extend(own);
        }
        if forgets {
            for own in all.values_mut() {
                own.shift_remove("itemId");
            }
        }
    });
}

/// Packages whose provider knows pieces of a conversation by ids.
const ITEM_PACKAGES: [&str; 4] = [
    "@ai-sdk/openai",
    "@ai-sdk/azure",
    "@ai-sdk/amazon-bedrock/mantle",
    "@ai-sdk/github-copilot",
];

/// Visits the options of every message and of every part.
fn each_options(messages: &mut [Message], visit: &mut impl FnMut(&mut ProviderOptions)) {
    for message in messages {
        match message {
            Message::System { provider_options, .. } => visit(provider_options),
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
            } => {
                visit(provider_options);
                content.iter_mut().map(options_of).for_each(&mut *visit);
            }
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
                } => !text.trim().is_empty() || is_signed(provider_options),
                _ => true,
            });
            !content.is_empty()
        }),
    });
}

/// The same for Bedrock, which takes no thoughts without a signature, but messages that are left empty.
fn drop_unsigned(messages: &mut [Message]) {
    for content in messages.iter_mut().filter_map(content_of) {
        content.retain(|part| match part {
            Content::Text { text, .. } => !text.is_empty(),
            Content::Reasoning { provider_options, .. } => is_signed(provider_options),
            _ => true,
        });
    }
}

fn is_signed(options: &ProviderOptions) -> bool {
    options
        .values()
        .any(|own| own.contains_key("signature") || own.contains_key("redactedData"))
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
    let own_control = matches!(
        model.api.npm.as_str(),
        "@ai-sdk/anthropic" | "@ai-sdk/google-vertex/anthropic"
    ) && model.options.contains_key("cacheControl");
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

#[cfg(test)]
mod tests;
