//! Commands of sessions: new ones, others, and what is done with the one that is shown.

use std::time::Duration;

use opencode_client::{Error, Request};
use opencode_schema::{Session, SessionId};
use serde_json::json;

use super::{Command, SESSION, WORKSPACE, always, in_child, in_session};
use crate::app::{App, Route};
use crate::choice;
use crate::dialog::{Ask, Confirm, Outcome};
use crate::effect::Effect;
use crate::list;
use crate::safe;
use crate::toast::Variant;

/// How long a second press of interrupting counts as one (reference §8).
const SECOND_PRESS: Duration = Duration::from_secs(5);

pub(super) const COMMANDS: &[Command] = &[
    Command::listed("session.list", SESSION, |_| "command.session.list", list_sessions)
        .slash(&["sessions", "resume", "continue"])
        .suggested(|app| !app.store.sessions.is_empty()),
    Command::listed("session.new", SESSION, |_| "command.session.new", new)
        .slash(&["new", "clear"])
        .suggested(in_session),
    Command::listed("session.board", SESSION, |_| "command.session.board", board).slash(&["board"]),
    Command::listed("session.share", SESSION, share_title, share)
        .slash(&["share"])
        .when(can_share)
        .suggested(|app| !is_shared(app)),
    Command::listed("session.unshare", SESSION, |_| "command.session.unshare", unshare)
        .slash(&["unshare"])
        .when(is_shared),
    Command::listed("session.rename", SESSION, |_| "command.session.rename", rename)
        .slash(&["rename"])
        .when(in_session),
    Command::listed(
        "session.timeline",
        SESSION,
        |_| "command.session.timeline",
        timeline,
    )
    .slash(&["timeline"])
    .when(in_session),
    Command::listed("session.fork", SESSION, |_| "command.session.fork", fork)
        .slash(&["fork"])
        .when(in_session),
    Command::listed("session.compact", SESSION, |_| "command.session.compact", compact)
        .slash(&["compact", "summarize"])
        .when(in_session),
    Command::listed("session.undo", SESSION, |_| "command.session.undo", undo)
        .slash(&["undo"])
        .when(in_session),
    Command::listed("session.redo", SESSION, |_| "command.session.redo", redo)
        .slash(&["redo"])
        .when(is_reverted),
    Command::listed("session.move", SESSION, |_| "command.session.move", move_session).slash(&["move"]),
    Command::listed(
        "workspace.set",
        SESSION,
        |_| "command.workspace.set",
        |app| {
            list::workspaces::choose(app);
            true
        },
    )
    .slash(&["warp"])
    .when(|app| app.has_prompt() && app.settings.has_workspaces()),
    Command::listed(
        "workspace.list",
        WORKSPACE,
        |_| "command.workspace.list",
        |app| {
            list::workspaces::manage(app);
            true
        },
    )
    .slash(&["workspaces"])
    .when(|app| app.settings.has_workspaces()),
    Command::listed("session.copy", SESSION, |_| "command.session.copy", copy)
        .slash(&["copy"])
        .when(in_session),
    Command::listed("session.export", SESSION, |_| "command.session.export", export)
        .slash(&["export"])
        .when(in_session),
    Command::listed("session.search", SESSION, |_| "command.session.search", search)
        .slash(&["search"])
        .when(in_session),
    Command::listed(
        "session.delete.shown",
        SESSION,
        |_| "command.session.delete",
        delete,
    )
    .when(in_session),
    Command::hidden("session.retry.show", super::retry::show).when(in_session),
    Command::listed(
        "session.background",
        SESSION,
        |_| "command.session.background",
        background,
    )
    .when(can_go_on_in_the_background),
    Command::hidden("session.interrupt", interrupt).when(in_session),
    Command::listed(
        "session.queued_prompts",
        SESSION,
        |_| "mini.queue",
        crate::mini::queue::open,
    )
    .when(App::has_queued),
    Command::listed(
        "session.child.first",
        SESSION,
        |_| "command.session.child",
        first_child,
    )
    .when(has_children),
    Command::hidden("session.child.next", |app| sibling(app, 1)).when(in_child),
    Command::hidden("session.child.previous", |app| sibling(app, -1)).when(in_child),
    Command::listed("session.parent", SESSION, |_| "command.session.parent", parent).when(in_child),
    Command::listed("session.pin.toggle", SESSION, pin_title, pin).when(in_session),
    Command::hidden("session.quick_switch.1", |app| quick_switch(app, 0)),
    Command::hidden("session.quick_switch.2", |app| quick_switch(app, 1)),
    Command::hidden("session.quick_switch.3", |app| quick_switch(app, 2)),
    Command::hidden("session.quick_switch.4", |app| quick_switch(app, 3)),
    Command::hidden("session.quick_switch.5", |app| quick_switch(app, 4)),
    Command::hidden("session.quick_switch.6", |app| quick_switch(app, 5)),
    Command::hidden("session.quick_switch.7", |app| quick_switch(app, 6)),
    Command::hidden("session.quick_switch.8", |app| quick_switch(app, 7)),
    Command::hidden("session.quick_switch.9", |app| quick_switch(app, 8)),
    Command::hidden("app.exit", |app| {
        app.exit();
        true
    })
    .when(always),
];

fn list_sessions(app: &mut App) -> bool {
    list::sessions::open(app);
    true
}

fn board(app: &mut App) -> bool {
    list::board::open(app);
    true
}

fn new(app: &mut App) -> bool {
    app.go_home();
    true
}

/// Messages are shown, and configuration does not forbid to share them.
fn can_share(app: &App) -> bool {
    let share = app.store.config.get("share").and_then(serde_json::Value::as_str);
    in_session(app) && share != Some("disabled")
}

fn is_shared(app: &App) -> bool {
    app.session().is_some_and(|session| session.share.is_some())
}

fn share_title(app: &App) -> &'static str {
    if is_shared(app) {
        "command.session.share.again"
    } else {
        "command.session.share"
    }
}

fn share(app: &mut App) -> bool {
    let Some(session) = app.session() else {
        return false;
    };
    if let Some(share) = &session.share {
        let url = share.url.clone();
        app.copy(url);
        return true;
    }
    let id = session.id.clone();
    if app.settings.switches.share_consent {
        share_now(app, &id);
        return true;
    }
    let title = app.words.get("share.title");
    let message = app.words.get("share.message");
    app.open_dialog(Confirm::new(title, message, move |app, is_wanted| {
        if is_wanted {
            app.switch(|switches| switches.share_consent = true);
            share_now(app, &id);
        }
    }));
    true
}

fn share_now(app: &mut App, id: &SessionId) {
    app.ask(App::about(id, "share", json!({})), |app, session: Session| {
        let url = session.share.as_ref().map(|share| share.url.clone());
        app.store.sessions.insert(session.id.clone(), session);
        if let Some(url) = url {
            app.effect(Effect::Copy(url));
            app.tell(Variant::Success, "share.done");
        }
    });
}

fn unshare(app: &mut App) -> bool {
    let Some(id) = app.session_id().cloned() else {
        return false;
    };
    let request = Request::delete(&["session", id.as_str(), "share"]);
    app.ask(request, |app, session: Session| {
        app.store.sessions.insert(session.id.clone(), session);
        app.tell(Variant::Success, "share.ended");
    });
    true
}

/// Asks for a new title of a session.
pub(crate) fn ask_title(app: &mut App, id: &SessionId) {
    let Some(session) = app.store.sessions.get(id) else {
        return;
    };
    let title = safe::line(&session.title).into_owned();
    let id = id.clone();
    let heading = app.words.get("rename.title");
    let placeholder = app.words.get("rename.placeholder");
    app.open_dialog(Ask::new(heading, placeholder, &title, move |app, title| {
        if title.trim().is_empty() {
            return Outcome::Done;
        }
        let request = Request::patch(&["session", id.as_str()], json!({ "title": title.trim() }));
        app.ask(request, |app, session: Session| {
            app.store.sessions.insert(session.id.clone(), session);
        });
        Outcome::Close
    }));
}

fn rename(app: &mut App) -> bool {
    if let Some(id) = app.session_id().cloned() {
        ask_title(app, &id);
    }
    true
}

fn timeline(app: &mut App) -> bool {
    list::timeline::open(app);
    true
}

fn fork(app: &mut App) -> bool {
    list::fork::open(app);
    true
}

fn move_session(app: &mut App) -> bool {
    list::places::open(app);
    true
}

fn copy(app: &mut App) -> bool {
    crate::export::copy(app);
    true
}

fn export(app: &mut App) -> bool {
    crate::export::open(app);
    true
}

fn search(app: &mut App) -> bool {
    app.begin_search();
    true
}

fn delete(app: &mut App) -> bool {
    let Some(session) = app.session() else {
        return false;
    };
    let id = session.id.clone();
    let message = app
        .words
        .fill("delete.message", &[("title", &safe::line(&session.title))]);
    let title = app.words.get("delete.title");
    let confirm = Confirm::new(title, message, move |app, is_wanted| {
        if is_wanted {
            app.order(Request::delete(&["session", id.as_str()]));
        }
    });
    app.open_dialog(confirm);
    true
}

fn compact(app: &mut App) -> bool {
    let Some(id) = app.session_id().cloned() else {
        return false;
    };
    let Some(model) = app.choice.model(&app.store, &app.settings) else {
        app.run("provider.connect");
        return true;
    };
    let body = json!({ "providerID": model.provider, "modelID": model.model });
    app.order(App::about(&id, "summarize", body).turn());
    true
}

/// The prompt that undoing takes back next: the newest one that is not taken back.
fn undone_next(app: &App) -> Option<&opencode_schema::MessageWithParts> {
    let session = app.session()?;
    let conversation = app.store.conversations.get(&session.id)?;
    let reverted = session.revert.as_ref().map(|revert| &revert.message_id);
    let mut prompts = conversation.prompts();
    match reverted {
        None => prompts.next(),
        Some(id) => {
            let place = conversation.get(id).map(|message| message.info.created());
            prompts.find(|message| {
                let info = &message.info;
                place.is_none_or(|place| (info.created(), &info.id) < (place, id))
            })
        }
    }
}

fn undo(app: &mut App) -> bool {
    let Some(message) = undone_next(app).cloned() else {
        return true;
    };
    let id = message.info.session_id.clone();
    if app.store.is_busy(&id) {
        app.order(App::about(&id, "abort", json!({})));
    }
    revert_to(app, &message);
    true
}

/// Takes back a prompt and what came after it; what it said is in the prompt again.
pub(crate) fn revert_to(app: &mut App, message: &opencode_schema::MessageWithParts) {
    let message = message.clone();
    let id = message.info.session_id.clone();
    let request = App::about(&id, "revert", json!({ "messageID": message.info.id }));
    app.try_ask(
        request,
        move |app, session: Result<Session, Error>| match session {
            Ok(session) => {
                app.store.sessions.insert(session.id.clone(), session);
                app.restore_prompt(&message);
            }
            Err(error) => app.complain(&error),
        },
    );
}

fn is_reverted(app: &App) -> bool {
    app.session().is_some_and(|session| session.revert.is_some())
}

fn redo(app: &mut App) -> bool {
    let Some(session) = app.session() else {
        return false;
    };
    let id = session.id.clone();
    let reverted = session.revert.as_ref().map(|revert| revert.message_id.clone());
    let next = app.store.conversations.get(&id).and_then(|conversation| {
        let mut later = conversation.prompts().collect::<Vec<_>>();
        later.reverse();
        let place = later
            .iter()
            .position(|message| Some(&message.info.id) == reverted.as_ref())?;
        later.get(place + 1).map(|message| message.info.id.clone())
    });
    let request = match next {
        Some(next) => App::about(&id, "revert", json!({ "messageID": next })),
        None => {
            app.prompt.command("prompt.clear");
            App::about(&id, "unrevert", json!({}))
        }
    };
    app.ask(request, |app, session: Session| {
        app.store.sessions.insert(session.id.clone(), session);
    });
    true
}

/// Ends a search; else stops the turn at the second press.
fn interrupt(app: &mut App) -> bool {
    if app.end_search() {
        return true;
    }
    let Some(id) = app.session_id().cloned().filter(|id| app.store.is_busy(id)) else {
        return false;
    };
    let now = app.now;
    let is_second = app
        .interrupting
        .is_some_and(|first| now.duration_since(first) < SECOND_PRESS);
    if is_second {
        app.interrupting = None;
        app.order(App::about(&id, "abort", json!({})));
        return true;
    }
    app.interrupting = Some(now);
    app.after(SECOND_PRESS, move |app| {
        if app.interrupting == Some(now) {
            app.interrupting = None;
        }
    });
    true
}

fn can_go_on_in_the_background(app: &App) -> bool {
    app.store.has_background && app.session_id().is_some_and(|id| app.store.is_busy(id))
}

/// Lets the subagents that run go on while the session goes on.
fn background(app: &mut App) -> bool {
    let Some(id) = app.session_id() else {
        return false;
    };
    let path = ["experimental", "session", id.as_str(), "background"];
    app.ask(Request::post(&path, json!({})), |app, is_any: bool| {
        let key = if is_any {
            "background.done"
        } else {
            "background.none"
        };
        app.tell(Variant::Info, key);
    });
    true
}

fn has_children(app: &App) -> bool {
    let id = app.session_id();
    id.is_some_and(|id| {
        let mut sessions = app.store.sessions.values();
        sessions.any(|session| session.parent_id.as_ref() == Some(id))
    })
}

fn first_child(app: &mut App) -> bool {
    if app.mini.is_some() {
        return crate::mini::tasks::open(app);
    }
    let child = app.session_id().and_then(|id| {
        let children = app.store.children(id);
        children.last().map(|child| child.id.clone())
    });
    if let Some(child) = child {
        app.open_session(&child);
    }
    true
}

fn sibling(app: &mut App, by: isize) -> bool {
    let Some((id, parent)) = app
        .session()
        .and_then(|session| Some((session.id.clone(), session.parent_id.clone()?)))
    else {
        return false;
    };
    let siblings = app.store.children(&parent);
    let at = siblings.iter().position(|session| session.id == id).unwrap_or(0);
    let next = choice::step(at, by, siblings.len()).map(|next| siblings[next].id.clone());
    if let Some(next) = next {
        app.open_session(&next);
    }
    true
}

fn parent(app: &mut App) -> bool {
    let parent = app.session().and_then(|session| session.parent_id.clone());
    if let Some(parent) = parent {
        app.open_session(&parent);
    }
    true
}

fn pin_title(app: &App) -> &'static str {
    match app.session_id() {
        Some(id) if app.settings.pins.contains(id.as_str()) => "command.session.unpin",
        _ => "command.session.pin",
    }
}

fn pin(app: &mut App) -> bool {
    if let Some(id) = app.session_id().cloned() {
        app.toggle_pin(&id);
    }
    true
}

fn quick_switch(app: &mut App, slot: usize) -> bool {
    let wanted = list::sessions::pinned(app).get(slot).cloned();
    match wanted {
        Some(id) => {
            if app.route != Route::Session(id.clone()) {
                app.open_session(&id);
            }
            true
        }
        None => false,
    }
}
