//! What an event changes of what is known.

use opencode_schema::session::Status;
use opencode_schema::{EventBody, SessionId};

use super::{Conversation, Store};

impl Store {
    /// Takes an event; those that change nothing here are left to others.
    pub(crate) fn hear(&mut self, event: EventBody) {
        match event {
            EventBody::SessionCreated { session_id, info }
            | EventBody::SessionUpdated { session_id, info } => {
                self.sessions.insert(session_id, *info);
            }
            EventBody::SessionDeleted { session_id, .. } => self.forget(&session_id),
            EventBody::SessionStatus { session_id, status } => match status {
                Status::Idle => {
                    self.statuses.remove(&session_id);
                }
                status => {
                    self.statuses.insert(session_id, status);
                }
            },
            EventBody::SessionIdle { session_id } => {
                self.statuses.remove(&session_id);
            }
            EventBody::SessionDiff { session_id, diff } => self.of(&session_id, |known| known.diff = diff),
            EventBody::TodoUpdated { session_id, todos } => self.of(&session_id, |known| known.todos = todos),
            EventBody::MessageUpdated { session_id, info } => {
                self.of(&session_id, |known| known.message(*info));
            }
            EventBody::MessageRemoved {
                session_id,
                message_id,
            } => {
                self.of(&session_id, |known| known.remove_message(&message_id));
            }
            EventBody::PartUpdated { session_id, part, .. } => {
                self.of(&session_id, |known| known.part(*part));
            }
            EventBody::PartRemoved {
                session_id,
                message_id,
                part_id,
            } => self.of(&session_id, |known| known.remove_part(&message_id, &part_id)),
            EventBody::PartDelta {
                session_id,
                message_id,
                part_id,
                field,
                delta,
            } => self.of(&session_id, |known| {
                known.delta(&message_id, &part_id, &field, &delta);
            }),
            EventBody::PermissionAsked { request } => {
                self.permissions.insert(request.id.clone(), *request);
            }
            EventBody::PermissionReplied { request_id, .. } => {
                self.permissions.shift_remove(&request_id);
            }
            EventBody::QuestionAsked { request } => {
                self.questions.insert(request.id.clone(), *request);
            }
            EventBody::QuestionReplied { request_id, .. }
            | EventBody::QuestionRejected { request_id, .. } => {
                self.questions.shift_remove(&request_id);
            }
            EventBody::VcsBranchUpdated { branch } => self.branch = branch,
            _ => {}
        }
    }

    /// What is not loaded is read when somebody looks.
    fn of(&mut self, session: &SessionId, change: impl FnOnce(&mut Conversation)) {
        if let Some(conversation) = self.conversations.get_mut(session) {
            change(conversation);
        }
    }

    fn forget(&mut self, session: &SessionId) {
        self.sessions.remove(session);
        self.statuses.remove(session);
        self.conversations.shift_remove(session);
        self.permissions
            .retain(|_, request| request.session_id != *session);
        self.questions.retain(|_, request| request.session_id != *session);
    }
}
