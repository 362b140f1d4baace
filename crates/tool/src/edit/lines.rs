//! A text as lines, and the limit of the work that matching may take.

use std::cell::OnceCell;

use opencode_project::diff::trim;

/// A text cut at every LF. A carriage return belongs to its line, and a text that ends with a line break
/// has an empty last line, as JavaScript's `split("\n")` has it.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    text: &'a str,
    /// Where each line starts, and where one after the last would. Found out when somebody asks: a text that
    /// is found as it stands needs no lines.
    starts: OnceCell<Vec<usize>>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            starts: OnceCell::new(),
        }
    }

    fn starts(&self) -> &[usize] {
        self.starts.get_or_init(|| {
            // Counted first: growing takes longer.
            let count = self.text.bytes().filter(|byte| *byte == b'\n').count();
            let breaks = self.text.match_indices('\n').map(|(index, _)| index + 1);
            let mut starts = Vec::with_capacity(count + 2);
            starts.push(0);
            starts.extend(breaks);
            starts.push(self.text.len() + 1);
            starts
        })
    }

    /// The whole text.
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// How many lines there are; at least one.
    pub(super) fn len(&self) -> usize {
        self.starts().len() - 1
    }

    /// Line `index`, without its LF; empty when there is none.
    pub(super) fn line(&self, index: usize) -> &'a str {
        self.block(index, 1)
    }

    /// `count` lines from `first` on, without the last one's LF; empty when there are none.
    pub(super) fn block(&self, first: usize, count: usize) -> &'a str {
        let starts = self.starts();
        let (Some(start), Some(end)) = (starts.get(first), starts.get(first + count)) else {
            return "";
        };
        self.text.get(*start..end.saturating_sub(1)).unwrap_or_default()
    }

    /// Every line.
    pub(super) fn iter(&self) -> impl Iterator<Item = &'a str> {
        (0..self.len()).map(|index| self.line(index))
    }

    /// Every line without white space at its ends.
    pub(super) fn trimmed(&self) -> Vec<&'a str> {
        self.iter().map(trim).collect()
    }

    /// Every block of `count` lines.
    pub(super) fn blocks(&self, count: usize) -> impl Iterator<Item = &'a str> {
        (0..(self.len() + 1).saturating_sub(count)).map(move |first| self.block(first, count))
    }
}

/// How much comparing one search may still do. A step takes half a nanosecond or a little more.
#[derive(Debug)]
pub(crate) struct Effort {
    left: usize,
}

impl Effort {
    /// About a second: far more than files that people write can need, and short enough to wait for.
    pub(crate) const LIMIT: usize = 2_000_000_000;

    pub(crate) fn new(limit: usize) -> Self {
        Self { left: limit }
    }

    /// Takes `steps`; false when there are not as many left, and from then on.
    pub(crate) fn spend(&mut self, steps: usize) -> bool {
        self.left = self.left.saturating_sub(steps);
        self.left > 0
    }

    /// Whether something was left undone.
    pub(crate) fn is_spent(&self) -> bool {
        self.left == 0
    }
}

/// Length in UTF-16 units, in which the reference measures.
pub(crate) fn units(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.chars().map(char::len_utf16).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_split() {
        for (text, wanted) in [
            ("", [""].as_slice()),
            ("a", &["a"]),
            ("a\n", &["a", ""]),
            ("\n\n", &["", "", ""]),
            ("a\r\nb", &["a\r", "b"]),
        ] {
            let lines = Lines::new(text);
            assert_eq!(lines.iter().collect::<Vec<_>>(), wanted, "{text:?}");
            assert_eq!(lines.block(0, lines.len()), text, "{text:?}");
            assert_eq!(lines.blocks(lines.len() + 1).count(), 0, "{text:?}");
        }
        let lines = Lines::new("a\nbc\n");
        assert_eq!(lines.blocks(2).collect::<Vec<_>>(), ["a\nbc", "bc\n"]);
        assert_eq!((lines.line(9), lines.block(1, 9)), ("", ""));
    }
}
