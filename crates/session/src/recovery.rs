//! What a process that died left behind is put in order before a session goes on.

use opencode_schema::part::Span;
use opencode_schema::time::now;
use opencode_schema::{EventBody, Message, MessageBody, MessageError, Part, PartBody, SessionId, ToolState};

use crate::{Error, Location};

/// Messages that are looked at: a turn that broke off is at the end of the session.
const LOOK_BACK: usize = 50;

/// Calls that never ended are marked as interrupted, and messages that never ended as stopped, so that
/// nothing is taken for running and nothing is run again.
pub(crate) async fn settle(location: &Location, session_id: &SessionId) -> Result<(), Error> {
    let id = session_id.clone();
    let open = location
        .store
        .read(move |view| {
            let newest = view.newest_messages(&id, LOOK_BACK)?;
            let open = newest.into_iter().filter(is_open);
            open.map(|message| Ok((view.parts(&message.id)?, message)))
                .collect::<Result<Vec<_>, _>>()
        })
        .await?;
    if open.is_empty() {
        return Ok(());
    }
    let id = session_id.clone();
    location
        .store
        .write(move |transaction| {
            for (parts, mut message) in open {
                for part in parts.into_iter().filter_map(settled) {
                    transaction.publish(EventBody::PartUpdated {
                        session_id: id.clone(),
                        part: Box::new(part),
                        time: now(),
                    })?;
                }
                if let MessageBody::Assistant(assistant) = &mut message.body {
                    assistant.time.completed = Some(now());
                    if assistant.finish.is_none() && assistant.error.is_none() {
                        assistant.error = Some(MessageError::aborted());
                    }
                }
                transaction.publish(EventBody::MessageUpdated {
                    session_id: id.clone(),
                    info: Box::new(message),
                })?;
            }
            Ok(())
        })
        .await?;
    Ok(())
}

fn is_open(message: &Message) -> bool {
    message
        .as_assistant()
        .is_some_and(|assistant| assistant.time.completed.is_none())
}

/// The part as it should be when nobody works on it any more, if it should be different.
fn settled(mut part: Part) -> Option<Part> {
    match &mut part.body {
        PartBody::Tool(tool) if !tool.state.is_settled() => {
            let (start, mut metadata) = match &tool.state {
                ToolState::Running { time, metadata, .. } => {
                    (time.start, metadata.clone().unwrap_or_default())
                }
                _ => (now(), opencode_schema::Object::new()),
            };
            metadata.insert("interrupted".to_owned(), true.into());
            tool.state = ToolState::Error {
                input: tool.state.input(),
                error: "Tool execution was interrupted: the program ended while it ran".to_owned(),
                metadata: Some(metadata),
                time: Span {
                    start,
                    end: Some(now()),
                },
            };
        }
        PartBody::Text(text) => match &mut text.time {
            Some(time) if time.end.is_none() => time.end = Some(now()),
            _ => return None,
        },
        PartBody::Reasoning(reasoning) if reasoning.time.end.is_none() => reasoning.time.end = Some(now()),
        _ => return None,
    }
    Some(part)
}
