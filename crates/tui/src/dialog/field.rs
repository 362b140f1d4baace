//! A line that can be written in, or a few of them.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use crate::app::App;
use crate::editor::{Editor, Look, Operation, operation};
use crate::paint;
use crate::safe;

/// Rows that a field of several lines grows to; then it scrolls.
const ROWS: usize = 6;

/// A line that can be written in, or a few of them.
pub(crate) struct Field {
    editor: Editor<()>,
    placeholder: String,
    is_hidden: bool,
    /// It is folded into rows.
    is_folded: bool,
    /// It may have several lines.
    has_lines: bool,
}

impl Field {
    /// An empty line; what it is for is shown until something is written.
    pub(crate) fn new(placeholder: &str) -> Self {
        Self {
            editor: Editor::single_line(""),
            placeholder: placeholder.to_owned(),
            is_hidden: false,
            is_folded: false,
            has_lines: false,
        }
    }

    /// An empty field whose text is one line, folded into rows.
    pub(crate) fn folded(placeholder: &str) -> Self {
        Self {
            editor: Editor::new(),
            is_folded: true,
            ..Self::new(placeholder)
        }
    }

    /// An empty field whose text is folded and may have several lines.
    pub(crate) fn of_lines(placeholder: &str) -> Self {
        Self {
            has_lines: true,
            ..Self::folded(placeholder)
        }
    }

    /// Rows that it wants in so many columns.
    pub(crate) fn height(&self, width: u16) -> u16 {
        if !self.is_folded || self.is_hidden {
            return 1;
        }
        u16::try_from(self.editor.height(width).clamp(1, ROWS)).unwrap_or(1)
    }

    /// What is written is shown as dots.
    pub(crate) fn hide(&mut self) {
        self.is_hidden = true;
    }

    /// What is written.
    pub(crate) fn text(&self) -> &str {
        self.editor.text()
    }

    /// Writes at the cursor.
    pub(crate) fn insert(&mut self, text: &str) {
        if self.has_lines {
            self.editor.insert(&safe::text(text));
        } else {
            self.editor.insert(&safe::line(text));
        }
    }

    /// Takes everything away.
    pub(crate) fn clear(&mut self) {
        self.editor.clear();
    }

    /// Does a command of text fields; says whether it is one.
    pub(crate) fn command(&mut self, id: &str) -> bool {
        match operation(id) {
            Some(Operation::Newline) if !self.has_lines => true,
            Some(operation) => {
                self.editor.perform(operation);
                true
            }
            None => false,
        }
    }

    /// Draws it into its rows, and says where the cursor is.
    pub(crate) fn draw(&self, app: &App, row: Rect, buffer: &mut Buffer) -> Option<Position> {
        let theme = &app.theme;
        if self.editor.is_empty() {
            let hint = paint::cut(&self.placeholder, usize::from(row.width));
            paint::text(buffer, row.x, row.y, &hint, Style::new().fg(theme.text_muted));
            return (!row.is_empty()).then_some(Position::new(row.x, row.y));
        }
        if self.is_hidden {
            let dots = "•".repeat(self.text().chars().count().min(usize::from(row.width)));
            let wide = paint::text(buffer, row.x, row.y, &dots, Style::new().fg(theme.text));
            return Some(Position::new(row.x + wide, row.y));
        }
        let look = Look {
            text: Style::new().fg(theme.text),
            selection: Style::new().bg(theme.primary).fg(app.theme.on(app.theme.primary)),
            mark: &|()| Style::new(),
        };
        self.editor.draw(row, buffer, &look)
    }
}
