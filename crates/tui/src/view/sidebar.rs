//! What is known of a session, beside its messages (reference `tui.md` §3).

use opencode_schema::SessionId;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::status;
use crate::app::App;
use crate::list;
use crate::paint;
use crate::safe;
use crate::theme::Theme;
use crate::transcript::paint::todo_state;

/// Columns of the path of a changed file.
const PATH: usize = 36;
/// Blocks of more entries can be folded.
const FOLDS: usize = 2;

const TODO: &str = "sidebar.todo";
const FILES: &str = "sidebar.files";
const MCP: &str = "MCP";
const LSP: &str = "LSP";

type Paint = fn(&Theme) -> Color;

const TEXT: Paint = |theme| theme.text;
const MUTED: Paint = |theme| theme.text_muted;

/// A row: pieces from the left, pieces at the right, and the block that a click folds.
#[derive(Default)]
struct Row {
    left: Vec<(String, Paint)>,
    right: Vec<(String, Paint)>,
    is_bold: bool,
    folds: Option<&'static str>,
}

impl Row {
    fn text(text: impl Into<String>, color: Paint) -> Self {
        Self {
            left: vec![(text.into(), color)],
            ..Self::default()
        }
    }

    fn heading(text: impl Into<String>) -> Self {
        Self {
            is_bold: true,
            ..Self::text(text, TEXT)
        }
    }
}

/// Draws it.
pub(super) fn draw(app: &mut App, id: &SessionId, area: Rect, buffer: &mut Buffer) {
    paint::fill(area, buffer, app.theme.background_panel);
    let inner = Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(2),
    };
    if inner.is_empty() {
        return;
    }
    let footer = draw_footer(app, inner, buffer);
    let footer = footer + draw_start(app, inner, footer, buffer);
    let room = Rect {
        height: inner.height.saturating_sub(footer + 1),
        ..inner
    };
    let rows = rows(app, id, usize::from(inner.width));
    let longest = u16::try_from(rows.len()).unwrap_or(u16::MAX);
    let view = app.view_of(id);
    view.sidebar_top = view.sidebar_top.min(longest.saturating_sub(room.height));
    let top = usize::from(view.sidebar_top);
    let mut folds = Vec::new();
    for (y, row) in (room.top()..room.bottom()).zip(rows.iter().skip(top)) {
        draw_row(app, row, room, y, buffer);
        if let Some(block) = row.folds {
            folds.push((y, block));
        }
    }
    app.sidebar_folds = folds;
}

fn draw_row(app: &App, row: &Row, area: Rect, y: u16, buffer: &mut Buffer) {
    let theme = &app.theme;
    let right: usize = row.right.iter().map(|(text, _)| paint::width(text) + 1).sum();
    let mut room = usize::from(area.width).saturating_sub(right);
    let mut x = area.x;
    for (text, color) in &row.left {
        let mut style = Style::new().fg(color(theme));
        if row.is_bold {
            style = style.add_modifier(Modifier::BOLD);
        }
        let used = paint::text(buffer, x, y, &paint::cut(text, room), style);
        x += used;
        room = room.saturating_sub(usize::from(used));
    }
    let mut x = area
        .right()
        .saturating_sub(u16::try_from(right.saturating_sub(1)).unwrap_or(0));
    for (text, color) in &row.right {
        x += paint::text(buffer, x, y, text, Style::new().fg(color(theme))) + 1;
    }
}

fn rows(app: &mut App, id: &SessionId, width: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    title(app, id, width, &mut rows);
    context(app, id, &mut rows);
    servers(app, id, &mut rows);
    languages(app, id, &mut rows);
    todo(app, id, width, &mut rows);
    files(app, id, &mut rows);
    rows
}

fn title(app: &App, id: &SessionId, width: usize, rows: &mut Vec<Row>) {
    let Some(session) = app.store.sessions.get(id) else {
        return;
    };
    for line in paint::wrap(&safe::line(&session.title), width) {
        rows.push(Row::heading(line));
    }
    if let Some(share) = &session.share {
        for line in paint::wrap(&safe::line(&share.url), width) {
            rows.push(Row::text(line, MUTED));
        }
    }
}

fn context(app: &App, id: &SessionId, rows: &mut Vec<Row>) {
    let words = &app.words;
    let (tokens, percent) = app.context(id).unwrap_or((0, None));
    let cost = app.cost(id);
    rows.push(Row::default());
    rows.push(Row::heading(words.get("sidebar.context")));
    let tokens = words.fill("sidebar.tokens", &[("count", &status::grouped(tokens))]);
    rows.push(Row::text(tokens, MUTED));
    let percent = percent.unwrap_or(0);
    let color: Paint = match percent {
        0..70 => MUTED,
        70..90 => |theme| theme.warning,
        _ => |theme| theme.error,
    };
    let used = words.fill("sidebar.used", &[("percent", &percent.to_string())]);
    let mut row = Row::text(used, color);
    row.right.push((meter(percent), color));
    rows.push(row);
    let spent = words.fill("sidebar.spent", &[("cost", &format!("${cost:.2}"))]);
    rows.push(Row::text(spent, MUTED));
    if app.missed_cache(id) {
        rows.push(Row::text(words.get("sidebar.cache"), |theme| theme.warning));
    }
}

/// Ten cells of which as many are full as percent are used.
fn meter(percent: u64) -> String {
    let full = usize::try_from(percent.min(100)).unwrap_or(0).div_ceil(10);
    format!("{}{}", "▰".repeat(full), "▱".repeat(10 - full))
}

/// The heading of a block of so many entries; says whether they are shown.
fn heading(app: &mut App, id: &SessionId, key: &'static str, count: usize, rows: &mut Vec<Row>) -> bool {
    let is_folded = app.view_of(id).folded.contains(&key);
    let name = app.words.get(key);
    rows.push(Row::default());
    if count <= FOLDS {
        rows.push(Row::heading(name));
        return true;
    }
    let sign = if is_folded { "▶" } else { "▼" };
    let mut row = Row::heading(format!("{sign} {name}"));
    row.folds = Some(key);
    rows.push(row);
    !is_folded
}

fn servers(app: &mut App, id: &SessionId, rows: &mut Vec<Row>) {
    if app.store.mcp.is_empty() {
        return;
    }
    if !heading(app, id, MCP, app.store.mcp.len(), rows) {
        return;
    }
    for (name, server) in &app.store.mcp {
        let (color, text): (Paint, _) = match server.status.as_str() {
            "connected" => (|theme| theme.success, "mcp.connected"),
            "failed" => (|theme| theme.error, "mcp.failed"),
            "disabled" => (MUTED, "mcp.disabled"),
            "needs_auth" => (|theme| theme.warning, "mcp.needs_auth"),
            "needs_client_registration" => (|theme| theme.error, "mcp.needs_registration"),
            _ => (MUTED, "mcp.pending"),
        };
        rows.push(Row {
            left: vec![
                ("• ".to_owned(), color),
                (format!("{} ", safe::line(name)), TEXT),
                (app.words.get(text).to_owned(), MUTED),
            ],
            ..Row::default()
        });
    }
}

fn languages(app: &mut App, id: &SessionId, rows: &mut Vec<Row>) {
    let is_off = app
        .store
        .config
        .get("lsp")
        .is_none_or(|lsp| lsp == &serde_json::Value::Bool(false));
    let count = app.store.lsp.len();
    if !heading(app, id, LSP, count, rows) {
        return;
    }
    if count == 0 {
        let text = if is_off {
            "sidebar.lsp_off"
        } else {
            "sidebar.lsp_idle"
        };
        rows.push(Row::text(app.words.get(text), MUTED));
    }
    for server in &app.store.lsp {
        let color: Paint = if server.status == "connected" {
            |theme| theme.success
        } else {
            |theme| theme.error
        };
        rows.push(Row {
            left: vec![
                ("• ".to_owned(), color),
                (format!("{} ", safe::line(&server.id)), MUTED),
                (safe::line(&server.root).into_owned(), MUTED),
            ],
            ..Row::default()
        });
    }
}

fn todo(app: &mut App, id: &SessionId, width: usize, rows: &mut Vec<Row>) {
    let todos = app
        .store
        .conversations
        .get(id)
        .map(|known| known.todos.clone())
        .unwrap_or_default();
    if todos.iter().all(|todo| todo.status == "completed") {
        return;
    }
    if !heading(app, id, TODO, todos.len(), rows) {
        return;
    }
    for todo in todos {
        let (sign, color): (_, Paint) = match todo.status.as_str() {
            "completed" => ("[✓]", MUTED),
            "in_progress" => ("[•]", |theme| theme.warning),
            _ => ("[ ]", MUTED),
        };
        let sign = match app.settings.is_plain() {
            true => format!("{}:", app.words.get(todo_state(&todo.status))),
            false => sign.to_owned(),
        };
        let room = width.saturating_sub(paint::width(&sign) + 1).max(1);
        let lines = paint::wrap(&safe::text(&todo.content), room);
        for (index, line) in lines.into_iter().enumerate() {
            let head = if index == 0 { sign.as_str() } else { "   " };
            rows.push(Row::text(format!("{head} {line}"), color));
        }
    }
}

fn files(app: &mut App, id: &SessionId, rows: &mut Vec<Row>) {
    let diff = app
        .store
        .conversations
        .get(id)
        .map(|known| known.diff.clone())
        .unwrap_or_default();
    if diff.is_empty() || !heading(app, id, FILES, diff.len(), rows) {
        return;
    }
    for file in diff {
        let name = safe::line(file.file.as_deref().unwrap_or_default()).into_owned();
        let mut row = Row::text(paint::cut_left(&name, PATH), MUTED);
        if file.additions > 0 {
            row.right
                .push((format!("+{}", file.additions), |theme| theme.diff_added));
        }
        if file.deletions > 0 {
            row.right
                .push((format!("-{}", file.deletions), |theme| theme.diff_removed));
        }
        rows.push(row);
    }
}

/// Rows that are left to what is known of a session before anything is said to beginners.
const ROOM_FOR_START: u16 = 12;

/// What somebody who uses free models only is told above the footer, until it is dismissed; says how many rows
/// that takes.
fn draw_start(app: &mut App, inner: Rect, footer: u16, buffer: &mut Buffer) -> u16 {
    let is_told = !app.settings.switches.dismissed_getting_started
        && app.store.own_providers().next().is_some()
        && list::models::has_only_free(&app.store);
    if !is_told {
        return 0;
    }
    let width = inner.width.saturating_sub(4);
    let text = paint::wrap(app.words.get("sidebar.start.text"), usize::from(width).max(1));
    let height = u16::try_from(text.len()).unwrap_or(u16::MAX).saturating_add(6);
    if inner.height < height.saturating_add(footer + ROOM_FOR_START) {
        return 0;
    }
    let card = Rect {
        y: inner.bottom() - footer - height - 1,
        height,
        ..inner
    };
    paint::fill(card, buffer, app.theme.background_element);
    let on = |color: Color| Style::new().fg(color).bg(app.theme.background_element);
    let (muted, bright) = (on(app.theme.text_muted), on(app.theme.text));
    let (x, mut y) = (card.x + 2, card.y + 1);
    let title = paint::cut(
        app.words.get("sidebar.start.title"),
        usize::from(width.saturating_sub(2)),
    );
    paint::text(buffer, x, y, &title, bright.add_modifier(Modifier::BOLD));
    let content = Rect { x, width, ..card };
    paint::text_right(buffer, content, y, "✕", muted);
    let close = Rect {
        x: content.right().saturating_sub(2),
        y,
        width: 3,
        height: 1,
    };
    y += 2;
    for line in &text {
        paint::text(buffer, x, y, line, muted);
        y += 1;
    }
    y += 1;
    paint::text(
        buffer,
        x,
        y,
        &paint::cut(app.words.get("command.provider.connect"), usize::from(width)),
        bright,
    );
    paint::text_right(buffer, content, y, "/connect", muted);
    let connect = Rect {
        y,
        height: 1,
        ..content
    };
    app.places.labels.push((close, "sidebar.start.dismiss"));
    app.places.labels.push((connect, "provider.connect"));
    height + 1
}

/// Folder, branch and version at the bottom; says how many rows that takes.
fn draw_footer(app: &App, inner: Rect, buffer: &mut Buffer) -> u16 {
    let theme = &app.theme;
    let place = paint::cut_left(&app.place_name(), usize::from(inner.width));
    let place = safe::line(&place).into_owned();
    let muted = Style::new().fg(theme.text_muted);
    let y = inner.bottom().saturating_sub(3);
    let (head, tail) = place
        .rsplit_once('/')
        .map_or(("", place.as_str()), |(head, _)| place.split_at(head.len() + 1));
    let used = paint::text(buffer, inner.x, y, head, muted);
    paint::text(buffer, inner.x + used, y, tail, Style::new().fg(theme.text));
    let y = inner.bottom().saturating_sub(1);
    let mut x = inner.x + paint::text(buffer, inner.x, y, "• ", Style::new().fg(theme.success));
    x += paint::text(
        buffer,
        x,
        y,
        "Open",
        Style::new().fg(theme.text_muted).add_modifier(Modifier::BOLD),
    );
    x += paint::text(
        buffer,
        x,
        y,
        "Code",
        Style::new().fg(theme.text).add_modifier(Modifier::BOLD),
    );
    paint::text(buffer, x + 1, y, app.settings.version(), muted);
    3
}
