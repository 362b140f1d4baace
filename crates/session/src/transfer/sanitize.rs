//! Exports without what is private: words, paths and data are replaced by what they were
//! (reference `sessions.md` §9). Error texts stay, because they are what such exports are made for.

use serde_json::{Value, json};

use super::Transcript;
use crate::Error;

/// What is replaced at a place: `[redacted:<kind>:<id>]`, or for objects `{"redacted": "<kind>:<id>"}`.
struct Rule {
    /// JSON pointer.
    at: &'static str,
    kind: &'static str,
}

const fn rule(at: &'static str, kind: &'static str) -> Rule {
    Rule { at, kind }
}

const SESSION: &[Rule] = &[
    rule("/title", "session-title"),
    rule("/directory", "session-directory"),
    rule("/path", "session-path"),
    rule("/metadata", "session-metadata"),
    rule("/revert/snapshot", "revert-snapshot"),
    rule("/revert/diff", "revert-diff"),
];

const MESSAGE: &[Rule] = &[
    rule("/system", "system"),
    rule("/summary/title", "summary-title"),
    rule("/summary/body", "summary-body"),
    rule("/path/cwd", "cwd"),
    rule("/path/root", "root"),
    rule("/structured", "structured"),
];

const TEXT: &[Rule] = &[rule("/text", "text"), rule("/metadata", "text-metadata")];
const REASONING: &[Rule] = &[
    rule("/text", "reasoning"),
    rule("/metadata", "reasoning-metadata"),
];
const SUBTASK: &[Rule] = &[
    rule("/prompt", "subtask-prompt"),
    rule("/description", "subtask-description"),
    rule("/command", "subtask-command"),
];
const FILE: &[Rule] = &[
    rule("/url", "file-url"),
    rule("/filename", "file-name"),
    rule("/source/path", "file-path"),
    rule("/source/name", "file-symbol"),
    rule("/source/clientName", "file-client"),
    rule("/source/uri", "file-uri"),
    rule("/source/text/value", "file-text"),
];
const TOOL: &[Rule] = &[
    rule("/metadata", "tool-metadata"),
    rule("/state/input", "tool-input"),
    rule("/state/raw", "tool-raw"),
    rule("/state/output", "tool-output"),
    rule("/state/title", "tool-title"),
    rule("/state/metadata", "tool-state-metadata"),
];
const AGENT: &[Rule] = &[rule("/source/value", "agent-source")];
const PATCH: &[Rule] = &[rule("/hash", "patch")];
const SNAPSHOT: &[Rule] = &[rule("/snapshot", "snapshot")];

/// A transcript as JSON without what is private.
///
/// # Errors
/// The transcript cannot be written as JSON.
pub fn sanitize(transcript: &Transcript) -> Result<Value, Error> {
    let unwritable = |error: serde_json::Error| Error::Import(error.to_string());
    let mut value = serde_json::to_value(transcript).map_err(unwritable)?;
    let id = transcript.info.id.as_str();
    apply(&mut value["info"], SESSION, id);
    diffs(value["info"].pointer_mut("/summary/diffs"), "session-diff");
    for (message, out) in transcript.messages.iter().zip(elements(&mut value["messages"])) {
        apply(&mut out["info"], MESSAGE, message.info.id.as_str());
        diffs(out["info"].pointer_mut("/summary/diffs"), "message-diff");
        for (part, out) in message.parts.iter().zip(elements(&mut out["parts"])) {
            sanitize_part(out, part.id.as_str());
        }
    }
    Ok(value)
}

fn elements(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value.as_array_mut().into_iter().flatten()
}

fn sanitize_part(part: &mut Value, id: &str) {
    let kind = part["type"].as_str().unwrap_or_default().to_owned();
    let rules = match kind.as_str() {
        "text" => TEXT,
        "reasoning" => REASONING,
        "subtask" => SUBTASK,
        "file" => FILE,
        "tool" => TOOL,
        "agent" => AGENT,
        "patch" => PATCH,
        "snapshot" | "step-start" | "step-finish" => SNAPSHOT,
        _ => &[],
    };
    apply(part, rules, id);
    for (at, file) in part
        .get_mut("files")
        .map(elements)
        .into_iter()
        .flatten()
        .enumerate()
    {
        redact(file, "patch-file", &format!("{id}-{at}"));
    }
    for file in part
        .pointer_mut("/state/attachments")
        .map(elements)
        .into_iter()
        .flatten()
    {
        let id = file["id"].as_str().unwrap_or_default().to_owned();
        apply(file, FILE, &id);
    }
}

fn diffs(diffs: Option<&mut Value>, kind: &str) {
    for (at, diff) in diffs.map(elements).into_iter().flatten().enumerate() {
        for key in ["file", "patch"] {
            if let Some(value) = diff.get_mut(key) {
                redact(value, &format!("{kind}-{key}"), &at.to_string());
            }
        }
    }
}

fn apply(value: &mut Value, rules: &[Rule], id: &str) {
    for rule in rules {
        if let Some(found) = value.pointer_mut(rule.at) {
            redact(found, rule.kind, id);
        }
    }
}

/// Blank texts and empty objects tell nothing and stay.
fn redact(value: &mut Value, kind: &str, id: &str) {
    match value {
        Value::String(text) if !text.trim().is_empty() => *text = format!("[redacted:{kind}:{id}]"),
        Value::Object(object) if !object.is_empty() => *value = json!({ "redacted": format!("{kind}:{id}") }),
        Value::Array(_) => *value = json!({ "redacted": format!("{kind}:{id}") }),
        _ => {}
    }
}
