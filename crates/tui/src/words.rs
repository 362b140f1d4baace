//! The texts of this face by their keys (reference `web-desktop-i18n.md`). English, [`words/en.txt`](words/en.txt),
//! is complete; what another language lacks is shown in English.
//!
//! A line of a table is `key = text`; lines that begin with `#` are remarks. `{name}` in a text stands for a
//! value that [`Words::fill`] puts in.

mod languages;

use std::collections::HashMap;

#[cfg(test)]
use languages::LANGUAGES;
pub(crate) use languages::Language;

/// The texts of one language.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    texts: HashMap<&'static str, &'static str>,
}

impl Words {
    /// English.
    #[cfg(test)]
    pub(crate) fn english() -> Self {
        Self::of(Language::english())
    }

    /// The texts of a language, with those of English where it has none. No other table is read.
    pub(crate) fn of(language: &'static Language) -> Self {
        let mut texts = entries(Language::english().table).collect::<HashMap<_, _>>();
        if language != Language::english() {
            texts.extend(entries(language.table));
        }
        Self { texts }
    }

    /// The text of a key; the key itself if no table has it, which tests do not let happen.
    pub(crate) fn get(&self, key: &'static str) -> &'static str {
        self.texts.get(key).copied().unwrap_or(key)
    }

    /// The text of a key with values in it. What is in the values stands as it is.
    pub(crate) fn fill(&self, key: &'static str, values: &[(&str, &str)]) -> String {
        let mut rest = self.get(key);
        let mut text = String::with_capacity(rest.len());
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let value = after.split_once('}').and_then(|(name, after)| {
                let (_, value) = values.iter().find(|(known, _)| *known == name)?;
                Some((*value, after))
            });
            rest = match value {
                Some((value, after)) => {
                    text.push_str(value);
                    after
                }
                None => {
                    text.push('{');
                    after
                }
            };
        }
        text.push_str(rest);
        text
    }
}

fn entries(table: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(key, text)| (key.trim(), text.trim()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What stands for values in a text.
    fn places(text: &str) -> BTreeSet<&str> {
        let parts = text.split('{').skip(1);
        parts.filter_map(|part| Some(part.split_once('}')?.0)).collect()
    }

    /// What is wrong with a table beside the English one.
    fn wrong(table: &'static str, english: &HashMap<&str, &str>) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut seen = BTreeSet::new();
        for line in table.lines() {
            if !line.trim().is_empty() && !line.starts_with('#') && !line.contains('=') {
                wrong.push(format!("no text: {line}"));
            }
        }
        for (key, text) in entries(table) {
            if !seen.insert(key) {
                wrong.push(format!("twice: {key}"));
            }
            match english.get(key) {
                None => wrong.push(format!("not in English: {key}")),
                Some(_) if text.is_empty() => wrong.push(format!("empty: {key}")),
                Some(known) if places(known) != places(text) => wrong.push(format!(
                    "{key} has {:?} and English {:?}",
                    places(text),
                    places(known)
                )),
                Some(_) => {}
            }
        }
        wrong
    }

    #[test]
    fn tables_fit_the_english_one() {
        let english = entries(Language::english().table).collect::<HashMap<_, _>>();
        let mut codes = BTreeSet::new();
        for language in LANGUAGES {
            assert!(codes.insert(language.code), "{} stands twice", language.code);
            let wrong = wrong(language.table, &english);
            assert!(wrong.is_empty(), "{}: {wrong:#?}", language.code);
        }
        assert!(codes.len() >= 18);
    }

    #[test]
    fn a_table_that_does_not_fit_is_seen() {
        let english = HashMap::from([("a.one", "{count} of {all}"), ("a.two", "two"), ("a.three", "x")]);
        let table =
            "# remark\n\na.one = {all} / {count}\na.two = {two}\na.four = x\na.three =\na.two = y\nloose\n";
        assert_eq!(
            wrong(table, &english),
            [
                "no text: loose",
                "a.two has {\"two\"} and English {}",
                "not in English: a.four",
                "empty: a.three",
                "twice: a.two",
            ]
        );
    }

    #[test]
    fn values_are_put_in_once() {
        let words = Words {
            texts: HashMap::from([("a", "{x} and {y}, {z} {"), ("b", "plain")]),
        };
        assert_eq!(words.fill("a", &[("x", "{y}"), ("y", "2")]), "{y} and 2, {z} {");
        assert_eq!(words.fill("b", &[("x", "1")]), "plain");
        assert_eq!(words.fill("missing", &[]), "missing");
    }

    #[test]
    fn what_a_language_lacks_is_english() {
        let english = Words::english();
        for language in LANGUAGES {
            let words = Words::of(language);
            assert_eq!(words.texts.len(), english.texts.len(), "{}", language.code);
        }
    }
}
