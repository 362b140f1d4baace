//! Commands of durable sessions go on in the background.
#![cfg(unix)]

use opencode_testkit::{Home, ScriptedModel, Served, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{jobs, messages, owed, pair, say, session, settle, told, until};
use crate::home;

async fn with_background(model: &ScriptedModel) -> (Home, Served) {
    let home = home();
    home.configure(
        &model.url(),
        json!({ "experimental": { "background_commands": true } }),
    );
    let server = home.serve().await;
    (home, server)
}

fn background(command: &str) -> Step {
    Step::tool("bash", json!({ "command": command, "background": true }))
}

/// A text that a command writes in one go.
async fn written(home: &Home, name: &str) -> String {
    until(async || {
        let text = fs_err::read_to_string(home.project().join(name)).unwrap_or_default();
        text.ends_with('\n').then(|| text.trim().to_owned())
    })
    .await
}

fn is_alive(process: &str) -> bool {
    let state = fs_err::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // Whoever is its parent now may not have noticed yet.
    !state.is_empty() && !state.contains(") Z ")
}

fn notices(messages: &[Value]) -> Vec<String> {
    let all = told(messages).into_iter();
    all.filter(|one| one.0 == "synthetic").map(|one| one.1).collect()
}

#[tokio::test]
async fn gap_16_a_command_that_ends_while_its_session_rests_is_told_once() {
    let model = ScriptedModel::start([
        background("read word < pipe; echo \"said $word\"; exit 7"),
        Step::text("I wait."),
        Step::tool("job", json!({ "action": "list" })),
        Step::text("It has ended."),
    ])
    .await;
    let (home, server) = with_background(&model).await;
    let pipe = home.project().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let id = session(&server).await;
    say(&server, &id, "go").await;
    settle(&server, &id).await;
    let running = jobs(&server, &id).await.pop().unwrap();
    assert_eq!(
        (&running["status"], &running["type"]),
        (&json!("running"), &json!("bash"))
    );
    tokio::task::spawn_blocking(move || fs_err::write(pipe, "hello\n").unwrap())
        .await
        .unwrap();
    model.wait_for_requests(4).await;
    settle(&server, &id).await;
    let all = messages(&server, &id).await;
    let [notice] = &notices(&all)[..] else {
        panic!("one notice: {all:?}")
    };
    let job = running["id"].as_str().unwrap();
    assert!(
        notice.starts_with(&format!("<job id=\"{job}\" status=\"ended with exit code 7\">"))
            && notice.contains("said hello"),
        "{notice}"
    );
    assert_eq!(told(&all).last().unwrap(), &pair("assistant", "It has ended."));
    let listed = Value::Array(model.requests()[3].conversation()).to_string();
    assert!(
        listed.contains(&format!("{job}: ended with exit code 7")),
        "{listed}"
    );
    let ended = server
        .send("GET", &format!("/api/session/{id}/job/{job}"), None)
        .await
        .json();
    assert_eq!(ended["data"]["status"], "error", "{ended}");
    assert_eq!(ended["data"]["error"], *notice);
    assert_eq!(owed(&home), 0);
    server.stop().await;
    let server = home.serve().await;
    settle(&server, &id).await;
    assert_eq!(model.requests().len(), 4, "told once");
}

#[tokio::test]
async fn gap_16_a_command_whose_program_was_killed_is_lost_and_told_once() {
    let model = ScriptedModel::start([
        background("echo $$ > ready; exec sleep 30"),
        Step::text("I wait."),
    ])
    .await;
    let (home, server) = with_background(&model).await;
    let id = session(&server).await;
    say(&server, &id, "go").await;
    settle(&server, &id).await;
    written(&home, "ready").await;
    let job = jobs(&server, &id).await.pop().unwrap();
    server.kill().await;

    model.now_answers([
        Step::tool("job", json!({ "action": "output", "id": job["id"] })),
        Step::text("I look at it."),
    ]);
    let server = home.serve().await;
    model.wait_for_requests(4).await;
    settle(&server, &id).await;
    let all = messages(&server, &id).await;
    let told = notices(&all);
    assert_eq!(told.len(), 1, "{all:?}");
    assert!(told[0].contains("status=\"lost\""), "{told:?}");
    assert_eq!(jobs(&server, &id).await.pop().unwrap()["status"], "lost");
    let shown = Value::Array(model.requests()[3].conversation()).to_string();
    let line = format!("{}: lost", job["id"].as_str().unwrap());
    assert!(shown.contains(&line), "{shown}");

    for _ in 0..2 {
        server.send("POST", "/global/dispose", None).await;
        settle(&server, &id).await;
    }
    server.kill().await;
    let server = home.serve().await;
    settle(&server, &id).await;
    assert_eq!(notices(&messages(&server, &id).await).len(), 1);
    assert_eq!(model.requests().len(), 4);
}

#[tokio::test]
async fn gap_16_whoever_stops_a_command_stops_all_that_it_started() {
    let model = ScriptedModel::start([
        background("sleep 1000 & echo $! > child; echo $$ > ready; wait"),
        Step::text("I wait."),
    ])
    .await;
    let (home, server) = with_background(&model).await;
    let id = session(&server).await;
    say(&server, &id, "go").await;
    settle(&server, &id).await;
    let processes = [written(&home, "ready").await, written(&home, "child").await];
    assert!(processes.iter().all(|process| is_alive(process)));
    let job = jobs(&server, &id).await.pop().unwrap();
    let path = format!("/api/session/{id}/job/{}", job["id"].as_str().unwrap());
    let stopped = server.send("POST", &format!("{path}/cancel"), None).await;
    assert_eq!(stopped.json()["data"]["status"], "cancelled", "{stopped:?}");
    until(async || (!processes.iter().any(|process| is_alive(process))).then_some(())).await;
    // It stays as it is.
    let again = server.send("POST", &format!("{path}/cancel"), None).await;
    assert_eq!(again.json()["data"]["status"], "cancelled");
    settle(&server, &id).await;
    assert_eq!(notices(&messages(&server, &id).await), [""; 0]);
    assert_eq!(model.requests().len(), 2);
    let unknown = server
        .send("GET", &format!("/api/session/{id}/job/job_none"), None)
        .await;
    assert_eq!(
        (unknown.status, &unknown.json()["_tag"]),
        (404, &json!("JobNotFoundError"))
    );
}

#[tokio::test]
async fn gap_16_what_was_lost_of_another_session_is_told_once_and_nobody_answers() {
    let model = ScriptedModel::start([
        background("echo $$ > ready; exec sleep 30"),
        Step::text("I wait."),
    ])
    .await;
    let (home, server) = with_background(&model).await;
    let id = crate::new_session(&server).await;
    let ask = || async {
        let body = json!({ "parts": [{ "type": "text", "text": "go" }] });
        let path = format!("/session/{id}/message");
        (path, Some(body))
    };
    let (path, body) = ask().await;
    assert_eq!(server.send("POST", &path, body).await.status, 200);
    written(&home, "ready").await;
    // Also a program that was asked to end does not know how it would have ended.
    server.stop().await;
    let lost = || {
        let all = crate::stored(&home, &id).into_iter().flat_map(|(_, parts)| parts);
        all.filter(|part| {
            part["text"]
                .as_str()
                .is_some_and(|text| text.contains("status=\"lost\""))
        })
        .count()
    };
    assert_eq!(lost(), 0);
    for _ in 0..2 {
        let server = home.serve().await;
        until(async || (lost() == 1).then_some(())).await;
        assert_eq!(jobs(&server, &id).await.pop().unwrap()["status"], "lost");
        server.stop().await;
    }
    assert_eq!((lost(), model.requests().len()), (1, 2));
    let server = home.serve().await;
    model.now_answers([Step::text("I see.")]);
    let (path, body) = ask().await;
    assert_eq!(server.send("POST", &path, body).await.status, 200);
    let last = Value::Array(model.requests()[2].conversation()).to_string();
    assert_eq!(last.matches("status=\\\"lost\\\"").count(), 1, "{last}");
}
