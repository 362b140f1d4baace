//! Thoughts: an item of reasoning is a row of summaries, each a part of its own.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::wire::{Event, Item};
use super::Decoder;
use super::slots::Slot;
use crate::json::Text;
use crate::stream::{ProviderMetadata, StreamPart};

/// An item of reasoning that is open.
#[derive(Debug)]
pub(super) struct Thoughts {
    /// The id under which it came first.
    id: String,
    encrypted: Option<String>,
    /// Its summaries that have no end yet, and whether they may end.
    open: BTreeMap<u64, bool>,
}

/// What an open summary costs.
const SUMMARY_COST: usize = 32;

impl Thoughts {
    fn part_id(&self, index: u64) -> String {
        format!("{}:{index}", self.id)
    }
}

impl Decoder {
    fn thought_metadata(&self, id: &str, encrypted: Option<Option<&str>>) -> ProviderMetadata {
        let mut fields = Map::from_iter([("itemId".to_owned(), Value::from(id))]);
        if let Some(encrypted) = encrypted {
            let encrypted = encrypted.map_or(Value::Null, Value::from);
            fields.insert("reasoningEncryptedContent".to_owned(), encrypted);
        }
        self.metadata(fields)
    }

    pub(super) fn open_thoughts(&mut self, event: &Event<'_>, item: &Item<'_>, parts: &mut Vec<StreamPart>) {
        let id = item.item_id().to_owned();
        let encrypted = item.encrypted_content.clone().map(Text::into_string);
        parts.push(StreamPart::ReasoningStart {
            id: format!("{id}:0"),
            metadata: self.thought_metadata(&id, Some(encrypted.as_deref())),
        });
        let thoughts = Thoughts {
            id: id.clone(),
            encrypted,
            open: BTreeMap::from([(0, false)]),
        };
        self.slots.open(event, &id, Slot::Reasoning(thoughts));
    }

    /// A further summary; the first begins with the item.
    pub(super) fn thought_added(&mut self, event: &Event<'_>, parts: &mut Vec<StreamPart>) {
        let Some(index) = event.summary_index.filter(|index| *index > 0) else {
            return;
        };
        let Some(Slot::Reasoning(thoughts)) = self.slots.get(event) else {
            return;
        };
        let id = thoughts.id.clone();
        let encrypted = thoughts.encrypted.clone();
        let ended: Vec<u64> = thoughts
            .open
            .iter()
            .filter(|(_, may_end)| **may_end)
            .map(|(index, _)| *index)
            .collect();
        for index in &ended {
            thoughts.open.remove(index);
        }
        let ends: Vec<String> = ended.iter().map(|index| thoughts.part_id(*index)).collect();
        let start = thoughts.part_id(index);
        let is_new = thoughts.open.insert(index, false).is_none();
        for part in ends {
            parts.push(StreamPart::ReasoningEnd {
                id: part,
                metadata: self.thought_metadata(&id, None),
            });
        }
        if is_new {
            self.slots.grew(event, SUMMARY_COST);
            parts.push(StreamPart::ReasoningStart {
                id: start,
                metadata: self.thought_metadata(&id, Some(encrypted.as_deref())),
            });
        }
    }

    pub(super) fn thought(&mut self, event: &Event<'_>, parts: &mut Vec<StreamPart>) {
        let Some(delta) = &event.delta else { return };
        let index = event.summary_index.unwrap_or(0);
        let Some(Slot::Reasoning(thoughts)) = self.slots.get(event) else {
            return;
        };
        let (id, part) = (thoughts.id.clone(), thoughts.part_id(index));
        if thoughts.open.insert(index, false).is_none() {
            // Words of a summary that was not announced.
            let encrypted = thoughts.encrypted.clone();
            self.slots.grew(event, SUMMARY_COST);
            parts.push(StreamPart::ReasoningStart {
                id: part.clone(),
                metadata: self.thought_metadata(&id, Some(encrypted.as_deref())),
            });
        }
        parts.push(StreamPart::ReasoningDelta {
            id: part,
            delta: delta.as_str().to_owned(),
            metadata: self.thought_metadata(&id, None),
        });
    }

    /// A summary is whole. What is not stored ends later, with the encrypted thoughts that go back instead.
    pub(super) fn thought_done(&mut self, event: &Event<'_>, parts: &mut Vec<StreamPart>) {
        let index = event.summary_index.unwrap_or(0);
        let stored = self.stored;
        let Some(Slot::Reasoning(thoughts)) = self.slots.get(event) else {
            return;
        };
        if !stored {
            if let Some(may_end) = thoughts.open.get_mut(&index) {
                *may_end = true;
            }
            return;
        }
        let (id, part) = (thoughts.id.clone(), thoughts.part_id(index));
        if thoughts.open.remove(&index).is_some() {
            parts.push(StreamPart::ReasoningEnd {
                id: part,
                metadata: self.thought_metadata(&id, None),
            });
        }
    }

    pub(super) fn close_thoughts(&self, thoughts: &Thoughts, item: &Item<'_>, parts: &mut Vec<StreamPart>) {
        // The last id is the one that goes with the encrypted thoughts.
        let id = item.item_id();
        let encrypted = item.encrypted_content.as_ref().map(Text::as_str);
        for index in thoughts.open.keys() {
            parts.push(StreamPart::ReasoningEnd {
                id: thoughts.part_id(*index),
                metadata: self.thought_metadata(id, Some(encrypted)),
            });
        }
    }
}
