use pretty_assertions::assert_eq;

use super::*;
use crate::git::testing::{Sandbox, commit, git, write};

/// A project at `folder` with this id and nothing special.
fn plain(folder: &Path, id: &str) -> Identity {
    Identity {
        id: id.to_owned(),
        worktree: folder.to_owned(),
        git: Some(Git {
            git_dir: folder.join(".git"),
            common_dir: folder.join(".git"),
        }),
        cached_id: None,
        warning: None,
    }
}

#[tokio::test]
async fn a_folder_without_repository_is_global() {
    let sandbox = Sandbox::new();
    assert_eq!(discover(&sandbox.root()).await, Identity::global(None));
    assert_eq!(
        discover(Path::new("/no/such/folder")).await,
        Identity::global(None)
    );
}

#[tokio::test]
async fn the_id_comes_from_remote_then_file_then_first_commit() {
    let sandbox = Sandbox::new();
    let top = sandbox.repository("repo");
    assert_eq!(discover(&top).await, plain(&top, GLOBAL), "no commit");

    let first = commit(&top, "first");
    commit(&top, "second");
    assert_eq!(discover(&top).await, plain(&top, &first), "first commit");

    write(&top.join(".git/opencode"), "  stored-id\n");
    let stored = Identity {
        cached_id: Some("stored-id".to_owned()),
        ..plain(&top, "stored-id")
    };
    assert_eq!(discover(&top).await, stored, "id file");
    assert_eq!(stored.moved_from(), None);

    git(
        &top,
        &["remote", "add", "upstream", "https://example.com/other.git"],
    );
    assert_eq!(discover(&top).await, stored, "other remotes do not count");
    git(
        &top,
        &["remote", "add", "origin", "git@Example.com:team/repo.git"],
    );
    let named = discover(&top).await;
    assert_eq!(named.id, sha1("git-remote:example.com/team/repo"));
    assert_eq!(named.moved_from(), Some("stored-id"));

    named.remember().await.unwrap();
    assert_eq!(
        fs_err::read_to_string(top.join(".git/opencode")).unwrap(),
        named.id
    );
    let again = discover(&top).await;
    assert_eq!(
        (again.cached_id.as_ref(), again.moved_from()),
        (Some(&named.id), None)
    );

    git(&top, &["remote", "set-url", "origin", "file:///tmp/repo.git"]);
    assert_eq!(
        discover(&top).await,
        again,
        "a remote on this machine names nothing"
    );
}

#[tokio::test]
async fn of_several_first_commits_the_lowest_counts() {
    let sandbox = Sandbox::new();
    let top = sandbox.committed("repo", &[("a", "1")]);
    git(&top, &["checkout", "-q", "--orphan", "other"]);
    commit(&top, "other");
    git(
        &top,
        &["merge", "-q", "--allow-unrelated-histories", "-m", "both", "main"],
    );
    let roots = git(&top, &["rev-list", "--max-parents=0", "HEAD"]);
    assert_eq!(roots.lines().count(), 2);
    assert_eq!(discover(&top).await.id, roots.lines().min().unwrap());
}

#[tokio::test]
async fn checkouts_share_the_id_and_keep_their_top() {
    let sandbox = Sandbox::new();
    let top = sandbox.committed("repo", &[("sub/a", "1")]);
    let id = git(&top, &["rev-parse", "HEAD"]);
    assert_eq!(discover(&top.join("sub")).await, plain(&top, &id), "subfolder");

    let linked = sandbox.path("linked");
    git(&top, &["worktree", "add", "-q", linked.to_str().unwrap()]);
    let git_dirs = Git {
        git_dir: top.join(".git/worktrees/linked"),
        common_dir: top.join(".git"),
    };
    let wanted = Identity {
        git: Some(git_dirs),
        ..plain(&linked, &id)
    };
    assert_eq!(discover(&linked.join("sub")).await, wanted, "linked worktree");
    wanted.remember().await.unwrap();
    assert_eq!(discover(&top).await.cached_id, Some(id.clone()));

    git(
        &top,
        &["submodule", "--quiet", "add", top.to_str().unwrap(), "module"],
    );
    let module = discover(&top.join("module")).await;
    assert_eq!(module.worktree, top.join("module"));
    assert_eq!(module.git.unwrap().common_dir, top.join(".git/modules/module"));
}

#[tokio::test]
async fn a_repository_that_calls_itself_bare_has_its_folder_as_top() {
    let sandbox = Sandbox::new();
    let top = sandbox.committed("repo", &[("a", "1")]);
    git(&top, &["config", "core.bare", "true"]);
    assert_eq!(discover(&top).await.worktree, top);
}

#[cfg(unix)]
#[tokio::test]
async fn paths_may_have_line_breaks_and_other_bytes() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let sandbox = Sandbox::new();
    for name in [b"a\nb".as_slice(), b"c\n", b"d\xff\xfe", b" e "] {
        let top = sandbox.path(OsStr::from_bytes(name));
        fs_err::create_dir(&top).unwrap();
        git(&top, &["init", "-q"]);
        let id = commit(&top, "first");
        assert_eq!(discover(&top).await, plain(&top, &id), "{}", top.display());
    }
}

#[tokio::test]
async fn a_broken_repository_is_a_warning() {
    let sandbox = Sandbox::new();
    for (name, content) in [
        ("text", "not a git file\n"),
        ("dangling", "gitdir: /no/such/folder\n"),
        ("empty", ""),
    ] {
        let folder = sandbox.path(name);
        write(&folder.join(".git"), content);
        let found = discover(&folder).await;
        assert_eq!((found.id.as_str(), found.git.as_ref()), (GLOBAL, None), "{name}");
        let warning = found.warning.unwrap();
        assert!(
            matches!(&warning, Warning::Unusable { folder: at, .. } if *at == folder),
            "{name}: {warning}"
        );
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_repository_of_someone_else_is_a_warning() {
    let sandbox = Sandbox::new();
    let top = sandbox.committed("repo", &[("a", "1")]);
    let owned = [top.clone(), top.join(".git")];
    // Only root can give files away; without that there is nothing to see.
    if owned
        .iter()
        .any(|path| std::os::unix::fs::chown(path, Some(12345), None).is_err())
    {
        return;
    }
    let found = discover(&top).await;
    assert_eq!(found, Identity::global(Some(Warning::Refused { folder: top })));
}

#[tokio::test]
async fn a_stored_id_that_is_none_is_not_used() {
    let sandbox = Sandbox::new();
    let top = sandbox.committed("repo", &[("a", "1")]);
    let id = git(&top, &["rev-parse", "HEAD"]);
    for content in [
        "../../elsewhere",
        "",
        " \n",
        "a b",
        "x/y",
        &"a".repeat(1000),
        "\u{fffd}",
    ] {
        write(&top.join(".git/opencode"), content);
        assert_eq!(discover(&top).await, plain(&top, &id), "{content:?}");
    }
    fs_err::remove_file(top.join(".git/opencode")).unwrap();
    fs_err::create_dir(top.join(".git/opencode")).unwrap();
    assert_eq!(discover(&top).await, plain(&top, &id), "a folder");
    assert!(plain(&top, &id).remember().await.is_err());
}

#[tokio::test]
async fn nothing_is_remembered_without_an_id() {
    let sandbox = Sandbox::new();
    let top = sandbox.repository("repo");
    discover(&top).await.remember().await.unwrap();
    Identity::global(None).remember().await.unwrap();
    assert!(!top.join(".git/opencode").exists());
}
