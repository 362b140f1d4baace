//! The process that runs plugins, from its start to its end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use opencode_config::Environment;
use opencode_process::lines::{Line, Lines};
use opencode_process::{Peer, Pipes, Program};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::Runtime;
use crate::link::{LINE_LIMIT, Line as Written, Link, Load};

/// How long plugins may take to end what they began.
const DISPOSE_LIMIT: Duration = Duration::from_secs(5);
/// How long the process may then take to end.
const GRACE: Duration = Duration::from_secs(1);
/// How long its last words are waited for.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Bytes of a line of its complaints that are logged.
const COMPLAINT: usize = 4 << 10;
/// Bytes of complaints that are logged in all.
const COMPLAINTS: usize = 4 << 20;
/// Gives the protocol descriptors of its own, so that what plugins print and read does not disturb it.
#[cfg(unix)]
const SHELL: [&str; 2] = ["-c", "exec \"$0\" \"$@\" 4<&0 0</dev/null 3>&1 1>&2"];

/// Starts the process. It says nothing before it is asked.
pub(crate) fn start(
    runtime: &Runtime,
    host: &Path,
    directory: &Path,
    environment: &Environment,
) -> Result<(Peer, Pipes), opencode_process::program::Error> {
    #[cfg(unix)]
    let program = Program::new("sh").args(SHELL).arg(runtime.program());
    #[cfg(not(unix))]
    let program = Program::new(runtime.program());
    let mut program = program.args(runtime.arguments(host)).directory(directory);
    for (name, value) in environment.iter() {
        program = program.variable(name, value);
    }
    for (name, value) in runtime.variables(host) {
        program = program.variable(name, value);
    }
    program.start()
}

/// Carries questions and answers until the process ends or `end` asks for it; then everything that it started is
/// ended, too.
pub(crate) async fn keep(
    mut peer: Peer,
    pipes: Pipes,
    link: Arc<Link>,
    load: Load,
    beside: impl Future<Output = ()>,
    end: CancellationToken,
) {
    let died = {
        let reading = read(&link, pipes.output);
        let others = async {
            tokio::join!(
                write(&link, pipes.input, load.lines),
                link.answer(load.wanted),
                log(pipes.errors),
                beside,
            );
            std::future::pending::<()>().await;
        };
        tokio::pin!(reading, others);
        let died = tokio::select! {
            why = &mut reading => Some(match timeout(LAST_WORDS, peer.wait()).await {
                Ok(code) => ending(code),
                Err(_) => why,
            }),
            code = peer.wait() => {
                // What it said last may still be in the pipe.
                let _ = timeout(LAST_WORDS, &mut reading).await;
                Some(ending(code))
            }
            () = end.cancelled() => None,
            () = &mut others => None,
        };
        if died.is_none() {
            let never = CancellationToken::new();
            let dispose = link.ask("dispose", "dispose", &Value::Null, DISPOSE_LIMIT, &never);
            tokio::select! {
                _ = dispose => {}
                _ = &mut reading => {}
                () = &mut others => {}
            }
            // It ends when its input does, and then nobody knows any more what it started.
            peer.remember_family();
        }
        died
    };
    match &died {
        Some(why) => link.die(why),
        None => link.end("it was asked to"),
    }
    peer.stop(GRACE).await;
}

fn ending(code: Option<i32>) -> String {
    match code {
        Some(code) => format!("exit code {code}"),
        None => "a signal ended it".to_owned(),
    }
}

/// Reads what the process says; gives why there is no more.
async fn read(link: &Link, output: ChildStdout) -> String {
    let mut lines = Lines::new(BufReader::with_capacity(64 << 10, output), LINE_LIMIT);
    loop {
        match lines.next().await {
            Some(Line::Whole(line)) => link.take(&line),
            Some(Line::TooLong { .. }) => {
                return format!("it said more than {} MiB at once", LINE_LIMIT >> 20);
            }
            None => return "it closed its output".to_owned(),
        }
    }
}

async fn write(link: &Link, mut input: ChildStdin, mut lines: mpsc::Receiver<Written>) {
    loop {
        let written = tokio::select! {
            given_up = link.given_up() => input.write_all(&given_up).await,
            line = lines.recv() => match line {
                Some(line) => input.write_all(&line.bytes).await,
                None => return,
            },
        };
        if let Err(error) = written {
            tracing::debug!(%error, "the process that runs plugins reads no more");
            return;
        }
    }
}

/// Writes what plugins print into the log, as much of it as is reasonable.
async fn log(errors: impl AsyncRead + Unpin) {
    let mut lines = Lines::new(BufReader::new(errors), COMPLAINT);
    let mut left = COMPLAINTS;
    while let Some(line) = lines.next().await {
        let (Line::Whole(line) | Line::TooLong { head: line, .. }) = line;
        if left > 0 {
            tracing::info!(text = %String::from_utf8_lossy(&line), "plugins print");
            left = left.saturating_sub(line.len().max(1));
            if left == 0 {
                tracing::info!("what plugins print from now on is left out");
            }
        }
    }
}
