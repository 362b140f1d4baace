//! The window that is open while the user logs in in a browser.

use std::rc::Rc;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};

use crate::app::App;
use crate::dialog::{Dialog, LARGE, Mouse, MouseKind, Outcome};
use crate::paint;
use crate::safe;

/// The window.
pub(super) struct Waiting {
    title: String,
    url: String,
    instructions: String,
    /// The code that is to be typed in the browser, or the address if there is none.
    wanted: String,
    address: Rect,
    /// Lives as long as the window.
    pub(super) is_open: Rc<()>,
}

impl Waiting {
    /// A window for an address and what is to be done there.
    pub(super) fn new(title: String, url: &str, instructions: &str) -> Self {
        let url = safe::line(url).into_owned();
        Self {
            title,
            wanted: code(instructions).unwrap_or(&url).to_owned(),
            url,
            instructions: safe::text(instructions).into_owned(),
            address: Rect::ZERO,
            is_open: Rc::new(()),
        }
    }
}

/// A code in a text: two groups of capitals and digits with a hyphen between.
fn code(text: &str) -> Option<&str> {
    let is_group = |group: &str, longest: usize| {
        (4..=longest).contains(&group.len())
            && group
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    let mut codes = words.filter(|word| {
        word.split_once('-')
            .is_some_and(|(first, second)| is_group(first, 4) && is_group(second, 5))
    });
    codes.next()
}

impl Dialog for Waiting {
    fn title(&self) -> &str {
        &self.title
    }

    fn width(&self) -> u16 {
        LARGE
    }

    fn height(&self, _app: &App, width: u16, _screen: u16) -> u16 {
        let rows = |text: &str| paint::wrap(text, usize::from(width)).len();
        u16::try_from(rows(&self.url) + rows(&self.instructions) + 4).unwrap_or(u16::MAX)
    }

    fn commands(&self) -> Vec<&'static str> {
        vec!["dialog.select.submit"]
    }

    fn command(&mut self, app: &mut App, id: &str) -> Outcome {
        if id != "dialog.select.submit" {
            return Outcome::Ignored;
        }
        app.browse(&self.url);
        Outcome::Done
    }

    fn text(&mut self, app: &mut App, text: &str) -> Outcome {
        if text == "c" {
            app.copy(self.wanted.clone());
        }
        Outcome::Done
    }

    fn mouse(&mut self, app: &mut App, mouse: Mouse) -> Outcome {
        if mouse.kind == MouseKind::Release && self.address.contains(mouse.at) {
            return self.command(app, "dialog.select.submit");
        }
        Outcome::Ignored
    }

    fn draw(&mut self, app: &App, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        let theme = &app.theme;
        let link = Style::new().fg(theme.primary).add_modifier(Modifier::UNDERLINED);
        let muted = Style::new().fg(theme.text_muted);
        let rows = |text: &str| paint::wrap(text, usize::from(area.width));
        let url = rows(&self.url);
        self.address = Rect {
            height: u16::try_from(url.len()).unwrap_or(u16::MAX),
            ..area
        }
        .intersection(area);
        let mut lines: Vec<(String, Style)> = url.into_iter().map(|row| (row, link)).collect();
        let told = rows(&self.instructions);
        lines.extend(told.into_iter().map(|row| (row, muted)));
        lines.push((String::new(), muted));
        lines.push((app.words.get("providers.waiting").to_owned(), muted));
        for (y, (text, style)) in (area.y..area.bottom()).zip(&lines) {
            paint::text(
                buffer,
                area.x,
                y,
                &paint::cut(text, usize::from(area.width)),
                *style,
            );
        }
        let open = app.key_of("dialog.select.submit");
        let hint = app.words.fill("providers.waiting.keys", &[("open", &open)]);
        let hint = paint::cut(&hint, usize::from(area.width));
        paint::text_right(buffer, area, area.bottom().saturating_sub(1), &hint, muted);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::code;

    #[test]
    fn codes_are_found() {
        for (text, wanted) in [
            ("Enter code: ABCD-1234", Some("ABCD-1234")),
            ("Enter AB12-34567.", Some("AB12-34567")),
            ("ABCD-123456", None),
            ("abcd-1234", None),
            ("A-B, ÄBCD-1234 and ABCD-", None),
            ("", None),
        ] {
            assert_eq!(code(text), wanted, "{text}");
        }
    }
}
