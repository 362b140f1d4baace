//! Changes that others make in the folder of a project (reference `integrations-2.md` §H, §K).

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opencode_testkit::{Home, Served};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::home;

fn git(home: &Home, arguments: &[&str]) {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(home.project())
        .envs(home.environment())
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
}

/// Does something again and again until an event like that comes: when a folder begins to be watched is nobody's
/// to know. Gives all events up to it.
async fn events_of(
    server: &Served,
    act: impl Fn(u32),
    is_last: impl Fn(&Value) -> bool + Send + 'static,
) -> Vec<Value> {
    let seen = Arc::new(AtomicBool::new(false));
    let of_listener = Arc::clone(&seen);
    let begun = || async {
        let mut count = 0;
        while !seen.load(Ordering::Relaxed) {
            act(count);
            count += 1;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let is_last = move |event: &Value| {
        let is_last = is_last(event);
        of_listener.fetch_or(is_last, Ordering::Relaxed);
        is_last
    };
    server.events("/event", begun, is_last).await
}

fn is_of(event: &Value, kind: &str) -> bool {
    event["type"] == kind
}

#[tokio::test]
async fn who_changes_the_branch_is_heard_of() {
    let home = home();
    home.write("a.txt", "one\n");
    git(&home, &["add", "--all"]);
    git(&home, &["commit", "--quiet", "--message", "files"]);
    let server = home.serve().await;
    let switch = |count| {
        let branch = format!("branch-{count}");
        git(&home, &["checkout", "--quiet", "-b", &branch]);
        home.write("b.txt", "two\n");
    };
    let events = events_of(&server, switch, |event| is_of(event, "vcs.branch.updated")).await;
    let last = &events.last().unwrap()["properties"]["branch"];
    assert!(last.as_str().unwrap().starts_with("branch-"), "{last}");
    let files = events.iter().filter(|event| is_of(event, "file.watcher.updated"));
    for event in files {
        let file = event["properties"]["file"].as_str().unwrap();
        assert!(
            file.contains("/.git/"),
            "the project itself is not watched: {file}"
        );
    }
}

#[tokio::test]
async fn files_that_others_change_are_heard_of_where_that_is_wanted() {
    let home = home().with("OPENCODE_EXPERIMENTAL_FILEWATCHER", "1");
    home.replace(
        "opencode.json",
        json!({ "watcher": { "ignore": ["mine"] } }).to_string(),
    );
    home.write("src/old.txt", "one\n");
    let server = home.serve().await;
    let write = |count| {
        home.write(&format!("mine/{count}.txt"), "x");
        home.write(&format!("node_modules/{count}.txt"), "x");
        home.write(&format!("src/{count}.log"), "x");
        home.write("src/old.txt", format!("{count}\n"));
        home.write(&format!("new-{count}/deep/file.txt"), "x");
    };
    // Those of one moment come in the order of their names.
    let seen = Mutex::new((false, false));
    let are_there = move |event: &Value| {
        let mut seen = seen.lock().unwrap();
        let file = event["properties"]["file"].as_str().unwrap_or_default();
        seen.0 |= file.ends_with("/deep/file.txt");
        seen.1 |= file.ends_with("/src/old.txt");
        *seen == (true, true)
    };
    let events = events_of(&server, write, are_there).await;
    let told = |event: &Value| {
        let properties = &event["properties"];
        let file = properties["file"].as_str().unwrap();
        let file = file.strip_prefix(home.project().to_str().unwrap()).unwrap();
        (
            file.trim_start_matches('/').to_owned(),
            properties["event"].clone(),
        )
    };
    let files = events.iter().filter(|event| is_of(event, "file.watcher.updated"));
    let files: Vec<(String, Value)> = files.map(told).collect();
    assert!(
        files.contains(&("src/old.txt".to_owned(), json!("change"))),
        "{files:?}"
    );
    let deep = files
        .iter()
        .find(|(file, _)| file.ends_with("/deep/file.txt"))
        .unwrap();
    assert_eq!(deep.1, "add");
    let ignored =
        |file: &str| file.starts_with("mine") || file.starts_with("node_modules") || file.ends_with(".log");
    assert!(!files.iter().any(|(file, _)| ignored(file)), "{files:?}");

    let removed = || fs_err::remove_file(home.project().join("src/old.txt")).unwrap();
    let is_gone = |event: &Value| event["properties"]["event"] == "unlink";
    let events = server.events("/event", || async { removed() }, is_gone).await;
    let gone = told(events.last().unwrap());
    assert_eq!(gone, ("src/old.txt".to_owned(), json!("unlink")));
}

#[tokio::test]
async fn nothing_is_watched_where_that_is_not_wanted() {
    let home = home()
        .with("OPENCODE_EXPERIMENTAL_FILEWATCHER", "1")
        .with("OPENCODE_EXPERIMENTAL_DISABLE_FILEWATCHER", "1");
    let server = home.serve().await;
    // Configuration is looked after all the same, and by the same means: what it says comes later.
    let write = |count: u32| {
        home.write("a.txt", count.to_string());
        git(
            &home,
            &["checkout", "--quiet", "--orphan", &format!("branch-{count}")],
        );
        let config = json!({ "username": format!("user-{count}") });
        home.replace("opencode.json", config.to_string());
    };
    let events = events_of(&server, write, |event| is_of(event, "config.updated")).await;
    let kinds = ["file.watcher.updated", "vcs.branch.updated"];
    assert!(
        !events
            .iter()
            .any(|event| kinds.iter().any(|kind| is_of(event, kind))),
        "{events:?}"
    );
}
