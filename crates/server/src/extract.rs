//! What handlers take from requests: the location, checked ids, queries and bodies
//! (reference `http-api.md` §3–4).

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::Method;
use axum::http::request::Parts;
use opencode_schema::{MessageId, PartId, PermissionId, PtyId, QuestionId, SessionId, WorkspaceId};
use opencode_session::Location;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::body;
use crate::error::{ApiError, Kind};
use crate::listen::App;

/// A value of a query string by its name.
pub(crate) fn query_value(query: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// The folder that a request is about: the query's, else the header's, else the server's own.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    /// The query named it, which some lists take for a filter.
    pub(crate) is_in_query: bool,
    /// The workspace whose folder it is.
    pub(crate) workspace: Option<WorkspaceId>,
}

impl FromRequestParts<App> for Folder {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let workspace = workspace_of(parts, app).await?;
        if let Some(id) = &workspace
            && app.engine.own_workspace().is_none()
        {
            return Ok(Self {
                path: app.engine.workspace_folder(id).await?,
                is_in_query: false,
                workspace,
            });
        }
        let query = parts.uri.query().unwrap_or_default();
        let in_query = query_value(query, "directory").or_else(|| query_value(query, "location[directory]"));
        let is_in_query = in_query.as_ref().is_some_and(|named| !named.is_empty());
        let in_header = || {
            let header = parts.headers.get("x-opencode-directory")?;
            Some(header.to_str().ok()?.to_owned())
        };
        Ok(Self {
            path: folder_named(app, in_query.or_else(in_header))?,
            is_in_query,
            workspace,
        })
    }
}

/// The folder that a client names, or the server's own.
fn folder_named(app: &App, named: Option<String>) -> Result<PathBuf, ApiError> {
    let Some(named) = named.filter(|named| !named.is_empty()) else {
        return Ok(app.directory.clone());
    };
    // Clients encode it once more than addresses need.
    let decoded = percent_decode_str(&named)
        .decode_utf8()
        .map_or_else(|_| named.clone(), |text| text.into_owned());
    folder_at(app, &decoded)
}

/// The folder of a path as it is, seen from the server's own.
fn folder_at(app: &App, path: &str) -> Result<PathBuf, ApiError> {
    if path.contains('\0') {
        return Err(ApiError::bad_request(Kind::Query, "directory: a path has no NUL"));
    }
    Ok(opencode_project::path::absolute(&app.directory, path))
}

/// The workspace that a request is sent to: the one that this program works for, else the session's, else
/// the one that the query names. Parity: http-api.md §3, what is read of sessions and what is done to
/// workspaces is answered here.
async fn workspace_of(parts: &Parts, app: &App) -> Result<Option<WorkspaceId>, ApiError> {
    if let Some(own) = app.engine.own_workspace() {
        return Ok(Some(own));
    }
    let path = parts.uri.path();
    let of_session = path.strip_prefix("/session/").or_else(|| {
        let rest = path.strip_prefix("/experimental/session/")?;
        rest.ends_with("/background").then_some(rest)
    });
    let reads_sessions =
        parts.method == Method::GET && path.starts_with("/session") && path != "/session/status";
    if reads_sessions || path.starts_with("/experimental/workspace") {
        return Ok(None);
    }
    if let Some(rest) = of_session.filter(|rest| *rest != "status") {
        let id = rest.split('/').next().unwrap_or_default();
        let Ok(id) = SessionId::parse(id) else {
            return Ok(None);
        };
        let found = app.engine.store().read(move |view| {
            let session = view.find_session(&id)?;
            let Some(workspace) = session.and_then(|session| session.workspace_id) else {
                return Ok(None);
            };
            // One that is gone leaves the session where it was.
            Ok(view
                .workspace(&WorkspaceId::trusted(workspace))?
                .map(|workspace| workspace.id))
        });
        if let Some(found) = found.await? {
            return Ok(Some(found));
        }
    }
    let named = query_value(parts.uri.query().unwrap_or_default(), "workspace");
    let Some(named) = named.filter(|named| !named.is_empty()) else {
        return Ok(None);
    };
    let id = WorkspaceId::parse(named)
        .map_err(|error| ApiError::bad_request(Kind::Query, format!("{error}\n  at [\"workspace\"]")))?;
    Ok(Some(id))
}

/// The folder of a request of the newer kind, which names it, and its workspace, by other names
/// (reference `http-api.md` §3).
pub(crate) struct PlaceAt(pub(crate) PathBuf);

impl FromRequestParts<App> for PlaceAt {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let filled = |named: &String| !named.is_empty();
        if query_value(query, "location").is_some() {
            let reason = "the place is named by its parts, `location[directory]`\n  at [\"location\"]";
            return Err(ApiError::bad_request(Kind::Query, reason));
        }
        let directory = query_value(query, "location[directory]").filter(filled);
        let header = parts.headers.get("x-opencode-workspace");
        let in_header = || header.and_then(|value| Some(value.to_str().ok()?.to_owned()));
        let workspace = query_value(query, "location[workspace]").or_else(in_header);
        let path = match (directory, workspace.filter(filled)) {
            (Some(named), _) => folder_at(app, &named)?,
            (None, Some(workspace)) => {
                let id = WorkspaceId::parse(workspace).map_err(|error| {
                    let reason = format!("{error}\n  at [\"location\"][\"workspace\"]");
                    ApiError::bad_request(Kind::Query, reason)
                })?;
                app.engine.workspace_folder(&id).await?
            }
            (None, None) => Folder::from_request_parts(parts, app).await?.path,
        };
        Ok(Self(path))
    }
}

/// The location of such a request.
pub(crate) struct LocationAt(pub(crate) Arc<Location>);

impl FromRequestParts<App> for LocationAt {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let PlaceAt(path) = PlaceAt::from_request_parts(parts, app).await?;
        if !fs_err::tokio::metadata(&path)
            .await
            .is_ok_and(|found| found.is_dir())
        {
            let reason = format!(
                "{} is no folder\n  at [\"location\"][\"directory\"]",
                path.display()
            );
            return Err(ApiError::bad_request(Kind::Query, reason));
        }
        Ok(Self(app.engine.location(&path).await?))
    }
}

/// The location of a request's folder.
pub(crate) struct At(pub(crate) Arc<Location>);

impl FromRequestParts<App> for At {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let folder = Folder::from_request_parts(parts, app).await?;
        Ok(Self(app.engine.location(&folder.path).await?))
    }
}

/// The query of a request.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|error| ApiError::bad_request(Kind::Query, error.body_text()))
    }
}

/// The body of a request as JSON.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &App) -> Result<Self, ApiError> {
        let bytes = body::read(request).await?;
        Ok(Self(parse(&bytes)?))
    }
}

/// The same for requests of the newer kind, whose mistakes have another form.
pub(crate) struct TaggedBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for TaggedBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let body = Body::from_request(request, app).await;
        body.map(|Body(value)| Self(value)).map_err(ApiError::tagged_form)
    }
}

/// The body of a request that may be left out.
pub(crate) struct OptionalBody<T>(pub(crate) T);

impl<T: DeserializeOwned + Default> FromRequest<App> for OptionalBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &App) -> Result<Self, ApiError> {
        let bytes = body::read(request).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(T::default()));
        }
        Ok(Self(parse(&bytes)?))
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let bad = |reason: String| ApiError::bad_request(Kind::Payload, reason);
    // Twice, because a value that is no JSON at all has no path that is worth naming.
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
    serde_path_to_error::deserialize(value).map_err(|error| match error.path().to_string().as_str() {
        "." => bad(error.inner().to_string()),
        path => bad(format!("{}\n  at {path}", error.inner())),
    })
}

/// Ids in the path of a request, each with the form that its kind has.
pub(crate) trait Id: Sized + Send {
    /// Its name in the path.
    const NAME: &'static str;
    /// Takes it from a text.
    fn parse(text: &str) -> Result<Self, String>;
}

macro_rules! ids {
    ($($kind:ident = $name:literal;)*) => {$(
        impl Id for $kind {
            const NAME: &'static str = $name;
            fn parse(text: &str) -> Result<Self, String> {
                refuse_bent(text)?;
                $kind::parse(text).map_err(|error| error.to_string())
            }
        }
    )*};
}

ids! {
    SessionId = "sessionID";
    MessageId = "messageID";
    PartId = "partID";
    QuestionId = "requestID";
    PtyId = "ptyID";
    WorkspaceId = "id";
}

/// Ids become names of files and parts of addresses: they hold nothing that means something there.
fn refuse_bent(id: &str) -> Result<(), String> {
    const LENGTH: usize = 128;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if id.len() > LENGTH || !id.bytes().all(is_plain) {
        return Err("an id is made of letters, digits, `_` and `-`".to_owned());
    }
    Ok(())
}

/// An id in a body.
pub(crate) fn id<'de, T: Id, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    T::parse(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

/// An id in a body that may be left out.
pub(crate) fn optional_id<'de, T: Id, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| T::parse(&text))
        .transpose()
        .map_err(serde::de::Error::custom)
}

/// An id in the path.
pub(crate) struct Named<T>(pub(crate) T);

impl<T: Id> FromRequestParts<App> for Named<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let text = path_value(parts, app, T::NAME).await?;
        let id = T::parse(&text).map_err(|reason| {
            ApiError::bad_request(Kind::Params, format!("{reason}\n  at [\"{}\"]", T::NAME))
        })?;
        Ok(Self(id))
    }
}

/// The id of a request for permission: `requestID`, or `permissionID` in the older route.
pub(crate) struct AskedPermission(pub(crate) PermissionId);

impl FromRequestParts<App> for AskedPermission {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let text = match path_value(parts, app, "requestID").await {
            Ok(text) => text,
            Err(_) => path_value(parts, app, "permissionID").await?,
        };
        PermissionId::parse(text)
            .map(Self)
            .map_err(|error| ApiError::bad_request(Kind::Params, error.to_string()))
    }
}

async fn path_value(parts: &mut Parts, app: &App, name: &str) -> Result<String, ApiError> {
    let params = RawPathParams::from_request_parts(parts, app)
        .await
        .map_err(|error| ApiError::bad_request(Kind::Params, error.to_string()))?;
    params
        .iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
        .ok_or_else(|| ApiError::bad_request(Kind::Params, format!("{name} is missing")))
}
