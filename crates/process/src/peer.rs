//! A program that is talked to over its pipes for as long as both want, as servers of protocols are.
//!
//! It leads a group of its own, as all children do. Who drops it kills its group; who can wait asks it and
//! everything that it started to end first, also what left the group ([`Peer::stop`]).

use std::time::Duration;

use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::time::{Instant, sleep};

use crate::group::{Group, KILL_GRACE, POLL};
use crate::program::{Error, Program};
use crate::strays::Strays;

/// A program that runs.
#[derive(Debug)]
pub struct Peer {
    group: Group,
    name: String,
    /// What it started and what left its group, as far as that was looked for.
    strays: Strays,
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
        let peer = Peer {
            group,
            name,
            strays: Strays::default(),
        };
        Ok((peer, pipes))
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

    /// Remembers what it has started, for [`Peer::stop`]: once it has ended, nobody can tell any more. For who lets
    /// it end by itself before.
    pub fn remember_family(&mut self) {
        self.strays.join(self.group.strays());
    }

    /// Ends it and everything that it started, also what left its group: asks all to end, and kills what is still
    /// there after `grace`. Takes a known time.
    pub async fn stop(&mut self, grace: Duration) {
        self.remember_family();
        self.group.terminate();
        self.strays.terminate();
        let force_at = Instant::now() + grace;
        let mut forced = false;
        loop {
            let (is_gone, are_gone) = (self.group.is_gone(), self.strays.are_gone());
            if is_gone && are_gone {
                return;
            }
            let now = Instant::now();
            if now >= force_at + KILL_GRACE {
                tracing::warn!(program = self.name, "a killed program is still there");
                return;
            }
            if now >= force_at && !forced {
                forced = true;
                self.group.kill();
                self.strays.kill();
            }
            sleep(POLL).await;
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

    use super::*;

    const GRACE: Duration = Duration::from_millis(100);

    fn shell(script: &str) -> Program {
        Program::new("sh").args(["-c", script])
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
        let (mut peer, mut pipes) = shell("read line; echo \"got $line in $WHERE\"; pwd")
            .variable("WHERE", "here")
            .directory("/")
            .start()
            .unwrap();
        pipes.input.write_all(b"words\n").await.unwrap();
        let mut said = String::new();
        pipes.output.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "got words in here\n/\n");
        assert_eq!(peer.wait().await, Some(0));
    }

    #[tokio::test]
    async fn everything_that_it_started_ends_with_it() {
        // One child in its group, one that made a session of its own, and all of them deaf to requests.
        let (mut peer, pipes) = shell(
            "trap '' TERM; (trap '' TERM; exec sleep 1000) & echo $!; setsid sh -c 'trap \"\" TERM; echo $$; exec sleep 1000' & wait",
        )
        .start()
        .unwrap();
        let mut lines = BufReader::new(pipes.output).lines();
        let mut ids = vec![peer.id().unwrap().to_string()];
        for _ in 0..2 {
            ids.push(lines.next_line().await.unwrap().unwrap());
        }
        assert!(ids.iter().all(|id| is_alive(id)), "{ids:?}");
        tokio::time::timeout(Duration::from_secs(5), peer.stop(GRACE))
            .await
            .unwrap();
        assert!(!ids.iter().any(|id| is_alive(id)), "{ids:?}");
    }

    #[tokio::test]
    async fn what_is_not_there_cannot_be_started() {
        let error = Program::new("/no/such/program").start().unwrap_err();
        let Error::Start { source, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
    }
}
