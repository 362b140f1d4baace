//! Activities of durable sessions: what a prompt set off, from the moment at which it was taken into the
//! conversation until its model has nothing more to do (reference `v2.md` §14 rows 22, 23, 27, 28).
//!
//! An activity is open from its first prompt on, and is settled or abandoned once. One that is open although nobody
//! works on it was left behind by a program that ended; how often one was taken up again by itself is counted, so
//! that a program which dies of it does not do so for ever.

use crate::sql::{Optional as _, Params, Row, params};
use opencode_schema::{MessageId, SessionId, SessionInput, SessionMessageBody, id, time::now};

use crate::{Attempt, Error, Owed, Transaction, View};

/// The tables are not the reference program's, which leaves them alone. The few activities that are open are found
/// by an index of their own, however many there were before.
pub(crate) const ACTIVITIES: &str = "CREATE TABLE IF NOT EXISTS session_activity (
  id text PRIMARY KEY,
  session_id text NOT NULL,
  opener text NOT NULL,
  state text NOT NULL,
  first_seq integer NOT NULL,
  last_seq integer,
  recoveries integer NOT NULL,
  retries integer NOT NULL,
  time_created integer NOT NULL,
  time_updated integer NOT NULL,
  CONSTRAINT fk_session_activity_session FOREIGN KEY (session_id) REFERENCES session (id) ON DELETE CASCADE
)";
pub(crate) const OPEN: &str = "CREATE UNIQUE INDEX IF NOT EXISTS session_activity_open ON session_activity (session_id) WHERE state = 'open'";
pub(crate) const INPUTS: &str = "CREATE TABLE IF NOT EXISTS session_activity_input (
  input_id text PRIMARY KEY,
  activity_id text NOT NULL,
  CONSTRAINT fk_session_activity_input_activity FOREIGN KEY (activity_id)
    REFERENCES session_activity (id) ON DELETE CASCADE
)";

const COLUMNS: &str = "id, session_id, opener, state, first_seq, last_seq, recoveries, retries";

/// How often an activity is taken up by itself without its model saying anything.
pub const MOST_RECOVERIES: u32 = 3;

/// How far an activity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ActivityState {
    /// Somebody works on it, or somebody's program ended meanwhile.
    Open,
    /// Its model has nothing more to do, or failed.
    Settled,
    /// It was given up before it was done.
    Abandoned,
}

impl ActivityState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Settled => "settled",
            Self::Abandoned => "abandoned",
        }
    }

    fn named(name: &str) -> Self {
        match name {
            "open" => Self::Open,
            "abandoned" => Self::Abandoned,
            _ => Self::Settled,
        }
    }
}

/// What a prompt set off.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// Its name, `act_…`.
    pub id: String,
    /// Where it happens.
    #[serde(rename = "sessionID")]
    pub session_id: SessionId,
    /// The prompt that it began with.
    pub opener: MessageId,
    /// How far it is.
    pub state: ActivityState,
    /// The place in the session's log at which it began.
    pub first_seq: i64,
    /// The place at which it ended.
    pub last_seq: Option<i64>,
    /// How often it was taken up by itself since its model last said something.
    pub recoveries: u32,
    /// How often its request failed since then in a way that may pass.
    pub retries: u32,
}

/// What is to be done with a session that nobody works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing: it is not in the middle of anything.
    Rests,
    /// It can go on without doing anything twice.
    GoesOn,
    /// An answer is whole whose calls were being run.
    Answered,
    /// Its model has nothing more to do, which was not written down any more.
    Over,
    /// What it was in the middle of may have had effects: somebody must say what is to become of it.
    Undecided,
}

impl View<'_> {
    /// The activity of a session that is open.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open_activity(&self, session: &SessionId) -> Result<Option<Activity>, Error> {
        Ok(self
            .activities_where("session_id = ?1 AND state = 'open'", session.as_str())?
            .pop())
    }

    /// All activities of a session, the oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn activities(&self, session: &SessionId) -> Result<Vec<Activity>, Error> {
        self.activities_where("session_id = ?1 ORDER BY first_seq", session.as_str())
    }

    fn activities_where(&self, condition: &str, value: &str) -> Result<Vec<Activity>, Error> {
        if !self.raw().has_table("session_activity")? {
            return Ok(Vec::new());
        }
        let mut statement = self.raw().prepare_cached(&format!(
            "SELECT {COLUMNS} FROM session_activity WHERE {condition}"
        ))?;
        let rows = statement.query_map([value], activity_of)?;
        rows.collect()
    }

    /// The activity that a prompt was taken into.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn activity_of(&self, input: &MessageId) -> Result<Option<String>, Error> {
        if !self.raw().has_table("session_activity_input")? {
            return Ok(None);
        }
        self.raw()
            .prepare_cached("SELECT activity_id FROM session_activity_input WHERE input_id = ?1")?
            .query_row([input.as_str()], |row| row.get(0))
            .optional()
    }

    /// Sessions with an activity that is open, at most `limit`, from behind `after` on.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn sessions_with_open_activities(
        &self,
        after: Option<&SessionId>,
        limit: u32,
    ) -> Result<Vec<SessionId>, Error> {
        if !self.raw().has_table("session_activity")? {
            return Ok(Vec::new());
        }
        let mut statement = self.raw().prepare_cached(
            "SELECT session_id FROM session_activity WHERE state = 'open' AND session_id > ?1
             ORDER BY session_id LIMIT ?2",
        )?;
        let from = after.map_or("", SessionId::as_str);
        let rows = statement.query_map(params![from, limit], |row| {
            Ok(SessionId::trusted(row.get::<_, String>(0)?))
        })?;
        rows.collect()
    }

    /// What is to be done with a session, as its rows say when nobody works on it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn standing(&self, session: &SessionId) -> Result<Standing, Error> {
        if self.is_owed(session, Owed::Resume)? {
            // Somebody has said so.
            return Ok(Standing::GoesOn);
        }
        let (attempt, activity) = (self.attempt(session)?, self.open_activity(session)?);
        let may = activity
            .as_ref()
            .is_none_or(|activity| activity.recoveries < MOST_RECOVERIES);
        let standing = match (attempt, activity) {
            (Some(Attempt::Prepared), _) => Standing::GoesOn,
            (Some(Attempt::Answered), _) => Standing::Answered,
            (Some(_), _) => Standing::Undecided,
            (None, _) if self.is_owed(session, Owed::Continuation)? => Standing::GoesOn,
            (None, None) => Standing::Rests,
            (None, Some(activity)) => match self.is_answered(&activity)? {
                false => Standing::GoesOn,
                true if self.waits_for_model(session)? => Standing::Undecided,
                true => Standing::Over,
            },
        };
        Ok(match standing {
            Standing::GoesOn | Standing::Answered if !may => Standing::Undecided,
            standing => standing,
        })
    }

    /// Whether something was answered after the newest prompt of an activity.
    fn is_answered(&self, activity: &Activity) -> Result<bool, Error> {
        let newest_prompt: Option<i64> = self
            .raw()
            .prepare_cached(
                "SELECT max(i.promoted_seq) FROM session_input i
                 JOIN session_activity_input a ON a.input_id = i.id WHERE a.activity_id = ?1",
            )?
            .query_row([activity.id.as_str()], |row| row.get(0))?;
        let newest_answer: Option<i64> = self
            .raw()
            .prepare_cached(
                "SELECT max(seq) FROM session_message WHERE session_id = ?1 AND type = 'assistant'",
            )?
            .query_row([activity.session_id.as_str()], |row| row.get(0))?;
        Ok(match (newest_prompt, newest_answer) {
            // Prompts that were taken back want no answer.
            (None, _) => true,
            (Some(_), None) => false,
            (Some(prompt), Some(answer)) => answer > prompt,
        })
    }

    /// Whether the newest answer is one whose model was not told what its calls gave.
    fn waits_for_model(&self, session: &SessionId) -> Result<bool, Error> {
        Ok(self.newest_answer(session)?.is_some_and(|newest| {
            matches!(&newest.body, SessionMessageBody::Assistant(answer)
                if answer.error.is_none() && answer.waits_for_model())
        }))
    }
}

impl Transaction<'_> {
    fn create_activities(&self) -> Result<(), Error> {
        for statement in [ACTIVITIES, OPEN, INPUTS] {
            self.raw().ensure_table(statement)?;
        }
        Ok(())
    }

    /// Takes prompts into the conversation and into the activity that is open; the first opens one when there is
    /// none.
    ///
    /// # Errors
    /// [`Error::Refused`] when one does not wait any more.
    pub fn take_up(&mut self, session: &SessionId, inputs: Vec<SessionInput>) -> Result<(), Error> {
        self.create_activities()?;
        let mut activity = self.open_activity(session)?.map(|activity| activity.id);
        for input in inputs {
            let input_id = input.id.clone();
            self.promote(input)?;
            let activity_id = match &activity {
                Some(id) => id.clone(),
                None => self.begin_activity(session, &input_id)?,
            };
            self.raw()
                .prepare_cached(
                    "INSERT INTO session_activity_input (input_id, activity_id) VALUES (?1, ?2)
                     ON CONFLICT (input_id) DO UPDATE SET activity_id = excluded.activity_id",
                )?
                .execute([input_id.as_str(), &activity_id])?;
            activity = Some(activity_id);
        }
        Ok(())
    }

    fn begin_activity(&self, session: &SessionId, opener: &MessageId) -> Result<String, Error> {
        let id = id::generate("act", id::Order::Ascending);
        let seq = self.last_seq(session)?;
        self.raw()
            .prepare_cached(
                "INSERT INTO session_activity
                   (id, session_id, opener, state, first_seq, recoveries, retries, time_created, time_updated)
                 VALUES (?1, ?2, ?3, 'open', ?4, 0, 0, ?5, ?5)",
            )?
            .execute(params![id, session.as_str(), opener.as_str(), seq, now()])?;
        Ok(id)
    }

    /// Ends the activity of a session that is open, if one is.
    ///
    /// # Errors
    /// The database refused it.
    pub fn end_activity(&mut self, session: &SessionId, state: ActivityState) -> Result<(), Error> {
        let seq = self.last_seq(session)?;
        self.change_activity(
            "UPDATE session_activity SET state = ?2, last_seq = ?3, time_updated = ?4
             WHERE session_id = ?1 AND state = 'open'",
            params![session.as_str(), state.as_str(), seq, now()],
        )
    }

    /// Counts that the activity of a session is taken up by itself.
    ///
    /// # Errors
    /// The database refused it.
    pub fn count_recovery(&mut self, session: &SessionId) -> Result<(), Error> {
        self.change_activity(
            "UPDATE session_activity SET recoveries = recoveries + 1, time_updated = ?2
             WHERE session_id = ?1 AND state = 'open'",
            params![session.as_str(), now()],
        )
    }

    /// Keeps how often the request of a session failed in a way that may pass.
    ///
    /// # Errors
    /// The database refused it.
    pub fn set_retries(&mut self, session: &SessionId, retries: u32) -> Result<(), Error> {
        self.change_activity(
            "UPDATE session_activity SET retries = ?2, time_updated = ?3 WHERE session_id = ?1 AND state = 'open'",
            params![session.as_str(), retries, now()],
        )
    }

    /// The model of a session has said something: what was counted begins anew.
    ///
    /// # Errors
    /// The database refused it.
    pub fn note_progress(&mut self, session: &SessionId) -> Result<(), Error> {
        self.change_activity(
            "UPDATE session_activity SET recoveries = 0, retries = 0, time_updated = ?2
             WHERE session_id = ?1 AND state = 'open' AND (recoveries > 0 OR retries > 0)",
            params![session.as_str(), now()],
        )
    }

    fn change_activity(&self, statement: &str, values: impl Params) -> Result<(), Error> {
        if self.raw().has_table("session_activity")? {
            self.raw().prepare_cached(statement)?.execute(values)?;
        }
        Ok(())
    }
}

fn activity_of(row: &Row<'_>) -> Result<Activity, Error> {
    let state: String = row.get(3)?;
    Ok(Activity {
        id: row.get(0)?,
        session_id: SessionId::trusted(row.get::<_, String>(1)?),
        opener: MessageId::trusted(row.get::<_, String>(2)?),
        state: ActivityState::named(&state),
        first_seq: row.get(4)?,
        last_seq: row.get(5)?,
        recoveries: count(row.get(6)?),
        retries: count(row.get(7)?),
    })
}

/// A number of times; one that is too large is as large as can be.
fn count(stored: i64) -> u32 {
    u32::try_from(stored).unwrap_or(u32::MAX)
}
