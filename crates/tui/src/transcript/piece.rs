//! What messages are drawn as: pieces of rows that know how they stand to their neighbours and what a click on
//! them means.

use std::ops::Range;
use std::rc::Rc;

use opencode_schema::{MessageId, PartId, SessionId};
use ratatui::style::{Color, Style};

use crate::row::{Row, Span};
use crate::theme::Theme;

/// Free cells at the left and at the right of the transcript.
pub(crate) const MARGIN: usize = 2;
/// Cells by which text stands to the right of the borders of blocks.
pub(crate) const INDENT: usize = 3;

/// How a piece stands to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The line of a tool: several of one row stand together.
    Inline,
    /// Text that follows what is before it without a gap.
    Close,
    /// Everything else: a free row before it.
    Apart,
}

/// What a place of the transcript is, for clicks and hovering.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    /// A message of the user.
    Message(MessageId),
    /// The folded output of a tool.
    Output(PartId),
    /// A thought that can be opened.
    Thought(PartId),
    /// The line of a tool that failed, whose error can be unfolded.
    Failure(PartId),
    /// A task, with the session that it runs in.
    Task(SessionId),
    /// The block that tells of messages that were taken back.
    Reverted,
}

impl Target {
    /// The part that a click folds or unfolds.
    pub(crate) fn fold(&self) -> Option<&PartId> {
        match self {
            Self::Output(part) | Self::Thought(part) | Self::Failure(part) => Some(part),
            Self::Message(_) | Self::Task(_) | Self::Reverted => None,
        }
    }
}

/// Rows that belong together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Piece {
    /// How it stands to the one before.
    pub(crate) kind: Kind,
    /// Its rows, over the whole width of the transcript.
    pub(crate) rows: Vec<Row>,
    /// What its rows are.
    pub(crate) targets: Vec<(Range<usize>, Target)>,
}

impl Piece {
    /// A piece of some rows.
    pub(crate) fn new(kind: Kind, rows: Vec<Row>) -> Self {
        Self {
            kind,
            rows,
            targets: Vec::new(),
        }
    }

    /// The piece, all of which is something to click on.
    pub(crate) fn with_target(mut self, target: Target) -> Self {
        self.targets.push((0..self.rows.len(), target));
        self
    }

    /// Free rows between it and the piece before. Parity: `tui.md` §4.
    pub(crate) fn gap_after(&self, before: Option<&Self>) -> usize {
        match (self.kind, before) {
            (Kind::Close, Some(_)) => 0,
            (Kind::Inline, Some(before)) if self.rows.len() == 1 && before.kind == Kind::Inline => {
                usize::from(before.rows.len() > 1)
            }
            _ => 1,
        }
    }
}

/// A message as it is drawn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rendered {
    /// Its pieces, each with the free rows before it and its first row, which the first piece's gap is not part of.
    pub(crate) pieces: Vec<(usize, usize, Rc<Piece>)>,
    /// Its rows, without the gap before the first piece.
    pub(crate) height: usize,
    /// Whether it waits for the colours of some code.
    pub(crate) is_waiting: bool,
    /// Whether something in it moves.
    pub(crate) is_moving: bool,
    /// Its first pieces that stay as they are.
    pub(crate) settled: usize,
    /// Whether all of it does, and nothing follows.
    pub(crate) is_settled: bool,
}

impl Rendered {
    /// Sets the pieces one below the other.
    pub(crate) fn stack(pieces: impl IntoIterator<Item = Rc<Piece>>) -> Self {
        let mut rendered = Self::default();
        let mut before: Option<Rc<Piece>> = None;
        for piece in pieces.into_iter().filter(|piece| !piece.rows.is_empty()) {
            let gap = before
                .as_deref()
                .map_or(0, |before| piece.gap_after(Some(before)));
            let first = rendered.height + gap;
            rendered.height = first + piece.rows.len();
            rendered.pieces.push((gap, first, Rc::clone(&piece)));
            before = Some(piece);
        }
        rendered
    }

    /// Free rows between it and the message before it.
    pub(crate) fn gap_after(&self, before: Option<&Self>) -> usize {
        let last = before.and_then(|before| before.pieces.last());
        self.pieces.first().map_or(0, |(_, _, piece)| {
            piece.gap_after(last.map(|(_, _, piece)| &**piece))
        })
    }

    /// One of its rows, or none where a gap is.
    pub(crate) fn row(&self, index: usize) -> Option<&Row> {
        let (piece, row) = self.find(index)?;
        piece.rows.get(row)
    }

    /// What one of its rows is.
    pub(crate) fn target(&self, index: usize) -> Option<&Target> {
        let (piece, row) = self.find(index)?;
        piece
            .targets
            .iter()
            .find(|(rows, _)| rows.contains(&row))
            .map(|(_, target)| target)
    }

    fn find(&self, index: usize) -> Option<(&Piece, usize)> {
        let after = self.pieces.partition_point(|(_, first, _)| *first <= index);
        let (_, first, piece) = self.pieces.get(after.checked_sub(1)?)?;
        Some((piece, index - first))
    }
}

/// How much room there is, and how blocks and lines take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Room {
    /// The cells of the transcript, with its margins.
    pub(crate) width: usize,
    /// Whether it is printed for good, below what the terminal shows already: without margins and borders, and
    /// with everything unfolded, because nothing can be clicked.
    pub(crate) is_printed: bool,
}

impl Room {
    /// Cells of borders and everything in them.
    pub(crate) fn content(self) -> usize {
        let margins = if self.is_printed { 0 } else { 2 * MARGIN };
        self.width.saturating_sub(margins).max(1)
    }

    /// Cells of text that stands by itself.
    pub(crate) fn text(self) -> usize {
        let indent = if self.is_printed { 0 } else { INDENT };
        self.content().saturating_sub(indent).max(1)
    }

    /// Cells of text in a block: its border and two free cells are before it.
    pub(crate) fn block(self) -> usize {
        self.text()
    }

    /// Text that stands by itself.
    pub(crate) fn indented(self, rows: Vec<Row>) -> Vec<Row> {
        if self.is_printed {
            return rows;
        }
        let indent = || Span::frame(" ".repeat(MARGIN + INDENT), Style::new());
        rows.into_iter()
            .map(|row| shifted(row, MARGIN + INDENT).after(indent()))
            .collect()
    }

    /// A block: rows with a border at their left, a free row above and below.
    pub(crate) fn block_rows(self, rows: Vec<Row>, look: Look) -> Vec<Row> {
        if self.is_printed {
            return rows;
        }
        let mut block = Vec::with_capacity(rows.len() + 2);
        block.push(Row::default());
        block.extend(rows);
        block.push(Row::default());
        block.into_iter().map(|row| bordered(row, look)).collect()
    }
}

/// The colours of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// The border's.
    pub(crate) border: Color,
    /// Below the border.
    pub(crate) below_border: Color,
    /// Below everything else.
    pub(crate) background: Color,
}

impl Look {
    /// Blocks of tools: the border is a notch in the panel.
    pub(crate) fn tool(theme: &Theme) -> Self {
        Self {
            border: theme.background,
            below_border: theme.background_panel,
            background: theme.background_panel,
        }
    }
}

fn shifted(mut row: Row, cells: usize) -> Row {
    if row.fill.is_some() {
        row.fill_from = row
            .fill_from
            .saturating_add(u16::try_from(cells).unwrap_or(u16::MAX));
    }
    row
}

fn bordered(mut row: Row, look: Look) -> Row {
    for span in &mut row.spans {
        if span.style.bg.is_none() {
            span.style = span.style.bg(look.background);
        }
    }
    // A border in the colour of a screen that lets the terminal's own colour through is not seen.
    let is_notch = look.border == Color::Reset && look.below_border != Color::Reset;
    let border = if is_notch { " " } else { "┃" };
    let before = vec![
        Span::frame(" ".repeat(MARGIN), Style::new()),
        Span::frame(border, Style::new().fg(look.border).bg(look.below_border)),
        Span::frame("  ", Style::new().bg(look.background)),
    ];
    row.put_before(before);
    row.fill = Some(look.background);
    row.fill_from = u16::try_from(MARGIN + 1).unwrap_or(u16::MAX);
    row
}
