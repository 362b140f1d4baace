//! Files that configure a folder change while its sessions run (reference `v2.md` §14 row 49).

use opencode_testkit::Step;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::{new_session, with_model};

fn ask(text: &str) -> Option<Value> {
    Some(json!({ "parts": [{ "type": "text", "text": text }] }))
}

#[tokio::test]
async fn what_changes_during_an_answer_counts_from_the_next_step_on() {
    let (first, gate) = Step::tool("bash", json!({ "command": "echo done", "description": "d" })).held();
    let (home, model) = with_model([first, Step::text("The end.")]).await;
    let server = home.serve().await;
    let session = new_session(&server).await;
    let path = format!("/session/{session}/prompt_async");
    assert_eq!(server.send("POST", &path, ask("go")).await.status, 204);
    model.wait_for_requests(1).await;

    let edit = || async {
        home.write("AGENTS.md", "Speak of otters.");
        home.write(
            ".opencode/agent/build.md",
            "---\ndescription: builds\n---\nYou build dams.",
        );
        home.write(
            ".opencode/agent/heron.md",
            "---\ndescription: waits\nmode: subagent\n---\nWait.",
        );
        home.write(".opencode/command/swim.md", "Swim.");
        home.write(
            ".opencode/skill/fish/SKILL.md",
            "---\nname: fish\ndescription: Catch fish.\n---\nLook.",
        );
    };
    // The folders are made one after the other, so that the events come in any number of groups.
    let seen = std::sync::Mutex::new(Vec::new());
    let events = server
        .events("/event", edit, move |event| {
            let mut seen = seen.lock().unwrap();
            let kind = event["type"].as_str().unwrap().to_owned();
            let of_name = event["properties"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            seen.push(format!("{kind} {of_name}").trim_end().to_owned());
            [
                "agent.added heron",
                "agent.updated build",
                "command.added swim",
                "skill.added fish",
                "config.updated",
            ]
            .iter()
            .all(|wanted| seen.iter().any(|one| one == wanted))
        })
        .await;
    assert!(
        events
            .iter()
            .all(|event| event["type"] != "server.instance.disposed")
    );
    let agents = server.send("GET", "/agent", None).await.json();
    let names = agents.as_array().unwrap().iter().map(|agent| &agent["name"]);
    assert!(names.into_iter().any(|name| name == "heron"), "{agents}");

    gate.open();
    model.wait_for_requests(2).await;
    let requests = model.requests();
    let (before, after) = (requests[0].system(), requests[1].system());
    assert!(!before.contains("otters") && !before.contains("dams"), "{before}");
    assert!(
        after.contains("Speak of otters.") && after.contains("You build dams."),
        "{after}"
    );
    assert!(after.contains("Catch fish."), "{after}");
}

#[tokio::test]
async fn a_broken_edit_leaves_the_last_good_state_in_force_and_is_told() {
    let (home, model) = with_model([Step::text("One."), Step::text("Two.")]).await;
    home.write(
        "opencode.jsonc",
        r#"{ "username": "zoe", "instructions": ["rules.txt"] }"#,
    );
    home.write("rules.txt", "Speak of herons.");
    let server = home.serve().await;
    assert_eq!(
        server.send("GET", "/config", None).await.json()["username"],
        "zoe"
    );

    let breaking = || async {
        home.replace("opencode.jsonc", r#"{ "username": "zoe", "#);
    };
    let events = server
        .events("/event", breaking, |event| event["type"] == "tui.toast.show")
        .await;
    let failed = events
        .iter()
        .find(|event| event["type"] == "config.failed")
        .unwrap();
    let message = failed["properties"]["message"].as_str().unwrap();
    assert!(message.contains("opencode.jsonc"), "{message}");

    let session = new_session(&server).await;
    let path = format!("/session/{session}/message");
    assert_eq!(server.send("POST", &path, ask("go")).await.status, 200);
    assert!(model.requests()[0].system().contains("Speak of herons."));
    assert_eq!(
        server.send("GET", "/config", None).await.json()["username"],
        "zoe"
    );

    let mending = || async {
        home.write("opencode.jsonc", r#"{ "username": "ann" }"#);
    };
    let events = server
        .events("/event", mending, |event| event["type"] == "config.updated")
        .await;
    let keys = &events.last().unwrap()["properties"]["keys"];
    assert_eq!(keys, &json!(["instructions", "username"]));
    assert_eq!(
        server.send("GET", "/config", None).await.json()["username"],
        "ann"
    );
}

#[tokio::test]
async fn a_file_that_an_editor_empties_before_it_writes_it_is_not_taken_for_empty() {
    let (home, model) = with_model([Step::text("One.")]).await;
    let config = r#"{ "instructions": ["rules.txt"] }"#;
    home.write("opencode.jsonc", config);
    home.write("rules.txt", "Speak of herons.");
    let server = home.serve().await;
    let session = new_session(&server).await;
    let path = format!("/session/{session}/message");
    home.write("opencode.jsonc", "");
    let write = async {
        tokio::time::sleep(std::time::Duration::from_millis(80)).await;
        home.write("opencode.jsonc", config);
    };
    let (answer, ()) = tokio::join!(server.send("POST", &path, ask("go")), write);
    assert_eq!(answer.status, 200);
    let system = model.requests()[0].system();
    assert!(system.contains("Speak of herons."), "{system}");
}

#[tokio::test]
async fn a_key_that_is_stored_connects_at_once() {
    let (home, _model) = with_model([]).await;
    let server = home.serve().await;
    let connected = || async { server.send("GET", "/provider", None).await.json()["connected"].clone() };
    let has = |list: &Value| list.as_array().unwrap().iter().any(|id| id == "groq");
    assert!(!has(&connected().await));
    let key = json!({ "type": "api", "key": "k" });
    assert_eq!(server.send("PUT", "/auth/groq", Some(key)).await.status, 200);
    assert!(has(&connected().await));
    assert_eq!(server.send("DELETE", "/auth/groq", None).await.status, 200);
    assert!(!has(&connected().await));
}
