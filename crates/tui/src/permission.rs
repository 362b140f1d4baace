//! The panel in which the user is asked for permission (reference `tui.md` §5).

mod body;

use opencode_client::Request;
use opencode_schema::permission;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use serde_json::json;

use crate::app::App;
use crate::choice;
use crate::dialog::{Field, Mouse, MouseKind};
use crate::paint;
use crate::safe;

/// Rows of the panel while it does not take the whole screen.
const ROWS: u16 = 15;
/// Below this many columns the hints stand below the answers.
const NARROW: u16 = 80;

/// How far the user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Once, always, or not.
    Answer,
    /// What always means.
    Always,
    /// Why not, for the model of a subagent.
    Reason,
}

/// The panel.
pub(crate) struct PermissionPanel {
    /// What is asked for.
    pub(crate) request: permission::Request,
    stage: Stage,
    selected: usize,
    is_full: bool,
    reason: Field,
    top: usize,
    buttons: Vec<Rect>,
}

/// Commands of the panel.
pub(crate) fn commands(panel: &PermissionPanel) -> Vec<&'static str> {
    if panel.stage == Stage::Reason {
        let mut commands = vec!["dialog.prompt.submit", "session.interrupt"];
        commands.extend(crate::app::field_commands());
        return commands;
    }
    vec![
        "permission.prompt.fullscreen",
        "input.move.left",
        "input.move.right",
        "dialog.select.submit",
        "session.interrupt",
        "app.exit",
        "agent.cycle",
        "agent.cycle.reverse",
    ]
}

impl PermissionPanel {
    /// The panel of a request.
    pub(crate) fn new(request: permission::Request) -> Self {
        Self {
            request,
            stage: Stage::Answer,
            selected: 0,
            is_full: false,
            reason: Field::of_lines(""),
            top: 0,
            buttons: Vec::new(),
        }
    }

    /// Whether it takes text.
    pub(crate) fn is_written(&self) -> bool {
        self.stage == Stage::Reason
    }

    /// Whether it takes the whole screen.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    fn answers(&self) -> &'static [&'static str] {
        match self.stage {
            Stage::Answer => &["permission.once", "permission.always", "permission.reject"],
            Stage::Always => &["permission.confirm", "permission.cancel"],
            Stage::Reason => &[],
        }
    }

    /// Rows that it wants.
    pub(crate) fn height(&self, app: &App, width: u16, screen: u16) -> u16 {
        if self.is_full {
            return screen;
        }
        let body = self.body(app, width).len();
        let narrow = if width < NARROW && self.stage != Stage::Reason {
            2
        } else {
            0
        };
        if self.stage == Stage::Answer && self.request.metadata.contains_key("diff") {
            return ROWS.min(screen);
        }
        // A row above the heading, the heading, the body, two rows, the answers, a row below them.
        let written = match self.stage {
            Stage::Reason => self.reason.height(width.saturating_sub(6)),
            _ => 0,
        };
        let wanted = u16::try_from(body)
            .unwrap_or(ROWS)
            .saturating_add(6 + narrow + written);
        wanted.min(ROWS).min(screen)
    }

    fn body(&self, app: &App, width: u16) -> Vec<body::Row> {
        let width = usize::from(width.saturating_sub(6)).max(1);
        match self.stage {
            Stage::Answer => body::of(app, &self.request, width),
            Stage::Always => body::always(app, &self.request, width),
            Stage::Reason => body::reason(app, width),
        }
    }

    /// Draws it.
    pub(crate) fn draw(&mut self, app: &App, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        let theme = &app.theme;
        paint::fill(area, buffer, theme.background_panel);
        let color = match self.stage {
            Stage::Reason => theme.error,
            _ => theme.warning,
        };
        for y in area.top()..area.bottom() {
            paint::text(
                buffer,
                area.x,
                y,
                "┃",
                Style::new().fg(color).bg(theme.background),
            );
        }
        let inner = Rect {
            x: area.x + 3,
            y: area.y + 1,
            width: area.width.saturating_sub(6),
            height: area.height.saturating_sub(2),
        };
        if inner.is_empty() {
            return None;
        }
        let (sign, heading) = match self.stage {
            Stage::Reason => ("△", "permission.reject.heading"),
            Stage::Always => ("△", "permission.always.heading"),
            Stage::Answer => ("△", "permission.heading"),
        };
        let x = inner.x + paint::text(buffer, inner.x, inner.y, sign, Style::new().fg(color)) + 1;
        paint::text(
            buffer,
            x,
            inner.y,
            app.words.get(heading),
            Style::new().fg(theme.text),
        );
        let below = match self.stage {
            // What is written, and the keys.
            Stage::Reason => self.reason.height(inner.width) + 2,
            _ if area.width < NARROW => 3,
            _ => 1,
        };
        let bottom = inner.bottom().saturating_sub(below);
        let content = Rect {
            y: inner.y + 1,
            height: bottom.saturating_sub(inner.y + 1),
            ..inner
        };
        let rows = self.body(app, area.width);
        let room = usize::from(content.height);
        self.top = self.top.min(rows.len().saturating_sub(room));
        for (y, row) in (content.y..content.bottom()).zip(rows.iter().skip(self.top)) {
            row.draw(theme, content, y, buffer);
        }
        if self.stage == Stage::Reason {
            let lines = Rect {
                y: bottom,
                height: inner.bottom().saturating_sub(bottom + 2).max(1),
                ..inner
            };
            let hints = format!(
                "enter {}  esc {}",
                app.words.get("hint.confirm"),
                app.words.get("hint.back")
            );
            let muted = Style::new().fg(theme.text_muted);
            let y = inner.bottom() - 1;
            if y >= lines.bottom() {
                paint::text_right(buffer, inner, y, &hints, muted);
            }
            return self.reason.draw(app, lines, buffer);
        }
        self.draw_answers(app, inner, bottom, buffer);
        let chosen = self.buttons.get(self.selected);
        let chosen = chosen.filter(|_| app.settings.is_plain());
        chosen.map(|place| Position::new(place.x, place.y))
    }

    fn draw_answers(&mut self, app: &App, inner: Rect, y: u16, buffer: &mut Buffer) {
        let theme = &app.theme;
        let mut x = inner.x;
        self.buttons.clear();
        for (index, answer) in self.answers().iter().enumerate() {
            let label = match index == self.selected && app.settings.is_plain() {
                true => format!("[{}]", app.words.get(answer)),
                false => format!(" {} ", app.words.get(answer)),
            };
            let style = if index == self.selected {
                let back = theme.warning;
                Style::new()
                    .bg(back)
                    .fg(app.theme.on(back))
                    .add_modifier(Modifier::BOLD)
            } else {
                Style::new().fg(theme.text_muted)
            };
            let width = paint::text(buffer, x, y, &label, style);
            let height = 1;
            self.buttons.push(Rect { x, y, width, height });
            x += width + 1;
        }
        let full = if self.is_full {
            "permission.minimize"
        } else {
            "permission.fullscreen"
        };
        let key = app.key_of("permission.prompt.fullscreen");
        let full = format!("{key} {}", app.words.get(full));
        let full = match self.stage {
            Stage::Answer => format!("{full}  "),
            _ => String::new(),
        };
        let hints = format!(
            "{full}⇆ {}  enter {}",
            app.words.get("hint.select"),
            app.words.get("hint.confirm")
        );
        let y = if inner.width + 6 < NARROW { y + 1 } else { y };
        let room = usize::from(inner.width);
        paint::text_right(
            buffer,
            inner,
            y,
            &paint::cut(&hints, room),
            Style::new().fg(theme.text_muted),
        );
    }
}

impl App {
    /// Does a command of the panel.
    pub(crate) fn permission_command(&mut self, id: &str) -> bool {
        let Some(panel) = &mut self.permission else {
            return false;
        };
        let count = panel.answers().len();
        match id {
            "permission.prompt.fullscreen" => panel.is_full = !panel.is_full,
            "session.interrupt" | "app.exit" => match panel.stage {
                Stage::Answer => self.reject_permission(),
                _ => {
                    panel.stage = Stage::Answer;
                    panel.selected = 0;
                }
            },
            "dialog.prompt.submit" if panel.stage == Stage::Reason => {
                let reason = panel.reason.text().trim().to_owned();
                self.answer_permission("reject", Some(reason).filter(|reason| !reason.is_empty()));
            }
            id if panel.stage == Stage::Reason => return panel.reason.command(id),
            "input.move.left" | "agent.cycle.reverse" => {
                panel.selected = choice::step(panel.selected, -1, count).unwrap_or(0);
            }
            "input.move.right" | "agent.cycle" => {
                panel.selected = choice::step(panel.selected, 1, count).unwrap_or(0);
            }
            "dialog.select.submit" => self.choose_permission(),
            _ => return false,
        }
        true
    }

    /// Takes a letter that was typed into the panel.
    pub(crate) fn permission_text(&mut self, text: &str) {
        let Some(panel) = &mut self.permission else {
            return;
        };
        if panel.stage == Stage::Reason {
            panel.reason.insert(text);
            return;
        }
        match text {
            "h" => self.permission_command("input.move.left"),
            "l" => self.permission_command("input.move.right"),
            _ => false,
        };
    }

    /// Takes the mouse in the panel.
    pub(crate) fn permission_mouse(&mut self, mouse: Mouse) {
        let Some(panel) = &mut self.permission else {
            return;
        };
        if let MouseKind::Wheel(rows) = mouse.kind {
            let by = usize::try_from(rows.unsigned_abs()).unwrap_or(1);
            panel.top = if rows < 0 {
                panel.top.saturating_sub(by)
            } else {
                panel.top + by
            };
            return;
        }
        let button = panel.buttons.iter().position(|place| place.contains(mouse.at));
        if let Some(button) = button {
            panel.selected = button;
            if mouse.kind == MouseKind::Release {
                self.choose_permission();
            }
        }
    }

    fn choose_permission(&mut self) {
        let Some(panel) = &mut self.permission else {
            return;
        };
        match (panel.stage, panel.selected) {
            (Stage::Answer, 0) => self.answer_permission("once", None),
            (Stage::Answer, 1) => {
                panel.stage = Stage::Always;
                panel.selected = 0;
            }
            (Stage::Always, 0) => self.answer_permission("always", None),
            (Stage::Always, _) => {
                panel.stage = Stage::Answer;
                panel.selected = 0;
            }
            _ => self.reject_permission(),
        }
    }

    /// Refuses; the model of a subagent may be told why.
    fn reject_permission(&mut self) {
        let Some(panel) = &mut self.permission else {
            return;
        };
        let session = self.store.sessions.get(&panel.request.session_id);
        if session.is_some_and(|session| session.parent_id.is_some()) {
            panel.stage = Stage::Reason;
            panel.reason = Field::of_lines(self.words.get("permission.reason"));
        } else {
            self.answer_permission("reject", None);
        }
    }

    fn answer_permission(&mut self, reply: &str, message: Option<String>) {
        let Some(panel) = self.permission.take() else {
            return;
        };
        let id = panel.request.id;
        self.store.permissions.shift_remove(&id);
        let mut body = json!({ "reply": reply });
        if let Some(message) = message {
            body["message"] = json!(safe::text(&message));
        }
        self.order(Request::post(&["permission", id.as_str(), "reply"], body));
    }
}
