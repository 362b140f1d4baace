//! The engine's file and search tools, which clients call themselves under the permissions of the configuration.

use opencode_client::{Attachment, Client, Error, NewSession, ToolExecution, ToolOffer, ToolOutcome};
use opencode_schema::SessionId;
use opencode_schema::permission::Action;
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, ResourceContents, Tool, ToolAnnotations};

use crate::attend::{Ended, attend};
use crate::call::Call;
use crate::catalogue::{object, reading};
use crate::follow::Follow;

/// The tools that are offered, and whether they only read.
const OFFERED: [(&str, bool); 6] = [
    ("read", true),
    ("glob", true),
    ("grep", true),
    ("list", true),
    ("write", false),
    ("edit", false),
];

/// Milliseconds that a tool may take.
const PATIENCE: u64 = 120_000;
/// The same when the user is asked meanwhile.
const PATIENCE_WITH_USER: u64 = 600_000;
/// The refusal by which rules, or the user, say no.
const FORBIDDEN: u16 = 403;
const NOT_FOUND: u16 = 404;

/// Whether there can be a tool by this name.
pub(crate) fn is_offered(name: &str) -> bool {
    OFFERED.iter().any(|(one, _)| *one == name)
}

/// The tools that rules do not forbid.
pub(crate) async fn list(client: &Client) -> Result<Vec<Tool>, Error> {
    let offers = client.tools().await?.into_iter();
    Ok(offers.filter_map(offered).collect())
}

fn offered(offer: ToolOffer) -> Option<Tool> {
    let (_, reads) = OFFERED.iter().find(|(name, _)| *name == offer.name)?;
    let annotations = if *reads {
        reading()
    } else {
        ToolAnnotations::new()
            .read_only(false)
            .destructive(true)
            .open_world(false)
    };
    (offer.permission != Action::Deny).then(|| {
        Tool::new(offer.name, offer.description, object(offer.parameters)).with_annotations(annotations)
    })
}

/// Runs a tool. Without a session nobody can be asked, so where something has to be, it is run once more in a
/// session that lives as long: a refused tool has done nothing yet. Nothing when there is no such tool.
pub(crate) async fn run(call: &Call, name: &str, arguments: Option<JsonObject>) -> Option<CallToolResult> {
    let execution = ToolExecution {
        tool: name.to_owned(),
        arguments: arguments.unwrap_or_default(),
        session_id: None,
        timeout_ms: Some(PATIENCE),
    };
    let executed = tokio::select! {
        executed = call.client.execute_tool(&execution) => executed,
        () = call.stopped() => return Some(failed("The call was cancelled".to_owned())),
    };
    match executed {
        Ok(outcome) => Some(result(outcome)),
        Err(Error::Refused(refusal)) if refusal.status == NOT_FOUND => None,
        Err(Error::Refused(refusal)) if refusal.status == FORBIDDEN && call.can_ask() => Some(
            asked(call, execution)
                .await
                .unwrap_or_else(|error| failed(error.to_string())),
        ),
        Err(Error::Refused(refusal)) if refusal.status == FORBIDDEN => Some(failed(format!(
            "{}. The connected MCP client does not announce elicitation, so its user cannot be asked either.",
            refusal.message.trim_end_matches('.')
        ))),
        Err(error) => Some(failed(error.to_string())),
    }
}

/// Runs a tool in a session, whose questions the client's user is asked.
async fn asked(call: &Call, execution: ToolExecution) -> Result<CallToolResult, Error> {
    let title = Some(format!("MCP: {}", execution.tool));
    let new = NewSession {
        title,
        ..NewSession::default()
    };
    let session = call.client.create_session(&new).await?.id;
    let result = asked_in(call, &session, execution).await;
    if let Err(error) = call.client.delete_session(&session).await {
        tracing::info!(%error, "a session that was made for a tool stays");
    }
    result
}

async fn asked_in(
    call: &Call,
    session: &SessionId,
    mut execution: ToolExecution,
) -> Result<CallToolResult, Error> {
    execution.session_id = Some(session.clone());
    execution.timeout_ms = Some(PATIENCE_WITH_USER);
    let mut follow = Follow::open(&call.client, session).await?;
    let working = call.client.execute_tool(&execution);
    tokio::pin!(working);
    match attend(call, &mut follow, working.as_mut(), drop).await {
        Ended::Done(Ok(outcome)) => Ok(result(outcome)),
        Ended::Done(Err(error)) | Ended::Unheard(error) => Err(error),
        Ended::Stopped => Ok(failed("The call was cancelled".to_owned())),
    }
}

fn result(outcome: ToolOutcome) -> CallToolResult {
    if outcome.status != "completed" {
        return failed(outcome.output);
    }
    let mut content = vec![ContentBlock::text(outcome.output)];
    content.extend(outcome.attachments.into_iter().map(attached));
    CallToolResult::success(content)
}

fn attached(file: Attachment) -> ContentBlock {
    let name = file.name.as_deref().unwrap_or("attachment");
    let data = file.url.split_once(";base64,");
    match data.filter(|(head, _)| head.starts_with("data:")) {
        Some((_, data)) if file.mime.starts_with("image/") => ContentBlock::image(data, file.mime),
        Some((_, data)) if file.mime.starts_with("audio/") => ContentBlock::audio(data, file.mime),
        Some((_, data)) => {
            let uri = format!("opencode://attachment/{}", uri_segment(name));
            ContentBlock::resource(ResourceContents::blob(data, uri).with_mime_type(file.mime))
        }
        None => ContentBlock::text(format!("{name}: {}", file.url)),
    }
}

/// A name as it may stand in an address.
fn uri_segment(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

/// A failure that the model of the client is to read.
pub(crate) fn failed(message: String) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(message)])
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    #[test]
    fn attachments_are_not_lost() {
        let file = |mime: &str, url: &str| Attachment {
            mime: mime.to_owned(),
            url: url.to_owned(),
            name: Some("a b.pdf".to_owned()),
        };
        for (attachment, wanted) in [
            (
                file("image/png", "data:image/png;base64,AAAA"),
                json!({ "type": "image", "data": "AAAA", "mimeType": "image/png" }),
            ),
            (
                file("application/pdf", "data:application/pdf;base64,AAAA"),
                json!({ "type": "resource", "resource": {
                    "uri": "opencode://attachment/a%20b.pdf", "mimeType": "application/pdf", "blob": "AAAA",
                } }),
            ),
            (
                file("text/plain", "file:///x"),
                json!({ "type": "text", "text": "a b.pdf: file:///x" }),
            ),
        ] {
            assert_eq!(json!(attached(attachment)), wanted);
        }
    }

    #[test]
    fn what_rules_forbid_is_not_offered() {
        let offer = |name: &str, permission| ToolOffer {
            name: name.to_owned(),
            description: String::new(),
            parameters: json!({ "type": "object" }),
            permission,
        };
        for (name, permission, wanted) in [
            ("read", Action::Allow, true),
            ("edit", Action::Ask, true),
            ("write", Action::Deny, false),
            ("bash", Action::Allow, false),
        ] {
            assert_eq!(offered(offer(name, permission)).is_some(), wanted, "{name}");
        }
    }
}
