use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::testing::Bench;

#[test]
fn the_model_is_told_this() {
    let definition = Grep.definition(&Bench::new().scope);
    insta::assert_json_snapshot!(definition.parameters, @r#"
    {
      "type": "object",
      "properties": {
        "pattern": {
          "type": "string",
          "description": "Regular expression"
        },
        "path": {
          "type": "string",
          "description": "Folder; default: the working directory"
        },
        "include": {
          "type": "string",
          "description": "Glob of files to search, e.g. \"*.{ts,tsx}\""
        }
      },
      "required": [
        "pattern"
      ],
      "$schema": "https://json-schema.org/draft/2020-12/schema"
    }
    "#);
    assert!(!definition.description.is_empty());
}

#[tokio::test]
async fn results() {
    let bench = Bench::new();
    bench.write("src/a.rs", "fn a() {}\n  // needle1 here\n// needle2\n");
    bench.write("src/b.txt", "needle3");
    bench.write("notes.txt", "a\n");
    let project = bench.scope.directory.display().to_string();
    let both = "  Line 2:   // needle1 here\n\n  Line 3: // needle2\n";
    for (input, matches, wanted) in [
        (
            json!({"pattern": "needle\\d$"}),
            2,
            format!(
                "Found 2 matches\n{project}/src/a.rs:\n  Line 3: // needle2\n\n\n{project}/src/b.txt:\n  Line 1: needle3"
            ),
        ),
        (
            json!({"pattern": "needle", "include": "*.rs"}),
            2,
            format!("Found 2 matches\n{project}/src/a.rs:\n{both}"),
        ),
        (
            json!({"pattern": "(?i)NEEDLE2", "path": "src"}),
            1,
            format!("Found 1 matches\n{project}/src/a.rs:\n  Line 3: // needle2\n"),
        ),
        // The folder around a file, and around what is not there.
        (
            json!({"pattern": "needle3", "path": "src/a.rs"}),
            1,
            format!("Found 1 matches\n{project}/src/b.txt:\n  Line 1: needle3"),
        ),
        (
            json!({"pattern": "needle3", "path": "src/nope"}),
            1,
            format!("Found 1 matches\n{project}/src/b.txt:\n  Line 1: needle3"),
        ),
        (
            json!({"pattern": "needle3", "include": ""}),
            1,
            format!("Found 1 matches\n{project}/src/b.txt:\n  Line 1: needle3"),
        ),
        (json!({"pattern": "absent"}), 0, "No files found".into()),
        (
            json!({"pattern": "a", "include": "["}),
            0,
            "No files found".into(),
        ),
        (json!({"pattern": "here\\n"}), 0, "No files found".into()),
    ] {
        let output = bench.run(&Grep, input.clone()).await.expect("searched");
        assert_eq!(
            (output.output, Some(output.title.as_str())),
            (wanted, input["pattern"].as_str()),
            "{input}"
        );
        assert_eq!(
            Value::Object(output.metadata),
            json!({"matches": matches, "truncated": false}),
            "{input}"
        );
        let recorded = bench.recorded();
        let asked = recorded.asks.last().expect("asked");
        assert_eq!(
            (asked.permission.as_str(), Some(asked.patterns.concat().as_str())),
            ("grep", input["pattern"].as_str())
        );
        assert_eq!(Value::Object(asked.metadata.clone()), input);
    }
}

#[tokio::test]
async fn a_hundred_are_told() {
    let bench = Bench::new();
    bench.write("file", "hit\n".repeat(101));
    let output = bench
        .run(&Grep, json!({"pattern": "hit"}))
        .await
        .expect("searched");
    assert!(
        output
            .output
            .starts_with("Found 100 matches (more matches available)\n")
    );
    let end = output
        .output
        .split_once("  Line 100: hit\n")
        .expect("the last one")
        .1;
    assert_eq!(
        end,
        "\n\n(Results truncated. Consider using a more specific path or pattern.)"
    );
    assert_eq!(
        Value::Object(output.metadata),
        json!({"matches": 100, "truncated": true})
    );
}

#[tokio::test]
async fn failures_and_the_order_of_questions() {
    let bench = Bench::new();
    assert_eq!(
        bench.run(&Grep, json!({"pattern": ""})).await,
        Err(Failure::told("pattern is required"))
    );
    assert_eq!(bench.recorded().asks, []);
    let failure = bench.run(&Grep, json!({"pattern": "("})).await;
    assert!(
        matches!(failure, Err(Failure::Told(text)) if text.starts_with("regex parse error:\n") && text.ends_with("unclosed group"))
    );
    let nowhere = bench.path("nope").display().to_string();
    let failure = bench
        .run(&Grep, json!({"pattern": "x", "path": "nope/nope"}))
        .await;
    assert_eq!(
        failure,
        Err(Failure::told(format!("No such directory: {nowhere}")))
    );
    let outside = bench.root().join("nothing");
    bench
        .run(&Grep, json!({"pattern": "x", "path": outside}))
        .await
        .expect("searched");
    let recorded = bench.recorded();
    let permissions: Vec<_> = recorded.asks.iter().map(|ask| ask.permission.as_str()).collect();
    assert_eq!(permissions, ["grep", "grep", "grep", "external_directory"]);
    let around = bench.root().join("*").to_string_lossy().into_owned();
    assert_eq!(
        recorded.asks.last().map(|ask| ask.patterns.clone()),
        Some(vec![around])
    );
    bench.cancel.cancel();
    assert_eq!(
        bench.run(&Grep, json!({"pattern": "x"})).await,
        Err(Failure::Aborted)
    );
}
