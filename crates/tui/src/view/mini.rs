//! What is drawn below what is printed (reference `tui.md` §15): what still changes of it, and the prompt with a
//! row of state, or what the user is asked, or a window.

use opencode_schema::session::Status;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};

use super::status;
use crate::app::{App, Places};
use crate::choice;
use crate::dialog;
use crate::mini::Prints;
use crate::paint;
use crate::prompt::Mode;
use crate::row::Row;
use crate::safe;
use crate::store::Connection;
use crate::toast::{Toast, Variant};

/// What is printed, and what is drawn below it.
pub(crate) struct Picture {
    /// Everything that the terminal shows goes first.
    pub(crate) is_anew: bool,
    /// Rows that are printed.
    pub(crate) printed: Vec<Row>,
    /// What is drawn.
    pub(crate) drawn: Buffer,
    /// Where the cursor is.
    pub(crate) cursor: Option<Position>,
}

/// Takes what is to be printed, and draws what is below it.
pub(crate) fn draw(app: &mut App) -> Picture {
    let (width, height) = app.size;
    app.places = Places::default();
    let Prints { is_anew, done, rest } = app.print();
    let wanted = wanted(app, width, height).clamp(1, height.max(1));
    // A free row sets it apart from what is printed.
    let gap = u16::from(wanted < height);
    let room = usize::from(height.saturating_sub(wanted + gap));
    let rest = rest.get(rest.len().saturating_sub(room)..).unwrap_or_default();
    let above = u16::try_from(rest.len()).unwrap_or(0);
    let mut drawn = Buffer::empty(Rect::new(0, 0, width, above + gap + wanted));
    for (y, row) in (0..above).zip(rest) {
        row.draw(&mut drawn, 0, y, width);
    }
    let area = Rect::new(0, above + gap, width, wanted);
    let cursor = draw_below(app, area, &mut drawn);
    Picture {
        is_anew,
        printed: done,
        drawn,
        cursor,
    }
}

/// What is printed at the end: all that was said, and nothing below it.
pub(crate) fn last(app: &mut App) -> Vec<Row> {
    let Prints { mut done, rest, .. } = app.print();
    done.extend(rest);
    done
}

/// Rows that are wanted for what is drawn.
fn wanted(app: &mut App, width: u16, height: u16) -> u16 {
    if let Some(dialog) = app.dialogs.last() {
        return dialog::height_below(app, dialog.as_ref(), width, height);
    }
    if let Some(panel) = app.permission.take() {
        let wanted = panel.height(app, width, height);
        app.permission = Some(panel);
        return wanted;
    }
    if let Some(panel) = app.question.take() {
        let wanted = panel.height(app, width, height);
        app.question = Some(panel);
        return wanted;
    }
    let below = app.prompt.list_rows().unwrap_or(1);
    text_rows(app, width, height).saturating_add(1 + below)
}

fn text_rows(app: &App, width: u16, height: u16) -> u16 {
    match app.has_prompt() {
        true => app.prompt.rows(width, height, app.settings.prompt_rows()),
        false => 0,
    }
}

fn draw_below(app: &mut App, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let mut dialogs = std::mem::take(&mut app.dialogs);
    if let Some(dialog) = dialogs.last_mut() {
        let cursor = dialog::draw_below(app, dialog.as_mut(), area, buffer);
        app.places.dialog = area;
        app.dialogs = dialogs;
        return cursor;
    }
    app.places.panel = area;
    if let Some(mut panel) = app.permission.take() {
        let cursor = panel.draw(app, area, buffer);
        app.permission = Some(panel);
        return cursor;
    }
    if let Some(mut panel) = app.question.take() {
        let cursor = panel.draw(app, area, buffer);
        app.question = Some(panel);
        return cursor;
    }
    let rows = text_rows(app, area.width, app.size.1).min(area.height);
    let text = Rect { height: rows, ..area };
    app.places.prompt = text;
    let cursor = app.draw_prompt_text(text, buffer);
    if app.prompt.list_rows().is_some() {
        let y = (text.bottom() + 1).min(area.bottom());
        let height = area.bottom() - y;
        app.draw_prompt_list_in(Rect { y, height, ..area }, buffer);
    } else if text.bottom() + 1 < area.bottom() || rows == 0 {
        draw_status(app, area.bottom() - 1, area.width, buffer);
    }
    cursor
}

/// The row of state: who answers, what goes on, and what can be done.
fn draw_status(app: &mut App, y: u16, width: u16, buffer: &mut Buffer) {
    let theme = app.theme.clone();
    let row = Rect::new(0, y, width, 1);
    paint::fill(row, buffer, theme.background_panel);
    let agent = app.choice.agent_name(&app.store);
    let is_leaving = app.mini.as_ref().is_some_and(|mini| mini.is_leaving());
    let (name, color) = if is_leaving {
        (app.words.get("mini.leaving").to_owned(), theme.warning)
    } else if app.prompt.mode() == Mode::Shell {
        (app.words.get("prompt.shell").to_owned(), theme.primary)
    } else {
        (
            safe::line(&agent).into_owned(),
            choice::agent_color(&theme, &app.store, &agent),
        )
    };
    let badge = format!(" {} ", paint::cut(&name.to_uppercase(), usize::from(width / 2)));
    let style = Style::new()
        .fg(color)
        .bg(theme.background_element)
        .add_modifier(Modifier::BOLD);
    let left = paint::text(buffer, 0, y, &badge, style) + 1;
    let right = draw_right(app, row, left, buffer);
    let area = Rect {
        x: left,
        width: right.saturating_sub(left),
        ..row
    };
    draw_state(app, area, is_leaving, buffer);
}

fn draw_state(app: &mut App, area: Rect, is_leaving: bool, buffer: &mut Buffer) {
    let room = usize::from(area.width);
    let write = |text: &str, color: Color, buffer: &mut Buffer| {
        paint::text(
            buffer,
            area.x,
            area.y,
            &paint::cut(text, room),
            Style::new().fg(color),
        );
    };
    if let Connection::Lost(reason) = &app.store.connection {
        let text = app.words.fill("status.lost", &[("reason", &safe::line(reason))]);
        return write(&text, app.theme.error, buffer);
    }
    if is_leaving {
        let key = app.key_of("app.exit");
        let text = app.words.fill("mini.again", &[("key", &key)]);
        return write(&text, app.theme.text, buffer);
    }
    if app.prompt.mode() == Mode::Shell {
        let text = format!("esc {}", app.words.get("status.leave_shell"));
        return write(&text, app.theme.text_muted, buffer);
    }
    let id = app.session_id().cloned();
    let is_busy = id.as_ref().is_some_and(|id| app.store.is_busy(id));
    let is_wrong = |toast: &&Toast| toast.variant == Variant::Error && app.interrupting.is_none();
    if let Some(toast) = app.toast.as_ref().filter(|toast| !is_busy || is_wrong(toast)) {
        let color = match toast.variant {
            Variant::Info => app.theme.text_muted,
            Variant::Success => app.theme.success,
            Variant::Warning => app.theme.warning,
            Variant::Error => app.theme.error,
        };
        let said = [toast.title.as_deref(), Some(&toast.message)];
        let said: Vec<_> = said.into_iter().flatten().map(safe::line).collect();
        return write(&said.join(": "), color, buffer);
    }
    let status = id.map_or(Status::Idle, |id| app.store.status(&id).clone());
    match status {
        Status::Idle => {}
        Status::Busy | Status::Retry { .. } if app.interrupting.is_some() && room > 12 => {
            status::draw_interrupt(app, area.x, area, buffer);
        }
        Status::Busy if room > 12 => {
            let used = status::draw_moving(app, area.x, area.y, buffer);
            let left = area.x + used + 1;
            status::draw_interrupt(app, left, area, buffer);
        }
        Status::Busy => write("esc", app.theme.text, buffer),
        Status::Retry {
            attempt,
            message,
            next,
            ..
        } => {
            let waits = status::waits(app, attempt, next);
            let room = room.saturating_sub(paint::width(&waits) + 3);
            let text = format!("{} [{waits}]", paint::cut(&safe::line(&message), room));
            write(&text, app.theme.error, buffer);
        }
    }
}

/// What stands at the right; what matters least is left out where there is little room. Says where it begins.
fn draw_right(app: &App, row: Rect, left: u16, buffer: &mut Buffer) -> u16 {
    let queued = app.mini.as_ref().map_or(0, |mini| mini.queued());
    let queued = (queued > 0).then(|| {
        let count = app.words.fill("mini.queued", &[("count", &queued.to_string())]);
        (app.key_of("session.queued_prompts"), count)
    });
    let palette = app.words.get("mini.palette").to_owned();
    let palette = (app.key_of("command.palette.show"), palette);
    let usage = app.session_id().and_then(|id| status::usage(app, id));
    let usage = usage.map(|usage| (String::new(), usage));
    let mut right = row.right();
    // From the right: each is set apart from the one before.
    for (index, (key, text)) in [Some(palette), queued, usage].into_iter().flatten().enumerate() {
        let apart = if index == 0 { "" } else { " · " };
        let key = if key.is_empty() { key } else { format!("{key} ") };
        let wide = paint::width(&key) + paint::width(&text) + paint::width(apart);
        let Some(x) = u16::try_from(wide).ok().and_then(|wide| right.checked_sub(wide)) else {
            return right;
        };
        if x < left + 24 && index > 0 || x <= left {
            return right;
        }
        let muted = Style::new().fg(app.theme.text_muted);
        let used = paint::text(buffer, x, row.y, &key, Style::new().fg(app.theme.text));
        paint::text(buffer, x + used, row.y, &format!("{text}{apart}"), muted);
        right = x;
    }
    right.saturating_sub(1)
}
