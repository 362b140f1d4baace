//! `bash` of durable sessions: what a command printed, and how it ended.
//!
//! One question for the whole command line, so that «always» allows what was asked for and nothing else; the
//! commands in it are asked for beside it, since a rule that matches its beginning says nothing about the rest.
//! Folders that arguments name are told, not asked for (reference `v2.md` §6).

use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opencode_process::Ending;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::locate::check;
use super::schema::Count;
use super::{bound, facts, schema};
use crate::bash::permission::Needs;
use crate::bash::{self, End, NAME, Transcript, begin_job, follow, prepare, shell_command, shell_name};
use crate::contract::{
    Ask, Call, Definition, Failure, Output, PathKind, Scope, Tool, arguments, external_pattern,
};

const DESCRIPTION: &str = include_str!("../descriptions/durable/bash.md");

/// Milliseconds that a command may be given.
const MOST_MILLISECONDS: u64 = 600_000;

/// Bytes of what a killed command said that are told.
const LAST_WORDS: usize = 4096;

/// Runs a command line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bash {
    timeout: Duration,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Arguments {
    /// Command line for the shell
    command: String,
    /// Folder to run it in, instead of `cd`; default: the session's folder
    workdir: Option<String>,
    /// Milliseconds after which it is ended
    timeout: Option<Count<MOST_MILLISECONDS>>,
    /// Do not wait for its end: for servers and whatever runs for long
    background: Option<bool>,
}

impl Tool for Bash {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self, scope: &Scope) -> Definition {
        let description = DESCRIPTION
            .replace("{shell}", &shell_name(&scope.shell))
            .replace("{platform}", std::env::consts::OS)
            .replace("{timeout}", &self.timeout.as_millis().to_string())
            .replace("{lines}", &scope.truncation.max_lines.to_string())
            .replace("{bytes}", &scope.truncation.max_bytes.to_string());
        let description = match &scope.sandbox {
            None => description,
            Some(sandbox) => description + &bash::confinement(sandbox),
        };
        let mut definition = schema::definition::<Arguments>(&description);
        if scope.jobs.is_some() {
            definition.description.push_str(bash::BACKGROUND);
        } else if let Some(properties) = definition.parameters["properties"].as_object_mut() {
            properties.shift_remove("background");
        }
        definition
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        self.execute(call, input).boxed()
    }
}

impl Bash {
    /// A tool whose commands may take as long as `timeout` when the call does not say.
    pub(super) fn new(timeout: Option<Duration>) -> Self {
        Self {
            timeout: timeout.unwrap_or(bash::Bash::default().timeout),
        }
    }

    async fn execute(&self, call: &Call, input: Value) -> Result<Output, Failure> {
        let Arguments {
            command,
            workdir,
            timeout,
            background,
        } = arguments(NAME, input)?;
        if command.is_empty() {
            return Err(Failure::told("The command is empty."));
        }
        let directory = folder(call, workdir).await?;
        let warnings = ask(call, &command, &directory).await?;
        if call.cancel.is_cancelled() {
            return Err(Failure::Aborted);
        }
        if !tokio::fs::metadata(&directory)
            .await
            .is_ok_and(|metadata| metadata.is_dir())
        {
            return Err(Failure::told(format!(
                "Unable to execute command: {} is no folder",
                directory.display()
            )));
        }
        let timeout = timeout.map(|count| Duration::from_millis(count.0));
        if let Some(jobs) = call.scope.jobs.as_ref().filter(|_| background == Some(true)) {
            let (id, told) = begin_job(call, jobs, command.clone(), directory, timeout).await?;
            return Ok(begun(command, &id, told, &warnings));
        }
        let timeout = timeout.unwrap_or(self.timeout);
        prepare(&call.scope).await;
        let running = shell_command(call, command.clone(), directory, Some(timeout))
            .await?
            .start()
            .map_err(|error| Failure::told(error.to_string()))?;
        let mut transcript = Transcript::new(&call.scope.truncation);
        let ending = follow(running, &mut transcript, |_| {}).await;
        let end = transcript.finish().await;
        result(call, command, timeout, ending, end, &warnings)
    }
}

/// The result of a command that goes on.
fn begun(command: String, id: &str, told: String, warnings: &[String]) -> Output {
    let mut output = Output {
        title: command,
        output: told,
        metadata: facts(json!({ "exit": null, "truncated": false, "background": true, "jobId": id })),
        ..Output::default()
    };
    if !warnings.is_empty() {
        output.remarks.push(format!("Warnings:\n{}", warnings.join("\n")));
    }
    output
}

/// The folder that a command runs in.
async fn folder(call: &Call, workdir: Option<String>) -> Result<PathBuf, Failure> {
    let Some(given) = workdir.filter(|given| !given.is_empty()) else {
        return Ok(call.scope.directory.clone());
    };
    let path = call.scope.resolve(&given);
    check(call, &given, &path).await?;
    let place = call.reach(&path, PathKind::Directory).await?;
    Ok(place.target().to_owned())
}

/// Asks for a command line. Gives what a model should know of it.
async fn ask(call: &Call, command: &str, directory: &std::path::Path) -> Result<Vec<String>, Failure> {
    let needs = {
        let (call, command, directory) = (call.clone(), command.to_owned(), directory.to_owned());
        crate::write::blocking(move || Needs::of(&call, &command, &directory)).await?
    };
    let mut patterns = vec![command.to_owned()];
    let inside = needs.patterns.into_iter();
    patterns.extend(inside.filter(|pattern| pattern != command.trim()));
    call.ask(Ask {
        permission: NAME.into(),
        always: patterns.clone(),
        patterns,
        ..Ask::default()
    })
    .await?;
    let outside = needs.directories.iter().filter(|path| *path != directory);
    Ok(outside
        .map(|path| {
            format!(
                "- The command works outside the session's folder: {}",
                external_pattern(path)
            )
        })
        .collect())
}

fn result(
    call: &Call,
    command: String,
    timeout: Duration,
    ending: Ending,
    end: End,
    warnings: &[String],
) -> Result<Output, Failure> {
    let mut said = end.text;
    let (remark, facts) = match ending {
        Ending::Exited {
            signal: Some(signal), ..
        } => return Err(killed(signal, &said)),
        Ending::Cancelled => return Err(Failure::Aborted),
        Ending::Exited { code, .. } => (
            format!("Command exited with code {}.", code.unwrap_or_default()),
            json!({ "exit": code, "truncated": false }),
        ),
        Ending::TimedOut => {
            if !said.is_empty() && !said.ends_with('\n') {
                said.push('\n');
            }
            said.push_str(&format!(
                "Command exceeded timeout of {} ms. Give a larger one if it only needs more time.",
                timeout.as_millis()
            ));
            (
                "Command timed out before completion.".to_owned(),
                json!({ "truncated": false, "timeout": true }),
            )
        }
    };
    let remark = if warnings.is_empty() {
        remark
    } else {
        format!("Warnings:\n{}\n\n{remark}", warnings.join("\n"))
    };
    let mut output = Output {
        title: command,
        metadata: self::facts(facts),
        ..Output::default()
    };
    if !end.truncated {
        output.output = if said.is_empty() {
            "(no output)".into()
        } else {
            said
        };
        output.remarks.push(remark);
        return Ok(output);
    }
    let last = format!("{}\n{remark}", said.trim_end_matches('\n'));
    output.output = bound::ends(&call.scope.truncation, &end.head, &last, end.saved.as_deref());
    let saved = end.saved.map(|path| path.to_string_lossy().into_owned());
    output.output_paths.extend(saved);
    Ok(output)
}

/// A command that somebody else ended has no exit code.
fn killed(signal: i32, said: &str) -> Failure {
    let from = said.ceil_char_boundary(said.len().saturating_sub(LAST_WORDS));
    let said = said.get(from..).unwrap_or_default();
    Failure::told(format!(
        "Unable to execute command: it was ended by signal {signal}. It said before:\n{said}"
    ))
}
