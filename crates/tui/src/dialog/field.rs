//! A line that can be written in.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use crate::app::App;
use crate::editor::{Editor, Look, operation};
use crate::paint;
use crate::safe;

/// A line that can be written in.
pub(crate) struct Field {
    editor: Editor<()>,
    placeholder: String,
    is_hidden: bool,
}

impl Field {
    /// An empty line; what it is for is shown until something is written.
    pub(crate) fn new(placeholder: &str) -> Self {
        Self {
            editor: Editor::single_line(""),
            placeholder: placeholder.to_owned(),
            is_hidden: false,
        }
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
        self.editor.insert(&safe::line(text));
    }

    /// Takes everything away.
    pub(crate) fn clear(&mut self) {
        self.editor.clear();
    }

    /// Does a command of text fields; says whether it is one.
    pub(crate) fn command(&mut self, id: &str) -> bool {
        match operation(id) {
            Some(operation) => {
                self.editor.perform(operation);
                true
            }
            None => false,
        }
    }

    /// Draws it into a row, and says where the cursor is.
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
