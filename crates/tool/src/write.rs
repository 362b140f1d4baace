//! The `write` tool: gives a file new content (reference `tools.md` §3).
//!
//! Also home of what every tool that changes files needs: one change of a file at a time (`lock`), putting
//! content in place (`store`), text and its bytes (`text`). They work on the [`Place`] that permission was given
//! for, never on a path that may lead elsewhere by now. What was written goes through the formatters of the place.

pub(crate) mod lock;
pub(crate) mod store;
pub(crate) mod text;

use std::borrow::Cow;
use std::io;
use std::path::Path;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opencode_project::diff::{Comparison, Form};
use opencode_project::place::{self, Place};
use opencode_schema::Object;
use opencode_schema::event::{EventBody, FileChange};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::contract::{Ask, Call, Definition, Failure, Output, PathKind, Scope, Tool, arguments};
use crate::diagnostics;
use crate::formatter::run::format;
use text::{Decoded, join_mark, split_mark, with_line_feeds};

/// Largest file whose content is compared or edited. What people and models write is far below it; the
/// texts, lines and differences of one that large take about half a gigabyte.
pub(crate) const MAX_FILE: usize = 32 * 1024 * 1024;

/// Gives a file new content.
#[derive(Clone, Copy, Debug, Default)]
pub struct Write;

/// The name of the tool.
pub const NAME: &str = "write";

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Arguments {
    /// All of the file's text
    content: String,
    /// Absolute path
    file_path: String,
}

impl Tool for Write {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        Definition::of::<Arguments>(include_str!("descriptions/write.md"))
    }

    fn permission(&self) -> &'static str {
        "edit"
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        run(call, input).boxed()
    }
}

async fn run(call: &Call, input: Value) -> Result<Output, Failure> {
    let Arguments { content, file_path } = arguments(NAME, input)?;
    let path = call.scope.resolve(&file_path);
    let place = call.reach(&path, PathKind::File).await?;
    let exists = write(call, &path, &place, content, Naming::Worktree).await?;
    let mut metadata = Object::new();
    let said = diagnostics::of_written(call, &[&path]).await;
    metadata.insert("diagnostics".into(), said.metadata());
    metadata.insert("filepath".into(), path.to_string_lossy().into());
    metadata.insert("exists".into(), exists.into());
    Ok(Output {
        title: call.scope.relative(&path),
        output: format!(
            "Wrote file successfully.{}{}",
            said.errors_here(&path),
            said.errors_elsewhere(&path)
        ),
        metadata,
        ..Output::default()
    })
}

/// Gives a file new content, once that is allowed. Says whether there was one already.
pub(crate) async fn write(
    call: &Call,
    path: &Path,
    place: &Place,
    content: String,
    naming: Naming,
) -> Result<bool, Failure> {
    let _lock = lock::lock(place.target(), &call.cancel).await?;
    let existing = load(place).await?;
    let exists = !matches!(existing, Existing::Missing);
    let old = match existing {
        Existing::Missing => Arc::default(),
        Existing::Folder => return Err(is_folder(path)),
        Existing::File(bytes) => bytes,
        // Its content is not shown, but that is no reason not to replace it.
        Existing::TooLarge(mark) => Arc::new(join_mark(mark, &[])),
    };
    let (bytes, diff) = {
        let (path, scope) = (path.to_owned(), Arc::clone(&call.scope));
        blocking(move || {
            let old = Decoded::new(&old);
            let (mark, text) = split_mark(&content);
            let diff = naming.patch(&scope, &path, &Comparison::new(&old.text, text));
            (Arc::new(join_mark(mark || old.mark, text.as_bytes())), diff)
        })
        .await?
    };
    ask_edit(call, path, diff, naming).await?;
    save(path, place, Arc::clone(&bytes)).await?;
    format(call, path, place, bytes).await;
    let event = if exists {
        FileChange::Change
    } else {
        FileChange::Add
    };
    announce(call, path, event);
    Ok(exists)
}

/// How changes are named and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// Permissions see paths from the worktree, patches absolute ones and plain lines.
    Worktree,
    /// Both see paths from the session's folder, and lines as they are (reference `v2.md` §6).
    Session,
}

impl Naming {
    /// The path for permissions.
    pub(crate) fn resource(self, scope: &Scope, path: &Path) -> String {
        match self {
            Self::Worktree => scope.relative(path),
            Self::Session => crate::durable::resource(scope, path),
        }
    }

    /// The text whose lines are compared.
    pub(crate) fn comparable(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Worktree => with_line_feeds(text),
            Self::Session => Cow::Borrowed(text),
        }
    }

    /// The patch of a file.
    pub(crate) fn patch(self, scope: &Scope, path: &Path, comparison: &Comparison<'_>) -> String {
        match self {
            Self::Worktree => comparison.patch(&path.to_string_lossy(), Form::Tool),
            Self::Session => comparison.patch(&self.resource(scope, path), Form::Exact),
        }
    }
}

/// What there is before a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    Missing,
    Folder,
    /// Its content, which several hold for a while.
    File(Arc<Vec<u8>>),
    /// More than [`MAX_FILE`]; whether it begins with a byte order mark.
    TooLarge(bool),
}

/// What there is.
pub(crate) async fn load(place: &Place) -> Result<Existing, Failure> {
    let place = place.clone();
    blocking(move || load_blocking(&place))
        .await?
        .map_err(Failure::from)
}

fn load_blocking(place: &Place) -> io::Result<Existing> {
    use std::io::Read as _;
    match place.kind()? {
        None => return Ok(Existing::Missing),
        Some(place::Kind::Folder) => return Ok(Existing::Folder),
        Some(_) => {}
    }
    let file = place.open_regular()?;
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    // Room for what it has now; it may become longer meanwhile.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(MAX_FILE).min(MAX_FILE) + 1);
    file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_FILE {
        return Ok(Existing::TooLarge(bytes.starts_with(b"\xef\xbb\xbf")));
    }
    Ok(Existing::File(Arc::new(bytes)))
}

/// Puts `bytes` into the file that `path` was found to be.
pub(crate) async fn save(path: &Path, place: &Place, bytes: Arc<Vec<u8>>) -> Result<(), Failure> {
    let (path, place) = (path.to_owned(), place.clone());
    blocking(move || {
        store::store(&place, &bytes)
            .map_err(|error| Failure::told(format!("Cannot write {}: {error}", path.display())))
    })
    .await?
}

/// Takes a file away, if it is there.
pub(crate) async fn remove(path: &Path, place: &Place) -> Result<(), Failure> {
    let (path, place) = (path.to_owned(), place.clone());
    blocking(move || match place.remove() {
        Err(error) if !place::is_absent(&error) => Err(Failure::told(format!(
            "Cannot remove {}: {error}",
            path.display()
        ))),
        _ => Ok(()),
    })
    .await?
}

/// Asks for permission to make the change that `diff` shows.
pub(crate) async fn ask_edit(call: &Call, path: &Path, diff: String, naming: Naming) -> Result<(), Failure> {
    let mut metadata = Object::new();
    metadata.insert("filepath".into(), path.to_string_lossy().into());
    metadata.insert("diff".into(), diff.into());
    call.ask(Ask {
        permission: "edit".into(),
        patterns: vec![naming.resource(&call.scope, path)],
        always: vec!["*".into()],
        metadata,
    })
    .await
}

/// Tells everybody that a file changed.
pub(crate) fn announce(call: &Call, path: &Path, event: FileChange) {
    let file = path.to_string_lossy().into_owned();
    call.host.announce(EventBody::FileEdited { file: file.clone() });
    call.host.announce(EventBody::FileWatcherUpdated { file, event });
}

/// The failure of a call that takes a folder for a file.
pub(crate) fn is_folder(path: &Path) -> Failure {
    Failure::told(format!("Path is a directory, not a file: {}", path.display()))
}

/// Runs what takes time or waits for the disk on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::told(format!("The tool broke down: {error}")))
}

#[cfg(test)]
pub(crate) mod tests;
