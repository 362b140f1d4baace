//! Something that is told until the user has seen it: a text in rows, which can be scrolled.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Style};

use super::{Dialog, LARGE, MEDIUM, Mouse, MouseKind, Outcome};
use crate::app::App;
use crate::paint;
use crate::theme::Theme;

/// Pieces of a line with their colours.
pub(crate) type Line = Vec<(String, fn(&Theme) -> Color)>;

type Lines = Box<dyn Fn(&App) -> Vec<Line>>;

/// Something that is told.
pub(crate) struct Alert {
    title: String,
    width: u16,
    lines: Lines,
    /// What the second key does: its command is to copy all of it.
    can_copy: bool,
    top: usize,
    room: usize,
}

impl Alert {
    /// A text.
    pub(crate) fn new(title: impl Into<String>, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::live(title, move |_| {
            vec![vec![(message.clone(), |theme: &Theme| theme.text_muted)]]
        })
    }

    /// Lines that are made anew whenever they are drawn.
    pub(crate) fn live(title: impl Into<String>, lines: impl Fn(&App) -> Vec<Line> + 'static) -> Self {
        Self {
            title: title.into(),
            width: MEDIUM,
            lines: Box::new(lines),
            can_copy: false,
            top: 0,
            room: 0,
        }
    }

    /// With more columns.
    pub(crate) fn large(mut self) -> Self {
        self.width = LARGE;
        self
    }

    /// Entering copies what stands there.
    pub(crate) fn copied(mut self) -> Self {
        self.can_copy = true;
        self
    }

    /// The lines in rows of a width: one of several pieces is cut, a text is wrapped.
    fn rows(&self, app: &App, width: u16) -> Vec<Line> {
        let mut rows = Vec::new();
        for line in (self.lines)(app) {
            match line.as_slice() {
                [(text, color)] => {
                    let wrapped = paint::wrap(text, usize::from(width));
                    rows.extend(wrapped.into_iter().map(|row| vec![(row, *color)]));
                }
                _ => rows.push(line),
            }
        }
        rows
    }

    fn content(&self, app: &App) -> String {
        let lines = (self.lines)(app);
        let line = |line: &Line| line.iter().map(|(text, _)| text.as_str()).collect::<String>();
        lines.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

impl Dialog for Alert {
    fn title(&self) -> &str {
        &self.title
    }

    fn width(&self) -> u16 {
        self.width
    }

    fn height(&self, app: &App, width: u16, screen: u16) -> u16 {
        let rows = u16::try_from(self.rows(app, width).len()).unwrap_or(u16::MAX);
        rows.saturating_add(2)
            .min(screen.saturating_sub(screen / 4 + 4).max(3))
    }

    fn commands(&self) -> Vec<&'static str> {
        vec![
            "dialog.select.submit",
            "dialog.select.prev",
            "dialog.select.next",
            "dialog.select.page_up",
            "dialog.select.page_down",
        ]
    }

    fn command(&mut self, app: &mut App, id: &str) -> Outcome {
        match id {
            "dialog.select.prev" => self.top = self.top.saturating_sub(1),
            "dialog.select.next" => self.top += 1,
            "dialog.select.page_up" => self.top = self.top.saturating_sub(self.room),
            "dialog.select.page_down" => self.top += self.room,
            _ => {
                if self.can_copy {
                    let text = self.content(app);
                    app.copy(text);
                }
                return Outcome::Close;
            }
        }
        Outcome::Done
    }

    fn mouse(&mut self, app: &mut App, mouse: Mouse) -> Outcome {
        match mouse.kind {
            MouseKind::Wheel(rows) if rows < 0 => self.command(app, "dialog.select.prev"),
            MouseKind::Wheel(_) => self.command(app, "dialog.select.next"),
            _ => Outcome::Ignored,
        }
    }

    fn draw(&mut self, app: &App, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        let rows = self.rows(app, area.width);
        self.room = usize::from(area.height.saturating_sub(2)).max(1);
        self.top = self.top.min(rows.len().saturating_sub(self.room));
        for (y, row) in (area.y..).zip(rows.iter().skip(self.top).take(self.room)) {
            let mut x = area.x;
            for (text, color) in row {
                let room = usize::from(area.right().saturating_sub(x));
                let style = Style::new().fg(color(&app.theme));
                x += paint::text(buffer, x, y, &paint::cut(text, room), style);
            }
        }
        let label = if self.can_copy { "alert.copy" } else { "alert.ok" };
        let label = format!(" {} ", app.words.get(label));
        let style = Style::new()
            .bg(app.theme.primary)
            .fg(app.theme.on(app.theme.primary));
        paint::text_right(buffer, area, area.bottom() - 1, &label, style);
        None
    }
}
