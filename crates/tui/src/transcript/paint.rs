//! What every piece of a message is painted with, and what several kinds of pieces have in common.

use std::borrow::Cow;
use std::collections::HashSet;

use opencode_schema::{MessageId, PartId};
use ratatui::style::{Color, Style};

use super::piece::{Kind, Look, Piece, Room, Target};
use super::scene::Scene;
use crate::row::{Row, Span, paragraph};
use crate::safe;

/// Frames of what turns, each for two ticks of forty milliseconds.
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// What a message's pieces are painted with.
#[derive(Clone, Copy)]
pub(crate) struct Paint<'a> {
    /// What is drawn.
    pub(crate) scene: &'a Scene<'a>,
    /// How much room there is.
    pub(crate) room: Room,
    /// What the user has folded open.
    pub(crate) open: &'a HashSet<PartId>,
    /// What the mouse is over.
    pub(crate) hover: Option<&'a Target>,
    /// The message.
    pub(crate) message: &'a MessageId,
}

impl Paint<'_> {
    /// A frame of what turns.
    pub(crate) fn spinner(&self) -> &'static str {
        if !self.scene.switches.animations {
            return "⋯";
        }
        let frame = usize::try_from(self.scene.frame / 2).unwrap_or(0);
        SPINNER.get(frame % SPINNER.len()).copied().unwrap_or("⋯")
    }

    /// Whether words stand in place of signs.
    pub(crate) fn is_plain(&self) -> bool {
        self.scene.switches.plain
    }

    /// A line that says what follows it, where signs and colours do not.
    pub(crate) fn heading(&self, text: &str) -> Piece {
        let rows = paragraph(text, self.plain(), self.room.text());
        Piece::new(Kind::Apart, self.room.indented(rows))
    }

    /// A text without the sign before it, where words stand in place of signs.
    fn spelled<'a>(&self, text: &'a str) -> &'a str {
        match text.split_once(' ') {
            Some((sign, rest)) if self.is_plain() && !sign.contains(char::is_alphanumeric) => rest,
            _ => text,
        }
    }

    /// A path from the session's folder, or from home, made safe.
    pub(crate) fn path<'a>(&self, path: &'a str) -> Cow<'a, str> {
        match (below(path, self.scene.directory), below(path, self.scene.home)) {
            (Some(""), _) => Cow::Borrowed("."),
            (Some(rest), _) => safe::line(rest),
            (None, Some(rest)) => Cow::Owned(format!("~/{}", safe::line(rest))),
            (None, None) => safe::line(path),
        }
    }

    /// Whether the user has folded a part open.
    pub(crate) fn is_open(&self, part: &PartId) -> bool {
        self.room.is_printed || self.open.contains(part)
    }

    /// A text in the colour of text that steps back.
    pub(crate) fn muted(&self) -> Style {
        Style::new().fg(self.scene.theme.text_muted)
    }

    /// A text in the colour of text.
    pub(crate) fn plain(&self) -> Style {
        Style::new().fg(self.scene.theme.text)
    }

    /// The block of a tool, with a title, a free row and rows.
    pub(crate) fn block(&self, title: Option<&str>, rows: Vec<Row>, target: Option<Target>) -> Piece {
        let mut all = Vec::with_capacity(rows.len() + 2);
        if let Some(title) = title {
            all.extend(paragraph(self.spelled(title), self.muted(), self.room.block()));
            if !rows.is_empty() {
                all.push(Row::default());
            }
        }
        all.extend(rows);
        let mut look = Look::tool(self.scene.theme);
        if target.is_some() && self.hover == target.as_ref() {
            look.background = self.scene.theme.background_menu;
            look.below_border = look.background;
        }
        let piece = Piece::new(Kind::Apart, self.room.block_rows(all, look));
        match target {
            Some(target) => piece.with_target(target),
            None => piece,
        }
    }

    /// The line of a tool: a sign, and a text that goes on below itself.
    pub(crate) fn line(&self, sign: &str, text: &str, style: Style) -> Vec<Row> {
        let rows = paragraph(text, style, self.room.text().saturating_sub(2).max(1));
        if self.is_plain() {
            return self.room.indented(rows);
        }
        let rows = rows.into_iter().enumerate().map(|(index, row)| match index {
            0 => row
                .after(Span::new(" ", Style::new()))
                .after(Span::new(sign, style)),
            _ => row.after(Span::frame("  ", Style::new())),
        });
        self.room.indented(rows.collect())
    }

    /// A line below that of a tool, which tells more of it.
    pub(crate) fn below(&self, text: &str, style: Style) -> Vec<Row> {
        let text = self.spelled(text);
        let rows = paragraph(text, style, self.room.text().saturating_sub(2).max(1));
        let rows = rows
            .into_iter()
            .map(|row| row.after(Span::frame("  ", Style::new())))
            .collect();
        self.room.indented(rows)
    }
}

/// The word for the state of something to do.
pub(crate) fn todo_state(status: &str) -> &'static str {
    match status {
        "completed" => "plain.done",
        "in_progress" => "plain.doing",
        _ => "plain.open",
    }
}

/// A duration as the reference tells it: `14ms`, `6.0s`, `2m 5s`, `1h 2m`, `3d 4h`.
pub(crate) fn duration(milliseconds: i64) -> String {
    let milliseconds = milliseconds.max(0);
    let (seconds, minutes, hours) = (
        milliseconds / 1000,
        milliseconds / 60_000,
        milliseconds / 3_600_000,
    );
    match milliseconds {
        0..1000 => format!("{milliseconds}ms"),
        1000..60_000 => format!("{:.1}s", milliseconds as f64 / 1000.0),
        60_000..3_600_000 => format!("{minutes}m {}s", seconds % 60),
        3_600_000..86_400_000 => format!("{hours}h {}m", minutes % 60),
        _ => format!("{}d {}h", hours / 24, hours % 24),
    }
}

/// What follows a folder in a path below it; nothing is below the root or no folder.
pub(crate) fn below<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    let rest = path
        .strip_prefix(folder.trim_end_matches('/'))
        .filter(|_| folder.len() > 1)?;
    if rest.trim_end_matches('/').is_empty() {
        Some("")
    } else {
        rest.strip_prefix('/')
    }
}

/// A word with a capital at its beginning.
pub(crate) fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A colour over another, as if it were see-through. Colours without red, green and blue stay as they are.
pub(crate) fn blend(front: Color, back: Color, opacity: f32) -> Color {
    let (Color::Rgb(red, green, blue), Color::Rgb(below_red, below_green, below_blue)) = (front, back) else {
        return front;
    };
    let mix =
        |front: u8, back: u8| (f32::from(front) * opacity + f32::from(back) * (1.0 - opacity)).round() as u8;
    Color::Rgb(
        mix(red, below_red),
        mix(green, below_green),
        mix(blue, below_blue),
    )
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn durations_are_short() {
        let table = [
            (-5, "0ms"),
            (14, "14ms"),
            (999, "999ms"),
            (1000, "1.0s"),
            (6049, "6.0s"),
            (125_000, "2m 5s"),
            (3_720_000, "1h 2m"),
            (90_000_000, "1d 1h"),
        ];
        for (milliseconds, text) in table {
            assert_eq!(duration(milliseconds), text);
        }
    }

    #[test]
    fn thoughts_are_see_through() {
        let (text, screen) = (Color::Rgb(238, 238, 238), Color::Rgb(10, 10, 10));
        assert_eq!(blend(text, screen, 0.6), Color::Rgb(147, 147, 147));
        assert_eq!(blend(Color::Red, screen, 0.6), Color::Red);
    }
}
