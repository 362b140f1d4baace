//! Letting go what is far from what is looked at, so that what is held does not grow with scrolling. The newest
//! messages are always held, for they say how the session stands; between them and what is looked at there may be
//! a hole. What was let go is read again, a page at a time, when somebody comes near.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use opencode_schema::{MessageId, MessageWithParts};
use serde_json::json;

use super::{Conversation, Entry, insert};

/// Messages that are let go, and read again, at once.
pub(crate) const PAGE: usize = 100;
/// Messages before or after what is looked at beyond which a page is let go.
const FAR: usize = 2 * PAGE;
/// The newest messages that are held wherever somebody looks.
const NEWEST: usize = PAGE;

/// What is looked at far before the newest messages.
#[derive(Clone, Debug, Default)]
pub(super) struct Far {
    /// The messages, the oldest first.
    pub(super) entries: Vec<Entry>,
    /// Pages between them and the newest, the nearest at the end.
    hole: Vec<Page>,
}

/// A page that was let go, by the places of messages as servers name them.
#[derive(Clone, Debug)]
struct Page {
    /// Its first message.
    first: String,
    /// The message behind its last.
    end: String,
}

impl Conversation {
    /// The messages that can be looked at now, the oldest first.
    pub(crate) fn shown(&self) -> &[Entry] {
        self.far.as_ref().map_or(&self.entries, |far| &far.entries)
    }

    pub(super) fn shown_mut(&mut self) -> &mut Vec<Entry> {
        self.far
            .as_mut()
            .map_or(&mut self.entries, |far| &mut far.entries)
    }

    /// Where the messages behind those that are shown end, if they were let go.
    pub(crate) fn newer(&self) -> Option<&str> {
        self.far.as_ref()?.hole.last().map(|page| page.end.as_str())
    }

    /// Whether something that is held is far from these places of what is shown.
    pub(crate) fn is_far(&self, first: usize, end: usize) -> bool {
        let behind = match self.far {
            Some(_) => self.shown().len(),
            None => self.entries.len().saturating_sub(NEWEST),
        };
        let is_tail_long = self.far.is_some() && self.entries.len() >= NEWEST + FAR;
        !self.is_loading && (first >= FAR || behind >= end + FAR || is_tail_long)
    }

    /// Lets go what is far from these places of what is shown.
    pub(crate) fn let_go(&mut self, first: usize, end: usize) {
        // What is being read belongs to the edges as they are.
        if self.is_loading {
            return;
        }
        let mut end = end;
        if first >= FAR {
            let count = (first / PAGE - 1) * PAGE;
            let shown = self.shown_mut();
            shown.drain(..count.min(shown.len()));
            self.older = shown.first().map(place_of).or_else(|| self.older.take());
            end = end.saturating_sub(count);
        }
        if self.far.is_none() && self.entries.len() >= end + NEWEST + FAR {
            let newest = self.entries.split_off(self.entries.len() - NEWEST);
            let entries = std::mem::replace(&mut self.entries, newest);
            let hole = Vec::new();
            self.far = Some(Far { entries, hole });
        }
        let Some(far) = &mut self.far else { return };
        while far.entries.len() >= end + FAR {
            let page = far.entries.split_off(far.entries.len() - PAGE);
            let behind = match far.hole.last() {
                Some(page) => Some(page.first.clone()),
                None => self.entries.first().map(place_of),
            };
            let first = page.first().map(place_of);
            far.hole
                .extend(first.zip(behind).map(|(first, end)| Page { first, end }));
        }
        while self.entries.len() >= NEWEST + FAR {
            let newest = self.entries.split_off(PAGE);
            let page = std::mem::replace(&mut self.entries, newest);
            let ends = page.first().zip(self.entries.first());
            let page = ends.map(|(first, end)| Page {
                first: place_of(first),
                end: place_of(end),
            });
            far.hole.splice(0..0, page);
        }
    }

    /// Takes the page behind what is shown.
    pub(crate) fn load_newer(&mut self, page: Vec<MessageWithParts>) {
        self.is_loading = false;
        let entries: Vec<Entry> = page.into_iter().map(|message| self.entry(message)).collect();
        let Some(far) = &mut self.far else { return };
        far.hole.pop();
        for entry in entries {
            insert(&mut far.entries, entry);
        }
        if !far.hole.is_empty() {
            return;
        }
        if let Some(Far { entries, .. }) = self.far.take() {
            let newest = std::mem::replace(&mut self.entries, entries);
            for entry in newest {
                insert(&mut self.entries, entry);
            }
        }
    }

    /// The newest messages are looked at; what was looked at far before them is let go.
    pub(crate) fn come_back(&mut self) {
        if self.far.take().is_some() {
            self.is_loading = false;
            self.older = self.entries.first().map(place_of);
        }
    }

    /// How many messages are held.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.entries.len() + self.far.as_ref().map_or(0, |far| far.entries.len())
    }

    /// Whether a message is one of the newest while something far before them is shown.
    pub(crate) fn is_behind(&self, id: &MessageId) -> bool {
        self.far.is_some() && self.entries.iter().any(|entry| entry.message.info.id == *id)
    }
}

/// Where a message is, as servers name places in a session (reference `http-api.md`, `X-Next-Cursor`).
fn place_of(entry: &Entry) -> String {
    let info = &entry.message.info;
    let place = json!({ "id": info.id, "time": info.created() });
    URL_SAFE_NO_PAD.encode(place.to_string())
}
