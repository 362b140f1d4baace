//! Sessions (reference `tui.md` §10): those that are pinned, then by the day of their last use.

use std::time::Duration;

use opencode_client::Request;
use opencode_schema::{Session, SessionId};

use super::day;
use crate::app::App;
use crate::command::sessions::ask_title;
use crate::dialog::{Item, LARGE, Outcome, Select};
use crate::safe;

/// How long typing rests before the server is asked.
const REST: Duration = Duration::from_millis(150);
/// Sessions that a search gives.
const FOUND: &str = "30";
/// Sessions that can be switched to by a digit.
const SLOTS: usize = 9;

/// Opens the list.
pub(crate) fn open(app: &mut App) {
    app.session_search.clear();
    app.load_sessions();
    let title = app.words.get("sessions.title");
    let list = Select::new(app, title, items, |app, id: &SessionId| {
        app.open_session(id);
        Outcome::Close
    })
    .wide(LARGE)
    .when_empty("sessions.none")
    .on_search(search)
    .on_move(|app, _| app.deleting = None)
    .on_cancel(|app| app.deleting = None)
    .action(
        "session.pin.toggle",
        "sessions.pin",
        |app, id: Option<&SessionId>| {
            if let Some(id) = id {
                app.toggle_pin(id);
            }
            Outcome::Done
        },
    )
    .action(
        "session.delete",
        "sessions.delete",
        |app, id: Option<&SessionId>| {
            if let Some(id) = id {
                delete(app, id);
            }
            Outcome::Done
        },
    )
    .action(
        "session.rename",
        "sessions.rename",
        |app, id: Option<&SessionId>| {
            if let Some(id) = id {
                ask_title(app, id);
            }
            Outcome::Done
        },
    );
    app.open_dialog(list);
}

/// The first press marks the row, the second one deletes.
fn delete(app: &mut App, id: &SessionId) {
    if app.deleting.as_ref() != Some(id) {
        app.deleting = Some(id.clone());
        return;
    }
    app.deleting = None;
    app.store.sessions.remove(id);
    app.order(Request::delete(&["session", id.as_str()]));
}

fn search(app: &mut App, text: &str) {
    app.session_search = text.trim().to_owned();
    let wanted = app.session_search.clone();
    if wanted.is_empty() {
        return;
    }
    app.after(REST, move |app| {
        if app.session_search != wanted {
            return;
        }
        let request = app.session_query(FOUND).query("search", wanted);
        app.ask(request, |app, sessions: Vec<Session>| {
            for session in sessions {
                app.store.sessions.insert(session.id.clone(), session);
            }
        });
    });
}

/// Pinned sessions that are known, the first first.
pub(crate) fn pinned(app: &App) -> Vec<SessionId> {
    let pins = app.settings.pins.ids().iter();
    let known = pins.filter_map(|id| {
        app.store
            .sessions
            .values()
            .find(|session| session.id.as_str() == id)
    });
    let roots = known.filter(|session| session.parent_id.is_none());
    roots.take(SLOTS).map(|session| session.id.clone()).collect()
}

fn items(app: &App) -> Vec<Item<SessionId>> {
    let wanted = app.session_search.to_lowercase();
    let roots = app.store.roots();
    let found: Vec<&Session> = roots
        .into_iter()
        .filter(|session| wanted.is_empty() || session.title.to_lowercase().contains(&wanted))
        .filter(|session| is_near(app, session))
        .collect();
    let pins = pinned(app);
    let mut items = Vec::new();
    for (slot, id) in pins.iter().enumerate() {
        if let Some(session) = found.iter().find(|session| session.id == *id) {
            let item = item(app, session, Some(slot + 1));
            items.push(item.within(app.words.get("sessions.pinned")));
        }
    }
    for session in found {
        if !pins.contains(&session.id) {
            items.push(item(app, session, None).within(day(app, session.time.updated)));
        }
    }
    items
}

/// Whether a session is of this folder or one within it, where only those are wanted.
pub(crate) fn is_near(app: &App, session: &Session) -> bool {
    if !app.settings.switches.session_directory_filter {
        return true;
    }
    let here = app.store.path.as_ref().map(|path| path.directory.as_str());
    here.is_none_or(|here| {
        let rest = session.directory.strip_prefix(here.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// A session with the digit that switches to it, if it has one.
fn item(app: &App, session: &Session, slot: Option<usize>) -> Item<SessionId> {
    if app.deleting.as_ref() == Some(&session.id) {
        let key = app.key_of("session.delete");
        let title = app.words.fill("sessions.again", &[("key", &key)]);
        let mut item = Item::new(session.id.clone(), title).current(app.shows(&session.id));
        item.color = Some(|theme| theme.error);
        return item;
    }
    let here = app.store.path.as_ref().map(|path| path.directory.as_str());
    let foot = if here.is_some_and(|here| here != session.directory) {
        let folder = session.directory.rsplit('/').next().unwrap_or_default();
        safe::line(folder).into_owned()
    } else {
        String::new()
    };
    let is_shown = app.shows(&session.id);
    let mut item = Item::new(session.id.clone(), safe::line(&session.title)).foot(foot);
    if app.store.is_busy(&session.id) {
        let sign = ["◐", "◓", "◑", "◒"][usize::try_from(app.frame / 4).unwrap_or(0) % 4];
        item = item.mark(sign, |theme| theme.primary);
    } else if let Some(slot) = slot {
        item = item.mark(slot.to_string(), |theme| theme.accent);
    }
    item.current(is_shown)
}
