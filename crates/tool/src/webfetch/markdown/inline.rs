//! Running text: words, emphasis, links, code.

use html5ever::tokenizer::Tag;

use super::{Kind, Markdown, attribute};

impl Markdown {
    pub(super) fn text(&mut self, text: &str) {
        if self.listings > 0 {
            self.running(text);
            return;
        }
        let code = self.codes > 0;
        for (number, word) in text.split([' ', '\t', '\n', '\r', '\u{c}']).enumerate() {
            if number > 0 && !self.line_start {
                self.blank = true;
            }
            if word.is_empty() {
                continue;
            }
            let escaped = if code {
                word.to_owned()
            } else {
                escape(word, self.line_start, text)
            };
            self.inline(&escaped);
        }
    }

    /// Adds a piece of running text, with the blank before it that is due.
    pub(super) fn inline(&mut self, piece: &str) {
        if self.blank {
            self.blank = false;
            // Before elements that begin here: `a <b>c` and `a<b> c` both are `a **c`.
            let last = self.open.len().min(super::DEEPEST).saturating_sub(1);
            let begun = |kind: &Kind| {
                matches!(
                    kind,
                    Kind::Inline | Kind::Code | Kind::Emphasis(_) | Kind::Link { .. }
                )
            };
            let at = (0..=last)
                .rev()
                .find(|at| {
                    self.open
                        .get(*at)
                        .is_none_or(|element| !element.content.is_empty() || !begun(&element.kind))
                })
                .unwrap_or(0);
            if let Some(element) = self.open.get_mut(at) {
                element.content.push(' ');
            }
        }
        self.line_start = false;
        if let Some(target) = self.target() {
            target.content.push_str(piece);
        }
    }

    pub(super) fn image(&mut self, tag: &Tag) {
        let address = attribute(tag, "src").unwrap_or_default();
        if address.is_empty() {
            return;
        }
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let alternative = words(attribute(tag, "alt").unwrap_or_default());
        let title = title(&words(attribute(tag, "title").unwrap_or_default()));
        self.inline(&format!("![{alternative}]({}{title})", escape_address(address)));
    }
}

pub(super) fn emphasis(content: &str, mark: &str) -> String {
    let content = content.trim();
    if content.is_empty() {
        String::new()
    } else {
        format!("{mark}{content}{mark}")
    }
}

pub(super) fn link(content: &str, address: &str, about: &str) -> String {
    format!(
        "[{}]({}{})",
        content.trim(),
        escape_address(address),
        title(about)
    )
}

pub(super) fn code(content: &str) -> String {
    let content = content.replace('\n', " ");
    let content = content.trim();
    if content.is_empty() {
        return String::new();
    }
    let longest = longest_run(content, '`');
    let fence = "`".repeat(if longest == 0 { 1 } else { longest + 1 });
    let pad = if content.starts_with('`') || content.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{content}{pad}{fence}")
}

/// The longest run of a character.
pub(super) fn longest_run(text: &str, of: char) -> usize {
    text.split(|character| character != of)
        .map(str::len)
        .max()
        .unwrap_or(0)
}

fn title(title: &str) -> String {
    if title.is_empty() {
        String::new()
    } else {
        format!(" \"{}\"", title.replace('"', "\\\""))
    }
}

fn escape_address(address: &str) -> String {
    let mut escaped = String::with_capacity(address.len());
    for character in address.trim().chars() {
        if matches!(character, '(' | ')') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// Escapes what Markdown would read as form; `text` is all that follows on the line, from `word` on when
/// the word is its first.
fn escape(word: &str, line_start: bool, text: &str) -> String {
    let mut escaped = String::with_capacity(word.len() + 2);
    let mut rest = word;
    if line_start {
        let followed = text.trim_start().len() > word.len();
        let digits = word.len()
            - word
                .trim_start_matches(|character: char| character.is_ascii_digit())
                .len();
        let alone =
            |mark: char| followed && !word.is_empty() && word.chars().all(|character| character == mark);
        if word.starts_with(['-', '=', '>'])
            || word.starts_with("~~~")
            || (alone('+') && word.len() == 1)
            || (alone('#') && word.len() <= 6)
        {
            escaped.push('\\');
        } else if digits > 0 && followed && word.get(digits..) == Some(".") {
            escaped.push_str(word.get(..digits).unwrap_or_default());
            escaped.push('\\');
            rest = ".";
        }
    }
    for character in rest.chars() {
        if matches!(character, '\\' | '*' | '_' | '[' | ']' | '`') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
