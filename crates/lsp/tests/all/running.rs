//! Start, texts, diagnostics and end of servers.

use std::time::{Duration, Instant};

use opencode_lsp::{Limits, Mode, State};
use opencode_testkit::LanguageServer;
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::support::{LONG, Project};

#[tokio::test]
async fn a_server_is_started_by_the_first_touch_and_told_of_each_change() {
    let project = Project::new(LanguageServer::new().with("version", true));
    let path = project.write("a.own", "def one\nBAD two");
    assert!(project.languages.status().is_empty() && project.log().is_empty());
    assert!(project.languages.serve(&path) && !project.languages.serve(&project.path("a.txt")));
    project.languages.touch(&path, Mode::Document).await;
    assert_eq!(project.lines(&path), ["ERROR [2:1] BAD two"]);
    let status = project.languages.status();
    assert_eq!(
        json!(status),
        json!([{ "id": "own", "name": "own", "root": "", "status": "connected" }])
    );
    project.write("a.own", "ODD\n");
    project.languages.touch(&path, Mode::Document).await;
    assert_eq!(project.lines(&path), ["WARN [1:1] ODD"]);
    project.write("a.own", "good\n");
    project.languages.touch(&path, Mode::Document).await;
    assert!(project.lines(&path).is_empty());

    let begun = &project.sent("initialize")[0]["params"];
    assert_eq!(begun["workspaceFolders"][0]["name"], "workspace");
    let opened = &project.sent("textDocument/didOpen")[0]["params"]["textDocument"];
    assert_eq!(
        (&opened["version"], &opened["languageId"]),
        (&json!(0), &json!("plaintext"))
    );
    let changed = project.sent("textDocument/didChange");
    assert_eq!(changed.len(), 2);
    let range = &changed[0]["params"]["contentChanges"][0]["range"];
    assert_eq!(
        *range,
        json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 1, "character": 7 } })
    );
    let kinds: Vec<_> = project
        .sent("workspace/didChangeWatchedFiles")
        .iter()
        .map(|sent| sent["params"]["changes"][0]["type"].clone())
        .collect();
    assert_eq!(kinds, [1, 2, 2]);

    project.languages.close().await;
    let methods: Vec<_> = project.log().iter().map(|sent| sent["method"].clone()).collect();
    assert_eq!(methods[methods.len() - 2..], [json!("shutdown"), json!("exit")]);
    project.languages.touch(&path, Mode::Document).await;
    assert_eq!(project.sent("initialize").len(), 1, "closed for ever");
}

#[tokio::test]
async fn touches_at_the_same_time_share_one_start() {
    let project = Project::new(LanguageServer::new());
    let paths: Vec<_> = (0..8)
        .map(|at| project.write(&format!("{at}.own"), "BAD"))
        .collect();
    project.languages.warm(&paths[0]);
    let touches = paths
        .iter()
        .map(|path| project.languages.touch(path, Mode::Document));
    futures_util::future::join_all(touches).await;
    assert_eq!(project.sent("initialize").len(), 1);
    assert_eq!(project.languages.diagnostics().len(), 8);
    assert_eq!(project.changes(), 1);
}

#[tokio::test]
async fn servers_are_asked_where_they_want_it() {
    for (name, server) in [
        (
            "fixed",
            LanguageServer::new().with("push", false).with("pull", true),
        ),
        (
            "registered",
            LanguageServer::new().with("push", false).with("pull", "register"),
        ),
        ("both", LanguageServer::new().with("pull", true)),
    ] {
        let project = Project::new(server);
        let path = project.write("a.own", "BAD");
        for mode in [Mode::Document, Mode::Full] {
            project.languages.touch(&path, mode).await;
            assert_eq!(project.lines(&path), ["ERROR [1:1] BAD"], "{name}");
        }
        // An answer that has nothing ends the wait, too.
        project.write("a.own", "good");
        let begun = Instant::now();
        project.languages.touch(&path, Mode::Document).await;
        assert!(
            begun.elapsed() < Duration::from_secs(4),
            "{name}: {:?}",
            begun.elapsed()
        );
        assert!(project.lines(&path).is_empty(), "{name}");
    }
}

#[tokio::test]
async fn servers_are_told_how_they_are_configured() {
    let server = LanguageServer::new().with("ask", "a.b").with("log", "log");
    let mut config = server.config();
    config["initialization"] = json!({ "a": { "b": 7 } });
    let project = Project::configured(json!({ "own": config }));
    let path = project.write("a.own", "");
    project.languages.touch(&path, Mode::Document).await;
    let begun = project.log_of(&project.path("log"));
    assert_eq!(
        begun[0]["params"]["initializationOptions"],
        json!({ "a": { "b": 7 } })
    );
    let wanted = json!([7]);
    let looking = async {
        loop {
            let log = project.log_of(&project.path("log"));
            if log.iter().any(|sent| sent["result"] == wanted) {
                return log;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let log = tokio::time::timeout(LONG, looking).await.expect("it is answered");
    assert!(
        log.iter()
            .any(|sent| sent["method"] == "workspace/didChangeConfiguration")
    );
}

#[tokio::test]
async fn a_server_that_nobody_needs_is_ended_and_started_again() {
    let limits = Limits {
        idle: Some(Duration::from_millis(300)),
        ..Limits::default()
    };
    let project = Project::limited(LanguageServer::new(), limits);
    let path = project.write("a.own", "BAD");
    project.languages.touch(&path, Mode::Document).await;
    project.until(<[_]>::is_empty).await;
    assert!(project.changes() >= 2);
    project.languages.touch(&path, Mode::Document).await;
    assert_eq!(project.lines(&path), ["ERROR [1:1] BAD"]);
    assert_eq!(project.sent("initialize").len(), 2);
    assert_eq!(project.languages.status()[0].status, State::Connected);
}

#[tokio::test]
async fn files_elsewhere_and_files_that_are_not_there_start_nothing() {
    let project = Project::new(LanguageServer::new());
    let outside = project.path("../outside.own");
    fs_err::write(&outside, "BAD").unwrap();
    let outside = fs_err::canonicalize(outside).unwrap();
    fs_err::create_dir(project.path("folder.own")).unwrap();
    for path in [outside, project.path("missing.own"), project.path("folder.own")] {
        project.languages.touch(&path, Mode::Document).await;
        project.languages.warm(&path);
    }
    assert!(project.log().is_empty() && project.languages.status().is_empty());
}
