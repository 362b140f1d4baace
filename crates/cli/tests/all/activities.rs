//! What durable sessions were doing when their program was ended (reference `v2.md` §14 rows 22, 23, 27, 28).

use opencode_testkit::{Home, ScriptedModel, Served, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::durable::{half_answered, messages, owed, prompt, say, served, session, settle, told, users};
use crate::home;

/// What `opencode session unfinished` lists.
async fn unfinished(home: &Home) -> Vec<Value> {
    let run = home.run(["session", "unfinished", "--format", "json"]).await;
    serde_json::from_str(&run.success().stdout).unwrap()
}

/// States of all activities, the oldest first.
fn states(home: &Home) -> Vec<String> {
    let database = home.database();
    let mut statement = database
        .prepare("SELECT state FROM session_activity ORDER BY first_seq, id")
        .unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(|row| row.unwrap()).collect()
}

/// What is called in a session, with its state and what came of it.
async fn calls(server: &Served, session: &str) -> Vec<(String, String, String)> {
    let of = |call: &Value| {
        let state = &call["state"];
        let said = state["error"]["message"].as_str().unwrap_or_default();
        (
            call["name"].as_str().unwrap().to_owned(),
            state["status"].as_str().unwrap().to_owned(),
            said.to_owned(),
        )
    };
    let all = messages(server, session).await;
    all.iter()
        .flat_map(|message| message["content"].as_array().into_iter().flatten())
        .filter(|content| content["type"] == "tool")
        .map(of)
        .collect()
}

fn call(name: &str, status: &str, said: &str) -> (String, String, String) {
    (name.to_owned(), status.to_owned(), said.to_owned())
}

async fn left(server: &Served, session: &str) -> Value {
    let path = format!("/api/sessions/{session}/attempt");
    server.send("GET", &path, None).await.json()
}

/// The requests of a session that wait for an answer, once there are any.
async fn pending(server: &Served, session: &str, what: &str) -> Value {
    let path = format!("/api/session/{session}/{what}");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let all = server.send("GET", &path, None).await.json()["data"].clone();
        if all.as_array().is_some_and(|all| !all.is_empty()) {
            return all[0].clone();
        }
        assert!(std::time::Instant::now() < until, "nothing is asked: {all}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Waits until something holds.
async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !holds().await {
        assert!(std::time::Instant::now() < until, "never: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn gap_22_activities_that_were_left_are_listed_and_no_others() {
    let no_answer = "DELETE FROM session_message WHERE type = 'assistant'";
    let completed =
        "UPDATE session_message SET data = json_set(data, '$.time.completed', 1, '$.finish', 'stop')
                     WHERE type = 'assistant'";
    let attempt = |state: &str| format!("UPDATE provider_attempt SET state = '{state}'");
    let none = "DELETE FROM provider_attempt".to_owned();
    // How the program left it, how far its request was, and whether the next one goes on by itself.
    let cases: [(&str, Vec<String>, Value, Option<&str>); 5] = [
        ("in the middle of an answer", vec![], json!("output"), None),
        (
            "after the request had left",
            vec![no_answer.to_owned(), attempt("dispatched")],
            json!("dispatched"),
            None,
        ),
        (
            "before the request left",
            vec![no_answer.to_owned(), attempt("prepared")],
            json!("prepared"),
            Some("again"),
        ),
        (
            "right after the prompt was taken",
            vec![no_answer.to_owned(), none.clone()],
            Value::Null,
            Some("again"),
        ),
        (
            "right before it was written down that all is done",
            vec![completed.to_owned(), none],
            Value::Null,
            Some(""),
        ),
    ];
    for (case, statements, attempt, goes_on) in cases {
        let (first, _gate) = Step::text("half").held();
        let model = ScriptedModel::start([first, Step::text("again")]).await;
        let (home, server) = served(&model).await;
        let id = session(&server).await;
        half_answered(&server, &id, "one").await;
        assert_eq!(
            unfinished(&home).await,
            Vec::<Value>::new(),
            "it is at work: {case}"
        );
        server.kill().await;
        for statement in statements {
            home.database().execute(&statement, []).unwrap();
        }
        let all = messages_in(&home);
        let listed = unfinished(&home).await;
        assert_eq!(listed.len(), 1, "{case}: {listed:?}");
        assert_eq!(
            (&listed[0]["id"], &listed[0]["attempt"]),
            (&json!(id), &attempt),
            "{case}"
        );
        assert_eq!(listed[0]["activity"]["opener"], json!(all[0]), "{case}");

        let server = home.serve().await;
        let Some(said) = goes_on else {
            let shown = left(&server, &id).await;
            assert_eq!(
                (&shown["attempt"], &shown["activity"]["state"]),
                (&attempt, &json!("open")),
                "{case}"
            );
            assert_eq!(model.requests().len(), 1, "{case}");
            assert_eq!(states(&home), ["open"], "{case}");
            // What somebody says next gives it up.
            say(&server, &id, "two").await;
            settle(&server, &id).await;
            assert_eq!(states(&home), ["abandoned", "settled"], "{case}");
            continue;
        };
        eventually(case, async || left(&server, &id).await.is_null()).await;
        settle(&server, &id).await;
        assert_eq!(states(&home), ["settled"], "{case}");
        assert_eq!(unfinished(&home).await, Vec::<Value>::new(), "{case}");
        assert_eq!(
            model.requests().len(),
            if said.is_empty() { 1 } else { 2 },
            "{case}"
        );
        assert_eq!(owed(&home), 0, "{case}");
    }
}

/// Ids of what users said.
fn messages_in(home: &Home) -> Vec<String> {
    let database = home.database();
    let mut statement = database
        .prepare("SELECT id FROM session_message WHERE type = 'user' ORDER BY seq")
        .unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(|row| row.unwrap()).collect()
}

#[tokio::test]
async fn gap_23_a_steer_belongs_to_the_activity_that_goes_on_and_a_queued_prompt_opens_the_next() {
    let (first, gate) = Step::text("a…").held();
    let model = ScriptedModel::start([first, Step::text("c"), Step::text("b")]).await;
    let (home, server) = served(&model).await;
    let id = session(&server).await;
    let opener = say(&server, &id, "A").await;
    model.wait_for_requests(1).await;
    let queued = json!({ "prompt": { "text": "B" }, "delivery": "queue" });
    let queued = prompt(&server, &id, queued).await;
    let steer = say(&server, &id, "C").await;
    gate.open();
    settle(&server, &id).await;
    let database = home.database();
    let mut statement = database
        .prepare(
            "SELECT i.input_id, a.opener, a.state FROM session_activity_input i
             JOIN session_activity a ON a.id = i.activity_id ORDER BY a.first_seq, i.input_id",
        )
        .unwrap();
    let rows = statement.query_map([], |row| {
        Ok([0, 1, 2].map(|column| row.get::<_, String>(column).unwrap()))
    });
    let rows: Vec<[String; 3]> = rows.unwrap().map(|row| row.unwrap()).collect();
    let text = |value: &Value| value["id"].as_str().unwrap().to_owned();
    let settled = || "settled".to_owned();
    assert_eq!(
        rows,
        [
            [text(&opener), text(&opener), settled()],
            [text(&steer), text(&opener), settled()],
            [text(&queued), text(&queued), settled()],
        ]
    );
}

#[tokio::test]
async fn gap_23_two_programs_that_want_a_queued_prompt_open_one_activity() {
    let model = ScriptedModel::start((0..8).map(|number| Step::text(&format!("answer {number}")))).await;
    let (home, server) = served(&model).await;
    let other = home.serve().await;
    for round in 0..4 {
        let id = session(&server).await;
        let wanted =
            json!({ "id": format!("msg_round{round}"), "prompt": { "text": "go" }, "delivery": "queue" });
        tokio::join!(
            prompt(&server, &id, wanted.clone()),
            prompt(&other, &id, wanted.clone())
        );
        settle(&server, &id).await;
        settle(&other, &id).await;
        let kinds: Vec<String> = told(&messages(&server, &id).await)
            .into_iter()
            .map(|one| one.0)
            .collect();
        assert_eq!(kinds, ["user", "assistant"]);
        assert_eq!(states(&home).len(), round + 1);
        assert_eq!(model.requests().len(), round + 1);
    }
}

#[tokio::test]
async fn whoever_is_stopped_before_it_began_is_not_woken_by_the_next_start() {
    let (first, _gate) = Step::text("half").held();
    let model = ScriptedModel::start([first, Step::text("never")]).await;
    let (home, server) = served(&model).await;
    let other = home.serve().await;
    let id = session(&server).await;
    say(&server, &id, "one").await;
    model.wait_for_requests(1).await;
    // The other program waits for its turn, and is told not to.
    let queued = json!({ "prompt": { "text": "two" }, "delivery": "queue" });
    prompt(&other, &id, queued).await;
    for server in [&other, &server] {
        let stopped = server
            .send("POST", &format!("/api/session/{id}/interrupt"), None)
            .await;
        assert_eq!(stopped.status, 204);
    }
    assert_eq!(owed(&home), 0);
    assert_eq!(states(&home), ["abandoned"]);
    assert_eq!(users(&model).len(), 1);
}

#[tokio::test]
async fn gap_27_calls_that_change_nothing_are_run_again_and_others_are_not() {
    let asks = json!({ "permission": { "read": "ask" } });
    let read = || Step::tool("read", json!({ "path": "a.txt" }));
    let bash = json!({ "command": "echo ran >> ran; sleep 20" });
    let model = ScriptedModel::start([read(), Step::text("it says alpha")]).await;
    let home = home();
    home.configure(&model.url(), asks);
    home.write("a.txt", "alpha\n");
    let server = home.serve().await;
    let id = session(&server).await;
    say(&server, &id, "read it").await;
    let first = pending(&server, &id, "permission").await;
    server.kill().await;

    // It is asked for again, and then the model is told what is in it.
    let server = home.serve().await;
    let again = pending(&server, &id, "permission").await;
    assert_eq!(first["resources"], again["resources"]);
    let path = format!(
        "/api/session/{id}/permission/{}/reply",
        again["id"].as_str().unwrap()
    );
    let reply = server.send("POST", &path, Some(json!({ "reply": "once" }))).await;
    assert_eq!(reply.status, 204, "{reply:?}");
    model.wait_for_requests(2).await;
    settle(&server, &id).await;
    assert_eq!(calls(&server, &id).await, [call("read", "completed", "")]);
    let sent = model.requests()[1].conversation();
    assert!(sent.last().unwrap().to_string().contains("alpha"), "{sent:?}");
    assert_eq!(states(&home), ["settled"]);

    // A command kills its program: it ran once, and somebody is to say what comes then.
    model.now_answers([Step::tool("bash", bash), Step::text("never")]);
    say(&server, &id, "run it").await;
    home.wait_for_file("ran").await;
    eventually("the answer is whole", async || {
        let state = home
            .database()
            .query_row("SELECT state FROM provider_attempt", [], |row| {
                row.get::<_, String>(0)
            });
        state.is_ok_and(|state| state == "answered")
    })
    .await;
    server.kill().await;
    let server = home.serve().await;
    eventually("the command is ended", async || {
        calls(&server, &id).await.last() == Some(&call("bash", "error", "Tool execution interrupted"))
    })
    .await;
    let ran = fs_err::read_to_string(home.project().join("ran")).unwrap();
    assert_eq!(ran, "ran\n");
    assert_eq!(left(&server, &id).await["activity"]["state"], "open");
    assert_eq!(model.requests().len(), 3);
    server.kill().await;
    let server = home.serve().await;
    settle(&server, &id).await;
    assert_eq!(model.requests().len(), 3, "also not at the next start");
    let retry = format!("/api/sessions/{id}/attempt/retry");
    assert_eq!(server.send("POST", &retry, None).await.status, 204);
    model.wait_for_requests(4).await;
    settle(&server, &id).await;
    assert_eq!(states(&home), ["settled", "settled"]);
}

#[tokio::test]
async fn gap_27_a_server_that_lives_goes_on_with_what_a_killed_one_was_doing() {
    let model = ScriptedModel::start([
        Step::tool("read", json!({ "path": "a.txt" })),
        Step::text("it says alpha"),
    ])
    .await;
    let home = home();
    home.configure(&model.url(), json!({ "permission": { "read": "ask" } }));
    home.write("a.txt", "alpha\n");
    let server = home.serve().await;
    let other = home.serve().await;
    let id = session(&server).await;
    say(&server, &id, "read it").await;
    pending(&server, &id, "permission").await;
    server.kill().await;
    // Nobody starts a server or says anything.
    let again = pending(&other, &id, "permission").await;
    let path = format!(
        "/api/session/{id}/permission/{}/reply",
        again["id"].as_str().unwrap()
    );
    let reply = other.send("POST", &path, Some(json!({ "reply": "once" }))).await;
    assert_eq!(reply.status, 204, "{reply:?}");
    settle(&other, &id).await;
    assert_eq!(calls(&other, &id).await, [call("read", "completed", "")]);
    assert_eq!(states(&home), ["settled"]);
}

#[tokio::test]
async fn gap_27_a_call_is_run_again_three_times_at_most() {
    let question = json!({ "questions": [{ "question": "Which?", "header": "h", "options": [] }] });
    let model = ScriptedModel::start([Step::tool("question", question), Step::text("never")]).await;
    let (home, mut server) = served(&model).await;
    let id = session(&server).await;
    say(&server, &id, "ask me").await;
    for _ in 0..4 {
        pending(&server, &id, "question").await;
        server.kill().await;
        server = home.serve().await;
    }
    eventually("the question is ended", async || {
        calls(&server, &id).await == [call("question", "error", "Tool execution interrupted")]
    })
    .await;
    let shown = left(&server, &id).await;
    assert_eq!(shown["activity"]["recoveries"], 3, "{shown}");
    assert_eq!(model.requests().len(), 1);
}

#[tokio::test]
async fn gap_27_requests_that_failed_are_counted_over_restarts() {
    let busy = |pause: &str| {
        Step::error(503, json!({ "error": { "message": "busy" } })).header("retry-after-ms", pause)
    };
    let model = ScriptedModel::start([
        busy("1"),
        busy("1"),
        busy("600000"),
        busy("1"),
        busy("1"),
        Step::text("never"),
    ])
    .await;
    let (home, server) = served(&model).await;
    let id = session(&server).await;
    let begin = || async {
        say(&server, &id, "one").await;
    };
    let retried = |event: &Value| event["type"] == "session.next.retried";
    server.events("/event", begin, retried).await;
    let active = async || server.send("GET", "/api/session/active", None).await.json()["data"][&id].clone();
    eventually("it waits to ask again", async || {
        active().await["status"].is_object()
    })
    .await;
    // Row 28: what it waits for is to be seen.
    let shown = active().await;
    assert_eq!(
        (
            &shown["type"],
            &shown["status"]["type"],
            &shown["status"]["attempt"]
        ),
        (&json!("running"), &json!("retry"), &json!(3)),
        "{shown}"
    );
    server.kill().await;
    assert_eq!(unfinished(&home).await[0]["activity"]["retries"], 3);

    // It was answered, so nothing is done twice; and what is left of the tries is used up.
    let server = home.serve().await;
    model.wait_for_requests(5).await;
    settle(&server, &id).await;
    assert_eq!(model.requests().len(), 5);
    let last = messages(&server, &id).await.pop().unwrap();
    assert_eq!(last["finish"], "error", "{last}");
    assert_eq!(states(&home), ["settled"]);
}

#[tokio::test]
async fn what_a_killed_program_asked_its_user_is_asked_again_or_ended() {
    let model = ScriptedModel::start([
        Step::tool("bash", json!({ "command": "touch made" })).and_tool(
            "question",
            json!({ "questions": [{ "question": "Which?", "header": "h", "options": [] }] }),
        ),
        Step::text("goes on"),
    ])
    .await;
    let home = home();
    home.configure(&model.url(), json!({ "permission": { "bash": "ask" } }));
    let server = home.serve().await;
    let id = session(&server).await;
    say(&server, &id, "go").await;
    pending(&server, &id, "permission").await;
    pending(&server, &id, "question").await;
    server.kill().await;

    let server = home.serve().await;
    let question = pending(&server, &id, "question").await;
    let path = format!("/api/session/{id}/permission");
    assert_eq!(server.send("GET", &path, None).await.json()["data"], json!([]));
    let path = format!(
        "/api/session/{id}/question/{}/reply",
        question["id"].as_str().unwrap()
    );
    let reply = server
        .send("POST", &path, Some(json!({ "answers": [["this"]] })))
        .await;
    assert_eq!(reply.status, 204, "{reply:?}");
    settle(&server, &id).await;
    assert_eq!(
        calls(&server, &id).await,
        [
            call("bash", "error", "Tool execution interrupted"),
            call("question", "completed", "")
        ]
    );
    // The command was never run, but nobody can know that of all commands: the model waits for a word.
    assert!(!home.project().join("made").exists());
    assert_eq!(model.requests().len(), 1);
    let retry = format!("/api/sessions/{id}/attempt/retry");
    assert_eq!(server.send("POST", &retry, None).await.status, 204);
    model.wait_for_requests(2).await;
    settle(&server, &id).await;
    assert_eq!(states(&home), ["settled"]);
}
