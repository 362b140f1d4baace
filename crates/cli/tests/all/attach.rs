//! Commands that let a server elsewhere do the work.

use opencode_testkit::{Home, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::{home, only_session, stored, with_model};

/// What a line says, without what differs between two runs.
fn plain(mut line: Value) -> Value {
    for key in ["timestamp", "sessionID"] {
        line[key] = Value::Null;
    }
    for key in ["id", "messageID", "sessionID", "time", "snapshot"] {
        line["part"][key] = Value::Null;
    }
    line["part"]["state"]["time"] = Value::Null;
    line
}

fn script() -> [Step; 2] {
    [
        Step::text("I look.").and_tool("bash", json!({ "command": "echo out" })),
        Step::text("It says out."),
    ]
}

#[tokio::test]
async fn run_shows_the_same_wherever_the_work_is_done() {
    for format in ["default", "json"] {
        let (home, model) = with_model(script()).await;
        let here = home.run(["run", "look", "--format", format]).await.success();
        model.now_answers(script());
        let server = home.serve().await;
        let url = server.url();
        let there = home
            .run(["run", "look", "--format", format, "--attach", &url])
            .await
            .success();
        if format == "json" {
            let lines = |finished: &opencode_testkit::Finished| -> Vec<Value> {
                finished.lines().into_iter().map(plain).collect()
            };
            assert_eq!(lines(&there), lines(&here));
        } else {
            assert_eq!((&there.stdout, &there.stderr), (&here.stdout, &here.stderr));
        }
    }
}

#[tokio::test]
async fn files_are_sent_and_folders_are_not() {
    let (home, model) = with_model([]).await;
    let server = home.serve().await;
    let url = server.url();
    home.write("note.txt", "remember the milk");
    home.write("large.bin", vec![0xff; 10 * 1024 * 1024 + 1]);
    home.write("folder/x", "");
    let attach = async |file: &str| home.run(["run", "read it", "-f", file, "--attach", &url]).await;
    attach("note.txt").await.success();
    let sent = model.requests()[0].body.to_string();
    assert!(sent.contains("remember the milk"), "{sent}");
    let (_, parts) = stored(&home, &only_session(&home)).remove(0);
    let file = parts.iter().find(|part| part["type"] == "file").unwrap();
    assert_eq!(file["url"], "data:text/plain;base64,cmVtZW1iZXIgdGhlIG1pbGs=");
    for (file, says) in [
        ("gone.txt", "File not found: gone.txt"),
        ("folder", "folder is no regular file"),
        ("large.bin", "large.bin is larger than 10 MiB"),
    ] {
        let refused = attach(file).await;
        assert_eq!(refused.code(), Some(1), "{refused:?}");
        assert!(refused.stderr.contains(says), "{refused:?}");
    }
}

#[tokio::test]
async fn sessions_are_continued_forked_and_worked_on_in_a_folder_of_the_server() {
    let (home, _model) = with_model([]).await;
    let server = home.serve().await;
    let url = server.url();
    let run = async |more: &[&str]| {
        let mut arguments = vec!["run", "go", "--format", "json", "--attach", &url];
        arguments.extend(more);
        home.run(arguments).await.success().session()
    };
    let first = run(&["--title"]).await;
    assert_eq!(run(&["-c"]).await, first);
    assert_eq!(run(&["-s", &first]).await, first);
    let fork = run(&["-c", "--fork"]).await;
    let shown = server.send("GET", &format!("/session/{fork}"), None).await.json();
    assert_eq!(shown["title"], "go (fork #1)");
    fs_err::create_dir(home.project().join("sub")).unwrap();
    let elsewhere = run(&["--dir", "sub"]).await;
    let shown = server
        .send("GET", &format!("/session/{elsewhere}"), None)
        .await
        .json();
    assert_eq!(shown["directory"], json!(home.project().join("sub")));
    let unknown = home.run(["run", "go", "-s", "ses_none", "--attach", &url]).await;
    assert_eq!(unknown.code(), Some(1));
    assert_eq!(unknown.stderr, "Error: Session not found\n");
    let agent = home
        .run(["run", "go", "--agent", "explore", "--attach", &url])
        .await
        .success();
    assert!(
        agent.stderr.starts_with("! agent \"explore\" is a subagent"),
        "{agent:?}"
    );
}

#[tokio::test]
async fn the_code_says_whether_the_server_could_be_used() {
    let error = json!({ "error": { "message": "no such model here" } });
    let (home, _model) = with_model([Step::error(400, error)]).await;
    let server = home.serve().await;
    let url = server.url();
    let failed = home.run(["run", "go", "--attach", &url]).await;
    assert_eq!(failed.code(), Some(0), "{failed:?}");
    assert!(failed.stderr.contains("Error: no such model here"), "{failed:?}");
    let unknown = home
        .run([
            "run", "go", "--model", "a/b", "--attach", &url, "--format", "json",
        ])
        .await;
    assert_eq!(unknown.code(), Some(1), "{unknown:?}");
    assert_eq!(unknown.of_type("error").len(), 1, "{unknown:?}");
    drop(server);
    let gone = home.run(["run", "go", "--attach", &url]).await;
    assert_eq!(gone.code(), Some(1));
    assert!(gone.stderr.contains(&format!("cannot reach {url}")), "{gone:?}");
}

#[tokio::test]
async fn the_password_is_given_by_option_or_environment() {
    let served = home().with("OPENCODE_SERVER_PASSWORD", "secret");
    let model = opencode_testkit::ScriptedModel::start([]).await;
    served.configure(&model.url(), json!({}));
    let server = served.serve().await;
    let (url, home) = (server.url(), home());
    let refused = home.run(["run", "go", "--attach", &url]).await;
    assert_eq!(refused.code(), Some(1));
    assert!(
        refused.stderr.contains("wants another name or password"),
        "{refused:?}"
    );
    home.run(["run", "go", "--attach", &url, "-p", "secret"])
        .await
        .success();
    home.run(["run", "go", "--attach", &url, "-p", "secret", "-u", "nobody"])
        .await
        .code()
        .filter(|code| *code == 1)
        .unwrap();
    let home = home.with("OPENCODE_SERVER_PASSWORD", "secret");
    home.run(["run", "go", "--attach", &url]).await.success();
}

async fn asked(more: &[&str]) -> (Home, opencode_testkit::Finished, String) {
    let (home, model) = with_model([
        Step::tool("bash", json!({ "command": "echo allowed" })),
        Step::text("Done."),
    ])
    .await;
    home.configure(&model.url(), json!({ "permission": { "bash": "ask" } }));
    let server = home.serve().await;
    let url = server.url();
    let mut arguments = vec!["run", "go", "--attach", &url];
    arguments.extend(more);
    let finished = home.run(arguments).await.success();
    let calls = crate::stored_calls(&home, &only_session(&home));
    let status = calls[0]["state"]["status"].as_str().unwrap().to_owned();
    (home, finished, status)
}

#[tokio::test]
async fn nobody_is_there_to_allow_anything() {
    let (_home, finished, status) = asked(&[]).await;
    assert_eq!(status, "error");
    assert!(
        finished
            .stderr
            .contains("! permission requested: bash (echo allowed); auto-rejecting"),
        "{finished:?}"
    );
    let (_home, finished, status) = asked(&["--auto"]).await;
    assert_eq!(status, "completed");
    assert_eq!(finished.stdout, "Done.\n");
}

#[tokio::test]
async fn ctrl_c_stops_the_turn_at_the_server() {
    let (step, _gate) = Step::text("never said in full").held();
    let (home, model) = with_model([step]).await;
    let server = home.serve().await;
    let running = home.start(["run", "go", "--attach", &server.url()]);
    model.wait_for_requests(1).await;
    running.signal("INT");
    assert_eq!(running.finish().await.code(), Some(130));
    let (answer, _) = stored(&home, &only_session(&home)).pop().unwrap();
    assert_eq!(answer["error"]["name"], "MessageAbortedError", "{answer}");
    assert_eq!(
        server.send("GET", "/session/status", None).await.json(),
        json!({})
    );
}

#[tokio::test]
async fn lines_are_prompts_and_answers() {
    let question = json!({ "questions": [
        { "question": "Which colour?", "header": "Colour", "options": [{ "label": "Red", "description": "warm" }, { "label": "Blue", "description": "" }] },
        { "question": "How many?", "header": "Number", "options": [{ "label": "One", "description": "" }] },
    ] });
    let (home, model) = with_model([
        Step::tool("question", question),
        Step::tool("bash", json!({ "command": "echo allowed" })),
        Step::tool("bash", json!({ "command": "echo also" })),
        Step::text("\nAll done.\n"),
        Step::text("Second answer."),
    ])
    .await;
    home.configure(&model.url(), json!({ "permission": { "bash": "ask" } }));
    let server = home.serve().await;
    let url = server.url();
    let input = "first prompt\n2\nseven of them\nwhat?\nonce\nr\n\nsecond prompt\nthird prompt\n/no such order\n/rename Renamed here";
    let talk = home.run_with_input(["attach", &url, "--mini"], input).await;
    assert_eq!(talk.stdout, "All done.\nSecond answer.\n", "{talk:?}");
    // An unknown order is the only thing that failed.
    assert_eq!(talk.code(), Some(1));
    for said in [
        "? Which colour?",
        "  1. Red – warm",
        "? bash: echo allowed",
        "[o]nce, [a]lways (echo *), [r]eject:",
        "$ echo allowed\nallowed",
        "> build · scripted",
        "Error: There is no /no; /help lists what there is",
    ] {
        assert!(talk.stderr.contains(said), "{said}: {}", talk.stderr);
    }
    let id = only_session(&home);
    let calls = crate::stored_calls(&home, &id);
    assert_eq!(
        calls[0]["state"]["metadata"]["answers"],
        json!([["Blue"], ["seven of them"]])
    );
    assert_eq!(calls[1]["state"]["output"], "allowed\n");
    assert_eq!(calls[2]["state"]["status"], "error");
    let session = server.send("GET", &format!("/session/{id}"), None).await.json();
    assert_eq!(session["title"], "Renamed here");

    // What was said is shown again, and the talk goes on.
    model.now_answers([Step::text("Last answer.")]);
    let input = "last prompt\n/sessions\n/agent\n/model\n/help\n/new\n";
    let again = home
        .run_with_input(["attach", &url, "-c", "--mini"], input)
        .await
        .success();
    assert_eq!(
        again.stdout, "All done.\nSecond answer.\nLast answer.\n",
        "{again:?} {}",
        again.stderr
    );
    for said in [
        "› first prompt",
        "Renamed here",
        "scripted/scripted",
        "/rename TITLE",
        "plan",
    ] {
        assert!(again.stderr.contains(said), "{said}: {}", again.stderr);
    }
    assert_eq!(model.requests().last().unwrap().conversation().len(), 12);
}

#[tokio::test]
async fn without_anybody_to_answer_nothing_is_allowed() {
    let (home, model) = with_model([
        Step::tool("bash", json!({ "command": "echo allowed" })),
        Step::text("Never asked for."),
    ])
    .await;
    home.configure(&model.url(), json!({ "permission": { "bash": "ask" } }));
    let server = home.serve().await;
    let talk = home
        .run_with_input(["attach", &server.url(), "--mini"], "go")
        .await;
    assert_eq!(talk.stdout, "", "{talk:?}");
    let calls = crate::stored_calls(&home, &only_session(&home));
    assert_eq!(calls[0]["state"]["status"], "error");
}

#[tokio::test]
async fn ctrl_c_stops_the_turn_and_then_the_talk() {
    let (step, _gate) = Step::text("never said in full").held();
    let (home, _model) = with_model([step]).await;
    let server = home.serve().await;
    let mut talk = home.start_with_input(["attach", &server.url(), "--mini"], "go\n");
    talk.begins_with("never").await;
    talk.signal("INT");
    let finished = talk.finish().await;
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    let (answer, _) = stored(&home, &only_session(&home)).pop().unwrap();
    assert_eq!(answer["error"]["name"], "MessageAbortedError", "{answer}");
}

#[tokio::test]
async fn the_talk_needs_no_server_elsewhere() {
    let (home, model) = with_model([
        Step::tool("bash", json!({ "command": "echo allowed" })),
        Step::text("All done."),
        Step::text("Again."),
    ])
    .await;
    home.configure(&model.url(), json!({ "permission": { "bash": "ask" } }));
    let talk = home
        .run_with_input(["--mini"], "go\nonce\nonce more\n/sessions\n")
        .await
        .success();
    assert_eq!(talk.stdout, "All done.\nAgain.\n", "{talk:?}");
    assert_eq!(stored(&home, &only_session(&home)).len(), 5);
    assert!(
        talk.stderr.contains(&format!("* {}", only_session(&home))),
        "{talk:?}"
    );
    let both = home.run(["--mini", "models"]).await;
    assert_eq!(both.code(), Some(1), "{both:?}");
}
