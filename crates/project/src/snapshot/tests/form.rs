//! What lies on disk, so that the reference program can go on with it.

use pretty_assertions::assert_eq;

use super::*;
use crate::git::testing::commit;
use crate::identity::{Identity, sha1};

#[tokio::test]
async fn the_git_folder_has_the_form_of_the_reference() {
    let fixture = Fixture::new(&[("a", "1")]).await;
    fixture.write(".git/info/exclude", "# mine\n*.bak\n\n");
    fixture.write("b.bak", "");
    let tree = fixture.track().await;
    let git_dir = fixture.snapshots.git_dir();
    let top = fixture.top.to_str().unwrap();
    let id = git(&fixture.top, &["rev-parse", "HEAD"]);
    assert_eq!(
        git_dir,
        fixture.sandbox.path("data/snapshot").join(id).join(sha1(top))
    );
    assert_eq!(tree, git(&fixture.top, &["rev-parse", "HEAD^{tree}"]));
    let read = |name: &str| fs_err::read_to_string(git_dir.join(name)).unwrap();
    assert_eq!(read("objects/info/alternates"), format!("{top}/.git/objects\n"));
    assert_eq!(read("info/exclude"), "# mine\n*.bak\n");
    let mut settings = fixture
        .ask(&["config", "--local", "--list"])
        .lines()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    settings.sort();
    let worktree = format!("core.worktree={top}");
    let mut wanted = vec![
        "core.autocrlf=false",
        "core.bare=false",
        "core.filemode=true",
        "core.fsmonitor=false",
        "core.logallrefupdates=true",
        "core.longpaths=true",
        "core.repositoryformatversion=0",
        "core.symlinks=true",
        "core.untrackedcache=true",
        &worktree,
        "feature.manyfiles=true",
        "index.threads=true",
        "index.version=4",
    ];
    wanted.sort_unstable();
    if cfg!(target_os = "linux") {
        assert_eq!(settings, wanted);
    }
}

#[tokio::test]
async fn nothing_is_stored_twice() {
    let fixture = Fixture::new(&[("a", "1"), ("sub/b", "2")]).await;
    fixture.track().await;
    assert_eq!(fixture.ask(&["count-objects"]), "0 objects, 0 kilobytes");
}

#[tokio::test]
async fn without_repository_there_are_no_snapshots() {
    let sandbox = Sandbox::new();
    let identity: Identity = discover(&sandbox.root()).await;
    assert!(Snapshots::new(&sandbox.path("data"), &identity, &sandbox.root()).is_none());
}

#[tokio::test]
async fn a_repository_without_commits_has_snapshots() {
    let sandbox = Sandbox::new();
    let top = sandbox.repository("repo");
    let fixture = Fixture::of(sandbox, &top).await;
    assert_eq!(fixture.track().await, "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    assert!(
        fixture
            .snapshots
            .git_dir()
            .starts_with(fixture.sandbox.path("data/snapshot/global"))
    );
    fixture.write("a", "1");
    let tree = fixture.track().await;
    assert_eq!(fixture.names(&tree), ["a"]);
}

#[tokio::test]
async fn a_linked_worktree_starts_with_its_own_index() {
    let sandbox = Sandbox::new();
    let top = sandbox.committed("repo", &[("in/a", "1"), ("b", "1")]);
    let linked = sandbox.path("linked");
    git(
        &top,
        &["worktree", "add", "-q", "-b", "other", linked.to_str().unwrap()],
    );
    write(&linked.join("b"), "2");
    commit(&linked, "second");
    let fixture = Fixture::of(sandbox, &linked.join("in")).await;
    let tree = fixture.track().await;
    assert_eq!(tree, git(&linked, &["rev-parse", "HEAD^{tree}"]));
    assert_eq!(
        fixture.snapshots.git_dir().file_name().unwrap(),
        sha1(linked.to_str().unwrap()).as_str()
    );
}

#[tokio::test]
async fn repositories_of_another_form_are_started_anew() {
    let sandbox = Sandbox::new();
    let top = sandbox.path("sha256");
    fs_err::create_dir(&top).unwrap();
    git(&top, &["init", "-q", "--object-format=sha256"]);
    write(&top.join("a"), "1");
    commit(&top, "first");
    let other = Fixture::of(sandbox, &top).await;
    let tree = other.track().await;
    assert_eq!((tree.len(), other.names(&tree)), (40, vec!["a".to_owned()]));

    let split = Fixture::new(&[("a", "1")]).await;
    git(&split.top, &["update-index", "--split-index"]);
    let tree = split.track().await;
    assert_eq!(split.names(&tree), ["a"]);
}

#[tokio::test]
async fn objects_that_the_project_borrows_are_borrowed_too() {
    let sandbox = Sandbox::new();
    let origin = sandbox.committed("origin", &[("a", "1")]);
    let clone = sandbox.path("clone");
    git(
        &origin,
        &["clone", "-q", "--shared", ".", clone.to_str().unwrap()],
    );
    let objects = clone.join(".git/objects");
    // A path relative to the folder that borrows is valid too.
    write(
        &objects.join("info/alternates"),
        "# comment\n../../../origin/.git/objects\n/no/such/folder\n",
    );
    let fixture = Fixture::of(sandbox, &clone).await;
    fixture.track().await;
    let listed = fs_err::read_to_string(fixture.snapshots.git_dir().join("objects/info/alternates")).unwrap();
    let borrowed = objects.join("../../../origin/.git/objects");
    assert_eq!(listed, format!("{}\n{}\n", objects.display(), borrowed.display()));
    assert_eq!(fixture.ask(&["count-objects"]), "0 objects, 0 kilobytes");
}

#[tokio::test]
async fn what_was_begun_is_finished() {
    let fixture = Fixture::new(&[("a", "1")]).await;
    let git_dir = fixture.snapshots.git_dir();
    fs_err::create_dir_all(git_dir.join("objects")).unwrap();
    fs_err::create_dir_all(git_dir.with_extension("new").join("refs")).unwrap();
    let tree = fixture.track().await;
    assert_eq!(fixture.names(&tree), ["a"]);
    assert_eq!(fixture.track().await, tree);
}

#[tokio::test]
async fn a_known_tree_is_forgotten_when_anyone_changes_the_index() {
    let fixture = Fixture::new(&[("a", "1")]).await;
    let tree = fixture.track().await;
    let git_dir = fixture.snapshots.git_dir();
    assert_eq!(memo::load(git_dir), Some(tree.clone()));
    fixture.write("b", "2");
    fixture.ask(&["add", "b"]);
    assert_eq!(memo::load(git_dir), None);
    let after = fixture.track().await;
    assert_eq!(fixture.names(&after), ["a", "b"]);
    for text in ["", "\n", "none\n", "none\nabc\n", "\u{fffd}"] {
        fs_err::write(git_dir.join("opencode-tree"), text).unwrap();
        assert_eq!(fixture.track().await, after, "{text:?}");
    }
}
