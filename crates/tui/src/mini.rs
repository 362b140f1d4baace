//! The face without a screen of its own (`--mini`, reference `tui.md` §15): what is said goes to what the terminal
//! shows already and scrolls away with it, and only a few rows below it are drawn anew. State, keys, prompt, windows
//! and the painting of messages are those of the whole face; here is what is particular to this one.

pub(crate) mod palette;
mod print;
pub(crate) mod queue;
pub(crate) mod tasks;
#[cfg(test)]
mod tests;

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use opencode_schema::SessionId;

use crate::app::App;
use crate::transcript::flow::Printed;
pub(crate) use print::Prints;
use queue::Queued;

/// How long the terminal's size stays the same before everything is printed again: a window that is drawn to another
/// size tells many.
const SETTLING: Duration = Duration::from_millis(150);
/// How long a second press of the key that ends the program counts as one.
const SECOND_PRESS: Duration = Duration::from_secs(5);

/// Commands that need no screen.
pub(crate) const COMMANDS: &[&str] = &[
    "agent.cycle",
    "agent.cycle.reverse",
    "agent.list",
    "app.exit",
    "app.quit",
    "command.palette.show",
    "mcp.list",
    "model.cycle_favorite",
    "model.cycle_favorite_reverse",
    "model.cycle_recent",
    "model.cycle_recent_reverse",
    "model.list",
    "prompt.editor",
    "prompt.skills",
    "prompt.stash",
    "prompt.stash.list",
    "prompt.stash.pop",
    "provider.connect",
    "session.background",
    "session.child.first",
    "session.compact",
    "session.copy",
    "session.interrupt",
    "session.list",
    "session.new",
    "session.queued_prompts",
    "session.rename",
    "session.share",
    "session.unshare",
    "terminal.suspend",
    "variant.cycle",
    "variant.list",
];

/// What is printed again of what was said before: when a session is gone on with, and when the terminal has got
/// another width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replay {
    /// Whether anything is.
    pub is_wanted: bool,
    /// How many of the newest messages, if not all.
    pub limit: Option<usize>,
}

/// What is particular to this face.
pub(crate) struct Mini {
    replay: Replay,
    /// The name of the program and of the folder was printed.
    has_head: bool,
    /// The session that is printed, and how far; none until it is known where to begin.
    session: Option<SessionId>,
    printed: Option<Printed>,
    /// Messages that were there when older ones were asked for last.
    asked: Option<usize>,
    /// The terminal has another width: what it shows goes, and everything is printed again.
    is_anew: bool,
    /// The width is not what was drawn at, and may change again.
    resizing: u64,
    is_resizing: bool,
    /// Prompts that wait until the session rests.
    queue: VecDeque<Queued>,
    /// Sessions to which a prompt was sent whose turn has not ended.
    sending: HashSet<SessionId>,
    /// When ending the program was asked for once.
    leaving: Option<Instant>,
}

impl Mini {
    /// Nothing was printed yet.
    pub(crate) fn new(replay: Replay) -> Self {
        Self {
            replay,
            has_head: false,
            session: None,
            printed: None,
            asked: None,
            is_anew: false,
            resizing: 0,
            is_resizing: false,
            queue: VecDeque::new(),
            sending: HashSet::new(),
            leaving: None,
        }
    }

    /// Whether nothing is to be drawn for the moment.
    pub(crate) fn is_resizing(&self) -> bool {
        self.is_resizing
    }

    /// Whether the next press of the key that ends the program does.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// How many prompts wait.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }
}

impl App {
    /// The terminal has another size.
    pub(crate) fn resize(&mut self, size: (u16, u16)) {
        let before = std::mem::replace(&mut self.size, size);
        let Some(mini) = &mut self.mini else { return };
        if before.0 == size.0 || !mini.has_head {
            return;
        }
        mini.is_resizing = true;
        mini.resizing += 1;
        let resizing = mini.resizing;
        self.after(SETTLING, move |app| app.settle_size(resizing));
    }

    /// The terminal keeps its size, unless it has changed since.
    pub(crate) fn settle_size(&mut self, resizing: u64) {
        let Some(mini) = self.mini.as_mut().filter(|mini| mini.resizing == resizing) else {
            return;
        };
        mini.is_resizing = false;
        if mini.replay.is_wanted {
            mini.is_anew = true;
            mini.has_head = false;
            mini.printed = None;
        }
    }

    /// Ends the program, if it was asked for shortly before.
    pub(crate) fn leave_at_second_press(&mut self) -> bool {
        let now = self.now;
        let Some(mini) = &mut self.mini else { return false };
        if mini
            .leaving
            .is_some_and(|first| now.duration_since(first) < SECOND_PRESS)
        {
            self.exit();
            return true;
        }
        mini.leaving = Some(now);
        self.after(SECOND_PRESS, move |app| {
            if let Some(mini) = app.mini.as_mut().filter(|mini| mini.leaving == Some(now)) {
                mini.leaving = None;
            }
        });
        true
    }

    /// Whoever writes does not end the program.
    pub(crate) fn stay(&mut self) {
        if let Some(mini) = &mut self.mini {
            mini.leaving = None;
        }
    }

    /// Tells which model answers now, which this face shows nowhere else.
    pub(crate) fn tell_model(&mut self) {
        if self.mini.is_none() {
            return;
        }
        let Some(model) = self.choice.model(&self.store, &self.settings) else {
            return;
        };
        let known = self.store.model(&model.provider, &model.model);
        let name = known.map_or(model.model.as_str(), |(_, known)| known.name.as_str());
        let mut text = crate::safe::line(name).into_owned();
        if let Some(variant) = self.choice.variant(&self.store, &self.settings) {
            text.push_str(&format!(" · {}", crate::safe::line(&variant)));
        }
        self.toast(crate::toast::Variant::Info, text);
    }
}
