//! Tool calls that a small model writes as text: they become calls.
//!
//! Local servers know the forms of some models and not of others, and quantised models forget theirs. What
//! is taken for a call has one of a few forms ([`FORMS`], or is JSON and nothing else), names a tool that was
//! offered, and has an object for arguments; everything else stays the text that it was. Only text that may
//! be a call is held back, and never more than [`HELD_LIMIT`].

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};

use serde_json::Value;

use crate::stream::{FinishReason, ProviderMetadata, StreamPart, ToolCall};

/// Bytes that are held back at most.
const HELD_LIMIT: usize = 256 * 1024;
/// Calls that one answer may have in its text.
const MOST_CALLS: usize = 64;

/// Between which words models write calls; without an end it is the end of the text. Lower case.
const FORMS: &[(&str, Option<&str>)] = &[
    ("<tool_call>", Some("</tool_call>")),
    ("<function=", Some("</function>")),
    ("<function_call>", Some("</function_call>")),
    ("```json\n", Some("```")),
    ("```tool_call\n", Some("```")),
    ("```tool\n", Some("```")),
    ("[tool_calls]", None),
    ("<|python_tag|>", None),
];

/// Finds calls in the text of one answer.
#[derive(Debug)]
pub(crate) struct WrittenCalls {
    /// Names of the tools that were offered.
    tools: Vec<String>,
    /// The text that is open.
    open: Option<Open>,
    /// Calls that were found.
    found: usize,
    /// The model calls tools as it should, or writes too much: nothing is looked at any more.
    resting: bool,
}

#[derive(Debug)]
struct Open {
    id: String,
    /// The part that began it, until something of it is given on.
    start: Option<StreamPart>,
    held: String,
    /// A call was found in it.
    had_call: bool,
    /// Nothing but blanks has come since the last call.
    after_call: bool,
}

impl WrittenCalls {
    pub(crate) fn new(tools: Vec<String>) -> Self {
        Self {
            resting: tools.is_empty(),
            tools,
            open: None,
            found: 0,
        }
    }

    /// Takes a part and gives on what is certain.
    pub(crate) fn take(&mut self, part: StreamPart, out: &mut VecDeque<StreamPart>) {
        if self.resting {
            out.push_back(part);
            return;
        }
        match part {
            StreamPart::TextStart { ref id, .. } => {
                self.close(out);
                self.open = Some(Open {
                    id: id.clone(),
                    start: Some(part),
                    held: String::new(),
                    had_call: false,
                    after_call: false,
                });
            }
            StreamPart::TextDelta {
                ref id,
                ref delta,
                ref metadata,
            } => match &mut self.open {
                Some(open) if open.id == *id && metadata.is_empty() => {
                    open.held.push_str(delta);
                    self.look(false, out);
                }
                _ => {
                    self.close(out);
                    out.push_back(part);
                }
            },
            StreamPart::TextEnd { ref id, .. } => {
                let ours = self.open.as_ref().is_some_and(|open| open.id == *id);
                let silent = ours && self.close(out);
                if !silent {
                    out.push_back(part);
                }
            }
            StreamPart::ToolInputStart { .. } | StreamPart::ToolCall(_) => {
                self.let_go(out);
                self.resting = true;
                out.push_back(part);
            }
            StreamPart::Finish(mut finish) => {
                self.close(out);
                let ended = matches!(finish.reason, FinishReason::Stop | FinishReason::Other);
                if self.found > 0 && ended {
                    finish.reason = FinishReason::ToolCalls;
                }
                out.push_back(StreamPart::Finish(finish));
            }
            other => out.push_back(other),
        }
    }

    /// The answer has ended, or broken off: what is held is no call.
    pub(crate) fn end(&mut self, out: &mut VecDeque<StreamPart>) {
        self.let_go(out);
    }

    /// The open text is whole. Tells whether nothing of it was given on, so that its end is not, either.
    fn close(&mut self, out: &mut VecDeque<StreamPart>) -> bool {
        self.look(true, out);
        let Some(mut open) = self.open.take() else {
            return false;
        };
        match open.start.take() {
            Some(_) if open.had_call => true,
            Some(start) => {
                out.push_back(start);
                false
            }
            None => false,
        }
    }

    /// Gives on what is held as it came.
    fn let_go(&mut self, out: &mut VecDeque<StreamPart>) {
        if let Some(open) = &mut self.open {
            let held = std::mem::take(&mut open.held);
            open.give(&held, out);
            out.extend(open.start.take());
        }
        self.open = None;
    }

    /// Looks for calls in what is held. `whole` says that nothing follows.
    fn look(&mut self, whole: bool, out: &mut VecDeque<StreamPart>) {
        loop {
            let Some(open) = &mut self.open else { return };
            if open.held.len() > HELD_LIMIT {
                let held = std::mem::take(&mut open.held);
                open.give(&held, out);
                self.resting = true;
                return;
            }
            let (before, candidate) = match find(&open.held, open.start.is_some(), whole) {
                Found::Nothing { certain } => {
                    let rest = open.held.split_off(certain);
                    let certain = std::mem::replace(&mut open.held, rest);
                    open.give(&certain, out);
                    return;
                }
                Found::Open { at } => {
                    let rest = open.held.split_off(at);
                    let certain = std::mem::replace(&mut open.held, rest);
                    open.give(&certain, out);
                    return;
                }
                Found::Whole { at, end } => {
                    let rest = open.held.split_off(end);
                    let mut before = std::mem::replace(&mut open.held, rest);
                    let candidate = before.split_off(at);
                    (before, candidate)
                }
            };
            let calls = calls(&candidate, &self.tools).filter(|calls| self.found + calls.len() <= MOST_CALLS);
            let Some(calls) = calls else {
                open.give(&before, out);
                open.give(&candidate, out);
                continue;
            };
            // What stands between words and a call is no text.
            open.give(before.trim_end(), out);
            open.had_call = true;
            self.found += calls.len();
            for (name, input) in calls {
                give_call(name, input, out);
            }
            open.after_call = true;
        }
    }
}

impl Open {
    fn give(&mut self, text: &str, out: &mut VecDeque<StreamPart>) {
        // The blank lines behind a call are no text.
        let text = if self.after_call { text.trim_start() } else { text };
        if text.is_empty() {
            return;
        }
        self.after_call = false;
        out.extend(self.start.take());
        out.push_back(StreamPart::TextDelta {
            id: self.id.clone(),
            delta: text.to_owned(),
            metadata: ProviderMetadata::new(),
        });
    }
}

/// What a text may have.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// No call; so many bytes are certain not to be the beginning of one.
    Nothing { certain: usize },
    /// What may be a call begins there and goes on.
    Open { at: usize },
    /// What may be a call, from where to where.
    Whole { at: usize, end: usize },
}

fn find(held: &str, at_beginning: bool, whole: bool) -> Found {
    if at_beginning {
        let blank = held.len() - held.trim_start().len();
        match held.trim_start().chars().next() {
            None if whole => return Found::Nothing { certain: held.len() },
            None => return Found::Open { at: 0 },
            Some('{' | '[') if !could_be_form(&held[blank..]) => {
                return if whole {
                    Found::Whole {
                        at: 0,
                        end: held.len(),
                    }
                } else {
                    Found::Open { at: 0 }
                };
            }
            Some(_) => {}
        }
    }
    let lower = held.to_ascii_lowercase();
    let first = FORMS
        .iter()
        .filter_map(|(begin, end)| Some((lower.find(begin)?, begin, end)));
    let Some((at, begin, end)) = first.min_by_key(|(at, ..)| *at) else {
        // Blanks may turn out to stand before a call.
        let certain = if whole {
            held.len()
        } else {
            words(held, certain(&lower))
        };
        return Found::Nothing { certain };
    };
    let inside = at + begin.len();
    let closed = end.and_then(|end| Some(inside + lower.get(inside..)?.find(end)? + end.len()));
    match closed {
        Some(end) => Found::Whole { at, end },
        None if whole => Found::Whole { at, end: held.len() },
        None => Found::Open { at: words(held, at) },
    }
}

/// The length of what stands before a place, without the blanks at its end.
fn words(held: &str, at: usize) -> usize {
    held.get(..at).map_or(0, |before| before.trim_end().len())
}

/// Whether a text that begins with a bracket begins one of the forms, or may yet.
fn could_be_form(text: &str) -> bool {
    let lower: String = text.chars().take(16).collect::<String>().to_ascii_lowercase();
    FORMS
        .iter()
        .any(|(begin, _)| lower.starts_with(begin) || begin.starts_with(&lower) && lower.len() > 1)
}

/// Bytes before what may be the beginning of a form.
fn certain(lower: &str) -> usize {
    let longest = FORMS.iter().map(|(begin, _)| begin.len()).max().unwrap_or(0);
    let earliest = lower.len().saturating_sub(longest);
    let mut places = lower
        .char_indices()
        .map(|(at, _)| at)
        .filter(|at| *at >= earliest);
    let begins = |at: &usize| {
        let rest = lower.get(*at..).unwrap_or_default();
        FORMS.iter().any(|(begin, _)| begin.starts_with(rest))
    };
    places.find(begins).unwrap_or(lower.len())
}

/// The calls of a text that may be one or several: all of it, or none.
fn calls(candidate: &str, tools: &[String]) -> Option<Vec<(String, String)>> {
    let mut text = candidate.trim();
    for (begin, end) in FORMS {
        let Some(head) = text
            .get(..begin.len())
            .filter(|head| head.eq_ignore_ascii_case(begin))
        else {
            continue;
        };
        text = text.get(head.len()..)?.trim();
        if let Some(end) = end {
            let cut = text.len().checked_sub(end.len());
            let tail = cut.and_then(|cut| text.get(cut..));
            if tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end)) {
                text = text.get(..cut?)?.trim();
            }
        }
        if *begin == "<function=" {
            let (name, arguments) = text.split_once('>')?;
            let name = offered(name.trim().trim_matches('"'), tools)?;
            return Some(vec![(
                name,
                arguments_of(&serde_json::from_str(arguments.trim()).ok()?)?,
            )]);
        }
        break;
    }
    // Several objects may stand in a row.
    let values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let mut found = Vec::new();
    for value in values {
        match value.ok()? {
            Value::Array(all) => {
                for one in &all {
                    found.push(call(one, tools)?);
                }
            }
            one => found.push(call(&one, tools)?),
        }
    }
    (!found.is_empty()).then_some(found)
}

fn call(value: &Value, tools: &[String]) -> Option<(String, String)> {
    let object = value.as_object()?;
    let object = match object.get("function") {
        Some(Value::Object(inner)) => inner,
        _ => object,
    };
    let name = ["name", "tool", "tool_name", "function"]
        .iter()
        .find_map(|key| object.get(*key)?.as_str())?;
    let keys = ["arguments", "parameters", "input", "args"];
    let arguments = keys.iter().find_map(|key| object.get(*key))?;
    Some((offered(name, tools)?, arguments_of(arguments)?))
}

fn offered(name: &str, tools: &[String]) -> Option<String> {
    tools.iter().find(|tool| tool.as_str() == name).cloned()
}

/// Arguments as JSON text; some models write the object as a text.
fn arguments_of(value: &Value) -> Option<String> {
    match value {
        Value::Object(_) => Some(value.to_string()),
        Value::String(text) => match serde_json::from_str(text).ok()? {
            inner @ Value::Object(_) => Some(inner.to_string()),
            _ => None,
        },
        _ => None,
    }
}

fn give_call(name: String, input: String, out: &mut VecDeque<StreamPart>) {
    // Each state is seeded anew by the standard library, from the system's randomness.
    let draw = || RandomState::new().build_hasher().finish();
    let id = format!("call_{:016x}{:016x}", draw(), draw());
    out.push_back(StreamPart::ToolInputStart {
        id: id.clone(),
        name: name.clone(),
        provider_executed: false,
    });
    out.push_back(StreamPart::ToolInputDelta {
        id: id.clone(),
        delta: input.clone(),
    });
    out.push_back(StreamPart::ToolInputEnd { id: id.clone() });
    out.push_back(StreamPart::ToolCall(ToolCall {
        id,
        name,
        input,
        provider_executed: false,
        metadata: ProviderMetadata::new(),
    }));
}

#[cfg(test)]
mod tests;
