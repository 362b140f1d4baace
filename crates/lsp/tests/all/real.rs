//! Real servers, where `scripts/language-tools` installed them.

use std::path::Path;
use std::time::Instant;

use opencode_lsp::{Mode, Position, Question, edits};
use opencode_testkit::language_tools;
use pretty_assertions::assert_eq;
use serde_json::Value;

use crate::support::{LONG, Project};

fn at(line: u32, character: u32) -> Position {
    Position { line, character }
}

/// Touches a file until its diagnostics are as wanted: servers that load a project first need more than one.
async fn until(project: &Project, path: &Path, wanted: impl Fn(&[String]) -> bool) -> Vec<String> {
    let looking = async {
        loop {
            project.languages.touch(path, Mode::Document).await;
            let lines = project.lines(path);
            if wanted(&lines) {
                return lines;
            }
        }
    };
    let found = tokio::time::timeout(LONG, looking).await;
    found.unwrap_or_else(|_| panic!("{:?} {:?}", project.lines(path), project.languages.status()))
}

/// The texts of files after a change of a name.
async fn renamed(project: &Project, path: &Path, at: Position, name: &str) -> Vec<String> {
    let proposal = project.languages.rename(path, at, name).await.unwrap();
    let changes = edits::of_workspace(&proposal).unwrap();
    let texts = changes
        .iter()
        .map(|(path, changes)| edits::apply(&fs_err::read_to_string(path).unwrap(), changes).unwrap());
    texts.collect()
}

async fn formatted(project: &Project, path: &Path) -> String {
    let changes = edits::of_document(&project.languages.format(path).await.unwrap()).unwrap();
    edits::apply(&fs_err::read_to_string(path).unwrap(), &changes).unwrap()
}

fn has(values: &[Value], text: &str) -> bool {
    values.iter().any(|value| value.to_string().contains(text))
}

#[tokio::test]
async fn pyright() {
    let Some(tools) = language_tools(&["pyright-langserver"]) else {
        return;
    };
    let project = Project::real(&tools);
    let a = project.write(
        "a.py",
        "def double(x: int) -> int:\n    return x * 2\n\ndouble(\"no\")\n",
    );
    let b = project.write("b.py", "from a import double\n\nprint(double(4))\n");
    let lines = until(&project, &a, |lines| !lines.is_empty()).await;
    assert!(lines[0].starts_with("ERROR [4:8]"), "{lines:?}");
    let ask = async |path, at, question| project.languages.ask(path, at, question).await;
    let definition = ask(&b, at(2, 8), Question::Definition).await;
    assert!(
        has(&definition, "a.py") && definition.len() == 1,
        "{definition:?}"
    );
    assert!(ask(&b, at(2, 8), Question::References).await.len() >= 3);
    assert!(has(&ask(&b, at(2, 8), Question::Hover).await, "double"));
    assert!(has(&ask(&a, at(0, 0), Question::DocumentSymbols).await, "double"));
    assert!(has(&ask(&b, at(2, 8), Question::IncomingCalls).await, "b.py"));
    assert!(has(&ask(&b, at(2, 8), Question::Completion).await, "double"));
    assert!(has(&project.languages.symbols("double").await, "double"));
    let texts = renamed(&project, &b, at(2, 8), "twice").await;
    assert_eq!(texts.len(), 2);
    assert!(
        texts
            .iter()
            .all(|text| text.contains("twice(") && !text.contains("double")),
        "{texts:?}"
    );

    // Once it runs, it is what takes the time.
    let mut took = Vec::new();
    for value in ["1", "'a'", "2", "'b'", "3"] {
        let begun = Instant::now();
        project.write("a.py", &format!("x: int = {value}\n"));
        project.languages.touch(&a, Mode::Document).await;
        took.push(begun.elapsed().as_millis());
        assert_eq!(project.lines(&a).is_empty(), !value.contains('\''), "{value}");
    }
    println!("edit and diagnostics of pyright: {took:?} ms");
    assert!(took.iter().all(|took| *took < 4000), "{took:?}");
}

#[tokio::test]
async fn typescript() {
    let Some(tools) = language_tools(&["typescript-language-server"]) else {
        return;
    };
    let project = Project::real(&tools);
    let path = project.write(
        "src/a.ts",
        "export function double(x: number) {\n  return x * 2;\n}\ndouble(\"no\");\n",
    );
    project.write("tsconfig.json", r#"{"compilerOptions": {"strict": true}}"#);
    project.languages.touch(&path, Mode::Document).await;
    assert!(
        project.languages.status().is_empty(),
        "the project has no compiler"
    );
    let packages = tools.join("../npm/typescript/node_modules/typescript");
    let modules = project.path("node_modules");
    fs_err::create_dir(&modules).unwrap();
    std::os::unix::fs::symlink(
        fs_err::canonicalize(packages).unwrap(),
        modules.join("typescript"),
    )
    .unwrap();
    let project = project.anew(&tools);
    let lines = until(&project, &path, |lines| !lines.is_empty()).await;
    assert!(
        lines.iter().any(|line| line.starts_with("ERROR [4:8]")),
        "{lines:?}"
    );
    assert_eq!(
        project
            .languages
            .ask(&path, at(3, 2), Question::References)
            .await
            .len(),
        2
    );
    assert!(has(
        &project.languages.ask(&path, at(3, 2), Question::Definition).await,
        "a.ts"
    ));
    let texts = renamed(&project, &path, at(3, 2), "twice").await;
    assert!(
        texts[0].contains("function twice(") && texts[0].contains("\ntwice("),
        "{texts:?}"
    );
    project.write("src/a.ts", "export  const   a={b:1}\n");
    assert_eq!(formatted(&project, &path).await, "export const a = { b: 1 }\n");
}

#[tokio::test]
async fn rust_analyzer() {
    let Some(tools) = language_tools(&["rust-analyzer"]) else {
        return;
    };
    let project = Project::real(&tools);
    project.write(
        "Cargo.toml",
        "[package]\nname = \"x\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
    );
    let path = project.write(
        "src/main.rs",
        "fn double(x: u32) -> u32 {\n    x * 2\n}\nfn main() {\n    double(missing);\n}\n",
    );
    let lines = until(&project, &path, |lines| {
        lines.iter().any(|line| line.contains("missing"))
    })
    .await;
    assert!(
        lines.iter().any(|line| line.starts_with("ERROR [5:12]")),
        "{lines:?}"
    );
    assert!(has(
        &project.languages.ask(&path, at(4, 6), Question::Definition).await,
        "main.rs"
    ));
    assert_eq!(
        project
            .languages
            .ask(&path, at(4, 6), Question::References)
            .await
            .len(),
        2
    );
    let texts = renamed(&project, &path, at(4, 6), "twice").await;
    assert!(
        texts[0].contains("fn twice(") && texts[0].contains(" twice(missing)"),
        "{texts:?}"
    );
    project.write("src/main.rs", "fn main( ) { }\n");
    assert_eq!(formatted(&project, &path).await, "fn main() {}\n");
}

#[tokio::test]
async fn clangd() {
    let Some(tools) = language_tools(&["clangd"]) else {
        return;
    };
    let project = Project::real(&tools);
    let path = project.write(
        "a.c",
        "int twice(int x) { return x * 2; }\nint main(void) { return twice(missing); }\n",
    );
    let lines = until(&project, &path, |lines| !lines.is_empty()).await;
    assert!(lines[0].starts_with("ERROR [2:31]"), "{lines:?}");
    assert!(has(
        &project
            .languages
            .ask(&path, at(1, 26), Question::Definition)
            .await,
        "a.c"
    ));
    let texts = renamed(&project, &path, at(1, 26), "thrice").await;
    assert!(
        texts[0].contains("int thrice(") && texts[0].contains("return thrice("),
        "{texts:?}"
    );
    project.write("a.c", "int  main( void ){return 0;}\n");
    assert_eq!(formatted(&project, &path).await, "int main(void) { return 0; }\n");
}

#[tokio::test]
async fn bash() {
    let Some(tools) = language_tools(&["bash-language-server"]) else {
        return;
    };
    let project = Project::real(&tools);
    let path = project.write("a.sh", "greet() {\n  echo hello\n}\ngreet\n");
    project.languages.catch_up(&path).await;
    let definition = project.languages.ask(&path, at(3, 1), Question::Definition).await;
    assert!(has(&definition, "a.sh"), "{definition:?}");
    assert!(has(
        &project
            .languages
            .ask(&path, at(0, 0), Question::DocumentSymbols)
            .await,
        "greet"
    ));
    let texts = renamed(&project, &path, at(3, 1), "hail").await;
    assert_eq!(texts, ["hail() {\n  echo hello\n}\nhail\n"]);
}
