//! Care for what is stored: checking the database, what takes how much room, finding lost sessions.

use opencode_testkit::Step;
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::{only_session, with_model};

#[tokio::test]
async fn the_database_is_checked_against_the_log() {
    let (home, _model) = with_model([
        Step::tool("bash", json!({ "command": "echo 1 > made.txt" })),
        Step::text("Done."),
        Step::text("Again."),
        Step::text("Otherwise."),
    ])
    .await;
    let missing = home.run(["db", "check"]).await;
    assert_eq!(missing.code(), Some(1));
    assert!(missing.stderr.contains("There is no database at"), "{missing:?}");
    home.run(["run", "--auto", "go"]).await.success();
    let id = only_session(&home);
    home.run(["run", "-c", "again"]).await.success();
    home.run(["run", "-s", &id, "--fork", "otherwise"])
        .await
        .success();
    let well = home.run(["db", "check"]).await.success().stdout;
    assert_eq!(
        well,
        "structure: whole\nreferences: whole\nlog: 2 sessions agree with it\nNothing is wrong\n"
    );
    home.database()
        .execute("UPDATE session SET title = 'Bent' WHERE id = ?1", [&id])
        .unwrap();
    let bent = home.run(["db", "check"]).await;
    assert_eq!(bent.code(), Some(1));
    let wanted = format!("wrong: {id}: the session {id} is not what the log says: title differs\n");
    assert!(bent.stdout.ends_with(&wanted), "{bent:?}");
}
