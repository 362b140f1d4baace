//! Markdown as rows (reference `tui.md` §4). Marks are hidden unless they are wanted. A text that grows, as it
//! does while a model writes it, is read again from its last block on only: what stands before that is finished.

mod inline;
mod render;
mod table;

use std::ops::Range;
use std::rc::Rc;

use pulldown_cmark::{Event, Options, Parser};

use crate::highlight::Highlighter;
use crate::row::Row;
use crate::theme::Theme;

/// How a text is shown.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    /// Colours.
    pub(crate) theme: &'a Theme,
    /// Colours of code.
    pub(crate) highlighter: &'a Highlighter,
    /// The cells of a row.
    pub(crate) width: usize,
    /// Whether marks are hidden.
    pub(crate) conceal: bool,
}

/// A block of a text: a paragraph, a list, a table.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// Its rows.
    pub(crate) rows: Rc<Vec<Row>>,
    /// Whether it follows the block before without a free row.
    pub(crate) is_close: bool,
    /// Whether the colours of some code in it are waited for.
    pub(crate) is_waiting: bool,
    /// Where it stands in the text.
    range: Range<usize>,
    /// Whether marks in it were taken to be closed.
    is_guess: bool,
}

/// A text that has been read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Document {
    source: String,
    blocks: Vec<Block>,
}

impl Document {
    /// The blocks of the text as it was last given.
    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// How many of its blocks stay as they are, whatever is written behind them.
    pub(crate) fn finished(&self) -> usize {
        let start = self.stable(&self.source);
        self.blocks.partition_point(|block| block.range.start < start)
    }

    /// Whether the colours of some code are waited for.
    pub(crate) fn is_waiting(&self) -> bool {
        self.blocks.iter().any(|block| block.is_waiting)
    }

    /// Reads a text, which has been made safe, as far as it differs from the one before. The look must be the
    /// same as before; `is_open` says that the text is still being written, so that marks without their
    /// counterparts are taken to be closed at its end.
    pub(crate) fn update(&mut self, text: &str, is_open: bool, look: Look) {
        let start = self.stable(text);
        let kept = self.blocks.partition_point(|block| block.range.start < start);
        let mut old = self.blocks.split_off(kept);
        // What says the same as before is not drawn again, whether it is read again or not.
        old.retain(|block| {
            let same = self.source.get(block.range.clone());
            !block.is_waiting && !block.is_guess && same.is_some() && same == text.get(block.range.clone())
        });
        let rest = text.get(start..).unwrap_or_default();
        let closed = if is_open { inline::closed(rest) } else { None };
        self.read(closed.as_deref().unwrap_or(rest), start, &old, look);
        if let (Some(last), true) = (self.blocks.last_mut(), closed.is_some()) {
            last.is_guess = true;
        }
        self.source.truncate(start);
        self.source.push_str(rest);
    }

    /// Where the text begins that may be read otherwise than before. The last two blocks may still become one, and
    /// so may those that no free line sets apart.
    fn stable(&self, text: &str) -> usize {
        let waiting = self.blocks.iter().position(|block| block.is_waiting);
        let last = self.blocks.len().saturating_sub(2);
        for block in self
            .blocks
            .iter()
            .take(waiting.unwrap_or(last).min(last) + 1)
            .rev()
        {
            let before = self.source.get(..block.range.start).unwrap_or_default();
            let is_apart = before.trim_end_matches([' ', '\t', '\n']).len() + 2
                <= before.trim_end_matches([' ', '\t']).len();
            if is_apart && text.starts_with(before) {
                return block.range.start;
            }
        }
        0
    }

    fn read(&mut self, text: &str, start: usize, old: &[Block], look: Look) {
        let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
        let mut block = Vec::new();
        let mut depth = 0_usize;
        for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
            match event {
                Event::Start(_) => depth += 1,
                Event::End(_) => depth = depth.saturating_sub(1),
                _ => {}
            }
            block.push((event, range));
            if depth > 0 {
                continue;
            }
            let range = block
                .first()
                .map_or(0..0, |(_, range)| start + range.start..start + range.end);
            let known = old.iter().find(|known| known.range == range);
            let drawn = known.cloned().unwrap_or_else(|| {
                let drawn = render::block(&block, text, look);
                Block {
                    rows: Rc::new(drawn.rows),
                    is_close: drawn.is_close && !self.blocks.is_empty(),
                    is_waiting: drawn.is_waiting,
                    range,
                    is_guess: false,
                }
            });
            self.blocks.push(drawn);
            block.clear();
        }
    }
}

/// All rows of a text, with free rows between its blocks, and whether the colours of some code are waited for.
pub(crate) fn rows(text: &str, look: Look) -> (Vec<Row>, bool) {
    let mut document = Document::default();
    document.update(text, false, look);
    let mut rows = Vec::new();
    for block in document.blocks() {
        if !rows.is_empty() && !block.is_close {
            rows.push(Row::default());
        }
        rows.extend(block.rows.iter().cloned());
    }
    (rows, document.is_waiting())
}

#[cfg(test)]
mod tests;
