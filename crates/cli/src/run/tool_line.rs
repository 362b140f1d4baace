//! One line, or a small block, for what a tool did.

use std::path::Path;

use opencode_schema::part::ToolPart;
use opencode_schema::{Object, ToolState};
use serde_json::Value;

use crate::output::{Output, Style};

/// What is shown of a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ToolLine {
    icon: &'static str,
    title: String,
    description: Option<String>,
    body: Option<String>,
}

impl ToolLine {
    pub(super) fn print(&self, output: Output) {
        let mut line = format!("{} {}", self.icon, self.title);
        if let Some(description) = &self.description {
            line.push(' ');
            line.push_str(&output.styled(Style::Dim, description));
        }
        match &self.body {
            None => output.say(line),
            Some(body) => {
                output.say(format_args!("\n{line}"));
                if !body.trim().is_empty() {
                    output.say(body.trim_end());
                }
                output.say("");
            }
        }
    }
}

/// The line of a call.
pub(super) fn of(part: &ToolPart, directory: &Path) -> ToolLine {
    let input = part.state.input();
    let empty = Object::new();
    let metadata = match &part.state {
        ToolState::Completed { metadata, .. } => metadata,
        _ => &empty,
    };
    let (output, title) = match &part.state {
        ToolState::Completed { output, title, .. } => (output.as_str(), title.as_str()),
        _ => ("", ""),
    };
    let text = |key: &str| input.get(key).and_then(Value::as_str).unwrap_or_default();
    let line = |icon, title: String| ToolLine {
        icon,
        title,
        description: None,
        body: None,
    };
    let block = |icon, title: String, body: &str| ToolLine {
        body: Some(body.to_owned()),
        ..line(icon, title)
    };
    let search = |name: &str, found: &str| {
        let place = Some(text("path"))
            .filter(|path| !path.is_empty())
            .map(|path| format!("in {}", shown(path, directory)));
        let count = metadata
            .get(found)
            .and_then(Value::as_u64)
            .map(|count| format!("{count} match{}", if count == 1 { "" } else { "es" }));
        let description: Vec<String> = place.into_iter().chain(count).collect();
        let description = Some(description.join(" · ")).filter(|text| !text.is_empty());
        ToolLine {
            description,
            ..line("✱", format!("{name} \"{}\"", text("pattern")))
        }
    };
    if let ToolState::Error { .. } = &part.state {
        return line("✗", format!("{} failed", name_of(part, &input)));
    }
    match part.tool.as_str() {
        "bash" => block("$", text("command").to_owned(), output),
        "read" => {
            let description = Some(rest_of(&input, "filePath")).filter(|text| !text.is_empty());
            ToolLine {
                description,
                ..line("→", format!("Read {}", shown(text("filePath"), directory)))
            }
        }
        "write" => block(
            "←",
            format!("Write {}", shown(text("filePath"), directory)),
            output,
        ),
        "edit" | "multiedit" => {
            let diff = metadata.get("diff").and_then(Value::as_str).unwrap_or_default();
            block("←", format!("Edit {}", shown(text("filePath"), directory)), diff)
        }
        "glob" => search("Glob", "count"),
        "grep" => search("Grep", "matches"),
        "list" => line("→", format!("List {}", shown(text("path"), directory))),
        "websearch" => {
            let service = match metadata.get("provider").and_then(Value::as_str) {
                Some("exa") => "Exa Web Search",
                Some("parallel") => "Parallel Web Search",
                _ => "Web Search",
            };
            line("◈", format!("{service} \"{}\"", text("query")))
        }
        "webfetch" => line("%", format!("WebFetch {}", text("url"))),
        "skill" => line("→", format!("Skill \"{}\"", text("name"))),
        "todowrite" => block("#", "Todos".to_owned(), &todos(&input)),
        "task" => {
            let icon = if part.state.is_settled() { "✓" } else { "•" };
            let agent = format!("{} Agent", capital(text("subagent_type")));
            ToolLine {
                description: Some(agent),
                ..line(icon, text("description").to_owned())
            }
        }
        "invalid" => block("✗", title.to_owned(), output),
        other => {
            let what = if title.is_empty() {
                input.to_string()
            } else {
                title.to_owned()
            };
            line("⚙", format!("{other} {what}"))
        }
    }
}

/// What a failed call was about.
fn name_of(part: &ToolPart, input: &Value) -> String {
    let key = ["filePath", "command", "pattern", "url", "name", "description"]
        .into_iter()
        .find_map(|key| input.get(key)?.as_str());
    match key {
        Some(about) => format!("{} {}", part.tool, about.lines().next().unwrap_or_default()),
        None => part.tool.clone(),
    }
}

/// The simple arguments but one: `[offset=2, limit=5]`.
fn rest_of(input: &Value, without: &str) -> String {
    let pairs: Vec<String> = input
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, value)| *key != without && !value.is_object() && !value.is_array() && !value.is_null())
        .map(|(key, value)| {
            format!(
                "{key}={}",
                value.as_str().map_or_else(|| value.to_string(), str::to_owned)
            )
        })
        .collect();
    if pairs.is_empty() {
        String::new()
    } else {
        format!("[{}]", pairs.join(", "))
    }
}

fn todos(input: &Value) -> String {
    let entries = input.get("todos").and_then(Value::as_array).into_iter().flatten();
    let line = |entry: &Value| {
        let content = entry.get("content")?.as_str()?.to_owned();
        let mark = match entry.get("status").and_then(Value::as_str) {
            Some("completed") => "[✓]",
            Some("in_progress") => "[•]",
            _ => "[ ]",
        };
        Some(format!("{mark} {content}"))
    };
    entries.filter_map(line).collect::<Vec<_>>().join("\n")
}

/// A path as short as it can be said from here.
fn shown(path: &str, here: &Path) -> String {
    let absolute = opencode_project::path::absolute(here, path);
    let relative = opencode_project::path::relative(here, Path::new(&absolute));
    match relative.as_str() {
        "" => ".".to_owned(),
        outside if outside.starts_with("..") => absolute.display().to_string(),
        inside => inside.to_owned(),
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use opencode_schema::part::{CompletedTime, Span};
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    fn completed(tool: &str, input: Value, output: &str, metadata: &Value) -> ToolPart {
        let state = ToolState::Completed {
            input,
            output: output.into(),
            title: "a title".into(),
            metadata: metadata.as_object().cloned().unwrap_or_default(),
            time: CompletedTime::default(),
            attachments: None,
        };
        ToolPart {
            call_id: "c".into(),
            tool: tool.into(),
            state,
            metadata: None,
        }
    }

    fn said(part: &ToolPart) -> String {
        let ToolLine {
            icon,
            title,
            description,
            body,
        } = of(part, Path::new("/elsewhere"));
        let description = description.map(|text| format!(" | {text}")).unwrap_or_default();
        let body = body.map(|text| format!(" || {text}")).unwrap_or_default();
        format!("{icon} {title}{description}{body}")
    }

    #[test]
    fn lines() {
        for (part, wanted) in [
            (
                completed("bash", json!({ "command": "ls" }), "a\n", &json!({})),
                "$ ls || a\n",
            ),
            (
                completed("read", json!({ "filePath": "a.txt" }), "", &json!({})),
                "→ Read a.txt",
            ),
            (
                completed(
                    "read",
                    json!({ "filePath": "a.txt", "offset": 2, "limit": 5 }),
                    "",
                    &json!({}),
                ),
                "→ Read a.txt | [offset=2, limit=5]",
            ),
            (
                completed("write", json!({ "filePath": "w.txt" }), "Wrote.", &json!({})),
                "← Write w.txt || Wrote.",
            ),
            (
                completed(
                    "edit",
                    json!({ "filePath": "w.txt" }),
                    "",
                    &json!({ "diff": "-a\n+b" }),
                ),
                "← Edit w.txt || -a\n+b",
            ),
            (completed("list", json!({}), "", &json!({})), "→ List ."),
            (
                completed(
                    "websearch",
                    json!({ "query": "news" }),
                    "",
                    &json!({ "provider": "exa" }),
                ),
                "◈ Exa Web Search \"news\"",
            ),
            (
                completed("glob", json!({ "pattern": "*.rs" }), "", &json!({ "count": 1 })),
                "✱ Glob \"*.rs\" | 1 match",
            ),
            (
                completed(
                    "grep",
                    json!({ "pattern": "x", "path": "src" }),
                    "",
                    &json!({ "matches": 2 }),
                ),
                "✱ Grep \"x\" | in src · 2 matches",
            ),
            (
                completed(
                    "todowrite",
                    json!({ "todos": [{ "content": "a", "status": "completed" }, { "content": "b", "status": "in_progress" }, { "content": "c" }] }),
                    "",
                    &json!({}),
                ),
                "# Todos || [✓] a\n[•] b\n[ ] c",
            ),
            (
                completed(
                    "task",
                    json!({ "description": "look", "subagent_type": "explore" }),
                    "",
                    &json!({}),
                ),
                "✓ look | Explore Agent",
            ),
            (completed("other", json!({}), "", &json!({})), "⚙ other a title"),
        ] {
            assert_eq!(said(&part), wanted);
        }
    }

    #[test]
    fn a_failed_call_says_what_it_was_about() {
        let state = ToolState::Error {
            input: json!({ "filePath": "gone.txt" }),
            error: "not there".into(),
            metadata: None,
            time: Span::default(),
        };
        let part = ToolPart {
            call_id: "c".into(),
            tool: "read".into(),
            state,
            metadata: None,
        };
        assert_eq!(said(&part), "✗ read gone.txt failed");
    }
}
