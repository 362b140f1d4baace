//! What becomes of what a server gives: words, attachments, and notes where something cannot be passed on
//! (reference `integrations.md` §A8).

use opencode_mcp::{Body, Content};
use serde_json::Value;

use crate::contract::{Attachment, Failure, Output};
use crate::schema;

/// Bytes of an attachment.
const ATTACHMENT_LIMIT: usize = 10 * 1024 * 1024;
/// Media types of attachments that come as bytes.
const ATTACHABLE: [&str; 5] = [
    "application/pdf",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
];

/// The result of a call.
///
/// # Errors
/// The server says that it failed, or its result is not what the tool promises.
pub(super) fn of_result(tool: &opencode_mcp::Tool, result: &Value) -> Result<Output, Failure> {
    let content = result.get("content").and_then(Value::as_array);
    let structured = result.get("structuredContent").filter(|value| !value.is_null());
    if content.is_none() && structured.is_none() && result.get("isError").is_none() {
        return Err(Failure::told(format!(
            "The result of {} is not understood: it has no content.",
            tool.name
        )));
    }
    let mut output = Gathered::default();
    for block in content.into_iter().flatten() {
        output.take(block);
    }
    if result.get("isError") == Some(&Value::Bool(true)) {
        let words: Vec<&str> = output.texts.iter().map(String::as_str).collect();
        let words: Vec<&str> = words.into_iter().filter(|text| !text.trim().is_empty()).collect();
        return Err(Failure::told(match words.is_empty() {
            true => "MCP tool returned an error".to_owned(),
            false => words.join("\n\n"),
        }));
    }
    if let Some(promised) = &tool.output {
        let Some(structured) = structured else {
            return Err(Failure::told(format!(
                "MCP error -32600: Tool {} has an output schema but did not return structured content",
                tool.name
            )));
        };
        schema::check(&Value::Object(promised.clone()), structured).map_err(|reason| {
            Failure::told(format!(
                "MCP error -32602: Structured content does not match the tool's output schema: {reason}"
            ))
        })?;
    }
    if let Some(structured) = structured
        && content.is_none_or(Vec::is_empty)
    {
        output.texts.push(structured.to_string());
    }
    Ok(Output {
        output: output.texts.join("\n\n"),
        attachments: output.attachments,
        ..Output::default()
    })
}

/// What was gathered of a result.
#[derive(Default)]
struct Gathered {
    texts: Vec<String>,
    attachments: Vec<Attachment>,
}

impl Gathered {
    fn take(&mut self, block: &Value) {
        let text = |key: &str| block.get(key).and_then(Value::as_str);
        match text("type").unwrap_or_default() {
            "text" => self.texts.extend(text("text").map(str::to_owned)),
            "image" => {
                let (mime, data) = (
                    text("mimeType").unwrap_or("image/png"),
                    text("data").unwrap_or_default(),
                );
                if decoded(data) > ATTACHMENT_LIMIT {
                    self.texts
                        .push(format!("[Image of an MCP tool omitted: {mime} exceeds 10 MB]"));
                    return;
                }
                self.attachments.push(Attachment {
                    mime: mime.to_owned(),
                    url: format!("data:{mime};base64,{data}"),
                    filename: None,
                });
            }
            "audio" => {
                let (mime, data) = (
                    text("mimeType").unwrap_or("audio"),
                    text("data").unwrap_or_default(),
                );
                let size = size(decoded(data));
                self.texts
                    .push(format!("[Audio of an MCP tool omitted: {mime}, {size}]"));
            }
            "resource" => match block.get("resource").and_then(Content::read) {
                Some(content) => self.contain(content),
                None => self
                    .texts
                    .push("[A resource of an MCP tool has no content]".to_owned()),
            },
            "resource_link" => self.texts.push(link(block)),
            other => self.texts.push(format!(
                "[Content of an MCP tool omitted: the type {other:?} is not known]"
            )),
        }
    }

    fn contain(&mut self, content: Content) {
        match described(content) {
            Described::Text(text) | Described::Omitted(text) => self.texts.push(text),
            Described::Attached(_, attachment) => self.attachments.push(attachment),
        }
    }
}

/// A resource that a result names and does not hold.
fn link(block: &Value) -> String {
    let text = |key: &str| {
        block
            .get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let uri = text("uri").unwrap_or_default();
    let mut words = format!("[Resource: {uri}");
    for (label, value) in [
        ("name", text("name")),
        ("type", text("mimeType")),
        ("description", text("description")),
    ] {
        if let Some(value) = value {
            words = format!("{words}, {label}: {value}");
        }
    }
    words + "]"
}

/// What becomes of a piece of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Described {
    /// It is told in words.
    Text(String),
    /// It is attached; what is said of it.
    Attached(String, Attachment),
    /// It cannot be passed on; what is said instead.
    Omitted(String),
}

/// What becomes of a piece of a resource (reference `agent-loop.md` §2, files of MCP resources).
#[must_use]
pub fn described(content: Content) -> Described {
    let Content { uri, mime, body } = content;
    let blob = match body {
        Body::Text(text) => return Described::Text(text),
        Body::Blob(blob) => blob,
    };
    let mime = mime.unwrap_or_else(|| "application/octet-stream".to_owned());
    let bytes = decoded(&blob);
    let omitted = format!("[Binary MCP resource omitted: {uri} ({mime}, {})", size(bytes));
    if !ATTACHABLE.contains(&mime.as_str()) {
        return Described::Omitted(format!("{omitted} is not a supported attachment type]"));
    }
    if bytes > ATTACHMENT_LIMIT {
        return Described::Omitted(format!("{omitted} exceeds 10 MB]"));
    }
    let note = format!("[Binary MCP resource attached: {uri} ({mime})]");
    let attachment = Attachment {
        url: format!("data:{mime};base64,{blob}"),
        mime,
        filename: Some(uri),
    };
    Described::Attached(note, attachment)
}

/// What a model is told of a resource that it read (reference §A9).
pub(super) fn of_contents(contents: Vec<Content>) -> Output {
    let mut output = Output::default();
    let mut texts = Vec::new();
    for content in contents {
        let mut lines = vec![format!("Resource: {}", content.uri)];
        lines.extend(content.mime.as_ref().map(|mime| format!("MIME: {mime}")));
        match described(content) {
            Described::Text(text) | Described::Omitted(text) => lines.push(text),
            Described::Attached(note, attachment) => {
                lines.push(note);
                output.attachments.push(attachment);
            }
        }
        texts.push(lines.join("\n"));
    }
    output.output = texts.join("\n\n");
    output
}

/// Bytes that a text in Base64 stands for.
fn decoded(base64: &str) -> usize {
    let padding = base64.bytes().rev().take_while(|byte| *byte == b'=').count();
    (base64.len() / 4 * 3 + (base64.len() % 4) * 3 / 4).saturating_sub(padding.min(2))
}

/// A size as people read it.
fn size(bytes: usize) -> String {
    const KILO: usize = 1024;
    match bytes {
        0..KILO => format!("{bytes} B"),
        _ if bytes < KILO * KILO => format!("{} KB", bytes.div_ceil(KILO)),
        _ => format!("{} MB", bytes.div_ceil(KILO * KILO)),
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    fn tool(output: &Value) -> opencode_mcp::Tool {
        let tool = json!({ "name": "t", "input": {}, "output": output });
        serde_json::from_value(tool).unwrap()
    }

    #[test]
    fn results_become_outputs() {
        let text = |text: &str| json!({ "type": "text", "text": text });
        let resource = |resource: Value| json!({ "type": "resource", "resource": resource });
        for (about, content, output, attachments) in [
            ("words", json!([text("a"), text("b")]), "a\n\nb", 0),
            (
                "a picture",
                json!([text("a"), { "type": "image", "data": "AAAA", "mimeType": "image/png" }]),
                "a",
                1,
            ),
            (
                "sound",
                json!([{ "type": "audio", "data": "AAAA", "mimeType": "audio/wav" }]),
                "[Audio of an MCP tool omitted: audio/wav, 3 B]",
                0,
            ),
            (
                "a text of a resource",
                json!([resource(json!({ "uri": "u", "text": "words" }))]),
                "words",
                0,
            ),
            (
                "a picture of a resource",
                json!([resource(
                    json!({ "uri": "u", "mimeType": "image/gif", "blob": "AAAA" })
                )]),
                "",
                1,
            ),
            (
                "a program",
                json!([resource(
                    json!({ "uri": "u", "mimeType": "application/x", "blob": "AAA=" })
                )]),
                "[Binary MCP resource omitted: u (application/x, 2 B) is not a supported attachment type]",
                0,
            ),
            (
                "too large",
                json!([resource(
                    json!({ "uri": "u", "mimeType": "image/gif", "blob": "A".repeat(14_000_000) })
                )]),
                "[Binary MCP resource omitted: u (image/gif, 11 MB) exceeds 10 MB]",
                0,
            ),
            (
                "a link",
                json!([{ "type": "resource_link", "uri": "u", "name": "n", "mimeType": "m" }]),
                "[Resource: u, name: n, type: m]",
                0,
            ),
            (
                "something new",
                json!([{ "type": "hologram" }]),
                "[Content of an MCP tool omitted: the type \"hologram\" is not known]",
                0,
            ),
        ] {
            let made = of_result(&tool(&Value::Null), &json!({ "content": content })).unwrap();
            assert_eq!(
                (made.output.as_str(), made.attachments.len()),
                (output, attachments),
                "{about}"
            );
        }
    }

    #[test]
    fn structured_results() {
        let object =
            json!({ "type": "object", "properties": { "n": { "type": "number" } }, "required": ["n"] });
        let text = json!([{ "type": "text", "text": "words" }]);
        let wrong = "MCP error -32602: Structured content does not match the tool's output schema: n: \
            expected number, got a string";
        let missing = "MCP error -32600: Tool t has an output schema but did not return structured content";
        for (about, schema, result, expected) in [
            (
                "nothing else",
                Value::Null,
                json!({ "content": [], "structuredContent": { "n": 1 } }),
                Ok("{\"n\":1}"),
            ),
            (
                "beside words",
                Value::Null,
                json!({ "content": text, "structuredContent": { "n": 1 } }),
                Ok("words"),
            ),
            (
                "as promised",
                object.clone(),
                json!({ "content": text, "structuredContent": { "n": 1 } }),
                Ok("words"),
            ),
            (
                "not as promised",
                object.clone(),
                json!({ "content": text, "structuredContent": { "n": "1" } }),
                Err(wrong),
            ),
            (
                "not there",
                object.clone(),
                json!({ "content": text }),
                Err(missing),
            ),
            (
                "an error",
                object,
                json!({ "content": text, "isError": true }),
                Err("words"),
            ),
            (
                "a mute error",
                Value::Null,
                json!({ "content": [], "isError": true }),
                Err("MCP tool returned an error"),
            ),
            (
                "nothing",
                Value::Null,
                json!("text"),
                Err("The result of t is not understood: it has no content."),
            ),
        ] {
            let made = of_result(&tool(&schema), &result);
            let made = made
                .map(|output| output.output)
                .map_err(|failure| failure.to_string());
            assert_eq!(
                made,
                expected.map(str::to_owned).map_err(str::to_owned),
                "{about}"
            );
        }
    }
}
