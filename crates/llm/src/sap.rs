//! The orchestration service of SAP AI Core (reference `providers.md` §3.3, §8): chat completions inside a
//! configuration.
//!
//! The conversation is a template there, in which braces mean something; they are taken apart on the way out
//! and put together on the way in.

mod braces;
mod decode;

use serde_json::{Value, json};

pub use decode::Decoder;

use crate::error::Error;
use crate::json::Body;
use crate::openai_chat::{self, dialect};
use crate::protocol::{self, Prepared};
use crate::request::{Object, Request, ToolChoice};
use crate::target::Target;

/// What the orchestration wants to know of a model beside its name.
const SAMPLING: [&str; 6] = [
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "stop",
];

/// Makes the body, and the decoder that fits the answer.
///
/// Parity: the length of an answer is not limited; the package of the reference loses the limit on its way.
pub(crate) fn encode(target: &Target, request: &Request, streaming: bool) -> Result<Prepared, Error> {
    let mut prepared = openai_chat::encode(target, &dialect::SAP, request, streaming)?;
    let mut chat = match prepared.body {
        Value::Object(chat) => chat,
        _ => Object::new(),
    };
    let mut take = |key: &str| chat.shift_remove(key);
    let mut params = Body::new();
    for key in SAMPLING {
        params.put(key, take(key));
    }
    // What the model does by itself is not said.
    let choice = take("tool_choice");
    let chosen = request
        .tool_choice
        .as_ref()
        .is_some_and(|choice| *choice != ToolChoice::Auto);
    params.put("tool_choice", choice.filter(|_| chosen));
    let namespace = target.adapter.namespace.name(&target.provider_id);
    let options = request.provider_options.get(namespace);
    if let Some(Value::Object(own)) = options.and_then(|options| options.get("modelParams")) {
        params.spread(own);
    }
    if streaming {
        params.set("stream_options", json!({"include_usage": true}));
    }
    let mut template = take("messages").unwrap_or_default();
    braces::part(&mut template);
    let mut prompt = Body::new();
    prompt.set("template", template);
    prompt.put("tools", take("tools"));
    prompt.put("response_format", take("response_format"));
    let mut config = Body::new();
    if streaming {
        config.set("stream", json!({"enabled": true}));
    }
    config.set(
        "modules",
        json!({"prompt_templating": {
            "model": {"name": target.model_id, "params": params.into_value()},
            "prompt": prompt.into_value(),
        }}),
    );
    prepared.body = json!({"config": config.into_value()});
    if let protocol::Decoder::OpenAiChat(chat) = prepared.decoder {
        prepared.decoder = protocol::Decoder::Sap(Box::new(Decoder::new(*chat)));
    }
    Ok(prepared)
}
