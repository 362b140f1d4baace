//! What is particular to the view of a session, and what is worked out of what is known of it.

use opencode_schema::{PartBody, Session, SessionId, ToolState};

use crate::app::{App, Route};
use crate::store::Conversation;
use crate::transcript::Transcript;
use crate::transcript::paint::below;
use crate::transcript::scene::Child;

/// Above so many columns the sidebar stands beside the messages.
pub(crate) const WIDE: u16 = 120;
/// Columns of the sidebar.
pub(crate) const SIDEBAR: u16 = 42;

/// What is particular to the view of a session.
#[derive(Default)]
pub(crate) struct SessionView {
    /// Its messages as they are drawn.
    pub(crate) transcript: Transcript,
    /// Blocks of the sidebar that are folded.
    pub(crate) folded: Vec<&'static str>,
    /// How far the sidebar is scrolled.
    pub(crate) sidebar_top: u16,
}

impl App {
    /// Whether the sidebar is seen.
    pub(crate) fn is_sidebar_shown(&self) -> bool {
        let is_child = self.session().is_some_and(|session| session.parent_id.is_some());
        if is_child || self.session_id().is_none() {
            return false;
        }
        let has_room = self.size.0 > WIDE && !self.settings.is_plain();
        self.is_sidebar_open || (!self.settings.switches.sidebar_hidden && has_room)
    }

    /// Shows or hides the sidebar: beside the messages, or over them where there is no room.
    pub(crate) fn toggle_sidebar(&mut self) {
        let is_shown = self.is_sidebar_shown();
        self.switch(|switches| switches.sidebar_hidden = is_shown);
        self.is_sidebar_open = !is_shown && (self.size.0 <= WIDE || self.settings.is_plain());
    }

    /// Tokens of the last answer that has any, and their share of the model's context in percent.
    pub(crate) fn context(&self, id: &SessionId) -> Option<(u64, Option<u64>)> {
        let conversation = self.store.conversations.get(id)?;
        let newest = conversation.entries.iter().rev();
        let last = newest
            .filter_map(|entry| entry.message.info.as_assistant())
            .find(|message| message.tokens.output > 0)?;
        let tokens = &last.tokens;
        let used = tokens
            .input
            .saturating_add(tokens.output)
            .saturating_add(tokens.reasoning)
            .saturating_add(tokens.cache.read)
            .saturating_add(tokens.cache.write);
        let model = self.store.model(&last.provider_id, &last.model_id);
        let limit = model
            .map(|(_, model)| model.limit.context)
            .filter(|limit| *limit > 0);
        let percent = limit.map(|limit| (used.saturating_mul(100) + limit / 2) / limit);
        Some((used, percent))
    }

    /// What a session cost, in US dollars.
    pub(crate) fn cost(&self, id: &SessionId) -> f64 {
        let told = self.store.sessions.get(id).and_then(|session| session.cost);
        told.map_or(0.0, |cost| cost.0)
    }

    /// Whether the last answer was sent much that a cache could have held and did not (a hint about cost).
    pub(crate) fn missed_cache(&self, id: &SessionId) -> bool {
        /// Fewer tokens than that are not worth a word.
        const WORTH: u64 = 20_000;
        let Some(conversation) = self.store.conversations.get(id) else {
            return false;
        };
        let newest = conversation.entries.iter().rev();
        let mut answers = newest
            .filter_map(|entry| entry.message.info.as_assistant())
            .filter(|message| message.tokens.output > 0);
        let (Some(last), Some(before)) = (answers.next(), answers.next()) else {
            return false;
        };
        let same = last.model_id == before.model_id && last.provider_id == before.provider_id;
        same && before.tokens.cache.read + before.tokens.cache.write > 0
            && last.tokens.cache.read == 0
            && last.tokens.input > WORTH
    }

    /// A path as it is shown: from the session's folder, else from the home.
    pub(crate) fn path(&self, path: &str) -> String {
        let directory = self.session().map(|session| session.directory.as_str());
        let directory = directory.or(self.store.path.as_ref().map(|path| path.directory.as_str()));
        if let Some(inside) = directory.and_then(|directory| below(path, directory)) {
            return inside.to_owned();
        }
        self.home_path(path)
    }

    /// The folder in which the session that is shown works.
    pub(crate) fn session_folder(&self) -> Option<&str> {
        let session = self.session()?;
        let entered = self.entered.as_deref();
        let in_workspace = entered.filter(|_| session.workspace_id.is_some());
        Some(in_workspace.unwrap_or(&session.directory))
    }

    /// A path with `~` for the home.
    pub(crate) fn home_path(&self, path: &str) -> String {
        match below(path, self.settings.home()) {
            Some("") => "~".to_owned(),
            Some(inside) => format!("~/{inside}"),
            None => path.to_owned(),
        }
    }

    /// Folder and branch that are worked in.
    pub(crate) fn place_name(&self) -> String {
        let known = self.store.path.as_ref().map(|path| path.directory.as_str());
        let directory = self.home_path(known.unwrap_or(self.settings.directory()));
        match self.store.branch.as_deref().filter(|branch| !branch.is_empty()) {
            Some(branch) => format!("{directory}:{branch}"),
            None => directory,
        }
    }

    /// What is known of the session of a task.
    pub(crate) fn child_of(&self, id: &SessionId) -> Option<Child> {
        let conversation = self.store.conversations.get(id)?;
        let mut child = child(conversation);
        if let opencode_schema::session::Status::Retry { attempt, message, .. } = self.store.status(id) {
            child.retry = Some((*attempt, message.clone()));
        }
        Some(child)
    }

    /// The sessions that are at work or ask something, those that need an answer first.
    pub(crate) fn running(&self) -> Vec<(&Session, bool)> {
        let asks = |root: &SessionId| {
            self.store.permission_of(root).is_some() || self.store.question_of(root).is_some()
        };
        let mut running: Vec<(&Session, bool)> = self
            .store
            .roots()
            .into_iter()
            .map(|session| (session, asks(&session.id)))
            .filter(|(session, asks)| *asks || self.is_family_busy(&session.id))
            .collect();
        running.sort_by_key(|(_, asks)| !asks);
        running
    }

    fn is_family_busy(&self, root: &SessionId) -> bool {
        let mut busy = self.store.statuses.keys();
        busy.any(|id| self.store.is_within(id, root))
    }

    /// Whether a screen with messages is shown.
    pub(crate) fn shows(&self, id: &SessionId) -> bool {
        matches!(&self.route, Route::Session(shown) if shown == id)
    }
}

fn child(conversation: &Conversation) -> Child {
    let messages = || conversation.entries.iter().map(|entry| &entry.message);
    let parts = messages().flat_map(|message| &message.parts);
    let calls: Vec<_> = parts
        .filter_map(|part| match &part.body {
            PartBody::Tool(call) => Some(call),
            _ => None,
        })
        .collect();
    let newest = calls.last().map(|call| {
        let title = match &call.state {
            ToolState::Completed { title, .. } => title.clone(),
            ToolState::Running { title, .. } => title.clone().unwrap_or_default(),
            _ => String::new(),
        };
        (call.tool.clone(), title)
    });
    let begun = messages().next().map(|message| message.info.created());
    let ended = messages()
        .filter_map(|message| message.info.as_assistant())
        .filter_map(|message| message.time.completed)
        .next_back();
    Child {
        calls: calls.len(),
        newest,
        retry: None,
        duration: begun.zip(ended).map(|(begun, ended)| ended - begun),
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use crate::transcript::paint::below;

    #[test]
    fn paths_are_seen_from_the_folder_that_they_are_in() {
        let table = [
            ("/home/dev/demo/a.txt", "/home/dev/demo", Some("a.txt")),
            ("/home/dev/demo", "/home/dev/demo", Some("")),
            ("/home/dev/demolition", "/home/dev/demo", None),
            ("/home/dev/demo/a", "/home/dev/demo/", Some("a")),
            ("/etc/passwd", "/home/dev", None),
            ("/etc/passwd", "", None),
            ("/etc/passwd", "/", None),
        ];
        for (path, folder, expected) in table {
            assert_eq!(below(path, folder), expected, "{path} in {folder}");
        }
    }
}
