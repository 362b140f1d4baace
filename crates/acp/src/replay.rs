//! A conversation that was there before, told to a client that opens it (reference `integrations.md` §D2).

use opencode_client::{Client, Error};
use opencode_schema::part::{FilePart, TextPart};
use opencode_schema::{MessageWithParts, PartBody, SessionId};
use serde_json::{Value, json};
use url::Url;

use crate::tool_call;
use crate::transcript::{self, Transcript, chunk};

/// Messages that are read at once.
const PAGE: u32 = 100;
/// Messages of a copy that are told: the newest.
pub(crate) const NEWEST: usize = 20;

/// The messages of a session, the oldest first; only the newest if so many are wanted.
pub(crate) async fn messages(
    client: &Client,
    id: &SessionId,
    newest: Option<usize>,
) -> Result<Vec<MessageWithParts>, Error> {
    let mut pages = Vec::new();
    let mut before: Option<String> = None;
    let mut count = 0;
    loop {
        let page = client.messages(id, PAGE, before.as_deref()).await?;
        count += page.messages.len();
        pages.push(page.messages);
        before = page.older;
        if before.is_none() || newest.is_some_and(|newest| count >= newest) {
            break;
        }
    }
    let mut messages: Vec<_> = pages.into_iter().rev().flatten().collect();
    if let Some(newest) = newest {
        messages.drain(..messages.len().saturating_sub(newest));
    }
    Ok(messages)
}

/// What a client is told of a message. What is not at its end yet is noted in `told`, so that it goes on from
/// there.
pub(crate) fn updates(message: &MessageWithParts, cwd: &str, told: &mut Transcript) -> Vec<Value> {
    let is_user = message.info.as_user().is_some();
    let is_open = message
        .info
        .as_assistant()
        .is_some_and(|answer| answer.time.completed.is_none());
    let id = message.info.id.as_str();
    let kind = if is_user {
        "user_message_chunk"
    } else {
        "agent_message_chunk"
    };
    let mut updates = Vec::new();
    for part in &message.parts {
        match &part.body {
            PartBody::Text(text) => {
                let said = told.told(&part.id, &text.text);
                if !said.is_empty() {
                    updates.push(words(kind, id, text, said));
                }
            }
            PartBody::Reasoning(thought) => {
                let thought = told.told(&part.id, &thought.text);
                if !thought.is_empty() {
                    updates.push(chunk("agent_thought_chunk", part.id.as_str(), thought));
                }
            }
            PartBody::File(file) => updates.extend(attached(kind, id, file, cwd)),
            PartBody::Tool(call) => {
                updates.push(tool_call::begun(call, cwd));
                updates.extend(tool_call::update(call, cwd));
                if transcript::is_open(call) {
                    told.known(part, cwd);
                }
            }
            _ => {}
        }
        if is_open {
            told.known(part, cwd);
        }
    }
    updates
}

/// What somebody said, and for whom it is when that is not everybody.
fn words(kind: &str, message: &str, text: &TextPart, said: &str) -> Value {
    let mut update = chunk(kind, message, said);
    let audience = match (text.synthetic, text.ignored) {
        (Some(true), _) => Some("assistant"),
        (_, Some(true)) => Some("user"),
        _ => None,
    };
    if let Some(audience) = audience {
        update["content"]["annotations"] = json!({ "audience": [audience] });
    }
    update
}

/// A file that belongs to what was said.
fn attached(kind: &str, message: &str, file: &FilePart, cwd: &str) -> Option<Value> {
    let name = file.filename.as_deref().unwrap_or("file");
    let content = if file.url.starts_with("data:") {
        let (mime, data) = tool_call::inline(&file.url)?;
        let path = std::path::Path::new(cwd).join(name);
        let uri = Url::from_file_path(&path).map_or_else(|()| name.to_owned(), String::from);
        if mime.starts_with("image/") {
            json!({ "type": "image", "mimeType": mime, "data": data, "uri": uri })
        } else {
            let resource = json!({ "uri": uri, "mimeType": mime, "blob": data });
            json!({ "type": "resource", "resource": resource })
        }
    } else {
        json!({ "type": "resource_link", "uri": file.url, "name": name, "mimeType": file.mime })
    };
    Some(json!({ "sessionUpdate": kind, "messageId": message, "content": content }))
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn files_come_back_as_they_were_given() {
        let file = |url: &str, mime: &str| FilePart {
            mime: mime.to_owned(),
            filename: Some("x y.png".to_owned()),
            url: url.to_owned(),
            source: None,
        };
        for (file, wanted) in [
            (
                file("file:///p/a.txt", "text/plain"),
                json!({ "type": "resource_link", "uri": "file:///p/a.txt", "name": "x y.png", "mimeType": "text/plain" }),
            ),
            (
                file("data:image/png;base64,AA", "image/png"),
                json!({ "type": "image", "mimeType": "image/png", "data": "AA", "uri": "file:///p/x%20y.png" }),
            ),
            (
                file("data:application/pdf;base64,AA", "application/pdf"),
                json!({ "type": "resource", "resource": { "uri": "file:///p/x%20y.png", "mimeType": "application/pdf", "blob": "AA" } }),
            ),
        ] {
            let update = attached("user_message_chunk", "msg_1", &file, "/p").unwrap();
            assert_eq!(update["content"], wanted);
        }
    }
}
