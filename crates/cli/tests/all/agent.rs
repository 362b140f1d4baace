//! Agents that a model describes.

use opencode_testkit::{ScriptedModel, Step};
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::home;

fn described(identifier: &str) -> Step {
    let description = json!({
        "identifier": identifier,
        "whenToUse": "Use this agent when: code changed.",
        "systemPrompt": "You review.\n\nBe brief.",
    });
    Step::text(&description.to_string())
}

#[tokio::test]
async fn are_written_as_files_that_are_read() {
    let model =
        ScriptedModel::start([described("reviewer"), described("reviewer"), described("build")]).await;
    let home = home();
    home.configure(&model.url(), json!({}));
    let folder = home.project().join(".opencode");
    let create = |permissions: &str| {
        let arguments = [
            "agent",
            "create",
            "--path",
            folder.to_str().unwrap(),
            "--description",
            "reviews code",
            "--mode",
            "subagent",
            "--permissions",
            permissions,
        ];
        let arguments = arguments.map(str::to_owned);
        let home = &home;
        async move { home.run(arguments).await }
    };
    let made = create("read, grep,glob").await.success();
    let file = folder.join("agents/reviewer.md");
    assert_eq!(made.stdout, format!("{}\n", file.display()));
    assert_eq!(
        fs_err::read_to_string(&file).unwrap(),
        "---\ndescription: 'Use this agent when: code changed.'\nmode: subagent\npermission:\n  bash: deny\n  edit: deny\n  \
         webfetch: deny\n  task: deny\n  todowrite: deny\n  websearch: deny\n  lsp: deny\n  skill: deny\n---\n\
         You review.\n\nBe brief.\n"
    );
    let request = &model.all_requests()[0];
    let conversation = request.conversation();
    let text = conversation[0]["content"].as_str().unwrap();
    assert!(
        text.contains("\"reviews code\"") && text.contains("build"),
        "{text}"
    );
    assert_eq!(
        (&request.body["temperature"], request.tools().len()),
        (&json!(0.3), 0)
    );
    assert!(request.body["response_format"]["type"].is_string());

    let again = create("").await;
    assert_eq!(again.code(), Some(1));
    assert!(
        again.stderr.contains("an agent \"reviewer\" already"),
        "{}",
        again.stderr
    );
    let listed = home.run(["agent", "list"]).await.success();
    assert!(listed.stdout.contains("reviewer (subagent)\n"));
    let taken = create("").await;
    assert_eq!((taken.code(), taken.stdout.as_str()), (Some(1), ""));
    let unknown = create("read,fly").await;
    assert!(
        unknown.stderr.contains("no permission \"fly\""),
        "{}",
        unknown.stderr
    );
    assert_eq!(model.all_requests().len(), 3);
}

#[tokio::test]
async fn a_model_that_fails_is_told_and_nothing_is_written() {
    let home = home();
    let model = ScriptedModel::start([Step::text("I would rather not.")]).await;
    home.configure(&model.url(), json!({}));
    let answers = "project\nfinds bugs\n";
    let run = home.run_with_input(["agent", "create"], answers).await;
    assert_eq!(run.code(), Some(1));
    assert!(
        run.stderr
            .contains("LLM failed to generate agent: its answer holds no JSON object"),
        "{}",
        run.stderr
    );
    assert!(!home.project().join(".opencode/agents").exists());
}
