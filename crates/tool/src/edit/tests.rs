use std::sync::Arc;

use opencode_schema::event::EventBody;
use pretty_assertions::assert_eq;

use super::*;
use crate::testing::Bench;
use crate::write::tests::patch;

#[test]
fn the_model_is_told_this() {
    let definition = Edit.definition(&Bench::new().scope);
    insta::assert_json_snapshot!(definition.parameters, @r#"
    {
      "type": "object",
      "properties": {
        "filePath": {
          "type": "string",
          "description": "Absolute path"
        },
        "oldString": {
          "type": "string",
          "description": "Text to replace"
        },
        "newString": {
          "type": "string",
          "description": "Text to put there, not the same"
        },
        "replaceAll": {
          "type": "boolean",
          "description": "Replace every occurrence"
        }
      },
      "required": [
        "filePath",
        "oldString",
        "newString"
      ],
      "$schema": "https://json-schema.org/draft/2020-12/schema"
    }
    "#);
    assert!(!definition.description.is_empty());
}

async fn edited(bench: &Bench, old: &str, new: &str, all: bool) -> Result<Output, Failure> {
    bench
        .run(
            &Edit,
            json!({"filePath": "file", "oldString": old, "newString": new, "replaceAll": all}),
        )
        .await
}

#[tokio::test]
async fn results_asks_and_events() {
    let bench = Bench::new();
    let path = bench.write("file", "alpha\nbeta\n");
    let output = edited(&bench, "beta", "BETA", false).await.expect("edited");
    let file = path.to_string_lossy().into_owned();
    let diff = patch(&path, "@@ -1,2 +1,2 @@\n alpha\n-beta\n+BETA\n");
    let filediff = json!({"file": file, "patch": diff, "additions": 1, "deletions": 1});
    let wanted = json!({"diagnostics": {}, "diff": diff, "filediff": filediff});
    assert_eq!(
        serde_json::to_string(&output.metadata).expect("JSON"),
        wanted.to_string()
    );
    assert_eq!(
        (output.title.as_str(), output.output.as_str()),
        ("file", "Edit applied successfully.")
    );
    let recorded = bench.recorded();
    let asked = recorded.asks.first().expect("asked");
    assert_eq!(
        (asked.permission.as_str(), &asked.patterns, &asked.always),
        ("edit", &vec!["file".into()], &vec!["*".into()])
    );
    assert_eq!(
        Value::Object(asked.metadata.clone()),
        json!({"filepath": file, "diff": diff})
    );
    let progress = json!({"diff": diff, "filediff": filediff, "diagnostics": {}});
    assert_eq!(
        recorded.progress,
        [(None, progress.as_object().cloned().expect("an object"))]
    );
    let events = [
        EventBody::FileEdited { file: file.clone() },
        EventBody::FileWatcherUpdated {
            file,
            event: FileChange::Change,
        },
    ];
    assert_eq!(recorded.announced, events);
}

#[tokio::test]
async fn files_keep_what_they_are() {
    let bench = Bench::new();
    for (name, before, old, new, all, after, counts) in [
        (
            "CRLF",
            b"one\r\ntwo\r\nthree\r\n".as_slice(),
            "one\ntwo",
            "1\n2",
            false,
            b"1\r\n2\r\nthree\r\n".as_slice(),
            (2, 2),
        ),
        (
            "CRLF given",
            b"a\r\nb\r\n",
            "a\r\nb",
            "c",
            false,
            b"c\r\n",
            (1, 2),
        ),
        (
            "mixed line ends",
            b"a\r\nb\nc\r\n",
            "b",
            "B\nBB",
            false,
            b"a\r\nB\r\nBB\nc\r\n",
            (2, 1),
        ),
        (
            "mark",
            b"\xef\xbb\xbffirst\n",
            "first",
            "second",
            false,
            b"\xef\xbb\xbfsecond\n",
            (1, 1),
        ),
        (
            "mark given",
            b"first\n",
            "first",
            "\u{feff}second",
            false,
            b"\xef\xbb\xbfsecond\n",
            (1, 1),
        ),
        (
            "not UTF-8",
            b"caf\xe9\nold\n\xff\n",
            "old",
            "new",
            false,
            b"caf\xe9\nnew\n\xff\n",
            (1, 1),
        ),
        (
            "not UTF-8, all",
            b"x\xe9x\n",
            "x",
            "<$`>",
            true,
            b"<>\xe9<x\xe9>\n",
            (1, 1),
        ),
        ("patterns only for all", b"a\n", "a", "$&", false, b"$&\n", (1, 1)),
        (
            "tolerant",
            b"  if a {\n    b\n  }\n",
            "if a {\nb\n}",
            "c",
            false,
            b"c\n",
            (1, 3),
        ),
    ] {
        bench.write("file", before);
        let output = edited(&bench, old, new, all).await.expect(name);
        assert_eq!(
            fs_err::read(bench.path("file")).expect("it is there"),
            after,
            "{name}"
        );
        let filediff = output.metadata.get("filediff").expect("always told");
        let number = |key: &str| filediff.get(key).and_then(Value::as_u64).expect("a number");
        assert_eq!((number("additions"), number("deletions")), counts, "{name}");
    }
}

#[tokio::test]
async fn an_empty_old_string_makes_a_file_but_not_over_one() {
    let bench = Bench::new();
    let input = json!({"filePath": "made/new.txt", "oldString": "", "newString": "\u{feff}fresh\n"});
    let output = bench.run(&Edit, input.clone()).await.expect("made");
    assert_eq!(bench.read("made/new.txt"), "\u{feff}fresh\n");
    let path = bench.path("made/new.txt");
    assert_eq!(
        output.metadata.get("diff"),
        Some(&json!(patch(&path, "@@ -0,0 +1,1 @@\n+fresh\n")))
    );
    let file = path.to_string_lossy().into_owned();
    let event = EventBody::FileWatcherUpdated {
        file,
        event: FileChange::Add,
    };
    assert_eq!(bench.recorded().announced.last(), Some(&event));
    assert!(matches!(bench.run(&Edit, input).await, Err(Failure::Told(text)) if text.contains("write")));
}

#[tokio::test]
async fn failures() {
    let bench = Bench::new();
    bench.write("file", "x = x\n");
    bench.write("folder/inside", "");
    let gone = bench.path("gone").display().to_string();
    let folder = bench.path("folder").display().to_string();
    let missing = "Could not find oldString in the file. It must match exactly, including whitespace, indentation, and line endings.";
    let several =
        "Found multiple matches for oldString. Provide more surrounding context to make the match unique.";
    let same = "No changes to apply: oldString and newString are identical.";
    for (path, old, new, wanted) in [
        ("", "a", "b", "filePath is required"),
        ("file", "a", "a", same),
        ("gone", "a", "b", &format!("File {gone} not found")),
        (
            "folder",
            "a",
            "b",
            &format!("Path is a directory, not a file: {folder}"),
        ),
        ("file", "x", "y", several),
        ("file", "nothing like it", "y", missing),
    ] {
        let failure = bench
            .run(
                &Edit,
                json!({"filePath": path, "oldString": old, "newString": new}),
            )
            .await;
        assert_eq!(failure, Err(Failure::told(wanted)));
    }
    bench.write("file", "a\r\nb\r\n");
    assert_eq!(
        edited(&bench, "a\nb", "a\r\nb", false).await,
        Err(Failure::told(same))
    );
    let giant = fs_err::OpenOptions::new()
        .write(true)
        .open(bench.path("file"))
        .expect("ours");
    giant.set_len(5 << 30).expect("files can have holes");
    assert!(
        matches!(edited(&bench, "a", "b", false).await, Err(Failure::Told(text)) if text.contains("too large"))
    );
    assert_eq!(bench.recorded().asks, []);
}

#[tokio::test]
async fn a_change_by_somebody_else_is_not_lost() {
    let changed = Arc::new(std::sync::OnceLock::<std::path::PathBuf>::new());
    let bench = Bench::asking({
        let changed = Arc::clone(&changed);
        move |_| {
            fs_err::write(changed.get().expect("set before"), "theirs\n").expect("writable");
            Ok(())
        }
    });
    changed.set(bench.write("file", "ours\n")).expect("set once");
    assert!(
        matches!(edited(&bench, "ours", "mine", false).await, Err(Failure::Told(text)) if text.contains("somebody else"))
    );
    assert_eq!(
        (bench.read("file").as_str(), bench.recorded().announced.len()),
        ("theirs\n", 0)
    );
}

#[tokio::test]
async fn edits_side_by_side_are_all_made() {
    let bench = Bench::new();
    bench.write(
        "file",
        (0..20).map(|number| format!("<{number}>\n")).collect::<String>(),
    );
    let edits = (0..20).map(|number| {
        let bench = &bench;
        async move {
            edited(bench, &format!("<{number}>"), &format!("[{number}]"), false)
                .await
                .expect("edited")
        }
    });
    futures_util::future::join_all(edits).await;
    assert_eq!(
        bench.read("file"),
        (0..20).map(|number| format!("[{number}]\n")).collect::<String>()
    );
}

#[tokio::test]
async fn a_stopped_call_changes_nothing() {
    let bench = Bench::asking(|_| Err(Failure::Aborted));
    bench.write("file", "a\n");
    assert_eq!(edited(&bench, "a", "b", false).await, Err(Failure::Aborted));
    assert_eq!(bench.read("file"), "a\n");
}
