//! Bad input and faults: a clear message, the right exit code, and nothing that was stored is lost.

use opencode_testkit::{Finished, Home, ScriptedModel, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::{home, only_session, stored, stored_calls, with_model};

/// A home whose model answers with these steps.
fn assert_fails(run: &Finished, wanted: &[&str]) {
    assert_eq!(run.code(), Some(1), "{run:?}");
    for wanted in wanted {
        assert!(
            run.stderr.contains(wanted),
            "{wanted:?} is not in:\n{}",
            run.stderr
        );
    }
}

fn error_of_last_message(home: &Home) -> Value {
    stored(home, &only_session(home)).last().unwrap().0["error"].clone()
}

/// The next prompt of the session works and brings the history along.
async fn assert_goes_on(home: &Home, model: &ScriptedModel) {
    model.now_answers([Step::text("Here again.")]);
    let run = home.run(["run", "-c", "again"]).await.success();
    assert!(run.stdout.contains("Here again."), "{run:?}");
    let sent = model.requests().last().unwrap().conversation();
    assert_eq!(sent[0]["content"], "first");
}

#[tokio::test]
async fn configuration() {
    let home = home();
    for (text, wanted) in [
        (
            "{ \"model\": \n  oops }",
            &["opencode.json", "line 2, column 3"][..],
        ),
        ("{ \"model\": 5 }", &["opencode.json", "model"]),
        (
            "{ \"provider\": { \"x\": { \"models\": [] } } }",
            &["opencode.json", "provider.x.models"],
        ),
        (
            "{ \"permission\": { \"bash\": \"maybe\" } }",
            &["opencode.json", "permission"],
        ),
    ] {
        home.write("opencode.json", text);
        assert_fails(&home.run(["run", "-m", "demo/tour", "x"]).await, wanted);
    }
}

#[tokio::test]
async fn arguments() {
    let (home, model) = with_model([]).await;
    for (arguments, wanted) in [
        (&["run"][..], &["message"][..]),
        (&["run", "x", "-f", "gone.txt", "--"], &["gone.txt"]),
        (&["run", "x", "--dir", "gone"], &["gone"]),
        (&["run", "x", "--fork"], &["--continue"]),
        (&["run", "x", "-s", "ses_gone"], &["Session not found"]),
        (&["run", "x", "--format", "yaml"], &["yaml", "default", "json"]),
        (&["export", "ses_gone"], &["ses_gone"]),
        (&["import", "gone.json"], &["gone.json"]),
        (&["session", "delete", "nonsense"], &["nonsense"]),
        (&["models", "nowhere"], &["nowhere"]),
    ] {
        assert_fails(&home.run(arguments).await, wanted);
    }
    assert_eq!(model.all_requests().len(), 0);
}

#[tokio::test]
async fn a_model_that_does_not_exist() {
    let (home, model) = with_model([]).await;
    for (name, wanted) in [
        (
            "scripted/scriptid",
            &[
                "scripted/scriptid",
                "Did you mean",
                "scripted/scripted",
                "opencode models",
            ][..],
        ),
        (
            "skripted/scripted",
            &["skripted/scripted", "Did you mean", "scripted"],
        ),
        ("zzz", &["zzz"]),
        ("demo/", &["demo/"]),
    ] {
        assert_fails(&home.run(["run", "-m", name, "x"]).await, wanted);
    }
    assert_eq!(model.all_requests().len(), 0);
}

#[tokio::test]
async fn a_refused_key() {
    let refused = Step::error(
        401,
        json!({ "error": { "message": "Incorrect API key", "type": "invalid_request_error" } }),
    );
    let (home, model) = with_model([refused]).await;
    assert_fails(&home.run(["run", "first"]).await, &["Incorrect API key"]);
    assert_eq!(model.requests().len(), 1, "it is not tried again");
    let error = error_of_last_message(&home);
    assert_eq!(
        (&error["name"], &error["data"]["statusCode"]),
        (&json!("APIError"), &json!(401))
    );
    assert_goes_on(&home, &model).await;
}

#[tokio::test]
async fn no_key() {
    let (home, _model) = with_model([]).await;
    home.configure(
        "http://127.0.0.1:1",
        json!({ "provider": { "groq": { "options": { "baseURL": "http://127.0.0.1:1" } } } }),
    );
    let run = home.run(["run", "-m", "groq/llama-3.3-70b-versatile", "x"]).await;
    assert_fails(&run, &["groq", "GROQ_API_KEY"]);
}

#[tokio::test]
async fn busy_providers_are_asked_again() {
    let busy = |status| {
        Step::error(status, json!({ "error": { "message": "Come back later" } }))
            .header("retry-after-ms", "1")
    };
    let (home, model) = with_model([
        busy(429),
        busy(500),
        busy(503),
        busy(529),
        Step::text("Here I am."),
    ])
    .await;
    let run = home.run(["run", "first"]).await.success();
    assert!(run.stdout.contains("Here I am."));
    assert!(
        run.stderr
            .contains("Come back later; trying again in 1 s (retry 4)"),
        "{}",
        run.stderr
    );
    assert_eq!(model.requests().len(), 5);
    assert_eq!(
        stored(&home, &only_session(&home)).len(),
        2,
        "all tries are one message"
    );
}

#[tokio::test]
async fn busy_providers_are_given_up_in_the_end() {
    let busy =
        Step::error(503, json!({ "error": { "message": "Come back later" } })).header("retry-after-ms", "1");
    let (home, model) = with_model(vec![busy; 6]).await;
    assert_fails(&home.run(["run", "first"]).await, &["Error: Come back later"]);
    assert_eq!(model.requests().len(), 6);
    assert_goes_on(&home, &model).await;
}

#[tokio::test]
async fn nobody_listens() {
    let (home, _model) = with_model([]).await;
    home.configure("http://127.0.0.1:1/v1", json!({}));
    let mut run = home.start(["run", "first"]);
    let line = run.talk_with("trying again").await;
    assert!(line.contains("http://127.0.0.1:1/v1"), "{line}");
    run.signal("INT");
    assert_eq!(run.finish().await.code(), Some(130));
    assert_eq!(error_of_last_message(&home)["name"], "MessageAbortedError");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_gone_on_with() {
    let (home, model) = with_model([Step::text("half of it").cut(), Step::text("and the rest")]).await;
    let run = home.run(["run", "first"]).await.success();
    assert!(
        run.stdout.contains("half") && run.stdout.contains("and the rest"),
        "{}",
        run.stdout
    );
    let sent = model.requests()[1].conversation();
    assert_eq!(sent[1], json!({ "role": "assistant", "content": "half " }));
}

#[tokio::test]
async fn answers_that_always_break_off_are_given_up() {
    let (home, model) = with_model(vec![Step::text("never ends").cut(); 10]).await;
    assert_fails(&home.run(["run", "first"]).await, &["broke off"]);
    assert_eq!(model.requests().len(), 3);
}

#[tokio::test]
async fn answers_that_are_no_events() {
    for raw in [
        "data: {\"choices\": [{\"delta\": {\"content\": \"x\"\n\n",
        "<!doctype html><title>Sign in</title>",
        "data: 17\n\n",
        "{\"error\": {\"message\": \"no such route\"}}",
    ] {
        let (home, model) = with_model([Step::raw(raw)]).await;
        let run = home.run(["run", "first"]).await;
        assert_fails(&run, &["Error: "]);
        assert!(!error_of_last_message(&home).is_null(), "{raw}");
        assert_goes_on(&home, &model).await;
    }
}

#[tokio::test]
async fn an_error_in_the_middle_of_an_answer() {
    let raw = "data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"so far\"}}]}\n\n\
               data: {\"error\": {\"message\": \"the model fell over\", \"code\": \"invalid_prompt\"}}\n\n";
    let (home, _model) = with_model([Step::raw(raw)]).await;
    assert_fails(&home.run(["run", "first"]).await, &["the model fell over"]);
    let messages = stored(&home, &only_session(&home));
    let text = messages[1].1.iter().find(|part| part["type"] == "text").unwrap();
    assert_eq!(text["text"], "so far", "what was said is kept");
}

#[tokio::test]
async fn a_model_that_calls_wrongly_is_told_so() {
    let (home, model) = with_model([
        Step::tool("read", json!({ "path": "a.txt" })),
        Step::tool("read", json!("{\"filePath\": ")),
        Step::tool("launch", json!({})),
        Step::text("I give up."),
    ])
    .await;
    home.run(["run", "first"]).await.success();
    let sent = model.requests().last().unwrap().conversation();
    let told: Vec<_> = sent
        .iter()
        .filter(|message| message["role"] == "tool")
        .map(|message| message["content"].as_str().unwrap().to_owned())
        .collect();
    assert!(told[0].contains("filePath"), "{}", told[0]);
    assert!(told[1].contains("read"), "{}", told[1]);
    assert!(told[2].contains("launch"), "{}", told[2]);
}

#[tokio::test]
async fn a_command_that_never_ends_is_ended() {
    let (home, model) = with_model([
        Step::tool(
            "bash",
            json!({ "command": "echo begun; sleep 1000 & sleep 1000", "timeout": 50 }),
        ),
        Step::text("It took too long."),
    ])
    .await;
    home.run(["run", "first"]).await.success();
    let sent = model.requests()[1].conversation();
    let told = sent.last().unwrap()["content"].as_str().unwrap();
    assert!(told.contains("begun") && told.contains("50 ms"), "{told}");
}

#[tokio::test]
async fn an_empty_answer_ends_the_turn() {
    let (home, model) = with_model([Step::text("")]).await;
    home.run(["run", "first"]).await.success();
    assert_eq!(model.requests().len(), 1);
}

#[tokio::test]
async fn a_home_that_cannot_be_written() {
    let (home, _model) = with_model([]).await;
    let file = home.write("a-file", "");
    let home = home.with("XDG_DATA_HOME", &file.display().to_string());
    assert_fails(&home.run(["run", "first"]).await, &["a-file/opencode"]);
    // What needs no data goes on.
    home.run(["--version"]).await.success();
}

#[tokio::test]
async fn folders_beside_the_data_that_cannot_be_written_stop_nobody() {
    let (home, _model) = with_model([Step::text("Fine.")]).await;
    let file = home.write("a-file", "").display().to_string();
    let home = home
        .with("XDG_STATE_HOME", &file)
        .with("XDG_CACHE_HOME", &file)
        .with("XDG_CONFIG_HOME", &file);
    let run = home.run(["run", "first"]).await.success();
    assert!(run.stdout.contains("Fine."));
}

#[tokio::test]
async fn a_database_of_a_newer_version() {
    let (home, model) = with_model([Step::text("one")]).await;
    home.run(["run", "first"]).await.success();
    home.database()
        .execute(
            "INSERT INTO migration (id, time_completed) VALUES ('29990101000000_future', 1)",
            [],
        )
        .unwrap();
    assert_fails(
        &home.run(["run", "-c", "again"]).await,
        &["opencode.db", "29990101000000_future"],
    );
    assert_eq!(stored(&home, &only_session(&home)).len(), 2);
    home.database()
        .execute("DELETE FROM migration WHERE id LIKE '2999%'", [])
        .unwrap();
    assert_goes_on(&home, &model).await;
}

#[tokio::test]
async fn a_database_that_is_none() {
    let (home, _model) = with_model([]).await;
    fs_err::create_dir_all(home.data()).unwrap();
    fs_err::write(
        home.data().join("opencode.db"),
        "not a database, but somebody's file".repeat(100),
    )
    .unwrap();
    assert_fails(&home.run(["run", "first"]).await, &["opencode.db"]);
    let kept = fs_err::read_to_string(home.data().join("opencode.db")).unwrap();
    assert!(kept.starts_with("not a database"));
}

#[tokio::test]
async fn a_folder_without_git() {
    let model = ScriptedModel::start([
        Step::tool("write", json!({ "filePath": "a.txt", "content": "x" })),
        Step::text("ok"),
    ])
    .await;
    let home = Home::bare(env!("CARGO_BIN_EXE_opencode"));
    home.configure(&model.url(), json!({}));
    let run = home.run(["run", "first"]).await.success();
    assert!(run.stdout.contains("ok"));
    assert!(home.project().join("a.txt").exists());
    assert_eq!(
        stored_calls(&home, &only_session(&home))[0]["state"]["status"],
        "completed"
    );
}

#[tokio::test]
async fn many_at_once() {
    let (home, model) = with_model((0..16).map(|_| Step::text("ok"))).await;
    let runs = (0..8).map(|at| {
        let home = &home;
        async move { home.run(["run", &format!("prompt-{at}")]).await }
    });
    for run in futures_util::future::join_all(runs).await {
        let run = run.success();
        assert!(!run.stderr.contains("locked"), "{}", run.stderr);
    }
    assert_eq!(model.requests().len(), 8);
    let (sessions, messages): (i64, i64) = home
        .database()
        .query_row(
            "SELECT (SELECT count(*) FROM session), (SELECT count(*) FROM message)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!((sessions, messages), (8, 16));
}
