//! A scripted MCP server that is a program: the test binary itself, started again.
//!
//! A test target has one test that is the server when it is asked to be ([`McpPeer::serve_if_asked`]); what that test's
//! harness prints besides is garbage, which clients must skip anyway.

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

/// The variable that asks for it.
const VARIABLE: &str = "OPENCODE_TEST_MCP_PEER";

/// What a scripted server does.
///
/// The script is an object; all of its keys may be left out:
/// `instructions`; `tools`, `prompts`, `resources`, `resourceTemplates`: their lists; `page`: entries of a page;
/// `results`: what calls of tools give by the tool's name, prompts by `prompt:<name>`, resources by their address. A
/// result `{"do": …}` is done instead: `hang`, `die`, `bytes` (text of so many), `progress` (so many reports before the
/// end, one each `pause` ms), `tools` (other tools, announced before the end), `ask` (a request to the client, whose
/// answer is the result), `error`, `raw` (the line that is written).
/// `silent`: methods that are never answered; `garbage`: lines before anything else; `stubborn`: signals to end are
/// ignored, also by a child in a session of its own; `log`: a file that gets each message that is read;
/// `wait`: ms before `initialize` is answered; `capabilities`: besides those that the lists make.
pub struct McpPeer {
    script: Value,
    tools: Value,
    log: Option<std::fs::File>,
    input: std::io::StdinLock<'static>,
}

impl McpPeer {
    /// How the server is configured in `opencode.json`, when the test `name` of this very program is the server.
    #[must_use]
    pub fn config(name: &str, script: &Value) -> Value {
        let program = std::env::current_exe().expect("the test program");
        let program: PathBuf = program.canonicalize().unwrap_or(program);
        json!({
            "type": "local",
            "command": [program, "--exact", name, "--nocapture", "--test-threads=1"],
            "environment": { VARIABLE: script.to_string() },
        })
    }

    /// Is the server until its input ends, if this program was started to be it.
    ///
    /// # Panics
    /// The script is none.
    pub fn serve_if_asked() {
        let Ok(script) = std::env::var(VARIABLE) else {
            return;
        };
        let script: Value = serde_json::from_str(&script).expect("a script");
        if script["stubborn"] == true {
            stubborn();
        }
        let log = script["log"].as_str().map(|path| {
            let mut options = std::fs::OpenOptions::new();
            options.create(true).append(true).open(path).expect("a log")
        });
        Self {
            tools: script["tools"].clone(),
            script,
            log,
            input: std::io::stdin().lock(),
        }
        .serve();
    }

    fn serve(mut self) {
        // The harness has begun a line.
        line("");
        for _ in 0..self.script["garbage"].as_u64().unwrap_or(0) {
            line("this is no message, but who cares {\"jsonrpc\": ");
        }
        while let Some(text) = self.read() {
            let Ok(message) = serde_json::from_str::<Value>(&text) else {
                continue;
            };
            let (Some(method), id) = (message["method"].as_str(), &message["id"]) else {
                continue;
            };
            if id.is_null() {
                continue;
            }
            let silent = self.script["silent"].as_array();
            if silent.is_some_and(|silent| silent.iter().any(|one| one == method)) {
                continue;
            }
            match self.answer(method, &message["params"], id) {
                Some(Ok(result)) => {
                    line(&json!({ "result": result, "jsonrpc": "2.0", "id": id }).to_string());
                }
                Some(Err(error)) => line(&json!({ "error": error, "jsonrpc": "2.0", "id": id }).to_string()),
                None => {}
            }
        }
    }

    fn read(&mut self) -> Option<String> {
        let mut text = String::new();
        if self.input.read_line(&mut text).ok()? == 0 {
            return None;
        }
        let text = text.trim_end().to_owned();
        if let Some(log) = &mut self.log {
            writeln!(log, "{text}").expect("the log can be written");
        }
        Some(text)
    }

    fn answer(&mut self, method: &str, parameters: &Value, id: &Value) -> Option<Result<Value, Value>> {
        let script = &self.script;
        let result = match method {
            "initialize" => {
                std::thread::sleep(Duration::from_millis(script["wait"].as_u64().unwrap_or(0)));
                let mut capabilities = script["capabilities"].as_object().cloned().unwrap_or_default();
                for (list, capability) in [
                    ("tools", "tools"),
                    ("prompts", "prompts"),
                    ("resources", "resources"),
                ] {
                    if !script[list].is_null() {
                        capabilities.insert(capability.into(), json!({ "listChanged": true }));
                    }
                }
                let mut result = json!({
                    "protocolVersion": parameters["protocolVersion"],
                    "capabilities": capabilities,
                    "serverInfo": { "name": "peer", "version": "1" },
                });
                if let Some(instructions) = script["instructions"].as_str() {
                    result["instructions"] = instructions.into();
                }
                result
            }
            "ping" => json!({}),
            "tools/list" => self.page("tools", &self.tools, parameters),
            "prompts/list" => self.page("prompts", &script["prompts"], parameters),
            "resources/list" => self.page("resources", &script["resources"], parameters),
            "resources/templates/list" => {
                self.page("resourceTemplates", &script["resourceTemplates"], parameters)
            }
            "tools/call" | "prompts/get" | "resources/read" => return self.act(method, parameters, id),
            _ => return Some(Err(json!({ "code": -32601, "message": "Method not found" }))),
        };
        Some(Ok(result))
    }

    /// A page of a list.
    fn page(&self, key: &str, all: &Value, parameters: &Value) -> Value {
        let all = all.as_array().cloned().unwrap_or_default();
        let size = self.script["page"]
            .as_u64()
            .map_or(usize::MAX, |size| size as usize);
        let from: usize = parameters["cursor"]
            .as_str()
            .map_or(0, |cursor| cursor.parse().unwrap_or(0));
        let entries: Vec<Value> = all.iter().skip(from).take(size).cloned().collect();
        let next = from.saturating_add(size);
        let mut page = json!({ key: entries });
        if self.script["endless"] == true {
            page["nextCursor"] = "again".into();
        } else if next < all.len() {
            page["nextCursor"] = next.to_string().into();
        }
        page
    }

    fn act(&mut self, method: &str, parameters: &Value, id: &Value) -> Option<Result<Value, Value>> {
        let name = parameters["name"]
            .as_str()
            .or(parameters["uri"].as_str())
            .unwrap_or_default();
        let key = match method {
            "prompts/get" => format!("prompt:{name}"),
            _ => name.to_owned(),
        };
        let wanted = self.script["results"][&key].clone();
        let text = |text: String| Some(Ok(json!({ "content": [{ "type": "text", "text": text }] })));
        match wanted["do"].as_str() {
            None if wanted.is_null() => text(format!("{name} {}", parameters["arguments"])),
            None => Some(Ok(wanted)),
            Some("hang") => None,
            Some("die") => std::process::exit(3),
            Some("bytes") => text("x".repeat(wanted["bytes"].as_u64().unwrap_or(0) as usize)),
            Some("error") => Some(Err(wanted["error"].clone())),
            Some("raw") => {
                line(
                    &wanted["raw"]
                        .as_str()
                        .unwrap_or_default()
                        .replace("$id", &id.to_string()),
                );
                None
            }
            Some("progress") => {
                for step in 1..=wanted["progress"].as_u64().unwrap_or(0) {
                    std::thread::sleep(Duration::from_millis(wanted["pause"].as_u64().unwrap_or(0)));
                    let token = &parameters["_meta"]["progressToken"];
                    let report = json!({ "progressToken": token, "progress": step, "message": format!("step {step}") });
                    notify("notifications/progress", &report);
                }
                text("done".to_owned())
            }
            Some("tools") => {
                self.tools = wanted["tools"].clone();
                notify("notifications/tools/list_changed", &json!({}));
                text("changed".to_owned())
            }
            Some("ask") => {
                line(&json!({ "jsonrpc": "2.0", "id": "asked", "method": wanted["method"], "params": wanted["params"] }).to_string());
                text(self.read()?)
            }
            Some(other) => text(format!("no such act: {other}")),
        }
    }
}

fn notify(method: &str, parameters: &Value) {
    line(&json!({ "jsonrpc": "2.0", "method": method, "params": parameters }).to_string());
}

/// Writes a line; when nobody reads any more, there is nothing left to do.
fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Starts a child that nobody ends by asking, in a session of its own.
fn stubborn() {
    let mut child = std::process::Command::new("setsid")
        .args(["sh", "-c", "trap '' TERM HUP; exec sleep 600"])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("a child");
    std::thread::spawn(move || child.wait());
}
