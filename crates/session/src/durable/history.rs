//! The conversation of a durable session as steps know conversations.

use opencode_schema::message::{AssistantMessage, AssistantTime, MessagePath, UserMessage};
use opencode_schema::part::{CompletedTime, FilePart, ReasoningPart, Span, TextPart, ToolPart};
use opencode_schema::prompt::PromptFile;
use opencode_schema::session_message::{
    Answer, AnswerContent, CallState, CallTime, StepError, ToolCallContent, ToolContent,
};
use opencode_schema::{
    Message, MessageBody, MessageError, MessageWithParts, Object, Part, PartBody, PartId, SessionId,
    SessionMessage, SessionMessageBody, ToolState,
};
use opencode_store::View;
use serde_json::{Value, json};

/// What counts of the conversation of a session, in the form that requests are made of.
pub(crate) fn shown(view: &View<'_>, id: &SessionId) -> Result<Vec<MessageWithParts>, opencode_store::Error> {
    Ok(conversation(
        id,
        &UserMessage::default(),
        view.session_context(id)?,
    ))
}

/// Messages in the form that requests are made of. Those that tell a model nothing are left out.
pub(super) fn conversation(
    session_id: &SessionId,
    user: &UserMessage,
    messages: Vec<SessionMessage>,
) -> Vec<MessageWithParts> {
    let convert = |message: SessionMessage| {
        let (body, parts) = match message.body {
            SessionMessageBody::Assistant(answer) => of_model(*answer, message.time.created),
            other => (MessageBody::User(Box::new(user.clone())), of_others(other)?),
        };
        let parts = parts.into_iter().map(|body| Part {
            id: PartId::new(),
            session_id: session_id.clone(),
            message_id: message.id.clone(),
            body,
        });
        Some(MessageWithParts {
            parts: parts.collect(),
            info: Message {
                id: message.id.clone(),
                session_id: session_id.clone(),
                body,
            },
        })
    };
    messages.into_iter().filter_map(convert).collect()
}

fn text(text: impl Into<String>) -> PartBody {
    PartBody::Text(TextPart {
        text: text.into(),
        ..TextPart::default()
    })
}

fn of_others(body: SessionMessageBody) -> Option<Vec<PartBody>> {
    Some(match body {
        SessionMessageBody::User {
            text: said, files, ..
        } => {
            let files = files.unwrap_or_default().into_iter().flat_map(of_file);
            std::iter::once(text(said)).chain(files).collect()
        }
        SessionMessageBody::Synthetic { text: said, .. } | SessionMessageBody::System { text: said } => {
            vec![text(said)]
        }
        SessionMessageBody::Shell { command, output, .. } => {
            vec![text(format!(
                "The user ran this command line:\n{command}\nIt printed:\n{output}"
            ))]
        }
        SessionMessageBody::Compaction { summary, recent, .. } => vec![text(format!(
            "What was said before was shortened. Its summary:\n<summary>\n{summary}\n</summary>\n\
             The newest of it, word by word:\n<recent>\n{recent}\n</recent>"
        ))],
        SessionMessageBody::AgentSwitched { .. }
        | SessionMessageBody::ModelSwitched { .. }
        | SessionMessageBody::Assistant(_) => return None,
    })
}

/// A file as it was read when the prompt was admitted; one of another program as its address says.
fn of_file(file: PromptFile) -> Vec<PartBody> {
    if !file.content.is_empty() {
        return file.content;
    }
    vec![PartBody::File(FilePart {
        mime: file.mime,
        filename: file.name,
        url: file.uri,
        ..FilePart::default()
    })]
}

fn of_model(answer: Answer, created: i64) -> (MessageBody, Vec<PartBody>) {
    // What was said before it failed counts, as with one that the user stopped.
    let error = answer.error.map(|_| MessageError::aborted());
    let body = MessageBody::Assistant(Box::new(AssistantMessage {
        time: AssistantTime {
            created,
            completed: None,
        },
        model_id: answer.model.id,
        provider_id: answer.model.provider_id,
        mode: answer.agent.clone(),
        agent: answer.agent,
        path: MessagePath::default(),
        error,
        finish: answer.finish,
        ..AssistantMessage::default()
    }));
    let parts = answer.content.into_iter().map(|content| match content {
        AnswerContent::Text { text: said, .. } => text(said),
        AnswerContent::Reasoning(thought) => {
            let time = thought.time.unwrap_or_default();
            PartBody::Reasoning(ReasoningPart {
                text: thought.text,
                metadata: thought.provider_metadata,
                time: Span {
                    start: time.created,
                    end: time.completed,
                },
            })
        }
        AnswerContent::Tool(call) => PartBody::Tool(of_call(*call)),
    });
    (body, parts.collect())
}

fn of_call(call: ToolCallContent) -> ToolPart {
    let provider = call.provider.unwrap_or_default();
    let mut metadata = provider.metadata.unwrap_or_default();
    if provider.executed {
        metadata.insert("providerExecuted".to_owned(), Value::Bool(true));
    }
    ToolPart {
        call_id: call.id,
        tool: call.name,
        state: state(call.state, call.time),
        metadata: (!metadata.is_empty()).then_some(metadata),
    }
}

fn state(state: CallState, at: CallTime) -> ToolState {
    let start = at.ran.unwrap_or(at.created);
    let end = at.completed.unwrap_or(start);
    let failed = |input: Object, error: String| ToolState::Error {
        input: Value::Object(input),
        error,
        metadata: None,
        time: Span {
            start,
            end: Some(end),
        },
    };
    match state {
        CallState::Completed {
            input,
            content,
            structured,
            ..
        } => ToolState::Completed {
            input: Value::Object(input),
            output: told(&content, &structured),
            title: String::new(),
            metadata: Object::new(),
            time: CompletedTime {
                start,
                end,
                compacted: at.pruned,
            },
            attachments: None,
        },
        CallState::Error {
            input,
            content,
            structured,
            error,
            ..
        } => {
            let told = json!({ "error": error, "content": content, "structured": structured });
            failed(input, told.to_string())
        }
        CallState::Running { input, .. } => failed(input, interrupted()),
        CallState::Pending { .. } => failed(Object::new(), interrupted()),
    }
}

fn interrupted() -> String {
    json!({ "error": StepError::unknown("Tool execution interrupted"), "content": [], "structured": {} })
        .to_string()
}

/// What a model is told of a result: its words, else its facts.
fn told(content: &[ToolContent], structured: &Object) -> String {
    if content.is_empty() {
        return Value::Object(structured.clone()).to_string();
    }
    let words = content.iter().filter_map(|one| match one {
        ToolContent::Text { text } => Some(text.as_str()),
        ToolContent::File { .. } => None,
    });
    words.collect::<Vec<_>>().join("\n")
}
