//! Packing answers (reference `http-api.md` §2.3): whole texts that are worth it, never streams.

use std::io::{self, Write};

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, VARY,
};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::error::ApiError;

/// Bytes below which packing gains nothing.
const LEAST: u64 = 1024;

/// Ends of paths whose answers come when a turn has ended, and go out as they are.
const AS_IT_IS: &[&str] = &["/message", "/prompt_async"];

/// Packs what the rest answers.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    let header = request.headers().get(ACCEPT_ENCODING);
    let accepted = header.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let encoding = ["gzip", "deflate"]
        .into_iter()
        .find(|name| accepts(accepted, name));
    let path = request.uri().path();
    let suitable = request.method() != Method::HEAD
        && !(request.method() == Method::POST && AS_IT_IS.iter().any(|end| path.ends_with(end)));
    let response = next.run(request).await;
    if !suitable || !is_worth_it(&response) {
        return response;
    }
    let Some(encoding) = encoding else {
        return with_vary(response);
    };
    packed(response, encoding).await
}

/// Whether `Accept-Encoding` takes an encoding.
pub(crate) fn accepts(header: &str, wanted: &str) -> bool {
    let mut any = false;
    for part in header.split(',') {
        let mut pieces = part.split(';').map(str::trim);
        let name = pieces.next().unwrap_or_default();
        let refused = pieces.any(|piece| {
            let weight = piece.strip_prefix("q=").map(str::parse::<f32>);
            weight.is_some_and(|weight| weight.is_ok_and(|weight| weight <= 0.0))
        });
        if name.eq_ignore_ascii_case(wanted) {
            return !refused;
        }
        any |= name == "*" && !refused;
    }
    any
}

fn is_worth_it(response: &Response) -> bool {
    let header = |name| {
        let value: Option<&HeaderValue> = response.headers().get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or_default()
    };
    // A body whose length is not known is a stream.
    response
        .body()
        .size_hint()
        .exact()
        .is_some_and(|size| size >= LEAST)
        && !response.headers().contains_key(CONTENT_ENCODING)
        && !header(CACHE_CONTROL).contains("no-transform")
        && is_text(header(CONTENT_TYPE))
}

fn is_text(kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or_default().trim();
    let applications = ["json", "javascript", "xml", "wasm", "manifest+json"];
    essence != "text/event-stream"
        && (essence.starts_with("text/")
            || essence == "image/svg+xml"
            || essence.ends_with("+json")
            || essence.ends_with("+xml")
            || essence
                .strip_prefix("application/")
                .is_some_and(|name| applications.contains(&name)))
}

async fn packed(response: Response, encoding: &'static str) -> Response {
    let (mut head, body) = response.into_parts();
    // Of a length that is known: it is all there.
    let packing = match to_bytes(body, usize::MAX).await {
        Ok(bytes) => tokio::task::spawn_blocking(move || pack(&bytes, encoding)).await,
        Err(error) => return ApiError::unexpected(&error).into_response(),
    };
    let bytes = match packing {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => return ApiError::unexpected(&error).into_response(),
        Err(error) => return ApiError::unexpected(&error).into_response(),
    };
    head.headers.remove(CONTENT_LENGTH);
    head.headers.remove(ETAG);
    head.headers
        .insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    with_vary(Response::from_parts(head, Body::from(bytes)))
}

fn with_vary(mut response: Response) -> Response {
    let value = HeaderValue::from_static("Accept-Encoding");
    response.headers_mut().append(VARY, value);
    response
}

fn pack(bytes: &[u8], encoding: &str) -> io::Result<Vec<u8>> {
    let into = Vec::with_capacity(bytes.len() / 4);
    if encoding == "gzip" {
        let mut encoder = GzEncoder::new(into, Compression::fast());
        encoder.write_all(bytes)?;
        encoder.finish()
    } else {
        let mut encoder = ZlibEncoder::new(into, Compression::fast());
        encoder.write_all(bytes)?;
        encoder.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_takes() {
        for (header, gzip) in [
            ("gzip, deflate, br", true),
            ("GZIP", true),
            ("deflate", false),
            ("", false),
            ("*", true),
            ("gzip;q=0, *", false),
            ("br;q=1.0, gzip;q=0.5", true),
            ("*;q=0", false),
        ] {
            assert_eq!(accepts(header, "gzip"), gzip, "{header}");
        }
    }

    #[test]
    fn kinds_that_are_texts() {
        for (kind, wanted) in [
            ("application/json", true),
            ("text/html; charset=utf-8", true),
            ("application/manifest+json", true),
            ("image/svg+xml", true),
            ("text/event-stream", false),
            ("image/png", false),
            ("application/octet-stream", false),
            ("", false),
        ] {
            assert_eq!(is_text(kind), wanted, "{kind}");
        }
    }
}
