//! What durable events change in the tables: the read models (reference `sessions.md` §5).

mod content;
mod conversation;

use crate::sql::{Connection, Optional as _, params};
use opencode_schema::event::Place;
use opencode_schema::session::{Session, Tokens};
use opencode_schema::time::{Millis, now};
use opencode_schema::{EventBody, Message, MessageId, Part, PartBody, PartId, SessionId, WorkspaceId};
use serde::Serialize;

use crate::Error;

/// Changes the tables as the event at the place `seq` of the log says.
pub(crate) fn apply(connection: &Connection, event: &EventBody, seq: i64) -> Result<(), Error> {
    match event {
        EventBody::SessionCreated { info, .. } => insert_session(connection, info),
        EventBody::SessionUpdated { info, .. } => update_session(connection, info),
        EventBody::SessionDeleted { session_id, .. } => {
            connection
                .prepare_cached("DELETE FROM session WHERE id = ?1")?
                .execute([session_id.as_str()])?;
            Ok(())
        }
        EventBody::MessageUpdated { info, .. } => put_message(connection, info),
        EventBody::MessageRemoved {
            session_id,
            message_id,
        } => remove_message(connection, session_id, message_id),
        EventBody::PartUpdated { part, time, .. } => put_part(connection, part, *time),
        EventBody::PartRemoved {
            session_id, part_id, ..
        } => remove_part(connection, session_id, part_id),
        EventBody::Session(event) => conversation::apply(connection, event, seq),
        _ => Ok(()),
    }
}

fn move_session(
    connection: &Connection,
    id: &SessionId,
    place: &Place,
    path: Option<&str>,
    at: Millis,
) -> Result<(), Error> {
    connection
        .prepare_cached(
            "UPDATE session SET directory = ?2, path = ?3, workspace_id = ?4, time_updated = ?5 WHERE id = ?1",
        )?
        .execute(params![
            id.as_str(),
            place.directory,
            path.unwrap_or_default(),
            place.workspace_id.as_ref().map(WorkspaceId::as_str),
            at
        ])?;
    Ok(())
}

fn json<T: Serialize>(value: Option<&T>) -> Result<Option<String>, Error> {
    Ok(value.map(serde_json::to_string).transpose()?)
}

/// Writes a session row as it is, without an event: for imports.
pub(crate) fn insert_session(connection: &Connection, session: &Session) -> Result<(), Error> {
    write_session(
        connection,
        session,
        "INSERT INTO session (id, project_id, workspace_id, parent_id, slug, directory, path, title, version, share_url,
           summary_additions, summary_deletions, summary_files, summary_diffs, metadata,
           cost, tokens_input, tokens_output, tokens_reasoning, tokens_cache_read, tokens_cache_write,
           revert, permission, agent, model, time_created, time_updated, time_compacting, time_archived)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
           ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29)",
    )
}

fn update_session(connection: &Connection, session: &Session) -> Result<(), Error> {
    write_session(
        connection,
        session,
        "UPDATE session SET project_id = ?2, workspace_id = ?3, parent_id = ?4, slug = ?5, directory = ?6, path = ?7,
           title = ?8, version = ?9, share_url = ?10, summary_additions = ?11, summary_deletions = ?12,
           summary_files = ?13, summary_diffs = ?14, metadata = ?15, cost = ?16, tokens_input = ?17,
           tokens_output = ?18, tokens_reasoning = ?19, tokens_cache_read = ?20, tokens_cache_write = ?21,
           revert = ?22, permission = ?23, agent = ?24, model = ?25, time_created = ?26, time_updated = ?27,
           time_compacting = ?28, time_archived = ?29
         WHERE id = ?1",
    )
}

fn write_session(connection: &Connection, session: &Session, statement: &str) -> Result<(), Error> {
    let tokens = session.tokens.clone().unwrap_or_default();
    let summary = session.summary.as_ref();
    connection.prepare_cached(statement)?.execute(params![
        session.id.as_str(),
        session.project_id,
        session.workspace_id,
        session.parent_id.as_ref().map(SessionId::as_str),
        session.slug,
        session.directory,
        session.path,
        session.title,
        session.version,
        session.share.as_ref().map(|share| &share.url),
        summary.map(|summary| count(summary.additions)),
        summary.map(|summary| count(summary.deletions)),
        summary.map(|summary| count(summary.files)),
        json(summary.and_then(|summary| summary.diffs.as_ref()))?,
        json(session.metadata.as_ref())?,
        session.cost.unwrap_or_default().0,
        count(tokens.input),
        count(tokens.output),
        count(tokens.reasoning),
        count(tokens.cache.read),
        count(tokens.cache.write),
        json(session.revert.as_ref())?,
        json(session.permission.as_ref())?,
        session.agent,
        json(session.model.as_ref())?,
        session.time.created,
        session.time.updated,
        session.time.compacting,
        session.time.archived,
    ])?;
    Ok(())
}

/// Databases have no unsigned integers.
fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn put_message(connection: &Connection, message: &Message) -> Result<(), Error> {
    connection
        .prepare_cached(
            "INSERT INTO message (id, session_id, time_created, time_updated, data) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET data = excluded.data, time_updated = excluded.time_updated",
        )?
        .execute(params![
            message.id.as_str(),
            message.session_id.as_str(),
            message.created(),
            now(),
            serde_json::to_string(&message.body)?,
        ])?;
    Ok(())
}

fn put_part(connection: &Connection, part: &Part, time: Millis) -> Result<(), Error> {
    if matches!(part.body, PartBody::StepFinish(_)) {
        add_usage(
            connection,
            &part.session_id,
            stored_usage(connection, &part.id)?,
            -1,
        )?;
        add_usage(connection, &part.session_id, usage_of(&part.body), 1)?;
    }
    connection
        .prepare_cached(
            "INSERT INTO part (id, message_id, session_id, time_created, time_updated, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (id) DO UPDATE SET data = excluded.data, time_updated = excluded.time_updated",
        )?
        .execute(params![
            part.id.as_str(),
            part.message_id.as_str(),
            part.session_id.as_str(),
            time,
            now(),
            serde_json::to_string(&part.body)?,
        ])?;
    Ok(())
}

/// What a step cost and used.
type Usage = (f64, Tokens);

fn usage_of(body: &PartBody) -> Option<Usage> {
    match body {
        PartBody::StepFinish(step) => Some((step.cost.0, step.tokens.clone())),
        _ => None,
    }
}

fn stored_usage(connection: &Connection, id: &PartId) -> Result<Option<Usage>, Error> {
    let data: Option<String> = connection
        .prepare_cached("SELECT data FROM part WHERE id = ?1")?
        .query_row([id.as_str()], |row| row.get(0))
        .optional()?;
    Ok(data
        .and_then(|data| serde_json::from_str(&data).ok())
        .as_ref()
        .and_then(usage_of))
}

/// Adds a step to the session's sums, or takes it out again; the session counts as untouched.
fn add_usage(
    connection: &Connection,
    session: &SessionId,
    usage: Option<Usage>,
    sign: i64,
) -> Result<(), Error> {
    let Some((cost, tokens)) = usage else {
        return Ok(());
    };
    connection
        .prepare_cached(
            "UPDATE session SET cost = cost + ?2 * ?3, tokens_input = tokens_input + ?2 * ?4,
               tokens_output = tokens_output + ?2 * ?5, tokens_reasoning = tokens_reasoning + ?2 * ?6,
               tokens_cache_read = tokens_cache_read + ?2 * ?7, tokens_cache_write = tokens_cache_write + ?2 * ?8
             WHERE id = ?1",
        )?
        .execute(params![
            session.as_str(),
            sign,
            cost,
            count(tokens.input),
            count(tokens.output),
            count(tokens.reasoning),
            count(tokens.cache.read),
            count(tokens.cache.write),
        ])?;
    Ok(())
}

fn remove_message(connection: &Connection, session: &SessionId, id: &MessageId) -> Result<(), Error> {
    let mut parts = connection.prepare_cached("SELECT id FROM part WHERE message_id = ?1")?;
    let parts = parts
        .query_map([id.as_str()], |row| row.get::<_, String>(0))?
        .collect::<Result<Vec<_>, _>>()?;
    for part in parts {
        remove_part(connection, session, &PartId::trusted(part))?;
    }
    connection
        .prepare_cached("DELETE FROM message WHERE id = ?1 AND session_id = ?2")?
        .execute([id.as_str(), session.as_str()])?;
    Ok(())
}

fn remove_part(connection: &Connection, session: &SessionId, id: &PartId) -> Result<(), Error> {
    add_usage(connection, session, stored_usage(connection, id)?, -1)?;
    connection
        .prepare_cached("DELETE FROM part WHERE id = ?1 AND session_id = ?2")?
        .execute([id.as_str(), session.as_str()])?;
    Ok(())
}
