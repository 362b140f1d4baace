//! The messages of a session as text that is printed below what the terminal shows already: what stays as it is
//! goes there once and for good, what may still change is kept apart from it.

use std::rc::Rc;

use opencode_schema::MessageId;

use super::Transcript;
use super::list::List;
use super::piece::{Piece, Room};
use super::scene::Scene;
use crate::row::Row;

/// How far a transcript has been printed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Printed {
    /// The message that was printed last, as far as it was.
    message: Option<MessageId>,
    /// Its pieces that were.
    pieces: usize,
    /// Whether all of it was.
    is_whole: bool,
    /// The last piece: the next one stands to it as they do on a screen.
    last: Option<Rc<Piece>>,
}

/// What there is to print.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// Rows that stay as they are.
    pub(crate) done: Vec<Row>,
    /// Rows that follow them and may change.
    pub(crate) rest: Vec<Row>,
}

impl Printed {
    /// Nothing was printed, and nothing before a message is to be.
    pub(crate) fn up_to(message: Option<MessageId>) -> Self {
        Self {
            message,
            is_whole: true,
            ..Self::default()
        }
    }
}

impl Transcript {
    /// What follows what was printed, at a width; what stays as it is counts as printed from now on.
    pub(crate) fn flow(&self, scene: &Scene, width: usize, printed: &mut Printed) -> Flow {
        let is_printed = true;
        let list = List::new(self, scene, Room { width, is_printed });
        let known = printed.message.as_ref().and_then(|id| list.index(id));
        let first = match known {
            Some(index) if printed.is_whole => index + 1,
            Some(index) => index,
            // It was taken away meanwhile; what came after it is printed.
            None => list.messages() - newer(&list, printed.message.as_ref()),
        };
        let mut flow = Flow::default();
        let mut last = printed.last.clone();
        let mut is_done = true;
        for index in first..list.messages() {
            let item = list.item(index);
            // What was said comes in parts, and is whole when an answer follows.
            let is_open = index + 1 == list.messages() && list.is_prompt(index);
            let settled = if is_open { 0 } else { item.settled };
            let skipped = match known {
                Some(known) if known == index => printed.pieces,
                _ => 0,
            };
            for (at, (_, _, piece)) in item.pieces.iter().enumerate().skip(skipped) {
                let stays = is_done && at < settled;
                let rows = if stays { &mut flow.done } else { &mut flow.rest };
                let gap = piece.gap_after(last.as_deref());
                rows.extend(std::iter::repeat_n(Row::default(), gap));
                rows.extend(piece.rows.iter().cloned());
                last = Some(Rc::clone(piece));
                if stays {
                    printed.last.clone_from(&last);
                }
            }
            if is_done {
                printed.message = list.id(index);
                printed.pieces = settled.max(skipped);
                printed.is_whole = item.is_settled && !is_open;
                is_done = printed.is_whole;
            }
        }
        flow
    }
}

/// How many messages are newer than one that is not there.
fn newer(list: &List, than: Option<&MessageId>) -> usize {
    let newest_first = (0..list.messages()).rev();
    newest_first
        .take_while(|index| than.is_none() || list.id(*index).as_ref() > than)
        .count()
}
