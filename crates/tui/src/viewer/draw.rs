//! The screen of differences as it is drawn.

use opencode_schema::session::{FileDiff, FileStatus};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};

use super::patches::HEAD;
use super::tree::What;
use super::{MARK, State, Viewer, path};
use crate::app::App;
use crate::diff::Look;
use crate::paint;
use crate::row::Wrap;
use crate::safe;

/// Columns of the tree.
const TREE: u16 = 32;
/// Columns below which there is no room for a tree.
const NARROW: u16 = 64;
/// Above so many columns both sides stand beside each other.
const SPLIT: u16 = 120;

/// The word for what a command does.
pub(super) fn word(id: &str) -> &'static str {
    match id {
        "diff.close" => "viewer.key.close",
        "diff.toggle" => "viewer.key.toggle",
        "diff.expand" => "viewer.key.expand",
        "diff.expand_all" => "viewer.key.expand_all",
        "diff.collapse" => "viewer.key.collapse",
        "diff.switch_focus" => "viewer.key.focus",
        "diff.next_hunk" => "viewer.key.next_hunk",
        "diff.previous_hunk" => "viewer.key.previous_hunk",
        "diff.next_file" => "viewer.key.next_file",
        "diff.previous_file" => "viewer.key.previous_file",
        "diff.toggle_file_tree" => "viewer.key.tree",
        "diff.single_patch" => "viewer.key.single",
        "diff.switch_source" => "viewer.key.source",
        "diff.toggle_view" => "viewer.key.view",
        MARK => "viewer.key.mark",
        _ => "viewer.key.help",
    }
}

/// Draws the screen.
pub(crate) fn draw(app: &mut App, screen: Rect, buffer: &mut Buffer) -> Option<Position> {
    let mut viewer = app.viewer.take()?;
    viewer.draw(app, screen, buffer);
    app.viewer = Some(viewer);
    None
}

impl Viewer {
    /// Whether both sides stand beside each other.
    pub(super) fn splits(&self, app: &App) -> bool {
        let has_room = self.patch_area.width > SPLIT && !app.settings.is_diff_stacked();
        self.is_split.unwrap_or(has_room)
    }

    /// How patches are drawn now.
    pub(super) fn look<'a>(&self, app: &'a App) -> Look<'a> {
        Look {
            theme: &app.theme,
            highlighter: &app.highlighter,
            width: usize::from(self.patch_area.width.max(1)),
            wrap: if app.settings.switches.diff_wrap {
                Wrap::Word
            } else {
                Wrap::None
            },
            is_split: self.splits(app),
        }
    }

    fn draw(&mut self, app: &mut App, screen: Rect, buffer: &mut Buffer) {
        let muted = Style::new().fg(app.theme.text_muted);
        let line = Style::new().fg(app.theme.border);
        self.draw_title(app, screen, buffer);
        let has_tree = self.has_tree && screen.width >= NARROW;
        let body = Rect {
            y: screen.y + 2,
            height: screen.height.saturating_sub(4),
            ..screen
        };
        self.tree_area = Rect {
            width: if has_tree { TREE } else { 0 },
            ..body
        };
        let left = if has_tree { TREE + 1 } else { 0 };
        self.patch_area = Rect {
            x: body.x + left,
            width: body.width - left,
            ..body
        };
        if screen.height < 5 {
            return;
        }
        let rule = "─".repeat(usize::from(screen.width));
        paint::text(buffer, screen.x, screen.y + 1, &rule, line);
        paint::text(buffer, screen.x, body.bottom(), &rule, line);
        if has_tree {
            let x = screen.x + TREE;
            for (y, sign) in [(screen.y + 1, "┬"), (body.bottom(), "┴")] {
                paint::text(buffer, x, y, sign, line);
            }
            for y in body.top()..body.bottom() {
                paint::text(buffer, x, y, "│", line);
            }
        }
        let said = match &self.state {
            State::Loading => Some(app.words.get("viewer.loading").to_owned()),
            State::Failed(reason) => Some(safe::line(reason).into_owned()),
            State::Ready if self.files.is_empty() => Some(app.words.get("viewer.nothing").to_owned()),
            State::Ready => None,
        };
        if let Some(said) = said {
            let area = self.patch_area;
            let rows = paint::wrap(&said, usize::from(area.width.saturating_sub(2)));
            for (y, row) in (area.top()..area.bottom()).zip(rows) {
                paint::text(buffer, area.x + 1, y, &row, muted);
            }
        } else {
            if has_tree {
                self.draw_tree(app, buffer);
            }
            self.draw_patches(app, has_tree, buffer);
        }
        let row = Rect {
            y: screen.bottom() - 1,
            height: 1,
            ..screen
        };
        self.draw_keys(app, row, buffer);
    }

    fn draw_title(&self, app: &App, screen: Rect, buffer: &mut Buffer) {
        let bold = Style::new().fg(app.theme.text).add_modifier(Modifier::BOLD);
        let muted = Style::new().fg(app.theme.text_muted);
        let x = screen.x + 1;
        let used = paint::text(buffer, x, screen.y, app.words.get("viewer.title"), bold);
        let source = app.words.get(self.source.name()).to_lowercase();
        paint::text(buffer, x + used + 1, screen.y, &source, muted);
        let reviewed = (0..self.files.len())
            .filter(|file| self.is_reviewed(*file))
            .count();
        let count = self.files.len().to_string();
        let key = if self.files.len() == 1 {
            "viewer.file"
        } else {
            "viewer.files"
        };
        let mut text = app.words.fill(key, &[("count", &count)]);
        if reviewed > 0 {
            let reviewed = reviewed.to_string();
            let reviewed = app.words.fill("viewer.reviewed", &[("count", &reviewed)]);
            text = format!("{reviewed} · {text}");
        }
        let area = Rect {
            width: screen.width.saturating_sub(1),
            ..screen
        };
        if usize::from(screen.width) > 30 + paint::width(&text) {
            paint::text_right(buffer, area, screen.y, &text, muted);
        }
    }

    fn draw_tree(&mut self, app: &App, buffer: &mut Buffer) {
        let theme = &app.theme;
        let area = self.tree_area;
        let top = self.tree.top(usize::from(area.height));
        let shown = self.tree.shown();
        for ((place, entry), y) in shown.iter().enumerate().skip(top).zip(area.top()..area.bottom()) {
            let is_selected = place == self.tree.selected;
            let row = Rect { y, height: 1, ..area };
            let style = match (is_selected, self.is_in_tree) {
                (true, true) => {
                    paint::fill(row, buffer, theme.primary);
                    Style::new().bg(theme.primary).fg(app.theme.on(app.theme.primary))
                }
                (true, false) => {
                    paint::fill(row, buffer, theme.background_element);
                    Style::new().bg(theme.background_element).fg(theme.text)
                }
                (false, _) => Style::new().fg(theme.text),
            };
            let guides = if is_selected {
                style
            } else {
                style.fg(theme.border_subtle)
            };
            let used = paint::text(buffer, area.x, y, &paint::cut(&entry.guides, 24), guides);
            let room = usize::from(area.width.saturating_sub(used + 4));
            let name = safe::line(&entry.name);
            match &entry.what {
                What::Folder(_) => {
                    let sign = if self.tree.is_folded(entry) { "▸" } else { "▾" };
                    let name = paint::cut(&format!("{sign} {name}"), room);
                    paint::text(buffer, area.x + used, y, &name, style);
                }
                What::File(file) => {
                    let is_reviewed = self.is_reviewed(*file);
                    let look = if is_reviewed && !is_selected {
                        style.fg(theme.text_muted)
                    } else {
                        style
                    };
                    paint::text(buffer, area.x + used, y, &paint::cut(&name, room), look);
                    let status = self.files.get(*file).and_then(|file| file.status);
                    let (letter, color) = match status {
                        Some(FileStatus::Added) => ("A", theme.diff_added),
                        Some(FileStatus::Deleted) => ("D", theme.diff_removed),
                        _ => ("M", theme.warning),
                    };
                    let color = if is_selected { style } else { style.fg(color) };
                    let right = area.right().saturating_sub(1);
                    paint::text(buffer, right, y, letter, color);
                    if is_reviewed {
                        paint::text(buffer, right.saturating_sub(2), y, "✓", look);
                    }
                }
            }
        }
    }

    fn draw_patches(&mut self, app: &App, has_tree: bool, buffer: &mut Buffer) {
        let area = self.patch_area;
        let look = self.look(app);
        self.patches
            .settle(&self.files, &look, usize::from(area.height), self.is_single);
        let mut file = self.patches.file();
        let mut skip = self.patches.row();
        let mut y = area.y;
        while y < area.bottom() && file < self.files.len() {
            let height = self.patches.height(&self.files, file, &look);
            for place in skip..height {
                if y >= area.bottom() {
                    return;
                }
                self.draw_row(app, &look, (file, place), y, has_tree, buffer);
                y += 1;
            }
            skip = 0;
            file += 1;
            if self.is_single {
                return;
            }
        }
    }

    /// Draws a row of a file: its head, a line, its patch.
    fn draw_row(
        &mut self,
        app: &App,
        look: &Look,
        (file, place): (usize, usize),
        y: u16,
        has_tree: bool,
        buffer: &mut Buffer,
    ) {
        let area = self.patch_area;
        match place {
            0 => {
                if let Some(known) = self.files.get(file) {
                    draw_head(
                        app,
                        known,
                        self.is_reviewed(file),
                        Rect { y, height: 1, ..area },
                        buffer,
                    );
                }
            }
            1 => {
                let line = Style::new().fg(app.theme.border);
                paint::text(buffer, area.x, y, &"─".repeat(usize::from(area.width)), line);
                if has_tree {
                    paint::text(buffer, area.x - 1, y, "├", line);
                }
            }
            place => {
                let rows = self.patches.rows(&self.files, file, look);
                if let Some(row) = rows.get(place - HEAD) {
                    row.draw(buffer, area.x, y, area.width);
                } else if rows.is_empty() && place == HEAD {
                    let muted = Style::new().fg(app.theme.text_muted);
                    paint::text(buffer, area.x + 1, y, app.words.get("viewer.binary"), muted);
                }
            }
        }
    }

    fn draw_keys(&self, app: &mut App, row: Rect, buffer: &mut Buffer) {
        let focus = if self.is_in_tree {
            "viewer.key.focus_patch"
        } else {
            "viewer.key.focus_tree"
        };
        let ids = [
            "diff.switch_focus",
            "diff.next_file",
            "diff.next_hunk",
            "diff.previous_hunk",
            "diff.previous_file",
            "diff.switch_source",
            MARK,
            "diff.help",
        ];
        let mut hints = Vec::new();
        for id in ids {
            let key = if id == MARK {
                "m".to_owned()
            } else {
                app.key_of(id)
            };
            let words = match id {
                "diff.switch_focus" => focus,
                "diff.help" => "viewer.key.all",
                id => word(id),
            };
            let words = app.words.get(words);
            let wide = u16::try_from(paint::width(&key) + 1 + paint::width(words)).unwrap_or(u16::MAX);
            if !key.is_empty() {
                hints.push((id, key, words, wide));
            }
        }
        // The last one leads to all the others: there is always room for it.
        let last = hints.last().map_or(0, |(.., wide)| wide.saturating_add(2));
        let mut x = row.x + 1;
        for (place, (id, key, words, wide)) in hints.iter().enumerate() {
            let (id, wide) = (*id, *wide);
            let is_last = place + 1 == hints.len();
            let kept = if is_last { 0 } else { last };
            if x.saturating_add(wide).saturating_add(kept) > row.right() {
                if is_last {
                    break;
                }
                continue;
            }
            let used = paint::text(buffer, x, row.y, key, Style::new().fg(app.theme.text));
            let muted = Style::new().fg(app.theme.text_muted);
            paint::text(buffer, x + used + 1, row.y, words, muted);
            let place = Rect {
                x,
                width: wide,
                ..row
            };
            app.places.labels.push((place, id));
            x += wide + 2;
        }
    }
}

fn draw_head(app: &App, file: &FileDiff, is_reviewed: bool, row: Rect, buffer: &mut Buffer) {
    let theme = &app.theme;
    let counts = [
        (format!("+{}", file.additions), theme.diff_added),
        (format!("-{}", file.deletions), theme.diff_removed),
    ];
    let mut right = row.right().saturating_sub(1);
    for (text, color) in counts.iter().rev() {
        let wide = u16::try_from(text.len()).unwrap_or(0);
        if right < row.x.saturating_add(wide + 1) {
            return;
        }
        right -= wide;
        paint::text(buffer, right, row.y, text, Style::new().fg(*color));
        right -= 1;
    }
    let room = usize::from(right.saturating_sub(row.x + 2));
    let mut name = safe::line(path(file)).into_owned();
    if is_reviewed {
        name = format!("✓ {name}");
    }
    let style = Style::new().fg(theme.text).add_modifier(Modifier::BOLD);
    paint::text(buffer, row.x + 1, row.y, &paint::cut_left(&name, room), style);
}
