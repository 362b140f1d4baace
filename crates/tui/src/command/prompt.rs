//! Commands of the prompt that the palette lists.

use super::{Command, PROMPT};
use crate::app::App;

pub(super) const COMMANDS: &[Command] = &[
    Command::listed(
        "prompt.editor",
        PROMPT,
        |_| "command.prompt.editor",
        |app| app.tell_prompt("prompt.editor"),
    )
    .slash(&["editor"])
    .when(App::has_prompt),
    Command::listed(
        "prompt.editor_context.clear",
        PROMPT,
        |_| "command.prompt.editor_context_clear",
        |app| {
            app.bridge.refuse();
            true
        },
    )
    .when(|app| app.has_prompt() && app.selection_label().is_some()),
    Command::listed(
        "prompt.stash",
        PROMPT,
        |_| "command.prompt.stash",
        |app| app.tell_prompt("prompt.stash"),
    )
    .when(|app| app.has_prompt() && !app.prompt.is_empty()),
    Command::listed(
        "prompt.stash.pop",
        PROMPT,
        |_| "command.prompt.stash_pop",
        |app| app.tell_prompt("prompt.stash.pop"),
    )
    .when(|app| app.has_prompt() && !app.prompt.stash_rows().is_empty()),
];
