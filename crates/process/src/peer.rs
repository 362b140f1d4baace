//! A program that is talked to over its pipes for as long as both want: a language server, say.
//!
//! It leads a group of its own, as all children do. Who drops it kills it with all that it started; who can wait
//! asks it to end first ([`Peer::stop`]).

use std::time::Duration;

use tokio::process::{ChildStderr, ChildStdin, ChildStdout};

use crate::group::Group;
use crate::program::{Error, Program};

/// A program that runs.
#[derive(Debug)]
pub struct Peer {
    group: Group,
    name: String,
}

/// Our ends of its pipes.
#[derive(Debug)]
pub struct Pipes {
    /// What it reads.
    pub input: ChildStdin,
    /// What it says.
    pub output: ChildStdout,
    /// What it complains about.
    pub errors: ChildStderr,
}

impl Program {
    /// Starts it and leaves it running; timeout, limit and input do not count.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(self) -> Result<(Peer, Pipes), Error> {
        let name = self.name();
        let failed = |source| Error::Start {
            program: name.clone(),
            source,
        };
        let mut command = self.command();
        command.stdin(std::process::Stdio::piped());
        let mut group = Group::start(command).map_err(failed)?;
        let (Some(input), Some(output), Some(errors)) = group.take_pipes() else {
            return Err(failed(std::io::ErrorKind::BrokenPipe.into()));
        };
        let pipes = Pipes {
            input,
            output,
            errors,
        };
        Ok((Peer { group, name }, pipes))
    }
}

impl Peer {
    /// Its process id, until its end was seen.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.group.id()
    }

    /// Waits for its end; gives its exit code, if no signal ended it. May be dropped and called again.
    pub async fn wait(&mut self) -> Option<i32> {
        match self.group.wait().await {
            Ok(exit) => exit.code(),
            Err(error) => {
                tracing::debug!(%error, program = self.name, "lost track of a program");
                None
            }
        }
    }

    /// Waits a while for an end that it was asked for already, then ends it and all that it started.
    pub async fn stop(&mut self, patience: Duration) {
        if tokio::time::timeout(patience, self.group.wait()).await.is_err() || !self.group.is_gone() {
            self.group.stop().await;
        }
    }

    /// Bytes of memory that it and all that it started hold now; nothing where the system does not tell.
    #[must_use]
    pub fn memory(&self) -> Option<u64> {
        #[cfg(target_os = "linux")]
        return self.group.memory();
        #[cfg(not(target_os = "linux"))]
        return None;
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if !self.group.is_gone() {
            self.group.kill();
        }
    }
}
