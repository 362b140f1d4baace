//! A program that is stopped while it runs a session (SIGSTOP) and wakes when another one has taken the session
//! changes nothing any more (reference `v2.md` §14 rows 20, 29).
//!
//! `OPENCODE_CHAOS_PAUSE=1` waits until its right to the session has run out by itself.

use std::time::{Duration, Instant};

use opencode_testkit::{Home, ScriptedModel, Step};
use pretty_assertions::assert_eq;

use super::dice::number;
use crate::durable::{half_answered, messages, say, served, session, settle};

/// Longer than a right to run a session lasts.
const LIMIT: Duration = Duration::from_secs(90);

/// Everything that is stored of a session.
fn stored(home: &Home, session: &str) -> Vec<(i64, String, String)> {
    let database = home.database();
    let mut statement = database
        .prepare("SELECT seq, type, data FROM event WHERE aggregate_id = ?1 ORDER BY seq")
        .unwrap();
    let rows = statement
        .query_map([session], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn gap_20_a_program_that_was_paused_for_too_long_changes_nothing() {
    let (first, gate) = Step::text("from the one that is paused")
        .and_tool("bash", serde_json::json!({ "command": "echo 1 >> ran" }))
        .held();
    let model = ScriptedModel::start([first, Step::text("from the other")]).await;
    let (home, paused) = served(&model).await;
    let other = home.serve().await;
    let id = session(&paused).await;
    half_answered(&paused, &id, "A").await;
    paused.signal("STOP");
    if number("OPENCODE_CHAOS_PAUSE", 0) == 0 {
        let ended = home
            .database()
            .execute("UPDATE execution_lease SET time_expires = 1", []);
        assert_eq!(ended.unwrap(), 1);
    }
    say(&other, &id, "B").await;
    tokio::time::timeout(LIMIT, model.wait_for_requests(2))
        .await
        .unwrap();
    settle(&other, &id).await;
    let before = stored(&home, &id);
    let told = messages(&other, &id).await;
    assert_eq!(
        told.last().unwrap()["content"][0]["text"],
        "from the other",
        "{told:?}"
    );

    gate.open();
    paused.signal("CONT");
    // It notices, and lets go.
    let begun = Instant::now();
    loop {
        let active = paused.send("GET", "/api/session/active", None).await.json();
        if active["data"][&id].is_null() {
            break;
        }
        assert!(begun.elapsed() < LIMIT, "{active}");
    }
    assert_eq!(stored(&home, &id), before);
    assert!(
        !home.project().join("ran").exists(),
        "what it was told is not run"
    );
    // Both are of use.
    for server in [&paused, &other] {
        say(server, &id, "C").await;
        settle(server, &id).await;
        let last = messages(server, &id).await.pop().unwrap();
        assert_eq!(last["content"][0]["text"], "done", "{last}");
    }
    let checked = home.run(["db", "check"]).await;
    assert!(checked.status.success(), "{checked:?}");
}
