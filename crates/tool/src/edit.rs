//! The `edit` tool: replaces a part of a file (reference `tools.md` §3).
//!
//! Models quote a file from memory, so the part is looked for in nine ways, from exact to tolerant
//! (`matchers`); `replace` decides which part it is. The file keeps its line ends, its byte order mark and
//! whatever in it is not UTF-8. Nothing is written if the file changes while permission is asked for.

pub(crate) mod lines;
mod matchers;
mod replace;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opencode_project::diff::{Comparison, Counts};
use opencode_project::place::Place;
use opencode_schema::Object;
use opencode_schema::event::FileChange;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::contract::{Call, Definition, Failure, Output, PathKind, Scope, Tool, arguments};
use crate::diagnostics;
use crate::formatter::run::format;
use crate::write::text::{Decoded, join_mark, split_mark, with_line_feeds, with_mark};
use crate::write::{Existing, MAX_FILE, Naming, announce, ask_edit, blocking, is_folder, load, lock, save};
use lines::Effort;
use replace::New;

/// Replaces a part of a file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Edit;

/// The name of the tool.
pub const NAME: &str = "edit";

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Arguments {
    /// Absolute path
    file_path: String,
    /// Text to replace
    old_string: String,
    /// Text to put there, not the same
    new_string: String,
    /// Replace every occurrence
    replace_all: Option<bool>,
}

/// A part of a file, and what takes its place.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Replacement {
    /// Text to replace
    pub(crate) old_string: String,
    /// Text to put there, not the same
    pub(crate) new_string: String,
    /// Replace every occurrence
    pub(crate) replace_all: Option<bool>,
}

impl Tool for Edit {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        Definition::of::<Arguments>(include_str!("descriptions/edit.md"))
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        run(call, input).boxed()
    }
}

async fn run(call: &Call, input: Value) -> Result<Output, Failure> {
    let Arguments {
        file_path,
        old_string,
        new_string,
        replace_all,
    } = arguments(NAME, input)?;
    let replacement = Replacement {
        old_string,
        new_string,
        replace_all,
    };
    edit(call, &file_path, vec![replacement]).await
}

/// Makes the replacements in a file, one after the other, all of them or none.
pub(crate) async fn edit(
    call: &Call,
    file_path: &str,
    replacements: Vec<Replacement>,
) -> Result<Output, Failure> {
    if file_path.is_empty() {
        return Err(Failure::told("filePath is required"));
    }
    refuse_idle(&replacements)?;
    let path = call.scope.resolve(file_path);
    let place = call.reach(&path, PathKind::File).await?;
    let change = change(call, &path, &place, replacements, Naming::Worktree).await?;
    let file = path.to_string_lossy();
    let filediff = json!({
        "file": file,
        "patch": change.diff,
        "additions": change.counts.additions,
        "deletions": change.counts.deletions,
    });
    let metadata = |entries: [(&str, &Value); 3]| -> Object {
        entries
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.clone()))
            .collect()
    };
    let (diff, none) = (Value::from(change.diff), json!({}));
    let running = [("diff", &diff), ("filediff", &filediff), ("diagnostics", &none)];
    call.host.progress(call, None, metadata(running));
    let said = diagnostics::of_written(call, &[&path]).await;
    let diagnostics = said.metadata();
    Ok(Output {
        title: call.scope.relative(&path),
        output: format!("Edit applied successfully.{}", said.errors_here(&path)),
        metadata: metadata([
            ("diagnostics", &diagnostics),
            ("diff", &diff),
            ("filediff", &filediff),
        ]),
        ..Output::default()
    })
}

/// Refuses replacements that would change nothing.
pub(crate) fn refuse_idle(replacements: &[Replacement]) -> Result<(), Failure> {
    let idle = |one: &Replacement| one.old_string == one.new_string;
    match replacements.iter().position(idle) {
        None => Ok(()),
        Some(at) => Err(numbered(
            at,
            replacements.len(),
            Failure::told("No changes to apply: oldString and newString are identical."),
        )),
    }
}

/// Makes the replacements in a file that may be reached, once they are allowed. In sessions that name files by
/// [`Naming::Session`] a part has to be quoted exactly.
pub(crate) async fn change(
    call: &Call,
    path: &Path,
    place: &Place,
    replacements: Vec<Replacement>,
    naming: Naming,
) -> Result<Change, Failure> {
    let _lock = lock::lock(place.target(), &call.cancel).await?;
    let existing = load(place).await?;
    let event = if existing == Existing::Missing {
        FileChange::Add
    } else {
        FileChange::Change
    };
    let mut change = {
        let file = File {
            path: path.to_owned(),
            scope: Arc::clone(&call.scope),
            naming,
        };
        let existing = existing.clone();
        blocking(move || Change::of_all(&file, &existing, &replacements)).await??
    };
    ask_edit(call, path, change.diff.clone(), naming).await?;
    if load(place).await? != existing {
        return Err(Failure::told(format!(
            "{} was changed by somebody else before the edit was allowed. Read the file once more and then edit it.",
            path.display()
        )));
    }
    let written = std::mem::take(&mut change.bytes);
    save(path, place, Arc::clone(&written)).await?;
    let formatted = format(call, path, place, Arc::clone(&written)).await;
    if formatted != written {
        let file = File {
            path: path.to_owned(),
            scope: Arc::clone(&call.scope),
            naming,
        };
        change = blocking(move || change.formatted(&file, &existing, &formatted)).await?;
    }
    announce(call, path, event);
    Ok(change)
}

/// A file that is edited.
struct File {
    path: PathBuf,
    scope: Arc<Scope>,
    naming: Naming,
}

/// What an edit makes of a file.
#[derive(Debug)]
pub(crate) struct Change {
    bytes: Arc<Vec<u8>>,
    /// As a patch.
    pub(crate) diff: String,
    /// Lines that differ.
    pub(crate) counts: Counts,
    /// Parts that were replaced.
    pub(crate) replaced: usize,
}

impl Change {
    /// What several replacements make of a file, each of what those before it left.
    fn of_all(file: &File, existing: &Existing, replacements: &[Replacement]) -> Result<Self, Failure> {
        if let [only] = replacements {
            return Self::new(file, existing, only);
        }
        let mut now = existing.clone();
        let mut replaced = 0;
        for (at, wanted) in replacements.iter().enumerate() {
            let change =
                Self::new(file, &now, wanted).map_err(|failure| numbered(at, replacements.len(), failure))?;
            replaced += change.replaced;
            now = Existing::File(change.bytes);
        }
        let content = |file: &Existing| match file {
            Existing::File(bytes) => Arc::clone(bytes),
            _ => Arc::default(),
        };
        let (before, bytes) = (content(existing), content(&now));
        let (old, new) = (Decoded::new(&before), Decoded::new(&bytes));
        let (before, after) = (
            file.naming.comparable(&old.text),
            file.naming.comparable(&new.text),
        );
        let comparison = Comparison::new(&before, &after);
        Ok(Self {
            bytes: Arc::clone(&bytes),
            diff: file.patch(&comparison),
            counts: comparison.counts(),
            replaced,
        })
    }

    fn new(edited: &File, existing: &Existing, wanted: &Replacement) -> Result<Self, Failure> {
        let path = edited.path.as_path();
        if wanted.old_string.is_empty() {
            return Self::create(edited, existing, &wanted.new_string);
        }
        let file = match existing {
            Existing::Missing => return Err(Failure::told(format!("File {} not found", path.display()))),
            Existing::Folder => return Err(is_folder(path)),
            Existing::TooLarge(_) => return Err(too_large(path)),
            Existing::File(bytes) => Decoded::new(bytes),
        };
        let crlf = file.text.contains("\r\n");
        let old = with_line_ends(&wanted.old_string, crlf);
        let new = with_line_ends(&wanted.new_string, crlf);
        let all = wanted.replace_all.unwrap_or(false);
        if old == new {
            return Err(Failure::told(
                "No changes to apply: oldString and newString are identical.",
            ));
        }
        let exact = edited.naming == Naming::Session;
        let find = if exact { replace::find_exact } else { replace::find };
        let ranges = find(&file.text, &old, all, Effort::LIMIT)
            .map_err(|refusal| Failure::told(refusal.to_string()))?;
        let new = if all && !exact {
            New::Pattern(&new)
        } else {
            New::Literal(&new)
        };
        let bytes = replace::apply(file.text.len(), &ranges, new, MAX_FILE, |range| file.bytes(range))
            .ok_or_else(|| too_large(path))?;
        let changed = Decoded::new(&bytes);
        let (before, after) = (
            edited.naming.comparable(&file.text),
            edited.naming.comparable(&changed.text),
        );
        let comparison = Comparison::new(&before, &after);
        // Parity: tools.md §3 «edit»: lines are counted with their line ends, though shown without.
        let counts = if crlf {
            Comparison::new(&file.text, &changed.text).counts()
        } else {
            comparison.counts()
        };
        let diff = edited.patch(&comparison);
        // The new text may begin with a mark, too.
        let mark = file.mark && !changed.mark;
        Ok(Self {
            bytes: Arc::new(with_mark(mark, bytes)),
            diff,
            counts,
            replaced: ranges.len(),
        })
    }

    /// The same, when formatters made something else of the file.
    fn formatted(self, file: &File, existing: &Existing, formatted: &[u8]) -> Self {
        let (old, is_new) = match existing {
            Existing::File(bytes) => (Arc::clone(bytes), false),
            _ => (Arc::default(), true),
        };
        let (old, new) = (Decoded::new(&old), Decoded::new(formatted));
        let (before, after) = (
            file.naming.comparable(&old.text),
            file.naming.comparable(&new.text),
        );
        let comparison = Comparison::new(&before, &after);
        Self {
            counts: if old.text.contains("\r\n") {
                Comparison::new(&old.text, &new.text).counts()
            } else {
                comparison.counts()
            },
            // Parity: a new file is shown as it was allowed, and its lines are counted as they are now.
            diff: if is_new {
                self.diff
            } else {
                file.patch(&comparison)
            },
            ..self
        }
    }

    fn create(edited: &File, existing: &Existing, content: &str) -> Result<Self, Failure> {
        if *existing != Existing::Missing {
            return Err(Failure::told(
                "An empty oldString makes a new file, but there is one already. Give the exact text to replace, or use write to replace all of it.",
            ));
        }
        let (mark, text) = split_mark(content);
        let comparison = Comparison::new("", text);
        Ok(Self {
            bytes: Arc::new(join_mark(mark, text.as_bytes())),
            diff: edited.patch(&comparison),
            counts: comparison.counts(),
            replaced: 1,
        })
    }
}

impl File {
    fn patch(&self, comparison: &Comparison<'_>) -> String {
        self.naming.patch(&self.scope, &self.path, comparison)
    }
}

/// `text` with the line ends of the file: LF, or CRLF.
fn with_line_ends(text: &str, crlf: bool) -> String {
    let text = with_line_feeds(text);
    if crlf {
        text.replace('\n', "\r\n")
    } else {
        text.into_owned()
    }
}

/// A failure that says which of several replacements it is about.
fn numbered(at: usize, of: usize, failure: Failure) -> Failure {
    match failure {
        Failure::Told(message) if of > 1 => {
            Failure::Told(format!("Edit {} of {of}: {message} Nothing was changed.", at + 1))
        }
        failure => failure,
    }
}

fn too_large(path: &Path) -> Failure {
    Failure::told(format!(
        "{} is too large to be edited: at most {MAX_FILE} bytes, before and after. Use a shell command.",
        path.display()
    ))
}

#[cfg(test)]
mod tests;
