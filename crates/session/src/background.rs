//! What goes on after the turn that began it, and how its session is told (reference `v2.md` §13, §14 row 16).
//!
//! Each piece of such work is a row of the store from before it begins. Its end is told once: a durable session by
//! an input that is admitted in the write that ends the row, another one by a message whose id the row knows. What
//! a program leaves running is `lost` for the next one, which tells that.

mod lost;

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opencode_catalog::Choice;
use opencode_schema::input::{PartInput, PartInputBody};
use opencode_schema::prompt::{Delivery, Prompt as Said, SessionInput};
use opencode_schema::time::now;
use opencode_schema::{PartId, SessionId};
use opencode_store::{Job, JobKind, JobStatus, Owed, Transaction};
use opencode_tool::contract::{Background, JobInfo, JobOutcome};
use opencode_tool::{Call, Failure};

use crate::prompt::{DEFAULT_VARIANT, Prompt};
use crate::{Engine, Error, Location};

/// Lets the work of a call go on. When it has something to tell, the session is told once, and answers: after the
/// turn that runs, or in it, or with one of its own.
pub(crate) fn go_on<'a>(
    engine: &'a Engine,
    location: &'a Arc<Location>,
    call: &'a Call,
    is_durable: bool,
    work: Background,
) -> BoxFuture<'a, Result<(), Failure>> {
    async move {
        let Background { id, title, start } = work;
        let mut job = engine.new_job(id, &call.session_id, JobKind::Command, title);
        job.is_durable = is_durable;
        job.is_background = true;
        let id = job.id.clone();
        engine
            .begin_job(location, job)
            .await
            .map_err(|error| Failure::told(error.to_string()))?;
        let running = match start() {
            Ok(running) => running,
            Err(failure) => {
                let reason = failure.to_string();
                let ended = engine.end_job(location, &id, JobStatus::Error, &reason, false);
                if let Err(error) = ended.await {
                    tracing::warn!(%error, id, "a job that did not begin could not be ended");
                }
                return Err(failure);
            }
        };
        let (engine, location) = (engine.clone(), Arc::clone(location));
        let tasks = engine.inner.tasks.clone();
        tasks.spawn(async move {
            let end = running.await;
            let status = match end.outcome {
                JobOutcome::Completed => JobStatus::Completed,
                JobOutcome::Failed => JobStatus::Error,
                JobOutcome::Stopped => JobStatus::Cancelled,
            };
            let ended = engine.end_job(&location, &id, status, &end.text, !end.is_known);
            if let Err(error) = ended.await {
                tracing::warn!(%error, id, "the end of a command could not be told");
            }
        });
        Ok(())
    }
    .boxed()
}

impl Engine {
    /// A job of this program that begins now.
    pub(crate) fn new_job(&self, id: String, session_id: &SessionId, kind: JobKind, title: String) -> Job {
        let owner = self.inner.owner.name(self.paths());
        Job::new(id, session_id.clone(), kind, title, owner)
    }

    /// Writes down that a job begins.
    pub(crate) async fn begin_job(&self, location: &Location, job: Job) -> Result<(), Error> {
        let begun = location
            .store
            .write(move |transaction| transaction.begin_job(&job));
        Ok(begun.await?)
    }

    /// Writes down how a job ended, and tells its session if that is wanted. A program that ends says nothing: its
    /// jobs are lost, and the next one tells that.
    pub(crate) async fn end_job(
        &self,
        location: &Arc<Location>,
        id: &str,
        status: JobStatus,
        text: &str,
        tell: bool,
    ) -> Result<(), Error> {
        if self.inner.housekeeping.is_cancelled() {
            return Ok(());
        }
        let (id, text) = (id.to_owned(), text.to_owned());
        let ended = location.store.write(move |transaction| {
            let ended = transaction.end_job(&id, status, Some(&text))?;
            if let Some(job) = &ended {
                conclude(transaction, job, tell)?;
            }
            Ok(ended)
        });
        match ended.await? {
            Some(job) if tell => self.tell_of(job, Wake::Now).await,
            _ => Ok(()),
        }
    }

    /// Lets a session know of a job that has ended.
    async fn tell_of(&self, job: Job, wake: Wake) -> Result<(), Error> {
        let session = self.session(&job.session_id).await?;
        let location = self.location_of(&session).await?;
        if job.is_durable {
            self.wake(&location, &session.id);
            return Ok(());
        }
        let mut prompt = Prompt::notice(session.id.clone(), job.result.unwrap_or_default());
        // Said twice it is still one message.
        prompt
            .parts
            .iter_mut()
            .for_each(|part| name(part, job.message_id.as_str()));
        prompt.message_id = Some(job.message_id);
        // Whoever is at work in the session goes on.
        prompt.agent = session.agent;
        if let Some(model) = session.model {
            prompt.variant = model.variant.filter(|variant| variant != DEFAULT_VARIANT);
            prompt.model = Some(Choice {
                provider_id: model.provider_id,
                model_id: model.id,
            });
        }
        self.store_prompt(&location, prompt).await?;
        let told = location
            .store
            .write(move |transaction| transaction.job_is_told(&job.id));
        told.await?;
        match wake {
            Wake::Now => self.run(&location, &session.id).await.map(drop),
            Wake::Later => Ok(()),
        }
    }

    /// What a session has in the background or had there, for its tools and for people.
    ///
    /// # Errors
    /// There is no such session; the database failed.
    pub async fn jobs(&self, session_id: &SessionId) -> Result<Vec<Job>, Error> {
        self.session(session_id).await?;
        let id = session_id.clone();
        let jobs = self.inner.store.read(move |view| view.jobs(&id));
        Ok(jobs.await?)
    }

    /// Stops a job of a session with everything that belongs to it. The session is not told. False when it does not
    /// run here.
    ///
    /// # Errors
    /// There is no such session; the database failed.
    pub async fn stop_job(&self, session_id: &SessionId, id: &str) -> Result<bool, Error> {
        let jobs = self.jobs(session_id).await?;
        let running = |job: &Job| job.id == id && job.status == JobStatus::Running;
        let Some(job) = jobs.into_iter().find(running) else {
            return Ok(false);
        };
        let is_ours = job.owner == **self.inner.owner.name(self.paths());
        match job.kind {
            _ if !is_ours => return Ok(false),
            JobKind::Command => {
                let here = self.locations();
                let found = here.iter().find_map(|location| location.jobs.get(session_id, id));
                let Some(command) = found else { return Ok(false) };
                command.stop().await;
            }
            JobKind::Task => {
                let Some(child) = &job.child else { return Ok(false) };
                self.inner.delegations.stop(child).await;
            }
            JobKind::Shell | JobKind::Skill => {
                self.inner.coordinator.stop(session_id).await;
            }
        }
        // Whoever follows it writes that down, too; the first one does.
        let (id, text) = (id.to_owned(), "It was stopped.");
        let ended = self.inner.store.write(move |transaction| {
            let ended = transaction.end_job(&id, JobStatus::Cancelled, Some(text))?;
            match ended {
                Some(job) => conclude(transaction, &job, false),
                None => Ok(()),
            }
        });
        ended.await?;
        Ok(true)
    }

    /// Leaves the jobs of this program to the next one, which tells that they are lost.
    pub(crate) async fn leave_jobs(&self) {
        let Some(owner) = self.inner.owner.known_name().map(str::to_owned) else {
            return;
        };
        let left = self
            .inner
            .store
            .write(move |transaction| transaction.leave_jobs(&owner));
        if let Err(error) = left.await {
            tracing::debug!(%error, "jobs could not be left to the next program");
        }
    }

    /// Ends the commands that a session has in the background, without telling it.
    pub(crate) fn stop_commands(&self, session_id: &SessionId) {
        for location in self.locations() {
            location.jobs.stop(session_id);
        }
    }
}

/// Whether a session goes to work because of what it is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wake {
    Now,
    /// With the next prompt.
    Later,
}

/// In the write that ends a job: a durable session is told by it.
fn conclude(transaction: &mut Transaction<'_>, job: &Job, tell: bool) -> Result<(), opencode_store::Error> {
    if tell && job.is_durable {
        let input = SessionInput {
            admitted_seq: 0,
            id: job.message_id.clone(),
            session_id: job.session_id.clone(),
            prompt: Said {
                text: job.result.clone().unwrap_or_default(),
                ..Said::default()
            },
            delivery: Delivery::Steer,
            time_created: now(),
            promoted_seq: None,
        };
        transaction.admit(input)?;
        // Also when this program does not live to see it.
        transaction.owe(&job.session_id, Owed::Wake)?;
    }
    if !tell || job.is_durable {
        transaction.job_is_told(&job.id)?;
    }
    Ok(())
}

/// Gives a part the name that belongs to its message.
fn name(part: &mut PartInput, message: &str) {
    if let PartInputBody::Text(_) = part.body {
        let rest = message.split_once('_').map_or(message, |(_, rest)| rest);
        part.id = Some(PartId::trusted(format!("prt_{rest}")));
    }
}

/// What the session of a call has in the background or had there; what its user runs is not the tools' business.
pub(crate) async fn listed(engine: &Engine, call: &Call) -> Result<Vec<JobInfo>, Failure> {
    let jobs = engine.jobs(&call.session_id).await;
    let jobs = jobs.map_err(|error| Failure::told(error.to_string()))?;
    Ok(jobs.into_iter().filter_map(info).collect())
}

fn info(job: Job) -> Option<JobInfo> {
    matches!(job.kind, JobKind::Command | JobKind::Task).then(|| JobInfo {
        id: job.id,
        status: job.status.as_str().to_owned(),
        title: job.title,
        task: job.child,
        result: job.result,
    })
}
