//! Several servers on one PostgreSQL database, as if each stood on a machine of its own. Left out where there is no
//! server to test with; `scripts/with-postgres` starts one.
#![allow(
    clippy::print_stdout,
    reason = "whoever reads the output is told what was left out"
)]

use std::time::Duration;

use opencode_testkit::{Home, ScriptedModel, Served, ServerDatabase, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::home;

/// Two servers that share nothing but a database and the folder of the project.
struct Cluster {
    homes: [Home; 2],
    database: ServerDatabase,
}

impl Cluster {
    fn new(model: &ScriptedModel) -> Option<Self> {
        let Some(database) = ServerDatabase::new() else {
            println!("left out: there is no PostgreSQL to test with");
            return None;
        };
        let homes = [home(), home()].map(|home| home.with("OPENCODE_DATABASE_URL", &database.url()));
        for home in &homes {
            home.configure(&model.url(), json!({ "permission": "allow" }));
        }
        Some(Self { homes, database })
    }

    async fn serve(&self, machine: usize) -> Served {
        self.homes[machine].serve().await
    }

    /// Whether the log and what came of it agree.
    async fn check(&self) {
        let report = self.homes[0].run(["db", "check"]).await.success();
        assert!(report.stdout.contains("Nothing is wrong"), "{}", report.stdout);
    }
}

async fn session(server: &Served) -> String {
    let made = server.send("POST", "/api/session", Some(json!({}))).await;
    made.json()["data"]["id"].as_str().unwrap().to_owned()
}

async fn say(server: &Served, session: &str, text: &str) {
    let path = format!("/api/session/{session}/prompt");
    let answer = server
        .send("POST", &path, Some(json!({ "prompt": { "text": text } })))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn settle(server: &Served, session: &str) {
    let path = format!("/api/session/{session}/wait");
    assert_eq!(server.send("POST", &path, None).await.status, 204);
}

/// Kinds of messages, and what was said in them.
async fn told(server: &Served, session: &str) -> Vec<String> {
    let path = format!("/api/session/{session}/message?order=asc&limit=1000");
    let all = server.send("GET", &path, None).await.json();
    let words = |message: &Value| {
        let said = message["content"].as_array().into_iter().flatten();
        let said: Vec<&str> = said.filter_map(|one| one["text"].as_str()).collect();
        let own = message["text"]
            .as_str()
            .map_or_else(|| said.join(" "), str::to_owned);
        format!("{}: {own}", message["type"].as_str().unwrap())
    };
    all["data"].as_array().unwrap().iter().map(words).collect()
}

/// Asks until there is an answer: a machine that is lost is known to be so when its right to the session has ended.
async fn eventually<T, F: Future<Output = Option<T>>>(ask: impl Fn() -> F) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asking)
        .await
        .unwrap()
}

#[tokio::test]
async fn sessions_are_of_all_servers_and_one_at_a_time_runs_them() {
    let (first, gate) = Step::text("a").held();
    let model = ScriptedModel::start([first, Step::text("b")]).await;
    let Some(cluster) = Cluster::new(&model) else {
        return;
    };
    let (one, other) = (cluster.serve(0).await, cluster.serve(1).await);
    let id = session(&one).await;
    say(&one, &id, "A").await;
    model.wait_for_requests(1).await;
    // The other one may not run it, and what it was told is not lost.
    say(&other, &id, "B").await;
    assert_eq!(model.requests().len(), 1);
    gate.open();
    settle(&one, &id).await;
    settle(&other, &id).await;
    model.wait_for_requests(2).await;
    settle(&one, &id).await;
    assert_eq!(
        told(&other, &id).await,
        ["user: A", "assistant: a", "user: B", "assistant: b"]
    );
    cluster.check().await;
}

#[tokio::test]
async fn what_another_server_stores_is_followed_at_once() {
    let (first, gate) = Step::text("a").held();
    let model = ScriptedModel::start([first]).await;
    let Some(cluster) = Cluster::new(&model) else {
        return;
    };
    let (one, other) = (cluster.serve(0).await, cluster.serve(1).await);
    let id = session(&one).await;
    say(&one, &id, "A").await;
    model.wait_for_requests(1).await;
    let path = format!("/api/session/{id}/event");
    let begin = || async { gate.open() };
    let events = other
        .events(&path, begin, |event| event["type"] == "session.next.step.ended")
        .await;
    let places = events.iter().filter_map(|event| event["durable"]["seq"].as_i64());
    let places: Vec<i64> = places.collect();
    assert_eq!(places, (1..=6).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_server_that_is_lost_in_a_turn_leaves_its_session_to_the_other() {
    let (first, _gate) = Step::text("half").held();
    let (third, _other_gate) = Step::text("never").held();
    let model = ScriptedModel::start([
        first,
        Step::tool("bash", json!({ "command": "echo ran >> runs.txt" })),
        third,
        Step::text("it ran"),
        Step::text("still here"),
    ])
    .await;
    let Some(cluster) = Cluster::new(&model) else {
        return;
    };
    let (one, other) = (cluster.serve(0).await, cluster.serve(1).await);

    // In the middle of an answer: nobody knows what the model did, so somebody has to say what is to become of it.
    let id = session(&one).await;
    let started = |event: &Value| event["type"] == "session.next.text.started";
    let begin = || async { say(&one, &id, "first").await };
    one.events("/event", begin, started).await;
    one.kill().await;
    let path = format!("/api/sessions/{id}/attempt");
    let left = eventually(|| async {
        let left = other.send("GET", &path, None).await.json();
        (!left.is_null()).then_some(left)
    })
    .await;
    assert_eq!(left["attempt"], "output");
    assert_eq!(model.requests().len(), 1, "nothing was asked again by itself");
    let abandoned = other.send("POST", &format!("{path}/abandon"), None).await;
    assert!(abandoned.status < 300, "{abandoned:?}");

    // The other one goes on with the conversation.
    say(&other, &id, "second").await;
    model.wait_for_requests(3).await;
    cluster.check().await;
    other.kill().await;

    // And who comes back finds what was said, and the command ran once.
    let one = cluster.serve(0).await;
    let left = eventually(|| async {
        let left = one.send("GET", &path, None).await.json();
        (!left.is_null()).then_some(left)
    })
    .await;
    assert_ne!(left["attempt"], "prepared");
    let retried = one.send("POST", &format!("{path}/retry"), None).await;
    assert!(retried.status < 300, "{retried:?}");
    model.wait_for_requests(4).await;
    settle(&one, &id).await;
    say(&one, &id, "third").await;
    settle(&one, &id).await;
    let said = told(&one, &id).await;
    assert_eq!(said.last().unwrap(), "assistant: still here");
    let runs = fs_err::read_to_string(cluster.homes[0].project().join("runs.txt")).unwrap();
    assert_eq!(runs, "ran\n");
    cluster.check().await;
}

#[tokio::test]
async fn a_database_that_is_started_again_in_a_turn_is_waited_for() {
    let (first, gate) = Step::text("a").held();
    let model = ScriptedModel::start([first, Step::text("b")]).await;
    let Some(cluster) = Cluster::new(&model) else {
        return;
    };
    let one = cluster.serve(0).await;
    let id = session(&one).await;
    // When all is stored that the model has said so far: what is being written at that moment would be lost.
    let begin = || async { say(&one, &id, "A").await };
    let started = |event: &Value| event["type"] == "session.next.text.started";
    one.events("/event", begin, started).await;
    cluster.database.disconnect_all();
    gate.open();
    settle(&one, &id).await;
    say(&one, &id, "B").await;
    settle(&one, &id).await;
    assert_eq!(
        told(&one, &id).await,
        ["user: A", "assistant: a", "user: B", "assistant: b"]
    );
    cluster.check().await;
}

#[tokio::test]
async fn an_address_that_is_none_is_told_without_its_password() {
    let home = home().with(
        "OPENCODE_DATABASE_URL",
        "postgres://anna:secret@127.0.0.1:1/x?connect_timeout=1",
    );
    for arguments in [["session", "list"], ["db", "check"]] {
        let ended = home.run(arguments).await;
        assert!(!ended.status.success());
        assert!(
            ended.stderr.contains("postgres://127.0.0.1:1/x"),
            "{}",
            ended.stderr
        );
        assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("secret"));
    }
}
