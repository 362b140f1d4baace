//! What stands before the conversation of a durable session: told as a whole when it begins, and later by its
//! changes, so that the beginning of requests stays the same (reference `v2.md` §8).

use std::sync::Arc;

use opencode_schema::agent::Agent;
use opencode_schema::model::Model;
use opencode_schema::session::Session;
use opencode_schema::time::now;
use opencode_schema::{MessageId, Object, SessionEvent};
use opencode_store::{ContextEpoch, Store};
use serde_json::Value;

use crate::{Engine, Error, Location, system};

/// The system prompt of a session. What has changed around it since it was last told becomes a message.
pub(super) async fn system(
    engine: &Engine,
    location: &Arc<Location>,
    store: &Store,
    session: &Session,
    agent: &Agent,
    model: &Model,
) -> Result<String, Error> {
    let instructions = location.instructions().await;
    let own = session.permission.as_deref().unwrap_or_default();
    let rules = [agent.permission.as_slice(), own];
    location.servers_ready().await;
    let servers = location.server_instructions(&rules);
    let sources = system::Sources {
        agent,
        model,
        directory: &location.directory,
        worktree: &location.worktree,
        is_git: location.is_git,
        references: &location.references,
        instructions: &instructions,
        servers: servers.as_deref(),
        skills: &location.skills,
        rules: &rules,
        structured: false,
        user: None,
        date: &system::today(),
    };
    let now_told = system::surroundings(&sources);
    let id = session.id.clone();
    let known = engine
        .inner
        .store
        .read(move |view| view.context_epoch(&id))
        .await?;
    let baseline = match known {
        None => begin(store, session, &now_told).await?,
        Some(known) => {
            let baseline = known.baseline.clone();
            tell_changes(store, session, known, &now_told).await?;
            baseline
        }
    };
    Ok(format!("{}\n{baseline}", system::base(&sources)))
}

fn snapshot(told: &[(&'static str, String)]) -> Object {
    let entries = told
        .iter()
        .map(|(name, text)| ((*name).to_owned(), Value::String(text.clone())));
    entries.collect()
}

async fn begin(store: &Store, session: &Session, told: &[(&'static str, String)]) -> Result<String, Error> {
    let texts: Vec<&str> = told.iter().map(|(_, text)| text.as_str()).collect();
    let baseline = texts.join("\n");
    let (id, snapshot, text) = (session.id.clone(), snapshot(told), baseline.clone());
    let stored = store.write(move |transaction| {
        let epoch = ContextEpoch {
            baseline: text,
            snapshot,
            baseline_seq: transaction.last_seq(&id)?,
        };
        transaction.put_context_epoch(&id, &epoch)
    });
    stored.await?;
    Ok(baseline)
}

/// Says what is different, once.
async fn tell_changes(
    store: &Store,
    session: &Session,
    known: ContextEpoch,
    told: &[(&'static str, String)],
) -> Result<(), Error> {
    let before = |name: &str| known.snapshot.get(name).and_then(Value::as_str);
    let changed: Vec<&str> = told
        .iter()
        .filter(|(name, text)| before(name) != Some(text))
        .map(|(_, text)| text.as_str())
        .collect();
    let gone: Vec<String> = known
        .snapshot
        .keys()
        .filter(|name| !told.iter().any(|(now, _)| now == name))
        .map(|name| {
            format!(
                "What was said before of {} does not hold any more.",
                name.trim_start_matches("core/")
            )
        })
        .collect();
    if changed.is_empty() && gone.is_empty() {
        return Ok(());
    }
    let pieces: Vec<&str> = changed
        .into_iter()
        .chain(gone.iter().map(String::as_str))
        .collect();
    let event = SessionEvent::ContextUpdated {
        timestamp: now(),
        session_id: session.id.clone(),
        message_id: MessageId::new(),
        text: format!(
            "The surroundings have changed. From now on:\n{}",
            pieces.join("\n")
        ),
    };
    let epoch = ContextEpoch {
        snapshot: snapshot(told),
        ..known
    };
    let id = session.id.clone();
    let stored = store.write(move |transaction| {
        transaction.publish(event.into())?;
        transaction.put_context_epoch(&id, &epoch)
    });
    Ok(stored.await?)
}
