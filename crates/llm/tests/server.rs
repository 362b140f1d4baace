//! A small HTTP server: it plays back scripted replies, piece by piece, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A scripted reply.
#[derive(Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Piece(Vec<u8>),
    /// Wait until the test says so; for ever if it never does.
    Wait(Arc<Notify>),
    /// Close the connection without an end of the body.
    Cut,
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &str) -> Self {
        Self {
            status,
            headers: vec![("content-type".into(), content_type.into())],
            steps: Vec::new(),
        }
    }

    /// A stream of events.
    pub(crate) fn events() -> Self {
        Self::new(200, "text/event-stream")
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn body<T: AsRef<[u8]>>(mut self, pieces: impl IntoIterator<Item = T>) -> Self {
        self.steps.extend(
            pieces
                .into_iter()
                .map(|piece| Step::Piece(piece.as_ref().to_vec())),
        );
        self
    }

    pub(crate) fn wait(mut self, notify: &Arc<Notify>) -> Self {
        self.steps.push(Step::Wait(Arc::clone(notify)));
        self
    }

    pub(crate) fn cut(mut self) -> Self {
        self.steps.push(Step::Cut);
        self
    }
}

/// The server; it ends with the test.
pub(crate) struct Server {
    address: std::net::SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// A connection was closed by the client while a reply was under way.
    pub(crate) dropped: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let dropped = Arc::new(Notify::new());
        let (remember, signal) = (Arc::clone(&seen), Arc::clone(&dropped));
        let task = tokio::spawn(async move {
            let mut replies = VecDeque::from(replies);
            while let Some(reply) = replies.pop_front() {
                let Ok((mut stream, _)) = listener.accept().await else {
                    return;
                };
                let Some(request) = read_request(&mut stream).await else {
                    continue;
                };
                remember.lock().unwrap().push(request);
                if play(&mut stream, reply).await.is_none() {
                    signal.notify_one();
                }
            }
        });
        Self {
            address,
            seen,
            dropped,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0
            || !bytes.starts_with(b"POST ") && !bytes.starts_with(b"GET ") && !bytes.starts_with(b"PUT ")
        {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = bytes.split_off(head_end + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Seen {
        method,
        path,
        headers,
        body,
    })
}

/// Plays a reply; `None` when the client went away.
async fn play(stream: &mut TcpStream, reply: Reply) -> Option<()> {
    let waits_first = matches!(reply.steps.first(), Some(Step::Wait(_)));
    let mut head = format!("HTTP/1.1 {} Scripted\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("transfer-encoding: chunked\r\nconnection: close\r\n\r\n");
    if !waits_first {
        stream.write_all(head.as_bytes()).await.ok()?;
        stream.flush().await.ok()?;
    }
    let mut head = waits_first.then_some(head);
    for step in reply.steps {
        match step {
            Step::Wait(notify) => {
                let mut probe = [0; 1];
                tokio::select! {
                    () = notify.notified() => {}
                    read = stream.read(&mut probe) => if matches!(read, Ok(0) | Err(_)) { return None },
                }
                if let Some(head) = head.take() {
                    stream.write_all(head.as_bytes()).await.ok()?;
                }
            }
            Step::Piece(piece) => {
                let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
                chunk.extend(piece);
                chunk.extend(b"\r\n");
                stream.write_all(&chunk).await.ok()?;
                stream.flush().await.ok()?;
            }
            Step::Cut => return Some(()),
        }
    }
    stream.write_all(b"0\r\n\r\n").await.ok()?;
    stream.flush().await.ok()
}
