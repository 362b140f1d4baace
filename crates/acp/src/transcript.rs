//! What a client has been told of the turn that goes on, and what is new to it.
//!
//! Events are told once, in whatever pieces they come: a part that is told as a whole after its pieces, or
//! read again after events were missed, brings only what is missing.

use std::collections::{HashMap, HashSet};

use opencode_schema::part::ToolPart;
use opencode_schema::{Message, MessageId, Part, PartBody, PartId, ToolState};
use serde_json::{Value, json};

use crate::tool_call;

/// What has been told of the turn that goes on.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    /// Messages of the model; what users say is not told back to them.
    answers: HashSet<MessageId>,
    texts: HashMap<PartId, Told>,
    /// The last update of each call; models may give the same id twice.
    calls: HashMap<PartId, Option<Value>>,
}

/// How much of a text has been told.
#[derive(Debug)]
struct Told {
    message: MessageId,
    is_thought: bool,
    text: String,
}

impl Told {
    fn chunk(&self, part: &PartId, text: &str) -> Value {
        if self.is_thought {
            // Parity: integrations.md §D4, thoughts are known by their part.
            chunk("agent_thought_chunk", part.as_str(), text)
        } else {
            chunk("agent_message_chunk", self.message.as_str(), text)
        }
    }
}

/// A piece of what is said.
pub(crate) fn chunk(kind: &str, message: &str, text: &str) -> Value {
    json!({
        "sessionUpdate": kind,
        "messageId": message,
        "content": { "type": "text", "text": text },
    })
}

impl Transcript {
    /// Another turn begins.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// A message was made or changed.
    pub(crate) fn message(&mut self, message: &Message) {
        if message.as_assistant().is_some() {
            self.answers.insert(message.id.clone());
        }
    }

    /// Whether a message has been heard of in this turn.
    pub(crate) fn knows(&self, message: &Message) -> bool {
        self.answers.contains(&message.id)
    }

    /// What is new to the client in a part.
    pub(crate) fn part(&mut self, part: &Part, cwd: &str) -> Vec<Value> {
        if !self.answers.contains(&part.message_id) {
            return Vec::new();
        }
        match &part.body {
            PartBody::Text(text) => self.text(part, &text.text, false).into_iter().collect(),
            PartBody::Reasoning(thought) => self.text(part, &thought.text, true).into_iter().collect(),
            PartBody::Tool(call) => self.call(&part.id, call, cwd),
            _ => Vec::new(),
        }
    }

    fn text(&mut self, part: &Part, text: &str, is_thought: bool) -> Option<Value> {
        let told = self.texts.entry(part.id.clone()).or_insert_with(|| Told {
            message: part.message_id.clone(),
            is_thought,
            text: String::new(),
        });
        // At its end a text may lose blanks; nothing that was told can be taken back.
        let new = text
            .strip_prefix(told.text.as_str())
            .filter(|new| !new.is_empty())?;
        let chunk = told.chunk(&part.id, new);
        told.text = text.to_owned();
        Some(chunk)
    }

    /// A piece of a text.
    pub(crate) fn delta(&mut self, part: &PartId, field: &str, delta: &str) -> Option<Value> {
        let told = self.texts.get_mut(part).filter(|_| field == "text")?;
        told.text.push_str(delta);
        Some(told.chunk(part, delta))
    }

    fn call(&mut self, id: &PartId, call: &ToolPart, cwd: &str) -> Vec<Value> {
        let mut updates = Vec::new();
        let last = self.calls.entry(id.clone()).or_insert_with(|| {
            updates.push(tool_call::begun(call, cwd));
            None
        });
        let update = tool_call::update(call, cwd);
        if update.is_some() && update != *last {
            updates.extend(update.clone());
            *last = update;
        }
        updates
    }

    /// What has been told of a text that is not at its end: the store has it only then.
    pub(crate) fn told<'a>(&'a self, part: &PartId, stored: &'a str) -> &'a str {
        let told = self.texts.get(part).map(|told| told.text.as_str());
        told.filter(|told| told.len() > stored.len()).unwrap_or(stored)
    }

    /// What is told of a call that was told of before nobody listened, for a client that reads it anew.
    pub(crate) fn known(&mut self, part: &Part, cwd: &str) {
        self.answers.insert(part.message_id.clone());
        drop(self.part(part, cwd));
    }
}

/// Whether more will come of a call.
pub(crate) fn is_open(call: &ToolPart) -> bool {
    matches!(call.state, ToolState::Pending { .. } | ToolState::Running { .. })
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn part(id: &str, body: impl Into<Value>) -> Part {
        let body = body.into();
        let mut part = json!({ "id": id, "sessionID": "ses_1", "messageID": "msg_1" });
        for (key, value) in body.as_object().unwrap() {
            part[key] = value.clone();
        }
        serde_json::from_value(part).unwrap()
    }

    fn text(text: &str) -> Part {
        part("prt_1", json!({ "type": "text", "text": text }))
    }

    fn listening() -> Transcript {
        let mut transcript = Transcript::default();
        transcript.answers.insert(MessageId::parse("msg_1").unwrap());
        transcript
    }

    fn said(updates: impl IntoIterator<Item = Value>) -> String {
        let texts = updates
            .into_iter()
            .map(|update| update["content"]["text"].as_str().unwrap_or("?").to_owned());
        texts.collect()
    }

    #[test]
    fn a_text_is_told_once_however_it_comes() {
        let mut transcript = listening();
        let id = PartId::parse("prt_1").unwrap();
        assert_eq!(transcript.delta(&id, "text", "lost"), None);
        let mut all = String::new();
        all += &said(transcript.part(&text(""), "/"));
        all += &said(transcript.delta(&id, "text", "Hel"));
        all += &said(transcript.delta(&id, "text", "lo "));
        assert_eq!(transcript.delta(&id, "other", "x"), None);
        // A piece was missed, then the whole is told, then told again without the blank at its end.
        all += &said(transcript.part(&text("Hello you "), "/"));
        all += &said(transcript.part(&text("Hello you"), "/"));
        assert_eq!(all, "Hello you ");
    }

    #[test]
    fn thoughts_are_known_by_their_part() {
        let mut transcript = listening();
        let thought = part(
            "prt_2",
            json!({ "type": "reasoning", "text": "hm", "time": { "start": 1 } }),
        );
        let wanted = chunk("agent_thought_chunk", "prt_2", "hm");
        assert_eq!(transcript.part(&thought, "/"), [wanted]);
    }

    #[test]
    fn what_users_say_is_not_told_back() {
        assert_eq!(
            Transcript::default().part(&text("mine"), "/"),
            Vec::<Value>::new()
        );
    }

    #[test]
    fn a_call_begins_once_and_its_updates_differ() {
        let mut transcript = listening();
        let call = |state: Value| {
            part(
                "prt_3",
                json!({ "type": "tool", "callID": "c", "tool": "read", "state": state }),
            )
        };
        let running =
            call(json!({ "status": "running", "input": { "filePath": "/a" }, "time": { "start": 1 } }));
        let kinds = |updates: &[Value]| -> Vec<String> {
            let kind = |update: &Value| format!("{} {}", update["sessionUpdate"], update["status"]);
            updates.iter().map(kind).collect()
        };
        let first = transcript.part(&running, "/");
        assert_eq!(
            kinds(&first),
            [
                "\"tool_call\" \"pending\"",
                "\"tool_call_update\" \"in_progress\""
            ]
        );
        assert_eq!(transcript.part(&running, "/"), Vec::<Value>::new());
        let failed =
            call(json!({ "status": "error", "input": {}, "error": "no", "time": { "start": 1, "end": 2 } }));
        assert_eq!(
            kinds(&transcript.part(&failed, "/")),
            ["\"tool_call_update\" \"failed\""]
        );
    }
}
