//! The door to which a browser comes back: one small server for one login (reference `providers.md` §12).

use std::collections::HashMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::form_urlencoded;

use super::LoginError;

/// Bytes of a request that are read.
const REQUEST_LIMIT: usize = 16 * 1024;
/// How long a browser may take to say what it wants.
const REQUEST_TIME: Duration = Duration::from_secs(2);

/// The server to which the browser comes back.
pub(super) struct Callback {
    listener: TcpListener,
    path: &'static str,
    /// Where a page posts what browsers keep from servers, for logins that answer in the fragment.
    fragment_path: Option<&'static str>,
}

/// What the browser brought.
pub(super) type Brought = HashMap<String, String>;

impl Callback {
    pub(super) async fn listen(
        port: u16,
        path: &'static str,
        fragment_path: Option<&'static str>,
    ) -> Result<Self, LoginError> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await;
        let listener = listener.map_err(|error| LoginError::Failed {
            reason: format!("the login cannot come back to port {port} of this machine: {error}"),
        })?;
        Ok(Self {
            listener,
            path,
            fragment_path,
        })
    }

    pub(super) fn port(&self) -> Result<u16, LoginError> {
        let address = self.listener.local_addr();
        address
            .map(|address| address.port())
            .map_err(|error| LoginError::Failed {
                reason: error.to_string(),
            })
    }

    /// Waits until the browser comes with an answer that has this `state`. What else asks is refused and does
    /// not end the waiting.
    pub(super) async fn wait(&self, state: Option<&str>) -> Result<Brought, LoginError> {
        loop {
            let Ok((mut stream, _)) = self.listener.accept().await else {
                // Too many open files, most likely: they may become fewer.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let reading = tokio::time::timeout(REQUEST_TIME, read(&mut stream)).await;
            let Ok(Some(request)) = reading else { continue };
            if let Some(outcome) = self.answer(&mut stream, &request, state).await {
                return outcome;
            }
        }
    }

    async fn answer(
        &self,
        stream: &mut TcpStream,
        request: &Request,
        state: Option<&str>,
    ) -> Option<Result<Brought, LoginError>> {
        let target = if request.path == "/cancel" {
            write(stream, 200, "The login was stopped.").await;
            return Some(Err(refused("it was stopped")));
        } else if request.path == self.path && request.method == "GET" && self.fragment_path.is_some() {
            write_html(
                stream,
                200,
                &fragment_page(self.fragment_path.unwrap_or_default()),
            )
            .await;
            return None;
        } else if Some(request.path.as_str()) == self.fragment_path && request.method == "POST" {
            &request.body
        } else if request.path == self.path {
            &request.query
        } else {
            write(stream, 404, "Nothing is here.").await;
            return None;
        };
        let brought: Brought = form_urlencoded::parse(target.as_bytes()).into_owned().collect();
        if state.is_some_and(|state| brought.get("state").map(String::as_str) != Some(state)) {
            // Not the page that this login opened: somebody else's, or an older one.
            write(stream, 400, "This page belongs to another login.").await;
            return None;
        }
        if let Some(error) = brought.get("error") {
            let reason = brought.get("error_description").unwrap_or(error);
            write(stream, 400, "The login failed. The terminal says more.").await;
            return Some(Err(refused(reason)));
        }
        write(stream, 200, "You are logged in. This page can be closed.").await;
        Some(Ok(brought))
    }
}

fn refused(reason: &str) -> LoginError {
    LoginError::Failed {
        reason: format!("the login did not take place: {reason}"),
    }
}

struct Request {
    method: String,
    path: String,
    query: String,
    body: String,
}

/// Reads a request; `None` if it is none.
async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut piece = [0; 2048];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let value = name.eq_ignore_ascii_case("content-length").then_some(value)?;
                value.trim().parse::<usize>().ok()
            });
            if body.len() >= length.unwrap_or(0) {
                let mut words = head.lines().next()?.split(' ');
                let (method, target) = (words.next()?, words.next()?);
                let (path, query) = target.split_once('?').unwrap_or((target, ""));
                return Some(Request {
                    method: method.to_owned(),
                    path: path.to_owned(),
                    query: query.to_owned(),
                    body: body.to_owned(),
                });
            }
        }
        let count = stream.read(&mut piece).await.ok()?;
        if count == 0 || bytes.len() + count > REQUEST_LIMIT {
            return None;
        }
        bytes.extend_from_slice(piece.get(..count)?);
    }
}

async fn write(stream: &mut TcpStream, status: u16, words: &str) {
    let page = format!("<!doctype html><meta charset=utf-8><title>OpenCode</title><p>{words}</p>");
    write_html(stream, status, &page).await;
}

async fn write_html(stream: &mut TcpStream, status: u16, page: &str) {
    let answer = format!(
        "HTTP/1.1 {status} OpenCode\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nconnection: close\r\n\r\n{page}",
        page.len()
    );
    // A browser that has gone does not see the page, which changes nothing.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// A page that posts its fragment.
fn fragment_page(path: &str) -> String {
    format!(
        "<!doctype html><meta charset=utf-8><title>OpenCode</title><p id=p>One moment …</p><script>\
         fetch('{path}',{{method:'POST',body:location.hash.slice(1)}})\
         .then(r=>r.text()).then(t=>{{document.body.innerHTML=t}})</script>"
    )
}
