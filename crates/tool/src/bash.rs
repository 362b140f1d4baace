//! The `bash` tool: runs a command line in the shell of the place (reference `tools.md` §3, bash).
//!
//! Asks first — for every folder outside that the command names, then for every command in it
//! ([`permission`]) —, runs it, shows its output while it comes, and gives the end of the output back
//! ([`transcript`]). An exit code other than 0 is no failure: the model reads what the command said.
//! How processes are started and ended is the business of `opencode-process`.

pub(crate) mod permission;
mod transcript;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opencode_process::{Ending, Environment, Event, Running, Sandbox, ShellCommand};
use opencode_schema::Object;
use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use crate::contract::{Background, Call, Definition, Failure, Output, Scope, Tool, arguments, schema_of};
use crate::jobs::{self, Jobs};
pub use transcript::{End, Transcript};

pub(crate) const NAME: &str = "bash";
const DESCRIPTION: &str = include_str!("descriptions/bash.md");

/// What a model is told where commands may go on in the background.
pub(crate) const BACKGROUND: &str = "\n\nWith `background` a command goes on after the call, without a limit unless you give `timeout`. \
    You get the id of a job for the `job` tool, and are told when it has ended. Do not use `&` for that.";

/// What a command gets beyond its timeout, so that one that knows its limit can end by itself.
const TIMEOUT_GRACE: Duration = Duration::from_millis(100);
/// How often progress is shown at most.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);
/// The largest number that every JSON reader takes for whole.
const LARGEST_INTEGER: i64 = 9_007_199_254_740_991;

/// The `bash` tool. It has this name with every shell.
#[derive(Clone, Debug)]
pub struct Bash {
    /// How long a command may take when the model does not say.
    pub timeout: Duration,
}

impl Default for Bash {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(120_000),
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Arguments {
    /// Command line for the shell
    command: String,
    /// Milliseconds after which it is ended
    // Arguments are never written; without the second word the schema would name `null` as default.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "positive_integer"
    )]
    #[schemars(schema_with = "positive_integer_schema")]
    timeout: Option<u64>,
    /// Folder to run it in, instead of `cd`; default: the project folder
    workdir: Option<String>,
    /// Do not wait for its end: for servers and whatever runs for long
    background: Option<bool>,
}

fn positive_integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let Some(number) = Option::<f64>::deserialize(deserializer)? else {
        return Ok(None);
    };
    if number.fract() != 0.0 || number <= 0.0 || number > LARGEST_INTEGER as f64 {
        return Err(serde::de::Error::custom(format!(
            "expected an integer greater than 0, got {number}"
        )));
    }
    Ok(Some(number as u64))
}

fn positive_integer_schema(_: &mut schemars::SchemaGenerator) -> Schema {
    json_schema!({
        "type": "integer",
        "minimum": -LARGEST_INTEGER,
        "exclusiveMinimum": 0,
        "maximum": LARGEST_INTEGER,
    })
}

impl Tool for Bash {
    fn name(&self) -> &str {
        NAME
    }

    fn definition(&self, scope: &Scope) -> Definition {
        let description = DESCRIPTION
            .replace("{shell}", &shell_name(&scope.shell))
            .replace("{platform}", std::env::consts::OS)
            .replace("{temporary}", &scope.temporary.to_string_lossy())
            .replace("{timeout}", &self.timeout.as_millis().to_string())
            .replace("{lines}", &scope.truncation.max_lines.to_string())
            .replace("{bytes}", &scope.truncation.max_bytes.to_string());
        let description = match &scope.sandbox {
            None => description,
            Some(sandbox) => description + &confinement(sandbox),
        };
        let mut parameters = schema_of::<Arguments>();
        let description = match &scope.jobs {
            Some(_) => description + BACKGROUND,
            None => {
                if let Some(properties) = parameters["properties"].as_object_mut() {
                    properties.shift_remove("background");
                }
                description
            }
        };
        Definition {
            description,
            parameters,
        }
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        self.execute(call, input).boxed()
    }
}

impl Bash {
    async fn execute(&self, call: &Call, input: Value) -> Result<Output, Failure> {
        let Arguments {
            command,
            timeout,
            workdir,
            background,
        } = arguments(NAME, input)?;
        if command.is_empty() {
            return Err(Failure::told("The command is empty."));
        }
        let directory = match workdir.as_deref() {
            None | Some("") => call.scope.directory.clone(),
            Some(path) => call.scope.resolve(path),
        };
        permission::ask(call, &command, &directory).await?;
        if call.cancel.is_cancelled() {
            return Err(Failure::Aborted);
        }
        let jobs = call.scope.jobs.as_ref().filter(|_| background == Some(true));
        if let Some(jobs) = jobs {
            return begin(call, jobs, command, directory, timeout).await;
        }
        let timeout = timeout.map_or(self.timeout, Duration::from_millis);
        call.host.progress(call, None, output_metadata(String::new()));
        prepare(&call.scope).await;
        let timeout_with_grace = timeout.saturating_add(TIMEOUT_GRACE);
        let running = shell_command(call, command.clone(), directory, Some(timeout_with_grace))
            .await?
            .start()
            .map_err(|error| Failure::told(error.to_string()))?;
        let mut transcript = Transcript::new(&call.scope.truncation);
        let show = |transcript: &Transcript<'_>| {
            let metadata = output_metadata(transcript.preview());
            call.host.progress(call, None, metadata);
        };
        let ending = follow(running, &mut transcript, show).await;
        Ok(result(command, timeout, ending, transcript.finish().await))
    }
}

/// A command line of a model.
///
/// # Errors
/// A plugin that adds variables failed.
pub(crate) async fn shell_command(
    call: &Call,
    command: String,
    directory: PathBuf,
    timeout: Option<Duration>,
) -> Result<ShellCommand, Failure> {
    let mut environment = environment();
    for (name, value) in call.host.variables(call, &directory).await? {
        environment.set(name, value);
    }
    Ok(ShellCommand {
        shell: call.scope.shell.clone(),
        command,
        directory,
        environment,
        as_user: false,
        sandbox: call.scope.sandbox.clone(),
        input: false,
        timeout,
        cancel: call.cancel.clone(),
    })
}

/// Starts a command that goes on after the call, and gives the name of its job and what a model is told of it.
pub(crate) async fn begin_job(
    call: &Call,
    jobs: &Arc<Jobs>,
    command: String,
    directory: PathBuf,
    timeout: Option<Duration>,
) -> Result<(String, String), Failure> {
    prepare(&call.scope).await;
    let shell = shell_command(call, command.clone(), directory, timeout).await?;
    let id = jobs::new_id();
    let work = Background {
        id: id.clone(),
        title: command,
        start: {
            let (id, jobs, session_id) = (id.clone(), Arc::clone(jobs), call.session_id.clone());
            Box::new(move || {
                let followed = jobs.start(id, &session_id, shell);
                let followed = followed.map_err(|error| Failure::told(error.to_string()))?;
                Ok(followed.end().boxed())
            })
        },
    };
    call.host.background(call, work).await?;
    let told = format!(
        "Runs in the background as {id}. You are told when it has ended; until then look at it with the `job` tool."
    );
    Ok((id, told))
}

async fn begin(
    call: &Call,
    jobs: &Arc<Jobs>,
    command: String,
    directory: PathBuf,
    timeout: Option<u64>,
) -> Result<Output, Failure> {
    let timeout = timeout.map(Duration::from_millis);
    let (id, output) = begin_job(call, jobs, command.clone(), directory, timeout).await?;
    let mut metadata = output_metadata(output.clone());
    metadata.insert("exit".into(), Value::Null);
    metadata.insert("truncated".into(), false.into());
    metadata.insert("jobId".into(), id.into());
    metadata.insert("background".into(), true.into());
    Ok(Output {
        title: command,
        output,
        metadata,
        ..Output::default()
    })
}

/// Reads all output into `transcript` and lets it be shown, at most every [`PROGRESS_EVERY`].
pub(crate) async fn follow(
    mut running: Running,
    transcript: &mut Transcript<'_>,
    show: impl Fn(&Transcript<'_>),
) -> Ending {
    let mut show_at = Instant::now();
    let mut fresh = false;
    loop {
        let event = tokio::select! {
            event = running.next() => Some(event),
            () = sleep_until(show_at), if fresh => None,
        };
        match event {
            Some(Event::Output(bytes)) => {
                transcript.push(&bytes).await;
                fresh = true;
            }
            Some(Event::Ended(ending)) => {
                transcript.close().await;
                if fresh {
                    show(transcript);
                }
                return ending;
            }
            None => {}
        }
        let now = Instant::now();
        if fresh && show_at <= now {
            show(transcript);
            fresh = false;
            show_at = now + PROGRESS_EVERY;
        }
    }
}

/// The result of a command that has ended.
fn result(command: String, timeout: Duration, ending: Ending, end: transcript::End) -> Output {
    let mut output = if end.text.is_empty() {
        "(no output)".to_owned()
    } else {
        end.told()
    };
    let remark = match ending {
        Ending::Exited { signal: None, .. } => None,
        Ending::Exited {
            signal: Some(signal), ..
        } => Some(format!("The command was ended by signal {signal}")),
        Ending::TimedOut => Some(format!(
            "shell tool terminated command after exceeding timeout {} ms. \
             If it needs more time and does not wait for input, call it again with a larger timeout.",
            timeout.as_millis()
        )),
        Ending::Cancelled => Some("User aborted the command".to_owned()),
    };
    if let Some(remark) = remark {
        output.push_str(&format!("\n\n<shell_metadata>\n{remark}\n</shell_metadata>"));
    }
    let shown = if end.preview.is_empty() {
        transcript::preview(&output)
    } else {
        end.preview
    };
    let mut metadata = output_metadata(shown);
    let exit = match ending {
        Ending::Exited { code, .. } => code,
        Ending::TimedOut | Ending::Cancelled => None,
    };
    metadata.insert("exit".into(), exit.into());
    metadata.insert("truncated".into(), end.truncated.into());
    if let (true, Some(path)) = (end.truncated, &end.saved) {
        metadata.insert("outputPath".into(), path.to_string_lossy().into());
    }
    Output {
        title: command,
        output,
        metadata,
        ..Output::default()
    }
}

fn output_metadata(output: String) -> Object {
    Object::from_iter([("output".to_owned(), Value::String(output))])
}

/// What tells a command that an agent runs it (reference `cli.md` §1).
fn environment() -> Environment {
    let mut environment = Environment::default();
    environment.set("AGENT", "1");
    environment.set("OPENCODE", "1");
    environment.set("OPENCODE_PID", std::process::id().to_string());
    environment
}

/// Makes the folders that commands may use.
pub(crate) async fn prepare(scope: &Scope) {
    let mut folders = vec![&scope.temporary];
    if scope.sandbox.is_some() {
        // Only what is there can be let in.
        folders.push(&scope.truncation.directory);
    }
    for folder in folders {
        if let Err(error) = fs_err::tokio::create_dir_all(folder).await {
            tracing::debug!(%error, "a folder for commands is missing");
        }
    }
}

/// What a model is told of a sandbox.
pub(crate) fn confinement(sandbox: &Sandbox) -> String {
    let network = if sandbox.network {
        ""
    } else {
        " There is no network."
    };
    let write: Vec<String> = sandbox
        .write
        .iter()
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    format!(
        "\n\nCommands run in a sandbox and can write only below {}.{network}",
        write.join(", ")
    )
}

/// The name of a shell, for people.
pub(crate) fn shell_name(shell: &Path) -> String {
    shell
        .file_stem()
        .unwrap_or(shell.as_os_str())
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests;
