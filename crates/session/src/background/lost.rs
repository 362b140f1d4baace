//! Jobs whose program ended before they did: they are told of once, and nothing of them is begun again.

use opencode_config::lock;
use opencode_schema::time::now;
use opencode_schema::{SessionEvent, SessionId, SessionMessageBody};
use opencode_store::{Job, JobKind, JobStatus, Owed, Transaction};
use opencode_tool::{jobs, task};

use super::{Wake, conclude};
use crate::durable::settlement;
use crate::shell::INTERRUPTED;
use crate::{Engine, Error};

impl Engine {
    /// Deals with the jobs that programs which are gone have left, of one session or of all. Durable sessions go to
    /// work because of what they are told, others hear it with their next prompt.
    pub(crate) async fn settle_lost_jobs(&self, only: Option<&SessionId>) {
        if let Err(error) = self.settle_lost(only).await {
            tracing::warn!(%error, "jobs that were lost could not be told of");
        }
    }

    async fn settle_lost(&self, only: Option<&SessionId>) -> Result<(), Error> {
        let only = only.cloned();
        let open = self.inner.store.read(move |view| {
            let mut open = Vec::new();
            for job in view.open_jobs()? {
                if only.as_ref().is_none_or(|id| job.session_id == *id) {
                    let is_left = job.is_nobodys() || view.is_absent(&job.owner)?;
                    open.push((job, is_left));
                }
            }
            Ok(open)
        });
        for (job, is_left) in open.await? {
            if !is_left && !lock::is_left(self.paths(), &job.owner) {
                continue;
            }
            let id = job.id.clone();
            if let Err(error) = self.lose(job).await {
                tracing::warn!(%error, id, "a job that was lost could not be told of");
            }
        }
        Ok(())
    }

    async fn lose(&self, job: Job) -> Result<(), Error> {
        let text = notice(&job);
        let lost = self.inner.store.write(move |transaction| {
            let Some(lost) = transaction.end_job(&job.id, JobStatus::Lost, Some(&text))? else {
                // It ended, and its session was not told any more.
                return Ok(transaction.job(&job.id)?.filter(|job| !job.is_told));
            };
            settle(transaction, &lost)?;
            conclude(transaction, &lost, lost.is_background)?;
            Ok(Some(lost))
        });
        match lost.await? {
            Some(job) if job.is_background => self.tell_of(job, Wake::Later).await,
            _ => Ok(()),
        }
    }
}

/// What the session is told.
fn notice(job: &Job) -> String {
    match (&job.kind, &job.child) {
        (JobKind::Task, Some(child)) => task::lost(child, &job.title),
        (JobKind::Command | JobKind::Task, _) => jobs::lost(&job.id, &job.title),
        (JobKind::Shell | JobKind::Skill, _) => INTERRUPTED.to_owned(),
    }
}

/// Ends what it left open in the conversation.
fn settle(transaction: &mut Transaction<'_>, job: &Job) -> Result<(), opencode_store::Error> {
    match job.kind {
        JobKind::Command => Ok(()),
        JobKind::Task => match &job.child {
            // Nobody waits for what it would do now.
            Some(child) if job.is_durable && transaction.find_session(child)?.is_some() => {
                settlement(child)(transaction)?;
                for owed in [Owed::Continuation, Owed::Resume, Owed::Wake] {
                    transaction.settle_owed(child, owed)?;
                }
                Ok(())
            }
            _ => Ok(()),
        },
        JobKind::Skill => settlement(&job.session_id)(transaction),
        JobKind::Shell => {
            let message = transaction.session_message(&job.session_id, &job.message_id)?;
            let open = message.filter(|message| message.time.completed.is_none());
            let Some(SessionMessageBody::Shell { call_id, .. }) = open.map(|message| message.body) else {
                return Ok(());
            };
            let event = SessionEvent::ShellEnded {
                timestamp: now(),
                session_id: job.session_id.clone(),
                call_id,
                output: INTERRUPTED.to_owned(),
            };
            transaction.publish(event.into())
        }
    }
}
