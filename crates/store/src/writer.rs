//! The writer: one thread that owns the connection and commits waiting writes together.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opencode_schema::Event;
use opencode_schema::event::Origin;
use tokio::sync::{mpsc, oneshot};

use crate::feed::Feed;
use crate::sql::Connection;
use crate::{Error, Transaction};

/// Writes that are committed together at most.
const BATCH: usize = 256;
/// How long another process may keep us from writing before the caller is told.
const PATIENCE: Duration = Duration::from_secs(60);

/// Something for the writer to do.
pub(crate) enum Task {
    Write(Box<dyn Work>),
    Announce(Announcement),
}

/// An event that is sent in its turn without being stored.
pub(crate) struct Announcement(pub(crate) Arc<Event>);

/// A write whose result type the writer does not know.
pub(crate) trait Work: Send {
    /// Does the work in an open transaction and keeps its result. Returns the events to send.
    fn run(&mut self, connection: &Connection) -> Result<Vec<Arc<Event>>, Error>;
    /// Answers the caller: with the result, or with why the commit failed.
    fn answer(self: Box<Self>, committed: Result<(), Error>);
}

pub(crate) struct Write<T, F> {
    work: Option<F>,
    origin: Option<Arc<Origin>>,
    result: Option<Result<T, Error>>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<T, F> Write<T, F> {
    pub(crate) fn new(
        work: F,
        origin: Option<Arc<Origin>>,
        reply: oneshot::Sender<Result<T, Error>>,
    ) -> Self {
        Self {
            work: Some(work),
            origin,
            result: None,
            reply,
        }
    }
}

impl<T, F> Work for Write<T, F>
where
    T: Send + 'static,
    F: FnOnce(&mut Transaction<'_>) -> Result<T, Error> + Send + 'static,
{
    fn run(&mut self, connection: &Connection) -> Result<Vec<Arc<Event>>, Error> {
        let Some(work) = self.work.take() else {
            return Ok(Vec::new());
        };
        let mut transaction = Transaction::new(connection, self.origin.clone());
        let result = std::panic::catch_unwind(AssertUnwindSafe(|| work(&mut transaction)))
            .unwrap_or_else(|panic| Err(Error::Panicked(panic_message(panic.as_ref()))));
        let outcome = match &result {
            Ok(_) => Ok(transaction.into_events()),
            Err(error) => Err(error.clone()),
        };
        self.result = Some(result);
        outcome
    }

    fn answer(self: Box<Self>, committed: Result<(), Error>) {
        let result = match (self.result, committed) {
            (_, Err(error)) => Err(error),
            (Some(result), Ok(())) => result,
            (None, Ok(())) => Err(Error::Closed),
        };
        // The caller may have gone; what was stored stays stored.
        let _ = self.reply.send(result);
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown".to_owned())
}

pub(crate) struct Writer {
    connection: Connection,
    path: PathBuf,
    feed: Feed,
}

impl Writer {
    pub(crate) fn new(connection: Connection, path: PathBuf, feed: Feed) -> Self {
        Self {
            connection,
            path,
            feed,
        }
    }

    /// Works until every handle is dropped.
    pub(crate) fn run(mut self, mut queue: mpsc::Receiver<Task>) {
        let mut tasks = Vec::with_capacity(BATCH);
        while queue.blocking_recv_many(&mut tasks, BATCH) > 0 {
            self.batch(tasks.drain(..));
        }
        self.close();
    }

    fn batch(&mut self, tasks: impl Iterator<Item = Task>) {
        let mut done: Vec<Box<dyn Work>> = Vec::new();
        let mut outbox: Vec<Arc<Event>> = Vec::new();
        let mut open = false;
        // What could not be begun is not tried again for each of those that wait: each try is long.
        let mut refused: Option<Error> = None;
        for task in tasks {
            let mut work = match task {
                Task::Announce(Announcement(event)) => {
                    outbox.push(event);
                    continue;
                }
                Task::Write(work) => work,
            };
            if !open {
                if refused.is_none() {
                    refused = self.begin().err();
                }
                if let Some(error) = &refused {
                    work.answer(Err(error.clone()));
                    continue;
                }
                open = true;
            }
            match self.step(work.as_mut()) {
                Ok(events) => {
                    outbox.extend(events);
                    done.push(work);
                }
                Err(error) => {
                    work.answer(Err(error.clone()));
                    // A full disk undoes the whole transaction, and with it the writes before this one.
                    if self.connection.is_autocommit() {
                        open = false;
                        outbox.retain(|event| event.body.durable().is_none());
                        done.drain(..).for_each(|lost| lost.answer(Err(error.clone())));
                    }
                }
            }
        }
        let committed = if open { self.commit() } else { Ok(()) };
        // Listeners hear of it before the caller does, so that a caller who returns finds its events sent.
        if committed.is_ok() {
            outbox.into_iter().for_each(|event| self.feed.send(event));
        } else {
            outbox
                .into_iter()
                .filter(|event| event.body.durable().is_none())
                .for_each(|event| self.feed.send(event));
        }
        for work in done {
            work.answer(committed.clone());
        }
    }

    /// One write inside the batch: if it fails, only it is undone.
    fn step(&self, work: &mut dyn Work) -> Result<Vec<Arc<Event>>, Error> {
        self.connection.execute_batch("SAVEPOINT step")?;
        let done = work.run(&self.connection).and_then(|events| {
            self.connection.execute_batch("RELEASE step")?;
            Ok(events)
        });
        if done.is_err() && !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK TO step; RELEASE step")?;
        }
        done.map_err(|error| error.explain(&self.path))
    }

    fn begin(&self) -> Result<(), Error> {
        patiently(&self.path, || self.connection.begin())
    }

    fn commit(&self) -> Result<(), Error> {
        let result = patiently(&self.path, || self.connection.commit());
        if result.is_err() && !self.connection.is_autocommit() {
            let _ = self.connection.rollback();
        }
        result.map_err(|error| error.explain(&self.path))
    }

    /// Leaves the log small for the next start. Not needed for safety.
    fn close(self) {
        if let Connection::Sqlite(file) = self.connection {
            let _ = file.execute_batch("PRAGMA wal_checkpoint(PASSIVE)");
            if let Err((_, error)) = file.close() {
                tracing::debug!(%error, "closing the database");
            }
        }
    }
}

/// Repeats `attempt` while another process holds the lock, up to [`PATIENCE`]. SQLite itself waits only
/// [`crate::migration::BUSY_TIMEOUT`], and in some places not at all.
pub(crate) fn patiently<T>(
    path: &std::path::Path,
    attempt: impl FnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    patiently_for(PATIENCE, path, attempt)
}

/// [`patiently`], up to `patience`.
pub(crate) fn patiently_for<T>(
    patience: Duration,
    path: &std::path::Path,
    mut attempt: impl FnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    let begin = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        match attempt() {
            Err(error) if error.is_busy() => {
                if begin.elapsed() >= patience {
                    return Err(Error::Busy {
                        path: path.to_owned(),
                        waited: patience,
                    });
                }
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(50));
            }
            result => return result.map_err(|error| error.explain(path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use opencode_schema::project::{Project, Times};

    use super::*;
    use crate::migration;

    fn project(id: &str, bytes: usize) -> Project {
        Project {
            id: id.into(),
            worktree: "w".repeat(bytes),
            vcs: None,
            name: None,
            icon: None,
            commands: None,
            time: Times::default(),
            sandboxes: Vec::new(),
        }
    }

    fn write(project: Project) -> (Task, oneshot::Receiver<Result<(), Error>>) {
        let (reply, answer) = oneshot::channel();
        let work = move |transaction: &mut Transaction<'_>| transaction.put_project(&project);
        (Task::Write(Box::new(Write::new(work, None, reply))), answer)
    }

    #[test]
    fn a_full_disk_is_told_to_all_whose_work_is_lost_and_ends_with_space() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("opencode.db");
        let mut connection = rusqlite::Connection::open(&path).unwrap();
        migration::prepare(&mut connection, &path).unwrap();
        let pages: i64 = connection
            .query_row("PRAGMA page_count", [], |row| row.get(0))
            .unwrap();
        connection
            .query_row(&format!("PRAGMA max_page_count = {}", pages + 2), [], |_| Ok(()))
            .unwrap();
        let mut writer = Writer::new(connection.into(), path, Feed::new());

        let (small, small_answer) = write(project("small", 10));
        let (large, large_answer) = write(project("large", 100_000));
        writer.batch([small, large].into_iter());
        let error = large_answer.blocking_recv().unwrap().unwrap_err();
        assert!(matches!(error, Error::Full { .. }), "{error}");
        let small_is_told_stored = small_answer.blocking_recv().unwrap().is_ok();
        let stored = |writer: &Writer, id: &str| {
            writer
                .connection
                .prepare_cached("SELECT 1 FROM project WHERE id = ?1")
                .unwrap()
                .exists([id])
                .unwrap()
        };
        assert_eq!(small_is_told_stored, stored(&writer, "small"));
        assert!(!stored(&writer, "large"));

        let mut pages = writer
            .connection
            .prepare_cached("PRAGMA max_page_count = 1000000")
            .unwrap();
        assert!(pages.exists([]).unwrap());
        drop(pages);
        let (again, answer) = write(project("large", 100_000));
        writer.batch([again].into_iter());
        answer.blocking_recv().unwrap().unwrap();
        assert!(stored(&writer, "large"));
    }
}
