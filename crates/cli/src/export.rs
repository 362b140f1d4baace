//! `opencode export`

use opencode_schema::SessionId;
use opencode_session::sanitize;
use opencode_store::SessionFilter;

use crate::arguments::Export;
use crate::context::Context;
use crate::failure::Failure;

/// Prints a session as JSON.
pub(crate) async fn run(context: &Context, arguments: Export) -> Result<(), Failure> {
    let (engine, location) = context.here().await?;
    context.output.say(format_args!(
        "Exporting session: {}",
        arguments.id.as_deref().unwrap_or("latest")
    ));
    let id = match arguments.id {
        Some(id) => {
            SessionId::parse(id.as_str()).map_err(|_| Failure::told(format!("Session not found: {id}")))?
        }
        None => {
            let filter = SessionFilter {
                project_id: Some(location.project_id.clone()),
                roots: true,
                limit: Some(1),
                ..SessionFilter::default()
            };
            let newest = engine.sessions(filter).await?.pop();
            newest
                .ok_or_else(|| Failure::told("This project has no sessions yet"))?
                .id
        }
    };
    let transcript = engine.export_session(&id).await?;
    engine.shutdown().await;
    if transcript.left_out > 0 {
        context.output.warning(format_args!(
            "{} stored messages and parts cannot be read and are left out; the log names them",
            transcript.left_out
        ));
    }
    let text = if arguments.sanitize {
        serde_json::to_string_pretty(&sanitize(&transcript)?)?
    } else {
        serde_json::to_string_pretty(&transcript)?
    };
    context.output.data(text)?;
    Ok(())
}
