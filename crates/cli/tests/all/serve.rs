//! The server as a client meets it.

use opencode_testkit::Step;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::{home, new_session, stored, with_model};

pub(crate) fn said(text: &str) -> Option<Value> {
    Some(json!({ "parts": [{ "type": "text", "text": text }] }))
}

#[tokio::test]
async fn a_prompt_is_answered_and_told_as_events() {
    let (home, _model) = with_model([
        Step::text("I look.").and_tool("bash", json!({ "command": "echo out" })),
        Step::text("It says out."),
    ])
    .await;
    let server = home.serve().await;
    let session = new_session(&server).await;
    let path = format!("/session/{session}/message");
    let prompt = || async {
        let answer = server.send("POST", &path, said("what does it say?")).await.json();
        assert_eq!(answer["parts"][1]["text"], "It says out.");
    };
    let events = server
        .events("/event", prompt, |event| event["type"] == "session.idle")
        .await;
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(kinds[0], "server.connected");
    let place = |kind: &str| kinds.iter().position(|one| *one == kind);
    assert!(place("message.part.delta").is_some() && place("session.status") < place("message.part.delta"));
    let messages = server.send("GET", &path, None).await.json();
    assert_eq!(messages.as_array().unwrap().len(), 3);
    let newest = server.send("GET", &format!("{path}?limit=1"), None).await;
    assert!(newest.head.contains("x-next-cursor:"), "{newest:?}");
    assert_eq!(newest.json()[0]["info"]["id"], messages[2]["info"]["id"]);
    assert_eq!(
        server.send("GET", "/session/status", None).await.json(),
        json!({})
    );
    assert_eq!(server.stop().await.code(), Some(0));
}

#[tokio::test]
async fn the_user_is_asked_and_answers() {
    let question = json!({ "questions": [{ "question": "Which?", "header": "Pick", "options": [{ "label": "A", "description": "a" }] }] });
    let (home, model) = with_model([
        Step::tool("question", question),
        Step::tool("bash", json!({ "command": "echo allowed" })),
        Step::text("Done."),
    ])
    .await;
    home.configure(&model.url(), json!({ "permission": { "bash": "ask" } }));
    let server = home.serve().await;
    let session = new_session(&server).await;
    let asked = |kind: &'static str| move |event: &Value| event["type"] == kind;
    let begin = || async {
        let begun = server
            .send("POST", &format!("/session/{session}/prompt_async"), said("go"))
            .await;
        assert_eq!(begun.status, 204);
    };
    let events = server.events("/event", begin, asked("question.asked")).await;
    let id = events.last().unwrap()["properties"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let answer = || async {
        let body = json!({ "answers": [["A"]] });
        let replied = server
            .send("POST", &format!("/question/{id}/reply"), Some(body))
            .await;
        assert_eq!(replied.json(), json!(true));
    };
    let events = server.events("/event", answer, asked("permission.asked")).await;
    let id = events.last().unwrap()["properties"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let allow = || async {
        let body = json!({ "reply": "once" });
        let replied = server
            .send("POST", &format!("/permission/{id}/reply"), Some(body))
            .await;
        assert_eq!(replied.json(), json!(true));
    };
    server.events("/event", allow, asked("session.idle")).await;
    assert_eq!(server.send("GET", "/question", None).await.json(), json!([]));
    let sent = model.requests().pop().unwrap().conversation();
    let results: Vec<&str> = sent
        .iter()
        .filter(|message| message["role"] == "tool")
        .filter_map(|message| message["content"].as_str())
        .collect();
    assert!(results[0].contains("\"Which?\"=\"A\""), "{results:?}");
    assert_eq!(results[1], "allowed\n");
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_take_the_turn_with_it() {
    let (step, gate) = Step::text("at last").held();
    let (home, model) = with_model([step]).await;
    let server = home.serve().await;
    let session = new_session(&server).await;
    let path = format!("/session/{session}/message");
    tokio::select! {
        _ = server.send("POST", &path, said("go")) => panic!("it is held"),
        () = model.wait_for_requests(1) => {}
    }
    let rest = || async { gate.open() };
    server
        .events("/event", rest, |event| event["type"] == "session.idle")
        .await;
    let (answer, _) = stored(&home, &session).pop().unwrap();
    assert_eq!(answer["finish"], "stop");
}

#[tokio::test]
async fn what_a_client_gets_wrong_is_its_own_mistake() {
    let (home, _model) = with_model([]).await;
    let server = home.serve().await;
    let session = new_session(&server).await;
    let path = format!("/session/{session}/message");
    let unknown = format!("/session/ses_{}", "0".repeat(26));
    for (method, path, body, status, says) in [
        ("GET", unknown.as_str(), None, 404, "NotFoundError"),
        ("GET", "/session/..%2f..%2fetc", None, 400, "Params"),
        ("POST", &path, Some("{"), 400, "Payload"),
        ("POST", &path, Some("{}"), 400, "missing field `parts`"),
        (
            "POST",
            &path,
            Some(r#"{"parts": [], "messageID": "bad"}"#),
            400,
            "messageID",
        ),
        (
            "POST",
            &path,
            Some(r#"{"parts": [], "agent": "none"}"#),
            400,
            "Agent not found",
        ),
        (
            "POST",
            &path,
            Some(r#"{"parts": [], "model": {"providerID": "a", "modelID": "b"}}"#),
            400,
            "a/b",
        ),
        ("POST", "/session", Some("[]"), 400, "Payload"),
        ("GET", "/file?path=../", None, 400, "outside"),
        ("GET", "/file/content?path=/etc/passwd", None, 400, "outside"),
        ("GET", "/file", None, 400, "Query"),
        ("GET", "/no/such/path", None, 404, "nothing"),
        ("PUT", "/session", None, 405, ""),
    ] {
        let answer = server.send_with(method, path, &[], body.map(str::to_owned)).await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert!(answer.text.contains(says), "{method} {path}: {answer:?}");
    }
    let large = format!("{{\"parts\": \"{}\"}}", "x".repeat(64 * 1024 * 1024));
    let answer = server.send_with("POST", &path, &[], Some(large)).await;
    assert_eq!(answer.status, 413, "{}", answer.head);
    let form = [("content-type", "text/plain")];
    assert_eq!(
        server.send_with("POST", "/session", &form, None).await.status,
        415
    );
}

#[tokio::test]
async fn without_the_password_nothing_is_said() {
    let home = home().with("OPENCODE_SERVER_PASSWORD", "secret");
    let server = home.serve().await;
    for path in ["/global/health", "/doc", "/event", "/session", "/no/such/path"] {
        let answer = server.send("GET", path, None).await;
        assert_eq!((answer.status, answer.text.as_str()), (401, ""), "{path}");
        assert!(answer.head.contains("www-authenticate: basic"), "{answer:?}");
    }
    // opencode:secret
    let right = [("authorization", "Basic b3BlbmNvZGU6c2VjcmV0")];
    let answer = server.send_with("GET", "/global/health", &right, None).await;
    assert_eq!(answer.json()["healthy"], true);
    let token = "/global/health?auth_token=b3BlbmNvZGU6c2VjcmV0";
    assert_eq!(server.send("GET", token, None).await.status, 200);
}

#[tokio::test]
async fn foreign_pages_cannot_read_answers() {
    let home = home();
    let server = home.serve().await;
    for (origin, allowed) in [
        ("http://localhost:3000", true),
        ("https://app.opencode.ai", true),
        ("https://evil.example", false),
        ("https://opencode.ai.evil.example", false),
        ("http://localhost.evil.example", false),
    ] {
        let answer = server
            .send_with("GET", "/global/health", &[("origin", origin)], None)
            .await;
        assert_eq!(
            answer.head.contains("access-control-allow-origin"),
            allowed,
            "{origin}"
        );
        let made = server
            .send_with("POST", "/session", &[("origin", origin)], None)
            .await;
        assert_eq!(made.status, if allowed { 200 } else { 403 }, "{origin}");
    }
}

#[tokio::test]
async fn a_name_that_was_bent_to_this_machine_gets_nothing() {
    let home = home();
    let server = home.serve().await;
    for (host, status) in [
        ("localhost:1", 200),
        ("[::1]:1", 200),
        ("192.168.0.2", 200),
        ("evil.example:4096", 403),
        ("127.0.0.1.evil.example", 403),
    ] {
        let answer = server.send_to(host, "GET", "/session", &[]).await;
        assert_eq!(answer.status, status, "{host}");
    }
}

#[tokio::test]
async fn the_document_lists_what_there_is() {
    let home = home();
    let server = home.serve().await;
    let document = server.send("GET", "/doc", None).await.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(
        document["paths"]["/session"]["post"]["operationId"],
        "session.create"
    );
    assert_eq!(
        document["paths"]["/api/session"]["get"]["operationId"],
        "v2.session.list"
    );
    assert_eq!(document["paths"]["/global/upgrade"], Value::Null);
}

#[tokio::test]
async fn messages_are_taken_back_with_their_files_and_brought_back() {
    let change = |command: &str| Step::tool("bash", json!({ "command": command }));
    let (home, _model) = with_model([
        change("echo one > a.txt"),
        Step::text("First."),
        change("echo two > a.txt"),
        Step::text("Second."),
        Step::text("Other way."),
    ])
    .await;
    let server = home.serve().await;
    let session = new_session(&server).await;
    let path = format!("/session/{session}");
    for text in ["first", "second"] {
        server.send("POST", &format!("{path}/message"), said(text)).await;
    }
    let messages = server.send("GET", &format!("{path}/message"), None).await.json();
    let second = messages[3]["info"]["id"].clone();
    let file = home.project().join("a.txt");
    let body = Some(json!({ "messageID": second }));
    let reverted = server.send("POST", &format!("{path}/revert"), body.clone()).await;
    assert_eq!(reverted.json()["revert"]["messageID"], second, "{reverted:?}");
    assert_eq!(fs_err::read_to_string(&file).unwrap(), "one\n");
    let diff = server.send("GET", &format!("{path}/diff"), None).await.json();
    assert_eq!(diff[0]["file"], "a.txt");
    let back = server.send("POST", &format!("{path}/unrevert"), None).await;
    assert_eq!(back.json()["revert"], Value::Null);
    assert_eq!(fs_err::read_to_string(&file).unwrap(), "two\n");

    server.send("POST", &format!("{path}/revert"), body).await;
    server
        .send("POST", &format!("{path}/message"), said("another second"))
        .await;
    let messages = server.send("GET", &format!("{path}/message"), None).await.json();
    assert_eq!(messages.as_array().unwrap().len(), 5);
    assert_eq!(messages[3]["parts"][0]["text"], "another second");
    let unknown = json!({ "messageID": "msg_unknown" });
    let untouched = server
        .send("POST", &format!("{path}/revert"), Some(unknown))
        .await;
    assert_eq!(
        (untouched.status, &untouched.json()["revert"]),
        (200, &Value::Null)
    );
}

#[tokio::test]
async fn a_command_line_of_the_user_runs_alone_and_can_be_stopped() {
    let (home, _model) = with_model([Step::text("I saw it.")]).await;
    let server = home.serve().await;
    let session = new_session(&server).await;
    let path = format!("/session/{session}");
    let line = |command: &str| Some(json!({ "agent": "build", "command": command }));
    let shell = format!("{path}/shell");
    let started = || async {
        home.wait_for_file("begun").await;
        let busy = server.send("POST", &shell, line("true")).await;
        assert_eq!(
            (busy.status, &busy.json()["_tag"]),
            (409, &json!("SessionBusyError"))
        );
        let revert = json!({ "messageID": "msg_1" });
        assert_eq!(
            server
                .send("POST", &format!("{path}/revert"), Some(revert))
                .await
                .status,
            409
        );
        server.send("POST", &format!("{path}/abort"), None).await;
    };
    let (answer, ()) = tokio::join!(
        server.send("POST", &shell, line("echo out; touch begun; sleep 600")),
        started()
    );
    let state = &answer.json()["parts"][0]["state"];
    assert_eq!(state["status"], "completed", "{answer:?}");
    let output = state["output"].as_str().unwrap();
    assert!(
        output.starts_with("out\n") && output.contains("User aborted"),
        "{output}"
    );
    let answered = server
        .send("POST", &format!("{path}/message"), said("what was it?"))
        .await;
    assert_eq!(answered.json()["parts"][1]["text"], "I saw it.");
    let wrong = server
        .send("POST", &shell, Some(json!({ "agent": "nobody", "command": "x" })))
        .await;
    assert_eq!(wrong.status, 400);
}

#[tokio::test]
async fn commands_are_filled_and_answered() {
    let (home, model) = with_model([Step::text("Looked."), Step::text("Made it.")]).await;
    home.configure(
        &model.url(),
        json!({ "command": { "look": { "template": "At @notes.txt with $1: !`echo live`" } } }),
    );
    home.write("notes.txt", "a note\n");
    let server = home.serve().await;
    let session = new_session(&server).await;
    let path = format!("/session/{session}");
    let call = |name: &str| Some(json!({ "command": name, "arguments": "care" }));
    let command = format!("{path}/command");
    let give = || async {
        let answer = server.send("POST", &command, call("look")).await;
        assert_eq!(answer.json()["parts"][1]["text"], "Looked.", "{answer:?}");
    };
    let events = server
        .events("/event", give, |event| event["type"] == "command.executed")
        .await;
    assert_eq!(events.last().unwrap()["properties"]["name"], "look");
    let messages = server.send("GET", &format!("{path}/message"), None).await.json();
    let texts: Vec<&str> = messages[0]["parts"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|part| part["text"].as_str())
        .collect();
    assert_eq!(texts[0], "At @notes.txt with care: live");
    assert!(texts.iter().any(|text| text.contains("a note")), "{texts:?}");

    let unknown = server.send("POST", &command, call("nothing")).await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.text.contains("look"), "{unknown:?}");
    let init = json!({ "providerID": "scripted", "modelID": "scripted", "messageID": "msg_mine" });
    let made = server.send("POST", &format!("{path}/init"), Some(init)).await;
    assert_eq!(made.json(), json!(true), "{made:?}");
    let project = server.send("GET", "/project/current", None).await.json();
    assert!(project["time"]["initialized"].is_number(), "{project}");
}

#[tokio::test]
async fn answers_come_in_the_wanted_form() {
    let (home, model) = with_model([
        Step::tool("StructuredOutput", json!({ "city": "Oslo" })),
        Step::text("just words"),
    ])
    .await;
    let server = home.serve().await;
    let session = new_session(&server).await;
    let path = format!("/session/{session}/message");
    let schema = json!({ "$schema": "s", "type": "object", "properties": { "city": { "type": "string" } } });
    let wanted = json!({ "type": "json_schema", "schema": schema });
    let ask = json!({ "parts": [{ "type": "text", "text": "where?" }], "format": wanted });
    let answer = server.send("POST", &path, Some(ask.clone())).await.json();
    assert_eq!(
        answer["info"]["structured"],
        json!({ "city": "Oslo" }),
        "{answer}"
    );
    let words = server.send("POST", &path, Some(ask)).await.json();
    assert_eq!(words["info"]["error"]["name"], "StructuredOutputError");
    let requests = model.requests();
    assert_eq!(requests.len(), 2, "the turn ends with the answer");
    assert_eq!(requests[0].body["tool_choice"], "required");
    let tool = &requests[0].body["tools"][0]["function"];
    assert_eq!(
        (&tool["name"], &tool["parameters"]["$schema"]),
        (&json!("StructuredOutput"), &Value::Null)
    );
    let messages = server.send("GET", &path, None).await;
    assert_eq!(messages.status, 200, "a format can be read back");
}

#[tokio::test]
async fn the_page_runs_its_own_script_and_nothing_else() {
    let home = home().with("OPENCODE_SERVER_PASSWORD", "secret");
    let server = home.serve().await;
    assert_eq!(server.send("GET", "/", None).await.status, 401);
    let right = [("authorization", "Basic b3BlbmNvZGU6c2VjcmV0")];
    let first = server.send_with("GET", "/", &right, None).await;
    let nonce = |answer: &opencode_testkit::Answer| {
        let policy = answer
            .head
            .lines()
            .find(|line| line.starts_with("content-security-policy:"))
            .unwrap()
            .to_owned();
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        policy
            .split("script-src 'nonce-")
            .nth(1)
            .unwrap()
            .split('\'')
            .next()
            .unwrap()
            .to_owned()
    };
    let word = nonce(&first);
    assert_eq!(
        first.text.matches("<script").count(),
        first.text.matches(&format!("<script nonce=\"{word}\"")).count()
    );
    assert!(
        first.text.contains(&format!("<style nonce=\"{word}\"")),
        "{}",
        first.text
    );
    // Nothing of it lies elsewhere.
    assert!(
        !first.text.contains("src=") && !first.text.contains("http"),
        "{}",
        first.text
    );
    assert_ne!(nonce(&server.send_with("GET", "/", &right, None).await), word);
}

#[tokio::test]
async fn the_page_may_write_wherever_it_is_reached() {
    let home = home();
    let server = home.serve().await;
    for (host, origin, status) in [
        ("192.168.0.2:4096", "http://192.168.0.2:4096", 200),
        ("192.168.0.2:4096", "http://192.168.0.3:4096", 403),
        ("192.168.0.2:4096", "null", 403),
        // Its name was bent to this machine.
        ("evil.example:4096", "http://evil.example:4096", 403),
    ] {
        let answer = server
            .send_to(host, "POST", "/session", &[("origin", origin)])
            .await;
        assert_eq!(answer.status, status, "{host} {origin}: {answer:?}");
    }
}

#[tokio::test]
async fn web_says_where_the_page_is_and_opens_it() {
    use std::os::unix::fs::PermissionsExt;
    let home = home();
    let tools = home.path().join("tools");
    fs_err::create_dir_all(&tools).unwrap();
    let opener = tools.join("xdg-open");
    let opened = home.project().join("opened");
    fs_err::write(
        &opener,
        format!(
            "#!/bin/sh\necho \"$1\" > {0}.new && mv {0}.new {0}\n",
            opened.display()
        ),
    )
    .unwrap();
    fs_err::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let home = home.with("PATH", &path);
    let mut running = home.start(["web"]);
    let line = running.talk_with("Web interface:").await;
    let page = line.split_whitespace().last().unwrap().to_owned();
    assert!(
        page.starts_with("http://127.0.0.1:") && page.ends_with('/'),
        "{page}"
    );
    home.wait_for_file("opened").await;
    assert_eq!(fs_err::read_to_string(&opened).unwrap().trim(), page);
    running.signal("TERM");
    assert_eq!(running.finish().await.code(), Some(0));
}
