//! `opencode session recover`: sessions whose folder is gone, and sessions in other database files of the
//! data folder. Nothing is ever deleted.

use std::path::{Path, PathBuf};

use opencode_session::{Engine, Location, Stray};
use opencode_store::Database;

use crate::context::Context;
use crate::failure::Failure;

/// Lists what there is to recover, or recovers it.
pub(super) async fn run(context: &Context, apply: bool) -> Result<(), Failure> {
    let (engine, location) = context.here().await?;
    let result = recover(context, &engine, &location, apply).await;
    engine.shutdown().await;
    result
}

async fn recover(
    context: &Context,
    engine: &Engine,
    location: &Location,
    apply: bool,
) -> Result<(), Failure> {
    let (mut found, mut left) = (0, 0);
    // First the other files: what comes from them may have moved, too.
    let own = opencode_session::database(&context.paths, &context.environment)?;
    if own != Database::Memory {
        for file in other_files(&context.paths.data, &own) {
            found += 1;
            if !from_file(context, &own, file, apply).await? {
                left += 1;
            }
        }
    }
    for Stray { session, destination } in engine.stray_sessions(location).await? {
        found += 1;
        let (id, directory) = (&session.id, &session.directory);
        let Some(destination) = destination else {
            left += 1;
            context.output.data(format_args!(
                "{id}  {directory} is gone, and where its project is now is not known"
            ))?;
            continue;
        };
        let to = destination.display();
        if !apply {
            context
                .output
                .data(format_args!("{id}  {directory} is gone; its project is in {to}"))?;
            continue;
        }
        let name = destination.to_string_lossy();
        match engine.move_session(id, &destination, &name, false).await {
            Ok(()) => context.output.data(format_args!("{id}  moved to {to}"))?,
            Err(error) => {
                left += 1;
                context.output.data(format_args!("{id}  stays: {error}"))?;
            }
        }
    }
    if found == 0 {
        context.output.say("There is nothing to recover");
    } else if !apply && left < found {
        context
            .output
            .say("Nothing was changed; --apply moves and takes over what can be");
    } else if left > 0 {
        context
            .output
            .say("To bring a project's sessions along, run this in the folder where it is now");
    }
    Ok(())
}

/// Database files of the data folder that are not the one in use.
fn other_files(data: &Path, own: &Database) -> Vec<PathBuf> {
    let is_database = |name: &str| name.starts_with("opencode") && name.ends_with(".db");
    let real = |path: &Path| fs_err::canonicalize(path).ok();
    let own = match own {
        Database::File(path) => real(path),
        _ => None,
    };
    let mut files: Vec<PathBuf> = fs_err::read_dir(data)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_str().is_some_and(is_database))
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && real(path) != own)
        .collect();
    files.sort();
    files
}

/// Says what a file holds, or takes it over; whether something can be, or was, done with it.
async fn from_file(context: &Context, own: &Database, file: PathBuf, apply: bool) -> Result<bool, Failure> {
    let own = own.clone();
    let name = file.display().to_string();
    let work = move || {
        let missing = opencode_store::missing_sessions(&own, &file)?;
        let taken = match apply && !missing.is_empty() {
            true => Some(opencode_store::take_over(&own, &file)?),
            false => None,
        };
        Ok::<_, opencode_store::Error>((missing.len(), taken))
    };
    let result = tokio::task::spawn_blocking(work)
        .await
        .map_err(anyhow::Error::from)?;
    let (missing, taken) = match result {
        Ok(result) => result,
        Err(error) => {
            context
                .output
                .data(format_args!("{name}  stays as it is: {error}"))?;
            return Ok(false);
        }
    };
    let Some(taken) = taken else {
        context
            .output
            .data(format_args!("{name}  holds {missing} sessions that are not here"))?;
        return Ok(missing > 0);
    };
    for id in &taken.taken {
        context
            .output
            .data(format_args!("{id}  taken over from {name}"))?;
    }
    for (id, reason) in &taken.refused {
        context
            .output
            .data(format_args!("{id}  stays in {name}: {reason}"))?;
    }
    Ok(taken.refused.is_empty())
}
