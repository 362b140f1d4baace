//! A program that runs beside this one and is talked to over its standard input and output, as servers of
//! protocols are.
//!
//! It leads a process group of its own. When it is stopped, its input is closed first; then it and everything
//! that it started are asked to end, and killed if they do not.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, sleep};

use crate::environment::Environment;
use crate::group::{Group, KILL_GRACE, POLL};
use crate::strays::Strays;

/// A program with its arguments, ready to [`start`](CompanionCommand::start).
#[derive(Clone, Debug)]
pub struct CompanionCommand {
    program: OsString,
    arguments: Vec<OsString>,
    directory: Option<PathBuf>,
    environment: Environment,
}

impl CompanionCommand {
    /// A program by name or path, without arguments, in the folder of this process.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            directory: None,
            environment: Environment::default(),
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let arguments = arguments.into_iter();
        self.arguments
            .extend(arguments.map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// The folder to run in.
    #[must_use]
    pub fn directory(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// Sets a variable for it.
    #[must_use]
    pub fn variable(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.set(name, value);
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// The system refused: there is no such program, or no such folder.
    pub fn start(&self) -> std::io::Result<Companion> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        self.environment.apply(&mut command);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut group = Group::start(command)?;
        let (input, output, errors) = group.take_pipes();
        Ok(Companion {
            group,
            input,
            output,
            errors,
            strays: Strays::default(),
        })
    }
}

/// A program that runs. When it is dropped it is asked to end, and not waited for.
#[derive(Debug)]
pub struct Companion {
    group: Group,
    /// What it reads, until somebody takes it.
    pub input: Option<ChildStdin>,
    /// What it writes, until somebody takes it.
    pub output: Option<ChildStdout>,
    /// What it complains about, until somebody takes it.
    pub errors: Option<ChildStderr>,
    /// What it started and what left its group, as far as that was looked for.
    strays: Strays,
}

impl Companion {
    /// Its number in the system, until it has ended.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.group.id()
    }

    /// Waits for its end. May be dropped and called again.
    ///
    /// # Errors
    /// The system lost track of it.
    pub async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.group.wait().await
    }

    /// Remembers what it has started, for [`Companion::stop`]: once it has ended, nobody can tell any more. For who
    /// lets it end by itself before.
    pub fn remember_family(&mut self) {
        self.strays.join(self.group.strays());
    }

    /// Ends it and everything that it started, also what left its group: closes its input, asks all to end, and
    /// kills what is still there after `grace`. Takes a known time.
    pub async fn stop(mut self, grace: Duration) {
        self.remember_family();
        let mut strays = std::mem::take(&mut self.strays);
        drop(self.input.take());
        self.group.terminate();
        strays.terminate();
        let force_at = Instant::now() + grace;
        let mut forced = false;
        loop {
            let (is_gone, are_gone) = (self.group.is_gone(), strays.are_gone());
            if is_gone && are_gone {
                return;
            }
            let now = Instant::now();
            if now >= force_at + KILL_GRACE {
                tracing::warn!("a killed program is still there");
                return;
            }
            if now >= force_at && !forced {
                forced = true;
                self.group.kill();
                strays.kill();
            }
            sleep(POLL).await;
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

    use super::*;

    const GRACE: Duration = Duration::from_millis(100);

    fn shell(script: &str) -> CompanionCommand {
        CompanionCommand::new("sh").args(["-c", script])
    }

    fn is_alive(id: &str) -> bool {
        let stat = fs_err::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let state = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .trim_start()
            .chars()
            .next();
        !matches!(state, None | Some('Z' | 'X'))
    }

    #[tokio::test]
    async fn it_is_talked_to() {
        let mut companion = shell("read line; echo \"got $line in $WHERE\"; pwd")
            .variable("WHERE", "here")
            .directory("/")
            .start()
            .unwrap();
        companion
            .input
            .take()
            .unwrap()
            .write_all(b"words\n")
            .await
            .unwrap();
        let mut said = String::new();
        companion
            .output
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .await
            .unwrap();
        assert_eq!(said, "got words in here\n/\n");
        assert!(companion.wait().await.unwrap().success());
    }

    #[tokio::test]
    async fn everything_that_it_started_ends_with_it() {
        // One child in its group, one that made a session of its own, and all of them deaf to requests.
        let mut companion = shell(
            "trap '' TERM; (trap '' TERM; exec sleep 1000) & echo $!; setsid sh -c 'trap \"\" TERM; echo $$; exec sleep 1000' & wait",
        )
        .start()
        .unwrap();
        let mut lines = BufReader::new(companion.output.take().unwrap()).lines();
        let mut ids = vec![companion.id().unwrap().to_string()];
        for _ in 0..2 {
            ids.push(lines.next_line().await.unwrap().unwrap());
        }
        assert!(ids.iter().all(|id| is_alive(id)), "{ids:?}");
        tokio::time::timeout(Duration::from_secs(5), companion.stop(GRACE))
            .await
            .unwrap();
        assert!(!ids.iter().any(|id| is_alive(id)), "{ids:?}");
    }

    #[tokio::test]
    async fn what_is_not_there_cannot_be_started() {
        let error = CompanionCommand::new("/no/such/program").start().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    }
}
