//! Folders and repositories that models are told of.

use std::process::Command;

use opencode_testkit::{ScriptedModel, Step};
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::home;

#[tokio::test]
async fn described_ones_are_told_and_all_may_be_read() {
    let home = home();
    let docs = home.path().join("docs");
    fs_err::create_dir_all(&docs).unwrap();
    fs_err::write(docs.join("a.md"), "from the docs").unwrap();
    let model = ScriptedModel::start([
        Step::tool("read", json!({ "filePath": docs.join("a.md") })),
        Step::text("Read."),
    ])
    .await;
    home.configure(
        &model.url(),
        json!({ "references": {
            "docs": { "path": docs, "description": "how it works" },
            "quiet": "~/elsewhere",
        } }),
    );
    let run = home.run(["run", "--format", "json", "go"]).await.success();
    let read = &run.of_type("tool_use")[0]["part"]["state"];
    assert_eq!(read["status"], "completed", "{read}\n{}", run.stderr);
    let system = model.requests()[0].system();
    let told = format!(
        "<available_references>\n  <reference>\n    <name>docs</name>\n    <path>{}</path>\n    <description>how it works</description>\n  </reference>\n</available_references>",
        docs.display()
    );
    assert!(system.contains(&told), "{system}");
    assert!(!system.contains("quiet"), "{system}");
}

#[tokio::test]
async fn repositories_are_fetched_beside_the_work() {
    let home = home();
    let bare = home.path().join("github/owner/repo.git");
    fs_err::create_dir_all(&bare).unwrap();
    let git = |arguments: &[&str]| {
        let done = Command::new("git")
            .args(arguments)
            .current_dir(&bare)
            .envs(home.environment())
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    git(&["init", "--quiet"]);
    fs_err::write(bare.join("text.md"), "fetched").unwrap();
    git(&["add", "text.md"]);
    git(&["commit", "--quiet", "--message", "one"]);

    let (held, gate) = Step::text("Done.").held();
    let model = ScriptedModel::start([held]).await;
    let base = format!("file://{}", home.path().join("github").display());
    let home = home.with("OPENCODE_REPO_CLONE_GITHUB_BASE_URL", &base);
    home.configure(&model.url(), json!({ "references": { "it": "owner/repo" } }));
    let running = home.start(["run", "go"]);
    model.wait_for_requests(1).await;
    let fetched = home.data().join("repos/github.com/owner/repo/text.md");
    let there = async {
        while !fetched.is_file() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), there)
        .await
        .unwrap();
    gate.open();
    running.finish().await.success();
}
