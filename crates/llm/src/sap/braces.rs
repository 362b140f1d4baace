//! Braces that a template would read as its own: a mark that nobody sees is put between them and the next
//! sign, and taken out of what the model writes.

use serde_json::Value;

/// No width, no meaning.
const MARK: char = '\u{200b}';

/// Parts the braces in all texts of a value.
pub(super) fn part(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('{') => *text = parted(text),
        Value::Array(list) => list.iter_mut().for_each(part),
        // A file may not be changed, and a brace in its address is no template.
        Value::Object(object) => object
            .iter_mut()
            .filter(|(key, _)| !matches!(key.as_str(), "image_url" | "file"))
            .for_each(|(_, value)| part(value)),
        _ => {}
    }
}

fn parted(text: &str) -> String {
    let mut parted = String::with_capacity(text.len() + 8);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        parted.push(letter);
        if letter == '{' && matches!(letters.peek(), Some('{' | '%' | '#')) {
            parted.push(MARK);
        }
    }
    parted
}

/// Takes marks out of a text that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    after_brace: bool,
}

impl Joiner {
    /// The next piece, without marks.
    pub(super) fn take(&mut self, piece: &mut String) {
        if piece.is_empty() {
            return;
        }
        let mut after_brace = self.after_brace;
        if piece.contains(MARK) {
            piece.retain(|letter| {
                let keep = !(after_brace && letter == MARK);
                if keep {
                    after_brace = letter == '{';
                }
                keep
            });
            self.after_brace = after_brace;
        } else {
            self.after_brace = piece.ends_with('{');
        }
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    #[test]
    fn braces_are_parted_and_come_together_again() {
        for (text, wanted) in [
            ("a {b}", "a {b}"),
            ("{{name}}", "{\u{200b}{name}}"),
            ("{{{x}}}", "{\u{200b}{\u{200b}{x}}}"),
            ("{%x%} {#c#} {", "{\u{200b}%x%} {\u{200b}#c#} {"),
        ] {
            assert_eq!(parted(text), wanted);
            let letters: Vec<char> = wanted.chars().collect();
            for size in 1..=letters.len() {
                let mut joiner = Joiner::default();
                let mut joined = String::new();
                for piece in letters.chunks(size) {
                    let mut piece: String = piece.iter().collect();
                    joiner.take(&mut piece);
                    joined.push_str(&piece);
                }
                assert_eq!(joined, text, "{size}");
            }
        }
        let mut message = json!([{"content": ["{{a"], "image_url": {"url": "{{b"}}]);
        part(&mut message);
        assert_eq!(
            message,
            json!([{"content": ["{\u{200b}{a"], "image_url": {"url": "{{b"}}])
        );
    }
}
