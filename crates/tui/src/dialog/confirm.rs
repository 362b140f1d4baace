//! A question with yes and no.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::{Dialog, Mouse, MouseKind, Outcome};
use crate::app::App;
use crate::paint;

type Then = Box<dyn FnOnce(&mut App, bool)>;

/// A question with yes and no.
pub(crate) struct Confirm {
    title: String,
    message: String,
    /// Keys of the texts of no and yes.
    labels: [&'static str; 2],
    is_yes: bool,
    then: Option<Then>,
    buttons: [Rect; 2],
}

impl Confirm {
    /// Asks; the answer goes to `then`, and closing is no.
    pub(crate) fn new(
        title: impl Into<String>,
        message: impl Into<String>,
        then: impl FnOnce(&mut App, bool) + 'static,
    ) -> Self {
        Self {
            title: title.into(),
            message: message.into(),
            labels: ["confirm.cancel", "confirm.confirm"],
            is_yes: true,
            then: Some(Box::new(then)),
            buttons: [Rect::ZERO; 2],
        }
    }

    /// With other words for no and yes.
    pub(crate) fn labels(mut self, no: &'static str, yes: &'static str) -> Self {
        self.labels = [no, yes];
        self
    }

    fn answer(&mut self, app: &mut App, answer: bool) -> Outcome {
        if let Some(then) = self.then.take() {
            then(app, answer);
        }
        Outcome::Close
    }
}

impl Dialog for Confirm {
    fn title(&self) -> &str {
        &self.title
    }

    fn height(&self, _app: &App, width: u16, _screen: u16) -> u16 {
        let rows = paint::wrap(&self.message, usize::from(width)).len();
        u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(2)
    }

    fn commands(&self) -> Vec<&'static str> {
        vec![
            "input.move.left",
            "input.move.right",
            "agent.cycle",
            "agent.cycle.reverse",
            "dialog.select.submit",
        ]
    }

    fn command(&mut self, app: &mut App, id: &str) -> Outcome {
        match id {
            "dialog.select.submit" => {
                let answer = self.is_yes;
                self.answer(app, answer)
            }
            _ => {
                self.is_yes = !self.is_yes;
                Outcome::Done
            }
        }
    }

    fn mouse(&mut self, app: &mut App, mouse: Mouse) -> Outcome {
        let Some(button) = self.buttons.iter().position(|place| place.contains(mouse.at)) else {
            return Outcome::Ignored;
        };
        match mouse.kind {
            MouseKind::Move => self.is_yes = button == 1,
            MouseKind::Release => return self.answer(app, button == 1),
            _ => {}
        }
        Outcome::Done
    }

    fn cancelled(&mut self, app: &mut App) {
        self.answer(app, false);
    }

    fn draw(&mut self, app: &App, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        let theme = &app.theme;
        let muted = Style::new().fg(theme.text_muted);
        let rows = paint::wrap(&self.message, usize::from(area.width));
        // The answers stay where the text does not fit.
        let end = area.bottom().saturating_sub(1).max(area.y);
        for (y, row) in (area.y..end).zip(&rows) {
            paint::text(buffer, area.x, y, row, muted);
        }
        let y = area.bottom() - 1;
        let mut right = area.right();
        for index in [1, 0] {
            let label = format!(" {} ", app.words.get(self.labels[index]));
            let wide = u16::try_from(paint::width(&label)).unwrap_or(area.width);
            let style = if (index == 1) == self.is_yes {
                Style::new().bg(theme.primary).fg(app.theme.on(app.theme.primary))
            } else {
                muted
            };
            right = right.saturating_sub(wide);
            if right < area.x {
                break;
            }
            paint::text(buffer, right, y, &label, style);
            self.buttons[index] = Rect {
                x: right,
                y,
                width: wide,
                height: 1,
            };
            right = right.saturating_sub(1);
        }
        None
    }
}
