//! Errors in the tagged form, which this surface has throughout (reference `seed-http.md` §1), and ids.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use opencode_schema::SessionId;
use serde_json::{Value, json};

use crate::error::{ApiError, ErrorBody, Kind};

/// Gives an error that is known by its name the form of those that are known by their tag.
pub(super) async fn tagged(response: Response) -> Response {
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        let mut refused = ApiError::tagged(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowedError",
            "This address does not take that method",
        )
        .into_response();
        if let Some(allowed) = response.headers().get(axum::http::header::ALLOW) {
            refused
                .headers_mut()
                .insert(axum::http::header::ALLOW, allowed.clone());
        }
        return refused;
    }
    let Some(ErrorBody(body)) = response.extensions().get() else {
        return response;
    };
    let Some(name) = body["name"].as_str() else {
        return response;
    };
    let data = &body["data"];
    let message = data["message"].as_str().unwrap_or(name);
    let mut tagged = json!({ "_tag": tag(name, message), "message": message });
    for key in ["kind", "ref", "path", "issues"] {
        if data.get(key).is_some() {
            tagged[key] = data[key].clone();
        }
    }
    (response.status(), Json(tagged)).into_response()
}

/// The tag of an error that is known by its name.
pub(super) fn tag<'a>(name: &'a str, message: &str) -> &'a str {
    match name {
        "BadRequest" => "InvalidRequestError",
        "NotFoundError" if message.starts_with("Session not found") => "SessionNotFoundError",
        name => name,
    }
}

/// A session's id from outside.
pub(super) fn session_id(text: &str, field: &str) -> Result<SessionId, ApiError> {
    let is_clean = text.len() <= 124
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    SessionId::parse(text).ok().filter(|_| is_clean).ok_or_else(|| {
        ApiError::bad_request(Kind::Payload, format!("this is no id of a session\n  at {field}"))
    })
}

/// An object without the keys whose values are null.
pub(super) fn compact(mut value: Value) -> Value {
    if let Some(entries) = value.as_object_mut() {
        entries.retain(|_, value| !value.is_null());
    }
    value
}
