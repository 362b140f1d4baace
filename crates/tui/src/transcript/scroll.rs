//! Where one is in a transcript, and moving there.

use opencode_schema::{MessageId, PartBody};

use super::Transcript;
use super::list::List;
use super::scene::Scene;

/// Messages from an end of those that are loaded at which more are wanted.
const NEAR: usize = 5;

/// Where one is.
#[derive(Clone, Debug, Default)]
pub(super) enum Position {
    /// At the end, which is followed.
    #[default]
    Bottom,
    /// Where a row of an item, counted with the free ones before it, is the topmost.
    At {
        id: MessageId,
        index: usize,
        row: usize,
        height: usize,
        width: usize,
    },
}

impl Position {
    pub(super) fn is_bottom(&self) -> bool {
        matches!(self, Self::Bottom)
    }
}

/// Messages that should be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wants {
    /// Those before the first.
    Older,
    /// Those after the last.
    Newer,
}

/// A movement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scroll {
    /// So many rows down, or up if negative.
    Lines(isize),
    /// Half the area down.
    HalfPageDown,
    /// Half the area up.
    HalfPageUp,
    /// To the first message that is loaded.
    First,
    /// To the end, which is followed from then on.
    Last,
    /// To the next message with words.
    NextMessage,
    /// To the one before.
    PreviousMessage,
    /// To the last message of the user.
    LastUser,
    /// To a message.
    Message(MessageId),
}

/// Which messages should be loaded where the items of a range are visible.
pub(super) fn wants(scene: &Scene, first: usize, end: usize) -> Option<Wants> {
    if first < NEAR && scene.messages.has_older() {
        return Some(Wants::Older);
    }
    let is_near = end + NEAR >= scene.messages.len();
    (is_near && scene.messages.has_newer()).then_some(Wants::Newer)
}

impl Transcript {
    /// Moves.
    pub(crate) fn scroll(&mut self, scene: &Scene, scroll: &Scroll) {
        let height = isize::try_from(self.area.get().height).unwrap_or(0);
        let to = {
            let list = self.list(scene);
            match scroll {
                Scroll::Lines(lines) => self.moved(&list, *lines),
                Scroll::HalfPageDown => self.moved(&list, (height / 2).max(1)),
                Scroll::HalfPageUp => self.moved(&list, -(height / 2).max(1)),
                Scroll::First => self.at(&list, 0, 0),
                Scroll::Last => Position::Bottom,
                Scroll::NextMessage => self.neighbour(&list, true),
                Scroll::PreviousMessage => self.neighbour(&list, false),
                Scroll::LastUser => {
                    let is_user = |index: &usize| {
                        scene
                            .messages
                            .get(*index)
                            .is_some_and(|(message, _)| message.info.as_user().is_some())
                    };
                    let last = (0..list.len()).rev().find(is_user);
                    last.map_or_else(|| self.position.clone(), |index| self.at(&list, index, 0))
                }
                Scroll::Message(id) => list
                    .index(id)
                    .map_or_else(|| self.position.clone(), |index| self.at(&list, index, 0)),
            }
        };
        self.position = to;
    }

    /// Stays where one is, even if that was at the end.
    pub(super) fn hold(&mut self, scene: &Scene) {
        let to = {
            let list = self.list(scene);
            let (index, row) = self.top(&list);
            self.position_at(&list, index, row)
        };
        self.position = to;
    }

    /// The item and its row, counted with the free ones before it, at the top of the area.
    pub(super) fn top(&self, list: &List) -> (usize, usize) {
        let room = usize::from(self.area.get().height);
        let Position::At {
            id,
            index,
            row,
            height,
            width,
        } = &self.position
        else {
            return bottom(list, room);
        };
        let index = list.index(id).unwrap_or(*index);
        if index >= list.len() {
            return bottom(list, room);
        }
        let now = list.height(index);
        let is_resized = usize::from(self.area.get().width) != *width && *height > 0;
        let row = if is_resized {
            row.saturating_mul(now) / height
        } else {
            *row
        };
        let top = (index, row.min(now.saturating_sub(1)));
        // Nothing is left free below the end.
        if fills(list, top, room) {
            top
        } else {
            bottom(list, room).min(top)
        }
    }

    fn moved(&self, list: &List, lines: isize) -> Position {
        let (index, row) = self.top(list);
        let (mut index, mut row) = (index, row);
        if lines < 0 {
            let mut left = lines.unsigned_abs();
            while left > row && index > 0 {
                left -= row;
                index -= 1;
                row = list.height(index);
            }
            row = row.saturating_sub(left);
        } else {
            let mut left = lines.unsigned_abs() + row;
            while index < list.len() {
                let height = list.height(index);
                if left < height {
                    break;
                }
                left -= height;
                index += 1;
            }
            row = left;
        }
        if index >= list.len() {
            self.last(list)
        } else {
            self.at(list, index, row)
        }
    }

    /// A position with its row at the top; the end if there is not enough below to fill the area.
    pub(super) fn at(&self, list: &List, index: usize, row: usize) -> Position {
        let room = usize::from(self.area.get().height);
        if !fills(list, (index, row), room + 1) && !list.scene.messages.has_newer() {
            return Position::Bottom;
        }
        self.position_at(list, index, row)
    }

    fn position_at(&self, list: &List, index: usize, row: usize) -> Position {
        let Some(id) = list.id(index) else {
            return Position::Bottom;
        };
        let width = usize::from(self.area.get().width);
        Position::At {
            id,
            index,
            row,
            height: list.height(index),
            width,
        }
    }

    /// The end; that of what is loaded, if there is more.
    fn last(&self, list: &List) -> Position {
        if !list.scene.messages.has_newer() {
            return Position::Bottom;
        }
        let (index, row) = bottom(list, usize::from(self.area.get().height));
        self.position_at(list, index, row)
    }

    /// The next message with words below the top, or above it.
    fn neighbour(&self, list: &List, is_next: bool) -> Position {
        let (top, row) = self.top(list);
        let has_words = |index: &usize| {
            let message = list.scene.messages.get(*index);
            message.is_some_and(|(message, _)| {
                message.parts.iter().any(|part| match &part.body {
                    PartBody::Text(text) => {
                        text.synthetic != Some(true)
                            && text.ignored != Some(true)
                            && !text.text.trim().is_empty()
                    }
                    _ => false,
                })
            })
        };
        let found = match is_next {
            true => (top + 1..list.len()).find(has_words),
            false => (0..if row > 0 { top + 1 } else { top }).rev().find(has_words),
        };
        match found {
            Some(index) => self.at(list, index, 0),
            None if is_next => self.last(list),
            None => self.at(list, 0, 0),
        }
    }
}

/// The top of the area when its last row is the last of all.
fn bottom(list: &List, room: usize) -> (usize, usize) {
    let mut left = room;
    for index in (0..list.len()).rev() {
        let height = list.height(index);
        if height >= left {
            return (index, height - left);
        }
        left -= height;
    }
    (0, 0)
}

/// Whether there are so many rows from a place on.
fn fills(list: &List, (index, row): (usize, usize), room: usize) -> bool {
    let mut rows = 0;
    for index in index..list.len() {
        rows += list.height(index);
        if rows >= room.saturating_add(row) {
            return true;
        }
    }
    false
}
