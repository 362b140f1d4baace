//! Durable sessions: prompts are admitted, wait in the session's inbox, and are taken into its conversation at
//! safe moments (reference `v2.md` §4–6). The same engine makes their steps; what happens is told in words of
//! their own.

mod compaction;
mod drain;
mod epoch;
mod history;
mod lease;
mod resume;
mod revert;
mod said;
mod unfinished;
mod user;

use std::sync::Arc;

use opencode_plugin::Hook;
use opencode_schema::part::FilePart;
use opencode_schema::prompt::{Delivery, Prompt, PromptFile, SessionInput};
use opencode_schema::session::{Session, SessionModel};
use opencode_schema::time::now;
use opencode_schema::{MessageId, SessionEvent, SessionId};
use opencode_store::Owed;

pub(crate) use self::drain::drain;
pub(crate) use self::history::shown;
pub(crate) use self::lease::{Owner, stop_elsewhere};
pub use self::resume::LeftBehind;
pub(crate) use self::unfinished::settlement;
use crate::{Engine, Error, Location, attachment};

/// A prompt for a durable session.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Which session.
    pub session_id: SessionId,
    /// The id of the message that it becomes; a new one when there is none. The same id again is the same prompt.
    pub id: Option<MessageId>,
    /// What is said. Files are read, fetched or refused before anything is stored.
    pub prompt: Prompt,
    /// When it is taken.
    pub delivery: Delivery,
    /// Whether the session goes to work because of it.
    pub resume: bool,
}

/// Why a prompt was not admitted.
#[derive(Debug, thiserror::Error)]
pub enum AdmissionError {
    /// The id is that of another prompt or message.
    #[error("Another prompt was admitted as {0}")]
    Conflict(MessageId),
    /// Anything else.
    #[error(transparent)]
    Engine(#[from] Error),
}

impl Engine {
    /// Admits a prompt: it is stored and will be answered, whatever happens to this program. The answer says what
    /// is stored, also when the prompt was admitted before.
    ///
    /// # Errors
    /// See [`AdmissionError`]; nothing is stored then.
    pub async fn admit_to_inbox(
        &self,
        location: &Arc<Location>,
        admission: Admission,
    ) -> Result<SessionInput, AdmissionError> {
        let Admission {
            session_id,
            id,
            prompt,
            delivery,
            resume,
        } = admission;
        let session = self.session(&session_id).await?;
        self.settle_lost_jobs(Some(&session_id)).await;
        let id = id.unwrap_or_default();
        let asked = id.clone();
        let known = self.inner.store.read(move |view| view.session_input(&asked));
        let stored = match known.await.map_err(Error::from)? {
            Some(known) => known,
            None => {
                let ending = &self.inner.housekeeping;
                let said = said::changed(location, &session, &id, prompt.clone(), ending).await?;
                let input = SessionInput {
                    admitted_seq: 0,
                    id: id.clone(),
                    session_id: session_id.clone(),
                    prompt: materialised(location, &session_id, said).await?,
                    delivery,
                    time_created: now(),
                    promoted_seq: None,
                };
                let admitted = location.store.write(move |transaction| {
                    let admitted = transaction.admit(input)?;
                    if resume {
                        // Also when this program does not live to see it.
                        transaction.owe(&admitted.session_id, Owed::Wake)?;
                    }
                    Ok(admitted)
                });
                match admitted.await {
                    Err(opencode_store::Error::Taken { .. }) => return Err(AdmissionError::Conflict(id)),
                    admitted => admitted.map_err(Error::from)?,
                }
            }
        };
        // What plugins made of it cannot be compared: the id says that it is the same.
        let is_said_otherwise = location.hooks.has(Hook::ChatMessage);
        let is_same = stored.session_id == session_id
            && stored.delivery == delivery
            && (is_said_otherwise || stored.prompt.without_content() == prompt.without_content());
        if !is_same {
            return Err(AdmissionError::Conflict(id));
        }
        if resume {
            self.wake(location, &session_id);
        }
        Ok(stored)
    }

    /// Lets a session go to work if something waits for it; what it does already, it goes on with.
    pub fn wake(&self, location: &Arc<Location>, session_id: &SessionId) {
        drop(self.run(location, session_id));
    }

    /// Lets the conversation be shortened, at once or after the step that goes on. That is kept until it is done.
    ///
    /// # Errors
    /// There is no such session; the database failed.
    pub async fn compact(&self, location: &Arc<Location>, session_id: &SessionId) -> Result<(), Error> {
        self.session(session_id).await?;
        let id = session_id.clone();
        let kept = location
            .store
            .write(move |transaction| transaction.owe(&id, Owed::Compaction));
        kept.await?;
        self.wake(location, session_id);
        Ok(())
    }

    /// Lets another agent work from now on.
    ///
    /// # Errors
    /// There is no such session; the database failed.
    pub async fn switch_agent(&self, location: &Location, id: &SessionId, agent: &str) -> Result<(), Error> {
        let session = self.session(id).await?;
        if session.agent.as_deref() == Some(agent) {
            return Ok(());
        }
        let event = SessionEvent::AgentSwitched {
            timestamp: now(),
            session_id: id.clone(),
            message_id: MessageId::new(),
            agent: agent.to_owned(),
        };
        Ok(location.store.publish(event.into()).await?)
    }

    /// Lets another model work from now on.
    ///
    /// # Errors
    /// There is no such session; the database failed.
    pub async fn switch_model(
        &self,
        location: &Location,
        id: &SessionId,
        model: SessionModel,
    ) -> Result<(), Error> {
        let session = self.session(id).await?;
        if session.model.as_ref() == Some(&model) {
            return Ok(());
        }
        let event = SessionEvent::ModelSwitched {
            timestamp: now(),
            session_id: id.clone(),
            message_id: MessageId::new(),
            model,
        };
        Ok(location.store.publish(event.into()).await?)
    }

    /// The location that a session works in.
    ///
    /// # Errors
    /// Its configuration is wrong; the database failed.
    pub async fn location_of(&self, session: &Session) -> Result<Arc<Location>, Error> {
        self.location(std::path::Path::new(&session.directory)).await
    }
}

/// A prompt whose files are read.
async fn materialised(
    location: &Arc<Location>,
    session_id: &SessionId,
    mut prompt: Prompt,
) -> Result<Prompt, Error> {
    for file in prompt.files.iter_mut().flatten() {
        let PromptFile { uri, mime, name, .. } = file.clone();
        let part = FilePart {
            mime,
            filename: name,
            url: uri,
            ..FilePart::default()
        };
        let resolved = attachment::resolve(location, session_id, None, part).await?;
        file.content = resolved.into_iter().map(|(_, body)| body).collect();
    }
    Ok(prompt)
}
