//! The door to which browsers come back (reference `integrations.md` §A15.1 and §A15.7): one for all logins that
//! wait at a port. It is open while somebody waits.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use url::form_urlencoded;

use super::error::words;
use super::page;

/// Bytes of a request that are read.
const REQUEST_LIMIT: usize = 16 * 1024;
/// How long a browser may take to say what it wants.
const REQUEST_TIME: Duration = Duration::from_secs(5);
/// How long it may take to read its page.
const PAGE_TIME: Duration = Duration::from_secs(1);
/// Browsers at once.
const MOST: usize = 64;

/// What a browser brought.
#[derive(Debug)]
pub(super) enum Brought {
    /// The login took place.
    Code {
        code: String,
        /// Who says so (RFC 9207).
        issuer: Option<String>,
    },
    /// It did not.
    Denied(String),
}

/// The doors that are open, by the port that was asked for.
#[derive(Debug, Default)]
pub(super) struct Callbacks {
    doors: tokio::sync::Mutex<HashMap<u16, Door>>,
    stop: CancellationToken,
}

impl Drop for Callbacks {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[derive(Debug)]
struct Door {
    /// The port that it has.
    port: u16,
    waiting: Arc<Waiting>,
    task: JoinHandle<()>,
}

/// Who waits at a door, by the state of his login.
#[derive(Debug)]
struct Waiting {
    all: Mutex<HashMap<String, One>>,
    /// Nobody waits, and nobody will again.
    closed: CancellationToken,
}

#[derive(Debug)]
struct One {
    path: String,
    sender: oneshot::Sender<Brought>,
}

/// Somebody who waits. When it is dropped he does not any more.
#[derive(Debug)]
pub(super) struct Expected {
    /// The port that the browser must come to.
    pub(super) port: u16,
    pub(super) brought: oneshot::Receiver<Brought>,
    _place: Place,
}

#[derive(Debug)]
struct Place {
    state: String,
    waiting: Arc<Waiting>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.waiting.all();
        all.remove(&self.state);
        self.waiting.close_if_empty(&all);
    }
}

impl Waiting {
    fn all(&self) -> MutexGuard<'_, HashMap<String, One>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close_if_empty(&self, all: &HashMap<String, One>) {
        if all.is_empty() {
            self.closed.cancel();
        }
    }

    /// Whether somebody waits on this path.
    fn has_path(&self, path: &str) -> bool {
        self.all().values().any(|one| one.path == path)
    }

    fn take(&self, state: &str, path: &str) -> Option<One> {
        let mut all = self.all();
        let fits = all.get(state).is_some_and(|one| one.path == path);
        let one = if fits { all.remove(state) } else { None };
        self.close_if_empty(&all);
        one
    }
}

impl Callbacks {
    /// Waits at a port of this machine for the browser that comes to `path` with `state`. Port 0 is a free one.
    pub(super) async fn expect(&self, port: u16, path: &str, state: &str) -> io::Result<Expected> {
        let mut doors = self.doors.lock().await;
        if let Some(door) = doors.get(&port) {
            let mut all = door.waiting.all();
            if !door.waiting.closed.is_cancelled() && !door.task.is_finished() {
                return Ok(wait(door, &mut all, path, state));
            }
        }
        if let Some(closed) = doors.remove(&port) {
            // Its port is free when it has ended.
            let _ = closed.task.await;
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let waiting = Arc::new(Waiting {
            all: Mutex::default(),
            closed: CancellationToken::new(),
        });
        let has = listener.local_addr()?.port();
        let task = tokio::spawn(keep(listener, Arc::clone(&waiting), self.stop.clone()));
        let door = Door {
            port: has,
            waiting,
            task,
        };
        let expected = {
            let mut all = door.waiting.all();
            wait(&door, &mut all, path, state)
        };
        doors.insert(port, door);
        Ok(expected)
    }
}

fn wait(door: &Door, all: &mut HashMap<String, One>, path: &str, state: &str) -> Expected {
    let (sender, brought) = oneshot::channel();
    let path = path.to_owned();
    all.insert(state.to_owned(), One { path, sender });
    Expected {
        port: door.port,
        brought,
        _place: Place {
            state: state.to_owned(),
            waiting: Arc::clone(&door.waiting),
        },
    }
}

/// Keeps a door until nobody waits at it.
async fn keep(listener: tokio::net::TcpListener, waiting: Arc<Waiting>, stop: CancellationToken) {
    let mut browsers = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = waiting.closed.cancelled() => break,
            Some(_) = browsers.join_next() => {}
            accepted = listener.accept(), if browsers.len() < MOST => match accepted {
                Ok((stream, _)) => {
                    let waiting = Arc::clone(&waiting);
                    browsers.spawn(async move { serve(stream, &waiting).await });
                }
                // Too many open files, most likely: they may become fewer.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
    drop(listener);
    // Pages are still written; connections that only wait for something to ask are not worth waiting for.
    let pages = async { while browsers.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(Duration::from_millis(500), pages).await;
}

async fn serve(mut stream: TcpStream, waiting: &Waiting) {
    // A browser that says nothing is left alone.
    let Ok(Some(target)) = tokio::time::timeout(REQUEST_TIME, read(&mut stream)).await else {
        return;
    };
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    if !waiting.has_path(path) {
        write(&mut stream, 404, &page::failed("Nothing is here.")).await;
        return;
    }
    let brought: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let get = |name: &str| brought.get(name).filter(|value| !value.is_empty());
    let Some(state) = get("state") else {
        write(
            &mut stream,
            400,
            &page::failed("The answer names no login (state)."),
        )
        .await;
        return;
    };
    if let Some(error) = get("error") {
        let reason = get("error_description").unwrap_or(error);
        let reason = words(reason);
        let one = waiting.take(state, path);
        write(&mut stream, 200, &page::failed(&reason)).await;
        if let Some(one) = one {
            // Who does not wait any more does not need to know.
            let _ = one.sender.send(Brought::Denied(reason));
        }
        return;
    }
    let Some(code) = get("code") else {
        write(&mut stream, 400, &page::failed("The answer holds no code.")).await;
        return;
    };
    let Some(one) = waiting.take(state, path) else {
        write(
            &mut stream,
            400,
            &page::failed("This page belongs to another login, or to one that is over."),
        )
        .await;
        return;
    };
    write(&mut stream, 200, &page::done()).await;
    let _ = one.sender.send(Brought::Code {
        code: code.clone(),
        issuer: get("iss").cloned(),
    });
}

/// Reads a request; what it asks for, if it is one that browsers make.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut piece = [0; 2048];
    while !bytes.windows(4).any(|four| four == b"\r\n\r\n") {
        let count = stream.read(&mut piece).await.ok()?;
        if count == 0 || bytes.len() + count > REQUEST_LIMIT {
            return None;
        }
        bytes.extend_from_slice(piece.get(..count)?);
    }
    let text = String::from_utf8_lossy(&bytes);
    let mut words = text.lines().next()?.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    (method == "GET").then(|| target.to_owned())
}

async fn write(stream: &mut TcpStream, status: u16, page: &str) {
    let answer = format!(
        "HTTP/1.1 {status} OpenCode\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nreferrer-policy: no-referrer\r\nconnection: close\r\n\r\n{page}",
        page.len()
    );
    // A browser that has gone, or does not read, does not see the page, which changes nothing.
    let written = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    };
    let _ = tokio::time::timeout(PAGE_TIME, written).await;
}
