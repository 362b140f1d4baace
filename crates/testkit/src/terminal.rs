//! The binary on a terminal: keys go in, a screen comes out.

use std::ffi::OsStr;
use std::io::{Read as _, Write};
use std::num::NonZeroU16;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Instant;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::LIMIT;
use crate::home::Home;

/// A program on a terminal.
pub struct Terminal {
    parser: vt100::Parser,
    pieces: Receiver<Vec<u8>>,
    keys: Box<dyn Write + Send>,
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    /// Everything that was written, as it was.
    pub written: Vec<u8>,
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}

fn some(cells: u16) -> NonZeroU16 {
    NonZeroU16::new(cells).expect("a terminal has cells")
}

impl Home {
    /// Starts the binary on a terminal of a size.
    pub fn terminal<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
        columns: u16,
        rows: u16,
    ) -> Terminal {
        let pair = native_pty_system()
            .openpty(size(columns, rows))
            .expect("a terminal");
        let mut command = CommandBuilder::new(&self.binary);
        command.args(arguments);
        command.cwd(self.project());
        command.env_clear();
        for (name, value) in self.environment() {
            command.env(name, value);
        }
        command.env("TERM", "xterm-256color");
        command.env("COLORTERM", "truecolor");
        let child = pair.slave.spawn_command(command).expect("a program");
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().expect("what it writes");
        let (sender, pieces) = channel();
        std::thread::spawn(move || {
            let mut piece = [0; 16 * 1024];
            while let Ok(length) = reader.read(&mut piece) {
                if length == 0 || sender.send(piece[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Terminal {
            parser: vt100::Parser::new(some(rows), some(columns), 0),
            pieces,
            keys: pair.master.take_writer().expect("its keys"),
            master: pair.master,
            child,
            written: Vec::new(),
        }
    }
}

impl Terminal {
    /// Types something, as the terminal would send it.
    pub fn send(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("keys are taken");
        self.keys.flush().expect("keys are taken");
    }

    /// The terminal gets another size.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.parser.screen_mut().set_size(some(rows), some(columns));
        self.master.resize(size(columns, rows)).expect("another size");
    }

    /// What is seen.
    pub fn screen(&self) -> String {
        self.parser.screen().contents()
    }

    /// Waits until a screen is seen that is as it should be.
    pub fn wait_for(&mut self, what: &str, is_there: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + LIMIT;
        loop {
            let screen = self.screen();
            if is_there(&screen) {
                return screen;
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.pieces.recv_timeout(left) {
                Ok(piece) => {
                    self.parser.process(&piece);
                    self.written.extend_from_slice(&piece);
                }
                Err(RecvTimeoutError::Timeout) => panic!("{what} does not come:\n{screen}"),
                Err(RecvTimeoutError::Disconnected) => panic!("it ended before {what}:\n{screen}"),
            }
        }
    }

    /// Waits until a text is seen.
    pub fn sees(&mut self, text: &str) -> String {
        self.wait_for(text, |screen| screen.contains(text))
    }

    /// Waits until a text is not seen any more.
    pub fn loses(&mut self, text: &str) -> String {
        self.wait_for(&format!("the end of {text}"), |screen| !screen.contains(text))
    }

    /// Waits for the end: its code, and what is on the screen then.
    pub fn end(mut self) -> (u32, String) {
        let end = Instant::now() + LIMIT;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.pieces.recv_timeout(left) {
                Ok(piece) => {
                    self.parser.process(&piece);
                    self.written.extend_from_slice(&piece);
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end:\n{}", self.screen()),
            }
        }
        let status = self.child.wait().expect("its end");
        assert!(
            !self.parser.screen().alternate_screen(),
            "the terminal is not given back"
        );
        (status.exit_code(), self.screen())
    }

    /// The id of the program.
    pub fn id(&self) -> u32 {
        self.child.process_id().expect("a program")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
