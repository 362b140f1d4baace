//! Which entries of a list were meant by a few letters (reference `tui.md` §10).

use opencode_fuzzy::{Needle, Scorer, between_0_and_1};

/// Places of the entries that match, the best first; all of them in their order when nothing is asked for. An
/// entry is its title, which counts twice, and its category.
pub(crate) fn rank<'a>(query: &str, entries: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<usize> {
    let needle = Needle::new(query);
    if needle.is_empty() {
        return entries.enumerate().map(|(place, _)| place).collect();
    }
    let mut scorer = Scorer::default();
    let mut score = |text: &str| scorer.score(&needle, text).map_or(0.0, between_0_and_1);
    let mut found: Vec<(f64, usize)> = entries
        .enumerate()
        .map(|(place, (title, category))| (2.0 * score(title) + score(category), place))
        .filter(|(score, _)| *score > 0.0)
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
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
            ("SIDEB", &[2]),
            ("agent", &[1]),
            ("zzz", &[]),
        ];
        for (query, expected) in table {
            assert_eq!(found(query), *expected, "{query}");
        }
        assert_eq!(found("session")[0], 0, "a title counts more than a category");
    }
}
