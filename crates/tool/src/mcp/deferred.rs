//! Tools of servers that a model is not told of before it looks for them (beyond the reference).
//!
//! Definitions of many tools would fill the model's context. In their place stand two tools: one finds
//! ([`search`](super::search)), one calls ([`dispatch`](super::dispatch)). What is found stands in the conversation, at
//! its end. It is not added to the tools of the request: providers keep these in front of the conversation, so that
//! one more of them would make all that was said be read and paid for again. The two stay as they are whatever is
//! found, and whatever the servers change about their tools.

use std::collections::HashSet;
use std::sync::Arc;

use opencode_schema::{MessageWithParts, PartBody, ToolState};
use serde_json::{Value, json};

use super::dispatch::Dispatch;
use super::search::Search;
use super::{Toolbox, dispatch, search};
use crate::contract::{Scope, Tool};
use crate::durable;

/// Percent of a model's context that definitions may take when configuration does not say.
pub const SHARE: u64 = 10;
/// Characters that are taken for one token.
const TOKEN: u64 = 4;

/// Tools that can be found, and those of them that a model has found.
pub struct Deferred {
    pub(super) entries: Vec<Entry>,
    /// Stamps of definitions that stand in the conversation.
    seen: HashSet<String>,
}

/// A tool that can be found.
pub(super) struct Entry {
    pub(super) tool: Arc<dyn Tool>,
    pub(super) server: String,
    pub(super) description: String,
    pub(super) parameters: Value,
    /// What tells this definition from any other.
    mark: String,
}

impl Entry {
    pub(super) fn name(&self) -> &str {
        self.tool.name()
    }

    /// What stands at the beginning of this definition, and of no other one.
    fn stamp(&self) -> String {
        // Names and marks have no characters that JSON writes otherwise.
        format!("{{\"tool\":\"{}\",\"version\":\"{}\"", self.name(), self.mark)
    }

    /// The definition as a model is told it, in one line.
    pub(super) fn line(&self) -> String {
        let rest = json!({ "description": self.description, "arguments": self.parameters }).to_string();
        format!("{},{}", self.stamp(), rest.trim_start_matches('{'))
    }
}

impl Toolbox {
    /// Those of `visible` that come from servers, if a model is to look for them instead of being told: their
    /// definitions take more than `percent` of its context, of which 0 means always and 100 never, or it was told so
    /// earlier in this conversation.
    #[must_use]
    pub fn deferred(
        &self,
        visible: &[&Arc<dyn Tool>],
        scope: &Scope,
        (context, percent): (u64, u64),
        history: &[MessageWithParts],
    ) -> Option<Deferred> {
        let origins = self.origins(visible);
        let size: usize = origins.iter().flatten().map(|tool| tool.size).sum();
        let tokens = size as u64 / TOKEN;
        let is_too_much = match percent {
            0 => true,
            100.. => false,
            percent => context > 0 && tokens > context.saturating_mul(percent) / 100,
        };
        // What was said of the two tools makes sense only as long as they are there.
        let is_begun = || calls(history).next().is_some();
        if size == 0 || !(is_too_much || is_begun()) {
            return None;
        }
        let entries: Vec<Entry> = visible
            .iter()
            .zip(origins)
            .filter_map(|(tool, origin)| {
                let origin = origin?;
                let definition = tool.definition(scope);
                Some(Entry {
                    tool: Arc::clone(tool),
                    server: origin.server.clone(),
                    description: definition.description,
                    parameters: definition.parameters,
                    mark: origin.tool.mark(),
                })
            })
            .collect();
        let texts: Vec<&str> = calls(history).filter_map(told).collect();
        let is_seen = |stamp: &String| {
            let written = stamp.replace('"', "\\\"");
            texts
                .iter()
                .any(|text| text.contains(stamp) || text.contains(&written))
        };
        let seen = entries.iter().map(Entry::stamp).filter(is_seen).collect();
        Some(Deferred { entries, seen })
    }
}

/// Calls of the two tools.
fn calls(history: &[MessageWithParts]) -> impl Iterator<Item = (&str, &ToolState)> {
    let parts = history.iter().flat_map(|message| &message.parts);
    parts.filter_map(|part| match &part.body {
        PartBody::Tool(part) if matches!(part.tool.as_str(), search::NAME | dispatch::NAME) => {
            Some((part.tool.as_str(), &part.state))
        }
        _ => None,
    })
}

/// What a model was told of tools by a call, as far as the conversation still has it. What the tools themselves
/// say does not count.
fn told<'a>((tool, state): (&str, &'a ToolState)) -> Option<&'a str> {
    match state {
        ToolState::Completed { output, time, .. } if tool == search::NAME && time.compacted.is_none() => {
            Some(output)
        }
        ToolState::Error { error, .. } if tool == dispatch::NAME => Some(error),
        _ => None,
    }
}

impl Deferred {
    /// Whether a tool is one of them.
    #[must_use]
    pub fn holds(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.entry(name).map(|entry| &entry.tool)
    }

    pub(super) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name() == name)
    }

    /// Whether a model knows this definition.
    pub(super) fn is_seen(&self, entry: &Entry) -> bool {
        self.seen.contains(&entry.stamp())
    }

    /// The two tools that a model is told of instead; for durable sessions, or for the others.
    #[must_use]
    pub fn tools(self: &Arc<Self>, is_durable: bool) -> [Arc<dyn Tool>; 2] {
        let search: Arc<dyn Tool> = Arc::new(Search(Arc::clone(self)));
        let search = if is_durable {
            durable::looking(search)
        } else {
            search
        };
        [Arc::new(Dispatch(Arc::clone(self))), search]
    }
}
