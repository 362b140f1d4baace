//! What happens in durable sessions (reference `v2.md` §3.1).

use serde::{Deserialize, Serialize};

use crate::event::Place;
use crate::prompt::{Delivery, Prompt};
use crate::session::{Cost, Revert, SessionModel, Tokens};
use crate::session_message::{CompactionReason, Execution, StepError, ToolContent};
use crate::time::Millis;
use crate::{MessageId, Object, SessionId};

macro_rules! session_events {
    ($($(#[$doc:meta])* $name:ident = $kind:literal $($version:literal)? { $($(#[$field_meta:meta])* $field:ident : $type:ty),* $(,)? })*) => {
        /// What happened in a durable session, on the wire `"type"` and `"properties"`.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type", content = "properties")]
        pub enum SessionEvent {
            $(
                $(#[$doc])*
                #[serde(rename = $kind)]
                $name {
                    /// When.
                    timestamp: Millis,
                    /// In which session.
                    #[serde(rename = "sessionID")] session_id: SessionId,
                    $($(#[$field_meta])* $field: $type),*
                },
            )*
        }

        impl SessionEvent {
            /// The name on the wire.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$name { .. } => $kind,)* }
            }

            /// The session that it happened in.
            #[must_use]
            pub fn session_id(&self) -> &SessionId {
                match self { $(Self::$name { session_id, .. } => session_id,)* }
            }

            /// When it happened.
            #[must_use]
            pub fn timestamp(&self) -> Millis {
                match self { $(Self::$name { timestamp, .. } => *timestamp,)* }
            }

            /// The version of its shape in the log, or `None` for one that is only sent.
            #[must_use]
            pub fn version(&self) -> Option<u32> {
                match self { $(Self::$name { .. } => None $(.or(Some($version)))?,)* }
            }
        }
    };
}

session_events! {
    /// Another agent works from now on.
    AgentSwitched = "session.next.agent.switched" 1 {
        /// The message that says so.
        #[serde(rename = "messageID")] message_id: MessageId,
        /// Its name.
        agent: String,
    }
    /// Another model works from now on.
    ModelSwitched = "session.next.model.switched" 1 {
        /// The message that says so.
        #[serde(rename = "messageID")] message_id: MessageId,
        /// Which.
        model: SessionModel,
    }
    /// A session goes on in another folder.
    Moved = "session.next.moved" 1 {
        /// Where it is now.
        location: Place,
        /// That folder relative to its worktree.
        #[serde(default, skip_serializing_if = "Option::is_none")] subdirectory: Option<String>,
    }
    /// A prompt was accepted and will be answered.
    PromptAdmitted = "session.next.prompt.admitted" 1 {
        /// The message that it will be.
        #[serde(rename = "messageID")] message_id: MessageId,
        /// What is said.
        prompt: Prompt,
        /// When it is taken.
        delivery: Delivery,
    }
    /// A prompt became part of the conversation.
    Prompted = "session.next.prompted" 1 {
        /// The message.
        #[serde(rename = "messageID")] message_id: MessageId,
        /// What is said.
        prompt: Prompt,
        /// When it was to be taken.
        delivery: Delivery,
    }
    /// The surroundings changed, and the model is told.
    ContextUpdated = "session.next.context.updated" 1 {
        /// The message.
        #[serde(rename = "messageID")] message_id: MessageId,
        /// What the model is told.
        text: String,
    }
    /// The program says something to the model.
    Synthetic = "session.next.synthetic" 1 {
        /// The message.
        #[serde(rename = "messageID")] message_id: MessageId,
        /// What it says.
        text: String,
    }
    /// The user runs a command line.
    ShellStarted = "session.next.shell.started" 1 {
        /// The message.
        #[serde(rename = "messageID")] message_id: MessageId,
        /// Which run.
        #[serde(rename = "callID")] call_id: String,
        /// The command line.
        command: String,
    }
    /// A command line of the user has ended.
    ShellEnded = "session.next.shell.ended" 1 {
        /// Which run.
        #[serde(rename = "callID")] call_id: String,
        /// What it printed.
        output: String,
    }
    /// The model answers.
    StepStarted = "session.next.step.started" 1 {
        /// The message.
        #[serde(rename = "assistantMessageID")] assistant_message_id: MessageId,
        /// Who works.
        agent: String,
        /// Which model.
        model: SessionModel,
        /// Tree of the files before.
        #[serde(default, skip_serializing_if = "Option::is_none")] snapshot: Option<String>,
    }
    /// The model has answered, and its calls are settled.
    StepEnded = "session.next.step.ended" 2 {
        /// The message.
        #[serde(rename = "assistantMessageID")] assistant_message_id: MessageId,
        /// Why it ended.
        finish: String,
        /// What it cost.
        cost: Cost,
        /// What it used.
        tokens: Tokens,
        /// Tree of the files after.
        #[serde(default, skip_serializing_if = "Option::is_none")] snapshot: Option<String>,
        /// Files that differ between the two.
        #[serde(default, skip_serializing_if = "Option::is_none")] files: Option<Vec<String>>,
    }
    /// The model has not answered to the end.
    StepFailed = "session.next.step.failed" 2 {
        /// The message.
        #[serde(rename = "assistantMessageID")] assistant_message_id: MessageId,
        /// Why.
        error: StepError,
    }
    /// A text begins.
    TextStarted = "session.next.text.started" 1 {
        /// In which message.
        #[serde(rename = "assistantMessageID")] assistant_message_id: MessageId,
        /// Which text.
        #[serde(rename = "textID")] text_id: String,
    }
    /// A text grows.
    TextDelta = "session.next.text.delta" {
        /// In which message.
        #[serde(rename = "assistantMessageID")] assistant_message_id: MessageId,
        /// Which text.
        #[serde(rename = "textID")] text_id: String,
        /// What is added.
        delta: String,
    }
    /// A text is whole.
    TextEnded = "session.next.text.ended" 1 {
        /// In which message.
        #[serde(rename = "assistantMessageID")] assistant_message_id: MessageId,
        /// Which text.
        #[serde(rename = "textID")] text_id: String,
        /// All of it.
        text: String,
    }
    /// A thought begins.
    ReasoningStarted = "session.next.reasoning.started" 1 {
        /// In which message.
        #[serde(rename = "assistantMessageID")] assistant_message_id: MessageId,
        /// Which thought.
        #[serde(rename = "reasoningID")] reasoning_id: String,
        /// What the provider wants to have back.
        #[serde(rename = "providerMetadata", default, skip_serializing_if = "Option::is_none")] provider_metadata: Option<Object>,
    }
    /// A thought grows.
    ReasoningDelta = "session.next.reasoning.delta" {
        /// In which message.
        #[serde(rename = "assistantMessageID")] assistant_message_id: MessageId,
        /// Which thought.
        #[serde(rename = "reasoningID")] reasoning_id: String,
        /// What is added.
        delta: String,
    }
    /// A thought is whole.
    ReasoningEnded = "session.next.reasoning.ended" 1 {
        /// In which message.
        #[serde(rename = "assistantMessageID")] assistant_message_id: MessageId,
        /// Which thought.
        #[serde(rename = "reasoningID")] reasoning_id: String,
        /// All of it.
        text: String,
        /// What the provider wants to have back.
        #[serde(rename = "providerMetadata", default, skip_serializing_if = "Option::is_none")] provider_metadata: Option<Object>,
    }
    /// The model begins to write a call.
    ToolInputStarted = "session.next.tool.input.started" 1 {
        /// In which message.
        #[serde(rename = "assistantMessageID")] assistant_message_id: MessageId,
        /// Which call.
        #[serde(rename = "callID")] call_id: String,
        /// Of which tool.
        name: String,
    }
    /// The arguments of a call grow.
    ToolInputDelta = "session.next.tool.input.delta" {
        /// In which message.
        #[serde(rename = "assistantMessageID")] assistant_message_id: MessageId,
        /// Which call.
        #[serde(rename = "callID")] call_id: String,
        /// What is added.
        delta: String,
    }
    /// The arguments of a call are whole.
    ToolInputEnded = "session.next.tool.input.ended" 1 {
        /// In which message.
        #[serde(rename = "assistantMessageID")] assistant_message_id: MessageId,
        /// Which call.
        #[serde(rename = "callID")] call_id: String,
        /// As the model wrote them.
        text: String,
    }
    /// A tool is called.
    ToolCalled = "session.next.tool.called" 1 {
        /// In which message.
        #[serde(rename = "assistantMessageID")] assistant_message_id: MessageId,
        /// Which call.
        #[serde(rename = "callID")] call_id: String,
        /// Of which tool.
        tool: String,
        /// Its arguments.
        input: Object,
        /// Who runs it.
        provider: Execution,
    }
    /// A call has something to show while it runs.
    ToolProgress = "session.next.tool.progress" 1 {
        /// In which message.
        #[serde(rename = "assistantMessageID")] assistant_message_id: MessageId,
        /// Which call.
        #[serde(rename = "callID")] call_id: String,
        /// Facts.
        structured: Object,
        /// Words and files.
        content: Vec<ToolContent>,
    }
    /// A call has its result.
    ToolSuccess = "session.next.tool.success" 1 {
        /// In which message.
        #[serde(rename = "assistantMessageID")] assistant_message_id: MessageId,
        /// Which call.
        #[serde(rename = "callID")] call_id: String,
        /// Facts.
        structured: Object,
        /// Words and files.
        content: Vec<ToolContent>,
        /// Files that hold what was too long to be told.
        #[serde(rename = "outputPaths", default, skip_serializing_if = "Option::is_none")] output_paths: Option<Vec<String>>,
        /// What the provider gave, when it ran the tool.
        #[serde(default, skip_serializing_if = "Option::is_none")] result: Option<serde_json::Value>,
        /// Who ran it.
        provider: Execution,
    }
    /// A call has no result.
    ToolFailed = "session.next.tool.failed" 1 {
        /// In which message.
        #[serde(rename = "assistantMessageID")] assistant_message_id: MessageId,
        /// Which call.
        #[serde(rename = "callID")] call_id: String,
        /// Why.
        error: StepError,
        /// What the provider gave, when it ran the tool.
        #[serde(default, skip_serializing_if = "Option::is_none")] result: Option<serde_json::Value>,
        /// Who ran it.
        provider: Execution,
    }
    /// The model is asked again after a failure that may pass.
    Retried = "session.next.retried" 1 {
        /// How often it was asked again.
        attempt: u32,
        /// What failed.
        error: RetryError,
    }
    /// The conversation is being shortened.
    CompactionStarted = "session.next.compaction.started" 1 {
        /// The message that will hold the summary.
        #[serde(rename = "messageID")] message_id: MessageId,
        /// Why.
        reason: CompactionReason,
    }
    /// A summary grows.
    CompactionDelta = "session.next.compaction.delta" {
        /// The message that will hold it.
        #[serde(rename = "messageID")] message_id: MessageId,
        /// What is added.
        text: String,
    }
    /// The conversation was shortened.
    CompactionEnded = "session.next.compaction.ended" 1 {
        /// The message that holds the summary.
        #[serde(rename = "messageID")] message_id: MessageId,
        /// Why.
        reason: CompactionReason,
        /// The summary.
        text: String,
        /// The newest of what was said, as it was said.
        recent: String,
        /// What the summary cost; not in the reference.
        #[serde(default, skip_serializing_if = "Option::is_none")] cost: Option<Cost>,
        /// What it used; not in the reference.
        #[serde(default, skip_serializing_if = "Option::is_none")] tokens: Option<Tokens>,
    }
    /// Messages are taken back until further notice.
    RevertStaged = "session.next.revert.staged" 1 {
        /// From where on, and what became of the files.
        revert: Revert,
    }
    /// Messages that were taken back count again.
    RevertCleared = "session.next.revert.cleared" 1 {}
    /// Messages that were taken back are gone.
    RevertCommitted = "session.next.revert.committed" 1 {
        /// The last message that stays.
        #[serde(rename = "messageID")] message_id: MessageId,
    }
}

impl SessionEvent {
    /// The answer of a model that it is about.
    #[must_use]
    pub fn answer(&self) -> Option<&MessageId> {
        match self {
            Self::StepStarted {
                assistant_message_id, ..
            }
            | Self::StepEnded {
                assistant_message_id, ..
            }
            | Self::StepFailed {
                assistant_message_id, ..
            }
            | Self::TextStarted {
                assistant_message_id, ..
            }
            | Self::TextDelta {
                assistant_message_id, ..
            }
            | Self::TextEnded {
                assistant_message_id, ..
            }
            | Self::ReasoningStarted {
                assistant_message_id, ..
            }
            | Self::ReasoningDelta {
                assistant_message_id, ..
            }
            | Self::ReasoningEnded {
                assistant_message_id, ..
            }
            | Self::ToolInputStarted {
                assistant_message_id, ..
            }
            | Self::ToolInputDelta {
                assistant_message_id, ..
            }
            | Self::ToolInputEnded {
                assistant_message_id, ..
            }
            | Self::ToolCalled {
                assistant_message_id, ..
            }
            | Self::ToolProgress {
                assistant_message_id, ..
            }
            | Self::ToolSuccess {
                assistant_message_id, ..
            }
            | Self::ToolFailed {
                assistant_message_id, ..
            } => Some(assistant_message_id),
            _ => None,
        }
    }

    /// The call of a tool that it is about.
    #[must_use]
    pub fn call(&self) -> Option<&str> {
        match self {
            Self::ToolInputStarted { call_id, .. }
            | Self::ToolInputDelta { call_id, .. }
            | Self::ToolInputEnded { call_id, .. }
            | Self::ToolCalled { call_id, .. }
            | Self::ToolProgress { call_id, .. }
            | Self::ToolSuccess { call_id, .. }
            | Self::ToolFailed { call_id, .. } => Some(call_id),
            _ => None,
        }
    }
}

/// Why a model is asked again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryError {
    /// In words.
    pub message: String,
    /// Status of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    /// Whether it may pass.
    pub is_retryable: bool,
    /// Headers of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_headers: Option<Object>,
    /// Body of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_body: Option<String>,
    /// Further facts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Object>,
}
