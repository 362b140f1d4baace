//! Commands that go on while the model does something else (beyond the reference; off unless configured).
//!
//! A job belongs to a session and ends with it, with the place and with the program, at the latest. The newest of
//! its output is kept ([`Log`]), never more. That it has ended is told once: to whoever asks first, or else to
//! the session by whoever follows it.

mod log;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indexmap::IndexMap;
use opencode_process::{Ending, Event, Running, ShellCommand, shell};
use opencode_schema::SessionId;
use opencode_schema::id::{Order, generate};
use tokio::io::AsyncWriteExt as _;
use tokio::process::ChildStdin;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use log::{Log, Page};

use crate::contract::{JobEnd, JobOutcome};

/// Jobs of a place that may run at the same time.
pub const MOST_RUNNING: usize = 16;
/// Jobs that have ended and are remembered.
const MOST_ENDED: usize = 32;
/// How long is waited until a command reads what is said to it.
const INPUT_LIMIT: Duration = Duration::from_secs(10);
/// Bytes of output that a session is told when a job ends.
const TOLD: usize = 4 * 1024;

/// The jobs of a place.
#[derive(Debug, Default)]
pub struct Jobs {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// In the order of their start.
    jobs: IndexMap<String, Arc<Job>>,
    /// The place is given up: no more are started.
    is_closed: bool,
}

/// A command that was started in the background.
#[derive(Debug)]
pub struct Job {
    /// Its name, `job_…`.
    pub id: String,
    /// Whose it is.
    pub session_id: SessionId,
    /// The command line.
    pub command: String,
    log: Mutex<Log>,
    ending: Mutex<Option<Ending>>,
    news: Notify,
    input: tokio::sync::Mutex<Option<ChildStdin>>,
    cancel: CancellationToken,
    /// Whether somebody knows that it has ended, or does not want to.
    told: AtomicBool,
}

/// Why a command was not started in the background.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too many run.
    #[error("{MOST_RUNNING} commands run in the background already; stop one of them first")]
    TooMany,
    /// The place is given up.
    #[error("this place is given up")]
    Closed,
    /// It could not be started.
    #[error(transparent)]
    Start(#[from] shell::Error),
}

/// A name for a job.
#[must_use]
pub fn new_id() -> String {
    generate("job", Order::Ascending)
}

impl Jobs {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a command under this name ([`new_id`]). Whoever starts it must let [`Followed::end`] run to its end.
    ///
    /// # Errors
    /// [`Error`].
    pub fn start(
        &self,
        id: String,
        session_id: &SessionId,
        command: ShellCommand,
    ) -> Result<Followed, Error> {
        let mut state = self.state();
        if state.is_closed {
            return Err(Error::Closed);
        }
        let running = state.jobs.values().filter(|job| job.ending().is_none()).count();
        if running >= MOST_RUNNING {
            return Err(Error::TooMany);
        }
        let cancel = CancellationToken::new();
        let line = command.command.clone();
        let mut running = ShellCommand {
            input: true,
            cancel: cancel.clone(),
            ..command
        }
        .start()?;
        let job = Arc::new(Job {
            id,
            session_id: session_id.clone(),
            command: line,
            log: Mutex::default(),
            ending: Mutex::default(),
            news: Notify::new(),
            input: tokio::sync::Mutex::new(running.take_input()),
            cancel,
            told: AtomicBool::new(false),
        });
        state.jobs.insert(job.id.clone(), Arc::clone(&job));
        let ended = state.jobs.values().filter(|job| job.ending().is_some());
        let surplus = ended.clone().count().saturating_sub(MOST_ENDED);
        let forgotten: Vec<String> = ended.take(surplus).map(|job| job.id.clone()).collect();
        for id in forgotten {
            state.jobs.shift_remove(&id);
        }
        let end = EndOnDrop(Arc::clone(&job));
        Ok(Followed { job, running, end })
    }

    /// The jobs of a session, in the order of their start.
    #[must_use]
    pub fn of(&self, session_id: &SessionId) -> Vec<Arc<Job>> {
        let state = self.state();
        let all = state.jobs.values();
        all.filter(|job| job.session_id == *session_id)
            .map(Arc::clone)
            .collect()
    }

    /// A job of a session.
    #[must_use]
    pub fn get(&self, session_id: &SessionId, id: &str) -> Option<Arc<Job>> {
        let job = self.state().jobs.get(id).map(Arc::clone)?;
        (job.session_id == *session_id).then_some(job)
    }

    /// Ends all jobs of a session; it is not told.
    pub fn stop(&self, session_id: &SessionId) {
        for job in self.of(session_id) {
            job.silence();
        }
    }

    /// Ends all jobs, for ever; nobody is told.
    pub fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.jobs.values().for_each(|job| job.silence());
    }
}

impl Job {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        *self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it is, in a few words.
    #[must_use]
    pub fn status(&self) -> String {
        match self.ending() {
            None => "running".to_owned(),
            Some(Ending::Exited { code: Some(code), .. }) => format!("ended with exit code {code}"),
            Some(Ending::Exited { signal, .. }) => match signal {
                Some(signal) => format!("ended by signal {signal}"),
                None => "ended".to_owned(),
            },
            Some(Ending::TimedOut) => "ended by its timeout".to_owned(),
            Some(Ending::Cancelled) => "stopped".to_owned(),
        }
    }

    /// What it wrote since this was last asked for. Waits for something, or for its end, at most `limit`.
    pub async fn read(&self, limit: Duration) -> Page {
        let wait = async {
            loop {
                let news = self.news.notified();
                if self.log().has_news() || self.ending().is_some() {
                    return;
                }
                news.await;
            }
        };
        // Late is as good as nothing new.
        let _ = tokio::time::timeout(limit, wait).await;
        if self.ending().is_some() {
            self.told.store(true, Ordering::SeqCst);
        }
        self.log().take()
    }

    /// Says something to it, and closes its input if that was all.
    ///
    /// # Errors
    /// A text: it does not listen any more, or did not in time.
    pub async fn say(&self, text: &str, end: bool) -> Result<(), String> {
        let saying = async {
            let mut input = self.input.lock().await;
            let Some(pipe) = input.as_mut() else {
                return Err("its input is closed".to_owned());
            };
            let said = async {
                pipe.write_all(text.as_bytes()).await?;
                pipe.flush().await
            };
            let said = said.await.map_err(|error| format!("it does not read: {error}"));
            if end || said.is_err() {
                *input = None;
            }
            said
        };
        tokio::time::timeout(INPUT_LIMIT, saying)
            .await
            .unwrap_or_else(|_| Err("it did not read all of it in time".to_owned()))
    }

    /// Ends it, and waits for that.
    pub async fn stop(&self) {
        self.silence();
        loop {
            let news = self.news.notified();
            if self.ending().is_some() {
                return;
            }
            news.await;
        }
    }

    fn silence(&self) {
        self.told.store(true, Ordering::SeqCst);
        self.cancel.cancel();
    }
}

/// A job with the process that it is.
#[derive(Debug)]
pub struct Followed {
    /// The job.
    pub job: Arc<Job>,
    running: Running,
    end: EndOnDrop,
}

impl Followed {
    /// Follows it to its end.
    pub async fn end(self) -> JobEnd {
        let Self {
            job,
            mut running,
            end: _end,
        } = self;
        let ending = loop {
            match running.next().await {
                Event::Output(bytes) => {
                    job.log().push(&bytes);
                    job.news.notify_waiters();
                }
                Event::Ended(ending) => break ending,
            }
        };
        *job.ending.lock().unwrap_or_else(PoisonError::into_inner) = Some(ending);
        job.news.notify_waiters();
        // Whoever says something at this moment holds it for a while.
        *job.input.lock().await = None;
        let is_known = job.told.swap(true, Ordering::SeqCst);
        let (output, is_all) = job.log().last(TOLD);
        let what = if is_all { "output" } else { "end of the output" };
        let text = format!(
            "<job id=\"{}\" status=\"{}\">\n<command>\n{}\n</command>\n<{what}>\n{output}\n</{what}>\n</job>",
            job.id,
            job.status(),
            job.command,
            what = what.replace(' ', "_"),
        );
        let outcome = match ending {
            Ending::Exited { code: Some(0), .. } => JobOutcome::Completed,
            Ending::Exited { .. } | Ending::TimedOut => JobOutcome::Failed,
            Ending::Cancelled => JobOutcome::Stopped,
        };
        JobEnd {
            outcome,
            text,
            is_known,
        }
    }
}

/// What a session is told of a command whose program ended before it did.
#[must_use]
pub fn lost(id: &str, command: &str) -> String {
    format!(
        "<job id=\"{id}\" status=\"lost\">\n<command>\n{command}\n</command>\n\
         The program ended while this command ran, and what it printed is gone. It was not started again: look at \
         what it did first.\n</job>"
    )
}

/// Whoever waits for a job does not wait for ever when it is no longer followed.
#[derive(Debug)]
struct EndOnDrop(Arc<Job>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0
            .ending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(Ending::Cancelled);
        self.0.news.notify_waiters();
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
