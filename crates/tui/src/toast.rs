//! A notice at the top right (reference `tui.md` §11). There is one at a time.

use std::time::Duration;

pub(crate) use opencode_schema::event::ToastVariant as Variant;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use crate::paint;
use crate::safe;
use crate::theme::Theme;

/// How long a notice stays.
const DURATION: Duration = Duration::from_secs(5);
/// Most columns of its box.
const WIDEST: u16 = 60;
/// Most rows of its text.
const ROWS: usize = 12;

/// A notice.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Toast {
    /// Its heading.
    pub(crate) title: Option<String>,
    /// What it says.
    pub(crate) message: String,
    /// How it looks.
    pub(crate) variant: Variant,
    /// How long it stays.
    pub(crate) duration: Duration,
    /// Which of the notices it is.
    pub(crate) number: u64,
}

impl Toast {
    /// A notice that stays as long as notices do.
    pub(crate) fn new(variant: Variant, message: impl Into<String>) -> Self {
        Self {
            title: None,
            message: message.into(),
            variant,
            duration: DURATION,
            number: 0,
        }
    }

    fn color(&self, theme: &Theme) -> Color {
        match self.variant {
            Variant::Info => theme.info,
            Variant::Success => theme.success,
            Variant::Warning => theme.warning,
            Variant::Error => theme.error,
        }
    }

    /// Draws it into the corner of the screen.
    pub(crate) fn draw(&self, theme: &Theme, screen: Rect, buffer: &mut Buffer) {
        let room = WIDEST.min(screen.width.saturating_sub(6));
        if room < 8 || screen.height < 5 {
            return;
        }
        let text = usize::from(room) - 6;
        let mut rows = paint::wrap(&self.message, text);
        rows.truncate(ROWS.min(usize::from(screen.height) - 4));
        let title = self
            .title
            .as_deref()
            .map(|title| paint::cut(&safe::line(title), text));
        let widths = rows.iter().chain(&title).map(|row| paint::width(row));
        let width = u16::try_from(widths.max().unwrap_or(0) + 6)
            .unwrap_or(room)
            .min(room);
        let title_rows = if title.is_some() { 2 } else { 0 };
        let height = u16::try_from(rows.len() + title_rows + 2).unwrap_or(screen.height);
        let area = Rect {
            x: screen.right().saturating_sub(width + 2),
            y: screen.y + 2,
            width,
            height: height.min(screen.height.saturating_sub(2)),
        };
        paint::fill(area, buffer, theme.background_panel);
        let edge = Style::new().fg(self.color(theme));
        for y in area.top()..area.bottom() {
            paint::text(buffer, area.x, y, "┃", edge);
            paint::text(buffer, area.right() - 1, y, "┃", edge);
        }
        let style = Style::new().fg(theme.text);
        let mut y = area.y + 1;
        if let Some(title) = &title {
            paint::text(buffer, area.x + 3, y, title, style.add_modifier(Modifier::BOLD));
            y += 2;
        }
        for row in rows {
            if y + 1 < area.bottom() {
                paint::text(buffer, area.x + 3, y, &row, style);
            }
            y += 1;
        }
    }
}
