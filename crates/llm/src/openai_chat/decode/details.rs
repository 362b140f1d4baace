//! Reasoning details: pieces of reasoning with signatures, or encrypted, that go back with the next
//! request.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::json::text_at;
use crate::openai_chat::messages::copilot::OPAQUE;
use crate::request::Object;
use crate::stream::ProviderMetadata;

const TEXT: &str = "reasoning.text";
const SUMMARY: &str = "reasoning.summary";
const ENCRYPTED: &str = "reasoning.encrypted";

/// The pieces of one answer.
#[derive(Debug, Default)]
pub(super) struct Details {
    pieces: Vec<Value>,
    held: usize,
    /// A dialect that has details has them even when there are none.
    known: bool,
    on_a_call: bool,
    /// The reasoning as only the provider can read it.
    opaque: Option<String>,
}

impl Details {
    /// Without pieces; `known` says whether the dialect has them.
    pub(super) fn new(known: bool) -> Self {
        Self {
            known,
            ..Self::default()
        }
    }

    /// Takes the pieces of a chunk. Gives back the words in them, in order; `None` when there are no pieces.
    pub(super) fn take(&mut self, raw: Option<&RawValue>) -> Option<Vec<String>> {
        let raw = raw?;
        let pieces: Vec<Value> = serde_json::from_str(raw.get()).ok()?;
        self.held = self.held.saturating_add(raw.get().len());
        self.take_all(pieces)
    }

    /// The same for pieces that were read already.
    pub(super) fn take_all(&mut self, pieces: Vec<Value>) -> Option<Vec<String>> {
        let pieces: Vec<Value> = pieces.into_iter().filter(is_known).collect();
        if pieces.is_empty() {
            return None;
        }
        let words = pieces.iter().filter_map(words).collect();
        for piece in pieces {
            self.add(piece);
        }
        Some(words)
    }

    /// Texts that follow each other are one; a signature comes with the last of them.
    fn add(&mut self, piece: Value) {
        if text_at(&piece, "type") == Some(TEXT)
            && let Some(Value::Object(last)) = self.pieces.last_mut()
            && last.get("type").and_then(Value::as_str) == Some(TEXT)
        {
            let more = text_at(&piece, "text").unwrap_or_default();
            match last.get_mut("text") {
                Some(Value::String(text)) => text.push_str(more),
                _ => {
                    last.insert("text".to_owned(), Value::from(more));
                }
            }
            for key in ["signature", "format"] {
                let missing = last.get(key).and_then(Value::as_str).is_none_or(str::is_empty);
                if missing && let Some(value) = piece.get(key) {
                    last.insert(key.to_owned(), value.clone());
                }
            }
            return;
        }
        self.pieces.push(piece);
    }

    /// Takes the reasoning as only the provider can read it. There is one in an answer.
    pub(super) fn take_opaque(&mut self, opaque: Option<&str>) {
        if let Some(opaque) = opaque.filter(|opaque| !opaque.is_empty()) {
            let before = self.opaque.replace(opaque.to_owned());
            let before = before.map_or(0, |before| before.len());
            self.held = self.held.saturating_sub(before).saturating_add(opaque.len());
        }
    }

    /// The same as metadata; none if none has come.
    pub(super) fn opaque(&self, namespace: &str) -> Option<ProviderMetadata> {
        let opaque = self.opaque.as_deref()?;
        let fields = Object::from_iter([(OPAQUE.to_owned(), Value::from(opaque))]);
        Some(ProviderMetadata::from([(namespace.to_owned(), fields)]))
    }

    pub(super) fn pieces(&self) -> &[Value] {
        &self.pieces
    }

    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Some of it nobody can read.
    pub(super) fn has_encrypted(&self) -> bool {
        self.pieces.iter().any(|piece| {
            text_at(piece, "type") == Some(ENCRYPTED)
                && text_at(piece, "data").is_some_and(|data| !data.is_empty())
        })
    }

    /// The pieces as metadata.
    pub(super) fn metadata(&self, namespace: &str) -> ProviderMetadata {
        let fields = Object::from_iter([("reasoning_details".to_owned(), Value::Array(self.pieces.clone()))]);
        ProviderMetadata::from([(namespace.to_owned(), fields)])
    }

    /// The pieces as metadata of the first call; later ones have none, so that nothing goes back twice.
    pub(super) fn for_first_call(&mut self, namespace: &str) -> Option<ProviderMetadata> {
        if !self.known || std::mem::replace(&mut self.on_a_call, true) {
            return None;
        }
        Some(self.metadata(namespace))
    }
}

fn is_known(piece: &Value) -> bool {
    match text_at(piece, "type") {
        Some(TEXT) => true,
        Some(SUMMARY) => text_at(piece, "summary").is_some(),
        Some(ENCRYPTED) => text_at(piece, "data").is_some(),
        _ => false,
    }
}

/// The words of a piece. A text without words still has a place; a summary without words has none.
pub(super) fn words(piece: &Value) -> Option<String> {
    match text_at(piece, "type")? {
        TEXT => Some(text_at(piece, "text").unwrap_or_default().to_owned()),
        SUMMARY => text_at(piece, "summary")
            .filter(|summary| !summary.is_empty())
            .map(str::to_owned),
        _ => None,
    }
}
