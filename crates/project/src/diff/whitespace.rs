//! White space as JavaScript sees it: the matchers and patches of the reference trim with it.

/// Whether JavaScript's `trim` and `\s` take `char` for white space. Differs from Unicode's property in
/// two characters: the byte order mark is one, NEXT LINE is none.
#[must_use]
pub fn is_whitespace(char: char) -> bool {
    char == '\u{feff}' || (char.is_whitespace() && char != '\u{85}')
}

/// `text` without white space at both ends.
#[must_use]
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_whitespace)
}

/// `text` without white space at its start.
#[must_use]
pub fn trim_start(text: &str) -> &str {
    text.trim_start_matches(is_whitespace)
}
