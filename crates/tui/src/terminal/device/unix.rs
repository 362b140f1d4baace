//! Terminals of Unix systems.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr, ttyname};

use super::Device;
use crate::terminal::guard;

/// How long it takes at most until all threads of a program have stopped.
const FALLING_ASLEEP: Duration = Duration::from_millis(100);

/// The terminal that the program was started on.
#[derive(Debug)]
pub(crate) struct Terminal {
    output: File,
    before: Termios,
}

impl Terminal {
    /// Opens the terminal: for keys, and to draw on.
    ///
    /// # Errors
    /// Standard output is no terminal. Standard input need not be one.
    pub(crate) fn open() -> io::Result<(Self, OwnedFd)> {
        let stdout = io::stdout();
        if !stdout.is_terminal() {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "standard output is no terminal",
            ));
        }
        let stdin = io::stdin();
        let input = match stdin.is_terminal() {
            true => stdin.as_fd().try_clone_to_owned()?,
            false => {
                // Not /dev/tty, which macOS cannot wait for.
                let name = ttyname(&stdout, Vec::new())?;
                let path = std::ffi::OsStr::from_bytes(name.as_bytes());
                fs_err::File::open(path)?.into_parts().0.into()
            }
        };
        Ok((Self::on(stdout.as_fd().try_clone_to_owned()?)?, input))
    }

    /// A terminal that is open already.
    pub(crate) fn on(output: OwnedFd) -> io::Result<Self> {
        let before = tcgetattr(&output)?;
        Ok(Self {
            output: output.into(),
            before,
        })
    }
}

impl Device for Terminal {
    fn raw(&mut self, on: bool) -> io::Result<()> {
        let mut modes = self.before.clone();
        if on {
            modes.make_raw();
            guard::taken();
        }
        let set = tcsetattr(&self.output, OptionalActions::Now, &modes);
        if !on {
            guard::given_back();
        }
        Ok(set?)
    }

    fn size(&self) -> io::Result<(u16, u16)> {
        let size = tcgetwinsize(&self.output)?;
        // Serial lines do not know theirs.
        Ok(match (size.ws_col, size.ws_row) {
            (0, _) | (_, 0) => (80, 24),
            size => size,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.output.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Another program on this terminal may have made it non-blocking.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut output = [rustix::event::PollFd::new(
                        &self.output,
                        rustix::event::PollFlags::OUT,
                    )];
                    rustix::event::poll(&mut output, None)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn sleep(&mut self) -> io::Result<()> {
        // 0 is the group of this process.
        kill(Pid::from_raw(0), Signal::SIGTSTP)?;
        // Another thread may have taken the signal: this one must not touch the terminal before it has stopped, too.
        std::thread::sleep(FALLING_ASLEEP);
        Ok(())
    }
}
