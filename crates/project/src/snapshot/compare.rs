//! What differs between trees, and between a tree and the index.
//!
//! The plumbing commands of git are used, whose output does not depend on how the user likes to see
//! differences. Patches of files are made by [`diff`](crate::diff), as both programs store them.

use std::collections::HashMap;

use opencode_schema::session::{FileDiff, FileStatus};

use super::repository::Repository;
use super::{Error, blocking, ignored};
use crate::diff::{Comparison, Form};
use crate::git;

/// Bytes of patches that a comparison of two trees returns at most; what comes after has an empty patch,
/// as it is with the differences of a checkout (reference `integrations-2.md` §K). The reference has no
/// limit here.
const PATCHES: usize = 10_000_000;
/// Files whose contents are read by one run of git.
const BATCH: usize = 100;
/// Bytes of contents that are read by one run of git, unless one file alone has more.
const BATCH_SIZE: usize = 16 << 20;
/// Room for what git writes around the content of an object.
const FRAME: usize = 128;

/// Absolute paths of the files in which the index differs from the tree `hash`.
///
/// The reference looks for renames here and then names only the new path, so that taking the change back
/// deletes the file under both names. Both paths are named.
pub(super) async fn changed(repository: &Repository, hash: &str) -> Result<Vec<String>, Error> {
    let call = repository.call_here("diff-index").arguments([
        "--cached",
        "--name-only",
        "--no-renames",
        "-z",
        hash,
        "--",
        ".",
    ]);
    let output = known(repository, &[hash], call.succeed().await).await?;
    let paths: Vec<Vec<u8>> = git::records(&output).map(<[u8]>::to_vec).collect();
    let ignored = ignored::among(repository, &paths).await?;
    let absolute = |path: &Vec<u8>| {
        let path = repository
            .worktree
            .join(git::path(path))
            .to_string_lossy()
            .into_owned();
        if cfg!(windows) {
            path.replace('\\', "/")
        } else {
            path
        }
    };
    Ok(paths
        .iter()
        .filter(|path| !ignored.contains(*path))
        .map(absolute)
        .collect())
}

/// The differences between the tree `hash` and the index of the whole worktree.
pub(super) async fn text(repository: &Repository, hash: &str) -> Result<String, Error> {
    let call = repository.call("diff-index").arguments([
        "--cached",
        "-p",
        "-M",
        "--no-ext-diff",
        "--no-textconv",
        "--no-color",
        hash,
        "--",
        ".",
    ]);
    let output = known(repository, &[hash], call.succeed().await).await?;
    Ok(String::from_utf8_lossy(&output).trim().to_owned())
}

/// One file that differs between two trees.
#[derive(Debug)]
struct Change {
    path: Vec<u8>,
    status: FileStatus,
    /// Names of the contents; none on the side where there is no file, and for a nested repository.
    sides: [Option<String>; 2],
    /// Added and removed lines; none for binary files.
    counts: Option<(u64, u64)>,
}

/// The differences between two trees, file by file.
pub(super) async fn full(repository: &Repository, from: &str, to: &str) -> Result<Vec<FileDiff>, Error> {
    const FORM: [&str; 7] = [
        "-r",
        "-z",
        "--raw",
        "--numstat",
        "--no-renames",
        "--no-abbrev",
        "--no-ext-diff",
    ];
    let call = repository
        .call_here("diff-tree")
        .arguments(FORM)
        .arguments([from, to, "--", "."]);
    let output = known(repository, &[from, to], call.succeed().await).await?;
    let mut changes = parse(&output);
    let paths: Vec<_> = changes.iter().map(|change| change.path.clone()).collect();
    let (ignored, sizes) = tokio::try_join!(ignored::among(repository, &paths), sizes(repository, &changes))?;
    changes.retain(|change| !ignored.contains(&change.path));

    let mut out = Vec::with_capacity(changes.len());
    let mut room = PATCHES;
    let mut rest = changes.into_iter().peekable();
    while rest.peek().is_some() {
        let (mut batch, mut wanted) = (Vec::new(), 0);
        while let Some(change) = rest.next_if(|change| {
            batch.is_empty() || batch.len() < BATCH && wanted + size_of(change, &sizes) <= BATCH_SIZE
        }) {
            // A file that is larger than what may still be said is not even read.
            if change.counts.is_some() && size_of(&change, &sizes) <= room {
                wanted += size_of(&change, &sizes);
            }
            batch.push(change);
        }
        let limit = room;
        let contents = contents(repository, &batch, &sizes, limit).await?;
        let described: Vec<FileDiff> =
            blocking(move || batch.iter().map(|change| describe(change, &contents)).collect()).await?;
        for mut file in described {
            match file.patch.as_ref().map_or(0, String::len) {
                size if size <= room => room -= size,
                _ => file.patch = Some(String::new()),
            }
            out.push(file);
        }
    }
    Ok(out)
}

/// Reads what `diff-tree` says: first a line of data for each file, then a line of counts for each.
fn parse(output: &[u8]) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut places = HashMap::new();
    let mut fields = git::records(output);
    while let Some(field) = fields.next() {
        if let Some(data) = field.strip_prefix(b":") {
            let Some(path) = fields.next() else { break };
            let data = String::from_utf8_lossy(data);
            let mut data = data.split(' ');
            let modes = [data.next(), data.next()];
            let names = [data.next(), data.next()];
            let status = match data.next().and_then(|status| status.chars().next()) {
                Some('A') => FileStatus::Added,
                Some('D') => FileStatus::Deleted,
                _ => FileStatus::Modified,
            };
            let side = |mode: Option<&str>, name: Option<&str>| {
                let blob = !matches!(mode, Some("000000" | "160000"));
                name.filter(|_| blob).map(str::to_owned)
            };
            let [before, after] = modes;
            let [old, new] = names;
            places.insert(path.to_vec(), changes.len());
            changes.push(Change {
                path: path.to_vec(),
                status,
                sides: [side(before, old), side(after, new)],
                counts: None,
            });
            continue;
        }
        let mut columns = field.splitn(3, |byte| *byte == b'\t');
        let mut number = || std::str::from_utf8(columns.next()?).ok()?.parse().ok();
        let counts = (number(), number());
        let change = columns
            .next()
            .and_then(|path| places.get(path))
            .and_then(|place| changes.get_mut(*place));
        if let (Some(change), (Some(additions), Some(deletions))) = (change, counts) {
            change.counts = Some((additions, deletions));
        }
    }
    changes
}

/// Sizes of all contents that a comparison is about, by name. What is missing is not in it.
async fn sizes(repository: &Repository, changes: &[Change]) -> Result<HashMap<String, usize>, Error> {
    let names = request(
        changes
            .iter()
            .filter(|change| change.counts.is_some())
            .flat_map(|change| &change.sides),
    );
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let output = repository
        .call("cat-file")
        .argument("--batch-check")
        .input(names)
        .succeed()
        .await?;
    let text = String::from_utf8_lossy(&output);
    Ok(text.lines().filter_map(header).collect())
}

/// Bytes that have to be read for a change.
fn size_of(change: &Change, sizes: &HashMap<String, usize>) -> usize {
    change
        .sides
        .iter()
        .flatten()
        .filter_map(|name| sizes.get(name))
        .sum()
}

/// The contents of a batch of changes, by name, without changes that are larger than `limit`.
async fn contents(
    repository: &Repository,
    batch: &[Change],
    sizes: &HashMap<String, usize>,
    limit: usize,
) -> Result<HashMap<String, String>, Error> {
    let read = || {
        batch
            .iter()
            .filter(|change| change.counts.is_some() && size_of(change, sizes) <= limit)
    };
    let known = || {
        read()
            .flat_map(|change| &change.sides)
            .filter(|side| side.as_ref().is_some_and(|name| sizes.contains_key(name)))
    };
    let names = request(known());
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let most = read().map(|change| size_of(change, sizes) + 2 * FRAME).sum();
    let output = repository
        .call("cat-file")
        .argument("--batch")
        .input(names)
        .limit(most)
        .succeed()
        .await?;
    let mut out = HashMap::new();
    let mut rest = output.as_slice();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end);
        let Some((name, size)) = header(&String::from_utf8_lossy(line)) else {
            break;
        };
        // The line end after the line, and after the content.
        let Some((content, after)) = after.get(1..).and_then(|after| after.split_at_checked(size)) else {
            break;
        };
        out.insert(name, decode(content));
        rest = after.get(1..).unwrap_or_default();
    }
    Ok(out)
}

/// A request for objects, each once.
fn request<'a>(names: impl Iterator<Item = &'a Option<String>>) -> Vec<u8> {
    let mut names: Vec<&str> = names.flatten().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names
        .iter()
        .flat_map(|name| name.bytes().chain([b'\n']))
        .collect()
}

/// Name and size of an object from the line that git writes about it; nothing when it is no content.
fn header(line: &str) -> Option<(String, usize)> {
    let mut columns = line.split(' ');
    let (name, kind, size) = (columns.next()?, columns.next()?, columns.next()?);
    (kind == "blob").then_some(())?;
    Some((name.to_owned(), size.parse().ok()?))
}

/// A content as text. Parity: sessions.md §8, the reference's decoder drops a byte order mark.
fn decode(content: &[u8]) -> String {
    let content = content.strip_prefix("\u{feff}".as_bytes()).unwrap_or(content);
    String::from_utf8_lossy(content).into_owned()
}

fn describe(change: &Change, contents: &HashMap<String, String>) -> FileDiff {
    let file = String::from_utf8_lossy(&change.path).into_owned();
    let (additions, deletions) = change.counts.unwrap_or_default();
    let text = |side: &Option<String>| match side {
        Some(name) => contents.get(name).map(String::as_str),
        None => Some(""),
    };
    let [before, after] = &change.sides;
    let patch = match (change.counts, text(before), text(after)) {
        (Some(_), Some(before), Some(after)) => Comparison::new(before, after).patch(&file, Form::Snapshot),
        _ => String::new(),
    };
    FileDiff {
        file: Some(file),
        patch: Some(patch),
        additions,
        deletions,
        status: Some(change.status),
    }
}

/// The result of a call, with a better error when one of the trees that it names is not there.
async fn known(
    repository: &Repository,
    trees: &[&str],
    result: Result<Vec<u8>, git::Error>,
) -> Result<Vec<u8>, Error> {
    let error = match result {
        Err(error @ git::Error::Failed { .. }) => error,
        result => return Ok(result?),
    };
    for tree in trees {
        exists(repository, tree).await?;
    }
    Err(error.into())
}

/// Makes sure that a tree is there.
pub(super) async fn exists(repository: &Repository, tree: &str) -> Result<(), Error> {
    let name = format!("{tree}^{{tree}}");
    match repository
        .call("cat-file")
        .arguments(["-e", &name])
        .succeed()
        .await
    {
        Err(git::Error::Failed { .. }) => Err(Error::Unknown(tree.to_owned())),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
