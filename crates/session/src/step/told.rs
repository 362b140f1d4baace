//! A draft in the words of durable sessions: what becomes of its message and parts, as events
//! (reference `v2.md` §3.1, §6).

use std::collections::HashMap;

use opencode_schema::part::{StepFinishPart, ToolPart};
use opencode_schema::session::SessionModel;
use opencode_schema::session_event::RetryError;
use opencode_schema::session_message::{Execution, StepError, ToolContent};
use opencode_schema::time::now;
use opencode_schema::{
    AssistantMessage, Message, MessageError, MessageId, Object, Part, PartBody, SessionEvent, SessionId,
    ToolState,
};
use opencode_tool::Output;
use serde_json::{Value, json};

/// Bytes of a provider's answer that are told when it failed.
const MOST_OF_BODY: usize = 500;

/// What was told of a draft so far.
#[derive(Default)]
pub(crate) struct Told {
    /// That it begins. That is told with the first that there is to tell.
    begun: bool,
    /// That it is over.
    over: bool,
    /// The files as they were before.
    tree: Option<String>,
    /// What each part is called within the answer; empty for those that are not told.
    names: Vec<String>,
    texts: usize,
    thoughts: usize,
    finish: Option<StepFinishPart>,
    files: Vec<String>,
    /// The texts of a result, and the files that hold the whole of what was cut, by the place of its call.
    results: HashMap<usize, (Vec<String>, Vec<String>)>,
}

impl Told {
    /// Of an answer that another program began to tell: its parts are called `names`.
    pub(crate) fn resumed(names: Vec<String>, tree: Option<String>) -> Self {
        Self {
            begun: true,
            names,
            tree,
            ..Self::default()
        }
    }

    /// A call has this result.
    pub(crate) fn has_result(&mut self, place: usize, output: &Output) {
        let texts = output.texts().map(str::to_owned).collect();
        self.results.insert(place, (texts, output.output_paths.clone()));
    }

    /// Whether something was told that cannot be taken back.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun
    }

    /// A part has come, or is another than it was.
    pub(crate) fn part(&mut self, message: &Message, place: usize, part: &Part) -> Vec<SessionEvent> {
        match &part.body {
            PartBody::StepStart(start) => {
                self.tree.clone_from(&start.snapshot);
                Vec::new()
            }
            PartBody::StepFinish(finish) => {
                self.finish = Some(finish.clone());
                Vec::new()
            }
            PartBody::Patch(patch) => {
                self.files = patch.files.iter().map(|file| relative(message, file)).collect();
                Vec::new()
            }
            body => {
                let events = self.content(message, place, body);
                self.begin(message, events)
            }
        }
    }

    /// Puts the beginning of the answer before what is told of it, if that was not told yet.
    fn begin(&mut self, message: &Message, mut events: Vec<SessionEvent>) -> Vec<SessionEvent> {
        if !self.begun
            && !events.is_empty()
            && let Some(assistant) = message.as_assistant()
        {
            self.begun = true;
            events.insert(0, started(message, assistant, self.tree.clone()));
        }
        events
    }

    fn content(&mut self, message: &Message, place: usize, body: &PartBody) -> Vec<SessionEvent> {
        let is_new = place >= self.names.len();
        if is_new {
            self.names.resize(place + 1, String::new());
            self.names[place] = self.new_name(body);
        }
        let of = Of::new(message, &self.names[place]);
        match body {
            PartBody::Text(_) if is_new => vec![of.text_started()],
            PartBody::Text(text) if text.time.as_ref().is_some_and(|time| time.end.is_some()) => {
                vec![of.text_ended(&text.text)]
            }
            PartBody::Reasoning(thought) if is_new => vec![of.reasoning_started(thought.metadata.clone())],
            PartBody::Reasoning(thought) if thought.time.end.is_some() => {
                vec![of.reasoning_ended(&thought.text, thought.metadata.clone())]
            }
            PartBody::Tool(tool) => of.tool(tool, is_new, self.results.remove(&place)),
            _ => Vec::new(),
        }
    }

    fn new_name(&mut self, body: &PartBody) -> String {
        let numbered = |count: &mut usize, kind: &str| {
            *count += 1;
            format!("{kind}-{}", *count - 1)
        };
        match body {
            PartBody::Text(_) => numbered(&mut self.texts, "text"),
            PartBody::Reasoning(_) => numbered(&mut self.thoughts, "reasoning"),
            PartBody::Tool(tool) => tool.call_id.clone(),
            _ => String::new(),
        }
    }

    /// A text or thought has grown.
    pub(crate) fn delta(
        &self,
        message: &Message,
        place: usize,
        part: &Part,
        delta: String,
    ) -> Option<SessionEvent> {
        let of = Of::new(message, self.names.get(place)?);
        let (timestamp, session_id, assistant_message_id) = of.head();
        match part.body {
            PartBody::Text(_) => Some(SessionEvent::TextDelta {
                timestamp,
                session_id,
                assistant_message_id,
                text_id: of.name.to_owned(),
                delta,
            }),
            PartBody::Reasoning(_) => Some(SessionEvent::ReasoningDelta {
                timestamp,
                session_id,
                assistant_message_id,
                reasoning_id: of.name.to_owned(),
                delta,
            }),
            PartBody::Tool(_) => Some(SessionEvent::ToolInputDelta {
                timestamp,
                session_id,
                assistant_message_id,
                call_id: of.name.to_owned(),
                delta,
            }),
            _ => None,
        }
    }

    /// The arguments of a call are whole.
    pub(crate) fn written(&self, message: &Message, place: usize, text: String) -> Option<SessionEvent> {
        let of = Of::new(message, self.names.get(place)?);
        let (timestamp, session_id, assistant_message_id) = of.head();
        Some(SessionEvent::ToolInputEnded {
            timestamp,
            session_id,
            assistant_message_id,
            call_id: of.name.to_owned(),
            text,
        })
    }

    /// The message has changed: when it is whole, that is told, once.
    pub(crate) fn message(&mut self, message: &Message) -> Vec<SessionEvent> {
        let Some(assistant) = message.as_assistant() else {
            return Vec::new();
        };
        if self.over || assistant.time.completed.is_none() {
            return Vec::new();
        }
        self.over = true;
        let (timestamp, session_id, assistant_message_id) = Of::new(message, "").head();
        let finish = self.finish.take();
        let end = match (&assistant.error, finish) {
            (None, Some(finish)) => SessionEvent::StepEnded {
                timestamp,
                session_id,
                assistant_message_id,
                finish: finish.reason,
                cost: finish.cost,
                tokens: opencode_schema::session::Tokens {
                    total: None,
                    ..finish.tokens
                },
                files: finish.snapshot.is_some().then(|| std::mem::take(&mut self.files)),
                snapshot: finish.snapshot,
            },
            (error, _) => SessionEvent::StepFailed {
                timestamp,
                session_id,
                assistant_message_id,
                error: StepError::unknown(
                    error
                        .as_ref()
                        .map_or_else(|| "The provider broke off its answer".to_owned(), reason),
                ),
            },
        };
        self.begin(message, vec![end])
    }
}

/// A changed file, relative to the worktree.
fn relative(message: &Message, file: &str) -> String {
    let root = message
        .as_assistant()
        .map(|assistant| assistant.path.root.as_str());
    let path = root.and_then(|root| std::path::Path::new(file).strip_prefix(root).ok());
    path.map_or_else(|| file.to_owned(), |path| path.to_string_lossy().into_owned())
}

/// Why a step failed, in words.
fn reason(error: &MessageError) -> String {
    match error {
        MessageError::Aborted { .. } => "Provider turn interrupted".to_owned(),
        MessageError::Api(error) => match (error.status_code, &error.response_body) {
            (Some(status), Some(body)) => {
                let end = body.floor_char_boundary(MOST_OF_BODY);
                format!("Provider request failed with HTTP {status}: {}", &body[..end])
            }
            _ => error.message.clone(),
        },
        other => other.message().to_owned(),
    }
}

/// A failure that may pass.
pub(crate) fn retry(error: &MessageError) -> RetryError {
    let mut told = RetryError {
        message: reason(error),
        is_retryable: true,
        ..RetryError::default()
    };
    if let MessageError::Api(error) = error {
        told.status_code = error.status_code;
        told.response_body.clone_from(&error.response_body);
    }
    told
}

fn started(message: &Message, assistant: &AssistantMessage, snapshot: Option<String>) -> SessionEvent {
    SessionEvent::StepStarted {
        timestamp: now(),
        session_id: message.session_id.clone(),
        assistant_message_id: message.id.clone(),
        agent: assistant.agent.clone(),
        model: SessionModel {
            id: assistant.model_id.clone(),
            provider_id: assistant.provider_id.clone(),
            variant: assistant.variant.clone(),
        },
        snapshot,
    }
}

/// A piece of an answer.
struct Of<'a> {
    message: &'a Message,
    name: &'a str,
}

impl<'a> Of<'a> {
    fn new(message: &'a Message, name: &'a str) -> Self {
        Self { message, name }
    }

    fn head(&self) -> (i64, SessionId, MessageId) {
        (now(), self.message.session_id.clone(), self.message.id.clone())
    }

    fn text_started(&self) -> SessionEvent {
        let (timestamp, session_id, assistant_message_id) = self.head();
        SessionEvent::TextStarted {
            timestamp,
            session_id,
            assistant_message_id,
            text_id: self.name.to_owned(),
        }
    }

    fn text_ended(&self, text: &str) -> SessionEvent {
        let (timestamp, session_id, assistant_message_id) = self.head();
        SessionEvent::TextEnded {
            timestamp,
            session_id,
            assistant_message_id,
            text_id: self.name.to_owned(),
            text: text.to_owned(),
        }
    }

    fn reasoning_started(&self, provider_metadata: Option<Object>) -> SessionEvent {
        let (timestamp, session_id, assistant_message_id) = self.head();
        SessionEvent::ReasoningStarted {
            timestamp,
            session_id,
            assistant_message_id,
            reasoning_id: self.name.to_owned(),
            provider_metadata,
        }
    }

    fn reasoning_ended(&self, text: &str, provider_metadata: Option<Object>) -> SessionEvent {
        let (timestamp, session_id, assistant_message_id) = self.head();
        SessionEvent::ReasoningEnded {
            timestamp,
            session_id,
            assistant_message_id,
            reasoning_id: self.name.to_owned(),
            text: text.to_owned(),
            provider_metadata,
        }
    }

    fn tool(
        &self,
        tool: &ToolPart,
        is_new: bool,
        result: Option<(Vec<String>, Vec<String>)>,
    ) -> Vec<SessionEvent> {
        let (timestamp, session_id, assistant_message_id) = self.head();
        let call_id = self.name.to_owned();
        let event = match &tool.state {
            ToolState::Pending { .. } if is_new => SessionEvent::ToolInputStarted {
                timestamp,
                session_id,
                assistant_message_id,
                call_id,
                name: tool.tool.clone(),
            },
            ToolState::Pending { .. } => return Vec::new(),
            ToolState::Running {
                metadata: Some(metadata),
                ..
            } => SessionEvent::ToolProgress {
                timestamp,
                session_id,
                assistant_message_id,
                call_id,
                structured: metadata.clone(),
                content: Vec::new(),
            },
            ToolState::Running { input, .. } => SessionEvent::ToolCalled {
                timestamp,
                session_id,
                assistant_message_id,
                call_id,
                tool: tool.tool.clone(),
                input: input.as_object().cloned().unwrap_or_default(),
                provider: execution(tool),
            },
            ToolState::Completed {
                metadata,
                attachments,
                ..
            } => {
                let (texts, output_paths) = result.unwrap_or_default();
                SessionEvent::ToolSuccess {
                    timestamp,
                    session_id,
                    assistant_message_id,
                    call_id,
                    structured: metadata.clone(),
                    content: content(texts, attachments.as_deref().unwrap_or_default()),
                    output_paths: Some(output_paths),
                    result: None,
                    provider: execution(tool),
                }
            }
            ToolState::Error { error, .. } => SessionEvent::ToolFailed {
                timestamp,
                session_id,
                assistant_message_id,
                call_id,
                error: StepError::unknown(error),
                result: Some(json!({ "type": "error", "value": error })),
                provider: execution(tool),
            },
        };
        vec![event]
    }
}

/// Who runs a tool, and what its provider wants to have back.
fn execution(tool: &ToolPart) -> Execution {
    let mut metadata = tool.metadata.clone().unwrap_or_default();
    let executed = metadata.shift_remove("providerExecuted") == Some(Value::Bool(true));
    Execution {
        executed,
        metadata: (!metadata.is_empty()).then_some(metadata),
        result_metadata: None,
    }
}

/// Words and files of a result.
fn content(texts: Vec<String>, attachments: &[Part]) -> Vec<ToolContent> {
    let words = texts.into_iter().map(|text| ToolContent::Text { text });
    let files = attachments.iter().filter_map(|part| match &part.body {
        PartBody::File(file) => Some(ToolContent::File {
            uri: file.url.clone(),
            mime: file.mime.clone(),
            name: file.filename.clone(),
        }),
        _ => None,
    });
    words.chain(files).collect()
}
