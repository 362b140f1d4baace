//! The conversation as a model sees it (reference `agent-loop.md` §4, `providers.md` §5).
//!
//! Two steps: which messages of a session count ([`visible`]), and how each becomes messages of a
//! request ([`conversation`]). Both leave the stored messages as they are.

use opencode_llm::request::{Content, Message, OutputContent, ProviderOptions, ToolOutput};
use opencode_schema::model::Model;
use opencode_schema::part::{CompactionPart, FilePart, ToolPart};
use opencode_schema::{
    AssistantMessage, MessageBody, MessageError, MessageId, MessageWithParts, Object, PartBody, SessionId,
    ToolState,
};
use opencode_store::{Cursor, Error, View};
use serde_json::Value;

/// Messages that are read at a time, from the newest back.
const PAGE: usize = 50;

/// What stands for a tool result that was left out to shorten the conversation.
const CLEARED: &str = "[Old tool result content cleared]";
/// What a call without result is told to have become.
const INTERRUPTED: &str = "[Tool execution was interrupted]";
/// Introduces files of tool results that cannot stand in the result itself.
const ATTACHED: &str = opencode_catalog::headers::MEDIA_OF_TOOL;

/// The messages that count, oldest first: back to the last point where the conversation was shortened.
/// After such a point stand the request for the summary, the summary, the messages that were kept word by
/// word, and everything newer. Only what counts is read.
pub(crate) fn visible(view: &View<'_>, session_id: &SessionId) -> Result<Vec<MessageWithParts>, Error> {
    let mut newest_first: Vec<MessageWithParts> = Vec::new();
    let mut summarised: Vec<MessageId> = Vec::new();
    let mut shortened: Option<(usize, CompactionPart)> = None;
    let mut cursor: Option<Cursor> = None;
    'pages: loop {
        let page = view.messages_before(session_id, cursor.as_ref(), PAGE)?;
        if page.oldest.is_none() {
            break;
        }
        cursor = page.oldest;
        for info in page.messages {
            let parts = view.parts(&info.id)?;
            let message = MessageWithParts { info, parts };
            if let Some(assistant) = message.info.as_assistant()
                && is_whole_summary(assistant)
            {
                summarised.push(assistant.parent_id.clone());
            }
            if shortened.is_none() && summarised.contains(&message.info.id) {
                shortened = compaction_of(&message).map(|part| (newest_first.len(), part.clone()));
            }
            let tail_start = shortened.as_ref().map(|(_, part)| part.tail_start_id.as_ref());
            let is_tail_start = tail_start.flatten() == Some(&message.info.id);
            newest_first.push(message);
            match tail_start {
                Some(None) => break 'pages,
                Some(Some(_)) if is_tail_start => break 'pages,
                _ => {}
            }
        }
    }
    Ok(in_order(newest_first, shortened.map(|(at, _)| at)))
}

/// Whether a message is a summary that was finished.
fn is_whole_summary(message: &AssistantMessage) -> bool {
    message.summary == Some(true) && message.finish.is_some() && message.error.is_none()
}

fn compaction_of(message: &MessageWithParts) -> Option<&CompactionPart> {
    message.parts.iter().find_map(|part| match &part.body {
        PartBody::Compaction(part) => Some(part),
        _ => None,
    })
}

/// Oldest first; the request for the summary and the summary before the messages that were kept.
fn in_order(mut newest_first: Vec<MessageWithParts>, compaction: Option<usize>) -> Vec<MessageWithParts> {
    let Some(at) = compaction else {
        newest_first.reverse();
        return newest_first;
    };
    let mut kept = newest_first.split_off(at + 1);
    kept.reverse();
    newest_first.reverse();
    let mut rest = newest_first.into_iter();
    let mut ordered: Vec<MessageWithParts> = rest.next().into_iter().collect();
    let request = ordered.first().map(|message| message.info.id.clone());
    let mut newer: Vec<MessageWithParts> = rest.collect();
    let summary = newer.iter().position(|message| {
        message
            .info
            .as_assistant()
            .is_some_and(|one| is_whole_summary(one) && Some(&one.parent_id) == request.as_ref())
    });
    ordered.extend(summary.map(|at| newer.remove(at)));
    ordered.extend(kept);
    ordered.extend(newer);
    ordered
}

/// The messages of a request to `model`, with a note of the program in the newest message of the user.
pub(crate) fn conversation(messages: &[MessageWithParts], model: &Model, note: Option<&str>) -> Vec<Message> {
    let mut out = Vec::new();
    let newest_of_user = messages
        .iter()
        .rposition(|message| message.info.as_user().is_some());
    for (at, message) in messages.iter().enumerate() {
        if message.parts.is_empty() {
            continue;
        }
        match &message.info.body {
            MessageBody::User(_) => {
                let note = note.filter(|_| Some(at) == newest_of_user);
                out.extend(user(message, note));
            }
            MessageBody::Assistant(assistant) if counts(assistant, message) => {
                Rounds::new(assistant, model).convert(message, &mut out);
            }
            MessageBody::Assistant(_) => {}
        }
    }
    out
}

/// A failed message is left out, except one that the user stopped after it had said something.
fn counts(assistant: &AssistantMessage, message: &MessageWithParts) -> bool {
    match &assistant.error {
        None => true,
        Some(MessageError::Aborted { .. }) => message
            .parts
            .iter()
            .any(|part| !matches!(part.body, PartBody::StepStart(_) | PartBody::Reasoning(_))),
        Some(_) => false,
    }
}

fn user(message: &MessageWithParts, note: Option<&str>) -> Option<Message> {
    let stored = message.parts.iter().filter_map(|part| match &part.body {
        PartBody::Text(part) if part.ignored != Some(true) && !part.text.is_empty() => {
            Some(Content::text(&part.text))
        }
        PartBody::File(part) if !is_inlined(&part.mime) => Some(file(part)),
        PartBody::Compaction(_) => Some(Content::text("Where do we stand in this work so far?")),
        PartBody::Subtask(_) => Some(Content::text("The user ran the following tool without a model")),
        _ => None,
    });
    let content: Vec<Content> = stored.chain(note.map(Content::text)).collect();
    (!content.is_empty()).then(|| Message::User {
        content,
        provider_options: ProviderOptions::new(),
    })
}

/// Texts and folders stand in the message as words already.
fn is_inlined(mime: &str) -> bool {
    matches!(mime, "text/plain" | "application/x-directory")
}

fn file(part: &FilePart) -> Content {
    Content::File {
        media_type: part.mime.clone(),
        data: part.url.clone(),
        filename: part.filename.clone(),
        provider_options: ProviderOptions::new(),
    }
}

/// An assistant message in rounds: what the model said, then the results of the tools that it called.
struct Rounds<'a> {
    model: &'a Model,
    /// Made by the model that is asked now: only then what the provider left with it means something.
    same_model: bool,
    said: Vec<Content>,
    results: Vec<Content>,
    media: Vec<Content>,
}

impl<'a> Rounds<'a> {
    fn new(assistant: &AssistantMessage, model: &'a Model) -> Self {
        let same_model = assistant.provider_id == model.provider_id && assistant.model_id == model.id;
        Self {
            model,
            same_model,
            said: Vec::new(),
            results: Vec::new(),
            media: Vec::new(),
        }
    }

    fn convert(mut self, message: &MessageWithParts, out: &mut Vec<Message>) {
        let signed = message.parts.iter().any(|part| match &part.body {
            PartBody::Reasoning(part) => self.same_model && is_signed(part.metadata.as_ref()),
            _ => false,
        });
        for part in &message.parts {
            match &part.body {
                PartBody::Text(part) => {
                    // Parity: agent-loop.md §4, an empty text beside signed thoughts must not vanish.
                    let text = if part.text.is_empty() && signed {
                        " "
                    } else {
                        &part.text
                    };
                    if !text.is_empty() {
                        let provider_options = self.options(part.metadata.as_ref());
                        self.said.push(Content::Text {
                            text: text.to_owned(),
                            provider_options,
                        });
                    }
                }
                PartBody::Reasoning(part) if self.same_model => {
                    let provider_options = self.options(part.metadata.as_ref());
                    self.said.push(Content::Reasoning {
                        text: part.text.clone(),
                        provider_options,
                    });
                }
                PartBody::Reasoning(part) if !part.text.trim().is_empty() => {
                    self.said.push(Content::text(&part.text));
                }
                PartBody::Tool(part) => self.tool(part),
                PartBody::StepStart(_) => self.flush(out),
                _ => {}
            }
        }
        self.flush(out);
        if !self.media.is_empty() {
            let mut content = vec![Content::text(ATTACHED)];
            content.append(&mut self.media);
            out.push(Message::User {
                content,
                provider_options: ProviderOptions::new(),
            });
        }
    }

    fn flush(&mut self, out: &mut Vec<Message>) {
        let (said, results) = (std::mem::take(&mut self.said), std::mem::take(&mut self.results));
        if !said.is_empty() {
            out.push(Message::Assistant {
                content: said,
                provider_options: ProviderOptions::new(),
            });
        }
        if !results.is_empty() {
            out.push(Message::Tool {
                content: results,
                provider_options: ProviderOptions::new(),
            });
        }
    }

    fn options(&self, metadata: Option<&Object>) -> ProviderOptions {
        let metadata = metadata.filter(|_| self.same_model);
        let objects = metadata
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| match value {
                Value::Object(object) => Some((name.clone(), object.clone())),
                _ => None,
            });
        objects.collect()
    }

    fn tool(&mut self, part: &ToolPart) {
        let provider_executed = part
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.get("providerExecuted"));
        let provider_executed = provider_executed == Some(&Value::Bool(true));
        self.said.push(Content::ToolCall {
            tool_call_id: part.call_id.clone(),
            tool_name: part.tool.clone(),
            input: part.state.input(),
            provider_executed: provider_executed.then_some(true),
            provider_options: self.options(part.metadata.as_ref()),
        });
        let output = self.output(&part.state);
        let result = Content::ToolResult {
            tool_call_id: part.call_id.clone(),
            tool_name: part.tool.clone(),
            output,
            provider_options: self.options(part.metadata.as_ref()),
        };
        if provider_executed {
            self.said.push(result);
        } else {
            self.results.push(result);
        }
    }

    fn output(&mut self, state: &ToolState) -> ToolOutput {
        match state {
            ToolState::Completed { time, .. } if time.compacted.is_some() => {
                ToolOutput::Text(CLEARED.to_owned())
            }
            ToolState::Completed {
                output, attachments, ..
            } => {
                let files = attachments.iter().flatten().filter_map(|part| match &part.body {
                    PartBody::File(part) => Some(part),
                    _ => None,
                });
                let (inside, outside): (Vec<_>, Vec<_>) =
                    files.partition(|part| takes_media(self.model, &part.mime));
                self.media.extend(outside.into_iter().map(file));
                let inside: Vec<OutputContent> = inside.into_iter().filter_map(media).collect();
                if inside.is_empty() {
                    return ToolOutput::Text(output.clone());
                }
                let text = OutputContent::Text { text: output.clone() };
                ToolOutput::Content(std::iter::once(text).chain(inside).collect())
            }
            ToolState::Error { error, metadata, .. } => match partial_output(metadata.as_ref()) {
                Some(output) => ToolOutput::Text(output.to_owned()),
                None => ToolOutput::ErrorText(error.clone()),
            },
            ToolState::Pending { .. } | ToolState::Running { .. } => {
                ToolOutput::ErrorText(INTERRUPTED.to_owned())
            }
        }
    }
}

/// What a stopped tool had to show, if it had anything.
fn partial_output(metadata: Option<&Object>) -> Option<&str> {
    let metadata = metadata?;
    if metadata.get("interrupted") != Some(&Value::Bool(true)) {
        return None;
    }
    metadata
        .get("output")?
        .as_str()
        .filter(|output| !output.is_empty())
}

fn is_signed(metadata: Option<&Object>) -> bool {
    metadata
        .into_iter()
        .flat_map(Object::values)
        .any(|value| value.get("signature").is_some() || value.get("redactedData").is_some())
}

/// Whether a tool's result may hold such a file itself. The reference leaves pictures in results for xAI, too,
/// where they are then dropped.
fn takes_media(model: &Model, mime: &str) -> bool {
    let image = mime.starts_with("image/");
    if !(image || mime == "application/pdf") {
        return false;
    }
    let id = model.api.id.to_lowercase();
    let has = |names: &[&str]| names.iter().any(|name| id.contains(name));
    match model.api.npm.as_str() {
        "@ai-sdk/anthropic"
        | "@ai-sdk/google-vertex/anthropic"
        | "@ai-sdk/openai"
        | "@ai-sdk/amazon-bedrock/mantle" => true,
        "@ai-sdk/amazon-bedrock" => image && has(&["anthropic.", "nova", "llama4", "llama-4"]),
        "@ai-sdk/google" => has(&["gemini-3"]),
        _ => false,
    }
}

fn media(part: &FilePart) -> Option<OutputContent> {
    let (_, data) = part.url.split_once(";base64,")?;
    let (media_type, data) = (part.mime.clone(), data.to_owned());
    Some(if part.mime.starts_with("image/") {
        OutputContent::ImageData { media_type, data }
    } else {
        OutputContent::FileData {
            media_type,
            data,
            filename: part.filename.clone(),
        }
    })
}
