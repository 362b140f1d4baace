//! `opencode db` (reference `cli.md` §11): the database as SQLite sees it.

use opencode_store::Database;
use serde_json::{Map, Value};

use crate::arguments::{Db, DbCommand, RowFormat};
use crate::context::Context;
use crate::failure::Failure;

/// Runs a query, or gives the file to `sqlite3`.
pub(crate) async fn run(context: &Context, arguments: Db) -> Result<(), Failure> {
    let path = context.paths.database(&context.environment);
    if matches!(arguments.command, Some(DbCommand::Path)) {
        let path = path.map_or_else(|| ":memory:".to_owned(), |path| path.display().to_string());
        return context.output.data(path);
    }
    let path =
        path.ok_or_else(|| Failure::told("The database is in memory: there is nothing to look into"))?;
    if matches!(arguments.command, Some(DbCommand::Check)) {
        return check(context, path).await;
    }
    // Makes it if it is missing, and says what is wrong with it.
    drop(opencode_store::Store::open(Database::File(path.clone())).await?);
    let Some(query) = arguments.query else {
        return shell(&path).await;
    };
    let (output, format) = (context.output, arguments.format);
    let work = move || {
        let mut written = 0;
        let result = opencode_store::query(&path, &query, |names, values| {
            written += 1;
            match format {
                RowFormat::Tsv => {
                    if written == 1 {
                        output.data(names.join("\t"))?;
                    }
                    output.data(values.iter().map(plain).collect::<Vec<_>>().join("\t"))
                }
                RowFormat::Json => {
                    let row: Map<String, Value> = names.iter().cloned().zip(values).collect();
                    output.piece(if written == 1 { "[\n" } else { ",\n" })?;
                    let text = serde_json::to_string_pretty(&row)?;
                    output.piece(format_args!("  {}", text.replace('\n', "\n  ")))
                }
            }
        });
        match (format, written) {
            (RowFormat::Json, 1..) => output.data("\n]")?,
            (RowFormat::Json, 0) if result.is_ok() => output.data("[]")?,
            _ => {}
        }
        result
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(anyhow::Error::from)?
}

/// Says what is wrong with the file, a line each.
async fn check(context: &Context, path: std::path::PathBuf) -> Result<(), Failure> {
    if !path.exists() {
        return Err(Failure::told(format!(
            "There is no database at {}",
            path.display()
        )));
    }
    let report = tokio::task::spawn_blocking(move || opencode_store::check(&path)).await;
    let report = report.map_err(anyhow::Error::from)??;
    for note in &report.notes {
        context.output.data(note)?;
    }
    for problem in &report.problems {
        context.output.data(format_args!("wrong: {problem}"))?;
    }
    if report.problems.is_empty() {
        return context.output.data("Nothing is wrong");
    }
    Err(Failure::Silent)
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The database in `sqlite3`, for as long as the user likes.
async fn shell(path: &std::path::Path) -> Result<(), Failure> {
    let status = tokio::process::Command::new("sqlite3").arg(path).status().await;
    let status = status.map_err(|error| {
        Failure::told(format!(
            "sqlite3 cannot be started: {error}\nGive a query, as in: opencode db \"SELECT title FROM session\""
        ))
    })?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::Silent)
    }
}
