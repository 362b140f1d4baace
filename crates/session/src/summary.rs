//! What a turn changed in files, kept on the user's message (reference `agent-loop.md` §9).

use std::sync::Arc;

use opencode_schema::message::MessageSummary;
use opencode_schema::session::{FileDiff, Summary};
use opencode_schema::time::now;
use opencode_schema::{EventBody, Message, MessageBody, MessageId, PartBody, SessionId};
use opencode_store::View;

use crate::{Engine, Error, Location};

/// Messages of one turn that are looked at.
const LOOK_BACK: usize = 500;

/// Brings the summary of the turn of a user's message up to date, beside what else runs.
pub(crate) fn begin(engine: &Engine, location: &Arc<Location>, session_id: &SessionId, user_id: &MessageId) {
    let (location, session_id, user_id) = (Arc::clone(location), session_id.clone(), user_id.clone());
    engine.inner.tasks.spawn(async move {
        // One after the other: what was compared later must not be replaced by what was compared before.
        let _turn = location.summaries.lock().await;
        if let Err(error) = update(&location, &session_id, user_id).await {
            tracing::warn!(%error, "what the turn changed could not be told");
        }
    });
}

async fn update(location: &Location, session_id: &SessionId, user_id: MessageId) -> Result<(), Error> {
    let (id, of) = (session_id.clone(), user_id.clone());
    let trees = location.store.read(move |view| trees_of(view, &id, &of)).await?;
    let diffs = match (location.snapshots(), &trees) {
        (Some(snapshots), Some((from, to))) if from != to => match snapshots.diff_full(from, to).await {
            Ok(diffs) => diffs,
            Err(error) => {
                tracing::warn!(%error, "the changed files could not be compared");
                return Ok(());
            }
        },
        _ => Vec::new(),
    };
    let id = session_id.clone();
    location
        .store
        .write(move |transaction| {
            // Parity: agent-loop.md §9, the counts of the session stay zero; only a revert fills them.
            transaction.update_session(&id, |session| {
                session.summary.get_or_insert_with(Summary::default);
                session.time.updated = now();
            })?;
            transaction.publish(EventBody::SessionDiff {
                session_id: id.clone(),
                diff: Vec::new(),
            })?;
            let message = transaction.message(&id, &user_id)?;
            if let Some(message) = with_diffs(message, diffs) {
                transaction.publish(EventBody::MessageUpdated {
                    session_id: id,
                    info: Box::new(message),
                })?;
            }
            Ok(())
        })
        .await?;
    Ok(())
}

/// The message with its summary, if that changes anything.
fn with_diffs(mut message: Message, diffs: Vec<FileDiff>) -> Option<Message> {
    let MessageBody::User(user) = &mut message.body else {
        return None;
    };
    if user
        .summary
        .as_ref()
        .is_some_and(|summary| summary.diffs == diffs)
    {
        return None;
    }
    let summary = user.summary.get_or_insert_with(MessageSummary::default);
    summary.diffs = diffs;
    Some(message)
}

/// The trees of files before and after what came of a user's message.
fn trees_of(
    view: &View<'_>,
    session_id: &SessionId,
    user_id: &MessageId,
) -> Result<Option<(String, String)>, opencode_store::Error> {
    let newest_first = view.newest_messages(session_id, LOOK_BACK)?;
    let came_of_it = |message: &&Message| {
        message
            .as_assistant()
            .is_some_and(|assistant| assistant.parent_id == *user_id)
    };
    let (mut first, mut last) = (None, None);
    for message in newest_first.iter().rev().filter(came_of_it) {
        for part in view.parts(&message.id)? {
            match part.body {
                PartBody::StepStart(start) if first.is_none() => first = start.snapshot,
                PartBody::StepFinish(finish) => last = finish.snapshot.or(last),
                _ => {}
            }
        }
    }
    Ok(first.zip(last))
}
