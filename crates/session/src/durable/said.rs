//! A prompt for a durable session as plugins leave it (hook `chat.message`).

use opencode_plugin::Hook;
use opencode_schema::message::{MessageModel, UserMessage, UserTime};
use opencode_schema::part::{FilePart, TextPart};
use opencode_schema::prompt::{Prompt, PromptFile};
use opencode_schema::session::Session;
use opencode_schema::time::now;
use opencode_schema::{Message, MessageBody, MessageId, MessageWithParts, Part, PartBody, PartId};
use tokio_util::sync::CancellationToken;

use crate::plugin::Said;
use crate::{Error, Location};

/// Lets plugins change a prompt before it is stored: its words and its files.
pub(super) async fn changed(
    location: &Location,
    session: &Session,
    id: &MessageId,
    prompt: Prompt,
    cancel: &CancellationToken,
) -> Result<Prompt, Error> {
    if !location.hooks.has(Hook::ChatMessage) {
        return Ok(prompt);
    }
    let said = Said {
        session_id: &session.id,
        agent: session.agent.as_deref(),
        model: None,
        message_id: Some(id),
        variant: None,
    };
    let changed = location
        .hooks
        .chat_message(said, message(session, id, &prompt), cancel);
    let changed = changed.await?;
    let texts = changed.parts.iter().filter_map(|part| match &part.body {
        PartBody::Text(text) => Some(text.text.as_str()),
        _ => None,
    });
    let text = texts.collect::<Vec<_>>().join("\n\n");
    let known = prompt.files.unwrap_or_default();
    let files = changed.parts.into_iter().filter_map(|part| match part.body {
        PartBody::File(file) => Some(file),
        _ => None,
    });
    let files: Vec<PromptFile> = files
        .map(|file| {
            let same = known.iter().find(|known| known.uri == file.url);
            same.cloned().unwrap_or(PromptFile {
                uri: file.url,
                mime: file.mime,
                name: file.filename,
                description: None,
                source: None,
                content: Vec::new(),
            })
        })
        .collect();
    Ok(Prompt {
        text,
        files: (!files.is_empty()).then_some(files),
        agents: prompt.agents,
    })
}

fn message(session: &Session, id: &MessageId, prompt: &Prompt) -> MessageWithParts {
    let model = session.model.clone().unwrap_or_default();
    let info = Message {
        id: id.clone(),
        session_id: session.id.clone(),
        body: MessageBody::User(Box::new(UserMessage {
            time: UserTime { created: now() },
            agent: session.agent.clone().unwrap_or_default(),
            model: MessageModel {
                provider_id: model.provider_id,
                model_id: model.id,
                variant: model.variant,
            },
            ..UserMessage::default()
        })),
    };
    let words = PartBody::Text(TextPart {
        text: prompt.text.clone(),
        ..TextPart::default()
    });
    let files = prompt.files.iter().flatten().map(|file| {
        PartBody::File(FilePart {
            mime: file.mime.clone(),
            filename: file.name.clone(),
            url: file.uri.clone(),
            ..FilePart::default()
        })
    });
    let part = |body| Part {
        id: PartId::new(),
        session_id: session.id.clone(),
        message_id: id.clone(),
        body,
    };
    MessageWithParts {
        parts: std::iter::once(words).chain(files).map(part).collect(),
        info,
    }
}
