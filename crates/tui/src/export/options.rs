//! What of a session goes into which file.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::{Contents, look, save};
use crate::app::App;
use crate::dialog::{Dialog, Field, Mouse, MouseKind, Outcome};
use crate::paint;

/// Check boxes: the last one opens the text without saving it.
const BOXES: [&str; 4] = [
    "export.thinking",
    "export.tools",
    "export.metadata",
    "export.look",
];

/// What of a session goes into which file.
pub(super) struct Options {
    title: &'static str,
    name: Field,
    checked: [bool; BOXES.len()],
    /// Which box has the keyboard; none if the name has it.
    focus: Option<usize>,
    /// First row of the boxes on the screen.
    drawn: Rect,
}

impl Options {
    /// Asks, with a name for the file.
    pub(super) fn new(app: &App, name: &str, contents: Contents) -> Self {
        let mut field = Field::new(app.words.get("export.name"));
        field.insert(name);
        Self {
            title: app.words.get("export.title"),
            name: field,
            checked: [contents.thinking, contents.tool_details, contents.metadata, false],
            focus: None,
            drawn: Rect::ZERO,
        }
    }

    /// The name stands before the first box and after the last one.
    fn go(&mut self, by: isize) {
        let last = BOXES.len() - 1;
        self.focus = match (self.focus, by > 0) {
            (None, true) => Some(0),
            (None, false) => Some(last),
            (Some(at), true) if at < last => Some(at + 1),
            (Some(at), false) if at > 0 => Some(at - 1),
            (Some(_), _) => None,
        };
    }

    fn submit(&self, app: &mut App) -> Outcome {
        let [thinking, tool_details, metadata, only_looks] = self.checked;
        let contents = Contents {
            thinking,
            tool_details,
            metadata,
        };
        let name = self.name.text().trim();
        if only_looks {
            look(app, contents);
        } else if name.is_empty() {
            return Outcome::Done;
        } else {
            save(app, name, contents);
        }
        Outcome::Close
    }
}

impl Dialog for Options {
    fn title(&self) -> &str {
        self.title
    }

    fn height(&self, _app: &App, _width: u16, _screen: u16) -> u16 {
        9
    }

    fn commands(&self) -> Vec<&'static str> {
        vec![
            "dialog.prompt.submit",
            "agent.cycle",
            "agent.cycle.reverse",
            "dialog.select.next",
            "dialog.select.prev",
        ]
    }

    fn command(&mut self, app: &mut App, id: &str) -> Outcome {
        match id {
            "dialog.prompt.submit" => return self.submit(app),
            "agent.cycle" | "dialog.select.next" => self.go(1),
            "agent.cycle.reverse" | "dialog.select.prev" => self.go(-1),
            id if self.focus.is_none() && self.name.command(id) => {}
            _ => return Outcome::Ignored,
        }
        Outcome::Done
    }

    fn text(&mut self, _app: &mut App, text: &str) -> Outcome {
        match self.focus.and_then(|at| self.checked.get_mut(at)) {
            None => self.name.insert(text),
            Some(checked) if text == " " => *checked = !*checked,
            Some(_) => {}
        }
        Outcome::Done
    }

    fn mouse(&mut self, _app: &mut App, mouse: Mouse) -> Outcome {
        let at = usize::from(mouse.at.y.wrapping_sub(self.drawn.y));
        match self.checked.get_mut(at) {
            Some(checked) if mouse.kind == MouseKind::Release && self.drawn.contains(mouse.at) => {
                *checked = !*checked;
                self.focus = Some(at);
                Outcome::Done
            }
            _ => Outcome::Ignored,
        }
    }

    fn draw(&mut self, app: &App, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        let theme = &app.theme;
        let muted = Style::new().fg(theme.text_muted);
        let row = |y: u16| Rect { y, height: 1, ..area }.intersection(area);
        paint::text(buffer, area.x, area.y, app.words.get("export.name"), muted);
        let cursor = self.name.draw(app, row(area.y + 1), buffer);
        let first = area.y + 3;
        self.drawn = Rect {
            y: first,
            height: 4,
            ..area
        }
        .intersection(area);
        for ((at, key), y) in BOXES.iter().enumerate().zip(first..area.bottom()) {
            let is_focused = self.focus == Some(at);
            let is_checked = self.checked.get(at) == Some(&true);
            let style = if is_focused {
                paint::fill(row(y), buffer, theme.primary);
                Style::new().bg(theme.primary).fg(app.theme.on(app.theme.primary))
            } else {
                Style::new().fg(theme.text)
            };
            let sign = if is_checked { "[x]" } else { "[ ]" };
            let text = format!("{sign} {}", app.words.get(key));
            paint::text(
                buffer,
                area.x,
                y,
                &paint::cut(&text, usize::from(area.width)),
                style,
            );
        }
        let key = app.key_of("dialog.prompt.submit");
        let hint = app.words.fill("export.keys", &[("key", &key)]);
        let hint = paint::cut(&hint, usize::from(area.width));
        if area.height > 7 {
            paint::text(buffer, area.x, area.bottom() - 1, &hint, muted);
        }
        cursor.filter(|_| self.focus.is_none())
    }
}
