//! The state of this face: all of it, and what changes it in general. What a command does stands in
//! [`command`](crate::command), what an event changes in [`store`](crate::store) and [`hear`](crate::app).

mod bridging;
mod hear;
mod keep;
mod keyboard;
mod load;
mod mouse;
mod open;
mod prompting;
mod terminal;
#[cfg(test)]
mod tests;
mod title;
mod transcribing;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use opencode_client::{Error, Reply, Request, Signal};
use opencode_schema::SessionId;
use opencode_schema::time::Millis;
use ratatui::layout::Rect;
use serde::de::DeserializeOwned;

use crate::bridge::{Bridge, Notice};
use crate::choice::Choice;
use crate::dialog::Dialog;
use crate::effect::{Clipping, Effect, Exit, Then};
use crate::keymap::Keymap;
use crate::mini::Mini;
use crate::permission::PermissionPanel;
use crate::prompt::Prompt;
use crate::question::QuestionPanel;
use crate::safe;
use crate::session::SessionView;
use crate::settings::Settings;
use crate::store::Store;
use crate::terminal::event::Event;
use crate::theme::Theme;
use crate::toast::{Toast, Variant};
use crate::viewer::Viewer;
use crate::which_key::WhichKey;
use crate::words::Words;

#[cfg(test)]
pub(crate) use keyboard::BREAKS;
pub(crate) use keyboard::{field_commands, layer};
pub use open::Arguments;
pub(crate) use open::First;
use transcribing::Follows;

/// How many sessions keep what is particular to their view.
const VIEWS: usize = 12;

/// What comes in.
pub(crate) enum Input {
    /// What the terminal tells.
    Terminal(Event),
    /// What the server tells.
    Signal(Signal),
    /// What an editor tells.
    Bridge(Notice),
    /// An answer to something that was asked for.
    Answer(Box<dyn FnOnce(&mut App)>),
    /// The program cannot go on.
    Fatal(String),
    /// The next picture of what moves.
    Frame,
}

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) enum Route {
    /// The start.
    #[default]
    Home,
    /// A session.
    Session(SessionId),
    /// What changed in files.
    Diff,
}

/// The state.
pub(crate) struct App {
    /// The texts.
    pub(crate) words: Words,
    /// The colours in force.
    pub(crate) theme: Theme,
    /// The keys.
    pub(crate) keymap: Keymap,
    /// What is configured and what was switched, with the files where that is kept.
    pub(crate) settings: Settings,
    /// What the server told.
    pub(crate) store: Store,
    /// What is shown.
    pub(crate) route: Route,
    /// What the prompt says now.
    pub(crate) prompt: Prompt,
    /// What an editor told.
    pub(crate) bridge: Bridge,
    /// Agent, model and variant of the next prompt.
    pub(crate) choice: Choice,
    /// What is particular to the view of each session, the last shown at the end.
    pub(crate) views: indexmap::IndexMap<SessionId, SessionView>,
    /// What changed in files, while that is shown.
    pub(crate) viewer: Option<Box<Viewer>>,
    /// Windows, the one with the keyboard at the end.
    pub(crate) dialogs: Vec<Box<dyn Dialog>>,
    /// A notice.
    pub(crate) toast: Option<Toast>,
    /// What the user is asked for.
    pub(crate) permission: Option<PermissionPanel>,
    /// What the user is asked.
    pub(crate) question: Option<QuestionPanel>,
    /// When interrupting was asked for once.
    pub(crate) interrupting: Option<Instant>,
    /// Every permission that is not denied is given.
    pub(crate) is_auto: bool,
    /// Whether the terminal has the user's attention, if it tells.
    pub(crate) has_focus: Option<bool>,
    /// Columns and rows.
    pub(crate) size: (u16, u16),
    /// What is drawn where, for the mouse.
    pub(crate) places: Places,
    /// The time, for durations.
    pub(crate) now: Instant,
    /// The time, for people.
    pub(crate) clock: Millis,
    /// Pictures of what moves.
    pub(crate) frame: u64,
    /// What was submitted last, until it is sent.
    pub(crate) unsent: Option<crate::prompt::Draft>,
    /// What was submitted before the server was there.
    pub(crate) early: Option<crate::prompt::Submission>,
    /// The sidebar lies over the messages.
    pub(crate) is_sidebar_open: bool,
    /// Marks of Markdown are hidden.
    pub(crate) is_concealed: bool,
    /// What follows from the messages that were drawn last.
    pub(crate) follows: Follows,
    /// Rows of the sidebar that fold a block.
    pub(crate) sidebar_folds: Vec<(u16, &'static str)>,
    /// What is searched for among the sessions.
    pub(crate) session_search: String,
    /// What was put aside and the next press throws away.
    pub(crate) forgetting: Option<usize>,
    /// The session that the next press deletes.
    pub(crate) deleting: Option<SessionId>,
    /// MCP servers that are being switched.
    pub(crate) switching_mcp: std::collections::HashSet<String>,
    /// What code looks like.
    pub(crate) highlighter: crate::highlight::Highlighter,
    /// The folder that was gone to, if another one than that of the start.
    pub(crate) entered: Option<String>,
    /// The folder or the workspace that is listened to, if another one than that of the start.
    pub(crate) place: Option<String>,
    /// The workspace that the next session is for.
    pub(crate) workspace: Option<opencode_schema::WorkspaceId>,
    /// What the command line asked for and is not done yet.
    pub(crate) arguments: Arguments,
    /// Calls of the beginning that are not answered yet.
    pub(crate) waiting: usize,
    /// The name that the terminal was given.
    pub(crate) title: String,
    /// Which drafts the other screens have.
    pub(crate) drafts: HashMap<Route, crate::prompt::Draft>,
    /// The panel of keys.
    pub(crate) which_key: WhichKey,
    /// What is particular to the face that does without a screen of its own, if it is that one.
    pub(crate) mini: Option<Box<Mini>>,
    effects: Vec<Effect>,
}

/// What is drawn where.
#[derive(Debug, Default, Clone)]
pub(crate) struct Places {
    /// The frame of the dialog.
    pub(crate) dialog: Rect,
    /// The messages.
    pub(crate) transcript: Rect,
    /// The sidebar.
    pub(crate) sidebar: Rect,
    /// The prompt's box.
    pub(crate) prompt: Rect,
    /// The panel of a permission or a question.
    pub(crate) panel: Rect,
    /// Labels that can be clicked, and the command that they run.
    pub(crate) labels: Vec<(Rect, &'static str)>,
    /// The first button went down here.
    pub(crate) pressed: Option<ratatui::layout::Position>,
}

impl App {
    /// The state at the start: nothing was heard of the server yet.
    pub(crate) fn new(settings: Settings, arguments: Arguments, size: (u16, u16)) -> Self {
        let keymap = settings.keymap();
        let mini = arguments.mini.map(|replay| Box::new(Mini::new(replay)));
        let theme = match mini {
            Some(_) => settings.printed_theme(),
            None => settings.theme(),
        };
        Self {
            words: settings.words(),
            theme,
            keymap,
            store: Store::default(),
            route: Route::Home,
            prompt: settings.prompt(),
            bridge: Bridge::default(),
            choice: Choice::new(&arguments),
            views: indexmap::IndexMap::new(),
            viewer: None,
            dialogs: Vec::new(),
            toast: None,
            permission: None,
            question: None,
            interrupting: None,
            is_auto: arguments.is_auto,
            has_focus: None,
            size,
            places: Places::default(),
            now: Instant::now(),
            clock: 0,
            frame: 0,
            unsent: None,
            early: None,
            is_sidebar_open: false,
            is_concealed: true,
            follows: Follows::default(),
            sidebar_folds: Vec::new(),
            session_search: String::new(),
            forgetting: None,
            deleting: None,
            switching_mcp: std::collections::HashSet::new(),
            highlighter: crate::highlight::Highlighter::default(),
            entered: None,
            place: None,
            workspace: None,
            waiting: 0,
            title: String::new(),
            drafts: HashMap::new(),
            which_key: WhichKey::default(),
            mini,
            effects: Vec::new(),
            arguments,
            settings,
        }
    }

    /// Takes what came in at a time; says what is to be done.
    pub(crate) fn update(&mut self, input: Input, now: Instant, clock: Millis) -> Vec<Effect> {
        self.now = now;
        self.clock = clock;
        match input {
            Input::Terminal(event) => self.terminal(event),
            Input::Signal(signal) => self.signal(signal),
            Input::Bridge(notice) => self.notice(notice),
            Input::Answer(answer) => answer(self),
            Input::Fatal(reason) => self.fail(reason),
            Input::Frame => self.frame = self.frame.wrapping_add(1),
        }
        self.settle();
        std::mem::take(&mut self.effects)
    }

    /// What follows from the state, whatever changed it.
    fn settle(&mut self) {
        self.attend();
        self.load_tasks();
        self.send_queued();
        let mut dialogs = std::mem::take(&mut self.dialogs);
        for dialog in &mut dialogs {
            dialog.refresh(self);
        }
        dialogs.append(&mut self.dialogs);
        self.dialogs = dialogs;
        self.name_terminal();
        self.follow_folder();
        self.follow_session();
    }

    /// The panels of what the user is asked are those of what waits.
    fn attend(&mut self) {
        let root = self.session_id().cloned();
        let permission = root.as_ref().and_then(|root| self.store.permission_of(root));
        if permission.map(|request| &request.id) != self.permission.as_ref().map(|panel| &panel.request.id) {
            self.permission = permission.cloned().map(PermissionPanel::new);
        }
        let question = root.as_ref().and_then(|root| self.store.question_of(root));
        if question.map(|request| &request.id) != self.question.as_ref().map(|panel| &panel.request.id) {
            self.question = question.cloned().map(QuestionPanel::new);
        }
        if self.question.is_some() || self.permission.is_some() {
            self.prompt.command("prompt.autocomplete.hide");
        }
    }

    /// Wants something done.
    pub(crate) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Asks the server; a refusal is shown.
    pub(crate) fn ask<T: DeserializeOwned>(
        &mut self,
        request: Request,
        then: impl FnOnce(&mut Self, T) + 'static,
    ) {
        self.try_ask(request, |app, answer| match answer {
            Ok(value) => then(app, value),
            Err(error) => app.complain(&error),
        });
    }

    /// Asks the server; a refusal is an answer, too.
    pub(crate) fn try_ask<T: DeserializeOwned>(
        &mut self,
        request: Request,
        then: impl FnOnce(&mut Self, Result<T, Error>) + 'static,
    ) {
        self.ask_page(request, |app, reply| {
            then(app, reply.map(|(value, _)| value));
        });
    }

    /// Asks the server for a page; where the older ones are comes with it.
    pub(crate) fn ask_page<T: DeserializeOwned>(
        &mut self,
        request: Request,
        then: impl FnOnce(&mut Self, Result<(T, Option<String>), Error>) + 'static,
    ) {
        let what = format!("{} /{}", request.method, request.path.join("/"));
        let then: Then<Result<Reply, Error>> = Box::new(move |app, reply| {
            let read = reply.and_then(|reply| {
                let value = serde_json::from_value(reply.value).map_err(|error| Error::Unexpected {
                    server: String::new(),
                    what,
                    reason: error.to_string(),
                })?;
                Ok((value, reply.older))
            });
            then(app, read);
        });
        self.effect(Effect::Ask(request, then));
    }

    /// Has something done by the server; only a refusal is shown.
    pub(crate) fn order(&mut self, request: Request) {
        self.ask(request, |_, _: serde_json::Value| {});
    }

    /// Calls back after a time.
    pub(crate) fn after(&mut self, time: Duration, then: impl FnOnce(&mut Self) + 'static) {
        self.effect(Effect::After(time, Box::new(move |app, ()| then(app))));
    }

    /// Shows what went wrong.
    pub(crate) fn complain(&mut self, error: &Error) {
        self.toast(Variant::Error, error.to_string());
    }

    /// Shows a notice.
    pub(crate) fn toast(&mut self, variant: Variant, message: impl Into<String>) {
        self.show_toast(Toast::new(variant, message));
    }

    /// Shows a notice for as long as it says.
    pub(crate) fn show_toast(&mut self, mut toast: Toast) {
        let number = self.toast.as_ref().map_or(0, |shown| shown.number + 1);
        toast.number = number;
        let time = toast.duration;
        self.toast = Some(toast);
        self.after(time, move |app| {
            if app.toast.as_ref().is_some_and(|shown| shown.number == number) {
                app.toast = None;
            }
        });
    }

    /// Shows a text of the table as a notice.
    pub(crate) fn tell(&mut self, variant: Variant, key: &'static str) {
        let text = self.words.get(key);
        self.toast(variant, text);
    }

    /// Puts a text on the clipboard and says so.
    pub(crate) fn copy(&mut self, text: String) {
        self.effect(Effect::Copy(text));
        self.tell(Variant::Info, "app.copied");
    }

    /// Opens an address of the web; others could start any program.
    pub(crate) fn browse(&mut self, address: &str) {
        if address.starts_with("https://") || address.starts_with("http://") {
            self.effect(Effect::Browse(address.to_owned()));
        }
    }

    /// Reads the clipboard.
    pub(crate) fn read_clipboard(&mut self, then: impl FnOnce(&mut Self, Clipping) + 'static) {
        self.effect(Effect::Paste(Box::new(then)));
    }

    /// Keeps a file of state.
    pub(crate) fn keep(&mut self, path: PathBuf, text: String) {
        self.effect(Effect::Keep(path, text));
    }

    /// The key of a command, as it is shown; empty if it has none.
    pub(crate) fn key_of(&self, command: &str) -> String {
        self.keymap.label(command).unwrap_or_default()
    }

    /// Opens a window.
    pub(crate) fn open_dialog(&mut self, dialog: impl Dialog + 'static) {
        self.dialogs.push(Box::new(dialog));
    }

    /// Closes the window on top, as if nothing was chosen.
    pub(crate) fn close_dialog(&mut self) {
        if let Some(mut dialog) = self.dialogs.pop() {
            dialog.cancelled(self);
        }
    }

    /// The session that is shown.
    pub(crate) fn session_id(&self) -> Option<&SessionId> {
        match &self.route {
            Route::Session(id) => Some(id),
            Route::Home | Route::Diff => None,
        }
    }

    /// The session that is shown, if it is known.
    pub(crate) fn session(&self) -> Option<&opencode_schema::Session> {
        self.store.sessions.get(self.session_id()?)
    }

    /// What is particular to the view of a session; that of few is kept.
    pub(crate) fn view_of(&mut self, id: &SessionId) -> &mut SessionView {
        let view = self.views.shift_remove(id).unwrap_or_default();
        while self.views.len() >= VIEWS {
            self.views.shift_remove_index(0);
        }
        self.views.entry(id.clone()).or_insert(view)
    }

    /// Ends the program.
    pub(crate) fn exit(&mut self) {
        let session = self
            .session()
            .map(|session| (safe::line(&session.title).into_owned(), session.id.to_string()));
        let reason = None;
        self.effect(Effect::Exit(Exit { session, reason }));
    }

    fn fail(&mut self, reason: String) {
        let reason = Some(reason);
        let session = None;
        self.effect(Effect::Exit(Exit { session, reason }));
    }

    /// Whether something on the screen moves, and how long a picture of it lasts.
    pub(crate) fn animation(&self) -> Option<Duration> {
        const MOVING: Duration = Duration::from_millis(40);
        const STILL: Duration = Duration::from_secs(1);
        let shows = |id: &SessionId| self.store.is_busy(id);
        let is_busy = match &self.route {
            Route::Session(root) => self
                .store
                .statuses
                .keys()
                .any(|id| shows(id) && self.store.is_within(id, root)),
            Route::Diff => false,
            Route::Home => !self.dialogs.is_empty() && !self.store.statuses.is_empty(),
        };
        let moves = self.settings.has_animations();
        is_busy.then_some(if moves { MOVING } else { STILL })
    }
}
