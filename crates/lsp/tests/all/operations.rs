//! Questions and proposals.

use opencode_lsp::{Position, Question, edits};
use opencode_testkit::LanguageServer;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::support::Project;

fn at(line: u32, character: u32) -> Position {
    Position { line, character }
}

#[tokio::test]
async fn questions_are_answered() {
    let project = Project::new(LanguageServer::new());
    let a = project.write("a.own", "def one\ndef two\n");
    let b = project.write("b.own", "one and two\nBAD line\n");
    let ask = async |path, at, question| project.languages.ask(path, at, question).await;
    let uri = |path: &std::path::Path| format!("file://{}", path.display());
    let found = ask(&b, at(0, 1), Question::Definition).await;
    assert_eq!((&found[0]["uri"], found.len()), (&json!(uri(&a)), 1));
    assert_eq!(ask(&b, at(0, 9), Question::References).await.len(), 2);
    assert_eq!(
        ask(&b, at(0, 0), Question::Hover).await,
        [json!({ "contents": "the name one" })]
    );
    assert_eq!(ask(&a, at(0, 0), Question::DocumentSymbols).await.len(), 2);
    assert_eq!(
        ask(&a, at(0, 0), Question::Implementation).await,
        Vec::<Value>::new()
    );
    assert_eq!(
        ask(&a, at(0, 5), Question::CallHierarchy).await,
        [json!({ "name": "one" })]
    );
    assert_eq!(
        ask(&a, at(0, 5), Question::IncomingCalls).await[0]["to"],
        json!({ "name": "one" })
    );
    assert_eq!(
        ask(&a, at(0, 5), Question::OutgoingCalls).await,
        Vec::<Value>::new()
    );
    let words = ask(&a, at(0, 5), Question::Completion).await;
    assert_eq!(
        words,
        [
            json!({ "label": "one", "kind": 3 }),
            json!({ "label": "two", "kind": 3 })
        ]
    );
    assert_eq!(
        ask(&b, at(0, 0), Question::CodeActions).await,
        Vec::<Value>::new()
    );
    project.languages.touch(&b, opencode_lsp::Mode::Document).await;
    assert_eq!(
        ask(&b, at(1, 2), Question::CodeActions).await[0]["title"],
        "Make it good"
    );
}

#[tokio::test]
async fn who_knows_more_in_a_moment_is_asked_again() {
    let project = Project::new(LanguageServer::new().with("passing", "textDocument/hover"));
    let path = project.write("a.own", "one\n");
    let found = project.languages.ask(&path, at(0, 0), Question::Hover).await;
    assert_eq!(found, [json!({ "contents": "the name one" })]);
    assert_eq!(project.sent("textDocument/hover").len(), 2);
}

#[tokio::test]
async fn symbols_of_the_project_are_few_and_worth_it() {
    let project = Project::new(LanguageServer::new());
    let text: String = (0..30).map(|at| format!("def name{at}\n")).collect();
    let path = project.write("a.own", &format!("def file\n{text}"));
    assert_eq!(
        project.languages.symbols("").await,
        Vec::<Value>::new(),
        "none runs"
    );
    assert!(project.languages.are_there_for(&path).await);
    let found = project.languages.symbols("").await;
    assert_eq!((found.len(), &found[0]["name"]), (10, &json!("name0")));
    assert_eq!(project.languages.symbols("name29").await.len(), 1);
}

#[tokio::test]
async fn proposals_become_texts() {
    let project = Project::new(LanguageServer::new());
    let a = project.write("a.own", "def one  \n");
    let b = project.write("b.own", "one, one\n");
    let proposal = project.languages.rename(&b, at(0, 6), "uno").await.unwrap();
    let changes = edits::of_workspace(&proposal).unwrap();
    let texts: Vec<_> = changes
        .iter()
        .map(|(path, changes)| edits::apply(&fs_err::read_to_string(path).unwrap(), changes).unwrap())
        .collect();
    assert_eq!(texts, ["def uno  \n", "uno, uno\n"]);
    let refused = project.languages.rename(&b, at(9, 9), "x").await.unwrap_err();
    assert!(refused.to_string().contains("nothing stands there"), "{refused}");
    let changes = edits::of_document(&project.languages.format(&a).await.unwrap()).unwrap();
    assert_eq!(edits::apply("def one  \n", &changes).unwrap(), "def one\n");
}
