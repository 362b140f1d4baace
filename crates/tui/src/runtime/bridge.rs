//! The connection to an editor beside the terminal: JSON-RPC over a WebSocket of this machine (reference `tui.md`
//! §9). Nothing that the editor sends or leaves undone harms this program: messages are bounded, what is not
//! understood is passed over, and a connection that ends is made again after a pause.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use futures_util::{SinkExt as _, StreamExt as _};
use opencode_config::Environment;
use opencode_config::environment::variable;
use opencode_config::paths::plain;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::bridge::Notice;

/// Notices that were not taken yet.
const NOTICES: usize = 64;
/// Bytes of a message; an editor that sends longer ones is left.
const MESSAGE: usize = 1024 * 1024;
/// How long an editor may take to answer the greeting.
const GREETING: Duration = Duration::from_secs(5);
/// The first pause before trying again; each is twice the one before.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(10);
/// Files of editors that are looked at.
const FILES: usize = 256;
/// Bytes of such a file.
const FILE: u64 = 64 * 1024;
/// The version of the protocol that is spoken.
const PROTOCOL: &str = "2025-11-25";
/// The header that shows an editor that its file could be read.
const TOKEN: &str = "x-claude-code-ide-authorization";
/// The number of the only request.
const INITIALIZE: u64 = 1;

/// Where an editor listens.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Address {
    port: u16,
    token: Option<String>,
}

/// What looks for editors.
pub(super) struct Bridge {
    folder: watch::Sender<Option<PathBuf>>,
    notices: mpsc::Receiver<Notice>,
    task: tokio::task::JoinHandle<()>,
}

impl Bridge {
    /// Looks for an editor as soon as a folder is said, until it is dropped.
    pub(super) fn start(environment: &Environment, home: &str, version: &str) -> Self {
        let (folder, folders) = watch::channel(None);
        let (sender, notices) = mpsc::channel(NOTICES);
        let search = Search {
            port: told_port(environment),
            locks: Path::new(home).join(".claude").join("ide"),
            version: version.to_owned(),
            pause: PAUSE,
        };
        let task = tokio::spawn(search.run(folders, sender));
        Self {
            folder,
            notices,
            task,
        }
    }

    /// An editor for this folder is wanted from now on.
    pub(super) fn work_in(&self, folder: String) {
        self.folder.send_replace(Some(PathBuf::from(folder)));
    }

    /// The next thing that an editor tells.
    pub(super) async fn next(&mut self) -> Notice {
        match self.notices.recv().await {
            Some(notice) => notice,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The port that the editor has put into the environment.
fn told_port(environment: &Environment) -> Option<u16> {
    let told = environment.get(variable::EDITOR_PORT);
    let told = told.or_else(|| environment.get(variable::OWN_EDITOR_PORT));
    told?.trim().parse().ok().filter(|port| *port > 0)
}

struct Search {
    port: Option<u16>,
    locks: PathBuf,
    version: String,
    pause: Duration,
}

impl Search {
    async fn run(self, mut folders: watch::Receiver<Option<PathBuf>>, notices: mpsc::Sender<Notice>) {
        let mut pause = self.pause;
        loop {
            let folder = folders.borrow_and_update().clone();
            tokio::select! {
                changed = folders.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    pause = self.pause;
                }
                was_connected = self.visit(folder, &notices) => {
                    if was_connected {
                        pause = self.pause;
                    }
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        changed = folders.changed() => {
                            if changed.is_err() {
                                return;
                            }
                            pause = self.pause;
                            continue;
                        }
                    }
                    pause = (pause * 2).min(LONGEST);
                }
            }
        }
    }

    /// Listens to an editor until its connection ends; says whether there was one.
    async fn visit(&self, folder: Option<PathBuf>, notices: &mpsc::Sender<Notice>) -> bool {
        let Some(folder) = folder else {
            return std::future::pending().await;
        };
        let address = match self.port {
            Some(port) => Some(Address { port, token: None }),
            None => {
                let locks = self.locks.clone();
                let found = tokio::task::spawn_blocking(move || find(&locks, &folder)).await;
                found.ok().flatten()
            }
        };
        let Some(address) = address else {
            return false;
        };
        let connected = timeout(GREETING, connect(&address)).await;
        let Ok(Ok(socket)) = connected else {
            tracing::debug!(port = address.port, "no editor answers");
            return false;
        };
        if let Err(error) = self.listen(socket, notices).await {
            tracing::debug!(port = address.port, %error, "the connection to an editor ended");
        }
        true
    }

    async fn listen(&self, mut socket: Socket, notices: &mpsc::Sender<Notice>) -> tungstenite::Result<()> {
        let hello = json!({
            "jsonrpc": "2.0", "id": INITIALIZE, "method": "initialize",
            "params": {
                "protocolVersion": PROTOCOL, "capabilities": {},
                "clientInfo": { "name": "opencode", "version": self.version },
            },
        });
        socket.send(Message::text(hello.to_string())).await?;
        while let Some(message) = socket.next().await {
            let Message::Text(text) = message? else {
                continue;
            };
            let is_wanted = match understood(&text) {
                Some(Told::Notice(notice)) => notices.send(notice).await.is_ok(),
                Some(Told::Welcome) => {
                    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
                    socket.send(Message::text(ready.to_string())).await?;
                    true
                }
                None => true,
            };
            if !is_wanted {
                return Ok(());
            }
        }
        Ok(())
    }
}

type Socket = tokio_tungstenite::WebSocketStream<TcpStream>;

/// Something of a message that means something here.
#[derive(Debug, PartialEq)]
enum Told {
    Notice(Notice),
    /// The editor knows who talks to it.
    Welcome,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    id: Value,
    method: Option<String>,
    #[serde(default)]
    params: Value,
    result: Option<Value>,
}

/// What a message means.
fn understood(text: &str) -> Option<Told> {
    let Envelope {
        id,
        method,
        params,
        result,
    } = serde_json::from_str(text).ok()?;
    match method.as_deref() {
        Some("selection_changed") => {
            let selection = serde_json::from_value(params).ok()?;
            Some(Told::Notice(Notice::Selected(selection)))
        }
        Some("at_mentioned") => {
            let mention = serde_json::from_value(params).ok()?;
            Some(Told::Notice(Notice::Mentioned(mention)))
        }
        Some(_) => None,
        None => {
            let is_answer =
                id.as_u64() == Some(INITIALIZE) && result.is_some_and(|result| result.is_object());
            is_answer.then_some(Told::Welcome)
        }
    }
}

async fn connect(address: &Address) -> tungstenite::Result<Socket> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, address.port)).await?;
    let mut request = format!("ws://127.0.0.1:{}/", address.port).into_client_request()?;
    let token = address.token.as_deref().map(HeaderValue::from_str);
    if let Some(Ok(mut token)) = token {
        token.set_sensitive(true);
        request.headers_mut().insert(TOKEN, token);
    }
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE))
        .max_frame_size(Some(MESSAGE));
    let (socket, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(limits)).await?;
    Ok(socket)
}

/// What an editor says of itself in a file that is named by its port.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lock {
    transport: Option<String>,
    #[serde(default)]
    workspace_folders: Vec<Value>,
    auth_token: Option<Value>,
}

/// The editor that has the folder open: by the nearest of its folders, then the one that was started last.
fn find(locks: &Path, folder: &Path) -> Option<Address> {
    let folder = plain(folder);
    let entries = fs_err::read_dir(locks).ok()?.flatten();
    let files = entries.map(|entry| entry.path());
    let found = files
        .filter(|path| path.extension().is_some_and(|end| end == "lock"))
        .take(FILES)
        .filter_map(|path| listed(&path, &folder));
    found
        .max_by_key(|(depth, changed, address)| (*depth, *changed, address.port))
        .map(|(_, _, address)| address)
}

fn listed(path: &Path, folder: &Path) -> Option<(usize, Option<SystemTime>, Address)> {
    let port: u16 = path.file_stem()?.to_str()?.parse().ok()?;
    let facts = fs_err::metadata(path).ok()?;
    if port == 0 || !facts.is_file() || facts.len() > FILE {
        return None;
    }
    let lock: Lock = serde_json::from_slice(&fs_err::read(path).ok()?).ok()?;
    if lock.transport.is_some_and(|transport| transport != "ws") {
        return None;
    }
    let open = lock.workspace_folders.iter().filter_map(Value::as_str);
    let depth = open
        .map(|open| plain(Path::new(open)))
        .filter(|open| open.is_absolute() && folder.starts_with(open))
        .map(|open| open.as_os_str().len())
        .max()?;
    let token = lock
        .auth_token
        .as_ref()
        .and_then(Value::as_str)
        .map(str::to_owned);
    Some((depth, facts.modified().ok(), Address { port, token }))
}

#[cfg(test)]
mod tests;
