//! A request in GitLab's words, in ours (reference `providers.md` §3.3).
//!
//! Its package has options, signatures and metadata under its own name, and marks for the cache itself: the
//! instructions and the last two messages.

use serde_json::{Value, json};

use super::options::NAMESPACE;
use crate::request::{Content, Message, Object, ProviderOptions, Request};

/// As many messages at the end are marked.
const MARKED: usize = 2;

/// The same request as the encoder reads it.
pub(super) fn reword(request: &Request, name: &str) -> Request {
    let mut reworded = request.clone();
    let own = reworded.provider_options.shift_remove(name);
    reworded
        .provider_options
        .insert(NAMESPACE.to_owned(), options(own.as_ref()));
    let mut instructions = Vec::new();
    reworded.prompt.retain_mut(|message| match message {
        Message::System { content, .. } => {
            instructions.push(std::mem::take(content));
            false
        }
        _ => true,
    });
    for message in &mut reworded.prompt {
        let (Message::Assistant { content, .. }
        | Message::User { content, .. }
        | Message::Tool { content, .. }) = message
        else {
            continue;
        };
        for part in content {
            if let Content::Reasoning { provider_options, .. } = part
                && let Some(own) = provider_options.shift_remove(name)
            {
                provider_options.insert(NAMESPACE.to_owned(), own);
            }
        }
    }
    let filled = reworded.prompt.iter_mut().filter_map(filled);
    for options in filled.rev().take(MARKED) {
        *options = mark();
    }
    if !instructions.is_empty() {
        let system = Message::System {
            content: instructions.join("\n"),
            provider_options: mark(),
        };
        reworded.prompt.insert(0, system);
    }
    reworded
}

/// The options of a message that says something.
fn filled(message: &mut Message) -> Option<&mut ProviderOptions> {
    match message {
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
        } => (!content.is_empty()).then_some(provider_options),
        Message::System { .. } => None,
    }
}

fn mark() -> ProviderOptions {
    let mut own = Object::new();
    own.insert("cacheControl".to_owned(), json!({"type": "ephemeral"}));
    [(NAMESPACE.to_owned(), own)].into_iter().collect()
}

/// The effort stands beside the thinking, not in it; what adapts itself shows a summary.
fn options(own: Option<&Object>) -> Object {
    let mut options = Object::new();
    options.insert("toolStreaming".to_owned(), Value::Bool(false));
    let Some(Value::Object(mut thinking)) = own.and_then(|own| own.get("thinking")).cloned() else {
        return options;
    };
    let effort = thinking.shift_remove("effort");
    if thinking.get("type").and_then(Value::as_str) == Some("adaptive") {
        thinking.insert("display".to_owned(), Value::from("summarized"));
        options.extend(effort.map(|effort| ("effort".to_owned(), effort)));
    }
    options.insert("thinking".to_owned(), Value::Object(thinking));
    options
}
