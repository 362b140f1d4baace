//! Files of a place (reference `v2.md` §10.1).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use opencode_project::files;
use opencode_project::search::names::Named;
use serde::{Deserialize, Serialize};

use super::Located;
use crate::error::{ApiError, Kind};
use crate::extract::{LocationAt, Query};
use crate::listen::App;
use crate::routes::file::beside;
use crate::routes::find::{FileKind, failure};

/// Files and folders that are found when nobody says how many.
const USUAL: usize = 50;
/// What bytes are when their name does not say.
const BYTES: &str = "application/octet-stream";

/// A file or folder; the path of a folder ends in a slash.
#[derive(Serialize)]
pub(crate) struct Entry {
    path: String,
    #[serde(rename = "type")]
    kind: FileKind,
}

impl Entry {
    fn new(path: String) -> Self {
        let kind = if path.ends_with('/') {
            FileKind::Directory
        } else {
            FileKind::File
        };
        Self { path, kind }
    }
}

#[derive(Deserialize)]
pub(crate) struct Folder {
    #[serde(default)]
    path: String,
}

/// One level of a folder.
pub(crate) async fn list(
    LocationAt(location): LocationAt,
    Query(folder): Query<Folder>,
) -> Result<Json<Located<Vec<Entry>>>, ApiError> {
    let root = location.directory.clone();
    let entries = beside(move || files::list(&root, &folder.path)).await;
    let entries = entries.map_err(refused)?.into_iter();
    Ok(Located::new(
        &location,
        entries.map(|entry| Entry::new(entry.path)).collect(),
    ))
}

/// A file as it is.
pub(crate) async fn read(
    LocationAt(location): LocationAt,
    Path(path): Path<String>,
) -> Result<Response, ApiError> {
    let (root, wanted) = (location.directory.clone(), path.clone());
    let bytes = beside(move || files::read(&root, &wanted)).await;
    let bytes = bytes.map_err(refused)?;
    let bytes = bytes.ok_or_else(|| ApiError::not_found(format!("File not found: {path}")))?;
    let headers = [
        (
            CONTENT_TYPE,
            mime_guess::from_path(&path).first_raw().unwrap_or(BYTES),
        ),
        // Whatever it is, it is not run as a page of this server.
        (CONTENT_SECURITY_POLICY, "sandbox"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, bytes).into_response())
}

/// What leads out of the place is forbidden, unlike other mistakes.
fn refused(error: files::Error) -> ApiError {
    match error {
        files::Error::Outside(_) => {
            ApiError::tagged(StatusCode::FORBIDDEN, "ForbiddenError", error.to_string())
        }
        other => other.into(),
    }
}

#[derive(Deserialize)]
pub(crate) struct Typed {
    query: String,
    #[serde(rename = "type")]
    kind: Option<FileKind>,
    limit: Option<usize>,
}

/// Files and folders by what was typed of their names.
pub(crate) async fn find(
    State(app): State<App>,
    LocationAt(location): LocationAt,
    Query(wanted): Query<Typed>,
) -> Result<Json<Located<Vec<Entry>>>, ApiError> {
    let limit = wanted.limit.unwrap_or(USUAL);
    if limit == 0 {
        let reason = "Expected a value greater than 0, got 0\n  at [\"limit\"]";
        return Err(ApiError::bad_request(Kind::Query, reason));
    }
    let query = Named {
        directory: location.directory.clone(),
        typed: wanted.query,
        files: wanted.kind != Some(FileKind::Directory),
        folders: wanted.kind != Some(FileKind::File),
        limit,
    };
    let found = app.names.find(query).await.map_err(|error| failure(&error))?;
    Ok(Located::new(
        &location,
        found.into_iter().map(Entry::new).collect(),
    ))
}
