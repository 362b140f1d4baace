//! The loop of a turn: steps until nothing is left to do (reference `agent-loop.md` §5).

use std::num::NonZeroU32;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opencode_config::environment::variable;
use opencode_schema::agent::Agent;
use opencode_schema::message::{OutputFormat, UserMessage};
use opencode_schema::model::Model;
use opencode_schema::part::SubtaskPart;
use opencode_schema::session::{Session, Status, Tokens};
use opencode_schema::{
    EventBody, Message, MessageBody, MessageError, MessageId, MessageWithParts, Part, PartBody, SessionId,
    ToolState,
};
use opencode_store::Role;
use opencode_tool::Tool;
use opencode_tool::structured_output::StructuredOutput;
use tokio_util::sync::CancellationToken;

use crate::compaction::kept;
use crate::coordinator::{Outcome, Running};
use crate::step::{self, Billed, StepInput, UNKNOWN, Verdict};
use crate::{
    Engine, Error, Location, compaction, durable, history, recovery, reminder, subagent, summary, title,
};

/// Calls of the model in one turn when configuration does not say: what loops for ever is ended, and nothing else.
const MOST_STEPS: u32 = 1_000;
/// Answers in a row that broke off before a turn is given up.
const BROKEN_LIMIT: u32 = 3;

impl Engine {
    /// Runs a session until it has nothing more to do, or joins the run that goes on. Gives the last
    /// message that is not the user's.
    ///
    /// # Errors
    /// The turn could not be run at all; what fails inside a step is in its message.
    pub fn run(&self, location: &Arc<Location>, session_id: &SessionId) -> BoxFuture<'static, Outcome> {
        let (waiter, running) = self.inner.coordinator.join(session_id);
        if let Some(running) = running {
            let (engine, location, session_id) = (self.clone(), Arc::clone(location), session_id.clone());
            let turn = async move { engine.drive(&location, &session_id, running).await };
            self.inner.tasks.spawn(turn);
        }
        // Boxed, because the turns of subagents run inside a turn.
        waiter.outcome().boxed()
    }

    /// Waits for the end of the run that the session has now, without adding to it.
    pub fn settled(&self, session_id: &SessionId) -> BoxFuture<'static, ()> {
        let waiter = self.inner.coordinator.waiter(session_id);
        async move {
            if let Some(waiter) = waiter {
                // How it ended is in the messages.
                drop(waiter.outcome().await);
            }
        }
        .boxed()
    }

    /// Waits until no task that the session gave to others goes on, and it has answered to the ends of all.
    pub async fn tasks_ended(&self, session_id: &SessionId) {
        self.inner.delegations.none_of(session_id).await;
    }

    /// What the sessions that do something do.
    #[must_use]
    pub fn statuses(&self) -> Vec<(SessionId, Status)> {
        self.inner.coordinator.statuses()
    }

    /// Tells listeners what a session does.
    pub(crate) async fn tell_status(
        &self,
        location: &Location,
        session_id: &SessionId,
        status: Status,
    ) -> Result<(), Error> {
        self.inner.coordinator.set_status(session_id, &status);
        let event = EventBody::SessionStatus {
            session_id: session_id.clone(),
            status,
        };
        Ok(location.store.announce(event).await?)
    }

    /// Whether the session has a turn that runs.
    #[must_use]
    pub fn is_running(&self, session_id: &SessionId) -> bool {
        self.inner.coordinator.is_running(session_id)
    }

    /// Stops the session's turn wherever it runs: here as [`Engine::abort`] does, else by the program that runs it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn interrupt(&self, session_id: &SessionId) -> Result<bool, Error> {
        let here = self.abort(session_id).await;
        Ok(durable::stop_elsewhere(self, session_id).await? || here)
    }

    /// Stops the session's turn, its commands in the background and the tasks that it gave away, and waits until
    /// all is in order. False when no turn ran here.
    pub async fn abort(&self, session_id: &SessionId) -> bool {
        let stop_rest = || {
            self.stop_commands(session_id);
            self.inner.delegations.stop(session_id)
        };
        let (stopped, ()) = tokio::join!(self.inner.coordinator.stop(session_id), stop_rest());
        // What the turn began in its last moment.
        stop_rest().await;
        stopped
    }

    /// Lets the tasks that a session waits for go on in the background. False when it waits for none, or when
    /// that is not switched on.
    pub async fn send_to_background(&self, session_id: &SessionId) -> bool {
        if !self.has_background() || !self.inner.delegations.detach(session_id) {
            return false;
        }
        let id = session_id.clone();
        let kept = self
            .inner
            .store
            .write(move |transaction| transaction.detach_tasks(&id));
        if let Err(error) = kept.await {
            tracing::warn!(%error, "a task in the background is not told of when the program is killed");
        }
        true
    }

    /// Whether tasks may run in the background.
    #[must_use]
    pub fn has_background(&self) -> bool {
        let environment = &self.inner.options.environment;
        environment.is_experiment_on(variable::BACKGROUND_SUBAGENTS)
    }

    /// Does something that no turn may disturb, as work of the engine's own: it goes on when nobody waits for
    /// it. Prompts that come meanwhile are answered after it.
    ///
    /// # Errors
    /// [`Error::Busy`]; those of the work.
    pub(crate) async fn alone<T, W>(
        &self,
        location: &Arc<Location>,
        session_id: &SessionId,
        work: impl FnOnce(CancellationToken) -> W,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let claimed = self.inner.coordinator.claim(session_id);
        let running = claimed.ok_or_else(|| Error::Busy(session_id.clone()))?;
        let work = work(running.cancel.clone());
        let (engine, location, session_id) = (self.clone(), Arc::clone(location), session_id.clone());
        let done = self.inner.tasks.spawn(async move {
            let result = work.await;
            if let Some(next) = engine.inner.coordinator.finish(running, Ok(None)) {
                let tasks = engine.inner.tasks.clone();
                tasks.spawn(async move { engine.drive(&location, &session_id, next).await });
            }
            result
        });
        done.await.map_err(|error| Error::Broken(error.to_string()))?
    }

    async fn drive(&self, location: &Arc<Location>, session_id: &SessionId, mut running: Running) {
        loop {
            let result = Box::pin(self.work(location, session_id, &running)).await;
            let outcome = match result {
                Ok(()) => self.last_answer(session_id).await,
                Err(error) => Err(error),
            };
            self.inner.runs.end(session_id);
            match self.inner.coordinator.finish(running, outcome) {
                Some(woken) => running = woken,
                None => return,
            }
        }
    }

    /// Does what the session's messages ask for, and then what waits in its inbox.
    async fn work(
        &self,
        location: &Arc<Location>,
        session_id: &SessionId,
        running: &Running,
    ) -> Result<(), Error> {
        if self.newest_prompt(session_id).await?.is_some() {
            let turn = Turn::new(self, location, session_id).run(running);
            let result = Box::pin(turn).await;
            if let Err(error) = &result {
                self.tell_run_failure(location, session_id, error).await;
            }
            let rested = self.tell_idle(location, session_id).await;
            if let Err(error) = compaction::prune(location, session_id).await {
                tracing::warn!(%error, "old results could not be left out");
            }
            result.and(rested)?;
        }
        let drained = Box::pin(durable::drain(self, location, session_id, running)).await;
        if let Err(error) = &drained {
            self.tell_run_failure(location, session_id, error).await;
        }
        drained
    }

    /// The newest message of the user; none in a session that is only a durable one.
    async fn newest_prompt(&self, session_id: &SessionId) -> Result<Option<Message>, Error> {
        let id = session_id.clone();
        let newest = self.inner.store.read(move |view| view.newest_of(&id, Role::User));
        Ok(newest.await?)
    }

    async fn tell_run_failure(&self, location: &Location, session_id: &SessionId, error: &Error) {
        let event = EventBody::SessionError {
            session_id: Some(session_id.clone()),
            error: Some(MessageError::unknown(error.to_string())),
        };
        if let Err(error) = location.store.announce(event).await {
            tracing::debug!(%error, "a failed turn could not be told");
        }
    }

    pub(crate) async fn tell_idle(&self, location: &Location, session_id: &SessionId) -> Result<(), Error> {
        self.tell_status(location, session_id, Status::Idle).await?;
        Ok(location
            .store
            .announce(EventBody::SessionIdle {
                session_id: session_id.clone(),
            })
            .await?)
    }

    /// The newest message that is not the user's.
    async fn last_answer(&self, session_id: &SessionId) -> Outcome {
        let id = session_id.clone();
        let last = self.inner.store.read(move |view| {
            let Some(info) = view.newest_of(&id, Role::Assistant)? else {
                return Ok(None);
            };
            let parts = view.parts(&info.id)?;
            Ok(Some(MessageWithParts { info, parts }))
        });
        Ok(last.await?)
    }
}

/// A turn while it runs.
struct Turn<'a> {
    engine: &'a Engine,
    /// As its files were before the newest step.
    location: Arc<Location>,
    session_id: &'a SessionId,
    steps: u32,
    broken: u32,
    /// The tree of files after the last step.
    tree: Option<String>,
}

/// What the newest messages say is to be done.
struct Situation<'a> {
    user_id: MessageId,
    user: &'a UserMessage,
    user_parts: &'a MessageWithParts,
    /// Tasks that no answer has dealt with, the oldest first.
    tasks: Vec<Task>,
    /// What the newest answer used, unless it is a summary.
    used: Option<&'a Tokens>,
    answered: bool,
}

/// What a message asks for besides an answer.
enum Task {
    /// A task for a subagent.
    Subtask(SubtaskPart),
    /// Shortening the conversation.
    Compaction(Box<compaction::Request>),
}

impl<'a> Turn<'a> {
    fn new(engine: &'a Engine, location: &Arc<Location>, session_id: &'a SessionId) -> Self {
        Self {
            engine,
            location: Arc::clone(location),
            session_id,
            steps: 0,
            broken: 0,
            tree: None,
        }
    }

    async fn run(mut self, running: &Running) -> Result<(), Error> {
        recovery::settle(&self.location, self.session_id).await?;
        loop {
            self.location = self.engine.refreshed(&self.location).await;
            self.busy().await?;
            self.engine.inner.coordinator.look(running);
            let history = self.history().await?;
            let Some(situation) = Situation::of(&history) else {
                return Ok(());
            };
            if situation.answered || running.cancel.is_cancelled() {
                return Ok(());
            }
            let step = Box::pin(self.step(&history, situation, running));
            if step.await? == Verdict::Stop {
                return Ok(());
            }
        }
    }

    /// The messages that count, and what is kept of those that were shortened.
    async fn history(&self) -> Result<Vec<MessageWithParts>, Error> {
        let inner = &self.engine.inner;
        let id = self.session_id.clone();
        let mut history = inner.store.read(move |view| history::visible(view, &id)).await?;
        let Some(request) = kept::request_of(&history).cloned() else {
            return Ok(history);
        };
        let known = match inner.kept.get(&request) {
            Some(known) => known,
            None => {
                let (id, shown) = (self.session_id.clone(), history.clone());
                let room = self.room_for_kept(&history);
                let found = inner.store.read(move |view| kept::of(view, &id, &shown, room));
                let found: Option<Arc<str>> = found.await?.map(Into::into);
                inner.kept.put(&request, found.clone());
                found
            }
        };
        if let Some(text) = known {
            kept::add_to(&mut history, &text);
        }
        Ok(history)
    }

    /// Characters that the model of the newest prompt has for what is kept.
    fn room_for_kept(&self, history: &[MessageWithParts]) -> usize {
        let catalog = &self.location.catalog;
        let newest = history.iter().rev().find_map(|message| message.info.as_user());
        let model = newest.and_then(|user| catalog.model(&user.model.provider_id, &user.model.model_id).ok());
        model.map_or(0, |model| self.location.budget(&model).kept())
    }

    async fn busy(&self) -> Result<(), Error> {
        self.engine
            .tell_status(&self.location, self.session_id, Status::Busy)
            .await
    }

    async fn step(
        &mut self,
        history: &[MessageWithParts],
        situation: Situation<'_>,
        running: &Running,
    ) -> Result<Verdict, Error> {
        self.steps += 1;
        let session = self.engine.session(self.session_id).await?;
        let wanted = &situation.user.model;
        let refused = self.refused().await?;
        if self.steps == 1 && refused.is_none() {
            title::begin(self.engine, &self.location, &session, history, situation.user);
            summary::begin(self.engine, &self.location, self.session_id, &situation.user_id);
        }
        let catalog = &self.location.catalog;
        tokio::select! {
            () = catalog.ready(&wanted.provider_id) => {}
            () = running.cancel.cancelled() => return Ok(Verdict::Stop),
        }
        let model = catalog.model(&wanted.provider_id, &wanted.model_id)?;
        if let Some(reason) = refused {
            let agent = self.location.agent(&situation.user.agent)?;
            let step = self.step_input(session, agent, model, &situation, running);
            step::refuse(&step, MessageError::unknown(reason)).await?;
            return Ok(Verdict::Stop);
        }
        if let Some(task) = situation.tasks.last() {
            self.tree = None;
            return self.task(history, session, &situation, task, running).await;
        }
        if situation
            .used
            .is_some_and(|used| self.location.budget(&model).is_full(used))
        {
            self.shorten(situation.user, false).await?;
            return Ok(Verdict::Continue);
        }
        let tree = self.tree.take();
        let agent = self.location.agent(&situation.user.agent)?;
        let with_note = reminder::keep(&self.location, &session, agent, &situation.user_id, history).await?;
        let mut step = self.step_input(session, agent, model, &situation, running);
        step.history = with_note.as_deref().unwrap_or(history);
        step.known_tree = tree;
        let user_id = situation.user_id.clone();
        let outcome = Box::pin(step::run(step)).await?;
        self.tree = outcome.tree;
        summary::begin(self.engine, &self.location, self.session_id, &user_id);
        self.broken = if outcome.broke_off { self.broken + 1 } else { 0 };
        if self.broken >= BROKEN_LIMIT {
            let message = format!("The provider broke off its answer {BROKEN_LIMIT} times in a row");
            let event = EventBody::SessionError {
                session_id: Some(self.session_id.clone()),
                error: Some(MessageError::unknown(message)),
            };
            self.location.store.announce(event).await?;
            return Ok(Verdict::Stop);
        }
        if let Verdict::Shorten { overflow } = outcome.verdict {
            self.shorten(situation.user, overflow).await?;
            return Ok(Verdict::Continue);
        }
        Ok(outcome.verdict)
    }

    /// A step without history.
    fn step_input<'b>(
        &'b self,
        session: Session,
        agent: &'b Agent,
        model: Model,
        situation: &Situation<'b>,
        running: &Running,
    ) -> StepInput<'b> {
        let named = |part: &Part| matches!(part.body, PartBody::Agent(_));
        let is_last = agent.steps.is_some_and(|limit| self.steps >= limit) || self.steps == self.most_steps();
        StepInput {
            engine: self.engine,
            location: &self.location,
            session,
            agent,
            model,
            user_id: situation.user_id.clone(),
            user: situation.user,
            history: &[],
            durable: None,
            summary_of: None,
            billed: Billed::default(),
            answer_tool: answer_tool(situation.user),
            is_last,
            user_named_agent: situation.user_parts.parts.iter().any(named),
            known_tree: None,
            cancel: running.cancel.clone(),
        }
    }

    fn most_steps(&self) -> u32 {
        let limits = self.location.config.limits.as_ref();
        limits
            .and_then(|limits| limits.steps)
            .map_or(MOST_STEPS, NonZeroU32::get)
    }

    /// Why the model is not asked again, if a limit is reached.
    async fn refused(&self) -> Result<Option<String>, Error> {
        let most = self.most_steps();
        if self.steps > most {
            return Ok(Some(format!(
                "The turn is ended: the model was asked {most} times and still calls tools (limits.steps)"
            )));
        }
        self.engine
            .refused_spending(&self.location, self.session_id)
            .await
    }

    async fn task(
        &self,
        history: &[MessageWithParts],
        session: Session,
        situation: &Situation<'_>,
        task: &Task,
        running: &Running,
    ) -> Result<Verdict, Error> {
        let (engine, location) = (self.engine, &self.location);
        match task {
            Task::Compaction(request) => {
                compaction::run(engine, location, self.session_id, history, request, running).await
            }
            Task::Subtask(task) => {
                let (user_id, user) = (&situation.user_id, situation.user);
                subagent::user::run(engine, location, session, user_id, user, task, running).await?;
                Ok(Verdict::Continue)
            }
        }
    }

    /// Asks for the conversation to be shortened before it goes on.
    async fn shorten(&self, user: &UserMessage, overflow: bool) -> Result<(), Error> {
        let (agent, model) = (user.agent.clone(), user.model.clone());
        compaction::request(&self.location, self.session_id, agent, model, true, overflow).await
    }
}

/// What takes the answer to a prompt that wants it as JSON of a schema.
fn answer_tool(user: &UserMessage) -> Option<Arc<dyn Tool>> {
    match &user.format {
        Some(OutputFormat::JsonSchema { schema, .. }) => Some(Arc::new(StructuredOutput {
            schema: schema.clone(),
        })),
        _ => None,
    }
}

impl<'a> Situation<'a> {
    fn of(history: &'a [MessageWithParts]) -> Option<Self> {
        let newest = |wanted: fn(&MessageBody) -> bool| {
            history
                .iter()
                .filter(|message| wanted(&message.info.body))
                .max_by_key(|message| (message.info.created(), message.info.id.clone()))
        };
        let user_parts = newest(|body| matches!(body, MessageBody::User(_)))?;
        let user = user_parts.info.as_user()?;
        let user_id = user_parts.info.id.clone();
        let assistant = newest(|body| matches!(body, MessageBody::Assistant(_)));
        let finished = newest(|body| match body {
            MessageBody::Assistant(assistant) => assistant.finish.is_some(),
            MessageBody::User(_) => false,
        });
        let used = finished
            .and_then(|message| message.info.as_assistant())
            .filter(|assistant| assistant.summary != Some(true))
            .map(|assistant| &assistant.tokens);
        let finished = finished.map(|message| (message.info.created(), message.info.id.clone()));
        let tasks = history
            .iter()
            .filter(|message| {
                finished
                    .as_ref()
                    .is_none_or(|last| (message.info.created(), message.info.id.clone()) > *last)
            })
            .flat_map(|message| message.parts.iter().map(move |part| (message, part)))
            .filter_map(|(message, part)| match &part.body {
                PartBody::Subtask(task) => Some(Task::Subtask(task.clone())),
                PartBody::Compaction(part) => Some(Task::Compaction(Box::new(compaction::Request {
                    message: message.clone(),
                    part: part.clone(),
                }))),
                _ => None,
            })
            .collect();
        let answered = assistant.is_some_and(|message| is_final_answer(message, &user_id));
        Some(Self {
            user_id,
            user,
            user_parts,
            tasks,
            used,
            answered,
        })
    }
}

/// Whether a message ends the turn of the user's message: the model is done, and waits for no tool.
fn is_final_answer(message: &MessageWithParts, user_id: &MessageId) -> bool {
    let Some(assistant) = message.info.as_assistant() else {
        return false;
    };
    let done = assistant
        .finish
        .as_deref()
        .is_some_and(|finish| finish != "tool-calls" && finish != UNKNOWN);
    // An answer in a form of its own ends with the call that brought it.
    let done = done || assistant.structured.is_some();
    done && assistant.parent_id == *user_id && !message.parts.iter().any(|part| is_open_call(&part.body))
}

/// Whether a part is a call whose result the model has not been told.
fn is_open_call(body: &PartBody) -> bool {
    let PartBody::Tool(part) = body else { return false };
    let by_provider = part
        .metadata
        .as_ref()
        .and_then(|metadata| metadata.get("providerExecuted")?.as_bool());
    let interrupted = match &part.state {
        ToolState::Error { metadata, .. } => {
            metadata
                .as_ref()
                .and_then(|metadata| metadata.get("interrupted")?.as_bool())
                == Some(true)
        }
        _ => false,
    };
    by_provider != Some(true) && !interrupted
}
