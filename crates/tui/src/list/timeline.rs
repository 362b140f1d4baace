//! The prompts of a session, and what can be done with one (reference `tui.md` §10).

use opencode_client::Request;
use opencode_schema::{MessageId, Session, SessionId};
use serde_json::json;

use super::{hour, words_of};
use crate::app::App;
use crate::command::sessions::revert_to;
use crate::dialog::{Item, LARGE, Outcome, Select};
use crate::transcript::scroll::Scroll;

/// Opens the list of prompts.
pub(crate) fn open(app: &mut App) {
    let Some(session) = app.session_id().cloned() else {
        return;
    };
    let title = app.words.get("timeline.title");
    let shown = session.clone();
    let moved = session.clone();
    let list = Select::new(
        app,
        title,
        move |app| prompts(app, &shown),
        move |app, id: &MessageId| {
            open_message(app, &session, id);
            Outcome::Close
        },
    )
    .wide(LARGE)
    .when_empty("timeline.none")
    .on_move(move |app, id: &MessageId| app.scroll(&moved, &Scroll::Message(id.clone())));
    app.open_dialog(list);
}

/// The prompts of a session, the newest first.
pub(super) fn prompts(app: &App, session: &SessionId) -> Vec<Item<MessageId>> {
    let Some(conversation) = app.store.conversations.get(session) else {
        return Vec::new();
    };
    let prompts = conversation.prompts();
    prompts
        .map(|message| {
            let time = hour(app.settings.zone(), message.info.created());
            Item::new(message.info.id.clone(), words_of(message)).foot(time)
        })
        .collect()
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Deed {
    Revert,
    Copy,
    Fork,
}

/// Opens what can be done with a prompt.
pub(crate) fn open_message(app: &mut App, session: &SessionId, id: &MessageId) {
    let title = app.words.get("message.title");
    let (session, id) = (session.clone(), id.clone());
    let list = Select::new(app, title, deeds, move |app, deed: &Deed| {
        let conversation = app.store.conversations.get(&session);
        let Some(message) = conversation.and_then(|known| known.get(&id)).cloned() else {
            return Outcome::Close;
        };
        match deed {
            Deed::Revert => revert_to(app, &message),
            Deed::Copy => app.copy(words_of(&message)),
            Deed::Fork => fork(app, &session, Some(&id)),
        }
        Outcome::Close
    });
    app.open_dialog(list);
}

fn deeds(app: &App) -> Vec<Item<Deed>> {
    let words = &app.words;
    let item = |deed, title, text| Item::new(deed, words.get(title)).describe(words.get(text));
    vec![
        item(Deed::Revert, "message.revert", "message.revert.why"),
        item(Deed::Copy, "message.copy", "message.copy.why"),
        item(Deed::Fork, "message.fork", "message.fork.why"),
    ]
}

/// Copies a session, up to a prompt; what the prompt said is in the new one's.
pub(super) fn fork(app: &mut App, session: &SessionId, before: Option<&MessageId>) {
    let conversation = app.store.conversations.get(session);
    let message = before.and_then(|id| conversation?.get(id)).cloned();
    let body = match before {
        Some(id) => json!({ "messageID": id }),
        None => json!({}),
    };
    let request = Request::post(&["session", session.as_str(), "fork"], body);
    app.ask(request, move |app, copy: Session| {
        let id = copy.id.clone();
        app.store.sessions.insert(id.clone(), copy);
        app.open_session(&id);
        if let Some(message) = &message {
            app.restore_prompt(message);
        }
    });
}
