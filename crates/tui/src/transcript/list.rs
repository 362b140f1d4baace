//! The messages of a transcript one below the other, drawn only where they are looked at and remembered then.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use opencode_schema::{MessageBody, MessageId, MessageWithParts, PartBody, PartId, SessionId, ToolState};
use ratatui::style::Color;
use serde_json::Value;

use super::Transcript;
use super::message::{self, Context, Drawn};
use super::paint::Paint;
use super::piece::{Rendered, Room, Target};
use super::reverted;
use super::scene::{Child, Scene, Switches};
use crate::theme::Theme;

/// Rows that are remembered, whoever's they are.
const ROWS: usize = 20_000;
/// Messages that are remembered.
const MESSAGES: usize = 2000;
/// Messages from the end among which the last answer and one that is still open are sought.
const TAIL: usize = 500;
/// Messages before an answer among which its question is sought first.
const NEAR: usize = 100;
/// Messages without anything to see that are passed over in search of a neighbour.
const EMPTY: usize = 50;

/// Messages as they were last drawn.
#[derive(Default)]
pub(crate) struct Cache {
    entries: HashMap<MessageId, Entry>,
    theme: Option<Theme>,
    rows: usize,
    clock: u64,
}

struct Entry {
    facts: Facts,
    frame: u64,
    colors: u64,
    rendered: Rc<Rendered>,
    parts: HashMap<PartId, Drawn>,
    used: u64,
}

/// Everything that a drawn message depends on, besides colours, texts and what moves.
#[derive(Clone, Debug, PartialEq)]
struct Facts {
    revision: u64,
    room: Room,
    switches: Switches,
    context: Context,
    color: Color,
    model: String,
    open: Vec<PartId>,
    asked: Vec<bool>,
    children: Vec<Option<Child>>,
    hover: Option<Target>,
    today: i64,
    directory: String,
}

impl Cache {
    /// Forgets everything that was drawn in other colours.
    pub(crate) fn begin(&mut self, theme: &Theme) {
        self.clock += 1;
        if self.theme.as_ref() != Some(theme) {
            self.theme = Some(theme.clone());
            self.entries.clear();
            self.rows = 0;
        }
    }

    fn put(&mut self, id: MessageId, entry: Entry) {
        self.rows += entry.rendered.height;
        if let Some(old) = self.entries.insert(id, entry) {
            self.rows = self.rows.saturating_sub(old.rendered.height);
        }
        if self.rows <= ROWS && self.entries.len() <= MESSAGES {
            return;
        }
        // What is being looked at stays, however much it is.
        let mut old: Vec<(u64, MessageId)> = self
            .entries
            .iter()
            .map(|(id, entry)| (entry.used, id.clone()))
            .collect();
        old.sort_unstable();
        for (used, id) in old {
            let is_enough = self.rows <= ROWS * 3 / 4 && self.entries.len() <= MESSAGES * 3 / 4;
            if is_enough || used == self.clock {
                break;
            }
            if let Some(entry) = self.entries.remove(&id) {
                self.rows = self.rows.saturating_sub(entry.rendered.height);
            }
        }
    }

    /// How many rows are remembered.
    #[cfg(test)]
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }
}

/// The items of a transcript: messages, and the block that stands for those that were taken back.
pub(crate) struct List<'a> {
    pub(crate) scene: &'a Scene<'a>,
    transcript: &'a Transcript,
    room: Room,
    /// Messages that are shown.
    shown: usize,
    last_answer: Option<usize>,
    open_answer: Option<usize>,
}

impl<'a> List<'a> {
    pub(crate) fn new(transcript: &'a Transcript, scene: &'a Scene<'a>, room: Room) -> Self {
        transcript.cache.borrow_mut().begin(scene.theme);
        let count = scene.messages.len();
        let shown = scene
            .revert
            .and_then(|revert| scene.messages.index(&revert.message_id))
            .unwrap_or(count);
        let (mut last_answer, mut open_answer) = (None, None);
        // The last of all is not among those that are shown far before the end.
        let newest = if scene.messages.has_newer() { 0 } else { TAIL };
        for index in (0..count).rev().take(newest) {
            let message = scene
                .messages
                .get(index)
                .and_then(|(message, _)| message.info.as_assistant());
            let Some(message) = message else { continue };
            last_answer = last_answer.or(Some(index));
            if message.time.completed.is_none() {
                open_answer = Some(index);
                break;
            }
        }
        Self {
            scene,
            transcript,
            room,
            shown,
            last_answer,
            open_answer,
        }
    }

    /// How many items there are.
    pub(crate) fn len(&self) -> usize {
        self.shown + usize::from(self.scene.revert.is_some())
    }

    /// How many of them are messages.
    pub(crate) fn messages(&self) -> usize {
        self.shown
    }

    /// What an item is known by.
    pub(crate) fn id(&self, index: usize) -> Option<MessageId> {
        if index < self.shown {
            return self
                .scene
                .messages
                .get(index)
                .map(|(message, _)| message.info.id.clone());
        }
        let revert = self.scene.revert.filter(|_| index == self.shown);
        revert.map(|revert| revert.message_id.clone())
    }

    /// Whether an item is a message of the user.
    pub(crate) fn is_prompt(&self, index: usize) -> bool {
        let message = self.scene.messages.get(index);
        message.is_some_and(|(message, _)| message.info.as_user().is_some())
    }

    /// The place of an item.
    pub(crate) fn index(&self, id: &MessageId) -> Option<usize> {
        if self.scene.revert.is_some_and(|revert| revert.message_id == *id) {
            return Some(self.shown);
        }
        self.scene.messages.index(id).filter(|index| *index < self.shown)
    }

    /// An item's rows with the free ones before it.
    pub(crate) fn height(&self, index: usize) -> usize {
        let item = self.item(index);
        if item.height == 0 {
            0
        } else {
            item.height + self.gap(index, &item)
        }
    }

    /// Free rows before an item.
    pub(crate) fn gap(&self, index: usize, item: &Rendered) -> usize {
        let mut before = (0..index).rev().take(EMPTY).map(|before| self.item(before));
        let before = before.find(|before| before.height > 0);
        item.gap_after(before.as_deref())
    }

    /// An item as it is drawn.
    pub(crate) fn item(&self, index: usize) -> Rc<Rendered> {
        if index >= self.shown {
            return self.reverted();
        }
        let Some((message, revision)) = self.scene.messages.get(index) else {
            return Rc::default();
        };
        let facts = self.facts(index, message, revision);
        let (frame, colors) = (self.scene.frame, self.scene.highlighter.revision());
        let mut cache = self.transcript.cache.borrow_mut();
        let clock = cache.clock;
        let mut parts = HashMap::new();
        if let Some(entry) = cache.entries.get_mut(&message.info.id) {
            entry.used = clock;
            let is_still = !entry.rendered.is_moving || entry.frame == frame;
            let is_colored = !entry.rendered.is_waiting || entry.colors == colors;
            if entry.facts == facts && is_still && is_colored {
                return Rc::clone(&entry.rendered);
            }
            let is_alike = entry.facts.room == facts.room
                && entry.facts.switches == facts.switches
                && entry.facts.directory == facts.directory;
            if is_alike {
                parts = std::mem::take(&mut entry.parts);
            }
        }
        let paint = Paint {
            scene: self.scene,
            room: self.room,
            open: &self.transcript.open,
            hover: facts.hover.as_ref(),
            message: &message.info.id,
        };
        let rendered = Rc::new(message::draw(&paint, message, &facts.context, &mut parts));
        let entry = Entry {
            facts,
            frame,
            colors,
            rendered: Rc::clone(&rendered),
            parts,
            used: clock,
        };
        cache.put(message.info.id.clone(), entry);
        rendered
    }

    /// The block that stands for what was taken back.
    fn reverted(&self) -> Rc<Rendered> {
        let Some(revert) = self.scene.revert else {
            return Rc::default();
        };
        let hidden =
            (self.shown..self.scene.messages.len()).filter_map(|index| self.scene.messages.get(index));
        let questions = hidden
            .filter(|(message, _)| message.info.as_user().is_some())
            .count();
        let paint = Paint {
            scene: self.scene,
            room: self.room,
            open: &self.transcript.open,
            hover: self.transcript.hover.as_ref(),
            message: &revert.message_id,
        };
        let piece = reverted::piece(&paint, revert, questions);
        Rc::new(Rendered::stack([Rc::new(piece)]))
    }

    /// When a question was asked. It mostly stands shortly before its answer, so that nobody has to know where all
    /// messages are.
    fn question(&self, answer: usize, id: &MessageId) -> Option<i64> {
        let near = (0..answer)
            .rev()
            .take(NEAR)
            .filter_map(|index| self.scene.messages.get(index));
        let mut near = near
            .map(|(message, _)| message)
            .filter(|message| message.info.id == *id);
        let found = near
            .next()
            .or_else(|| Some(self.scene.messages.get(self.scene.messages.index(id)?)?.0));
        found.map(|question| question.info.created())
    }

    fn facts(&self, index: usize, message: &MessageWithParts, revision: u64) -> Facts {
        let transcript = self.transcript;
        let surroundings = self.scene.surroundings;
        let agent = match &message.info.body {
            MessageBody::User(user) => &user.agent,
            MessageBody::Assistant(answer) => &answer.agent,
        };
        let is_own = |target: &&Target| match target {
            Target::Message(id) => *id == message.info.id,
            Target::Output(part) | Target::Failure(part) => message.parts.iter().any(|own| own.id == *part),
            Target::Thought(_) | Target::Task(_) | Target::Reverted => false,
        };
        let mut facts = Facts {
            revision,
            room: self.room,
            switches: self.scene.switches,
            context: Context {
                is_queued: self.open_answer.is_some_and(|open| index > open),
                is_last: self.last_answer == Some(index),
                asked: None,
            },
            color: surroundings.agent_color(agent),
            model: String::new(),
            open: open_parts(&transcript.open, message),
            asked: Vec::new(),
            children: Vec::new(),
            hover: transcript.hover.as_ref().filter(is_own).cloned(),
            today: self.scene.now.div_euclid(86_400_000),
            directory: self.scene.directory.to_owned(),
        };
        let Some(answer) = message.info.as_assistant() else {
            return facts;
        };
        facts.model = surroundings
            .model_name(&answer.provider_id, &answer.model_id)
            .into_owned();
        facts.context.asked = self.question(index, &answer.parent_id);
        for part in &message.parts {
            let PartBody::Tool(call) = &part.body else {
                continue;
            };
            if !call.state.is_settled() {
                facts.asked.push(surroundings.is_asked_about(&call.call_id));
            }
            if call.tool == "task" {
                let metadata = match &call.state {
                    ToolState::Completed { metadata, .. } => Some(metadata),
                    ToolState::Running { metadata, .. } => metadata.as_ref(),
                    _ => None,
                };
                let session = metadata
                    .and_then(|metadata| metadata.get("sessionId"))
                    .and_then(Value::as_str);
                facts
                    .children
                    .push(session.and_then(|id| surroundings.child(&SessionId::trusted(id))));
            }
        }
        facts
    }
}

fn open_parts(open: &HashSet<PartId>, message: &MessageWithParts) -> Vec<PartId> {
    if open.is_empty() {
        return Vec::new();
    }
    let own = message.parts.iter().filter(|part| open.contains(&part.id));
    own.map(|part| part.id.clone()).collect()
}
