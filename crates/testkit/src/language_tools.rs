//! Real language servers and formatters, where `scripts/language-tools` installed them.

use std::path::PathBuf;

/// The folder of their programs, when all of these are there. Otherwise it says what a test leaves out.
#[must_use]
#[expect(clippy::print_stderr, reason = "who runs the tests has to know")]
pub fn language_tools(programs: &[&str]) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("OPENCODE_LANGUAGE_TOOLS") else {
        eprintln!("left out: {programs:?} (OPENCODE_LANGUAGE_TOOLS is not set, see scripts/language-tools)");
        return None;
    };
    let folder = PathBuf::from(folder).join("bin");
    let missing: Vec<_> = programs
        .iter()
        .filter(|name| !folder.join(name).exists())
        .collect();
    if missing.is_empty() {
        return Some(folder);
    }
    eprintln!("left out: {missing:?} (not in {})", folder.display());
    None
}
