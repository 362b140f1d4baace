//! Commands of the messages that are shown: scrolling, copying, folding.

use opencode_schema::PartBody;

use super::{Command, SESSION, in_session};
use crate::app::App;
use crate::toast::Variant;
use crate::transcript::scroll::Scroll;

pub(super) const COMMANDS: &[Command] = &[
    Command::hidden("session.page.up", |app| scroll(app, &Scroll::HalfPageUp))
        .when(in_session)
        .transcript(),
    Command::hidden("session.page.down", |app| scroll(app, &Scroll::HalfPageDown))
        .when(in_session)
        .transcript(),
    Command::hidden("session.line.up", |app| scroll(app, &Scroll::Lines(-1)))
        .when(in_session)
        .transcript(),
    Command::hidden("session.line.down", |app| scroll(app, &Scroll::Lines(1)))
        .when(in_session)
        .transcript(),
    Command::hidden("session.half.page.up", |app| {
        let by = quarter(app, -1);
        scroll(app, &by)
    })
    .when(in_session)
    .transcript(),
    Command::hidden("session.half.page.down", |app| {
        let by = quarter(app, 1);
        scroll(app, &by)
    })
    .when(in_session)
    .transcript(),
    Command::listed(
        "session.first",
        SESSION,
        |_| "command.session.first",
        |app| scroll(app, &Scroll::First),
    )
    .when(in_session)
    .transcript(),
    Command::listed(
        "session.last",
        SESSION,
        |_| "command.session.last",
        |app| scroll(app, &Scroll::Last),
    )
    .when(in_session)
    .transcript(),
    Command::hidden("session.message.next", |app| scroll(app, &Scroll::NextMessage))
        .when(in_session)
        .transcript(),
    Command::hidden("session.message.previous", |app| {
        scroll(app, &Scroll::PreviousMessage)
    })
    .when(in_session)
    .transcript(),
    Command::listed(
        "session.messages_last_user",
        SESSION,
        |_| "command.session.last_user",
        |app| scroll(app, &Scroll::LastUser),
    )
    .when(in_session)
    .transcript(),
    Command::listed("messages.copy", SESSION, |_| "command.messages.copy", copy).when(in_session),
    Command::listed(
        "session.toggle.conceal",
        SESSION,
        |app| {
            if app.is_concealed {
                "command.conceal.off"
            } else {
                "command.conceal.on"
            }
        },
        |app| {
            app.is_concealed = !app.is_concealed;
            true
        },
    )
    .when(in_session),
];

fn scroll(app: &mut App, scroll: &Scroll) -> bool {
    let Some(id) = app.session_id().cloned() else {
        return false;
    };
    app.scroll(&id, scroll);
    true
}

/// A quarter of what is seen.
fn quarter(app: &App, sign: isize) -> Scroll {
    let rows = isize::try_from(app.places.transcript.height / 4).unwrap_or(1);
    Scroll::Lines(rows.max(1) * sign)
}

/// Copies the last answer.
fn copy(app: &mut App) -> bool {
    let conversation = app.session_id().and_then(|id| app.store.conversations.get(id));
    let last = conversation.and_then(|conversation| {
        let newest = conversation.entries.iter().rev();
        newest.map(|entry| &entry.message).find_map(|message| {
            message.info.as_assistant()?;
            let texts: Vec<&str> = message
                .parts
                .iter()
                .filter_map(|part| match &part.body {
                    PartBody::Text(text) if !text.text.trim().is_empty() => Some(text.text.trim()),
                    _ => None,
                })
                .collect();
            (!texts.is_empty()).then(|| texts.join("\n\n"))
        })
    });
    match last {
        Some(text) => app.copy(text),
        None => app.tell(Variant::Error, "messages.none"),
    }
    true
}
