//! What a transcript is drawn from: the messages and everything around them, lent by the face for one call.

use std::borrow::Cow;

use opencode_schema::session::Revert;
use opencode_schema::{MessageId, MessageWithParts, SessionId};
use ratatui::style::Color;

use crate::highlight::Highlighter;
use crate::row::Wrap;
use crate::theme::Theme;
use crate::words::Words;

/// The messages of a session that are loaded, oldest first.
pub(crate) trait Messages {
    /// How many there are.
    fn len(&self) -> usize;

    /// A message by its place, with a number that grows whenever it or a part of it changes.
    fn get(&self, index: usize) -> Option<(&MessageWithParts, u64)>;

    /// The place of a message.
    fn index(&self, id: &MessageId) -> Option<usize>;

    /// Whether the server has messages before the first.
    fn has_older(&self) -> bool {
        false
    }

    /// Whether the server has messages after the last.
    fn has_newer(&self) -> bool {
        false
    }
}

impl Messages for [(MessageWithParts, u64)] {
    fn len(&self) -> usize {
        <[_]>::len(self)
    }

    fn get(&self, index: usize) -> Option<(&MessageWithParts, u64)> {
        <[_]>::get(self, index).map(|(message, revision)| (message, *revision))
    }

    fn index(&self, id: &MessageId) -> Option<usize> {
        self.iter().position(|(message, _)| message.info.id == *id)
    }
}

/// What is known of the session that a task runs in.
#[derive(Clone, Debug, Default, PartialEq, Hash)]
pub(crate) struct Child {
    /// How many tools it has called.
    pub(crate) calls: usize,
    /// Name and title of the newest call.
    pub(crate) newest: Option<(String, String)>,
    /// Which retry it waits for, and why.
    pub(crate) retry: Option<(u32, String)>,
    /// Milliseconds from its first message to its last answer.
    pub(crate) duration: Option<i64>,
}

/// What the face knows besides the messages.
pub(crate) trait Surroundings {
    /// The colour of an agent.
    fn agent_color(&self, agent: &str) -> Color;

    /// The name of a model by provider and id.
    fn model_name<'a>(&'a self, provider: &str, model: &'a str) -> Cow<'a, str>;

    /// What is known of a task's session.
    fn child(&self, session: &SessionId) -> Option<Child>;

    /// Whether a tool call waits for a permission.
    fn is_asked_about(&self, call: &str) -> bool;
}

/// How differences are laid out (reference `tui.md` §13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum DiffStyle {
    /// Side by side where there is room.
    #[default]
    Auto,
    /// Always one below the other.
    Stacked,
}

/// What the user has switched (reference `tui.md` §13, the switches of `kv.json`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Switches {
    /// Thoughts are shown in full: `thinking_mode` is `show`.
    pub(crate) thinking: bool,
    /// Times of messages: `timestamps`.
    pub(crate) timestamps: bool,
    /// Tools that have ended: `tool_details_visibility`.
    pub(crate) tool_details: bool,
    /// Output of tools without a form of their own: `generic_tool_output_visibility`.
    pub(crate) generic_output: bool,
    /// Marks of Markdown are hidden.
    pub(crate) conceal: bool,
    /// How lines of differences are broken: `diff_wrap_mode`.
    pub(crate) diff_wrap: Wrap,
    /// How differences are laid out: `diff_style` of `tui.json`.
    pub(crate) diff_style: DiffStyle,
    /// A bar at the right: `scrollbar_visible`.
    pub(crate) scrollbar: bool,
    /// The end line of turns: `assistant_metadata_visibility`.
    pub(crate) assistant_metadata: bool,
    /// Whether anything moves: `animations_enabled`.
    pub(crate) animations: bool,
    /// Words in place of signs, for readers of screens: `plain` of `tui.json`.
    pub(crate) plain: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            thinking: false,
            timestamps: false,
            tool_details: true,
            generic_output: false,
            conceal: true,
            diff_wrap: Wrap::Word,
            diff_style: DiffStyle::Auto,
            scrollbar: false,
            assistant_metadata: true,
            animations: true,
            plain: false,
        }
    }
}

/// Everything that a transcript is drawn from.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    /// The messages.
    pub(crate) messages: &'a dyn Messages,
    /// What else is known.
    pub(crate) surroundings: &'a dyn Surroundings,
    /// Colours.
    pub(crate) theme: &'a Theme,
    /// Texts.
    pub(crate) words: &'a Words,
    /// Colours of code.
    pub(crate) highlighter: &'a Highlighter,
    /// What the user has switched.
    pub(crate) switches: Switches,
    /// What has been taken back.
    pub(crate) revert: Option<&'a Revert>,
    /// The session's folder: paths are shown from there.
    pub(crate) directory: &'a str,
    /// The user's home.
    pub(crate) home: &'a str,
    /// The keys that lead to a task's session, and those that bring back what was taken back, as they are shown.
    pub(crate) child_keys: &'a str,
    /// See `child_keys`.
    pub(crate) redo_keys: &'a str,
    /// The frame of what moves, from the clock.
    pub(crate) frame: u64,
    /// The time now, in milliseconds, to tell whether a time is today's.
    pub(crate) now: i64,
    /// The user's time zone.
    pub(crate) zone: &'a jiff::tz::TimeZone,
}
