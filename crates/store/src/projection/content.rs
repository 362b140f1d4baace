//! One text, thought or call of an answer changes: the others stay as they are written. An answer with many of them
//! is not read and written anew as a whole with each event.

use std::borrow::Cow;

use indexmap::IndexMap;
use opencode_schema::session_message::Answer;
use opencode_schema::time::now;
use opencode_schema::{MessageId, SessionEvent, SessionId};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::Error;
use crate::sql::{Connection, Optional as _, params};

/// Changes the piece of an answer that an event is about by `change`, which gets an answer of nothing else. False
/// when there is no such answer.
pub(super) fn change(
    connection: &Connection,
    session: &SessionId,
    id: &MessageId,
    event: &SessionEvent,
    change: impl FnOnce(&mut Answer),
) -> Result<bool, Error> {
    let stored: Option<String> = connection
        .prepare_cached(
            "SELECT data FROM session_message WHERE id = ?1 AND session_id = ?2 AND type = 'assistant'",
        )?
        .query_row([id.as_str(), session.as_str()], |row| row.get(0))
        .optional()?;
    let Some(stored) = stored else { return Ok(false) };
    let changed = changed(&stored, event, change).map_err(|error| Error::Unreadable {
        what: "answer",
        id: id.to_string(),
        reason: error.to_string(),
    })?;
    let Some(changed) = changed else {
        return Ok(true);
    };
    connection
        .prepare_cached("UPDATE session_message SET data = ?2, time_updated = ?3 WHERE id = ?1")?
        .execute(params![id.as_str(), changed, now()])?;
    Ok(true)
}

/// The answer as it is written then; `None` when it stays as it is.
fn changed(
    stored: &str,
    event: &SessionEvent,
    change: impl FnOnce(&mut Answer),
) -> Result<Option<String>, serde_json::Error> {
    let mut answer: IndexMap<String, &RawValue> = serde_json::from_str(stored)?;
    let mut content: Vec<&RawValue> = match answer.get("content") {
        Some(content) => serde_json::from_str(content.get())?,
        None => Vec::new(),
    };
    let mut piece = Answer::default();
    let place = match subject(event) {
        Some(subject) => {
            // The newest of its name: after another attempt names come again.
            let Some(place) = content.iter().rposition(|one| subject.is(one)) else {
                return Ok(None);
            };
            piece.content.push(serde_json::from_str(content[place].get())?);
            place
        }
        None => content.len(),
    };
    change(&mut piece);
    let pieces = piece.content.iter().map(to_raw_value);
    let pieces = pieces.collect::<Result<Vec<Box<RawValue>>, _>>()?;
    content.splice(
        place..(place + 1).min(content.len()),
        pieces.iter().map(|one| &**one),
    );
    let content = to_raw_value(&content)?;
    answer.insert("content".to_owned(), &content);
    Ok(Some(serde_json::to_string(&answer)?))
}

/// What an event is about, by its kind and name; nothing when it adds something.
fn subject(event: &SessionEvent) -> Option<Head<'_>> {
    use SessionEvent as E;
    let (kind, id) = match event {
        E::TextStarted { .. } | E::ReasoningStarted { .. } | E::ToolInputStarted { .. } => return None,
        E::TextEnded { text_id, .. } => ("text", text_id.as_str()),
        E::ReasoningEnded { reasoning_id, .. } => ("reasoning", reasoning_id.as_str()),
        other => ("tool", other.call()?),
    };
    Some(Head {
        kind: Cow::Borrowed(kind),
        id: Cow::Borrowed(id),
    })
}

/// What a piece of an answer is called.
#[derive(Deserialize, PartialEq)]
struct Head<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
}

impl Head<'_> {
    fn is(&self, piece: &RawValue) -> bool {
        serde_json::from_str::<Head<'_>>(piece.get()).is_ok_and(|head| head == *self)
    }
}

#[cfg(test)]
mod tests {
    use opencode_schema::session_message::AnswerContent;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_newest_of_its_name_changes_and_the_others_stay_as_they_are_written() {
        let stored = r#"{"agent":"a","content":[{"type":"text","id":"text-0","text":"1e3 \u00e9"},
            {"type":"text", "id":"text-0", "text":""},{"type":"reasoning","id":"text-0","text":""}],"later":{"b":1.0}}"#;
        let event = |kind: &str, id: &str| -> SessionEvent {
            let data = json!({ "sessionID": "ses_1", "timestamp": 1, "assistantMessageID": "msg_1", "textID": id, "text": "new" });
            serde_json::from_value(json!({ "type": format!("session.next.text.{kind}"), "properties": data }))
                .unwrap()
        };
        let set = |answer: &mut Answer| {
            answer.content = vec![AnswerContent::Text {
                id: "text-0".to_owned(),
                text: "new".to_owned(),
            }];
        };
        let ended = changed(stored, &event("ended", "text-0"), set).unwrap();
        assert_eq!(
            ended.unwrap(),
            r#"{"agent":"a","content":[{"type":"text","id":"text-0","text":"1e3 \u00e9"},{"type":"text","id":"text-0","text":"new"},{"type":"reasoning","id":"text-0","text":""}],"later":{"b":1.0}}"#
        );
        assert_eq!(changed(stored, &event("ended", "text-7"), set).unwrap(), None);
        let begun = changed(r#"{"content":[]}"#, &event("started", "text-0"), set).unwrap();
        assert_eq!(
            begun.unwrap(),
            r#"{"content":[{"type":"text","id":"text-0","text":"new"}]}"#
        );
    }
}
