//! What happens at the server, beyond what is known of it afterwards: notices, orders of other programs, what
//! is answered without asking, and calling for the user's attention.

use std::time::Duration;

use opencode_client::Request;
use opencode_schema::session::Status;
use opencode_schema::{EventBody, MessageError, SessionId};
use serde_json::json;

use super::App;
use crate::effect::{Effect, Sound};
use crate::safe;
use crate::toast::{Toast, Variant};

impl App {
    /// Takes an event.
    pub(super) fn hear(&mut self, event: EventBody) {
        match &event {
            EventBody::SessionStatus {
                session_id,
                status: Status::Idle,
            } if self.store.is_busy(session_id) => self.call_for(session_id, Sound::Done),
            EventBody::SessionError { session_id, error } => {
                self.hear_error(session_id.as_ref(), error.as_ref());
            }
            EventBody::PermissionAsked { request } if self.is_auto => {
                let path = ["permission", request.id.as_str(), "reply"];
                return self.order(Request::post(&path, json!({ "reply": "once" })));
            }
            EventBody::PermissionAsked { request } => {
                self.call_for(&request.session_id.clone(), Sound::Permission);
            }
            EventBody::QuestionAsked { request } => {
                self.call_for(&request.session_id.clone(), Sound::Question);
            }
            EventBody::PartUpdated { session_id, part, .. } if self.session_id() == Some(session_id) => {
                self.choice.follow(part);
            }
            EventBody::InstanceDisposed { .. } | EventBody::GlobalDisposed {} => self.load(),
            EventBody::LspUpdated {} => self.reload_lsp(),
            EventBody::McpToolsChanged { .. } => self.reload_mcp(),
            EventBody::CatalogUpdated {}
            | EventBody::ConfigUpdated { .. }
            | EventBody::IntegrationConnectionUpdated { .. } => self.reload_catalog(),
            EventBody::ConfigFailed { message } => self.toast(Variant::Error, message.clone()),
            EventBody::AgentAdded { .. }
            | EventBody::AgentUpdated { .. }
            | EventBody::AgentRemoved { .. } => {
                self.reload_agents();
            }
            EventBody::CommandAdded { .. }
            | EventBody::CommandUpdated { .. }
            | EventBody::CommandRemoved { .. }
            | EventBody::SkillAdded { .. }
            | EventBody::SkillRemoved { .. } => self.reload_commands(),
            EventBody::McpBrowserOpenFailed { url, .. } => {
                let text = self.words.fill("hear.browser", &[("url", url)]);
                self.toast(Variant::Warning, text);
            }
            EventBody::TuiPromptAppend { text } => self.prompt_text(text),
            EventBody::TuiCommandExecute {
                command: Some(command),
            } => self.run_foreign(command),
            EventBody::TuiToastShow {
                title,
                message,
                variant,
                duration,
            } => {
                let mut toast = Toast::new(*variant, message.clone());
                toast.title.clone_from(title);
                toast.duration = Duration::from_millis(*duration);
                self.show_toast(toast);
            }
            EventBody::TuiSessionSelect { selected } => self.open_session(selected),
            _ => {}
        }
        let deleted = match &event {
            EventBody::SessionDeleted { session_id, .. } => Some(session_id.clone()),
            _ => None,
        };
        self.store.hear(event);
        if let Some(id) = deleted {
            self.leave_deleted(&id);
        }
    }

    fn hear_error(&mut self, session: Option<&SessionId>, error: Option<&MessageError>) {
        let Some(error) = error.filter(|error| !matches!(error, MessageError::Aborted { .. })) else {
            return;
        };
        // What is printed tells it already.
        let is_printed = self.mini.is_some() && session.is_some();
        if session.is_none() || session == self.session_id() && !is_printed {
            self.toast(Variant::Error, safe::text(error.message()).into_owned());
        }
        if let Some(session) = session {
            self.call_for(session, Sound::Error);
        }
    }

    /// Calls for the user's attention, if it is configured to be called for (reference §14).
    fn call_for(&mut self, session: &SessionId, sound: Sound) {
        if !self.settings.calls_for_attention() {
            return;
        }
        let known = self.store.sessions.get(session);
        let is_child = known.is_some_and(|session| session.parent_id.is_some());
        let sound = match sound {
            Sound::Done if is_child => Sound::SubagentDone,
            sound => sound,
        };
        let title = known.map_or_else(String::new, |session| safe::line(&session.title).into_owned());
        let message = match sound {
            Sound::Question => "hear.question",
            Sound::Permission => "hear.permission",
            Sound::Error => "hear.error",
            Sound::Done => "hear.done",
            Sound::SubagentDone => "hear.subagent",
        };
        let message = self.words.get(message).to_owned();
        self.effect(Effect::Notify {
            title,
            message,
            sound,
            is_child,
        });
    }
}
