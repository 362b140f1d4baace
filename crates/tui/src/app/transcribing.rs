//! The messages of the session that is shown, with everything that they are drawn from.

use std::borrow::Cow;

use opencode_schema::{MessageId, MessageWithParts, PartBody, SessionId};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Color;

use super::App;
use crate::choice;
use crate::dialog::{Ask, Outcome};
use crate::diff;
use crate::list;
use crate::row::{Row, Wrap};
use crate::store::{Conversation, Entry};
use crate::toast::Variant;
use crate::transcript::Transcript;
use crate::transcript::piece::Target;
use crate::transcript::scene::{Child, DiffStyle, Messages, Scene, Surroundings, Switches};
use crate::transcript::scroll::{Scroll, Wants};

/// Newest tasks of a session whose own sessions are read, so that what they do is seen.
const TASKS: usize = 8;
/// What follows from what was drawn.
#[derive(Debug, Default)]
pub(crate) struct Follows {
    /// Messages that should be read.
    wants: Option<Wants>,
    /// The end is to be seen, and something before it is.
    is_lost: bool,
    /// The first message that is seen and the one behind the last, if some that are held are far from them.
    far: Option<(usize, usize)>,
}

/// Above so many columns both sides of a difference stand beside each other.
const SPLIT: usize = 120;

impl Messages for Conversation {
    fn len(&self) -> usize {
        self.shown().len()
    }

    fn get(&self, index: usize) -> Option<(&MessageWithParts, u64)> {
        let Entry { message, revision } = self.shown().get(index)?;
        Some((message, *revision))
    }

    fn index(&self, id: &MessageId) -> Option<usize> {
        self.shown()
            .iter()
            .rposition(|entry| entry.message.info.id == *id)
    }

    fn has_older(&self) -> bool {
        self.older.is_some()
    }

    fn has_newer(&self) -> bool {
        self.newer().is_some()
    }
}

impl Surroundings for App {
    fn agent_color(&self, agent: &str) -> Color {
        choice::agent_color(&self.theme, &self.store, agent)
    }

    fn model_name<'a>(&'a self, provider: &str, model: &'a str) -> Cow<'a, str> {
        match self.store.model(provider, model) {
            Some((_, known)) => Cow::Borrowed(known.name.as_str()),
            None => Cow::Borrowed(model),
        }
    }

    fn child(&self, session: &SessionId) -> Option<Child> {
        self.child_of(session)
    }

    fn is_asked_about(&self, call: &str) -> bool {
        let mut requests = self.store.permissions.values();
        requests.any(|request| request.tool.as_ref().is_some_and(|tool| tool.call_id == call))
    }
}

impl App {
    fn transcript_switches(&self) -> Switches {
        let switches = &self.settings.switches;
        Switches {
            thinking: switches.thinking,
            timestamps: switches.timestamps,
            tool_details: switches.tool_details,
            generic_output: switches.generic_tool_output,
            conceal: self.is_concealed,
            diff_wrap: if switches.diff_wrap {
                Wrap::Word
            } else {
                Wrap::None
            },
            diff_style: if self.settings.is_diff_stacked() {
                DiffStyle::Stacked
            } else {
                DiffStyle::Auto
            },
            scrollbar: switches.scrollbar,
            assistant_metadata: switches.assistant_metadata,
            animations: self.settings.has_animations(),
            plain: self.settings.is_plain(),
        }
    }

    /// Does something with the messages of a session and what they are drawn from.
    pub(crate) fn with_scene<T>(
        &mut self,
        id: &SessionId,
        act: impl FnOnce(&mut Transcript, &Scene<'_>) -> T,
    ) -> Option<T> {
        let mut transcript = std::mem::take(&mut self.view_of(id).transcript);
        let result = self.scene(id, |scene| act(&mut transcript, scene));
        self.view_of(id).transcript = transcript;
        result
    }

    /// The same where nothing is remembered.
    pub(crate) fn scene<T>(&self, id: &SessionId, act: impl FnOnce(&Scene<'_>) -> T) -> Option<T> {
        let messages = self.store.conversations.get(id)?;
        let session = self.store.sessions.get(id);
        let scene = Scene {
            messages,
            surroundings: self,
            theme: &self.theme,
            words: &self.words,
            highlighter: &self.highlighter,
            switches: self.transcript_switches(),
            // What was taken back stands where it was, which may be out of sight.
            revert: session
                .and_then(|session| session.revert.as_ref())
                .filter(|revert| !messages.has_newer() || messages.index(&revert.message_id).is_some()),
            directory: session.map_or("", |session| session.directory.as_str()),
            home: self.settings.home(),
            child_keys: &self.key_of("session.child.first"),
            redo_keys: &self.key_of("session.redo"),
            frame: self.frame,
            now: self.clock,
            zone: self.settings.zone(),
        };
        Some(act(&scene))
    }

    /// Draws the messages, and notes which are wanted and whether some that are held are far from them.
    pub(crate) fn draw_transcript(&mut self, id: &SessionId, area: Rect, buffer: &mut Buffer) {
        let is_still = self.dialogs.is_empty();
        let drawn = self.with_scene(id, |transcript, scene| {
            transcript.view(scene, area, buffer);
            let is_still = is_still && !transcript.has_selection() && !transcript.is_searching();
            let seen = transcript.seen().filter(|_| is_still);
            (transcript.wants(), transcript.is_at_end(), seen)
        });
        let Some((wants, is_at_end, seen)) = drawn else {
            return;
        };
        let Some(conversation) = self.store.conversations.get(id) else {
            return;
        };
        let is_lost = is_at_end && conversation.newer().is_some();
        self.follows = Follows {
            wants: wants.filter(|_| !conversation.is_loading),
            is_lost,
            far: seen.filter(|(first, end)| !is_lost && conversation.is_far(*first, *end)),
        };
    }

    /// Older messages should be read.
    pub(crate) fn want_older(&mut self) {
        self.follows.wants = Some(Wants::Older);
    }

    /// Whether anything follows from what was drawn last.
    pub(crate) fn is_followed(&self) -> bool {
        let Follows { wants, is_lost, far } = &self.follows;
        wants.is_some() || *is_lost || far.is_some()
    }

    /// Does what follows from what was drawn last: reads what is near to it, and lets go what is far.
    pub(crate) fn follow_view(&mut self) {
        let Follows { wants, is_lost, far } = std::mem::take(&mut self.follows);
        let Some(id) = self.session_id().cloned() else {
            return;
        };
        if let Some((first, end)) = far {
            self.store.conversation(&id).let_go(first, end);
        }
        if is_lost {
            self.store.conversation(&id).come_back();
        }
        match wants {
            Some(Wants::Older) => self.load_older(),
            Some(Wants::Newer) => self.load_newer(),
            None => {}
        }
    }

    /// Scrolls the messages of a session.
    pub(crate) fn scroll(&mut self, id: &SessionId, scroll: &Scroll) {
        let is_back = match scroll {
            Scroll::Last | Scroll::LastUser => true,
            Scroll::Message(message) => {
                let conversation = self.store.conversations.get(id);
                conversation.is_some_and(|conversation| conversation.is_behind(message))
            }
            _ => false,
        };
        if is_back && let Some(conversation) = self.store.conversations.get_mut(id) {
            conversation.come_back();
        }
        self.with_scene(id, |transcript, scene| transcript.scroll(scene, scroll));
    }

    /// What a place in the messages is.
    pub(super) fn target(&mut self, id: &SessionId, at: Position) -> Option<Target> {
        self.with_scene(id, |transcript, scene| transcript.target(scene, at.x, at.y))?
    }

    /// A click on something in the messages.
    pub(super) fn click(&mut self, id: &SessionId, target: &Target) {
        match target {
            Target::Message(message) => list::timeline::open_message(self, id, message),
            Target::Task(session) => self.open_session(session),
            Target::Reverted => {
                self.run("session.redo");
            }
            target => {
                if let Some(part) = target.fold() {
                    self.with_scene(id, |transcript, scene| transcript.toggle(scene, part));
                }
            }
        }
    }

    /// Asks what is searched for in the messages.
    pub(crate) fn begin_search(&mut self) {
        let Some(id) = self.session_id().cloned() else {
            return;
        };
        let title = self.words.get("search.title");
        let placeholder = self.words.get("search.placeholder");
        let ask = Ask::new(title, placeholder, "", move |app, text| {
            let found = app.with_scene(&id, |transcript, scene| transcript.search(scene, text));
            if found == Some(false) && !text.is_empty() {
                app.tell(Variant::Info, "search.none");
                return Outcome::Done;
            }
            Outcome::Close
        });
        self.open_dialog(ask.explained(self.words.get("search.hint")));
    }

    /// Goes to the next place that was searched for, or the one before.
    pub(crate) fn find(&mut self, is_next: bool) -> bool {
        let Some(id) = self.session_id().cloned() else {
            return false;
        };
        self.with_scene(&id, |transcript, scene| {
            transcript.is_searching() && transcript.find(scene, is_next)
        }) == Some(true)
    }

    /// Ends a search; says whether there was one.
    pub(crate) fn end_search(&mut self) -> bool {
        let Some(id) = self.session_id().cloned() else {
            return false;
        };
        let transcript = &mut self.view_of(&id).transcript;
        let was = transcript.is_searching();
        transcript.end_search();
        was
    }

    /// The sessions of tasks that are shown and not known are read, so that what they do is seen.
    pub(super) fn load_tasks(&mut self) {
        let Some(shown) = self.session_id().cloned() else {
            return;
        };
        let Some(conversation) = self.store.conversations.get(&shown) else {
            return;
        };
        let newest = conversation.entries.iter().rev().take(20);
        let parts = newest.flat_map(|entry| &entry.message.parts);
        let tasks = parts.filter_map(|part| match &part.body {
            PartBody::Tool(call) if call.tool == "task" => match &call.state {
                opencode_schema::ToolState::Running { metadata, .. } => {
                    metadata.as_ref()?.get("sessionId")?.as_str()
                }
                opencode_schema::ToolState::Completed { metadata, .. } => metadata.get("sessionId")?.as_str(),
                _ => None,
            },
            _ => None,
        });
        let tasks: Vec<SessionId> = tasks
            .filter_map(|id| SessionId::parse(id).ok())
            .take(TASKS)
            .filter(|id| !self.store.conversations.contains_key(id))
            .collect();
        if tasks.is_empty() {
            return;
        }
        for id in tasks {
            self.load_session(&id);
        }
        // What is shown is given up last.
        self.store.conversation(&shown);
    }

    /// A unified diff in rows, with the colours of a file's language.
    pub(crate) fn diff_rows(&self, diff: &str, file: &str, width: usize) -> Vec<Row> {
        let switches = self.transcript_switches();
        let look = diff::Look {
            theme: &self.theme,
            highlighter: &self.highlighter,
            width,
            wrap: switches.diff_wrap,
            is_split: width > SPLIT && switches.diff_style == DiffStyle::Auto,
        };
        diff::rows(diff, file, look).rows
    }
}
