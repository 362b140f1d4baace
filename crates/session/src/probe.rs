//! One tool, run by hand: as an agent, in a session made for it, without a model (reference `cli.md` §12).

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use opencode_permission::rules::evaluate;
use opencode_schema::agent::Agent;
use opencode_schema::permission::{Action, Ruleset};
use opencode_schema::session::Todo;
use opencode_schema::{EventBody, MessageId, Object, question};
use opencode_tool::contract::{Background, Delegated, JobInfo, Task};
use opencode_tool::{Ask, Call, Failure, Host, Output};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{Engine, Error, Hit, IndexQuestion, Location, NewSession, todos};

impl Engine {
    /// Runs a tool as `agent` would. What the agent may not do fails; what it would ask for is allowed,
    /// because the caller has asked for it in so many words. `None` when there is no such tool.
    ///
    /// # Errors
    /// The session cannot be made.
    pub async fn try_tool(
        &self,
        location: &Arc<Location>,
        agent: &Agent,
        name: &str,
        input: Value,
        cancel: CancellationToken,
    ) -> Result<Option<Result<Output, Failure>>, Error> {
        let Some(tool) = location.tools.get(name) else {
            return Ok(None);
        };
        let new = NewSession {
            title: Some(format!("{name}, tried as {}", agent.name)),
            ..NewSession::default()
        };
        let session = self.create_session(location, new).await?;
        let call = Call {
            session_id: session.id,
            message_id: MessageId::new(),
            call_id: "by-hand".to_owned(),
            agent: agent.name.clone(),
            model: None,
            scope: Arc::new(location.scope(&[])),
            host: Arc::new(ByHand {
                engine: self.clone(),
                location: Arc::clone(location),
                rules: agent.permission.clone(),
            }),
            cancel,
        };
        Ok(Some(tool.run(&call, input).await))
    }
}

/// The engine as such a tool sees it.
struct ByHand {
    engine: Engine,
    location: Arc<Location>,
    rules: Ruleset,
}

/// What takes a turn of a model.
fn needs_turn<'a, T: Send + 'a>(what: &str) -> BoxFuture<'a, Result<T, Failure>> {
    ready(Err(Failure::told(format!("{what} only while a model works")))).boxed()
}

impl Host for ByHand {
    fn ask<'a>(&'a self, _: &'a Call, ask: Ask) -> BoxFuture<'a, Result<(), Failure>> {
        let rules: &[&[_]] = &[&self.rules];
        let denied = ask
            .patterns
            .iter()
            .find(|pattern| evaluate(&ask.permission, pattern, rules) == Action::Deny);
        let answer = denied.map_or(Ok(()), |pattern| {
            Err(Failure::told(format!(
                "the agent may not do this: {} of {pattern}",
                ask.permission
            )))
        });
        ready(answer).boxed()
    }

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
        needs_turn("calls are made within a call")
    }

    fn question<'a>(
        &'a self,
        _: &'a Call,
        _: Vec<question::Question>,
    ) -> BoxFuture<'a, Result<Vec<question::Answer>, Failure>> {
        needs_turn("questions are asked")
    }

    fn plan_file(&self, _: &Call) -> Result<PathBuf, Failure> {
        Err(Failure::told("plans are carried out only while a model works"))
    }

    fn hand_over<'a>(&'a self, _: &'a Call, _: &'a str, _: String) -> BoxFuture<'a, Result<(), Failure>> {
        needs_turn("agents change")
    }

    fn delegate<'a>(&'a self, _: &'a Call, _: Task) -> BoxFuture<'a, Result<Delegated, Failure>> {
        needs_turn("tasks are given away")
    }

    fn background<'a>(&'a self, _: &'a Call, _: Background) -> BoxFuture<'a, Result<(), Failure>> {
        needs_turn("commands go on in the background")
    }

    fn jobs<'a>(&'a self, _: &'a Call) -> BoxFuture<'a, Result<Vec<JobInfo>, Failure>> {
        ready(Ok(Vec::new())).boxed()
    }

    fn stop_task<'a>(&'a self, _: &'a Call, _: &'a str) -> BoxFuture<'a, Result<bool, Failure>> {
        ready(Ok(false)).boxed()
    }

    fn claim_instructions<'a>(&'a self, _: &'a Call, _: Vec<PathBuf>) -> BoxFuture<'a, Vec<PathBuf>> {
        ready(Vec::new()).boxed()
    }
}
