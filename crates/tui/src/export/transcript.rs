//! The Markdown of a session, as the reference writes it.

use std::fmt::Write as _;

use jiff::Timestamp;
use opencode_schema::message::{AssistantMessage, MessageBody};
use opencode_schema::part::{ToolPart, ToolState};
use opencode_schema::time::Millis;
use opencode_schema::{MessageWithParts, PartBody, Session};
use serde_json::Value;

use super::Contents;
use crate::app::App;
use crate::transcript::paint::capitalised;

/// Writes a session with its messages.
pub(super) fn write(
    app: &App,
    session: &Session,
    messages: &[MessageWithParts],
    contents: Contents,
) -> String {
    let time = |time: Millis| match Timestamp::from_millisecond(time) {
        Ok(time) => {
            let zoned = time.to_zoned(app.settings.zone().clone());
            zoned.strftime("%-m/%-d/%Y, %-I:%M:%S %p").to_string()
        }
        Err(_) => String::new(),
    };
    let mut text = format!("# {}\n\n", session.title);
    let _ = writeln!(text, "**Session ID:** {}", session.id);
    let _ = writeln!(text, "**Created:** {}", time(session.time.created));
    let _ = writeln!(text, "**Updated:** {}\n\n---\n", time(session.time.updated));
    for message in messages {
        match &message.info.body {
            MessageBody::User(_) => text.push_str("## User\n\n"),
            MessageBody::Assistant(answer) if contents.metadata => {
                let _ = writeln!(text, "## Assistant ({})\n", metadata(app, answer));
            }
            MessageBody::Assistant(_) => text.push_str("## Assistant\n\n"),
        }
        for part in &message.parts {
            write_part(&mut text, &part.body, contents);
        }
        text.push_str("---\n\n");
    }
    text
}

/// Agent, model and how long it took.
fn metadata(app: &App, answer: &AssistantMessage) -> String {
    let known = app.store.model(&answer.provider_id, &answer.model_id);
    let model = known.map_or(answer.model_id.as_str(), |(_, model)| &model.name);
    let mut text = format!("{} · {model}", capitalised(&answer.agent));
    if let Some(completed) = answer.time.completed {
        let tenths = (completed - answer.time.created).max(0).saturating_add(50) / 100;
        let _ = write!(text, " · {}.{}s", tenths / 10, tenths % 10);
    }
    text
}

fn write_part(text: &mut String, part: &PartBody, contents: Contents) {
    match part {
        PartBody::Text(part) if part.synthetic != Some(true) => {
            let _ = writeln!(text, "{}\n", part.text);
        }
        PartBody::Reasoning(part) if contents.thinking => {
            let _ = writeln!(text, "_Thinking:_\n\n{}\n", part.text);
        }
        PartBody::Tool(part) => write_tool(text, part, contents),
        _ => {}
    }
}

fn write_tool(text: &mut String, part: &ToolPart, contents: Contents) {
    let _ = writeln!(text, "**Tool: {}**", part.tool);
    if contents.tool_details {
        let nothing = Value::Null;
        let (input, result) = match &part.state {
            ToolState::Pending { .. } => (&nothing, None),
            ToolState::Running { input, .. } => (input, None),
            ToolState::Completed { input, output, .. } => (input, Some(("Output", output))),
            ToolState::Error { input, error, .. } => (input, Some(("Error", error))),
        };
        if !input.is_null() {
            fenced(text, "Input", "json", &format!("{input:#}"));
        }
        if let Some((title, result)) = result.filter(|(_, result)| !result.is_empty()) {
            fenced(text, title, "", result);
        }
    }
    text.push('\n');
}

/// A block of code, between fences that are longer than any in it.
fn fenced(text: &mut String, title: &str, language: &str, code: &str) {
    let mut longest = 2;
    let mut run = 0;
    for letter in code.chars() {
        run = if letter == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest + 1);
    let _ = writeln!(text, "\n**{title}:**\n{fence}{language}\n{code}\n{fence}");
}
