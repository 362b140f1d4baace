//! The patterns of rules: `*` any text, `?` one character, nothing else special.

/// Whether `text` as a whole fits `pattern`.
///
/// `*` also matches `/` and line ends. Backslashes count as slashes on both sides. A pattern that ends in
/// ` *` also fits without that end: `git *` fits `git`. Never exponential: time is at most the product of
/// both lengths.
#[must_use]
pub fn matches(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().map(slash).collect();
    let pattern: Vec<char> = pattern.chars().map(slash).collect();
    fits(&text, &pattern)
        || pattern
            .strip_suffix(&[' ', '*'])
            .is_some_and(|start| fits(&text, start))
}

fn slash(c: char) -> char {
    if c == '\\' { '/' } else { c }
}

/// Greedy matching that goes back only to the last `*`.
fn fits(text: &[char], pattern: &[char]) -> bool {
    let (mut t, mut p) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                last_star = Some((t, p));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                t += 1;
                p += 1;
            }
            _ => {
                let Some((from, star)) = last_star else {
                    return false;
                };
                last_star = Some((from + 1, star));
                t = from + 1;
                p = star + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn table() {
        for (text, pattern, wanted) in [
            ("", "", true),
            ("", "*", true),
            ("a", "", false),
            ("git", "git *", true),
            ("git ", "git *", true),
            ("git status -s", "git *", true),
            ("gitk", "git *", false),
            ("git *", "git *", true),
            ("rm -rf /\nls", "rm *", true),
            ("src/a/b.rs", "src/*.rs", true),
            ("src\\a.rs", "src/*.rs", true),
            ("src/a.rs", "src\\*.rs", true),
            ("a.env", "*.env", true),
            ("a.env.example", "*.env", false),
            ("a.env.example", "*.env.*", true),
            ("axb", "a?b", true),
            ("ab", "a?b", false),
            ("äöü", "???", true),
            ("a+b(c)[d]{e}", "a+b(c)[d]{e}", true),
            ("abc", "a[b]c", false),
            ("A", "a", false),
            ("mississippi", "*iss*ip*", true),
            ("mississippi", "*iss*iss*iss*", false),
            ("read", "read", true),
            ("a *b", "a **", true),
        ] {
            assert_eq!(matches(text, pattern), wanted, "{text:?} {pattern:?}");
        }
    }

    #[test]
    fn many_stars_end_soon() {
        let text = "a".repeat(20_000);
        assert!(!matches(&text, &format!("{}b", "*a".repeat(200))));
    }

    /// The meaning, written as simply as can be.
    fn plainly(text: &[char], pattern: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|n| plainly(&text[n..], rest)),
            Some((c, rest)) => text
                .split_first()
                .is_some_and(|(t, tail)| (*c == '?' || c == t) && plainly(tail, rest)),
        }
    }

    proptest! {
        #[test]
        fn greedy_equals_plain(text in "[ab/]{0,8}", pattern in "[ab*?/]{0,6}") {
            let (t, p): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
            prop_assert_eq!(fits(&t, &p), plainly(&t, &p));
        }
    }
}
