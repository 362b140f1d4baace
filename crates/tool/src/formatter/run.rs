//! The run of formatters over a file that was just written.
//!
//! A formatter that fails may have done its work all the same: linters that repair a file say by their exit code
//! that something is left to complain about. What it leaves counts when most words of the file are still in it;
//! otherwise, and when it was stopped half-way, the file is put back as it was written.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use opencode_lsp::edits;
use opencode_process::program::Program;
use opencode_project::place::Place;
use tokio_util::sync::CancellationToken;

use super::{Command, Formatter, Formatters};
use crate::contract::{Call, Scope};
use crate::write::text::{Decoded, join_mark};
use crate::write::{Existing, blocking, load, lock, save};

/// How long one formatter may take.
const LIMIT: Duration = Duration::from_secs(30);
/// Bytes that are kept of what one says, for the log.
const SAID: usize = 4096;
/// What stands for the path in arguments.
const FILE: &str = "$FILE";

/// Lets the formatters of the place have a file that was just written, and gives what it holds then. Its byte order
/// mark stays as it was written.
pub(crate) async fn format(call: &Call, path: &Path, place: &Place, written: Arc<Vec<u8>>) -> Arc<Vec<u8>> {
    format_in(&call.scope, &call.cancel, path, place, written).await
}

/// The same for a file that somebody else wrote, who is not told what is wrong with it; language servers see it then.
/// Gives what the file holds, if formatters changed it.
pub async fn after_writing(scope: &Scope, cancel: &CancellationToken, path: &Path) -> Option<Arc<Vec<u8>>> {
    let formatted = async {
        if !scope.formatters.are_for(path) {
            return None;
        }
        let path = path.to_owned();
        let place = blocking(move || Place::of(&path)).await.ok()?.ok()?;
        let _lock = lock::lock(place.target(), cancel).await.ok()?;
        let Ok(Existing::File(written)) = load(&place).await else {
            return None;
        };
        let now = format_in(scope, cancel, place.target(), &place, Arc::clone(&written)).await;
        (now != written).then_some(now)
    };
    let formatted = formatted.await;
    scope.languages.warm(path);
    formatted
}

async fn format_in(
    scope: &Scope,
    cancel: &CancellationToken,
    path: &Path,
    place: &Place,
    written: Arc<Vec<u8>>,
) -> Arc<Vec<u8>> {
    let formatters = Arc::clone(&scope.formatters);
    let mut now = Arc::clone(&written);
    let mut is_formatted = false;
    for one in formatters.all.iter().filter(|one| one.is_for(path)) {
        if cancel.is_cancelled() {
            break;
        }
        if formatters.is_enabled(one).await {
            is_formatted = true;
            let ending = formatters.run(one, path, cancel).await;
            now = settle(one, ending, path, place, now).await;
        }
    }
    if !is_formatted
        && formatters.are_servers_for(path)
        && let Some(text) = by_server(scope, cancel, path, &now).await
    {
        match save(path, place, Arc::clone(&text)).await {
            Ok(()) => now = text,
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "a formatted file could not be written");
            }
        }
    }
    if now != written {
        now = with_mark_of(&written, now, path, place).await;
    }
    now
}

/// What a language server makes of a file, if it is something else.
async fn by_server(
    scope: &Scope,
    cancel: &CancellationToken,
    path: &Path,
    now: &[u8],
) -> Option<Arc<Vec<u8>>> {
    let asking = tokio::time::timeout(LIMIT, scope.languages.format(path));
    let answer = tokio::select! {
        answer = asking => answer.ok()?,
        () = cancel.cancelled() => return None,
    };
    let proposal = answer
        .inspect_err(|error| tracing::info!(file = %path.display(), %error, "no language server formats it"))
        .ok()?;
    let old = Decoded::new(now);
    if old.text.contains(char::REPLACEMENT_CHARACTER) {
        return None;
    }
    let new = edits::apply(&old.text, &edits::of_document(&proposal).ok()?).ok()?;
    let is_good = new != old.text && (!new.trim().is_empty() || old.text.trim().is_empty());
    is_good.then(|| Arc::new(join_mark(old.mark, new.as_bytes())))
}

/// How a formatter ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// It did not run.
    Never,
    Well,
    /// It may have done some of its work.
    Failed,
    /// It was ended in the middle of its work.
    Stopped,
}

impl Formatters {
    async fn run(&self, one: &Formatter, path: &Path, cancel: &CancellationToken) -> Ending {
        let name = one.name.as_str();
        let file = path.to_string_lossy();
        let with_file = |argument: &str| argument.replace(FILE, &file);
        // A program that has to be installed first may take long.
        let program = async {
            match &one.command {
                Command::BuiltIn(built_in) => {
                    let arguments = built_in.arguments.split(' ').map(with_file);
                    Some(Program::new(self.program(built_in).await?).args(arguments))
                }
                Command::Own(command) => {
                    let (program, arguments) = command.split_first()?;
                    Some(Program::new(with_file(program)).args(arguments.iter().map(|one| with_file(one))))
                }
            }
        };
        let program = tokio::select! {
            program = tokio::time::timeout(LIMIT, program) => program.ok().flatten(),
            () = cancel.cancelled() => None,
        };
        let Some(mut program) = program else {
            tracing::warn!(name, "no program for a formatter");
            return Ending::Never;
        };
        for (name, value) in &one.variables {
            program = program.variable(name, value);
        }
        let run = program
            .directory(&self.ground.directory)
            .timeout(LIMIT)
            .limit(SAID)
            .run_until(cancel.cancelled());
        match run.await {
            Ok(finished) if finished.success() || (one.complains() && finished.code == Some(1)) => {
                Ending::Well
            }
            Ok(finished) => {
                let said = finished.error_text();
                tracing::warn!(name, file = %file, code = finished.code, said, "a formatter failed");
                Ending::Failed
            }
            Err(error @ opencode_process::program::Error::Start { .. }) => {
                tracing::warn!(name, %error, "a formatter could not be started");
                Ending::Never
            }
            Err(error) => {
                tracing::warn!(name, file = %file, %error, "a formatter was ended");
                Ending::Stopped
            }
        }
    }
}

impl Formatter {
    fn complains(&self) -> bool {
        matches!(&self.command, Command::BuiltIn(one) if one.complains)
    }
}

/// What the file holds after a formatter; it is put back when the formatter lost it.
async fn settle(
    one: &Formatter,
    ending: Ending,
    path: &Path,
    place: &Place,
    before: Arc<Vec<u8>>,
) -> Arc<Vec<u8>> {
    if ending == Ending::Never {
        return before;
    }
    let after = match load(place).await {
        Ok(Existing::File(bytes)) if bytes == before => return before,
        // It is there, and too much to be looked at.
        Ok(Existing::TooLarge(_)) if ending == Ending::Well => return before,
        Ok(Existing::File(bytes)) => Some(bytes),
        _ => None,
    };
    let kept = match (after, ending) {
        (Some(after), Ending::Well) if !after.is_empty() => Some(after),
        (Some(after), Ending::Failed) => {
            let (old, new) = (Arc::clone(&before), Arc::clone(&after));
            let is_alike = blocking(move || has_most_words(&old, &new)).await;
            is_alike.unwrap_or(false).then_some(after)
        }
        _ => None,
    };
    if let Some(kept) = kept {
        return kept;
    }
    let name = one.name.as_str();
    tracing::warn!(name, file = %path.display(), "a formatter lost what was written; it is put back");
    if let Err(error) = save(path, place, Arc::clone(&before)).await {
        tracing::error!(name, file = %path.display(), %error, "it could not be put back");
    }
    before
}

/// Whether three quarters of the words of a file are in another.
fn has_most_words(old: &[u8], new: &[u8]) -> bool {
    let words = |bytes: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(bytes);
        let words = text.split(|letter: char| !letter.is_alphanumeric());
        words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let mut there: HashMap<String, usize> = HashMap::new();
    for word in words(new) {
        *there.entry(word).or_default() += 1;
    }
    let old = words(old);
    let found = old.iter().filter(|word| match there.get_mut(word.as_str()) {
        Some(count @ 1..) => {
            *count -= 1;
            true
        }
        _ => false,
    });
    let found = found.count();
    found * 4 >= old.len() * 3 && (found > 0 || !new.is_empty())
}

/// What was formatted, with the byte order mark that was written or without one.
async fn with_mark_of(written: &[u8], formatted: Arc<Vec<u8>>, path: &Path, place: &Place) -> Arc<Vec<u8>> {
    let wanted = Decoded::new(written).mark;
    let has = formatted.starts_with(b"\xef\xbb\xbf");
    if has == wanted {
        return formatted;
    }
    let text = formatted.get(if has { 3 } else { 0 }..).unwrap_or_default();
    let marked = Arc::new(join_mark(wanted, text));
    match save(path, place, Arc::clone(&marked)).await {
        Ok(()) => marked,
        Err(error) => {
            tracing::warn!(file = %path.display(), %error, "the byte order mark is lost");
            formatted
        }
    }
}
