//! Arguments of a call as they grow, and the moment at which they are whole JSON.
//!
//! Asking a JSON parser after each piece would take time by the square of the length. Most of the time
//! it is clear without one that the text cannot be whole: inside a string, or with brackets open.

use serde::de::IgnoredAny;

/// Arguments that may still grow.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    text: String,
    depth: i64,
    in_string: bool,
    escaped: bool,
    /// Something other than white space has come.
    begun: bool,
    /// Nothing that follows can make it JSON.
    hopeless: bool,
}

impl Arguments {
    pub(super) fn push(&mut self, piece: &str) {
        self.text.push_str(piece);
        self.begun = self.begun || piece.bytes().any(|byte| !byte.is_ascii_whitespace());
        for byte in piece.bytes() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
            } else {
                match byte {
                    b'"' => self.in_string = true,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => self.depth -= 1,
                    _ => {}
                }
            }
        }
    }

    /// Whether the text is whole JSON.
    pub(super) fn is_whole(&mut self) -> bool {
        if self.hopeless || self.in_string || self.depth > 0 || !self.begun {
            return false;
        }
        match serde_json::from_str::<IgnoredAny>(&self.text) {
            Ok(_) => true,
            Err(error) => {
                self.hopeless = !error.is_eof();
                false
            }
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn into_string(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_json_is_seen_at_once() {
        let table = [
            ("", false),
            ("{}", true),
            ("{\"a\": [1, \"}\"]}", true),
            ("{\"a\": \"\\\"}", false),
            ("{\"a\"", false),
            ("  ", false),
            ("12", true),
            ("tru", false),
            ("true", true),
            ("\"x\"", true),
            ("{} x", false),
            ("}", false),
            ("\"\\ud83d\"", true),
        ];
        for (text, expected) in table {
            let mut arguments = Arguments::default();
            arguments.push(text);
            assert_eq!(arguments.is_whole(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_parser_after_each_piece(text in "[\\[\\]{}\",:\\\\a1 ]{0,24}") {
            let mut arguments = Arguments::default();
            for (index, letter) in text.char_indices() {
                arguments.push(letter.encode_utf8(&mut [0; 4]));
                let so_far = &text[..index + letter.len_utf8()];
                prop_assert_eq!(arguments.is_whole(), serde_json::from_str::<IgnoredAny>(so_far).is_ok(), "{}", so_far);
            }
        }
    }
}
