//! The `job` tool: commands that run in the background (beyond the reference; only where configuration lets
//! `bash` start them).

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opencode_schema::Object;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::contract::{Ask, Call, Definition, Failure, Output, Scope, Tool, arguments};
use crate::jobs::{self, Jobs, Page};

/// The name of the tool.
pub const NAME: &str = "job";

/// How long one call may wait.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// Bytes that can be said at once.
const MOST_INPUT: usize = 64 * 1024;

/// Commands that run in the background.
#[derive(Clone, Copy, Debug, Default)]
pub struct Job;

#[derive(Debug, Deserialize, JsonSchema)]
struct Arguments {
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
        Definition::of::<Arguments>(include_str!("descriptions/job.md"))
    }

    /// Who may run no commands has no jobs.
    fn permission(&self) -> &'static str {
        "bash"
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        run(call, input).boxed()
    }
}

async fn run(call: &Call, input: Value) -> Result<Output, Failure> {
    let wanted: Arguments = arguments(NAME, input)?;
    let Some(jobs) = &call.scope.jobs else {
        return Err(Failure::told("Commands do not run in the background here."));
    };
    if matches!(wanted.action, Action::List) {
        return Ok(list(call, jobs));
    }
    let job = find(call, jobs, wanted.id.as_deref())?;
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

fn find(call: &Call, jobs: &Jobs, id: Option<&str>) -> Result<Arc<jobs::Job>, Failure> {
    let Some(id) = id else {
        return Err(Failure::told("This needs the id of a job."));
    };
    jobs.get(&call.session_id, id).ok_or_else(|| {
        let known: Vec<String> = jobs
            .of(&call.session_id)
            .iter()
            .map(|job| job.id.clone())
            .collect();
        let known = if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        };
        Failure::told(format!("There is no job {id}. Jobs of this session: {known}"))
    })
}

fn list(call: &Call, jobs: &Jobs) -> Output {
    let all = jobs.of(&call.session_id);
    let lines: Vec<String> = all
        .iter()
        .map(|job| format!("{}: {}: {}", job.id, job.status(), job.command))
        .collect();
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
