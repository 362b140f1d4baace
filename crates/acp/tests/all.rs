//! The agent against a server that does what it is told to: MCP servers that are handed over, a server that does
//! not answer, one that goes away.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opencode_acp::{Options, serve};
use opencode_client::{Client, DOOR_BOUND};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines,
};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

const SESSION: &str = "ses_scripted";
const GREETING: &str = "data: {\"id\":\"evt_1\",\"type\":\"server.connected\",\"properties\":{}}\n\n";
/// Longer than anything here waits.
const LONG: Duration = Duration::from_secs(3600);

/// What a server answers, and what it was asked.
#[derive(Clone)]
struct Server {
    asked: Arc<Mutex<Vec<(String, Value)>>>,
    /// What its streams of events say next; each stream says it once, and ends with a disposal.
    events: watch::Sender<String>,
    /// Requests that begin like this are never answered.
    silent: &'static str,
}

impl Server {
    fn new(silent: &'static str) -> Self {
        Self {
            asked: Arc::default(),
            events: watch::Sender::default(),
            silent,
        }
    }

    /// Bodies of requests to an address.
    fn asked(&self, what: &str) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        let bodies = asked.iter().filter(|(line, _)| line == what);
        bodies.map(|(_, body)| body.clone()).collect()
    }

    fn answer(line: &str) -> Value {
        let session = json!({
            "id": SESSION, "slug": "a-b", "projectID": "p", "directory": "/", "title": "T", "version": "1",
            "time": { "created": 1, "updated": 1 },
        });
        match line {
            "POST /session" => session,
            "GET /config/providers" => json!({ "providers": [], "default": {} }),
            "GET /config" | "GET /session/status" | "POST /mcp" => json!({}),
            _ if line.ends_with("/abort") => json!(true),
            _ if line.starts_with("GET /session/") && !line.contains("/message") => session,
            _ => json!([]),
        }
    }

    async fn serve(self, mut connections: mpsc::Receiver<DuplexStream>) {
        while let Some(connection) = connections.recv().await {
            tokio::spawn(self.clone().connection(connection));
        }
    }

    async fn connection(self, mut connection: DuplexStream) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(connection.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        connection.read_exact(&mut body).await.unwrap();
        let line = head.split(" HTTP/").next().unwrap();
        let line = line.split('?').next().unwrap().to_owned();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        self.asked.lock().unwrap().push((line.clone(), body));
        if !self.silent.is_empty() && line.starts_with(self.silent) {
            tokio::time::sleep(LONG).await;
        }
        if line == "GET /event" {
            return self.stream(connection).await;
        }
        let answer = Self::answer(&line).to_string();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}",
            answer.len()
        );
        // Nobody may wait for it any more.
        let _ = connection.write_all(answer.as_bytes()).await;
    }

    async fn stream(self, mut connection: DuplexStream) {
        let mut events = self.events.subscribe();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.write_all(GREETING.as_bytes()).await.unwrap();
        // A sign of life comes every ten seconds.
        loop {
            match tokio::time::timeout(Duration::from_secs(10), events.changed()).await {
                Ok(_) => break,
                Err(_) => connection.write_all(b": \n\n").await.unwrap(),
            }
        }
        let last = events.borrow().clone();
        connection.write_all(last.as_bytes()).await.unwrap();
    }
}

/// A client of an agent.
struct Editor {
    input: DuplexStream,
    output: Lines<BufReader<DuplexStream>>,
    next: u64,
}

impl Editor {
    fn start(server: &Server) -> (Self, tokio::task::JoinHandle<()>) {
        let (door, connections) = mpsc::channel(DOOR_BOUND);
        let serving = tokio::spawn(server.clone().serve(connections));
        let (input, theirs) = tokio::io::duplex(64 * 1024);
        let (ours, output) = tokio::io::duplex(64 * 1024);
        let options = Options {
            client: Client::in_process(door, None).unwrap(),
            directory: PathBuf::from("/"),
            version: "1",
            profile: None,
        };
        tokio::spawn(serve(options, BufReader::new(theirs), ours));
        let editor = Self {
            input,
            output: BufReader::new(output).lines(),
            next: 0,
        };
        (editor, serving)
    }

    async fn send(&mut self, method: &str, params: Value) -> u64 {
        self.next += 1;
        let message = json!({ "jsonrpc": "2.0", "id": self.next, "method": method, "params": params });
        let line = format!("{message}\n");
        self.input.write_all(line.as_bytes()).await.unwrap();
        self.next
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params).await;
        loop {
            let line = self.output.next_line().await.unwrap().unwrap();
            let message: Value = serde_json::from_str(&line).unwrap();
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
        }
    }

    async fn open(&mut self, servers: Value) -> Value {
        let params = json!({ "cwd": "/", "mcpServers": servers });
        self.call("session/new", params).await
    }
}

fn program(argument: &str) -> Value {
    json!({ "name": "t", "command": "/bin/t", "args": [argument], "env": [{ "name": "A", "value": "b" }] })
}

fn handed_over(argument: &str) -> Value {
    let config = json!({ "type": "local", "command": ["/bin/t", argument], "environment": { "A": "b" } });
    json!({ "name": "t", "config": config })
}

#[tokio::test(start_paused = true)]
async fn servers_of_the_client_are_handed_over_once_and_again_when_they_are_lost() {
    let server = Server::new("");
    let (mut editor, _serving) = Editor::start(&server);
    let remote = json!({ "type": "http", "name": "h", "url": "http://h/mcp", "headers": [{ "name": "x", "value": "y" }] });
    let opened = editor.open(json!([program("one"), remote])).await;
    assert_eq!(opened["result"]["sessionId"], SESSION);
    let config = json!({ "type": "remote", "url": "http://h/mcp", "headers": { "x": "y" } });
    let remote = json!({ "name": "h", "config": config });
    let mut wanted = vec![handed_over("one"), remote.clone()];
    let sorted = |mut all: Vec<Value>| {
        all.sort_by_key(Value::to_string);
        all
    };
    assert_eq!(sorted(server.asked("POST /mcp")), sorted(wanted.clone()));
    // The same again is nothing new; another one by the same name is.
    editor.open(json!([program("one")])).await;
    editor.open(json!([program("two")])).await;
    wanted.push(handed_over("two"));
    assert_eq!(sorted(server.asked("POST /mcp")), sorted(wanted.clone()));
    // The server gives the folder up, and forgets them with it.
    let disposed = "data: {\"id\":\"evt_2\",\"type\":\"server.instance.disposed\",\"properties\":{\"directory\":\"/\"}}\n\n";
    server.events.send_replace(disposed.to_owned());
    wanted.extend([remote, handed_over("two")]);
    let end = Instant::now() + Duration::from_secs(60);
    while server.asked("POST /mcp").len() < wanted.len() && Instant::now() < end {
        tokio::time::advance(Duration::from_millis(100)).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(sorted(server.asked("POST /mcp")), sorted(wanted));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_connect_keeps_a_session_waiting_for_five_seconds() {
    let server = Server::new("POST /mcp");
    let (mut editor, _serving) = Editor::start(&server);
    let began = Instant::now();
    let opened = editor.open(json!([program("silent")])).await;
    assert_eq!(opened["result"]["sessionId"], SESSION);
    assert_eq!(began.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_goes_away_in_a_turn_ends_it_with_an_error() {
    let server = Server::new("POST /session/ses_scripted/message");
    let (mut editor, serving) = Editor::start(&server);
    editor.open(json!([])).await;
    let prompt = json!({ "sessionId": SESSION, "prompt": [{ "type": "text", "text": "go" }] });
    let ending = async {
        while server.asked("POST /session/ses_scripted/message").is_empty() {
            tokio::task::yield_now().await;
        }
        // Nobody answers at the door, and the stream of events ends.
        serving.abort();
        server.events.send_replace(String::new());
    };
    let (answer, ()) = tokio::join!(editor.call("session/prompt", prompt), ending);
    let data = json!({ "service": "event" });
    let wanted =
        json!({ "code": -32603, "message": "Internal error: ACP event stream disconnected", "data": data });
    assert_eq!(answer["error"], wanted);
}
