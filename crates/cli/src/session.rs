//! `opencode session`

mod recover;
mod unfinished;

use opencode_schema::time::Millis;
use opencode_schema::{Session, SessionId};
use opencode_store::SessionFilter;
use serde::Serialize;

use crate::arguments::{self, ListFormat, SessionList};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Style;

/// Widths below which a column does not go.
const ID_WIDTH: usize = 20;
const TITLE_WIDTH: usize = 25;

pub(crate) async fn run(context: &Context, command: arguments::Session) -> Result<(), Failure> {
    match command {
        arguments::Session::List(arguments) => list(context, arguments).await,
        arguments::Session::Delete(arguments) => delete(context, &arguments.id).await,
        arguments::Session::Unfinished(arguments) => unfinished::run(context, arguments.format).await,
        arguments::Session::Recover(arguments) => recover::run(context, arguments.apply).await,
    }
}

/// A session as `--format json` lists it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    id: &'a SessionId,
    title: &'a str,
    updated: Millis,
    created: Millis,
    project_id: &'a str,
    directory: &'a str,
}

async fn list(context: &Context, arguments: SessionList) -> Result<(), Failure> {
    let (engine, location) = context.here().await?;
    let filter = SessionFilter {
        project_id: Some(location.project_id.clone()),
        roots: true,
        limit: arguments.max_count,
        ..SessionFilter::default()
    };
    let sessions = engine.sessions(filter).await?;
    engine.shutdown().await;
    if sessions.is_empty() {
        return Ok(());
    }
    match arguments.format {
        ListFormat::Table => table(context, &sessions)?,
        ListFormat::Json => {
            let rows: Vec<Row<'_>> = sessions
                .iter()
                .map(|session| Row {
                    id: &session.id,
                    title: &session.title,
                    updated: session.time.updated,
                    created: session.time.created,
                    project_id: &session.project_id,
                    directory: &session.directory,
                })
                .collect();
            context.output.data(serde_json::to_string_pretty(&rows)?)?;
        }
    }
    Ok(())
}

fn table(context: &Context, sessions: &[Session]) -> Result<(), Failure> {
    let width = |text: &str| text.chars().count();
    let id_width = sessions
        .iter()
        .map(|session| width(session.id.as_str()))
        .fold(ID_WIDTH, usize::max);
    let title_width = sessions
        .iter()
        .map(|session| width(&session.title))
        .fold(TITLE_WIDTH, usize::max);
    let header = format!("{:id_width$}  {:title_width$}  Updated", "Session ID", "Title");
    context.output.data(&header)?;
    context.output.data("─".repeat(width(&header)))?;
    for session in sessions {
        let when = when(session.time.updated);
        context.output.data(format_args!(
            "{:id_width$}  {:title_width$}  {when}",
            session.id.as_str(),
            session.title
        ))?;
    }
    Ok(())
}

/// The time of day for today, else with the date.
fn when(at: Millis) -> String {
    let Ok(at) = jiff::Timestamp::from_millisecond(at) else {
        return String::new();
    };
    let at = at.to_zoned(jiff::tz::TimeZone::system());
    let form = if at.date() == jiff::Zoned::now().date() {
        "%-I:%M %p"
    } else {
        "%-I:%M %p · %-m/%-d/%Y"
    };
    at.strftime(form).to_string()
}

async fn delete(context: &Context, id: &str) -> Result<(), Failure> {
    let (engine, location) = context.here().await?;
    let id = SessionId::parse(id).map_err(|_| Failure::told(format!("Session not found: {id}")))?;
    engine.delete_session(&location, &id).await?;
    engine.shutdown().await;
    context.output.say(
        context
            .output
            .styled(Style::Plain, format_args!("Session {id} deleted")),
    );
    Ok(())
}
