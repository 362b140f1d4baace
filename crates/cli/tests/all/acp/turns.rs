//! Prompts: what is sent to the model, what the client is told meanwhile, how turns end.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opencode_testkit::Step;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::client::{Client, said};
use super::{connected, merged, text};
use crate::{home, stored};

#[tokio::test]
async fn a_turn_is_told_as_it_goes_and_its_result_comes_last() {
    let usage = json!({ "input": 100, "output": 10, "cached": 20, "reasoning": 5 });
    let steps = [Step::text("Hello you").thinking("Think hard").usage(usage)];
    let (home, _model, mut client) = connected(steps, json!({})).await;
    let session = client.open(&home).await;
    let id = "11111111-2222-3333-4444-555555555555";
    let params = json!({ "sessionId": session, "prompt": text("hi"), "messageId": id });
    let result = client.call("session/prompt", params).await;
    let wanted = json!({
        "stopReason": "end_turn",
        "_meta": {},
        "usage": { "inputTokens": 80, "outputTokens": 5, "totalTokens": 110, "thoughtTokens": 5, "cachedReadTokens": 20 },
        "userMessageId": id,
    });
    assert_eq!(result, wanted);
    let updates = client.updates(&session);
    assert_eq!(said(&updates, "agent_thought_chunk"), "Think hard");
    assert_eq!(said(&updates, "agent_message_chunk"), "Hello you");
    let wanted = json!({
        "sessionUpdate": "usage_update", "used": 100, "size": 128_000, "cost": { "amount": 0, "currency": "USD" },
    });
    assert_eq!(updates.last(), Some(&wanted));
    let stored = stored(&home, &session);
    assert_eq!((stored[0].0["agent"].as_str(), stored.len()), (Some("build"), 2));
}

#[tokio::test]
async fn text_comes_while_it_is_written() {
    let (step, gate) = Step::text("never held back").held();
    let (home, _model, mut client) = connected([step], json!({})).await;
    let session = client.open(&home).await;
    let id = client
        .send(
            "session/prompt",
            json!({ "sessionId": session, "prompt": text("go") }),
        )
        .await;
    client
        .wait_for(|message| message["params"]["update"]["sessionUpdate"] == "agent_message_chunk")
        .await;
    gate.open();
    client.wait(id).await;
    assert_eq!(
        said(&client.updates(&session), "agent_message_chunk"),
        "never held back"
    );
}

#[tokio::test]
async fn a_session_can_be_opened_again_while_it_works() {
    let (step, gate) = Step::text("first half, second half").held();
    let (home, _model, mut client) = connected([step], json!({})).await;
    let session = client.open(&home).await;
    let prompt = json!({ "sessionId": session, "prompt": text("go") });
    let id = client.send("session/prompt", prompt).await;
    client
        .wait_for(|message| message["params"]["update"]["sessionUpdate"] == "agent_message_chunk")
        .await;
    client.told.clear();
    let params = json!({ "sessionId": session, "cwd": home.project(), "mcpServers": [] });
    client.call("session/load", params).await;
    gate.open();
    assert_eq!(client.wait(id).await["result"]["stopReason"], "end_turn");
    let updates = client.updates(&session);
    assert_eq!(said(&updates, "user_message_chunk"), "go");
    assert_eq!(said(&updates, "agent_message_chunk"), "first half, second half");
}

#[tokio::test]
async fn every_kind_of_call_is_told() {
    let home = home();
    let project = home.project().display().to_string();
    let file = format!("{project}/a.txt");
    home.write("a.txt", "one\ntwo\nthree\n");
    let pixel = STANDARD.decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    );
    home.write("p.png", pixel.unwrap());
    let picture = format!("{project}/p.png");
    let steps = [
        Step::tool("bash", json!({ "command": "echo out", "description": "Say it" })),
        Step::tool("read", json!({ "filePath": file })),
        Step::tool("read", json!({ "filePath": picture })),
        Step::tool("grep", json!({ "pattern": "two", "path": project })),
        Step::tool(
            "edit",
            json!({ "filePath": file, "oldString": "two", "newString": "zwei" }),
        ),
        Step::tool(
            "write",
            json!({ "filePath": format!("{project}/new.txt"), "content": "fresh\n" }),
        ),
        Step::tool(
            "todowrite",
            json!({ "todos": [{ "content": "x", "status": "pending", "priority": "low" }] }),
        ),
        Step::tool("read", json!({ "filePath": format!("{project}/missing") })),
        Step::text("Done."),
    ];
    let model = opencode_testkit::ScriptedModel::start(steps).await;
    home.configure(&model.url(), merged(json!({})));
    let mut client = Client::start(&home, &[]);
    client.initialize().await;
    let session = client.open(&home).await;
    client.prompt(&session, text("go")).await;
    let calls = client.calls(&session);
    let begun: Vec<(&Value, &Value, &Value)> = calls
        .iter()
        .filter(|update| update["sessionUpdate"] == "tool_call")
        .map(|update| (&update["title"], &update["kind"], &update["status"]))
        .collect();
    let (pending, other) = (json!("pending"), json!("other"));
    let wanted = [
        ("bash", "execute"),
        ("read", "read"),
        ("read", "read"),
        ("grep", "search"),
        ("edit", "edit"),
        ("write", "edit"),
        ("todowrite", "other"),
        ("read", "read"),
    ]
    .map(|(title, kind)| (json!(title), json!(kind)));
    let wanted: Vec<(&Value, &Value, &Value)> = wanted
        .iter()
        .map(|(title, kind)| (title, kind, &pending))
        .collect();
    assert_eq!(begun, wanted);
    assert_eq!(begun[6].1, &other);

    let ended: Vec<&Value> = calls
        .iter()
        .filter(|update| update["status"] == "completed" || update["status"] == "failed")
        .collect();
    let words = |text: &str| json!({ "type": "content", "content": { "type": "text", "text": text } });
    assert_eq!(ended.len(), 8);
    assert_eq!(
        (&ended[0]["title"], &ended[0]["content"]),
        (&json!("echo out"), &json!([words("out\n")]))
    );
    assert_eq!(ended[1]["content"], json!([words("one\ntwo\nthree")]));
    assert_eq!(ended[1]["title"], "a.txt");
    assert_eq!(ended[2]["content"][1]["content"]["mimeType"], "image/png");
    let diff = json!({ "type": "diff", "path": file, "oldText": "two", "newText": "zwei" });
    assert_eq!(ended[4]["content"][1], diff);
    assert_eq!(ended[6]["title"], "1 todos");
    assert_eq!(
        (&ended[7]["status"], &ended[7]["kind"]),
        (&json!("failed"), &json!("read"))
    );
    let running: Vec<&Value> = calls
        .iter()
        .filter(|update| update["status"] == "in_progress")
        .collect();
    assert_eq!(
        running[0]["rawInput"],
        json!({ "command": "echo out", "description": "Say it", "cwd": project })
    );
    assert_eq!(running[0]["locations"], json!([{ "path": project }]));
    let located = running.iter().find(|update| update["kind"] == "search").unwrap();
    assert_eq!(located["locations"], json!([{ "path": project }]));
}

#[tokio::test]
async fn all_kinds_of_blocks_reach_the_model() {
    let (home, model, mut client) = connected([], json!({})).await;
    let file = home.write("a.txt", "the file\n");
    let session = client.open(&home).await;
    let uri = format!("file://{}", file.display());
    let blocks = json!([
        { "type": "text", "text": "see" },
        { "type": "text", "text": "not for models", "annotations": { "audience": ["user"] } },
        { "type": "resource_link", "uri": uri, "name": "a.txt" },
        { "type": "resource_link", "uri": "https://example.org/doc", "name": "doc" },
        { "type": "resource", "resource": { "uri": format!("{uri}#L2:3"), "text": "inline" } },
        { "type": "audio", "data": "AAAA", "mimeType": "audio/wav" },
    ]);
    client.prompt(&session, blocks).await;
    let sent = model.requests()[0].conversation()[0]["content"].to_string();
    for part in [
        "see",
        "1: the file",
        "https://example.org/doc",
        &format!("[{}:2]\\ninline", file.display()),
    ] {
        assert!(sent.contains(part), "{part}: {sent}");
    }
    assert!(!sent.contains("not for models"), "{sent}");
    // The client is told the same again.
    let params = json!({ "sessionId": session, "cwd": home.project(), "mcpServers": [] });
    client.told.clear();
    client.call("session/load", params).await;
    let told = client.updates(&session);
    let linked = json!({ "type": "resource_link", "uri": uri, "name": "a.txt", "mimeType": "text/plain" });
    assert!(told.iter().any(|update| update["content"] == linked), "{told:?}");
}

#[tokio::test]
async fn commands_run_and_what_is_none_reaches_no_model() {
    let config = json!({ "command": { "hello": { "template": "Hello $ARGUMENTS there" } } });
    let (home, model, mut client) = connected([], config).await;
    home.write("note.txt", "remember the milk");
    let session = client.open(&home).await;
    let last = || -> String {
        let requests = model.requests();
        requests.last().unwrap().conversation().last().unwrap()["content"].to_string()
    };
    let link = json!({ "type": "resource_link", "uri": format!("file://{}/note.txt", home.project().display()), "name": "note.txt" });
    let blocks = json!([{ "type": "text", "text": "  /hello big world" }, link]);
    assert_eq!(client.prompt(&session, blocks).await["stopReason"], "end_turn");
    assert!(
        last().contains("Hello big world there") && last().contains("remember the milk"),
        "{}",
        last()
    );
    client.told.clear();
    let result = client.prompt(&session, text("/nope what")).await;
    assert_eq!(result, json!({ "stopReason": "end_turn", "_meta": {} }));
    assert_eq!(
        said(&client.updates(&session), "agent_message_chunk"),
        "There is no command /nope."
    );
    assert_eq!(model.requests().len(), 1);
    for plain in ["/", "/usr/bin/env is missing"] {
        client.prompt(&session, text(plain)).await;
        assert!(last().contains(plain));
    }
    assert_eq!(model.requests().len(), 3);
    model.now_answers([Step::text("A summary."), Step::text("After it.")]);
    client.told.clear();
    let result = client.prompt(&session, text("/compact")).await;
    assert_eq!(result, json!({ "stopReason": "end_turn", "_meta": {} }));
    assert_eq!(
        said(&client.updates(&session), "agent_message_chunk"),
        "A summary."
    );
    client.prompt(&session, text("go on")).await;
    let sent = model.requests().last().unwrap().conversation();
    let words: Vec<&Value> = sent[1..].iter().map(|message| &message["content"]).collect();
    assert_eq!(words, [&json!("A summary."), &json!("go on")]);
}

#[tokio::test]
async fn a_turn_says_why_it_ended() {
    let steps = [
        Step::text("cut").finish("length"),
        Step::text("no").finish("content_filter"),
    ];
    let (home, _model, mut client) = connected(steps, json!({})).await;
    let session = client.open(&home).await;
    for reason in ["max_tokens", "refusal", "end_turn"] {
        assert_eq!(client.prompt(&session, text("go")).await["stopReason"], reason);
    }
}

#[tokio::test]
async fn a_turn_can_be_stopped_at_any_time() {
    let (step, _gate) = Step::text("never said in full").held();
    let steps = [step, Step::tool("bash", json!({ "command": "sleep 60" }))];
    let (home, _model, mut client) = connected(steps, json!({})).await;
    let session = client.open(&home).await;
    let prompt = json!({ "sessionId": session, "prompt": text("go") });
    let stop = json!({ "sessionId": session });
    for begun in ["agent_message_chunk", "tool_call_update"] {
        let id = client.send("session/prompt", prompt.clone()).await;
        client
            .wait_for(|message| message["params"]["update"]["sessionUpdate"] == begun)
            .await;
        client.notify("session/cancel", stop.clone()).await;
        assert_eq!(
            client.wait(id).await["result"]["stopReason"],
            "cancelled",
            "{begun}"
        );
    }
    let calls = client.calls(&session);
    let end = calls.last().unwrap();
    assert!(
        ["completed", "failed"].contains(&end["status"].as_str().unwrap()),
        "{end}"
    );
    // Before anything has begun, too.
    let id = client.send("session/prompt", prompt.clone()).await;
    client.notify("session/cancel", stop).await;
    let answer = client.wait(id).await;
    assert_eq!(answer["result"]["stopReason"], "cancelled", "{answer}");
    assert_eq!(
        client.prompt(&session, text("go on")).await["stopReason"],
        "end_turn"
    );
}

#[tokio::test]
async fn it_ends_with_standard_input_and_takes_its_turns_with_it() {
    let (step, _gate) = Step::text("never said in full").held();
    let (home, _model, mut client) = connected([step], json!({})).await;
    let session = client.open(&home).await;
    client
        .send(
            "session/prompt",
            json!({ "sessionId": session, "prompt": text("go") }),
        )
        .await;
    client
        .wait_for(|message| message["params"]["update"]["sessionUpdate"] == "agent_message_chunk")
        .await;
    assert_eq!(client.end().await.code(), Some(0));
    let (answer, _) = stored(&home, &session).pop().unwrap();
    assert_eq!(answer["error"]["name"], "MessageAbortedError");
}

#[tokio::test]
async fn what_waits_in_a_pipe_is_answered_before_the_end() {
    let home = home();
    let input =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":1}}\n";
    let finished = home.run_with_input(["acp"], input).await.success();
    assert_eq!(finished.lines().len(), 1, "{finished:?}");
    assert_eq!(finished.lines()[0]["result"]["protocolVersion"], 1);
}

#[tokio::test]
async fn what_happens_while_nothing_is_heard_is_told_afterwards() {
    let (first, gate) = Step::text("first, then more").held();
    let model = opencode_testkit::ScriptedModel::start([first, Step::text("second")]).await;
    let home = home();
    home.configure(&model.url(), merged(json!({})));
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut client = Client::start(&home, &["--port", &port.to_string()]);
    client.initialize().await;
    let session = client.open(&home).await;
    let prompt = json!({ "sessionId": session, "prompt": text("go") });
    let id = client.send("session/prompt", prompt).await;
    client
        .wait_for(|message| message["params"]["update"]["sessionUpdate"] == "agent_message_chunk")
        .await;
    // Whoever listens to a folder is sent away when it is given up.
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!(
        "POST /instance/dispose HTTP/1.1\r\nhost: localhost\r\nx-opencode-directory: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        home.project().display()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    gate.open();
    let answer = client.wait(id).await;
    assert_eq!(answer["result"]["stopReason"], "end_turn", "{answer}");
    assert_eq!(
        said(&client.updates(&session), "agent_message_chunk"),
        "first, then more"
    );
    client.prompt(&session, text("again")).await;
    assert_eq!(said(&client.updates(&session), "agent_message_chunk"), "second");
    let log = fs_err::read_to_string(home.data().join("log/opencode.log")).unwrap();
    assert!(log.contains("the stream of events ended"), "{log}");
}

#[tokio::test]
async fn nobody_is_asked_questions_unless_it_is_wanted() {
    for (home, is_there) in [
        (home(), false),
        (home().with("OPENCODE_ENABLE_QUESTION_TOOL", "1"), true),
    ] {
        let questions = json!([{ "question": "Which?", "header": "Which", "options": [{ "label": "A", "description": "a" }] }]);
        let steps = [
            Step::tool("question", json!({ "questions": questions })),
            Step::text("Fine."),
        ];
        let model = opencode_testkit::ScriptedModel::start(steps).await;
        home.configure(&model.url(), merged(json!({})));
        let mut client = Client::start(&home, &[]);
        client.initialize().await;
        let session = client.open(&home).await;
        // Nobody can answer it, so it does not wait either.
        assert_eq!(
            client.prompt(&session, text("go")).await["stopReason"],
            "end_turn"
        );
        let tools = model.requests()[0].tools();
        assert_eq!(tools.iter().any(|tool| tool == "question"), is_there);
    }
}

#[tokio::test]
async fn questions_are_put_to_clients_that_show_forms() {
    let home = home().with("OPENCODE_ENABLE_QUESTION_TOOL", "1");
    let options =
        json!([{ "label": "Red", "description": "warm" }, { "label": "Blue", "description": "cold" }]);
    let questions = json!([{ "question": "Which colour?", "header": "Colour", "options": options }]);
    let ask = || Step::tool("question", json!({ "questions": questions }));
    let steps = [ask(), Step::text("Fine."), ask(), Step::text("Fine.")];
    let model = opencode_testkit::ScriptedModel::start(steps).await;
    home.configure(&model.url(), merged(json!({})));
    let mut client = Client::start(&home, &[]);
    client
        .initialize_with(json!({ "elicitation": { "form": {} } }))
        .await;
    let session = client.open(&home).await;
    client.fills = json!({ "action": "accept", "content": { "question_1": "Blue" } });
    client.prompt(&session, text("go")).await;
    let is_form = |message: &&Value| message["method"] == "elicitation/create";
    let form = client.told.iter().find(is_form).unwrap()["params"].clone();
    assert_eq!(
        (&form["sessionId"], &form["message"]),
        (&json!(session), &json!("Which colour?"))
    );
    let field = &form["requestedSchema"]["properties"]["question_1"];
    assert_eq!(
        field["oneOf"][1],
        json!({ "const": "Blue", "title": "Blue", "description": "cold" })
    );
    client.fills = json!({ "action": "decline" });
    client.prompt(&session, text("again")).await;
    let calls = crate::stored_calls(&home, &session);
    assert_eq!(calls[0]["state"]["metadata"]["answers"], json!([["Blue"]]));
    assert_eq!(calls[1]["state"]["status"], "error");
}

#[tokio::test]
async fn it_is_told_how_long_requests_took_where_somebody_wants_to_know() {
    let home = home().with("OPENCODE_ACP_PROFILE", "1");
    let input =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":1}}\n";
    let finished = home.run_with_input(["acp"], input).await.success();
    assert!(
        finished.stderr.starts_with("[acp-profile] acp.initialize "),
        "{finished:?}"
    );
    assert_eq!(finished.lines().len(), 1);
}
