//! Several servers on one PostgreSQL database, as if each stood on a machine of its own. Left out where there is no
//! server to test with; `scripts/with-postgres` starts one.
#![allow(
    clippy::print_stdout,
    reason = "whoever reads the output is told what was left out"
)]

use opencode_testkit::{Home, ScriptedModel, Served, ServerDatabase, Step};
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::durable::{self, half_answered, messages, say, session, settle, until};
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
            home.configure(
                &model.url(),
                json!({ "permission": "allow", "experimental": { "background_commands": true } }),
            );
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

/// Kinds of messages, and what was said in them.
async fn told(server: &Served, session: &str) -> Vec<String> {
    let all = durable::told(&messages(server, session).await);
    all.into_iter()
        .map(|(kind, words)| format!("{kind}: {words}"))
        .collect()
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
    half_answered(&one, &id, "first").await;
    one.kill().await;
    let path = format!("/api/sessions/{id}/attempt");
    let left = until(async || {
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
    let left = until(async || {
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
async fn gap_16_a_command_of_a_machine_that_is_lost_is_told_of_by_another() {
    let model = ScriptedModel::start([
        Step::tool("bash", json!({ "command": "exec sleep 30", "background": true })),
        Step::text("I wait."),
        Step::text("It is lost."),
    ])
    .await;
    let Some(cluster) = Cluster::new(&model) else {
        return;
    };
    let (one, other) = (cluster.serve(0).await, cluster.serve(1).await);
    let id = session(&one).await;
    say(&one, &id, "go").await;
    settle(&one, &id).await;
    one.kill().await;
    model.wait_for_requests(3).await;
    settle(&other, &id).await;
    let said = told(&other, &id).await;
    assert_eq!(said.last().unwrap(), "assistant: It is lost.");
    let notices: Vec<&String> = said.iter().filter(|one| one.starts_with("synthetic")).collect();
    assert!(notices.len() == 1 && notices[0].contains("lost"), "{said:?}");
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
    half_answered(&one, &id, "A").await;
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
