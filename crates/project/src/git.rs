//! Running git: one call in, its collected output out, with limits on time and memory.
//!
//! This is the only place that starts git. It settles what every call needs: the folder, an environment
//! without leftovers of another git, no prompts, none of the user's hooks, messages in English. What the
//! calls mean is the business of [`identity`](crate::identity) and [`snapshot`](crate::snapshot); how a
//! child process is fed, limited and ended is that of `opencode_process`.
//!
//! A call that is dropped asks git to end, and git then takes its lock files away.

mod environment;
#[cfg(test)]
pub(crate) mod testing;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use opencode_process::{Program, program};

/// How much output is taken when nothing else is said.
const OUTPUT_LIMIT: usize = 32 << 20;

/// Why a call of git has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no git on this machine.
    #[error("git is not installed, or not in PATH")]
    Missing,
    /// The folder to work in is gone.
    #[error("`{}` is not a folder", .0.display())]
    Directory(PathBuf),
    /// The process could not be run to its end.
    #[error("`git {command}` did not run")]
    Process {
        /// Which command of git.
        command: String,
        /// Why.
        source: program::Error,
    },
    /// It wrote more than was asked for.
    #[error("`git {command}` said more than {limit} bytes")]
    Size {
        /// Which command of git.
        command: String,
        /// How much would have been taken.
        limit: usize,
    },
    /// It ended with a failure of its own.
    #[error("`git {command}` failed: {message}")]
    Failed {
        /// Which command of git.
        command: String,
        /// Exit code; none when a signal ended it.
        code: Option<i32>,
        /// What it wrote to its error output.
        message: String,
    },
}

impl Error {
    /// Whether time ran out.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(
            self,
            Self::Process {
                source: program::Error::TimedOut { .. },
                ..
            }
        )
    }

    /// Whether git gave up because another process holds the lock of the index.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Failed { message, .. } if message.contains("index.lock"))
    }
}

/// What a finished call left.
#[derive(Debug)]
pub struct Output {
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output, whole.
    pub stdout: Vec<u8>,
    /// Error output.
    pub stderr: String,
}

/// One call of git that has not been made yet.
#[derive(Clone, Debug)]
pub struct Call {
    program: Program,
    directory: PathBuf,
    /// The command, for messages.
    command: String,
    limit: usize,
}

impl Call {
    /// A call of `git <command>` in `directory`, on the repository that git finds there.
    #[must_use]
    pub fn new(directory: &Path, command: &str) -> Self {
        Self::start(directory, command).argument(command)
    }

    /// A call of `git <command>` in `directory`, on a repository that is named and not looked for.
    #[must_use]
    pub fn on(git_dir: &Path, worktree: &Path, directory: &Path, command: &str) -> Self {
        Self::start(directory, command)
            .argument("--git-dir")
            .argument(git_dir)
            .argument("--work-tree")
            .argument(worktree)
            .argument(command)
    }

    fn start(directory: &Path, command: &str) -> Self {
        let call = Self {
            program: environment::prepare(Program::new("git"))
                .directory(directory)
                .limit(OUTPUT_LIMIT),
            directory: directory.to_owned(),
            command: command.to_owned(),
            limit: OUTPUT_LIMIT,
        };
        // A repository's own configuration can name programs behind both of these, and opening a folder
        // must not run what lies in it.
        call.setting("core.hooksPath", if cfg!(windows) { "NUL" } else { "/dev/null" })
            .setting("core.fsmonitor", "false")
            .setting("core.longpaths", "true")
            .setting("core.quotepath", "false")
    }

    /// Sets a configuration value for this call. Only before the command.
    fn setting(self, name: &str, value: &str) -> Self {
        self.argument("-c").argument(format!("{name}={value}"))
    }

    /// Adds one argument.
    #[must_use]
    pub fn argument(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.program = self.program.arg(argument);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn arguments(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.program = self.program.args(arguments);
        self
    }

    /// Sets a variable of git's environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.program = self.program.variable(name, value);
        self
    }

    /// What git reads; nothing by default.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.program = self.program.input(input);
        self
    }

    /// Ends git after this time instead of [`Program::TIMEOUT`].
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.program = self.program.timeout(timeout);
        self
    }

    /// Takes up to this much output.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.program = self.program.limit(limit);
        self.limit = limit;
        self
    }

    /// Makes the call; a failure that git itself reports is a result here.
    ///
    /// # Errors
    /// git is missing, the folder is gone, time ran out, or there was too much output.
    pub async fn run(self) -> Result<Output, Error> {
        let Self {
            program,
            directory,
            command,
            limit,
        } = self;
        let finished = match program.run().await {
            Ok(finished) => finished,
            // The system says the same of a missing program and of a missing folder.
            Err(_) if !is_directory(&directory).await => return Err(Error::Directory(directory)),
            Err(error) if error.is_missing() => return Err(Error::Missing),
            Err(source) => return Err(Error::Process { command, source }),
        };
        if finished.cut {
            return Err(Error::Size { command, limit });
        }
        let stderr = finished.error_text();
        Ok(Output {
            code: finished.code,
            stdout: finished.stdout,
            stderr,
        })
    }

    /// Makes the call; anything but exit code 0 is an error.
    ///
    /// # Errors
    /// As [`run`](Self::run), and when git fails.
    pub async fn succeed(self) -> Result<Vec<u8>, Error> {
        let command = self.command.clone();
        let output = self.run().await?;
        if output.code == Some(0) {
            return Ok(output.stdout);
        }
        Err(Error::Failed {
            command,
            code: output.code,
            message: output.stderr.trim().to_owned(),
        })
    }
}

async fn is_directory(path: &Path) -> bool {
    fs_err::tokio::metadata(path)
        .await
        .is_ok_and(|metadata| metadata.is_dir())
}

/// A path out of bytes that git wrote. On Unix any bytes are a path; elsewhere git writes UTF-8.
#[must_use]
pub fn path(bytes: &[u8]) -> PathBuf {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        PathBuf::from(OsStr::from_bytes(bytes))
    }
    #[cfg(not(unix))]
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

/// The bytes of a path as git reads them, with `/` between folders.
#[must_use]
pub fn bytes(path: &Path) -> Vec<u8> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        path.as_os_str().as_bytes().to_vec()
    }
    #[cfg(not(unix))]
    path.to_string_lossy().replace('\\', "/").into_bytes()
}

/// The records of output that was asked for with `-z`.
pub fn records(output: &[u8]) -> impl Iterator<Item = &[u8]> {
    output
        .split(|byte| *byte == 0)
        .filter(|record| !record.is_empty())
}
