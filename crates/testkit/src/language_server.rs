//! A scripted language server for a language that does not exist: `def name` declares a name, any other word that is
//! declared somewhere uses it; a line with `BAD` has an error, one with `ODD` a warning.
//!
//! It is a program of its own because its client starts it. A test binary that has [`serve`] in an ignored test by the
//! name of [`ENTRY`] is that program, too: [`LanguageServer::command`] says how it is started. What the harness prints
//! comes before the first message, as greetings of real servers do.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

/// The name of the ignored test that is the server.
pub const ENTRY: &str = "scripted_language_server";
const VARIABLE: &str = "OPENCODE_TEST_LANGUAGE_SERVER";

/// How a scripted server behaves.
#[derive(Clone, Debug, Default)]
pub struct LanguageServer {
    script: serde_json::Map<String, Value>,
}

impl LanguageServer {
    /// One that tells of diagnostics by itself, and can do everything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what it does: `log` (a file for all that it was sent, a line each), `start` (`never`, `garbage`, `exit`,
    /// `huge`), `push` (false), `pull` (true, or `register`), `delay` (milliseconds before it tells), `version`
    /// (true: it says which version), `dies_on` (a method), `eats` (megabytes), `passing` (a method that it refuses once for
    /// a moment), `ask` (a section that it asks for).
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.script.insert(key.to_owned(), value.into());
        self
    }

    /// How it is started.
    #[must_use]
    pub fn command(&self) -> Vec<String> {
        let program = std::env::current_exe().expect("a test binary");
        let program = program.to_str().expect("a readable path");
        let rest = ["-q", "--ignored", "--exact", ENTRY, "--test-threads=2"];
        std::iter::once(program).chain(rest).map(str::to_owned).collect()
    }

    /// Its variable.
    #[must_use]
    pub fn variable(&self) -> (String, String) {
        (
            VARIABLE.to_owned(),
            Value::Object(self.script.clone()).to_string(),
        )
    }

    /// Its entry in `lsp` of a configuration, for files that end in `.own`.
    #[must_use]
    pub fn config(&self) -> Value {
        let (name, value) = self.variable();
        json!({ "command": self.command(), "extensions": [".own"], "env": { name: value } })
    }
}

/// Is the server, if somebody started it as such, until the end of its input.
pub fn serve() {
    let Ok(script) = std::env::var(VARIABLE) else {
        return;
    };
    let script: Value = serde_json::from_str(&script).expect("a script");
    let mut server = Server {
        script,
        output: std::io::stdout(),
        texts: BTreeMap::new(),
        root: PathBuf::new(),
        next: 0,
    };
    match server.script["start"].as_str() {
        Some("exit") => std::process::exit(3),
        Some("garbage") => loop {
            // Ends when nobody reads it any more.
            if server.output.write_all(&[b'x'; 4096]).is_err() {
                return;
            }
        },
        Some("huge") => {
            let _ = server.output.write_all(b"Content-Length: 104857600\r\n\r\n");
        }
        _ => {}
    }
    let mut input = BufReader::new(std::io::stdin());
    while let Some(message) = read(&mut input) {
        server.hear(&message);
    }
}

fn read(input: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().split_once(": ") {
            Some((_, value)) => length = value.parse().ok()?,
            None => break,
        }
    }
    let mut bytes = vec![0; length];
    input.read_exact(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

struct Server {
    script: Value,
    output: std::io::Stdout,
    texts: BTreeMap<PathBuf, String>,
    root: PathBuf,
    next: u64,
}

fn path_of(uri: &Value) -> PathBuf {
    PathBuf::from(uri.as_str().unwrap_or_default().trim_start_matches("file://"))
}

fn range(line: usize, from: usize, to: usize) -> Value {
    json!({ "start": { "line": line, "character": from }, "end": { "line": line, "character": to } })
}

/// The words of a text that are `name`, with line and column.
fn words<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
    text.lines().enumerate().flat_map(move |(at, line)| {
        line.match_indices(name)
            .filter(move |(from, _)| {
                let is_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
                let before = line.get(..*from).and_then(|text| text.chars().next_back());
                let after = line.get(from + name.len()..).and_then(|text| text.chars().next());
                !is_word(before) && !is_word(after)
            })
            .map(move |(from, _)| (at, from))
    })
}

impl Server {
    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        let framed = format!("Content-Length: {}\r\n\r\n{text}", text.len());
        let _ = self.output.write_all(framed.as_bytes());
        let _ = self.output.flush();
    }

    fn hear(&mut self, message: &Value) {
        if let Some(log) = self.script["log"].as_str() {
            let file = fs_err::OpenOptions::new().create(true).append(true).open(log);
            let _ = file.and_then(|mut file| file.write_all(format!("{message}\n").as_bytes()));
        }
        let method = message["method"].as_str().unwrap_or_default().to_owned();
        let params = &message["params"];
        if self.script["dies_on"] == method {
            std::process::exit(9);
        }
        if method == "exit" {
            std::process::exit(0);
        }
        if message["id"].is_null() || message["method"].is_null() {
            return self.notice(&method, params);
        }
        if method == "initialize" && self.script["start"] == "never" {
            return;
        }
        if self.script["passing"] == method {
            self.script["passing"] = Value::Null;
            let error = json!({ "code": -32801, "message": "content modified" });
            return self.send(&json!({ "jsonrpc": "2.0", "id": message["id"], "error": error }));
        }
        let result = self.answer(&method, params);
        let answer = match result {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }),
            Err(text) => {
                json!({ "jsonrpc": "2.0", "id": message["id"], "error": { "code": -32600, "message": text } })
            }
        };
        self.send(&answer);
        if method == "initialize" {
            self.after_start();
        }
    }

    fn after_start(&mut self) {
        if let Some(megabytes) = self.script["eats"].as_u64() {
            let size = usize::try_from(megabytes).unwrap_or(0) << 20;
            let mut eaten = vec![0u8; size];
            for page in eaten.chunks_mut(4096) {
                page[0] = 1;
            }
            std::mem::forget(eaten);
        }
        if let Some(section) = self.script["ask"].as_str().map(str::to_owned) {
            self.ask(
                "workspace/configuration",
                &json!({ "items": [{ "section": section }] }),
            );
        }
        if self.script["pull"] == "register" {
            let wish = json!({ "id": "1", "method": "textDocument/diagnostic", "registerOptions": {} });
            self.ask("client/registerCapability", &json!({ "registrations": [wish] }));
        }
    }

    fn ask(&mut self, method: &str, params: &Value) {
        self.next += 1;
        self.send(
            &json!({ "jsonrpc": "2.0", "id": format!("s{}", self.next), "method": method, "params": params }),
        );
    }

    fn notice(&mut self, method: &str, params: &Value) {
        let document = &params["textDocument"];
        let path = path_of(&document["uri"]);
        match method {
            "textDocument/didOpen" => {
                let text = document["text"].as_str().unwrap_or_default().to_owned();
                self.texts.insert(path.clone(), text);
                self.tell(&path, &document["version"]);
            }
            "textDocument/didChange" => {
                let text = params["contentChanges"][0]["text"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                self.texts.insert(path.clone(), text);
                self.tell(&path, &document["version"]);
            }
            _ => {}
        }
    }

    fn tell(&mut self, path: &Path, version: &Value) {
        if self.script["push"] == false {
            return;
        }
        if let Some(delay) = self.script["delay"].as_u64() {
            std::thread::sleep(Duration::from_millis(delay));
        }
        let mut params =
            json!({ "uri": format!("file://{}", path.display()), "diagnostics": self.faults(path) });
        if self.script["version"] == true {
            params["version"] = version.clone();
        }
        let told = json!({ "jsonrpc": "2.0", "method": "textDocument/publishDiagnostics", "params": params });
        self.send(&told);
    }

    fn faults(&self, path: &Path) -> Vec<Value> {
        let text = self.texts.get(path).map_or("", String::as_str);
        let mut faults = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let severity = if line.contains("BAD") {
                1
            } else if line.contains("ODD") {
                2
            } else {
                continue;
            };
            faults.push(json!({
                "range": range(at, 0, line.len()), "severity": severity, "source": "scripted", "message": line.trim(),
            }));
        }
        faults
    }

    /// All texts of the project, those that are open as they are shown.
    fn all(&self) -> BTreeMap<PathBuf, String> {
        let mut all = BTreeMap::new();
        for entry in fs_err::read_dir(&self.root).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|end| end == "own") {
                let text = fs_err::read_to_string(&path).unwrap_or_default();
                all.insert(path, text);
            }
        }
        all.extend(self.texts.clone());
        all
    }

    fn word(&self, params: &Value) -> Option<String> {
        let text = self.texts.get(&path_of(&params["textDocument"]["uri"]))?;
        let at = |key: &str| usize::try_from(params["position"][key].as_u64()?).ok();
        let line = text.lines().nth(at("line")?)?;
        let column = at("character")?;
        let is_word = |letter: char| letter.is_alphanumeric();
        let start = line
            .get(..column)?
            .rfind(|letter| !is_word(letter))
            .map_or(0, |at| at + 1);
        let rest = line.get(start..)?;
        let end = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
        Some(rest.get(..end)?.to_owned()).filter(|word| !word.is_empty())
    }

    fn declarations(&self) -> Vec<(PathBuf, usize, String)> {
        let all = self.all().into_iter();
        all.flat_map(|(path, text)| {
            let found = text.lines().enumerate().filter_map(|(at, line)| {
                Some((path.clone(), at, line.strip_prefix("def ")?.trim().to_owned()))
            });
            found.collect::<Vec<_>>()
        })
        .collect()
    }

    fn answer(&mut self, method: &str, params: &Value) -> Result<Value, String> {
        let uri = |path: &Path| format!("file://{}", path.display());
        let word = self.word(params);
        Ok(match method {
            "initialize" => {
                self.root = path_of(&params["rootUri"]);
                let mut capabilities = json!({
                    "textDocumentSync": 2, "renameProvider": true, "documentFormattingProvider": true,
                });
                if self.script["pull"] == true {
                    capabilities["diagnosticProvider"] = json!({ "interFileDependencies": false });
                }
                json!({ "capabilities": capabilities })
            }
            "textDocument/diagnostic" => {
                json!({ "kind": "full", "items": self.faults(&path_of(&params["textDocument"]["uri"])) })
            }
            "textDocument/definition" => {
                let found = self.declarations();
                let found = found
                    .into_iter()
                    .filter(|(_, _, name)| Some(name) == word.as_ref());
                found
                    .map(|(path, line, name)| json!({ "uri": uri(&path), "range": range(line, 4, 4 + name.len()) }))
                    .collect()
            }
            "textDocument/references" => {
                let name = word.ok_or("nothing stands there")?;
                let all = self.all();
                let found = all
                    .iter()
                    .flat_map(|(path, text)| words(text, &name).map(move |at| (path, at)));
                found
                    .map(|(path, (line, from))| {
                        json!({ "uri": uri(path), "range": range(line, from, from + name.len()) })
                    })
                    .collect()
            }
            "textDocument/hover" => word.map_or(
                Value::Null,
                |word| json!({ "contents": format!("the name {word}") }),
            ),
            "textDocument/documentSymbol" => {
                let path = path_of(&params["textDocument"]["uri"]);
                let here = self
                    .declarations()
                    .into_iter()
                    .filter(|(other, _, _)| *other == path);
                here.map(|(_, line, name)| {
                    let range = range(line, 0, 4 + name.len());
                    json!({ "name": name, "kind": 12, "range": range, "selectionRange": range })
                })
                .collect()
            }
            "workspace/symbol" => {
                let query = params["query"].as_str().unwrap_or_default();
                let found = self
                    .declarations()
                    .into_iter()
                    .filter(|(_, _, name)| name.contains(query));
                found
                    .map(|(path, line, name)| {
                        let kind = if name.starts_with("file") { 1 } else { 12 };
                        let location = json!({ "uri": uri(&path), "range": range(line, 4, 4 + name.len()) });
                        json!({ "name": name, "kind": kind, "location": location })
                    })
                    .collect()
            }
            "textDocument/prepareCallHierarchy" => word.map_or(Value::Null, |word| json!([{ "name": word }])),
            "callHierarchy/incomingCalls" => json!([{ "from": { "name": "caller" }, "to": params["item"] }]),
            "callHierarchy/outgoingCalls" => json!([]),
            "textDocument/rename" => {
                let old = word.ok_or("nothing stands there")?;
                let mut changes = serde_json::Map::new();
                for (path, text) in self.all() {
                    let edits: Vec<Value> = words(&text, &old)
                        .map(|(line, from)| {
                            json!({ "range": range(line, from, from + old.len()), "newText": params["newName"] })
                        })
                        .collect();
                    changes.insert(uri(&path), Value::Array(edits));
                }
                json!({ "changes": changes })
            }
            "textDocument/formatting" => {
                let path = path_of(&params["textDocument"]["uri"]);
                let text = self.texts.get(&path).cloned().unwrap_or_default();
                let lines = text
                    .lines()
                    .enumerate()
                    .filter(|(_, line)| line.trim_end() != *line);
                lines
                    .map(|(at, line)| json!({ "range": range(at, line.trim_end().len(), line.len()), "newText": "" }))
                    .collect()
            }
            "textDocument/completion" => {
                let names = self
                    .declarations()
                    .into_iter()
                    .map(|(_, _, name)| json!({ "label": name, "kind": 3 }));
                json!({ "isIncomplete": false, "items": names.collect::<Vec<_>>() })
            }
            "textDocument/codeAction" => {
                let path = path_of(&params["textDocument"]["uri"]);
                let fault = &params["context"]["diagnostics"][0];
                if fault.is_null() {
                    return Ok(json!([]));
                }
                let edit = json!({ "range": fault["range"], "newText": "good" });
                json!([{ "title": "Make it good", "kind": "quickfix", "edit": { "changes": { uri(&path): [edit] } } }])
            }
            "shutdown" => Value::Null,
            _ => return Err(format!("{method} is not known")),
        })
    }
}
