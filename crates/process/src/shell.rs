//! Running a command line in a shell, its output handed over while it comes.
//!
//! The shell gets a process group of its own, nothing to read, and one pipe for both outputs. The call
//! ends when the shell has ended and its output is read; by a timeout or a cancel, which stop the whole
//! group; in every case within a known time.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{ChildStdin, Command};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::environment::Environment;
use crate::group::{Group, KILL_GRACE, POLL, STOP_GRACE};
use crate::merged::{self, Merged};
use crate::sandbox::{self, Sandbox};

/// How long output is waited for after the shell itself has ended, counted from its last output: a job
/// left in the background may hold the pipe for hours.
pub const LINGER: Duration = Duration::from_millis(250);
/// How long output is read at most after the shell itself has ended, when a job left in the background
/// never falls silent.
pub const LINGER_LIMIT: Duration = Duration::from_secs(2);

/// Bytes that are read at once; a pipe of Linux holds as many.
const CHUNK: usize = 64 << 10;

/// Why a command line could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such folder.
    #[error("the working directory does not exist: {}", .0.display())]
    NoDirectory(PathBuf),
    /// It is to run in a sandbox, and there is none.
    #[error("{0}. Commands are not run without the sandbox that the configuration asks for (`sandbox`)")]
    Sandbox(#[from] sandbox::Unavailable),
    /// The system refused.
    #[error("could not start the shell `{}`: {source}", shell.display())]
    Start {
        /// The shell.
        shell: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A command line, ready to [`start`](ShellCommand::start).
#[derive(Clone, Debug)]
pub struct ShellCommand {
    /// The shell.
    pub shell: PathBuf,
    /// What it is told to do.
    pub command: String,
    /// Where.
    pub directory: PathBuf,
    /// What it sees of our environment.
    pub environment: Environment,
    /// Whether it runs as a user would run it: in a shell that has read the user's start-up files, with
    /// aliases.
    pub as_user: bool,
    /// What it may do, if not everything.
    pub sandbox: Option<Sandbox>,
    /// Whether something can be said to it ([`Running::take_input`]); else there is nothing to read.
    pub input: bool,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// Stops it.
    pub cancel: CancellationToken,
}

/// What a running command line does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It wrote something; never empty.
    Output(Vec<u8>),
    /// It is over; nothing else comes.
    Ended(Ending),
}

/// How a command line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself.
    Exited {
        /// Exit code; `None` when a signal ended it.
        code: Option<i32>,
        /// The signal that ended it.
        signal: Option<i32>,
    },
    /// It took too long.
    TimedOut,
    /// It was cancelled.
    Cancelled,
}

impl ShellCommand {
    /// Starts it.
    ///
    /// # Errors
    /// The folder or the shell does not exist, or the system refuses (a command line that is too long,
    /// no more processes).
    pub fn start(self) -> Result<Running, Error> {
        if !self.directory.is_dir() {
            return Err(Error::NoDirectory(self.directory));
        }
        let start = |source| Error::Start {
            shell: self.shell.clone(),
            source,
        };
        let mut command = match &self.sandbox {
            None => Command::new(&self.shell),
            Some(sandbox) => {
                sandbox::available()?;
                let (helper, arguments) = sandbox.helper();
                let mut command = Command::new(helper);
                command.args(arguments).arg(&self.shell);
                command
            }
        };
        let shell = self.shell.to_string_lossy();
        if self.as_user {
            let directory = self.directory.to_string_lossy();
            command.args(user_arguments(&shell, &self.command, &directory));
        } else {
            command.args(arguments(&shell, &self.command));
        }
        command.current_dir(&self.directory);
        self.environment.apply(&mut command);
        let pipe = merged::attach(&mut command).map_err(start)?;
        if self.input {
            command.stdin(Stdio::piped());
        }
        let mut group = Group::start(command).map_err(start)?;
        let input = group.take_input();
        let output = pipe.open(&mut group).map_err(start)?;
        Ok(Running {
            group,
            input,
            output: Some(output),
            buffer: vec![0; CHUNK],
            // A timeout beyond the end of time is none.
            deadline: self
                .timeout
                .and_then(|timeout| Instant::now().checked_add(timeout)),
            cancel: self.cancel,
            phase: Phase::Runs,
        })
    }
}

/// The name of a shell.
fn name_of(shell: &str) -> String {
    let name = shell
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or(shell)
        .to_ascii_lowercase();
    name.trim_end_matches(".exe").to_owned()
}

/// Reads what an interactive shell would have read, and runs the first argument in the folder that the
/// second one names: start-up files may go elsewhere.
const BASH_AS_USER: &str = "shopt -s expand_aliases
[ -f ~/.bashrc ] && . ~/.bashrc >/dev/null 2>&1
cd -- \"$2\" || exit 1
eval \"$1\"";
const ZSH_AS_USER: &str = "setopt aliases
[ -f \"${ZDOTDIR:-$HOME}/.zshrc\" ] && . \"${ZDOTDIR:-$HOME}/.zshrc\" >/dev/null 2>&1
cd -- \"$2\" || exit 1
eval \"$1\"";

/// How a shell is told to run a command line as its user would (reference `agent-loop.md` §15).
fn user_arguments<'a>(shell: &'a str, command: &'a str, directory: &'a str) -> Vec<&'a str> {
    match name_of(shell).as_str() {
        "bash" => vec!["-l", "-c", BASH_AS_USER, shell, command, directory],
        "zsh" => vec!["-l", "-c", ZSH_AS_USER, shell, command, directory],
        _ => arguments(shell, command),
    }
}

/// How a shell is told to run a command line.
fn arguments<'a>(shell: &str, command: &'a str) -> Vec<&'a str> {
    match name_of(shell).as_str() {
        "cmd" => vec!["/d", "/s", "/c", command],
        "pwsh" | "powershell" => vec!["-NoProfile", "-Command", command],
        _ => vec!["-c", command],
    }
}

/// A command line that runs. Dropping it asks its group to end.
#[derive(Debug)]
pub struct Running {
    group: Group,
    input: Option<ChildStdin>,
    output: Option<Merged>,
    buffer: Vec<u8>,
    deadline: Option<Instant>,
    cancel: CancellationToken,
    phase: Phase,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// The shell runs.
    Runs,
    /// The group was told to end; at `force_at` it is killed, and at `look_at` one looks again.
    Stops {
        ending: Ending,
        force_at: Instant,
        forced: bool,
        look_at: Instant,
    },
    /// The shell has ended; its output may go on.
    Lingers {
        ending: Ending,
        silent_at: Instant,
        close_at: Instant,
    },
    /// All is over.
    Over(Ending),
}

impl Phase {
    fn lingers(ending: Ending) -> Self {
        let now = Instant::now();
        Self::Lingers {
            ending,
            silent_at: now + LINGER,
            close_at: now + LINGER_LIMIT,
        }
    }
}

/// One thing that happened.
enum Seen {
    Stop(Ending),
    Look,
    Exit(std::io::Result<ExitStatus>),
    Read(std::io::Result<usize>),
    Silence,
}

impl Running {
    /// What can be said to it; once.
    pub fn take_input(&mut self) -> Option<ChildStdin> {
        self.input.take()
    }

    /// What happens next. May be dropped and called again; after the end it says the end again.
    pub async fn next(&mut self) -> Event {
        loop {
            match self.phase {
                Phase::Over(ending) => return Event::Ended(ending),
                Phase::Lingers { ending, .. } if self.output.is_none() => {
                    self.phase = Phase::Over(ending);
                    continue;
                }
                _ => {}
            }
            match self.see().await {
                Seen::Read(Ok(count @ 1..)) => {
                    if let Phase::Lingers { silent_at, .. } = &mut self.phase {
                        *silent_at = Instant::now() + LINGER;
                    }
                    return Event::Output(self.buffer.get(..count).unwrap_or_default().to_vec());
                }
                // The other end is closed, or as good as that.
                Seen::Read(_) => self.output = None,
                Seen::Exit(exit) => self.phase = Phase::lingers(exited(&exit)),
                Seen::Stop(ending) => {
                    self.group.terminate();
                    let now = Instant::now();
                    self.phase = Phase::Stops {
                        ending,
                        force_at: now + STOP_GRACE,
                        forced: false,
                        look_at: now + POLL,
                    };
                }
                Seen::Look => self.look(),
                Seen::Silence => {
                    if let Some(output) = self.output.take() {
                        // A job in the background would be ended by its next output if nobody read it.
                        // The task ends with the job or with this process, and holds one buffer.
                        tokio::spawn(drain(output, std::mem::take(&mut self.buffer)));
                    }
                }
            }
        }
    }

    /// Waits for one thing. What is due is seen before output, so that a command that prints without
    /// end can be stopped.
    async fn see(&mut self) -> Seen {
        let now = Instant::now();
        let wake = match self.phase {
            Phase::Runs if self.cancel.is_cancelled() => return Seen::Stop(Ending::Cancelled),
            Phase::Runs if self.deadline.is_some_and(|at| at <= now) => return Seen::Stop(Ending::TimedOut),
            Phase::Runs => self.deadline,
            Phase::Stops { look_at, .. } if look_at <= now => return Seen::Look,
            Phase::Stops { look_at, .. } => Some(look_at),
            Phase::Lingers { close_at, .. } if close_at <= now => return Seen::Silence,
            // Not compared with `now`: after a halt of the machine there may be output to read first.
            Phase::Lingers {
                silent_at, close_at, ..
            } => Some(silent_at.min(close_at)),
            Phase::Over(_) => return Seen::Silence,
        };
        let runs = matches!(self.phase, Phase::Runs);
        let lingers = matches!(self.phase, Phase::Lingers { .. });
        tokio::select! {
            biased;
            () = self.cancel.cancelled(), if runs => Seen::Stop(Ending::Cancelled),
            exit = self.group.wait(), if runs => Seen::Exit(exit),
            read = read(self.output.as_mut(), &mut self.buffer) => Seen::Read(read),
            // For the other phases the time is looked at above.
            () = until(wake) => if lingers { Seen::Silence } else { Seen::Look },
        }
    }

    /// Looks whether a group that was told to end is gone, and kills it when its time is up.
    fn look(&mut self) {
        let Phase::Stops {
            ending,
            force_at,
            forced,
            look_at,
        } = &mut self.phase
        else {
            return;
        };
        let now = Instant::now();
        if self.group.is_gone() || now >= *force_at + KILL_GRACE {
            self.phase = Phase::lingers(*ending);
        } else {
            if now >= *force_at && !*forced {
                *forced = true;
                self.group.kill();
            }
            *look_at = now + POLL;
        }
    }
}

async fn read(output: Option<&mut Merged>, buffer: &mut [u8]) -> std::io::Result<usize> {
    match output {
        Some(output) => output.read(buffer).await,
        None => std::future::pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn drain(mut output: Merged, mut buffer: Vec<u8>) {
    while let Ok(1..) = output.read(&mut buffer).await {}
}

fn exited(exit: &std::io::Result<ExitStatus>) -> Ending {
    match exit {
        Ok(exit) => Ending::Exited {
            code: exit.code(),
            signal: signal_of(exit),
        },
        Err(error) => {
            tracing::warn!(%error, "lost track of a shell");
            Ending::Exited {
                code: None,
                signal: None,
            }
        }
    }
}

#[cfg(unix)]
fn signal_of(exit: &ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(exit)
}

#[cfg(not(unix))]
fn signal_of(_exit: &ExitStatus) -> Option<i32> {
    None
}
