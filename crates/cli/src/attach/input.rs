//! Lines of standard input, read beside everything else.

use std::io::{BufRead, IsTerminal, Read};

use tokio::sync::mpsc;

/// Most bytes of a line. What is longer is read as several.
const LINE_LIMIT: u64 = 4 * 1024 * 1024;

/// Lines as they are typed, or piped in.
pub(super) struct Input {
    lines: mpsc::Receiver<String>,
    terminal: bool,
    ended: bool,
}

impl Input {
    /// Begins to read.
    pub(super) fn new() -> Self {
        let (sender, lines) = mpsc::channel(1);
        // Reading cannot be called off: the thread ends with the program.
        std::thread::spawn(move || {
            let mut input = std::io::stdin().lock();
            loop {
                let mut bytes = Vec::new();
                match input.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut bytes) {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                }
                let line = String::from_utf8_lossy(&bytes)
                    .trim_end_matches(['\n', '\r'])
                    .to_owned();
                if sender.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            lines,
            terminal: std::io::stdin().is_terminal(),
            ended: false,
        }
    }

    /// The next line; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<String> {
        let line = self.lines.recv().await;
        self.ended |= line.is_none();
        line
    }

    /// Whether a person types.
    pub(super) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether nothing comes any more.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }
}
