//! One call of the model and what it leads to (reference `agent-loop.md` §5, «Stream handling», §6, §7).

mod again;
mod billed;
mod calls;
mod conclude;
mod draft;
mod meant;
#[cfg(test)]
mod prefix;
pub(crate) mod request;
mod snapshot;
mod told;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opencode_catalog::cost;
use opencode_llm::stream::Finish;
use opencode_llm::{PartStream, Request, StreamPart, Target, usage};
use opencode_schema::agent::Agent;
use opencode_schema::message::{AssistantMessage, AssistantTime, MessagePath};
use opencode_schema::model::Model;
use opencode_schema::part::StepStartPart;
use opencode_schema::permission::Ruleset;
use opencode_schema::session::{CacheTokens, Cost, Session, Status, Tokens};
use opencode_schema::time::now;
use opencode_schema::{
    EventBody, Message, MessageBody, MessageError, MessageId, MessageWithParts, PartBody, SessionEvent,
    UserMessage,
};
use opencode_store::{Attempt, Store};
use opencode_tool::mcp::Deferred;
use opencode_tool::registry::Registry;
use opencode_tool::{Scope, Tool};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub(crate) use self::again::go_on;
pub(crate) use self::billed::Billed;
use self::calls::{CallError, Calls};
use self::draft::{Draft, Kind};
use self::request::Prepared;
pub(crate) use self::request::{Tools, build};
use self::snapshot::StartSnapshot;
use crate::mcp::sampling::Sampler;
use crate::spending::Held;
use crate::{Engine, Error, Location, failure, subagent};

/// How long results of tools wait while the model still writes without a pause: what comes in one breath is
/// told in one piece.
const BREATH: Duration = Duration::from_millis(10);
/// How long a stopped turn waits for its tools.
const STOP_LIMIT: Duration = Duration::from_millis(250);

/// What a step is made of.
pub(crate) struct StepInput<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) location: &'a Arc<Location>,
    pub(crate) session: Session,
    pub(crate) agent: &'a Agent,
    pub(crate) model: Model,
    pub(crate) user_id: MessageId,
    pub(crate) user: &'a UserMessage,
    pub(crate) history: &'a [MessageWithParts],
    /// Of a durable session.
    pub(crate) durable: Option<Durable<'a>>,
    /// Instead of the conversation: what is asked to get a summary of it.
    pub(crate) summary_of: Option<String>,
    /// What was used for the step before it began.
    pub(crate) billed: Billed,
    /// Takes the answer, when it is wanted in a form of its own.
    pub(crate) answer_tool: Option<Arc<dyn Tool>>,
    /// The last step that the agent may make: no more tools after it.
    pub(crate) is_last: bool,
    /// The user named an agent in the message, so the task tool need not ask.
    pub(crate) user_named_agent: bool,
    /// The tree of files after the step before.
    pub(crate) known_tree: Option<String>,
    pub(crate) cancel: CancellationToken,
}

/// What the steps of a durable session need besides.
#[derive(Clone, Copy)]
pub(crate) struct Durable<'a> {
    /// What stands before the conversation.
    pub(crate) system: &'a str,
    /// Takes what is told, as long as this program runs the session.
    pub(crate) store: &'a Store,
    /// How often the request failed before this program was started.
    pub(crate) retries: u32,
}

impl StepInput<'_> {
    /// Where what is told goes.
    fn store(&self) -> Store {
        let own = self.durable.map(|durable| durable.store);
        own.unwrap_or(&self.location.store).clone()
    }
}

/// How a step ended.
pub(crate) struct StepOutcome {
    /// Whether the conversation goes on by itself.
    pub(crate) verdict: Verdict,
    /// The tree of files after it.
    pub(crate) tree: Option<String>,
    /// The model's connection ended before it said that it was done.
    pub(crate) broke_off: bool,
    /// It ended with an error, or somebody stopped it.
    pub(crate) failed: bool,
    /// What was asked did not fit into the model's context.
    pub(crate) overflowed: bool,
    /// Tools of this program were called.
    pub(crate) called: bool,
    /// The user refused a call, or stopped the step.
    pub(crate) declined: bool,
}

/// Whether the conversation goes on by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The loop looks whether there is more to do.
    Continue,
    /// The turn is over.
    Stop,
    /// The conversation must be shortened before it goes on.
    Shorten {
        /// The provider refused it, so that there is no answer.
        overflow: bool,
    },
}

/// A step while it runs.
pub(crate) struct Step<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) location: &'a Arc<Location>,
    pub(crate) session: Session,
    agent: &'a Agent,
    model: Model,
    scope: Arc<Scope>,
    /// All tools that there are.
    tools: Arc<Registry>,
    /// Tools that the model was told of.
    pub(crate) offered: Arc<[String]>,
    /// Tools that it has to look for.
    deferred: Option<Arc<Deferred>>,
    pub(crate) user_named_agent: bool,
    pub(crate) seen_rules: Arc<Mutex<Vec<PathBuf>>>,
    pub(crate) cancel: CancellationToken,
    draft: Draft,
    calls: Calls,
    snapshot: StartSnapshot,
    start_part: Option<usize>,
    finish: Option<Finish>,
    /// The answer is a summary.
    is_summary: bool,
    is_durable: bool,
    /// How often the request failed in a way that may pass.
    retries: u32,
    billed: Billed,
    /// Asks the model for MCP servers.
    sampler: Arc<Sampler>,
    /// What the answer cost, until that is stored.
    held: Option<Held>,
    answer_tool: Option<Arc<dyn Tool>>,
    /// What the answer tool was given.
    pub(crate) structured: Option<Value>,
}

/// Why reading an answer ended.
enum Ended {
    /// The provider said everything that it had to say.
    Whole,
    /// The provider or the connection failed.
    Failed(MessageError),
    /// Somebody stopped the turn.
    Stopped,
}

/// Runs a step: stores its message, asks the model, runs the tools that it calls, stores what came of it.
pub(crate) async fn run(input: StepInput<'_>) -> Result<StepOutcome, Error> {
    // Files, pages and log-ins are read for a request; who stops the turn does not wait for them.
    let prepared = tokio::select! {
        prepared = request::prepare(&input) => prepared,
        () = input.cancel.cancelled() => return refuse(&input, MessageError::aborted()).await,
    };
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return refuse(&input, not_prepared(&input, &error)).await,
    };
    let mut draft = Draft::begin(input.store(), new_message(&input), input.durable.is_some()).await?;
    draft.completed_by(&input.location.hooks, &input.cancel);
    let (mut step, target, request) = Step::new(input, prepared, draft);
    step.status(Status::Busy).await?;
    let ended = match target {
        Ok(target) => step.attempts(&target, &request).await?,
        Err(error) => Ended::Failed(no_target(&error, &step.model)),
    };
    Box::pin(step.conclude(ended)).await
}

/// Why a step is not made that a plugin did not let pass.
fn not_prepared(input: &StepInput<'_>, error: &opencode_plugin::Error) -> MessageError {
    match error {
        opencode_plugin::Error::Stopped { .. } if input.cancel.is_cancelled() => MessageError::aborted(),
        error => MessageError::unknown(error.to_string()),
    }
}

/// Stores and tells why a step is not made.
pub(crate) async fn refuse(input: &StepInput<'_>, error: MessageError) -> Result<StepOutcome, Error> {
    let event = EventBody::SessionError {
        session_id: Some(input.session.id.clone()),
        error: Some(error.clone()),
    };
    input.location.store.announce(event).await?;
    let mut message = new_message(input);
    if let MessageBody::Assistant(assistant) = &mut message.body {
        assistant.time.completed = Some(now());
        assistant.error = Some(error);
    }
    let mut draft = Draft::begin(input.store(), message, input.durable.is_some()).await?;
    draft.bill(input.billed.clone()).await?;
    draft.chain().settled().await?;
    Ok(StepOutcome {
        verdict: Verdict::Stop,
        tree: None,
        broke_off: false,
        failed: true,
        overflowed: false,
        called: false,
        declined: false,
    })
}

fn new_message(input: &StepInput<'_>) -> Message {
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    Message {
        id: MessageId::new(),
        session_id: input.session.id.clone(),
        body: MessageBody::Assistant(Box::new(AssistantMessage {
            time: AssistantTime {
                created: now(),
                completed: None,
            },
            parent_id: input.user_id.clone(),
            model_id: input.model.id.clone(),
            provider_id: input.model.provider_id.clone(),
            mode: input.agent.name.clone(),
            agent: input.agent.name.clone(),
            path: MessagePath {
                cwd: text(&input.location.directory),
                root: text(&input.location.worktree),
            },
            variant: input.user.model.variant.clone(),
            summary: input.summary_of.is_some().then_some(true),
            ..AssistantMessage::default()
        })),
    }
}

impl<'a> Step<'a> {
    /// A step that begins, and what it asks.
    fn new(
        input: StepInput<'a>,
        prepared: Prepared,
        draft: Draft,
    ) -> (Self, Result<Target, opencode_catalog::Error>, Request) {
        let snapshot = StartSnapshot::begin(
            input.location,
            &input.engine.inner.tasks,
            input.known_tree.clone(),
        );
        let sampler = Arc::new(Sampler::of(&input));
        let step = Self {
            engine: input.engine,
            location: input.location,
            session: input.session,
            agent: input.agent,
            model: input.model,
            scope: prepared.scope,
            tools: prepared.tools,
            offered: prepared.offered,
            deferred: prepared.deferred,
            user_named_agent: input.user_named_agent,
            seen_rules: prepared.seen_rules,
            cancel: input.cancel,
            draft,
            calls: Calls::new(input.location.config.limits.as_ref()),
            snapshot,
            start_part: None,
            finish: None,
            is_summary: input.summary_of.is_some(),
            is_durable: input.durable.is_some(),
            retries: input.durable.map_or(0, |durable| durable.retries),
            billed: input.billed,
            sampler,
            held: None,
            answer_tool: input.answer_tool,
            structured: None,
        };
        (step, prepared.target, prepared.request)
    }
}

impl Step<'_> {
    /// Rules of the agent, then of the session.
    pub(crate) fn rules(&self) -> Ruleset {
        [
            self.agent.permission.as_slice(),
            self.session.permission.as_deref().unwrap_or_default(),
        ]
        .concat()
    }

    /// Who gives a task away, when a tool does.
    pub(crate) fn caller(&self) -> subagent::Caller {
        subagent::Caller {
            is_durable: self.is_durable,
            session: self.session.clone(),
            model: opencode_catalog::Choice {
                provider_id: self.model.provider_id.clone(),
                model_id: self.model.id.clone(),
            },
            variant: self
                .draft
                .message()
                .as_assistant()
                .and_then(|message| message.variant.clone()),
        }
    }

    /// Whether its session is a durable one, which is told in words of its own.
    pub(crate) fn is_durable(&self) -> bool {
        self.is_durable
    }

    /// Asks its model for MCP servers.
    pub(crate) fn sampler(&self) -> &Arc<Sampler> {
        &self.sampler
    }

    /// The tools of its session.
    pub(crate) fn tools(&self) -> &Arc<Registry> {
        &self.tools
    }

    /// Says that a durable session asks again.
    async fn tell_retry(&self, attempt: u32, error: &MessageError) -> Result<(), Error> {
        if !self.is_durable || attempt <= failure::QUIET_RETRIES {
            return Ok(());
        }
        let event = SessionEvent::Retried {
            timestamp: now(),
            session_id: self.session.id.clone(),
            attempt,
            error: told::retry(error),
        };
        self.draft.say(event).await
    }

    async fn status(&self, status: Status) -> Result<(), Error> {
        if self.is_durable {
            self.engine
                .inner
                .coordinator
                .set_status(&self.session.id, &status);
            return Ok(());
        }
        self.engine
            .tell_status(self.location, &self.session.id, status)
            .await
    }

    /// Asks the model, and asks again as long as the failure may pass (reference §7).
    async fn attempts(&mut self, target: &Target, request: &Request) -> Result<Ended, Error> {
        let mut attempt = self.retries;
        loop {
            let before = self.draft.parts().len();
            let ended = self.attempt(target, request).await?;
            let Ended::Failed(error) = ended else {
                return Ok(ended);
            };
            attempt += 1;
            let most = if self.is_durable {
                failure::DURABLE_RETRIES
            } else {
                failure::MAX_RETRIES
            };
            let reason = failure::retry_reason(&error).filter(|_| attempt <= most);
            let Some(message) = reason.filter(|_| !self.draft.is_bound()) else {
                return Ok(Ended::Failed(error));
            };
            self.tell_retry(attempt, &error).await?;
            let acted = self.calls.any();
            if self.is_durable && !acted {
                let was_answered = matches!(&error, MessageError::Api(error) if error.status_code.is_some());
                self.draft.failed_attempt(attempt, was_answered).await?;
            }
            let pause = if self.is_durable {
                failure::durable_pause(&error, attempt)
            } else {
                failure::pause(&error, attempt)
            };
            let next = failure::ends_at(pause);
            self.status(Status::Retry {
                attempt,
                message,
                action: failure::action(&error, &self.model.provider_id),
                next,
            })
            .await?;
            if acted {
                // Calls have been made: the same request would make them again. The results go into a new step.
                self.wait_for_calls().await?;
            } else {
                self.draft.take_back(before).await?;
                self.start_part = None;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.cancel.cancelled() => return Ok(Ended::Stopped),
            }
            self.status(Status::Busy).await?;
            if acted {
                return Ok(Ended::Whole);
            }
        }
    }

    /// One request and its answer.
    async fn attempt(&mut self, target: &Target, request: &Request) -> Result<Ended, Error> {
        if self.is_durable {
            // Before anything leaves the machine.
            self.draft.attempt(Attempt::Dispatched).await?;
            self.draft.chain().settled().await?;
        }
        let asked = self
            .engine
            .inner
            .client
            .stream(target, request, self.cancel.child_token())
            .await;
        let mut stream = match asked {
            Ok(stream) => stream,
            Err(opencode_llm::Error::Cancelled) => return Ok(Ended::Stopped),
            Err(error) => return Ok(Ended::Failed(failure::of_call(&error, &self.model.provider_id))),
        };
        let tree = if self.is_durable {
            // What is told of its beginning is not told again.
            tokio::select! {
                tree = self.snapshot.tree() => tree,
                () = self.cancel.cancelled() => return Ok(Ended::Stopped),
            }
        } else {
            self.snapshot.soon().await
        };
        let start = self
            .draft
            .add(PartBody::StepStart(StepStartPart { snapshot: tree }))
            .await?;
        self.start_part = Some(start);
        let ended = self.read(&mut stream).await?;
        drop(stream);
        match ended {
            Ended::Whole => {
                if self.is_durable && self.calls.any() {
                    self.draft.attempt(Attempt::Answered).await?;
                }
                self.wait_for_calls().await
            }
            other => Ok(other),
        }
    }

    /// Reads an answer until it ends. What the model says goes before what tools report.
    async fn read(&mut self, stream: &mut PartStream) -> Result<Ended, Error> {
        let mut quiet_since = Instant::now();
        loop {
            let breath = BREATH.saturating_sub(quiet_since.elapsed());
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Ok(Ended::Stopped),
                part = stream.next() => {
                    quiet_since = Instant::now();
                    match part {
                        None => return Ok(Ended::Whole),
                        Some(Err(opencode_llm::Error::Cancelled)) => return Ok(Ended::Stopped),
                        Some(Err(error)) => return Ok(Ended::Failed(failure::of_call(&error, &self.model.provider_id))),
                        Some(Ok(part)) => if let Some(ended) = self.take(part).await? {
                            return Ok(ended);
                        },
                    }
                }
                () = self.draft.time_to_tell() => self.draft.tell().await?,
                event = async { tokio::time::sleep(breath).await; self.calls.next().await } => {
                    self.on_call_event(event).await?;
                }
            }
        }
    }

    /// Deals with one part of an answer.
    async fn take(&mut self, part: StreamPart) -> Result<Option<Ended>, Error> {
        match part {
            StreamPart::TextStart { id, metadata } => self.draft.start(Kind::Text, &id, &metadata).await?,
            StreamPart::TextDelta { id, delta, metadata } => {
                self.draft.grow(Kind::Text, &id, &delta, &metadata).await?;
            }
            StreamPart::TextEnd { id, metadata } => {
                self.draft.end(Kind::Text, &id, &metadata).await?;
                if let Some(ended) = self.plugin_failure() {
                    return Ok(Some(ended));
                }
            }
            StreamPart::ReasoningStart { id, metadata } => {
                self.draft.start(Kind::Reasoning, &id, &metadata).await?;
            }
            StreamPart::ReasoningDelta { id, delta, metadata } => {
                self.draft.grow(Kind::Reasoning, &id, &delta, &metadata).await?;
            }
            StreamPart::ReasoningEnd { id, metadata } => {
                self.draft.end(Kind::Reasoning, &id, &metadata).await?;
            }
            StreamPart::ToolInputStart { id, name, .. } => self.begin_call(&id, &name).await?,
            StreamPart::ToolCall(call) => match self.call(call).await {
                Ok(()) => {}
                Err(CallError::Engine(error)) => return Err(error),
                Err(CallError::Refused(opencode_permission::Refusal::Cancelled)) => {
                    return Ok(Some(Ended::Stopped));
                }
                Err(CallError::Refused(refusal)) => {
                    return Ok(Some(Ended::Failed(MessageError::unknown(refusal.to_string()))));
                }
            },
            StreamPart::ToolResult {
                id, output, is_error, ..
            } => self.provider_result(&id, &output, is_error).await?,
            StreamPart::Finish(finish) => {
                let tokens = tokens_of(&finish);
                let price = self.price(&finish, &tokens);
                let mut spent = Billed::default();
                spent.add(&tokens, price);
                self.held = Some(self.engine.inner.runs.hold(&self.session.id, spent.spent()));
                self.finish = Some(finish);
            }
            StreamPart::Error(error) => return Ok(Some(Ended::Failed(failure::of_stream(&error)))),
            StreamPart::ToolInputDelta { id, delta, .. } => self.write_call(&id, delta).await?,
            StreamPart::ToolInputEnd { .. }
            | StreamPart::Source(_)
            | StreamPart::File { .. }
            | StreamPart::ResponseMetadata { .. } => {}
        }
        Ok(None)
    }

    /// Nothing more comes from the model: whatever it left open is whole, and what its tools do is waited for.
    async fn wait_for_calls(&mut self) -> Result<Ended, Error> {
        self.draft.end_all(&[Kind::Text]).await?;
        if let Some(ended) = self.plugin_failure() {
            return Ok(ended);
        }
        while self.calls.is_running() {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Ok(Ended::Stopped),
                event = self.calls.next() => self.on_call_event(event).await?,
            }
        }
        Ok(Ended::Whole)
    }

    /// The end of an answer that a plugin did not let pass.
    fn plugin_failure(&mut self) -> Option<Ended> {
        let error = self.draft.take_fault()?;
        Some(match error {
            opencode_plugin::Error::Stopped { .. } if self.cancel.is_cancelled() => Ended::Stopped,
            error => Ended::Failed(MessageError::unknown(error.to_string())),
        })
    }

    fn price(&self, finish: &Finish, tokens: &Tokens) -> Cost {
        cost::billed(&finish.metadata).unwrap_or_else(|| cost::of(&self.model, tokens))
    }
}

/// What a call of a model used.
pub(crate) fn tokens_of(finish: &Finish) -> Tokens {
    let counted = usage::tokens(&finish.usage, &finish.metadata);
    Tokens {
        total: counted.total,
        input: counted.input,
        output: counted.output,
        reasoning: counted.reasoning,
        cache: CacheTokens {
            read: counted.cache_read,
            write: counted.cache_write,
        },
    }
}

/// The reason of an answer that broke off.
pub(crate) const UNKNOWN: &str = "unknown";

/// What stands in the place of a target that cannot be had.
fn no_target(error: &opencode_catalog::Error, model: &Model) -> MessageError {
    match error {
        opencode_catalog::Error::MissingKey { .. }
        | opencode_catalog::Error::MissingSetting { .. }
        | opencode_catalog::Error::BadKey { .. }
        | opencode_catalog::Error::LoginEnded { .. } => MessageError::ProviderAuth {
            provider_id: model.provider_id.clone(),
            message: error.to_string(),
        },
        other => MessageError::unknown(other.to_string()),
    }
}
