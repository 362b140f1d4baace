//! Drawing below what the terminal shows already: rows that are printed for good, and under them some that are
//! drawn anew. Where they stand on the screen is nobody's business: everything is told from where the cursor is.

use std::fmt::Write as _;
use std::io;

use ratatui::buffer::Buffer;
use ratatui::layout::Position;

use super::{Screen, write_cells};
use crate::terminal::device::Device;
use crate::terminal::sequence;

/// The rows that are drawn anew.
#[derive(Debug, Default)]
pub(super) struct Below {
    /// The one in which the cursor stands.
    row: u16,
    /// How many there are.
    rows: u16,
    /// How many the terminal has, since it was drawn on.
    height: Option<u16>,
}

/// What is drawn below what is printed.
pub(crate) struct Sheet {
    /// Everything that the terminal shows goes first, and what has scrolled away.
    pub(crate) is_anew: bool,
    /// What is drawn, no higher than the terminal.
    pub(crate) drawn: Buffer,
    /// Where the cursor is, or that it is hidden.
    pub(crate) cursor: Option<Position>,
}

impl Below {
    /// Goes to the first row that is drawn, and takes away what is from there on.
    pub(super) fn clearing(&self) -> String {
        let mut out = String::new();
        go(&mut out, &mut self.row.clone(), 0, 0);
        // Row by row: what is cleared as a whole is kept by some terminals as if it had scrolled away. The place is
        // kept, because a terminal that has become lower may have fewer rows below the cursor.
        out.push_str("\x1b[0m\x1b7");
        for _ in 0..self.rows {
            out.push_str("\x1b[2K\x1b[B");
        }
        out.push_str("\x1b8");
        out
    }
}

impl<D: Device> Screen<D> {
    /// Prints rows, each one high and as wide as the terminal, and draws what is below them.
    pub(crate) fn draw_below(
        &mut self,
        printed: impl Iterator<Item = Buffer>,
        sheet: Sheet,
    ) -> io::Result<()> {
        let mut printed = printed.peekable();
        let depth = self.features.depth;
        let ground = self.ground;
        let next = sheet.drawn;
        let mut below = self.below.take().unwrap_or_default();
        self.out.clear();
        self.out.push_str(sequence::BEGIN);
        self.out.push_str("\x1b[?25l");
        let known = self.shown.take().filter(|shown| shown.area == next.area);
        let is_same = known.is_some() && printed.peek().is_none() && !sheet.is_anew;
        if let Some(shown) = known.as_ref().filter(|_| is_same) {
            let mut row = below.row;
            write_cells(
                &mut self.out,
                shown.diff_iter(&next),
                depth,
                ground,
                |out, x, y| {
                    go(out, &mut row, x, y);
                },
            );
            below.row = row;
        } else {
            match sheet.is_anew {
                true => self.out.push_str("\x1b[0m\x1b[H\x1b[2J\x1b[3J"),
                false => self.out.push_str(&below.clearing()),
            }
            for row in printed {
                self.write_row(&row);
                self.out.push_str("\r\n");
            }
            // Room is made first: the last row of the terminal scrolls.
            let rows = next.area.height.max(1) - 1;
            for _ in 0..rows {
                self.out.push_str("\r\n");
            }
            below.row = rows;
            below.rows = rows + 1;
            let blank = Buffer::empty(next.area);
            let mut row = below.row;
            write_cells(
                &mut self.out,
                blank.diff_iter(&next),
                depth,
                ground,
                |out, x, y| {
                    go(out, &mut row, x, y);
                },
            );
            below.row = row;
        }
        match sheet.cursor {
            Some(cursor) => {
                go(&mut self.out, &mut below.row, cursor.x, cursor.y);
                self.out.push_str("\x1b[?25h");
            }
            None => go(&mut self.out, &mut below.row, 0, 0),
        }
        self.out.push_str(sequence::END);
        self.below = Some(below);
        self.device.write(self.out.as_bytes())?;
        self.shown = Some(next);
        Ok(())
    }

    /// Writes a row where the cursor is, without blanks at its end.
    fn write_row(&mut self, row: &Buffer) {
        let blank = Buffer::empty(row.area);
        let mut at = 0;
        write_cells(
            &mut self.out,
            blank.diff_iter(row),
            self.features.depth,
            self.ground,
            |out, x, y| go(out, &mut at, x, y),
        );
    }

    /// The terminal has this size now. Where it has become narrower it has broken the rows that do not fit any more,
    /// so that the first row that was drawn is further up.
    pub(crate) fn fit(&mut self, columns: u16, rows: u16) {
        let (Some(below), Some(shown)) = (&mut self.below, &self.shown) else {
            return;
        };
        let (columns, area) = (columns.max(1), shown.area);
        if columns < area.width {
            let rows_of = |y: u16| {
                let used = (0..area.width).rev().find(|x| !is_blank(shown, *x, y));
                used.map_or(0, |last| last / columns)
            };
            let broken: u16 = (0..below.row.min(area.height)).map(rows_of).sum();
            below.row = below.row.saturating_add(broken);
            let broken: u16 = (0..area.height).map(rows_of).sum();
            below.rows = below.rows.saturating_add(broken);
        }
        // What has left the terminal at the top is out of reach.
        let lost = below.row.saturating_sub(rows.saturating_sub(1));
        below.row -= lost;
        below.rows = below.rows.saturating_sub(lost).min(rows);
        // A terminal that has become lower may have given up what was below the cursor.
        let height = below.height.replace(rows);
        if columns != area.width || height.is_some_and(|height| height != rows) {
            self.shown = None;
        }
    }
}

/// Whether nothing was written to a cell.
fn is_blank(buffer: &Buffer, x: u16, y: u16) -> bool {
    let cell = buffer.cell((x, y));
    cell.is_none_or(|cell| *cell == ratatui::buffer::Cell::EMPTY)
}

/// Goes to a cell from a row of the same picture.
fn go(out: &mut String, row: &mut u16, x: u16, y: u16) {
    // Writing to a text that is kept in memory cannot fail.
    let _ = match y.cmp(row) {
        std::cmp::Ordering::Less => write!(out, "\x1b[{}A", *row - y),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => write!(out, "\x1b[{}B", y - *row),
    };
    *row = y;
    let _ = write!(out, "\x1b[{}G", x + 1);
}
