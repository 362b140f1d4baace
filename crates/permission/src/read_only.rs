//! What is left when nothing may be changed.

/// Permissions that change nothing, or lead to questions that are asked for themselves.
const CHANGES_NOTHING: &[&str] = &[
    "codesearch",
    "doom_loop",
    "external_directory",
    "glob",
    "grep",
    "list",
    "lsp",
    "plan_enter",
    "plan_exit",
    "question",
    "read",
    "skill",
    "task",
    "todoread",
    "todowrite",
    "webfetch",
    "websearch",
];

/// Whether what has this permission leaves files and other programs as they are.
#[must_use]
pub fn changes_nothing(permission: &str) -> bool {
    CHANGES_NOTHING.contains(&permission)
}
