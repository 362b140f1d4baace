//! Taking messages back with what they changed in files, and dropping them when the conversation goes on
//! (reference `sessions.md` §7, «Revert»).

use std::path::PathBuf;
use std::sync::Arc;

use opencode_config::Paths;
use opencode_project::snapshot::Snapshots;
use opencode_schema::part::PatchPart;
use opencode_schema::session::{FileDiff, Revert, Session, Summary};
use opencode_schema::time::now;
use opencode_schema::{EventBody, MessageId, MessageWithParts, PartBody, PartId, SessionId};

use crate::{Engine, Error, Location};

impl Engine {
    /// Takes a message back, or the part of it and what comes after that, and everything later: files become
    /// what they were, the messages stay until the conversation goes on. A message that is not there changes
    /// nothing.
    ///
    /// # Errors
    /// [`Error::SessionNotFound`]; [`Error::Busy`]; the files could not be brought back.
    pub async fn revert(
        &self,
        location: &Arc<Location>,
        session_id: &SessionId,
        message_id: MessageId,
        part_id: Option<PartId>,
    ) -> Result<Session, Error> {
        self.session(session_id).await?;
        let (place, id) = (Arc::clone(location), session_id.clone());
        self.alone(location, session_id, |_| async move {
            take_back(&place, &id, &message_id, part_id.as_ref()).await
        })
        .await
    }

    /// Brings back what was taken back, as long as the conversation has not gone on.
    ///
    /// # Errors
    /// [`Error::SessionNotFound`]; [`Error::Busy`]; the files could not be brought back.
    pub async fn unrevert(&self, location: &Arc<Location>, session_id: &SessionId) -> Result<Session, Error> {
        self.session(session_id).await?;
        let (place, id) = (Arc::clone(location), session_id.clone());
        self.alone(
            location,
            session_id,
            |_| async move { bring_back(&place, &id).await },
        )
        .await
    }

    /// What the messages that are taken back, or were before, had changed in files.
    ///
    /// # Errors
    /// None that matter: what cannot be read is nothing.
    pub async fn reverted_diff(&self, session_id: &SessionId) -> Vec<FileDiff> {
        let path = diff_path(self.paths(), session_id);
        match fs_err::tokio::read(path).await {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(_) => Vec::new(),
        }
    }
}

/// A place in a session from which on things are taken back, and what they did to files.
#[derive(Debug, PartialEq)]
struct Target {
    message_id: MessageId,
    part_id: Option<PartId>,
    patches: Vec<PatchPart>,
}

async fn take_back(
    location: &Location,
    session_id: &SessionId,
    message_id: &MessageId,
    part_id: Option<&PartId>,
) -> Result<Session, Error> {
    let id = session_id.clone();
    let read = location
        .store
        .read(move |view| Ok((view.session(&id)?, view.transcript(&id)?)));
    let (session, transcript) = read.await?;
    let Some(target) = find(&transcript, message_id, part_id) else {
        return Ok(session);
    };
    let before = session.revert.and_then(|revert| revert.snapshot);
    let (snapshot, diff) = match location.snapshots() {
        Some(snapshots) => files_back(snapshots, before, &target.patches).await?,
        None => (None, None),
    };
    let diffs = changed_from(location, &transcript, &target.message_id).await;
    keep_diff(&location.paths, session_id, &diffs).await;
    let revert = Revert {
        message_id: target.message_id,
        part_id: target.part_id,
        snapshot,
        diff,
        files: None,
    };
    let sum = |count: fn(&FileDiff) -> u64| diffs.iter().map(count).sum();
    let summary = Summary {
        additions: sum(|diff| diff.additions),
        deletions: sum(|diff| diff.deletions),
        files: diffs.len() as u64,
        diffs: None,
    };
    let id = session_id.clone();
    let marked = location.store.write(move |transaction| {
        transaction.publish(EventBody::SessionDiff {
            session_id: id.clone(),
            diff: diffs,
        })?;
        transaction.update_session(&id, |session| {
            session.revert = Some(revert);
            session.summary = Some(summary);
            session.time.updated = now();
        })
    });
    Ok(marked.await?)
}

/// Brings files back. Gives the tree before anything was taken back, and how the files differ from it now.
pub(crate) async fn files_back(
    snapshots: &Snapshots,
    before: Option<String>,
    patches: &[PatchPart],
) -> Result<(Option<String>, Option<String>), Error> {
    let failed = |error: opencode_project::snapshot::Error| Error::Files(error.to_string());
    let before = match before {
        // So that one can also move forward again.
        Some(before) => {
            snapshots.restore(&before).await.map_err(failed)?;
            Some(before)
        }
        None => snapshots.track().await.map_err(failed)?,
    };
    let reverted = snapshots.revert(patches).await.map_err(failed)?;
    if !reverted.kept.is_empty() {
        tracing::warn!(files = ?reverted.kept, "files that could not be brought back");
    }
    let diff = match &before {
        Some(before) => Some(
            snapshots
                .diff(before)
                .await
                .map_err(failed)?
                .trim_end()
                .to_owned(),
        ),
        None => None,
    };
    Ok((before, diff))
}

async fn bring_back(location: &Location, session_id: &SessionId) -> Result<Session, Error> {
    let id = session_id.clone();
    let session = location.store.read(move |view| view.session(&id)).await?;
    let Some(revert) = &session.revert else {
        return Ok(session);
    };
    if let (Some(snapshot), Some(snapshots)) = (&revert.snapshot, location.snapshots()) {
        let restored = snapshots.restore(snapshot).await;
        restored.map_err(|error| Error::Files(error.to_string()))?;
    }
    let id = session_id.clone();
    let cleared = location.store.write(move |transaction| {
        transaction.update_session(&id, |session| {
            session.revert = None;
            session.time.updated = now();
        })
    });
    Ok(cleared.await?)
}

/// Where to take back from. A part counts only when its message keeps something to show; otherwise all of
/// the turn is taken back, from the user's message on.
fn find(transcript: &[MessageWithParts], message_id: &MessageId, part_id: Option<&PartId>) -> Option<Target> {
    let mut of_user = None;
    for (at, message) in transcript.iter().enumerate() {
        if message.info.as_user().is_some() {
            of_user = Some(&message.info.id);
        }
        let is_target = |part: &opencode_schema::Part| match part_id {
            Some(part_id) => part.id == *part_id,
            None => message.info.id == *message_id,
        };
        let Some(place) = message.parts.iter().position(is_target) else {
            continue;
        };
        let (kept, taken) = message.parts.split_at(place);
        let shows = |part: &opencode_schema::Part| matches!(part.body, PartBody::Text(_) | PartBody::Tool(_));
        let part_id = part_id.filter(|_| kept.iter().any(shows)).cloned();
        let message_id = match (&part_id, of_user) {
            (None, Some(of_user)) => of_user.clone(),
            _ => message.info.id.clone(),
        };
        let later = transcript.get(at + 1..).unwrap_or_default();
        let parts = taken
            .iter()
            .skip(1)
            .chain(later.iter().flat_map(|message| &message.parts));
        let patches = parts.filter_map(|part| match &part.body {
            PartBody::Patch(patch) => Some(patch.clone()),
            _ => None,
        });
        return Some(Target {
            message_id,
            part_id,
            patches: patches.collect(),
        });
    }
    None
}

/// What the messages from one on changed in files.
async fn changed_from(
    location: &Location,
    transcript: &[MessageWithParts],
    message_id: &MessageId,
) -> Vec<FileDiff> {
    let from = transcript
        .iter()
        .skip_while(|message| message.info.id != *message_id);
    let (mut first, mut last) = (None, None);
    for part in from.flat_map(|message| &message.parts) {
        match &part.body {
            PartBody::StepStart(start) if first.is_none() => first.clone_from(&start.snapshot),
            PartBody::StepFinish(finish) if finish.snapshot.is_some() => last.clone_from(&finish.snapshot),
            _ => {}
        }
    }
    let (Some(snapshots), Some(first), Some(last)) = (location.snapshots(), first, last) else {
        return Vec::new();
    };
    snapshots.diff_full(&first, &last).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "what is taken back could not be compared");
        Vec::new()
    })
}

/// Where the reference program, too, keeps what was taken back.
fn diff_path(paths: &Paths, session_id: &SessionId) -> PathBuf {
    let folder = paths.data.join("storage").join("session_diff");
    folder.join(format!("{session_id}.json"))
}

async fn keep_diff(paths: &Paths, session_id: &SessionId, diffs: &[FileDiff]) {
    let path = diff_path(paths, session_id);
    let written = async {
        if let Some(folder) = path.parent() {
            fs_err::tokio::create_dir_all(folder).await?;
        }
        fs_err::tokio::write(&path, serde_json::to_vec_pretty(diffs)?).await
    };
    if let Err(error) = written.await {
        tracing::warn!(%error, "what is taken back could not be kept");
    }
}

/// Drops what was taken back, if anything was.
pub(crate) async fn commit(location: &Location, session: &Session) -> Result<(), Error> {
    if session.revert.is_none() {
        return Ok(());
    }
    let id = session.id.clone();
    location
        .store
        .write(move |transaction| {
            // As it is now: somebody may have taken more back, or nothing at all.
            let Some(revert) = transaction.session(&id)?.revert else {
                return Ok(());
            };
            let transcript = transaction.transcript(&id)?;
            for event in dropped(&transcript, &revert) {
                transaction.publish(event)?;
            }
            transaction.update_session(&id, |session| session.revert = None)?;
            Ok(())
        })
        .await?;
    Ok(())
}

/// What is dropped: the message and all after it, or with a part, the parts from it on and all messages
/// after that one.
fn dropped(transcript: &[MessageWithParts], revert: &Revert) -> Vec<EventBody> {
    let Some(at) = transcript
        .iter()
        .position(|message| message.info.id == revert.message_id)
    else {
        return Vec::new();
    };
    let (target, later) = (&transcript[at], &transcript[at + 1..]);
    let removed = |message: &MessageWithParts| EventBody::MessageRemoved {
        session_id: message.info.session_id.clone(),
        message_id: message.info.id.clone(),
    };
    let mut events: Vec<EventBody> = match &revert.part_id {
        None => vec![removed(target)],
        Some(part_id) => target
            .parts
            .iter()
            .skip_while(|part| part.id != *part_id)
            .map(|part| EventBody::PartRemoved {
                session_id: part.session_id.clone(),
                message_id: part.message_id.clone(),
                part_id: part.id.clone(),
            })
            .collect(),
    };
    events.extend(later.iter().map(removed));
    events
}
