//! Tools that call others: tasks of other agents, and code that calls tools.

use opencode_schema::{SessionId, ToolState};
use serde_json::Value;

use super::{Call, Drawn, beginning, is_refusal, line_of};
use crate::safe;
use crate::transcript::paint::{Paint, capitalised, duration};
use crate::transcript::piece::Target;

/// Inner calls that are listed.
const CALLS: usize = 50;
/// Lines of an error that are seen.
const ERROR_LINES: usize = 4;

/// A task of another agent, with what it does now or how it went.
pub(super) fn task(paint: &Paint, call: &Call) -> Drawn {
    let words = paint.scene.words;
    let session = call.fact_text("sessionId").map(SessionId::trusted);
    let Some(description) = call.input.text("description") else {
        return call.line(paint, "│", None, "transcript.pending_task").into();
    };
    let agent = call.input.text("subagent_type").unwrap_or("general");
    let is_background = [call.fact("background"), call.input.get("background")]
        .into_iter()
        .flatten();
    let is_background = is_background.filter_map(Value::as_bool).any(|is| is);
    let mut text = words.fill(
        "transcript.task",
        &[
            ("agent", &capitalised(&safe::line(line_of(agent)))),
            ("description", &safe::line(line_of(description))),
        ],
    );
    if is_background {
        text.push_str(&format!(" ({})", words.get("transcript.background")));
    }
    let child = session
        .as_ref()
        .and_then(|session| paint.scene.surroundings.child(session))
        .unwrap_or_default();
    let calls = (child.calls > 0).then(|| {
        let key = if child.calls == 1 {
            "transcript.call"
        } else {
            "transcript.calls"
        };
        words.fill(key, &[("count", &child.calls.to_string())])
    });
    let below = match &call.tool.state {
        ToolState::Completed { time, .. } => {
            let took = duration(
                child
                    .duration
                    .unwrap_or_else(|| time.end.saturating_sub(time.start)),
            );
            Some(calls.map_or(took.clone(), |calls| format!("{calls} · {took}")))
        }
        ToolState::Running { .. } => match (&child.retry, &child.newest) {
            (Some((attempt, why)), _) => Some(words.fill(
                "transcript.retrying",
                &[
                    ("attempt", &attempt.to_string()),
                    ("reason", &safe::line(line_of(why))),
                ],
            )),
            (None, Some((tool, title))) if !title.is_empty() => Some(format!(
                "{} {}",
                capitalised(&safe::line(line_of(tool))),
                safe::line(line_of(title))
            )),
            _ => calls,
        },
        _ => None,
    };
    let is_moving = call.is_running();
    let sign = if is_moving {
        paint.spinner()
    } else if call.is_completed() {
        "✓"
    } else {
        "│"
    };
    let mut piece = call.line(paint, sign, Some(&text), "transcript.pending_task");
    if let Some(below) = below {
        piece
            .rows
            .extend(paint.below(&format!("↳ {below}"), paint.muted()));
    }
    if let Some(session) = session {
        piece.targets.clear();
        piece = piece.with_target(Target::Task(session));
    }
    Drawn {
        pieces: vec![piece],
        is_moving,
        is_waiting: false,
    }
}

/// Code that calls tools, with its calls.
pub(super) fn execute(paint: &Paint, call: &Call) -> Drawn {
    let is_moving = call.is_running();
    let sign = match (is_moving, call.error()) {
        (true, _) => paint.spinner(),
        (false, None) => "✓",
        (false, Some(_)) => "✗",
    };
    let mut piece = call.line(paint, sign, Some("execute"), "transcript.pending_tool");
    let calls = call
        .fact("calls")
        .or_else(|| call.fact("toolCalls"))
        .and_then(Value::as_array);
    for inner in calls.into_iter().flatten().take(CALLS) {
        let name = inner
            .get("tool")
            .or_else(|| inner.get("name"))
            .and_then(Value::as_str)
            .unwrap_or_default();
        let arguments = inner
            .get("input")
            .or_else(|| inner.get("args"))
            .and_then(Value::as_object);
        let text = format!(
            "↳ {}{}",
            safe::line(line_of(name)),
            super::Input(arguments).brief(&[])
        );
        piece.rows.extend(paint.below(&text, paint.muted()));
    }
    if let Some(error) = call
        .error()
        .filter(|error| !is_refusal(error) && !paint.is_open(&call.part.id))
    {
        let style = ratatui::style::Style::new().fg(paint.scene.theme.error);
        for line in safe::output(beginning(error))
            .trim()
            .split('\n')
            .take(ERROR_LINES)
        {
            piece.rows.extend(paint.below(line, style));
        }
    }
    Drawn {
        pieces: vec![piece],
        is_moving,
        is_waiting: false,
    }
}
