//! A server that is a program: messages are lines of its standard input and output.
//!
//! What it writes there that is no message is skipped and counted; a line that is longer than a message may be is
//! not kept in memory, and whoever waits for it is told so.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use opencode_process::lines::{Line, Lines};
use opencode_process::program::Error as StartError;
use opencode_process::{Peer, Pipes, Program};
use opencode_schema::mcp::Local;
use rmcp::RoleClient;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::io::{AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::Mutex;

use crate::error::Error;
use crate::facts::Facts;
use crate::wire;

/// Bytes that are no messages after which a server that says nothing else is given up.
const GARBAGE_LIMIT: usize = 64 << 20;
/// Characters of a line that are logged.
const SHOWN: usize = 500;

/// Starts the program of a server.
///
/// # Errors
/// There is no command, or the system refused.
pub(crate) fn start(name: &str, server: &Local, directory: &Path) -> Result<(Peer, Pipes), Error> {
    let Some((program, arguments)) = server.command.split_first() else {
        return Err(Error::NoCommand(name.to_owned()));
    };
    let folder: PathBuf = match &server.cwd {
        Some(folder) => directory.join(folder),
        None => directory.to_owned(),
    };
    let mut command = Program::new(program).args(arguments).directory(&folder);
    for (name, value) in server.environment.iter().flatten() {
        command = command.variable(name, value);
    }
    command.start().map_err(|error| {
        let StartError::Start { source, .. } = error else {
            return Error::Start(error.to_string());
        };
        let reason = match source.kind() {
            // Whether it is the program or the folder that is not there, the system does not say.
            io::ErrorKind::NotFound if !folder.is_dir() => {
                format!("the folder {} does not exist", folder.display())
            }
            // Parity: integrations.md §A2.
            io::ErrorKind::NotFound => format!("ENOENT: no such file or directory, posix_spawn '{program}'"),
            io::ErrorKind::PermissionDenied => format!("EACCES: permission denied, posix_spawn '{program}'"),
            _ => format!("could not start '{program}': {source}"),
        };
        Error::Start(reason)
    })
}

/// Reads what a program complains about, so that it can go on, and keeps the last of it.
pub(crate) async fn drain(name: String, errors: impl AsyncRead + Unpin, facts: Arc<Facts>) {
    let mut lines = Lines::new(BufReader::new(errors), 8 << 10);
    while let Some(line) = lines.next().await {
        let (Line::Whole(line) | Line::TooLong { head: line, .. }) = line;
        let text: String = String::from_utf8_lossy(&line).chars().take(SHOWN).collect();
        tracing::debug!(server = name, text, "an MCP server complains");
        facts.complained(text);
    }
}

/// Messages of a program.
pub(crate) struct Stdio {
    name: String,
    input: Arc<Mutex<ChildStdin>>,
    lines: Lines<BufReader<ChildStdout>>,
    ready: VecDeque<ServerJsonRpcMessage>,
    garbage: usize,
    facts: Arc<Facts>,
}

impl Stdio {
    pub(crate) fn new(name: &str, input: ChildStdin, output: ChildStdout, facts: &Arc<Facts>) -> Self {
        Self {
            name: name.to_owned(),
            input: Arc::new(Mutex::new(input)),
            lines: Lines::new(BufReader::with_capacity(64 << 10, output), wire::MESSAGE_LIMIT),
            ready: VecDeque::new(),
            garbage: 0,
            facts: Arc::clone(facts),
        }
    }

    /// What a line says, into [`Stdio::ready`].
    fn take(&mut self, line: Line) {
        let length = match line {
            Line::Whole(line) if line.iter().all(u8::is_ascii_whitespace) => return,
            Line::Whole(line) => {
                let messages = wire::messages(&line);
                if !messages.is_empty() {
                    self.garbage = 0;
                    self.ready.extend(messages);
                    return;
                }
                let text: String = String::from_utf8_lossy(&line).chars().take(SHOWN).collect();
                tracing::debug!(
                    server = self.name,
                    text,
                    "an MCP server writes what is no message"
                );
                line.len()
            }
            Line::TooLong { length, head, tail } => {
                tracing::warn!(
                    server = self.name,
                    length,
                    "a message of an MCP server is too long"
                );
                if let Some(id) = wire::id_of_fragment(&head, &tail) {
                    let limit = wire::MESSAGE_LIMIT >> 20;
                    let text = format!("the answer has {length} bytes; more than {limit} MB are not taken");
                    self.garbage = 0;
                    self.ready.push_back(wire::refusal(id, text));
                    return;
                }
                length
            }
        };
        self.garbage = self.garbage.saturating_add(length);
        self.facts.skipped();
    }
}

impl Transport<RoleClient> for Stdio {
    type Error = io::Error;

    fn send(
        &mut self,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let input = Arc::clone(&self.input);
        async move {
            let mut line = serde_json::to_vec(&message)?;
            line.push(b'\n');
            let mut input = input.lock().await;
            input.write_all(&line).await?;
            input.flush().await
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Some(message);
            }
            if self.garbage > GARBAGE_LIMIT {
                tracing::warn!(
                    server = self.name,
                    "an MCP server writes nothing but what is no message"
                );
                return None;
            }
            let line = self.lines.next().await?;
            self.take(line);
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        // The program is stopped by whoever started it.
        Ok(())
    }
}
