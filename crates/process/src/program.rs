//! Running a known program and collecting what it says.
//!
//! For programs that answer and end, git above all. Output is kept up to a limit, the program up to a
//! timeout; one that is given up is asked to end with all that it started, and killed if it does not.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, Command};
use tokio::time::timeout;

use crate::environment::Environment;
use crate::group::Group;
use crate::shell::LINGER;

/// Why a program gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be started.
    #[error("could not start `{program}`")]
    Start {
        /// Which.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// It could not be waited for.
    #[error("lost track of `{program}`")]
    Wait {
        /// Which.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// It took too long and was ended.
    #[error("`{program}` did not finish within {} ms", after.as_millis())]
    TimedOut {
        /// Which.
        program: String,
        /// How long it had.
        after: Duration,
    },
    /// Nobody wanted its answer any more, and it was ended.
    #[error("`{program}` was stopped")]
    Stopped {
        /// Which.
        program: String,
    },
}

impl Error {
    /// Whether there is no such program (or no such folder to run it in).
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Start { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    }
}

/// A program with its arguments, ready to [`run`](Program::run).
#[derive(Clone, Debug)]
pub struct Program {
    program: OsString,
    arguments: Vec<OsString>,
    directory: Option<PathBuf>,
    environment: Environment,
    input: Option<Vec<u8>>,
    timeout: Duration,
    limit: usize,
}

/// What a program said, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output, as far as the limit allows.
    pub stdout: Vec<u8>,
    /// Standard error, as far as the limit allows.
    pub stderr: Vec<u8>,
    /// Whether one of them was longer than the limit.
    pub cut: bool,
}

impl Finished {
    /// Whether the exit code is 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }

    /// Standard output as text; what is not UTF-8 becomes U+FFFD.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text; what is not UTF-8 becomes U+FFFD.
    #[must_use]
    pub fn error_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

impl Program {
    /// How long a program may run when nothing is said.
    pub const TIMEOUT: Duration = Duration::from_secs(60);
    /// Bytes that are kept of each output when nothing is said.
    pub const LIMIT: usize = 64 << 20;

    /// A program by name or path, without arguments, in the folder of this process.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            directory: None,
            environment: Environment::default(),
            input: None,
            timeout: Self::TIMEOUT,
            limit: Self::LIMIT,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.arguments
            .extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// The folder to run in.
    #[must_use]
    pub fn directory(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// Sets a variable for this run.
    #[must_use]
    pub fn variable(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.set(name, value);
        self
    }

    /// Hides a variable of our environment from this run.
    #[must_use]
    pub fn without_variable(mut self, name: impl AsRef<OsStr>) -> Self {
        self.environment.remove(name);
        self
    }

    /// What the program reads; without it, it reads nothing.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = Some(input.into());
        self
    }

    /// How long it may run.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Bytes that are kept of standard output and of standard error, each.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it. A future that is dropped asks the program to end.
    ///
    /// Output that the program's own children write after its end is waited for only as long as
    /// [`LINGER`].
    ///
    /// # Errors
    /// The program cannot be started or took too long. An exit code other than 0 is no error.
    pub async fn run(self) -> Result<Finished, Error> {
        self.run_until(std::future::pending()).await
    }

    /// As [`Program::run`], until `stop` is ready: then the program is ended, and all that it started, before this
    /// returns.
    ///
    /// # Errors
    /// Those of [`Program::run`], and [`Error::Stopped`].
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> Result<Finished, Error> {
        let name = self.name();
        let mut group = Group::start(self.command()).map_err(|source| Error::Start {
            program: name.clone(),
            source,
        })?;
        let (stdin, stdout, stderr) = group.take_pipes();
        let (mut out, mut err) = (Kept::new(self.limit), Kept::new(self.limit));

        let exit = {
            let exchange = async {
                tokio::join!(feed(stdin, self.input), out.collect(stdout), err.collect(stderr));
            };
            tokio::pin!(exchange);
            tokio::pin!(stop);
            let mut exchanged = false;
            let exit = timeout(self.timeout, async {
                loop {
                    tokio::select! {
                        () = &mut exchange, if !exchanged => exchanged = true,
                        exit = group.wait() => return Some(exit),
                        () = &mut stop => return None,
                    }
                }
            })
            .await;
            if matches!(exit, Ok(Some(_))) && !exchanged && timeout(LINGER, exchange).await.is_err() {
                tracing::debug!(program = name, "output is still open after the end");
            }
            exit
        };
        match exit {
            Ok(Some(Ok(exit))) => Ok(Finished {
                code: exit.code(),
                cut: out.cut || err.cut,
                stdout: out.bytes,
                stderr: err.bytes,
            }),
            Ok(Some(Err(source))) => Err(Error::Wait {
                program: name,
                source,
            }),
            Ok(None) => {
                group.stop().await;
                Err(Error::Stopped { program: name })
            }
            Err(_) => {
                group.stop().await;
                Err(Error::TimedOut {
                    program: name,
                    after: self.timeout,
                })
            }
        }
    }

    pub(crate) fn name(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        self.environment.apply(&mut command);
        command.stdin(if self.input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// Output up to a limit.
struct Kept {
    bytes: Vec<u8>,
    limit: usize,
    cut: bool,
}

impl Kept {
    fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            limit,
            cut: false,
        }
    }

    /// Reads to the end; what is beyond the limit is read and dropped, so that the program can go on.
    async fn collect(&mut self, reader: Option<impl AsyncRead + Unpin>) {
        let Some(mut reader) = reader else { return };
        let mut buffer = vec![0; 32 << 10];
        // An error means that the other end is gone: no more comes.
        while let Ok(count @ 1..) = reader.read(&mut buffer).await {
            let room = self.limit.saturating_sub(self.bytes.len());
            let fresh = buffer.get(..count).unwrap_or_default();
            self.bytes.extend_from_slice(fresh.get(..room).unwrap_or(fresh));
            self.cut |= count > room;
        }
    }
}

/// Writes the input and closes it. A program that does not read all of it is no error.
async fn feed(stdin: Option<ChildStdin>, input: Option<Vec<u8>>) {
    let (Some(mut stdin), Some(input)) = (stdin, input) else {
        return;
    };
    if let Err(error) = stdin.write_all(&input).await {
        tracing::debug!(%error, "a program did not take its input");
    }
}
