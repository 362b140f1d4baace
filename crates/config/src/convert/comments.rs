//! The comments of a file, each with the key that it is about.

use indexmap::IndexMap;
use jsonc_parser::ast::{Comment, Value as Node};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, CommentCollectionStrategy};
use toml_edit::{DocumentMut, Item, Table, Value as TomlValue};

use crate::text;

/// Lines of comments by the key that they stand before; those before no key stand at the end.
#[derive(Clone, Debug, Default)]
pub(super) struct Comments {
    by_key: IndexMap<Vec<String>, Vec<String>>,
    /// Those behind the last key.
    pub(super) last: Vec<String>,
}

/// A property of a JSON text.
struct Property {
    key: Vec<String>,
    start: usize,
    end: usize,
    has_keys: bool,
}

impl Comments {
    /// The comments of a text that can be read.
    pub(super) fn of_json(content: &str) -> Self {
        let mut comments = Self::default();
        let collect = CollectOptions {
            comments: CommentCollectionStrategy::Separate,
            tokens: false,
        };
        let Ok(parsed) = jsonc_parser::parse_to_ast(content, &collect, &text::OPTIONS) else {
            return comments;
        };
        let mut properties = Vec::new();
        if let Some(value) = &parsed.value {
            list(value, &mut Vec::new(), &mut properties);
        }
        // A comment is known to the tokens on both of its sides.
        let mut all: IndexMap<usize, &Comment> = IndexMap::new();
        for comment in parsed
            .comments
            .iter()
            .flat_map(|map| map.values())
            .flat_map(|list| list.iter())
        {
            all.insert(comment.range().start, comment);
        }
        all.sort_unstable_keys();
        for (start, comment) in all {
            let lines = comment
                .text()
                .lines()
                .map(|line| line.trim().trim_start_matches('*').trim());
            let lines: Vec<String> = lines.filter(|line| !line.is_empty()).map(str::to_owned).collect();
            match about(content, &properties, start) {
                Some(property) => comments.add(property.key.clone(), lines),
                None => comments.last.extend(lines),
            }
        }
        comments
    }

    /// The comments of a text that can be read.
    pub(super) fn of_toml(content: &str) -> Self {
        let mut comments = Self::default();
        let Ok(document) = content.parse::<DocumentMut>() else {
            return comments;
        };
        comments.of_table(document.as_table(), &[]);
        comments.last = in_space(document.trailing().as_str());
        comments
    }

    fn of_table(&mut self, table: &Table, at: &[String]) {
        for (name, item) in table.iter() {
            let key = [at, &[name.to_owned()]].concat();
            let before = table
                .key(name)
                .and_then(|key| key.leaf_decor().prefix()?.as_str().map(str::to_owned));
            self.add(key.clone(), in_space(before.as_deref()));
            match item {
                Item::Table(inner) => {
                    self.add(
                        key.clone(),
                        in_space(inner.decor().prefix().and_then(|raw| raw.as_str())),
                    );
                    self.add(
                        key.clone(),
                        in_space(inner.decor().suffix().and_then(|raw| raw.as_str())),
                    );
                    self.of_table(inner, &key);
                }
                Item::Value(value) => self.of_value(value, &key),
                Item::ArrayOfTables(tables) => {
                    for inner in tables {
                        let before = inner.decor().prefix().and_then(|raw| raw.as_str());
                        self.add(key.clone(), in_space(before));
                        // What stands in one of several is kept with all of them.
                        let mut of_inner = Self::default();
                        of_inner.of_table(inner, &[]);
                        let lines = of_inner.by_key.into_values().flatten().collect();
                        self.add(key.clone(), lines);
                    }
                }
                Item::None => {}
            }
        }
    }

    fn of_value(&mut self, value: &TomlValue, key: &[String]) {
        for space in [value.decor().prefix(), value.decor().suffix()] {
            self.add(key.to_vec(), in_space(space.and_then(|raw| raw.as_str())));
        }
        if let TomlValue::Array(items) = value {
            for item in items {
                self.of_value(item, key);
            }
            self.add(key.to_vec(), in_space(items.trailing().as_str()));
        }
    }

    fn add(&mut self, key: Vec<String>, lines: Vec<String>) {
        if !lines.is_empty() {
            self.by_key.entry(key).or_default().extend(lines);
        }
    }

    /// Those before a key.
    pub(super) fn before(&self, key: &[String]) -> &[String] {
        self.by_key.get(key).map_or(&[], Vec::as_slice)
    }

    pub(super) fn count(&self) -> usize {
        self.by_key.values().map(Vec::len).sum::<usize>() + self.last.len()
    }

    /// What is about a key, and about keys in it, is about another now.
    pub(super) fn rename(&mut self, from: &[String], to: &[String]) {
        for (key, lines) in std::mem::take(&mut self.by_key) {
            let key = match key.strip_prefix(from) {
                // Entries of `tools` have other names as permissions.
                Some(_) if to.len() < from.len() || from.last().is_some_and(|last| last == "tools") => {
                    to.to_vec()
                }
                Some(rest) => [to, rest].concat(),
                None => key,
            };
            if key.is_empty() {
                self.last.extend(lines);
            } else {
                self.add(key, lines);
            }
        }
    }
}

/// The properties of an object and of objects in it. Those in lists have no keys of their own here.
fn list(value: &Node<'_>, key: &mut Vec<String>, all: &mut Vec<Property>) {
    let Node::Object(object) = value else { return };
    for property in &object.properties {
        key.push(property.name.as_str().to_owned());
        all.push(Property {
            key: key.clone(),
            start: property.range.start,
            end: property.range.end,
            has_keys: matches!(&property.value, Node::Object(inner) if !inner.properties.is_empty()),
        });
        list(&property.value, key, all);
        key.pop();
    }
}

/// The property that a comment is about: the one that it stands in, or behind on the same line, or before.
fn about<'a>(content: &str, properties: &'a [Property], start: usize) -> Option<&'a Property> {
    let within = properties
        .iter()
        .rev()
        .find(|property| property.start < start && start < property.end);
    if let Some(property) = within
        && !property.has_keys
    {
        return Some(property);
    }
    let before = properties
        .iter()
        .filter(|property| property.end <= start)
        .max_by_key(|property| (property.end, property.start));
    if let Some(property) = before
        && content
            .get(property.end..start)
            .is_some_and(|between| !between.contains('\n'))
    {
        return Some(property);
    }
    properties.iter().find(|property| property.start > start)
}

/// The comments of the space between two things.
fn in_space(space: Option<&str>) -> Vec<String> {
    let lines = space.unwrap_or_default().lines();
    lines
        .filter_map(|line| Some(line.trim().strip_prefix('#')?.trim().to_owned()))
        .collect()
}
