//! A folder with what is below it (reference `seed-http.md` §5).

use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ignore::WalkBuilder;

use super::{Error, confined, rules};

/// What to list.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The folder, as seen from the root.
    pub path: String,
    /// How many levels of folders; 1 is the folder itself.
    pub depth: usize,
    /// Also what begins with a dot.
    pub hidden: bool,
    /// Also what the rules leave out.
    pub ignored: bool,
    /// How many entries at most.
    pub limit: usize,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A link, which is not followed.
    Link,
}

/// Something in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// As seen from the root.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Bytes of a file.
    pub size: Option<u64>,
    /// When it changed.
    pub modified: Option<SystemTime>,
    /// Whether the rules leave it out.
    pub ignored: bool,
}

/// What is in a folder: folders before files, and whether there is more. `.git` is never told.
///
/// # Errors
/// [`Error`].
pub fn tree(root: &Path, listing: &Listing) -> Result<(Vec<Listed>, bool), Error> {
    let folder = confined(root, &listing.path)?;
    if !folder.is_dir() {
        return Err(Error::Unsuitable(format!("{} is no folder", listing.path)));
    }
    let rules = rules(root);
    let walk = WalkBuilder::new(&folder)
        .standard_filters(!listing.ignored)
        .hidden(!listing.hidden)
        .require_git(false)
        .max_depth(Some(listing.depth))
        .sort_by_file_name(Ord::cmp)
        .filter_entry(|entry| entry.file_name() != ".git")
        .build();
    let mut found: Vec<(PathBuf, Listed)> = Vec::new();
    let mut is_cut = false;
    // The first is the folder itself; what cannot be looked at is left out.
    for entry in walk.flatten().skip(1) {
        let kind = match entry.file_type() {
            Some(kind) if kind.is_dir() => Kind::Folder,
            Some(kind) if kind.is_file() => Kind::File,
            Some(kind) if kind.is_symlink() => Kind::Link,
            _ => continue,
        };
        if found.len() >= listing.limit {
            is_cut = true;
            break;
        }
        let within = entry
            .path()
            .strip_prefix(root)
            .unwrap_or(entry.path())
            .to_path_buf();
        let metadata = entry.metadata().ok();
        let ignored = rules
            .matched_path_or_any_parents(&within, kind == Kind::Folder)
            .is_ignore();
        let listed = Listed {
            name: entry.file_name().to_string_lossy().into_owned(),
            path: within.to_string_lossy().into_owned(),
            kind,
            size: metadata
                .as_ref()
                .filter(|_| kind == Kind::File)
                .map(std::fs::Metadata::len),
            modified: metadata.and_then(|metadata| metadata.modified().ok()),
            ignored,
        };
        found.push((within, listed));
    }
    found.sort_by(|(a, one), (b, other)| by_folders(a, one, b, other));
    Ok((found.into_iter().map(|(_, listed)| listed).collect(), is_cut))
}

/// Level by level: folders first, then by name.
fn by_folders(a: &Path, one: &Listed, b: &Path, other: &Listed) -> Ordering {
    let (mut ours, mut theirs) = (a.components().peekable(), b.components().peekable());
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) if x == y => {}
            (Some(x), Some(y)) => {
                let first = ours.peek().is_some() || one.kind == Kind::Folder;
                let second = theirs.peek().is_some() || other.kind == Kind::Folder;
                return second.cmp(&first).then_with(|| x.cmp(&y));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn folders_come_first_at_every_level() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        for path in ["b/z.txt", "b/a/x", "a.txt", ".hidden", "out/o", ".git/config"] {
            let path = root.join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "1").unwrap();
        }
        fs_err::write(root.join(".gitignore"), "out\n").unwrap();
        let listing = Listing {
            path: ".".to_owned(),
            depth: 10,
            hidden: false,
            ignored: false,
            limit: 100,
        };
        let paths = |listing: &Listing| {
            let (listed, is_cut) = tree(root, listing).unwrap();
            let paths: Vec<String> = listed.into_iter().map(|one| one.path).collect();
            (paths, is_cut)
        };
        let all = ["b", "b/a", "b/a/x", "b/z.txt", "a.txt"].map(str::to_owned);
        assert_eq!(paths(&listing), (all.to_vec(), false));
        let everything = Listing {
            hidden: true,
            ignored: true,
            depth: 1,
            ..listing.clone()
        };
        let all = ["b", "out", ".gitignore", ".hidden", "a.txt"].map(str::to_owned);
        assert_eq!(paths(&everything), (all.to_vec(), false));
        let (few, is_cut) = paths(&Listing { limit: 2, ..listing });
        assert_eq!((few.len(), is_cut), (2, true));
    }
}
