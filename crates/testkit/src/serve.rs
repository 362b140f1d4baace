//! The binary as a server, and a client that speaks just enough HTTP to test it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use serde_json::Value;

use crate::{Home, LIMIT, Running};

/// A server of the binary. Dropping it kills it.
pub struct Served {
    running: Running,
    pub(crate) address: String,
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The lines of the head, in small letters.
    pub head: String,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Home {
    /// Starts `opencode serve` on a port of the system's choice.
    pub async fn serve(&self) -> Served {
        self.serve_by(|command| command).await
    }

    /// The same by a command that `change` makes of the usual one.
    pub async fn serve_by(&self, change: impl FnOnce(Command) -> Command) -> Served {
        // Not 4096: something else may want it.
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("its address").port().to_string();
        drop(free);
        let mut running = Running::start(change(self.command(["serve", "--port", &port])));
        let line = running.line_with("opencode server listening on").await;
        let address = line
            .trim()
            .rsplit("http://")
            .next()
            .expect("an address")
            .to_owned();
        Served { running, address }
    }
}

impl Home {
    /// Starts any command that listens and says `…http://host:port…` in a line with `announced`.
    pub async fn listen<S: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
        announced: &str,
    ) -> Served {
        let mut running = self.start(arguments);
        let line = running.line_with(announced).await;
        let address = line.trim().rsplit("http://").next().expect("an address");
        let address = address.split('/').next().unwrap_or_default().to_owned();
        Served { running, address }
    }
}

impl Served {
    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The number of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.running.id()
    }

    /// Sends it a signal by its name (`STOP`, `CONT`).
    pub fn signal(&self, name: &str) {
        self.running.signal(name);
    }

    /// Sends a request, with a body of JSON if there is one, and reads the whole answer.
    pub async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.send_with(method, path, &[], body.map(|body| body.to_string()))
            .await
    }

    /// The same with headers, and any body.
    pub async fn send_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Answer {
        self.exchange(&self.address, method, path, headers, body.unwrap_or_default())
            .await
    }

    /// Sends a request that names another host.
    pub async fn send_to(&self, host: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.exchange(host, method, path, headers, String::new()).await
    }

    async fn exchange(
        &self,
        host: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
        if !body.is_empty() {
            request.push_str(&format!("content-length: {}\r\n", body.len()));
            if headers.iter().all(|(name, _)| *name != "content-type") {
                request.push_str("content-type: application/json\r\n");
            }
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        request.push_str(&body);
        let address = self.address.clone();
        let answer = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).expect("the server listens");
            stream.set_read_timeout(Some(LIMIT)).expect("a limit");
            stream.write_all(request.as_bytes()).expect("it is sent");
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).expect("an answer");
            String::from_utf8_lossy(&bytes).into_owned()
        });
        parse(&answer.await.expect("an answer"))
    }

    /// Listens to a stream of events until `is_last` says so, and gives them all. `begun` runs when the
    /// stream has begun.
    pub async fn events<F: Future<Output = ()>>(
        &self,
        path: &str,
        begun: impl FnOnce() -> F,
        is_last: impl Fn(&Value) -> bool + Send + 'static,
    ) -> Vec<Value> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address);
        let address = self.address.clone();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let listening = tokio::task::spawn_blocking(move || {
            let mut sender = Some(sender);
            let mut stream = TcpStream::connect(address).expect("the server listens");
            stream.set_read_timeout(Some(LIMIT)).expect("a limit");
            stream.write_all(request.as_bytes()).expect("it is sent");
            let mut seen = Vec::new();
            let mut rest = String::new();
            let mut piece = [0; 4096];
            loop {
                let read = stream.read(&mut piece).expect("events");
                assert!(read > 0, "the stream ended: {rest}");
                rest.push_str(&String::from_utf8_lossy(&piece[..read]));
                while let Some((frame, after)) = rest.split_once("\n\n") {
                    let event = frame.rsplit_once("data: ").map(|(_, event)| event.to_owned());
                    rest = after.to_owned();
                    let Some(event) = event else { continue };
                    seen.push(serde_json::from_str::<Value>(&event).expect("JSON"));
                    if let Some(sender) = sender.take() {
                        // The one who waits for it may have given up.
                        let _ = sender.send(());
                    }
                    if seen.last().is_some_and(&is_last) {
                        return seen;
                    }
                }
            }
        });
        receiver.await.expect("the stream begins");
        begun().await;
        listening.await.expect("events")
    }

    /// Ends the server at once, as the system does when memory runs out.
    pub async fn kill(mut self) {
        self.running.kill();
        self.running.finish().await;
    }

    /// Asks the server to end and waits for it.
    pub async fn stop(self) -> crate::Finished {
        self.running.signal("TERM");
        self.running.finish().await
    }
}

fn parse(answer: &str) -> Answer {
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let head = head.to_lowercase();
    let text = if head.contains("transfer-encoding: chunked") {
        unchunked(body)
    } else {
        body.to_owned()
    };
    Answer {
        status: status.expect("a status"),
        head,
        text,
    }
}

fn unchunked(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        text.push_str(&rest[..size]);
        body = &rest[size + 2..];
    }
    text
}
