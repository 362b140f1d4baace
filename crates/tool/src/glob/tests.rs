use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::testing::Bench;

#[test]
fn the_model_is_told_this() {
    let definition = Glob.definition(&Bench::new().scope);
    insta::assert_json_snapshot!(definition.parameters, @r#"
    {
      "type": "object",
      "properties": {
        "pattern": {
          "type": "string",
          "description": "Glob of paths"
        },
        "path": {
          "type": "string",
          "description": "Folder to search; leave out for the working directory"
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
    for path in ["one.md", "sub/two.md", "sub/only.txt", ".hidden/three.md"] {
        bench.write(path, "");
    }
    let project = bench.scope.directory.display().to_string();
    for (pattern, path, title, files) in [
        ("**/*.md", None, "", ["one.md", "sub/two.md"].as_slice()),
        ("*.txt", Some("sub"), "sub", &["sub/only.txt"]),
        ("*", Some(".hidden"), ".hidden", &[".hidden/three.md"]),
        ("*.nope", None, "", &[]),
        ("[", None, "", &[]),
    ] {
        let mut input = json!({"pattern": pattern});
        if let Some(path) = path {
            input["path"] = json!(path);
        }
        let output = bench.run(&Glob, input.clone()).await.expect("searched");
        let lines: Vec<_> = files.iter().map(|file| format!("{project}/{file}")).collect();
        let wanted = if lines.is_empty() {
            "No files found".to_owned()
        } else {
            lines.join("\n")
        };
        assert_eq!(
            (output.output, output.title.as_str()),
            (wanted, title),
            "{pattern}"
        );
        assert_eq!(
            Value::Object(output.metadata),
            json!({"count": files.len(), "truncated": false}),
            "{pattern}"
        );
        let recorded = bench.recorded();
        let asked = recorded.asks.last().expect("asked");
        assert_eq!(
            (asked.permission.as_str(), &asked.patterns),
            ("glob", &vec![pattern.to_owned()])
        );
        assert_eq!(Value::Object(asked.metadata.clone()), input);
    }
}

#[tokio::test]
async fn a_hundred_are_told() {
    let bench = Bench::new();
    for number in 0..100 {
        bench.write(format!("{number:03}.txt"), "");
    }
    let output = bench
        .run(&Glob, json!({"pattern": "*.txt"}))
        .await
        .expect("searched");
    let end = output.output.split_once("099.txt").expect("the last one").1;
    assert_eq!(
        end,
        "\n\n(Results are truncated: showing first 100 results. Consider using a more specific path or pattern.)"
    );
    assert_eq!(
        Value::Object(output.metadata),
        json!({"count": 100, "truncated": true})
    );
}

#[tokio::test]
async fn failures_and_the_order_of_questions() {
    let bench = Bench::new();
    bench.write("file", "");
    let path = bench.path("file").display().to_string();
    let failure = bench.run(&Glob, json!({"pattern": "*", "path": "file"})).await;
    assert_eq!(
        failure,
        Err(Failure::told(format!("glob path must be a directory: {path}")))
    );
    let nowhere = bench.path("nowhere").display().to_string();
    let failure = bench.run(&Glob, json!({"pattern": "*", "path": "nowhere"})).await;
    assert_eq!(
        failure,
        Err(Failure::told(format!("No such directory: {nowhere}")))
    );
    bench
        .run(&Glob, json!({"pattern": "*.x", "path": bench.root()}))
        .await
        .expect("searched");
    let recorded = bench.recorded();
    let permissions: Vec<_> = recorded.asks.iter().map(|ask| ask.permission.as_str()).collect();
    assert_eq!(permissions, ["glob", "glob", "glob", "external_directory"]);
    let around = bench.root().join("*").to_string_lossy().into_owned();
    assert_eq!(
        recorded.asks.last().map(|ask| ask.patterns.clone()),
        Some(vec![around])
    );
    bench.cancel.cancel();
    assert_eq!(
        bench.run(&Glob, json!({"pattern": "*"})).await,
        Err(Failure::Aborted)
    );
}
