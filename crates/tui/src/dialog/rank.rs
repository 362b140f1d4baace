//! Which entries of a list were meant by a few letters.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// Places of the entries that match, the best first; all of them in their order when nothing is asked for. An
/// entry is its title, which counts twice, and its category.
pub(crate) fn rank<'a>(query: &str, entries: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<usize> {
    let query = query.trim();
    if query.is_empty() {
        return entries.enumerate().map(|(place, _)| place).collect();
    }
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(query, CaseMatching::Ignore, Normalization::Smart);
    let mut letters = Vec::new();
    let mut score = |text: &str| {
        let text = Utf32Str::new(text, &mut letters);
        pattern.score(text, &mut matcher)
    };
    let mut found: Vec<(u32, usize)> = entries
        .enumerate()
        .filter_map(|(place, (title, category))| {
            let title = score(title).map(|score| score.saturating_mul(2));
            let best = title.max(score(category))?;
            Some((best, place))
        })
        .collect();
    found.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    found.into_iter().map(|(_, place)| place).collect()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::rank;

    #[test]
    fn entries_are_found_by_letters_in_their_order() {
        let entries = [
            ("Switch session", "Session"),
            ("Switch model", "Agent"),
            ("Toggle sidebar", "Session"),
        ];
        let found = |query: &str| rank(query, entries.into_iter());
        let table: &[(&str, &[usize])] = &[
            ("", &[0, 1, 2]),
            ("model", &[1]),
            ("swmo", &[1]),
            ("SIDE", &[2]),
            ("agent", &[1]),
            ("zzz", &[]),
        ];
        for (query, expected) in table {
            assert_eq!(found(query), *expected, "{query}");
        }
        assert_eq!(found("session")[0], 0, "a title counts more than a category");
    }
}
