//! `opencode mcp serve`: other programs use the engine over MCP.

mod kept;

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use opencode_mcp::{NoAuthorizers, Servers, Settings};
use opencode_testkit::{Home, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{home, only_session, stored, with_model};

const LIMIT: Duration = Duration::from_secs(60);

/// A client over standard input and output that writes and reads every message itself.
struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    /// What came that nobody waited for.
    other: Vec<Value>,
    last: u64,
}

impl Client {
    async fn start(home: &Home, capabilities: Value) -> Self {
        let mut command = tokio::process::Command::from(home.command(["mcp", "serve"]));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut client = Self {
            child,
            input,
            output,
            other: Vec::new(),
            last: 0,
        };
        let hello = json!({
            "protocolVersion": "2025-11-25", "capabilities": capabilities,
            "clientInfo": { "name": "test", "version": "1" },
        });
        let hello = client.ask("initialize", hello).await;
        assert_eq!(hello["result"]["protocolVersion"], "2025-11-25", "{hello}");
        assert_eq!(hello["result"]["serverInfo"]["name"], "opencode", "{hello}");
        client
            .send(json!({ "method": "notifications/initialized" }))
            .await;
        client
    }

    async fn line(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    async fn send(&mut self, mut message: Value) {
        message["jsonrpc"] = json!("2.0");
        self.line(&message.to_string()).await;
    }

    /// The next message; everything on standard output is one.
    async fn next(&mut self) -> Value {
        let line = tokio::time::timeout(LIMIT, self.output.next_line()).await;
        let line = line.unwrap().unwrap().unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    async fn begin(&mut self, method: &str, params: Value) -> u64 {
        self.last += 1;
        let id = self.last;
        self.send(json!({ "id": id, "method": method, "params": params }))
            .await;
        id
    }

    async fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.next().await;
            if wanted(&message) {
                return message;
            }
            self.other.push(message);
        }
    }

    async fn answer(&mut self, id: u64) -> Value {
        self.wait_for(|message| message["id"] == id && message.get("method").is_none())
            .await
    }

    async fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params).await;
        self.answer(id).await
    }

    async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self
            .ask("tools/call", json!({ "name": tool, "arguments": arguments }))
            .await;
        assert!(answer["result"].is_object(), "{answer}");
        answer["result"].clone()
    }

    /// Begins a call, whose progress is told.
    async fn begin_call(&mut self, tool: &str, arguments: Value) -> u64 {
        let params = json!({ "name": tool, "arguments": arguments, "_meta": { "progressToken": "p" } });
        self.begin("tools/call", params).await
    }

    /// What the user is asked, and what he answers.
    async fn elicited(&mut self, result: Value) -> Value {
        let request = self
            .wait_for(|message| message["method"] == "elicitation/create")
            .await;
        self.send(json!({ "id": request["id"], "result": result })).await;
        request["params"].clone()
    }

    /// Closes standard input and waits for the end.
    async fn leave(mut self) {
        self.input.take();
        let status = tokio::time::timeout(LIMIT, self.child.wait()).await;
        let status = status.unwrap().unwrap();
        assert!(status.success(), "{status:?}");
    }
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

#[tokio::test]
async fn a_prompt_is_answered_and_its_session_goes_on() {
    let (home, model) = with_model([
        Step::text("I look.\n").and_tool("read", json!({ "filePath": "a.txt" })),
        Step::text("It says x."),
        Step::text("Still x."),
    ])
    .await;
    home.write("a.txt", "x\n");
    let mut client = Client::start(&home, json!({})).await;
    let id = client
        .begin_call("prompt", json!({ "text": "what does a.txt say?" }))
        .await;
    let answer = client.answer(id).await["result"].clone();
    assert_eq!(
        (text(&answer), &answer["isError"]),
        ("It says x.", &json!(false)),
        "{answer}"
    );
    let structured = &answer["structuredContent"];
    let session = structured["sessionID"].as_str().unwrap().to_owned();
    assert!(structured["messageID"].as_str().unwrap().starts_with("msg_"));
    assert!(structured["cost"].is_number(), "{structured}");
    assert!(structured["tokens"]["cache"]["read"].is_u64(), "{structured}");
    let progress = client
        .other
        .iter()
        .filter(|one| one["method"] == "notifications/progress");
    let told: Vec<(f64, &str)> = progress
        .map(|one| {
            assert_eq!(one["params"]["progressToken"], "p");
            let count = one["params"]["progress"].as_f64().unwrap();
            (count, one["params"]["message"].as_str().unwrap())
        })
        .collect();
    assert!(told.is_sorted_by_key(|(count, _)| *count), "{told:?}");
    let messages: Vec<&str> = told.iter().map(|(_, message)| *message).collect();
    assert!(messages.contains(&"I look.\n"), "{messages:?}");
    assert!(messages.contains(&"read is done: a.txt"), "{messages:?}");

    let more = client
        .call("prompt", json!({ "text": "and now?", "sessionID": session }))
        .await;
    assert_eq!(text(&more), "Still x.");
    assert_eq!(more["structuredContent"]["sessionID"], session.as_str());
    let last = model.requests().last().unwrap().body.to_string();
    assert!(last.contains("It says x."), "{last}");

    let listed = client.call("session_list", json!({})).await;
    assert_eq!(listed["structuredContent"]["sessions"][0]["id"], session.as_str());
    let read = client
        .call("session_read", json!({ "sessionID": session, "limit": 3 }))
        .await;
    let read = &read["structuredContent"];
    assert_eq!(read["messages"].as_array().unwrap().len(), 3, "{read}");
    assert_eq!(read["messages"][2]["text"], "Still x.");
    let older = json!({ "sessionID": session, "before": read["older"] });
    let older = client.call("session_read", older).await;
    let first = &older["structuredContent"]["messages"];
    assert_eq!(first[0]["text"], "what does a.txt say?");
    assert_eq!(
        first[1]["tools"][0],
        json!({ "tool": "read", "status": "completed", "title": "a.txt" })
    );

    let resources = client.ask("resources/list", json!({})).await;
    let uri = &resources["result"]["resources"][0]["uri"];
    assert_eq!(uri, &format!("opencode://session/{session}"));
    let contents = client.ask("resources/read", json!({ "uri": uri })).await;
    let markdown = contents["result"]["contents"][0]["text"].as_str().unwrap();
    assert!(
        markdown.contains("- `read` (completed) a.txt\n") && markdown.ends_with("\nStill x.\n"),
        "{markdown}"
    );
    let uri = "opencode://session/{id}";
    let wanted = json!({
        "ref": { "type": "ref/resource", "uri": uri }, "argument": { "name": "id", "value": "ses_" },
    });
    let completed = client.ask("completion/complete", wanted).await;
    assert_eq!(completed["result"]["completion"]["values"], json!([session]));
    client.leave().await;
}

#[tokio::test]
async fn tools_work_under_permissions_and_say_what_is_wrong() {
    let home = home();
    let rules = json!({ "permission": { "read": { "secret.txt": "deny" }, "grep": "deny" } });
    home.write("opencode.json", rules.to_string());
    home.write("a.txt", "one\ntwo\n");
    home.write("secret.txt", "no\n");
    let mut client = Client::start(&home, json!({})).await;
    let tools = client.ask("tools/list", json!({})).await;
    let tools = tools["result"]["tools"].as_array().unwrap().clone();
    let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    for wanted in [
        "prompt",
        "session_list",
        "session_read",
        "read",
        "glob",
        "write",
        "edit",
    ] {
        assert!(names.contains(&wanted), "{wanted}: {names:?}");
    }
    assert!(!names.contains(&"grep") && !names.contains(&"bash"), "{names:?}");
    for tool in &tools {
        assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
    }

    let read = client.call("read", json!({ "filePath": "a.txt" })).await;
    assert!(text(&read).contains("two"), "{read}");
    let found = client.call("glob", json!({ "pattern": "*.txt" })).await;
    assert!(text(&found).contains("a.txt"), "{found}");
    let written = client
        .call("write", json!({ "filePath": "new.txt", "content": "fresh\n" }))
        .await;
    assert_eq!(written["isError"], false, "{written}");
    assert_eq!(
        fs_err::read_to_string(home.project().join("new.txt")).unwrap(),
        "fresh\n"
    );

    for (tool, arguments, wanted) in [
        ("read", json!({ "filePath": "secret.txt" }), "rule"),
        ("read", json!({ "filePath": "none.txt" }), "not found"),
        ("read", json!({}), "filePath"),
        ("prompt", json!({ "text": " " }), "`text` is empty"),
        ("prompt", json!({}), "text"),
        (
            "prompt",
            json!({ "text": "x", "sessionID": "ses_none" }),
            "no session",
        ),
        (
            "prompt",
            json!({ "text": "x", "sessionID": "../x" }),
            "no session",
        ),
        ("session_list", json!({ "limit": 0 }), "1 to 200"),
        ("session_list", json!({ "surprise": 1 }), "surprise"),
        ("session_read", json!({ "sessionID": "ses_none" }), "no session"),
    ] {
        let failed = client.call(tool, arguments.clone()).await;
        assert_eq!(failed["isError"], true, "{tool} {arguments}: {failed}");
        assert!(
            text(&failed).contains(wanted),
            "{tool} {arguments}: {wanted}: {failed}"
        );
    }
    for (method, params) in [
        (
            "tools/call",
            json!({ "name": "bash", "arguments": { "command": "ls" } }),
        ),
        ("tools/call", json!({ "name": "none" })),
        ("resources/read", json!({ "uri": "opencode://session/ses_none" })),
        ("resources/read", json!({ "uri": "file:///etc/passwd" })),
        ("prompts/get", json!({ "name": "none" })),
        ("nothing/known", json!({})),
    ] {
        let refused = client.ask(method, params.clone()).await;
        assert!(refused["error"]["code"].is_i64(), "{method} {params}: {refused}");
    }
    // What is no message does not end the conversation.
    client.line("this is no message").await;
    client.line("{\"jsonrpc\": \"2.0\", \"id\": []}").await;
    client.line("").await;
    assert_eq!(client.ask("ping", json!({})).await["result"], json!({}));
    client.leave().await;
}

#[tokio::test]
async fn commands_are_prompts() {
    let (home, model) = with_model([Step::text("Hello Ann.")]).await;
    home.write(
        ".opencode/command/greet.md",
        "---\ndescription: Greets somebody\n---\nSay hello to $1.",
    );
    let mut client = Client::start(&home, json!({})).await;
    let prompts = client.ask("prompts/list", json!({})).await;
    let prompts = prompts["result"]["prompts"].as_array().unwrap();
    let greet = prompts.iter().find(|prompt| prompt["name"] == "greet").unwrap();
    assert_eq!(greet["description"], "Greets somebody");
    let params = json!({ "name": "greet", "arguments": { "arguments": "Ann" } });
    let prompt = client.ask("prompts/get", params).await;
    let told = prompt["result"]["messages"][0]["content"]["text"]
        .as_str()
        .unwrap();
    assert!(told.contains("\"/greet Ann\""), "{told}");
    let answer = client.call("prompt", json!({ "text": "/greet Ann" })).await;
    assert_eq!(text(&answer), "Hello Ann.");
    let asked = model.requests()[0].body.to_string();
    assert!(asked.contains("Say hello to Ann."), "{asked}");
    client.leave().await;
}

#[tokio::test]
async fn what_has_to_be_asked_is_asked_of_the_clients_user() {
    let write = |file: &str| Step::tool("write", json!({ "filePath": file, "content": "by the model\n" }));
    let (home, model) = with_model([write("model.txt"), Step::text("Written.")]).await;
    home.configure(&model.url(), json!({ "permission": { "edit": "ask" } }));
    let exists = |name: &str| home.project().join(name).exists();
    let arguments = |name: &str| json!({ "filePath": name, "content": "x\n" });

    let mut mute = Client::start(&home, json!({})).await;
    let refused = mute.call("write", arguments("mute.txt")).await;
    assert_eq!(refused["isError"], true);
    assert!(text(&refused).contains("elicitation"), "{refused}");
    assert!(!exists("mute.txt"));
    mute.leave().await;

    let mut client = Client::start(&home, json!({ "elicitation": {} })).await;
    for (result, wanted) in [
        (
            json!({ "action": "accept", "content": { "decision": "reject" } }),
            false,
        ),
        (json!({ "action": "decline" }), false),
        (json!({ "action": "cancel" }), false),
        (
            json!({ "action": "accept", "content": { "decision": "once" } }),
            true,
        ),
    ] {
        let id = client.begin_call("write", arguments("tool.txt")).await;
        let asked = client.elicited(result.clone()).await;
        let message = asked["message"].as_str().unwrap();
        assert!(
            message.contains("`edit`") && message.contains("tool.txt"),
            "{message}"
        );
        assert_eq!(asked["requestedSchema"]["required"], json!(["decision"]));
        let answer = client.answer(id).await;
        assert_eq!(answer["result"]["isError"], !wanted, "{result}: {answer}");
        assert_eq!(exists("tool.txt"), wanted, "{result}");
    }
    // Nothing stays of the sessions in which tools were asked for.
    let listed = client.call("session_list", json!({})).await;
    assert_eq!(listed["structuredContent"]["sessions"], json!([]));

    let id = client
        .begin_call("prompt", json!({ "text": "write model.txt" }))
        .await;
    let yes = json!({ "action": "accept", "content": { "decision": "once" } });
    client.elicited(yes).await;
    assert_eq!(text(&client.answer(id).await["result"]), "Written.");
    assert!(exists("model.txt"));
    client.leave().await;
}

#[tokio::test]
async fn questions_of_the_model_are_asked_of_the_clients_user() {
    let questions = json!({ "questions": [{
        "question": "Which colour?", "header": "Colour",
        "options": [{ "label": "Red", "description": "like fire" }, { "label": "Blue", "description": "" }],
    }] });
    let question = || Step::tool("question", questions.clone());
    let (home, model) = with_model([
        question(),
        Step::text("Blue then."),
        question(),
        Step::text("Well."),
    ])
    .await;
    let mut client = Client::start(&home, json!({ "elicitation": {} })).await;
    let id = client.begin_call("prompt", json!({ "text": "ask me" })).await;
    let asked = client
        .elicited(json!({ "action": "accept", "content": { "answer_1": "Blue" } }))
        .await;
    let field = &asked["requestedSchema"]["properties"]["answer_1"];
    assert_eq!(field["enum"], json!(["Red", "Blue"]), "{asked}");
    assert_eq!(text(&client.answer(id).await["result"]), "Blue then.");
    let told = model.requests()[1].body.to_string();
    assert!(told.contains("Blue"), "{told}");
    client.leave().await;

    // A client that cannot ask: the turn goes on, or ends, but never hangs.
    let mut mute = Client::start(&home, json!({})).await;
    let answer = mute.call("prompt", json!({ "text": "ask me" })).await;
    assert!(answer["structuredContent"]["sessionID"].is_string(), "{answer}");
    mute.leave().await;
}

#[tokio::test]
async fn a_cancelled_call_stops_its_turn() {
    let (held, _gate) = Step::text("I begin.").held();
    let (home, model) = with_model([held, Step::text("Second.")]).await;
    let mut client = Client::start(&home, json!({})).await;
    let id = client.begin_call("prompt", json!({ "text": "first" })).await;
    model.wait_for_requests(1).await;
    client
        .send(json!({
            "method": "notifications/cancelled", "params": { "requestId": id, "reason": "enough" },
        }))
        .await;
    // The session is free again: its next turn does not join one that waits for ever.
    let listed = client.call("session_list", json!({})).await;
    let session = listed["structuredContent"]["sessions"][0]["id"].clone();
    let next = client
        .call("prompt", json!({ "text": "second", "sessionID": session }))
        .await;
    assert_eq!(text(&next), "Second.");
    client.leave().await;
    let stored = stored(&home, session.as_str().unwrap());
    assert_eq!(stored[1].0["error"]["name"], "MessageAbortedError", "{stored:?}");
}

#[tokio::test]
async fn a_client_that_goes_away_stops_what_it_began() {
    let (held, _gate) = Step::text("I begin.").held();
    let (home, model) = with_model([held]).await;
    let mut client = Client::start(&home, json!({})).await;
    client.begin_call("prompt", json!({ "text": "first" })).await;
    model.wait_for_requests(1).await;
    client.leave().await;
    let stored = stored(&home, &only_session(&home));
    assert_eq!(stored[1].0["error"]["name"], "MessageAbortedError", "{stored:?}");
}

#[tokio::test]
async fn a_signal_stops_what_goes_on_and_ends_the_program() {
    let (held, _gate) = Step::text("I begin.").held();
    let (home, model) = with_model([held]).await;
    let mut client = Client::start(&home, json!({})).await;
    client.begin_call("prompt", json!({ "text": "first" })).await;
    model.wait_for_requests(1).await;
    // Standard input stays open: nothing may wait for its end.
    let id = client.child.id().unwrap().to_string();
    let kill = tokio::process::Command::new("kill")
        .args(["-TERM", &id])
        .status()
        .await;
    assert!(kill.unwrap().success());
    let ended = tokio::time::timeout(LIMIT, client.child.wait()).await;
    ended.unwrap().unwrap();
    let stored = stored(&home, &only_session(&home));
    assert_eq!(stored[1].0["error"]["name"], "MessageAbortedError", "{stored:?}");
}

const ANNOUNCED: &str = "opencode MCP server listening on";

const HELLO: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;

#[tokio::test]
async fn over_http_only_those_who_may_are_served() {
    let home = home();
    let served = home.listen(["mcp", "serve", "--http"], ANNOUNCED).await;
    let accept = ("accept", "application/json, text/event-stream");
    let hello = |headers: Vec<(&'static str, &'static str)>| {
        let headers = [vec![accept], headers].concat();
        let served = &served;
        async move {
            served
                .send_with("POST", "/mcp", &headers, Some(HELLO.to_owned()))
                .await
        }
    };
    let good = hello(vec![]).await;
    assert!(
        good.status == 200 && good.head.contains("mcp-session-id: "),
        "{good:?}"
    );
    assert_eq!(hello(vec![("origin", "http://localhost:5173")]).await.status, 200);
    assert_eq!(hello(vec![("origin", "http://evil.example")]).await.status, 403);
    // A name that was bent to this machine.
    let bent = served.send_to("evil.example", "POST", "/mcp", &[accept]).await;
    assert_eq!(bent.status, 403, "{bent:?}");
    for (method, path, wanted) in [
        ("GET", "/mcp", 400),
        ("DELETE", "/mcp", 400),
        ("GET", "/session", 404),
    ] {
        let answer = served.send_with(method, path, &[accept], None).await;
        assert_eq!(answer.status, wanted, "{method} {path}: {answer:?}");
    }
    for body in [
        "{",
        "[]",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}",
    ] {
        let answer = served
            .send_with("POST", "/mcp", &[accept], Some(body.to_owned()))
            .await;
        assert!((400..500).contains(&answer.status), "{body}: {answer:?}");
    }
    drop(served);

    let home = home.with("OA_SERVER_TOKEN", "the-token");
    let served = home.listen(["mcp", "serve", "--http"], ANNOUNCED).await;
    for (authorization, wanted) in [
        (None, 401),
        (Some("Bearer wrong"), 401),
        (Some("Bearer the-token"), 200),
    ] {
        let mut headers = vec![accept];
        headers.extend(authorization.map(|word| ("authorization", word)));
        let answer = served
            .send_with("POST", "/mcp", &headers, Some(HELLO.to_owned()))
            .await;
        assert_eq!(answer.status, wanted, "{authorization:?}: {answer:?}");
    }
}

/// Our own client.
fn connected(folder: &std::path::Path, url: &str) -> Servers {
    let servers = Servers::new(Settings {
        directory: folder.to_owned(),
        version: "1",
        cache: None,
        authorizers: Arc::new(NoAuthorizers),
        may_ask: false,
        listener: Box::new(|_| {}),
    });
    let entries = json!({ "peer": { "type": "remote", "url": url } });
    servers.configure(&serde_json::from_value(entries).unwrap(), None);
    servers
}

#[tokio::test]
async fn over_http_several_clients_are_served_at_once() {
    let (held, gate) = Step::text("Slow\nand slower\nto the end.").held();
    let (home, model) = with_model([held, Step::text("Fast.")]).await;
    let served = home.listen(["mcp", "serve", "--http"], ANNOUNCED).await;
    let url = format!("{}/mcp", served.url());
    let (slow, fast) = (connected(&home.path(), &url), connected(&home.path(), &url));
    let never = CancellationToken::new();
    let (progress, mut told) = mpsc::channel(16);
    let text = |result: &Value| result["content"][0]["text"].as_str().map(str::to_owned);
    let waiting = slow.call(
        "peer",
        "prompt",
        json!({ "text": "slowly" }),
        &never,
        Some(progress),
        None,
    );
    let meanwhile = async {
        model.wait_for_requests(1).await;
        let result = fast
            .call("peer", "prompt", json!({ "text": "fast" }), &never, None, None)
            .await;
        let heard = told.recv().await;
        assert!(heard.is_some(), "progress is told over HTTP, too");
        gate.open();
        result
    };
    let (late, early) = tokio::time::timeout(LIMIT, Box::pin(async { tokio::join!(waiting, meanwhile) }))
        .await
        .unwrap();
    assert_eq!(text(&early.unwrap()).as_deref(), Some("Fast."));
    assert_eq!(
        text(&late.unwrap()).as_deref(),
        Some("Slow\nand slower\nto the end.")
    );
    for client in [slow, fast] {
        client.close().await;
    }
    let ended = tokio::time::timeout(LIMIT, served.stop()).await.unwrap();
    ended.success();
}
