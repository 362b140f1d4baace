//! A conversation as plain text, for a model that is to summarise it (reference `agent-loop.md` §10).

use opencode_schema::{MessageBody, MessageWithParts, Part, PartBody, ToolState};

/// Characters of a tool's result that are told.
const RESULT_LIMIT: usize = 2_000;

/// The messages, one block a part.
pub(crate) fn text(messages: &[&MessageWithParts]) -> String {
    let blocks: Vec<String> = messages
        .iter()
        .flat_map(|message| {
            let is_user = matches!(message.info.body, MessageBody::User(_));
            message.parts.iter().flat_map(move |part| blocks(part, is_user))
        })
        .collect();
    blocks.join("\n\n")
}

fn blocks(part: &Part, is_user: bool) -> Vec<String> {
    let who = if is_user { "User" } else { "Assistant" };
    match &part.body {
        PartBody::Text(part) if part.ignored == Some(true) || part.text.trim().is_empty() => Vec::new(),
        PartBody::Text(part) => vec![format!("[{who}]: {}", part.text)],
        PartBody::Reasoning(part) if part.text.trim().is_empty() => Vec::new(),
        PartBody::Reasoning(part) => vec![format!("[Assistant reasoning]: {}", part.text)],
        PartBody::File(part) => {
            let name = part.filename.as_deref().unwrap_or("file");
            vec![format!("[Attached {}: {name}]", part.mime)]
        }
        PartBody::Subtask(part) => vec![format!("[{who}]: {}", part.prompt)],
        PartBody::Tool(part) => {
            let call = format!("[Assistant tool call]: {}({})", part.tool, part.state.input());
            let result = match &part.state {
                ToolState::Completed { time, .. } if time.compacted.is_some() => None,
                ToolState::Completed { output, .. } => Some(format!("[Tool result]: {}", shortened(output))),
                ToolState::Error { error, .. } => Some(format!("[Tool error]: {}", shortened(error))),
                ToolState::Pending { .. } | ToolState::Running { .. } => None,
            };
            std::iter::once(call).chain(result).collect()
        }
        _ => Vec::new(),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(RESULT_LIMIT) {
        Some((end, _)) => format!("{}\n[truncated]", &text[..end]),
        None => text.to_owned(),
    }
}
