//! The items that are open, by their place in the answer.

use std::collections::{BTreeMap, HashMap};

use super::super::wire::{Event, Item};
use super::thoughts::Thoughts;
use crate::json::Text;

/// An item that is open.
#[derive(Debug)]
pub(super) enum Slot {
    /// A text.
    Text { id: String },
    /// Thoughts.
    Reasoning(Thoughts),
    /// A call.
    Call(OpenCall),
}

/// A call that is open.
#[derive(Debug)]
pub(super) struct OpenCall {
    pub(super) id: String,
    pub(super) name: String,
    /// Arguments as they came, for servers that do not repeat them at the end.
    pub(super) arguments: String,
    /// The container in which the provider runs code.
    pub(super) container: Option<String>,
    pub(super) progress: Progress,
}

/// How far a call of the provider's own tools has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// The change of a patch has been given out, or there is none.
    pub(super) has_diff: bool,
    /// The end of the arguments has been given out.
    pub(super) ended: bool,
    /// The call has been given out.
    pub(super) called: bool,
}

impl OpenCall {
    pub(super) fn new(id: String, name: String) -> Self {
        Self {
            id,
            name,
            arguments: String::new(),
            container: None,
            progress: Progress::default(),
        }
    }
}

/// What an open item costs beside its texts.
const SLOT_COST: usize = 128;

/// The open items. An item without a place has one after all others, under its id.
#[derive(Debug, Default)]
pub(super) struct Slots {
    open: BTreeMap<u64, (String, Slot)>,
    /// Places by id.
    places: HashMap<String, u64>,
    /// Bytes of what is open.
    held: usize,
    unplaced: u64,
}

impl Slots {
    fn key(&self, event: &Event<'_>) -> Option<u64> {
        if let Some(place) = event.output_index {
            return Some(place);
        }
        let id = event.item_id.as_ref().map(Text::as_str);
        let item = Item::read(event.item);
        let id = id.or_else(|| item.as_ref().map(Item::item_id))?;
        self.places.get(id).copied()
    }

    pub(super) fn get(&mut self, event: &Event<'_>) -> Option<&mut Slot> {
        let key = self.key(event)?;
        self.open.get_mut(&key).map(|(_, slot)| slot)
    }

    pub(super) fn open(&mut self, event: &Event<'_>, id: &str, slot: Slot) {
        let key = event.output_index.unwrap_or_else(|| {
            self.unplaced = self.unplaced.saturating_add(1);
            u64::MAX.saturating_sub(self.unplaced)
        });
        self.held = self.held.saturating_add(SLOT_COST.saturating_add(id.len()));
        self.places.insert(id.to_owned(), key);
        self.open.insert(key, (id.to_owned(), slot));
    }

    pub(super) fn close(&mut self, event: &Event<'_>) -> Option<Slot> {
        let key = self.key(event)?;
        let (id, slot) = self.open.remove(&key)?;
        self.places.remove(&id);
        let texts = match &slot {
            Slot::Call(call) => call.arguments.len(),
            _ => 0,
        };
        let cost = SLOT_COST.saturating_add(id.len()).saturating_add(texts);
        self.held = self.held.saturating_sub(cost);
        Some(slot)
    }

    /// Counts what an open item has come to hold.
    pub(super) fn grew(&mut self, bytes: usize) {
        self.held = self.held.saturating_add(bytes);
    }

    pub(super) fn held(&self) -> usize {
        self.held
    }
}
