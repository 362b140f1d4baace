//! What happens in a session, as this surface tells it (reference `seed-http.md` §3.2).

use std::collections::HashMap;

use opencode_schema::session::Status;
use opencode_schema::{
    Event, EventBody, MessageBody, MessageId, MessageWithParts, Part, PartBody, PartId, SessionId, ToolState,
};
use serde_json::{Map, Value, json};

use crate::compat::session;

/// Parts whose kinds are remembered; a turn seldom has more, and what is forgotten is told as text.
const REMEMBERED: usize = 4096;

/// Something that is told.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Frame {
    pub(super) name: &'static str,
    /// The session's last stored event that was told of.
    pub(super) seq: i64,
    pub(super) data: Map<String, Value>,
}

/// What is known of one session while it is listened to.
#[derive(Debug)]
pub(super) struct Translator {
    session_id: SessionId,
    /// The last stored event that was seen.
    seen: i64,
    /// The last one of them that was told of: the same for all who listen.
    told: i64,
    /// The last message of the user that was told.
    asked: Option<MessageId>,
    /// Whether a part is reasoning; text otherwise.
    reasoning: HashMap<PartId, bool>,
    /// Calls that were told.
    called: HashMap<String, bool>,
}

impl Translator {
    /// Begins after a stored event.
    pub(super) fn new(session_id: SessionId, seq: i64) -> Self {
        Self {
            session_id,
            seen: seq,
            told: seq,
            asked: None,
            reasoning: HashMap::new(),
            called: HashMap::new(),
        }
    }

    /// Knows a part that was there before.
    pub(super) fn learn(&mut self, part: &Part) {
        if self.reasoning.len() >= REMEMBERED {
            self.reasoning.clear();
        }
        if let PartBody::Text(_) | PartBody::Reasoning(_) = part.body {
            let is_reasoning = matches!(part.body, PartBody::Reasoning(_));
            self.reasoning.insert(part.id.clone(), is_reasoning);
        }
    }

    pub(super) fn session_id(&self) -> &SessionId {
        &self.session_id
    }

    fn frame(&self, name: &'static str, data: Value) -> Frame {
        let mut entries = Map::new();
        entries.insert("session_id".to_owned(), json!(self.session_id));
        if let Value::Object(data) = data {
            entries.extend(data.into_iter().filter(|(_, value)| !value.is_null()));
        }
        Frame {
            name,
            seq: self.told,
            data: entries,
        }
    }

    /// The end of a turn.
    pub(super) fn done(&mut self, answer: Option<&MessageWithParts>) -> Frame {
        self.called.clear();
        self.frame(
            "done",
            json!({
                "message": answer.map(session::message),
                "finish": answer.and_then(|answer| session::finish(&answer.info)),
            }),
        )
    }

    /// What an event of the session is told as; nothing for what was told already or is of no interest here.
    pub(super) fn frame_of(&mut self, event: &Event) -> Option<Frame> {
        if event.body.session_id() != Some(&self.session_id) {
            return None;
        }
        if let Some(seq) = event.seq {
            if seq <= self.seen {
                return None;
            }
            self.seen = seq;
        }
        let mut frame = self.translated(&event.body)?;
        if let Some(seq) = event.seq {
            self.told = seq;
            frame.seq = seq;
        }
        Some(frame)
    }

    fn translated(&mut self, body: &EventBody) -> Option<Frame> {
        match body {
            EventBody::MessageUpdated { info, .. } => match &info.body {
                MessageBody::User(_) if self.asked.as_ref() != Some(&info.id) => {
                    // A change of an older message is no beginning.
                    if self.asked.as_ref().is_some_and(|asked| info.id < *asked) {
                        return None;
                    }
                    self.asked = Some(info.id.clone());
                    Some(self.frame("start", json!({ "message_id": info.id })))
                }
                _ => None,
            },
            EventBody::PartUpdated { part, .. } => self.part(part),
            EventBody::PartDelta { part_id, delta, .. } => {
                let is_reasoning = self.reasoning.get(part_id).copied().unwrap_or_default();
                let name = if is_reasoning { "reasoning" } else { "text" };
                Some(self.frame(name, json!({ "part_id": part_id, "delta": delta })))
            }
            EventBody::PermissionAsked { request } => {
                Some(self.frame("permission", serde_json::to_value(request).unwrap_or_default()))
            }
            EventBody::QuestionAsked { request } => {
                Some(self.frame("question", serde_json::to_value(request).unwrap_or_default()))
            }
            EventBody::SessionStatus { status, .. } => {
                let mut data = json!({ "status": session::status_name(status) });
                if let Status::Retry {
                    attempt,
                    next,
                    message,
                    ..
                } = status
                {
                    data["attempt"] = json!(attempt);
                    data["next"] = json!(next);
                    data["message"] = json!(message);
                }
                Some(self.frame("status", data))
            }
            EventBody::SessionError { error, .. } => {
                Some(self.frame("error", error.as_ref().map(session::error).unwrap_or_default()))
            }
            _ => None,
        }
    }

    fn part(&mut self, part: &Part) -> Option<Frame> {
        match &part.body {
            PartBody::Text(_) | PartBody::Reasoning(_) => {
                self.learn(part);
                None
            }
            PartBody::StepFinish(step) => Some(self.frame(
                "usage",
                json!({ "tokens": session::tokens(&step.tokens), "cost": step.cost }),
            )),
            PartBody::Tool(call) => {
                let id = &call.call_id;
                let is_settled = call.state.is_settled();
                // Progress, and what is told again, is of no interest.
                let known = self.called.get(id).copied();
                if known == Some(true) || (known.is_some() && !is_settled) {
                    return None;
                }
                let (status, output, title, metadata) = match &call.state {
                    ToolState::Pending { .. }
                    // What has something to show began before, also before whoever comes back was there.
                    | ToolState::Running { metadata: Some(_), .. } => return None,
                    ToolState::Running { input, .. } => {
                        self.called.insert(id.clone(), false);
                        let data = json!({ "call_id": id, "tool": call.tool, "input": input });
                        return Some(self.frame("tool_call", data));
                    }
                    ToolState::Completed {
                        output,
                        title,
                        metadata,
                        ..
                    } => ("completed", output, Some(title), Some(metadata)),
                    ToolState::Error { error, metadata, .. } => ("error", error, None, metadata.as_ref()),
                };
                self.called.insert(id.clone(), true);
                Some(self.frame(
                    "tool_result",
                    json!({
                        "call_id": id,
                        "tool": call.tool,
                        "status": status,
                        "output": output,
                        "title": title,
                        "metadata": metadata,
                    }),
                ))
            }
            _ => None,
        }
    }
}
