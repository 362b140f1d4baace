//! Places beside the user's checkout: worktrees, copies, workspaces, and sessions that move between them.

use std::path::Path;
use std::process::Command;

use opencode_testkit::{Home, Served, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::{home, new_session, with_model};

/// Runs git in a folder and gives what it says.
fn git(home: &Home, directory: impl AsRef<Path>, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(directory)
        .envs(home.environment())
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// A home whose project has two committed files.
fn with_files() -> Home {
    let home = home();
    home.write("a.txt", "one\n");
    home.write("sub/b.txt", "b\n");
    git(&home, home.project(), &["add", "--all"]);
    git(
        &home,
        home.project(),
        &["commit", "--quiet", "--message", "files"],
    );
    home
}

/// Makes a worktree and waits until it is ready.
async fn worktree(server: &Served, body: Value) -> Value {
    let made = std::sync::Mutex::new(Value::Null);
    let create = || async {
        let answer = server.send("POST", "/experimental/worktree", Some(body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        *made.lock().unwrap() = answer.json();
    };
    let is_end = |event: &Value| {
        matches!(
            event["payload"]["type"].as_str(),
            Some("worktree.ready" | "worktree.failed")
        )
    };
    let events = server.events("/global/event", create, is_end).await;
    let made = made.into_inner().unwrap();
    let end = events.last().unwrap();
    assert_eq!(end["payload"]["type"], "worktree.ready", "{end}");
    assert_eq!(end["directory"], made["directory"]);
    let updated = events.iter().find(|event| {
        event["payload"]["type"] == "project.updated"
            && event["payload"]["properties"]["sandboxes"]
                .as_array()
                .is_some_and(|all| all.contains(&made["directory"]))
    });
    assert_eq!(updated.unwrap()["directory"], "global");
    made
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn a_worktree_is_made_reset_and_removed() {
    let home = with_files();
    let server = home.serve().await;
    let script = json!({ "name": "My Feature!", "startCommand": "pwd > half && mv half started" });
    let made = worktree(&server, script).await;
    let directory = text(&made["directory"]);
    let project = server.send("GET", "/project/current", None).await.json();
    let root = home.data().join("worktree").join(text(&project["id"]));
    assert_eq!(
        made,
        json!({ "name": "my-feature", "branch": "opencode/my-feature", "directory": root.join("my-feature") })
    );
    let started = Path::new(directory).join("started");
    home.wait_for_file(started.to_str().unwrap()).await;
    assert_eq!(fs_err::read_to_string(&started).unwrap().trim(), directory);
    let again = worktree(&server, json!({ "name": "my feature" })).await;
    assert!(text(&again["name"]).starts_with("my-feature-"), "{again}");
    assert_eq!(
        server.send("GET", "/experimental/worktree", None).await.json(),
        json!([directory, again["directory"]])
    );

    fs_err::write(Path::new(directory).join("a.txt"), "changed").unwrap();
    let body = || Some(json!({ "directory": directory }));
    let reset = server.send("POST", "/experimental/worktree/reset", body()).await;
    assert_eq!(reset.json(), json!(true), "{reset:?}");
    assert_eq!(git(&home, directory, &["status", "--porcelain"]), "");
    assert!(!started.exists());

    let removed = server.send("DELETE", "/experimental/worktree", body()).await;
    assert_eq!(removed.json(), json!(true));
    assert!(!Path::new(directory).exists());
    let branches = git(&home, home.project(), &["branch", "--format=%(refname:short)"]);
    assert!(
        !branches.lines().any(|name| name == "opencode/my-feature"),
        "{branches}"
    );
    assert_eq!(
        server
            .send("DELETE", "/experimental/worktree", body())
            .await
            .json(),
        json!(true)
    );
    assert_eq!(
        server.send("GET", "/experimental/worktree", None).await.json(),
        json!([again["directory"]])
    );
}

#[tokio::test]
async fn what_is_no_worktree_is_neither_removed_nor_reset() {
    let home = with_files();
    fs_err::create_dir_all(home.path().join("mine")).unwrap();
    let server = home.serve().await;
    let (project, mine) = (home.project(), home.path().join("mine"));
    for (method, path, directory, status, name) in [
        (
            "POST",
            "/experimental/worktree/reset",
            project.as_path(),
            400,
            "WorktreeResetFailedError",
        ),
        (
            "POST",
            "/experimental/worktree/reset",
            &mine,
            400,
            "WorktreeResetFailedError",
        ),
        (
            "DELETE",
            "/experimental/worktree",
            &project,
            400,
            "WorktreeRemoveFailedError",
        ),
        (
            "DELETE",
            "/experimental/worktree",
            &mine,
            400,
            "WorktreeRemoveFailedError",
        ),
        (
            "DELETE",
            "/experimental/worktree",
            Path::new(""),
            400,
            "WorktreeRemoveFailedError",
        ),
        (
            "DELETE",
            "/experimental/worktree",
            &mine.join("none"),
            200,
            "true",
        ),
    ] {
        let answer = server
            .send(method, path, Some(json!({ "directory": directory })))
            .await;
        assert_eq!(answer.status, status, "{method} {path} {answer:?}");
        assert!(answer.text.contains(name), "{answer:?}");
    }
    assert!(mine.exists() && project.join("a.txt").exists());
    let elsewhere = format!("/experimental/worktree?directory={}", mine.display());
    let refused = server.send("POST", &elsewhere, None).await;
    assert_eq!(refused.json()["name"], "WorktreeNotGitError");
    assert_eq!(server.send("GET", &elsewhere, None).await.json(), json!([]));
}

#[tokio::test]
async fn a_session_moves_with_its_changes() {
    let home = with_files();
    let server = home.serve().await;
    let other = worktree(&server, json!({})).await;
    let other = text(&other["directory"]);
    let session = new_session(&server).await;
    home.write("a.txt", "one\ntwo\n");
    home.write("new/file", "fresh\n");
    let path = "/experimental/control-plane/move-session";
    let to = |directory: &str, changes: bool| {
        Some(
            json!({ "sessionID": session, "destination": { "directory": directory }, "moveChanges": changes }),
        )
    };
    let go = || async {
        let moved = server.send("POST", path, to(&format!("{other}/sub"), true)).await;
        assert_eq!((moved.status, moved.text.as_str()), (204, ""), "{moved:?}");
    };
    let events = server
        .events("/global/event", go, |event| {
            event["payload"]["syncEvent"]["type"] == "session.next.moved.1"
        })
        .await;
    let plain = &events[events.len() - 2]["payload"];
    assert_eq!(plain["type"], "session.next.moved");
    assert_eq!(plain["properties"]["subdirectory"], "sub");
    assert!(plain["properties"]["timestamp"].is_string(), "{plain}");
    assert_eq!(git(&home, home.project(), &["status", "--porcelain"]), "");
    assert_eq!(
        git(&home, other, &["status", "--porcelain"]),
        "M a.txt\n?? new/".replacen("M", " M", 1)
    );
    let info = server
        .send("GET", &format!("/session/{session}"), None)
        .await
        .json();
    assert_eq!(
        (text(&info["directory"]), text(&info["path"])),
        (format!("{other}/sub").as_str(), "sub")
    );
    let history = server.send("POST", "/sync/history", Some(json!({}))).await.json();
    let stored = history
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["type"] == "session.next.moved.1");
    assert!(stored.unwrap()["data"]["timestamp"].is_number());

    home.write("a.txt", "something else\n");
    let project = home.project().display().to_string();
    for (directory, changes, says) in [
        (project.as_str(), true, "Unable to apply"),
        (home.path().to_str().unwrap(), false, "another project"),
        ("/no/such/folder", false, "another project"),
    ] {
        let refused = server.send("POST", path, to(directory, changes)).await;
        assert_eq!(refused.status, 400, "{directory}");
        assert_eq!(refused.json()["name"], "MoveSessionError");
        assert!(refused.text.contains(says), "{refused:?}");
    }
    let info_after = server
        .send("GET", &format!("/session/{session}"), None)
        .await
        .json();
    assert_eq!(info_after, info);
    assert_eq!(
        fs_err::read_to_string(home.project().join("a.txt")).unwrap(),
        "something else\n"
    );
    let unknown = json!({ "sessionID": "ses_none", "destination": { "directory": "/" } });
    let refused = server.send("POST", path, Some(unknown)).await;
    assert!(
        refused.text.contains("Session not found: ses_none"),
        "{refused:?}"
    );
    assert_eq!(server.send("POST", path, to(&project, false)).await.status, 204);
}

#[tokio::test]
async fn copies_are_made_where_the_user_wants_them() {
    let home = with_files();
    let server = home.serve().await;
    let project = server.send("GET", "/project/current", None).await.json();
    let path = format!("/experimental/project/{}/copy", text(&project["id"]));
    let parent = home.path().join("copies");
    let body = json!({ "strategy": "git_worktree", "directory": parent, "name": "My Copy" });
    let make = || async {
        let made = server.send("POST", &path, Some(body.clone())).await;
        assert_eq!(
            made.json(),
            json!({ "directory": parent.join("My Copy") }),
            "{made:?}"
        );
    };
    server
        .events("/event", make, |event| {
            event["type"] == "project.directories.updated"
        })
        .await;
    assert!(parent.join("My Copy/a.txt").exists());
    let second = server.send("POST", &path, Some(body)).await.json();
    assert_eq!(second["directory"], json!(parent.join("My Copy-2")));

    let directory = parent.join("My Copy");
    fs_err::write(directory.join("work"), "x").unwrap();
    let remove = |directory: &Path, force: bool| {
        let body = json!({ "directory": directory, "force": force });
        let (server, path) = (&server, &path);
        async move { server.send("DELETE", path, Some(body)).await }
    };
    let refused = remove(&directory, false).await.json();
    assert_eq!(refused["data"]["forceRequired"], true, "{refused}");
    assert_eq!(remove(&directory, true).await.status, 204);
    assert!(!directory.exists());
    for wrong in [&directory, &home.project(), &home.path()] {
        let refused = remove(wrong, true).await;
        assert_eq!(refused.json()["name"], "ProjectCopyError", "{refused:?}");
        assert_eq!(refused.json()["data"]["forceRequired"], Value::Null);
    }
    for (body, says) in [
        (
            json!({ "strategy": "none", "directory": "x" }),
            "ProjectCopyError",
        ),
        (
            json!({ "strategy": "git_worktree", "directory": "x", "name": "../up" }),
            "ProjectCopyError",
        ),
        (json!({ "strategy": "git_worktree" }), "InvalidRequestError"),
    ] {
        let refused = server.send("POST", &path, Some(body)).await;
        assert_eq!(refused.status, 400);
        assert!(refused.text.contains(says), "{refused:?}");
    }
    git(
        &home,
        home.project(),
        &["worktree", "add", "--quiet", "../by-hand"],
    );
    fs_err::remove_dir_all(parent.join("My Copy-2")).unwrap();
    let refreshed = server.send("POST", &format!("{path}/refresh"), None).await;
    assert_eq!(refreshed.status, 204);
    let known: Vec<String> = home
        .database()
        .prepare("SELECT directory FROM project_directory WHERE strategy = 'git_worktree'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let by_hand = home.project().parent().unwrap().join("by-hand");
    assert_eq!(known, [by_hand.display().to_string()]);
}

#[tokio::test]
async fn a_copy_is_named_by_the_model_or_by_chance() {
    let (home, model) = with_model([Step::text("Fix Login Bug, please"), Step::text("?!")]).await;
    let server = home.serve().await;
    let name = |context: Value| {
        let server = &server;
        async move {
            let path = "/experimental/project/any/copy/generate-name";
            let answer = server.send("POST", path, Some(context)).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            text(&answer.json()["name"]).to_owned()
        }
    };
    assert_eq!(
        name(json!({ "context": "the login fails" })).await,
        "fix-login-bug"
    );
    assert_eq!(model.requests().len(), 1);
    assert_eq!(name(json!({})).await.split('-').count(), 2);
    assert_eq!(name(json!({ "context": "more" })).await.split('-').count(), 2);
}

#[tokio::test]
async fn a_workspace_takes_requests_and_sessions() {
    let home = with_files().with("OPENCODE_EXPERIMENTAL_WORKSPACES", "true");
    let server = home.serve().await;
    let list = || async { server.send("GET", "/experimental/workspace", None).await.json() };
    assert_eq!(list().await, json!([]));
    let made = server
        .send(
            "POST",
            "/experimental/workspace",
            Some(json!({ "type": "worktree", "branch": null })),
        )
        .await;
    assert_eq!(made.status, 200, "{made:?}");
    let workspace = made.json();
    let (id, directory) = (text(&workspace["id"]), text(&workspace["directory"]));
    assert_eq!(list().await, json!([workspace]));
    assert_eq!(
        server
            .send("GET", "/experimental/workspace/status", None)
            .await
            .json(),
        json!([{ "workspaceID": id, "status": "connected" }])
    );
    let there = server
        .send("GET", &format!("/path?workspace={id}"), None)
        .await
        .json();
    assert_eq!(there["directory"], directory);
    let inside = server
        .send("POST", &format!("/session?workspace={id}"), None)
        .await
        .json();
    assert_eq!(
        (&inside["workspaceID"], &inside["directory"]),
        (&json!(id), &json!(directory))
    );

    let session = new_session(&server).await;
    home.write("a.txt", "work\n");
    let warp = json!({ "id": id, "sessionID": session, "copyChanges": true });
    let warped = server
        .send("POST", "/experimental/workspace/warp", Some(warp.clone()))
        .await;
    assert_eq!(warped.status, 204, "{warped:?}");
    assert_eq!(
        fs_err::read_to_string(Path::new(directory).join("a.txt")).unwrap(),
        "work\n"
    );
    assert_eq!(
        fs_err::read_to_string(home.project().join("a.txt")).unwrap(),
        "work\n",
        "it is a copy"
    );
    let info = server
        .send("GET", &format!("/session/{session}"), None)
        .await
        .json();
    assert_eq!(info["workspaceID"], id);
    let back = json!({ "id": null, "sessionID": session });
    assert_eq!(
        server
            .send("POST", "/experimental/workspace/warp", Some(back))
            .await
            .status,
        204
    );
    let clash = server
        .send("POST", "/experimental/workspace/warp", Some(warp))
        .await;
    assert_eq!(clash.json()["name"], "VcsApplyError", "{clash:?}");

    let removed = server
        .send("DELETE", &format!("/experimental/workspace/{id}"), None)
        .await;
    assert_eq!(removed.json(), workspace);
    assert!(!Path::new(directory).exists());
    let gone = server
        .send("GET", &format!("/session/{}", text(&inside["id"])), None)
        .await;
    assert_eq!(gone.status, 404);
    for (method, path, body, status, says) in [
        (
            "GET",
            "/path?workspace=wrk_none",
            None,
            404,
            "Workspace not found: wrk_none",
        ),
        ("GET", "/path?workspace=bad", None, 400, "wrk"),
        ("DELETE", "/experimental/workspace/wrk_none", None, 200, "null"),
        ("DELETE", "/experimental/workspace/bad", None, 400, "Params"),
        (
            "POST",
            "/experimental/workspace",
            Some(json!({ "type": "cloud" })),
            400,
            "WorkspaceCreateError",
        ),
        (
            "POST",
            "/experimental/workspace/warp",
            Some(json!({ "id": null, "sessionID": "ses_none" })),
            404,
            "ses_none",
        ),
        (
            "POST",
            "/experimental/workspace/warp",
            Some(json!({ "sessionID": session })),
            400,
            "id",
        ),
    ] {
        let answer = server.send(method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path} {answer:?}");
        assert!(answer.text.contains(says), "{answer:?}");
    }
    git(
        &home,
        home.project(),
        &["worktree", "add", "--quiet", "../By-Hand"],
    );
    assert_eq!(
        server
            .send("POST", "/experimental/workspace/sync-list", None)
            .await
            .status,
        204
    );
    let listed = list().await;
    assert_eq!(
        (&listed[0]["name"], &listed[0]["branch"]),
        (&json!("by-hand"), &json!("By-Hand"))
    );
}

#[tokio::test]
async fn without_the_switch_there_are_no_workspaces() {
    let home = with_files();
    let server = home.serve().await;
    let refused = server
        .send(
            "POST",
            "/experimental/workspace",
            Some(json!({ "type": "worktree" })),
        )
        .await;
    assert_eq!(refused.json()["name"], "WorkspaceCreateError");
    assert_eq!(
        server
            .send("POST", "/experimental/workspace/sync-list", None)
            .await
            .status,
        204
    );
    assert_eq!(
        server.send("GET", "/experimental/workspace", None).await.json(),
        json!([])
    );
    assert_eq!(
        server.send("GET", "/experimental/worktree", None).await.json(),
        json!([])
    );
    let adapters = server
        .send("GET", "/experimental/workspace/adapter", None)
        .await
        .json();
    assert_eq!(adapters[0]["type"], "worktree");
}
