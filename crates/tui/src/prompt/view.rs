//! The prompt as it looks (reference `tui.md` §3 and §9), and what the mouse means on it.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::part::Part;
use super::{Handled, Mode, Prompt};
use crate::editor::Look;
use crate::theme::Theme;
use crate::words::Words;

/// Rows of the text that there is always room for.
const LEAST_ROWS: u16 = 6;
/// Border and padding at the left of the text.
const LEFT: u16 = 3;
/// Padding at its right.
const RIGHT: u16 = 2;
/// Rows around the text: padding above and below, what answers, the edge.
const AROUND: u16 = 4;

/// What the prompt shows besides its text. Names come from outside and are expected to be safe to show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Info<'a> {
    /// The agent as it is shown.
    pub(crate) agent: &'a str,
    /// The agent's colour.
    pub(crate) color: Color,
    /// The model's name, if one is chosen.
    pub(crate) model: Option<&'a str>,
    /// The provider's name.
    pub(crate) provider: &'a str,
    /// The variant, if one is chosen.
    pub(crate) variant: Option<&'a str>,
    /// Whether permissions are given without asking.
    pub(crate) is_auto: bool,
    /// Which example an empty prompt shows; in a session none.
    pub(crate) example: Option<usize>,
}

/// What the mouse does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pointer {
    /// The left button goes down.
    Press,
    /// It moves while it is down.
    Drag,
    /// It moves while no button is down.
    Move,
    /// The wheel turns, by rows; downwards is more than 0.
    Wheel(i16),
}

impl Prompt {
    /// Rows that the prompt takes at a width on a screen of a height; `most_rows` is `prompt.max_height`.
    pub(crate) fn height(&self, width: u16, screen: u16, most_rows: Option<u16>) -> u16 {
        let width = width.saturating_sub(LEFT + RIGHT);
        let rows = rows(&self.editor, width, screen, most_rows);
        rows.saturating_add(AROUND).min(screen)
    }

    /// Draws the text alone; where the cursor is, if it is seen.
    pub(crate) fn view_text(
        &self,
        area: Rect,
        buffer: &mut Buffer,
        theme: &Theme,
        words: &Words,
        info: &Info<'_>,
    ) -> Option<Position> {
        let area = area.intersection(buffer.area);
        self.text_area.set(area);
        if area.is_empty() {
            return None;
        }
        if self.is_empty() {
            let muted = Style::new().fg(theme.text_muted);
            let text = self.placeholder(words, info);
            buffer.set_stringn(area.x, area.y, text, usize::from(area.width), muted);
        }
        let look = Look {
            text: Style::new().fg(theme.text),
            selection: selection(theme),
            mark: &|part| mark(theme, part),
        };
        self.editor.draw(area, buffer, &look)
    }

    /// Draws the prompt; where the cursor is, if it is seen.
    pub(crate) fn view(
        &self,
        area: Rect,
        buffer: &mut Buffer,
        theme: &Theme,
        words: &Words,
        info: &Info<'_>,
    ) -> Option<Position> {
        let area = area.intersection(buffer.area);
        self.text_area.set(Rect::ZERO);
        if area.is_empty() {
            return None;
        }
        let accent = if self.mode == Mode::Shell {
            theme.primary
        } else {
            info.color
        };
        let Rows {
            top,
            text,
            info: below,
            edge,
        } = Rows::of(area.height);
        let body = Rect {
            height: area.height - edge,
            ..area
        };
        ground(body, buffer, theme.background_element);
        let border = Style::new().fg(accent).bg(theme.background);
        for y in body.top()..body.bottom() {
            buffer.set_string(area.x, y, "┃", border);
        }
        if edge > 0 {
            let y = area.bottom() - 1;
            let line = "▀".repeat(usize::from(area.width - 1));
            ground(Rect::new(area.x, y, area.width, 1), buffer, theme.background);
            buffer.set_string(area.x, y, "╹", border);
            let edge = Style::new().fg(theme.background_element).bg(theme.background);
            buffer.set_string(area.x + 1, y, line, edge);
        }
        let left = LEFT.min(area.width.saturating_sub(1));
        let width = area.width.saturating_sub(left + RIGHT).max(1).min(area.width);
        let column = area.x + left.min(area.width - 1);
        if below {
            let y = body.bottom() - 1;
            self.info(accent, theme, words, info)
                .render(Rect::new(column, y, width, 1), buffer);
        }
        let place = Rect::new(column, area.y + top, width, text);
        self.view_text(place, buffer, theme, words, info)
    }

    /// Draws the list in an area of its own, if it is open.
    pub(crate) fn view_list_in(&self, area: Rect, buffer: &mut Buffer, theme: &Theme, words: &Words) {
        self.autocomplete.view_in(area, buffer, theme, words, false);
    }

    /// Draws the list above the prompt, if it is open; after everything else, for it covers what is there.
    pub(crate) fn view_list(&self, prompt: Rect, buffer: &mut Buffer, theme: &Theme, words: &Words) {
        self.autocomplete.view(prompt, buffer, theme, words);
    }

    fn placeholder(&self, words: &Words, info: &Info<'_>) -> String {
        let (key, examples) = match self.mode {
            Mode::Normal => (
                "prompt.placeholder",
                ["prompt.example.1", "prompt.example.2", "prompt.example.3"],
            ),
            Mode::Shell => (
                "prompt.shell.placeholder",
                [
                    "prompt.shell.example.1",
                    "prompt.shell.example.2",
                    "prompt.shell.example.3",
                ],
            ),
        };
        let example = info
            .example
            .and_then(|example| examples.get(example % examples.len()));
        example.map_or_else(String::new, |example| {
            words.fill(key, &[("example", words.get(example))])
        })
    }

    fn info<'a>(&self, accent: Color, theme: &Theme, words: &'a Words, info: &Info<'a>) -> Line<'a> {
        let muted = Style::new().fg(theme.text_muted);
        if self.mode == Mode::Shell {
            return Line::styled(words.get("prompt.shell"), accent);
        }
        let mut spans = vec![Span::styled(info.agent, accent)];
        if info.is_auto {
            spans.extend([Span::raw(" "), Span::styled(words.get("prompt.auto"), muted)]);
        }
        if let Some(model) = info.model {
            spans.push(Span::styled(" · ", muted));
            spans.push(Span::styled(model, theme.text));
            spans.extend([Span::raw(" "), Span::styled(info.provider, muted)]);
            if let Some(variant) = info.variant {
                spans.push(Span::styled(" · ", muted));
                let strong = Style::new().fg(theme.warning).add_modifier(Modifier::BOLD);
                spans.push(Span::styled(variant, strong));
            }
        }
        Line::from(spans)
    }

    /// What the mouse does at a place of the screen.
    pub(crate) fn mouse(&mut self, pointer: Pointer, position: Position) -> Handled {
        if self.autocomplete.covers(position) {
            match pointer {
                Pointer::Wheel(rows) => self.autocomplete.step(rows > 0),
                _ => {
                    if self.autocomplete.point(position) && pointer == Pointer::Press {
                        self.choose(false);
                    }
                }
            }
            return Handled::Yes;
        }
        let area = self.text_area.get();
        let column = i32::from(position.x) - i32::from(area.x);
        let row = i32::from(position.y) - i32::from(area.y);
        let is_inside = area.contains(position);
        let is_drag = pointer == Pointer::Drag;
        // What was begun elsewhere selects nothing here.
        self.is_dragging = match pointer {
            Pointer::Press => is_inside,
            Pointer::Move => false,
            Pointer::Drag | Pointer::Wheel(_) => self.is_dragging,
        };
        match pointer {
            Pointer::Press | Pointer::Drag if self.is_dragging => {
                self.editor.point(column, row, is_drag);
                self.follow(false);
                Handled::Yes
            }
            Pointer::Wheel(rows) if is_inside => self.editor.scroll(isize::from(rows)).into(),
            _ => Handled::No,
        }
    }
}

/// Rows that a text takes, as many as there are for it.
pub(super) fn rows(
    editor: &crate::editor::Editor<Part>,
    width: u16,
    screen: u16,
    most_rows: Option<u16>,
) -> u16 {
    let most = most_rows.unwrap_or(LEAST_ROWS.max(screen / 3)).max(1);
    let rows = editor.height(width.max(1));
    u16::try_from(rows).unwrap_or(u16::MAX).clamp(1, most)
}

/// How the rows of the prompt are used; what matters least goes first where there is little room.
struct Rows {
    top: u16,
    text: u16,
    info: bool,
    edge: u16,
}

impl Rows {
    fn of(height: u16) -> Self {
        let (top, blank, info, edge) = match height {
            0 | 1 => (0, 0, 0, 0),
            2 => (0, 0, 1, 0),
            3 => (0, 0, 1, 1),
            4 => (1, 0, 1, 1),
            _ => (1, 1, 1, 1),
        };
        Self {
            top,
            text: height - top - blank - info - edge,
            info: info > 0,
            edge,
        }
    }
}

fn ground(area: Rect, buffer: &mut Buffer, color: Color) {
    for position in area.positions() {
        if let Some(cell) = buffer.cell_mut(position) {
            cell.reset();
            cell.set_bg(color);
        }
    }
}

fn selection(theme: &Theme) -> Style {
    if theme.text == Color::Reset {
        return Style::new().add_modifier(Modifier::REVERSED);
    }
    Style::new().fg(theme.background_element).bg(theme.text)
}

fn mark(theme: &Theme, part: &Part) -> Style {
    let style = Style::new().add_modifier(Modifier::BOLD);
    match part {
        Part::File(file) if !file.url.starts_with("data:") => style.fg(theme.warning),
        Part::Agent { .. } => style.fg(theme.secondary),
        Part::File(_) | Part::Text { .. } => style.fg(theme.background).bg(theme.warning),
    }
}
