//! `opencode storage`: how much room the program takes by what, and taking away what is too old.

use std::path::Path;

use opencode_config::Paths;
use opencode_project::snapshot;
use opencode_project::trash::Trash;
use opencode_store::Database;
use serde::Serialize;
use serde_json::json;

use crate::arguments::{Storage, StorageAction};
use crate::context::Context;
use crate::failure::Failure;

/// Something that takes room.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    bytes: u64,
    count: u64,
    /// What is counted.
    of: &'static str,
}

pub(crate) async fn run(context: &Context, arguments: Storage) -> Result<(), Failure> {
    match arguments.action {
        None => {
            let rows = measure(context).await?;
            show(context, &rows, arguments.json)
        }
        Some(StorageAction::Gc) => clean(context, arguments.json).await,
    }
}

/// Reads sizes where they are; nothing is opened for writing.
async fn measure(context: &Context) -> Result<Vec<Row>, Failure> {
    let paths = context.paths.clone();
    let database = opencode_session::database(&paths, &context.environment)?;
    let work = move || rows(&paths, &database);
    tokio::task::spawn_blocking(work)
        .await
        .map_err(anyhow::Error::from)?
}

fn rows(paths: &Paths, database: &Database) -> Result<Vec<Row>, Failure> {
    let row = |name, (bytes, count), of| Row {
        name,
        bytes,
        count,
        of,
    };
    let mut rows = Vec::new();
    let file = match database {
        Database::File(path) => Some(path).filter(|path| path.exists()),
        _ => None,
    };
    if file.is_some() || matches!(database, Database::Server(_)) {
        let sizes = opencode_store::sizes(database)?;
        rows.push(row(
            "sessions",
            (sizes.sessions_bytes, sizes.sessions),
            "sessions",
        ));
        rows.push(row("events", (sizes.events_bytes, sizes.events), "events"));
        let beside = file.map(|path| {
            ["-wal", "-shm"].map(|ending| {
                let mut name = path.clone().into_os_string();
                name.push(ending);
                size(Path::new(&name)).0
            })
        });
        let other = sizes.other_bytes + beside.iter().flatten().sum::<u64>();
        rows.push(row("other rows", (other, 1), "database"));
    }
    if let Some(path) = file {
        let backups = opencode_store::backups(path);
        let bytes = backups.iter().map(|path| size(path).0).sum();
        rows.push(row("backups", (bytes, backups.len() as u64), "copies"));
    }
    let folder = |name: &str| size(&paths.data.join(name));
    let snapshots = snapshot::git_dirs(&paths.data).len() as u64;
    rows.push(row("snapshots", (folder("snapshot").0, snapshots), "worktrees"));
    rows.push(row("tool results", size(&paths.tool_output()), "files"));
    let trash = paths.trash();
    let entries = Trash::new(trash.clone()).entries().len() as u64;
    rows.push(row("trash", (size(&trash).0, entries), "entries"));
    rows.push(row("search index", folder("index"), "files"));
    rows.push(row("logs", folder("log"), "files"));
    rows.push(row("decisions", size(&paths.decisions()), "files"));
    Ok(rows)
}

/// Bytes and number of the files at a path and below it; links are not followed. What goes meanwhile does
/// not count.
fn size(path: &Path) -> (u64, u64) {
    let (mut bytes, mut files) = (0, 0);
    let mut waiting = vec![path.to_owned()];
    while let Some(path) = waiting.pop() {
        let Ok(metadata) = fs_err::symlink_metadata(&path) else {
            continue;
        };
        if metadata.is_dir() {
            let entries = fs_err::read_dir(&path).into_iter().flatten();
            waiting.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
        } else {
            bytes += metadata.len();
            files += 1;
        }
    }
    (bytes, files)
}

fn show(context: &Context, rows: &[Row], as_json: bool) -> Result<(), Failure> {
    let total: u64 = rows.iter().map(|row| row.bytes).sum();
    if as_json {
        let all = json!({ "path": context.paths.data, "bytes": total, "parts": rows });
        return context.output.data(serde_json::to_string_pretty(&all)?);
    }
    for row in rows {
        context.output.data(format_args!(
            "{:<14}{:>12}  {} {}",
            row.name,
            readable(row.bytes),
            row.count,
            row.of
        ))?;
    }
    context
        .output
        .data(format_args!("{:<14}{:>12}", "all", readable(total)))
}

async fn clean(context: &Context, as_json: bool) -> Result<(), Failure> {
    let total = |rows: Vec<Row>| rows.iter().map(|row| row.bytes).sum::<u64>();
    let before = total(measure(context).await?);
    let (engine, location) = context.here().await?;
    let cleaned = engine.clean_up(&location).await;
    engine.shutdown().await;
    let freed = before.saturating_sub(total(measure(context).await?));
    if as_json {
        let all = json!({
            "toolResults": cleaned.results, "trash": cleaned.trash, "snapshots": cleaned.snapshots, "bytes": freed,
        });
        return context.output.data(serde_json::to_string_pretty(&all)?);
    }
    context.output.data(format_args!(
        "{} tool results and {} entries of the trash are gone, {} snapshots were looked through, {} are free",
        cleaned.results,
        cleaned.trash,
        cleaned.snapshots,
        readable(freed)
    ))
}

#[expect(clippy::cast_precision_loss, reason = "it is shown with one digit")]
fn readable(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
