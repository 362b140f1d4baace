//! The prompt as a part of the state: its keys, what it is drawn with, and what becomes of what it wants.

use opencode_client::{Error, Request};
use opencode_schema::{MessageId, MessageWithParts, Session, SessionId};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{App, Route};
use crate::choice::{self, ModelRef};
use crate::command;
use crate::effect::{Clipping, Effect};
use crate::prompt::{
    self, Action, Clip, Found, Handled, Info, Outcome, Pointer, Reference, Resource, Slash, Sources,
    Submission, Write,
};
use crate::safe;
use crate::toast::Variant;
use crate::transcript::paint::capitalised;

/// Files that a name is completed by.
const FILES: &str = "20";

/// A file that the server found.
#[derive(Deserialize)]
struct FoundFile {
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct FoundFiles {
    data: Vec<FoundFile>,
}

/// Commands of the prompt that are live now, the nearest first.
pub(super) fn commands(app: &App) -> Vec<&'static str> {
    let mut commands = Vec::new();
    if app.prompt.has_list() {
        commands.extend([
            "prompt.autocomplete.prev",
            "prompt.autocomplete.next",
            "prompt.autocomplete.hide",
            "prompt.autocomplete.select",
            "prompt.autocomplete.complete",
        ]);
    }
    commands.extend([
        "prompt.clear",
        "prompt.paste",
        "prompt.submit",
        "prompt.history.previous",
        "prompt.history.next",
    ]);
    commands.extend(super::keyboard::field_commands());
    commands
}

impl App {
    /// Does a command of the prompt.
    pub(super) fn prompt_command(&mut self, id: &str) -> bool {
        if matches!(id, "input.submit" | "prompt.submit") {
            self.refresh_sources();
            self.unsent = Some(self.prompt.draft());
        }
        match id {
            // A cursor that cannot move leaves its keys to others.
            "input.move.left" | "input.move.right" if self.prompt.is_empty() => return false,
            "input.buffer.home" if self.prompt.is_at_start() => return false,
            "input.buffer.end" if self.prompt.is_at_end() => return false,
            "prompt.clear" if self.copy_from_prompt() => return true,
            "session.interrupt" if self.prompt.unselect() => return true,
            _ => {}
        }
        self.prompt.set_now(self.clock);
        let is_handled = self.prompt.command(id) == Handled::Yes;
        self.serve_prompt();
        is_handled
    }

    /// Takes what was typed.
    pub(super) fn prompt_text(&mut self, text: &str) {
        if text == "@" && !self.store.mcp.is_empty() {
            self.load_resources();
        }
        self.refresh_sources();
        self.prompt.set_now(self.clock);
        let mut letters = text.chars();
        match (letters.next(), letters.next()) {
            (Some(letter), None) => self.prompt.insert_char(letter),
            _ => self.prompt.insert_text(text),
        }
        self.serve_prompt();
    }

    /// Takes what was pasted.
    pub(super) fn prompt_paste(&mut self, text: &str) {
        self.prompt
            .set_folds_pastes(self.settings.switches.paste_summary && !self.has_paste_summary_off());
        self.prompt.paste(text);
        self.serve_prompt();
    }

    fn has_paste_summary_off(&self) -> bool {
        let experimental = self.store.config.get("experimental");
        experimental.and_then(|keys| keys.get("disable_paste_summary")) == Some(&Value::Bool(true))
    }

    /// Takes the mouse in the prompt; says whether it was for it.
    pub(super) fn prompt_mouse(&mut self, pointer: Pointer, at: Position) -> bool {
        let is_handled = self.prompt.mouse(pointer, at) == Handled::Yes;
        self.serve_prompt();
        is_handled
    }

    /// Copies what is selected in the prompt; says whether anything is.
    pub(super) fn copy_from_prompt(&mut self) -> bool {
        let Some(text) = self.prompt.selected_text().map(str::to_owned) else {
            return false;
        };
        self.prompt.unselect();
        self.copy(text);
        true
    }

    /// Writes a text in place of what the prompt says.
    pub(crate) fn write_prompt(&mut self, text: &str) {
        self.prompt
            .put_message(&[json!({ "type": "text", "text": text })]);
    }

    /// Writes what a message says in place of what the prompt says.
    pub(crate) fn restore_prompt(&mut self, message: &MessageWithParts) {
        let parts = message
            .parts
            .iter()
            .filter_map(|part| serde_json::to_value(part).ok());
        let parts: Vec<Value> = parts.collect();
        self.prompt.put_message(&parts);
    }

    /// Does what the prompt wants.
    pub(crate) fn serve_prompt(&mut self) {
        while let Some(outcome) = self.prompt.next_outcome() {
            match outcome {
                Outcome::Exit => self.exit(),
                Outcome::Submit(submission) => self.send(submission),
                Outcome::Run(id) => {
                    command::run(self, id);
                }
                Outcome::FindFiles { query } => self.find_files(query),
                Outcome::ReadFile { ticket, path } => {
                    let path = self.absolute(&path);
                    self.effect(Effect::Read(
                        path,
                        Box::new(move |app, content| {
                            app.prompt.file_read(ticket, content.ok().as_deref());
                            app.serve_prompt();
                        }),
                    ));
                }
                Outcome::ReadClipboard => self.read_clipboard(|app, clipping| {
                    app.prompt.clipboard(match clipping {
                        Clipping::Nothing => Clip::Nothing,
                        Clipping::Text(text) => Clip::Text(text),
                        Clipping::Image { mime, data } => Clip::Image { mime, bytes: data },
                    });
                    app.serve_prompt();
                }),
                Outcome::OpenEditor { text } => self.effect(Effect::Edit(
                    text,
                    Box::new(|app, edited| match edited {
                        Ok(Some(text)) => app.prompt.edited(&text),
                        Ok(None) => app.tell(Variant::Info, "prompt.no_editor"),
                        Err(reason) => app.toast(Variant::Error, reason),
                    }),
                )),
                Outcome::Write(file, write) => {
                    let path = self.settings.file(file.name());
                    self.effect(match write {
                        Write::Append(line) => Effect::Append(path, line),
                        Write::Replace(text) => Effect::Keep(path, text),
                    });
                }
            }
        }
    }

    fn absolute(&self, path: &str) -> std::path::PathBuf {
        match path.strip_prefix("~/") {
            Some(below) => std::path::Path::new(self.settings.home()).join(below),
            None => std::path::Path::new(self.settings.directory()).join(path),
        }
    }

    fn find_files(&mut self, query: String) {
        let request = Request::get(&["api", "fs", "find"])
            .query("query", query.clone())
            .query("limit", FILES);
        self.try_ask(request, move |app, found: Result<FoundFiles, Error>| {
            let found = found.map(|found| found.data).unwrap_or_default();
            let files = found.into_iter().map(|file| Found {
                is_directory: file.kind == "directory",
                path: file.path,
            });
            app.prompt.files_found(&query, files.collect());
            app.serve_prompt();
        });
    }

    /// What the lists behind `/` and `@` are made of.
    pub(super) fn refresh_sources(&mut self) {
        let own = command::slash_words(self).into_iter().map(|(words, title, id)| {
            let mut names = words.iter().map(|word| format!("/{word}"));
            Slash {
                label: names.next().unwrap_or_default(),
                aliases: names.collect(),
                description: title,
                action: Action::Run(id),
            }
        });
        let own: Vec<Slash> = own.collect();
        let offered = self.store.commands.iter();
        let servers = offered.filter(|command| command.source != opencode_schema::command::Source::Skill);
        let servers = servers.map(|command| {
            let mcp = command.source == opencode_schema::command::Source::Mcp;
            let suffix = if mcp { ":mcp" } else { "" };
            Slash {
                label: format!("/{}{suffix}", safe::line(&command.name)),
                aliases: Vec::new(),
                description: safe::line(command.description.as_deref().unwrap_or_default()).into_owned(),
                action: Action::Write(command.name.clone()),
            }
        });
        let commands = own.into_iter().chain(servers).collect();
        let agents = self.store.agents.iter();
        let agents = agents.filter(|agent| {
            agent.mode != opencode_schema::agent::Mode::Primary && agent.hidden != Some(true)
        });
        let agents = agents.map(|agent| agent.name.clone()).collect();
        let directory = self.store.path.as_ref().map(|path| path.directory.clone());
        let sources = Sources {
            directory: directory.unwrap_or_else(|| self.settings.directory().to_owned()),
            commands,
            references: self
                .store
                .references
                .iter()
                .map(|known| Reference {
                    name: known.name.clone(),
                    path: known.path.clone(),
                })
                .collect(),
            agents,
            resources: self
                .store
                .resources
                .values()
                .map(|known| Resource {
                    name: known.name.clone(),
                    client: known.client.clone(),
                    uri: known.uri.clone(),
                    mime: known.mime_type.clone(),
                    description: known.description.clone(),
                })
                .collect(),
        };
        self.prompt.set_sources(sources);
    }

    /// Sends what was submitted before the server was there.
    pub(super) fn send_early(&mut self) {
        if let Some(submission) = self.early.take() {
            self.toast = None;
            self.send(submission);
        }
    }

    /// Sends what was submitted, to a new session if none is shown.
    fn send(&mut self, submission: Submission) {
        if !self.store.is_ready {
            self.early = Some(submission);
            return self.tell(Variant::Info, "prompt.not_ready");
        }
        if let Some(submission) = self.queue(submission) {
            self.send_now(submission);
        }
    }

    /// The same at once, whatever goes on.
    fn send_now(&mut self, submission: Submission) {
        let Some(model) = self.choice.model(&self.store, &self.settings) else {
            self.give_back();
            self.run("provider.connect");
            return;
        };
        self.use_model(&model);
        let submission = self.with_selection(submission);
        match self.session_id().cloned() {
            Some(id) => self.send_to(&id, &submission, &model),
            None => {
                self.prompt.set_locked(true);
                self.create_session(move |app, id| app.send_to(&id, &submission, &model));
            }
        }
    }

    pub(crate) fn send_to(&mut self, id: &SessionId, submission: &Submission, model: &ModelRef) {
        let choice = prompt::Choice {
            agent: self.choice.agent_name(&self.store),
            provider: model.provider.clone(),
            model: model.model.clone(),
            variant: self.choice.variant(&self.store, &self.settings),
        };
        let (path, body) = submission.request(id.as_str(), &choice);
        let path: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let request = Request::post(&path, body).turn();
        let (before, draft, sent_to) = (self.newest_prompt(id), self.unsent.take(), id.clone());
        self.set_sending(id, true);
        self.try_ask(request, move |app, answer: Result<Value, Error>| {
            app.set_sending(&sent_to, false);
            if let Err(error) = answer {
                // A prompt that is among the messages was taken, whatever went wrong then.
                if let Some(draft) = draft.filter(|_| app.newest_prompt(&sent_to) == before) {
                    app.give_back_to(&sent_to, draft);
                }
                app.complain(&error);
            }
        });
        if let Some(shown) = self.session_id().cloned() {
            self.scroll(&shown, &crate::transcript::scroll::Scroll::Last);
        }
    }

    /// Makes a session for the prompt, shows it, and goes on with its id.
    fn create_session(&mut self, then: impl FnOnce(&mut Self, SessionId) + 'static) {
        let mut body = json!({ "agent": self.choice.agent_name(&self.store) });
        if let Some(model) = self.choice.model(&self.store, &self.settings) {
            body["model"] = json!({ "id": model.model, "providerID": model.provider });
            if let Some(variant) = self.choice.variant(&self.store, &self.settings) {
                body["model"]["variant"] = json!(variant);
            }
        }
        if let Some(workspace) = &self.workspace {
            body["workspaceID"] = json!(workspace);
        }
        let request = Request::post(&["session"], body);
        self.try_ask(request, |app, session: Result<Session, Error>| {
            app.prompt.set_locked(false);
            match session {
                Ok(session) => {
                    let id = session.id.clone();
                    app.store.sessions.insert(id.clone(), session);
                    app.store.conversation(&id).is_loaded = true;
                    app.open_session(&id);
                    then(app, id);
                }
                Err(error) => {
                    app.give_back();
                    app.complain(&error);
                }
            }
        });
    }

    /// The newest prompt of a session, as far as it is known.
    fn newest_prompt(&self, id: &SessionId) -> Option<MessageId> {
        let conversation = self.store.conversations.get(id)?;
        let newest = conversation.prompts().next()?;
        Some(newest.info.id.clone())
    }

    /// What a session did not take stands in its prompt again, unless something else was written there.
    fn give_back_to(&mut self, id: &SessionId, draft: prompt::Draft) {
        if self.session_id() != Some(id) {
            self.drafts.entry(Route::Session(id.clone())).or_insert(draft);
        } else if self.prompt.is_empty() {
            self.prompt.put_draft(&draft);
        }
    }

    /// What was submitted and could not be sent stands in the prompt again.
    pub(crate) fn give_back(&mut self) {
        self.bridge.give_back();
        if let Some(draft) = self.unsent.take()
            && self.prompt.is_empty()
        {
            self.prompt.put_draft(&draft);
        }
    }

    /// Rows that the prompt takes.
    pub(crate) fn prompt_height(&self, width: u16, screen: u16) -> u16 {
        self.prompt.height(width, screen, self.settings.prompt_rows())
    }

    /// Draws the prompt; the cursor is where it says.
    pub(crate) fn draw_prompt(&self, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        self.with_info(|info| self.prompt.view(area, buffer, &self.theme, &self.words, info))
    }

    /// Draws the text of the prompt alone; the cursor is where it says.
    pub(crate) fn draw_prompt_text(&self, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        self.with_info(|info| {
            self.prompt
                .view_text(area, buffer, &self.theme, &self.words, info)
        })
    }

    /// Draws the list of the prompt in an area of its own.
    pub(crate) fn draw_prompt_list_in(&self, area: Rect, buffer: &mut Buffer) {
        self.prompt.view_list_in(area, buffer, &self.theme, &self.words);
    }

    fn with_info<T>(&self, draw: impl FnOnce(&Info<'_>) -> T) -> T {
        let agent = self.choice.agent_name(&self.store);
        let chosen = self.choice.model(&self.store, &self.settings);
        let known = chosen
            .as_ref()
            .and_then(|model| self.store.model(&model.provider, &model.model));
        let (model, provider) = match (known, &chosen) {
            (Some((provider, model)), _) => (Some(safe::line(&model.name)), safe::line(&provider.name)),
            (None, Some(chosen)) => (Some(safe::line(&chosen.model)), safe::line(&chosen.provider)),
            (None, None) => Default::default(),
        };
        let variant = self.choice.variant(&self.store, &self.settings);
        let is_home = self.route == Route::Home;
        let info = Info {
            agent: &capitalised(&safe::line(&agent)),
            color: choice::agent_color(&self.theme, &self.store, &agent),
            model: model.as_deref(),
            provider: &provider,
            variant: variant.as_deref(),
            is_auto: self.is_auto,
            example: is_home.then(|| usize::try_from(self.settings.seed()).unwrap_or(0)),
        };
        draw(&info)
    }

    /// Draws the list of the prompt, over what is there.
    pub(crate) fn draw_prompt_list(&self, buffer: &mut Buffer) {
        let area = self.places.prompt;
        if self.prompt.has_list() && !area.is_empty() {
            self.prompt.view_list(area, buffer, &self.theme, &self.words);
        }
    }
}
