//! Calls of tools as clients show them: what kind they are, where they work, what comes of them
//! (reference `integrations.md` §D4).

use opencode_schema::part::{FilePart, ToolPart};
use opencode_schema::{Object, Part, PartBody, ToolState};
use serde_json::{Value, json};

/// The kind of a tool; also for the permissions that are named after tools.
pub(crate) fn kind(tool: &str) -> &'static str {
    match tool {
        "bash" | "shell" => "execute",
        "webfetch" => "fetch",
        "edit" | "write" | "apply_patch" | "patch" => "edit",
        "grep" | "glob" => "search",
        "read" => "read",
        "task" => "think",
        _ => "other",
    }
}

fn is_shell(tool: &str) -> bool {
    kind(tool) == "execute"
}

/// A text of an object that is not empty.
pub(crate) fn text<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get(key)?.as_str().filter(|text| !text.is_empty())
}

/// The files and folders that a call is about.
fn locations(tool: &str, input: &Value) -> Value {
    let path = match kind(tool) {
        "execute" => text(input, "cwd"),
        "edit" | "read" => text(input, "filePath"),
        "search" => text(input, "path"),
        _ => None,
    };
    json!(
        path.map(|path| json!({ "path": path }))
            .into_iter()
            .collect::<Vec<_>>()
    )
}

/// The arguments, and for command lines where they run.
fn input(call: &ToolPart, cwd: &str) -> Value {
    let input = match &call.state {
        ToolState::Pending { input, .. } => Value::Object(input.clone()),
        ToolState::Running { input, .. }
        | ToolState::Completed { input, .. }
        | ToolState::Error { input, .. } => input.clone(),
    };
    match input {
        Value::Object(mut input) if is_shell(&call.tool) => {
            let place = input.get("workdir").and_then(Value::as_str).unwrap_or(cwd);
            let place = std::path::Path::new(cwd).join(place);
            input
                .entry("cwd")
                .or_insert_with(|| json!(place.to_string_lossy()));
            Value::Object(input)
        }
        other => other,
    }
}

/// What stands over a call: a command line itself, else what the tool says of it.
fn title<'a>(call: &'a ToolPart, input: &'a Value) -> Option<&'a str> {
    let command = text(input, "command").filter(|_| is_shell(&call.tool));
    let said = || match &call.state {
        ToolState::Pending { .. } | ToolState::Error { .. } => Some(call.tool.as_str()),
        ToolState::Running { title, .. } => title
            .as_deref()
            .filter(|title| !title.is_empty())
            .or(Some(&call.tool)),
        ToolState::Completed { title, .. } => Some(title.as_str()).filter(|title| !title.is_empty()),
    };
    command.or_else(said)
}

fn words(text: &str) -> Value {
    json!({ "type": "content", "content": { "type": "text", "text": text } })
}

/// The first thing that is told of a call.
pub(crate) fn begun(call: &ToolPart, cwd: &str) -> Value {
    let input = input(call, cwd);
    json!({
        "sessionUpdate": "tool_call",
        "toolCallId": call.call_id,
        "title": title(call, &input).unwrap_or(&call.tool),
        "kind": kind(&call.tool),
        "status": "pending",
        "locations": locations(&call.tool, &input),
        "rawInput": input,
    })
}

/// What is told of a call as it is now; nothing while its arguments are written.
pub(crate) fn update(call: &ToolPart, cwd: &str) -> Option<Value> {
    let input = input(call, cwd);
    let mut update = json!({ "sessionUpdate": "tool_call_update", "toolCallId": call.call_id });
    let title = title(call, &input);
    if let Some(title) = title {
        update["title"] = json!(title);
    }
    match &call.state {
        ToolState::Pending { .. } => return None,
        ToolState::Running { metadata, .. } => {
            update["status"] = json!("in_progress");
            about(&mut update, call, &input);
            let shown = metadata
                .as_ref()
                .filter(|_| is_shell(&call.tool))
                .and_then(|metadata| metadata.get("output")?.as_str())
                .filter(|output| !output.is_empty());
            if let Some(output) = shown {
                update["content"] = json!([words(output)]);
            }
        }
        ToolState::Completed {
            output,
            metadata,
            attachments,
            ..
        } => {
            update["status"] = json!("completed");
            update["content"] = content(call, &input, output, metadata, attachments.as_deref());
            let mut raw = json!({ "output": output });
            if !metadata.is_empty() {
                raw["metadata"] = json!(metadata);
            }
            if let Some(attachments) = attachments {
                raw["attachments"] = json!(attachments);
            }
            update["rawOutput"] = raw;
        }
        ToolState::Error { error, metadata, .. } => {
            update["status"] = json!("failed");
            about(&mut update, call, &input);
            update["content"] = json!([words(error)]);
            let mut raw = json!({ "error": error });
            if let Some(metadata) = metadata {
                raw["metadata"] = json!(metadata);
            }
            update["rawOutput"] = raw;
        }
    }
    Some(update)
}

fn about(update: &mut Value, call: &ToolPart, input: &Value) {
    update["kind"] = json!(kind(&call.tool));
    update["locations"] = locations(&call.tool, input);
    update["rawInput"] = input.clone();
}

/// What came of a call: words, the change of a file, pictures.
fn content(
    call: &ToolPart,
    input: &Value,
    output: &str,
    metadata: &Object,
    attachments: Option<&[Part]>,
) -> Value {
    let display = metadata.get("display").filter(|_| call.tool == "read");
    let mut content = vec![words(
        &display.and_then(displayed).unwrap_or_else(|| output.to_owned()),
    )];
    if kind(&call.tool) == "edit" {
        let whole = |key| input.get(key).and_then(Value::as_str);
        if let (Some(path), Some(old), Some(new)) =
            (text(input, "filePath"), whole("oldString"), whole("newString"))
        {
            content.push(json!({ "type": "diff", "path": path, "oldText": old, "newText": new }));
        }
    }
    let pictures = attachments.unwrap_or_default().iter().filter_map(picture);
    content.extend(pictures.map(|picture| json!({ "type": "content", "content": picture })));
    Value::Array(content)
}

/// A file as it was read, without numbers of lines; the names in a folder.
fn displayed(display: &Value) -> Option<String> {
    match display.get("type")?.as_str()? {
        "file" => Some(display.get("text")?.as_str()?.to_owned()),
        "directory" => {
            let entries = display.get("entries")?.as_array()?;
            let names: Vec<&str> = entries.iter().filter_map(Value::as_str).collect();
            Some(names.join("\n"))
        }
        _ => None,
    }
}

fn picture(attachment: &Part) -> Option<Value> {
    let PartBody::File(FilePart { url, .. }) = &attachment.body else {
        return None;
    };
    let (mime, data) = inline(url)?;
    mime.starts_with("image/")
        .then(|| json!({ "type": "image", "mimeType": mime, "data": data }))
}

/// Kind and data of an address that holds both.
pub(crate) fn inline(url: &str) -> Option<(&str, &str)> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let mime = head.strip_suffix(";base64")?;
    Some((mime.split(';').next().unwrap_or(mime), data))
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn call(tool: &str, state: impl Into<Value>) -> ToolPart {
        let state = state.into();
        serde_json::from_value(json!({ "callID": "c", "tool": tool, "state": state })).unwrap()
    }

    fn completed(
        tool: &str,
        title: &str,
        input: impl Into<Value>,
        output: &str,
        metadata: impl Into<Value>,
    ) -> ToolPart {
        let (input, metadata) = (input.into(), metadata.into());
        let time = json!({ "start": 1, "end": 2 });
        call(
            tool,
            json!({ "status": "completed", "input": input, "output": output, "title": title, "metadata": metadata, "time": time }),
        )
    }

    #[test]
    fn command_lines_say_where_they_run() {
        let pending = call("bash", json!({ "status": "pending", "input": {}, "raw": "" }));
        let wanted = json!({
            "sessionUpdate": "tool_call", "toolCallId": "c", "title": "bash", "kind": "execute", "status": "pending",
            "locations": [{ "path": "/p" }], "rawInput": { "cwd": "/p" },
        });
        assert_eq!(begun(&pending, "/p"), wanted);
        assert_eq!(update(&pending, "/p"), None);
        let input = json!({ "command": "ls", "workdir": "sub" });
        let running = json!({ "status": "running", "input": input, "title": "List", "metadata": { "output": "a\n" }, "time": { "start": 1 } });
        let wanted = json!({
            "sessionUpdate": "tool_call_update", "toolCallId": "c", "title": "ls", "status": "in_progress", "kind": "execute",
            "locations": [{ "path": "/p/sub" }], "rawInput": { "command": "ls", "workdir": "sub", "cwd": "/p/sub" },
            "content": [{ "type": "content", "content": { "type": "text", "text": "a\n" } }],
        });
        assert_eq!(update(&call("bash", running), "/p"), Some(wanted));
    }

    #[test]
    fn edits_show_what_they_change() {
        let input = json!({ "filePath": "/p/a", "oldString": "", "newString": "new" });
        let done = completed("edit", "a", input, "Done.", json!({ "diff": "d" }));
        let wanted = json!({
            "sessionUpdate": "tool_call_update", "toolCallId": "c", "title": "a", "status": "completed",
            "content": [
                { "type": "content", "content": { "type": "text", "text": "Done." } },
                { "type": "diff", "path": "/p/a", "oldText": "", "newText": "new" },
            ],
            "rawOutput": { "output": "Done.", "metadata": { "diff": "d" } },
        });
        assert_eq!(update(&done, "/p"), Some(wanted));
    }

    #[test]
    fn what_was_read_is_shown_without_numbers() {
        for (display, wanted) in [
            (json!({ "type": "file", "text": "one\ntwo" }), "one\ntwo"),
            (json!({ "type": "directory", "entries": ["a", "b/"] }), "a\nb/"),
            (json!({ "type": "other" }), "raw"),
            (json!(5), "raw"),
        ] {
            let done = completed("read", "", json!({}), "raw", json!({ "display": display }));
            let update = update(&done, "/p").unwrap();
            assert_eq!(update["content"][0]["content"]["text"], wanted, "{display}");
            assert_eq!(update.get("title"), None);
        }
    }

    #[test]
    fn failures_keep_what_was_tried() {
        let input = json!({ "path": "/p/sub", "pattern": "x" });
        let failed = json!({ "status": "error", "input": input, "error": "no", "metadata": { "interrupted": true }, "time": { "start": 1, "end": 2 } });
        let wanted = json!({
            "sessionUpdate": "tool_call_update", "toolCallId": "c", "title": "grep", "status": "failed", "kind": "search",
            "locations": [{ "path": "/p/sub" }], "rawInput": input,
            "content": [{ "type": "content", "content": { "type": "text", "text": "no" } }],
            "rawOutput": { "error": "no", "metadata": { "interrupted": true } },
        });
        assert_eq!(update(&call("grep", failed), "/p"), Some(wanted));
    }

    #[test]
    fn addresses_that_hold_data() {
        assert_eq!(inline("data:image/png;base64,AA"), Some(("image/png", "AA")));
        assert_eq!(
            inline("data:text/plain;charset=utf-8;base64,AA"),
            Some(("text/plain", "AA"))
        );
        for other in ["data:text/plain,words", "file:///a", "data:", ""] {
            assert_eq!(inline(other), None, "{other}");
        }
    }
}
