//! Changes that a language server proposes, made the way a patch is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use opencode_lsp::edits::{self, TextEdit};

use super::{Change, Files, Kind, Patched, Places, carry_out, existing, refused, too_large};
use crate::contract::{Call, Failure, PathKind, Scope};
use crate::write::text::with_mark;
use crate::write::{Existing, MAX_FILE, Naming};

/// Files that one proposal may change.
const MOST_FILES: usize = 1000;

/// Changes the texts of files, once that is allowed: all of them or none.
pub(crate) async fn follow(
    call: &Call,
    proposal: BTreeMap<PathBuf, Vec<TextEdit>>,
) -> Result<Patched, Failure> {
    if proposal.len() > MOST_FILES {
        return Err(Failure::told(format!(
            "The language server would change {} files, more than {MOST_FILES}",
            proposal.len()
        )));
    }
    let mut places = Places::new();
    for path in proposal.keys() {
        places.insert(path.clone(), call.reach(path, PathKind::File).await?);
    }
    carry_out(call, places, move |scope, files| {
        Patched::of_texts(scope, files, &proposal)
    })
    .await
}

impl Patched {
    fn of_texts(
        scope: &Scope,
        files: Files,
        proposal: &BTreeMap<PathBuf, Vec<TextEdit>>,
    ) -> Result<Self, Failure> {
        let mut patched = Self {
            after: files,
            naming: Naming::Worktree,
            changes: Vec::with_capacity(proposal.len()),
        };
        for (path, changes) in proposal {
            let (file, change) = patched.changed(scope, path, changes)?;
            if let Some(change) = change {
                patched.changes.push(change);
                patched.after.insert(path.clone(), file);
            }
        }
        if patched.changes.is_empty() {
            return Err(Failure::told("Nothing has to be changed."));
        }
        Ok(patched)
    }

    fn changed(
        &self,
        scope: &Scope,
        path: &Path,
        changes: &[TextEdit],
    ) -> Result<(Existing, Option<Change>), Failure> {
        let before = self.after.get(path).cloned().unwrap_or(Existing::Missing);
        let old = existing(path, &before, "update")?;
        if old.text.contains(char::REPLACEMENT_CHARACTER) {
            return Err(refused(format!("{} is not UTF-8", path.display())));
        }
        let new = edits::apply(&old.text, changes).map_err(|error| Failure::told(error.to_string()))?;
        if new.len() > MAX_FILE {
            return Err(too_large(path));
        }
        if new == old.text {
            return Ok((before.clone(), None));
        }
        let new = new.into_bytes();
        let change = Change::new(
            scope,
            Naming::Worktree,
            Kind::Update,
            path,
            None,
            &old,
            Some(&new),
        );
        let file = Existing::File(Arc::new(with_mark(old.mark, new)));
        Ok((file, Some(change)))
    }
}
