//! Headers that say which conversation a request belongs to (reference `providers.md` §9.5, §12.3).

use indexmap::IndexMap;
use opencode_llm::request::{Content, Message, OutputContent, ToolOutput};
use opencode_schema::model::Model;

use crate::login::route;

/// What stands before files that a tool found, in a message of their own.
pub const MEDIA_OF_TOOL: &str = "Attached media from tool result:";

/// Who asks a model, and for what.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// The session.
    pub session_id: &'a str,
    /// The session that started it.
    pub parent_id: Option<&'a str>,
    /// The project.
    pub project_id: &'a str,
    /// What the user said last.
    pub request_id: &'a str,
    /// The face that the user sees.
    pub client: &'a str,
    /// What it is for.
    pub purpose: Purpose,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To go on with the conversation.
    Turn,
    /// To shorten the conversation.
    Summary,
    /// To name the conversation.
    Title,
}

/// The headers of a request to `model` that holds `prompt`.
#[must_use]
pub fn of_request(model: &Model, asking: Asking<'_>, prompt: &[Message]) -> IndexMap<String, String> {
    let mut headers = IndexMap::new();
    let mut put = |name: &str, value: &str| {
        if !value.is_empty() {
            headers.insert(name.to_owned(), value.to_owned());
        }
    };
    if model.provider_id.starts_with("opencode") {
        put("x-opencode-project", asking.project_id);
        put("x-opencode-session", asking.session_id);
        put("x-opencode-request", asking.request_id);
        put("x-opencode-client", asking.client);
    } else {
        put("x-session-affinity", asking.session_id);
        put("X-Session-Id", asking.session_id);
    }
    if let Some(parent) = asking.parent_id {
        put("x-parent-session-id", parent);
    }
    if model.provider_id == "openai" {
        put("originator", "opencode");
        put("session-id", asking.session_id);
    }
    if route::is_copilot(model) {
        let by_agent = asking.parent_id.is_some()
            || asking.purpose == Purpose::Summary
            || !prompt.last().is_some_and(is_by_user);
        let is_title = asking.purpose == Purpose::Title;
        headers.extend(route::copilot_headers(
            asking.session_id,
            by_agent,
            has_images(prompt),
            is_title,
        ));
    }
    headers
}

/// Whether the user said it: not the agent, not a tool, and not a file that a tool brought.
fn is_by_user(message: &Message) -> bool {
    match message {
        Message::User { content, .. } => !content.is_empty() && !is_media_of_tool(content),
        _ => false,
    }
}

/// A message that only carries what a tool found: files behind one fixed sentence.
fn is_media_of_tool(content: &[Content]) -> bool {
    let [Content::Text { text, .. }, rest @ ..] = content else {
        return false;
    };
    !rest.is_empty() && rest.iter().all(|part| matches!(part, Content::File { .. })) && text == MEDIA_OF_TOOL
}

fn has_images(prompt: &[Message]) -> bool {
    prompt.iter().any(|message| match message {
        Message::User { content, .. } | Message::Tool { content, .. } => content.iter().any(is_image),
        _ => false,
    })
}

fn is_image(part: &Content) -> bool {
    match part {
        Content::File { media_type, .. } => media_type.starts_with("image/"),
        Content::ToolResult {
            output: ToolOutput::Content(parts),
            ..
        } => parts.iter().any(|part| {
            matches!(
                part,
                OutputContent::ImageData { .. } | OutputContent::ImageUrl { .. }
            )
        }),
        _ => false,
    }
}
