//! `opencode config`: what is in force here and who says it, changing it, and other notations of it.

use std::path::{Path, PathBuf};

use opencode_config::origin::{self, Origin};
use opencode_config::{Loaded, convert, edit, schema_document};
use serde_json::{Value, json};

use crate::arguments;
use crate::context::Context;
use crate::debug::config::redacted;
use crate::failure::Failure;
use crate::output::Style;

pub(crate) async fn run(context: &Context, command: arguments::Config) -> Result<(), Failure> {
    match command.action {
        None => show(context, command.json).await,
        Some(arguments::ConfigAction::Get { key }) => get(context, &key).await,
        Some(arguments::ConfigAction::Set { key, value, place }) => {
            // What is no JSON is a text.
            let value = serde_json::from_str(&value).unwrap_or(Value::String(value));
            change(context, &key, Some(&value), &place).await
        }
        Some(arguments::ConfigAction::Unset { key, place }) => change(context, &key, None, &place).await,
        Some(arguments::ConfigAction::Convert { file, to, write }) => {
            convert_file(context, &file, to, write).await
        }
        Some(arguments::ConfigAction::Schema) => context.output.piece(format_args!("{}", schema_document())),
    }
}

/// The effective configuration of the folder that the user is in, with its sources.
async fn load(context: &Context) -> Result<(Loaded, PathBuf), Failure> {
    let (engine, location) = context.here().await?;
    engine.shutdown().await;
    let place = opencode_config::Place {
        directory: &location.directory,
        worktree: &location.worktree,
    };
    let loaded = opencode_config::load(place, &context.paths, &context.environment)
        .map_err(|error| Failure::told(error.to_string()))?;
    Ok((loaded, location.directory.clone()))
}

/// One line a value: key, value, source. Secrets are not shown.
async fn show(context: &Context, as_json: bool) -> Result<(), Failure> {
    let (loaded, directory) = load(context).await?;
    let shown = redacted(loaded.effective.clone(), false);
    let mut objects = Vec::new();
    for Origin { key, value, sources } in loaded.origins() {
        // What nobody says and says nothing, and where descriptions stand, is of no use to people.
        let says_nothing = sources.is_empty() && (value == json!({}) || value == json!([]));
        if !as_json && (says_nothing || key == ["$schema"]) {
            continue;
        }
        let value = origin::get(&shown, &key).cloned().unwrap_or_default();
        let sources: Vec<String> = sources
            .iter()
            .map(|source| short(context, &directory, source))
            .collect();
        if as_json {
            objects.push(json!({ "key": key, "value": value, "sources": sources }));
            continue;
        }
        let sources = match sources.as_slice() {
            [] => "program".to_owned(),
            all => all.join(", "),
        };
        let source = context
            .output
            .styled_data(Style::Dim, format_args!("  # {sources}"));
        context
            .output
            .data(format_args!("{} = {value}{source}", origin::written(&key)))?;
    }
    if as_json {
        context.output.data(serde_json::to_string_pretty(&objects)?)?;
    }
    for (file, key, near) in loaded.ignored() {
        let near = near
            .map(|near| format!("; did you mean {near}?"))
            .unwrap_or_default();
        let file = short(context, &directory, &file);
        context.output.warning(format_args!(
            "{file}: nobody knows the key {}{near}",
            origin::written(&key)
        ));
    }
    Ok(())
}

/// A source as short as it can be said.
fn short(context: &Context, directory: &Path, source: &str) -> String {
    match Path::new(source).strip_prefix(directory) {
        Ok(below) if source.starts_with('/') => below.display().to_string(),
        _ if source.starts_with('/') => context.paths.shorten(Path::new(source)),
        _ => source.to_owned(),
    }
}

async fn get(context: &Context, key: &str) -> Result<(), Failure> {
    let path = parsed(key)?;
    let (loaded, _) = load(context).await?;
    match origin::get(&loaded.effective, &path) {
        Some(Value::String(text)) => context.output.data(text),
        Some(value) => context.output.data(serde_json::to_string_pretty(value)?),
        None => Err(Failure::told(format!("{key} is not set"))),
    }
}

async fn change(
    context: &Context,
    key: &str,
    value: Option<&Value>,
    place: &arguments::ConfigPlace,
) -> Result<(), Failure> {
    let path = parsed(key)?;
    let file = match (&place.file, place.global) {
        (Some(file), _) => context.directory()?.join(file),
        (None, true) => edit::global_file(&context.paths),
        (None, false) => edit::project_file(&context.directory()?),
    };
    let (paths, environment) = (&context.paths, &context.environment);
    let is_new = edit::set(&file, &path, value, paths, environment)
        .map_err(|error| Failure::told(error.to_string()))?;
    let file = context.paths.shorten(&file);
    context.output.say(if is_new {
        format!("Changed {file}")
    } else {
        format!("{file} says so already")
    });
    Ok(())
}

async fn convert_file(
    context: &Context,
    file: &Path,
    to: Option<arguments::Notation>,
    write: bool,
) -> Result<(), Failure> {
    let directory = context.directory()?;
    let worktree = opencode_project::identity::discover(&directory).await.worktree;
    let file = directory.join(file);
    let to = to.map(|to| match to {
        arguments::Notation::Json => "json",
        arguments::Notation::Jsonc => "jsonc",
        arguments::Notation::Toml => "toml",
    });
    let among = convert::Among {
        place: opencode_config::Place {
            directory: &directory,
            worktree: &worktree,
        },
        paths: &context.paths,
        environment: &context.environment,
    };
    let converted =
        convert::file_among(&file, to, among).map_err(|error| Failure::told(error.to_string()))?;
    for line in &converted.report {
        context.output.say(line);
    }
    if !write {
        return context.output.piece(&converted.text);
    }
    let written = convert::write(&file, &converted, &context.paths, &context.environment)
        .map_err(|error| Failure::told(error.to_string()))?;
    let (new, old) = (
        context.paths.shorten(&converted.path),
        context.paths.shorten(&written),
    );
    context
        .output
        .say(format_args!("Wrote {new}; the file as it was is {old}"));
    Ok(())
}

fn parsed(key: &str) -> Result<Vec<String>, Failure> {
    origin::key(key).ok_or_else(|| {
        Failure::told(format!(
            "{key:?} is no key\nParts are joined by dots; one that has a dot in it stands in double quotes"
        ))
    })
}
