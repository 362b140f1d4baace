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

/// Brings the summary of the newest turn up to date, beside what else runs.
pub(crate) fn begin(engine: &Engine, location: &Arc<Location>, session_id: &SessionId) {
    let (location, session_id) = (Arc::clone(location), session_id.clone());
    engine.inner.tasks.spawn(async move {
        if let Err(error) = update(&location, &session_id).await {
            tracing::warn!(%error, "what the turn changed could not be told");
        }
    });
}

/// The newest message of the user, and the trees of files before and after what came of it.
struct Span {
    user_id: MessageId,
    trees: Option<(String, String)>,
}

async fn update(location: &Location, session_id: &SessionId) -> Result<(), Error> {
    let id = session_id.clone();
    let Some(span) = location.store.read(move |view| span_of(view, &id)).await? else {
        return Ok(());
    };
    let diffs = match (&location.snapshots, &span.trees) {
        (Some(snapshots), Some((from, to))) if from != to => {
            snapshots.diff_full(from, to).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "the changed files could not be compared");
                Vec::new()
            })
        }
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
            let message = transaction.message(&id, &span.user_id)?;
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

fn span_of(view: &View<'_>, session_id: &SessionId) -> Result<Option<Span>, opencode_store::Error> {
    let newest_first = view.newest_messages(session_id, LOOK_BACK)?;
    let Some(at) = newest_first
        .iter()
        .position(|message| message.as_user().is_some())
    else {
        return Ok(None);
    };
    let (mut first, mut last) = (None, None);
    for message in newest_first[..at].iter().rev() {
        for part in view.parts(&message.id)? {
            match part.body {
                PartBody::StepStart(start) if first.is_none() => first = start.snapshot,
                PartBody::StepFinish(finish) => last = finish.snapshot.or(last),
                _ => {}
            }
        }
    }
    Ok(Some(Span {
        user_id: newest_first[at].id.clone(),
        trees: first.zip(last),
    }))
}
