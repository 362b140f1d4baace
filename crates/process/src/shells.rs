//! The shells of this system.

use std::path::PathBuf;

/// Where systems list their shells.
const LIST: &str = "/etc/shells";
/// Looked for where there is no list.
const USUAL: &[&str] = &["/bin/bash", "/bin/zsh", "/bin/sh"];

/// A shell that is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shell {
    /// Where.
    pub path: PathBuf,
    /// Its name.
    pub name: String,
    /// Whether command lines for bash mean the same to it, more or less.
    pub is_usual: bool,
}

/// The shells that the system offers for logging in and that are there. Blocks for a short read.
#[must_use]
pub fn installed() -> Vec<Shell> {
    let list = fs_err::read_to_string(LIST).unwrap_or_else(|_| USUAL.join("\n"));
    list.lines()
        .map(str::trim)
        .filter(|line| line.starts_with('/'))
        .map(PathBuf::from)
        .filter(|path| path.is_file())
        .map(|path| {
            let name = name_of(&path.to_string_lossy());
            Shell {
                is_usual: !matches!(name.as_str(), "fish" | "nu"),
                name,
                path,
            }
        })
        .collect()
}

/// Whether a program is a shell that reads a person's settings when it is given `-l`.
#[must_use]
pub fn can_log_in(program: &str) -> bool {
    matches!(
        name_of(program).as_str(),
        "bash" | "dash" | "fish" | "ksh" | "sh" | "zsh"
    )
}

fn name_of(program: &str) -> String {
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program);
    name.trim_end_matches(".exe").to_owned()
}
