//! Sessions as files: export and import (reference `sessions.md` §9).

mod sanitize;

use opencode_schema::permission::Action;
use opencode_schema::{MessageWithParts, Session, SessionId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Engine, Error, Location};

pub use sanitize::sanitize;

/// A session with everything in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// The session.
    pub info: Session,
    /// Its messages, oldest first.
    pub messages: Vec<MessageWithParts>,
    /// Messages and parts that are stored and cannot be read.
    #[serde(skip)]
    pub left_out: u64,
}

impl Engine {
    /// A session with everything in it.
    ///
    /// # Errors
    /// [`Error::SessionNotFound`].
    pub async fn export_session(&self, id: &SessionId) -> Result<Transcript, Error> {
        let id = id.clone();
        let read = self.inner.store.read(move |view| {
            let messages = view.transcript(&id)?;
            let read: usize = messages.iter().map(|message| 1 + message.parts.len()).sum();
            Ok(Transcript {
                info: view.session(&id)?,
                left_out: view.stored_count(&id)?.saturating_sub(read as u64),
                messages,
            })
        });
        Ok(read.await?)
    }

    /// Takes a session in, into the project and folder of `location`. Messages that exist already stay as
    /// they are. What it allows is left out: whoever made the file does not say what may happen here.
    ///
    /// # Errors
    /// [`Error::Import`] when the value is no exported session, with the key that is wrong, or when a
    /// message or a part of it exists in another session.
    pub async fn import_session(&self, location: &Location, value: Value) -> Result<SessionId, Error> {
        let mut transcript = read(value)?;
        transcript.info.project_id = location.project_id.clone();
        transcript.info.directory = location.directory_text();
        transcript.info.path = Some(location.path_text());
        if let Some(rules) = &mut transcript.info.permission {
            rules.retain(|rule| rule.action == Action::Deny);
        }
        let id = transcript.info.id.clone();
        let foreign = transcript
            .messages
            .iter()
            .find(|message| message.info.session_id != id);
        if let Some(message) = foreign {
            return Err(Error::Import(format!(
                "message {} belongs to another session than {id}",
                message.info.id
            )));
        }
        location
            .store
            .write(move |transaction| {
                transaction.import_session(&transcript.info)?;
                transcript
                    .messages
                    .iter()
                    .try_for_each(|message| transaction.import_message(message))
            })
            .await?;
        Ok(id)
    }
}

fn read(value: Value) -> Result<Transcript, Error> {
    let transcript: Transcript = serde_path_to_error::deserialize(value).map_err(|error| {
        let place = error.path().to_string();
        // The path of the whole is a point.
        let place = if place == "." { "the top" } else { &place };
        Error::Import(format!("not an exported session: {}, at {place}", error.inner()))
    })?;
    SessionId::parse(transcript.info.id.as_str()).map_err(|error| Error::Import(error.to_string()))?;
    Ok(transcript)
}
