//! The work of a durable session: activities, one after the other, until its inbox is empty
//! (reference `v2.md` §6).

use std::sync::Arc;

use opencode_catalog::Choice;
use opencode_schema::agent::Agent;
use opencode_schema::message::{MessageModel, UserMessage, UserTime};
use opencode_schema::model::Model;
use opencode_schema::part::ToolPart;
use opencode_schema::prompt::Delivery;
use opencode_schema::session::Session;
use opencode_schema::session_message::{CompactionReason, StepError};
use opencode_schema::time::now;
use opencode_schema::{MessageError, MessageId, MessageWithParts, SessionEvent, SessionId, SessionMessage};
use opencode_store::{ActivityState, Attempt, Lease, Owed, Store};

use super::unfinished::{self, Unfinished};
use super::{compaction, epoch, history, lease};
use crate::coordinator::Running;
use crate::step::{self, Billed, Durable, StepInput, Verdict};
use crate::{Engine, Error, Location};

/// What a model is told that goes on after its program was ended.
const RESUMED: &str = "The program was ended while you were at work, and runs again now. Commands that ran were \
    stopped: look at what they did before you run them again. Go on with what you were doing.";
/// Calls of a model in one activity when configuration does not say.
const MOST_STEPS: u32 = 1_000;

/// Works until nothing waits any more. Nothing is asked of a model when nothing waits.
pub(crate) async fn drain(
    engine: &Engine,
    location: &Arc<Location>,
    session_id: &SessionId,
    running: &Running,
) -> Result<(), Error> {
    engine.inner.coordinator.look(running);
    let store = &location.store;
    let Some(lease) = lease::hold(engine, store, session_id, &running.cancel).await? else {
        // Whoever stops a session before it began does not want it woken by the next start.
        let is_stopped = running.cancel.is_cancelled() && !engine.inner.housekeeping.is_cancelled();
        let id = session_id.clone();
        let rests = store.write(move |transaction| {
            if is_stopped || !transaction.has_waiting_inputs(&id)? {
                transaction.settle_owed(&id, Owed::Wake)?;
            }
            Ok(())
        });
        rests.await?;
        return Ok(());
    };
    let mut work = Work {
        engine,
        store: store.fenced(&lease),
        lease: &lease,
        location: Arc::clone(location),
        session_id,
        running,
        tree: None,
        overflowed: false,
    };
    Box::pin(lease::during(engine, store, &lease, &running.cancel, work.all())).await
}

struct Work<'a> {
    engine: &'a Engine,
    location: Arc<Location>,
    /// Takes what is told, as long as this program runs the session.
    store: Store,
    lease: &'a Lease,
    session_id: &'a SessionId,
    running: &'a Running,
    /// The tree of files after the last step.
    tree: Option<String>,
    /// The last request did not fit, and the conversation was shortened because of it.
    overflowed: bool,
}

impl Work<'_> {
    async fn all(&mut self) -> Result<(), Error> {
        if !self.settle().await? {
            return Ok(());
        }
        let mut goes_on = self.resume().await?;
        loop {
            if self.running.cancel.is_cancelled() {
                return self.suspend().await;
            }
            self.shorten_if_wanted(None).await?;
            goes_on |= self.open_activity(goes_on).await?;
            if !goes_on {
                break;
            }
            goes_on = false;
            if !Box::pin(self.activity()).await? {
                return self.suspend().await;
            }
            self.engine.inner.coordinator.look(self.running);
        }
        let id = self.session_id.clone();
        let rests = self.store.write(move |transaction| {
            if !transaction.has_waiting_inputs(&id)? {
                transaction.settle_owed(&id, Owed::Wake)?;
            }
            Ok(())
        });
        rests.await?;
        Ok(())
    }

    /// Whether the session goes on with what it was doing when its program was ended. The model is told of that.
    async fn resume(&self) -> Result<bool, Error> {
        let event = SessionEvent::Synthetic {
            timestamp: now(),
            session_id: self.session_id.clone(),
            message_id: MessageId::new(),
            text: RESUMED.to_owned(),
        };
        let id = self.session_id.clone();
        let resumed = self.store.write(move |transaction| {
            if transaction.settle_owed(&id, Owed::Resume)? {
                transaction.publish(event.into())?;
                // Until its model is about to be asked.
                transaction.owe(&id, Owed::Continuation)?;
            }
            transaction.is_owed(&id, Owed::Continuation)
        });
        Ok(resumed.await?)
    }

    /// The session is stopped, maybe in the middle of something. If that is because the program is asked to end, the
    /// next one goes on with it; else somebody wants it to rest, and it is not woken by itself.
    async fn suspend(&self) -> Result<(), Error> {
        let is_ending = self.engine.inner.housekeeping.is_cancelled();
        let id = self.session_id.clone();
        let kept = self.store.write(move |transaction| {
            if !is_ending {
                transaction.settle_owed(&id, Owed::Wake)?;
                return unfinished::decision(&id, false)(transaction);
            }
            match transaction.open_activity(&id)? {
                Some(_) => transaction.owe(&id, Owed::Resume),
                None => Ok(()),
            }
        });
        Ok(kept.await?)
    }

    /// Puts in order what a program left that ended in the middle of something. False when the session is to rest
    /// because of it.
    async fn settle(&mut self) -> Result<bool, Error> {
        let is_durable = true;
        let tools = self.location.registry(is_durable);
        let unfinished = unfinished::settle(&self.store, self.session_id, |tool| {
            tools.get(tool).is_some_and(|tool| tool.is_idempotent())
        });
        match unfinished.await? {
            Unfinished::Ready => Ok(true),
            Unfinished::Undecided => Ok(false),
            Unfinished::Calls { answer, calls, cut } => {
                if !self.run_again(&answer, calls).await? {
                    self.suspend().await?;
                    return Ok(false);
                }
                if !cut {
                    return Ok(true);
                }
                // Others of its calls are not run again: somebody must say whether the model is to go on without.
                let id = self.session_id.clone();
                let waits = self.store.write(move |transaction| {
                    transaction.settle_owed(&id, Owed::Continuation)?;
                    Ok(transaction.is_owed(&id, Owed::Wake)? && transaction.has_waiting_inputs(&id)?)
                });
                if waits.await? {
                    self.store.write(unfinished::settlement(self.session_id)).await?;
                    return Ok(true);
                }
                Ok(false)
            }
        }
    }

    /// Runs calls again that have no result, and ends their step. False when the session is to rest now.
    async fn run_again(&mut self, answer: &SessionMessage, calls: Vec<ToolPart>) -> Result<bool, Error> {
        let chosen = match self.chosen().await? {
            Ok(chosen) => chosen,
            Err(reason) => {
                tracing::warn!(reason, "calls that were left are not run again");
                self.store.write(unfinished::settlement(self.session_id)).await?;
                return Ok(true);
            }
        };
        if self.running.cancel.is_cancelled() {
            return Ok(false);
        }
        self.tree = unfinished::tree_before(answer);
        let conversation = history::conversation(self.session_id, &chosen.user, self.messages().await?);
        let store = self.store.clone();
        let durable = Durable {
            system: "",
            store: &store,
            retries: 0,
        };
        let input = self.input(&chosen, &conversation, durable, false);
        let outcome = Box::pin(step::go_on(input, answer.id.clone(), calls)).await?;
        self.tree = outcome.tree;
        Ok(!outcome.failed && !outcome.declined)
    }

    /// Takes what waits into the conversation: everything that steers, else, unless an activity goes on, the oldest
    /// that queues.
    async fn open_activity(&self, goes_on: bool) -> Result<bool, Error> {
        let id = self.session_id.clone();
        let taken = self.store.write(move |transaction| {
            let mut next = transaction.waiting_inputs(&id, Delivery::Steer)?;
            if next.is_empty() && !goes_on {
                next = transaction.waiting_inputs(&id, Delivery::Queue)?;
                next.truncate(1);
            }
            let any = !next.is_empty();
            transaction.take_up(&id, next)?;
            Ok(any)
        });
        Ok(taken.await?)
    }

    /// Takes everything that steers into the activity that goes on. It is over when there is nothing and its model
    /// has nothing more to do.
    async fn take_steers(&self, goes_on: bool) -> Result<bool, Error> {
        let id = self.session_id.clone();
        let taken = self.store.write(move |transaction| {
            let steers = transaction.waiting_inputs(&id, Delivery::Steer)?;
            let any = !steers.is_empty();
            transaction.take_up(&id, steers)?;
            if !any && !goes_on {
                transaction.end_activity(&id, ActivityState::Settled)?;
            }
            Ok(any)
        });
        Ok(taken.await?)
    }

    /// Steps until the model has nothing more to do and nothing steers. False when the session is to rest now,
    /// whatever waits.
    async fn activity(&mut self) -> Result<bool, Error> {
        let mut steps = 1;
        loop {
            if self.running.cancel.is_cancelled() {
                return Ok(false);
            }
            let goes_on = match Box::pin(self.step(steps)).await? {
                Next::Rest => return Ok(false),
                Next::Continue => true,
                Next::Done => false,
            };
            steps += 1;
            self.engine.inner.coordinator.look(self.running);
            if self.take_steers(goes_on).await? {
                steps = 1;
            } else if !goes_on {
                return Ok(true);
            }
        }
    }

    /// Who works with which model, or why nobody can.
    async fn chosen(&mut self) -> Result<Result<Chosen, String>, Error> {
        let session = self.engine.session(self.session_id).await?;
        if session.directory != self.location.directory_text() {
            // It goes on where it is now.
            self.location = self.engine.location_of(&session).await?;
            self.store = self.location.store.fenced(self.lease);
            self.tree = None;
        }
        self.location = self.engine.refreshed(&self.location).await;
        let location = Arc::clone(&self.location);
        let agent = match &session.agent {
            Some(name) => location.agent(name),
            None => location.default_agent(),
        };
        let agent = match agent {
            Ok(agent) => agent.clone(),
            Err(error) => return Ok(Err(error.to_string())),
        };
        let wanted = self
            .engine
            .model_for(&location, Some(&session), session.agent.as_deref(), None);
        let choice = match wanted.await {
            Ok(choice) => choice,
            Err(error) => return Ok(Err(error.to_string())),
        };
        tokio::select! {
            () = location.catalog.ready(&choice.provider_id) => {}
            () = self.running.cancel.cancelled() => {}
        }
        let model = match location.catalog.model(&choice.provider_id, &choice.model_id) {
            Ok(model) => model,
            Err(error) => return Ok(Err(error.to_string())),
        };
        Ok(Ok(Chosen {
            user: user_message(&session, &agent.name, &choice),
            session,
            location,
            agent,
            model,
        }))
    }

    /// Shortens the conversation if somebody wants that.
    async fn shorten_if_wanted(&mut self, chosen: Option<&Chosen>) -> Result<(), Error> {
        let id = self.session_id.clone();
        let read = self
            .engine
            .inner
            .store
            .read(move |view| view.is_owed(&id, Owed::Compaction));
        if !read.await? {
            return Ok(());
        }
        let own = match chosen {
            Some(_) => None,
            None => self.chosen().await?.ok(),
        };
        if let Some(Chosen {
            session, user, model, ..
        }) = chosen.or(own.as_ref())
        {
            self.shorten(session, user, model, CompactionReason::Manual)
                .await?;
        }
        let id = self.session_id.clone();
        let done = self
            .store
            .write(move |transaction| transaction.settle_owed(&id, Owed::Compaction).map(drop));
        Ok(done.await?)
    }

    async fn step(&mut self, steps: u32) -> Result<Next, Error> {
        let chosen = match self.chosen().await? {
            Ok(chosen) => chosen,
            Err(reason) => {
                let session = self.engine.session(self.session_id).await?;
                return self.fail(&session, &reason).await;
            }
        };
        if self.running.cancel.is_cancelled() {
            return Ok(Next::Rest);
        }
        self.shorten_if_wanted(Some(&chosen)).await?;
        let Chosen {
            session,
            user,
            location,
            agent,
            model,
        } = &chosen;
        let system = epoch::system(self.engine, location, &self.store, session, agent, model).await?;
        let mut conversation = history::conversation(self.session_id, user, self.messages().await?);
        if compaction::is_due(location, model, &system, &conversation)
            && self.shorten(session, user, model, CompactionReason::Auto).await?
        {
            conversation = history::conversation(self.session_id, user, self.messages().await?);
        }
        let limits = location.config.limits.as_ref();
        let most = limits
            .and_then(|limits| limits.steps)
            .map_or(MOST_STEPS, std::num::NonZeroU32::get);
        let store = self.store.clone();
        let id = self.session_id.clone();
        let prepared = store.write(move |transaction| {
            transaction.set_attempt(&id, Some(Attempt::Prepared))?;
            transaction.settle_owed(&id, Owed::Continuation)?;
            let activity = transaction.open_activity(&id)?;
            Ok(activity.map_or(0, |activity| activity.retries))
        });
        let retries = prepared.await?;
        let durable = Durable {
            system: &system,
            store: &store,
            retries,
        };
        let is_last = agent.steps.is_some_and(|limit| steps >= limit) || steps >= most;
        let input = self.input(&chosen, &conversation, durable, is_last);
        let refused = self.engine.refused_spending(location, self.session_id).await?;
        let outcome = match refused {
            Some(reason) => step::refuse(&input, MessageError::unknown(reason)).await?,
            None => Box::pin(step::run(input)).await?,
        };
        self.tree = outcome.tree;
        let next = self
            .follow(outcome.verdict, outcome.called, outcome.declined, &chosen)
            .await?;
        if !matches!(next, Next::Continue) {
            let id = self.session_id.clone();
            let rests = self.store.write(move |transaction| {
                transaction.set_attempt(&id, None)?;
                transaction.settle_owed(&id, Owed::Continuation).map(drop)
            });
            rests.await?;
        }
        Ok(next)
    }

    fn input<'a>(
        &mut self,
        chosen: &'a Chosen,
        conversation: &'a [MessageWithParts],
        durable: Durable<'a>,
        is_last: bool,
    ) -> StepInput<'a>
    where
        Self: 'a,
    {
        StepInput {
            engine: self.engine,
            location: &chosen.location,
            session: chosen.session.clone(),
            agent: &chosen.agent,
            model: chosen.model.clone(),
            user_id: MessageId::new(),
            user: &chosen.user,
            history: conversation,
            durable: Some(durable),
            summary_of: None,
            billed: Billed::default(),
            answer_tool: None,
            is_last,
            user_named_agent: false,
            known_tree: self.tree.take(),
            cancel: self.running.cancel.clone(),
        }
    }

    /// What follows a step.
    async fn follow(
        &mut self,
        verdict: Verdict,
        called: bool,
        declined: bool,
        chosen: &Chosen,
    ) -> Result<Next, Error> {
        let Chosen {
            session, user, model, ..
        } = chosen;
        Ok(match verdict {
            Verdict::Shorten { overflow: true } => {
                // A conversation that does not fit after that never will.
                let is_first = !std::mem::replace(&mut self.overflowed, true);
                if is_first && self.shorten(session, user, model, CompactionReason::Auto).await? {
                    Next::Continue
                } else {
                    Next::Done
                }
            }
            Verdict::Continue | Verdict::Shorten { .. } => {
                self.overflowed = false;
                if called { Next::Continue } else { Next::Done }
            }
            Verdict::Stop if declined => Next::Rest,
            Verdict::Stop => Next::Done,
        })
    }

    /// What counts of the conversation.
    async fn messages(&self) -> Result<Vec<SessionMessage>, Error> {
        let id = self.session_id.clone();
        let read = self
            .engine
            .inner
            .store
            .read(move |view| view.session_context(&id));
        Ok(read.await?)
    }

    async fn shorten(
        &self,
        session: &Session,
        user: &UserMessage,
        model: &Model,
        reason: CompactionReason,
    ) -> Result<bool, Error> {
        let work = compaction::Work {
            engine: self.engine,
            location: &self.location,
            store: &self.store,
            session,
            user,
            model,
            messages: self.messages().await?,
            reason,
            cancel: &self.running.cancel,
        };
        Box::pin(compaction::shorten(work)).await
    }

    /// Says that the model cannot be asked.
    async fn fail(&self, session: &Session, reason: &str) -> Result<Next, Error> {
        let (session_id, answer) = (self.session_id.clone(), MessageId::new());
        let started = SessionEvent::StepStarted {
            timestamp: now(),
            session_id: session_id.clone(),
            assistant_message_id: answer.clone(),
            agent: session.agent.clone().unwrap_or_default(),
            model: session.model.clone().unwrap_or_default(),
            snapshot: None,
        };
        let failed = SessionEvent::StepFailed {
            timestamp: now(),
            session_id,
            assistant_message_id: answer,
            error: StepError::unknown(reason),
        };
        let stored = self.store.write(move |transaction| {
            transaction.publish(started.into())?;
            transaction.publish(failed.into())
        });
        stored.await?;
        Ok(Next::Done)
    }
}

/// Who works, with which model, and where.
struct Chosen {
    session: Session,
    user: UserMessage,
    location: Arc<Location>,
    agent: Agent,
    model: Model,
}

/// What follows a step.
enum Next {
    /// The model is told what its calls gave.
    Continue,
    /// The model has nothing more to do.
    Done,
    /// The session rests, whatever waits.
    Rest,
}

/// Who asks, as the steps of both kinds of sessions know it.
fn user_message(session: &Session, agent: &str, choice: &Choice) -> UserMessage {
    UserMessage {
        time: UserTime { created: now() },
        agent: agent.to_owned(),
        model: MessageModel {
            provider_id: choice.provider_id.clone(),
            model_id: choice.model_id.clone(),
            variant: session.model.as_ref().and_then(|model| model.variant.clone()),
        },
        ..UserMessage::default()
    }
}
