//! A session as Markdown (reference `tui.md` §10): on the clipboard, in a file, in an editor.

mod options;
mod transcript;

use std::path::Path;

use opencode_client::Request;
use opencode_schema::{MessageWithParts, Session};

use crate::app::App;
use crate::effect::Effect;
use crate::safe;
use crate::toast::Variant;
use options::Options;

/// What of a session is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Contents {
    /// What the model thought.
    thinking: bool,
    /// What tools were given and what they gave.
    tool_details: bool,
    /// Which agent and model answered, and how long that took.
    metadata: bool,
}

impl Contents {
    /// As the messages are shown.
    fn shown(app: &App) -> Self {
        let switches = &app.settings.switches;
        Self {
            thinking: switches.thinking,
            tool_details: switches.tool_details,
            metadata: switches.assistant_metadata,
        }
    }
}

/// Puts the session that is shown on the clipboard.
pub(crate) fn copy(app: &mut App) {
    let contents = Contents::shown(app);
    with_transcript(app, contents, |app, text| {
        app.effect(Effect::Copy(text));
        app.tell(Variant::Success, "export.copied");
    });
}

/// Asks what of the session that is shown is to be told in which file, and does it.
pub(crate) fn open(app: &mut App) {
    let Some(session) = app.session() else {
        return;
    };
    let id: String = session.id.as_str().chars().take(8).collect();
    // Parity: thoughts are proposed even while they are folded on the screen.
    let contents = Contents {
        thinking: true,
        ..Contents::shown(app)
    };
    let options = Options::new(app, &format!("session-{id}.md"), contents);
    app.open_dialog(options);
}

/// Reads all messages of the session that is shown, of which the screen may have the newest only.
fn with_transcript(app: &mut App, contents: Contents, then: impl FnOnce(&mut App, String) + 'static) {
    let Some(session) = app.session().cloned() else {
        return;
    };
    let request = Request::get(&["session", session.id.as_str(), "message"]).turn();
    app.ask(request, move |app, messages: Vec<MessageWithParts>| {
        let text = transcript(app, &session, messages, contents);
        then(app, text);
    });
}

fn transcript(
    app: &App,
    session: &Session,
    mut messages: Vec<MessageWithParts>,
    contents: Contents,
) -> String {
    messages.sort_by(|a, b| (a.info.created(), &a.info.id).cmp(&(b.info.created(), &b.info.id)));
    transcript::write(app, session, &messages, contents)
}

/// Writes a file and opens it in the user's editor; without one it is only written.
fn save(app: &mut App, name: &str, contents: Contents) {
    let path = Path::new(app.settings.directory()).join(name);
    with_transcript(app, contents, move |app, text| {
        let written = text.clone();
        let file = path.clone();
        let then = move |app: &mut App, result: Result<(), String>| match result {
            Ok(()) => edit_saved(app, file, text),
            Err(reason) => app.toast(Variant::Error, reason),
        };
        app.effect(Effect::Write(path, written, Box::new(then)));
    });
}

fn edit_saved(app: &mut App, path: std::path::PathBuf, text: String) {
    let name = safe::line(&path.display().to_string()).into_owned();
    let saved = move |app: &mut App, result: Result<(), String>| match result {
        Ok(()) => {
            let text = app.words.fill("export.saved", &[("file", &name)]);
            app.toast(Variant::Success, text);
        }
        Err(reason) => app.toast(Variant::Error, reason),
    };
    let before = text.clone();
    let edited = move |app: &mut App, edited: Result<Option<String>, String>| match edited {
        Ok(Some(edited)) if edited.trim_end() != before.trim_end() => {
            app.effect(Effect::Write(path, format!("{edited}\n"), Box::new(saved)));
        }
        Ok(_) => saved(app, Ok(())),
        Err(reason) => app.toast(Variant::Error, reason),
    };
    app.effect(Effect::Edit(text, Box::new(edited)));
}

/// Opens the text in the user's editor and keeps nothing.
fn look(app: &mut App, contents: Contents) {
    with_transcript(app, contents, |app, text| {
        let then = |app: &mut App, edited: Result<Option<String>, String>| match edited {
            Ok(Some(_)) => {}
            Ok(None) => app.tell(Variant::Info, "prompt.no_editor"),
            Err(reason) => app.toast(Variant::Error, reason),
        };
        app.effect(Effect::Edit(text, Box::new(then)));
    });
}

#[cfg(test)]
mod tests;
