//! Where a session is copied up to.

use opencode_schema::{MessageId, SessionId};

use super::timeline;
use crate::app::App;
use crate::dialog::{Item, LARGE, Outcome, Select};

/// Opens the list.
pub(crate) fn open(app: &mut App) {
    let Some(session) = app.session_id().cloned() else {
        return;
    };
    let title = app.words.get("fork.title");
    let shown = session.clone();
    let list = Select::new(
        app,
        title,
        move |app| items(app, &shown),
        move |app, before: &Option<MessageId>| {
            timeline::fork(app, &session, before.as_ref());
            Outcome::Close
        },
    )
    .wide(LARGE);
    app.open_dialog(list);
}

fn items(app: &App, session: &SessionId) -> Vec<Item<Option<MessageId>>> {
    let all = Item::new(None, app.words.get("fork.all"));
    let prompts = timeline::prompts(app, session).into_iter();
    let prompts = prompts.map(|item| Item::new(Some(item.value), item.title).foot(item.footer));
    [all].into_iter().chain(prompts).collect()
}
