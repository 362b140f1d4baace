//! Standard output and standard error of a child as one stream.
//!
//! On Unix both are the same pipe, so the order is that of writing. Elsewhere they are two pipes, read
//! as they have something, and the order between them is only roughly that of writing.

use std::io;
use std::process::Stdio;

use tokio::process::Command;

use crate::group::Group;

#[cfg(unix)]
pub(crate) use unix::{Merged, Pipe};

#[cfg(not(unix))]
pub(crate) use pair::{Merged, Pipe};

/// Prepares `command` so that its output can be read by [`Pipe::open`] after the start.
pub(crate) fn attach(command: &mut Command) -> io::Result<Pipe> {
    command.stdin(Stdio::null());
    Pipe::attach(command)
}

#[cfg(unix)]
mod unix {
    use std::io::{self, PipeReader};
    use std::os::fd::OwnedFd;

    use tokio::io::AsyncReadExt;
    use tokio::net::unix::pipe::Receiver;
    use tokio::process::Command;

    use super::Group;

    /// Our end, before the child runs.
    pub(crate) struct Pipe(PipeReader);

    impl Pipe {
        pub(super) fn attach(command: &mut Command) -> io::Result<Self> {
            let (reader, writer) = io::pipe()?;
            command.stdout(writer.try_clone()?).stderr(writer);
            Ok(Self(reader))
        }

        /// Our end, while it runs. The command must be gone by now: it holds the other end.
        pub(crate) fn open(self, _group: &mut Group) -> io::Result<Merged> {
            Ok(Merged(Receiver::from_owned_fd(OwnedFd::from(self.0))?))
        }
    }

    /// Our end.
    #[derive(Debug)]
    pub(crate) struct Merged(Receiver);

    impl Merged {
        /// Reads what is there; 0 when nobody writes any more. May be dropped and called again.
        pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer).await
        }
    }
}

#[cfg(not(unix))]
mod pair {
    use std::io;
    use std::process::Stdio;

    use tokio::io::AsyncReadExt;
    use tokio::process::{ChildStderr, ChildStdout, Command};

    use super::Group;

    /// Our ends, before the child runs.
    pub(crate) struct Pipe;

    impl Pipe {
        pub(super) fn attach(command: &mut Command) -> io::Result<Self> {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            Ok(Self)
        }

        /// Our ends, while it runs.
        pub(crate) fn open(self, group: &mut Group) -> io::Result<Merged> {
            let (_, stdout, stderr) = group.take_pipes();
            Ok(Merged { stdout, stderr })
        }
    }

    /// Our ends.
    #[derive(Debug)]
    pub(crate) struct Merged {
        stdout: Option<ChildStdout>,
        stderr: Option<ChildStderr>,
    }

    impl Merged {
        /// Reads what is there; 0 when nobody writes any more. May be dropped and called again.
        pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let mut other = vec![0; buffer.len()];
            loop {
                match (&mut self.stdout, &mut self.stderr) {
                    (None, None) => return Ok(0),
                    (Some(stdout), None) => return stdout.read(buffer).await,
                    (None, Some(stderr)) => return stderr.read(buffer).await,
                    (Some(stdout), Some(stderr)) => tokio::select! {
                        count = stdout.read(buffer) => match count? {
                            0 => self.stdout = None,
                            count => return Ok(count),
                        },
                        count = stderr.read(&mut other) => match count? {
                            0 => self.stderr = None,
                            count => {
                                buffer.copy_from_slice(&other);
                                return Ok(count);
                            }
                        },
                    },
                }
            }
        }
    }
}
