//! Text from outside made showable. Whatever a model, a tool, a file or a name holds goes through here before it
//! is drawn: escape sequences do nothing, controls are seen or gone, and no mark turns the reading direction of
//! what stands beside it.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// What a tab becomes. Parity: the reference gives it two cells wherever it stands.
const TAB: &str = "  ";
/// Marks without a width of their own that one letter may carry; more than that runs over its neighbours.
const MARKS: usize = 8;
/// What is shown in place of a mark that would turn the reading direction.
const REPLACEMENT: char = '\u{fffd}';

/// What becomes of controls.
#[derive(Clone, Copy, PartialEq)]
enum Controls {
    /// They are shown as pictures: `␀`.
    Shown,
    /// They are left out, as terminals do.
    Dropped,
}

/// Text of several lines: what a model or the user wrote, code, commands. Lines end with `\n`.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    if is_plain(text, true) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(clean(text, Controls::Shown, true))
}

/// Text of one line: names, paths, titles. Ends of lines become spaces.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    if is_plain(text, false) {
        return Cow::Borrowed(text);
    }
    let text = clean(text, Controls::Shown, true);
    Cow::Owned(text.replace('\n', " "))
}

/// What a program printed: escape sequences and controls are left out, and of a line that it wrote several times
/// the last time is kept, as a terminal would show it.
pub(crate) fn output(text: &str) -> Cow<'_, str> {
    if is_plain(text, true) {
        return Cow::Borrowed(text);
    }
    let text = clean(text, Controls::Dropped, false);
    if !text.contains('\r') {
        return Cow::Owned(text);
    }
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        let written = line.trim_end_matches('\r').rsplit('\r').next();
        shown.push_str(written.unwrap_or_default());
        shown.push_str(end);
    }
    Cow::Owned(shown)
}

/// Whether there is nothing to clean.
fn is_plain(text: &str, lines: bool) -> bool {
    let plain = |byte: &u8| (b' '..=b'~').contains(byte) || (lines && *byte == b'\n');
    text.as_bytes().iter().all(plain)
}

fn clean(text: &str, controls: Controls, returns_end_lines: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut marks = 0_usize;
    while let Some(letter) = rest.next() {
        let put = match letter {
            '\n' | '\u{2028}' | '\u{2029}' => Some('\n'),
            '\r' if rest.peek() == Some(&'\n') => None,
            '\r' if returns_end_lines => Some('\n'),
            '\r' => Some('\r'),
            '\t' => {
                shown.push_str(TAB);
                None
            }
            '\u{1b}' => {
                skip_escape(&mut rest);
                None
            }
            '\u{9b}' => {
                skip_control_sequence(&mut rest);
                None
            }
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => {
                skip_string(&mut rest);
                None
            }
            '\0'..='\u{1f}' if controls == Controls::Shown => char::from_u32(0x2400 + u32::from(letter)),
            '\u{7f}' if controls == Controls::Shown => Some('\u{2421}'),
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => None,
            // Overrides, embeddings and isolates: what follows would be read in another order than it is stored.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Some(REPLACEMENT),
            // Nothing to see: direction marks, joiners of words, blanks without width, tags, annotations.
            '\u{061c}'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2060}'..='\u{2065}'
            | '\u{206a}'..='\u{206f}' => None,
            '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}' | '\u{ad}' | '\u{180e}' => None,
            // Blanks that take place although they look like nothing.
            '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => Some(' '),
            letter => Some(letter),
        };
        let Some(letter) = put else { continue };
        if letter == '\n' || letter == '\r' {
            marks = 0;
            shown.push(letter);
            continue;
        }
        let cells = if letter.is_ascii() {
            1
        } else {
            unicode_width::UnicodeWidthChar::width(letter).unwrap_or(0)
        };
        marks = if cells == 0 { marks + 1 } else { 0 };
        if marks <= MARKS {
            shown.push(letter);
        }
    }
    shown
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Goes past what follows an escape character.
fn skip_escape(rest: &mut Chars) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_control_sequence(rest);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            rest.next();
            skip_string(rest);
        }
        Some(' '..='/') => {
            while rest.next_if(|letter| (' '..='/').contains(letter)).is_some() {}
            rest.next_if(|letter| ('0'..='~').contains(letter));
        }
        Some('0'..='~') => {
            rest.next();
        }
        _ => {}
    }
}

/// Goes past the parameters and the end of a control sequence.
fn skip_control_sequence(rest: &mut Chars) {
    while rest.next_if(|letter| (' '..='?').contains(letter)).is_some() {}
    rest.next_if(|letter| ('@'..='~').contains(letter));
}

/// Goes past a string of the terminal, to its end or to the end of the line: one without an end must not hide
/// everything that follows.
fn skip_string(rest: &mut Chars) {
    while let Some(letter) = rest.next_if(|letter| *letter != '\n') {
        if letter == '\u{7}' || letter == '\u{9c}' {
            return;
        }
        if letter == '\u{1b}' {
            rest.next_if_eq(&'\\');
            return;
        }
    }
}

/// Cells that a cleaned text takes, as the buffer counts them.
pub(crate) fn width(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        graphemes(text).map(|(_, cells)| cells).sum()
    }
}

/// The letters of a cleaned text, each with its cells.
pub(crate) fn graphemes(text: &str) -> Letters<'_> {
    Letters { rest: text }
}

/// Letters as people see them, with their cells.
#[derive(Clone)]
pub(crate) struct Letters<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Letters<'a> {
    type Item = (&'a str, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.rest.as_bytes();
        // Nothing joins two letters of ASCII; most texts consist of them.
        let is_plain = bytes.first()?.is_ascii() && bytes.get(1).is_none_or(u8::is_ascii);
        let length = if is_plain {
            1
        } else {
            self.rest.graphemes(true).next()?.len()
        };
        let (letter, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some((letter, if is_plain { 1 } else { letter.width() }))
    }
}

/// The beginning of a cleaned text that fits into some cells, with `…` where something was left out.
pub(crate) fn cut(text: &str, cells: usize) -> Cow<'_, str> {
    if width(text) <= cells {
        return Cow::Borrowed(text);
    }
    let mut left = cells.saturating_sub(1);
    let mut kept = String::new();
    for (letter, cells) in graphemes(text) {
        if cells > left {
            break;
        }
        left -= cells;
        kept.push_str(letter);
    }
    if cells > 0 {
        kept.push('…');
    }
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn nothing_from_outside_reaches_the_terminal_as_it_is() {
        // (name, given, as text, as output)
        let table = [
            ("plain", "fn main() {}\n", "fn main() {}\n", "fn main() {}\n"),
            ("colours", "\u{1b}[1;31mred\u{1b}[0m", "red", "red"),
            ("colours in one letter", "\u{9b}31mred", "red", "red"),
            ("title", "a\u{1b}]0;owned\u{7}b", "ab", "ab"),
            (
                "title that ends otherwise",
                "a\u{1b}]0;owned\u{1b}\\b",
                "ab",
                "ab",
            ),
            ("title without an end", "a\u{1b}]0;owned\nb", "a\nb", "a\nb"),
            ("device string", "a\u{90}q#0\u{9c}b", "ab", "ab"),
            ("character set", "a\u{1b}(0b", "ab", "ab"),
            ("reset", "a\u{1b}cb", "ab", "ab"),
            ("escape at the end", "a\u{1b}", "a", "a"),
            ("sequence without an end", "a\u{1b}[31", "a", "a"),
            ("control", "a\u{8}\u{0}b\u{7f}", "a␈␀b␡", "ab"),
            ("tab", "a\tb\n\tc", "a  b\n  c", "a  b\n  c"),
            ("line ends", "a\r\nb\rc", "a\nb\nc", "a\nc"),
            (
                "progress",
                "10%\r50%\r100%\r\nok",
                "10%\n50%\n100%\nok",
                "100%\nok",
            ),
            (
                "direction",
                "a\u{202e}b\u{2066}c\u{200f}d",
                "a\u{fffd}b\u{fffd}cd",
                "a\u{fffd}b\u{fffd}cd",
            ),
            ("no width", "a\u{200b}\u{feff}\u{e0041}b", "ab", "ab"),
            (
                "family",
                "👨\u{200d}👩\u{200d}👧!",
                "👨\u{200d}👩\u{200d}👧!",
                "👨\u{200d}👩\u{200d}👧!",
            ),
            ("line separator", "a\u{2028}b", "a\nb", "a\nb"),
        ];
        for (name, given, as_text, as_output) in table {
            assert_eq!(text(given), as_text, "{name}");
            assert_eq!(output(given), as_output, "{name}");
        }
        assert_eq!(line("a\r\nb\tc\u{1b}[2J"), "a b  c");
    }

    #[test]
    fn a_letter_carries_a_bounded_number_of_marks() {
        let tower = format!("z{}!", "\u{301}".repeat(1000));
        assert_eq!(text(&tower).chars().count(), 2 + MARKS);
        assert_eq!(width(&text(&tower)), 2);
    }

    #[test]
    fn letters_are_measured_as_people_see_them() {
        let table = [
            ("abc", 3),
            ("漢字", 4),
            ("e\u{301}", 1),
            ("👨\u{200d}👩\u{200d}👧", 2),
            ("", 0),
        ];
        for (text, cells) in table {
            assert_eq!(width(text), cells, "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_cut() {
        let table = [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("漢字", 3, "漢…"),
            ("漢字", 2, "…"),
            ("abc", 0, ""),
        ];
        for (text, cells, cut_text) in table {
            assert_eq!(cut(text, cells), cut_text, "{text} in {cells}");
        }
    }
}
