//! What handlers take from requests: the location, checked ids, queries and bodies
//! (reference `http-api.md` §3–4).

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use http_body_util::LengthLimitError;
use opencode_schema::{MessageId, PartId, PermissionId, PtyId, QuestionId, SessionId};
use opencode_session::Location;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use crate::error::{ApiError, Kind};
use crate::listen::App;

/// Largest body that is read: prompts carry files.
const BODY_LIMIT: usize = 64 * 1024 * 1024;

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
}

impl FromRequestParts<App> for Folder {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let in_query = query_value(parts.uri.query().unwrap_or_default(), "directory");
        let is_in_query = in_query.is_some();
        let in_header = || {
            let header = parts.headers.get("x-opencode-directory")?;
            Some(header.to_str().ok()?.to_owned())
        };
        let Some(named) = in_query.or_else(in_header).filter(|named| !named.is_empty()) else {
            return Ok(Self {
                path: app.directory.clone(),
                is_in_query: false,
            });
        };
        // Clients encode it once more than addresses need.
        let decoded = percent_decode_str(&named)
            .decode_utf8()
            .map_or_else(|_| named.clone(), |text| text.into_owned());
        if decoded.contains('\0') {
            return Err(ApiError::bad_request(Kind::Query, "directory: a path has no NUL"));
        }
        Ok(Self {
            path: opencode_project::path::absolute(&app.directory, &decoded),
            is_in_query,
        })
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
        let bytes = read(request).await?;
        Ok(Self(parse(&bytes)?))
    }
}

/// The body of a request that may be left out.
pub(crate) struct OptionalBody<T>(pub(crate) T);

impl<T: DeserializeOwned + Default> FromRequest<App> for OptionalBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &App) -> Result<Self, ApiError> {
        let bytes = read(request).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(T::default()));
        }
        Ok(Self(parse(&bytes)?))
    }
}

async fn read(request: Request) -> Result<Bytes, ApiError> {
    let kind = request.headers().get(axum::http::header::CONTENT_TYPE);
    let is_json = kind.is_none_or(|kind| {
        kind.to_str().is_ok_and(|kind| {
            let essence = kind.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/json") || essence.ends_with("+json")
        })
    });
    // What a form of a foreign page can send is not JSON.
    if !is_json {
        return Err(ApiError::tagged(
            axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UnsupportedMediaTypeError",
            "the body must be application/json",
        ));
    }
    axum::body::to_bytes(request.into_body(), BODY_LIMIT)
        .await
        .map_err(|error| {
            let cause = std::error::Error::source(&error);
            if !cause.is_some_and(|cause| cause.is::<LengthLimitError>()) {
                return ApiError::bad_request(Kind::Payload, error.to_string());
            }
            ApiError::tagged(
                axum::http::StatusCode::PAYLOAD_TOO_LARGE,
                "PayloadTooLargeError",
                "the body is too large",
            )
            .with("limit", BODY_LIMIT)
        })
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
}

/// Takes an id that stands in a body.
pub(crate) fn id_in_body<T: Id>(text: &str) -> Result<T, ApiError> {
    T::parse(text)
        .map_err(|reason| ApiError::bad_request(Kind::Payload, format!("{reason}\n  at [\"{}\"]", T::NAME)))
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
