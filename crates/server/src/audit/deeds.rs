//! What the model and the programs in terminals do, as the store's feed tells it.

use std::collections::VecDeque;
use std::time::Duration;

use opencode_schema::part::ToolPart;
use opencode_schema::time::now;
use opencode_schema::{Event, EventBody, PartBody, ToolState};
use opencode_store::Subscription;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Actor, Audit, Outcome, Record, command};

/// The tool that runs commands.
const SHELL: &str = "bash";
/// Calls that are remembered: a part is told again when it is changed or copied.
const REMEMBERED: usize = 512;
/// How long ago a command may have ended that is told now; older ones are copies.
const FRESH_MS: i64 = 60_000;

/// Records until the server ends.
pub(super) async fn listen(audit: Audit, mut events: Subscription, ending: CancellationToken) {
    let mut known = VecDeque::new();
    loop {
        let event = tokio::select! {
            () = ending.cancelled() => return,
            event = events.next() => event,
        };
        match event {
            None => return,
            Some(Ok(event)) => {
                if let Some(record) = record_of(&event, &mut known) {
                    audit.record(&record);
                }
            }
            Some(Err(lost)) => {
                let detail = json!({ "events": lost.missed });
                audit.record(&Record::new(&Actor::internal(), "audit.lost", detail));
            }
        }
    }
}

fn record_of(event: &Event, known: &mut VecDeque<String>) -> Option<Record> {
    let record = match &event.body {
        EventBody::PtyExited { id, exit_code } => Record::new(
            &Actor::internal(),
            "pty.exit",
            json!({ "pty": id, "exit_code": exit_code }),
        ),
        EventBody::PartUpdated { part, session_id, .. } => match &part.body {
            PartBody::Tool(call) if call.tool == SHELL => {
                if known.contains(&call.call_id) {
                    return None;
                }
                let record = executed(call)?;
                known.push_back(call.call_id.clone());
                if known.len() > REMEMBERED {
                    known.pop_front();
                }
                record.of_session(session_id.as_str())
            }
            _ => return None,
        },
        _ => return None,
    };
    Some(match &event.origin {
        Some(origin) => record.in_folder(origin.directory.clone()),
        None => record,
    })
}

/// The record of a command that has just ended.
fn executed(call: &ToolPart) -> Option<Record> {
    let input = call.state.input();
    let text = |key: &str| input.get(key).and_then(Value::as_str);
    let (outcome, start, end, metadata) = match &call.state {
        ToolState::Completed { time, metadata, .. } => (Outcome::Ok, time.start, time.end, Some(metadata)),
        ToolState::Error { time, metadata, .. } => (Outcome::Error, time.start, time.end?, metadata.as_ref()),
        _ => return None,
    };
    if now() - end > FRESH_MS {
        return None;
    }
    let fact = |key: &str| metadata.and_then(|metadata| metadata.get(key)).cloned();
    let detail = json!({
        "command": command(text("command").unwrap_or_default()),
        "cwd": text("workdir"),
        "exit_code": fact("exit"),
        "truncated": fact("truncated"),
    });
    let took = Duration::from_millis(u64::try_from(end - start).unwrap_or_default());
    Some(
        Record::new(&Actor::internal(), "shell.exec", detail)
            .with(outcome, None)
            .took(took),
    )
}
