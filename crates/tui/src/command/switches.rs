//! Commands that switch how things look.

use super::{Command, SESSION, SYSTEM, at_home, in_session};

pub(super) const COMMANDS: &[Command] = &[
    Command::listed(
        "session.sidebar.toggle",
        SESSION,
        |app| {
            if app.is_sidebar_shown() {
                "command.sidebar.hide"
            } else {
                "command.sidebar.show"
            }
        },
        |app| {
            app.toggle_sidebar();
            true
        },
    )
    .when(in_session),
    Command::listed(
        "session.toggle.timestamps",
        SESSION,
        |app| {
            if app.settings.switches.timestamps {
                "command.timestamps.hide"
            } else {
                "command.timestamps.show"
            }
        },
        |app| app.switched(|switches| switches.timestamps = !switches.timestamps),
    )
    .slash(&["timestamps", "toggle-timestamps"])
    .when(in_session),
    Command::listed(
        "session.toggle.thinking",
        SESSION,
        |app| {
            if app.settings.switches.thinking {
                "command.thinking.hide"
            } else {
                "command.thinking.show"
            }
        },
        |app| app.switched(|switches| switches.thinking = !switches.thinking),
    )
    .slash(&["thinking", "toggle-thinking"])
    .when(in_session),
    Command::listed(
        "session.toggle.actions",
        SESSION,
        |app| {
            if app.settings.switches.tool_details {
                "command.details.hide"
            } else {
                "command.details.show"
            }
        },
        |app| app.switched(|switches| switches.tool_details = !switches.tool_details),
    )
    .when(in_session),
    Command::listed(
        "session.toggle.scrollbar",
        SESSION,
        |app| {
            if app.settings.switches.scrollbar {
                "command.scrollbar.hide"
            } else {
                "command.scrollbar.show"
            }
        },
        |app| app.switched(|switches| switches.scrollbar = !switches.scrollbar),
    )
    .when(in_session),
    Command::listed(
        "session.toggle.generic_tool_output",
        SESSION,
        |app| {
            if app.settings.switches.generic_tool_output {
                "command.generic_output.hide"
            } else {
                "command.generic_output.show"
            }
        },
        |app| app.switched(|switches| switches.generic_tool_output = !switches.generic_tool_output),
    )
    .when(in_session),
    Command::listed(
        "app.toggle.file_context",
        SYSTEM,
        |app| {
            if app.settings.switches.file_context {
                "command.file_context.off"
            } else {
                "command.file_context.on"
            }
        },
        |app| app.switched(|switches| switches.file_context = !switches.file_context),
    ),
    Command::listed(
        "app.toggle.diffwrap",
        SYSTEM,
        |app| {
            if app.settings.switches.diff_wrap {
                "command.diffwrap.off"
            } else {
                "command.diffwrap.on"
            }
        },
        |app| app.switched(|switches| switches.diff_wrap = !switches.diff_wrap),
    ),
    Command::listed(
        "app.toggle.animations",
        SYSTEM,
        |app| {
            if app.settings.switches.animations {
                "command.animations.off"
            } else {
                "command.animations.on"
            }
        },
        |app| app.switched(|switches| switches.animations = !switches.animations),
    ),
    Command::listed(
        "app.toggle.paste_summary",
        SYSTEM,
        |app| {
            if app.settings.switches.paste_summary {
                "command.paste_summary.off"
            } else {
                "command.paste_summary.on"
            }
        },
        |app| app.switched(|switches| switches.paste_summary = !switches.paste_summary),
    ),
    Command::listed(
        "app.toggle.session_directory_filter",
        SYSTEM,
        |app| {
            if app.settings.switches.session_directory_filter {
                "command.directory_filter.off"
            } else {
                "command.directory_filter.on"
            }
        },
        |app| {
            let done = app.switched(|switches| {
                switches.session_directory_filter = !switches.session_directory_filter;
            });
            app.load_sessions();
            done
        },
    ),
    Command::listed(
        "terminal.title.toggle",
        SYSTEM,
        |app| {
            if app.settings.switches.terminal_title {
                "command.title.off"
            } else {
                "command.title.on"
            }
        },
        |app| {
            app.toggle_title();
            true
        },
    ),
    Command::listed(
        "permission.auto.toggle",
        SYSTEM,
        |app| {
            if app.is_auto {
                "command.auto.off"
            } else {
                "command.auto.on"
            }
        },
        |app| {
            app.is_auto = !app.is_auto;
            true
        },
    ),
    Command::listed(
        "tips.toggle",
        SYSTEM,
        |app| {
            if app.settings.switches.tips_hidden {
                "command.tips.show"
            } else {
                "command.tips.hide"
            }
        },
        |app| {
            app.switch(|switches| switches.tips_hidden = !switches.tips_hidden);
            true
        },
    )
    .when(at_home),
    Command::hidden("sidebar.start.dismiss", |app| {
        app.switch(|switches| switches.dismissed_getting_started = true);
        true
    }),
    Command::listed(
        "theme.switch_mode",
        SYSTEM,
        |app| {
            if app.settings.is_dark() {
                "command.mode.light"
            } else {
                "command.mode.dark"
            }
        },
        |app| {
            app.switch_mode();
            true
        },
    ),
    Command::listed(
        "theme.mode.lock",
        SYSTEM,
        |app| {
            if app.settings.is_mode_locked() {
                "command.mode.unlock"
            } else {
                "command.mode.lock"
            }
        },
        |app| {
            app.lock_mode();
            true
        },
    ),
];
