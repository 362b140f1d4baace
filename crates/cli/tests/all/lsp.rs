//! Language servers, from end to end.

use opencode_testkit::{Home, LanguageServer, ScriptedModel, Served, Step, language_tools};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::durable::{prompt, session, settle};
use crate::{home, new_session};

/// A home whose project has a scripted server for files that end in `.own`.
fn with_server(model: &ScriptedModel, server: &LanguageServer) -> Home {
    let home = home().with("OPENCODE_EXPERIMENTAL_LSP_TOOL", "1");
    let config = json!({ "lsp": { "own": server.config() }, "permission": { "*": "allow" } });
    home.configure(&model.url(), config);
    home
}

/// The states of the calls of a turn.
async fn calls(home: &Home) -> Vec<Value> {
    let run = home.run(["run", "--format", "json", "go"]).await.success();
    let calls = run.of_type("tool_use");
    calls.iter().map(|call| call["part"]["state"].clone()).collect()
}

fn lsp(operation: &str, file: &str, line: u64, character: u64) -> Value {
    json!({ "operation": operation, "filePath": file, "line": line, "character": character })
}

#[tokio::test]
async fn errors_are_told_where_files_are_changed() {
    let model = ScriptedModel::start([
        Step::tool(
            "write",
            json!({ "filePath": "a.own", "content": "def one\nBAD line\nODD line\n" }),
        ),
        Step::tool(
            "edit",
            json!({ "filePath": "b.own", "oldString": "old", "newString": "BAD new" }),
        ),
        Step::tool("write", json!({ "filePath": "c.own", "content": "good\n" })),
        Step::tool("write", json!({ "filePath": "d.txt", "content": "BAD\n" })),
        Step::text("done"),
    ])
    .await;
    let home = with_server(&model, &LanguageServer::new());
    home.write("b.own", "old\n");
    let calls = calls(&home).await;
    let block = |name: &str, line: &str| {
        let path = home.project().join(name);
        format!(
            "<diagnostics file=\"{}\">\n{line}\n</diagnostics>",
            path.display()
        )
    };
    let (a, b) = (
        block("a.own", "ERROR [2:1] BAD line"),
        block("b.own", "ERROR [1:1] BAD new"),
    );
    let here = "LSP errors detected in this file, please fix:";
    let other = "LSP errors detected in other files:";
    assert_eq!(
        calls[0]["output"],
        format!("Wrote file successfully.\n\n{here}\n{a}")
    );
    assert_eq!(
        calls[1]["output"],
        format!("Edit applied successfully.\n\n{here}\n{b}")
    );
    assert_eq!(
        calls[2]["output"],
        format!("Wrote file successfully.\n\n{other}\n{a}\n\n{other}\n{b}")
    );
    let path = home.project().join("a.own").display().to_string();
    let known = &calls[0]["metadata"]["diagnostics"][&path];
    assert_eq!(
        (known.as_array().unwrap().len(), &known[1]["severity"]),
        (2, &json!(2))
    );
    assert!(
        calls[3]["output"]
            .as_str()
            .unwrap()
            .starts_with("Wrote file successfully.")
    );
}

#[tokio::test]
async fn servers_see_what_a_client_writes() {
    let model = ScriptedModel::start([]).await;
    let home = with_server(&model, &LanguageServer::new());
    let server = home.serve().await;
    let write = || async {
        let body = json!({ "path": "a.own", "content": "def one\n" });
        let answer = server.send("POST", "/api/files/write", Some(body)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    };
    server
        .events("/event", write, |event| event["type"] == "lsp.updated")
        .await;
    let known = server.send("GET", "/lsp", None).await.json();
    assert_eq!(
        (&known[0]["id"], &known[0]["status"]),
        (&json!("own"), &json!("connected"))
    );
}

#[tokio::test]
async fn errors_are_told_after_a_patch_and_in_durable_sessions() {
    let patch = "*** Begin Patch\n*** Add File: a.own\n+BAD line\n*** Add File: b.own\n+good\n*** End Patch";
    let model = ScriptedModel::start([
        Step::tool("apply_patch", json!({ "patchText": patch })),
        Step::tool(
            "edit",
            json!({ "path": "b.own", "oldString": "good", "newString": "BAD too" }),
        ),
        Step::text("done"),
    ])
    .await;
    let home = with_server(&model, &LanguageServer::new());
    let server = home.serve().await;
    let id = session(&server).await;
    prompt(&server, &id, json!({ "prompt": { "text": "go" } })).await;
    settle(&server, &id).await;
    let told = model.requests().last().unwrap().body.to_string();
    for wanted in ["ERROR [1:1] BAD line", "ERROR [1:1] BAD too"] {
        assert!(told.contains(wanted), "{wanted} in {told}");
    }
}

#[tokio::test]
async fn the_tool_answers_questions() {
    let model = ScriptedModel::start([
        Step::tool("lsp", lsp("goToDefinition", "b.own", 1, 2)),
        Step::tool("lsp", lsp("documentSymbol", "a.own", 1, 1)),
        Step::tool(
            "lsp",
            json!({
                "operation": "workspaceSymbol", "filePath": "a.own", "line": 1, "character": 1, "query": "tw",
            }),
        ),
        Step::tool("lsp", lsp("outgoingCalls", "a.own", 1, 5)),
        Step::tool("lsp", lsp("completion", "b.own", 1, 1)),
        Step::tool("lsp", lsp("hover", "missing.own", 1, 1)),
        Step::tool("lsp", lsp("hover", "plain.txt", 1, 1)),
        Step::tool("lsp", lsp("hover", "b.own", 0, 1)),
        Step::tool("lsp", lsp("nonsense", "b.own", 1, 1)),
        Step::text("done"),
    ])
    .await;
    let home = with_server(&model, &LanguageServer::new());
    home.write("a.own", "def one\ndef two\n");
    home.write("b.own", "one\n");
    home.write("plain.txt", "x");
    let calls = calls(&home).await;
    let titles: Vec<_> = calls
        .iter()
        .take(5)
        .map(|call| call["title"].as_str().unwrap())
        .collect();
    assert_eq!(
        titles,
        [
            "goToDefinition b.own:1:2",
            "documentSymbol a.own",
            "workspaceSymbol",
            "outgoingCalls a.own:1:5",
            "completion b.own:1:1",
        ]
    );
    let found: Value = serde_json::from_str(calls[0]["output"].as_str().unwrap()).unwrap();
    assert_eq!(found[0]["range"]["start"], json!({ "line": 0, "character": 4 }));
    assert_eq!(calls[0]["metadata"]["result"], found);
    assert_eq!(calls[1]["metadata"]["result"].as_array().unwrap().len(), 2);
    assert_eq!(calls[2]["metadata"]["result"][0]["name"], "two");
    assert_eq!(calls[3]["output"], "No results found for outgoingCalls");
    assert_eq!(calls[4]["metadata"]["result"][0]["label"], "one");
    let missing = format!("File not found: {}", home.project().join("missing.own").display());
    assert_eq!(calls[5]["error"], missing);
    assert_eq!(calls[6]["error"], "No LSP server available for this file type.");
    assert!(calls[7]["error"].as_str().unwrap().contains("counts from 1"));
    assert!(calls[8]["error"].as_str().unwrap().contains("invalid arguments"));
    let asked = model.requests();
    assert!(asked[0].tools().contains(&"lsp".to_owned()));
}

#[tokio::test]
async fn a_rename_is_asked_for_shown_and_can_be_taken_back() {
    let mut rename = lsp("rename", "b.own", 1, 1);
    rename["newName"] = json!("uno");
    let steps = || [Step::tool("lsp", rename.clone()), Step::text("done")];
    let model = ScriptedModel::start(steps()).await;
    let home = with_server(&model, &LanguageServer::new());
    home.write("a.own", "def one\n");
    home.write("b.own", "\u{feff}one BAD one\n");
    let read = |name: &str| fs_err::read_to_string(home.project().join(name)).unwrap();
    let server = home.serve().await;
    let session = new_session(&server).await;
    let path = format!("/session/{session}/message");
    let go = json!({ "parts": [{ "type": "text", "text": "go" }] });
    server.send("POST", &path, Some(go.clone())).await;
    assert_eq!(
        (read("a.own"), read("b.own")),
        ("def uno\n".into(), "\u{feff}uno BAD uno\n".into())
    );
    let messages = server.send("GET", &path, None).await.json();
    let state = messages
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|message| message["parts"].as_array().unwrap());
    let state = &state.clone().find(|part| part["type"] == "tool").unwrap()["state"];
    let output = state["output"].as_str().unwrap();
    assert!(
        output.starts_with("Success. Updated the following files:\nM a.own\nM b.own"),
        "{output}"
    );
    assert!(
        output.contains("LSP errors detected in b.own, please fix:"),
        "{output}"
    );
    assert!(state["metadata"]["diff"].as_str().unwrap().contains("+def uno"));
    let first = messages[0]["info"]["id"].as_str().unwrap().to_owned();
    let back = json!({ "messageID": first });
    let taken = server
        .send("POST", &format!("/session/{session}/revert"), Some(back))
        .await;
    assert_eq!(taken.status, 200, "{taken:?}");
    assert_eq!(read("a.own"), "def one\n");

    // Who may not edit may not rename.
    model.now_answers(steps());
    let server = LanguageServer::new().config();
    let config = json!({ "lsp": { "own": server }, "permission": { "*": "allow", "edit": "deny" } });
    home.configure(&model.url(), config);
    home.run(["run", "go"]).await.success();
    assert_eq!(read("a.own"), "def one\n");
}

#[tokio::test]
async fn files_are_brought_into_form_and_offers_are_followed() {
    let mut act = lsp("codeAction", "a.own", 2, 1);
    let look = act.clone();
    act["query"] = json!("Make it good");
    let mut wrong = act.clone();
    wrong["query"] = json!("Make it better");
    let model = ScriptedModel::start([
        Step::tool("lsp", lsp("format", "a.own", 1, 1)),
        Step::tool("lsp", lsp("format", "a.own", 1, 1)),
        Step::tool("lsp", look),
        Step::tool("lsp", wrong),
        Step::tool("lsp", act),
        Step::tool("lsp", lsp("rename", "a.own", 1, 1)),
        Step::text("done"),
    ])
    .await;
    let home = with_server(&model, &LanguageServer::new());
    home.write("a.own", "def one  \nBAD line\n");
    let calls = calls(&home).await;
    assert!(
        calls[0]["output"]
            .as_str()
            .unwrap()
            .starts_with("Success. Updated"),
        "{:?}",
        calls[0]
    );
    assert_eq!(calls[1]["output"], "No results found for format");
    assert_eq!(calls[2]["metadata"]["result"][0]["title"], "Make it good");
    assert_eq!(
        calls[3]["error"],
        "There is no offer 'Make it better' there, but: Make it good"
    );
    assert_eq!(
        calls[4]["output"],
        "Success. Updated the following files:\nM a.own"
    );
    assert_eq!(calls[5]["error"], "`rename` needs `newName`");
    let text = fs_err::read_to_string(home.project().join("a.own")).unwrap();
    assert_eq!(text, "def one\ngood\n");
}

async fn lines(server: &Served) -> Value {
    server.send("GET", "/lsp", None).await.json()
}

#[tokio::test]
async fn a_server_shows_what_runs_and_starts_nothing_by_itself() {
    let model = ScriptedModel::start([
        Step::tool("write", json!({ "filePath": "a.own", "content": "def first\n" })),
        Step::text("done"),
    ])
    .await;
    let home = home();
    let log = home.project().join("log").display().to_string();
    let language_server = LanguageServer::new().with("log", log.as_str());
    let broken = LanguageServer::new().with("start", "exit");
    home.configure(
        &model.url(),
        json!({ "lsp": { "own": language_server.config(), "bad": broken.config() } }),
    );
    let server = home.serve().await;
    assert_eq!(lines(&server).await, json!([]));
    assert_eq!(
        server.send("GET", "/find/symbol?query=fir", None).await.json(),
        json!([])
    );
    assert!(!home.project().join("log").exists());
    let session = new_session(&server).await;
    let turn = async || {
        let body = json!({ "parts": [{ "type": "text", "text": "go" }] });
        server
            .send("POST", &format!("/session/{session}/message"), Some(body))
            .await;
    };
    let events = server
        .events("/event", turn, |event| event["type"] == "session.idle")
        .await;
    assert!(
        events.iter().any(|event| event["type"] == "lsp.updated"),
        "{events:?}"
    );
    let rows = lines(&server).await;
    assert_eq!(
        rows[0],
        json!({ "id": "own", "name": "own", "root": "", "status": "connected" })
    );
    assert_eq!(
        (&rows[1]["id"], &rows[1]["status"]),
        (&json!("bad"), &json!("error"))
    );
    assert!(rows[1]["error"].as_str().unwrap().contains("code 3"), "{rows}");
    let found = server.send("GET", "/find/symbol?query=fir", None).await.json();
    assert_eq!(
        (&found[0]["name"], &found[0]["kind"]),
        (&json!("first"), &json!(12))
    );
    server.send("POST", "/instance/dispose", None).await;
    assert_eq!(lines(&server).await, json!([]));
    let text = fs_err::read_to_string(log).unwrap();
    assert!(text.contains("\"exit\""), "it was ended");
}

#[tokio::test]
async fn a_server_that_hangs_does_not_hold_a_turn_up_for_long_and_is_off_by_default() {
    let write = |name: &str| Step::tool("write", json!({ "filePath": name, "content": "BAD\n" }));
    let model = ScriptedModel::start([write("a.own"), write("b.own"), Step::text("done")]).await;
    let silent = LanguageServer::new().with("push", false);
    let home = with_server(&model, &silent);
    let begun = std::time::Instant::now();
    let calls = calls(&home).await;
    assert_eq!(calls[0]["output"], "Wrote file successfully.");
    let took = begun.elapsed();
    assert!(took < std::time::Duration::from_secs(20), "{took:?}");

    model.now_answers([write("a.own"), Step::text("done")]);
    let log = home.project().join("log").display().to_string();
    for off in [json!(false), json!({ "own": { "disabled": true } })] {
        home.configure(&model.url(), json!({ "lsp": off }));
        model.now_answers([write("a.own"), Step::text("done")]);
        assert_eq!(self::calls(&home).await[0]["output"], "Wrote file successfully.");
        assert!(!std::path::Path::new(&log).exists());
    }
}

#[tokio::test]
async fn a_change_of_the_configuration_tries_again_what_failed() {
    let write = || Step::tool("write", json!({ "filePath": "a.own", "content": "BAD  \n" }));
    let model = ScriptedModel::start([write(), Step::text("one"), write(), Step::text("two")]).await;
    let home = with_server(&model, &LanguageServer::new().with("start", "exit"));
    let server = home.serve().await;
    let session = new_session(&server).await;
    let path = format!("/session/{session}/message");
    let go = json!({ "parts": [{ "type": "text", "text": "go" }] });
    server.send("POST", &path, Some(go.clone())).await;
    assert_eq!(lines(&server).await[0]["status"], "error");
    // From now on it also formats.
    home.configure(
        &model.url(),
        json!({
            "lsp": { "own": LanguageServer::new().config() },
            "formatter": { "lsp": { "extensions": [".own"] } },
        }),
    );
    server.send("POST", &path, Some(go)).await;
    assert_eq!(lines(&server).await[0]["status"], "connected");
    let told = model.requests().last().unwrap().body.to_string();
    assert!(told.contains("ERROR [1:1] BAD"), "{told}");
    assert_eq!(
        fs_err::read_to_string(home.project().join("a.own")).unwrap(),
        "BAD\n"
    );
    let formatters = server.send("GET", "/formatter", None).await.json();
    let last = formatters.as_array().unwrap().last().unwrap();
    assert_eq!(
        *last,
        json!({ "name": "lsp", "extensions": [".own"], "enabled": true })
    );
}

#[tokio::test]
async fn debug_shows_what_servers_say() {
    let model = ScriptedModel::start([]).await;
    let home = with_server(&model, &LanguageServer::new());
    let path = home.write("a.own", "def one\nBAD\n");
    let debug = async |arguments: &[&str]| {
        let run = home.run([&["debug", "lsp"], arguments].concat()).await;
        (
            run.code(),
            serde_json::from_str(&run.stdout).unwrap_or(Value::Null),
            run.stderr,
        )
    };
    let (code, found, _) = debug(&["diagnostics", "a.own"]).await;
    assert_eq!(code, Some(0));
    assert_eq!(found[path.to_str().unwrap()][0]["message"], "BAD");
    let (_, found, _) = debug(&["diagnostics", "none.own"]).await;
    assert_eq!(found, json!({}));
    let (_, found, _) = debug(&["symbols", "on"]).await;
    assert_eq!(found[0]["name"], "one");
    let uri = format!("file://{}", path.display());
    for address in [uri.as_str(), "a.own"] {
        let (_, found, _) = debug(&["document-symbols", address]).await;
        assert_eq!(found[0]["name"], "one", "{address}");
    }
    let (code, _, said) = debug(&["document-symbols", "http://x/a.own"]).await;
    assert!(
        code == Some(1) && said.contains("is not the address of a file"),
        "{said}"
    );
}

#[tokio::test]
async fn a_file_on_one_line_is_shown_to_the_end_of_its_symbol() {
    let Some(tools) = language_tools(&["pyright-langserver"]) else {
        return;
    };
    let model = ScriptedModel::start([Step::text("done")]).await;
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let home = home()
        .with("PATH", &path)
        .with("OPENCODE_DISABLE_LSP_DOWNLOAD", "1");
    home.configure(&model.url(), json!({ "lsp": true }));
    let file = home.write(
        "a.py",
        "import os\n\ndef one():\n    a = 1\n    return a\n\ndef two():\n    pass\n",
    );
    let server = home.serve().await;
    let session = new_session(&server).await;
    let url = format!("file://{}?start=2&end=2", file.display());
    let part = json!({ "type": "file", "mime": "text/plain", "url": url, "filename": "a.py" });
    let body = json!({ "parts": [{ "type": "text", "text": "look" }, part] });
    server
        .send("POST", &format!("/session/{session}/message"), Some(body))
        .await;
    let told = model.requests()[0].body.to_string();
    assert!(told.contains("return a") && !told.contains("def two"), "{told}");
}

#[tokio::test]
async fn pyright_in_a_turn() {
    let Some(tools) = language_tools(&["pyright-langserver", "ruff"]) else {
        return;
    };
    let model = ScriptedModel::start([
        Step::tool(
            "write",
            json!({ "filePath": "a.py", "content": "x: int =   'no'\n" }),
        ),
        Step::tool(
            "edit",
            json!({ "filePath": "a.py", "oldString": "\"no\"", "newString": "1" }),
        ),
        Step::text("done"),
    ])
    .await;
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let home = home()
        .with("PATH", &path)
        .with("OPENCODE_DISABLE_LSP_DOWNLOAD", "1");
    home.write("ruff.toml", "");
    home.configure(&model.url(), json!({ "lsp": true, "formatter": true }));
    let calls = calls(&home).await;
    let output = calls[0]["output"].as_str().unwrap();
    // Of the text as ruff left it.
    assert!(output.contains("ERROR [1:10]"), "{output}");
    assert_eq!(calls[1]["output"], "Edit applied successfully.");
}
