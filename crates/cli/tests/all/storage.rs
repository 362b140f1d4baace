//! Care for what is stored: checking the database, what takes how much room, finding lost sessions.

use opencode_testkit::Step;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

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

#[tokio::test]
async fn what_takes_room_is_told_and_what_is_too_old_goes() {
    let (home, _model) = with_model([
        Step::tool("bash", json!({ "command": "echo 1 > made.txt" })),
        Step::text("Done."),
    ])
    .await;
    home.run(["run", "--auto", "go"]).await.success();
    let results = home.data().join("tool-output");
    fs_err::create_dir_all(&results).unwrap();
    for (name, age) in [("tool_old", 8), ("tool_new", 0)] {
        fs_err::write(results.join(name), "0123456789").unwrap();
        let at = std::time::SystemTime::now() - std::time::Duration::from_secs(age * 24 * 60 * 60);
        fs_err::File::open(results.join(name))
            .unwrap()
            .set_modified(at)
            .unwrap();
    }
    let told = home.run(["storage", "--json"]).await.success().stdout;
    let told: Value = serde_json::from_str(&told).unwrap();
    let part = |name: &str| {
        let parts = told["parts"].as_array().unwrap();
        let found = parts.iter().find(|part| part["name"] == name);
        found.unwrap_or_else(|| panic!("{name}: {told}")).clone()
    };
    assert_eq!(
        part("tool results"),
        json!({ "name": "tool results", "bytes": 20, "count": 2, "of": "files" })
    );
    assert_eq!(
        (&part("sessions")["count"], &part("snapshots")["count"]),
        (&json!(1), &json!(1))
    );
    let sum: u64 = told["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["bytes"].as_u64().unwrap())
        .sum();
    assert_eq!(told["bytes"], sum);
    for name in ["sessions", "events", "snapshots", "other rows"] {
        assert!(part(name)["bytes"].as_u64().unwrap() > 0, "{told}");
    }
    let lines = home.run(["storage"]).await.success().stdout;
    assert!(lines.contains("tool results          20 B  2 files\n"), "{lines}");

    let gone = home.run(["storage", "gc", "--json"]).await.success().stdout;
    let gone: Value = serde_json::from_str(&gone).unwrap();
    assert_eq!(
        (&gone["toolResults"], &gone["trash"], &gone["snapshots"]),
        (&json!(1), &json!(0), &json!(1))
    );
    assert!(!results.join("tool_old").exists() && results.join("tool_new").exists());
}

#[tokio::test]
async fn sessions_of_a_project_that_moved_and_of_other_files_are_recovered() {
    let (home, _model) = with_model([Step::text("One."), Step::text("Two."), Step::text("Three.")]).await;
    let nothing = home.run(["session", "recover"]).await.success();
    assert!(
        nothing.stderr.contains("There is nothing to recover"),
        "{nothing:?}"
    );
    home.run(["run", "one"]).await.success();
    let here = only_session(&home);
    let mut elsewhere = home.command(["run", "two"]);
    elsewhere.env("OPENCODE_DB", "opencode-beta.db");
    let status = tokio::task::spawn_blocking(move || elsewhere.status())
        .await
        .unwrap();
    assert!(status.unwrap().success());
    let other = home.data().join("opencode-beta.db");
    let there: String = rusqlite::Connection::open(&other)
        .unwrap()
        .query_row("SELECT id FROM session", [], |row| row.get(0))
        .unwrap();

    // The project moves.
    let moved = home.path().join("moved");
    let gone = home.project().display().to_string();
    fs_err::rename(home.project(), &moved).unwrap();
    let recover = async |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.current_dir(&moved).env("PWD", &moved);
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .unwrap();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let to = moved.display();
    assert_eq!(
        recover(&["session", "recover"]).await,
        format!(
            "{}  holds 1 sessions that are not here\n{here}  {gone} is gone; its project is in {to}\n",
            other.display()
        )
    );
    let directory = |id: &str| -> Option<String> {
        home.database()
            .query_row("SELECT directory FROM session WHERE id = ?1", [id], |row| {
                row.get(0)
            })
            .ok()
    };
    assert_eq!((directory(&here), directory(&there)), (Some(gone), None));

    let done = recover(&["session", "recover", "--apply"]).await;
    let wanted = [
        format!("{there}  taken over from {}", other.display()),
        format!("{here}  moved to {to}"),
        format!("{there}  moved to {to}"),
    ];
    for line in &wanted {
        assert!(done.lines().any(|one| one == line), "{line}\n{done}");
    }
    let now = Some(moved.display().to_string());
    assert_eq!((directory(&here), directory(&there)), (now.clone(), now));
    assert!(other.exists());
    let checked = recover(&["db", "check"]).await;
    assert!(
        checked.contains("log: 2 sessions agree with it\nNothing is wrong"),
        "{checked}"
    );
    // They go on where they are now.
    let said = recover(&["run", "-s", &here, "three"]).await;
    assert!(said.contains("Three."), "{said}");
}
