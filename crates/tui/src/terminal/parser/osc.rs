//! Strings that a terminal sends: `ESC ]` and its like, a text, and BEL or `ESC \`. Answers about colours are
//! read, all others dropped.

use super::Step;
use crate::terminal::event::{Event, Rgb, Slot};

/// What bytes that begin with such a string begin with.
pub(super) fn step(bytes: &[u8]) -> Step {
    let body = bytes.get(2..).unwrap_or_default();
    for (at, byte) in body.iter().enumerate() {
        let text = body.get(..at).unwrap_or_default();
        match (byte, body.get(at + 1)) {
            (0x07, _) => return Step::Taken(at + 3, answer(bytes, text)),
            (0x1b, Some(b'\\')) => return Step::Taken(at + 4, answer(bytes, text)),
            (0x1b, None) => return Step::More,
            // Another sequence begins: this one was none.
            (0x1b, Some(_)) => return Step::Taken(at + 2, None),
            _ => {}
        }
    }
    Step::More
}

fn answer(bytes: &[u8], text: &[u8]) -> Option<Event> {
    if bytes.get(1) != Some(&b']') {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let (command, value) = text.split_once(';')?;
    let (slot, value) = match command {
        "10" => (Slot::Foreground, value),
        "11" => (Slot::Background, value),
        "4" => {
            let (index, value) = value.split_once(';')?;
            (Slot::Palette(index.parse().ok()?), value)
        }
        _ => return None,
    };
    Some(Event::Color(slot, color(value)?))
}

/// X11's `rgb:r/g/b` with one to four digits each, `rgba:` with a fourth that is dropped, and `#rrggbb`.
fn color(text: &str) -> Option<Rgb> {
    if let Some(digits) = text.strip_prefix('#') {
        let part = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        return (digits.len() == 6).then_some(Rgb(part(0)?, part(2)?, part(4)?));
    }
    let (kind, parts) = text.split_once(':')?;
    if kind != "rgb" && kind != "rgba" {
        return None;
    }
    let mut parts = parts.split('/').map(|part| {
        let largest = match part.len() {
            digits @ 1..=4 => (1_u32 << (4 * digits)) - 1,
            _ => return None,
        };
        let value = u32::from_str_radix(part, 16).ok()?;
        u8::try_from((value * 255 + largest / 2) / largest).ok()
    });
    Some(Rgb(parts.next()??, parts.next()??, parts.next()??))
}
