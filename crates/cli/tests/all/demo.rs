//! The demonstration on a machine without keys, configuration or network.

use pretty_assertions::assert_eq;

use crate::{home, only_session, stored_calls};

#[tokio::test]
async fn the_tour_runs_the_whole_engine() {
    let home = home();
    let run = home
        .run(["run", "-m", "demo/tour", "show me around"])
        .await
        .success();
    assert!(run.stdout.contains("This is a demonstration"), "{}", run.stdout);
    assert!(run.stderr.contains("status: edited"), "{}", run.stderr);
    let calls = stored_calls(&home, &only_session(&home));
    let names: Vec<_> = calls.iter().map(|call| call["tool"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "todowrite",
            "read",
            "write",
            "todowrite",
            "edit",
            "todowrite",
            "bash",
            "todowrite"
        ]
    );
    for call in &calls {
        assert_eq!(call["state"]["status"], "completed", "{call}");
    }
    let mut inside = fs_err::read_dir(home.project())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    assert_eq!(inside.next().unwrap(), ".git", "the project is not touched");
    assert!(inside.next().is_none());
    let title: String = home
        .database()
        .query_row("SELECT title FROM session", [], |row| row.get(0))
        .unwrap();
    assert_eq!(title, "Tour: show me around");
}

#[tokio::test]
async fn the_tour_goes_on_and_begins_again() {
    let home = home();
    home.run(["run", "-m", "demo/tour", "one"]).await.success();
    let again = home.run(["run", "-c", "two"]).await.success();
    assert!(again.stdout.contains("«two»"), "{}", again.stdout);
    assert_eq!(stored_calls(&home, &only_session(&home)).len(), 16);
}

#[tokio::test]
async fn without_a_provider_the_way_to_one_is_said() {
    // What costs nothing is there without being asked for, so that it has to be switched off.
    let home = home().with(
        "OPENCODE_CONFIG_CONTENT",
        r#"{"disabled_providers": ["opencode"]}"#,
    );
    let run = home.run(["run", "hello"]).await;
    assert_eq!(run.code(), Some(1));
    for wanted in ["ANTHROPIC_API_KEY", "opencode.json", "opencode run -m demo/tour"] {
        assert!(run.stderr.contains(wanted), "{wanted} is not in {}", run.stderr);
    }
    let sessions: i64 = home
        .database()
        .query_row("SELECT count(*) FROM session", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sessions, 0, "nothing is stored for a prompt that nobody answers");
}
