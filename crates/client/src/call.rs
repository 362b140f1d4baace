//! The single operations.

use opencode_schema::agent::Agent;
use opencode_schema::permission::{self, Reply};
use opencode_schema::session::Status;
use opencode_schema::skill::Skill;
use opencode_schema::time::Millis;
use opencode_schema::{MessageId, MessageWithParts, PermissionId, QuestionId, Session, SessionId, question};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::Error;
use crate::events::Events;
use crate::types::{
    Command, CommandRun, Fork, Health, MessagePage, NewSession, PathInfo, Prompt, PromptModel, Providers,
    SessionChange, SessionPage, SessionQuery, Settings,
};

/// The older ones of a page.
pub(crate) const OLDER: &str = "x-next-cursor";

/// Every call fails as [`Error`] says; what a server refuses is [`Error::Refused`].
#[allow(clippy::missing_errors_doc, reason = "said above for all of them")]
impl Client {
    /// Whether the server is there.
    pub async fn health(&self) -> Result<Health, Error> {
        self.answer(self.call(Method::GET, &["global", "health"])).await
    }

    /// The folders of the location.
    pub async fn path(&self) -> Result<PathInfo, Error> {
        self.answer(self.call(Method::GET, &["path"])).await
    }

    /// The agents of the location.
    pub async fn agents(&self) -> Result<Vec<Agent>, Error> {
        self.answer(self.call(Method::GET, &["agent"])).await
    }

    /// The providers that are connected.
    pub async fn providers(&self) -> Result<Providers, Error> {
        self.answer(self.call(Method::GET, &["config", "providers"]))
            .await
    }

    /// The commands of the location.
    pub async fn commands(&self) -> Result<Vec<Command>, Error> {
        self.answer(self.call(Method::GET, &["command"])).await
    }

    /// The skills of the location.
    pub async fn skills(&self) -> Result<Vec<Skill>, Error> {
        self.answer(self.call(Method::GET, &["skill"])).await
    }

    /// What configuration says of models.
    pub async fn settings(&self) -> Result<Settings, Error> {
        self.answer(self.call(Method::GET, &["config"])).await
    }

    /// Connects an MCP server for as long as the location is open; its configuration is written nowhere.
    pub async fn add_mcp_server(&self, name: &str, config: &Value) -> Result<Value, Error> {
        let call = self.call(Method::POST, &["mcp"]);
        self.answer(call.body(&json!({ "name": name, "config": config })))
            .await
    }

    /// Sessions that no other session began, of a folder or of all, the last used first: those that were
    /// last used before a time.
    pub async fn session_page(
        &self,
        directory: Option<&str>,
        limit: u32,
        before: Option<Millis>,
    ) -> Result<SessionPage, Error> {
        let mut call = self
            .call(Method::GET, &["experimental", "session"])
            .query("roots", "true")
            .query("limit", limit.to_string());
        if let Some(directory) = directory {
            call = call.query("directory", directory);
        }
        if let Some(before) = before {
            call = call.query("cursor", before.to_string());
        }
        let (head, sessions) = self.answer_with_head(call).await?;
        let older = head.get(OLDER).and_then(|older| older.to_str().ok());
        Ok(SessionPage {
            sessions,
            older: older.and_then(|older| older.parse().ok()),
        })
    }

    /// Sessions of the project, the last used first.
    pub async fn sessions(&self, query: &SessionQuery) -> Result<Vec<Session>, Error> {
        let mut call = self.call(Method::GET, &["session"]);
        if query.only_directory {
            let directory = match self.directory() {
                Some(directory) => directory.to_owned(),
                None => self.path().await?.directory,
            };
            call = call.query("directory", directory);
        }
        if query.roots {
            call = call.query("roots", "true");
        }
        if let Some(limit) = query.limit {
            call = call.query("limit", limit.to_string());
        }
        self.answer(call).await
    }

    /// Makes a session.
    pub async fn create_session(&self, new: &NewSession) -> Result<Session, Error> {
        self.answer(self.call(Method::POST, &["session"]).body(new)).await
    }

    /// A session.
    pub async fn session(&self, id: &SessionId) -> Result<Session, Error> {
        self.answer(self.call(Method::GET, &["session", id.as_str()]))
            .await
    }

    /// Changes a session.
    pub async fn change_session(&self, id: &SessionId, change: &SessionChange) -> Result<Session, Error> {
        let call = self.call(Method::PATCH, &["session", id.as_str()]);
        self.answer(call.body(change)).await
    }

    /// Deletes a session and those that it began.
    pub async fn delete_session(&self, id: &SessionId) -> Result<bool, Error> {
        let call = self.call(Method::DELETE, &["session", id.as_str()]);
        self.answer(call).await
    }

    /// A copy of a session, up to a message if one is named.
    pub async fn fork_session(&self, id: &SessionId, before: Option<&MessageId>) -> Result<Session, Error> {
        let call = self.call(Method::POST, &["session", id.as_str(), "fork"]);
        self.answer(call.body(&Fork { message_id: before })).await
    }

    /// Shares a session; it says where.
    ///
    /// # Errors
    /// See [`Error`], also when the service that shows it fails.
    pub async fn share_session(&self, id: &SessionId) -> Result<Session, Error> {
        let call = self.call(Method::POST, &["session", id.as_str(), "share"]);
        self.answer(call).await
    }

    /// Stops what a session does.
    pub async fn abort(&self, id: &SessionId) -> Result<bool, Error> {
        let call = self.call(Method::POST, &["session", id.as_str(), "abort"]);
        self.answer(call).await
    }

    /// What the sessions do that do something.
    pub async fn statuses(&self) -> Result<indexmap::IndexMap<SessionId, Status>, Error> {
        self.answer(self.call(Method::GET, &["session", "status"])).await
    }

    /// The newest messages of a session, or those before a place that an earlier page named.
    pub async fn messages(
        &self,
        id: &SessionId,
        limit: u32,
        before: Option<&str>,
    ) -> Result<MessagePage, Error> {
        let mut call = self
            .call(Method::GET, &["session", id.as_str(), "message"])
            .query("limit", limit.max(1).to_string());
        if let Some(before) = before {
            call = call.query("before", before);
        }
        let (head, messages) = self.answer_with_head(call).await?;
        let older = head.get(OLDER).and_then(|older| older.to_str().ok());
        Ok(MessagePage {
            messages,
            older: older.map(str::to_owned),
        })
    }

    /// Says something to a session and waits for the end of the turn, however long that takes.
    pub async fn prompt(&self, id: &SessionId, prompt: &Prompt) -> Result<MessageWithParts, Error> {
        let call = self.call(Method::POST, &["session", id.as_str(), "message"]);
        self.answer(call.body(prompt).unlimited()).await
    }

    /// Says something to a session and does not wait.
    pub async fn prompt_async(&self, id: &SessionId, prompt: &Prompt) -> Result<(), Error> {
        let call = self.call(Method::POST, &["session", id.as_str(), "prompt_async"]);
        self.answer(call.body(prompt)).await
    }

    /// Runs a command in a session and waits for the end of the turn.
    pub async fn run_command(&self, id: &SessionId, command: &CommandRun) -> Result<MessageWithParts, Error> {
        let call = self.call(Method::POST, &["session", id.as_str(), "command"]);
        self.answer(call.body(command).unlimited()).await
    }

    /// Shortens a conversation and waits until that is done.
    pub async fn summarize(&self, id: &SessionId, model: &PromptModel) -> Result<bool, Error> {
        let call = self.call(Method::POST, &["session", id.as_str(), "summarize"]);
        self.answer(call.body(model).unlimited()).await
    }

    /// Requests for permission that wait.
    pub async fn permissions(&self) -> Result<Vec<permission::Request>, Error> {
        self.answer(self.call(Method::GET, &["permission"])).await
    }

    /// Answers a request for permission; `message` tells the model why not.
    pub async fn reply_permission(
        &self,
        id: &PermissionId,
        reply: Reply,
        message: Option<&str>,
    ) -> Result<bool, Error> {
        let mut body = json!({ "reply": reply });
        if let Some(message) = message {
            body["message"] = json!(message);
        }
        let call = self.call(Method::POST, &["permission", id.as_str(), "reply"]);
        self.answer(call.body(&body)).await
    }

    /// Questions that wait.
    pub async fn questions(&self) -> Result<Vec<question::Request>, Error> {
        self.answer(self.call(Method::GET, &["question"])).await
    }

    /// Answers questions, each in its place.
    pub async fn reply_question(&self, id: &QuestionId, answers: &[question::Answer]) -> Result<bool, Error> {
        let call = self.call(Method::POST, &["question", id.as_str(), "reply"]);
        self.answer(call.body(&json!({ "answers": answers }))).await
    }

    /// Does not answer questions.
    pub async fn reject_question(&self, id: &QuestionId) -> Result<bool, Error> {
        let call = self.call(Method::POST, &["question", id.as_str(), "reject"]);
        self.answer(call).await
    }

    /// What happens in the location, from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(self.clone())
    }
}
