//! Workspaces (reference `tui.md` §7, `http-api.md` §6.11): other places in which sessions of a project work, where
//! they are switched on. A session is sent to one, the next one begins there, and what is not needed is deleted.

use std::cell::RefCell;
use std::rc::Rc;

use opencode_client::{Error, Request};
use opencode_schema::{Session, SessionId, Workspace, WorkspaceId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::places::with_changes;
use crate::app::App;
use crate::dialog::{Alert, Item, LARGE, Outcome, Select};
use crate::safe;
use crate::toast::Variant;

/// Where the server keeps them.
const PATH: [&str; 2] = ["experimental", "workspace"];

/// A kind of workspaces that can be made.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    description: String,
}

/// Whether a workspace can be reached.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(rename = "workspaceID")]
    id: WorkspaceId,
    status: String,
}

/// Where work can go on.
#[derive(Debug, Clone, PartialEq)]
enum Goal {
    /// A workspace that is made for it.
    New(String),
    /// The project's own folder.
    Project,
    /// A workspace that there is.
    There(Workspace),
}

fn below(last: &'static str) -> Vec<&'static str> {
    PATH.into_iter().chain([last]).collect()
}

/// Asks for the workspaces after those that adapters know were listed.
fn ask(app: &mut App, then: impl FnOnce(&mut App, Vec<Workspace>) + 'static) {
    let anew = Request::post(&below("sync-list"), json!({})).turn();
    app.try_ask(anew, |app, _: Result<Value, Error>| {
        app.ask(Request::get(&PATH), then);
    });
}

/// Opens the list of where work can go on.
pub(crate) fn choose(app: &mut App) {
    app.ask(Request::get(&below("adapter")), |app, kinds: Vec<Kind>| {
        ask(app, move |app, workspaces| {
            let title = app.words.get("workspaces.choose");
            let list = Select::new(
                app,
                title,
                move |app| goals(app, &kinds, &workspaces),
                |app, goal: &Goal| {
                    go(app, goal.clone());
                    Outcome::Close
                },
            );
            app.open_dialog(list);
        });
    });
}

/// The workspace that work goes on in: the session's, or the one that the next session is for.
fn here(app: &App) -> Option<String> {
    match app.session() {
        Some(session) => session.workspace_id.clone(),
        None => app.workspace.as_ref().map(|id| id.as_str().to_owned()),
    }
}

fn goals(app: &App, kinds: &[Kind], workspaces: &[Workspace]) -> Vec<Item<Goal>> {
    let words = &app.words;
    let here = here(app);
    let made = kinds.iter().map(|kind| {
        Item::new(Goal::New(kind.kind.clone()), safe::line(&kind.name))
            .describe(safe::line(&kind.description))
            .within(words.get("workspaces.new"))
    });
    let project = Item::new(Goal::Project, words.get("workspaces.project"))
        .describe(words.get("workspaces.project_folder"))
        .within(words.get("workspaces.title"))
        .current(here.is_none());
    let there = workspaces.iter().map(|workspace| {
        Item::new(Goal::There(workspace.clone()), safe::line(&workspace.name))
            .describe(format!("({})", safe::line(&workspace.kind)))
            .within(words.get("workspaces.title"))
            .current(here.as_deref() == Some(workspace.id.as_str()))
    });
    made.chain([project]).chain(there).collect()
}

fn go(app: &mut App, goal: Goal) {
    let Some(session) = app.session() else {
        return reach(app, goal, |app, workspace| {
            let folder = workspace.as_ref().map(|workspace| workspace.directory.clone());
            let folder = folder.unwrap_or_else(|| Some(app.settings.directory().to_owned()));
            app.workspace = workspace.map(|workspace| workspace.id);
            if let Some(folder) = folder {
                app.enter(folder);
            }
        });
    };
    let (id, from) = (session.id.clone(), session.directory.clone());
    with_changes(app, from, move |app, takes| {
        let id = id.clone();
        reach(app, goal.clone(), move |app, workspace| {
            warp(app, id, workspace, takes);
        });
    });
}

/// Goes on with the workspace, which is made first if it is a new one; with none for the project's own folder.
fn reach(app: &mut App, goal: Goal, then: impl FnOnce(&mut App, Option<Workspace>) + 'static) {
    match goal {
        Goal::Project => then(app, None),
        Goal::There(workspace) => then(app, Some(workspace)),
        Goal::New(kind) => {
            app.tell(Variant::Info, "workspaces.making");
            let body = json!({ "type": kind, "branch": null });
            app.ask(Request::post(&PATH, body).turn(), |app, made| {
                then(app, Some(made));
            });
        }
    }
}

fn warp(app: &mut App, id: SessionId, workspace: Option<Workspace>, takes: bool) {
    let name = match &workspace {
        Some(workspace) => safe::line(&workspace.name).into_owned(),
        None => app.words.get("workspaces.project").to_owned(),
    };
    let folder = workspace
        .as_ref()
        .and_then(|workspace| workspace.directory.clone());
    let workspace = workspace.map(|workspace| workspace.id);
    let body = json!({ "id": workspace, "sessionID": id, "copyChanges": takes });
    let request = Request::post(&below("warp"), body).turn();
    app.try_ask(request, move |app, answer: Result<Value, Error>| match answer {
        Ok(_) => {
            let told = app.words.fill("workspaces.warped", &[("name", &name)]);
            app.toast(Variant::Success, told);
            settle(app, &id, folder);
        }
        Err(Error::Refused(refusal)) if refusal.name == "VcsApplyError" => {
            let title = app.words.get("workspaces.unfit");
            let text = app.words.get("workspaces.unfit_text");
            app.open_dialog(Alert::new(title, text));
        }
        Err(error) => app.complain(&error),
    });
}

/// Takes the session as it is now, and has the model told where it works.
fn settle(app: &mut App, id: &SessionId, folder: Option<String>) {
    app.ask(
        Request::get(&["session", id.as_str()]),
        |app, session: Session| {
            let folder = folder.unwrap_or_else(|| session.directory.clone());
            let text = format!(
                "<system-reminder>\nFrom now on this session works in {folder}. Paths of the folder before mean the \
                 files at the same places below this one.\n</system-reminder>"
            );
            let body = json!({
                "noReply": true,
                "parts": [{ "type": "text", "text": text, "synthetic": true }],
            });
            let path = ["session", session.id.as_str(), "prompt_async"];
            app.order(Request::post(&path, body).turn());
            app.store.sessions.insert(session.id.clone(), session);
        },
    );
}

/// What the list of workspaces is made of.
#[derive(Default)]
struct Known {
    workspaces: Vec<Workspace>,
    statuses: Vec<Status>,
    /// Those whose folder is shown.
    open: Vec<WorkspaceId>,
    /// The one that the next press deletes.
    deleting: Option<WorkspaceId>,
}

/// Opens the list of workspaces.
pub(crate) fn manage(app: &mut App) {
    let known = Rc::new(RefCell::new(Known::default()));
    let title = app.words.get("workspaces.title");
    let (source, chosen, moved, deleted) = (known.clone(), known.clone(), known.clone(), known.clone());
    let list = Select::new(
        app,
        title,
        move |app| items(app, &source.borrow()),
        move |_, id: &WorkspaceId| {
            let open = &mut chosen.borrow_mut().open;
            match open.iter().position(|known| known == id) {
                Some(at) => {
                    open.remove(at);
                }
                None => open.push(id.clone()),
            }
            Outcome::Done
        },
    )
    .wide(LARGE)
    .when_empty("workspaces.none")
    .on_move(move |_, _| moved.borrow_mut().deleting = None)
    .action(
        "session.delete",
        "sessions.delete",
        move |app, id: Option<&WorkspaceId>| {
            if let Some(id) = id {
                delete(app, &deleted, id);
            }
            Outcome::Done
        },
    );
    app.open_dialog(list);
    reload(app, &known);
}

fn reload(app: &mut App, known: &Rc<RefCell<Known>>) {
    let (listed, stated) = (known.clone(), known.clone());
    ask(app, move |_, workspaces| {
        listed.borrow_mut().workspaces = workspaces;
    });
    app.ask(Request::get(&below("status")), move |_, statuses| {
        stated.borrow_mut().statuses = statuses;
    });
}

fn items(app: &App, known: &Known) -> Vec<Item<WorkspaceId>> {
    let mut workspaces: Vec<&Workspace> = known.workspaces.iter().collect();
    workspaces.sort_by_key(|workspace| workspace.name.to_lowercase());
    let items = workspaces.into_iter().map(|workspace| {
        let is_deleted = known.deleting.as_ref() == Some(&workspace.id);
        let title = if is_deleted {
            let key = app.key_of("session.delete");
            app.words.fill("sessions.again", &[("key", &key)])
        } else {
            safe::line(&workspace.name).into_owned()
        };
        let status = known.statuses.iter().find(|status| status.id == workspace.id);
        let is_reached = status.is_none_or(|status| status.status == "connected");
        let folder = workspace
            .directory
            .as_deref()
            .filter(|_| known.open.contains(&workspace.id));
        let mut item = Item::new(workspace.id.clone(), title)
            .describe(safe::line(&app.home_path(folder.unwrap_or_default())))
            .foot(safe::line(&workspace.kind));
        item = if is_reached {
            item.mark("●", |theme| theme.success)
        } else {
            item.mark("●", |theme| theme.error)
        };
        if is_deleted {
            item.color = Some(|theme| theme.error);
        }
        item
    });
    items.collect()
}

/// The first press marks a workspace, the second one deletes it with its sessions.
fn delete(app: &mut App, known: &Rc<RefCell<Known>>, id: &WorkspaceId) {
    if known.borrow().deleting.as_ref() != Some(id) {
        known.borrow_mut().deleting = Some(id.clone());
        return;
    }
    known.borrow_mut().deleting = None;
    let known = known.clone();
    let path: Vec<&str> = PATH.into_iter().chain([id.as_str()]).collect();
    let gone = id.clone();
    app.ask(Request::delete(&path).turn(), move |app, _: Value| {
        if app.workspace.as_ref() == Some(&gone) {
            app.workspace = None;
            let folder = app.settings.directory().to_owned();
            app.enter(folder);
        }
        app.load_sessions();
        reload(app, &known);
    });
}

#[cfg(test)]
mod tests;
