//! Tools that look: `read`, `glob`, `grep`.

use std::os::unix::fs::symlink;

use pretty_assertions::assert_eq;

use super::*;

const DOT: &[u8] = b"\x89PNG\r\n\x1a\n....";

fn outside(bench: &Bench, name: &str, content: &str) -> String {
    let path = bench.root().join("outside").join(name);
    fs_err::create_dir_all(path.parent().expect("a folder")).expect("writable");
    fs_err::write(&path, content).expect("writable");
    path.to_string_lossy().into_owned()
}

fn address(bench: &Bench, name: &str) -> String {
    format!("file://{}", bench.path(name).display())
}

#[tokio::test]
async fn a_text_comes_whole() {
    let bench = Bench::new();
    for (name, content, shown, mime) in [
        ("a.txt", "alpha\nbeta\n", "alpha\nbeta\n", "text/plain"),
        ("empty", "", "", "application/octet-stream"),
        ("sub/i.svg", "<svg/>\n", "<svg/>\n", "image/svg+xml"),
        ("mark.md", "\u{feff}first\n", "first\n", "text/markdown"),
        ("no.png", "text\n", "text\n", "image/png"),
        ("crlf.rs", "a\r\n", "a\r\n", "application/rls-services+xml"),
    ] {
        bench.write(name, content);
        let wanted = json!({
            "uri": address(&bench, name),
            "name": name.rsplit('/').next(),
            "content": shown,
            "encoding": "utf8",
            "mime": mime,
        });
        let told = told(&bench, "read", json!({ "path": name })).await;
        assert_eq!(told, (wanted, Vec::new()), "{name}");
    }
    assert_eq!(asked(&bench)[2], ask("read", "sub/i.svg", "*"));
}

#[tokio::test]
async fn a_part_of_a_text_comes_as_a_page() {
    let bench = Bench::new();
    bench.write("a.txt", "1\n2\n3\n4\n");
    bench.write("empty.txt", "");
    bench.write("wide.txt", format!("{}\nend\n", "y".repeat(60_000)));
    let wide = format!("{}... (line truncated to 2000 chars)", "y".repeat(2000));
    for (name, offset, limit, content, next) in [
        ("a.txt", Some(2), Some(2), "2\n3".to_owned(), Some(4)),
        ("a.txt", Some(3), None, "3\n4".to_owned(), None),
        ("empty.txt", Some(1), Some(10), String::new(), None),
        ("wide.txt", None, None, format!("{wide}\nend"), None),
        ("wide.txt", None, Some(1), wide, Some(2)),
    ] {
        let mut wanted = json!({
            "type": "text-page",
            "content": content,
            "mime": "text/plain",
            "offset": offset.unwrap_or(1),
            "truncated": next.is_some(),
        });
        if let Some(next) = next {
            wanted["next"] = next.into();
        }
        let mut input = json!({ "path": name });
        for (key, value) in [("offset", offset), ("limit", limit)] {
            if let Some(value) = value {
                input[key] = value.into();
            }
        }
        let told = told(&bench, "read", input.clone()).await;
        assert_eq!(told, (wanted, Vec::new()), "{input}");
    }
}

#[tokio::test]
async fn facts_that_are_too_long_are_told_in_part() {
    let bench = Bench::new();
    bench.write("long.txt", "0123456789 \"quoted\"\n".repeat(2550));
    let output = run(&bench, "read", json!({ "path": "long.txt" })).await.unwrap();
    assert_eq!(output.output_paths.len(), 1);
    assert!(
        output.output.contains("... output truncated;"),
        "{}",
        output.output
    );
    assert!(output.output.len() <= bench.scope.truncation.max_bytes);
    assert_eq!(output.metadata["content"].as_str().map(str::len), Some(20 * 2550));
}

#[tokio::test]
async fn a_picture_comes_as_one() {
    let bench = Bench::new();
    bench.write("dot", DOT);
    let output = run(&bench, "read", json!({ "path": "dot" })).await.unwrap();
    let content = "iVBORw0KGgouLi4u";
    assert_eq!(
        Value::from(output.metadata.clone()),
        json!({
            "uri": address(&bench, "dot"),
            "name": "dot",
            "content": content,
            "encoding": "base64",
            "mime": "image/png",
        })
    );
    assert_eq!(output.output, "Image read successfully");
    let picture = &output.attachments[0];
    assert_eq!(picture.url, format!("data:image/png;base64,{content}"));
    assert_eq!(
        (picture.mime.as_str(), picture.filename.as_deref()),
        ("image/png", Some("dot"))
    );
}

#[tokio::test]
async fn a_folder_comes_by_the_page_without_links() {
    let bench = Bench::new();
    for name in ["b.txt", "a.txt", "sub/c.txt", ".hidden"] {
        bench.write(name, "");
    }
    symlink(bench.path("a.txt"), bench.path("link.txt")).expect("links can be made");
    let entry = |path: &str, kind: &str| json!({ "path": path, "type": kind });
    let all = [
        entry("sub/", "directory"),
        entry(".hidden", "file"),
        entry("a.txt", "file"),
        entry("b.txt", "file"),
    ];
    for (input, wanted) in [
        (
            json!({ "path": "." }),
            json!({ "entries": all, "truncated": false }),
        ),
        (
            json!({ "path": "" }),
            json!({ "entries": all, "truncated": false }),
        ),
        (
            json!({ "path": ".", "limit": 2 }),
            json!({ "entries": all[..2], "truncated": true, "next": 3 }),
        ),
        (
            json!({ "path": ".", "offset": 4, "limit": 2 }),
            json!({ "entries": all[3..], "truncated": false }),
        ),
        (
            json!({ "path": "sub", "offset": 50 }),
            json!({ "entries": [], "truncated": false }),
        ),
    ] {
        let told = told(&bench, "read", input.clone()).await;
        assert_eq!(told, (wanted, Vec::new()), "{input}");
    }
    assert_eq!(asked(&bench)[0], ask("read", ".", "*"));
}

#[tokio::test]
async fn what_cannot_be_read_is_told() {
    let bench = Bench::new();
    bench.write("zero", b"a\0b");
    bench.write("a.zip", "text");
    bench.write("a.pdf", "%PDF-1.4\n");
    bench.write("latin.txt", b"caf\xe9\n");
    bench.write("a.txt", "1\n2\n");
    for (input, wanted) in [
        (
            json!({ "path": "none.txt" }),
            "Unable to read none.txt: there is no",
        ),
        (json!({ "path": "a.txt/below" }), "Unable to read a.txt/below"),
        (json!({ "path": "zero" }), "Cannot read binary file: zero"),
        (json!({ "path": "a.zip" }), "Cannot read binary file: a.zip"),
        (json!({ "path": "a.pdf" }), "Cannot read binary file: a.pdf"),
        (
            json!({ "path": "latin.txt" }),
            "Unable to read latin.txt: it is not UTF-8",
        ),
        (
            json!({ "path": "a.txt", "offset": 3 }),
            "Unable to read a.txt: it has only 2 lines",
        ),
    ] {
        let told = failed(&bench, "read", input.clone()).await;
        assert!(told.starts_with(wanted), "{input}: {told}");
    }
    // Nobody is asked about what is not there.
    assert_eq!(asked(&bench).len(), 5);
}

#[tokio::test]
async fn a_place_outside_is_named_by_its_absolute_path_and_asked_for() {
    let bench = Bench::new();
    let path = outside(&bench, "o.txt", "far\n");
    let folder = bench.root().join("outside/*").to_string_lossy().into_owned();
    symlink(&path, bench.path("link.txt")).expect("links can be made");
    for (tool, input) in [
        ("read", json!({ "path": "../outside/o.txt" })),
        ("read", json!({ "path": "link.txt" })),
        (
            "edit",
            json!({ "path": "link.txt", "oldString": "far", "newString": "near" }),
        ),
        ("write", json!({ "path": "../outside/o.txt", "content": "" })),
        (
            "apply_patch",
            json!({ "patchText": "*** Begin Patch\n*** Delete File: ../outside/o.txt\n*** End Patch" }),
        ),
        ("bash", json!({ "command": "pwd", "workdir": "../outside" })),
    ] {
        let told = failed(&bench, tool, input.clone()).await;
        assert!(
            told.contains("of the session's folder") || told.contains("outside the session's folder"),
            "{input}: {told}"
        );
        assert_eq!(asked(&bench), [], "{input}");
    }
    for (tool, input) in [
        ("glob", json!({ "pattern": "*", "path": "../outside" })),
        ("grep", json!({ "pattern": "far", "path": "../outside" })),
    ] {
        failed(&bench, tool, input).await;
    }
    let before = asked(&bench).len();
    let (facts, _) = told(&bench, "read", json!({ "path": path })).await;
    assert_eq!(facts["content"], "far\n");
    assert_eq!(
        asked(&bench)[before..],
        [
            ask("external_directory", &folder, &folder),
            ask("read", &path, "*")
        ]
    );
}

#[tokio::test]
async fn files_are_found_by_name() {
    let bench = Bench::new();
    for name in ["a.md", "sub/b.md", "sub/c.txt", ".hidden/d.md"] {
        bench.write(name, "");
    }
    let entry = |path: &str| json!({ "path": path, "type": "file" });
    let full = |path: &str| bench.path(path).to_string_lossy().into_owned();
    for (input, paths) in [
        (json!({ "pattern": "**/*.md" }), &["a.md", "sub/b.md"][..]),
        (json!({ "pattern": "**/*.md", "limit": 1 }), &["a.md"]),
        (json!({ "pattern": "*.md", "path": "sub" }), &["sub/b.md"]),
        (json!({ "pattern": "*.none" }), &[]),
        (json!({ "pattern": "[z" }), &[]),
    ] {
        let (facts, texts) = told(&bench, "glob", input.clone()).await;
        let wanted: Vec<Value> = paths.iter().map(|path| entry(path)).collect();
        assert_eq!(facts, json!({ "value": wanted }), "{input}");
        let lines: Vec<String> = paths.iter().map(|path| full(path)).collect();
        let text = if lines.is_empty() {
            "No files found".into()
        } else {
            lines.join("\n")
        };
        assert_eq!(texts, [text], "{input}");
    }
    assert_eq!(asked(&bench)[0], ask("glob", "**/*.md", "*"));
    for path in ["a.md", "none"] {
        failed(&bench, "glob", json!({ "pattern": "*", "path": path })).await;
    }
}

#[tokio::test]
async fn lines_are_found_by_content() {
    let bench = Bench::new();
    bench.write("sub/b.md", "needle here\nsecond needle needle\n");
    bench.write("sub/b.mdx", "needle\n");
    let part = |start: usize| json!({ "text": "needle", "start": start, "end": start + 6 });
    let found = |path: &str, line: u64, offset: u64, text: &str, parts: &[usize]| {
        json!({
            "entry": { "path": path, "type": "file" },
            "line": line,
            "offset": offset,
            "text": text,
            "submatches": parts.iter().map(|start| part(*start)).collect::<Vec<_>>(),
        })
    };
    let first = found("sub/b.md", 1, 0, "needle here\n", &[0]);
    let second = found("sub/b.md", 2, 12, "second needle needle\n", &[7, 14]);
    let other = found("sub/b.mdx", 1, 0, "needle\n", &[0]);
    for (input, wanted) in [
        (json!({ "pattern": "needle" }), vec![&first, &second, &other]),
        (json!({ "pattern": "needle", "limit": 2 }), vec![&first, &second]),
        (
            json!({ "pattern": "needle", "path": "sub", "include": "*.mdx" }),
            vec![&other],
        ),
        // Of a file only that is searched, not what lies beside it.
        (
            json!({ "pattern": "needle", "path": "sub/b.md" }),
            vec![&first, &second],
        ),
        (json!({ "pattern": "nothing" }), vec![]),
        (json!({ "pattern": "e", "include": "[z" }), vec![]),
    ] {
        let (facts, texts) = told(&bench, "grep", input.clone()).await;
        assert_eq!(facts, json!({ "value": wanted }), "{input}");
        if wanted.is_empty() {
            assert_eq!(texts, ["No files found"], "{input}");
        } else {
            let start = format!(
                "Found {} matches\n{}",
                wanted.len(),
                bench.path("sub/b.md").display()
            );
            assert!(texts[0].starts_with(&start), "{input}: {texts:?}");
        }
    }
    assert_eq!(asked(&bench)[0], ask("grep", "needle", "*"));
    for input in [
        json!({ "pattern": "" }),
        json!({ "pattern": "(" }),
        json!({ "pattern": "a", "path": "none" }),
    ] {
        failed(&bench, "grep", input).await;
    }
}

#[tokio::test]
async fn the_file_that_is_searched_may_have_any_name() {
    let bench = Bench::new();
    for name in ["a[1]*{x}.txt", "!b.txt", "ä ö.txt", ".hidden"] {
        bench.write(name, "needle\n");
        bench.write(format!("near-{name}"), "needle\n");
        let (facts, _) = told(&bench, "grep", json!({ "pattern": "needle", "path": name })).await;
        let values = facts["value"].as_array().expect("a list");
        assert_eq!(values.len(), 1, "{name}");
        assert_eq!(values[0]["entry"]["path"], name);
    }
}
