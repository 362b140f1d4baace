//! Durable sessions over `/api` (reference `v2.md`; names say which row of its §14 a test closes).

mod background;
mod tasks;
mod tools;
mod user;

use opencode_testkit::{Home, ScriptedModel, Served, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::home;

pub(crate) async fn served(model: &ScriptedModel) -> (Home, Served) {
    let home = home();
    home.configure(&model.url(), json!({}));
    let server = home.serve().await;
    (home, server)
}

pub(crate) async fn session(server: &Served) -> String {
    let made = server.send("POST", "/api/session", Some(json!({}))).await;
    assert_eq!(made.status, 200, "{made:?}");
    made.json()["data"]["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn prompt(server: &Served, session: &str, body: Value) -> Value {
    let path = format!("/api/session/{session}/prompt");
    let answer = server.send("POST", &path, Some(body)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["data"].clone()
}

pub(crate) async fn say(server: &Served, session: &str, text: &str) -> Value {
    prompt(server, session, json!({ "prompt": { "text": text } })).await
}

pub(crate) async fn settle(server: &Served, session: &str) {
    let waited = server
        .send("POST", &format!("/api/session/{session}/wait"), None)
        .await;
    assert_eq!(waited.status, 204, "{waited:?}");
}

pub(crate) async fn messages(server: &Served, session: &str) -> Vec<Value> {
    let path = format!("/api/session/{session}/message?order=asc&limit=1000");
    let answer = server.send("GET", &path, None).await.json();
    answer["data"].as_array().unwrap().clone()
}

/// Kinds and words of messages.
pub(crate) fn told(messages: &[Value]) -> Vec<(String, String)> {
    let words = |message: &Value| {
        let own = message["text"].as_str();
        let said = message["content"].as_array().into_iter().flatten();
        let said: Vec<&str> = said.filter_map(|one| one["text"].as_str()).collect();
        own.map_or_else(|| said.join(" "), str::to_owned)
    };
    messages
        .iter()
        .map(|message| (message["type"].as_str().unwrap().to_owned(), words(message)))
        .collect()
}

/// How much is owed to sessions.
pub(crate) fn owed(home: &Home) -> i64 {
    home.database()
        .query_row("SELECT count(*) FROM session_control", [], |row| row.get(0))
        .unwrap()
}

/// What happened in a session, of one kind.
async fn happened(server: &Served, session: &str, kind: &str) -> Vec<Value> {
    let path = format!("/api/session/{session}/history?limit=1000");
    let history = server.send("GET", &path, None).await.json();
    let all = history["data"].as_array().unwrap().iter();
    all.filter(|event| event["type"] == kind)
        .map(|event| event["data"].clone())
        .collect()
}

/// What a session has in the background or had there.
async fn jobs(server: &Served, session: &str) -> Vec<Value> {
    let answer = server
        .send("GET", &format!("/api/session/{session}/job"), None)
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["data"].as_array().unwrap().clone()
}

/// Looks again and again until there is what is looked for.
pub(crate) async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), looking)
        .await
        .unwrap()
}

/// Says something to a session of the server's own folder, up to where the first words of the answer are stored.
pub(crate) async fn half_answered(server: &Served, session: &str, text: &str) {
    let begin = || async {
        say(server, session, text).await;
    };
    let started = |event: &Value| event["type"] == "session.next.text.started";
    server.events("/event", begin, started).await;
}

pub(crate) fn pair(kind: &str, words: &str) -> (String, String) {
    (kind.to_owned(), words.to_owned())
}

/// What the model was told by users, request by request.
pub(crate) fn users(model: &ScriptedModel) -> Vec<Vec<String>> {
    let of_user =
        |one: &Value| (one["role"] == "user").then(|| one["content"].as_str().unwrap_or_default().to_owned());
    model
        .requests()
        .iter()
        .map(|request| request.conversation().iter().filter_map(of_user).collect())
        .collect()
}

#[tokio::test]
async fn gap_9_a_steer_goes_before_what_is_queued() {
    let (first, gate) = Step::text("a…").held();
    let model = ScriptedModel::start([first, Step::text("c"), Step::text("b")]).await;
    let (_home, server) = served(&model).await;
    let id = session(&server).await;
    say(&server, &id, "A").await;
    model.wait_for_requests(1).await;
    let queued = prompt(
        &server,
        &id,
        json!({ "prompt": { "text": "B" }, "delivery": "queue" }),
    )
    .await;
    assert_eq!(queued["delivery"], "queue");
    say(&server, &id, "C").await;
    let active = server.send("GET", "/api/session/active", None).await.json();
    assert_eq!(active["data"][&id], json!({ "type": "running" }));
    gate.open();
    settle(&server, &id).await;
    let all = told(&messages(&server, &id).await);
    let users: Vec<&str> = all
        .iter()
        .filter(|one| one.0 == "user")
        .map(|one| one.1.as_str())
        .collect();
    assert_eq!(users, ["A", "C", "B"]);
    assert_eq!(
        self::users(&model),
        [vec!["A"], vec!["A", "C"], vec!["A", "C", "B"]]
    );
}

#[tokio::test]
async fn gap_9_what_is_admitted_runs_once_after_a_restart() {
    let model = ScriptedModel::start([Step::text("both")]).await;
    let (home, server) = served(&model).await;
    let id = session(&server).await;
    let recorded = json!({ "id": "msg_fixed1", "prompt": { "text": "one" }, "resume": false });
    let first = prompt(&server, &id, recorded.clone()).await;
    assert_eq!(prompt(&server, &id, recorded).await, first);
    server.kill().await;

    let server = home.serve().await;
    assert_eq!(messages(&server, &id).await, Vec::<Value>::new());
    let other = json!({ "id": "msg_fixed1", "prompt": { "text": "other" } });
    let refused = server
        .send("POST", &format!("/api/session/{id}/prompt"), Some(other))
        .await;
    assert_eq!(
        (refused.status, &refused.json()["_tag"]),
        (409, &json!("ConflictError"))
    );
    say(&server, &id, "two").await;
    settle(&server, &id).await;
    assert_eq!(
        told(&messages(&server, &id).await),
        [
            pair("user", "one"),
            pair("user", "two"),
            pair("assistant", "both")
        ]
    );
    assert_eq!(users(&model), [vec!["one", "two"]]);
}

#[tokio::test]
async fn gaps_5_and_21_what_a_killed_program_left_is_ended_and_not_asked_again() {
    let (first, _gate) = Step::text("so far").held();
    let model = ScriptedModel::start([first, Step::text("again")]).await;
    let (home, server) = served(&model).await;
    let id = session(&server).await;
    half_answered(&server, &id, "one").await;
    server.kill().await;

    let server = home.serve().await;
    settle(&server, &id).await;
    assert_eq!(model.requests().len(), 1);
    let left = messages(&server, &id).await;
    assert!(left[1]["time"]["completed"].is_null(), "{left:?}");
    say(&server, &id, "two").await;
    settle(&server, &id).await;
    let all = messages(&server, &id).await;
    assert_eq!(all[1]["finish"], "error");
    assert_eq!(all[1]["error"]["message"], "Provider turn interrupted");
    assert_eq!(told(&all)[2..], [pair("user", "two"), pair("assistant", "again")]);
    assert_eq!(model.requests().len(), 2);
}

#[tokio::test]
async fn gap_15_whoever_is_cut_off_sees_every_place_once() {
    let steps = (0..10).map(|number| Step::text(&format!("answer {number}")));
    let model = ScriptedModel::start(steps).await;
    let (_home, server) = served(&model).await;
    let id = session(&server).await;
    for number in 0..10 {
        say(&server, &id, &format!("question {number}")).await;
        settle(&server, &id).await;
    }
    let path = format!("/api/session/{id}/history?limit=1000");
    let history = server.send("GET", &path, None).await.json();
    assert_eq!(history["hasMore"], false);
    let places = |events: &[Value]| -> Vec<i64> {
        events
            .iter()
            .map(|event| event["durable"]["seq"].as_i64().unwrap())
            .collect()
    };
    let all = places(history["data"].as_array().unwrap());
    let mut seen: Vec<i64> = Vec::new();
    while seen.last() != all.last() {
        // Three at a time, and then the line breaks.
        let after = seen.last().map_or(String::new(), |last| format!("?after={last}"));
        let goal = all[(seen.len() + 2).min(all.len() - 1)];
        let is_last = move |event: &Value| event["durable"]["seq"] == goal;
        let came = server
            .events(&format!("/api/session/{id}/event{after}"), || async {}, is_last)
            .await;
        seen.extend(places(&came));
    }
    assert_eq!(seen, all);
}

#[tokio::test]
async fn gap_18_an_interrupt_keeps_what_was_said_and_what_waits() {
    let (first, _gate) = Step::text("half").held();
    let model = ScriptedModel::start([first, Step::text("later")]).await;
    let (home, server) = served(&model).await;
    let id = session(&server).await;
    let begin = || async {
        say(&server, &id, "one").await;
    };
    let delta = |event: &Value| event["type"] == "session.next.text.delta";
    server.events("/event", begin, delta).await;
    prompt(
        &server,
        &id,
        json!({ "prompt": { "text": "two" }, "delivery": "queue" }),
    )
    .await;
    let stopped = server
        .send("POST", &format!("/api/session/{id}/interrupt"), None)
        .await;
    assert_eq!(stopped.status, 204);
    let all = messages(&server, &id).await;
    let told = told(&all);
    assert_eq!(told[0], pair("user", "one"));
    assert!(
        !told[1].1.is_empty() && "half".starts_with(&told[1].1),
        "{told:?}"
    );
    assert_eq!(
        (&all[1]["finish"], &all[1]["error"]["message"]),
        (&json!("error"), &json!("Provider turn interrupted"))
    );
    // Whoever wants it to rest does not want it woken by the next start.
    assert_eq!(owed(&home), 0);
    // The next wake takes it up.
    say(&server, &id, "three").await;
    settle(&server, &id).await;
    assert_eq!(users(&model)[1], ["one", "three"]);
}

#[tokio::test]
async fn gap_18_an_interrupt_reaches_the_program_that_runs_the_session() {
    let (first, _gate) = Step::text("half").held();
    let model = ScriptedModel::start([first, Step::text("later")]).await;
    let (home, one) = served(&model).await;
    let other = home.serve().await;
    let id = session(&one).await;
    half_answered(&one, &id, "one").await;
    let path = format!("/api/session/{id}/interrupt");
    let stopped = other.send("POST", &path, None).await;
    assert_eq!(stopped.status, 204);
    let all = messages(&other, &id).await;
    assert_eq!(all[1]["error"]["message"], "Provider turn interrupted");
    // It was about that turn: the next one is whole.
    say(&one, &id, "two").await;
    settle(&one, &id).await;
    assert_eq!(told(&messages(&one, &id).await).last().unwrap().1, "later");
    assert_eq!(owed(&home), 0);
}

#[tokio::test]
async fn gap_19_failures_that_may_pass_are_told_and_tried_again() {
    let busy = || Step::error(503, json!({ "error": { "message": "busy" } })).header("retry-after-ms", "1");
    let model = ScriptedModel::start([
        busy(),
        busy(),
        busy(),
        Step::text("there"),
        Step::error(401, json!({ "error": { "message": "no" } })),
    ])
    .await;
    let (_home, server) = served(&model).await;
    let id = session(&server).await;
    say(&server, &id, "one").await;
    settle(&server, &id).await;
    say(&server, &id, "two").await;
    settle(&server, &id).await;
    let path = format!("/api/session/{id}/history?limit=1000");
    let history = server.send("GET", &path, None).await.json();
    let of_kind = |kind: &str| -> Vec<Value> {
        let all = history["data"].as_array().unwrap().iter();
        all.filter(|event| event["type"] == kind).cloned().collect()
    };
    // The first two are nothing to speak of.
    let retried = of_kind("session.next.retried");
    assert_eq!(retried.len(), 1);
    assert_eq!(
        (
            &retried[0]["data"]["attempt"],
            &retried[0]["data"]["error"]["statusCode"]
        ),
        (&json!(3), &json!(503))
    );
    let failed = of_kind("session.next.step.failed");
    assert_eq!(failed.len(), 1);
    let reason = failed[0]["data"]["error"]["message"].as_str().unwrap();
    assert!(
        reason.starts_with("Provider request failed with HTTP 401: "),
        "{reason}"
    );
    // Each step that began has one end.
    assert_eq!(
        of_kind("session.next.step.started").len(),
        of_kind("session.next.step.ended").len() + 1
    );
}

#[tokio::test]
async fn gap_41_what_another_process_writes_is_followed() {
    let model = ScriptedModel::start([Step::text("from afar")]).await;
    let (home, server) = served(&model).await;
    let other = home.serve().await;
    let id = session(&server).await;
    say(&server, &id, "recorded").await;
    settle(&server, &id).await;
    model.now_answers([Step::text("second")]);
    let begin = || async {
        say(&other, &id, "by the other").await;
    };
    let is_last =
        |event: &Value| event["type"] == "session.next.text.ended" && event["data"]["text"] == "second";
    let came = server
        .events(&format!("/api/session/{id}/event"), begin, is_last)
        .await;
    let places: Vec<i64> = came
        .iter()
        .map(|event| event["durable"]["seq"].as_i64().unwrap())
        .collect();
    assert!(places.is_sorted_by(|one, next| one < next), "{places:?}");
}

#[tokio::test]
async fn what_was_said_is_taken_back_with_what_it_changed() {
    let write = |content: &str| Step::tool("write", json!({ "path": "b.txt", "content": content }));
    let model = ScriptedModel::start([
        write("one\n"),
        Step::text("done"),
        write("two\n"),
        Step::text("done"),
    ])
    .await;
    let (home, server) = served(&model).await;
    let id = session(&server).await;
    let first = say(&server, &id, "first").await;
    settle(&server, &id).await;
    let second = say(&server, &id, "second").await;
    settle(&server, &id).await;
    let file = || fs_err::read_to_string(home.project().join("b.txt")).unwrap();
    assert_eq!(file(), "two\n");
    let post = |what: &str, body: Option<Value>| {
        let path = format!("/api/session/{id}/revert/{what}");
        let server = &server;
        async move { server.send("POST", &path, body).await }
    };
    let staged = post("stage", Some(json!({ "messageID": second["id"] })))
        .await
        .json();
    assert_eq!(file(), "one\n");
    let files = &staged["data"]["files"];
    assert_eq!(
        (&files[0]["path"], &files[0]["status"], &files[0]["additions"]),
        (&json!("b.txt"), &json!("modified"), &json!(1))
    );
    assert!(
        files[0]["patch"]
            .as_str()
            .unwrap()
            .starts_with("diff --git a/b.txt b/b.txt\n")
    );
    assert_eq!(post("clear", None).await.status, 204);
    assert_eq!(file(), "two\n");
    let unknown = post("stage", Some(json!({ "messageID": "msg_none" }))).await;
    assert_eq!(
        (unknown.status, &unknown.json()["_tag"]),
        (404, &json!("MessageNotFoundError"))
    );
    post("stage", Some(json!({ "messageID": first["id"], "files": false }))).await;
    assert_eq!(post("commit", None).await.status, 204);
    assert_eq!(file(), "two\n");
    assert_eq!(told(&messages(&server, &id).await), [pair("user", "first")]);
    let shown = server
        .send("GET", &format!("/api/session/{id}"), None)
        .await
        .json();
    assert!(shown["data"]["revert"].is_null(), "{shown}");
}

#[tokio::test]
async fn gap_17_a_conversation_that_does_not_fit_is_shortened_once() {
    let too_long = || {
        Step::error(
            400,
            json!({ "error": { "message": "prompt is too long: 9 > 8 maximum", "code": "context_length_exceeded" } }),
        )
    };
    let model = ScriptedModel::start([
        Step::text("first answer"),
        too_long(),
        Step::text("SUMMARY"),
        Step::text("second answer"),
        too_long(),
        Step::text("OTHER"),
        too_long(),
    ])
    .await;
    let home = home();
    home.configure(
        &model.url(),
        json!({ "compaction": { "preserve_recent_tokens": 0 } }),
    );
    let server = home.serve().await;
    let id = session(&server).await;
    say(&server, &id, "a first question").await;
    settle(&server, &id).await;
    say(&server, &id, "a second question").await;
    settle(&server, &id).await;
    let context = server
        .send("GET", &format!("/api/session/{id}/context"), None)
        .await
        .json();
    assert_eq!(context["data"][0]["type"], "compaction", "{context}");
    assert_eq!(context["data"][0]["summary"], "SUMMARY");
    let requests = model.requests();
    let last = requests.last().unwrap().conversation();
    assert!(last[0].to_string().contains("SUMMARY"), "{last:?}");
    // The whole of it can still be read.
    let all = told(&messages(&server, &id).await);
    assert!(
        all.contains(&pair("user", "a first question")) && all.contains(&pair("assistant", "second answer")),
        "{all:?}"
    );

    // What does not fit after that never will.
    say(&server, &id, "a third question").await;
    settle(&server, &id).await;
    let last = messages(&server, &id).await.pop().unwrap();
    assert_eq!(last["finish"], "error", "{last}");
    assert_eq!(model.requests().len(), 7);
}

#[tokio::test]
async fn gap_20_two_programs_run_a_session_one_after_the_other() {
    let (first, gate) = Step::text("a…").held();
    let model = ScriptedModel::start([first, Step::text("b")]).await;
    let (home, server) = served(&model).await;
    let other = home.serve().await;
    let id = session(&server).await;
    say(&server, &id, "A").await;
    model.wait_for_requests(1).await;
    // The other one may not, and what it was told is not lost.
    say(&other, &id, "B").await;
    assert_eq!(model.requests().len(), 1);
    gate.open();
    settle(&server, &id).await;
    settle(&other, &id).await;
    assert_eq!(users(&model), [vec!["A"], vec!["A", "B"]]);
    let kinds: Vec<String> = told(&messages(&other, &id).await)
        .into_iter()
        .map(|one| one.0)
        .collect();
    assert_eq!(kinds, ["user", "assistant", "user", "assistant"]);
}

#[tokio::test]
async fn gap_17_a_conversation_is_shortened_on_demand_after_the_step_that_goes_on() {
    let (first, gate) = Step::text("a long answer").held();
    let model = ScriptedModel::start([first, Step::text("SHORT"), Step::text("more")]).await;
    let home = home();
    home.configure(
        &model.url(),
        json!({ "compaction": { "preserve_recent_tokens": 0 } }),
    );
    let server = home.serve().await;
    let id = session(&server).await;
    let context = || async {
        let path = format!("/api/session/{id}/context");
        server.send("GET", &path, None).await.json()["data"].clone()
    };
    say(&server, &id, "one").await;
    model.wait_for_requests(1).await;
    let asked = server
        .send("POST", &format!("/api/session/{id}/compact"), None)
        .await;
    assert_eq!(asked.status, 204, "{asked:?}");
    assert_eq!(context().await[0]["type"], "user");
    gate.open();
    settle(&server, &id).await;
    let shortened = context().await;
    assert_eq!(
        (
            &shortened[0]["type"],
            &shortened[0]["reason"],
            &shortened[0]["summary"]
        ),
        (&json!("compaction"), &json!("manual"), &json!("SHORT"))
    );
    say(&server, &id, "two").await;
    settle(&server, &id).await;
    let last = &users(&model)[2];
    assert!(last[0].contains("SHORT") && last[1] == "two", "{last:?}");
    assert_eq!(model.requests().len(), 3);
}

#[tokio::test]
async fn gap_28_who_was_asked_to_end_goes_on_once_after_a_restart() {
    let (first, _gate) = Step::text("half").held();
    let model = ScriptedModel::start([first, Step::text("the rest")]).await;
    let (home, server) = served(&model).await;
    let id = session(&server).await;
    half_answered(&server, &id, "one").await;
    server.stop().await;

    let server = home.serve().await;
    model.wait_for_requests(2).await;
    settle(&server, &id).await;
    let all = told(&messages(&server, &id).await);
    let kinds: Vec<&str> = all.iter().map(|one| one.0.as_str()).collect();
    assert_eq!(kinds, ["user", "assistant", "synthetic", "assistant"], "{all:?}");
    assert_eq!(all[3].1, "the rest");
    server.stop().await;
    let server = home.serve().await;
    settle(&server, &id).await;
    assert_eq!(model.requests().len(), 2);
}

#[tokio::test]
async fn gap_9_a_prompt_whose_program_was_killed_before_it_took_it_up_is_answered_after_a_restart() {
    let model = ScriptedModel::start([Step::text("first"), Step::text("late")]).await;
    let (home, server) = served(&model).await;
    let id = session(&server).await;
    say(&server, &id, "one").await;
    settle(&server, &id).await;
    let recorded = json!({ "prompt": { "text": "two" }, "resume": false });
    prompt(&server, &id, recorded).await;
    server.kill().await;
    // What is stored when the program dies right after the prompt was admitted.
    home.database()
        .execute(
            "INSERT INTO session_control (session_id, kind) VALUES (?1, 'wake')",
            [&id],
        )
        .unwrap();
    let server = home.serve().await;
    model.wait_for_requests(2).await;
    settle(&server, &id).await;
    assert_eq!(users(&model)[1], ["one", "two"]);
    assert_eq!(owed(&home), 0);
}

#[tokio::test]
async fn gap_25_the_model_is_told_what_its_calls_gave_although_its_program_was_killed() {
    let (second, _gate) = Step::text("never read").held();
    let model = ScriptedModel::start([
        Step::tool("read", json!({ "path": "a.txt" })),
        second,
        Step::text("it says alpha"),
    ])
    .await;
    let (home, server) = served(&model).await;
    home.write("a.txt", "alpha\n");
    let id = session(&server).await;
    say(&server, &id, "read it").await;
    model.wait_for_requests(2).await;
    server.kill().await;
    // The state between the end of the first step and the second request.
    let database = home.database();
    let newest: i64 = database
        .query_row(
            "SELECT max(seq) FROM event WHERE type = 'session.next.step.ended.2'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    for statement in [
        "DELETE FROM provider_attempt".to_owned(),
        "INSERT INTO session_control SELECT session_id, 'continue' FROM session_message LIMIT 1".to_owned(),
        format!("DELETE FROM session_message WHERE seq > {newest}"),
        format!("DELETE FROM event WHERE seq > {newest}"),
        format!("UPDATE event_sequence SET seq = {newest}"),
    ] {
        database.execute(&statement, []).unwrap();
    }
    drop(database);
    let server = home.serve().await;
    model.wait_for_requests(3).await;
    settle(&server, &id).await;
    let last = model.requests()[2].conversation();
    assert!(
        last.last().unwrap()["content"]
            .as_str()
            .unwrap()
            .contains("alpha"),
        "{last:?}"
    );
    let kinds: Vec<String> = told(&messages(&server, &id).await)
        .into_iter()
        .map(|one| one.0)
        .collect();
    assert_eq!(kinds, ["user", "assistant", "assistant"]);
}

#[tokio::test]
async fn gaps_24_and_26_what_was_left_behind_is_listed_and_decided() {
    let (first, _gate) = Step::text("half").held();
    let (third, _other) = Step::text("half again").held();
    let model = ScriptedModel::start([first, Step::text("whole"), third]).await;
    let (home, server) = served(&model).await;
    let id = session(&server).await;
    half_answered(&server, &id, "one").await;
    let path = format!("/api/sessions/{id}/attempt");
    assert_eq!(
        server.send("GET", &path, None).await.json(),
        Value::Null,
        "it is at work"
    );
    server.kill().await;

    let server = home.serve().await;
    let left = server.send("GET", &path, None).await.json();
    assert_eq!(
        (&left["attempt"], &left["message"]["type"]),
        (&json!("output"), &json!("assistant"))
    );
    assert_eq!(model.requests().len(), 1);
    let retry = format!("{path}/retry");
    assert_eq!(server.send("POST", &retry, None).await.status, 204);
    settle(&server, &id).await;
    assert_eq!(server.send("POST", &retry, None).await.status, 409);
    assert_eq!(
        told(&messages(&server, &id).await).last().unwrap(),
        &pair("assistant", "whole")
    );

    half_answered(&server, &id, "two").await;
    server.kill().await;
    let server = home.serve().await;
    assert_eq!(
        server.send("POST", &format!("{path}/abandon"), None).await.status,
        204
    );
    assert_eq!(server.send("GET", &path, None).await.json(), Value::Null);
    let last = messages(&server, &id).await.pop().unwrap();
    assert_eq!(last["error"]["message"], "Provider turn interrupted");
    assert_eq!(model.requests().len(), 3);
}

#[tokio::test]
async fn permissions_are_asked_for_by_hand() {
    let model = ScriptedModel::start([]).await;
    let home = home();
    home.configure(
        &model.url(),
        json!({ "permission": { "bash": { "*": "ask", "ls *": "allow", "rm *": "deny" } } }),
    );
    let server = home.serve().await;
    let id = session(&server).await;
    let path = format!("/api/session/{id}/permission");
    let ask = |resource: &str, more: Value| {
        let mut body = json!({ "action": "bash", "resources": [resource], "save": ["git *"] });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let (server, path) = (&server, &path);
        async move { server.send("POST", path, Some(body)).await }
    };
    for (resource, more, effect) in [
        ("ls a", json!({}), "allow"),
        ("rm a", json!({}), "deny"),
        ("ls a", json!({ "agent": "nobody" }), "deny"),
        ("git push", json!({ "id": "per_fixed" }), "ask"),
        ("git push", json!({ "id": "per_fixed" }), "ask"),
    ] {
        let answer = ask(resource, more).await.json();
        assert_eq!(answer["data"]["effect"], effect, "{resource}: {answer}");
    }
    let pending = server.send("GET", &path, None).await.json();
    assert_eq!(pending["data"].as_array().unwrap().len(), 1);
    assert_eq!(pending["data"][0]["id"], "per_fixed");
    let reply = json!({ "reply": "always" });
    let replied = server
        .send("POST", &format!("{path}/per_fixed/reply"), Some(reply))
        .await;
    assert_eq!(replied.status, 204, "{replied:?}");
    assert_eq!(ask("git pull", json!({})).await.json()["data"]["effect"], "allow");
    assert_eq!(server.send("GET", &path, None).await.json()["data"], json!([]));
    let mut wrong = json!({ "action": "bash", "resources": [] });
    wrong["save"] = json!([]);
    let refused = server.send("POST", &path, Some(wrong)).await;
    assert_eq!(
        (refused.status, &refused.json()["_tag"]),
        (400, &json!("InvalidRequestError"))
    );
}

#[tokio::test]
async fn the_tour_is_made_here_too() {
    let home = home();
    let server = home.serve().await;
    let model = json!({ "model": { "providerID": "demo", "id": "tour" } });
    let made = server.send("POST", "/api/session", Some(model)).await.json();
    let id = made["data"]["id"].as_str().unwrap();
    say(&server, id, "show me around").await;
    settle(&server, id).await;
    let all = messages(&server, id).await;
    let calls: Vec<&Value> = all
        .iter()
        .flat_map(|message| message["content"].as_array().into_iter().flatten())
        .filter(|content| content["type"] == "tool")
        .collect();
    assert!(calls.len() > 4, "{calls:?}");
    for call in calls {
        assert_eq!(call["state"]["status"], "completed", "{call}");
    }
}
