//! Which files a command names (reference `tools.md` §3, bash, «Permission parsing»).
//!
//! Only of commands that are known to work on files by their plain arguments, and only as far as the
//! text alone tells: what the shell would have to expand is left out.

use std::path::Path;

/// Commands that change the directory of the shell; harmless by themselves.
const DIRECTORY_CHANGERS: &[&str] = &["cd", "chdir", "popd", "pushd"];
/// Further commands whose plain arguments are files.
const FILE_COMMANDS: &[&str] = &["rm", "cp", "mv", "mkdir", "touch", "chmod", "chown", "cat"];

/// Whether the command does nothing but change the shell's directory.
#[must_use]
pub fn changes_directory(words: &[String]) -> bool {
    words
        .first()
        .is_some_and(|name| DIRECTORY_CHANGERS.contains(&name.as_str()))
}

/// The arguments of a command that name files, as written; none for a command that is not known.
pub fn file_arguments(words: &[String]) -> impl Iterator<Item = &str> {
    let name = words.first().map(String::as_str).unwrap_or_default();
    let known = DIRECTORY_CHANGERS.contains(&name) || FILE_COMMANDS.contains(&name);
    let mode_changer = name == "chmod";
    words
        .iter()
        .skip(1)
        .filter(move |word| known && !word.starts_with('-') && !(mode_changer && word.starts_with('+')))
        .map(String::as_str)
}

/// The path that an argument stands for: quotes taken off, `~` put in, cut where a pattern begins.
/// `None` when only the shell can tell.
#[must_use]
pub fn file_argument(argument: &str, home: &Path) -> Option<String> {
    let path = expand_home(unquote(argument), home);
    let path = match path.find(['?', '*', '[']) {
        Some(0) => return None,
        Some(at) => path.get(..at)?.to_owned(),
        None => path,
    };
    let dynamic = path.starts_with('(') || path.starts_with("@(") || path.contains(['$', '`']);
    (!path.is_empty() && !dynamic).then_some(path)
}

fn unquote(argument: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| argument.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(argument)
}

fn expand_home(path: &str, home: &Path) -> String {
    if path == "~" {
        return home.to_string_lossy().into_owned();
    }
    match path.strip_prefix("~/").or_else(|| path.strip_prefix("~\\")) {
        Some(rest) => home
            .join(rest.trim_start_matches('/'))
            .to_string_lossy()
            .into_owned(),
        None => path.to_owned(),
    }
}
