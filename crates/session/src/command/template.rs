//! What a command's template becomes with arguments (reference `agents-commands-permissions.md` §3.1).
//! Pure: what has to be run or read is only found here.

use std::ops::Range;

/// What stands for everything that was given.
const WHOLE: &str = "$ARGUMENTS";

/// The template with its places filled. Without any place, the arguments follow after an empty line.
pub(super) fn filled(template: &str, arguments: &str) -> String {
    let places = numbered(template);
    let highest = places.iter().map(|(_, number)| *number).max();
    let tokens = tokens(arguments);
    let mut text = String::with_capacity(template.len());
    let mut at = 0;
    for (range, number) in &places {
        text.push_str(&template[at..range.start]);
        at = range.end;
        let Some(index) = number.checked_sub(1) else {
            continue;
        };
        let rest = tokens.get(index..).unwrap_or_default();
        // The last place takes all that is left.
        let taken = if Some(*number) == highest {
            rest.len()
        } else {
            rest.len().min(1)
        };
        text.push_str(&rest[..taken].join(" "));
    }
    text.push_str(&template[at..]);
    let has_whole = template.contains(WHOLE);
    if has_whole {
        text = text.replace(WHOLE, arguments);
    }
    if places.is_empty() && !has_whole && !arguments.trim().is_empty() {
        text.push_str("\n\n");
        text.push_str(arguments);
    }
    text
}

/// `$1`, `$2`, … with where they stand.
fn numbered(template: &str) -> Vec<(Range<usize>, usize)> {
    let digits = |at: usize| template[at..].bytes().take_while(u8::is_ascii_digit).count();
    template
        .match_indices('$')
        .filter_map(|(at, _)| {
            let end = at + 1 + digits(at + 1);
            let number = template[at + 1..end].parse().ok()?;
            Some((at..end, number))
        })
        .collect()
}

/// Arguments taken apart: `[Image 1]`, texts in quotes, and words.
fn tokens(arguments: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = arguments;
    while let Some(first) = rest.chars().next() {
        let length = image(rest)
            .or_else(|| quoted(rest, first))
            .or_else(|| rest.find(|one: char| one.is_whitespace() || one == '"' || one == '\''))
            .unwrap_or(rest.len());
        if length == 0 {
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (token, later) = rest.split_at(length);
        let token = token.strip_prefix(['"', '\'']).unwrap_or(token);
        tokens.push(token.strip_suffix(['"', '\'']).unwrap_or(token));
        rest = later;
    }
    tokens
}

/// The length of `[Image 1]` at the head of a text.
fn image(text: &str) -> Option<usize> {
    let head = text.get(..6)?;
    if !head.eq_ignore_ascii_case("[image") {
        return None;
    }
    let spaced = text[6..].trim_start();
    let number = spaced.trim_start_matches(|one: char| one.is_ascii_digit());
    let is_image = spaced.len() < text.len() - 6 && number.len() < spaced.len() && number.starts_with(']');
    is_image.then(|| text.len() - number.len() + 1)
}

/// The length of a text in quotes at the head of a text.
fn quoted(text: &str, quote: char) -> Option<usize> {
    if quote != '"' && quote != '\'' {
        return None;
    }
    Some(text[1..].find(quote)? + 2)
}

/// A command line in a text, written `` !`…` ``.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Embedded {
    /// Where it stands, with its marks.
    pub(super) range: Range<usize>,
    /// What is to be run.
    pub(super) command: String,
}

/// The command lines in a text.
pub(super) fn embedded(text: &str) -> Vec<Embedded> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(mark) = text[at..].find("!`") {
        let begin = at + mark;
        let inside = begin + 2;
        match text[inside..].find('`') {
            None => break,
            // Nothing between the marks: the second one may begin another.
            Some(0) => at = inside,
            Some(length) => {
                at = inside + length + 1;
                found.push(Embedded {
                    range: begin..at,
                    command: text[inside..inside + length].to_owned(),
                });
            }
        }
    }
    found
}

/// The names that a text mentions as `@name`, each once. A full stop or comma after a name does not belong
/// to it.
pub(super) fn mentions(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (at, _) in text.match_indices('@') {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|one| one.is_ascii_alphanumeric() || one == '_' || one == '`') {
            continue;
        }
        let name = mention(&text[at + 1..]);
        if !name.is_empty() && !found.iter().any(|one| one == name) {
            found.push(name.to_owned());
        }
    }
    found
}

/// The name at the head of a text: perhaps a full stop, then letters, with full stops between letters.
fn mention(text: &str) -> &str {
    let letters = |from: usize| {
        text[from..]
            .find(|one: char| one.is_whitespace() || matches!(one, '`' | ',' | '.'))
            .unwrap_or(text.len() - from)
    };
    let mut end = usize::from(text.starts_with('.'));
    end += letters(end);
    while text[end..].starts_with('.') {
        match letters(end + 1) {
            0 => break,
            length => end += 1 + length,
        }
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn places_are_filled() {
        for (template, arguments, wanted) in [
            (
                "first=$1 second=$2",
                "\"Ann Lee\" Bob and Cy",
                "first=Ann Lee second=Bob and Cy",
            ),
            ("$2|$1", "a b c", "b c|a"),
            ("$1 and $1", "a b", "a b and a b"),
            ("$3", "a b", ""),
            ("[$0]", "a", "[]"),
            ("all: $ARGUMENTS.", "x \"y z\"", "all: x \"y z\"."),
            ("$1 of $ARGUMENTS", "a b", "a b of a b"),
            ("none", "tail end", "none\n\ntail end"),
            ("none", "  ", "none"),
            ("costs 5$", "a", "costs 5$\n\na"),
            ("$1-$2", "[Image 1] it's", "[Image 1]-it s"),
            ("$99999999999999999999999", "", "$99999999999999999999999"),
        ] {
            assert_eq!(filled(template, arguments), wanted, "{template} with {arguments}");
        }
    }

    #[test]
    fn command_lines_are_found() {
        let text = "a !`echo 1` b !`` !`two\nlines` !`open";
        let found = embedded(text);
        let commands: Vec<&str> = found.iter().map(|one| one.command.as_str()).collect();
        assert_eq!(commands, ["echo 1", "two\nlines"]);
    }

    #[test]
    fn mentions_are_found() {
        for (text, wanted) in [
            (
                "Look at @notes.txt and @sub, then @notes.txt.",
                vec!["notes.txt", "sub"],
            ),
            (
                "mail@example.com `@code` @.env @a/b.c.d. @",
                vec![".env", "a/b.c.d"],
            ),
            ("(@~/x) @é", vec!["~/x)", "é"]),
        ] {
            assert_eq!(mentions(text), wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn anything_can_be_filled(template in "[$!`@.\"'A0-9é\\[\\] ]{0,40}", arguments in "\\PC{0,40}") {
            let text = filled(&template, &arguments);
            for one in embedded(&text) {
                prop_assert!(text.is_char_boundary(one.range.end));
            }
            mentions(&text);
        }
    }
}
