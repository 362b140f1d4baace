//! Commands that go on in the background: the session is told of their end once, and they do not outlive it.
#![cfg(unix)]

use std::time::Duration;

use opencode_testkit::{Home, ScriptedModel, Served, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::{home, new_session};

const SOON: Duration = Duration::from_secs(30);

async fn begin(steps: impl IntoIterator<Item = Step>) -> (Home, ScriptedModel, Served, String) {
    let model = ScriptedModel::start(steps).await;
    let home = home();
    home.configure(
        &model.url(),
        json!({ "experimental": { "background_commands": true } }),
    );
    let server = home.serve().await;
    let session = new_session(&server).await;
    (home, model, server, session)
}

fn background(command: &str) -> Step {
    Step::tool("bash", json!({ "command": command, "background": true }))
}

async fn ask(server: &Served, session: &str) {
    let body = json!({ "parts": [{ "type": "text", "text": "go" }] });
    let answer = server
        .send("POST", &format!("/session/{session}/message"), Some(body))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Opens a pipe for writing as soon as somebody reads it: then the command is there.
fn pipe(home: &Home) -> std::path::PathBuf {
    let path = home.project().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    path
}

#[tokio::test]
async fn a_session_that_rests_is_told_once_and_goes_to_work() {
    let (home, model, server, session) = begin([
        background("read word < pipe; echo \"said $word\"; exit 7"),
        Step::text("I wait."),
        Step::text("It has ended."),
    ])
    .await;
    let pipe = pipe(&home);
    ask(&server, &session).await;
    let tools = model.requests()[0].tools();
    assert!(tools.contains(&"job".to_owned()), "{tools:?}");
    assert_eq!(
        model.requests().len(),
        2,
        "the turn does not wait for the command"
    );

    tokio::task::spawn_blocking(move || fs_err::write(pipe, "hello\n").unwrap())
        .await
        .unwrap();
    tokio::time::timeout(SOON, model.wait_for_requests(3))
        .await
        .unwrap();
    let last = model.requests()[2].conversation().last().unwrap().clone();
    assert_eq!(last["role"], "user");
    let text = last["content"].as_str().unwrap();
    assert!(text.starts_with("<job id=\"job_"), "{text}");
    assert!(text.contains("status=\"ended with exit code 7\""), "{text}");
    assert!(text.contains("<output>\nsaid hello\n</output>"), "{text}");

    // Another turn holds it once.
    model.now_answers([Step::text("Indeed.")]);
    ask(&server, &session).await;
    let requests = model.requests();
    let told = requests.last().unwrap().conversation();
    let told = told
        .iter()
        .filter(|message| message.to_string().contains("<job id="))
        .count();
    assert_eq!(told, 1);
    server.stop().await;
}

#[tokio::test]
async fn commands_end_with_their_session_and_nobody_is_told() {
    let (home, model, server, session) = begin([
        background("trap 'echo ended > pipe; exit' TERM; echo $$ > ready; while :; do sleep 0.05; done"),
        Step::text("I wait."),
    ])
    .await;
    let pipe = pipe(&home);
    ask(&server, &session).await;
    let ready = home.project().join("ready");
    let wait = async {
        while fs_err::read_to_string(&ready).unwrap_or_default().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, wait).await.unwrap();
    let reader = tokio::task::spawn_blocking(move || fs_err::read_to_string(pipe).unwrap());
    let answer = server
        .send("POST", &format!("/session/{session}/abort"), None)
        .await;
    assert_eq!(answer.status, 200);
    let ended = tokio::time::timeout(SOON, reader).await.unwrap().unwrap();
    assert_eq!(ended, "ended\n");
    assert_eq!(model.requests().len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn commands_end_with_the_program() {
    let (home, _model, server, session) = begin([
        background("echo $$ > ready; exec sleep 1000"),
        Step::text("I wait."),
    ])
    .await;
    ask(&server, &session).await;
    let ready = home.project().join("ready");
    let mut process = String::new();
    let wait = async {
        while process.is_empty() {
            process = fs_err::read_to_string(&ready).unwrap_or_default();
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, wait).await.unwrap();
    server.stop().await;
    let process: Value = process.trim().parse::<u64>().unwrap().into();
    let state = fs_err::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // Whoever is its parent now may not have noticed yet.
    assert!(state.is_empty() || state.contains(") Z "), "{state}");
}
