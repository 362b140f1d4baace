//! Halves of characters in JSON.
//!
//! JavaScript cuts text by UTF-16 units, so servers written in it may cut a character in two: one event ends
//! with `\ud83d`, the next begins with `\ude00`. JSON as Rust reads it has no half characters. What belongs
//! together is joined here; a half that stays alone becomes U+FFFD.

use std::borrow::Cow;
use std::ops::RangeInclusive;

const HIGH: RangeInclusive<u16> = 0xD800..=0xDBFF;
const LOW: RangeInclusive<u16> = 0xDC00..=0xDFFF;
const REPLACEMENT: &str = "\\ufffd";

/// Mends the events of one answer.
#[derive(Debug, Default)]
pub(crate) struct Mender {
    /// The first half, with which a text of the event before ended.
    held: Option<u16>,
}

impl Mender {
    /// The JSON of the next event without half characters.
    pub(crate) fn mend<'a>(&mut self, json: &'a str) -> Cow<'a, str> {
        let mut held = self.held.take();
        if held.is_none() && !may_have_halves(json) {
            return Cow::Borrowed(json);
        }
        let mut mended = String::with_capacity(json.len());
        let mut rest = json;
        while let Some(at) = rest.find('\\') {
            let (before, escape) = rest.split_at(at);
            mended.push_str(before);
            let unit = unit(escape);
            match unit {
                Some(high) if HIGH.contains(&high) => {
                    let second = escape
                        .get(6..)
                        .and_then(self::unit)
                        .filter(|unit| LOW.contains(unit));
                    let length = if second.is_some() { 12 } else { 6 };
                    if second.is_some() {
                        mended.push_str(escape.get(..12).unwrap_or_default());
                    } else if escape.get(6..).is_some_and(|rest| rest.starts_with('"')) {
                        self.held = Some(high);
                    } else {
                        mended.push_str(REPLACEMENT);
                    }
                    rest = escape.get(length..).unwrap_or_default();
                }
                Some(low) if LOW.contains(&low) => {
                    match held.take().filter(|_| mended.ends_with('"')) {
                        Some(high) => mended.push_str(&format!("\\u{high:04x}\\u{low:04x}")),
                        None => mended.push_str(REPLACEMENT),
                    }
                    rest = escape.get(6..).unwrap_or_default();
                }
                _ => {
                    // The backslash with what it escapes, which may be another backslash.
                    let end = escape
                        .char_indices()
                        .nth(2)
                        .map_or(escape.len(), |(index, _)| index);
                    mended.push_str(&escape[..end]);
                    rest = &escape[end..];
                }
            }
        }
        mended.push_str(rest);
        Cow::Owned(mended)
    }
}

fn may_have_halves(json: &str) -> bool {
    let bytes = json.as_bytes();
    memchr::memchr_iter(b'\\', bytes).any(|at| matches!(bytes.get(at + 1..at + 3), Some([b'u', b'd' | b'D'])))
}

/// The UTF-16 unit that a text beginning with an escape stands for.
fn unit(escape: &str) -> Option<u16> {
    let digits = escape.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn table() {
        for (events, wanted) in [
            (
                &[r#"{"a":"x\ud83d"}"#, r#"{"a":"\ude00y"}"#][..],
                &[r#"{"a":"x"}"#, r#"{"a":"\ud83d\ude00y"}"#][..],
            ),
            (&[r#"{"a":"\ud83d\ude00"}"#], &[r#"{"a":"\ud83d\ude00"}"#]),
            (&[r#"{"a":"\ud83d!"}"#], &[r#"{"a":"\ufffd!"}"#]),
            (&[r#"{"a":"\uDE00"}"#], &[r#"{"a":"\ufffd"}"#]),
            (&[r#"{"a":"\\ud83d"}"#], &[r#"{"a":"\\ud83d"}"#]),
            (&[r#"{"a":"\\\ud83d-"}"#], &[r#"{"a":"\\\ufffd-"}"#]),
            (
                &[r#"{"a":"\ud83d"}"#, r#"{"a":"z"}"#],
                &[r#"{"a":""}"#, r#"{"a":"z"}"#],
            ),
            (
                &[r#""\ud8"#, r#""\u"#, "\"\\", "\\é\\ud"],
                &[r#""\ud8"#, r#""\u"#, "\"\\", "\\é\\ud"],
            ),
        ] {
            let mut mender = Mender::default();
            let mended: Vec<String> = events
                .iter()
                .map(|event| mender.mend(event).into_owned())
                .collect();
            assert_eq!(mended, wanted);
        }
    }

    proptest! {
        #[test]
        fn whatever_javascript_writes_can_be_read(units in proptest::collection::vec(any::<u16>(), 0..20), cut in 0..20_usize) {
            let json = |units: &[u16]| {
                let escapes: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
                format!("\"{escapes}\"")
            };
            let (before, after) = units.split_at(cut.min(units.len()));
            let mut mender = Mender::default();
            let mut read = |units| serde_json::from_str::<String>(&mender.mend(&json(units))).unwrap();
            let text = read(before) + &read(after);
            // A first half that nothing follows is dropped.
            let joined = String::from_utf16_lossy(&units);
            let without = joined.replace('\u{fffd}', "");
            prop_assert_eq!(text.replace('\u{fffd}', ""), without);
        }
    }
}
