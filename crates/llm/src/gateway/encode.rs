//! From a request to a body.

use serde_json::Value;

use super::decode::Decoder;
use crate::error::Error;
use crate::json::{Body, number};
use crate::media::{Data, File};
use crate::protocol::{self, Prepared};
use crate::request::{Object, Request};
use crate::target::Target;

/// The header of a target that is also part of the body.
const USER_AGENT: &str = "user-agent";

/// Makes the body, and the decoder that fits the answer.
pub(crate) fn encode(target: &Target, request: &Request, streaming: bool) -> Result<Prepared, Error> {
    let mut body = Body::new();
    body.put("maxOutputTokens", request.max_output_tokens.map(Value::from));
    for (field, value) in [
        ("temperature", request.temperature),
        ("topP", request.top_p),
        ("topK", request.top_k),
        ("presencePenalty", request.presence_penalty),
        ("frequencyPenalty", request.frequency_penalty),
    ] {
        body.put(field, value.and_then(number));
    }
    if !request.stop_sequences.is_empty() {
        body.set("stopSequences", json(&request.stop_sequences)?);
    }
    body.put("seed", request.seed.map(Value::from));
    if let Some(format) = &request.response_format {
        body.set("responseFormat", json(format)?);
    }
    if !request.tools.is_empty() {
        body.set("tools", json(&request.tools)?);
        if let Some(choice) = &request.tool_choice {
            body.set("toolChoice", json(choice)?);
        }
    }
    let mut prompt = json(&request.prompt)?;
    bare_files(&mut prompt);
    body.set("prompt", prompt);
    if !request.provider_options.is_empty() {
        body.set("providerOptions", json(&request.provider_options)?);
    }
    body.set("headers", headers(target, request));
    body.set("includeRawChunks", false);
    Ok(Prepared {
        headers: vec![
            ("ai-language-model-id", target.model_id.clone()),
            ("ai-language-model-streaming", streaming.to_string()),
        ],
        body: body.into_value(),
        decoder: protocol::Decoder::Gateway(Box::<Decoder>::default()),
    })
}

fn json(value: &impl serde::Serialize) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|error| Error::Unsupported {
        message: format!("the request cannot be written as JSON: {error}"),
    })
}

/// Parity: the headers of the call are part of it, those of the provider are not: a key may be in them.
fn headers(target: &Target, request: &Request) -> Object {
    let own = request.headers.iter();
    let agent = target
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(USER_AGENT))
        .filter(|(name, _)| !request.headers.keys().any(|own| own.eq_ignore_ascii_case(name)));
    own.chain(agent)
        .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
        .collect()
}

/// Files of messages by their content: `data:` addresses become media type and base64.
fn bare_files(prompt: &mut Value) {
    let messages = prompt.as_array_mut().into_iter().flatten();
    let parts = messages.filter_map(|message| message.get_mut("content")?.as_array_mut());
    for part in parts.flatten().filter_map(Value::as_object_mut) {
        if part.get("type").and_then(Value::as_str) != Some("file") {
            continue;
        }
        let text = |key: &str| part.get(key).and_then(Value::as_str).unwrap_or_default();
        let file = File::read(text("mediaType"), text("data"));
        let Data::Base64(data) = file.data else { continue };
        let (media_type, data) = (file.media_type.into_owned(), data.into_owned());
        part.insert("mediaType".to_owned(), media_type.into());
        part.insert("data".to_owned(), data.into());
    }
}
