//! The texts of this face by their keys (reference `web-desktop-i18n.md`). English, [`words/en.txt`](words/en.txt),
//! is complete; what another language lacks is shown in English.
//!
//! A line of a table is `key = text`; lines that begin with `#` are remarks. `{name}` in a text stands for a
//! value that [`Words::fill`] puts in.

use std::collections::HashMap;

const ENGLISH: &str = include_str!("words/en.txt");

/// The texts of one language.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    texts: HashMap<&'static str, &'static str>,
}

impl Words {
    /// English.
    pub(crate) fn english() -> Self {
        Self {
            texts: entries(ENGLISH).collect(),
        }
    }

    /// The text of a key; the key itself if no table has it, which tests do not let happen.
    pub(crate) fn get(&self, key: &'static str) -> &'static str {
        self.texts.get(key).copied().unwrap_or(key)
    }

    /// The text of a key with values in it.
    pub(crate) fn fill(&self, key: &'static str, values: &[(&str, &str)]) -> String {
        let mut text = self.get(key).to_owned();
        for (name, value) in values {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        text
    }
}

fn entries(table: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(key, text)| (key.trim(), text.trim()))
}
