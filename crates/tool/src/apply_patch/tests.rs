use std::sync::Arc;

use pretty_assertions::assert_eq;

use super::*;
use crate::testing::Bench;
use crate::write::tests::patch;

async fn patched(bench: &Bench, body: &str) -> Result<Output, Failure> {
    let text = format!("*** Begin Patch\n{body}*** End Patch");
    bench.run(&ApplyPatch, json!({ "patchText": text })).await
}

fn told(result: Result<Output, Failure>) -> String {
    match result {
        Err(Failure::Told(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn results_asks_and_events() {
    let bench = Bench::new();
    let [a, b, c] = [("a.txt", "1\nold\n"), ("b.txt", "bee\n"), ("c.txt", "bye\n")]
        .map(|(name, text)| bench.write(name, text));
    let root = a.parent().expect("a folder").to_owned();
    let body = "*** Add File: docs/n.md\n+# Title\n*** Update File: a.txt\n@@ 1\n-old\n+new\n\
                *** Update File: b.txt\n*** Move to: moved/b.txt\n@@\n-bee\n+BEE\n*** Delete File: c.txt\n";
    let output = patched(&bench, body).await.expect("patched");

    let summary = "Success. Updated the following files:\nA docs/n.md\nM a.txt\nM moved/b.txt\nD c.txt";
    assert_eq!(
        (output.title.as_str(), output.output.as_str()),
        (summary, summary)
    );
    let (n, moved) = (root.join("docs/n.md"), root.join("moved/b.txt"));
    let patches = [
        patch(&n, "@@ -0,0 +1,1 @@\n+# Title\n"),
        patch(&a, "@@ -1,2 +1,2 @@\n 1\n-old\n+new\n"),
        patch(&b, "@@ -1,1 +1,1 @@\n-bee\n+BEE\n"),
        patch(&c, "@@ -1,1 +0,0 @@\n-bye\n"),
    ];
    let entry = |path: &Path, name: &str, kind: &str, at: usize, additions: u32, deletions: u32| {
        json!({
            "filePath": path, "relativePath": name, "type": kind, "patch": patches[at],
            "additions": additions, "deletions": deletions,
        })
    };
    let mut of_b = entry(&b, "moved/b.txt", "move", 2, 1, 1);
    of_b["movePath"] = json!(moved);
    let files = json!([
        entry(&n, "docs/n.md", "add", 0, 1, 0),
        entry(&a, "a.txt", "update", 1, 1, 1),
        of_b,
        entry(&c, "c.txt", "delete", 3, 0, 2),
    ]);
    let diff: String = patches.iter().map(|patch| format!("{patch}\n")).collect();
    let wanted = json!({ "diff": diff, "files": files, "diagnostics": {} });
    assert_eq!(Value::Object(output.metadata), wanted);

    let recorded = bench.recorded();
    let [asked] = &recorded.asks[..] else {
        panic!("one question: {:?}", recorded.asks)
    };
    assert_eq!(asked.permission, "edit");
    assert_eq!(
        asked.patterns,
        ["docs/n.md", "a.txt", "b.txt", "moved/b.txt", "c.txt"]
    );
    assert_eq!(asked.metadata["filepath"], "docs/n.md, a.txt, b.txt, c.txt");
    let text = |path: &PathBuf| path.to_string_lossy().into_owned();
    let edited = |path| EventBody::FileEdited { file: text(path) };
    let changed = |path, event| EventBody::FileWatcherUpdated {
        file: text(path),
        event,
    };
    let events = [
        edited(&n),
        changed(&n, FileChange::Add),
        edited(&a),
        changed(&a, FileChange::Change),
        edited(&moved),
        changed(&b, FileChange::Unlink),
        changed(&moved, FileChange::Add),
        changed(&c, FileChange::Unlink),
    ];
    assert_eq!(recorded.announced, events);
    let read = |path: &Path| fs_err::read_to_string(path).ok();
    assert_eq!(
        [read(&n), read(&a), read(&b), read(&moved), read(&c)],
        [
            Some("# Title\n".into()),
            Some("1\nnew\n".into()),
            None,
            Some("BEE\n".into()),
            None
        ]
    );
}

#[tokio::test]
async fn parts_build_on_those_before() {
    let bench = Bench::new();
    let path = bench.write("f", "\u{feff}a\r\nb\r\n");
    let body = "*** Update File: f\n@@\n-a\n+A\n*** Update File: f\n@@\n-b\n+B\n\
                *** Add File: g\n+x\n*** Update File: g\n@@\n-x\n+y\n";
    patched(&bench, body).await.expect("patched");
    assert_eq!(
        fs_err::read_to_string(&path).expect("there"),
        "\u{feff}A\r\nB\r\n"
    );
    assert_eq!(
        fs_err::read_to_string(path.with_file_name("g")).expect("there"),
        "y\n"
    );
}

#[tokio::test]
async fn nothing_is_written_when_a_part_does_not_fit() {
    let bench = Bench::new();
    let path = bench.write("a.txt", "one\n");
    bench.write("folder/x", "");
    let fits = "*** Add File: z.txt\n+z\n*** Update File: a.txt\n@@\n-one\n+two\n";
    for (body, wanted) in [
        (
            "*** Update File: a.txt\n@@\n-absent\n",
            "Failed to find expected lines in PATH/a.txt:\nabsent",
        ),
        (
            "*** Update File: a.txt\n@@ nowhere\n",
            "Failed to find context 'nowhere' in PATH/a.txt",
        ),
        (
            "*** Update File: missing\n@@\n-a\n",
            "Failed to read file to update: PATH/missing",
        ),
        (
            "*** Delete File: folder\n",
            "Failed to read file to delete: PATH/folder",
        ),
        ("*** Add File: folder\n+x\n", "PATH/folder is a folder"),
        (
            "*** Update File: a.txt\n*** Move to: folder\n",
            "PATH/folder is a folder",
        ),
    ] {
        let text = told(patched(&bench, &format!("{fits}{body}")).await);
        let wanted = wanted.replace("PATH", &path.parent().expect("a folder").to_string_lossy());
        assert!(
            text.starts_with("apply_patch verification failed: ") && text.ends_with(&wanted),
            "{text}"
        );
    }
    assert_eq!(
        told(bench.run(&ApplyPatch, json!({ "patchText": "" })).await),
        "patchText is required"
    );
    assert!(!path.with_file_name("z.txt").exists());
    assert_eq!(fs_err::read_to_string(&path).expect("there"), "one\n");
    assert_eq!(bench.recorded().asks, []);
}

#[tokio::test]
async fn what_was_written_is_taken_back_when_the_rest_cannot_be() {
    let bench = Bench::new();
    let path = bench.write("a.txt", "one\n");
    // The parent of the second is a file.
    let body = "*** Update File: a.txt\n@@\n-one\n+two\n*** Add File: b.txt/c.txt\n+x\n";
    bench.write("b.txt", "");
    let text = told(patched(&bench, body).await);
    assert!(text.ends_with("All files are as they were."), "{text}");
    assert_eq!(fs_err::read_to_string(&path).expect("there"), "one\n");
}

#[tokio::test]
async fn a_file_that_changes_meanwhile_is_left_alone() {
    let place = Arc::new(std::sync::Mutex::new(PathBuf::new()));
    let of_answer = Arc::clone(&place);
    let bench = Bench::asking(move |_| {
        fs_err::write(&*of_answer.lock().expect("free"), "other\n").expect("writable");
        Ok(())
    });
    let path = bench.write("a.txt", "one\n");
    place.lock().expect("free").clone_from(&path);
    let text = told(patched(&bench, "*** Update File: a.txt\n@@\n-one\n+two\n").await);
    assert!(text.contains("changed by somebody else"), "{text}");
    assert_eq!(fs_err::read_to_string(&path).expect("there"), "other\n");
}

#[tokio::test]
async fn outside_needs_a_permission_of_its_own() {
    let bench = Bench::asking(|ask| match ask.permission.as_str() {
        "external_directory" => Err(Failure::told("no")),
        _ => Ok(()),
    });
    let path = bench.write("a.txt", "one\n");
    let body = "*** Update File: a.txt\n*** Move to: ../../outside.txt\n";
    assert_eq!(told(patched(&bench, body).await), "no");
    assert!(path.exists());
}
