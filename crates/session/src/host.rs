//! What the engine does for a running tool.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opencode_mcp::{Sampled, Sampling};
use opencode_permission::{Dismissed, Question, Refusal};
use opencode_schema::permission::{Ruleset, ToolReference};
use opencode_schema::session::Todo;
use opencode_schema::{EventBody, Object, QuestionId, SessionId, question};
use opencode_tool::contract::{Background, Delegated, JobInfo, Task};
use opencode_tool::registry::Registry;
use opencode_tool::{Ask, Call, Failure, Host, Output};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::mcp::sampling::Sampler;
use crate::plugin::around::{self, Around};
use crate::step::Step;
use crate::{Engine, Hit, IndexQuestion, Location, background, durable, history, plan, subagent, todos};

/// What a running call has to show.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) call_id: String,
    pub(crate) title: Option<String>,
    pub(crate) metadata: Object,
}

/// The engine as the tools of one step see it.
#[derive(Clone)]
pub(crate) struct StepHost {
    engine: Engine,
    location: Arc<Location>,
    session_id: SessionId,
    rules: Ruleset,
    /// The user asked for this agent in so many words, so nobody asks again.
    user_named_agent: bool,
    /// Nothing for calls within a call.
    reporter: Option<mpsc::Sender<Progress>>,
    tools: Arc<Registry>,
    /// Tools that the model was told of.
    offered: Arc<[String]>,
    /// Rules files that the model has seen.
    seen: Arc<Mutex<Vec<PathBuf>>>,
    caller: subagent::Caller,
    /// Asks the model for servers.
    sampler: Arc<Sampler>,
    /// The session is a durable one.
    is_durable: bool,
    slot: Arc<Slot>,
}

/// The place of a call among those that run at the same time.
pub(crate) struct Slot {
    all: Arc<Semaphore>,
    own: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Slot {
    /// None yet.
    pub(crate) fn among(all: &Arc<Semaphore>) -> Self {
        Self {
            all: Arc::clone(all),
            own: Mutex::default(),
        }
    }

    /// Waits for a place and takes it.
    pub(crate) async fn take(&self) {
        // The semaphore is never closed.
        let permit = Arc::clone(&self.all).acquire_owned().await.ok();
        *self.own.lock().unwrap_or_else(PoisonError::into_inner) = permit;
    }

    /// Gives the place to others.
    fn leave(&self) {
        drop(self.own.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl StepHost {
    pub(crate) fn new(step: &Step<'_>, reporter: mpsc::Sender<Progress>, slot: Arc<Slot>) -> Self {
        Self {
            engine: step.engine.clone(),
            location: Arc::clone(step.location),
            session_id: step.session.id.clone(),
            rules: step.rules(),
            user_named_agent: step.user_named_agent,
            reporter: Some(reporter),
            tools: Arc::clone(step.tools()),
            offered: Arc::clone(&step.offered),
            seen: Arc::clone(&step.seen_rules),
            caller: step.caller(),
            sampler: Arc::clone(step.sampler()),
            is_durable: step.is_durable(),
            slot,
        }
    }
}

impl Host for StepHost {
    fn ask<'a>(&'a self, call: &'a Call, ask: Ask) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            if ask.permission == "task" && self.user_named_agent {
                return Ok(());
            }
            let question = Question {
                session_id: self.session_id.clone(),
                permission: ask.permission,
                patterns: ask.patterns,
                always: ask.always,
                metadata: ask.metadata,
                tool: Some(ToolReference {
                    message_id: call.message_id.clone(),
                    call_id: call.call_id.clone(),
                }),
                is_durable: self.is_durable,
            };
            let answer = self
                .location
                .permissions
                .ask(question, &[&self.rules], &call.cancel)
                .await;
            answer.map_err(|refusal| match &refusal {
                Refusal::Denied { .. } | Refusal::ReadOnly { .. } | Refusal::Corrected { .. } => {
                    Failure::Told(refusal.to_string())
                }
                Refusal::Rejected => Failure::Rejected(refusal.to_string()),
                Refusal::Cancelled => Failure::Aborted,
            })
        }
        .boxed()
    }

    fn progress(&self, call: &Call, title: Option<String>, metadata: Object) {
        let Some(reporter) = &self.reporter else { return };
        // When the queue is full the next report says more anyway.
        let _ = reporter.try_send(Progress {
            call_id: call.call_id.clone(),
            title,
            metadata,
        });
    }

    fn announce(&self, event: EventBody) {
        self.location.store.announce_now(event);
    }

    fn replace_todos<'a>(&'a self, call: &'a Call, todos: Vec<Todo>) -> BoxFuture<'a, Result<(), Failure>> {
        todos::replace(&self.location, call, todos)
    }

    fn todos<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Vec<Todo>, Failure>> {
        todos::of(&self.location, call)
    }

    fn search_code<'a>(
        &'a self,
        call: &'a Call,
        question: IndexQuestion,
    ) -> BoxFuture<'a, Result<Vec<Hit>, Failure>> {
        self.engine.search_for(&self.location, call, question).boxed()
    }

    fn call_tool<'a>(
        &'a self,
        call: &'a Call,
        tool: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Output, Failure>> {
        async move {
            let offered = self.offered.iter().any(|name| name == tool);
            let Some(tool) = self.tools.get(tool).filter(|_| offered) else {
                return Err(Failure::Told(format!(
                    "There is no tool by the name '{tool}' here. Available tools: {}.",
                    self.offered.join(", ")
                )));
            };
            // Whoever calls others only waits for them from now on.
            self.slot.leave();
            let slot = Arc::new(Slot::among(&self.slot.all));
            tokio::select! {
                () = slot.take() => {}
                () = call.cancel.cancelled() => return Err(Failure::Aborted),
            }
            let mut inner = call.clone();
            inner.host = Arc::new(Self {
                reporter: None,
                slot,
                ..self.clone()
            });
            let around = Around::new(&self.location.hooks, || {
                let own = self.location.own_registry(self.is_durable);
                own.get(tool.name()).is_none()
            });
            let input = around.before(&inner, tool.name(), input).await?;
            let output = tool.run(&inner, input.clone()).await?;
            let may_delegate = self.offered.iter().any(|name| name == "task");
            let output = self.location.truncation.apply(output, may_delegate).await;
            around.after(&inner, tool.name(), input, output).await
        }
        .boxed()
    }

    fn question<'a>(
        &'a self,
        call: &'a Call,
        questions: Vec<question::Question>,
    ) -> BoxFuture<'a, Result<Vec<question::Answer>, Failure>> {
        let tool = ToolReference {
            message_id: call.message_id.clone(),
            call_id: call.call_id.clone(),
        };
        async move {
            let request = question::Request {
                id: QuestionId::new(),
                session_id: self.session_id.clone(),
                questions,
                tool: Some(tool),
                is_durable: self.is_durable,
            };
            let asked = self.location.questions.wait_for(request, &call.cancel);
            asked.await.map_err(|dismissed| match dismissed {
                Dismissed::ByUser => Failure::Rejected("The user dismissed this question".to_owned()),
                Dismissed::Cancelled => Failure::Aborted,
            })
        }
        .boxed()
    }

    fn sample<'a>(&'a self, call: &'a Call, asked: Sampling) -> BoxFuture<'a, Result<Sampled, Failure>> {
        async move {
            self.sampler.ask(&self.rules, call, &asked).await?;
            self.sampler.answer(call, asked).await
        }
        .boxed()
    }

    fn plan_file(&self, _: &Call) -> Result<PathBuf, Failure> {
        Ok(plan::file(&self.location, &self.caller.session))
    }

    fn hand_over<'a>(
        &'a self,
        _: &'a Call,
        agent: &'a str,
        words: String,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        plan::hand_over(&self.location, &self.session_id, agent, words)
            .map(|stored| stored.map_err(|error| Failure::Told(error.to_string())))
            .boxed()
    }

    fn delegate<'a>(&'a self, call: &'a Call, task: Task) -> BoxFuture<'a, Result<Delegated, Failure>> {
        subagent::run(&self.engine, &self.location, &self.caller, call, task).boxed()
    }

    fn background<'a>(&'a self, call: &'a Call, work: Background) -> BoxFuture<'a, Result<(), Failure>> {
        if self.caller.session.parent_id.is_some() {
            let refused = Failure::told(
                "A task leaves nothing behind when it is done: run the command without `background`.",
            );
            return std::future::ready(Err(refused)).boxed();
        }
        background::go_on(&self.engine, &self.location, call, self.is_durable, work)
    }

    fn jobs<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Vec<JobInfo>, Failure>> {
        background::listed(&self.engine, call).boxed()
    }

    fn stop_task<'a>(&'a self, call: &'a Call, id: &'a str) -> BoxFuture<'a, Result<bool, Failure>> {
        let stopping = self.engine.stop_job(&call.session_id, id);
        stopping
            .map(|stopped| stopped.map_err(|error| Failure::told(error.to_string())))
            .boxed()
    }

    fn conversation<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Value> {
        conversation(&self.engine, call, self.is_durable).boxed()
    }

    fn variables<'a>(
        &'a self,
        call: &'a Call,
        directory: &'a Path,
    ) -> BoxFuture<'a, Result<BTreeMap<String, String>, Failure>> {
        variables(&self.location, call, directory).boxed()
    }

    fn claim_instructions<'a>(
        &'a self,
        _: &'a Call,
        candidates: Vec<PathBuf>,
    ) -> BoxFuture<'a, Vec<PathBuf>> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let new: Vec<PathBuf> = candidates
            .into_iter()
            .filter(|path| !seen.contains(path))
            .collect();
        seen.extend(new.iter().cloned());
        std::future::ready(new).boxed()
    }
}

/// The conversation before the answer that calls, as JSON.
pub(crate) async fn conversation(engine: &Engine, call: &Call, is_durable: bool) -> Value {
    let id = call.session_id.clone();
    let read = engine.inner.store.read(move |view| match is_durable {
        true => durable::shown(view, &id),
        false => history::visible(view, &id),
    });
    match read.await {
        Ok(mut messages) => {
            messages.retain(|message| message.info.id != call.message_id);
            serde_json::to_value(messages).unwrap_or_default()
        }
        Err(error) => {
            tracing::warn!(%error, "a tool is not told of its conversation");
            Value::Array(Vec::new())
        }
    }
}

/// Variables that plugins add for a command of a tool.
pub(crate) async fn variables(
    location: &Location,
    call: &Call,
    directory: &Path,
) -> Result<BTreeMap<String, String>, Failure> {
    let of = Some((&call.session_id, call.call_id.as_str()));
    let asked = location.hooks.variables(directory, of, &call.cancel);
    asked.await.map_err(around::failure)
}
