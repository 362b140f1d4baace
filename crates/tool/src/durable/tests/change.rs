//! Tools that change files: `write`, `edit`, `apply_patch`.

use pretty_assertions::assert_eq;

use super::*;

fn patch(name: &str, body: &str) -> String {
    let rule = "=".repeat(67);
    format!("Index: {name}\n{rule}\n--- {name}\n+++ {name}\n{body}")
}

#[tokio::test]
async fn a_file_is_written() {
    let bench = Bench::new();
    for (path, content, existed, text) in [
        (
            "made/n.txt",
            "new\n",
            false,
            "Created file successfully: made/n.txt",
        ),
        (
            "made/n.txt",
            "newer\n",
            true,
            "Wrote file successfully: made/n.txt",
        ),
    ] {
        let (facts, texts) = told(&bench, "write", json!({ "path": path, "content": content })).await;
        assert_eq!(
            facts,
            json!({
                "operation": "write",
                "target": bench.path(path).to_string_lossy(),
                "resource": path,
                "existed": existed,
            })
        );
        assert_eq!(texts, [text]);
        assert_eq!(bench.read(path), content);
    }
    assert_eq!(asked(&bench)[0], ask("edit", "made/n.txt", "*"));
    failed(&bench, "write", json!({ "path": "made", "content": "x" })).await;
    failed(&bench, "write", json!({ "path": "", "content": "x" })).await;
}

#[tokio::test]
async fn a_part_is_replaced() {
    let bench = Bench::new();
    let rows: String = (0..20).map(|row| format!("    row {row}\n")).collect();
    bench.write("rows.txt", &rows);
    let input = json!({ "path": "rows.txt", "oldString": "row 9\n", "newString": "ROW 9\n" });
    let (facts, texts) = told(&bench, "edit", input).await;
    let body = "@@ -6,9 +6,9 @@\n     row 5\n     row 6\n     row 7\n     row 8\n-    row 9\n+    ROW 9\n     row 10\n     row 11\n     row 12\n     row 13\n";
    assert_eq!(
        facts,
        json!({
            "files": [{
                "file": "rows.txt",
                "patch": patch("rows.txt", body),
                "additions": 1,
                "deletions": 1,
                "status": "modified",
            }],
            "replacements": 1,
        })
    );
    assert_eq!(
        texts,
        ["Edited file successfully: rows.txt\nReplacements: 1\n```diff\n-row 9\n+ROW 9\n```"]
    );
    assert_eq!(bench.read("rows.txt"), rows.replace("row 9\n", "ROW 9\n"));
    assert_eq!(asked(&bench), [ask("edit", "rows.txt", "*")]);
}

#[tokio::test]
async fn line_ends_stay_and_are_shown() {
    let bench = Bench::new();
    bench.write("crlf.txt", "one\r\ntwo\r\n");
    let input = json!({ "path": "crlf.txt", "oldString": "one\ntwo", "newString": "1\n2" });
    let (facts, _) = told(&bench, "edit", input).await;
    let body = "@@ -1,2 +1,2 @@\n-one\r\n-two\r\n+1\r\n+2\r\n";
    assert_eq!(facts["files"][0]["patch"], patch("crlf.txt", body));
    assert_eq!(bench.read("crlf.txt"), "1\r\n2\r\n");
}

#[tokio::test]
async fn all_occurrences_are_replaced_by_the_text_as_it_is() {
    let bench = Bench::new();
    bench.write("a.txt", "x = x\n");
    let input = json!({ "path": "a.txt", "oldString": "x", "newString": "y$&", "replaceAll": true });
    let (facts, _) = told(&bench, "edit", input).await;
    assert_eq!(facts["replacements"], 2);
    assert_eq!(bench.read("a.txt"), "y$& = y$&\n");
}

#[tokio::test]
async fn a_part_has_to_be_exact_and_unique() {
    let bench = Bench::new();
    bench.write("a.txt", "x = x\n");
    bench.write("deep.txt", "  if (ok) {\n    return 1\n  }\n");
    for (path, old, new, wanted) in [
        ("a.txt", "x", "y", "Found multiple matches"),
        ("a.txt", "none", "y", "Could not find oldString"),
        (
            "deep.txt",
            "if (ok) {\nreturn 1\n}",
            "y",
            "Could not find oldString",
        ),
        ("a.txt", "x", "x", "No changes to apply"),
        ("a.txt", "", "x", "oldString must not be empty"),
        ("none.txt", "x", "y", "File "),
        (".", "x", "y", "Path is a directory"),
    ] {
        let input = json!({ "path": path, "oldString": old, "newString": new });
        let told = failed(&bench, "edit", input.clone()).await;
        assert!(told.starts_with(wanted), "{input}: {told}");
    }
    assert_eq!(bench.read("a.txt"), "x = x\n");
}

#[tokio::test]
async fn a_patch_is_applied() {
    let bench = Bench::new();
    bench.write("a.txt", "alpha\nbeta\n");
    bench.write("gone.txt", "1\n2\n");
    bench.write("old.txt", "same\nx\n");
    let text = "*** Begin Patch\n*** Add File: new/n.txt\n+x\n*** Update File: a.txt\n@@\n alpha\n-beta\n+B\n\
        *** Delete File: gone.txt\n*** Update File: old.txt\n*** Move to: moved.txt\n@@\n same\n-x\n+y\n*** End Patch";
    let (facts, texts) = told(&bench, "apply_patch", json!({ "patchText": text })).await;
    let applied = |kind: &str, name: &str| json!({ "type": kind, "resource": name, "target": bench.path(name).to_string_lossy() });
    let file = |name: &str, patch: String, additions: u64, deletions: u64, status: &str| json!({ "file": name, "patch": patch, "additions": additions, "deletions": deletions, "status": status });
    assert_eq!(
        facts,
        json!({
            "applied": [
                applied("add", "new/n.txt"),
                applied("update", "a.txt"),
                applied("delete", "gone.txt"),
                applied("update", "moved.txt"),
            ],
            "files": [
                file("new/n.txt", patch("new/n.txt", "@@ -0,0 +1,1 @@\n+x\n"), 1, 0, "added"),
                file("a.txt", patch("a.txt", "@@ -1,2 +1,2 @@\n alpha\n-beta\n+B\n"), 1, 1, "modified"),
                file("gone.txt", patch("gone.txt", "@@ -1,2 +0,0 @@\n-1\n-2\n"), 0, 2, "deleted"),
                file("moved.txt", patch("old.txt", "@@ -1,2 +1,2 @@\n same\n-x\n+y\n"), 1, 1, "modified"),
            ],
        })
    );
    assert_eq!(
        texts,
        ["Applied patch sequentially:\nA new/n.txt\nM a.txt\nD gone.txt\nM moved.txt"]
    );
    assert_eq!(bench.read("moved.txt"), "same\ny\n");
    assert!(!bench.path("gone.txt").exists() && !bench.path("old.txt").exists());
    let resources = ["new/n.txt", "a.txt", "gone.txt", "old.txt", "moved.txt"].map(str::to_owned);
    assert_eq!(
        asked(&bench),
        [("edit".to_owned(), resources.to_vec(), vec!["*".to_owned()])]
    );
}

#[tokio::test]
async fn a_patch_that_does_not_fit_changes_nothing() {
    let bench = Bench::new();
    bench.write("a.txt", "alpha\n");
    for body in [
        "*** Add File: a.txt\n+over\n",
        "*** Add File: q.txt\n+x\n*** Update File: none.txt\n@@\n-a\n+b\n",
        "*** Update File: a.txt\n@@\n-none\n+b\n",
        "*** Delete File: none.txt\n",
        "",
    ] {
        let text = format!("*** Begin Patch\n{body}*** End Patch");
        failed(&bench, "apply_patch", json!({ "patchText": text })).await;
        assert_eq!(bench.read("a.txt"), "alpha\n", "{body}");
        assert!(!bench.path("q.txt").exists(), "{body}");
    }
    failed(&bench, "apply_patch", json!({ "patchText": "nonsense" })).await;
    failed(&bench, "apply_patch", json!({ "patchText": "" })).await;
    assert_eq!(asked(&bench), []);
}

#[tokio::test]
async fn a_folder_outside_is_asked_for_once() {
    let bench = Bench::new();
    let folder = bench.root().join("outside");
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let (one, two) = (path("one.txt"), path("two.txt"));
    let text = format!("*** Begin Patch\n*** Add File: {one}\n+1\n*** Add File: {two}\n+2\n*** End Patch");
    let (facts, _) = told(&bench, "apply_patch", json!({ "patchText": text })).await;
    assert_eq!(facts["files"][0]["file"], one);
    let edit = ("edit".to_owned(), vec![one, two], vec!["*".to_owned()]);
    assert_eq!(
        asked(&bench),
        [ask("external_directory", &path("*"), &path("*")), edit]
    );
}
