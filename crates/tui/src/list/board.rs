//! All sessions at work, those that wait for an answer first.

use opencode_schema::SessionId;
use opencode_schema::session::Status;

use crate::app::App;
use crate::dialog::{Item, LARGE, Outcome, Select};
use crate::safe;

/// Opens the board.
pub(crate) fn open(app: &mut App) {
    let title = app.words.get("board.title");
    let list = Select::new(app, title, items, |app, id: &SessionId| {
        app.open_session(id);
        Outcome::Close
    })
    .wide(LARGE)
    .when_empty("board.none");
    app.open_dialog(list);
}

fn items(app: &App) -> Vec<Item<SessionId>> {
    let words = &app.words;
    app.running()
        .into_iter()
        .map(|(session, asks)| {
            let (group, what) = if asks {
                let what = match app.store.permission_of(&session.id) {
                    Some(request) => {
                        let pattern = request.patterns.first().map_or("", String::as_str);
                        format!("{} {pattern}", request.permission)
                    }
                    None => words.get("board.question").to_owned(),
                };
                ("board.asks", what)
            } else {
                let what = match app.store.status(&session.id) {
                    Status::Retry { message, .. } => message.clone(),
                    _ => String::new(),
                };
                ("board.works", what)
            };
            Item::new(session.id.clone(), safe::line(&session.title))
                .describe(safe::line(&what))
                .within(words.get(group))
                .foot(safe::line(&app.home_path(&session.directory)))
                .current(app.shows(&session.id))
        })
        .collect()
}
