//! The messages of one session as far as they are loaded, newest page first, older ones when somebody looks. What
//! is far from where he looks is let go again ([`far`]).

mod far;

use opencode_schema::message::{Message, MessageBody};
use opencode_schema::part::{Part, PartBody};
use opencode_schema::session::{FileDiff, Todo};
use opencode_schema::{MessageId, MessageWithParts, PartId};

use far::Far;
pub(crate) use far::PAGE;

/// A message, and how often it changed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// The message.
    pub(crate) message: MessageWithParts,
    /// Grows with every change, so that what was drawn of it can be kept until then.
    pub(crate) revision: u64,
}

/// A session as far as it is loaded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conversation {
    /// The messages up to the end, the oldest first.
    pub(crate) entries: Vec<Entry>,
    /// What is looked at instead of them, far before them.
    far: Option<Far>,
    /// Where older messages are, if there are any.
    pub(crate) older: Option<String>,
    /// Somebody asked for them.
    pub(crate) is_loading: bool,
    /// The newest page has been read.
    pub(crate) is_loaded: bool,
    /// What is to be done.
    pub(crate) todos: Vec<Todo>,
    /// What it changed.
    pub(crate) diff: Vec<FileDiff>,
    revisions: u64,
    /// What is not newer than this was read before the server was away.
    old: u64,
}

impl Conversation {
    /// It is read anew: what is here now is older than what comes.
    pub(crate) fn begin(&mut self) {
        self.old = self.revisions;
        self.is_loading = true;
    }

    /// Takes the newest page. What events told meanwhile is newer than it.
    pub(crate) fn load(&mut self, page: Vec<MessageWithParts>, older: Option<String>) {
        self.far = None;
        let mut told = std::mem::take(&mut self.entries);
        told.retain(|entry| entry.revision > self.old);
        for message in page {
            let entry = self.entry(message);
            insert(&mut self.entries, entry);
        }
        for entry in told {
            let MessageWithParts { info, parts } = entry.message;
            self.message(info);
            for part in parts {
                self.part(part);
            }
        }
        self.older = older;
        self.is_loaded = true;
        self.is_loading = false;
    }

    /// Takes a page of older messages.
    pub(crate) fn load_older(&mut self, page: Vec<MessageWithParts>, older: Option<String>) {
        for message in page {
            let entry = self.entry(message);
            insert(self.shown_mut(), entry);
        }
        self.older = older;
        self.is_loading = false;
    }

    fn entry(&mut self, message: MessageWithParts) -> Entry {
        let revision = self.next_revision();
        Entry { message, revision }
    }

    /// A message was made or changed.
    pub(crate) fn message(&mut self, info: Message) {
        let revision = self.next_revision();
        if let Some(entry) = self.known(&info.id) {
            entry.message.info = info;
            entry.revision = revision;
            return;
        }
        let at = place(&self.entries, &info);
        // What comes before everything that is loaded is loaded with its page.
        if at == 0 && !self.entries.is_empty() && (self.older.is_some() || self.far.is_some()) {
            return;
        }
        let parts = Vec::new();
        let message = MessageWithParts { info, parts };
        self.entries.insert(at, Entry { message, revision });
    }

    /// A message was removed.
    pub(crate) fn remove_message(&mut self, id: &MessageId) {
        self.entries.retain(|entry| entry.message.info.id != *id);
        if let Some(far) = &mut self.far {
            far.entries.retain(|entry| entry.message.info.id != *id);
        }
    }

    /// A part was made or changed.
    pub(crate) fn part(&mut self, part: Part) {
        self.change(&part.message_id.clone(), |parts| {
            match parts.iter().rposition(|known| known.id == part.id) {
                Some(at) => parts[at] = part,
                None => {
                    let at = parts.partition_point(|known| known.id < part.id);
                    parts.insert(at, part);
                }
            }
        });
    }

    /// A part was removed.
    pub(crate) fn remove_part(&mut self, message: &MessageId, id: &PartId) {
        self.change(message, |parts| parts.retain(|part| part.id != *id));
    }

    /// A text grows.
    pub(crate) fn delta(&mut self, message: &MessageId, id: &PartId, field: &str, delta: &str) {
        self.change(message, |parts| {
            let Some(part) = parts.iter_mut().rfind(|part| part.id == *id) else {
                return;
            };
            match (&mut part.body, field) {
                (PartBody::Text(text), "text") => text.text.push_str(delta),
                (PartBody::Reasoning(thought), "text") => thought.text.push_str(delta),
                _ => {}
            }
        });
    }

    fn change(&mut self, message: &MessageId, change: impl FnOnce(&mut Vec<Part>)) {
        let revision = self.next_revision();
        if let Some(entry) = self.known(message) {
            change(&mut entry.message.parts);
            entry.revision = revision;
        }
    }

    /// The message of an id.
    pub(crate) fn get(&self, id: &MessageId) -> Option<&MessageWithParts> {
        let far = self.far.iter().flat_map(|far| &far.entries);
        let mut known = far.chain(&self.entries).rev();
        known
            .find(|entry| entry.message.info.id == *id)
            .map(|entry| &entry.message)
    }

    /// Messages of the user, the newest first.
    pub(crate) fn prompts(&self) -> impl Iterator<Item = &MessageWithParts> {
        let far = self.far.iter().flat_map(|far| &far.entries);
        let newest_first = far.chain(&self.entries).rev().map(|entry| &entry.message);
        newest_first.filter(|message| matches!(message.info.body, MessageBody::User(_)))
    }

    /// A message that is loaded; what is asked for is mostly one of the newest.
    fn known(&mut self, id: &MessageId) -> Option<&mut Entry> {
        let far = self.far.iter_mut().flat_map(|far| &mut far.entries);
        let mut known = far.chain(&mut self.entries).rev();
        known.find(|entry| entry.message.info.id == *id)
    }

    fn next_revision(&mut self) -> u64 {
        self.revisions += 1;
        self.revisions
    }
}

/// Puts a message where it belongs, in place of what was known of it.
fn insert(entries: &mut Vec<Entry>, entry: Entry) {
    let id = &entry.message.info.id;
    match entries.iter().rposition(|known| known.message.info.id == *id) {
        Some(at) => entries[at] = entry,
        None => {
            let at = place(entries, &entry.message.info);
            entries.insert(at, entry);
        }
    }
}

/// Where a message belongs: ids begin anew after two years, times do not.
fn place(entries: &[Entry], info: &Message) -> usize {
    let key = (info.created(), &info.id);
    entries.partition_point(|entry| {
        let known = &entry.message.info;
        (known.created(), &known.id) < key
    })
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    use super::*;

    fn message(id: u64, text: &str) -> MessageWithParts {
        let (id, part) = (format!("msg_{id:026}"), format!("prt_{id:026}"));
        let value = json!({
            "info": {
                "id": id, "sessionID": "ses_1", "role": "user", "time": { "created": 5 }, "agent": "build",
                "model": { "providerID": "p", "modelID": "m" },
            },
            "parts": [{ "id": part, "sessionID": "ses_1", "messageID": id, "type": "text", "text": text }],
        });
        serde_json::from_value(value).unwrap()
    }

    fn texts(conversation: &Conversation) -> Vec<String> {
        let entries = conversation.entries.iter();
        let parts = entries.flat_map(|entry| &entry.message.parts);
        parts
            .filter_map(|part| match serde_json::to_value(part).ok()?.get("text")? {
                Value::String(text) => Some(text.clone()),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn what_is_told_while_a_page_is_read_is_newer_than_the_page() {
        let mut conversation = Conversation::default();
        conversation.begin();
        let told = message(2, "two, told");
        conversation.message(told.info);
        for part in told.parts {
            conversation.part(part);
        }
        conversation.load(vec![message(1, "one"), message(2, "two")], None);
        assert_eq!(texts(&conversation), ["one", "two, told"]);
    }

    #[test]
    fn what_was_known_before_the_server_was_away_is_not() {
        let mut conversation = Conversation::default();
        conversation.load(vec![message(1, "one"), message(2, "half of tw")], None);
        conversation.begin();
        let told = message(3, "three");
        conversation.message(told.info);
        for part in told.parts {
            conversation.part(part);
        }
        conversation.load(
            vec![message(1, "one"), message(2, "two")],
            Some("older".to_owned()),
        );
        assert_eq!(texts(&conversation), ["one", "two", "three"]);
        conversation.load_older(vec![message(0, "zero")], None);
        assert_eq!(texts(&conversation), ["zero", "one", "two", "three"]);
    }

    #[test]
    fn texts_grow_and_parts_go() {
        let mut conversation = Conversation::default();
        conversation.load(vec![message(1, "one")], None);
        let (id, part) = {
            let message = &conversation.entries[0].message;
            (message.info.id.clone(), message.parts[0].id.clone())
        };
        let before = conversation.entries[0].revision;
        conversation.delta(&id, &part, "text", " more");
        assert_eq!(texts(&conversation), ["one more"]);
        assert!(conversation.entries[0].revision > before);
        conversation.remove_part(&id, &part);
        assert_eq!(texts(&conversation), [""; 0]);
        conversation.remove_message(&id);
        assert!(conversation.entries.is_empty());
    }
}
