//! Commands that show something: the palette, lists, what is known of the program.

use super::{Command, PROMPT, SYSTEM, always, palette};
use crate::dialog::Alert;
use crate::effect::Effect;
use crate::list;

/// Where the documentation is.
const DOCUMENTATION: &str = "https://opencode.ai/docs";

pub(super) const COMMANDS: &[Command] = &[
    Command::hidden("command.palette.show", |app| {
        palette::open(app);
        true
    }),
    Command::listed(
        "prompt.skills",
        PROMPT,
        |_| "command.prompt.skills",
        |app| {
            list::skills::open(app);
            true
        },
    )
    .slash(&["skills"]),
    Command::listed(
        "prompt.stash.list",
        PROMPT,
        |_| "command.prompt.stash_list",
        |app| {
            list::stash::open(app);
            true
        },
    )
    .when(|app| !app.prompt.stash_rows().is_empty()),
    Command::listed(
        "opencode.status",
        SYSTEM,
        |_| "command.status",
        |app| {
            list::status::open(app);
            true
        },
    )
    .slash(&["status"]),
    Command::listed(
        "diff.open",
        SYSTEM,
        |_| "command.diff",
        |app| {
            crate::viewer::open(app);
            true
        },
    )
    .slash(&["diff"]),
    Command::listed(
        "opencode.debug",
        SYSTEM,
        |_| "command.debug",
        |app| {
            list::debug::open(app);
            true
        },
    )
    .slash(&["debug"]),
    Command::listed(
        "plugins.list",
        SYSTEM,
        |_| "command.plugins",
        |app| {
            list::plugins::open(app);
            true
        },
    ),
    Command::listed(
        "theme.switch",
        SYSTEM,
        |_| "command.theme.switch",
        |app| {
            list::themes::open(app);
            true
        },
    )
    .slash(&["themes"]),
    Command::listed(
        "help.show",
        SYSTEM,
        |_| "command.help",
        |app| {
            let key = app.key_of("command.palette.show");
            let text = app.words.fill("help.text", &[("key", &key)]);
            let title = app.words.get("help.title");
            app.open_dialog(Alert::new(title, text));
            true
        },
    )
    .slash(&["help"]),
    Command::listed(
        "docs.open",
        SYSTEM,
        |_| "command.docs",
        |app| {
            app.effect(Effect::Browse(DOCUMENTATION.to_owned()));
            true
        },
    ),
    Command::listed(
        "app.quit",
        SYSTEM,
        |_| "command.exit",
        |app| {
            app.exit();
            true
        },
    )
    .slash(&["exit", "quit", "q"])
    .when(always),
    Command::hidden("terminal.suspend", |app| {
        app.effect(Effect::Suspend);
        true
    }),
];
