//! `tool_search`: finds tools that a model was not told of ([`deferred`](super::deferred)).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::deferred::{Deferred, Entry};
use crate::contract::{Call, Definition, Failure, Output, Scope, Tool, arguments};

/// Its name.
pub const NAME: &str = "tool_search";

/// Definitions in one result when the call does not say, and at most.
const USUAL: usize = 5;
const MOST: usize = 20;
/// Bytes of definitions in one result: within what a result may have.
const BYTES: usize = 40_000;
/// Names that are told beside definitions.
const NAMES: usize = 100;
/// Characters of a query that are read.
const QUERY: usize = 1000;

/// What a word counts, by where it stands.
const IN_NAME: f64 = 3.0;
const IN_DESCRIPTION: f64 = 1.0;
const IN_ARGUMENTS: f64 = 0.5;

#[derive(Deserialize, JsonSchema)]
struct Arguments {
    /// What the tool should do, in a few words, or its name
    query: String,
    /// How many definitions you want; 5 when you do not say, 20 at most
    limit: Option<usize>,
}

/// Finds tools.
pub(super) struct Search(pub(super) Arc<Deferred>);

impl Tool for Search {
    fn name(&self) -> &str {
        NAME
    }

    fn is_idempotent(&self) -> bool {
        true
    }

    fn definition(&self, _: &Scope) -> Definition {
        let servers: BTreeSet<&str> = self.0.entries.iter().map(|entry| entry.server.as_str()).collect();
        let servers = servers.into_iter().collect::<Vec<_>>().join(", ");
        let text = include_str!("tool_search.md").trim_end();
        Definition::of::<Arguments>(&format!("{text}\nServers: {servers}."))
    }

    fn run<'a>(&'a self, _: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        async move {
            let Arguments { query, limit } = arguments(NAME, input)?;
            let query: String = query.trim().chars().take(QUERY).collect();
            let found = ranked(&self.0.entries, &query);
            Ok(Output {
                output: match found.is_empty() {
                    true => nothing(&self.0.entries, &query),
                    false => listed(&found, limit.unwrap_or(USUAL).clamp(1, MOST)),
                },
                title: query,
                ..Output::default()
            })
        }
        .boxed()
    }
}

/// The definitions of the first, and the names of others.
fn listed(found: &[&Entry], limit: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut size = 0;
    for entry in found.iter().take(limit) {
        let line = entry.line();
        size += line.len();
        if size > BYTES && !lines.is_empty() {
            break;
        }
        lines.push(line);
    }
    let others: Vec<&str> = found[lines.len()..]
        .iter()
        .take(NAMES)
        .map(|entry| entry.name())
        .collect();
    if !others.is_empty() {
        lines.push(format!("These fit less: {}", others.join(", ")));
    }
    lines.join("\n")
}

/// What there is, when nothing fits.
fn nothing(entries: &[Entry], query: &str) -> String {
    let mut servers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in entries.iter().take(NAMES) {
        servers.entry(&entry.server).or_default().push(entry.name());
    }
    let mut lines = vec![format!("No tool fits {query:?}. Tools of the servers:")];
    lines.extend(
        servers
            .iter()
            .map(|(server, tools)| format!("{server}: {}", tools.join(", "))),
    );
    if entries.len() > NAMES {
        lines.push(format!("and {} more", entries.len() - NAMES));
    }
    lines.join("\n")
}

/// The tools that fit a query, the best first. Words count the more the fewer tools have them.
fn ranked<'a>(entries: &'a [Entry], query: &str) -> Vec<&'a Entry> {
    let wanted: HashSet<String> = words(query).into_iter().collect();
    let named = query.to_lowercase();
    let named: HashSet<&str> = named
        .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
        .collect();
    let texts: Vec<HashMap<String, f64>> = entries.iter().map(weights).collect();
    let rarity = |word: &str| {
        let having = texts.iter().filter(|text| text.contains_key(word)).count();
        (1.0 + entries.len() as f64 / having.max(1) as f64).ln()
    };
    let rarities: Vec<(&String, f64)> = wanted.iter().map(|word| (word, rarity(word))).collect();
    let mut scored: Vec<(bool, f64, &Entry)> = entries
        .iter()
        .zip(&texts)
        .map(|(entry, text)| {
            let score = rarities
                .iter()
                .filter_map(|(word, rarity)| Some(rarity * text.get(*word)?))
                .sum();
            (named.contains(&*entry.name().to_lowercase()), score, entry)
        })
        .filter(|(is_named, score, _)| *is_named || *score > 0.0)
        .collect();
    scored.sort_by(|(a_named, a, one), (b_named, b, other)| {
        b_named
            .cmp(a_named)
            .then(b.total_cmp(a))
            .then_with(|| one.name().cmp(other.name()))
    });
    scored.into_iter().map(|(_, _, entry)| entry).collect()
}

/// The words of a tool and what they count: those of its name, its description and its arguments.
fn weights(entry: &Entry) -> HashMap<String, f64> {
    let mut weights = HashMap::new();
    let mut add = |text: &str, weight: f64| {
        for word in words(text) {
            let known: &mut f64 = weights.entry(word).or_default();
            *known = known.max(weight);
        }
    };
    add(entry.name(), IN_NAME);
    add(&entry.server, IN_NAME);
    add(&entry.description, IN_DESCRIPTION);
    let arguments = entry.parameters.get("properties").and_then(Value::as_object);
    for (name, schema) in arguments.into_iter().flatten() {
        add(name, IN_ARGUMENTS);
        let about = schema.get("description").and_then(Value::as_str);
        add(about.unwrap_or_default(), IN_ARGUMENTS);
    }
    weights
}

/// The words of a text, also those within names, without the ends of plurals.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in text.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        was_lower = c.is_lowercase();
        if c.is_alphanumeric() {
            words
                .last_mut()
                .into_iter()
                .for_each(|word| word.extend(c.to_lowercase()));
        }
    }
    words.retain(|word| !word.is_empty());
    for word in &mut words {
        if word.len() > 3 && word.ends_with('s') && !word.ends_with("ss") {
            word.pop();
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn words_of_texts() {
        for (text, wanted) in [
            ("getSumOf two_things", &["get", "sum", "of", "two", "thing"][..]),
            ("s_list-issues", &["s", "list", "issue"]),
            ("class HTTPServer", &["class", "httpserver"]),
            ("größe 日本", &["größe", "日本"]),
            ("", &[]),
        ] {
            assert_eq!(words(text), wanted, "{text}");
        }
    }
}
