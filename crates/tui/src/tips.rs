//! A tip below the prompt of the start (reference `tui.md` §3). Keys in it are those that are bound.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::App;
use crate::paint;

/// Keys of the tips, and the commands whose keys they name.
const TIPS: &[(&str, &str)] = &[
    ("tip.files", ""),
    ("tip.shell", ""),
    ("tip.agent", "agent.cycle"),
    ("tip.plan", "agent.cycle"),
    ("tip.undo", "session.undo"),
    ("tip.redo", "session.redo"),
    ("tip.palette", "command.palette.show"),
    ("tip.models", "model.list"),
    ("tip.favorite", "model.dialog.favorite"),
    ("tip.recent", "model.cycle_recent"),
    ("tip.sessions", "session.list"),
    ("tip.pin", "session.pin.toggle"),
    ("tip.new", "session.new"),
    ("tip.compact", "session.compact"),
    ("tip.export", "session.export"),
    ("tip.copy", "messages.copy"),
    ("tip.timeline", "session.timeline"),
    ("tip.sidebar", "session.sidebar.toggle"),
    ("tip.themes", "theme.switch"),
    ("tip.editor", "prompt.editor"),
    ("tip.newline", "input.newline"),
    ("tip.interrupt", "session.interrupt"),
    ("tip.children", "session.child.first"),
    ("tip.variants", "variant.cycle"),
    ("tip.init", ""),
    ("tip.commands", ""),
    ("tip.agents_file", ""),
    ("tip.mcp", ""),
    ("tip.permissions", ""),
    ("tip.diff", ""),
    ("tip.search", ""),
    ("tip.board", ""),
    ("tip.continue", ""),
    ("tip.run", ""),
    ("tip.serve", ""),
    ("tip.image", ""),
    ("tip.stash", ""),
    ("tip.tips", "tips.toggle"),
];

/// Whether tips are shown: not to somebody who sees all this for the first time, unless nothing is connected.
pub(crate) fn is_shown(app: &App) -> bool {
    if app.settings.switches.tips_hidden || !app.store.is_ready {
        return false;
    }
    let has_own = app
        .store
        .own_providers()
        .any(|provider| provider.id != "opencode");
    !app.store.sessions.is_empty() || !has_own
}

/// Draws a tip, in as many rows as it has.
pub(crate) fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    let place = usize::try_from(app.settings.seed()).unwrap_or(0) % TIPS.len();
    // What no key is bound to is not told of.
    let told = TIPS.iter().cycle().skip(place).take(TIPS.len());
    let mut told = told.map(|(key, command)| (*key, *command, app.key_of(command)));
    let Some((key, _, bound)) = told.find(|(_, command, bound)| command.is_empty() || !bound.is_empty())
    else {
        return;
    };
    let text = app.words.fill(key, &[("key", &bound)]);
    let head = format!("● {} ", app.words.get("tip.heading"));
    let mut x = area.x
        + (area.width.saturating_sub(
            u16::try_from(paint::width(&head) + paint::width(&text.replace('`', ""))).unwrap_or(area.width),
        )) / 2;
    let mut y = area.y;
    x += paint::text(buffer, x, y, &head, Style::new().fg(app.theme.warning));
    let left = x;
    // What stands between ticks is shown brighter.
    for (index, piece) in text.split('`').enumerate() {
        let color = if index % 2 == 1 {
            app.theme.text
        } else {
            app.theme.text_muted
        };
        for word in piece.split_inclusive(' ') {
            let wide = u16::try_from(paint::width(word.trim_end())).unwrap_or(0);
            if x + wide > area.right() && x > left {
                y += 1;
                x = left;
            }
            if y >= area.bottom() {
                return;
            }
            x += paint::text(buffer, x, y, word, Style::new().fg(color));
        }
    }
}
