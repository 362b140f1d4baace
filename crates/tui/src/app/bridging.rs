//! The editor beside the terminal as a part of the state.

use std::path::Path;

use opencode_client::{Error, PathInfo, Request};

use super::App;
use crate::bridge::{Mention, Notice};
use crate::effect::Effect;
use crate::prompt::Submission;

impl App {
    /// Takes what an editor tells.
    pub(super) fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Selected(selection) => self.bridge.select(selection),
            Notice::Mentioned(mention) => self.mention(&mention),
        }
    }

    fn mention(&mut self, mention: &Mention) {
        if !self.has_prompt() {
            return;
        }
        self.refresh_sources();
        self.prompt.set_now(self.clock);
        self.prompt.mention(mention);
        self.serve_prompt();
    }

    /// An editor is looked for that has the folder of the session open.
    pub(super) fn follow_folder(&mut self) {
        let session = self.session().map(|session| session.directory.as_str());
        let folder = session.unwrap_or(self.settings.directory()).to_owned();
        if Path::new(&folder).is_absolute() && self.bridge.work_in(&folder) {
            self.effect(Effect::Bridge(folder));
        }
    }

    /// What happens where the session that is shown works is listened to, if the server can work there.
    pub(super) fn follow_session(&mut self) {
        let Some(session) = self.session().filter(|_| self.store.is_ready) else {
            return;
        };
        let (kind, place) = match &session.workspace_id {
            Some(workspace) => ("workspace", workspace.clone()),
            None => ("directory", session.directory.clone()),
        };
        let path = self.store.path.as_ref().map(|path| &path.directory);
        if place.is_empty() || self.place.as_ref().or(path) == Some(&place) {
            return;
        }
        self.place = Some(place.clone());
        let request = Request::get(&["path"]).query(kind, place.clone());
        self.try_ask(request, move |app, path: Result<PathInfo, Error>| {
            let is_awaited = app.place.as_ref() == Some(&place);
            let Some(path) = path.ok().filter(|_| is_awaited) else {
                return;
            };
            let is_there = kind == "workspace" || path.directory == place;
            let known = app.store.path.as_ref().map(|path| &path.directory);
            if is_there && app.entered.as_ref().or(known) != Some(&path.directory) {
                app.enter(path.directory);
                app.place = Some(place);
            }
        });
    }

    /// Works in another folder from now on.
    pub(crate) fn enter(&mut self, directory: String) {
        self.entered = Some(directory.clone());
        self.place = Some(directory.clone());
        self.effect(Effect::Enter(directory));
    }

    /// The name of what is selected in the editor, if that goes with prompts, and whether it is still to be sent.
    pub(crate) fn selection_label(&self) -> Option<(String, bool)> {
        let is_on = self.settings.switches.file_context;
        self.bridge.label().filter(|_| is_on)
    }

    /// A prompt with what is selected in the editor.
    pub(super) fn with_selection(&mut self, submission: Submission) -> Submission {
        let Submission::Message { mut parts } = submission else {
            return submission;
        };
        if self.settings.switches.file_context {
            let is_new = self.session_id().is_none();
            let part = self.bridge.take(is_new);
            parts.splice(0..0, part);
        }
        Submission::Message { parts }
    }
}
