//! Text and reasoning of a delta: what opens, continues and closes them.

use super::wire::{self, Delta};
use super::{Decoder, REASONING_ID, TEXT_ID};
use crate::json::Text;
use crate::openai_chat::dialect::{Facts, ReasoningPlace};
use crate::stream::{ProviderMetadata, StreamPart};

impl Decoder {
    pub(super) fn reasoning(&mut self, delta: &Delta<'_>, parts: &mut Vec<StreamPart>) {
        let content = || delta.reasoning_content.as_ref();
        let plain = || delta.reasoning.as_ref();
        let text = match self.rules.reasoning {
            ReasoningPlace::Nowhere => None,
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

    pub(super) fn text(&mut self, delta: &Delta<'_>, parts: &mut Vec<StreamPart>) {
        let Some(text) = &delta.content else { return };
        let text = text.as_str();
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
                metadata: ProviderMetadata::new(),
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
                _ => ProviderMetadata::new(),
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
        let Some(text) = delta.content.as_ref().map(|text| text.as_str().to_owned()) else {
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
