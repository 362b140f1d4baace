//! Text and reasoning of a delta: what opens, continues and closes them.

use serde_json::Value;

use super::wire::{self, Content, Delta};
use super::{Decoder, REASONING_ID, TEXT_ID};
use crate::json::{Text, text_at};
use crate::openai_chat::dialect::{Facts, ReasoningPlace};
use crate::stream::{ProviderMetadata, StreamPart};

impl Decoder {
    pub(super) fn reasoning(&mut self, delta: &Delta<'_>, parts: &mut Vec<StreamPart>) {
        let content = || delta.reasoning_content.as_ref();
        let plain = || delta.reasoning.as_ref();
        if self.rules.reasoning == ReasoningPlace::TextAndOpaque {
            let read = |raw| wire::text(raw);
            self.details.take_opaque(read(delta.reasoning_opaque).as_deref());
            if let Some(text) = read(delta.reasoning_text).filter(|text| !text.is_empty()) {
                self.push_reasoning(&text, parts);
            }
            return;
        }
        let text = match self.rules.reasoning {
            ReasoningPlace::Nowhere | ReasoningPlace::TextAndOpaque => None,
            ReasoningPlace::Content => content(),
            ReasoningPlace::Plain => plain(),
            ReasoningPlace::ContentElsePlain => content().or_else(plain),
            ReasoningPlace::Details => {
                if let Some(pieces) = self.details.take(delta.reasoning_details) {
                    // An empty piece opens the reasoning, too: a signature may be all there is.
                    for piece in pieces {
                        self.push_reasoning(&piece, parts);
                    }
                    return;
                }
                plain()
            }
        };
        if self.rules.facts == Facts::PredictionsAndDetails {
            self.details.take(delta.reasoning_details);
            self.gathered.encrypted = self
                .gathered
                .encrypted
                .take()
                .or_else(|| wire::flag(delta.reasoning_encrypted));
        }
        let Some(text) = text.map(Text::as_str).filter(|text| !text.is_empty()) else {
            return;
        };
        if self.rules.repeats_reasoning {
            if self.last_reasoning.as_deref() == Some(text) {
                return;
            }
            self.last_reasoning = Some(text.to_owned());
        }
        self.push_reasoning(text, parts);
    }

    fn push_reasoning(&mut self, text: &str, parts: &mut Vec<StreamPart>) {
        if self.rules.reasoning == ReasoningPlace::Details && self.text_begun {
            return;
        }
        if !self.reasoning_open {
            if self.rules.closes_text {
                self.end_text(parts);
            }
            parts.push(StreamPart::ReasoningStart {
                id: REASONING_ID.to_owned(),
                metadata: ProviderMetadata::new(),
            });
            self.reasoning_open = true;
        }
        if !text.is_empty() {
            parts.push(StreamPart::ReasoningDelta {
                id: REASONING_ID.to_owned(),
                delta: text.to_owned(),
                metadata: ProviderMetadata::new(),
            });
        }
    }

    pub(super) fn content(&mut self, delta: &Delta<'_>, parts: &mut Vec<StreamPart>) {
        match &delta.content {
            None => {}
            Some(Content::Text(text)) => self.text(text.as_str(), parts),
            Some(Content::Pieces(pieces)) => {
                for piece in pieces {
                    match text_at(piece, "type") {
                        Some("text") => self.text(text_at(piece, "text").unwrap_or_default(), parts),
                        Some("thinking") => {
                            let thought = thought(piece);
                            if !thought.is_empty() {
                                self.push_reasoning(&thought, parts);
                            }
                        }
                        kind => tracing::debug!(kind, "piece of an unknown kind is read over"),
                    }
                }
            }
        }
    }

    fn text(&mut self, text: &str, parts: &mut Vec<StreamPart>) {
        if text.is_empty() && !self.rules.opens_empty_text {
            return;
        }
        self.begun |= !text.is_empty();
        self.end_reasoning(parts);
        if self.echo.as_deref() == Some(text) {
            return;
        }
        if !self.text_open {
            parts.push(StreamPart::TextStart {
                id: TEXT_ID.to_owned(),
                metadata: self.details.opaque(&self.namespace).unwrap_or_default(),
            });
            self.text_open = true;
            self.text_begun = true;
        }
        if !text.is_empty() {
            parts.push(StreamPart::TextDelta {
                id: TEXT_ID.to_owned(),
                delta: text.to_owned(),
                metadata: ProviderMetadata::new(),
            });
        }
    }

    pub(super) fn end_reasoning(&mut self, parts: &mut Vec<StreamPart>) {
        if std::mem::take(&mut self.reasoning_open) {
            let metadata = match self.rules.reasoning {
                ReasoningPlace::Details => self.details.metadata(&self.namespace),
                _ => self.details.opaque(&self.namespace).unwrap_or_default(),
            };
            parts.push(StreamPart::ReasoningEnd {
                id: REASONING_ID.to_owned(),
                metadata,
            });
        }
    }

    pub(super) fn end_reasoning_for_calls(&mut self, parts: &mut Vec<StreamPart>) {
        // With details, a signature may still follow the calls.
        if self.rules.reasoning != ReasoningPlace::Details {
            self.end_reasoning(parts);
        }
    }

    pub(super) fn end_text(&mut self, parts: &mut Vec<StreamPart>) {
        if std::mem::take(&mut self.text_open) {
            parts.push(StreamPart::TextEnd {
                id: TEXT_ID.to_owned(),
                metadata: ProviderMetadata::new(),
            });
        }
    }

    /// Moves what stands between thinking tags to the reasoning. The tags come at the edges of deltas.
    pub(super) fn untag(&mut self, delta: &mut Delta<'_>) {
        const OPEN: &str = "<think>";
        const CLOSE: &str = "</think>";
        let Some(text) = delta
            .content
            .as_ref()
            .and_then(|content| content.as_text().map(str::to_owned))
        else {
            return;
        };
        let thinking = self.think_tags == Some(true);
        if !thinking && !text.starts_with(OPEN) {
            return;
        }
        self.think_tags = Some(!text.ends_with(CLOSE));
        let inner = text.strip_prefix(OPEN).unwrap_or(&text);
        let inner = inner.strip_suffix(CLOSE).unwrap_or(inner);
        delta.reasoning_content = Some(Text(inner.to_owned().into()));
        delta.content = None;
    }
}

/// The words of a piece of thought, which has pieces of its own.
pub(super) fn thought(piece: &Value) -> String {
    let inner = piece.get("thinking");
    if let Some(text) = inner.and_then(Value::as_str) {
        return text.to_owned();
    }
    let pieces = inner.and_then(Value::as_array).into_iter().flatten();
    pieces.filter_map(|piece| text_at(piece, "text")).collect()
}
