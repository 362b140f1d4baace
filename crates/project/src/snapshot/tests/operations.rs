//! What the operations do when all goes well.

use opencode_schema::session::FileStatus;
use pretty_assertions::assert_eq;

use super::*;
use crate::git::testing::commit;

#[tokio::test]
async fn a_turn_is_tracked_compared_and_taken_back() {
    let fixture = Fixture::new(&[
        ("edited", "one\ntwo\n"),
        ("gone", "g\n"),
        ("same", "s\n"),
        ("moved", "m\n"),
    ])
    .await;
    let before = fixture.track().await;
    assert_eq!(fixture.track().await, before);
    assert_eq!(
        fixture.snapshots.patch(&before).await.unwrap(),
        Vec::<String>::new()
    );
    assert_eq!(fixture.snapshots.diff(&before).await.unwrap(), "");

    fixture.write("edited", "one\n2\nthree");
    fixture.remove("gone");
    fixture.write("new/file", "n\n");
    fs_err::rename(fixture.path("moved"), fixture.path("new/moved")).unwrap();
    let after = fixture.track().await;
    let changed = ["edited", "gone", "moved", "new/file", "new/moved"];
    assert_eq!(
        fixture.snapshots.patch(&before).await.unwrap(),
        fixture.absolute(&changed)
    );
    assert_eq!(fixture.track().await, after);

    let diffs = fixture.snapshots.diff_full(&before, &after).await.unwrap();
    let counts: Vec<_> = diffs
        .iter()
        .map(|diff| {
            (
                diff.file.as_deref().unwrap(),
                diff.status.unwrap(),
                diff.additions,
                diff.deletions,
            )
        })
        .collect();
    let wanted = [
        ("edited", FileStatus::Modified, 2, 1),
        ("gone", FileStatus::Deleted, 0, 1),
        ("moved", FileStatus::Deleted, 0, 1),
        ("new/file", FileStatus::Added, 1, 0),
        ("new/moved", FileStatus::Added, 1, 0),
    ];
    assert_eq!(counts, wanted);
    let rule = "=".repeat(67);
    assert_eq!(
        diffs[0].patch.as_deref().unwrap(),
        format!(
            "Index: edited\n{rule}\n--- edited\t\n+++ edited\t\n@@ -1,2 +1,3 @@\n one\n-two\n+2\n+three\n\\ No newline at end of file\n"
        )
    );

    let text = fixture.snapshots.diff(&before).await.unwrap();
    assert!(text.starts_with("diff --git a/edited b/edited\nindex "), "{text}");
    assert!(
        text.ends_with("\nrename from moved\nrename to new/moved"),
        "{text}"
    );

    let reverted = fixture
        .snapshots
        .revert(&[fixture.patch(&before, &changed)])
        .await
        .unwrap();
    assert_eq!(reverted.restored, fixture.absolute(&["edited", "gone", "moved"]));
    assert_eq!(reverted.deleted, fixture.absolute(&["new/file", "new/moved"]));
    assert_eq!(reverted.kept, Vec::<String>::new());
    assert_eq!(fixture.track().await, before);

    fixture.snapshots.restore(&after).await.unwrap();
    assert_eq!(fixture.read("edited").unwrap(), "one\n2\nthree");
    assert_eq!(fixture.read("new/moved").unwrap(), "m\n");
    // What came later stays.
    assert_eq!(fixture.read("gone").unwrap(), "g\n");
}

#[tokio::test]
async fn the_first_patch_of_a_file_counts() {
    let fixture = Fixture::new(&[("a", "0"), ("b", "0")]).await;
    let mut patches = Vec::new();
    for step in ["1", "2", "3"] {
        let hash = fixture.track().await;
        fixture.write("a", step);
        if step == "2" {
            fixture.write("b", step);
            fixture.write("c", step);
        }
        let files = fixture.snapshots.patch(&hash).await.unwrap();
        patches.push(PatchPart { hash, files });
    }
    assert_eq!(patches[1].files, fixture.absolute(&["a", "b", "c"]));
    fixture.snapshots.revert(&patches[1..]).await.unwrap();
    assert_eq!(
        (fixture.read("a"), fixture.read("b"), fixture.read("c")),
        (Some("1".into()), Some("0".into()), None)
    );
    fixture.snapshots.revert(&patches).await.unwrap();
    assert_eq!(fixture.read("a").unwrap(), "0");
}

#[tokio::test]
async fn large_new_files_are_left_out() {
    let fixture = Fixture::new(&[("tracked", "")]).await;
    let limit = 2_097_152;
    fixture.write("tracked", vec![b'x'; limit + 1]);
    fixture.write("just", vec![b'x'; limit]);
    fixture.write("too [big]*", vec![b'x'; limit + 1]);
    let tree = fixture.track().await;
    assert_eq!(fixture.names(&tree), ["just", "tracked"]);
    let exclude = || fs_err::read_to_string(fixture.snapshots.git_dir().join("info/exclude")).unwrap();
    assert_eq!(exclude().lines().last().unwrap(), "/too\\ \\[big]\\*");
    assert_eq!(fixture.track().await, tree);

    fixture.write("too [big]*", "small");
    let tree = fixture.track().await;
    assert_eq!(fixture.names(&tree), ["just", "too [big]*", "tracked"]);
    assert!(!exclude().contains("too"));
    // Once known it may grow.
    fixture.write("too [big]*", vec![b'x'; limit + 2]);
    assert_ne!(fixture.track().await, tree);
}

#[tokio::test]
async fn ignored_files_leave_and_do_not_enter() {
    let fixture = Fixture::new(&[("kept.log", "1"), ("a", "1")]).await;
    let before = fixture.track().await;
    fixture.write("own-rules", "*.own\n");
    git(
        &fixture.top,
        &[
            "config",
            "core.excludesFile",
            fixture.path("own-rules").to_str().unwrap(),
        ],
    );
    fixture.write(".gitignore", "*.log\n");
    fixture.write(":odd.log", "x");
    fixture.write("x.log", "x");
    fixture.write(":x.own", "x");
    // Not looked at again before it changes.
    assert!(
        fixture
            .names(&fixture.track().await)
            .contains(&"kept.log".to_owned())
    );
    fixture.write("kept.log", "22");
    let after = fixture.track().await;
    assert_eq!(fixture.names(&after), [".gitignore", "a", "own-rules"]);
    assert_eq!(
        fixture.snapshots.patch(&before).await.unwrap(),
        fixture.absolute(&[".gitignore", "own-rules"])
    );
    let files: Vec<_> = fixture.snapshots.diff_full(&before, &after).await.unwrap();
    assert_eq!(
        files
            .iter()
            .filter_map(|diff| diff.file.as_deref())
            .collect::<Vec<_>>(),
        [".gitignore", "own-rules"]
    );
}

#[tokio::test]
async fn only_the_folder_that_was_opened_is_looked_at() {
    let sandbox = Sandbox::new();
    let top = sandbox.committed("repo", &[("in/a", "1"), ("out", "1")]);
    let fixture = Fixture::of(sandbox, &top.join("in")).await;
    let before = fixture.track().await;
    fixture.write("in/a", "2");
    fixture.write("in/b", "2");
    fixture.write("out", "2");
    fixture.write("new", "2");
    let after = fixture.track().await;
    assert_eq!(fixture.names(&after), ["in/a", "in/b", "out"]);
    assert_eq!(
        fixture.snapshots.patch(&before).await.unwrap(),
        fixture.absolute(&["in/a", "in/b"])
    );
    assert_eq!(
        fixture.snapshots.diff_full(&before, &after).await.unwrap().len(),
        2
    );
    fixture.snapshots.restore(&before).await.unwrap();
    assert_eq!(
        (fixture.read("in/a").unwrap(), fixture.read("out").unwrap()),
        ("1".into(), "2".into())
    );
}

#[tokio::test]
async fn two_folders_of_one_worktree_take_turns() {
    let sandbox = Sandbox::new();
    let top = sandbox.committed("repo", &[("in/a", "1"), ("b", "1")]);
    let fixture = Fixture::of(sandbox, &top).await;
    let inner = open(&fixture.sandbox, &top.join("in")).await;
    fixture.write("in/a", "2");
    fixture.write("b", "2");
    // All at once, on clones and on another value for the same git folder.
    let many = (0..6).map(|number| {
        let snapshots = if number % 2 == 0 {
            fixture.snapshots.clone()
        } else {
            inner.clone()
        };
        tokio::spawn(async move { snapshots.track().await.unwrap().unwrap() })
    });
    for task in many.collect::<Vec<_>>() {
        assert_eq!(fixture.names(&task.await.unwrap()), ["b", "in/a"]);
    }
    let tree = fixture.track().await;
    assert_eq!(inner.track().await.unwrap(), Some(tree.clone()));
    assert_eq!(fixture.ask(&["show", &format!("{tree}:b")]), "2");
}

#[tokio::test]
async fn what_users_set_for_themselves_does_not_matter() {
    let fixture = Fixture::new(&[("a", "1\r\n")]).await;
    let before = fixture.track().await;
    for (name, value) in [
        ("diff.noprefix", "true"),
        ("core.autocrlf", "true"),
        ("diff.external", "false"),
    ] {
        fixture.ask(&["config", name, value]);
    }
    git(&fixture.top, &["config", "core.hooksPath", "hooks"]);
    fixture.write("hooks/post-index-change", "#!/bin/sh\ntouch ran\n");
    fixture.write("a", "1\r\n2\r\n");
    let text = fixture.snapshots.diff(&before).await.unwrap();
    assert!(text.starts_with("diff --git a/a b/a\n"), "{text}");
    fixture.snapshots.restore(&before).await.unwrap();
    assert_eq!(fixture.read("a").unwrap(), "1\r\n");
    assert!(!fixture.path("ran").exists());
}

#[tokio::test]
async fn very_large_patches_are_left_empty() {
    let fixture = Fixture::new(&[("a", ""), ("b", ""), ("c", "")]).await;
    let line = "0123456789abcde\n";
    fixture.write("a", line.repeat(400_000));
    fixture.write("b", line.repeat(400_000));
    fixture.write("c", "small\n");
    commit(&fixture.top, "large");
    let before = fixture.track().await;
    for name in ["a", "b", "c"] {
        fixture.write(name, "");
    }
    let after = fixture.track().await;
    let diffs = fixture.snapshots.diff_full(&before, &after).await.unwrap();
    let sizes: Vec<_> = diffs
        .iter()
        .map(|diff| (diff.deletions, diff.patch.as_deref().unwrap().len() > 100))
        .collect();
    assert_eq!(sizes, [(400_000, true), (400_000, false), (1, true)]);
}

#[tokio::test]
async fn many_files_are_taken_back() {
    let names: Vec<String> = (0..250)
        .map(|number| format!("d{}/f{number}", number % 7))
        .collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let fixture = Fixture::new(&files[..150]).await;
    let before = fixture.track().await;
    for name in &names {
        fixture.write(name, "2");
    }
    let files = fixture.snapshots.patch(&before).await.unwrap();
    assert_eq!(files.len(), 250);
    let reverted = fixture
        .snapshots
        .revert(&[PatchPart {
            hash: before.clone(),
            files,
        }])
        .await
        .unwrap();
    assert_eq!(
        (
            reverted.restored.len(),
            reverted.deleted.len(),
            reverted.kept.len()
        ),
        (150, 100, 0)
    );
    assert_eq!(fixture.track().await, before);
}

#[tokio::test]
async fn collecting_keeps_what_is_young() {
    let fixture = Fixture::new(&[("a", "1")]).await;
    fixture.snapshots.cleanup(None).await.unwrap();
    assert!(!fixture.snapshots.git_dir().exists(), "nothing to collect");
    fixture.write("a", "2");
    let tree = fixture.track().await;
    fixture.write("a", "3");
    fixture.track().await;
    fixture.snapshots.cleanup(None).await.unwrap();
    fixture.snapshots.restore(&tree).await.unwrap();
    assert_eq!(fixture.read("a").unwrap(), "2");
}

#[tokio::test]
async fn where_all_takes_too_much_room_trees_are_not_kept_as_long() {
    let fixture = Fixture::new(&[("a", "1")]).await;
    fixture.write("a", "2");
    let old = fixture.track().await;
    let two_hours_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(2 * 60 * 60);
    let objects = fixture.snapshots.git_dir().join("objects");
    let mut waiting = vec![objects];
    while let Some(folder) = waiting.pop() {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if let Ok(file) = fs_err::OpenOptions::new().read(true).open(&path) {
                file.set_modified(two_hours_ago).unwrap();
            }
        }
    }
    fixture.write("a", "3");
    let young = fixture.track().await;
    fixture.snapshots.cleanup(Some(1 << 30)).await.unwrap();
    fixture.snapshots.restore(&old).await.unwrap();
    fixture.write("a", "3");
    fixture.track().await;
    fixture.snapshots.cleanup(Some(0)).await.unwrap();
    assert!(fixture.snapshots.restore(&old).await.is_err());
    fixture.snapshots.restore(&young).await.unwrap();
    assert_eq!(fixture.read("a").unwrap(), "3");
}
