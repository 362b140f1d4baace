//! Files of the location's folder (reference `seed-http.md` §5).

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opencode_permission::rules;
use opencode_project::files::tree::{self, Listing};
use opencode_project::files::write::{Condition, Mode, Written, hash_of};
use opencode_project::files::{self, Error};
use opencode_project::path::relative;
use opencode_schema::EventBody;
use opencode_schema::event::FileChange;
use opencode_schema::permission::Action;
use opencode_schema::time::iso;
use opencode_session::Location;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::form::compact;
use crate::audit::{Actor, Outcome, Record};
use crate::error::{ApiError, Kind};
use crate::extract::{At, Body, Folder, Query};
use crate::listen::App;

/// Levels of folders that are listed at most.
const DEPTH: usize = 10;
/// Largest file that is given at once.
const WHOLE_LIMIT: usize = 10 << 20;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Listed {
    /// The folder.
    #[serde(default = "here")]
    path: String,
    /// Also what is in its folders.
    #[serde(default)]
    recursive: bool,
    /// How many levels, 1 to 10.
    depth: Option<usize>,
    /// Also what begins with a dot.
    #[serde(default)]
    hidden: bool,
    /// Also what the rules leave out.
    #[serde(default)]
    ignored: bool,
    /// How many, 1 to 5000.
    #[serde(default = "usual_entries")]
    limit: usize,
}

pub(super) fn here() -> String {
    ".".to_owned()
}

fn usual_entries() -> usize {
    1000
}

pub(super) async fn list(folder: Folder, Query(wanted): Query<Listed>) -> Result<Json<Value>, ApiError> {
    let depth = wanted.depth.unwrap_or(if wanted.recursive { DEPTH } else { 1 });
    if !(1..=DEPTH).contains(&depth) || !(1..=5000).contains(&wanted.limit) {
        return Err(ApiError::bad_request(
            Kind::Query,
            "depth is 1 to 10, limit 1 to 5000",
        ));
    }
    let listing = Listing {
        path: wanted.path.clone(),
        depth,
        hidden: wanted.hidden,
        ignored: wanted.ignored,
        limit: wanted.limit,
    };
    let (entries, truncated) = beside(move || tree::tree(&folder.path, &listing)).await?;
    let row = |entry: tree::Listed| {
        compact(json!({
            "name": entry.name,
            "path": entry.path,
            "type": match entry.kind {
                tree::Kind::File => "file",
                tree::Kind::Folder => "directory",
                tree::Kind::Link => "symlink",
            },
            "size": entry.size,
            "mtime": entry.modified.map(written_time),
            "ignored": entry.ignored,
        }))
    };
    let entries: Vec<Value> = entries.into_iter().map(row).collect();
    Ok(Json(
        json!({ "path": wanted.path, "entries": entries, "truncated": truncated }),
    ))
}

fn written_time(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    iso(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Page {
    /// The file.
    path: String,
    /// Lines before the first that is given.
    offset: Option<usize>,
    /// Lines that are given: 2000.
    limit: Option<usize>,
    /// How the content is written.
    #[serde(default)]
    encoding: Encoding,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    #[default]
    Auto,
    Utf8,
    Base64,
}

pub(super) async fn read(folder: Folder, Query(page): Query<Page>) -> Result<Json<Value>, ApiError> {
    let path = page.path.clone();
    let (bytes, modified) = beside(move || {
        let absolute = files::inside(&folder.path, &path)?;
        let bytes = files::read(&folder.path, &path)?;
        let modified = fs_err::metadata(absolute)?.modified().ok();
        Ok((bytes.unwrap_or_default(), modified))
    })
    .await?;
    let is_paged = page.offset.is_some() || page.limit.is_some();
    if bytes.len() > WHOLE_LIMIT && !is_paged {
        let error = ApiError::tagged(
            StatusCode::PAYLOAD_TOO_LARGE,
            "PayloadTooLargeError",
            "The file is large: ask for lines of it with offset and limit",
        );
        return Err(error.with("limit", WHOLE_LIMIT));
    }
    // Large files take a moment to hash.
    let shown = tokio::task::spawn_blocking(move || shown(&page, &bytes, modified)).await;
    shown.map_err(|error| ApiError::unexpected(&error))?.map(Json)
}

fn shown(page: &Page, bytes: &[u8], modified: Option<SystemTime>) -> Result<Value, ApiError> {
    let text = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'));
    let mut answer = json!({
        "path": page.path,
        "size": bytes.len(),
        "sha256": hash_of(bytes),
        "mime": super::upload::sniffed(bytes),
        "truncated": false,
    });
    if let Some(modified) = modified {
        answer["mtime"] = written_time(modified).into();
    }
    let text = match (page.encoding, text) {
        (Encoding::Utf8, None) => {
            let reason = "the file is no text: ask for base64";
            return Err(ApiError::bad_request(Kind::Query, reason));
        }
        (Encoding::Base64, _) | (_, None) => None,
        (_, text) => text,
    };
    let Some(text) = text else {
        answer["type"] = "binary".into();
        answer["encoding"] = "base64".into();
        answer["content"] = STANDARD.encode(bytes).into();
        return Ok(answer);
    };
    let lines = text.split_inclusive('\n');
    let total = lines.clone().count();
    let (offset, limit) = (page.offset.unwrap_or(0), page.limit.unwrap_or(2000));
    let content: String = lines.skip(offset).take(limit).collect();
    answer["type"] = "text".into();
    answer["encoding"] = "utf8".into();
    answer["content"] = content.into();
    answer["lines"] = total.into();
    answer["truncated"] = (offset.saturating_add(limit) < total).into();
    Ok(answer)
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Writing {
    /// The file.
    path: String,
    /// What is written.
    content: String,
    /// How that is written here.
    #[serde(default)]
    encoding: Encoding,
    /// Whether folders that are missing are made.
    #[serde(default)]
    create_dirs: bool,
    /// The SHA-256 of what must be there, or `absent`.
    if_match: Option<String>,
    /// What becomes of what is there.
    #[serde(default)]
    mode: WriteMode,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum WriteMode {
    #[default]
    Overwrite,
    Create,
    Append,
}

pub(super) async fn write(
    State(app): State<App>,
    actor: Actor,
    At(location): At,
    Body(wanted): Body<Writing>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let content = match wanted.encoding {
        Encoding::Base64 => STANDARD
            .decode(&wanted.content)
            .map_err(|_| ApiError::bad_request(Kind::Payload, "the content is no base64\n  at content"))?,
        Encoding::Auto | Encoding::Utf8 => wanted.content.into_bytes(),
    };
    let condition = wanted.if_match.map(|text| match text.as_str() {
        "absent" => Condition::Absent,
        _ => Condition::Hash(text),
    });
    let mode = match wanted.mode {
        WriteMode::Overwrite => Mode::Overwrite,
        WriteMode::Create => Mode::Create,
        WriteMode::Append => Mode::Append,
    };
    let put = Put {
        path: wanted.path.clone(),
        content,
        mode,
        make_folders: wanted.create_dirs,
        condition,
        is_settled: true,
    };
    let written = put.into_tree(&app, &actor, &location, "file.write").await?;
    let status = if written.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let body = json!({
        "path": wanted.path, "bytes": written.bytes, "sha256": written.hash, "created": written.created,
    });
    Ok((status, Json(body)))
}

/// Something for the folder.
pub(super) struct Put {
    pub(super) path: String,
    pub(super) content: Vec<u8>,
    pub(super) mode: Mode,
    pub(super) make_folders: bool,
    pub(super) condition: Option<Condition>,
    /// Formatters get it, and language servers see it.
    pub(super) is_settled: bool,
}

impl Put {
    /// Writes it if the rules for `edit` allow it: here is nobody who could be asked.
    pub(super) async fn into_tree(
        self,
        app: &App,
        actor: &Actor,
        location: &Arc<Location>,
        action: &'static str,
    ) -> Result<Written, ApiError> {
        let mut detail = json!({ "path": self.path });
        let done = self.written(app, location).await;
        let outcome = match &done {
            Ok(written) => {
                detail["bytes"] = written.bytes.into();
                detail["sha256"] = written.hash.clone().into();
                Outcome::Ok
            }
            Err(_) => Outcome::Denied,
        };
        app.audit.record(
            &Record::new(actor, action, detail)
                .at(location)
                .with(outcome, None),
        );
        done
    }

    async fn written(self, app: &App, location: &Arc<Location>) -> Result<Written, ApiError> {
        let root = location.directory.clone();
        let (place_root, path) = (root.clone(), self.path.clone());
        let place = beside(move || files::write::place(&place_root, &path)).await?;
        let agent = location.default_agent()?;
        let pattern = relative(&location.worktree, &place);
        if rules::evaluate("edit", &pattern, &[&agent.permission]) != Action::Allow {
            return Err(ApiError::tagged(
                StatusCode::FORBIDDEN,
                "ForbiddenError",
                format!("The rules do not allow to edit {pattern} without asking"),
            ));
        }
        let is_settled = self.is_settled;
        let writing = move || {
            files::write::write(
                &root,
                &self.path,
                &self.content,
                self.mode,
                self.make_folders,
                self.condition.as_ref(),
            )
        };
        let mut written = beside(writing).await?;
        if is_settled {
            let formatted = app.engine.written_by_hand(location, written.path.clone()).await;
            if let Some(bytes) = formatted {
                written.bytes = bytes.len() as u64;
                written.hash = hash_of(&bytes);
            }
        }
        let file = written.path.to_string_lossy().into_owned();
        let event = if written.created {
            FileChange::Add
        } else {
            FileChange::Change
        };
        location
            .store
            .announce_now(EventBody::FileEdited { file: file.clone() });
        location
            .store
            .announce_now(EventBody::FileWatcherUpdated { file, event });
        Ok(written)
    }
}

/// Looks at files on a thread that may wait for them.
pub(super) async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ApiError::unexpected(&error))?
        .map_err(|error| {
            let message = error.to_string();
            match error {
                Error::Outside(_) => ApiError::tagged(StatusCode::FORBIDDEN, "ForbiddenError", message),
                Error::Unsuitable(_) => ApiError::bad_request(Kind::Payload, message),
                Error::Changed(_) => ApiError::tagged(StatusCode::CONFLICT, "ConflictError", message),
                Error::TooLarge(_) => {
                    ApiError::tagged(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLargeError", message)
                }
                Error::Io(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    ApiError::not_found(message)
                }
                Error::Io(error) => ApiError::unexpected(&error),
            }
        })
}
