//! The tagged form of errors, which the newer and the further interface have throughout
//! (reference `http-api.md` §4, `seed-http.md` §1).

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{ApiError, ErrorBody};

/// Gives an error that is known by its name the form of those that are known by their tag.
pub(crate) async fn tagged(response: Response) -> Response {
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
pub(crate) fn tag<'a>(name: &'a str, message: &str) -> &'a str {
    match name {
        "BadRequest" => "InvalidRequestError",
        "NotFoundError" if message.starts_with("Session not found") => "SessionNotFoundError",
        name => name,
    }
}
