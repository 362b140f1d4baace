//! Files, repositories and inputs that make trouble.

use pretty_assertions::assert_eq;

use super::*;
use crate::git::testing::{attempt, commit};

#[cfg(unix)]
#[tokio::test]
async fn names_may_be_anything() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let fixture = Fixture::new(&[("plain", "1")]).await;
    let before = fixture.track().await;
    let mut names = [
        "a\nb",
        "tab\there",
        "q\"uote",
        ":colon",
        ":(top)x",
        "-dash",
        "*",
        "[1]",
        "ü",
        " lead",
        "trail ",
        "back\\slash",
    ];
    for name in names {
        fixture.write(name, "1");
    }
    let odd = fixture.top.join(OsStr::from_bytes(b"bytes\xff\xfe"));
    write(&odd, "1");
    let after = fixture.track().await;
    assert_eq!(fixture.names(&after).len(), names.len() + 2);
    let mut patch = fixture.snapshots.patch(&before).await.unwrap();
    patch.retain(|name| !name.contains('\u{fffd}'));
    names.sort_unstable();
    assert_eq!(patch, fixture.absolute(&names));
    assert_eq!(
        fixture.snapshots.diff_full(&before, &after).await.unwrap().len(),
        names.len() + 1
    );

    for name in names {
        fixture.write(name, "2");
    }
    write(&odd, "2");
    let changed = [fixture.patch(&after, &names)];
    assert_eq!(
        fixture.snapshots.revert(&changed).await.unwrap().restored.len(),
        names.len()
    );
    fixture.snapshots.restore(&after).await.unwrap();
    assert_eq!(fs_err::read_to_string(&odd).unwrap(), "1");
    assert_eq!(fixture.track().await, after);
    let added = [fixture.patch(&before, &names)];
    assert_eq!(
        fixture.snapshots.revert(&added).await.unwrap().deleted.len(),
        names.len()
    );
    fs_err::remove_file(odd).unwrap();
    assert_eq!(fixture.track().await, before);
}

#[cfg(unix)]
#[tokio::test]
async fn files_folders_and_links_may_change_places() {
    use std::os::unix::fs::symlink;
    let fixture = Fixture::new(&[
        ("folder/x", "1"),
        ("folder/y", "1"),
        ("file", "1"),
        ("elsewhere/x", "safe"),
        ("pipe", "1"),
    ])
    .await;
    symlink("file", fixture.path("link")).unwrap();
    let before = fixture.track().await;

    fs_err::remove_dir_all(fixture.path("folder")).unwrap();
    symlink("elsewhere", fixture.path("folder")).unwrap();
    fixture.remove("file");
    fixture.write("file/inside", "2");
    fixture.remove("link");
    fixture.write("link", "2");
    fixture.remove("pipe");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(fixture.path("pipe"))
            .status()
            .unwrap()
            .success()
    );
    let after = fixture.track().await;
    assert_eq!(
        fixture.names(&after),
        ["elsewhere/x", "file/inside", "folder", "link"]
    );

    let files = fixture.snapshots.patch(&before).await.unwrap();
    let wanted = [
        "file",
        "file/inside",
        "folder",
        "folder/x",
        "folder/y",
        "link",
        "pipe",
    ];
    assert_eq!(files, fixture.absolute(&wanted));
    fixture
        .snapshots
        .revert(&[PatchPart {
            hash: before.clone(),
            files,
        }])
        .await
        .unwrap();
    assert_eq!(fixture.track().await, before);
    assert_eq!(fixture.read("elsewhere/x").unwrap(), "safe");
    assert!(fixture.path("link").is_symlink());

    fixture.snapshots.restore(&after).await.unwrap();
    assert_eq!(fixture.read("file/inside").unwrap(), "2");
    assert!(fixture.path("folder").is_symlink());
}

#[tokio::test]
async fn nested_repositories_do_not_keep_others_out() {
    let fixture = Fixture::new(&[("a", "1")]).await;
    let before = fixture.track().await;
    fs_err::create_dir_all(fixture.path("empty")).unwrap();
    git(&fixture.path("empty"), &["init", "-q"]);
    fixture.write("empty/inside", "1");
    fs_err::create_dir_all(fixture.path("nested")).unwrap();
    git(&fixture.path("nested"), &["init", "-q"]);
    fixture.write("nested/inside", "1");
    commit(&fixture.path("nested"), "first");
    fixture.write("b", "1");
    let after = fixture.track().await;
    assert_eq!(fixture.names(&after), ["a", "b", "nested"]);
    let diffs = fixture.snapshots.diff_full(&before, &after).await.unwrap();
    assert_eq!(
        diffs
            .iter()
            .filter_map(|diff| diff.file.as_deref())
            .collect::<Vec<_>>(),
        ["b", "nested"]
    );
    let reverted = fixture
        .snapshots
        .revert(&[fixture.patch(&before, &["b", "nested"])])
        .await
        .unwrap();
    assert_eq!(
        (reverted.deleted, reverted.kept),
        (fixture.absolute(&["b"]), fixture.absolute(&["nested"]))
    );
    assert_eq!(fixture.read("nested/inside").unwrap(), "1");
}

#[tokio::test]
async fn a_file_that_git_cannot_store_does_not_keep_others_out() {
    let fixture = Fixture::new(&[("a", "1")]).await;
    fixture.track().await;
    // The same failure as that of a file that may not be read, which root always may.
    fixture.ask(&["config", "filter.broken.clean", "false"]);
    fixture.ask(&["config", "filter.broken.required", "true"]);
    fixture.write(".gitattributes", "*.bad filter=broken\n");
    fixture.write("x.bad", "1");
    fixture.write("b", "1");
    assert_eq!(
        fixture.names(&fixture.track().await),
        [".gitattributes", "a", "b"]
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_may_not_be_read_does_not_keep_others_out() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::new(&[("a", "1")]).await;
    fixture.write("secret", "1");
    fixture.write("b", "1");
    fs_err::set_permissions(fixture.path("secret"), PermissionsExt::from_mode(0o000)).unwrap();
    let names = fixture.names(&fixture.track().await);
    let readable = fs_err::read(fixture.path("secret")).is_ok();
    assert_eq!(
        names,
        if readable {
            vec!["a", "b", "secret"]
        } else {
            vec!["a", "b"]
        }
    );
}

#[tokio::test]
async fn merge_conflicts_are_kept_as_they_lie_there() {
    let fixture = Fixture::new(&[("a", "1\n")]).await;
    git(&fixture.top, &["checkout", "-q", "-b", "other"]);
    fixture.write("a", "2\n");
    commit(&fixture.top, "other");
    git(&fixture.top, &["checkout", "-q", "main"]);
    fixture.write("a", "3\n");
    commit(&fixture.top, "main");
    assert!(!attempt(&fixture.top, &["merge", "-q", "other"]).status.success());
    let tree = fixture.track().await;
    assert!(fixture.ask(&["show", &format!("{tree}:a")]).contains("<<<<<<<"));
}

#[tokio::test]
async fn an_index_that_cannot_be_read_is_replaced() {
    let fixture = Fixture::new(&[("a", "1")]).await;
    let tree = fixture.track().await;
    for content in ["", "DIRC", "garbage, but long enough to be an index of some kind"] {
        fs_err::write(fixture.snapshots.git_dir().join("index"), content).unwrap();
        assert_eq!(fixture.track().await, tree, "{content}");
    }
}

#[tokio::test]
async fn a_lock_that_was_left_behind_is_removed() {
    let fixture = Fixture::new(&[("a", "1")]).await;
    fixture.track().await;
    let lock = fixture.snapshots.git_dir().join("index.lock");
    fs_err::write(&lock, "").unwrap();
    let old = std::time::SystemTime::now() - Duration::from_secs(3600);
    let file = fs_err::OpenOptions::new().write(true).open(&lock).unwrap();
    file.file().set_modified(old).unwrap();
    fixture.write("a", "2");
    assert_eq!(
        fixture.ask(&["show", &format!("{}:a", fixture.track().await)]),
        "2"
    );
    assert!(!lock.exists());
}

#[tokio::test]
async fn the_wait_for_another_process_has_an_end() {
    let fixture = Fixture::new(&[("a", "1")]).await;
    let path = fixture.snapshots.inner.repository.lock_file();
    let held = lock::file(path.clone(), Instant::now()).await.unwrap();
    let busy = lock::file(path.clone(), Instant::now()).await;
    assert!(matches!(busy, Err(Error::Busy(at)) if at == path));
    drop(held);
    // A process that is just being started elsewhere may still have a copy of the open file.
    lock::file(path, Instant::now() + lock::WAIT_LIMIT).await.unwrap();
}

#[tokio::test]
async fn an_operation_may_be_dropped_anywhere() {
    let fixture = Fixture::new(&[("a", "1")]).await;
    for wait in [0, 1, 2, 4, 8, 16] {
        fixture.write("a", format!("{wait}"));
        drop(tokio::time::timeout(Duration::from_millis(wait), fixture.snapshots.track()).await);
        let tree = fixture.track().await;
        assert_eq!(fixture.ask(&["show", &format!("{tree}:a")]), wait.to_string());
    }
}

#[tokio::test]
async fn a_worktree_that_is_gone_has_no_snapshot() {
    let fixture = Fixture::new(&[("a", "1")]).await;
    let tree = fixture.track().await;
    fs_err::remove_dir_all(&fixture.top).unwrap();
    assert_eq!(fixture.snapshots.track().await.unwrap(), None);
    assert!(matches!(
        fixture.snapshots.patch(&tree).await,
        Err(Error::Git(git::Error::Directory(_)))
    ));
    assert!(matches!(
        fixture.snapshots.restore(&tree).await,
        Err(Error::Git(git::Error::Directory(_)))
    ));
    assert!(!fixture.top.exists());
}

#[tokio::test]
async fn an_unknown_tree_changes_nothing() {
    let fixture = Fixture::new(&[("a", "1")]).await;
    let tree = fixture.track().await;
    let missing = "0123456789abcdef0123456789abcdef01234567";
    for hash in [
        missing,
        "",
        "HEAD",
        "--all",
        "0123",
        &tree.to_uppercase(),
        &tree[..39],
    ] {
        let unknown = |error: Error| matches!(error, Error::Unknown(name) if name == hash);
        assert!(
            unknown(fixture.snapshots.patch(hash).await.unwrap_err()),
            "{hash}"
        );
        assert!(unknown(fixture.snapshots.diff(hash).await.unwrap_err()), "{hash}");
        assert!(
            unknown(fixture.snapshots.restore(hash).await.unwrap_err()),
            "{hash}"
        );
        assert!(
            unknown(fixture.snapshots.diff_full(&tree, hash).await.unwrap_err()),
            "{hash}"
        );
        let reverted = fixture
            .snapshots
            .revert(&[fixture.patch(hash, &["a"])])
            .await
            .unwrap();
        assert_eq!(reverted.kept, fixture.absolute(&["a"]), "{hash}");
    }
    assert_eq!(fixture.read("a").unwrap(), "1");
    assert_eq!(fixture.track().await, tree);
}

#[cfg(unix)]
#[tokio::test]
async fn only_files_of_the_worktree_are_taken_back() {
    let fixture = Fixture::new(&[("a", "1")]).await;
    let tree = fixture.track().await;
    let outside = fixture.sandbox.path("outside");
    write(&outside.join("x"), "safe");
    std::os::unix::fs::symlink(&outside, fixture.path("link")).unwrap();
    fixture.write("nested/.git/config", "safe");
    let mut files = fixture.absolute(&[
        "../outside/x",
        "link/x",
        ".git/HEAD",
        "nested/.git/config",
        "sub/../../outside/x",
        "",
    ]);
    files.extend([
        outside.join("x").to_str().unwrap().to_owned(),
        "/".to_owned(),
        String::new(),
    ]);
    let reverted = fixture
        .snapshots
        .revert(&[PatchPart {
            hash: tree,
            files: files.clone(),
        }])
        .await
        .unwrap();
    files.sort();
    let mut kept = reverted.kept.clone();
    kept.sort();
    assert_eq!((kept, reverted.deleted), (files, Vec::new()));
    assert_eq!(fs_err::read_to_string(outside.join("x")).unwrap(), "safe");
    assert!(fixture.path(".git/HEAD").exists() && fixture.path("nested/.git/config").exists());
}

#[tokio::test]
async fn objects_that_are_gone_cost_only_themselves() {
    let fixture = Fixture::new(&[("a", "1"), ("b", "1")]).await;
    fixture.track().await;
    let blob = git(&fixture.top, &["rev-parse", "HEAD:a"]);
    let (folder, name) = blob.split_at(2);
    fs_err::remove_file(fixture.path(".git/objects").join(folder).join(name)).unwrap();
    fixture.write("b", "2");
    let tree = fixture.track().await;
    assert_eq!(fixture.ask(&["show", &format!("{tree}:b")]), "2");
}
