use std::sync::Arc;

use pretty_assertions::assert_eq;

use serde_json::json;

use super::*;
use crate::testing::Bench;

fn ask(permission: &str, pattern: &str, always: &str, metadata: Value) -> Ask {
    let Value::Object(metadata) = metadata else {
        panic!("metadata is an object")
    };
    Ask {
        permission: permission.into(),
        patterns: vec![pattern.into()],
        always: vec![always.into()],
        metadata,
    }
}

/// A patch as the tools write it.
pub(crate) fn patch(path: &Path, body: &str) -> String {
    let (path, rule) = (path.display(), "=".repeat(67));
    format!("Index: {path}\n{rule}\n--- {path}\n+++ {path}\n{body}")
}

#[test]
fn the_model_is_told_this() {
    let definition = Write.definition(&Bench::new().scope);
    insta::assert_json_snapshot!(definition.parameters, @r#"
    {
      "type": "object",
      "properties": {
        "content": {
          "type": "string",
          "description": "All of the file's text"
        },
        "filePath": {
          "type": "string",
          "description": "Absolute path"
        }
      },
      "required": [
        "content",
        "filePath"
      ],
      "$schema": "https://json-schema.org/draft/2020-12/schema"
    }
    "#);
    assert!(!definition.description.is_empty());
}

#[tokio::test]
async fn a_new_file() {
    let bench = Bench::new();
    let output = bench
        .run(&Write, json!({"filePath": "new/dir/a.txt", "content": "alpha\n"}))
        .await;
    let path = bench.path("new/dir/a.txt");
    let file = path.to_string_lossy().into_owned();
    let output = output.expect("written");
    assert_eq!(
        (output.title.as_str(), output.output.as_str()),
        ("new/dir/a.txt", "Wrote file successfully.")
    );
    let metadata = serde_json::to_string(&output.metadata).expect("JSON");
    assert_eq!(
        metadata,
        format!(r#"{{"diagnostics":{{}},"filepath":"{file}","exists":false}}"#)
    );
    assert_eq!(bench.read("new/dir/a.txt"), "alpha\n");
    let diff = patch(&path, "@@ -0,0 +1,1 @@\n+alpha\n");
    let recorded = bench.recorded();
    assert_eq!(
        recorded.asks,
        [ask(
            "edit",
            "new/dir/a.txt",
            "*",
            json!({"filepath": file, "diff": diff})
        )]
    );
    let events = [
        EventBody::FileEdited { file: file.clone() },
        EventBody::FileWatcherUpdated {
            file,
            event: FileChange::Add,
        },
    ];
    assert_eq!(
        (recorded.announced.as_slice(), recorded.progress.len()),
        (events.as_slice(), 0)
    );
}

#[tokio::test]
async fn a_file_that_was_there() {
    let bench = Bench::new();
    for (name, before, content, after, body) in [
        (
            "changed",
            "before\n",
            "changed\nend",
            "changed\nend",
            "@@ -1,1 +1,2 @@\n-before\n+changed\n+end\n\\ No newline at end of file\n",
        ),
        ("the same", "same\n", "same\n", "same\n", ""),
        ("emptied", "a\n", "", "", "@@ -1,1 +0,0 @@\n-a\n"),
        (
            "mark stays",
            "\u{feff}a\n",
            "b\n",
            "\u{feff}b\n",
            "@@ -1,1 +1,1 @@\n-a\n+b\n",
        ),
        (
            "mark comes",
            "a\n",
            "\u{feff}b\n",
            "\u{feff}b\n",
            "@@ -1,1 +1,1 @@\n-a\n+b\n",
        ),
        (
            "line ends as written",
            "a\r\n",
            "a\n",
            "a\n",
            "@@ -1,1 +1,1 @@\n-a\r\n+a\n",
        ),
    ] {
        let path = bench.write("file", before);
        let output = bench
            .run(&Write, json!({"filePath": path, "content": content}))
            .await
            .expect("written");
        assert_eq!(output.metadata.get("exists"), Some(&json!(true)), "{name}");
        assert_eq!(bench.read("file"), after, "{name}");
        let recorded = bench.recorded();
        let diff = recorded.asks.last().and_then(|ask| ask.metadata.get("diff"));
        assert_eq!(diff, Some(&json!(patch(&path, body))), "{name}");
        let file = path.to_string_lossy().into_owned();
        let event = EventBody::FileWatcherUpdated {
            file,
            event: FileChange::Change,
        };
        assert_eq!(recorded.announced.last(), Some(&event), "{name}");
    }
}

#[tokio::test]
async fn outside_is_asked_first_and_no_means_no() {
    let bench = Bench::asking(|ask| match ask.permission.as_str() {
        "edit" => Err(Failure::told("not this one")),
        _ => Ok(()),
    });
    let path = bench.root().join("outside.txt");
    let failure = bench.run(&Write, json!({"filePath": path, "content": "x"})).await;
    assert_eq!(failure, Err(Failure::told("not this one")));
    assert!(!path.exists());
    let permissions: Vec<_> = bench
        .recorded()
        .asks
        .into_iter()
        .map(|ask| (ask.permission, ask.patterns))
        .collect();
    let around = bench.root().join("*").to_string_lossy().into_owned();
    let wanted = [("external_directory", around), ("edit", "../outside.txt".into())];
    assert_eq!(
        permissions,
        wanted.map(|(permission, pattern)| (permission.to_owned(), vec![pattern]))
    );
    assert_eq!(bench.recorded().announced, []);
}

#[tokio::test]
async fn what_is_no_file_fails() {
    let bench = Bench::new();
    bench.write("folder/file", "");
    let folder = bench.path("folder");
    let failure = bench
        .run(&Write, json!({"filePath": "folder", "content": ""}))
        .await;
    assert_eq!(failure, Err(is_folder(&folder)));
    let failure = bench
        .run(&Write, json!({"filePath": "folder/file/below", "content": ""}))
        .await;
    assert!(matches!(failure, Err(Failure::Told(text)) if text.starts_with("Cannot write ")));
    let failure = bench.run(&Write, json!({"filePath": "a"})).await;
    assert!(matches!(failure, Err(Failure::Told(text)) if text.contains("`content`")));
}

#[tokio::test]
async fn a_giant_is_replaced_without_being_read() {
    let bench = Bench::new();
    let path = bench.write("giant", "");
    let giant = fs_err::OpenOptions::new().write(true).open(&path).expect("ours");
    giant.set_len(5 << 30).expect("files can have holes");
    let place = Place::of(&path).expect("no links");
    assert_eq!(load(&place).await, Ok(Existing::TooLarge(false)));
    bench
        .run(&Write, json!({"filePath": "giant", "content": "small\n"}))
        .await
        .expect("written");
    assert_eq!(bench.read("giant"), "small\n");
}

#[tokio::test]
async fn calls_wait_for_each_other() {
    let bench = Arc::new(Bench::new());
    bench.write("list", "");
    let writers = (0..20).map(|number| {
        let bench = Arc::clone(&bench);
        async move {
            let input = json!({"filePath": "list", "content": number.to_string().repeat(1000)});
            bench.run(&Write, input).await.expect("written");
        }
    });
    futures_util::future::join_all(writers).await;
    let content = bench.read("list");
    assert!((0..20).any(|number: i32| content == number.to_string().repeat(1000)));
}
