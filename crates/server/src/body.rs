//! Reading bodies of requests (reference `seed-http.md` §7): JSON of so many bytes, none of which may be
//! waited for too long.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;

use crate::error::{ApiError, Kind};

/// Bytes of a body.
const USUAL_LIMIT: usize = 1024 * 1024;
/// Bytes of a body that carries files.
const LARGE_LIMIT: usize = 64 * 1024 * 1024;
/// Where bodies carry files: prompts and parts, stored events, patches.
const LARGE: &[&str] = &[
    "/session/",
    "/api/session/",
    "/api/chat/",
    "/api/files/write",
    "/sync/replay",
    "/vcs/apply",
];
/// How long the next bytes may take.
const PAUSE_LIMIT: Duration = Duration::from_secs(30);
/// How long a body that is not wanted is still taken, so that its sender hears the answer.
const LINGER: Duration = Duration::from_secs(10);

/// The whole body of a request that is JSON, or has none.
pub(crate) async fn read(request: Request) -> Result<Bytes, ApiError> {
    if !is_json(request.headers()) {
        return Err(ApiError::tagged(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UnsupportedMediaTypeError",
            "the body must be application/json",
        ));
    }
    let path = request.uri().path();
    let limit = if LARGE.iter().any(|start| path.starts_with(start)) {
        LARGE_LIMIT
    } else {
        USUAL_LIMIT
    };
    let length = request.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let mut body = request.into_body();
    if length.is_some_and(|length| length > limit as u64) {
        return Err(too_large(body, limit));
    }
    let mut all = Vec::new();
    loop {
        let frame = tokio::time::timeout(PAUSE_LIMIT, body.frame());
        let frame = frame.await.map_err(|_| {
            ApiError::tagged(
                StatusCode::REQUEST_TIMEOUT,
                "RequestTimeoutError",
                "the rest of the body did not come",
            )
        })?;
        let Some(frame) = frame else {
            return Ok(all.into());
        };
        let frame = frame.map_err(|error| ApiError::bad_request(Kind::Payload, error.to_string()))?;
        if let Ok(bytes) = frame.into_data() {
            if all.len() + bytes.len() > limit {
                return Err(too_large(body, limit));
            }
            all.extend_from_slice(&bytes);
        }
    }
}

/// What a form of a foreign page can send is not JSON.
fn is_json(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_none_or(|kind| {
        kind.to_str().is_ok_and(|kind| {
            let essence = kind.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/json") || essence.ends_with("+json")
        })
    })
}

fn too_large(mut rest: Body, limit: usize) -> ApiError {
    // Who sends all before reading would find the connection broken instead of an answer. This ends with
    // the connection, with the body, or after its limit.
    tokio::spawn(tokio::time::timeout(LINGER, async move {
        while let Some(Ok(_)) = rest.frame().await {}
    }));
    ApiError::tagged(
        StatusCode::PAYLOAD_TOO_LARGE,
        "PayloadTooLargeError",
        "the body is too large",
    )
    .with("limit", limit)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::response::IntoResponse;
    use futures_util::{StreamExt, stream};
    use pretty_assertions::assert_eq;

    use super::*;

    async fn status_of(path: &str, length: Option<usize>, body: Body) -> u16 {
        let mut request = Request::builder().method("POST").uri(path);
        if let Some(length) = length {
            request = request.header(CONTENT_LENGTH, length);
        }
        match read(request.body(body).unwrap()).await {
            Ok(_) => 200,
            Err(error) => error.into_response().status().as_u16(),
        }
    }

    fn pieces(count: usize) -> Body {
        let piece = Bytes::from(vec![b' '; 1024 * 1024]);
        Body::from_stream(stream::repeat_with(move || Ok::<_, Infallible>(piece.clone())).take(count))
    }

    #[tokio::test]
    async fn bodies_have_an_end() {
        for (path, length, body, wanted) in [
            ("/session", None, pieces(1), 200),
            ("/session", None, pieces(2), 413),
            ("/session", Some(2 << 20), Body::empty(), 413),
            ("/session/x/message", None, pieces(64), 200),
            ("/session/x/message", None, pieces(65), 413),
            ("/session/x/message", Some(65 << 20), Body::empty(), 413),
        ] {
            assert_eq!(status_of(path, length, body).await, wanted, "{path} {length:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_is_given_up() {
        let begun = stream::iter([Ok::<_, Infallible>(Bytes::from("{"))]).chain(stream::pending());
        assert_eq!(status_of("/session", None, Body::from_stream(begun)).await, 408);
    }
}
