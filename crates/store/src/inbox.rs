//! Prompts that wait to be taken into a conversation (reference `v2.md` §4).

use crate::sql::{Connection, Optional as _, Row, params};
use opencode_schema::prompt::{Delivery, SessionInput};
use opencode_schema::{MessageId, SessionEvent, SessionId};

use crate::{Error, Transaction, View};

const COLUMNS: &str = "id, session_id, prompt, delivery, admitted_seq, promoted_seq, time_created";

impl View<'_> {
    /// A prompt that was admitted, whether it still waits or not.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn session_input(&self, id: &MessageId) -> Result<Option<SessionInput>, Error> {
        input(self.raw(), id)
    }

    /// The prompts that wait to be taken in this way, the oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn waiting_inputs(
        &self,
        session: &SessionId,
        delivery: Delivery,
    ) -> Result<Vec<SessionInput>, Error> {
        let mut statement = self.raw().prepare_cached(&format!(
            "SELECT {COLUMNS} FROM session_input
             WHERE session_id = ?1 AND promoted_seq IS NULL AND delivery = ?2 ORDER BY admitted_seq"
        ))?;
        let rows = statement.query_map([session.as_str(), delivery.as_str()], input_of)?;
        rows.collect()
    }

    /// Whether any prompt waits in a session.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn has_waiting_inputs(&self, session: &SessionId) -> Result<bool, Error> {
        self.raw()
            .prepare_cached(
                "SELECT 1 FROM session_input WHERE session_id = ?1 AND promoted_seq IS NULL LIMIT 1",
            )?
            .exists([session.as_str()])
    }

    /// Sessions in which a prompt waits.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn sessions_with_inputs(&self) -> Result<Vec<SessionId>, Error> {
        let mut statement = self
            .raw()
            .prepare_cached("SELECT DISTINCT session_id FROM session_input WHERE promoted_seq IS NULL")?;
        let rows = statement.query_map([], |row| Ok(SessionId::trusted(row.get::<_, String>(0)?)))?;
        rows.collect()
    }
}

impl Transaction<'_> {
    /// Admits a prompt, unless one of its id was admitted before: gives the one that is stored.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such session, [`Error::Taken`] when a message has its id.
    pub fn admit(&mut self, input: SessionInput) -> Result<SessionInput, Error> {
        self.session(&input.session_id)?;
        if let Some(known) = self.session_input(&input.id)? {
            return Ok(known);
        }
        let id = input.id.clone();
        let event = SessionEvent::PromptAdmitted {
            timestamp: input.time_created,
            session_id: input.session_id,
            message_id: input.id,
            prompt: input.prompt,
            delivery: input.delivery,
        };
        self.publish(event.into())?;
        self.session_input(&id)?.ok_or_else(|| Error::NotFound {
            what: "prompt",
            id: id.to_string(),
        })
    }

    /// Takes a waiting prompt into the conversation. What tells of a job is said by the program, not by the user.
    ///
    /// # Errors
    /// [`Error::Refused`] when it does not wait any more.
    pub fn promote(&mut self, input: SessionInput) -> Result<(), Error> {
        if self.tells_of_job(&input.id)? {
            let event = SessionEvent::Synthetic {
                timestamp: input.time_created,
                session_id: input.session_id,
                message_id: input.id,
                text: input.prompt.text,
            };
            return self.publish(event.into());
        }
        let event = SessionEvent::Prompted {
            timestamp: input.time_created,
            session_id: input.session_id,
            message_id: input.id,
            // What was read of its files is kept by the inbox until here.
            prompt: input.prompt.without_content(),
            delivery: input.delivery,
        };
        self.publish(event.into())
    }
}

pub(crate) fn input(connection: &Connection, id: &MessageId) -> Result<Option<SessionInput>, Error> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM session_input WHERE id = ?1"))?;
    statement.query_row(params![id.as_str()], input_of).optional()
}

fn input_of(row: &Row<'_>) -> Result<SessionInput, Error> {
    let id: String = row.get(0)?;
    let unreadable = |reason: String| Error::Unreadable {
        what: "prompt",
        id: id.clone(),
        reason,
    };
    let (prompt, delivery): (String, String) = (row.get(2)?, row.get(3)?);
    let prompt = serde_json::from_str(&prompt).map_err(|error| unreadable(error.to_string()))?;
    let delivery = match delivery.as_str() {
        "steer" => Delivery::Steer,
        "queue" => Delivery::Queue,
        other => return Err(unreadable(format!("there is no delivery {other:?}"))),
    };
    Ok(SessionInput {
        id: MessageId::trusted(id),
        session_id: SessionId::trusted(row.get::<_, String>(1)?),
        prompt,
        delivery,
        admitted_seq: row.get(4)?,
        promoted_seq: row.get(5)?,
        time_created: row.get(6)?,
    })
}
