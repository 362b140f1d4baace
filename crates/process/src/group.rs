//! A child with everything that it starts, as one thing that can be stopped.
//!
//! On Unix the child leads a session of its own: a signal reaches the whole group, and no program in it
//! finds a terminal to ask questions on. On Windows it is a job object.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, sleep};

use crate::strays::Strays;

/// How long a group may take to end after it was asked to, before it is killed
/// (reference `tools.md` §3, bash: forced after 3 s).
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(3);
/// How long a killed group is waited for: a process that hangs in the kernel may never be gone.
pub(crate) const KILL_GRACE: Duration = Duration::from_secs(1);
/// How often one looks whether a group is gone; the system does not tell.
pub(crate) const POLL: Duration = Duration::from_millis(10);

/// A child and all that it started.
#[derive(Debug)]
pub(crate) struct Group {
    child: Box<dyn ChildWrapper>,
    #[cfg(unix)]
    id: Option<nix::unistd::Pid>,
    exit: Option<ExitStatus>,
}

impl Group {
    /// Starts `command` as the leader of a new group.
    pub(crate) fn start(command: Command) -> io::Result<Self> {
        let mut wrap = CommandWrap::from(command);
        #[cfg(unix)]
        wrap.wrap(process_wrap::tokio::ProcessSession);
        #[cfg(windows)]
        wrap.wrap(process_wrap::tokio::JobObject);
        let child = wrap.spawn()?;
        Ok(Self {
            #[cfg(unix)]
            id: child
                .id()
                .and_then(|id| i32::try_from(id).ok())
                .map(nix::unistd::Pid::from_raw),
            child,
            exit: None,
        })
    }

    /// Bytes of memory that all members hold.
    #[cfg(target_os = "linux")]
    pub(crate) fn memory(&self) -> Option<u64> {
        let group = self.id?.to_string();
        let page = u64::try_from(nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??).ok()?;
        let processes = fs_err::read_dir("/proc").ok()?.flatten();
        let pages = processes.filter_map(|process| {
            let stat = fs_err::read(process.path().join("stat")).ok()?;
            let stat = String::from_utf8_lossy(&stat);
            // `pid (name) state parent group …`; the 24th field is the resident set.
            let mut fields = stat.rsplit(')').next()?.split_ascii_whitespace();
            if fields.nth(2) != Some(group.as_str()) {
                return None;
            }
            fields.nth(18)?.parse::<u64>().ok()
        });
        Some(pages.sum::<u64>().saturating_mul(page))
    }

    /// Its number in the system, until it has ended.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// What the child started, directly or not, and what is in no group with it any more.
    pub(crate) fn strays(&self) -> Strays {
        self.id().map(Strays::of).unwrap_or_default()
    }

    /// Our end of what the child reads, where that is a pipe.
    pub(crate) fn take_input(&mut self) -> Option<ChildStdin> {
        self.child.stdin().take()
    }

    /// The ends of the child's pipes that are ours, where there are pipes.
    pub(crate) fn take_pipes(&mut self) -> (Option<ChildStdin>, Option<ChildStdout>, Option<ChildStderr>) {
        (
            self.child.stdin().take(),
            self.child.stdout().take(),
            self.child.stderr().take(),
        )
    }

    /// Waits for the child itself, not for what it left behind. May be dropped and called again.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        if let Some(exit) = self.exit {
            return Ok(exit);
        }
        // The outer wrapper would also wait for orphans that this process inherits when it is the
        // first one of a container, however long those live.
        let exit = self.child.inner_mut().wait().await?;
        self.exit = Some(exit);
        Ok(exit)
    }

    /// Asks the whole group to end.
    pub(crate) fn terminate(&mut self) {
        #[cfg(unix)]
        self.signal(nix::sys::signal::Signal::SIGTERM);
        #[cfg(not(unix))]
        self.kill();
    }

    /// Ends the whole group.
    pub(crate) fn kill(&mut self) {
        #[cfg(unix)]
        self.signal(nix::sys::signal::Signal::SIGKILL);
        #[cfg(not(unix))]
        if let Err(error) = self.child.start_kill() {
            tracing::debug!(%error, "could not kill a child process");
        }
    }

    #[cfg(unix)]
    fn signal(&self, signal: nix::sys::signal::Signal) {
        let Some(id) = self.id else { return };
        match nix::sys::signal::killpg(id, signal) {
            Ok(()) | Err(nix::errno::Errno::ESRCH) => {}
            Err(error) => {
                tracing::debug!(%error, group = id.as_raw(), %signal, "could not signal a process group");
            }
        }
    }

    /// Whether nobody of the group is left.
    pub(crate) fn is_gone(&mut self) -> bool {
        // Reaps the child: until then it counts as a member.
        if self.exit.is_none() {
            match self.child.inner_mut().try_wait() {
                Ok(None) => return false,
                Ok(exit) => self.exit = exit,
                Err(error) => tracing::debug!(%error, "lost track of a child process"),
            }
        }
        #[cfg(unix)]
        return self
            .id
            .is_none_or(|id| nix::sys::signal::killpg(id, None).is_err() || is_dead(id));
        #[cfg(not(unix))]
        return true;
    }

    /// Asks the whole group to end, kills it if it does not, and waits for either.
    pub(crate) async fn stop(&mut self) {
        self.terminate();
        let force_at = Instant::now() + STOP_GRACE;
        let mut forced = false;
        while !self.is_gone() {
            let now = Instant::now();
            if now >= force_at + KILL_GRACE {
                tracing::warn!("a killed process group is still there");
                return;
            }
            if now >= force_at && !forced {
                forced = true;
                self.kill();
            }
            sleep(POLL).await;
        }
    }
}

/// Whether all members of a group are dead and only wait for their parent to notice. In a container the
/// first process often takes its time, or never notices; killing the dead again would not help.
#[cfg(target_os = "linux")]
fn is_dead(group: nix::unistd::Pid) -> bool {
    // Short reads from the kernel's own memory: no need to leave the async thread for them.
    let Ok(processes) = fs_err::read_dir("/proc") else {
        return false;
    };
    !processes.flatten().any(|process| {
        let is_process = process
            .file_name()
            .to_str()
            .is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit()));
        // `pid (name) state parent group …`; the name may hold anything, also `)`.
        let stat = if is_process {
            fs_err::read(process.path().join("stat")).unwrap_or_default()
        } else {
            Vec::new()
        };
        let stat = String::from_utf8_lossy(&stat);
        let mut fields = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_ascii_whitespace();
        let state = fields.next();
        fields.nth(1) == Some(group.to_string().as_str()) && !matches!(state, Some("Z" | "X"))
    })
}

#[cfg(all(unix, not(target_os = "linux")))]
fn is_dead(_group: nix::unistd::Pid) -> bool {
    false
}

impl Drop for Group {
    /// Nobody waits any more: the group is asked to end, so that a program like git takes its lock
    /// files away.
    fn drop(&mut self) {
        if self.exit.is_none() {
            self.terminate();
        }
    }
}
