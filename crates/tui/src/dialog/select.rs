//! A list of which one is chosen (reference `tui.md` §10): search, groups, a mark at what is in force, and
//! actions below that have keys of their own.
//!
//! What the list has is asked of its source again whenever the state may have changed, so lists live.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};

use super::{Dialog, Field, MEDIUM, Mouse, MouseKind, Outcome, rank};
use crate::app::App;
use crate::paint;
use crate::theme::Theme;

/// A colour by its meaning.
type Paint = fn(&Theme) -> Color;

/// An entry.
#[derive(Debug, Clone)]
pub(crate) struct Item<T> {
    /// What it stands for.
    pub(crate) value: T,
    /// Its title.
    pub(crate) title: String,
    /// What stands muted behind the title.
    pub(crate) description: String,
    /// The group that it is in.
    pub(crate) category: String,
    /// What stands at the right.
    pub(crate) footer: String,
    /// What stands at the left, and its colour; `●` where the entry is in force.
    pub(crate) mark: Option<(String, Paint)>,
    /// It is in force.
    pub(crate) is_current: bool,
    /// The title's colour, if it is not that of text.
    pub(crate) color: Option<Paint>,
    /// It stands elsewhere, too, and is not shown twice while something is searched for.
    pub(crate) is_repeated: bool,
}

impl<T> Item<T> {
    /// An entry with a title.
    pub(crate) fn new(value: T, title: impl Into<String>) -> Self {
        Self {
            value,
            title: title.into(),
            description: String::new(),
            category: String::new(),
            footer: String::new(),
            mark: None,
            color: None,
            is_repeated: false,
            is_current: false,
        }
    }

    /// With a description.
    pub(crate) fn describe(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// In a group.
    pub(crate) fn within(mut self, category: impl Into<String>) -> Self {
        self.category = category.into();
        self
    }

    /// With something at the right.
    pub(crate) fn foot(mut self, text: impl Into<String>) -> Self {
        self.footer = text.into();
        self
    }

    /// With a mark.
    pub(crate) fn mark(mut self, sign: impl Into<String>, color: fn(&Theme) -> Color) -> Self {
        self.mark = Some((sign.into(), color));
        self
    }

    /// In force, if it is; a mark that it has already stays.
    pub(crate) fn current(mut self, is_current: bool) -> Self {
        self.is_current = is_current;
        if is_current && self.mark.is_none() {
            return self.mark("●", |theme| theme.primary);
        }
        self
    }
}

/// What becomes of a chosen entry.
pub(crate) type Choose<T> = Box<dyn Fn(&mut App, &T) -> Outcome>;

type Act<T> = Box<dyn Fn(&mut App, Option<&T>) -> Outcome>;
type Moved<T> = Box<dyn Fn(&mut App, &T)>;
type Searched = Box<dyn Fn(&mut App, &str)>;
type Cancelled = Box<dyn Fn(&mut App)>;

/// Something that can be done with an entry.
pub(crate) struct Action<T> {
    /// The command whose key does it.
    pub(crate) command: &'static str,
    /// What it is called.
    pub(crate) title: &'static str,
    /// Does it; without an entry where it needs none.
    pub(crate) act: Act<T>,
}

type Source<T> = Box<dyn Fn(&App) -> Vec<Item<T>>>;

/// A list of which one is chosen.
pub(crate) struct Select<T> {
    title: String,
    width: u16,
    source: Source<T>,
    choose: Choose<T>,
    actions: Vec<Action<T>>,
    /// The action that the keyboard is at; none if it is in the list.
    focus: Option<usize>,
    moved: Option<Moved<T>>,
    cancelled: Option<Cancelled>,
    searched: Option<Searched>,
    is_empty: &'static str,
    items: Vec<Item<T>>,
    /// Places of the entries that are shown, in their order.
    shown: Vec<usize>,
    /// Which of those is selected.
    selected: usize,
    field: Field,
    /// First row that is shown; none until it was drawn.
    top: Option<usize>,
    /// What stands in the rows on the screen, and where they are.
    drawn: Vec<(u16, usize)>,
    drawn_actions: Vec<(Rect, usize)>,
    list: Rect,
}

/// A row of the list.
enum Row {
    Gap,
    Heading(usize),
    Entry(usize),
}

impl<T: Clone + PartialEq + 'static> Select<T> {
    /// A list with a title, from a source; what is chosen goes to `choose`.
    pub(crate) fn new(
        app: &App,
        title: impl Into<String>,
        source: impl Fn(&App) -> Vec<Item<T>> + 'static,
        choose: impl Fn(&mut App, &T) -> Outcome + 'static,
    ) -> Self {
        let items = source(app);
        let mut select = Self {
            title: title.into(),
            width: MEDIUM,
            source: Box::new(source),
            choose: Box::new(choose),
            actions: Vec::new(),
            focus: None,
            moved: None,
            cancelled: None,
            searched: None,
            is_empty: "dialog.nothing",
            shown: (0..items.len()).collect(),
            selected: 0,
            items,
            field: Field::new(app.words.get("dialog.search")),
            top: None,
            drawn: Vec::new(),
            drawn_actions: Vec::new(),
            list: Rect::ZERO,
        };
        select.start();
        select
    }

    /// The selection begins at what is in force.
    fn start(&mut self) {
        let current = self.shown.iter().position(|&place| self.items[place].is_current);
        self.selected = current.unwrap_or(0);
    }

    /// As wide as that.
    pub(crate) fn wide(mut self, width: u16) -> Self {
        self.width = width;
        self
    }

    /// With something that can be done with an entry.
    pub(crate) fn action(
        mut self,
        command: &'static str,
        title: &'static str,
        act: impl Fn(&mut App, Option<&T>) -> Outcome + 'static,
    ) -> Self {
        let act = Box::new(act);
        self.actions.push(Action { command, title, act });
        self
    }

    /// With something that is done whenever another entry is selected.
    pub(crate) fn on_move(mut self, moved: impl Fn(&mut App, &T) + 'static) -> Self {
        self.moved = Some(Box::new(moved));
        self
    }

    /// With something that is done when nothing is chosen.
    pub(crate) fn on_cancel(mut self, cancelled: impl Fn(&mut App) + 'static) -> Self {
        self.cancelled = Some(Box::new(cancelled));
        self
    }

    /// With something that is done whenever another text is searched for; the source filters then.
    pub(crate) fn on_search(mut self, searched: impl Fn(&mut App, &str) + 'static) -> Self {
        self.searched = Some(Box::new(searched));
        self
    }

    /// With a text for a list without entries.
    pub(crate) fn when_empty(mut self, text: &'static str) -> Self {
        self.is_empty = text;
        self
    }

    fn value(&self) -> Option<&T> {
        let place = self.shown.get(self.selected)?;
        self.items.get(*place).map(|item| &item.value)
    }

    fn filter(&mut self) {
        let entries = self
            .items
            .iter()
            .map(|item| (item.title.as_str(), item.category.as_str()));
        self.shown = if self.searched.is_some() {
            (0..self.items.len()).collect()
        } else {
            let mut shown = rank::rank(self.field.text(), entries);
            if !self.field.text().trim().is_empty() {
                shown.retain(|&place| !self.items[place].is_repeated);
            }
            shown
        };
        self.selected = self.selected.min(self.shown.len().saturating_sub(1));
    }

    fn go(&mut self, app: &mut App, to: usize) {
        self.focus = None;
        let to = to.min(self.shown.len().saturating_sub(1));
        if to == self.selected {
            return;
        }
        self.selected = to;
        self.tell(app);
    }

    fn tell(&mut self, app: &mut App) {
        if let (Some(moved), Some(value)) = (&self.moved, self.value()) {
            moved(app, value);
        }
    }

    fn edited(&mut self, app: &mut App) {
        self.focus = None;
        if let Some(searched) = &self.searched {
            searched(app, self.field.text());
        }
        self.selected = 0;
        self.top = None;
        self.filter();
        if self.field.text().is_empty() {
            self.start();
        }
        self.tell(app);
    }

    fn is_grouped(&self) -> bool {
        self.field.text().is_empty() || self.searched.is_some()
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut category = "";
        for (index, &place) in self.shown.iter().enumerate() {
            let item = &self.items[place];
            if self.is_grouped() && item.category != category {
                if !rows.is_empty() {
                    rows.push(Row::Gap);
                }
                category = &item.category;
                if !category.is_empty() {
                    rows.push(Row::Heading(place));
                }
            }
            rows.push(Row::Entry(index));
        }
        rows
    }

    /// Rows that the list may have.
    fn room(screen: u16) -> u16 {
        (screen / 2).saturating_sub(6).max(3)
    }

    /// The keyboard goes from the list through the actions and back.
    fn focus(&mut self, forward: bool) {
        let last = self.actions.len().checked_sub(1);
        self.focus = match (self.focus, forward) {
            (None, true) => last.map(|_| 0),
            (None, false) => last,
            (Some(at), true) => Some(at + 1).filter(|at| Some(*at) <= last),
            (Some(at), false) => at.checked_sub(1),
        };
    }

    fn act(&mut self, app: &mut App, index: usize) -> Outcome {
        self.focus = None;
        let Some(action) = self.actions.get(index) else {
            return Outcome::Ignored;
        };
        let outcome = (action.act)(app, self.value());
        self.refresh(app);
        outcome
    }

    fn draw_item(&self, app: &App, index: usize, row: Rect, buffer: &mut Buffer) {
        let theme = &app.theme;
        let item = &self.items[self.shown[index]];
        let is_selected = index == self.selected;
        let is_left = is_selected && self.focus.is_some();
        let (back, fore, muted) = if is_left {
            (theme.background_element, theme.text_muted, theme.text_muted)
        } else if is_selected {
            let fore = app.theme.on(app.theme.primary);
            (theme.primary, fore, fore)
        } else {
            let fore = item.color.map_or(theme.text, |color| color(theme));
            (theme.background_panel, fore, theme.text_muted)
        };
        let whole = Rect {
            x: row.x.saturating_sub(3),
            width: row.width + 6,
            ..row
        };
        if is_selected {
            paint::fill(whole, buffer, back);
        }
        let style = Style::new().bg(back);
        let is_plain = app.settings.is_plain();
        if is_plain && is_selected {
            paint::text(buffer, row.x.saturating_sub(2), row.y, ">", style.fg(fore));
        }
        if let Some((sign, color)) = item.mark.as_ref().filter(|_| !is_plain) {
            let color = if is_selected { fore } else { color(theme) };
            let wide = u16::try_from(paint::width(sign)).unwrap_or(1);
            paint::text(
                buffer,
                row.x.saturating_sub(wide + 1),
                row.y,
                sign,
                style.fg(color),
            );
        }
        let footer = if !self.is_grouped() && item.footer.is_empty() {
            &item.category
        } else {
            &item.footer
        };
        let room = usize::from(row.width);
        let footer = paint::cut(footer, room / 2);
        let left = room.saturating_sub(paint::width(&footer) + 1);
        let mut weight = style.fg(fore);
        if is_selected && !is_left {
            weight = weight.add_modifier(Modifier::BOLD);
        }
        let title = match item.is_current && is_plain {
            true => format!("{} ({})", item.title, app.words.get("plain.current")),
            false => item.title.clone(),
        };
        let title = paint::cut(&title, left);
        let used = paint::text(buffer, row.x, row.y, &title, weight);
        let left = left.saturating_sub(usize::from(used) + 1);
        if !item.description.is_empty() && left > 3 {
            let text = paint::cut(&item.description, left);
            paint::text(buffer, row.x + used + 1, row.y, &text, style.fg(muted));
        }
        paint::text_right(buffer, row, row.y, &footer, style.fg(muted));
    }

    fn draw_actions(&mut self, app: &App, row: Rect, buffer: &mut Buffer) {
        self.drawn_actions.clear();
        let mut x = row.x;
        for (index, action) in self.actions.iter().enumerate() {
            let title = app.words.get(action.title);
            let key = app.key_of(action.command);
            let wide = paint::width(title) + 1 + paint::width(&key);
            let wide = u16::try_from(wide).unwrap_or(u16::MAX);
            if x.saturating_add(wide) > row.right() {
                break;
            }
            let (named, bound) = if self.focus == Some(index) {
                let back = app.theme.primary;
                let style = Style::new().bg(back).fg(app.theme.on(back));
                paint::fill(
                    Rect {
                        x,
                        width: wide,
                        ..row
                    },
                    buffer,
                    back,
                );
                (style.add_modifier(Modifier::BOLD), style)
            } else {
                (
                    Style::new().fg(app.theme.text),
                    Style::new().fg(app.theme.text_muted),
                )
            };
            let used = paint::text(buffer, x, row.y, title, named);
            paint::text(buffer, x + used + 1, row.y, &key, bound);
            let place = Rect {
                x,
                y: row.y,
                width: wide,
                height: 1,
            };
            self.drawn_actions.push((place, index));
            x += wide + 2;
        }
    }
}

impl<T: Clone + PartialEq + 'static> Dialog for Select<T> {
    fn title(&self) -> &str {
        &self.title
    }

    fn width(&self) -> u16 {
        self.width
    }

    fn height(&self, _app: &App, _width: u16, screen: u16) -> u16 {
        let rows = u16::try_from(self.rows().len()).unwrap_or(u16::MAX).max(1);
        let actions = if self.actions.is_empty() { 0 } else { 2 };
        2 + rows.min(Self::room(screen)) + actions
    }

    fn commands(&self) -> Vec<&'static str> {
        let mut commands = vec![
            "dialog.select.prev",
            "dialog.select.next",
            "dialog.select.page_up",
            "dialog.select.page_down",
            "dialog.select.home",
            "dialog.select.end",
            "dialog.select.submit",
            "agent.cycle",
            "agent.cycle.reverse",
        ];
        commands.extend(self.actions.iter().map(|action| action.command));
        commands
    }

    fn command(&mut self, app: &mut App, id: &str) -> Outcome {
        let last = self.shown.len().saturating_sub(1);
        let page = usize::from(self.list.height.max(2) - 1);
        match id {
            "dialog.select.prev" if self.selected == 0 => self.go(app, last),
            "dialog.select.prev" => self.go(app, self.selected - 1),
            "dialog.select.next" if self.selected == last => self.go(app, 0),
            "dialog.select.next" => self.go(app, self.selected + 1),
            "dialog.select.page_up" => self.go(app, self.selected.saturating_sub(page)),
            "dialog.select.page_down" => self.go(app, self.selected + page),
            "dialog.select.home" => self.go(app, 0),
            "dialog.select.end" => self.go(app, last),
            "agent.cycle" => self.focus(true),
            "agent.cycle.reverse" => self.focus(false),
            "dialog.select.submit" => {
                if let Some(index) = self.focus {
                    return self.act(app, index);
                }
                return match self.value() {
                    Some(value) => (self.choose)(app, value),
                    None => Outcome::Done,
                };
            }
            id => {
                let action = self.actions.iter().position(|action| action.command == id);
                if let Some(index) = action {
                    return self.act(app, index);
                }
                let before = self.field.text().to_owned();
                if !self.field.command(id) {
                    return Outcome::Ignored;
                }
                if self.field.text() != before {
                    self.edited(app);
                }
            }
        }
        Outcome::Done
    }

    fn text(&mut self, app: &mut App, text: &str) -> Outcome {
        self.field.insert(text);
        self.edited(app);
        Outcome::Done
    }

    fn mouse(&mut self, app: &mut App, mouse: Mouse) -> Outcome {
        let row = self.drawn.iter().find(|(y, _)| *y == mouse.at.y);
        let entry = row
            .filter(|_| self.list.contains(mouse.at))
            .map(|(_, index)| *index);
        match (mouse.kind, entry) {
            (MouseKind::Wheel(rows), _) if self.list.contains(mouse.at) => {
                let to = i64::try_from(self.selected).unwrap_or(0) + i64::from(rows);
                self.go(app, usize::try_from(to).unwrap_or(0));
            }
            (MouseKind::Move, Some(index)) => self.go(app, index),
            (MouseKind::Release, Some(index)) => {
                self.go(app, index);
                return self.command(app, "dialog.select.submit");
            }
            (MouseKind::Release, None) => {
                let action = self
                    .drawn_actions
                    .iter()
                    .find(|(place, _)| place.contains(mouse.at))
                    .map(|(_, index)| *index);
                if let Some(index) = action {
                    return self.act(app, index);
                }
            }
            _ => return Outcome::Ignored,
        }
        Outcome::Done
    }

    fn refresh(&mut self, app: &App) {
        let chosen = self.value().cloned();
        self.items = (self.source)(app);
        self.filter();
        if let Some(chosen) = chosen {
            let place = self
                .shown
                .iter()
                .position(|&place| self.items[place].value == chosen);
            self.selected = place.unwrap_or(self.selected);
        }
    }

    fn cancelled(&mut self, app: &mut App) {
        if let Some(cancelled) = &self.cancelled {
            cancelled(app);
        }
    }

    fn draw(&mut self, app: &App, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        let search = Rect { height: 1, ..area };
        let cursor = self.field.draw(app, search, buffer);
        let below = if self.actions.is_empty() { 0 } else { 2 };
        self.list = Rect {
            y: area.y + 2,
            height: area.height.saturating_sub(2 + below),
            ..area
        };
        let rows = self.rows();
        self.drawn.clear();
        if rows.is_empty() {
            let muted = Style::new().fg(app.theme.text_muted);
            paint::text(buffer, area.x, self.list.y, app.words.get(self.is_empty), muted);
        }
        let room = usize::from(self.list.height);
        let selected = rows
            .iter()
            .position(|row| matches!(row, Row::Entry(index) if *index == self.selected))
            .unwrap_or(0);
        let top = match self.top {
            // A list begins with what is in force in its middle.
            None => selected.saturating_sub(room / 2),
            // The heading above the first entry is seen with it.
            Some(top) if selected < top => {
                if selected <= 1 {
                    0
                } else {
                    selected
                }
            }
            Some(top) if selected >= top + room => (selected + 1).saturating_sub(room),
            Some(top) => top,
        };
        let top = top.min(rows.len().saturating_sub(room));
        self.top = Some(top);
        for (offset, row) in rows.iter().skip(top).take(room).enumerate() {
            let y = self.list.y + u16::try_from(offset).unwrap_or(0);
            let place = Rect {
                y,
                height: 1,
                ..self.list
            };
            match row {
                Row::Gap => {}
                Row::Heading(item) => {
                    let style = Style::new().fg(app.theme.accent).add_modifier(Modifier::BOLD);
                    let text = paint::cut(&self.items[*item].category, usize::from(area.width));
                    paint::text(buffer, area.x, y, &text, style);
                }
                Row::Entry(index) => {
                    self.drawn.push((y, *index));
                    self.draw_item(app, *index, place, buffer);
                }
            }
        }
        if below > 0 && area.height > below {
            let row = Rect {
                y: area.bottom() - 1,
                height: 1,
                ..area
            };
            self.draw_actions(app, row, buffer);
        }
        // Readers of screens read where the cursor is.
        let chosen = self.drawn.iter().find(|(_, index)| *index == self.selected);
        let chosen = chosen.filter(|_| app.settings.is_plain());
        chosen.map_or(cursor, |(y, _)| Some(Position::new(self.list.x, *y)))
    }
}
