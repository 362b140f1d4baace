//! The commands beside `run`.

use opencode_testkit::{ScriptedModel, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::{home, only_session, stored, with_model};

#[tokio::test]
async fn help_and_version() {
    let home = home();
    let version = home.run(["--version"]).await.success();
    assert_eq!(version.stdout.trim(), env!("CARGO_PKG_VERSION"));
    for arguments in [&["--help"][..], &["run", "--help"]] {
        let help = home.run(arguments).await.success();
        assert!(help.stderr.contains("Usage: opencode"), "{help:?}");
        assert_eq!(help.stdout, "");
    }
    assert!(!home.data().exists(), "nobody asked for data");
}

#[tokio::test]
async fn completion_scripts_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = home().run(["completion", shell]).await.success();
        assert!(
            script.stdout.contains("opencode") && script.stdout.contains("export"),
            "{shell}"
        );
    }
}

#[tokio::test]
async fn models_are_those_that_can_be_used() {
    let home = home().with("GROQ_API_KEY", "x");
    home.configure("http://127.0.0.1:1", json!({}));
    let models = home.run(["models"]).await.success();
    let names: Vec<_> = models.stdout.lines().collect();
    assert!(
        names.contains(&"scripted/scripted") && !names.contains(&"demo/tour"),
        "{names:?}"
    );
    assert!(names.iter().any(|name| name.starts_with("groq/")));
    assert!(!names.iter().any(|name| name.starts_with("anthropic/")));
    let verbose = home.run(["models", "scripted", "--verbose"]).await.success();
    let (name, facts) = verbose.stdout.split_once('\n').unwrap();
    assert_eq!(name, "scripted/scripted");
    assert_eq!(
        serde_json::from_str::<Value>(facts).unwrap()["limit"]["context"],
        128_000
    );
}

#[tokio::test]
async fn a_session_goes_out_and_comes_back() {
    let model = ScriptedModel::start([
        Step::tool("bash", json!({ "command": "echo secret-output" })).thinking("hm"),
        Step::text("done, secretly"),
    ])
    .await;
    let first = home();
    first.configure(&model.url(), json!({}));
    first.run(["run", "a secret prompt"]).await.success();
    let session = only_session(&first);

    let exported = first.run(["export"]).await.success();
    let file = first.project().join("session.json");
    fs_err::write(&file, &exported.stdout).unwrap();
    let second = home();
    let imported = second.run(["import", file.to_str().unwrap()]).await.success();
    assert!(imported.stdout.contains(&session), "{imported:?}");
    assert_eq!(stored(&second, &session), stored(&first, &session));
    let again = second.run(["export", &session]).await.success();
    let messages = |text: &str| serde_json::from_str::<Value>(text).unwrap()["messages"].clone();
    assert_eq!(messages(&again.stdout), messages(&exported.stdout));

    let sanitized = first.run(["export", "--sanitize", &session]).await.success();
    assert!(!sanitized.stdout.contains("secret"), "{}", sanitized.stdout);
    serde_json::from_str::<Value>(&sanitized.stdout).unwrap();
}

#[tokio::test]
async fn sessions_are_listed_and_deleted() {
    let model = ScriptedModel::start([]).await;
    let home = home();
    home.configure(&model.url(), json!({}));
    for title in ["older", "newer"] {
        home.run(["run", "--title", title, "x"]).await.success();
    }
    let list = home.run(["session", "list", "--format", "json"]).await.success();
    let rows: Vec<Value> = serde_json::from_str(&list.stdout).unwrap();
    let titles: Vec<_> = rows.iter().map(|row| row["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["newer", "older"]);
    home.run(["session", "delete", rows[0]["id"].as_str().unwrap()])
        .await
        .success();
    let list = home.run(["session", "list"]).await.success();
    assert!(
        list.stdout.contains("older") && !list.stdout.contains("newer"),
        "{}",
        list.stdout
    );
    let left: i64 = home
        .database()
        .query_row("SELECT count(*) FROM message", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 2);
}

#[tokio::test]
async fn a_broken_import_changes_nothing() {
    let home = home();
    for (text, wanted) in [
        ("no json", "broken.json"),
        ("{}", "broken.json"),
        ("{\"info\": {\"id\": 5}, \"messages\": []}", "info.id"),
    ] {
        let file = home.write("broken.json", text);
        let run = home.run(["import", file.to_str().unwrap()]).await;
        assert_eq!(run.code(), Some(1));
        assert!(run.stderr.contains(wanted), "{}", run.stderr);
    }
    let sessions: i64 = home
        .database()
        .query_row("SELECT count(*) FROM session", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sessions, 0);
}

#[tokio::test]
async fn an_import_allows_nothing_and_touches_no_other_session() {
    let (home, _model) = with_model([Step::text("One.")]).await;
    home.run(["run", "first"]).await.success();
    let exported = home.run(["export"]).await.success().stdout;
    let mut export: Value = serde_json::from_str(&exported).unwrap();
    let rules = json!([
        { "permission": "*", "pattern": "*", "action": "allow" },
        { "permission": "bash", "pattern": "*", "action": "deny" },
    ]);
    let other = format!("ses_{}", "0".repeat(26));
    export["info"]["id"] = json!(other);
    export["info"]["permission"] = rules.clone();
    for message in export["messages"].as_array_mut().unwrap() {
        message["info"]["sessionID"] = json!(other);
    }
    let file = home.write("other.json", export.to_string());
    let run = home.run(["import", file.to_str().unwrap()]).await;
    assert_eq!(run.code(), Some(1));
    assert!(run.stderr.contains("exists already, in the session"), "{run:?}");

    export["messages"] = json!([]);
    home.write("other.json", export.to_string());
    home.run(["import", file.to_str().unwrap()]).await.success();
    let stored: String = home
        .database()
        .query_row("SELECT permission FROM session WHERE id = ?", [&other], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(serde_json::from_str::<Value>(&stored).unwrap(), json!([rules[1]]));
}

#[tokio::test]
async fn an_export_says_what_it_leaves_out() {
    let (home, _model) = with_model([Step::text("One.")]).await;
    home.run(["run", "first"]).await.success();
    let whole = home.run(["export"]).await.success();
    assert!(!whole.stderr.contains("left out"), "{whole:?}");
    let damaged = home
        .database()
        .execute("UPDATE part SET data = '{' WHERE data LIKE '%One.%'", [])
        .unwrap();
    assert_eq!(damaged, 1);
    let export = home.run(["export"]).await.success();
    assert!(
        export.stderr.contains("1 stored messages and parts"),
        "{export:?}"
    );
    assert!(!export.stdout.contains("One."));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_export_that_cannot_be_written_fails() {
    let (home, _model) = with_model([Step::text("One.")]).await;
    home.run(["run", "first"]).await.success();
    let mut command = home.command(["export"]);
    command.stdout(
        fs_err::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap()
            .into_file(),
    );
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write to standard output"));
}
