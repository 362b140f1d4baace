//! Requests for permission, one at a time for each session (reference `integrations.md` §D5).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use opencode_schema::permission::{Reply, Request};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;

use crate::agent::Agent;
use crate::patch;
use crate::session::Known;
use crate::tool_call::{kind, text};

/// Most bytes of a file that is shown with its change.
const FILE_LIMIT: u64 = 8 * 1024 * 1024;
/// How long a client may take to write down a changed file.
const WRITE_LIMIT: Duration = Duration::from_secs(30);

/// A file that is to be changed, as far as it can be said.
struct Change {
    path: PathBuf,
    old: String,
    new: String,
}

/// Asks the client for one request after the other, until the session is closed.
pub(crate) async fn answer_all(agent: Arc<Agent>, known: Arc<Known>, mut asks: mpsc::Receiver<Request>) {
    let work = async {
        while let Some(request) = asks.recv().await {
            answer(&agent, &known, &request).await;
        }
    };
    tokio::select! {
        () = work => {}
        () = known.closed.cancelled() => {}
    }
}

async fn answer(agent: &Agent, known: &Known, request: &Request) {
    let mut settled = known.settled.subscribe();
    if settled.borrow().contains(request.id.as_str()) {
        return;
    }
    let changes = changes(request).await;
    let params = json!({
        "sessionId": known.id,
        "toolCall": tool_call(request, &changes),
        "options": [
            { "optionId": "once", "kind": "allow_once", "name": "Allow once" },
            { "optionId": "always", "kind": "allow_always", "name": "Always allow" },
            { "optionId": "reject", "kind": "reject_once", "name": "Reject" },
        ],
    });
    let is_settled = async {
        // The sender lives as long as the session.
        let _ = settled
            .wait_for(|settled| settled.contains(request.id.as_str()))
            .await;
    };
    let asked = agent
        .wire
        .request_until("session/request_permission", params, is_settled);
    let Some(answer) = asked.await else { return };
    let reply = answer.map_or(Reply::Reject, |answer| reply(&answer));
    if reply != Reply::Reject
        && let Some(tool) = &request.tool
        && !changes.is_empty()
    {
        let files = changes.into_iter().map(|change| change.path).collect();
        known.expect_changes(&tool.call_id, files);
    }
    if let Err(error) = known.client.reply_permission(&request.id, reply, None).await
        && !error.is_not_found()
    {
        tracing::warn!(%error, "an answer to a request for permission was lost");
    }
}

/// What was chosen; anything that is no clear yes is a no.
fn reply(answer: &Value) -> Reply {
    let outcome = &answer["outcome"];
    match (text(outcome, "outcome"), text(outcome, "optionId")) {
        (Some("selected"), Some("once")) => Reply::Once,
        (Some("selected"), Some("always")) => Reply::Always,
        _ => Reply::Reject,
    }
}

/// The call as far as the request tells of it.
fn tool_call(request: &Request, changes: &[Change]) -> Value {
    let metadata = Value::Object(request.metadata.clone());
    let title = ["command", "filepath", "path", "pattern", "url", "query"]
        .iter()
        .find_map(|key| text(&metadata, key))
        .unwrap_or(&request.permission);
    let locations: Vec<Value> = match kind(&request.permission) {
        "edit" if !changes.is_empty() => changes
            .iter()
            .map(|change| json!({ "path": change.path }))
            .collect(),
        "edit" => text(&metadata, "filepath")
            .map(|path| json!({ "path": path }))
            .into_iter()
            .collect(),
        "read" | "search" => text(&metadata, "path")
            .map(|path| json!({ "path": path }))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    };
    let id = request
        .tool
        .as_ref()
        .map_or_else(|| request.id.as_str(), |tool| &tool.call_id);
    let mut call = json!({
        "toolCallId": id,
        "title": title,
        "kind": kind(&request.permission),
        "status": "pending",
        "locations": locations,
        "rawInput": metadata,
    });
    if !changes.is_empty() {
        let diffs = changes.iter().map(|change| {
            json!({ "type": "diff", "path": change.path, "oldText": change.old, "newText": change.new })
        });
        call["content"] = diffs.collect();
    }
    call
}

/// The files that a request is about, before and after.
async fn changes(request: &Request) -> Vec<Change> {
    let mut changes = Vec::new();
    if request.permission != "edit" {
        return changes;
    }
    let files = request.metadata.get("files").and_then(Value::as_array);
    let of_files = files.into_iter().flatten().filter_map(|file| {
        let path = text(file, "filePath")?;
        Some((path, text(file, "patch")?))
    });
    let metadata = |key| request.metadata.get(key).and_then(Value::as_str);
    let single = metadata("filepath")
        .zip(metadata("diff"))
        .filter(|_| files.is_none());
    for (path, diff) in of_files.chain(single) {
        let path = Path::new(path);
        let old = contents(path).await.unwrap_or_default();
        if let Some(new) = patch::apply(&old, diff) {
            let path = path.to_owned();
            changes.push(Change { path, old, new });
        }
    }
    changes
}

/// A file of text that is not too large.
async fn contents(path: &Path) -> Option<String> {
    // Opening anything else could wait for ever.
    let is_file = fs_err::tokio::metadata(path).await.ok()?.is_file();
    let file = fs_err::tokio::File::open(path).await.ok().filter(|_| is_file)?;
    let mut text = String::new();
    let read = file.take(FILE_LIMIT + 1).read_to_string(&mut text).await.ok()?;
    (read as u64 <= FILE_LIMIT).then_some(text)
}

/// Tells a client that keeps files in its editor what is in a file that a call has changed.
///
/// Parity: integrations.md §D5 tells it when the change is allowed. Then the tool would find the file
/// changed under its hands, so it is told when the call is done.
pub(crate) async fn tell_of_changes(agent: Arc<Agent>, known: Arc<Known>, files: Vec<PathBuf>) {
    for path in files {
        let Some(content) = contents(&path).await else {
            continue;
        };
        let params = json!({ "sessionId": known.id, "path": path, "content": content });
        let told = agent.wire.request("fs/write_text_file", params);
        match tokio::time::timeout(WRITE_LIMIT, told).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the client did not take a changed file"),
            Err(_) => tracing::debug!("the client does not say whether it took a changed file"),
        }
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn request(permission: &str, metadata: impl Into<Value>) -> Request {
        let metadata = metadata.into();
        let request = json!({
            "id": "per_1", "sessionID": "ses_1", "permission": permission, "patterns": [], "metadata": metadata, "always": [],
            "tool": { "messageID": "msg_1", "callID": "call_1" },
        });
        serde_json::from_value(request).unwrap()
    }

    /// Exactly what the reference asks.
    #[test]
    fn requests_say_what_they_are_about() {
        for (permission, metadata, title, kind, locations) in [
            ("bash", json!({ "command": "ls" }), "ls", "execute", json!([])),
            (
                "webfetch",
                json!({ "url": "http://x" }),
                "http://x",
                "fetch",
                json!([]),
            ),
            ("grep", json!({ "pattern": "x" }), "x", "search", json!([])),
            ("read", json!({}), "read", "read", json!([])),
            ("task", json!({ "description": "d" }), "task", "think", json!([])),
            (
                "edit",
                json!({ "filepath": "/a" }),
                "/a",
                "edit",
                json!([{ "path": "/a" }]),
            ),
            ("t_echo", json!({}), "t_echo", "other", json!([])),
        ] {
            let wanted = json!({
                "toolCallId": "call_1", "title": title, "kind": kind, "status": "pending", "locations": locations, "rawInput": metadata,
            });
            assert_eq!(tool_call(&request(permission, metadata), &[]), wanted);
        }
    }

    #[test]
    fn only_a_clear_yes_is_one() {
        let selected = |id: &str| json!({ "outcome": { "outcome": "selected", "optionId": id } });
        for (answer, wanted) in [
            (selected("once"), Reply::Once),
            (selected("always"), Reply::Always),
            (selected("reject"), Reply::Reject),
            (selected("strange"), Reply::Reject),
            (json!({ "outcome": { "outcome": "cancelled" } }), Reply::Reject),
            (
                json!({ "outcome": { "outcome": "cancelled", "optionId": "once" } }),
                Reply::Reject,
            ),
            (json!([1]), Reply::Reject),
            (json!(null), Reply::Reject),
        ] {
            assert_eq!(reply(&answer), wanted, "{answer}");
        }
    }

    #[tokio::test]
    async fn changes_are_shown_with_the_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs_err::write(&path, "one\n    two\n").unwrap();
        let diff = "@@ -2,1 +2,1 @@\n-two\n+zwei\n";
        let asked = request("edit", json!({ "filepath": path, "diff": diff }));
        let shown = tool_call(&asked, &changes(&asked).await);
        let wanted = json!([{ "type": "diff", "path": path, "oldText": "one\n    two\n", "newText": "one\n    zwei\n" }]);
        assert_eq!(shown["content"], wanted);
        let several = json!([
            { "filePath": path, "patch": diff },
            { "filePath": folder.path().join("new.txt"), "patch": "@@ -0,0 +1,1 @@\n+fresh\n" },
            { "filePath": folder.path(), "patch": diff },
        ]);
        let asked = request(
            "edit",
            json!({ "filepath": "a.txt, new.txt", "diff": "…", "files": several }),
        );
        let shown = tool_call(&asked, &changes(&asked).await);
        assert_eq!(shown["content"].as_array().map(Vec::len), Some(2));
        assert_eq!(shown["locations"].as_array().map(Vec::len), Some(2));
        let asked = request(
            "edit",
            json!({ "filepath": path, "diff": "@@ -9,1 +9,1 @@\n-x\n+y\n" }),
        );
        assert!(changes(&asked).await.is_empty());
    }
}
