//! Connections that may break at any moment.

use std::io::{Read, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

use opencode_testkit::Served;
use serde_json::Value;

/// How long a server may say nothing.
const LIMIT: Duration = Duration::from_secs(60);

/// A request and its whole answer: status and body. The server may die meanwhile.
pub(super) async fn try_send(
    server: &Served,
    method: &'static str,
    path: &str,
    body: Option<Value>,
) -> Result<(u16, Value)> {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let (address, path) = (address_of(server), path.to_owned());
    tokio::task::spawn_blocking(move || exchange(&address, method, &path, &body))
        .await
        .unwrap()
}

/// Where a server listens.
pub(super) fn address_of(server: &Served) -> String {
    server.url().replace("http://", "")
}

fn exchange(address: &str, method: &str, path: &str, body: &str) -> Result<(u16, Value)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\naccept-encoding: identity\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let broken = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(broken)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = match body.trim() {
        "" => Value::Null,
        text => serde_json::from_str(text).map_err(|_| broken())?,
    };
    Ok((status.ok_or_else(broken)?, body))
}

/// A stream of events that is read piece by piece.
pub(super) struct Stream {
    stream: TcpStream,
    came: Vec<u8>,
    /// Bytes of it that were given out.
    read: usize,
}

impl Stream {
    /// Opens it. `headers` end each with `\r\n`.
    pub(super) fn open(address: &str, path: &str, headers: &str) -> Result<Self> {
        Self::ask(address, "GET", path, headers, "")
    }

    /// The same of any request.
    pub(super) fn ask(address: &str, method: &str, path: &str, headers: &str, body: &str) -> Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(LIMIT))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\naccept-encoding: identity\r\n{headers}\r\n{body}"
        )?;
        Ok(Self {
            stream,
            came: Vec::new(),
            read: 0,
        })
    }

    /// Bytes that have come, until so many came, nothing comes for `patience`, or the line breaks.
    pub(super) fn bytes(&mut self, most: u64, patience: Duration) -> u64 {
        let mut piece = [0; 256];
        let mut came = 0;
        self.stream.set_read_timeout(Some(patience)).unwrap();
        while came < most {
            match self.stream.read(&mut piece) {
                Ok(0) | Err(_) => break,
                Ok(read) => came += read as u64,
            }
        }
        came
    }

    /// The next event.
    pub(super) fn event(&mut self) -> Result<Value> {
        loop {
            let frame = self.piece(b"\n\n")?;
            if let Some((_, event)) = frame.rsplit_once("data: ") {
                return Ok(serde_json::from_str(event)?);
            }
        }
    }

    /// What comes until `end`.
    pub(super) fn piece(&mut self, end: &[u8]) -> Result<String> {
        let mut looked = self.read;
        let mut bytes = [0; 65_536];
        loop {
            let found = self.came[looked..].windows(end.len()).position(|one| one == end);
            if let Some(found) = found {
                let piece = String::from_utf8_lossy(&self.came[self.read..looked + found]).into_owned();
                self.read = looked + found + end.len();
                return Ok(piece);
            }
            self.came.drain(..self.read);
            self.read = 0;
            looked = (self.came.len() + 1).saturating_sub(end.len());
            let read = self.stream.read(&mut bytes)?;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            self.came.extend_from_slice(&bytes[..read]);
        }
    }
}
