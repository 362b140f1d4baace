//! The screen after a mistake of this program (reference `tui.md` §1, Crash screen). What the agent does is not
//! touched by it; the interface can begin again, in the session that was shown.

use std::any::Any;
use std::path::Path;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};

use crate::effect::Exit;
use crate::key::{Code, Modifiers, Motion, Press};
use crate::paint;
use crate::safe;
use crate::terminal::event::{Button, Event, Mouse, MouseKind};
use crate::theme::Theme;
use crate::words::Words;

/// Letters of what went wrong that are shown.
const LETTERS: usize = 4000;

/// What the user wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// A text for those who can mend it.
    Copy,
    /// To go on.
    Restart,
    /// To end the program.
    Quit,
}

/// What can be chosen, with its letter and its word.
const WISHES: [(Wish, char, &str); 3] = [
    (Wish::Restart, 'r', "crash.restart"),
    (Wish::Copy, 'c', "crash.copy"),
    (Wish::Quit, 'q', "crash.quit"),
];

/// What went wrong, and what is told of it.
#[derive(Debug)]
pub(crate) struct Crash {
    what: String,
    log: String,
    /// Title and id of the session that was shown.
    session: Option<(String, String)>,
    selected: usize,
    buttons: Vec<Rect>,
    is_copied: bool,
}

impl Crash {
    /// What became of something that panicked.
    pub(crate) fn new(panic: &(dyn Any + Send), log: &Path, session: Option<(String, String)>) -> Self {
        let told = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let told = told.or_else(|| panic.downcast_ref::<String>().cloned());
        let what: String = told.unwrap_or_default().chars().take(LETTERS).collect();
        Self {
            what: safe::text(&what).into_owned(),
            log: log.display().to_string(),
            session,
            selected: 0,
            buttons: Vec::new(),
            is_copied: false,
        }
    }

    /// A text for those who can mend it: nothing of what was said in sessions.
    pub(crate) fn report(&mut self, version: &str, terminal: &str, size: (u16, u16)) -> String {
        self.is_copied = true;
        format!(
            "OpenCode {version} on {} {}, terminal {terminal} of {}×{}\n\n{}\n",
            std::env::consts::OS,
            std::env::consts::ARCH,
            size.0,
            size.1,
            self.what,
        )
    }

    /// How the program ends: the user is told on the screen that he comes back to.
    pub(crate) fn exit(&self, words: &Words) -> Exit {
        let mut reason = format!(
            "{}: {}\n{}",
            words.get("crash.title"),
            self.what,
            self.log_line(words)
        );
        if let Some(line) = self.session_line(words) {
            reason.push('\n');
            reason.push_str(&line);
        }
        Exit {
            session: None,
            reason: Some(reason),
        }
    }

    fn log_line(&self, words: &Words) -> String {
        words.fill("crash.log", &[("path", &self.log)])
    }

    fn session_line(&self, words: &Words) -> Option<String> {
        let (_, id) = self.session.as_ref()?;
        let command = format!("opencode -s {id}");
        Some(words.fill("crash.continue", &[("command", &command)]))
    }

    /// Takes what the terminal tells.
    pub(crate) fn event(&mut self, event: &Event) -> Option<Wish> {
        match event {
            Event::Key(press) if press.motion != Motion::Release => self.key(press),
            Event::Mouse(mouse) => self.mouse(mouse),
            Event::End => Some(Wish::Quit),
            _ => None,
        }
    }

    fn key(&mut self, press: &Press) -> Option<Wish> {
        let is_control = press.modifiers().contains(Modifiers::CONTROL);
        let count = WISHES.len();
        match press.code() {
            Code::Char('c' | 'd') if is_control => Some(Wish::Quit),
            Code::Char(letter) => {
                let mut wishes = WISHES.iter();
                wishes.find(|(_, key, _)| *key == letter).map(|(wish, ..)| *wish)
            }
            Code::Left => {
                self.selected = (self.selected + count - 1) % count;
                None
            }
            Code::Right | Code::Tab => {
                self.selected = (self.selected + 1) % count;
                None
            }
            Code::Enter => WISHES.get(self.selected).map(|(wish, ..)| *wish),
            _ => None,
        }
    }

    fn mouse(&mut self, mouse: &Mouse) -> Option<Wish> {
        let at = Position::new(mouse.column, mouse.row);
        let index = self.buttons.iter().position(|place| place.contains(at))?;
        self.selected = index;
        let is_click = mouse.kind == MouseKind::Up(Button::Left);
        WISHES.get(index).filter(|_| is_click).map(|(wish, ..)| *wish)
    }

    /// Draws it; the cursor is on what is chosen.
    pub(crate) fn draw(&mut self, theme: &Theme, words: &Words, buffer: &mut Buffer) -> Option<Position> {
        let screen = buffer.area;
        buffer.set_style(screen, Style::new().fg(theme.text).bg(theme.background));
        self.buttons.clear();
        let side = if screen.width > 20 { 2 } else { 0 };
        let width = usize::from(screen.width.saturating_sub(2 * side));
        if width == 0 || screen.height < 2 {
            return None;
        }
        let x = screen.x + side;
        let muted = Style::new().fg(theme.text_muted);
        let title = Style::new().fg(theme.error).add_modifier(Modifier::BOLD);
        let mut rows: Vec<(String, Style)> = Vec::new();
        let mut add = |text: &str, style: Style| {
            rows.extend(paint::wrap(text, width).into_iter().map(|row| (row, style)));
            rows.push((String::new(), style));
        };
        add(words.get("crash.title"), title);
        add(&self.what, Style::new().fg(theme.text));
        add(words.get("crash.kept"), Style::new().fg(theme.text));
        if let Some(line) = self.session_line(words) {
            add(&line, muted);
        }
        add(&self.log_line(words), muted);
        let last = screen.bottom() - 1;
        for (y, (text, style)) in (screen.y + 1..last.saturating_sub(1)).zip(&rows) {
            paint::text(buffer, x, y, text, *style);
        }
        let mut at = x;
        for (index, (wish, key, word)) in WISHES.iter().enumerate() {
            let is_selected = index == self.selected;
            let copied = if *wish == Wish::Copy && self.is_copied {
                " ✓"
            } else {
                ""
            };
            let label = format!(" {} ({key}){copied} ", words.get(word));
            let style = if is_selected {
                Style::new().bg(theme.primary).fg(theme.on(theme.primary))
            } else {
                muted
            };
            let label = paint::cut(&label, usize::from(screen.right().saturating_sub(at)));
            let width = paint::text(buffer, at, last, &label, style);
            self.buttons.push(Rect::new(at, last, width, 1));
            at += width + 1;
        }
        let chosen = self.buttons.get(self.selected)?;
        Some(Position::new(chosen.x, chosen.y))
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn crash() -> Crash {
        let session = Some(("Demo".to_owned(), "ses_1".to_owned()));
        Crash::new(
            &"index out of bounds",
            Path::new("/data/log/opencode.log"),
            session,
        )
    }

    fn shown(crash: &mut Crash, width: u16, height: u16) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        let theme = crate::theme::builtin::fallback(crate::terminal::event::Mode::Dark);
        crash.draw(&theme, &Words::english(), &mut buffer);
        let rows = (0..height).map(|y| {
            let row: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
            row.trim_end().to_owned()
        });
        rows.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn it_says_what_happened_and_how_to_go_on() {
        let mut crash = crash();
        let screen = shown(&mut crash, 80, 20);
        for text in [
            "index out of bounds",
            "/data/log/opencode.log",
            "opencode -s ses_1",
            "(r)",
            "(c)",
            "(q)",
        ] {
            assert!(screen.contains(text), "{text}\n{screen}");
        }
        let reason = crash.exit(&Words::english()).reason.unwrap();
        for text in [
            "index out of bounds",
            "/data/log/opencode.log",
            "opencode -s ses_1",
        ] {
            assert!(reason.contains(text), "{text}\n{reason}");
        }
        for (width, height) in [(1, 1), (3, 2), (10, 3), (200, 4)] {
            shown(&mut crash, width, height);
        }
    }

    #[test]
    fn keys_and_clicks_choose() {
        let press = |code, modifiers| Event::Key(Press::new(code, modifiers));
        let letter = |letter| press(Code::Char(letter), Modifiers::NONE);
        let mut crash = crash();
        let table = [
            (letter('r'), Some(Wish::Restart)),
            (letter('c'), Some(Wish::Copy)),
            (letter('q'), Some(Wish::Quit)),
            (letter('x'), None),
            (press(Code::Char('c'), Modifiers::CONTROL), Some(Wish::Quit)),
            (press(Code::Enter, Modifiers::NONE), Some(Wish::Restart)),
            (press(Code::Left, Modifiers::NONE), None),
            (press(Code::Enter, Modifiers::NONE), Some(Wish::Quit)),
            (Event::End, Some(Wish::Quit)),
        ];
        for (event, wish) in table {
            assert_eq!(crash.event(&event), wish, "{event:?}");
        }
        shown(&mut crash, 80, 20);
        let button = crash.buttons[1];
        let click = Event::Mouse(Mouse {
            kind: MouseKind::Up(Button::Left),
            column: button.x,
            row: button.y,
            modifiers: Modifiers::NONE,
        });
        assert_eq!(crash.event(&click), Some(Wish::Copy));
    }
}
