//! A question that is answered with a line of text.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::{Dialog, Field, Outcome};
use crate::app::App;
use crate::paint;

type Then = Box<dyn Fn(&mut App, &str) -> Outcome>;

/// A question that is answered with a line of text.
pub(crate) struct Ask {
    title: String,
    message: String,
    field: Field,
    then: Then,
}

impl Ask {
    /// Asks, with a text that stands there already; what is entered goes to `then`.
    pub(crate) fn new(
        title: impl Into<String>,
        placeholder: &str,
        text: &str,
        then: impl Fn(&mut App, &str) -> Outcome + 'static,
    ) -> Self {
        let mut field = Field::folded(placeholder);
        field.insert(text);
        Self {
            title: title.into(),
            message: String::new(),
            field,
            then: Box::new(then),
        }
    }

    /// With a text above the line.
    pub(crate) fn explained(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// What is written is not shown.
    pub(crate) fn secret(mut self) -> Self {
        self.field.hide();
        self
    }

    fn explanation(&self, width: u16) -> Vec<String> {
        if self.message.is_empty() {
            return Vec::new();
        }
        let mut rows = paint::wrap(&self.message, usize::from(width));
        rows.push(String::new());
        rows
    }
}

impl Dialog for Ask {
    fn title(&self) -> &str {
        &self.title
    }

    fn height(&self, _app: &App, width: u16, _screen: u16) -> u16 {
        let told = u16::try_from(self.explanation(width).len()).unwrap_or(u16::MAX);
        told.saturating_add(2).saturating_add(self.field.height(width))
    }

    fn commands(&self) -> Vec<&'static str> {
        vec!["dialog.prompt.submit"]
    }

    fn command(&mut self, app: &mut App, id: &str) -> Outcome {
        match id {
            "dialog.prompt.submit" => (self.then)(app, self.field.text()),
            id if self.field.command(id) => Outcome::Done,
            _ => Outcome::Ignored,
        }
    }

    fn text(&mut self, _app: &mut App, text: &str) -> Outcome {
        self.field.insert(text);
        Outcome::Done
    }

    fn draw(&mut self, app: &App, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        let muted = Style::new().fg(app.theme.text_muted);
        let mut y = area.y;
        for row in self.explanation(area.width) {
            paint::text(buffer, area.x, y, &row, muted);
            y += 1;
        }
        let rows = Rect {
            y,
            height: self.field.height(area.width),
            ..area
        };
        let cursor = self.field.draw(app, rows.intersection(area), buffer);
        let hint = format!(
            "{} {}",
            app.key_of("dialog.prompt.submit"),
            app.words.get("ask.submit")
        );
        paint::text(buffer, area.x, area.bottom().saturating_sub(1), &hint, muted);
        cursor
    }
}
