//! Control sequences: `ESC [`, parameters, a final byte. Keys in the forms of xterm, of its modifyOtherKeys and of
//! kitty; the mouse in SGR's and the old form; focus and reports.

use super::{Step, key};
use crate::key::{Code, Modifiers, Motion, Press, Stroke};
use crate::terminal::event::{Button, Event, Mode, Mouse, MouseKind};

/// What bytes that begin with `ESC [` begin with.
pub(super) fn step(bytes: &[u8]) -> Step {
    let body = bytes.get(2..).unwrap_or_default();
    // The Linux console's function keys.
    if let [b'[', rest @ ..] = body {
        return match rest.first() {
            None => Step::More,
            Some(letter @ b'A'..=b'E') => key(4, Code::Function(letter - b'A' + 1), Modifiers::NONE),
            Some(_) => Step::Taken(3, None),
        };
    }
    let end = body.iter().position(|byte| !(0x20..=0x3f).contains(byte));
    let Some(end) = end else {
        return Step::More;
    };
    let length = end + 3;
    let (parameters, last) = (body.get(..end).unwrap_or_default(), body.get(end).copied());
    match (parameters, last) {
        // A sequence that another one interrupts, or garbage.
        (_, Some(0..=0x3f | 0x7f..)) => Step::Taken(end + 2, None),
        (b"", Some(b'M')) => old_mouse(bytes),
        (b"200", Some(b'~')) => Step::Paste(length),
        (parameters, Some(last)) => Step::Taken(length, event(parameters, last)),
        (_, None) => Step::More,
    }
}

fn event(parameters: &[u8], last: u8) -> Option<Event> {
    match (parameters, last) {
        (b"", b'I') => Some(Event::Focus(true)),
        (b"", b'O') => Some(Event::Focus(false)),
        (b"?997;1", b'n') => Some(Event::Mode(Mode::Dark)),
        (b"?997;2", b'n') => Some(Event::Mode(Mode::Light)),
        ([b'?', ..], b'c') => Some(Event::Answered),
        ([b'?', ..], b'u') => Some(Event::FullKeyboard),
        ([b'<', rest @ ..], b'M' | b'm') => mouse(rest, last == b'm'),
        ([b'?' | b'>' | b'=' | b'<', ..], _) => None,
        (_, b'u') => kitty(parameters),
        (_, b'~') => numbered(parameters),
        (_, b'Z') => Some(Event::Key(Press::new(
            Code::Tab,
            modifiers(parameters).0.with(Modifiers::SHIFT),
        ))),
        (_, last) => {
            // With another number it is an answer to a question of someone else, such as the cursor's place.
            let first = fields(parameters).next()?.first().copied().flatten();
            if first.is_some_and(|first| first != 1) {
                return None;
            }
            let (modifiers, motion) = modifiers(parameters);
            Some(Event::Key(Press::new(letter(last)?, modifiers).moving(motion)))
        }
    }
}

/// The key of a final letter.
pub(super) fn letter(letter: u8) -> Option<Code> {
    Some(match letter {
        b'A' => Code::Up,
        b'B' => Code::Down,
        b'C' => Code::Right,
        b'D' => Code::Left,
        b'F' => Code::End,
        b'H' => Code::Home,
        b'P'..=b'S' => Code::Function(letter - b'P' + 1),
        _ => return None,
    })
}

/// The fields of parameters, each with its parts.
fn fields(parameters: &[u8]) -> impl Iterator<Item = Vec<Option<u32>>> {
    let number = |part: &[u8]| std::str::from_utf8(part).ok()?.parse().ok();
    let field = move |field: &[u8]| field.split(|byte| *byte == b':').map(number).collect();
    parameters.split(|byte| *byte == b';').map(field)
}

/// The modifiers and the movement in the second field.
fn modifiers(parameters: &[u8]) -> (Modifiers, Motion) {
    let field = fields(parameters).nth(1).unwrap_or_default();
    let motion = match field.get(1) {
        Some(Some(2)) => Motion::Repeat,
        Some(Some(3)) => Motion::Release,
        _ => Motion::Press,
    };
    (held(field.first().copied().flatten()), motion)
}

fn held(parameter: Option<u32>) -> Modifiers {
    const BITS: [(u32, Modifiers); 6] = [
        (1, Modifiers::SHIFT),
        (2, Modifiers::ALT),
        (4, Modifiers::CONTROL),
        (8, Modifiers::SUPER),
        (16, Modifiers::HYPER),
        (32, Modifiers::ALT),
    ];
    let bits = parameter.unwrap_or(1).saturating_sub(1);
    let held = BITS.into_iter().filter(|(bit, _)| bits & bit != 0);
    held.fold(Modifiers::NONE, |all, (_, modifier)| all.with(modifier))
}

/// `CSI number ; modifiers ~`, and xterm's `CSI 27 ; modifiers ; character ~`.
fn numbered(parameters: &[u8]) -> Option<Event> {
    let mut numbers = fields(parameters).map(|field| field.first().copied().flatten());
    let code = match numbers.next()?? {
        1 | 7 => Code::Home,
        2 => Code::Insert,
        3 => Code::Delete,
        4 | 8 => Code::End,
        5 => Code::PageUp,
        6 => Code::PageDown,
        number @ 11..=15 => Code::Function(u8::try_from(number - 10).ok()?),
        number @ 17..=21 => Code::Function(u8::try_from(number - 11).ok()?),
        number @ 23..=26 => Code::Function(u8::try_from(number - 12).ok()?),
        number @ (28 | 29) => Code::Function(u8::try_from(number - 13).ok()?),
        number @ 31..=34 => Code::Function(u8::try_from(number - 14).ok()?),
        27 => code(numbers.nth(1)??)?,
        _ => return None,
    };
    let (modifiers, motion) = modifiers(parameters);
    Some(Event::Key(Press::new(code, modifiers).moving(motion)))
}

/// kitty's `CSI character : with shift : on a Latin keyboard ; modifiers : movement ; text u`.
fn kitty(parameters: &[u8]) -> Option<Event> {
    let key = fields(parameters).next()?;
    let part = |index: usize| key.get(index).copied().flatten().and_then(code);
    let plain = part(0)?;
    let (modifiers, motion) = modifiers(parameters);
    let shifted = part(1).filter(|_| modifiers.contains(Modifiers::SHIFT));
    let mut press = Press::new(shifted.unwrap_or(plain), modifiers).moving(motion);
    press.latin = part(2).map(|code| Stroke::new(code, modifiers));
    Some(Event::Key(press))
}

/// The key of a character's number, or of kitty's private numbers.
fn code(number: u32) -> Option<Code> {
    const PAD: [Code; 10] = [
        Code::Left,
        Code::Right,
        Code::Up,
        Code::Down,
        Code::PageUp,
        Code::PageDown,
        Code::Home,
        Code::End,
        Code::Insert,
        Code::Delete,
    ];
    const OTHERS: [&str; 27] = [
        "mediaplay",
        "mediapause",
        "mediaplaypause",
        "mediareverse",
        "mediastop",
        "mediafastforward",
        "mediarewind",
        "medianext",
        "mediaprev",
        "mediarecord",
        "volumedown",
        "volumeup",
        "mute",
        "leftshift",
        "leftctrl",
        "leftalt",
        "leftsuper",
        "lefthyper",
        "leftmeta",
        "rightshift",
        "rightctrl",
        "rightalt",
        "rightsuper",
        "righthyper",
        "rightmeta",
        "iso_level3_shift",
        "iso_level5_shift",
    ];
    const LOCKS: [&str; 6] = [
        "capslock",
        "scrolllock",
        "numlock",
        "printscreen",
        "pause",
        "menu",
    ];
    let at = |first: u32| usize::try_from(number.checked_sub(first)?).ok();
    Some(match number {
        9 => Code::Tab,
        13 => Code::Enter,
        27 => Code::Escape,
        8 | 127 => Code::Backspace,
        57358..=57363 => Code::Other(LOCKS.get(at(57358)?)?),
        57376..=57398 => Code::Function(u8::try_from(number - 57376 + 13).ok()?),
        57399..=57408 => Code::Char(char::from(b'0' + u8::try_from(number - 57399).ok()?)),
        57409..=57413 => Code::Char(char::from(*b"./*-+".get(at(57409)?)?)),
        57414 => Code::Enter,
        57415 => Code::Char('='),
        57416 => Code::Char(','),
        57417..=57426 => *PAD.get(at(57417)?)?,
        57428..=57454 => Code::Other(OTHERS.get(at(57428)?)?),
        57344..=63743 => return None,
        number => Code::Char(char::from_u32(number).filter(|character| !character.is_control())?),
    })
}

/// SGR's `CSI < button ; column ; row M` or `m`.
fn mouse(parameters: &[u8], released: bool) -> Option<Event> {
    let mut numbers = fields(parameters).map(|field| field.first().copied().flatten());
    let button = numbers.next()??;
    let mut place = || u16::try_from(numbers.next()??.checked_sub(1)?).ok();
    let (column, row) = (place()?, place()?);
    Some(Event::Mouse(Mouse {
        kind: movement(button, released)?,
        column,
        row,
        modifiers: mouse_modifiers(button),
    }))
}

/// The form before SGR's: three bytes, each 32 more than what it says.
fn old_mouse(bytes: &[u8]) -> Step {
    let Some([button, column, row]) = bytes.get(3..6) else {
        return Step::More;
    };
    let button = u32::from(button.saturating_sub(32));
    let place = |byte: &u8| u16::from(byte.saturating_sub(33));
    let kind = match button & 0b11 {
        3 if button & 0b110_0000 == 0 => Some(MouseKind::Up(Button::Left)),
        _ => movement(button, false),
    };
    let event = kind.map(|kind| {
        Event::Mouse(Mouse {
            kind,
            column: place(column),
            row: place(row),
            modifiers: mouse_modifiers(button),
        })
    });
    Step::Taken(6, event)
}

fn movement(button: u32, released: bool) -> Option<MouseKind> {
    let which = match button & 0b11 {
        0 => Some(Button::Left),
        1 => Some(Button::Middle),
        2 => Some(Button::Right),
        _ => None,
    };
    if button & 128 != 0 {
        return None;
    }
    if button & 64 != 0 {
        return Some(match button & 0b11 {
            0 => MouseKind::WheelUp,
            1 => MouseKind::WheelDown,
            2 => MouseKind::WheelLeft,
            _ => MouseKind::WheelRight,
        });
    }
    Some(match (button & 32 != 0, which, released) {
        (true, Some(which), _) => MouseKind::Drag(which),
        (true, None, _) => MouseKind::Move,
        (false, which, true) => MouseKind::Up(which?),
        (false, which, false) => MouseKind::Down(which?),
    })
}

fn mouse_modifiers(button: u32) -> Modifiers {
    const BITS: [(u32, Modifiers); 3] = [
        (4, Modifiers::SHIFT),
        (8, Modifiers::ALT),
        (16, Modifiers::CONTROL),
    ];
    let held = BITS.into_iter().filter(|(bit, _)| button & bit != 0);
    held.fold(Modifiers::NONE, |all, (_, modifier)| all.with(modifier))
}
