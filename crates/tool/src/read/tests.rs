use std::path::PathBuf;

use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::testing::Bench;

#[test]
fn the_model_is_told_this() {
    let definition = Read.definition(&Bench::new().scope);
    insta::assert_json_snapshot!(definition.parameters, @r#"
    {
      "type": "object",
      "properties": {
        "filePath": {
          "type": "string",
          "description": "Absolute path"
        },
        "offset": {
          "type": "integer",
          "minimum": 0,
          "maximum": 9007199254740991,
          "description": "First line, from 1"
        },
        "limit": {
          "type": "integer",
          "minimum": 0,
          "maximum": 9007199254740991,
          "description": "Lines (default 2000)"
        }
      },
      "required": [
        "filePath"
      ],
      "$schema": "https://json-schema.org/draft/2020-12/schema"
    }
    "#);
    assert!(!definition.description.is_empty());
}

#[tokio::test]
async fn pages_of_a_file() {
    let bench = Bench::new();
    let path = bench
        .write("a.txt", "one\ntwo\nthree\nfour\nfive\n")
        .display()
        .to_string();
    for (offset, limit, numbered, footer, display) in [
        (
            json!(null),
            json!(null),
            "1: one\n2: two\n3: three\n4: four\n5: five",
            "(End of file - total 5 lines)",
            ("one\ntwo\nthree\nfour\nfive", 1, 5, false),
        ),
        (
            json!(2),
            json!(2),
            "2: two\n3: three",
            "(Showing lines 2-3 of 5. Use offset=4 to continue.)",
            ("two\nthree", 2, 3, true),
        ),
        (
            json!(0),
            json!(1.0),
            "1: one",
            "(Showing lines 1-1 of 5. Use offset=2 to continue.)",
            ("one", 1, 1, true),
        ),
        (
            json!(1),
            json!(0),
            "",
            "(Showing lines 1-0 of 5. Use offset=1 to continue.)",
            ("", 1, 0, true),
        ),
    ] {
        let input = json!({"filePath": "a.txt", "offset": offset, "limit": limit});
        let output = bench.run(&Read, input).await.expect("read");
        assert_eq!(
            output.output,
            format!("<path>{path}</path>\n<type>file</type>\n<content>\n{numbered}\n\n{footer}\n</content>")
        );
        let (text, start, end, truncated) = display;
        let display = json!({"type": "file", "path": path, "text": text, "lineStart": start, "lineEnd": end, "totalLines": 5, "truncated": truncated});
        let metadata = json!({"preview": text, "truncated": truncated, "loaded": [], "display": display});
        assert_eq!(
            serde_json::to_string(&output.metadata).expect("JSON"),
            metadata.to_string()
        );
        assert_eq!(output.title, "a.txt");
    }
    let wanted = Ask {
        permission: "read".into(),
        patterns: vec!["a.txt".into()],
        always: vec!["*".into()],
        ..Ask::default()
    };
    assert_eq!(bench.recorded().asks, vec![wanted; 4]);
    let output = bench
        .run(&Read, json!({"filePath": bench.write("empty", "")}))
        .await
        .expect("read");
    assert!(
        output
            .output
            .ends_with("<content>\n\n\n(End of file - total 0 lines)\n</content>")
    );
}

#[tokio::test]
async fn a_page_has_a_limit_of_bytes() {
    let bench = Bench::new();
    bench.write("wide.txt", format!("{}\n", "x".repeat(1000)).repeat(100));
    let output = bench
        .run(&Read, json!({"filePath": "wide.txt", "offset": 3}))
        .await
        .expect("read");
    assert!(output.output.ends_with(
        "\n\n(Output capped at 50 KB. Showing lines 3-53. Use offset=54 to continue.)\n</content>"
    ));
    let display = output.metadata.get("display").expect("told");
    assert_eq!(
        (&display["lineEnd"], &display["totalLines"], &display["truncated"]),
        (&json!(53), &json!(54), &json!(true))
    );
    let preview = output
        .metadata
        .get("preview")
        .and_then(Value::as_str)
        .expect("told");
    assert_eq!(preview.lines().count(), 20);
}

#[tokio::test]
async fn pages_of_a_folder() {
    let bench = Bench::new();
    for path in ["src/main.rs", "src/Lib.rs", "src/sub/x.txt", "src/.hidden"] {
        bench.write(path, "");
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink("sub", bench.path("src/to-sub")).expect("links can be made");
    let path = bench.path("src").display().to_string();
    for (input, listing, entries, offset, truncated) in [
        (
            json!({"filePath": "src"}),
            ".hidden\nLib.rs\nmain.rs\nsub/\nto-sub/\n\n(5 entries)",
            json!([".hidden", "Lib.rs", "main.rs", "sub/", "to-sub/"]),
            1,
            false,
        ),
        (
            json!({"filePath": "src", "offset": 2, "limit": 1}),
            "Lib.rs\n\n(Showing 1 of 5 entries. Use 'offset' parameter to read beyond entry 3)",
            json!(["Lib.rs"]),
            2,
            true,
        ),
        (
            json!({"filePath": "src", "offset": 9}),
            "\n\n(5 entries)",
            json!([]),
            9,
            false,
        ),
    ] {
        let output = bench.run(&Read, input).await.expect("read");
        assert_eq!(
            output.output,
            format!("<path>{path}</path>\n<type>directory</type>\n<entries>\n{listing}\n</entries>")
        );
        let display = json!({"type": "directory", "path": path, "entries": entries, "offset": offset, "totalEntries": 5, "truncated": truncated});
        assert_eq!(output.metadata.get("display"), Some(&display));
    }
}

#[tokio::test]
async fn pictures_and_documents_are_attached() {
    let bench = Bench::new();
    bench.write("dot.png", b"\x89PNG\r\n\x1a\nrest");
    let output = bench
        .run(&Read, json!({"filePath": "dot.png"}))
        .await
        .expect("read");
    let metadata = json!({"preview": "Image read successfully", "truncated": false, "loaded": []});
    assert_eq!(
        (output.output.as_str(), Value::Object(output.metadata)),
        ("Image read successfully", metadata)
    );
    let attached = crate::contract::Attachment {
        mime: "image/png".into(),
        url: "data:image/png;base64,iVBORw0KGgpyZXN0".into(),
        filename: None,
    };
    assert_eq!(output.attachments, [attached]);
    bench.write("paper.pdf", "%PDF-");
    let output = bench
        .run(&Read, json!({"filePath": "paper.pdf"}))
        .await
        .expect("read");
    assert_eq!(
        (output.output.as_str(), output.attachments.len()),
        ("PDF read successfully", 1)
    );
    let giant = fs_err::OpenOptions::new()
        .write(true)
        .open(bench.path("dot.png"))
        .expect("ours");
    giant.set_len(5 << 30).expect("files can have holes");
    let failure = bench.run(&Read, json!({"filePath": "dot.png"})).await;
    assert!(matches!(failure, Err(Failure::Told(text)) if text.contains("too large")));
}

#[tokio::test]
async fn failures() {
    let bench = Bench::new();
    bench.write("src/main.rs", "");
    bench.write("src/Main.c", "");
    bench.write("a.txt", "1\n2\n");
    bench.write("empty", "");
    let project = bench.scope.directory.display().to_string();
    for (input, wanted) in [
        (
            json!({"filePath": "nowhere/at/all.txt"}),
            format!("File not found: {project}/nowhere/at/all.txt"),
        ),
        (
            json!({"filePath": "src/MAIN"}),
            format!(
                "File not found: {project}/src/MAIN\n\nDid you mean one of these?\n{project}/src/Main.c\n{project}/src/main.rs"
            ),
        ),
        (
            json!({"filePath": "a.txt/below"}),
            format!("File not found: {project}/a.txt/below"),
        ),
        (
            json!({"filePath": "a.txt", "offset": 9}),
            "Offset 9 is out of range for this file (2 lines)".into(),
        ),
        (
            json!({"filePath": "empty", "offset": 2}),
            "Offset 2 is out of range for this file (0 lines)".into(),
        ),
        (
            json!({"filePath": bench.write("zero", b"ab\0")}),
            format!("Cannot read binary file: {project}/zero"),
        ),
    ] {
        assert_eq!(bench.run(&Read, input).await, Err(Failure::Told(wanted)));
    }
    for (key, value) in [
        ("offset", json!(-1)),
        ("offset", json!(1.5)),
        ("limit", json!("2")),
        ("limit", json!(1e300)),
    ] {
        let failure = bench.run(&Read, json!({"filePath": "a.txt", key: value})).await;
        assert!(
            matches!(failure, Err(Failure::Told(text)) if text.contains(key)),
            "{key} {value}"
        );
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_never_ends_is_refused_and_what_looks_empty_is_read() {
    let bench = Bench::new();
    let pipe = bench.path("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .expect("pipes can be made");
    for path in [pipe, PathBuf::from("/dev/zero")] {
        let failure = page(&bench.scope, &path, None, None).await;
        assert_eq!(
            failure,
            Err(Failure::told(format!("{} is not a regular file", path.display())))
        );
    }
    let output = page(&bench.scope, "/proc/self/status".as_ref(), None, Some(1))
        .await
        .expect("read");
    assert!(output.output.contains("\n1: Name:"), "{}", output.output);
}

#[tokio::test]
async fn outside_is_asked_first() {
    let bench = Bench::asking(|ask| match ask.permission.as_str() {
        "read" => Err(Failure::told("not this one")),
        _ => Ok(()),
    });
    let outside = bench.root().join("data");
    for (path, around) in [(bench.root(), bench.root()), (outside, bench.root())] {
        assert_eq!(
            bench.run(&Read, json!({"filePath": path})).await,
            Err(Failure::told("not this one"))
        );
        let recorded = bench.recorded();
        let last: Vec<_> = recorded
            .asks
            .iter()
            .rev()
            .take(2)
            .map(|ask| (ask.permission.as_str(), ask.patterns.concat()))
            .collect();
        let relative = bench.scope.relative(&path);
        assert_eq!(
            last,
            [
                ("read", relative),
                ("external_directory", around.join("*").display().to_string())
            ]
        );
    }
}

#[tokio::test]
async fn rules_are_told_once_with_the_first_file_they_concern() {
    let bench = Bench::new();
    bench.write("AGENTS.md", "of everything");
    bench.write("pkg/AGENTS.md", "of the package\n");
    bench.write("pkg/CLAUDE.md", "never");
    bench.write("pkg/sub/CONTEXT.md", "of the part\n");
    bench.write("pkg/blank/AGENTS.md", "");
    bench.write("pkg/other/AGENTS.md", "of the other");
    for path in [
        "pkg/sub/a.ts",
        "pkg/sub/b.ts",
        "pkg/blank/c.ts",
        "pkg/other/d.pdf",
        "pkg/other/e.ts",
        "top.ts",
    ] {
        bench.write(path, "x\n");
    }
    let read = async |path: &str| {
        let output = bench.run(&Read, json!({"filePath": path})).await.expect("read");
        let told = output
            .output
            .split_once("</content>")
            .map(|(_, told)| told.to_owned());
        (told, output.metadata.get("loaded").cloned().expect("told"))
    };
    let part = bench.path("pkg/sub/CONTEXT.md").display().to_string();
    let package = bench.path("pkg/AGENTS.md").display().to_string();
    let told = format!(
        "\n\n<system-reminder>\nInstructions from: {part}\nof the part\n\n\nInstructions from: {package}\nof the package\n\n</system-reminder>"
    );
    assert_eq!(read("top.ts").await, (Some(String::new()), json!([])));
    assert_eq!(read("pkg/sub/a.ts").await, (Some(told), json!([part, package])));
    assert_eq!(read("pkg/sub/b.ts").await, (Some(String::new()), json!([])));
    assert_eq!(read("pkg/blank/c.ts").await, (Some(String::new()), json!([])));

    let other = bench.path("pkg/other/AGENTS.md").display().to_string();
    let picture = bench
        .run(&Read, json!({"filePath": "pkg/other/d.pdf"}))
        .await
        .expect("read");
    assert_eq!(
        (picture.output.as_str(), picture.metadata.get("loaded")),
        ("PDF read successfully", Some(&json!([other])))
    );
    assert_eq!(read("pkg/other/e.ts").await, (Some(String::new()), json!([])));
}

#[tokio::test]
async fn a_stopped_call_ends() {
    let bench = Bench::new();
    let path = bench.write("giant", "");
    let giant = fs_err::OpenOptions::new().write(true).open(path).expect("ours");
    giant.set_len(1 << 40).expect("files can have holes");
    // A hole reads as NULs, so the sample needs something else in it.
    std::io::Write::write_all(&mut giant.into_parts().0, &[b'x'; 5000]).expect("writable");
    bench.cancel.cancel();
    let ended = bench.run(&Read, json!({"filePath": "giant"})).await;
    assert_eq!(ended, Err(Failure::Aborted));
}
