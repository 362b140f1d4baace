//! Finding lines, and files by name (reference `seed-http.md` §5).

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Json;
use opencode_project::files;
use opencode_project::path::relative;
use opencode_project::search::{self, Glob, Grep, Match};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::file::{beside, here};
use crate::error::{ApiError, Kind};
use crate::extract::{Body, Folder};

/// Bytes of a regular expression and of a pattern of paths.
const REGEX_LIMIT: usize = 64 << 10;
const GLOB_LIMIT: usize = 4 << 10;
/// How long a search may take.
const SEARCH_LIMIT: Duration = Duration::from_secs(30);
/// Names that are looked at by one search for names.
const NAMES: usize = 100_000;

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
    directory: PathBuf,
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
        let mut open: Option<(PathBuf, Vec<String>)> = None;
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

fn lines(directory: &Path, path: &Path) -> Vec<String> {
    let bytes = files::read(directory, &path.to_string_lossy()).ok().flatten();
    let bytes = bytes.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let cut = |line: &str| line.chars().take(Match::MAX_TEXT).collect();
    text.lines().map(cut).collect()
}

async fn by_name(
    wanted: &Search,
    directory: PathBuf,
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
    let fits = |path: &&PathBuf| cased(&path.to_string_lossy()).contains(&needle);
    let rows = paths.iter().filter(fits).take(wanted.limit + 1);
    Ok(rows.map(|path| json!({ "path": joined(prefix, path) })).collect())
}

fn joined(prefix: &str, path: &Path) -> String {
    Path::new(prefix).join(path).to_string_lossy().into_owned()
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
