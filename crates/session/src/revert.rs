//! Messages that were taken back are dropped when the conversation goes on (reference `sessions.md` §7,
//! «Revert», cleanup).

use opencode_schema::session::{Revert, Session};
use opencode_schema::{EventBody, MessageWithParts};

use crate::{Error, Location};

/// Drops what was taken back, if anything was.
pub(crate) async fn commit(location: &Location, session: &Session) -> Result<(), Error> {
    if session.revert.is_none() {
        return Ok(());
    }
    let id = session.id.clone();
    location
        .store
        .write(move |transaction| {
            // As it is now: somebody may have taken more back, or nothing at all.
            let Some(revert) = transaction.session(&id)?.revert else {
                return Ok(());
            };
            let transcript = transaction.transcript(&id)?;
            for event in dropped(&transcript, &revert) {
                transaction.publish(event)?;
            }
            transaction.update_session(&id, |session| session.revert = None)?;
            Ok(())
        })
        .await?;
    Ok(())
}

/// What is dropped: the message and all after it, or with a part, the parts from it on and all messages
/// after that one.
fn dropped(transcript: &[MessageWithParts], revert: &Revert) -> Vec<EventBody> {
    let Some(at) = transcript
        .iter()
        .position(|message| message.info.id == revert.message_id)
    else {
        return Vec::new();
    };
    let (target, later) = (&transcript[at], &transcript[at + 1..]);
    let removed = |message: &MessageWithParts| EventBody::MessageRemoved {
        session_id: message.info.session_id.clone(),
        message_id: message.info.id.clone(),
    };
    let mut events: Vec<EventBody> = match &revert.part_id {
        None => vec![removed(target)],
        Some(part_id) => target
            .parts
            .iter()
            .skip_while(|part| part.id != *part_id)
            .map(|part| EventBody::PartRemoved {
                session_id: part.session_id.clone(),
                message_id: part.message_id.clone(),
                part_id: part.id.clone(),
            })
            .collect(),
    };
    events.extend(later.iter().map(removed));
    events
}
