//! Work of a session that goes on by itself: commands and tasks in the background, tasks that are waited for, and
//! what the user runs (reference `v2.md` §13, §14 rows 2 and 16). A row says that it runs and in which program, so
//! that its end, or that it has none, is told once, whatever becomes of the program.

use opencode_schema::time::{Millis, now};
use opencode_schema::{MessageId, SessionId};

use crate::sql::{Optional as _, Row, params};
use crate::{Error, Transaction, View};

/// The table is not the reference program's, which leaves it alone.
pub(crate) const TABLE: &str = "CREATE TABLE IF NOT EXISTS background_job (
  id text PRIMARY KEY,
  session_id text NOT NULL,
  kind text NOT NULL,
  title text NOT NULL,
  child_id text,
  message_id text NOT NULL,
  is_durable integer NOT NULL,
  is_background integer NOT NULL,
  owner text NOT NULL,
  status text NOT NULL,
  result text,
  is_told integer NOT NULL,
  time_created integer NOT NULL,
  time_completed integer,
  CONSTRAINT background_job_message UNIQUE (message_id),
  CONSTRAINT fk_background_job_session FOREIGN KEY (session_id) REFERENCES session (id) ON DELETE CASCADE
)";

pub(crate) const INDEX: &str =
    "CREATE INDEX IF NOT EXISTS background_job_session_idx ON background_job (session_id, time_created)";

const COLUMNS: &str = "id, session_id, kind, title, child_id, message_id, is_durable, is_background, owner, status, \
    result, is_told, time_created, time_completed";

/// Jobs that have ended and are kept for each session.
const KEPT: i64 = 100;

/// Of no program any more.
const NOBODY: &str = "";

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $word:literal,)* } else $other:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$item_doc])* $item,)* }

        impl $name {
            /// The word for it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$item => $word,)* }
            }

            /// What a newer program calls otherwise is the last of them.
            fn named(word: &str) -> Self {
                match word { $($word => Self::$item,)* _ => Self::$other }
            }
        }
    };
}

words! {
    /// What goes on.
    JobKind {
        /// A command line of a model.
        Command = "bash",
        /// A task that another agent works on.
        Task = "task",
        /// A command line of the user.
        Shell = "shell",
        /// A skill that the user wants.
        Skill = "skill",
    } else Command
}

words! {
    /// How far it is.
    JobStatus {
        /// It goes on.
        Running = "running",
        /// It came to its end.
        Completed = "completed",
        /// It failed.
        Error = "error",
        /// Somebody stopped it.
        Cancelled = "cancelled",
        /// Its program ended before it did.
        Lost = "lost",
    } else Lost
}

/// A piece of work that goes on by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id, `job_…`.
    pub id: String,
    /// The session that began it.
    pub session_id: SessionId,
    /// What it is.
    pub kind: JobKind,
    /// The command line, or the task in few words.
    pub title: String,
    /// The session that works on a task.
    pub child: Option<SessionId>,
    /// The message that tells of it.
    pub message_id: MessageId,
    /// Whether the session is a durable one.
    pub is_durable: bool,
    /// Nobody waits for it: the session is told of its end.
    pub is_background: bool,
    /// The program that it runs in.
    pub owner: String,
    /// How far it is.
    pub status: JobStatus,
    /// What came of it.
    pub result: Option<String>,
    /// Nothing is left to be told of it.
    pub is_told: bool,
    /// When it began.
    pub created: Millis,
    /// When it ended.
    pub completed: Option<Millis>,
}

impl Job {
    /// One that begins now.
    #[must_use]
    pub fn new(id: String, session_id: SessionId, kind: JobKind, title: String, owner: &str) -> Self {
        Self {
            id,
            session_id,
            kind,
            title,
            child: None,
            message_id: MessageId::new(),
            is_durable: false,
            is_background: false,
            owner: owner.to_owned(),
            status: JobStatus::Running,
            result: None,
            is_told: false,
            created: now(),
            completed: None,
        }
    }

    /// Whether a program is known to be gone that it ran in.
    #[must_use]
    pub fn is_nobodys(&self) -> bool {
        self.owner == NOBODY
    }
}

fn job_of(row: &Row<'_>) -> Result<Job, Error> {
    let (kind, status): (String, String) = (row.get(2)?, row.get(9)?);
    Ok(Job {
        id: row.get(0)?,
        session_id: SessionId::trusted(row.get::<_, String>(1)?),
        kind: JobKind::named(&kind),
        title: row.get(3)?,
        child: row.get::<_, Option<String>>(4)?.map(SessionId::trusted),
        message_id: MessageId::trusted(row.get::<_, String>(5)?),
        is_durable: row.get(6)?,
        is_background: row.get(7)?,
        owner: row.get(8)?,
        status: JobStatus::named(&status),
        result: row.get(10)?,
        is_told: row.get(11)?,
        created: row.get(12)?,
        completed: row.get(13)?,
    })
}

impl View<'_> {
    fn has_jobs(&self) -> Result<bool, Error> {
        self.raw().has_table("background_job")
    }

    /// A job.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn job(&self, id: &str) -> Result<Option<Job>, Error> {
        if !self.has_jobs()? {
            return Ok(None);
        }
        self.raw()
            .prepare_cached(&format!("SELECT {COLUMNS} FROM background_job WHERE id = ?1"))?
            .query_row([id], job_of)
            .optional()
    }

    /// The jobs of a session, in the order of their start.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn jobs(&self, session: &SessionId) -> Result<Vec<Job>, Error> {
        if !self.has_jobs()? {
            return Ok(Vec::new());
        }
        let mut statement = self.raw().prepare_cached(&format!(
            "SELECT {COLUMNS} FROM background_job WHERE session_id = ?1 ORDER BY time_created, id"
        ))?;
        let rows = statement.query_map([session.as_str()], job_of)?;
        rows.collect()
    }

    /// The jobs of which something is still to be told, of all sessions.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open_jobs(&self) -> Result<Vec<Job>, Error> {
        if !self.has_jobs()? {
            return Ok(Vec::new());
        }
        let mut statement = self.raw().prepare_cached(&format!(
            "SELECT {COLUMNS} FROM background_job WHERE is_told = 0 ORDER BY time_created, id"
        ))?;
        let rows = statement.query_map([], job_of)?;
        rows.collect()
    }

    /// Whether a prompt with this id tells of a job, and is not what the user said.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn tells_of_job(&self, id: &MessageId) -> Result<bool, Error> {
        Ok(self.has_jobs()?
            && self
                .raw()
                .prepare_cached("SELECT 1 FROM background_job WHERE message_id = ?1")?
                .exists([id.as_str()])?)
    }
}

impl Transaction<'_> {
    /// Writes down that a job begins. The oldest that have ended are forgotten when there are many.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such session; the database refused it.
    pub fn begin_job(&mut self, job: &Job) -> Result<(), Error> {
        self.session(&job.session_id)?;
        self.raw().ensure_table(TABLE)?;
        self.raw().ensure_table(INDEX)?;
        self.raw()
            .prepare_cached(&format!(
                "INSERT INTO background_job ({COLUMNS})
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
            ))?
            .execute(params![
                job.id,
                job.session_id.as_str(),
                job.kind.as_str(),
                job.title,
                job.child.as_ref().map(SessionId::as_str),
                job.message_id.as_str(),
                job.is_durable,
                job.is_background,
                job.owner,
                job.status.as_str(),
                job.result,
                job.is_told,
                job.created,
                job.completed,
            ])?;
        self.raw()
            .prepare_cached(
                "DELETE FROM background_job WHERE session_id = ?1 AND is_told = 1 AND id NOT IN (
                   SELECT id FROM background_job WHERE session_id = ?1 ORDER BY time_created DESC, id DESC LIMIT ?2)",
            )?
            .execute(params![job.session_id.as_str(), KEPT])?;
        Ok(())
    }

    /// Writes down how a job ended. `None` when it had ended before: of several that end it, one is given it.
    ///
    /// # Errors
    /// The database refused it.
    pub fn end_job(
        &mut self,
        id: &str,
        status: JobStatus,
        result: Option<&str>,
    ) -> Result<Option<Job>, Error> {
        if !self.has_jobs()? {
            return Ok(None);
        }
        let changed = self
            .raw()
            .prepare_cached(
                "UPDATE background_job SET status = ?2, result = ?3, time_completed = ?4
                 WHERE id = ?1 AND status = 'running'",
            )?
            .execute(params![id, status.as_str(), result, now()])?;
        match changed {
            0 => Ok(None),
            _ => self.job(id),
        }
    }

    /// Writes down that nothing is left to be told of a job. False when that was so before.
    ///
    /// # Errors
    /// The database refused it.
    pub fn job_is_told(&mut self, id: &str) -> Result<bool, Error> {
        let changed = self
            .raw()
            .prepare_cached("UPDATE background_job SET is_told = 1 WHERE id = ?1 AND is_told = 0")?
            .execute([id])?;
        Ok(changed > 0)
    }

    /// Writes down that nobody waits any more for the tasks of a session.
    ///
    /// # Errors
    /// The database refused it.
    pub fn detach_tasks(&mut self, session: &SessionId) -> Result<(), Error> {
        if self.has_jobs()? {
            self.raw()
                .prepare_cached(
                    "UPDATE background_job SET is_background = 1
                     WHERE session_id = ?1 AND kind = 'task' AND status = 'running'",
                )?
                .execute([session.as_str()])?;
        }
        Ok(())
    }

    /// Writes down that a program ends: what is still to be told of its jobs, others tell.
    ///
    /// # Errors
    /// The database refused it.
    pub fn leave_jobs(&mut self, owner: &str) -> Result<(), Error> {
        if self.has_jobs()? {
            self.raw()
                .prepare_cached("UPDATE background_job SET owner = ?2 WHERE owner = ?1 AND is_told = 0")?
                .execute([owner, NOBODY])?;
        }
        Ok(())
    }
}
