//! Lines of their own: paragraphs, headings, lists, quotes, listings, tables.

use super::inline::{code, emphasis, link, longest_run};
use super::{DEEPEST, Element, Kind, Markdown, is_block};

/// Beyond this size, lines are no longer indented: nested lists would multiply it.
const INDENT_LIMIT: usize = 1 << 20;

/// The rows of a table.
#[derive(Default)]
pub(super) struct Rows(Vec<Vec<String>>);

impl Markdown {
    /// Ends the innermost open element and adds what it becomes to the one around it.
    pub(super) fn close(&mut self) {
        if self.open.len() <= 1 {
            return;
        }
        let Some(element) = self.open.pop() else { return };
        self.count(&element.kind, usize::saturating_sub);
        if self.open.len() >= DEEPEST {
            // Its text is already in the deepest element that has a form.
            if is_block(&element.name) {
                self.break_line();
            }
            return;
        }
        let Element { kind, content, .. } = element;
        match kind {
            // A listing shows text as it is.
            Kind::Inline | Kind::Emphasis(_) | Kind::Code | Kind::Link { .. } if self.listings > 0 => {
                self.running(&content);
            }
            Kind::Block if self.listings > 0 => self.join(1, &content, 1),
            Kind::Inline if content.contains('\n') => self.join(0, &content, 0),
            Kind::Inline => self.running(&content),
            Kind::Emphasis(mark) => self.running(&emphasis(&content, mark)),
            Kind::Code => self.running(&code(&content)),
            Kind::Link { address, title } => {
                if content.is_empty() {
                    // It shows nothing but its address; a blank that is due belongs before it.
                    self.inline(&link("", &address, &title));
                } else {
                    self.running(&link(&content, &address, &title));
                }
            }
            Kind::Block => self.block(&content),
            Kind::Heading(level) => {
                let content = content.split_whitespace().collect::<Vec<_>>().join(" ");
                if !content.is_empty() {
                    self.block(&format!("{} {content}", "#".repeat(level)));
                }
            }
            Kind::Quote => {
                let content = trimmed(&content);
                if !content.is_empty() {
                    self.block(&indented(content, "> ", "> "));
                }
            }
            Kind::List(_) if matches!(self.open.last(), Some(Element { kind: Kind::Item, .. })) => {
                self.join(1, trimmed(&content), 1);
                self.break_line();
            }
            Kind::List(_) => self.block(&content),
            Kind::Item => self.item(&content),
            Kind::Pre(language) => self.listing(&content, &language),
            Kind::Cell => self.cell(content),
            Kind::Row(cells) => self.row(cells, &content),
            Kind::Table(rows) => {
                self.block(&content);
                self.block(&rows.render());
            }
        }
    }

    /// Adds a finished piece of running text. A blank that is due stays due: it belongs behind.
    pub(super) fn running(&mut self, piece: &str) {
        if let Some(target) = self.target() {
            target.content.push_str(piece);
        }
    }

    /// Adds lines of their own.
    pub(super) fn block(&mut self, content: &str) {
        let content = trimmed(content);
        if !content.is_empty() {
            self.join(2, content, 2);
        }
        self.break_line();
    }

    /// Adds a piece with line breaks before and behind it. Between it and what is there stand as many as
    /// either wants, and no more than two.
    fn join(&mut self, before: usize, piece: &str, behind: usize) {
        let Some(target) = self.target() else { return };
        let there = target.content.trim_end_matches('\n').len();
        let text = piece.trim_start_matches('\n');
        let breaks = (target.content.len() - there)
            .max(before + piece.len() - text.len())
            .min(2);
        target.content.truncate(there);
        target.content.push_str("\n\n".get(..breaks).unwrap_or_default());
        target.content.push_str(text);
        target.content.push_str("\n\n".get(..behind).unwrap_or_default());
    }

    fn item(&mut self, content: &str) {
        let mark = match self.open.last_mut().map(|parent| &mut parent.kind) {
            Some(Kind::List(Some(number))) => {
                let mark = format!("{number}.  ");
                *number = number.saturating_add(1);
                mark
            }
            _ => "-   ".to_owned(),
        };
        let content = trimmed(content);
        if !content.is_empty() {
            self.join(1, &indented(content, &mark, &" ".repeat(mark.len())), 1);
        }
        self.break_line();
    }

    fn listing(&mut self, content: &str, language: &str) {
        let content = content.strip_prefix('\n').unwrap_or(content);
        let content = content.strip_suffix('\n').unwrap_or(content);
        let fence = "`".repeat(longest_run(content, '`').max(2) + 1);
        self.block(&format!("{fence}{language}\n{content}\n{fence}"));
    }

    fn cell(&mut self, content: String) {
        match self.open.last_mut().map(|parent| &mut parent.kind) {
            Some(Kind::Row(cells)) => cells.push(content),
            _ => self.block(&content),
        }
        self.break_line();
    }

    fn row(&mut self, cells: Vec<String>, stray: &str) {
        self.block(stray);
        // The table itself or the part of it that the row is in.
        let table = self
            .open
            .iter_mut()
            .rev()
            .take(2)
            .find_map(|element| match &mut element.kind {
                Kind::Table(rows) => Some(rows),
                _ => None,
            });
        match table {
            Some(Rows(rows)) => rows.push(cells),
            None => cells.iter().for_each(|cell| self.block(cell)),
        }
        self.break_line();
    }
}

impl Rows {
    /// A table of data as a table; one that only lays a page out as one block after the other.
    fn render(&self) -> String {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let lines = self
            .0
            .iter()
            .flatten()
            .all(|cell| !trimmed(cell).contains("\n\n"));
        let mut out = String::new();
        if self.0.len() < 2 || columns < 2 || !lines {
            for cell in self.0.iter().flatten() {
                out.push_str(trimmed(cell));
                out.push_str("\n\n");
            }
            return out;
        }
        for (number, row) in self.0.iter().enumerate() {
            for cell in row {
                out.push_str("| ");
                out.push_str(
                    &trimmed(cell)
                        .replace('|', "\\|")
                        .replace("  \n", "<br>")
                        .replace('\n', "<br>"),
                );
                out.push(' ');
            }
            out.push_str("|\n");
            if number == 0 {
                out.push_str(&"| --- ".repeat(row.len()));
                out.push_str("|\n");
            }
        }
        out
    }
}

/// Without line breaks around and blanks behind.
fn trimmed(text: &str) -> &str {
    text.trim_start_matches('\n').trim_end_matches(['\n', ' '])
}

/// With `first` at the beginning of the first line and `others` at that of all others.
fn indented(text: &str, first: &str, others: &str) -> String {
    if text.len() > INDENT_LIMIT {
        return format!("{first}{text}");
    }
    let mut out = first.to_owned();
    for line in text.split_inclusive('\n') {
        if out.ends_with('\n') {
            out.push_str(others);
        }
        out.push_str(line);
    }
    out
}
