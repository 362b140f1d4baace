//! Where a session can go (reference `tui.md` §10, Move session): the folders of its project, copies of it, and
//! folders that other sessions work in.

use std::cell::RefCell;
use std::rc::Rc;

use opencode_client::Request;
use opencode_schema::{Session, SessionId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::dialog::{Item, Outcome, Select, WIDEST};
use crate::safe;
use crate::toast::Variant;

/// The project that is worked on.
#[derive(Deserialize)]
struct Project {
    id: String,
}

/// A folder of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Folder {
    directory: String,
    /// How it was copied, if it was.
    #[serde(default)]
    strategy: Option<String>,
}

/// What the list is made of.
struct Known {
    project: String,
    folders: RefCell<Vec<Folder>>,
    /// The copy that the next press deletes.
    deleting: RefCell<Option<String>>,
}

/// Asks for the folders of the project and opens the list.
pub(crate) fn open(app: &mut App) {
    app.ask(Request::get(&["project", "current"]), |app, project: Project| {
        let request = Request::get(&["project", &project.id, "directories"]);
        app.ask(request, move |app, folders: Vec<Folder>| {
            show(app, project.id, folders);
        });
    });
}

fn show(app: &mut App, project: String, folders: Vec<Folder>) {
    let known = Rc::new(Known {
        project,
        folders: RefCell::new(folders),
        deleting: RefCell::new(None),
    });
    let title = app.words.get("places.title");
    let (source, moved, deleted, refreshed) = (known.clone(), known.clone(), known.clone(), known);
    let list = Select::new(
        app,
        title,
        move |app| items(app, &source),
        |app, directory: &String| {
            go(app, directory.clone());
            Outcome::Close
        },
    )
    .wide(WIDEST)
    .on_move(move |_, _| {
        moved.deleting.replace(None);
    })
    .action("dialog.move_session.new", "places.new", |app, _| {
        copy(app);
        Outcome::Close
    })
    .action(
        "dialog.move_session.delete",
        "places.delete",
        move |app, directory: Option<&String>| {
            if let Some(directory) = directory {
                delete(app, &deleted, directory);
            }
            Outcome::Done
        },
    )
    .action("dialog.move_session.refresh", "places.refresh", move |app, _| {
        let path = ["experimental", "project", &refreshed.project, "copy", "refresh"];
        let known = refreshed.clone();
        app.ask(Request::post(&path, json!({})), move |app, _: Value| {
            reload(app, &known);
        });
        Outcome::Done
    });
    app.open_dialog(list);
}

fn reload(app: &mut App, known: &Rc<Known>) {
    let request = Request::get(&["project", &known.project, "directories"]);
    let known = known.clone();
    app.ask(request, move |_, folders: Vec<Folder>| {
        known.folders.replace(folders);
    });
}

/// The folder that is worked in now: that of the session, or of the start.
fn here(app: &App) -> String {
    let session = app.session().map(|session| session.directory.clone());
    let path = app.store.path.as_ref().map(|path| path.directory.clone());
    session.or(path).unwrap_or_default()
}

fn items(app: &App, known: &Known) -> Vec<Item<String>> {
    let here = here(app);
    let folders = known.folders.borrow();
    let mut listed: Vec<(&str, &str)> = Vec::new();
    for group in ["places.project", "places.copies"] {
        let is_copy = group == "places.copies";
        let of_group = folders
            .iter()
            .filter(|folder| folder.strategy.is_some() == is_copy);
        listed.extend(of_group.map(|folder| (folder.directory.as_str(), group)));
    }
    for session in app.store.roots() {
        let directory = session.directory.as_str();
        if !listed.iter().any(|(known, _)| *known == directory) {
            listed.push((directory, "places.used"));
        }
    }
    let deleting = known.deleting.borrow();
    let items = listed.into_iter().map(|(directory, group)| {
        let is_deleted = deleting.as_deref() == Some(directory);
        let title = if is_deleted {
            let key = app.key_of("dialog.move_session.delete");
            app.words.fill("sessions.again", &[("key", &key)])
        } else {
            safe::line(&app.home_path(directory)).into_owned()
        };
        let mut item = Item::new(directory.to_owned(), title)
            .within(app.words.get(group))
            .current(directory == here);
        if is_deleted {
            item.color = Some(|theme| theme.error);
        }
        item
    });
    items.collect()
}

/// The first press marks a copy, the second one deletes it; what is no copy stays.
fn delete(app: &mut App, known: &Rc<Known>, directory: &str) {
    let is_copy = |folder: &Folder| folder.directory == directory && folder.strategy.is_some();
    if !known.folders.borrow().iter().any(is_copy) || directory == here(app) {
        return app.tell(Variant::Info, "places.kept");
    }
    if known.deleting.borrow().as_deref() != Some(directory) {
        known.deleting.replace(Some(directory.to_owned()));
        return;
    }
    known.deleting.replace(None);
    // What is not committed in it is not thrown away.
    let body = json!({ "directory": directory, "force": false });
    let mut request = Request::delete(&["experimental", "project", &known.project, "copy"]);
    request.body = Some(body);
    let known = known.clone();
    app.ask(request, move |app, _: Value| reload(app, &known));
}

/// Makes a copy and goes there.
fn copy(app: &mut App) {
    #[derive(Deserialize)]
    struct Made {
        directory: String,
    }
    app.tell(Variant::Info, "places.copying");
    let request = Request::post(&["experimental", "worktree"], json!({})).turn();
    app.ask(request, |app, made: Made| go(app, made.directory));
}

/// Goes to a folder: with the session that is shown, or for the next one.
fn go(app: &mut App, directory: String) {
    if directory == here(app) {
        return;
    }
    let Some(session) = app.session() else {
        app.enter(directory);
        return;
    };
    let id = session.id.clone();
    let from = session.directory.clone();
    with_changes(app, from, move |app, takes| move_to(app, &id, &directory, takes));
}

/// Asks whether what is not committed in a folder goes along, if anything is not; closing does nothing.
pub(super) fn with_changes(app: &mut App, folder: String, then: impl Fn(&mut App, bool) + 'static) {
    let request = Request::get(&["vcs", "status"]).query("directory", folder);
    app.try_ask(request, move |app, changes: Result<Vec<Value>, _>| {
        // Where nothing is known of changes there are none to take along.
        if changes.is_ok_and(|changes| !changes.is_empty()) {
            ask_changes(app, then);
        } else {
            then(app, false);
        }
    });
}

fn ask_changes(app: &mut App, then: impl Fn(&mut App, bool) + 'static) {
    let title = app.words.get("places.changes");
    let list = Select::new(
        app,
        title,
        |app| {
            [(true, "places.take"), (false, "places.leave")]
                .map(|(takes, word)| Item::new(takes, app.words.get(word)))
                .into()
        },
        move |app, takes: &bool| {
            then(app, *takes);
            Outcome::Close
        },
    );
    app.open_dialog(list);
}

fn move_to(app: &mut App, id: &SessionId, directory: &str, takes_changes: bool) {
    let body = json!({
        "sessionID": id, "destination": { "directory": directory }, "moveChanges": takes_changes,
    });
    let path = ["experimental", "control-plane", "move-session"];
    let id = id.clone();
    app.ask(Request::post(&path, body).turn(), move |app, _: Value| {
        app.tell(Variant::Success, "places.moved");
        app.ask(
            Request::get(&["session", id.as_str()]),
            |app, session: Session| {
                app.store.sessions.insert(session.id.clone(), session);
            },
        );
    });
}

#[cfg(test)]
mod tests;
