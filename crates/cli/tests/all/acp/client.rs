//! A client that speaks raw JSON-RPC, and reads everything it is told as the type that it has to be.

use std::collections::HashMap;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use agent_client_protocol_schema::v1;
use opencode_testkit::Home;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long anything is waited for.
const LIMIT: Duration = Duration::from_secs(60);

pub(super) struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    next: u64,
    methods: HashMap<u64, String>,
    /// Updates and requests of the agent that nobody has looked at yet.
    pub(super) told: Vec<Value>,
    /// The option that requests for permission are answered with, if they are answered.
    pub(super) chooses: Option<&'static str>,
    /// What forms are answered with.
    pub(super) fills: Value,
}

fn read<T: DeserializeOwned>(value: &Value) {
    if let Err(error) = serde_json::from_value::<T>(value.clone()) {
        panic!("{error}: {value}");
    }
}

/// Reads a result as the type that its method has.
fn check_result(method: &str, result: &Value) {
    match method {
        "initialize" => read::<v1::InitializeResponse>(result),
        "authenticate" => read::<v1::AuthenticateResponse>(result),
        "session/new" => read::<v1::NewSessionResponse>(result),
        "session/load" => read::<v1::LoadSessionResponse>(result),
        "session/resume" => read::<v1::ResumeSessionResponse>(result),
        "session/fork" => read::<v1::ForkSessionResponse>(result),
        "session/list" => read::<v1::ListSessionsResponse>(result),
        "session/close" => read::<v1::CloseSessionResponse>(result),
        "session/prompt" => read::<v1::PromptResponse>(result),
        "session/set_mode" => read::<v1::SetSessionModeResponse>(result),
        "session/set_config_option" => read::<v1::SetSessionConfigOptionResponse>(result),
        "session/set_model" => assert_eq!(result, &json!({})),
        other => panic!("{other} has no result"),
    }
}

fn check_told(message: &Value) {
    let params = &message["params"];
    match message["method"].as_str().unwrap() {
        "session/update" => read::<v1::SessionNotification>(params),
        "session/request_permission" => read::<v1::RequestPermissionRequest>(params),
        "fs/write_text_file" => read::<v1::WriteTextFileRequest>(params),
        "elicitation/create" => read::<v1::CreateElicitationRequest>(params),
        "$/cancel_request" => assert!(params["requestId"].is_u64(), "{message}"),
        other => panic!("nobody knows {other}"),
    }
}

impl Client {
    pub(super) fn start(home: &Home, arguments: &[&str]) -> Self {
        let mut command = home.command(["acp"].iter().chain(arguments));
        command.stdin(Stdio::piped()).stderr(Stdio::null());
        let mut child = Command::from(command).kill_on_drop(true).spawn().unwrap();
        let output = child.stdout.take().unwrap();
        Self {
            input: child.stdin.take(),
            output: BufReader::new(output).lines(),
            child,
            next: 0,
            methods: HashMap::new(),
            told: Vec::new(),
            chooses: None,
            fills: Value::Null,
        }
    }

    pub(super) async fn raw(&mut self, text: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(text.as_bytes()).await.unwrap();
        input.write_all(b"\n").await.unwrap();
        input.flush().await.unwrap();
    }

    pub(super) async fn notify(&mut self, method: &str, params: Value) {
        let message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        self.raw(&message.to_string()).await;
    }

    /// Sends a request, and does not wait.
    pub(super) async fn send(&mut self, method: &str, params: Value) -> u64 {
        self.next += 1;
        self.methods.insert(self.next, method.to_owned());
        let message = json!({ "jsonrpc": "2.0", "id": self.next, "method": method, "params": params });
        self.raw(&message.to_string()).await;
        self.next
    }

    /// The next message, whatever it is.
    pub(super) async fn next(&mut self) -> Value {
        let line = tokio::time::timeout(LIMIT, self.output.next_line()).await;
        let line = line.unwrap().unwrap().unwrap();
        let message: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(message["jsonrpc"], "2.0", "{message}");
        if message.get("method").is_some() {
            check_told(&message);
            self.answer(&message).await;
        } else {
            let method = message["id"].as_u64().and_then(|id| self.methods.get(&id));
            match message.get("result") {
                Some(result) => check_result(method.unwrap(), result),
                None => read::<v1::Error>(&message["error"]),
            }
        }
        message
    }

    async fn answer(&mut self, asked: &Value) {
        let result = match (asked["method"].as_str().unwrap(), self.chooses) {
            ("session/request_permission", Some(option)) => {
                json!({ "outcome": { "outcome": "selected", "optionId": option } })
            }
            ("fs/write_text_file", _) => json!({}),
            ("elicitation/create", _) => self.fills.clone(),
            _ => return,
        };
        self.reply(asked, result).await;
    }

    /// Answers a request of the agent.
    pub(super) async fn reply(&mut self, asked: &Value, result: Value) {
        let message = json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result });
        self.raw(&message.to_string()).await;
    }

    /// Waits for the answer to a request; what comes before it is kept.
    pub(super) async fn wait(&mut self, id: u64) -> Value {
        loop {
            let message = self.next().await;
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
            self.told.push(message);
        }
    }

    /// Waits until the agent says something by itself.
    pub(super) async fn wait_for(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.next().await;
            self.told.push(message.clone());
            if is_it(&message) {
                return message;
            }
        }
    }

    pub(super) async fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params).await;
        let answer = self.wait(id).await;
        answer.get("result").unwrap_or_else(|| panic!("{answer}")).clone()
    }

    pub(super) async fn fail(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params).await;
        let answer = self.wait(id).await;
        answer.get("error").unwrap_or_else(|| panic!("{answer}")).clone()
    }

    pub(super) async fn initialize(&mut self) -> Value {
        self.initialize_with(
            json!({ "fs": { "readTextFile": true, "writeTextFile": true }, "terminal": true }),
        )
        .await
    }

    pub(super) async fn initialize_with(&mut self, capabilities: Value) -> Value {
        let params = json!({ "protocolVersion": 1, "clientCapabilities": capabilities });
        self.call("initialize", params).await
    }

    /// A new session in the project.
    pub(super) async fn open(&mut self, home: &Home) -> String {
        let params = json!({ "cwd": home.project(), "mcpServers": [] });
        let opened = self.call("session/new", params).await;
        self.commands().await;
        opened["sessionId"].as_str().unwrap().to_owned()
    }

    /// The names of the commands that a session is told after it was opened; forgets what was told before.
    pub(super) async fn commands(&mut self) -> Vec<String> {
        let is_it =
            |message: &Value| message["params"]["update"]["sessionUpdate"] == "available_commands_update";
        let told = self.wait_for(is_it).await;
        self.told.clear();
        let commands = told["params"]["update"]["availableCommands"].as_array().unwrap();
        let name = |command: &Value| command["name"].as_str().unwrap().to_owned();
        commands.iter().map(name).collect()
    }

    pub(super) async fn prompt(&mut self, session: &str, blocks: Value) -> Value {
        let params = json!({ "sessionId": session, "prompt": blocks });
        self.call("session/prompt", params).await
    }

    /// Updates that were told of a session, and forgets them.
    pub(super) fn updates(&mut self, session: &str) -> Vec<Value> {
        let told = std::mem::take(&mut self.told);
        told.into_iter()
            .filter(|message| message["method"] == "session/update")
            .inspect(|message| assert_eq!(message["params"]["sessionId"], session))
            .map(|message| message["params"]["update"].clone())
            .collect()
    }

    /// The same without pieces of text and what was used.
    pub(super) fn calls(&mut self, session: &str) -> Vec<Value> {
        let mut updates = self.updates(session);
        updates.retain(|update| update["sessionUpdate"].as_str().unwrap().starts_with("tool_call"));
        updates
    }

    /// Says nothing more, and waits for the end of the program.
    pub(super) async fn end(mut self) -> ExitStatus {
        drop(self.input.take());
        let ending = async {
            while self.output.next_line().await.unwrap().is_some() {}
            self.child.wait().await.unwrap()
        };
        tokio::time::timeout(LIMIT, ending).await.unwrap()
    }
}

/// What was said, by the kind of its chunks.
pub(super) fn said(updates: &[Value], kind: &str) -> String {
    let chunks = updates.iter().filter(|update| update["sessionUpdate"] == kind);
    chunks
        .map(|update| update["content"]["text"].as_str().unwrap_or("?"))
        .collect()
}

/// The current values of options.
pub(super) fn chosen(options: &Value) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let options = options["configOptions"].as_array().unwrap();
    let pair = |option: &Value| (word(&option["id"]), word(&option["currentValue"]));
    options.iter().map(pair).collect()
}
