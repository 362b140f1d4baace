//! What a user does himself in a durable session, without asking the model for it: running a command line, calling
//! for a skill (reference `v2.md` §14 row 2). Both are written down before they begin and when they have ended; a
//! row says in which program they run, so that those that a killed program left are shown as interrupted.

use std::sync::Arc;

use opencode_llm::stream::FinishReason;
use opencode_schema::session::{Cost, SessionModel, Tokens};
use opencode_schema::session_message::{Execution, StepError, ToolContent};
use opencode_schema::skill::Skill;
use opencode_schema::time::now;
use opencode_schema::{MessageId, Object, SessionEvent, SessionId, SessionMessage, SessionMessageBody, id};
use opencode_store::{Job, JobKind, JobStatus, Owed, Store, Transaction};
use opencode_tool::{Failure, Output, jobs, skill};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{AdmissionError, lease, settlement};
use crate::shell::run_to_end;
use crate::{Engine, Error, Location};

/// Tells whoever began something that it is written down.
type Begun = oneshot::Sender<SessionMessage>;

impl Engine {
    /// Runs a command line of the user in a durable session. Gives the message that it is as soon as that is
    /// stored; what it printed is in it when it has ended. The same id again is the same command line.
    ///
    /// # Errors
    /// See [`AdmissionError`]; [`Error::Busy`]. Nothing is run then.
    pub async fn run_shell(
        &self,
        location: &Arc<Location>,
        session_id: &SessionId,
        message_id: Option<MessageId>,
        command: String,
    ) -> Result<SessionMessage, AdmissionError> {
        if let Some(known) = self.known(session_id, message_id.as_ref()).await? {
            return match &known.body {
                SessionMessageBody::Shell { command: before, .. } if *before == command => Ok(known),
                _ => Err(AdmissionError::Conflict(known.id)),
            };
        }
        let mut job = self.new_job(jobs::new_id(), session_id, JobKind::Shell, command);
        job.message_id = message_id.unwrap_or_default();
        self.by_user(location, job, |work, begun| work.shell(begun)).await
    }

    /// Calls for a skill in a durable session as the user: its text is told to the model as what the call of a tool
    /// gave, and the model goes to work unless that is not wanted. Gives the message that holds the call.
    ///
    /// # Errors
    /// See [`AdmissionError`]; [`Error::SkillNotFound`]; [`Error::Busy`]. Nothing is stored then.
    pub async fn run_skill(
        &self,
        location: &Arc<Location>,
        session_id: &SessionId,
        message_id: Option<MessageId>,
        name: &str,
        resume: bool,
    ) -> Result<SessionMessage, AdmissionError> {
        if let Some(known) = self.known(session_id, message_id.as_ref()).await? {
            return match holds_call_of(&known, name) {
                true => Ok(known),
                false => Err(AdmissionError::Conflict(known.id)),
            };
        }
        let location = self.refreshed(location).await;
        let skill = location.skills.iter().find(|skill| skill.name == name).cloned();
        let skill = skill.ok_or_else(|| Error::SkillNotFound {
            name: name.to_owned(),
            available: location.skills.iter().map(|skill| skill.name.clone()).collect(),
        })?;
        let session = self.session(session_id).await?;
        let agent = match &session.agent {
            Some(name) => location.agent(name)?,
            None => location.default_agent()?,
        };
        let choice = self.model_for(&location, Some(&session), Some(&agent.name), None);
        let choice = choice.await?;
        let model = SessionModel {
            id: choice.model_id,
            provider_id: choice.provider_id,
            variant: session.model.and_then(|model| model.variant),
        };
        let call = Call {
            agent: agent.name.clone(),
            model,
            call_id: id::call_id(),
            skill,
            resume,
        };
        let mut job = self.new_job(jobs::new_id(), session_id, JobKind::Skill, name.to_owned());
        job.message_id = message_id.unwrap_or_default();
        self.by_user(&location, job, |work, begun| work.skill(call, begun))
            .await
    }

    /// A message that has this id already.
    async fn known(
        &self,
        session_id: &SessionId,
        message_id: Option<&MessageId>,
    ) -> Result<Option<SessionMessage>, AdmissionError> {
        self.session(session_id).await?;
        let Some(id) = message_id.cloned() else {
            return Ok(None);
        };
        let session = session_id.clone();
        let read = self.inner.store.read(move |view| {
            let message = view.session_message(&session, &id)?;
            let taken = message.is_none() && (view.is_message(&id)? || view.session_input(&id)?.is_some());
            Ok((message, taken.then_some(id)))
        });
        match read.await.map_err(Error::from)? {
            (_, Some(taken)) => Err(AdmissionError::Conflict(taken)),
            (message, None) => Ok(message),
        }
    }

    /// Does something alone in a session, and answers when it has begun.
    async fn by_user<W>(
        &self,
        location: &Arc<Location>,
        job: Job,
        work: impl FnOnce(ByUser, Begun) -> W + Send + 'static,
    ) -> Result<SessionMessage, AdmissionError>
    where
        W: Future<Output = Result<(), Error>> + Send,
    {
        let (begun, told) = oneshot::channel();
        let (engine, place, of) = (self.clone(), Arc::clone(location), job.session_id.clone());
        let doing = self.alone(location, &of, move |cancel| async move {
            let Some(lease) = lease::try_hold(&engine, &place.store, &job.session_id).await? else {
                return Err(Error::Busy(job.session_id));
            };
            let store = place.store.clone();
            let by_user = ByUser {
                store: store.fenced(&lease),
                engine: engine.clone(),
                location: place,
                job,
                cancel: cancel.clone(),
            };
            lease::during(&engine, &store, &lease, &cancel, work(by_user, begun)).await
        });
        tokio::select! {
            biased;
            Ok(message) = told => Ok(message),
            done = doing => match done {
                Ok(()) => Err(Error::Ending.into()),
                Err(error) => Err(error.into()),
            },
        }
    }
}

/// A skill that the user calls for.
struct Call {
    agent: String,
    model: SessionModel,
    call_id: String,
    skill: Skill,
    resume: bool,
}

/// Something that the user does, while it goes on.
struct ByUser {
    engine: Engine,
    location: Arc<Location>,
    /// Takes what is told, as long as this program runs the session.
    store: Store,
    job: Job,
    cancel: CancellationToken,
}

impl ByUser {
    async fn shell(self, begun: Begun) -> Result<(), Error> {
        let (session_id, call_id) = (self.job.session_id.clone(), id::call_id());
        let started = SessionEvent::ShellStarted {
            timestamp: now(),
            session_id: session_id.clone(),
            message_id: self.job.message_id.clone(),
            call_id: call_id.clone(),
            command: self.job.title.clone(),
        };
        self.begin(vec![started], begun).await?;
        let of = (&session_id, call_id.as_str());
        let ran = run_to_end(&self.location, of, &self.job.title, &self.cancel).await;
        if self.is_to_be_found_by_the_next() {
            return Ok(());
        }
        let (output, status) = match ran {
            Ok(output) if self.cancel.is_cancelled() => (output, JobStatus::Cancelled),
            Ok(output) => (output, JobStatus::Completed),
            Err(reason) => (reason, JobStatus::Error),
        };
        let ended = SessionEvent::ShellEnded {
            timestamp: now(),
            session_id,
            call_id,
            output,
        };
        self.end(status, vec![ended], |_| Ok(())).await
    }

    async fn skill(self, call: Call, begun: Begun) -> Result<(), Error> {
        self.begin(self.calling(&call), begun).await?;
        let loaded = skill::for_user(&call.skill, &self.cancel).await;
        if self.is_to_be_found_by_the_next() {
            return Ok(());
        }
        let status = match &loaded {
            Ok(_) => JobStatus::Completed,
            Err(Failure::Aborted) => JobStatus::Cancelled,
            Err(_) => JobStatus::Error,
        };
        let goes_on = call.resume && loaded.is_ok();
        let session_id = self.job.session_id.clone();
        let called = self.called(&call, loaded);
        let owes = move |transaction: &mut Transaction<'_>| {
            if goes_on {
                transaction.owe(&session_id, Owed::Continuation)?;
            }
            Ok(())
        };
        let (engine, location, session_id) = (
            self.engine.clone(),
            Arc::clone(&self.location),
            self.job.session_id.clone(),
        );
        self.end(status, called, owes).await?;
        if goes_on {
            engine.wake(&location, &session_id);
        }
        Ok(())
    }

    /// Writes down that it begins.
    async fn begin(&self, events: Vec<SessionEvent>, begun: Begun) -> Result<(), Error> {
        let job = self.job.clone();
        let stored = self.store.write(move |transaction| {
            if job.kind == JobKind::Skill {
                // It becomes the newest answer, so nothing may be open before it.
                settlement(&job.session_id)(transaction)?;
            }
            for event in events {
                transaction.publish(event.into())?;
            }
            transaction.begin_job(&job)?;
            transaction.session_message(&job.session_id, &job.message_id)
        });
        if let Some(message) = stored.await? {
            // Whoever began it may not wait any more.
            let _ = begun.send(message);
        }
        Ok(())
    }

    /// Whether the program ends: the next one shows that this was interrupted.
    fn is_to_be_found_by_the_next(&self) -> bool {
        self.engine.inner.housekeeping.is_cancelled()
    }

    /// Writes down that it has ended.
    async fn end(
        self,
        status: JobStatus,
        events: Vec<SessionEvent>,
        owes: impl FnOnce(&mut Transaction<'_>) -> Result<(), opencode_store::Error> + Send + 'static,
    ) -> Result<(), Error> {
        let id = self.job.id;
        let stored = self.store.write(move |transaction| {
            for event in events {
                transaction.publish(event.into())?;
            }
            transaction.end_job(&id, status, None)?;
            transaction.job_is_told(&id)?;
            owes(transaction)
        });
        Ok(stored.await?)
    }

    /// That the user calls for a skill, as an answer that holds the call.
    fn calling(&self, call: &Call) -> Vec<SessionEvent> {
        let session_id = || self.job.session_id.clone();
        let answer = || self.job.message_id.clone();
        let input = Object::from_iter([("name".to_owned(), Value::String(call.skill.name.clone()))]);
        let timestamp = now();
        vec![
            SessionEvent::Synthetic {
                timestamp,
                session_id: session_id(),
                message_id: MessageId::new(),
                text: format!(
                    "The user calls for the skill «{}» and wants you to follow it.",
                    call.skill.name
                ),
            },
            SessionEvent::StepStarted {
                timestamp,
                session_id: session_id(),
                assistant_message_id: answer(),
                agent: call.agent.clone(),
                model: call.model.clone(),
                snapshot: None,
            },
            SessionEvent::ToolInputStarted {
                timestamp,
                session_id: session_id(),
                assistant_message_id: answer(),
                call_id: call.call_id.clone(),
                name: TOOL.to_owned(),
            },
            SessionEvent::ToolInputEnded {
                timestamp,
                session_id: session_id(),
                assistant_message_id: answer(),
                call_id: call.call_id.clone(),
                text: Value::Object(input.clone()).to_string(),
            },
            SessionEvent::ToolCalled {
                timestamp,
                session_id: session_id(),
                assistant_message_id: answer(),
                call_id: call.call_id.clone(),
                tool: TOOL.to_owned(),
                input,
                provider: Execution::default(),
            },
        ]
    }

    /// What the call gave, and the end of the answer.
    fn called(&self, call: &Call, loaded: Result<Output, Failure>) -> Vec<SessionEvent> {
        let (timestamp, session_id) = (now(), self.job.session_id.clone());
        let (assistant_message_id, call_id) = (self.job.message_id.clone(), call.call_id.clone());
        let result = match loaded {
            Ok(output) => SessionEvent::ToolSuccess {
                timestamp,
                session_id: session_id.clone(),
                assistant_message_id: assistant_message_id.clone(),
                call_id,
                content: output.texts().map(words).collect(),
                structured: output.metadata,
                output_paths: Some(output.output_paths),
                result: None,
                provider: Execution::default(),
            },
            Err(failure) => SessionEvent::ToolFailed {
                timestamp,
                session_id: session_id.clone(),
                assistant_message_id: assistant_message_id.clone(),
                call_id,
                error: StepError::unknown(failure.to_string()),
                result: Some(json!({ "type": "error", "value": failure.to_string() })),
                provider: Execution::default(),
            },
        };
        let ended = SessionEvent::StepEnded {
            timestamp,
            session_id,
            assistant_message_id,
            finish: FinishReason::ToolCalls.as_str().to_owned(),
            cost: Cost::default(),
            tokens: Tokens::default(),
            snapshot: None,
            files: None,
        };
        vec![result, ended]
    }
}

/// The tool that skills are called for by.
const TOOL: &str = "skill";

fn words(text: &str) -> ToolContent {
    ToolContent::Text {
        text: text.to_owned(),
    }
}

/// Whether a message is the call of this skill by the user.
fn holds_call_of(message: &SessionMessage, name: &str) -> bool {
    let SessionMessageBody::Assistant(answer) = &message.body else {
        return false;
    };
    let mut calls = answer.calls();
    calls.any(|call| call.name == TOOL && call.input().get("name").and_then(Value::as_str) == Some(name))
}
