//! Tool calls of a step: from the model's words to a settled part (reference `agent-loop.md` §5,
//! «Tool call repair», «Doom loop»; `tools.md` §2).

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use opencode_llm::stream::ToolCall;
use opencode_permission::{Question, Refusal};
use opencode_schema::config::Limits;
use opencode_schema::part::{CompletedTime, Span, ToolPart};
use opencode_schema::time::now;
use opencode_schema::{Object, Part, PartBody, PartId, ToolState};
use opencode_tool::{Call, Failure, Output, structured_output};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::Step;
use super::draft::stored_metadata;
use super::meant::repaired;
use crate::host::{Progress, Slot, StepHost};
use crate::plugin::around::Around;
use crate::{Error, attachment, image};

/// Identical calls in one message after which the user is asked whether this is a loop.
const DOOM_CALLS: usize = 3;
/// Tool calls of one answer, and of those the ones that run at the same time, when configuration does not say.
const MOST_CALLS: u32 = 512;
const PARALLEL_CALLS: u32 = 32;
/// How often progress of one call is stored; listeners are told all of it.
const STORE_PROGRESS_EVERY: Duration = Duration::from_secs(2);
/// Progress reports that may wait to be told; more are left out.
const PROGRESS_QUEUE: usize = 64;

/// The calls of a step.
pub(crate) struct Calls {
    /// Where the part of a call is.
    pub(super) places: HashMap<String, usize>,
    running: FuturesUnordered<JoinHandle<Done>>,
    progress: mpsc::Receiver<Progress>,
    reporter: mpsc::Sender<Progress>,
    stored_at: HashMap<String, Instant>,
    /// Calls that may be made, and how many were.
    most: u32,
    pub(super) made: u32,
    /// Lets so many run at the same time.
    slots: Arc<Semaphore>,
    /// The user refused a call: the turn ends after this step.
    pub(crate) refused: bool,
    /// Some local tool ran, so files may have changed.
    pub(crate) any_ran: bool,
}

/// A call that has ended.
pub(crate) struct Done {
    call_id: String,
    /// Its arguments, where plugins changed them.
    input: Option<Value>,
    result: Result<Output, Failure>,
}

impl Calls {
    /// None yet, with room for as many as configuration allows.
    pub(crate) fn new(limits: Option<&Limits>) -> Self {
        let number = |value: Option<NonZeroU32>, usual| value.map_or(usual, NonZeroU32::get);
        let parallel = number(limits.and_then(|limits| limits.parallel_calls), PARALLEL_CALLS);
        let (reporter, progress) = mpsc::channel(PROGRESS_QUEUE);
        Self {
            places: HashMap::new(),
            running: FuturesUnordered::new(),
            progress,
            reporter,
            stored_at: HashMap::new(),
            most: number(limits.and_then(|limits| limits.calls), MOST_CALLS),
            made: 0,
            slots: Arc::new(Semaphore::new((parallel as usize).min(Semaphore::MAX_PERMITS))),
            refused: false,
            any_ran: false,
        }
    }

    /// Whether a local call still runs.
    pub(crate) fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// Whether the model called anything.
    pub(crate) fn any(&self) -> bool {
        !self.places.is_empty()
    }

    /// Whether the model called tools of this program, also such that were not run: it is to be told.
    pub(crate) fn made_any(&self) -> bool {
        self.made > 0
    }

    /// What happens next to a call that runs; waits for ever when none does.
    pub(crate) async fn next(&mut self) -> CallEvent {
        tokio::select! {
            biased;
            Some(progress) = self.progress.recv() => CallEvent::Progress(progress),
            Some(done) = self.running.next() => match done {
                Ok(done) => CallEvent::Done(done),
                Err(error) => CallEvent::Lost(error.to_string()),
            },
            else => std::future::pending().await,
        }
    }
}

/// What happens to a running call.
pub(crate) enum CallEvent {
    /// It has something to show.
    Progress(Progress),
    /// It has ended.
    Done(Done),
    /// Its task is gone without a result.
    Lost(String),
}

impl Step<'_> {
    /// The model begins to write a call.
    pub(crate) async fn begin_call(&mut self, id: &str, name: &str) -> Result<(), Error> {
        if self.calls.places.contains_key(id) {
            return Ok(());
        }
        let state = ToolState::Pending {
            input: Object::new(),
            raw: String::new(),
        };
        let part = ToolPart {
            call_id: id.to_owned(),
            tool: name.to_owned(),
            state,
            metadata: None,
        };
        let place = self.draft.add(PartBody::Tool(part)).await?;
        self.calls.places.insert(id.to_owned(), place);
        Ok(())
    }

    /// The model has written a call: it starts at once.
    pub(crate) async fn call(&mut self, call: ToolCall) -> Result<(), CallError> {
        self.begin_call(&call.id, &call.name).await?;
        let Some(place) = self.calls.places.get(&call.id).copied() else {
            return Ok(());
        };
        self.draft.arguments_end(place, &call.input).await?;
        let mut metadata = stored_metadata(&call.metadata);
        let (name, input) = if call.provider_executed {
            metadata
                .get_or_insert_default()
                .insert("providerExecuted".to_owned(), Value::Bool(true));
            (
                call.name.clone(),
                serde_json::from_str(&call.input).unwrap_or_else(|_| Value::String(call.input.clone())),
            )
        } else if self.is_durable() {
            // Parity: v2.md §6, what a call says is stored as it is, and what is wrong with it is its failure.
            (
                call.name.clone(),
                serde_json::from_str(&call.input).unwrap_or_else(|_| json!({})),
            )
        } else {
            let call = self.directed(&call);
            repaired(&call, &self.offered, self.tools().names())
        };
        let state = ToolState::Running {
            input: input.clone(),
            title: None,
            metadata: None,
            time: Span {
                start: now(),
                end: None,
            },
        };
        let part = ToolPart {
            call_id: call.id.clone(),
            tool: name.clone(),
            state,
            metadata,
        };
        self.draft.replace(place, PartBody::Tool(part)).await?;
        if call.provider_executed {
            return Ok(());
        }
        self.calls.made += 1;
        if self.calls.made > self.calls.most {
            let most = self.calls.most;
            let told = format!(
                "This call was not run: one answer may hold {most} calls at most. Make fewer at a time, and call again what is still needed."
            );
            return Ok(self.settle(place, Err(Failure::Told(told))).await?);
        }
        if self.is_durable()
            && let Err(told) = self.callable(&call)
        {
            return Ok(self.settle(place, Err(Failure::Told(told))).await?);
        }
        self.check_doom(&name, &input).await?;
        self.start(call.id, &name, input);
        Ok(())
    }

    /// The arguments of a call grow.
    pub(crate) async fn write_call(&mut self, id: &str, delta: String) -> Result<(), Error> {
        match self.calls.places.get(id).copied() {
            Some(place) => self.draft.arguments_grow(place, delta).await,
            None => Ok(()),
        }
    }

    /// A tool that the provider ran itself has a result.
    pub(crate) async fn provider_result(
        &mut self,
        id: &str,
        output: &Value,
        is_error: bool,
    ) -> Result<(), Error> {
        let Some(place) = self.calls.places.get(id).copied() else {
            return Ok(());
        };
        let text = output.as_str().map_or_else(|| output.to_string(), str::to_owned);
        let result = if is_error {
            Err(Failure::Told(text))
        } else {
            Ok(Output {
                output: text,
                ..Output::default()
            })
        };
        self.settle(place, result).await
    }

    /// Asks the user when the model repeats itself (reference «Doom loop»).
    async fn check_doom(&mut self, name: &str, input: &Value) -> Result<(), CallError> {
        let parts = self.draft.parts();
        let repeated = parts.len() >= DOOM_CALLS
            && parts[parts.len() - DOOM_CALLS..]
                .iter()
                .all(|part| match &part.body {
                    PartBody::Tool(part) => {
                        part.tool == name
                            && !matches!(part.state, ToolState::Pending { .. })
                            && part.state.input() == *input
                    }
                    _ => false,
                });
        if !repeated {
            return Ok(());
        }
        let metadata = json!({ "tool": name, "input": input });
        let question = Question {
            session_id: self.session.id.clone(),
            permission: "doom_loop".to_owned(),
            patterns: vec![name.to_owned()],
            always: vec![name.to_owned()],
            metadata: metadata.as_object().cloned().unwrap_or_default(),
            tool: None,
            is_durable: self.is_durable(),
        };
        let rules = self.rules();
        Ok(self
            .location
            .permissions
            .ask(question, &[&rules], &self.cancel)
            .await?)
    }

    /// Starts a call beside the stream. It begins its work once the files are recorded as they were.
    pub(super) fn start(&mut self, call_id: String, name: &str, input: Value) {
        self.calls.any_ran = true;
        let of_prompt = self.answer_tool.as_ref().filter(|tool| tool.name() == name);
        let Some(tool) = of_prompt.or_else(|| self.tools().get(name)).cloned() else {
            return;
        };
        let slot = Arc::new(Slot::among(&self.calls.slots));
        let host = StepHost::new(self, self.calls.reporter.clone(), Arc::clone(&slot));
        let call = Call {
            session_id: self.session.id.clone(),
            message_id: self.draft.message().id.clone(),
            call_id: call_id.clone(),
            agent: self.agent.name.clone(),
            model: Some(self.model.api.id.clone()),
            scope: Arc::clone(&self.scope),
            host: Arc::new(host),
            cancel: self.cancel.child_token(),
        };
        let around = Around::new(&self.location.hooks, || {
            self.location.own_registry(self.is_durable()).get(name).is_none()
        });
        let truncation = self.location.truncation.clone();
        let pictures = image::Limits::of(&self.location.config);
        let may_delegate = self.offered.iter().any(|tool| tool == "task");
        let recorded = self.snapshot.recorded();
        let is_durable = self.is_durable();
        let chain = self.draft.chain().clone();
        let work = async move {
            let ready = async {
                recorded.await;
                slot.take().await;
                // What runs is known of after a crash.
                chain.settled().await
            };
            let ready = tokio::select! {
                biased;
                () = call.cancel.cancelled() => Err(Failure::Aborted),
                stored = ready => stored.map_err(|error| Failure::Told(error.to_string())),
            };
            let wanted = match ready {
                Ok(()) => around.before(&call, tool.name(), input.clone()).await,
                Err(failure) => Err(failure),
            };
            let wanted = match wanted {
                Ok(wanted) => wanted,
                Err(failure) => {
                    return Done {
                        call_id,
                        input: None,
                        result: Err(failure),
                    };
                }
            };
            let run = AssertUnwindSafe(tool.run(&call, wanted.clone()))
                .catch_unwind()
                .await;
            let result = match run
                .unwrap_or_else(|_| Err(Failure::told("The tool broke down. This is a bug in it.")))
            {
                Ok(output) => {
                    let output = match is_durable {
                        // Their tools keep to the limits by themselves.
                        true => output,
                        false => truncation.apply(output, may_delegate).await,
                    };
                    let output = image::in_result(pictures, output).await;
                    around.after(&call, tool.name(), wanted.clone(), output).await
                }
                Err(failure) => Err(failure),
            };
            Done {
                call_id,
                input: Some(wanted).filter(|wanted| *wanted != input),
                result,
            }
        };
        // The engine owns the task: when a stopped turn does not wait for it, it still ends in order.
        self.calls.running.push(self.engine.inner.tasks.spawn(work));
    }

    /// Deals with what happened to a running call.
    pub(crate) async fn on_call_event(&mut self, event: CallEvent) -> Result<(), Error> {
        match event {
            CallEvent::Progress(progress) => self.show_progress(progress).await,
            CallEvent::Done(Done {
                call_id,
                input,
                result,
            }) => {
                let Some(place) = self.calls.places.get(&call_id).copied() else {
                    return Ok(());
                };
                self.settle_with(place, input, result).await
            }
            CallEvent::Lost(reason) => {
                tracing::error!(reason, "a tool call ended without a result");
                Ok(())
            }
        }
    }

    async fn show_progress(&mut self, progress: Progress) -> Result<(), Error> {
        let Some(place) = self.calls.places.get(&progress.call_id).copied() else {
            return Ok(());
        };
        let Some(part) = self.draft.tool(place).cloned() else {
            return Ok(());
        };
        let ToolState::Running {
            input, title, time, ..
        } = part.state
        else {
            return Ok(());
        };
        let state = ToolState::Running {
            input,
            title: progress.title.or(title),
            metadata: Some(progress.metadata),
            time,
        };
        let body = PartBody::Tool(ToolPart { state, ..part });
        let last = self.calls.stored_at.get(&progress.call_id);
        if last.is_some_and(|at| at.elapsed() < STORE_PROGRESS_EVERY) {
            return self.draft.show(place, body).await;
        }
        self.calls.stored_at.insert(progress.call_id, Instant::now());
        self.draft.replace(place, body).await
    }

    /// A call has its result.
    pub(super) async fn settle(
        &mut self,
        place: usize,
        result: Result<Output, Failure>,
    ) -> Result<(), Error> {
        self.settle_with(place, None, result).await
    }

    /// A call has its result; plugins may have changed its arguments.
    async fn settle_with(
        &mut self,
        place: usize,
        changed: Option<Value>,
        result: Result<Output, Failure>,
    ) -> Result<(), Error> {
        let Some(part) = self.draft.tool(place).cloned() else {
            return Ok(());
        };
        if part.state.is_settled() {
            return Ok(());
        }
        let input = changed.unwrap_or_else(|| part.state.input());
        let start = started(&part.state);
        let state = match result {
            Ok(output) => {
                self.draft.has_result(place, &output);
                if part.tool == structured_output::NAME {
                    self.structured.get_or_insert_with(|| input.clone());
                }
                let attachments: Vec<Part> = output
                    .attachments
                    .into_iter()
                    .map(|file| Part {
                        id: PartId::new(),
                        session_id: self.session.id.clone(),
                        message_id: self.draft.message().id.clone(),
                        body: PartBody::File(attachment::attached(file)),
                    })
                    .collect();
                ToolState::Completed {
                    input,
                    output: output.output,
                    title: output.title,
                    metadata: output.metadata,
                    time: CompletedTime {
                        start,
                        end: now(),
                        compacted: None,
                    },
                    attachments: (!attachments.is_empty()).then_some(attachments),
                }
            }
            Err(Failure::Aborted) => interrupted(&part.state),
            Err(failure) => {
                if matches!(failure, Failure::Rejected(_)) {
                    self.calls.refused = true;
                }
                let time = Span {
                    start,
                    end: Some(now()),
                };
                let metadata = running_metadata(&part.state);
                ToolState::Error {
                    input,
                    error: failure.to_string(),
                    metadata,
                    time,
                }
            }
        };
        self.draft.set_state(place, state).await
    }

    /// Waits up to `limit` for calls that run, then takes those that are left for stopped.
    pub(crate) async fn stop_calls(&mut self, limit: Duration) -> Result<(), Error> {
        let deadline = tokio::time::Instant::now() + limit;
        while self.calls.is_running() {
            match tokio::time::timeout_at(deadline, self.calls.next()).await {
                Ok(event) => self.on_call_event(event).await?,
                Err(_) => break,
            }
        }
        self.calls.running.clear();
        let mut open: Vec<usize> = self.calls.places.values().copied().collect();
        open.sort_unstable();
        for place in open {
            let Some(part) = self.draft.tool(place).filter(|part| !part.state.is_settled()) else {
                continue;
            };
            let state = interrupted(&part.state);
            self.draft.set_state(place, state).await?;
        }
        Ok(())
    }
}

/// Why a call could not be started.
pub(crate) enum CallError {
    /// The engine failed.
    Engine(Error),
    /// The user took it for a loop.
    Refused(Refusal),
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl From<Refusal> for CallError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

fn started(state: &ToolState) -> i64 {
    match state {
        ToolState::Running { time, .. } => time.start,
        _ => now(),
    }
}

fn running_metadata(state: &ToolState) -> Option<Object> {
    match state {
        ToolState::Running { metadata, .. } => metadata.clone(),
        _ => None,
    }
}

/// The state of a call that was stopped.
fn interrupted(state: &ToolState) -> ToolState {
    let mut metadata = running_metadata(state).unwrap_or_default();
    metadata.insert("interrupted".to_owned(), Value::Bool(true));
    ToolState::Error {
        input: state.input(),
        error: "Tool execution aborted".to_owned(),
        metadata: Some(metadata),
        time: Span {
            start: started(state),
            end: Some(now()),
        },
    }
}
