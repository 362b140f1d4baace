//! Files of the location's folder (reference `http-api.md` §6.6).

use std::io::{self, ErrorKind};

use axum::Json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opencode_project::files;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{ApiError, Kind};
use crate::extract::{Folder, Query};

#[derive(Deserialize)]
pub(crate) struct Wanted {
    path: String,
}

pub(crate) async fn list(folder: Folder, Query(wanted): Query<Wanted>) -> Result<Json<Value>, ApiError> {
    let entries = beside(move || files::list(&folder.path, &wanted.path)).await?;
    let entry = |entry: files::Entry| {
        json!({
            "name": entry.name,
            "path": entry.path,
            "absolute": entry.absolute,
            "type": if entry.is_folder { "directory" } else { "file" },
            "ignored": entry.ignored,
        })
    };
    Ok(Json(entries.into_iter().map(entry).collect()))
}

pub(crate) async fn content(folder: Folder, Query(wanted): Query<Wanted>) -> Result<Json<Value>, ApiError> {
    let bytes = beside(move || files::read(&folder.path, &wanted.path)).await?;
    let Some(bytes) = bytes else {
        return Ok(Json(json!({ "type": "text", "content": "" })));
    };
    Ok(Json(match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => json!({ "type": "text", "content": text.trim() }),
        Ok(text) => binary(text.as_bytes()),
        Err(error) => binary(error.as_bytes()),
    }))
}

fn binary(bytes: &[u8]) -> Value {
    json!({
        "type": "binary",
        "content": STANDARD.encode(bytes),
        "encoding": "base64",
        "mimeType": "application/octet-stream",
    })
}

/// Parity: http-api.md §6.6, what git sees is asked elsewhere; this list is always empty.
pub(crate) async fn status(_: Folder) -> Json<Value> {
    Json(json!([]))
}

/// Looks at files on a thread that may wait for them.
pub(crate) async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, files::Error> + Send + 'static,
) -> Result<T, files::Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error).into()))
}

impl From<files::Error> for ApiError {
    fn from(error: files::Error) -> Self {
        match error {
            files::Error::Outside(_)
            | files::Error::Unsuitable(_)
            | files::Error::Changed(_)
            | files::Error::TooLarge(_) => Self::bad_request(Kind::Query, error.to_string()),
            files::Error::Io(error) if files::is_absent(error.kind()) => Self::not_found(error.to_string()),
            files::Error::Io(error) if error.kind() == ErrorKind::PermissionDenied => {
                Self::bad_request(Kind::Query, error.to_string())
            }
            files::Error::Io(error) => Self::unexpected(&error),
        }
    }
}
