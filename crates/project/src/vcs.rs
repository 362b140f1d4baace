//! What git says of a working tree (reference `http-api.md` §6.7, `integrations-2.md` §K). A folder without
//! repository has no branch and no changes.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use crate::git::{self, Call, Error};

/// Most bytes of a file that are looked at for its lines.
const FILE_LIMIT: u64 = 10_000_000;

/// Bytes of all patches together.
const PATCH_LIMIT: usize = 10_000_000;

/// Where the work happens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Branches {
    /// The branch that is checked out.
    pub current: Option<String>,
    /// The branch that others start from.
    pub default: Option<String>,
}

/// How a file differs from the last commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is new.
    Added,
    /// It is gone.
    Deleted,
    /// It has other content.
    Modified,
}

/// A file that differs from the last commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Relative to the worktree.
    pub file: String,
    /// Lines added.
    pub additions: u64,
    /// Lines removed.
    pub deletions: u64,
    /// What happened to it.
    pub kind: Kind,
}

/// The branches of a worktree.
///
/// # Errors
/// git cannot be run.
pub async fn branches(worktree: &Path) -> Result<Branches, Error> {
    let current = line(Call::new(worktree, "symbolic-ref").arguments(["--quiet", "--short", "HEAD"])).await?;
    let remote = line(Call::new(worktree, "symbolic-ref").arguments([
        "--quiet",
        "--short",
        "refs/remotes/origin/HEAD",
    ]))
    .await?;
    let mut default = remote.and_then(|name| Some(name.strip_prefix("origin/")?.to_owned()));
    if default.is_none() {
        let configured = line(Call::new(worktree, "config").argument("init.defaultBranch")).await?;
        let usual = configured
            .into_iter()
            .chain(["main".to_owned(), "master".to_owned()]);
        for name in usual {
            let reference = format!("refs/heads/{name}");
            let known = Call::new(worktree, "show-ref").arguments(["--verify", "--quiet", &reference]);
            if known.run().await?.code == Some(0) {
                default = Some(name);
                break;
            }
        }
    }
    Ok(Branches { current, default })
}

/// The branch that is checked out where git keeps its files in this folder; none where it is a commit.
#[must_use]
pub fn checked_out(git_directory: &Path) -> Option<String> {
    let head = fs_err::read_to_string(git_directory.join("HEAD")).ok()?;
    let branch = head.strip_prefix("ref:")?.trim().strip_prefix("refs/heads/")?;
    Some(branch.to_owned())
}

/// The commit at which the branch that is checked out left the default branch; none on that branch itself.
///
/// # Errors
/// git cannot be run.
pub async fn fork_point(worktree: &Path) -> Result<Option<String>, Error> {
    let branches = branches(worktree).await?;
    let Some(default) = branches
        .default
        .filter(|name| branches.current.as_ref() != Some(name))
    else {
        return Ok(None);
    };
    line(Call::new(worktree, "merge-base").arguments(["HEAD", &default])).await
}

/// The files that differ from the commit `base` (`HEAD`, say), by name; those that git ignores are left out.
///
/// # Errors
/// git cannot be run.
pub async fn changes(worktree: &Path, base: &str) -> Result<Vec<Change>, Error> {
    let mut changes: BTreeMap<String, Change> = BTreeMap::new();
    for (file, kind) in named(worktree, base).await? {
        let change = Change {
            file: file.clone(),
            additions: 0,
            deletions: 0,
            kind,
        };
        changes.insert(file, change);
    }
    let counted = against(worktree, base, "--numstat").await?;
    for record in git::records(&counted) {
        let text = String::from_utf8_lossy(record);
        let mut columns = text.splitn(3, '\t');
        let (Some(additions), Some(deletions), Some(file)) = (columns.next(), columns.next(), columns.next())
        else {
            continue;
        };
        if let Some(change) = changes.get_mut(file) {
            change.additions = additions.parse().unwrap_or(0);
            change.deletions = deletions.parse().unwrap_or(0);
        }
    }
    for file in untracked(worktree).await? {
        let additions = lines_of(&worktree.join(&file)).await;
        let change = Change {
            file: file.clone(),
            additions,
            deletions: 0,
            kind: Kind::Added,
        };
        changes.insert(file, change);
    }
    Ok(changes.into_values().collect())
}

/// Lines around a change that stand for the whole file.
pub const WHOLE_FILE: u32 = i32::MAX as u32;

/// [`changes`] with a patch each, in git's form. Where all patches together are too large, the last ones are
/// empty.
///
/// # Errors
/// git cannot be run.
pub async fn patches(worktree: &Path, base: &str, context: u32) -> Result<Vec<(Change, String)>, Error> {
    let mut tracked: HashMap<String, String> = named(worktree, base)
        .await?
        .into_iter()
        .map(|(file, _)| file)
        .zip(split(&tracked_patch(worktree, base, context).await?))
        .collect();
    let mut left = PATCH_LIMIT;
    let mut patches = Vec::new();
    for change in changes(worktree, base).await? {
        let mut patch = match tracked.remove(&change.file) {
            Some(patch) => patch,
            None if left > 0 => untracked_patch(worktree, &change.file, context).await?,
            None => String::new(),
        };
        if patch.len() > left {
            patch.clear();
            left = 0;
        }
        left -= patch.len();
        patches.push((change, patch));
    }
    Ok(patches)
}

/// All that [`changes`] tells as one patch.
///
/// # Errors
/// git cannot be run.
pub async fn patch(worktree: &Path) -> Result<String, Error> {
    const CONTEXT: u32 = 3;
    let mut all = tracked_patch(worktree, "HEAD", CONTEXT).await?;
    for file in untracked(worktree).await? {
        if all.len() > PATCH_LIMIT {
            break;
        }
        all.push_str(&untracked_patch(worktree, &file, CONTEXT).await?);
    }
    Ok(all)
}

/// Applies a patch to the files of the worktree. `Ok(Err)` says why git does not take it; then nothing is
/// changed.
///
/// # Errors
/// git cannot be run.
pub async fn apply(worktree: &Path, patch: &str) -> Result<Result<(), String>, Error> {
    let call = Call::new(worktree, "apply").argument("-").input(patch);
    let output = call.run().await?;
    Ok(match output.code {
        Some(0) => Ok(()),
        _ => Err(output.stderr.trim().to_owned()),
    })
}

async fn tracked_patch(worktree: &Path, base: &str, context: u32) -> Result<String, Error> {
    let lines = format!("--unified={context}");
    let call = Call::new(worktree, "diff").arguments([
        "--no-ext-diff",
        "--no-renames",
        "--no-color",
        &lines,
        base,
        "--",
    ]);
    let output = call.limit(PATCH_LIMIT * 4).run().await?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

async fn untracked_patch(worktree: &Path, file: &str, context: u32) -> Result<String, Error> {
    let lines = format!("--unified={context}");
    let call = Call::new(worktree, "diff").arguments([
        "--no-ext-diff",
        "--no-color",
        &lines,
        "--no-index",
        "--",
        "/dev/null",
        file,
    ]);
    // Exit code 1 says that they differ.
    let output = call.limit(PATCH_LIMIT * 4).run().await?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The patches of single files out of one of many.
fn split(patch: &str) -> Vec<String> {
    let mut files: Vec<String> = Vec::new();
    for line in patch.split_inclusive('\n') {
        if line.starts_with("diff --git ") {
            files.push(String::new());
        }
        if let Some(file) = files.last_mut() {
            file.push_str(line);
        }
    }
    files
}

async fn named(worktree: &Path, base: &str) -> Result<Vec<(String, Kind)>, Error> {
    let output = against(worktree, base, "--name-status").await?;
    let mut records = git::records(&output).map(String::from_utf8_lossy);
    let mut named = Vec::new();
    while let (Some(status), Some(file)) = (records.next(), records.next()) {
        let kind = match status.chars().next() {
            Some('A') => Kind::Added,
            Some('D') => Kind::Deleted,
            _ => Kind::Modified,
        };
        named.push((file.into_owned(), kind));
    }
    Ok(named)
}

/// Without a commit there is nothing to compare with, and everything is untracked or added.
async fn against(worktree: &Path, base: &str, form: &str) -> Result<Vec<u8>, Error> {
    let call =
        Call::new(worktree, "diff").arguments(["--no-ext-diff", "--no-renames", form, "-z", base, "--"]);
    let output = call.run().await?;
    Ok(if output.code == Some(0) {
        output.stdout
    } else {
        Vec::new()
    })
}

async fn untracked(worktree: &Path) -> Result<Vec<String>, Error> {
    let call = Call::new(worktree, "ls-files").arguments(["--others", "--exclude-standard", "-z"]);
    let output = call.run().await?;
    Ok(git::records(&output.stdout)
        .map(|record| String::from_utf8_lossy(record).into_owned())
        .collect())
}

async fn lines_of(path: &Path) -> u64 {
    let path = path.to_owned();
    let counting = tokio::task::spawn_blocking(move || {
        use std::io::Read;
        let mut bytes = Vec::new();
        let file = crate::search::open_regular(&path)?;
        file.take(FILE_LIMIT).read_to_end(&mut bytes)?;
        if bytes.contains(&0) {
            return Ok(0);
        }
        let breaks = bytes.iter().filter(|byte| **byte == b'\n').count();
        let last = usize::from(bytes.last().is_some_and(|byte| *byte != b'\n'));
        Ok::<_, std::io::Error>((breaks + last) as u64)
    });
    // A file that is gone by now has no lines.
    counting.await.ok().and_then(Result::ok).unwrap_or(0)
}

async fn line(call: Call) -> Result<Option<String>, Error> {
    let output = call.run().await?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(Some(text).filter(|text| output.code == Some(0) && !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    async fn git(folder: &Path, arguments: &[&str]) {
        let (command, rest) = arguments.split_first().unwrap();
        let call = Call::new(folder, command)
            .arguments(rest)
            .variable("GIT_AUTHOR_NAME", "a")
            .variable("GIT_AUTHOR_EMAIL", "a@example.org")
            .variable("GIT_COMMITTER_NAME", "a")
            .variable("GIT_COMMITTER_EMAIL", "a@example.org");
        call.succeed().await.unwrap();
    }

    #[tokio::test]
    async fn changes_are_told_with_their_lines() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        git(root, &["init", "--quiet", "--initial-branch", "main"]).await;
        for (name, text) in [
            ("kept", "k\n"),
            ("changed", "one\ntwo\n"),
            ("gone", "x\n"),
            (".gitignore", "no\n"),
        ] {
            fs_err::write(root.join(name), text).unwrap();
        }
        git(root, &["add", "--all"]).await;
        git(root, &["commit", "--quiet", "--message", "first"]).await;
        fs_err::write(root.join("changed"), "one\nTWO\nthree\n").unwrap();
        fs_err::remove_file(root.join("gone")).unwrap();
        fs_err::write(root.join("new"), "a\nb").unwrap();
        fs_err::write(root.join("no"), "ignored\n").unwrap();
        let told: Vec<_> = changes(root, "HEAD")
            .await
            .unwrap()
            .into_iter()
            .map(|change| (change.file, change.additions, change.deletions, change.kind))
            .collect();
        assert_eq!(
            told,
            [
                ("changed".to_owned(), 2, 1, Kind::Modified),
                ("gone".to_owned(), 0, 1, Kind::Deleted),
                ("new".to_owned(), 2, 0, Kind::Added),
            ]
        );
        let patches = patches(root, "HEAD", WHOLE_FILE).await.unwrap();
        for ((change, patch), wanted) in patches.iter().zip(["+TWO\n", "-x\n", "+a\n"]) {
            assert!(
                patch.starts_with("diff --git ") && patch.contains(wanted),
                "{change:?} {patch}"
            );
        }
        let whole = patch(root).await.unwrap();
        git(root, &["stash", "--quiet", "--include-untracked"]).await;
        assert_eq!(changes(root, "HEAD").await.unwrap(), []);
        assert_eq!(apply(root, &whole).await.unwrap(), Ok(()));
        assert_eq!(changes(root, "HEAD").await.unwrap().len(), 3);
        assert!(apply(root, &whole).await.unwrap().is_err(), "not twice");
        let branches = branches(root).await.unwrap();
        assert_eq!(branches.current.as_deref(), Some("main"));
        assert_eq!(branches.default.as_deref(), Some("main"));
    }
}
