//! Keys as this face knows them: what was pressed, whichever way the terminal told it.
//!
//! Terminals disagree about letters with shift (`E`, or `e` with shift) and about signs that need it (`?`, or `/`
//! with shift). [`Press::new`] gives every key one form, so that bindings can be compared with `==`.

use std::fmt;

/// A key without its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Code {
    /// A character; letters are small, with [`Modifiers::SHIFT`] where they were not.
    Char(char),
    /// Enter, called `return` in configuration.
    Enter,
    /// Escape.
    Escape,
    /// Tab; backwards with [`Modifiers::SHIFT`].
    Tab,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// Insert.
    Insert,
    /// Up.
    Up,
    /// Down.
    Down,
    /// Left.
    Left,
    /// Right.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// F1 and so on.
    Function(u8),
    /// Any other key, by its name in configuration, such as `capslock`.
    Other(&'static str),
}

/// Names of keys in configuration, the one that is shown first. Of names that begin alike the longer one stands
/// first, because keys of a sequence may follow each other without a space.
const NAMES: &[(&str, Code)] = &[
    ("return", Code::Enter),
    ("enter", Code::Enter),
    ("linefeed", Code::Char('\n')),
    ("escape", Code::Escape),
    ("esc", Code::Escape),
    ("tab", Code::Tab),
    ("backspace", Code::Backspace),
    ("delete", Code::Delete),
    ("insert", Code::Insert),
    ("pageup", Code::PageUp),
    ("pgup", Code::PageUp),
    ("pagedown", Code::PageDown),
    ("pgdown", Code::PageDown),
    ("up", Code::Up),
    ("down", Code::Down),
    ("left", Code::Left),
    ("right", Code::Right),
    ("home", Code::Home),
    ("end", Code::End),
    ("space", Code::Char(' ')),
    ("lt", Code::Char('<')),
    ("gt", Code::Char('>')),
    ("plus", Code::Char('+')),
    ("minus", Code::Char('-')),
    ("equal", Code::Char('=')),
    ("comma", Code::Char(',')),
    ("period", Code::Char('.')),
    ("slash", Code::Char('/')),
    ("backslash", Code::Char('\\')),
    ("semicolon", Code::Char(';')),
    ("quote", Code::Char('\'')),
    ("backquote", Code::Char('`')),
    ("leftbracket", Code::Char('[')),
    ("rightbracket", Code::Char(']')),
    ("capslock", Code::Other("capslock")),
    ("numlock", Code::Other("numlock")),
    ("scrolllock", Code::Other("scrolllock")),
    ("printscreen", Code::Other("printscreen")),
    ("pause", Code::Other("pause")),
    ("menu", Code::Other("menu")),
    ("apps", Code::Other("menu")),
    ("clear", Code::Other("clear")),
    ("mediaplaypause", Code::Other("mediaplaypause")),
    ("mediaplay", Code::Other("mediaplay")),
    ("mediapause", Code::Other("mediapause")),
    ("mediareverse", Code::Other("mediareverse")),
    ("mediastop", Code::Other("mediastop")),
    ("mediafastforward", Code::Other("mediafastforward")),
    ("mediarewind", Code::Other("mediarewind")),
    ("medianext", Code::Other("medianext")),
    ("mediaprev", Code::Other("mediaprev")),
    ("mediarecord", Code::Other("mediarecord")),
    ("volumedown", Code::Other("volumedown")),
    ("volumeup", Code::Other("volumeup")),
    ("mute", Code::Other("mute")),
    ("leftshift", Code::Other("leftshift")),
    ("leftctrl", Code::Other("leftctrl")),
    ("leftalt", Code::Other("leftalt")),
    ("leftsuper", Code::Other("leftsuper")),
    ("lefthyper", Code::Other("lefthyper")),
    ("leftmeta", Code::Other("leftmeta")),
    ("rightshift", Code::Other("rightshift")),
    ("rightctrl", Code::Other("rightctrl")),
    ("rightalt", Code::Other("rightalt")),
    ("rightsuper", Code::Other("rightsuper")),
    ("righthyper", Code::Other("righthyper")),
    ("rightmeta", Code::Other("rightmeta")),
    ("iso_level3_shift", Code::Other("iso_level3_shift")),
    ("iso_level5_shift", Code::Other("iso_level5_shift")),
];

impl Code {
    /// The key with a name of configuration, whatever its case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let known = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        if let Some((_, code)) = known {
            return Some(*code);
        }
        let number = name.strip_prefix(['f', 'F'])?;
        let number = number
            .parse::<u8>()
            .ok()
            .filter(|_| !number.starts_with(['0', '+']))?;
        (1..=35).contains(&number).then_some(Self::Function(number))
    }

    /// The longest name of a key with which a text begins, and the name's length.
    pub(crate) fn leading(text: &str) -> Option<(Self, usize)> {
        let begins = |name: &str| {
            let head = text.get(..name.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(name))
        };
        let named = NAMES.iter().filter(|(name, _)| begins(name));
        if let Some((name, code)) = named.max_by_key(|(name, _)| name.len()) {
            return Some((*code, name.len()));
        }
        [3, 2].into_iter().find_map(|length| {
            let code = Self::named(text.get(..length)?)?;
            matches!(code, Self::Function(_)).then_some((code, length))
        })
    }
}

/// How keys are called where they are shown.
impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Char(' ') => "space",
            Self::Char('\n') => "linefeed",
            Self::Char(character) => return write!(formatter, "{character}"),
            Self::Function(number) => return write!(formatter, "f{number}"),
            Self::Other(name) => name,
            Self::Enter => "enter",
            Self::Escape => "esc",
            Self::Tab => "tab",
            Self::Backspace => "backspace",
            Self::Delete => "del",
            Self::Insert => "insert",
            Self::Up => "up",
            Self::Down => "down",
            Self::Left => "left",
            Self::Right => "right",
            Self::Home => "home",
            Self::End => "end",
            Self::PageUp => "pgup",
            Self::PageDown => "pgdn",
        };
        formatter.write_str(name)
    }
}

/// The modifiers that are held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Modifiers(u8);

impl Modifiers {
    /// None.
    pub(crate) const NONE: Self = Self(0);
    /// Control.
    pub(crate) const CONTROL: Self = Self(1);
    /// Shift.
    pub(crate) const SHIFT: Self = Self(2);
    /// Alt, which terminals also call meta and option.
    pub(crate) const ALT: Self = Self(4);
    /// Command on a Mac, the Windows key elsewhere.
    pub(crate) const SUPER: Self = Self(8);
    /// Hyper.
    pub(crate) const HYPER: Self = Self(16);

    /// The modifier with a name of configuration, whatever its case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        Some(match name.as_str() {
            "ctrl" | "control" => Self::CONTROL,
            "shift" => Self::SHIFT,
            "alt" | "meta" | "option" => Self::ALT,
            "super" => Self::SUPER,
            "hyper" => Self::HYPER,
            _ => return None,
        })
    }

    /// These and others.
    pub(crate) const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// These without others.
    pub(crate) const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Whether all of the others are held.
    pub(crate) const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }
}

/// A key with its modifiers: what a binding names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Stroke {
    /// The key.
    pub(crate) code: Code,
    /// What was held with it.
    pub(crate) modifiers: Modifiers,
}

impl Stroke {
    /// A stroke in the one form that bindings are compared in: capitals are letters with shift, and shift is no
    /// part of a sign that cannot be typed without it.
    pub(crate) fn new(code: Code, modifiers: Modifiers) -> Self {
        let Code::Char(character) = code else {
            return Self { code, modifiers };
        };
        let mut small = character.to_lowercase();
        let lower = small.next().filter(|_| small.next().is_none());
        match lower {
            Some(lower) if lower != character => Self {
                code: Code::Char(lower),
                modifiers: modifiers.with(Modifiers::SHIFT),
            },
            _ if character.is_ascii_punctuation() => Self {
                code,
                modifiers: modifiers.without(Modifiers::SHIFT),
            },
            _ => Self { code, modifiers },
        }
    }
}

/// As it is shown to the user, such as `ctrl+shift+a`.
impl fmt::Display for Stroke {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: [(Modifiers, &str); 5] = [
            (Modifiers::CONTROL, "ctrl+"),
            (Modifiers::SHIFT, "shift+"),
            (Modifiers::ALT, "alt+"),
            (Modifiers::SUPER, "super+"),
            (Modifiers::HYPER, "hyper+"),
        ];
        for (modifier, name) in SHOWN {
            if self.modifiers.contains(modifier) {
                formatter.write_str(name)?;
            }
        }
        self.code.fmt(formatter)
    }
}

/// Which of a key's movements it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Motion {
    /// Down.
    #[default]
    Press,
    /// Held down.
    Repeat,
    /// Up; only terminals that were asked tell it.
    Release,
}

/// A key that the user pressed, holds or let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Press {
    /// Which key, with which modifiers.
    pub(crate) stroke: Stroke,
    /// Which movement.
    pub(crate) motion: Motion,
    /// What the key types, if it types something: the character as it was, capitals included.
    pub(crate) typed: Option<char>,
    /// What the same key is on a Latin keyboard, if the terminal tells it: bindings hold on keyboards of other
    /// scripts, too.
    pub(crate) latin: Option<Stroke>,
}

impl Press {
    /// A key as a terminal told it.
    pub(crate) fn new(code: Code, modifiers: Modifiers) -> Self {
        let plain = modifiers.without(Modifiers::SHIFT) == Modifiers::NONE;
        let typed = match code {
            Code::Char(character) if plain && !character.is_control() => Some(character),
            _ => None,
        };
        // A terminal that names the key and not what shift makes of it.
        let typed = typed.map(|character| {
            let mut capitals = character.to_uppercase();
            match capitals.next() {
                Some(capital) if modifiers.contains(Modifiers::SHIFT) && capitals.next().is_none() => capital,
                _ => character,
            }
        });
        Self {
            stroke: Stroke::new(code, modifiers),
            motion: Motion::Press,
            typed,
            latin: None,
        }
    }

    /// The same key in another movement.
    pub(crate) fn moving(self, motion: Motion) -> Self {
        Self { motion, ..self }
    }

    /// The key without its modifiers.
    pub(crate) fn code(&self) -> Code {
        self.stroke.code
    }

    /// What was held with the key.
    pub(crate) fn modifiers(&self) -> Modifiers {
        self.stroke.modifiers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strokes_have_one_form() {
        let shift = Modifiers::SHIFT;
        let cases = [
            ("a small letter", 'e', Modifiers::NONE, "e"),
            ("a capital", 'E', Modifiers::NONE, "shift+e"),
            ("a capital with shift", 'E', shift, "shift+e"),
            ("a letter with shift", 'e', shift, "shift+e"),
            ("a capital with control", 'A', Modifiers::CONTROL, "ctrl+shift+a"),
            ("a sign with shift", '?', shift, "?"),
            ("a digit with shift", '1', shift, "shift+1"),
            ("another script", 'Ж', Modifiers::CONTROL, "ctrl+shift+ж"),
            ("a capital of two letters", 'İ', Modifiers::NONE, "İ"),
            ("space with shift", ' ', shift, "shift+space"),
        ];
        for (name, character, modifiers, shown) in cases {
            let stroke = Stroke::new(Code::Char(character), modifiers);
            assert_eq!(stroke.to_string(), shown, "{name}");
        }
    }

    #[test]
    fn keys_type_what_they_say() {
        let cases = [
            ("a letter", Code::Char('e'), Modifiers::NONE, Some('e')),
            ("a capital", Code::Char('E'), Modifiers::SHIFT, Some('E')),
            (
                "a letter with shift",
                Code::Char('e'),
                Modifiers::SHIFT,
                Some('E'),
            ),
            (
                "a letter that has no capital",
                Code::Char('ß'),
                Modifiers::SHIFT,
                Some('ß'),
            ),
            ("control", Code::Char('e'), Modifiers::CONTROL, None),
            ("alt", Code::Char('e'), Modifiers::ALT, None),
            ("a control character", Code::Char('\u{7}'), Modifiers::NONE, None),
            ("no character", Code::Up, Modifiers::NONE, None),
        ];
        for (name, code, modifiers, typed) in cases {
            assert_eq!(Press::new(code, modifiers).typed, typed, "{name}");
        }
    }

    #[test]
    fn names_are_found() {
        let cases = [
            ("pageup", Some(Code::PageUp)),
            ("PgUp", Some(Code::PageUp)),
            ("f2", Some(Code::Function(2))),
            ("F12", Some(Code::Function(12))),
            ("f0", None),
            ("f36", None),
            ("f+1", None),
            ("f", None),
            ("nonsense", None),
        ];
        for (name, code) in cases {
            assert_eq!(Code::named(name), code, "{name}");
        }
        let leading = [
            ("escapex", Some((Code::Escape, 6))),
            ("f12", Some((Code::Function(12), 3))),
            ("f1x", Some((Code::Function(1), 2))),
            ("fx", None),
            ("écran", None),
        ];
        for (text, found) in leading {
            assert_eq!(Code::leading(text), found, "{text}");
        }
    }
}
