//! Servers that are programs (reference `integrations.md` §A2–A4, §A13).

use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use opencode_mcp::{Answerer, Error, Filled, Form, Progress, Sampled, Sampling, Unsampled};
use opencode_schema::mcp::Status;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::place::{LIMIT, Place, peer};

fn tool(name: &str) -> Value {
    json!({ "name": name, "description": format!("does {name}"), "inputSchema": { "type": "object" } })
}

fn failed(error: &str) -> Status {
    Status::Failed {
        error: error.to_owned(),
    }
}

async fn call(place: &Place, tool: &str, arguments: Value) -> Result<Value, Error> {
    let cancel = CancellationToken::new();
    let calling = place.servers.call("s", tool, arguments, &cancel, None, None);
    tokio::time::timeout(LIMIT, calling).await.unwrap()
}

#[tokio::test]
async fn nothing_is_started_before_it_is_needed() {
    let place =
        Place::new(&json!({ "s": peer(&json!({ "log": "/nowhere/log" })), "off": { "enabled": true } }));
    assert_eq!(
        place.servers.statuses().into_iter().collect::<Vec<_>>(),
        [("s".to_owned(), Status::Disabled)]
    );
    assert!(place.servers.offered().is_empty());
    place.servers.close().await;
}

#[tokio::test]
async fn a_server_is_connected_and_called() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let script = json!({
        "tools": [tool("echo"), tool("other"), tool("echo")], "page": 2, "instructions": "Use it.",
        "log": log, "garbage": 3,
    });
    let place = Place::at(folder, &json!({ "s": peer(&script) }));
    place.servers.ready(LIMIT).await;
    assert_eq!(place.status("s"), Status::Connected);
    assert_eq!(place.tools("s"), ["echo", "other"]);
    let offered = place.servers.offered();
    assert_eq!(offered[0].offer.instructions.as_deref(), Some("Use it."));
    let said = call(&place, "echo", json!({ "a": 1 })).await.unwrap();
    assert_eq!(said["content"][0]["text"], "echo {\"a\":1}");
    // The lines before the protocol, and those of the test harness.
    assert!(place.servers.oddities("s").unwrap().0 >= 3);

    let sent = place.log("log");
    let initialize = &sent[0]["params"];
    assert_eq!(
        (
            &initialize["protocolVersion"],
            &initialize["capabilities"],
            &initialize["clientInfo"]
        ),
        (
            &json!("2025-11-25"),
            &json!({ "roots": {} }),
            &json!({ "name": "opencode", "version": "1.2.3" })
        )
    );
    assert_eq!(sent[1]["method"], "notifications/initialized");
    let called = sent
        .iter()
        .find(|message| message["method"] == "tools/call")
        .unwrap();
    assert_eq!(called["params"]["name"], "echo");
    assert!(!called["params"]["_meta"]["progressToken"].is_null());
    place.servers.close().await;
}

#[tokio::test]
async fn what_a_server_may_ask() {
    let ask = |method: &str| json!({ "do": "ask", "method": method, "params": {} });
    let script = json!({ "tools": [], "results": { "roots": ask("roots/list"), "sample": ask("sampling/createMessage") } });
    let place = Place::new(&json!({ "s": peer(&script) }));
    let answer = async |tool| {
        let said = call(&place, tool, json!({})).await.unwrap();
        serde_json::from_str::<Value>(said["content"][0]["text"].as_str().unwrap()).unwrap()
    };
    let root = format!("file://{}", place.folder.path().display());
    assert_eq!(
        answer("roots").await["result"],
        json!({ "roots": [{ "uri": root }] })
    );
    let refused = answer("sample").await;
    assert_eq!(refused["error"]["code"], -32601, "{refused}");
    place.servers.close().await;
}

#[tokio::test]
async fn a_server_that_cannot_be_had_says_why() {
    let place = Place::new(&json!({
        "missing": { "type": "local", "command": ["/no/such/program"] },
        "nothing": { "type": "local", "command": [] },
        "folder": { "type": "local", "command": ["true"], "cwd": "not-there" },
        "ends": { "type": "local", "command": ["true"] },
        "hangs": { "type": "local", "command": ["sleep", "600"], "timeout": 100 },
        "mute": { "type": "local", "timeout": 100, "command": peer(&json!({}))["command"],
            "environment": peer(&json!({ "silent": ["initialize"] }))["environment"] },
        "listless": { "type": "local", "timeout": 300, "command": peer(&json!({}))["command"],
            "environment": peer(&json!({ "tools": [], "silent": ["tools/list"] }))["environment"] },
        "babbles": { "type": "local", "command": ["yes"], "timeout": 300 },
        "off": { "type": "local", "command": ["true"], "enabled": false },
    }));
    place.servers.settled(LIMIT).await;
    for (server, status) in [
        (
            "missing",
            failed("ENOENT: no such file or directory, posix_spawn '/no/such/program'"),
        ),
        (
            "nothing",
            failed("The command of the MCP server \"nothing\" is empty"),
        ),
        (
            "folder",
            failed(&format!(
                "the folder {} does not exist",
                place.folder.path().join("not-there").display()
            )),
        ),
        ("ends", failed("Connection closed")),
        (
            "hangs",
            failed("MCP error -32001: Request timed out after 100 ms"),
        ),
        ("mute", failed("MCP error -32001: Request timed out after 100 ms")),
        ("listless", failed("Failed to get tools")),
        (
            "babbles",
            failed("MCP error -32001: Request timed out after 300 ms"),
        ),
        ("off", Status::Disabled),
    ] {
        assert_eq!(place.status(server), status, "{server}");
    }
    let error = place
        .servers
        .call("off", "x", json!({}), &CancellationToken::new(), None, None)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "MCP server \"off\" is not connected: it is disabled"
    );
    place.servers.close().await;
}

#[tokio::test]
async fn a_server_that_dies_in_a_call_is_connected_anew() {
    let script = json!({ "tools": [tool("die"), tool("live")], "results": { "die": { "do": "die" } } });
    let mut place = Place::new(&json!({ "s": peer(&script) }));
    place.servers.ready(LIMIT).await;
    let error = call(&place, "die", json!({})).await.unwrap_err();
    assert_eq!(error.to_string(), "MCP error -32000: Connection closed");
    place
        .until("it is connected anew", |place| {
            place.tools("s").len() == 2 && place.status("s") == Status::Connected
        })
        .await;
    assert_eq!(
        call(&place, "live", json!({})).await.unwrap()["content"][0]["text"],
        "live {}"
    );
    place.servers.close().await;
}

#[tokio::test]
async fn a_message_that_is_too_long_fails_its_call_alone() {
    let script = json!({ "tools": [], "results": {
        "large": { "do": "bytes", "bytes": 4 << 20 }, "huge": { "do": "bytes", "bytes": 100 << 20 },
    } });
    let place = Place::new(&json!({ "s": peer(&script) }));
    let large = call(&place, "large", json!({})).await.unwrap();
    assert_eq!(large["content"][0]["text"].as_str().unwrap().len(), 4 << 20);
    let error = call(&place, "huge", json!({})).await.unwrap_err().to_string();
    assert!(error.ends_with("bytes; more than 16 MB are not taken"), "{error}");
    assert_eq!(place.status("s"), Status::Connected);
    assert!(call(&place, "echo", json!({})).await.is_ok());
    place.servers.close().await;
}

#[tokio::test]
async fn answers_that_make_no_sense_fail_their_call_alone() {
    let raw = |raw: &str| json!({ "do": "raw", "raw": raw });
    let script = json!({ "tools": [], "results": {
        "text": raw(r#"{"jsonrpc":"2.0","id":$id,"result":"text"}"#),
        "error": raw(r#"{"jsonrpc":"2.0","id":$id,"error":"text"}"#),
        "refusal": { "do": "error", "error": { "code": -32602, "message": "wrong arguments" } },
        "future": raw(r#"{"jsonrpc":"2.0","id":$id,"result":{"content":[{"type":"hologram","z":1}]}}"#),
    } });
    let place = Place::new(&json!({ "s": peer(&script) }));
    assert_eq!(call(&place, "text", json!({})).await.unwrap(), json!("text"));
    let error = call(&place, "error", json!({})).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("MCP error -32603: the server's answer is not understood"),
        "{error}"
    );
    let error = call(&place, "refusal", json!({})).await.unwrap_err();
    assert_eq!(error.to_string(), "MCP error -32602: wrong arguments");
    let future = call(&place, "future", json!({})).await.unwrap();
    assert_eq!(future["content"][0], json!({ "type": "hologram", "z": 1 }));
    place.servers.close().await;
}

#[tokio::test]
async fn a_call_takes_as_long_as_it_reports_progress() {
    let script = json!({ "tools": [], "results": {
        "slow": { "do": "progress", "progress": 6, "pause": 200 }, "hang": { "do": "hang" },
    } });
    let mut config = peer(&script);
    // Long enough for the program to start.
    config["timeout"] = json!(900);
    let place = Place::new(&json!({ "s": config }));
    let (reporter, mut reports) = mpsc::channel(10);
    let cancel = CancellationToken::new();
    let said = place
        .servers
        .call("s", "slow", json!({}), &cancel, Some(reporter), None)
        .await
        .unwrap();
    assert_eq!(said["content"][0]["text"], "done");
    let mut told = Vec::new();
    while let Some(Progress { message, .. }) = reports.recv().await {
        told.extend(message);
    }
    told.sort();
    // The last one and the answer come at once.
    let all: Vec<String> = (1..=6).map(|step| format!("step {step}")).collect();
    assert!(told.len() >= 5 && all.starts_with(&told), "{told:?}");
    let error = call(&place, "hang", json!({})).await.unwrap_err();
    assert_eq!(error, Error::TimedOut(Duration::from_millis(900)));
    place.servers.close().await;
}

#[tokio::test]
async fn the_server_is_told_of_a_call_that_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let script =
        json!({ "tools": [], "log": folder.path().join("log"), "results": { "hang": { "do": "hang" } } });
    let place = Place::at(folder, &json!({ "s": peer(&script) }));
    place.servers.ready(LIMIT).await;
    let cancel = CancellationToken::new();
    let calling = place.servers.call("s", "hang", json!({}), &cancel, None, None);
    tokio::pin!(calling);
    let begun = async {
        while !place
            .log("log")
            .iter()
            .any(|message| message["method"] == "tools/call")
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = begun => {}
        said = &mut calling => panic!("{said:?}"),
    }
    cancel.cancel();
    assert_eq!(calling.await, Err(Error::Cancelled));
    // What comes later is read later.
    call(&place, "echo", json!({})).await.unwrap();
    let log = place.log("log");
    let id = |method: &str| log.iter().find(|message| message["method"] == method).unwrap();
    let given_up = id("notifications/cancelled");
    assert_eq!(given_up["params"]["requestId"], id("tools/call")["id"]);
    place.servers.close().await;
}

#[tokio::test]
async fn other_tools_are_taken_over() {
    let script = json!({ "tools": [tool("a")], "results": { "a": { "do": "tools", "tools": [tool("b"), tool("c")] } } });
    let mut place = Place::new(&json!({ "s": peer(&script) }));
    place.servers.ready(LIMIT).await;
    let before = place.servers.offered();
    assert!(
        std::sync::Arc::ptr_eq(&before, &place.servers.offered()),
        "the same as long as nothing changes"
    );
    call(&place, "a", json!({})).await.unwrap();
    place
        .until("the other tools are there", |place| {
            place.tools("s") == ["b", "c"]
        })
        .await;
    place.servers.close().await;
}

#[tokio::test]
async fn a_list_that_does_not_end_is_given_up() {
    let script = json!({ "tools": [tool("a")], "endless": true });
    let place = Place::new(&json!({ "s": peer(&script) }));
    place.servers.settled(LIMIT).await;
    assert_eq!(place.status("s"), failed("Failed to get tools"));
    place.servers.close().await;
}

#[tokio::test]
async fn nobody_waits_for_servers_of_which_is_known_what_they_have() {
    let script = json!({ "tools": [tool("a")], "instructions": "Use it.", "wait": 1000 });
    let config = json!({ "s": peer(&script), "hangs": { "type": "local", "command": ["sleep", "600"] } });
    let place = Place::new(&config);
    place.servers.ready(Duration::from_millis(1)).await;
    assert_eq!(place.tools("s"), Vec::<String>::new(), "it is not known yet");
    place.servers.connect("s").await.unwrap();
    place.servers.close().await;
    // The same at another time.
    let place = Place::at(place.folder, &config);
    let since = Instant::now();
    place.servers.ready(LIMIT).await;
    assert!(
        since.elapsed() < Duration::from_millis(200),
        "{:?}",
        since.elapsed()
    );
    assert_eq!(
        (place.tools("s"), place.status("s")),
        (vec!["a".to_owned()], Status::Disabled)
    );
    assert!(!place.servers.offered()[0].is_live);
    assert_eq!(
        call(&place, "a", json!({})).await.unwrap()["content"][0]["text"],
        "a {}"
    );
    assert_eq!(place.status("s"), Status::Connected);
    place.servers.close().await;
}

#[tokio::test]
async fn configuration_changes_while_servers_run() {
    let script = |name: &str| peer(&json!({ "tools": [tool(name)] }));
    let mut place = Place::new(&json!({ "a": script("one"), "b": script("two") }));
    place.servers.settled(LIMIT).await;
    let config = json!({ "b": script("three"), "c": script("four"), "a": { "enabled": false } });
    place.servers.configure(&crate::place::entries(&config), None);
    place
        .until("as it is configured now", |place| {
            place.tools("b") == ["three"] && place.tools("c") == ["four"]
        })
        .await;
    assert!(place.servers.status("a").is_err());
    let same = place.servers.offered();
    place.servers.configure(&crate::place::entries(&config), None);
    assert_eq!(place.servers.offered(), same, "nothing is begun anew");
    place.servers.close().await;
}

#[tokio::test]
async fn servers_are_added_connected_and_disconnected() {
    let place = Place::new(&json!({ "off": { "type": "local", "command": ["true"], "enabled": false } }));
    let config = serde_json::from_value(peer(&json!({ "tools": [tool("t")] }))).unwrap();
    place.servers.add("new", config).await;
    assert_eq!(
        (place.status("new"), place.tools("new")),
        (Status::Connected, vec!["t".to_owned()])
    );
    place.servers.configure(&Default::default(), None);
    assert_eq!(
        place.status("new"),
        Status::Connected,
        "configuration does not take away what was added"
    );
    place.servers.disconnect("new").unwrap();
    assert_eq!(
        (place.status("new"), place.tools("new")),
        (Status::Disabled, Vec::new())
    );
    assert_eq!(place.servers.connect("new").await, Ok(Status::Connected));
    for refused in [
        place.servers.connect("none").await.unwrap_err(),
        place.servers.disconnect("none").unwrap_err(),
    ] {
        assert_eq!(refused.to_string(), "MCP server not found: none");
    }
    place.servers.close().await;
}

#[tokio::test]
async fn programs_end_with_their_place() {
    let script = json!({ "tools": [], "stubborn": true });
    let place = Place::new(&json!({ "s": peer(&script) }));
    place.servers.settled(LIMIT).await;
    let mark = place.folder.path().to_owned();
    let running = || {
        let processes = fs_err::read_dir("/proc").unwrap().flatten();
        let mut own = processes
            .filter(|process| fs_err::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == mark));
        own.next().is_some()
    };
    assert!(running());
    let since = Instant::now();
    place.servers.close().await;
    assert!(!running());
    assert!(since.elapsed() < Duration::from_secs(4), "{:?}", since.elapsed());
}

/// Somebody who fills in every form alike.
struct Filler(Filled, std::sync::Mutex<Vec<Form>>);

impl Answerer for Filler {
    fn fill_in(&self, form: Form) -> BoxFuture<'_, Filled> {
        self.1.lock().unwrap().push(form);
        let filled = self.0.clone();
        Box::pin(async move {
            // Longer than a call may take.
            tokio::time::sleep(Duration::from_millis(1500)).await;
            filled
        })
    }

    fn sample(&self, _: Sampling) -> BoxFuture<'_, Result<Sampled, Unsampled>> {
        Box::pin(std::future::ready(Err(Unsampled::Cancelled)))
    }
}

#[tokio::test]
async fn a_server_asks_the_user_while_a_tool_of_it_runs() {
    let schema = json!({ "type": "object", "properties": { "name": { "type": "string", "title": "Name" } }, "required": ["name"] });
    let ask = json!({ "do": "ask", "method": "elicitation/create", "params": { "message": "Who?", "requestedSchema": schema } });
    let mut config = peer(&json!({ "tools": [], "results": { "ask": ask } }));
    config["timeout"] = json!(1000);
    let place = Place::asked(&json!({ "s": config }));
    let cancel = CancellationToken::new();
    let filled = Filled::Accepted(json!({ "name": "Ada" }).as_object().unwrap().clone());
    for (filled, result) in [
        (
            filled,
            json!({ "action": "accept", "content": { "name": "Ada" } }),
        ),
        (Filled::Declined, json!({ "action": "decline" })),
    ] {
        let filler = std::sync::Arc::new(Filler(filled, Default::default()));
        let answerer = std::sync::Arc::clone(&filler) as std::sync::Arc<dyn Answerer>;
        let said = place
            .servers
            .call("s", "ask", json!({}), &cancel, None, Some(answerer))
            .await
            .unwrap();
        let answer: Value = serde_json::from_str(said["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(answer["result"], result);
        let forms = filler.1.lock().unwrap();
        assert_eq!(
            (forms[0].message.as_str(), forms[0].fields[0].title.as_str()),
            ("Who?", "Name")
        );
    }
    // Nobody is there.
    let said = call(&place, "ask", json!({})).await.unwrap();
    let answer: Value = serde_json::from_str(said["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(answer["result"], json!({ "action": "decline" }));
    place.servers.close().await;
}

#[tokio::test]
async fn a_server_may_ask_the_model_only_where_that_is_allowed_and_a_tool_runs() {
    let text = json!({ "type": "text", "text": "Which colour?" });
    let asked = json!({ "messages": [{ "role": "user", "content": text }], "maxTokens": 10 });
    let ask = json!({ "do": "ask", "method": "sampling/createMessage", "params": asked });
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let config = peer(&json!({ "tools": [], "results": { "ask": ask }, "log": log }));
    let servers = json!({ "s": config });
    let place = Place::asked(&servers);
    let offered = || {
        let text = fs_err::read_to_string(&log).unwrap();
        let mut messages = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let hello = messages
            .rfind(|message| message["method"] == "initialize")
            .unwrap();
        !hello["params"]["capabilities"]["sampling"].is_null()
    };
    let answer = async || {
        let said = call(&place, "ask", json!({})).await.unwrap();
        let answer: Value = serde_json::from_str(said["content"][0]["text"].as_str().unwrap()).unwrap();
        answer["error"].clone()
    };
    assert_eq!(answer().await["code"], -32601);
    assert!(!offered());
    place
        .servers
        .let_sample(std::sync::Arc::new(|server| server == "s"));
    place.servers.configure(&crate::place::entries(&servers), None);
    let refused = answer().await;
    assert!(offered());
    assert_eq!(refused["code"], -1, "nobody runs a tool for a model: {refused}");
    place.servers.close().await;
}
