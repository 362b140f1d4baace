use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

use super::{Address, Bridge, Search, TOKEN, find, told_port};
use crate::bridge::Notice;

const LIMIT: Duration = Duration::from_secs(20);

/// Something that must happen soon.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, what)
        .await
        .expect("it takes too long")
}

fn bridge(port: Option<u16>, locks: &Path) -> Bridge {
    let (folder, folders) = tokio::sync::watch::channel(None);
    let (sender, notices) = tokio::sync::mpsc::channel(super::NOTICES);
    let search = Search {
        port,
        locks: locks.to_owned(),
        version: "1.0.0".to_owned(),
        pause: Duration::from_millis(1),
    };
    let task = tokio::spawn(search.run(folders, sender));
    Bridge {
        folder,
        notices,
        task,
    }
}

async fn editor() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

async fn accept(listener: &TcpListener) -> WebSocketStream<TcpStream> {
    let (stream, _) = soon(listener.accept()).await.unwrap();
    tokio_tungstenite::accept_async(stream).await.unwrap()
}

async fn hear(socket: &mut WebSocketStream<TcpStream>) -> Value {
    let message = soon(socket.next()).await.unwrap().unwrap();
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

async fn tell(socket: &mut WebSocketStream<TcpStream>, value: Value) {
    soon(socket.send(Message::text(value.to_string()))).await.unwrap();
}

fn selected(path: &str) -> Value {
    let place = json!({ "line": 1, "character": 0 });
    json!({ "jsonrpc": "2.0", "method": "selection_changed", "params": {
        "filePath": path, "text": "", "selection": { "start": place, "end": place },
    } })
}

async fn path_of(bridge: &mut Bridge) -> String {
    match soon(bridge.next()).await {
        Notice::Selected(selection) => selection.path,
        Notice::Mentioned(mention) => mention.path,
    }
}

#[tokio::test]
async fn an_editor_is_greeted_and_heard() {
    let (listener, port) = editor().await;
    let mut bridge = bridge(Some(port), Path::new("/nowhere"));
    bridge.work_in("/p".to_owned());
    let mut socket = accept(&listener).await;
    let hello = hear(&mut socket).await;
    assert_eq!(hello["method"], "initialize");
    assert_eq!(hello["params"]["protocolVersion"], "2025-11-25");
    assert_eq!(hello["params"]["clientInfo"]["name"], "opencode");
    tell(
        &mut socket,
        json!({ "jsonrpc": "2.0", "id": hello["id"], "result": { "protocolVersion": "x" } }),
    )
    .await;
    assert_eq!(hear(&mut socket).await["method"], "notifications/initialized");
    tell(&mut socket, selected("/p/a.rs")).await;
    assert_eq!(path_of(&mut bridge).await, "/p/a.rs");
    let mention = json!({ "filePath": "/p/b.rs", "lineStart": 1, "lineEnd": 2 });
    tell(
        &mut socket,
        json!({ "jsonrpc": "2.0", "method": "at_mentioned", "params": mention }),
    )
    .await;
    assert_eq!(path_of(&mut bridge).await, "/p/b.rs");
}

#[tokio::test]
async fn garbage_huge_messages_and_lost_connections_do_no_harm() {
    let (listener, port) = editor().await;
    let mut bridge = bridge(Some(port), Path::new("/nowhere"));
    bridge.work_in("/p".to_owned());
    // No WebSocket at all.
    let (mut stream, _) = soon(listener.accept()).await.unwrap();
    let mut head = [0; 64];
    stream.read_exact(&mut head).await.unwrap();
    stream.write_all(b"SSH-2.0-nonsense\r\n\r\n").await.unwrap();
    drop(stream);
    // Nothing that is understood; after that it still listens.
    let mut socket = accept(&listener).await;
    for garbage in [
        "",
        "{",
        "null",
        "[]",
        "{\"method\":7}",
        "{\"method\":\"selection_changed\"}",
    ] {
        soon(socket.send(Message::text(garbage))).await.unwrap();
    }
    let deep = "[".repeat(100_000);
    soon(socket.send(Message::text(deep))).await.unwrap();
    soon(socket.send(Message::binary(vec![0xff; 1000])))
        .await
        .unwrap();
    tell(
        &mut socket,
        json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": 1 } }),
    )
    .await;
    tell(&mut socket, selected("/p/after-garbage")).await;
    assert_eq!(path_of(&mut bridge).await, "/p/after-garbage");
    // More than a message may have: that connection ends, the next one is as good as any.
    let huge = selected(&"x".repeat(super::MESSAGE + 1)).to_string();
    let _ = soon(socket.send(Message::text(huge))).await;
    let mut socket = accept(&listener).await;
    tell(&mut socket, selected("/p/after-huge")).await;
    assert_eq!(path_of(&mut bridge).await, "/p/after-huge");
    // The editor is gone and comes back.
    drop(socket);
    let mut socket = accept(&listener).await;
    tell(&mut socket, selected("/p/again")).await;
    assert_eq!(path_of(&mut bridge).await, "/p/again");
}

#[tokio::test]
async fn work_in_another_folder_is_told_to_its_editor() {
    let home = tempfile::tempdir().unwrap();
    let (first, first_port) = editor().await;
    let (second, second_port) = editor().await;
    lock(
        home.path(),
        first_port,
        &json!({ "workspaceFolders": ["/p/one"], "authToken": "secret-1" }),
    );
    lock(
        home.path(),
        second_port,
        &json!({ "workspaceFolders": ["/p/two"], "authToken": "secret-2" }),
    );
    let mut bridge = bridge(None, home.path());
    for (listener, folder, token) in [(&first, "/p/one/a", "secret-1"), (&second, "/p/two", "secret-2")] {
        bridge.work_in(folder.to_owned());
        let (stream, _) = soon(listener.accept()).await.unwrap();
        let mut shown = None;
        #[expect(clippy::result_large_err, reason = "the form that the library wants")]
        let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            shown = request.headers().get(TOKEN).cloned();
            Ok(response)
        };
        let mut socket = tokio_tungstenite::accept_hdr_async(stream, look).await.unwrap();
        assert_eq!(shown.unwrap(), token);
        tell(&mut socket, selected(folder)).await;
        assert_eq!(path_of(&mut bridge).await, folder);
    }
}

fn lock(folder: &Path, port: u16, content: &Value) -> PathBuf {
    let path = folder.join(format!("{port}.lock"));
    fs_err::write(&path, content.to_string()).unwrap();
    path
}

#[test]
fn the_nearest_folder_of_a_file_that_can_be_read_wins() {
    let home = tempfile::tempdir().unwrap();
    let write = |port, content: Value| lock(home.path(), port, &content);
    write(4001, json!({ "workspaceFolders": ["/p"], "authToken": "outer" }));
    write(
        4002,
        json!({ "workspaceFolders": ["/x", "/p/in/../inner", 7], "authToken": 5, "transport": "ws" }),
    );
    write(
        4003,
        json!({ "workspaceFolders": ["/p/inner/most"], "transport": "sse" }),
    );
    write(4004, json!({ "workspaceFolders": ["/p/inner-not"] }));
    write(4005, json!({ "workspaceFolders": [] }));
    write(4006, json!({ "workspaceFolders": ["p"] }));
    for (name, content) in [
        ("0.lock", "{}"),
        ("70000.lock", "{}"),
        ("x.lock", "{}"),
        ("4007.lock", "{"),
        ("a", ""),
    ] {
        fs_err::write(home.path().join(name), content).unwrap();
    }
    fs_err::write(home.path().join("4008.lock"), vec![b' '; 100_000]).unwrap();
    fs_err::create_dir(home.path().join("4009.lock")).unwrap();
    let found =
        |folder: &str| find(home.path(), Path::new(folder)).map(|address| (address.port, address.token));
    assert_eq!(found("/p"), Some((4001, Some("outer".to_owned()))));
    assert_eq!(found("/p/inner/most"), Some((4002, None)));
    assert_eq!(found("/q"), None);
    assert_eq!(find(Path::new("/nowhere"), Path::new("/p")), None::<Address>);
}

#[test]
fn the_port_of_the_environment_is_a_port() {
    let table = [
        ("CLAUDE_CODE_SSE_PORT", "4000", Some(4000)),
        ("OPENCODE_EDITOR_SSE_PORT", "4001", Some(4001)),
        ("CLAUDE_CODE_SSE_PORT", "0", None),
        ("CLAUDE_CODE_SSE_PORT", "65536", None),
        ("CLAUDE_CODE_SSE_PORT", "example.com:80", None),
    ];
    for (name, value, expected) in table {
        let environment = [(name.to_owned(), value.to_owned())].into_iter().collect();
        assert_eq!(told_port(&environment), expected, "{name}={value}");
    }
}
