//! Taking back what was said after a message of a durable session, and what it changed in files: staged until
//! it is cleared or committed (reference `v2.md` §9).

use std::path::Path;
use std::sync::Arc;

use opencode_project::snapshot::Snapshots;
use opencode_schema::part::PatchPart;
use opencode_schema::session::{FileDiff, Revert, RevertedFile};
use opencode_schema::session_message::Answer;
use opencode_schema::time::now;
use opencode_schema::{MessageId, SessionEvent, SessionId, SessionMessageBody};
use opencode_store::Direction;

use crate::revert::files_back;
use crate::{Engine, Error, Location};

/// Messages that are read at a time.
const PAGE: u32 = 200;

impl Engine {
    /// Takes back what came after a message, until further notice: with `files`, those that answers changed become
    /// what they were.
    ///
    /// # Errors
    /// [`Error::MessageNotFound`]; [`Error::Busy`]; the files could not be brought back.
    pub async fn stage_revert(
        &self,
        location: &Arc<Location>,
        session_id: &SessionId,
        message_id: MessageId,
        files: bool,
    ) -> Result<Revert, Error> {
        let (place, id) = (Arc::clone(location), session_id.clone());
        self.alone(location, session_id, |_| async move {
            stage(&place, &id, message_id, files).await
        })
        .await
    }

    /// Brings files and messages back that were taken back.
    ///
    /// # Errors
    /// [`Error::Busy`]; the files could not be brought back.
    pub async fn clear_revert(&self, location: &Arc<Location>, session_id: &SessionId) -> Result<(), Error> {
        let (place, id) = (Arc::clone(location), session_id.clone());
        self.alone(location, session_id, |_| async move {
            let of = id.clone();
            let session = place.store.read(move |view| view.session(&of)).await?;
            let Some(revert) = session.revert else {
                return Ok(());
            };
            if let (Some(tree), Some(snapshots)) = (&revert.snapshot, place.snapshots()) {
                let restored = snapshots.restore(tree).await;
                restored.map_err(|error| Error::Files(error.to_string()))?;
            }
            let event = SessionEvent::RevertCleared {
                timestamp: now(),
                session_id: id,
            };
            Ok(place.store.publish(event.into()).await?)
        })
        .await
    }

    /// Drops for good what was taken back; nothing when nothing was.
    ///
    /// # Errors
    /// [`Error::Busy`]; the database failed.
    pub async fn commit_revert(&self, location: &Arc<Location>, session_id: &SessionId) -> Result<(), Error> {
        let (place, id) = (Arc::clone(location), session_id.clone());
        self.alone(location, session_id, |_| async move {
            let committed = place.store.write(move |transaction| {
                let Some(revert) = transaction.session(&id)?.revert else {
                    return Ok(());
                };
                let event = SessionEvent::RevertCommitted {
                    timestamp: now(),
                    session_id: id,
                    message_id: revert.message_id,
                };
                transaction.publish(event.into())
            });
            Ok(committed.await?)
        })
        .await
    }
}

async fn stage(
    location: &Location,
    session_id: &SessionId,
    message_id: MessageId,
    files: bool,
) -> Result<Revert, Error> {
    let (id, wanted) = (session_id.clone(), message_id.clone());
    let read = location
        .store
        .read(move |view| Ok((view.session(&id)?, view.session_message(&id, &wanted)?)));
    let (session, message) = read.await?;
    if message.is_none() {
        return Err(Error::MessageNotFound(message_id));
    }
    let before = session.revert.and_then(|revert| revert.snapshot);
    let mut revert = Revert {
        message_id,
        diff: Some(String::new()),
        files: Some(Vec::new()),
        ..Revert::default()
    };
    if let Some(snapshots) = location.snapshots() {
        let changed = changes_after(location, session_id, &revert.message_id).await?;
        let wanted = if files { changed } else { Vec::new() };
        let (tree, diff) = files_back(snapshots, before, &wanted).await?;
        if let (true, Some(tree), Some(diff)) = (files, &tree, diff) {
            revert.files = Some(changed_files(snapshots, tree, &diff).await?);
            revert.diff = Some(diff);
        }
        revert.snapshot = tree;
    }
    let event = SessionEvent::RevertStaged {
        timestamp: now(),
        session_id: session_id.clone(),
        revert: revert.clone(),
    };
    location.store.publish(event.into()).await?;
    Ok(revert)
}

/// What answers after a message changed, each against the tree before it, the oldest first.
async fn changes_after(
    location: &Location,
    session_id: &SessionId,
    message_id: &MessageId,
) -> Result<Vec<PatchPart>, Error> {
    let mut patches = Vec::new();
    let mut anchor = message_id.clone();
    loop {
        let (id, behind) = (session_id.clone(), anchor.clone());
        let page = location
            .store
            .read(move |view| view.session_messages(&id, Direction::Ascending, Some(&behind), PAGE));
        let page = page.await?;
        let Some(last) = page.last() else {
            return Ok(patches);
        };
        anchor = last.id.clone();
        patches.extend(page.iter().filter_map(|message| match &message.body {
            SessionMessageBody::Assistant(answer) => patch(answer, &location.worktree),
            _ => None,
        }));
    }
}

fn patch(answer: &Answer, worktree: &Path) -> Option<PatchPart> {
    let trees = answer.snapshot.as_ref()?;
    let files = trees.files.as_ref().filter(|files| !files.is_empty())?;
    let absolute = |file: &String| worktree.join(file).to_string_lossy().into_owned();
    Some(PatchPart {
        hash: trees.start.clone()?,
        files: files.iter().map(absolute).collect(),
    })
}

/// What differs from a tree now, file by file, with the pieces of its text.
async fn changed_files(snapshots: &Snapshots, before: &str, diff: &str) -> Result<Vec<RevertedFile>, Error> {
    let failed = |error: opencode_project::snapshot::Error| Error::Files(error.to_string());
    let Some(now) = snapshots.track().await.map_err(failed)? else {
        return Ok(Vec::new());
    };
    let all = snapshots.diff_full(before, &now).await.map_err(failed)?;
    let texts = pieces(diff);
    // Both are in the order of their paths.
    let told = all.iter().enumerate().map(|(at, one)| {
        let text = texts.get(at).filter(|_| texts.len() == all.len());
        reverted(one, text.cloned())
    });
    Ok(told.collect())
}

fn reverted(diff: &FileDiff, text: Option<String>) -> RevertedFile {
    RevertedFile {
        path: diff.file.clone().unwrap_or_default(),
        status: diff
            .status
            .unwrap_or(opencode_schema::session::FileStatus::Modified),
        additions: diff.additions,
        deletions: diff.deletions,
        patch: text.or_else(|| diff.patch.clone()).unwrap_or_default(),
    }
}

/// A diff as git writes it, cut into its files.
fn pieces(diff: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for line in diff.lines() {
        if line.starts_with("diff --git ") || all.is_empty() {
            all.push(String::new());
        }
        if let Some(last) = all.last_mut() {
            last.push_str(line);
            last.push('\n');
        }
    }
    all
}
