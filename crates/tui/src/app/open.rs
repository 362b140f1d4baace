//! Which screen is shown: what the command line asked for, sessions, drafts of each screen.

use opencode_client::{Error, Request};
use opencode_schema::session::{FileDiff, Todo};
use opencode_schema::{MessageWithParts, Session, SessionId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{App, Route};
use crate::choice::{Choice, ModelRef};
use crate::list;
use crate::mini::Replay;
use crate::store::PAGE;
use crate::toast::Variant;

/// What the command line asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arguments {
    /// The session that is shown.
    pub session: Option<String>,
    /// The last session is shown.
    pub continue_last: bool,
    /// A copy of it is.
    pub fork: bool,
    /// A prompt that is sent as soon as that can be done.
    pub prompt: Option<String>,
    /// The agent.
    pub agent: Option<String>,
    /// The model, `provider/model`.
    pub model: Option<String>,
    /// Every permission that is not denied is given.
    pub is_auto: bool,
    /// The face does without a screen of its own, and what it prints again of what was said before.
    pub mini: Option<Replay>,
}

/// The first screen, as the environment names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum First {
    /// The start.
    Home,
    /// A session.
    Session {
        /// Which one.
        #[serde(rename = "sessionID")]
        id: String,
    },
    /// A screen of a plugin; what changed in files is one.
    Plugin {
        /// Which one.
        id: String,
    },
}

impl App {
    /// The server is there: does what the command line asked for.
    pub(super) fn begin(&mut self) {
        self.check_arguments();
        if self.arguments.continue_last {
            let roots = self.store.roots();
            let mut near = roots
                .iter()
                .filter(|session| list::sessions::is_near(self, session));
            let last = near.next().map(|session| session.id.clone());
            match last {
                Some(last) => self.begin_with(&last),
                None => self.begin_prompt(),
            }
        } else if let Some(named) = self.arguments.session.clone() {
            match SessionId::parse(&named) {
                Ok(id) => self.begin_with(&id),
                Err(_) => self.fail(self.words.fill("open.missing", &[("id", &named)])),
            }
        } else {
            self.begin_route();
            self.begin_prompt();
        }
        if let Some(problem) = self.settings.problems.first().cloned() {
            self.toast(Variant::Warning, problem);
        }
        if self.store.own_providers().next().is_none() && self.dialogs.is_empty() {
            self.run("provider.connect");
        }
    }

    /// What the command line names and there is not, is told and does not count.
    fn check_arguments(&mut self) {
        if let Some(agent) = self.arguments.agent.clone()
            && !Choice::agents(&self.store).any(|known| known.name == agent)
        {
            self.arguments.agent = None;
            self.choice.forget_agent();
            let text = self.words.fill("open.no_agent", &[("agent", &agent)]);
            self.toast(Variant::Warning, text);
        }
        let Some(model) = self.arguments.model.clone() else {
            return;
        };
        let named = ModelRef::parse(&model);
        let key = match &named {
            None => "open.model_form",
            Some(named) if !self.store.has_model(&named.provider, &named.model) => "open.no_model",
            Some(_) => return,
        };
        self.arguments.model = None;
        self.choice.forget_model();
        let text = self.words.fill(key, &[("model", &model)]);
        self.toast(Variant::Warning, text);
    }

    /// Shows the screen that the environment names.
    fn begin_route(&mut self) {
        match self.settings.first_screen() {
            Some(First::Session { id }) => match SessionId::parse(&id) {
                Ok(id) => self.open_session(&id),
                Err(_) => {
                    let text = self.words.fill("open.missing", &[("id", &id)]);
                    self.toast(Variant::Error, text);
                }
            },
            Some(First::Plugin { id }) if id == "diff" => crate::viewer::open(self),
            Some(First::Home | First::Plugin { .. }) | None => {}
        }
    }

    fn begin_with(&mut self, id: &SessionId) {
        if !self.arguments.fork {
            let request = Request::get(&["session", id.as_str()]);
            return self.try_ask(request, |app, session| app.begin_session(session));
        }
        let request = Request::post(&["session", id.as_str(), "fork"], json!({}));
        self.try_ask(request, |app, session| app.begin_session(session));
    }

    fn begin_session(&mut self, session: Result<Session, Error>) {
        match session {
            Ok(session) => {
                let id = session.id.clone();
                self.store.sessions.insert(id.clone(), session);
                self.open_session(&id);
                self.begin_prompt();
            }
            Err(error) => self.fail(error.to_string()),
        }
    }

    fn begin_prompt(&mut self) {
        if let Some(prompt) = self.arguments.prompt.take() {
            self.write_prompt(&prompt);
            self.prompt_command("prompt.submit");
        }
        self.send_early();
    }

    /// Shows another screen; what the prompt says stays with the screen that it was written on.
    pub(crate) fn show(&mut self, route: Route) {
        if route == self.route {
            return;
        }
        let draft = self.prompt.take_draft();
        let left = std::mem::replace(&mut self.route, route);
        if left == Route::Diff {
            self.viewer = None;
        } else {
            self.drafts.insert(left, draft);
        }
        if let Some(draft) = self.drafts.remove(&self.route) {
            self.prompt.put_draft(&draft);
        }
        self.interrupting = None;
    }

    /// Shows the start.
    pub(crate) fn go_home(&mut self) {
        self.dialogs.clear();
        self.show(Route::Home);
    }

    /// Shows a session.
    pub(crate) fn open_session(&mut self, id: &SessionId) {
        self.dialogs.clear();
        if self.session_id() != Some(id) {
            self.bridge.enter();
        }
        self.show(Route::Session(id.clone()));
        self.view_of(id);
        let conversation = self.store.conversation(id);
        if conversation.is_loaded {
            return self.take_up(id);
        }
        self.load_session(id);
    }

    /// Reads a session and what is in it.
    pub(crate) fn load_session(&mut self, id: &SessionId) {
        self.store.conversation(id).begin();
        let path = |last: &'static str| vec!["session", id.as_str(), last];
        let known = id.clone();
        let request = Request::get(&["session", id.as_str()]);
        self.try_ask(
            request,
            move |app, session: Result<Session, Error>| match session {
                Ok(session) => {
                    app.store.sessions.insert(known, session);
                }
                Err(error) => {
                    app.complain(&error);
                    if error.is_not_found() {
                        app.go_home();
                    }
                }
            },
        );
        let known = id.clone();
        let request = Request::get(&path("message")).query("limit", PAGE.to_string());
        self.ask_page(
            request,
            move |app, page: Result<(Vec<MessageWithParts>, _), Error>| match page {
                Ok((messages, older)) => {
                    app.store.conversation(&known).load(messages, older);
                    app.take_up(&known);
                }
                Err(error) => app.complain(&error),
            },
        );
        let known = id.clone();
        self.ask(Request::get(&path("todo")), move |app, todos: Vec<Todo>| {
            app.store.conversation(&known).todos = todos;
        });
        let known = id.clone();
        self.ask(Request::get(&path("diff")), move |app, diff: Vec<FileDiff>| {
            app.store.conversation(&known).diff = diff;
        });
        self.ask(Request::get(&path("children")), |app, children: Vec<Session>| {
            for child in children {
                app.store.sessions.insert(child.id.clone(), child);
            }
        });
    }

    /// Agent, model and variant are those of the session's last prompt.
    fn take_up(&mut self, id: &SessionId) {
        if self.session_id() != Some(id) {
            return;
        }
        if let Some(conversation) = self.store.conversations.get(id) {
            let last = conversation.prompts().next();
            if let Some(user) = last.and_then(|message| message.info.as_user()) {
                self.choice.take_up(user, &self.arguments);
            }
        }
    }

    /// Reads older messages of the session that is shown.
    pub(crate) fn load_older(&mut self) {
        let Some(id) = self.session_id().cloned() else {
            return;
        };
        let conversation = self.store.conversation(&id);
        let Some(older) = conversation.older.clone().filter(|_| !conversation.is_loading) else {
            return;
        };
        conversation.is_loading = true;
        let request = Request::get(&["session", id.as_str(), "message"])
            .query("limit", PAGE.to_string())
            .query("before", older.clone());
        let known = older;
        self.ask_page(
            request,
            move |app, page: Result<(Vec<MessageWithParts>, _), Error>| {
                let conversation = app.store.conversation(&id);
                // Somebody may have gone to the end meanwhile.
                if conversation.older.as_ref() != Some(&known) {
                    return;
                }
                match page {
                    Ok((messages, older)) => conversation.load_older(messages, older),
                    Err(error) => {
                        conversation.is_loading = false;
                        app.complain(&error);
                    }
                }
            },
        );
    }

    /// Reads the messages behind those that are shown again.
    pub(crate) fn load_newer(&mut self) {
        let Some(id) = self.session_id().cloned() else {
            return;
        };
        let conversation = self.store.conversation(&id);
        let newer = conversation.newer().map(str::to_owned);
        let Some(newer) = newer.filter(|_| !conversation.is_loading) else {
            return;
        };
        conversation.is_loading = true;
        let request = Request::get(&["session", id.as_str(), "message"])
            .query("limit", PAGE.to_string())
            .query("before", newer.clone());
        self.try_ask(request, move |app, page: Result<Vec<MessageWithParts>, Error>| {
            let conversation = app.store.conversation(&id);
            // Somebody may have gone to the end meanwhile.
            if conversation.newer() != Some(newer.as_str()) {
                return;
            }
            match page {
                Ok(messages) => conversation.load_newer(messages),
                Err(error) => {
                    conversation.is_loading = false;
                    app.complain(&error);
                }
            }
        });
    }

    /// The session is gone; so is its screen.
    pub(super) fn leave_deleted(&mut self, id: &SessionId) {
        if self.session_id() == Some(id) {
            self.go_home();
            self.tell(Variant::Info, "open.deleted");
        }
        self.views.shift_remove(id);
        self.drafts.remove(&Route::Session(id.clone()));
    }

    /// A request about a session.
    pub(crate) fn about(id: &SessionId, what: &str, body: Value) -> Request {
        Request::post(&["session", id.as_str(), what], body)
    }
}
