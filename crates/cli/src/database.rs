//! `opencode db` (reference `cli.md` §11): the database as its own programs see it.

use opencode_store::Database;
use serde_json::{Map, Value};

use crate::arguments::{Db, DbCommand, RowFormat};
use crate::context::Context;
use crate::failure::Failure;

/// Runs a query, or gives the file to `sqlite3`.
pub(crate) async fn run(context: &Context, arguments: Db) -> Result<(), Failure> {
    let database = opencode_session::database(&context.paths, &context.environment)?;
    if matches!(arguments.command, Some(DbCommand::Path)) {
        return context.output.data(&database);
    }
    if database == Database::Memory {
        return Err(Failure::told(
            "The database is in memory: there is nothing to look into",
        ));
    }
    if matches!(arguments.command, Some(DbCommand::Check)) {
        return check(context, database).await;
    }
    // Makes it if it is missing, and says what is wrong with it.
    drop(opencode_store::Store::open(database.clone()).await?);
    let Some(query) = arguments.query else {
        return match &database {
            Database::File(path) => shell(path).await,
            _ => Err(Failure::told(
                "The database is on a server: give a query, or open it with psql",
            )),
        };
    };
    let (output, format) = (context.output, arguments.format);
    let work = move || {
        let mut written = 0;
        let result = opencode_store::query(&database, &query, |names, values| {
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
async fn check(context: &Context, database: Database) -> Result<(), Failure> {
    if let Database::File(path) = &database
        && !path.exists()
    {
        return Err(Failure::told(format!(
            "There is no database at {}",
            path.display()
        )));
    }
    let report = tokio::task::spawn_blocking(move || opencode_store::check(&database)).await;
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
