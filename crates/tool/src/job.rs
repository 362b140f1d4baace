//! The `job` tool: commands that run in the background (beyond the reference; only where configuration lets
//! `bash` start them), and what else the session has there or had there.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opencode_schema::Object;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::contract::{Ask, Call, Definition, Failure, JobInfo, Output, Scope, Tool, arguments};
use crate::jobs::{self, Page};

/// The name of the tool.
pub const NAME: &str = "job";
pub(crate) const DESCRIPTION: &str = include_str!("descriptions/job.md");

/// How long one call may wait.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// Bytes that can be said at once.
const MOST_INPUT: usize = 64 * 1024;

/// Commands that run in the background.
#[derive(Clone, Copy, Debug, Default)]
pub struct Job;

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Arguments {
    /// What to do
    action: Action,
    /// The job; not for `list`
    id: Option<String>,
    /// For `input`: what to write, with its line ends
    text: Option<String>,
    /// For `input`: nothing else will be written
    end: Option<bool>,
    /// For `output`: milliseconds to wait for news (default 0)
    wait: Option<u32>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Action {
    List,
    Output,
    Input,
    Stop,
}

impl Tool for Job {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        Definition::of::<Arguments>(DESCRIPTION)
    }

    /// Who may run no commands has no jobs.
    fn permission(&self) -> &'static str {
        "bash"
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        run(call, input).boxed()
    }
}

pub(crate) async fn run(call: &Call, input: Value) -> Result<Output, Failure> {
    let wanted: Arguments = arguments(NAME, input)?;
    let known = known(call).await?;
    if matches!(wanted.action, Action::List) {
        return Ok(list(&known));
    }
    let job = match find(&known, wanted.id.as_deref())? {
        Known::Here(job) => job,
        Known::Told(job) => return of_engine(call, wanted.action, job).await,
    };
    let text = match wanted.action {
        Action::Output | Action::List => {
            let wait = Duration::from_millis(wanted.wait.unwrap_or(0).into()).min(LONGEST_WAIT);
            let page = tokio::select! {
                page = job.read(wait) => page,
                () = call.cancel.cancelled() => return Err(Failure::Aborted),
            };
            shown(&page)
        }
        Action::Input => {
            let text = wanted.text.unwrap_or_default();
            say(call, &job, &text, wanted.end == Some(true)).await?;
            "Written.".to_owned()
        }
        Action::Stop => {
            tokio::select! {
                () = job.stop() => {}
                () = call.cancel.cancelled() => return Err(Failure::Aborted),
            }
            shown(&job.read(Duration::ZERO).await)
        }
    };
    let mut metadata = Object::new();
    metadata.insert("jobId".into(), job.id.clone().into());
    metadata.insert("status".into(), job.status().into());
    Ok(Output {
        title: job.command.clone(),
        output: format!("{}: {}\n\n{text}", job.id, job.status()),
        metadata,
        ..Output::default()
    })
}

/// What a session has in the background, or had there.
enum Known {
    /// A command of this run of the program.
    Here(Arc<jobs::Job>),
    /// A task, or what the engine remembers.
    Told(JobInfo),
}

impl Known {
    fn id(&self) -> &str {
        match self {
            Self::Here(job) => &job.id,
            Self::Told(job) => &job.id,
        }
    }

    fn line(&self) -> String {
        match self {
            Self::Here(job) => format!("{}: {}: {}", job.id, job.status(), job.command),
            Self::Told(job) => format!("{}: {}: {}", job.id, job.status, job.title),
        }
    }
}

/// All of it, in the order of its start.
async fn known(call: &Call) -> Result<Vec<Known>, Failure> {
    let here = call.scope.jobs.as_ref().map(|jobs| jobs.of(&call.session_id));
    let mut here = here.unwrap_or_default();
    let mut known: Vec<Known> = Vec::new();
    for job in call.host.jobs(call).await? {
        let place = here.iter().position(|own| own.id == job.id);
        known.push(match place {
            Some(place) => Known::Here(here.remove(place)),
            None => Known::Told(job),
        });
    }
    known.extend(here.into_iter().map(Known::Here));
    Ok(known)
}

fn find(known: &[Known], id: Option<&str>) -> Result<Known, Failure> {
    let Some(id) = id else {
        return Err(Failure::told("This needs the id of a job."));
    };
    match known.iter().find(|job| job.id() == id) {
        Some(Known::Here(job)) => Ok(Known::Here(Arc::clone(job))),
        Some(Known::Told(job)) => Ok(Known::Told(job.clone())),
        None => {
            let ids: Vec<&str> = known.iter().map(Known::id).collect();
            let ids = if ids.is_empty() {
                "none".to_owned()
            } else {
                ids.join(", ")
            };
            Err(Failure::told(format!(
                "There is no job {id}. Jobs of this session: {ids}"
            )))
        }
    }
}

/// What can be done with a job whose process is not here.
async fn of_engine(call: &Call, action: Action, mut job: JobInfo) -> Result<Output, Failure> {
    let text = match (action, &job.task) {
        (Action::Output | Action::List, _) => job.result.take().unwrap_or_else(|| "(nothing yet)".into()),
        (Action::Input, Some(task)) => {
            return Err(Failure::told(format!(
                "{} is a task: go on with it by the `task` tool and `task_id` {task}.",
                job.id
            )));
        }
        (Action::Stop, Some(_)) if call.host.stop_task(call, &job.id).await? => {
            job.status = "cancelled".to_owned();
            "Stopped.".to_owned()
        }
        (Action::Input | Action::Stop, _) => {
            return Err(Failure::told(format!(
                "{} does not run any more: {}",
                job.id, job.status
            )));
        }
    };
    let mut metadata = Object::new();
    metadata.insert("jobId".into(), job.id.clone().into());
    metadata.insert("status".into(), job.status.clone().into());
    Ok(Output {
        output: format!("{}: {}\n\n{text}", job.id, job.status),
        title: job.title,
        metadata,
        ..Output::default()
    })
}

fn list(known: &[Known]) -> Output {
    let lines: Vec<String> = known.iter().map(Known::line).collect();
    let mut metadata = Object::new();
    metadata.insert("count".into(), lines.len().into());
    Output {
        title: format!("{} jobs", lines.len()),
        output: if lines.is_empty() {
            "No jobs".into()
        } else {
            lines.join("\n")
        },
        metadata,
        ..Output::default()
    }
}

/// What is written may be a command for a shell that runs there: it is asked for as one.
async fn say(call: &Call, job: &jobs::Job, text: &str, end: bool) -> Result<(), Failure> {
    if text.len() > MOST_INPUT {
        return Err(Failure::told(format!(
            "At most {MOST_INPUT} bytes can be written at once."
        )));
    }
    if !text.trim().is_empty() {
        let mut metadata = Object::new();
        metadata.insert("command".into(), job.command.clone().into());
        metadata.insert("input".into(), text.into());
        call.ask(Ask {
            permission: "bash".into(),
            patterns: vec![text.trim().to_owned()],
            always: vec![text.trim().to_owned()],
            metadata,
        })
        .await?;
    }
    tokio::select! {
        said = job.say(text, end) => said.map_err(|reason| Failure::told(format!("{}: {reason}", job.id))),
        () = call.cancel.cancelled() => Err(Failure::Aborted),
    }
}

fn shown(page: &Page) -> String {
    let mut text = String::new();
    if page.lost > 0 {
        text.push_str(&format!("({} bytes before this are gone)\n", page.lost));
    }
    text.push_str(if page.text.is_empty() {
        "(nothing new)"
    } else {
        &page.text
    });
    if page.left > 0 {
        text.push_str(&format!("\n({} bytes more; ask again)", page.left));
    }
    text
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
