//! The `apply_patch` tool: changes files by a patch (reference `tools.md` §3).
//!
//! The patch is taken apart (`parse`), every chunk finds its place in the files as the parts of the patch
//! before it leave them (`place`), and only when everything fits and is allowed is anything written. Nothing
//! is written if a file changes meanwhile; if writing fails half-way, what was written is taken back.

mod parse;
mod place;
mod proposal;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opencode_project::diff::Comparison;
use opencode_project::place::Place;
use opencode_schema::Object;
use opencode_schema::event::{EventBody, FileChange};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use self::parse::{Action, Hunk};
use self::place::Misfit;
pub(crate) use self::proposal::follow;
use crate::contract::{Ask, Call, Definition, Failure, Output, PathKind, Scope, Tool, arguments};
use crate::diagnostics::{self, Diagnostics};
use crate::edit::lines::Effort;
use crate::formatter::run::format;
use crate::write::text::{Decoded, with_mark};
use crate::write::{Existing, MAX_FILE, Naming, blocking, load, lock, remove, save};

/// Files that one patch may name.
const MOST_FILES: usize = 1000;

/// Changes files by a patch.
#[derive(Clone, Copy, Debug, Default)]
pub struct ApplyPatch;

/// The name of the tool.
pub const NAME: &str = "apply_patch";

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Arguments {
    /// The whole patch
    patch_text: String,
}

impl Tool for ApplyPatch {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        Definition::of::<Arguments>(include_str!("descriptions/apply_patch.md"))
    }

    fn permission(&self) -> &'static str {
        "edit"
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        run(call, input).boxed()
    }
}

async fn run(call: &Call, input: Value) -> Result<Output, Failure> {
    let Arguments { patch_text } = arguments(NAME, input)?;
    let patched = patch(call, &patch_text, Naming::Worktree).await?;
    let said = diagnostics::of_written(call, &patched.paths()).await;
    let mut metadata = patched.metadata();
    metadata.insert("diagnostics".into(), said.metadata());
    let told = patched.told(call, &said);
    Ok(Output {
        title: told.clone(),
        output: told,
        metadata,
        ..Output::default()
    })
}

/// Changes files by a patch, once that is allowed: all of it or nothing. In sessions that name files by
/// [`Naming::Session`] it adds no file that is there already.
pub(crate) async fn patch(call: &Call, patch_text: &str, naming: Naming) -> Result<Patched, Failure> {
    if patch_text.is_empty() {
        return Err(Failure::told("patchText is required"));
    }
    let hunks = parse::parse(patch_text).map_err(|error| Failure::told(error.to_string()))?;
    let mut places = Places::new();
    let mut asked = Vec::new();
    for (path, given) in paths(call, &hunks)? {
        if naming == Naming::Session {
            crate::durable::check(call, given, &path).await?;
        } else {
            // Sessions of messages ask for each file anew.
            asked.clear();
        }
        let place = call.reach_beside(&path, PathKind::File, &mut asked).await?;
        places.insert(path, place);
    }
    carry_out(call, places, move |scope, files| {
        Patched::new(scope, naming, &hunks, files)
    })
    .await
}

/// Changes files to what `make` makes of them, once that is allowed: all of them or none.
async fn carry_out(
    call: &Call,
    places: Places,
    make: impl FnOnce(&Scope, Files) -> Result<Patched, Failure> + Send + 'static,
) -> Result<Patched, Failure> {
    // Everybody takes locks in the same order, and each once.
    let targets: BTreeSet<&Path> = places.values().map(Place::target).collect();
    let mut locks = Vec::with_capacity(targets.len());
    for target in targets {
        locks.push(lock::lock(target, &call.cancel).await?);
    }
    let before = load_all(&places).await?;
    let (scope, files) = (call.scope.clone(), before.clone());
    let patched = blocking(move || make(&scope, files)).await??;
    ask(call, &patched).await?;
    if load_all(&places).await? != before {
        return Err(Failure::told(
            "A file of the patch was changed by somebody else before the patch was allowed. Read it once more and write the patch again.",
        ));
    }
    write(&places, &before, &patched.after).await?;
    for path in patched.written() {
        if let (Some(place), Some(Existing::File(bytes))) = (places.get(path), patched.after.get(path)) {
            format(call, path, place, Arc::clone(bytes)).await;
        }
    }
    patched.announce(call);
    Ok(patched)
}

/// All paths that a patch names, in the order of their names, and as they were given.
fn paths<'a>(call: &Call, hunks: &'a [Hunk]) -> Result<BTreeMap<PathBuf, &'a str>, Failure> {
    let paths: BTreeMap<PathBuf, &str> = hunks
        .iter()
        .flat_map(|hunk| [Some(&hunk.path), hunk.target()])
        .flatten()
        .map(|path| (call.scope.resolve(path), path.as_str()))
        .collect();
    if paths.len() > MOST_FILES {
        return Err(refused(format!(
            "{} files in one patch, at most {MOST_FILES} can be. Divide it",
            paths.len()
        )));
    }
    Ok(paths)
}

type Files = BTreeMap<PathBuf, Existing>;

/// Where the paths of a patch lead.
type Places = BTreeMap<PathBuf, Place>;

async fn load_all(places: &Places) -> Result<Files, Failure> {
    let mut files = Files::new();
    let mut bytes = 0;
    for (path, place) in places {
        let file = load(place).await?;
        if let Existing::File(content) = &file {
            bytes += content.len();
        }
        if bytes > 2 * MAX_FILE {
            return Err(refused(
                "the files of the patch are too large together. Divide it",
            ));
        }
        files.insert(path.clone(), file);
    }
    Ok(files)
}

fn refused(reason: impl std::fmt::Display) -> Failure {
    Failure::told(format!("apply_patch verification failed: {reason}"))
}

impl Hunk {
    fn target(&self) -> Option<&String> {
        match &self.action {
            Action::Update { target, .. } => target.as_ref(),
            _ => None,
        }
    }
}

/// What a patch makes of the files.
pub(crate) struct Patched {
    after: Files,
    naming: Naming,
    /// In the order of the patch.
    pub(crate) changes: Vec<Change>,
}

/// What one part of a patch does.
pub(crate) struct Change {
    pub(crate) kind: Kind,
    pub(crate) path: PathBuf,
    /// Where the file goes.
    pub(crate) target: Option<PathBuf>,
    /// The name in lists: of the target, if it has one.
    pub(crate) name: String,
    pub(crate) patch: String,
    pub(crate) additions: usize,
    pub(crate) deletions: usize,
}

/// What becomes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Add,
    Update,
    Move,
    Delete,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Update => "update",
            Self::Move => "move",
            Self::Delete => "delete",
        }
    }

    /// As it is marked in lists.
    pub(crate) fn letter(self) -> char {
        match self {
            Self::Add => 'A',
            Self::Update | Self::Move => 'M',
            Self::Delete => 'D',
        }
    }
}

impl Patched {
    fn new(scope: &Scope, naming: Naming, hunks: &[Hunk], files: Files) -> Result<Self, Failure> {
        let mut patched = Self {
            after: files,
            naming,
            changes: Vec::with_capacity(hunks.len()),
        };
        for hunk in hunks {
            patched.take(scope, hunk)?;
        }
        Ok(patched)
    }

    fn take(&mut self, scope: &Scope, hunk: &Hunk) -> Result<(), Failure> {
        let path = scope.resolve(&hunk.path);
        let target = hunk.target().map(|target| scope.resolve(target));
        let target = target.filter(|target| *target != path);
        let before = self.after.get(&path).cloned().unwrap_or(Existing::Missing);
        let (kind, old, new) = match &hunk.action {
            Action::Add(lines) => {
                let old = match &before {
                    Existing::Folder => return Err(refused(format!("{} is a folder", path.display()))),
                    Existing::TooLarge(_) => return Err(too_large(&path)),
                    Existing::Missing => Decoded::new(&[]),
                    Existing::File(_) if self.naming == Naming::Session => {
                        return Err(refused(format!("{} is there already. Update it", path.display())));
                    }
                    Existing::File(bytes) => Decoded::new(bytes),
                };
                let new = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
                (Kind::Add, old, Some(new.into_bytes()))
            }
            Action::Delete => (Kind::Delete, existing(&path, &before, "delete")?, None),
            Action::Update { chunks, .. } => {
                let old = existing(&path, &before, "update")?;
                let new = place::apply(&old, chunks, Effort::new(Effort::LIMIT))
                    .map_err(|misfit| misfit.told(&path))?;
                let kind = if target.is_some() {
                    Kind::Move
                } else {
                    Kind::Update
                };
                (kind, old, Some(new))
            }
        };
        if new.as_ref().is_some_and(|new| new.len() > MAX_FILE) {
            return Err(too_large(&path));
        }
        self.changes.push(Change::new(
            scope,
            self.naming,
            kind,
            &path,
            target.as_deref(),
            &old,
            new.as_deref(),
        ));
        let place = target.unwrap_or_else(|| path.clone());
        if self.after.get(&place) == Some(&Existing::Folder) {
            return Err(refused(format!("{} is a folder", place.display())));
        }
        self.after.insert(path, Existing::Missing);
        if let Some(new) = new {
            self.after
                .insert(place, Existing::File(Arc::new(with_mark(old.mark, new))));
        }
        Ok(())
    }

    /// The same as paths.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        self.written().into_iter().map(PathBuf::as_path).collect()
    }

    /// What the model is told: the files, and the errors in them.
    pub(crate) fn told(&self, call: &Call, said: &Diagnostics) -> String {
        let errors = self.written().into_iter().map(|path| {
            let name = self.naming.resource(&call.scope, path);
            said.errors(path, &format!("LSP errors detected in {name}, please fix:"))
        });
        std::iter::once(self.summary()).chain(errors).collect()
    }

    /// The files that hold something new, in the order of the patch, each once.
    fn written(&self) -> Vec<&PathBuf> {
        let mut written = Vec::new();
        for change in self.changes.iter().filter(|change| change.kind != Kind::Delete) {
            let path = change.target.as_ref().unwrap_or(&change.path);
            if !written.contains(&path) {
                written.push(path);
            }
        }
        written
    }

    /// Metadata of the question and of the result.
    pub(crate) fn metadata(&self) -> Object {
        let mut metadata = Object::new();
        let diff: String = self
            .changes
            .iter()
            .map(|change| format!("{}\n", change.patch))
            .collect();
        metadata.insert("diff".into(), diff.into());
        metadata.insert("files".into(), self.changes.iter().map(Change::entry).collect());
        metadata
    }

    fn summary(&self) -> String {
        let lines = self
            .changes
            .iter()
            .map(|change| format!("\n{} {}", change.kind.letter(), change.name));
        format!(
            "Success. Updated the following files:{}",
            lines.collect::<String>()
        )
    }

    fn announce(&self, call: &Call) {
        for change in &self.changes {
            let place = change.target.as_ref().unwrap_or(&change.path);
            if change.kind != Kind::Delete {
                let file = place.to_string_lossy().into_owned();
                call.host.announce(EventBody::FileEdited { file });
            }
            let events: &[(&PathBuf, FileChange)] = match change.kind {
                Kind::Add => &[(place, FileChange::Add)],
                Kind::Update => &[(place, FileChange::Change)],
                Kind::Delete => &[(place, FileChange::Unlink)],
                Kind::Move => &[(&change.path, FileChange::Unlink), (place, FileChange::Add)],
            };
            for (path, event) in events {
                let (file, event) = (path.to_string_lossy().into_owned(), *event);
                call.host.announce(EventBody::FileWatcherUpdated { file, event });
            }
        }
    }
}

impl Change {
    fn new(
        scope: &Scope,
        naming: Naming,
        kind: Kind,
        path: &Path,
        target: Option<&Path>,
        old: &Decoded<'_>,
        new: Option<&[u8]>,
    ) -> Self {
        let new = Decoded::new(new.unwrap_or_default());
        let (before, after) = (naming.comparable(&old.text), naming.comparable(&new.text));
        let comparison = Comparison::new(&before, &after);
        let counts = comparison.counts();
        Self {
            kind,
            patch: naming.patch(scope, path, &comparison),
            additions: counts.additions,
            // Parity: tools.md §3 «apply_patch»: of a file that is deleted, the empty line after the last
            // counts, too.
            deletions: match kind {
                Kind::Delete if naming == Naming::Worktree => before.split('\n').count(),
                _ => counts.deletions,
            },
            name: naming.resource(scope, target.unwrap_or(path)),
            path: path.to_owned(),
            target: target.map(Path::to_owned),
        }
    }

    fn entry(&self) -> Value {
        let mut entry = json!({
            "filePath": self.path.to_string_lossy(),
            "relativePath": self.name,
            "type": self.kind.name(),
            "patch": self.patch,
            "additions": self.additions,
            "deletions": self.deletions,
        });
        if let Some(target) = &self.target {
            entry["movePath"] = target.to_string_lossy().into();
        }
        entry
    }
}

/// The text of a file that must be there.
fn existing<'a>(path: &Path, file: &'a Existing, purpose: &str) -> Result<Decoded<'a>, Failure> {
    match file {
        Existing::File(bytes) => Ok(Decoded::new(bytes)),
        Existing::TooLarge(_) => Err(too_large(path)),
        Existing::Missing | Existing::Folder => Err(refused(format!(
            "Failed to read file to {purpose}: {}",
            path.display()
        ))),
    }
}

fn too_large(path: &Path) -> Failure {
    refused(format!(
        "{} is too large for a patch: at most {MAX_FILE} bytes, before and after. Use a shell command",
        path.display()
    ))
}

impl Misfit {
    fn told(self, path: &Path) -> Failure {
        let path = path.display();
        refused(match self {
            Self::Context(line) => format!("Error: Failed to find context '{line}' in {path}"),
            Self::Lines(lines) => format!("Error: Failed to find expected lines in {path}:\n{lines}"),
            Self::TooMuch => {
                format!("Error: looking for the lines in {path} takes too long. Give fewer lines")
            }
        })
    }
}

/// Asks for permission to change all files.
async fn ask(call: &Call, patched: &Patched) -> Result<(), Failure> {
    let mut names: Vec<String> = Vec::new();
    let mut patterns: Vec<String> = Vec::new();
    for change in &patched.changes {
        let named = |path: &PathBuf| patched.naming.resource(&call.scope, path);
        names.push(named(&change.path));
        let target = change.target.as_ref().map(named);
        for name in names.last().cloned().into_iter().chain(target) {
            if !patterns.contains(&name) {
                patterns.push(name);
            }
        }
    }
    let mut metadata = Object::new();
    metadata.insert("filepath".into(), names.join(", ").into());
    metadata.extend(patched.metadata());
    call.ask(Ask {
        permission: "edit".into(),
        patterns,
        always: vec!["*".into()],
        metadata,
    })
    .await
}

/// Brings the files from `before` to `after`. If that fails half-way, they are brought back.
async fn write(places: &Places, before: &Files, after: &Files) -> Result<(), Failure> {
    let mut written: Vec<&PathBuf> = Vec::new();
    // What is gone makes room for folders of the same name.
    let (gone, there): (Vec<_>, Vec<_>) = after
        .iter()
        .filter(|(path, file)| before.get(*path) != Some(*file))
        .partition(|(_, file)| **file == Existing::Missing);
    for (path, file) in gone.into_iter().chain(there) {
        written.push(path);
        if let Err(failure) = put(places, path, file).await {
            let mut lost = Vec::new();
            for path in written.into_iter().rev() {
                let back = before.get(path).unwrap_or(&Existing::Missing);
                if let Err(error) = put(places, path, back).await {
                    lost.push(error.to_string());
                }
            }
            return Err(if lost.is_empty() {
                Failure::told(format!("{failure}. All files are as they were."))
            } else {
                Failure::told(format!(
                    "{failure}. Not everything could be taken back: {}",
                    lost.join("; ")
                ))
            });
        }
    }
    Ok(())
}

async fn put(places: &Places, path: &Path, file: &Existing) -> Result<(), Failure> {
    // Only paths of the patch are changed, and all of them have one.
    let Some(place) = places.get(path) else {
        return Err(refused(format!("{} is not of the patch", path.display())));
    };
    match file {
        Existing::File(bytes) => save(path, place, Arc::clone(bytes)).await,
        Existing::Missing => remove(path, place).await,
        // A patch neither makes nor changes them.
        Existing::Folder | Existing::TooLarge(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
