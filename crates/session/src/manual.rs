//! Tools that a client calls itself, outside of any turn (reference `seed-http.md` §4).
//!
//! The same tools under the same rules as when the model calls them. Without a session there is nobody to
//! ask, so what would have to be asked is refused.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opencode_permission::{Dismissed, Question, Refusal, rules};
use opencode_schema::agent::Mode;
use opencode_schema::permission::{Action, Ruleset};
use opencode_schema::session::{Session, Todo};
use opencode_schema::{EventBody, MessageId, Object, SessionId, question};
use opencode_tool::contract::{Background, Delegated, JobInfo, Subagent, Task};
use opencode_tool::{Ask, Call, Definition, Failure, Host, Output, formatter, schema};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{Engine, Error, Hit, IndexQuestion, Location, background, host, subagent, todos};

/// Tools that work on a session.
const OF_SESSIONS: [&str; 5] = ["task", "question", "todowrite", "todoread", "skill"];

/// A call of a tool by a client.
#[derive(Clone, Debug)]
pub struct ToolRun {
    /// The tool.
    pub tool: String,
    /// Its arguments.
    pub arguments: Value,
    /// The session that it is for, which is also asked.
    pub session: Option<SessionId>,
    /// The agent whose rules count: the default one.
    pub agent: Option<String>,
    /// Stops it.
    pub cancel: CancellationToken,
}

/// Why a tool was not run.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ToolRefusal {
    /// There is no such tool.
    #[error("there is no tool by the name `{0}`")]
    Unknown(String),
    /// The arguments do not fit.
    #[error("{0}")]
    Arguments(String),
    /// It works on a session, and none was named.
    #[error("the tool `{0}` works on a session: name one")]
    NeedsSession(String),
    /// Rules forbid it, somebody said no, or there is nobody to ask.
    #[error("{0}")]
    Denied(String),
    /// It was stopped.
    #[error("the tool was stopped")]
    Stopped,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] Error),
}

/// A tool as it is offered to clients.
#[derive(Clone, Debug)]
pub struct Offered {
    /// Its name.
    pub name: String,
    /// What it is and takes.
    pub definition: Definition,
    /// What the rules say of it in general.
    pub permission: Action,
}

impl Engine {
    /// The tools of a location, as an agent may use them.
    ///
    /// # Errors
    /// There is no such agent.
    pub fn offered_tools(&self, location: &Location, agent: Option<&str>) -> Result<Vec<Offered>, Error> {
        let agent = match agent {
            Some(name) => location.agent(name)?,
            None => location.default_agent()?,
        };
        let scope = location.scope(&subagents(location));
        let registry = location.registry(false);
        let all = registry.visible(&[], None);
        let offered = all.into_iter().map(|tool| Offered {
            name: tool.name().to_owned(),
            definition: tool.definition(&scope),
            permission: rules::evaluate(tool.permission(), "*", &[&agent.permission]),
        });
        Ok(offered.collect())
    }

    /// Lets the formatters of a location have a file that a client wrote, and shows it to the language servers, which
    /// nobody waits for. Gives what the file holds, if formatters changed it. It goes on when nobody waits any more.
    pub async fn written_by_hand(&self, location: &Arc<Location>, path: PathBuf) -> Option<Arc<Vec<u8>>> {
        let (scope, cancel) = (location.scope(&[]), self.inner.ending.child_token());
        let work = async move { formatter::after_writing(&scope, &cancel, &path).await };
        self.inner.tasks.spawn(work).await.ok().flatten()
    }

    /// Runs a tool. A future that is dropped stops it.
    ///
    /// # Errors
    /// It was not run, or stopped. A tool that fails at its work is no error here: its words are the output
    /// of the inner result.
    pub async fn execute_tool(
        &self,
        location: &Arc<Location>,
        run: ToolRun,
    ) -> Result<Result<Output, String>, ToolRefusal> {
        let unknown = || ToolRefusal::Unknown(run.tool.clone());
        location.servers_ready().await;
        let registry = location.registry(false);
        let tool = registry.visible(&[], None).into_iter();
        let tool = tool.into_iter().find(|tool| tool.name() == run.tool);
        let tool = Arc::clone(tool.ok_or_else(unknown)?);
        let agent = match run.agent.as_deref() {
            Some(name) => location.agent(name)?,
            None => location.default_agent()?,
        };
        let session = match &run.session {
            Some(id) => Some(self.session(id).await?),
            None if OF_SESSIONS.contains(&tool.name()) => {
                return Err(ToolRefusal::NeedsSession(run.tool));
            }
            None => None,
        };
        let scope = Arc::new(location.scope(&subagents(location)));
        let definition = tool.definition(&scope);
        schema::check(&definition.parameters, &run.arguments).map_err(ToolRefusal::Arguments)?;
        let own = session.as_ref().and_then(|session| session.permission.clone());
        let host = Arc::new(ManualHost {
            engine: self.clone(),
            location: Arc::clone(location),
            rules: [agent.permission.as_slice(), &own.unwrap_or_default()].concat(),
            session,
            refused: Mutex::default(),
        });
        let call = Call {
            session_id: run.session.unwrap_or_default(),
            message_id: MessageId::new(),
            call_id: opencode_schema::id::generate("call", opencode_schema::id::Order::Ascending),
            agent: agent.name.clone(),
            model: None,
            scope,
            host: Arc::clone(&host) as Arc<dyn Host>,
            cancel: run.cancel.child_token(),
        };
        let stop_when_dropped = call.cancel.clone().drop_guard();
        let truncation = location.truncation.clone();
        // A task of the engine: tools end in order also when nobody waits any more.
        let working = self.inner.tasks.spawn(async move {
            let ran = AssertUnwindSafe(tool.run(&call, run.arguments))
                .catch_unwind()
                .await;
            let broken = || Err(Failure::told("The tool broke down. This is a bug in it."));
            match ran.unwrap_or_else(|_| broken()) {
                Ok(output) => Ok(truncation.apply(output, false).await),
                Err(failure) => Err(failure),
            }
        });
        let result = working.await.unwrap_or(Err(Failure::Aborted));
        drop(stop_when_dropped);
        let refused = host.refused.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (result, refused) {
            (Ok(output), _) => Ok(Ok(output)),
            (Err(Failure::Aborted), _) => Err(ToolRefusal::Stopped),
            (Err(_), Some(reason)) => Err(ToolRefusal::Denied(reason)),
            (Err(failure), None) => Ok(Err(failure.to_string())),
        }
    }
}

fn subagents(location: &Location) -> Vec<Subagent> {
    let agents = location
        .agents
        .values()
        .filter(|agent| agent.mode != Mode::Primary);
    let mut all: Vec<Subagent> = agents
        .map(|agent| Subagent {
            name: agent.name.clone(),
            description: agent.description.clone(),
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// The engine as such a call sees it.
struct ManualHost {
    engine: Engine,
    location: Arc<Location>,
    session: Option<Session>,
    rules: Ruleset,
    /// Why it may not do what it wanted to do last.
    refused: Mutex<Option<String>>,
}

impl ManualHost {
    fn refuse(&self, reason: impl Into<String>) -> Failure {
        let reason = reason.into();
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.clone());
        Failure::Told(reason)
    }
}

impl Host for ManualHost {
    fn ask<'a>(&'a self, call: &'a Call, ask: Ask) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            if self.session.is_none() {
                let undecided = ask.patterns.iter().any(|pattern| {
                    rules::evaluate(&ask.permission, pattern, &[&self.rules]) == Action::Ask
                });
                if undecided {
                    return Err(self.refuse(format!(
                        "The permission `{}` has to be asked for, and without a session there is nobody to ask",
                        ask.permission
                    )));
                }
            }
            let question = Question {
                session_id: call.session_id.clone(),
                permission: ask.permission,
                patterns: ask.patterns,
                always: ask.always,
                metadata: ask.metadata,
                tool: None,
                is_durable: false,
            };
            let answer = self
                .location
                .permissions
                .ask(question, &[&self.rules], &call.cancel)
                .await;
            answer.map_err(|refusal| match refusal {
                Refusal::Cancelled => Failure::Aborted,
                refusal => self.refuse(refusal.to_string()),
            })
        }
        .boxed()
    }

    /// Nobody watches.
    fn progress(&self, _: &Call, _: Option<String>, _: Object) {}

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

    fn call_tool<'a>(&'a self, _: &'a Call, _: &'a str, _: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        std::future::ready(Err(self.refuse("call the tools one by one"))).boxed()
    }

    fn question<'a>(
        &'a self,
        call: &'a Call,
        questions: Vec<question::Question>,
    ) -> BoxFuture<'a, Result<Vec<question::Answer>, Failure>> {
        async move {
            let asked = self
                .location
                .questions
                .ask(call.session_id.clone(), questions, None, &call.cancel);
            asked.await.map_err(|dismissed| match dismissed {
                Dismissed::ByUser => self.refuse("The user dismissed this question"),
                Dismissed::Cancelled => Failure::Aborted,
            })
        }
        .boxed()
    }

    fn conversation<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Value> {
        host::conversation(&self.engine, call, false).boxed()
    }

    fn variables<'a>(
        &'a self,
        call: &'a Call,
        directory: &'a Path,
    ) -> BoxFuture<'a, Result<BTreeMap<String, String>, Failure>> {
        host::variables(&self.location, call, directory).boxed()
    }

    fn plan_file(&self, _: &Call) -> Result<PathBuf, Failure> {
        Err(self.refuse("plans are carried out only while a model works"))
    }

    fn hand_over<'a>(&'a self, _: &'a Call, _: &'a str, _: String) -> BoxFuture<'a, Result<(), Failure>> {
        std::future::ready(Err(self.refuse("agents change only while a model works"))).boxed()
    }

    fn delegate<'a>(&'a self, call: &'a Call, task: Task) -> BoxFuture<'a, Result<Delegated, Failure>> {
        async move {
            let Some(session) = self.session.clone() else {
                return Err(self.refuse("a task needs a session"));
            };
            let model = self
                .engine
                .model_for(&self.location, Some(&session), Some(&call.agent), None)
                .await;
            let caller = subagent::Caller {
                is_durable: false,
                session,
                model: model.map_err(|error| Failure::Told(error.to_string()))?,
                variant: None,
            };
            subagent::run(&self.engine, &self.location, &caller, call, task).await
        }
        .boxed()
    }

    fn background<'a>(&'a self, _: &'a Call, _: Background) -> BoxFuture<'a, Result<(), Failure>> {
        let refused = Failure::told("Nothing can go on in the background of a single call.");
        std::future::ready(Err(refused)).boxed()
    }

    fn jobs<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Vec<JobInfo>, Failure>> {
        match &self.session {
            Some(_) => background::listed(&self.engine, call).boxed(),
            None => std::future::ready(Ok(Vec::new())).boxed(),
        }
    }

    fn stop_task<'a>(&'a self, call: &'a Call, id: &'a str) -> BoxFuture<'a, Result<bool, Failure>> {
        let stopping = self.engine.stop_job(&call.session_id, id);
        stopping
            .map(|stopped| stopped.map_err(|error| Failure::told(error.to_string())))
            .boxed()
    }

    fn claim_instructions<'a>(
        &'a self,
        _: &'a Call,
        candidates: Vec<PathBuf>,
    ) -> BoxFuture<'a, Vec<PathBuf>> {
        std::future::ready(candidates).boxed()
    }
}
