//! What clients see and change of a folder: one level of it, and single files (reference `http-api.md` §6.6),
//! all of it, and what they write (reference `seed-http.md` §5).

pub mod tree;
pub mod write;

use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::search::open_regular;

/// Largest file that is given out.
const SIZE_LIMIT: u64 = 64 * 1024 * 1024;

/// A file or folder in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Relative to the root.
    pub path: String,
    /// All of it.
    pub absolute: PathBuf,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Whether the rules of the root leave it out.
    pub ignored: bool,
}

/// Why a path is not looked at.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It leads out of the root, by itself or through a link.
    #[error("{0} is outside of the folder")]
    Outside(String),
    /// It is something else than what was asked for.
    #[error("{0}")]
    Unsuitable(String),
    /// What is there is not what was expected.
    #[error("{0} is not as expected")]
    Changed(String),
    /// It is larger than what is looked at or written.
    #[error("{0} is larger than {SIZE_LIMIT} bytes")]
    TooLarge(String),
    /// The system does not give it.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The entries of a folder below `root`: folders first, then by name; links and the like are left out.
///
/// # Errors
/// [`Error`]; a folder that is not there is [`Error::Io`].
pub fn list(root: &Path, relative: &str) -> Result<Vec<Entry>, Error> {
    let folder = confined(root, relative)?;
    let rules = rules(root);
    let mut entries = Vec::new();
    for entry in fs_err::read_dir(&folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if !kind.is_dir() && !kind.is_file() {
            continue;
        }
        let is_folder = kind.is_dir();
        let absolute = entry.path();
        let within = absolute.strip_prefix(root).unwrap_or(&absolute).to_path_buf();
        let mut path = within.to_string_lossy().into_owned();
        if is_folder {
            path.push('/');
        }
        entries.push(Entry {
            name: entry.file_name().to_string_lossy().into_owned(),
            ignored: rules.matched_path_or_any_parents(&within, is_folder).is_ignore(),
            path,
            absolute,
            is_folder,
        });
    }
    entries.sort_by_cached_key(|entry| (!entry.is_folder, entry.name.to_lowercase(), entry.name.clone()));
    Ok(entries)
}

/// The bytes of a file below `root`; `None` when there is none.
///
/// # Errors
/// [`Error`].
pub fn read(root: &Path, relative: &str) -> Result<Option<Vec<u8>>, Error> {
    let path = match confined(root, relative) {
        Ok(path) => path,
        Err(Error::Io(error)) if is_absent(error.kind()) => return Ok(None),
        Err(error) => return Err(error),
    };
    if path.is_dir() {
        return Err(Error::Unsuitable(format!("{relative} is a folder")));
    }
    let file = match open_regular(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            return Err(Error::Unsuitable(error.to_string()));
        }
        Err(error) => return Err(error.into()),
    };
    let mut bytes = Vec::new();
    file.take(SIZE_LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SIZE_LIMIT {
        return Err(Error::TooLarge(relative.to_owned()));
    }
    Ok(Some(bytes))
}

/// The path of something below `root`, absolute.
///
/// # Errors
/// [`Error`], also when it is not there.
pub fn inside(root: &Path, relative: &str) -> Result<PathBuf, Error> {
    confined(root, relative)
}

/// Whether the system says that nothing is there: a file on the way to a path holds nothing either.
#[must_use]
pub fn is_absent(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    matches!(kind, NotFound | NotADirectory | InvalidFilename)
}

/// The path below the root, if that is where it really leads.
fn confined(root: &Path, relative: &str) -> Result<PathBuf, Error> {
    let outside = || Error::Outside(relative.to_owned());
    let path = Path::new(relative);
    let stays = path
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !stays && path.strip_prefix(root).is_err() || relative.contains('\0') {
        return Err(outside());
    }
    let path = root.join(path);
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(outside());
    }
    let (real, real_root) = (fs_err::canonicalize(&path)?, fs_err::canonicalize(root)?);
    if real.starts_with(real_root) {
        Ok(path)
    } else {
        Err(outside())
    }
}

fn rules(root: &Path) -> Gitignore {
    let mut builder = GitignoreBuilder::new(root);
    for name in [".gitignore", ".ignore"] {
        // A file that is not there, or has bad lines, rules nothing out.
        let _ = builder.add(root.join(name));
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("root");
        fs_err::create_dir_all(root.join("in")).unwrap();
        fs_err::write(root.join("in/a.txt"), "a").unwrap();
        fs_err::write(place.path().join("secret"), "s").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(place.path().join("secret"), root.join("link")).unwrap();
        let absolute = place.path().join("secret");
        for path in ["../secret", "in/../../secret", absolute.to_str().unwrap(), "link"] {
            assert!(matches!(read(&root, path), Err(Error::Outside(_))), "{path}");
        }
        assert!(matches!(list(&root, ".."), Err(Error::Outside(_))));
        assert_eq!(read(&root, "in/a.txt").unwrap().unwrap(), b"a");
        assert_eq!(read(&root, "in/none").unwrap(), None);
        assert!(matches!(read(&root, "in"), Err(Error::Unsuitable(_))));
        let listed = list(&root, "").unwrap();
        assert_eq!(listed.len(), 1, "links are left out: {listed:?}");
    }
}
