//! What was put aside of the prompt.

use std::time::Duration;

use crate::app::App;
use crate::dialog::{Item, LARGE, Outcome, Select};
use crate::safe;

/// Opens the list.
pub(crate) fn open(app: &mut App) {
    app.forgetting = None;
    let title = app.words.get("stash.title");
    let list = Select::new(app, title, items, |app, index: &usize| {
        app.prompt.unstash(*index);
        app.serve_prompt();
        Outcome::Close
    })
    .wide(LARGE)
    .when_empty("stash.none")
    .on_move(|app, _| app.forgetting = None)
    .action("stash.delete", "stash.delete", |app, index: Option<&usize>| {
        let Some(&index) = index else {
            return Outcome::Done;
        };
        if app.forgetting == Some(index) {
            app.forgetting = None;
            app.prompt.forget_stashed(index);
            app.serve_prompt();
        } else {
            app.forgetting = Some(index);
        }
        Outcome::Done
    });
    app.open_dialog(list);
}

fn items(app: &App) -> Vec<Item<usize>> {
    let rows = app.prompt.stash_rows().into_iter();
    rows.map(|row| {
        if app.forgetting == Some(row.index) {
            let key = app.key_of("stash.delete");
            let mut item = Item::new(row.index, app.words.fill("sessions.again", &[("key", &key)]));
            item.color = Some(|theme| theme.error);
            return item;
        }
        let age = u64::try_from(app.clock.saturating_sub(row.timestamp)).unwrap_or(0);
        let lines = app
            .words
            .fill("stash.lines", &[("count", &row.lines.to_string())]);
        Item::new(row.index, safe::line(&row.title))
            .describe(if row.lines > 1 { lines } else { String::new() })
            .foot(since(app, Duration::from_millis(age)))
    })
    .collect()
}

/// How long ago something was.
fn since(app: &App, age: Duration) -> String {
    let seconds = age.as_secs();
    let (key, count) = match seconds {
        0..60 => ("age.now", 0),
        60..3600 => ("age.minutes", seconds / 60),
        3600..86_400 => ("age.hours", seconds / 3600),
        _ => ("age.days", seconds / 86_400),
    };
    app.words.fill(key, &[("count", &count.to_string())])
}
