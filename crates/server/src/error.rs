//! Errors in the shapes that clients know (reference `http-api.md` §4).

pub(crate) mod tagged;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use opencode_session::{CopyError, MoveError, WorkspaceError, WorktreeError};
use serde_json::{Value, json};

/// Most characters of a reason that are sent.
const REASON_LIMIT: usize = 1024;

/// Why a request failed.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    body: Value,
}

/// Which part of a request is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Params,
    Query,
    /// The body.
    Payload,
}

impl ApiError {
    /// A part of the request does not fit its schema.
    pub(crate) fn bad_request(kind: Kind, reason: impl Into<String>) -> Self {
        let reason: String = reason.into().chars().take(REASON_LIMIT).collect();
        let kind = format!("{kind:?}");
        Self {
            status: StatusCode::BAD_REQUEST,
            body: json!({ "name": "BadRequest", "data": { "message": reason, "kind": kind } }),
        }
    }

    /// A body whose keys have values that they cannot have.
    pub(crate) fn bad_keys(issues: &[opencode_config::Issue]) -> Self {
        let told = issues.iter().map(|issue| {
            let keys: String = issue.key.iter().map(|key| format!("[{key:?}]")).collect();
            match keys.as_str() {
                "" => issue.message.clone(),
                keys => format!("{}\n  at {keys}", issue.message),
            }
        });
        Self::bad_request(Kind::Payload, told.collect::<Vec<_>>().join("\n"))
    }

    /// The same in the form of the newer requests.
    pub(crate) fn tagged_form(mut self) -> Self {
        if self.body["name"] == "BadRequest" {
            let mut data = self.body["data"].take();
            self.body = json!({
                "_tag": "InvalidRequestError",
                "message": data["message"].take(),
                "kind": data["kind"].take(),
            });
        }
        self
    }

    /// A request that does not make sense as a whole.
    pub(crate) fn senseless() -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            body: json!({ "_tag": "BadRequest" }),
        }
    }

    /// Something that the request names is not there.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            body: json!({ "name": "NotFoundError", "data": { "message": message.into() } }),
        }
    }

    /// An error that is known by its tag.
    pub(crate) fn tagged(status: StatusCode, tag: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            body: json!({ "_tag": tag, "message": message.into() }),
        }
    }

    /// A request that cannot be met, in words alone.
    pub(crate) fn plain(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            body: json!({ "error": message.into() }),
        }
    }

    /// Its tag, or name, and its words.
    pub(crate) fn told(&self) -> (&str, &str) {
        let tag = self.body["_tag"].as_str().or(self.body["name"].as_str());
        let words = self.body["message"].as_str();
        let words = words.or(self.body["data"]["message"].as_str());
        (tag.unwrap_or("UnknownError"), words.unwrap_or_default())
    }

    /// The same with a field more.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.body[key] = value.into();
        self
    }

    /// The same without a field.
    pub(crate) fn without(mut self, key: &str) -> Self {
        if let Some(body) = self.body.as_object_mut() {
            body.shift_remove(key);
        }
        self
    }

    /// An error that is known by its name.
    pub(crate) fn named(status: StatusCode, name: &str, data: &Value) -> Self {
        Self {
            status,
            body: json!({ "name": name, "data": data }),
        }
    }

    /// Something that nobody thought of: the log says what, the client gets a number to look for.
    pub(crate) fn unexpected(error: &dyn std::fmt::Display) -> Self {
        let mut bytes = [0; 4];
        // Without randomness all numbers are alike, which is a pity and no more.
        let _ = getrandom::fill(&mut bytes);
        let reference = format!("err_{}", hex::encode(bytes));
        tracing::error!(reference, %error, "a request failed");
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            body: json!({ "name": "UnknownError", "data": {
                "message": "Something went wrong in the server. Its log says what.",
                "ref": reference,
            } }),
        }
    }
}

/// The body of an error, left with its answer for whoever gives it another form.
#[derive(Clone)]
pub(crate) struct ErrorBody(pub(crate) Value);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody(self.body.clone());
        let mut response = (self.status, Json(self.body)).into_response();
        response.extensions_mut().insert(body);
        response
    }
}

impl From<opencode_session::Error> for ApiError {
    fn from(error: opencode_session::Error) -> Self {
        use opencode_session::Error;
        match error {
            Error::SessionNotFound(_) | Error::MessageNotFound(_) => Self::not_found(error.to_string()),
            Error::Busy(ref id) => {
                let id = id.to_string();
                Self::tagged(StatusCode::CONFLICT, "SessionBusyError", error.to_string())
                    .with("sessionID", id)
            }
            Error::Store(error) => error.into(),
            Error::Config(error) => error.into(),
            Error::AgentNotFound { .. }
            | Error::CommandNotFound { .. }
            | Error::SkillNotFound { .. }
            | Error::DefaultAgent { .. }
            | Error::NoAgent
            | Error::Catalog(_)
            | Error::Import(_) => Self::bad_request(Kind::Payload, error.to_string()),
            // Parity: agent-loop.md §2, a picture that cannot be decoded; the reference says no more than the tag.
            Error::Attachment(reason) => Self::senseless().with("message", reason),
            Error::Share(ref reason) => {
                tracing::warn!(reason, "sharing failed");
                Self {
                    status: StatusCode::INTERNAL_SERVER_ERROR,
                    body: json!({ "_tag": "InternalServerError" }),
                }
            }
            Error::McpPrompt { .. } => {
                Self::tagged(StatusCode::BAD_GATEWAY, "McpPromptError", error.to_string())
            }
            Error::Plugin(_) | Error::Files(_) | Error::Describe(_) | Error::Broken(_) => {
                Self::unexpected(&error)
            }
            Error::Terminal(opencode_process::terminal::Error::TooMany) => {
                Self::tagged(StatusCode::TOO_MANY_REQUESTS, "RateLimitError", error.to_string())
            }
            Error::Terminal(_) => Self::bad_request(Kind::Payload, error.to_string()),
            Error::Ending => unavailable(&"The server is ending"),
        }
    }
}

impl From<opencode_config::Error> for ApiError {
    fn from(error: opencode_config::Error) -> Self {
        if matches!(error, opencode_config::Error::Unwritable { .. }) {
            return Self::bad_request(Kind::Payload, error.to_string());
        }
        let (name, data) = config_error(&error);
        Self::named(StatusCode::BAD_REQUEST, name, &data)
    }
}

impl From<opencode_project::git::Error> for ApiError {
    fn from(error: opencode_project::git::Error) -> Self {
        use opencode_project::git::Error;
        match &error {
            Error::Directory(_) => Self::not_found(error.to_string()),
            Error::Missing => unavailable(&error),
            _ => Self::unexpected(&error),
        }
    }
}

/// The server cannot do it now, and can say why.
fn unavailable(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::tagged(
        StatusCode::SERVICE_UNAVAILABLE,
        "ServiceUnavailableError",
        error.to_string(),
    )
}

/// The shape that errors of worktrees, copies and workspaces share.
fn said(name: &str, error: &dyn std::fmt::Display) -> ApiError {
    ApiError::named(
        StatusCode::BAD_REQUEST,
        name,
        &json!({ "message": error.to_string() }),
    )
}

impl From<WorktreeError> for ApiError {
    fn from(error: WorktreeError) -> Self {
        let name = match error {
            WorktreeError::NotGit => "WorktreeNotGitError",
            WorktreeError::NoName => "WorktreeNameGenerationFailedError",
            WorktreeError::Create(_) => "WorktreeCreateFailedError",
            WorktreeError::Remove(_) => "WorktreeRemoveFailedError",
            WorktreeError::Reset(_) => "WorktreeResetFailedError",
            WorktreeError::Engine(error) => return error.into(),
        };
        said(name, &error)
    }
}

impl From<CopyError> for ApiError {
    fn from(error: CopyError) -> Self {
        // Parity: http-api.md §6.7, written as `null` when force would not help.
        let force = match error {
            CopyError::Engine(error) => return error.into(),
            CopyError::ForceRequired(_) => Some(true),
            _ => None,
        };
        let data = json!({ "message": error.to_string(), "forceRequired": force });
        Self::named(StatusCode::BAD_REQUEST, "ProjectCopyError", &data)
    }
}

impl From<MoveError> for ApiError {
    fn from(error: MoveError) -> Self {
        match error {
            MoveError::Engine(error) => error.into(),
            other => said("MoveSessionError", &other),
        }
    }
}

impl From<WorkspaceError> for ApiError {
    fn from(error: WorkspaceError) -> Self {
        match error {
            WorkspaceError::Engine(error) => error.into(),
            WorkspaceError::NotFound(_) => Self::not_found(error.to_string()),
            WorkspaceError::Create(_) => said("WorkspaceCreateError", &error),
            WorkspaceError::Warp(_) => said("WorkspaceWarpError", &error),
            WorkspaceError::Apply(message) => Self::named(
                StatusCode::BAD_REQUEST,
                "VcsApplyError",
                &json!({ "message": message, "reason": "not-clean" }),
            ),
        }
    }
}

impl From<opencode_store::Error> for ApiError {
    fn from(error: opencode_store::Error) -> Self {
        use opencode_store::Error;
        match &error {
            Error::NotFound { what, id } => {
                let mut what = (*what).to_owned();
                what[..1].make_ascii_uppercase();
                Self::not_found(format!("{what} not found: {id}"))
            }
            Error::Taken { .. } => Self::senseless(),
            Error::Refused(reason) => Self::bad_request(Kind::Payload, reason),
            Error::Open { .. }
            | Error::Busy { .. }
            | Error::Full { .. }
            | Error::Broken { .. }
            | Error::ReadOnly { .. } => {
                tracing::error!(%error, "the database does not do its part");
                unavailable(&error)
            }
            _ => Self::unexpected(&error),
        }
    }
}

/// A broken configuration as clients know it: the name of the error, and what is wrong where.
fn config_error(error: &opencode_config::Error) -> (&'static str, Value) {
    use opencode_config::Error;
    match error {
        Error::Unreadable { path, .. } | Error::Unwritable { path, .. } | Error::Syntax { path, .. } => (
            "ConfigJsonError",
            json!({ "path": path, "message": error.to_string() }),
        ),
        Error::Invalid { path, issues } => {
            let issues: Vec<Value> = issues
                .iter()
                .map(|issue| json!({ "message": issue.message, "path": issue.key }))
                .collect();
            ("ConfigInvalidError", json!({ "path": path, "issues": issues }))
        }
        Error::BadReference { path, .. } => (
            "ConfigInvalidError",
            json!({ "path": path, "message": error.to_string() }),
        ),
        Error::RemoteLogin { address, remote } => (
            "ConfigRemoteAuthError",
            json!({ "url": address, "remote": remote }),
        ),
        Error::Remote { .. } | Error::NoProfile { .. } => {
            ("UnknownError", json!({ "message": error.to_string() }))
        }
    }
}
