//! What a terminal tells.

use crate::key::{Modifiers, Press};

/// Something that the terminal, or the system about it, tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A key.
    Key(Press),
    /// A text that was pasted.
    Paste(Paste),
    /// The mouse.
    Mouse(Mouse),
    /// The terminal has a new size, in columns and rows.
    Resize(u16, u16),
    /// The terminal got the keyboard, or lost it.
    Focus(bool),
    /// The terminal is light or dark from now on.
    Mode(Mode),
    /// An answer: one of the terminal's own colours.
    Color(Slot, Rgb),
    /// All questions that were asked before have been answered, or will never be.
    Answered,
    /// The terminal tells keys in full; shift+enter is a key of its own.
    FullKeyboard,
    /// The program goes on after it was put to sleep; everything has to be drawn again.
    Resumed,
    /// The user asks to read themes and configuration again (SIGUSR2).
    Reload,
    /// The system asks to end (SIGTERM, SIGHUP, SIGINT), or the terminal has gone.
    End,
}

/// A pasted text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Paste {
    /// The text as it was sent: it may have line ends of any kind and control characters.
    pub(crate) text: String,
    /// Whether it was longer than [`PASTE_LIMIT`](super::parser::PASTE_LIMIT), and its end is missing.
    pub(crate) cut: bool,
}

/// A movement of the mouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mouse {
    /// Which movement.
    pub(crate) kind: MouseKind,
    /// The column, from 0.
    pub(crate) column: u16,
    /// The row, from 0.
    pub(crate) row: u16,
    /// The keys that were held.
    pub(crate) modifiers: Modifiers,
}

/// What the mouse did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MouseKind {
    /// A button went down.
    Down(Button),
    /// A button went up.
    Up(Button),
    /// It moved with a button down.
    Drag(Button),
    /// It moved.
    Move,
    /// The wheel moved up.
    WheelUp,
    /// The wheel moved down.
    WheelDown,
    /// The wheel moved left.
    WheelLeft,
    /// The wheel moved right.
    WheelRight,
}

/// A button of the mouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Button {
    /// Left.
    Left,
    /// Middle.
    Middle,
    /// Right.
    Right,
}

/// Whether a terminal is light or dark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Light text on a dark ground.
    #[default]
    Dark,
    /// Dark text on a light ground.
    Light,
}

/// One of a terminal's own colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Text.
    Foreground,
    /// The ground.
    Background,
    /// A colour of the palette.
    Palette(u8),
}

/// A colour in red, green and blue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Rgb(pub(crate) u8, pub(crate) u8, pub(crate) u8);
