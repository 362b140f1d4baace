//! Files of the location's folder (reference `seed-http.md` §5).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
use opencode_project::search::{self, Glob, Grep, Match};
use opencode_schema::EventBody;
use opencode_schema::event::FileChange;
use opencode_schema::permission::Action;
use opencode_schema::time::iso;
use opencode_session::Location;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::form::compact;
use crate::audit::{Actor, Outcome, Record};
use crate::error::{ApiError, Kind};
use crate::extract::{At, Body, Folder, Query};
use crate::listen::App;

/// Levels of folders that are listed at most.
const DEPTH: usize = 10;
/// Largest file that is given at once.
const WHOLE_LIMIT: usize = 10 << 20;
/// Bytes of a regular expression and of a pattern of paths.
const REGEX_LIMIT: usize = 64 << 10;
const GLOB_LIMIT: usize = 4 << 10;
/// How long a search may take.
const SEARCH_LIMIT: Duration = Duration::from_secs(30);
/// Names that are looked at by one search for names.
const NAMES: usize = 100_000;

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

fn here() -> String {
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
}

impl Put {
    /// Writes it if the rules for `edit` allow it: here is nobody who could be asked.
    pub(super) async fn into_tree(
        self,
        app: &App,
        actor: &Actor,
        location: &Location,
        action: &'static str,
    ) -> Result<Written, ApiError> {
        let mut detail = json!({ "path": self.path });
        let done = self.written(location).await;
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

    async fn written(self, location: &Location) -> Result<Written, ApiError> {
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
        let written = beside(writing).await?;
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

#[derive(Deserialize, JsonSchema)]
pub(super) struct Search {
    /// What is looked for.
    query: String,
    /// Where: in lines, or in names.
    #[serde(default)]
    mode: SearchMode,
    /// Whether it is a regular expression.
    #[serde(default)]
    regex: bool,
    /// Whether capital letters matter.
    #[serde(default)]
    case_sensitive: bool,
    /// Only files that fit one of these patterns.
    #[serde(default)]
    include: Vec<String>,
    /// The folder to look in.
    path: Option<String>,
    /// How many, 1 to 1000.
    #[serde(default = "usual_matches")]
    limit: usize,
    /// Lines before and after that are given, 0 to 10.
    #[serde(default)]
    context_lines: usize,
}

fn usual_matches() -> usize {
    100
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum SearchMode {
    #[default]
    Content,
    Name,
}

pub(super) async fn search(folder: Folder, Body(wanted): Body<Search>) -> Result<Json<Value>, ApiError> {
    let bad = |reason: &str| Err(ApiError::bad_request(Kind::Payload, reason));
    if wanted.query.is_empty() || wanted.query.len() > REGEX_LIMIT {
        return bad("query is 1 to 65536 bytes\n  at query");
    }
    if wanted.include.iter().map(String::len).sum::<usize>() > GLOB_LIMIT {
        return bad("the patterns are too long\n  at include");
    }
    if !(1..=1000).contains(&wanted.limit) || wanted.context_lines > 10 {
        return bad("limit is 1 to 1000, context_lines 0 to 10");
    }
    let within = wanted.path.clone().unwrap_or_else(here);
    let root = folder.path.clone();
    let directory = beside(move || files::inside(&root, &within)).await?;
    let prefix = relative(&folder.path, &directory);
    let cancel = CancellationToken::new();
    let searching = async {
        match wanted.mode {
            SearchMode::Content => by_content(&wanted, directory, &prefix, &cancel).await,
            SearchMode::Name => by_name(&wanted, directory, &prefix, &cancel).await,
        }
    };
    let Ok(found) = tokio::time::timeout(SEARCH_LIMIT, searching).await else {
        cancel.cancel();
        return Ok(Json(json!({ "matches": [], "truncated": true, "partial": true })));
    };
    let mut matches = found.map_err(|error| match error {
        search::Error::Cancelled | search::Error::Broken(_) => ApiError::unexpected(&error),
        error => ApiError::bad_request(Kind::Payload, error.to_string()),
    })?;
    let truncated = matches.len() > wanted.limit;
    matches.truncate(wanted.limit);
    Ok(Json(
        json!({ "matches": matches, "truncated": truncated, "partial": false }),
    ))
}

async fn by_content(
    wanted: &Search,
    directory: std::path::PathBuf,
    prefix: &str,
    cancel: &CancellationToken,
) -> Result<Vec<Value>, search::Error> {
    let pattern = if wanted.regex {
        wanted.query.clone()
    } else {
        escaped(&wanted.query)
    };
    let flags = if wanted.case_sensitive { "" } else { "(?i)" };
    let query = Grep {
        directory: directory.clone(),
        pattern: format!("{flags}{pattern}"),
        include: match wanted.include.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            several => Some(format!("{{{}}}", several.join(","))),
        },
        limit: wanted.limit + 1,
    };
    let found = search::grep(query, cancel).await?;
    let context = wanted.context_lines;
    let prefix = prefix.to_owned();
    let rows = move || {
        let mut open: Option<(std::path::PathBuf, Vec<String>)> = None;
        let row = |found: &Match| {
            let mut row = json!({
                "path": joined(&prefix, &found.path),
                "line": found.line,
                "column": found.submatches.first().map_or(1, |one| one.start + 1),
                "text": found.text.trim_end_matches(['\n', '\r']),
                "submatches": found.submatches.iter().map(|one| {
                    json!({ "text": one.text, "start": one.start, "end": one.end })
                }).collect::<Vec<_>>(),
            });
            if context > 0 {
                if open.as_ref().is_none_or(|(path, _)| *path != found.path) {
                    open = Some((found.path.clone(), lines(&directory, &found.path)));
                }
                let lines = open.as_ref().map_or(&[][..], |(_, lines)| lines);
                let at = usize::try_from(found.line)
                    .unwrap_or(usize::MAX)
                    .saturating_sub(1);
                let before = lines.get(at.saturating_sub(context)..at).unwrap_or_default();
                let end = lines.len().min(at.saturating_add(1 + context));
                row["before"] = json!(before);
                row["after"] = json!(lines.get(at + 1..end).unwrap_or_default());
            }
            row
        };
        found.iter().map(row).collect()
    };
    tokio::task::spawn_blocking(rows)
        .await
        .map_err(search::Error::Broken)
}

fn lines(directory: &std::path::Path, path: &std::path::Path) -> Vec<String> {
    let bytes = files::read(directory, &path.to_string_lossy()).ok().flatten();
    let bytes = bytes.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let cut = |line: &str| line.chars().take(Match::MAX_TEXT).collect();
    text.lines().map(cut).collect()
}

async fn by_name(
    wanted: &Search,
    directory: std::path::PathBuf,
    prefix: &str,
    cancel: &CancellationToken,
) -> Result<Vec<Value>, search::Error> {
    let query = Glob {
        directory,
        pattern: match wanted.include.as_slice() {
            [] => String::new(),
            several => format!("{{{}}}", several.join(",")),
        },
        hidden: false,
        limit: NAMES,
    };
    let cased = |text: &str| {
        if wanted.case_sensitive {
            text.to_owned()
        } else {
            text.to_lowercase()
        }
    };
    let needle = cased(&wanted.query);
    let paths = search::glob(query, cancel).await?;
    let fits = |path: &&std::path::PathBuf| cased(&path.to_string_lossy()).contains(&needle);
    let rows = paths.iter().filter(fits).take(wanted.limit + 1);
    Ok(rows.map(|path| json!({ "path": joined(prefix, path) })).collect())
}

fn joined(prefix: &str, path: &std::path::Path) -> String {
    std::path::Path::new(prefix)
        .join(path)
        .to_string_lossy()
        .into_owned()
}

/// A text as a regular expression that means itself.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if r"\.+*?()|[]{}^$#&-~".contains(character) {
            out.push('\\');
        }
        out.push(character);
    }
    out
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
