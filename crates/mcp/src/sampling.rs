//! A server asks the model while a tool of it runs (`sampling/createMessage`; beyond the reference, which refuses).

#![expect(
    deprecated,
    reason = "a later protocol version has no sampling any more; this one does"
)]

use rmcp::model::{
    CreateMessageRequestParams, CreateMessageResult, ErrorCode, ErrorData, Role, SamplingMessage,
    SamplingMessageContentBlock,
};

/// Messages of a request, and what they may hold.
const MESSAGES: usize = 100;
const CHARACTERS: usize = 400_000;
const PICTURES: usize = 10;
/// Texts at which an answer ends that are passed on.
const STOPS: usize = 4;
/// What the protocol says when the user does not want something.
const UNWANTED: ErrorCode = ErrorCode(-1);

/// What a server asks the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// Which server.
    pub server: String,
    /// What it wants the model to be.
    pub system: Option<String>,
    /// The conversation.
    pub messages: Vec<Said>,
    /// How long the answer may be.
    pub max_tokens: u64,
    /// How much chance there may be in it.
    pub temperature: Option<f64>,
    /// Texts at which it ends.
    pub stop: Vec<String>,
}

/// A message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The model is to have said it.
    pub by_model: bool,
    /// What it holds.
    pub pieces: Vec<Piece>,
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Words.
    Text(String),
    /// A picture.
    Image {
        /// Its media type.
        mime: String,
        /// Its bytes, in Base64.
        data: String,
    },
}

/// What the model answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sampled {
    /// Which model.
    pub model: String,
    /// Its words.
    pub text: String,
    /// The answer reached its limit.
    pub is_cut: bool,
}

/// Why the model did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsampled {
    /// A rule or the user forbids it, or nothing goes on that it could be for.
    Refused(String),
    /// It was asked and failed.
    Failed(String),
    /// Nobody waits any more.
    Cancelled,
}

impl Sampling {
    /// As a server says it.
    pub(crate) fn read(server: &str, asked: CreateMessageRequestParams) -> Result<Self, ErrorData> {
        let wrong = |words: &'static str| Err(ErrorData::invalid_params(words, None));
        if asked.tools.is_some_and(|tools| !tools.is_empty()) {
            return wrong("The model cannot be given tools here");
        }
        if asked.messages.is_empty() || asked.messages.len() > MESSAGES {
            return wrong("There have to be between 1 and 100 messages");
        }
        let mut messages = Vec::new();
        for message in asked.messages {
            let SamplingMessage { role, content, .. } = message;
            let mut pieces = Vec::new();
            for block in content.into_vec() {
                pieces.push(match block {
                    SamplingMessageContentBlock::Text(text) => Piece::Text(text.text),
                    SamplingMessageContentBlock::Image(image) => Piece::Image {
                        mime: image.mime_type,
                        data: image.data,
                    },
                    _ => return wrong("Only words and pictures can be passed to the model here"),
                });
            }
            messages.push(Said {
                by_model: matches!(role, Role::Assistant),
                pieces,
            });
        }
        let of_text = |piece: &Piece| match piece {
            Piece::Text(text) => text.len(),
            Piece::Image { .. } => 0,
        };
        let pieces = || messages.iter().flat_map(|message| &message.pieces);
        let system = asked.system_prompt.as_ref().map_or(0, String::len);
        let pictures = pieces().filter(|piece| matches!(piece, Piece::Image { .. }));
        if pieces().map(of_text).sum::<usize>() + system > CHARACTERS || pictures.count() > PICTURES {
            return wrong("The messages are too long");
        }
        Ok(Self {
            server: server.to_owned(),
            system: asked.system_prompt,
            messages,
            max_tokens: asked.max_tokens.max(1).into(),
            temperature: asked.temperature.map(f64::from),
            stop: asked
                .stop_sequences
                .unwrap_or_default()
                .into_iter()
                .take(STOPS)
                .collect(),
        })
    }

    /// The last words of the conversation, to be shown.
    #[must_use]
    pub fn words(&self) -> String {
        let pieces = self.messages.iter().rev().flat_map(|message| &message.pieces);
        let mut texts = pieces.filter_map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::Image { .. } => None,
        });
        texts.next().unwrap_or_default().to_owned()
    }
}

/// What a server is told.
pub(crate) fn result(sampled: Result<Sampled, Unsampled>) -> Result<CreateMessageResult, ErrorData> {
    match sampled {
        Ok(sampled) => {
            let reason = match sampled.is_cut {
                true => CreateMessageResult::STOP_REASON_END_MAX_TOKEN,
                false => CreateMessageResult::STOP_REASON_END_TURN,
            };
            let message = SamplingMessage::assistant_text(sampled.text);
            Ok(CreateMessageResult::new(message, sampled.model).with_stop_reason(reason))
        }
        Err(Unsampled::Refused(reason)) => Err(ErrorData::new(UNWANTED, reason, None)),
        Err(Unsampled::Failed(reason)) => Err(ErrorData::internal_error(reason, None)),
        Err(Unsampled::Cancelled) => Err(ErrorData::new(UNWANTED, "The turn was stopped", None)),
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    use super::*;

    fn read(asked: Value) -> Result<Sampling, ErrorData> {
        Sampling::read("s", serde_json::from_value(asked).unwrap())
    }

    #[test]
    fn requests_are_read_within_bounds() {
        let text = |text: &str| json!({ "role": "user", "content": { "type": "text", "text": text } });
        let asked = read(
            json!({ "messages": [text("a"), { "role": "assistant", "content": [
            { "type": "image", "mimeType": "image/png", "data": "AAAA" }] }], "maxTokens": 7,
            "systemPrompt": "Be brief.", "stopSequences": ["1", "2", "3", "4", "5"], "temperature": 0.5 }),
        );
        let image = Piece::Image {
            mime: "image/png".into(),
            data: "AAAA".into(),
        };
        let said = |by_model, piece| Said {
            by_model,
            pieces: vec![piece],
        };
        assert_eq!(
            asked,
            Ok(Sampling {
                server: "s".into(),
                system: Some("Be brief.".into()),
                messages: vec![said(false, Piece::Text("a".into())), said(true, image)],
                max_tokens: 7,
                temperature: Some(0.5),
                stop: ["1", "2", "3", "4"].map(str::to_owned).into(),
            })
        );
        assert_eq!(asked.unwrap().words(), "a");
        let audio =
            json!({ "role": "user", "content": { "type": "audio", "mimeType": "audio/wav", "data": "" } });
        let long = text(&"x".repeat(CHARACTERS + 1));
        for (messages, words) in [
            (vec![], "There have to be between 1 and 100 messages"),
            (
                vec![text("a"); 101],
                "There have to be between 1 and 100 messages",
            ),
            (
                vec![audio],
                "Only words and pictures can be passed to the model here",
            ),
            (vec![long], "The messages are too long"),
        ] {
            let wrong = read(json!({ "messages": messages, "maxTokens": 7 })).unwrap_err();
            assert_eq!(wrong.message, words);
        }
        let tools = json!([{ "name": "t", "inputSchema": {} }]);
        let wrong = read(json!({ "messages": [text("a")], "maxTokens": 7, "tools": tools })).unwrap_err();
        assert_eq!(wrong.message, "The model cannot be given tools here");
    }
}
