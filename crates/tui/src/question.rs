//! The panel in which the model asks the user (reference `tui.md` §6): a tab for each question, and one in
//! which the answers are looked at before they are sent.

use opencode_client::Request;
use opencode_schema::question;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use serde_json::json;

use crate::app::App;
use crate::choice;
use crate::dialog::{Field, Mouse, MouseKind};
use crate::paint;
use crate::safe;
use crate::theme::Theme;

/// The panel.
pub(crate) struct QuestionPanel {
    /// What is asked.
    pub(crate) request: question::Request,
    /// The answers so far, one list for each question.
    answers: Vec<Vec<String>>,
    /// What was written as an answer.
    written: Vec<String>,
    tab: usize,
    selected: usize,
    field: Option<Field>,
    /// Rows of the options on the screen.
    drawn: Vec<(u16, usize)>,
    tabs: Vec<Rect>,
    top: usize,
}

/// Commands of the panel.
pub(crate) fn commands(panel: &QuestionPanel) -> Vec<&'static str> {
    let mut commands = vec!["dialog.select.submit", "session.interrupt"];
    if panel.field.is_some() {
        commands.push("prompt.clear");
        commands.extend(crate::app::field_commands());
        return commands;
    }
    commands.extend([
        "dialog.select.prev",
        "dialog.select.next",
        "input.move.left",
        "input.move.right",
        "agent.cycle",
        "agent.cycle.reverse",
        "app.exit",
    ]);
    commands
}

/// A row of the body: its text, its colour, and the option that it belongs to.
type Row = (String, fn(&Theme) -> Color, Option<usize>);

/// Columns before what is written as an answer.
const INDENT: u16 = 3;
/// Columns of a header, at most.
const HEADER: usize = 24;

const TEXT: fn(&Theme) -> Color = |theme| theme.text;
const MUTED: fn(&Theme) -> Color = |theme| theme.text_muted;
const CHOSEN: fn(&Theme) -> Color = |theme| theme.primary;
const GOOD: fn(&Theme) -> Color = |theme| theme.success;
const BAD: fn(&Theme) -> Color = |theme| theme.error;

impl QuestionPanel {
    /// The panel of a request.
    pub(crate) fn new(request: question::Request) -> Self {
        let count = request.questions.len();
        Self {
            request,
            answers: vec![Vec::new(); count],
            written: vec![String::new(); count],
            tab: 0,
            selected: 0,
            field: None,
            drawn: Vec::new(),
            tabs: Vec::new(),
            top: 0,
        }
    }

    /// Whether it takes text.
    pub(crate) fn is_written(&self) -> bool {
        self.field.is_some()
    }

    /// A single question with a single answer is answered by choosing.
    fn is_simple(&self) -> bool {
        self.request.questions.len() == 1 && !self.is_multiple()
    }

    fn question(&self) -> Option<&question::Question> {
        self.request.questions.get(self.tab)
    }

    fn is_multiple(&self) -> bool {
        self.question()
            .is_some_and(|question| question.multiple == Some(true))
    }

    fn can_write(&self) -> bool {
        self.question()
            .is_some_and(|question| question.custom != Some(false))
    }

    /// Options, and the one in which an answer can be written.
    fn count(&self) -> usize {
        let options = self.question().map_or(0, |question| question.options.len());
        options + usize::from(self.can_write())
    }

    fn tab_count(&self) -> usize {
        self.request.questions.len() + usize::from(!self.is_simple())
    }

    fn go(&mut self, tab: usize) {
        self.tab = tab;
        self.selected = 0;
        self.top = 0;
        self.field = None;
    }

    fn rows(&self, app: &App, width: usize) -> Vec<Row> {
        let words = &app.words;
        let Some(question) = self.question() else {
            return self.review(app, width);
        };
        let mut asked = safe::text(&question.question).into_owned();
        if self.is_multiple() {
            asked.push(' ');
            asked.push_str(words.get("question.multiple"));
        }
        let mut rows: Vec<Row> = wrap(&asked, width, TEXT, None);
        rows.push((String::new(), TEXT, None));
        let answers = self.answers.get(self.tab).map_or(&[][..], Vec::as_slice);
        let sign = |is_chosen: bool| match (self.is_multiple(), is_chosen) {
            (true, true) if app.settings.is_plain() => "[x] ",
            (true, true) => "[✓] ",
            (true, false) => "[ ] ",
            (false, _) => "",
        };
        for (index, option) in question.options.iter().enumerate() {
            let is_chosen = answers.contains(&option.label);
            let color = if index == self.selected {
                CHOSEN
            } else if is_chosen {
                GOOD
            } else {
                TEXT
            };
            let done = match is_chosen && !self.is_multiple() {
                true if app.settings.is_plain() => format!(" ({})", words.get("plain.current")),
                true => " ✓".to_owned(),
                false => String::new(),
            };
            let label = format!(
                "{}. {}{}{done}",
                index + 1,
                sign(is_chosen),
                safe::line(&option.label)
            );
            rows.extend(wrap(&label, width, color, Some(index)));
            if !option.description.is_empty() {
                let text = safe::text(&option.description);
                let described = wrap(&text, width.saturating_sub(3), MUTED, Some(index));
                rows.extend(
                    described
                        .into_iter()
                        .map(|(row, color, at)| (format!("   {row}"), color, at)),
                );
            }
        }
        if self.can_write() {
            let index = question.options.len();
            let written = self.written.get(self.tab).map_or("", String::as_str);
            let is_chosen = !written.is_empty() && answers.iter().any(|answer| answer == written);
            let color = if index == self.selected { CHOSEN } else { TEXT };
            let label = format!(
                "{}. {}{}",
                index + 1,
                sign(is_chosen),
                words.get("question.write")
            );
            rows.push((label, color, Some(index)));
            if let Some(field) = &self.field {
                let wide = u16::try_from(width).unwrap_or(u16::MAX).saturating_sub(INDENT);
                let tall = usize::from(field.height(wide));
                rows.extend(std::iter::repeat_n((String::new(), TEXT, Some(index)), tall));
            } else if !written.is_empty() {
                let text = wrap(&safe::text(written), width.saturating_sub(3), MUTED, Some(index));
                rows.extend(
                    text.into_iter()
                        .map(|(row, color, at)| (format!("   {row}"), color, at)),
                );
            }
        }
        rows
    }

    fn review(&self, app: &App, width: usize) -> Vec<Row> {
        let mut rows = vec![
            (app.words.get("question.review").to_owned(), TEXT, None),
            (String::new(), TEXT, None),
        ];
        for (question, answers) in self.request.questions.iter().zip(&self.answers) {
            let header = safe::line(&question.header).into_owned();
            let (text, color) = if answers.is_empty() {
                (app.words.get("question.unanswered").to_owned(), BAD)
            } else {
                (safe::line(&answers.join(", ")).into_owned(), TEXT)
            };
            rows.extend(wrap(&format!("{header}: {text}"), width, color, None));
            rows.push((String::new(), TEXT, None));
        }
        rows.pop();
        rows
    }

    /// Rows that it wants.
    pub(crate) fn height(&self, app: &App, width: u16, screen: u16) -> u16 {
        let body = self.rows(app, usize::from(width.saturating_sub(5)).max(1)).len();
        let tabs = if self.is_simple() { 0 } else { 2 };
        let wanted = u16::try_from(body).unwrap_or(screen).saturating_add(4 + tabs);
        wanted.min(screen)
    }

    /// Draws it.
    pub(crate) fn draw(&mut self, app: &App, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        let theme = &app.theme;
        paint::fill(area, buffer, theme.background_panel);
        let edge = Style::new().fg(theme.accent).bg(theme.background);
        for y in area.top()..area.bottom() {
            paint::text(buffer, area.x, y, "┃", edge);
        }
        let inner = Rect {
            x: area.x + 3,
            y: area.y + 1,
            width: area.width.saturating_sub(5),
            height: area.height.saturating_sub(2),
        };
        if inner.height < 2 || inner.width == 0 {
            return None;
        }
        let mut y = inner.y;
        if !self.is_simple() {
            self.draw_tabs(app, inner, buffer);
            y += 2;
        }
        let rows = self.rows(app, usize::from(inner.width));
        let room = usize::from(inner.bottom().saturating_sub(y + 2));
        let is_selected = |row: &Row| row.2 == Some(self.selected);
        let range = rows
            .iter()
            .position(is_selected)
            .zip(rows.iter().rposition(is_selected));
        if let Some((selected, last)) = range {
            if last >= self.top + room {
                self.top = (last + 1).saturating_sub(room);
            }
            if selected < self.top {
                self.top = if self.selected == 0 { 0 } else { selected };
            }
        }
        self.top = self.top.min(rows.len().saturating_sub(room));
        self.drawn.clear();
        let mut written = Rect {
            x: inner.x + INDENT,
            width: inner.width.saturating_sub(INDENT),
            height: 0,
            y,
        };
        let mut selected = None;
        for (text, color, option) in rows.iter().skip(self.top).take(room) {
            let style = Style::new().fg(color(theme));
            paint::text(buffer, inner.x, y, text, style);
            if let Some(option) = option {
                if *option == self.selected && app.settings.is_plain() && selected.is_none() {
                    paint::text(buffer, inner.x.saturating_sub(2), y, ">", style);
                    selected = Some(Position::new(inner.x, y));
                }
                self.drawn.push((y, *option));
            }
            // Only what is being written has empty rows within an option.
            if option.is_some() && text.is_empty() {
                written.y = y - written.height;
                written.height += 1;
            }
            y += 1;
        }
        let field = self.field.as_ref().filter(|_| written.height > 0);
        let cursor = field
            .and_then(|field| field.draw(app, written, buffer))
            .or(selected);
        let hints = paint::cut(&self.hints(app), usize::from(inner.width));
        paint::text(
            buffer,
            inner.x,
            inner.bottom() - 1,
            &hints,
            Style::new().fg(theme.text_muted),
        );
        cursor
    }

    fn draw_tabs(&mut self, app: &App, inner: Rect, buffer: &mut Buffer) {
        let theme = &app.theme;
        let confirm = app.words.get("question.confirm");
        let headers = self
            .request
            .questions
            .iter()
            .map(|question| safe::line(&question.header).into_owned());
        let headers: Vec<String> = headers.chain([confirm.to_owned()]).collect();
        let widths: Vec<usize> = headers.iter().map(|header| paint::width(header)).collect();
        let (first, longest) = fit(&widths, self.tab, usize::from(inner.width));
        self.tabs = vec![Rect::ZERO; first];
        let mut x = inner.x;
        for (index, header) in headers.iter().enumerate().skip(first) {
            let label = format!(" {} ", paint::cut(header, longest));
            let is_answered = self.answers.get(index).is_some_and(|answers| !answers.is_empty());
            let style = if index == self.tab {
                let style = Style::new().bg(theme.accent).fg(theme.on(theme.accent));
                style.add_modifier(Modifier::BOLD)
            } else if is_answered {
                Style::new().fg(theme.text)
            } else {
                Style::new().fg(theme.text_muted)
            };
            if x >= inner.right() {
                break;
            }
            let room = usize::from(inner.right() - x);
            let width = paint::text(buffer, x, inner.y, &paint::cut(&label, room), style);
            self.tabs.push(Rect {
                x,
                y: inner.y,
                width,
                height: 1,
            });
            x += width + 1;
        }
    }

    fn hints(&self, app: &App) -> String {
        let words = &app.words;
        let mut hints = Vec::new();
        if self.field.is_some() {
            hints.push(format!("enter {}", words.get("hint.save")));
            hints.push(format!("esc {}", words.get("hint.back")));
            return hints.join("  ");
        }
        if !self.is_simple() {
            hints.push(format!("⇆ {}", words.get("hint.tab")));
        }
        let enter = if self.question().is_none() {
            "hint.submit"
        } else {
            hints.push(format!("↑↓ {}", words.get("hint.select")));
            match (self.is_multiple(), self.is_simple()) {
                (true, _) => "hint.toggle",
                (_, true) => "hint.submit",
                _ => "hint.confirm",
            }
        };
        hints.push(format!("enter {}", words.get(enter)));
        hints.push(format!("esc {}", words.get("hint.dismiss")));
        hints.join("  ")
    }
}

/// Which header is the first that is seen, and how many columns headers have at most, so that the one at `shown`
/// is seen: long ones are cut before any is left out.
fn fit(widths: &[usize], shown: usize, room: usize) -> (usize, usize) {
    /// A header that is cut more says nothing.
    const SHORTEST: usize = 5;
    let taken = |widths: &[usize], longest: usize| -> usize {
        let wide = widths.iter().map(|width| width.min(&longest) + 3);
        wide.sum::<usize>().saturating_sub(1)
    };
    let fits = (SHORTEST..=HEADER)
        .rev()
        .find(|longest| taken(widths, *longest) <= room);
    if let Some(longest) = fits {
        return (0, longest);
    }
    let before = widths.get(..=shown).unwrap_or(widths);
    let first = (0..before.len()).find(|first| taken(&before[*first..], SHORTEST) <= room);
    (first.unwrap_or(shown), SHORTEST)
}

fn wrap(text: &str, width: usize, color: fn(&Theme) -> Color, option: Option<usize>) -> Vec<Row> {
    let rows = paint::wrap(text, width);
    rows.into_iter().map(|row| (row, color, option)).collect()
}

impl App {
    /// Does a command of the panel.
    pub(crate) fn question_command(&mut self, id: &str) -> bool {
        let Some(panel) = &mut self.question else {
            return false;
        };
        if let Some(field) = &mut panel.field {
            match id {
                "dialog.select.submit" => self.write_answer(),
                "session.interrupt" => panel.field = None,
                "prompt.clear" if field.text().is_empty() => panel.field = None,
                "prompt.clear" => field.clear(),
                id => return field.command(id),
            }
            return true;
        }
        let count = panel.count();
        let tabs = panel.tab_count();
        match id {
            "dialog.select.prev" if count == 0 => panel.top = panel.top.saturating_sub(1),
            "dialog.select.next" if count == 0 => panel.top += 1,
            "dialog.select.prev" => panel.selected = choice::step(panel.selected, -1, count).unwrap_or(0),
            "dialog.select.next" => panel.selected = choice::step(panel.selected, 1, count).unwrap_or(0),
            "input.move.left" | "agent.cycle.reverse" => {
                panel.go(choice::step(panel.tab, -1, tabs).unwrap_or(0));
            }
            "input.move.right" | "agent.cycle" => panel.go(choice::step(panel.tab, 1, tabs).unwrap_or(0)),
            "dialog.select.submit" => self.choose_answer(),
            "session.interrupt" | "app.exit" => self.reject_question(),
            _ => return false,
        }
        true
    }

    /// Takes a letter that was typed into the panel.
    pub(crate) fn question_text(&mut self, text: &str) {
        let Some(panel) = &mut self.question else {
            return;
        };
        if let Some(field) = &mut panel.field {
            field.insert(text);
            return;
        }
        match text {
            "k" => self.question_command("dialog.select.prev"),
            "j" => self.question_command("dialog.select.next"),
            "h" => self.question_command("input.move.left"),
            "l" => self.question_command("input.move.right"),
            " " => self.question_command("dialog.select.submit"),
            digit => {
                let picked = digit
                    .parse::<usize>()
                    .ok()
                    .filter(|at| (1..=panel.count()).contains(at));
                if let Some(at) = picked {
                    panel.selected = at - 1;
                    self.choose_answer();
                }
                true
            }
        };
    }

    /// Takes the mouse in the panel.
    pub(crate) fn question_mouse(&mut self, mouse: Mouse) {
        let Some(panel) = &mut self.question else {
            return;
        };
        let tab = panel.tabs.iter().position(|place| place.contains(mouse.at));
        let row = panel.drawn.iter().find(|(y, _)| *y == mouse.at.y);
        match (mouse.kind, row.map(|(_, option)| *option)) {
            (MouseKind::Wheel(rows), _) if panel.count() == 0 => {
                let by = isize::try_from(rows).unwrap_or(0);
                panel.top = panel.top.saturating_add_signed(by);
            }
            (MouseKind::Wheel(rows), _) if rows < 0 => panel.selected = panel.selected.saturating_sub(1),
            (MouseKind::Wheel(_), _) => {
                panel.selected = (panel.selected + 1).min(panel.count().saturating_sub(1));
            }
            (MouseKind::Move, Some(option)) => panel.selected = option,
            (MouseKind::Release, Some(option)) => {
                panel.selected = option;
                self.choose_answer();
            }
            (MouseKind::Release, None) => {
                if let Some(tab) = tab {
                    panel.go(tab);
                }
            }
            _ => {}
        }
    }

    fn choose_answer(&mut self) {
        let Some(panel) = &mut self.question else {
            return;
        };
        let Some(question) = panel.request.questions.get(panel.tab) else {
            return self.send_answers();
        };
        let Some(option) = question.options.get(panel.selected) else {
            if panel.can_write() {
                let mut field = Field::of_lines(self.words.get("question.placeholder"));
                field.insert(&panel.written[panel.tab]);
                panel.field = Some(field);
            }
            return;
        };
        let label = option.label.clone();
        let is_multiple = question.multiple == Some(true);
        let answers = &mut panel.answers[panel.tab];
        if is_multiple {
            match answers.iter().position(|answer| *answer == label) {
                Some(at) => {
                    answers.remove(at);
                }
                None => answers.push(label),
            }
            return;
        }
        *answers = vec![label];
        self.next_question();
    }

    fn write_answer(&mut self) {
        let Some(panel) = &mut self.question else {
            return;
        };
        let Some(field) = panel.field.take() else {
            return;
        };
        let tab = panel.tab;
        let text = field.text().trim().to_owned();
        let is_multiple = panel.is_multiple();
        let before = std::mem::replace(&mut panel.written[tab], text.clone());
        let answers = &mut panel.answers[tab];
        answers.retain(|answer| *answer != before || before.is_empty());
        if text.is_empty() {
            return;
        }
        if is_multiple {
            answers.push(text);
        } else {
            *answers = vec![text];
            self.next_question();
        }
    }

    fn next_question(&mut self) {
        let Some(panel) = &mut self.question else {
            return;
        };
        if panel.is_simple() {
            self.send_answers();
        } else {
            panel.go((panel.tab + 1).min(panel.tab_count() - 1));
        }
    }

    fn send_answers(&mut self) {
        let Some(panel) = self.question.take() else {
            return;
        };
        let id = panel.request.id;
        self.store.questions.shift_remove(&id);
        let path = ["question", id.as_str(), "reply"];
        self.order(Request::post(&path, json!({ "answers": panel.answers })));
    }

    fn reject_question(&mut self) {
        let Some(panel) = self.question.take() else {
            return;
        };
        let id = panel.request.id;
        self.store.questions.shift_remove(&id);
        self.order(Request::post(&["question", id.as_str(), "reject"], json!({})));
    }
}
