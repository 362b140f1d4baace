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
const SLOT_COST: usize = 256;

/// An item in its place.
#[derive(Debug)]
struct Entry {
    id: String,
    slot: Slot,
    /// Bytes that it may hold.
    cost: usize,
}

/// The open items. An item without a place has one after all others, under its id.
#[derive(Debug, Default)]
pub(super) struct Slots {
    open: BTreeMap<u64, Entry>,
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
        self.open.get_mut(&key).map(|entry| &mut entry.slot)
    }

    pub(super) fn open(&mut self, event: &Event<'_>, id: &str, slot: Slot) {
        let key = event.output_index.unwrap_or_else(|| {
            self.unplaced = self.unplaced.saturating_add(1);
            u64::MAX.saturating_sub(self.unplaced)
        });
        // The id is kept three times at most, and other texts are those of the item.
        let item = event.item.map_or(0, |raw| raw.get().len());
        let cost = SLOT_COST
            .saturating_add(id.len().saturating_mul(3))
            .saturating_add(item);
        self.held = self.held.saturating_add(cost);
        self.places.insert(id.to_owned(), key);
        let id = id.to_owned();
        // One whose place is taken stays counted: its id still leads here.
        self.open.insert(key, Entry { id, slot, cost });
    }

    pub(super) fn close(&mut self, event: &Event<'_>) -> Option<Slot> {
        let key = self.key(event)?;
        let entry = self.open.remove(&key)?;
        self.places.remove(&entry.id);
        self.held = self.held.saturating_sub(entry.cost);
        Some(entry.slot)
    }

    /// Counts what an open item has come to hold.
    pub(super) fn grew(&mut self, event: &Event<'_>, bytes: usize) {
        let Some(key) = self.key(event) else { return };
        if let Some(entry) = self.open.get_mut(&key) {
            entry.cost = entry.cost.saturating_add(bytes);
            self.held = self.held.saturating_add(bytes);
        }
    }

    pub(super) fn held(&self) -> usize {
        self.held
    }
}
