//! What git gets to see of our environment.
//!
//! This program may itself have been started by git (from a hook, an alias, `git bisect run`), and then
//! carries variables that point at that repository. Whatever chooses a repository, an index, a meaning of
//! paths or a form of output is taken away; what chooses the user's configuration and credentials stays.

use opencode_process::Program;

/// Variables of another git that would change what a call means.
pub(super) const REMOVED: &[&str] = &[
    // Which repository: what `git rev-parse --local-env-vars` lists, without the numbered pairs of
    // `GIT_CONFIG_COUNT`, in which containers carry their `safe.directory`.
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
    // What paths and attributes mean, and how an index is written.
    "GIT_ATTR_SOURCE",
    "GIT_GLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_INDEX_VERSION",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    // What is printed.
    "GIT_DIFF_OPTS",
    "GIT_EXTERNAL_DIFF",
    "GIT_TRACE",
    "GIT_TRACE2",
    "GIT_TRACE2_EVENT",
    "GIT_TRACE2_PERF",
    "GIT_TRACE_PACKET",
    "GIT_TRACE_PERFORMANCE",
    "GIT_TRACE_SETUP",
    "LANGUAGE",
];

/// Variables that every call gets.
const SET: &[(&str, &str)] = &[
    // Messages are read here and there, so they must not be translated.
    ("LC_ALL", "C"),
    ("GIT_TERMINAL_PROMPT", "0"),
    // Reading must not take the lock of the user's index.
    ("GIT_OPTIONAL_LOCKS", "0"),
    // A missing object of a partial clone is missing; nothing goes to the network for it.
    ("GIT_NO_LAZY_FETCH", "1"),
];

/// Makes the environment of a call what this module promises.
pub(super) fn prepare(program: Program) -> Program {
    let program = REMOVED
        .iter()
        .fold(program, |program, name| program.without_variable(name));
    SET.iter()
        .fold(program, |program, (name, value)| program.variable(name, value))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_another_git_left_is_taken_away() {
        let inherited = REMOVED.iter().fold(Program::new("env"), |program, name| {
            program.variable(name, "left")
        });
        let inherited = inherited
            .variable("GIT_CONFIG_COUNT", "0")
            .variable("LC_ALL", "fr_FR.UTF-8");
        let seen = prepare(inherited).run().await.unwrap().text();
        for name in REMOVED {
            assert!(
                !seen.lines().any(|line| line.starts_with(&format!("{name}="))),
                "{name}"
            );
        }
        for (name, value) in SET.iter().chain(&[("GIT_CONFIG_COUNT", "0")]) {
            assert!(
                seen.lines().any(|line| line == format!("{name}={value}")),
                "{name}"
            );
        }
    }
}
