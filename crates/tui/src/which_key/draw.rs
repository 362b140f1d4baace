//! The panel of keys as it looks.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::{Entry, groups};
use crate::app::App;
use crate::paint;

/// Rows of the panel.
pub(crate) const HEIGHT: u16 = 10;
/// Columns of a column of keys, and those between two.
const WIDE: u16 = 44;
const APART: u16 = 4;

/// What stands in a place of the list.
enum Line<'a> {
    Heading(&'a str),
    Key(&'a Entry),
}

/// Draws the panel.
pub(crate) fn draw(app: &mut App, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    paint::fill(area, buffer, app.theme.background_panel);
    if area.height < 4 || area.width < 8 {
        return;
    }
    let entries = app.keys_now();
    let groups = groups(&entries);
    let is_begun = !app.keymap.pending().is_empty();
    let shown = groups
        .iter()
        .find(|group| app.words.get(group) == app.which_key.group)
        .or(groups.first())
        .copied();
    let lines = lines(app, &entries, shown.filter(|_| !is_begun), is_begun);
    let columns = if area.width >= 2 * WIDE + APART + 4 { 2 } else { 1 };
    // A sequence that has begun needs no row of hints.
    let rows = usize::from(area.height.saturating_sub(if is_begun { 3 } else { 5 })).max(1);
    let page = rows * columns;
    let most = lines.len().saturating_sub(page).div_ceil(columns);
    app.which_key.page = rows;
    app.which_key.most = most;
    app.which_key.above = app.which_key.above.min(most);
    let heads = if is_begun { &[] } else { groups.as_slice() };
    draw_heads(app, area, heads, shown, most > 0, buffer);
    let seen: Vec<&Line> = lines
        .iter()
        .skip(app.which_key.above * columns)
        .take(page)
        .collect();
    let top = area.y + if is_begun { 2 } else { 3 };
    draw_lines(app, Rect { y: top, ..area }, &seen, rows, buffer);
    if !is_begun {
        draw_hints(app, area, buffer);
    }
}

fn lines<'a>(app: &App, entries: &'a [Entry], only: Option<&str>, has_headings: bool) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    let mut group = "";
    for entry in entries {
        if has_headings && entry.group != group {
            group = entry.group;
            lines.push(Line::Heading(app.words.get(entry.group)));
        }
        if only.is_none_or(|only| only == entry.group) {
            lines.push(Line::Key(entry));
        }
    }
    lines
}

/// The names of the groups in the middle of a row, and whether there is more than is seen.
fn draw_heads(
    app: &App,
    area: Rect,
    groups: &[&'static str],
    shown: Option<&str>,
    is_long: bool,
    buffer: &mut Buffer,
) {
    let names: Vec<_> = match groups.len() {
        0 | 1 => Vec::new(),
        _ => groups
            .iter()
            .map(|group| (app.words.get(group), Some(*group) == shown))
            .collect(),
    };
    let more = is_long.then_some(("↑ ↓", false));
    let names: Vec<_> = names.into_iter().chain(more).collect();
    let wide: usize = names.iter().map(|(name, _)| paint::width(name) + 5).sum();
    let free = usize::from(area.width).saturating_sub(wide.saturating_sub(5));
    let mut x = area.x + u16::try_from(free / 2).unwrap_or(0);
    for (name, is_shown) in names {
        let style = match is_shown {
            true => Style::new().fg(app.theme.primary).add_modifier(Modifier::BOLD),
            false => Style::new().fg(app.theme.text_muted),
        };
        x += paint::text(buffer, x, area.y + 1, name, style) + 5;
    }
}

fn draw_lines(app: &App, area: Rect, seen: &[&Line], rows: usize, buffer: &mut Buffer) {
    let columns: Vec<&[&Line]> = seen.chunks(rows).collect();
    let count = u16::try_from(columns.len()).unwrap_or(1);
    let wide = WIDE.min(area.width.saturating_sub(4));
    let used = count * wide + count.saturating_sub(1) * APART;
    let mut x = area.x + area.width.saturating_sub(used) / 2;
    for column in columns {
        for (y, line) in (area.y..area.bottom()).zip(column) {
            let row = Rect {
                x,
                y,
                width: wide,
                height: 1,
            };
            draw_line(app, row, line, buffer);
        }
        x += wide + APART;
    }
}

fn draw_line(app: &App, row: Rect, line: &Line, buffer: &mut Buffer) {
    let theme = &app.theme;
    match line {
        Line::Heading(name) => {
            let style = Style::new().fg(theme.accent).add_modifier(Modifier::BOLD);
            let name = paint::cut(name, usize::from(row.width));
            paint::text(buffer, row.x, row.y, &name, style);
        }
        Line::Key(entry) => {
            let key = paint::cut(&entry.key, usize::from(row.width / 2));
            let room = usize::from(row.width).saturating_sub(paint::width(&key) + 1);
            let text = |color: Color| Style::new().fg(color);
            paint::text(
                buffer,
                row.x,
                row.y,
                &paint::cut(&entry.title, room),
                text(theme.text),
            );
            paint::text_right(buffer, row, row.y, &key, text(theme.text_muted));
        }
    }
}

/// How the panel is closed and laid out otherwise.
fn draw_hints(app: &App, area: Rect, buffer: &mut Buffer) {
    let row = Rect {
        x: area.x + 1,
        y: area.bottom() - 1,
        width: area.width.saturating_sub(2),
        height: 1,
    };
    let muted = Style::new().fg(app.theme.text_muted);
    let hint = |word, command: &str| format!("{} {}", app.words.get(word), app.key_of(command));
    let toggle = hint("which.toggle", "which-key.toggle");
    let other = match app.settings.switches.which_key_overlay {
        true => "which.dock",
        false => "which.overlay",
    };
    let layout = hint(other, "which-key.layout.toggle");
    let used = paint::text(buffer, row.x, row.y, &toggle, muted);
    if usize::from(row.width.saturating_sub(used + 2)) > paint::width(&layout) {
        paint::text_right(buffer, row, row.y, &layout, muted);
    }
}
