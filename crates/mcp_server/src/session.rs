//! Sessions: their list, their messages, and both as resources.

use opencode_client::{Client, Error, MessagePage, SessionQuery};
use opencode_schema::{MessageWithParts, Part, PartBody, Session, SessionId, ToolState};
use rmcp::model::{CallToolResult, CompletionInfo, Resource, ResourceContents, ResourceTemplate};
use serde_json::{Value, json};

use crate::argument::{SessionList, SessionRead, limit};
use crate::catalogue::{MESSAGES, SESSIONS};
use crate::tool::failed;

/// What addresses of sessions begin with.
const ADDRESS: &str = "opencode://session/";
/// Sessions that are listed as resources.
const RESOURCES: u32 = 100;
/// Messages of a session that its resource shows.
const SHOWN: u32 = 200;
const MARKDOWN: &str = "text/markdown";

/// `session_list`
pub(crate) async fn list(client: &Client, wanted: SessionList) -> CallToolResult {
    let limit = match limit(wanted.limit, SESSIONS.0, SESSIONS.1) {
        Ok(limit) => limit,
        Err(reason) => return failed(reason),
    };
    match sessions(client, limit).await {
        Ok(sessions) => {
            let sessions: Vec<Value> = sessions.iter().map(described).collect();
            CallToolResult::structured(json!({ "sessions": sessions }))
        }
        Err(error) => failed(error.to_string()),
    }
}

async fn sessions(client: &Client, limit: u32) -> Result<Vec<Session>, Error> {
    let query = SessionQuery {
        only_directory: false,
        roots: true,
        limit: Some(limit),
    };
    client.sessions(&query).await
}

fn described(session: &Session) -> Value {
    json!({
        "id": session.id,
        "title": session.title,
        "directory": session.directory,
        "created": session.time.created,
        "updated": session.time.updated,
    })
}

/// `session_read`
pub(crate) async fn read(client: &Client, wanted: SessionRead) -> CallToolResult {
    let limit = match limit(wanted.limit, MESSAGES.0, MESSAGES.1) {
        Ok(limit) => limit,
        Err(reason) => return failed(reason),
    };
    let page = page(client, &wanted.session_id, limit, wanted.before.as_deref()).await;
    match page {
        Ok(Some((session, page))) => {
            let messages: Vec<Value> = page.messages.iter().map(message).collect();
            let mut read = json!({ "sessionID": session.id, "title": session.title, "messages": messages });
            if let Some(older) = page.older {
                read["older"] = json!(older);
            }
            CallToolResult::structured(read)
        }
        Ok(None) => failed(format!("There is no session {}", wanted.session_id)),
        Err(error) => failed(error.to_string()),
    }
}

/// A session with messages of it; nothing when there is none.
async fn page(
    client: &Client,
    id: &str,
    limit: u32,
    before: Option<&str>,
) -> Result<Option<(Session, MessagePage)>, Error> {
    let Ok(id) = SessionId::parse(id) else {
        return Ok(None);
    };
    let session = match client.session(&id).await {
        Err(error) if error.is_not_found() => return Ok(None),
        session => session?,
    };
    let messages = client.messages(&id, limit, before).await?;
    Ok(Some((session, messages)))
}

fn message(message: &MessageWithParts) -> Value {
    json!({
        "id": message.info.id,
        "role": role(message),
        "text": texts(message),
        "tools": message.parts.iter().filter_map(tool).collect::<Vec<_>>(),
    })
}

fn role(message: &MessageWithParts) -> &'static str {
    match message.info.as_user() {
        Some(_) => "user",
        None => "assistant",
    }
}

fn texts(message: &MessageWithParts) -> String {
    let texts = message.parts.iter().filter_map(|part| match &part.body {
        PartBody::Text(text) if text.synthetic != Some(true) => Some(text.text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n\n")
}

fn tool(part: &Part) -> Option<Value> {
    let PartBody::Tool(call) = &part.body else {
        return None;
    };
    let (status, title) = match &call.state {
        ToolState::Pending { .. } => ("pending", None),
        ToolState::Running { title, .. } => ("running", title.as_deref()),
        ToolState::Completed { title, .. } => ("completed", Some(title.as_str())),
        ToolState::Error { error, .. } => ("error", Some(error.as_str())),
    };
    let mut told = json!({ "tool": call.tool, "status": status });
    if let Some(title) = title.filter(|title| !title.is_empty()) {
        told["title"] = json!(title);
    }
    Some(told)
}

/// The newest sessions as resources.
pub(crate) async fn resources(client: &Client) -> Result<Vec<Resource>, Error> {
    let sessions = sessions(client, RESOURCES).await?;
    let resource = |session: Session| {
        Resource::new(format!("{ADDRESS}{}", session.id), session.id.to_string())
            .with_title(session.title)
            .with_description(format!("A session in {}", session.directory))
            .with_mime_type(MARKDOWN)
    };
    Ok(sessions.into_iter().map(resource).collect())
}

/// Ids of sessions whose id begins so, or whose title has it in it.
pub(crate) async fn ids(client: &Client, text: &str) -> Result<Vec<String>, Error> {
    let text = text.to_lowercase();
    let fits = |session: &Session| {
        session.id.as_str().to_lowercase().starts_with(&text) || session.title.to_lowercase().contains(&text)
    };
    let sessions = sessions(client, RESOURCES).await?.into_iter();
    let ids = sessions.filter(fits).map(|session| session.id.to_string());
    Ok(ids.take(CompletionInfo::MAX_VALUES).collect())
}

/// How the address of any session is made.
pub(crate) fn template() -> ResourceTemplate {
    ResourceTemplate::new(format!("{ADDRESS}{{id}}"), "session")
        .with_title("A session")
        .with_description("What was said in a session, as Markdown")
        .with_mime_type(MARKDOWN)
}

/// The resource at an address; nothing when there is none.
pub(crate) async fn resource(client: &Client, uri: &str) -> Result<Option<ResourceContents>, Error> {
    let Some(id) = uri.strip_prefix(ADDRESS) else {
        return Ok(None);
    };
    let page = page(client, id, SHOWN, None).await?;
    Ok(page.map(|(session, page)| {
        let text = markdown(&session.title, &page);
        ResourceContents::text(text, uri).with_mime_type(MARKDOWN)
    }))
}

fn markdown(title: &str, page: &MessagePage) -> String {
    let mut text = format!("# {title}\n");
    if page.older.is_some() {
        text.push_str("\n(Older messages are left out.)\n");
    }
    for message in &page.messages {
        text.push_str(match role(message) {
            "user" => "\n## User\n",
            _ => "\n## Assistant\n",
        });
        for part in &message.parts {
            match (&part.body, tool(part)) {
                (PartBody::Text(words), _) if words.synthetic != Some(true) => {
                    text.push('\n');
                    text.push_str(words.text.trim_end());
                    text.push('\n');
                }
                (_, Some(call)) => {
                    let field = |name: &str| call[name].as_str().unwrap_or_default();
                    let line = format!("\n- `{}` ({}) {}", field("tool"), field("status"), field("title"));
                    text.push_str(line.trim_end());
                    text.push('\n');
                }
                _ => {}
            }
        }
    }
    text
}
