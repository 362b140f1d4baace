//! What is sent to a terminal apart from cells. Texts in sequences are cut and cleaned here, so that nothing from
//! outside can end a sequence and begin another.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opencode_config::Environment;
use opencode_config::tui::{CursorStyle, Tui};

/// How the cursor looks (`cursor` of `tui.json`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum CursorShape {
    /// As the terminal has it.
    #[default]
    Terminal,
    /// A block.
    Block {
        /// Whether it blinks.
        blinking: bool,
    },
    /// A line below.
    Underline {
        /// Whether it blinks.
        blinking: bool,
    },
    /// A line between.
    Line {
        /// Whether it blinks.
        blinking: bool,
    },
}

/// What is asked of a terminal while the program is on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Modes {
    /// The mouse, with all of its movements.
    pub(crate) mouse: bool,
    /// Whether keys that go up are to be told.
    pub(crate) releases: bool,
    /// The cursor.
    pub(crate) cursor: CursorShape,
}

impl Modes {
    /// What configuration asks for.
    pub(crate) fn of(config: &Tui, environment: &Environment, releases: bool) -> Self {
        let cursor = config
            .cursor
            .map_or(CursorShape::Terminal, |cursor| match cursor.style {
                CursorStyle::Default => CursorShape::Terminal,
                CursorStyle::Block => CursorShape::Block {
                    blinking: cursor.blinking,
                },
                CursorStyle::Underline => CursorShape::Underline {
                    blinking: cursor.blinking,
                },
                CursorStyle::Line => CursorShape::Line {
                    blinking: cursor.blinking,
                },
            });
        Self {
            mouse: config.mouse && !environment.is_on("OPENCODE_DISABLE_MOUSE"),
            releases,
            cursor,
        }
    }
}

/// The longest title, in characters.
const TITLE_LIMIT: usize = 200;

/// The longest text for the clipboard by a sequence, in bytes: terminals refuse longer ones, some by closing.
const CLIPBOARD_LIMIT: usize = 1024 * 1024;

macro_rules! leave_below {
    () => {
        concat!(
            "\x1b[?2026l\x1b[0m",
            "\x1b[?1003l\x1b[?1002l\x1b[?1000l\x1b[?1006l",
            "\x1b[?2031l\x1b[?2027l\x1b[?1004l\x1b[?2004l\x1b[>4m\x1b[<u\x1b[0 q\x1b[?25h",
        )
    };
}

/// Begins to draw: the terminal shows what follows at once, when it ends.
pub(crate) const BEGIN: &str = "\x1b[?2026h";
/// Ends to draw.
pub(crate) const END: &str = "\x1b[?2026l";

/// Takes the terminal: its second screen, and what [`enter_below`] takes.
pub(crate) fn enter(modes: Modes) -> String {
    format!("\x1b[?1049h{}\x1b[0m\x1b[2J", enter_below(modes))
}

/// Takes the terminal without its second screen: keys in full, pasted texts as such, focus, letters of several
/// characters as one, changes of light and dark.
pub(crate) fn enter_below(modes: Modes) -> String {
    let keyboard = if modes.releases { 7 } else { 5 };
    let mouse = if modes.mouse { MOUSE_ON } else { "" };
    let cursor = match modes.cursor {
        CursorShape::Terminal => 0,
        CursorShape::Block { blinking } => 2 - u8::from(blinking),
        CursorShape::Underline { blinking } => 4 - u8::from(blinking),
        CursorShape::Line { blinking } => 6 - u8::from(blinking),
    };
    let cursor = match cursor {
        0 => String::new(),
        number => format!("\x1b[{number} q"),
    };
    format!("\x1b[>{keyboard}u\x1b[>4;1m\x1b[?2004h\x1b[?1004h\x1b[?2027h\x1b[?2031h{mouse}{cursor}\x1b[?25l")
}

/// Gives back what [`enter`] took; it does no harm twice.
pub(crate) const LEAVE: &str = concat!(leave_below!(), "\x1b[?1049l");

/// Gives back what [`enter_below`] took; it does no harm twice.
pub(crate) const LEAVE_BELOW: &str = leave_below!();

const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1002h\x1b[?1003h\x1b[?1006h";

/// Asks for the terminal's colours and whether it is light or dark. The last question is one that every terminal
/// answers, so that it is known when no answer is left.
pub(crate) fn questions() -> String {
    let palette = (0..16).map(|index| format!("\x1b]4;{index};?\x1b\\"));
    let palette = palette.collect::<String>();
    format!("\x1b[?996n\x1b]10;?\x1b\\\x1b]11;?\x1b\\{palette}\x1b[?u\x1b[c")
}

/// Sets the title; an empty one clears it.
pub(crate) fn title(text: &str) -> String {
    format!("\x1b]2;{}\x1b\\", plain(text, TITLE_LIMIT))
}

/// Puts a text into the clipboard (OSC 52), if it is not too long for that.
pub(crate) fn clipboard(text: &str) -> Option<String> {
    let fits = text.len() <= CLIPBOARD_LIMIT;
    fits.then(|| format!("\x1b]52;c;{}\x07", STANDARD.encode(text)))
}

/// A sequence for the terminal outside of tmux.
pub(crate) fn through_tmux(sequence: &str) -> String {
    format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b"))
}

/// A sequence for the terminal outside of screen, in pieces that it takes.
pub(crate) fn through_screen(sequence: &str) -> String {
    const PIECE: usize = 512;
    let bytes = sequence.as_bytes().chunks(PIECE);
    bytes
        .map(|piece| format!("\x1bP{}\x1b\\", String::from_utf8_lossy(piece)))
        .collect()
}

/// A text of one line without control characters, cut at a number of characters.
pub(crate) fn plain(text: &str, limit: usize) -> String {
    let visible = text.chars().map(|character| match character.is_whitespace() {
        true => ' ',
        false => character,
    });
    visible
        .filter(|character| !character.is_control() && !is_hidden(*character))
        .take(limit)
        .collect()
}

/// Characters that turn the direction of what follows.
fn is_hidden(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_escapes_from_a_sequence() {
        assert_eq!(
            title("a\x1b\\b\x07c\u{9c}d\ne\u{202e}f"),
            "\x1b]2;a\\bcd ef\x1b\\"
        );
        assert_eq!(title(&"x".repeat(1000)).len(), TITLE_LIMIT + 6);
        assert_eq!(title(""), "\x1b]2;\x1b\\");
    }

    #[test]
    fn clipboard_sequences() {
        assert_eq!(clipboard("hi").as_deref(), Some("\x1b]52;c;aGk=\x07"));
        assert_eq!(clipboard(&"x".repeat(CLIPBOARD_LIMIT + 1)), None);
        assert_eq!(
            through_tmux("\x1b]52;c;aGk=\x07"),
            "\x1bPtmux;\x1b\x1b]52;c;aGk=\x07\x1b\\"
        );
        let long = through_screen(&"y".repeat(600));
        assert_eq!(long.matches("\x1bP").count(), 2);
        assert_eq!(long.matches('y').count(), 600);
    }

    #[test]
    fn modes_are_as_configured() {
        let with = |text: &str, variables: &[(&str, &str)]| {
            let variables = variables.iter();
            let environment = variables
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            Modes::of(&serde_json::from_str(text).unwrap(), &environment, false)
        };
        let plain = with("{}", &[]);
        assert_eq!((plain.mouse, plain.cursor), (true, CursorShape::Terminal));
        assert!(!with(r#"{"mouse": false}"#, &[]).mouse);
        assert!(!with("{}", &[("OPENCODE_DISABLE_MOUSE", "1")]).mouse);
        let cases = [
            (
                r#"{"cursor": {}}"#,
                CursorShape::Block { blinking: true },
                "\x1b[1 q",
            ),
            (
                r#"{"cursor": {"style": "line", "blinking": false}}"#,
                CursorShape::Line { blinking: false },
                "\x1b[6 q",
            ),
            (
                r#"{"cursor": {"style": "underline"}}"#,
                CursorShape::Underline { blinking: true },
                "\x1b[3 q",
            ),
            (r#"{"cursor": {"style": "default"}}"#, CursorShape::Terminal, ""),
        ];
        for (text, shape, sent) in cases {
            let modes = with(text, &[]);
            assert_eq!(modes.cursor, shape, "{text}");
            assert!(enter(modes).contains(sent), "{text}");
        }
    }

    #[test]
    fn what_is_taken_is_given_back() {
        let taken = enter(Modes {
            mouse: true,
            releases: false,
            cursor: CursorShape::Line { blinking: true },
        });
        for mode in [
            "1049", "2004", "1004", "2027", "2031", "1000", "1002", "1003", "1006",
        ] {
            assert!(taken.contains(&format!("[?{mode}h")), "{mode} is taken");
            assert!(LEAVE.contains(&format!("[?{mode}l")), "{mode} is given back");
        }
        assert!(taken.contains("\x1b[5 q") && LEAVE.contains("\x1b[0 q"));
        assert!(!enter(Modes::default()).contains("1003"));
    }
}
