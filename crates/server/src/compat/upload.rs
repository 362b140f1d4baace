//! Files that clients bring (reference `seed-http.md` §5). They are kept for a day, for messages.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Path as InPath, Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use opencode_project::files::write::{Mode, hash_of};
use opencode_schema::id::{Order, generate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::file::{Put, beside};
use super::form::compact;
use crate::audit::{Actor, Record};
use crate::error::{ApiError, Kind};
use crate::extract::{At, Query};
use crate::listen::App;

/// Bytes of one file, and of one request.
const FILE_LIMIT: usize = 25 << 20;
const REQUEST_LIMIT: usize = 100 << 20;
/// Files of one request.
const FILES: usize = 20;
/// Bytes of a field that is no file.
const FIELD_LIMIT: usize = 16 << 10;
/// How long nothing may come.
const SILENCE: Duration = Duration::from_secs(30);
/// How long a file is kept.
const LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// Requests that bring files at the same time: their files are held in memory.
static ROOM: Semaphore = Semaphore::const_new(2);
/// What ids of files begin with.
const PREFIX: &str = "upl";

/// What is known of a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Upload {
    upload_id: String,
    pub(super) name: String,
    pub(super) mime: String,
    size: usize,
    sha256: String,
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Raw {
    /// What a file is called that comes as it is.
    name: Option<String>,
    /// The folder that it is written into, too.
    path: Option<String>,
    /// Whether that may replace a file.
    #[serde(default)]
    overwrite: bool,
}

/// What a request brings.
#[derive(Default)]
struct Brought {
    files: Vec<(String, Vec<u8>)>,
    path: Option<String>,
    overwrite: bool,
    total: usize,
}

pub(super) async fn take(
    State(app): State<App>,
    actor: Actor,
    At(location): At,
    Query(raw): Query<Raw>,
    headers: HeaderMap,
    request: Request,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let _room = patient(ROOM.acquire()).await?;
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_form = kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/form-data"));
    let mut brought = Brought {
        path: raw.path,
        overwrite: raw.overwrite,
        ..Brought::default()
    };
    if is_form {
        let form = Multipart::from_request(request, &app).await;
        let form = form.map_err(|error| ApiError::bad_request(Kind::Payload, error.body_text()))?;
        brought.read_form(form).await?;
    } else {
        let name = raw.name.unwrap_or_else(|| "upload".to_owned());
        let mut stream = request.into_body().into_data_stream();
        let mut bytes = Vec::new();
        while let Some(chunk) = patient(stream.next()).await? {
            let chunk = chunk.map_err(|error| ApiError::bad_request(Kind::Payload, error.to_string()))?;
            brought.add(&mut bytes, &chunk, FILE_LIMIT)?;
        }
        brought.files.push((base_name(&name), bytes));
    }
    if brought.files.is_empty() {
        return Err(ApiError::bad_request(
            Kind::Payload,
            "there is no file\n  at file",
        ));
    }
    let folder = folder(&app);
    let sweeping = folder.clone();
    beside(move || {
        sweep(&sweeping);
        Ok(())
    })
    .await?;
    let mut uploads = Vec::new();
    for (name, bytes) in brought.files {
        let path = brought
            .path
            .as_ref()
            .map(|folder| format!("{}/{name}", folder.trim_end_matches('/')));
        if let Some(path) = &path {
            let put = Put {
                path: path.clone(),
                content: bytes.clone(),
                mode: if brought.overwrite {
                    Mode::Overwrite
                } else {
                    Mode::Create
                },
                make_folders: true,
                is_settled: false,
                condition: None,
            };
            put.into_tree(&app, &actor, &location, "file.upload").await?;
        }
        let folder = folder.clone();
        let upload = beside(move || Ok(keep(&folder, name, &bytes)?)).await?;
        let detail = json!({ "name": upload.name, "bytes": upload.size, "sha256": upload.sha256 });
        app.audit
            .record(&Record::new(&actor, "file.upload", detail).at(&location));
        let mut row = serde_json::to_value(&upload).unwrap_or_default();
        row["path"] = path.into();
        uploads.push(compact(row));
    }
    Ok((StatusCode::CREATED, Json(json!({ "uploads": uploads }))))
}

impl Brought {
    async fn read_form(&mut self, mut form: Multipart) -> Result<(), ApiError> {
        let bad = |error: axum::extract::multipart::MultipartError| {
            ApiError::bad_request(Kind::Payload, error.body_text())
        };
        while let Some(mut field) = patient(form.next_field()).await?.map_err(bad)? {
            let field_name = field.name().unwrap_or_default().to_owned();
            let is_file = field_name == "file";
            let limit = if is_file { FILE_LIMIT } else { FIELD_LIMIT };
            let name = base_name(field.file_name().unwrap_or("upload"));
            let mut bytes = Vec::new();
            while let Some(chunk) = patient(field.chunk()).await?.map_err(bad)? {
                self.add(&mut bytes, &chunk, limit)?;
            }
            let text = || String::from_utf8_lossy(&bytes).into_owned();
            match field_name.as_str() {
                "file" if self.files.len() >= FILES => {
                    return Err(ApiError::bad_request(Kind::Payload, "there are too many files"));
                }
                "file" => self.files.push((name, bytes)),
                "path" => self.path = Some(text()),
                "overwrite" => self.overwrite = text() == "true",
                _ => {}
            }
        }
        Ok(())
    }

    fn add(&mut self, bytes: &mut Vec<u8>, chunk: &Bytes, limit: usize) -> Result<(), ApiError> {
        self.total += chunk.len();
        if bytes.len() + chunk.len() > limit || self.total > REQUEST_LIMIT {
            let limit = if self.total > REQUEST_LIMIT {
                REQUEST_LIMIT
            } else {
                limit
            };
            let error = ApiError::tagged(
                StatusCode::PAYLOAD_TOO_LARGE,
                "PayloadTooLargeError",
                "the file, or all of them together, is too large",
            );
            return Err(error.with("limit", limit));
        }
        bytes.extend_from_slice(chunk);
        Ok(())
    }
}

/// Waits, but not for ever.
async fn patient<T>(coming: impl Future<Output = T>) -> Result<T, ApiError> {
    tokio::time::timeout(SILENCE, coming).await.map_err(|_| {
        ApiError::tagged(
            StatusCode::REQUEST_TIMEOUT,
            "TimeoutError",
            "the body does not go on",
        )
    })
}

/// A name without the folders before it, and without what no name should have.
fn base_name(name: &str) -> String {
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = base
        .chars()
        .filter(|character| !character.is_control())
        .take(200)
        .collect();
    match clean.trim_matches([' ', '.']) {
        "" => "upload".to_owned(),
        _ => clean.trim().to_owned(),
    }
}

fn folder(app: &App) -> PathBuf {
    app.engine.paths().data.join("uploads")
}

/// Keeps a file, and beside it what is known of it.
fn keep(folder: &Path, name: String, bytes: &[u8]) -> std::io::Result<Upload> {
    let upload = Upload {
        upload_id: generate(PREFIX, Order::Ascending),
        name,
        mime: sniffed(bytes).to_owned(),
        size: bytes.len(),
        sha256: hash_of(bytes),
    };
    fs_err::create_dir_all(folder)?;
    let path = folder.join(&upload.upload_id);
    private(&path, bytes)?;
    private(&path.with_extension("json"), &serde_json::to_vec(&upload)?)?;
    Ok(upload)
}

fn private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = fs_err::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)?.write_all(bytes)
}

/// Takes away what was kept for long enough.
fn sweep(folder: &Path) {
    let Ok(entries) = fs_err::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if is_old(&entry.path())
            && let Err(error) = fs_err::remove_file(entry.path())
        {
            tracing::debug!(%error, "an old upload stays");
        }
    }
}

fn is_old(path: &Path) -> bool {
    let modified = fs_err::metadata(path).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > LIFE))
}

/// A file that is kept.
pub(super) async fn find(app: &App, id: &str) -> Result<(PathBuf, Upload), ApiError> {
    let unknown = || ApiError::not_found(format!("There is no upload {id}, or not any more"));
    let is_id = id.starts_with(PREFIX)
        && id.len() <= 64
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_id {
        return Err(unknown());
    }
    let path = folder(app).join(id);
    let reading = path.clone();
    let known = beside(move || {
        if is_old(&reading) {
            return Ok(None);
        }
        Ok(fs_err::read(reading.with_extension("json")).ok())
    });
    let known = known.await?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    known.map(|upload| (path, upload)).ok_or_else(unknown)
}

pub(super) async fn give(State(app): State<App>, InPath(id): InPath<String>) -> Result<Response, ApiError> {
    let (path, upload) = find(&app, &id).await?;
    let bytes = beside(move || Ok(fs_err::read(path)?)).await?;
    let headers = [
        (CONTENT_TYPE, upload.mime.as_str()),
        // Whatever it is, it is not run as a page of this server.
        (CONTENT_DISPOSITION, "attachment"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, bytes).into_response())
}

/// What bytes are, by how they begin.
pub(super) fn sniffed(bytes: &[u8]) -> &'static str {
    const STARTS: &[(&[u8], &str)] = &[
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xFF\xD8\xFF", "image/jpeg"),
        (b"GIF8", "image/gif"),
        (b"%PDF-", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        (b"\x1F\x8B", "application/gzip"),
    ];
    if let Some((_, mime)) = STARTS.iter().find(|(start, _)| bytes.starts_with(start)) {
        return mime;
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return "image/webp";
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => "text/plain",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_only_names() {
        for (name, wanted) in [
            ("a.txt", "a.txt"),
            ("../../etc/passwd", "passwd"),
            ("C:\\dir\\b.txt", "b.txt"),
            ("..", "upload"),
            ("", "upload"),
            ("a\n\0b", "ab"),
        ] {
            assert_eq!(base_name(name), wanted, "{name:?}");
        }
    }

    #[test]
    fn what_is_old_goes() {
        let folder = tempfile::tempdir().unwrap();
        let upload = keep(folder.path(), "a".to_owned(), b"x").unwrap();
        let path = folder.path().join(&upload.upload_id);
        sweep(folder.path());
        assert!(path.exists());
        let file = fs_err::File::options().write(true).open(&path).unwrap();
        let before = std::time::SystemTime::now() - LIFE - Duration::from_secs(1);
        file.into_parts().0.set_modified(before).unwrap();
        sweep(folder.path());
        assert!(!path.exists());
    }
}
