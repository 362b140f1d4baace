//! Writing a file below a folder (reference `seed-http.md` §5).

use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::{Error, SIZE_LIMIT};
use crate::search::open_regular;

/// One at a time, so that what is compared is what is replaced.
static ONE: Mutex<()> = Mutex::new(());

/// What to do with what is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is replaced.
    #[default]
    Overwrite,
    /// There must be nothing.
    Create,
    /// It is added to.
    Append,
}

/// What must be there for something to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Absent,
    /// Something with this SHA-256, in hex.
    Hash(String),
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Absolute path.
    pub path: PathBuf,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the file, in hex.
    pub hash: String,
    /// Whether there was nothing before.
    pub created: bool,
}

/// Where something that need not be there yet lies, absolute, if that is below the root.
///
/// # Errors
/// [`Error`].
pub fn place(root: &Path, relative: &str) -> Result<PathBuf, Error> {
    let outside = || Error::Outside(relative.to_owned());
    if relative.is_empty() || relative.contains('\0') {
        return Err(Error::Unsuitable("this is no path of a file".to_owned()));
    }
    let path = root.join(relative);
    let within = path.strip_prefix(root).map_err(|_| outside())?;
    if !within
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
    {
        return Err(outside());
    }
    let real_root = fs_err::canonicalize(root)?;
    // The first that is there must not lead out; below it, nothing can.
    for ancestor in path.ancestors() {
        match fs_err::symlink_metadata(ancestor) {
            Ok(_) => {
                // A link to nowhere cannot be followed, and not be trusted.
                let real = fs_err::canonicalize(ancestor).map_err(|_| outside())?;
                return if real.starts_with(&real_root) {
                    Ok(path)
                } else {
                    Err(outside())
                };
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(outside())
}

/// Writes a file: all of it, or nothing.
///
/// # Errors
/// [`Error`]; [`Error::Changed`] when what is there is not what was expected.
pub fn write(
    root: &Path,
    relative: &str,
    content: &[u8],
    mode: Mode,
    make_folders: bool,
    condition: Option<&Condition>,
) -> Result<Written, Error> {
    let _turn = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let path = place(root, relative)?;
    if path.is_dir() {
        return Err(Error::Unsuitable(format!("{relative} is a folder")));
    }
    // A link stays, what it leads to is replaced; that lies inside.
    let target = fs_err::canonicalize(&path).unwrap_or_else(|_| path.clone());
    let before = existing(relative, &target)?;
    let fits = match condition {
        None => true,
        Some(Condition::Absent) => before.is_none(),
        Some(Condition::Hash(wanted)) => before
            .as_ref()
            .is_some_and(|before| hash_of(before).eq_ignore_ascii_case(wanted)),
    };
    if !fits || (mode == Mode::Create && before.is_some()) {
        return Err(Error::Changed(relative.to_owned()));
    }
    let folder = target
        .parent()
        .ok_or_else(|| Error::Outside(relative.to_owned()))?;
    if make_folders {
        fs_err::create_dir_all(folder)?;
    }
    let whole = match (&before, mode) {
        (Some(before), Mode::Append) => [before, content].concat(),
        _ => content.to_vec(),
    };
    if whole.len() as u64 > SIZE_LIMIT {
        return Err(Error::TooLarge(relative.to_owned()));
    }
    // Once more, now that the folder is there.
    if !fs_err::canonicalize(folder)?.starts_with(fs_err::canonicalize(root)?) {
        return Err(Error::Outside(relative.to_owned()));
    }
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&whole)?;
    set_permissions(&file, &target)?;
    file.persist(&target).map_err(|error| error.error)?;
    Ok(Written {
        path,
        bytes: whole.len() as u64,
        hash: hash_of(&whole),
        created: before.is_none(),
    })
}

/// The SHA-256 of bytes, in hex.
#[must_use]
pub fn hash_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn existing(relative: &str, path: &Path) -> Result<Option<Vec<u8>>, Error> {
    use io::Read;
    let file = match open_regular(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
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

/// A file keeps the permissions that it has; a new one gets the usual ones.
#[cfg(unix)]
fn set_permissions(file: &tempfile::NamedTempFile, target: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    /// Readable for all, as most files are; a stricter mask of this process is not asked for.
    const USUAL: u32 = 0o644;
    let mode = fs_err::metadata(target).map_or(USUAL, |metadata| metadata.permissions().mode() & 0o777);
    file.as_file().set_permissions(PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
fn set_permissions(_: &tempfile::NamedTempFile, _: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(
        root: &Path,
        path: &str,
        text: &str,
        mode: Mode,
        condition: Option<&Condition>,
    ) -> Result<Written, Error> {
        write(root, path, text.as_bytes(), mode, true, condition)
    }

    #[test]
    fn files_are_made_replaced_and_added_to_under_conditions() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        let made = put(root, "a/b.txt", "one", Mode::Create, Some(&Condition::Absent)).unwrap();
        assert!(made.created && made.bytes == 3);
        assert!(matches!(
            put(root, "a/b.txt", "x", Mode::Create, None),
            Err(Error::Changed(_))
        ));
        let more = put(
            root,
            "a/b.txt",
            "two",
            Mode::Append,
            Some(&Condition::Hash(made.hash.clone())),
        )
        .unwrap();
        assert_eq!(fs_err::read_to_string(root.join("a/b.txt")).unwrap(), "onetwo");
        assert!(!more.created && more.hash == hash_of(b"onetwo"));
        let stale = put(
            root,
            "a/b.txt",
            "x",
            Mode::Overwrite,
            Some(&Condition::Hash(made.hash)),
        );
        assert!(matches!(stale, Err(Error::Changed(_))));
        assert!(matches!(
            put(root, "a", "x", Mode::Overwrite, None),
            Err(Error::Unsuitable(_))
        ));
        let nowhere = write(root, "none/c", b"x", Mode::Overwrite, false, None);
        assert!(nowhere.is_err() && !root.join("none").exists());
    }

    #[test]
    #[cfg(unix)]
    fn nothing_is_written_outside() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("root");
        let out = place.path().join("out");
        fs_err::create_dir_all(&root).unwrap();
        fs_err::create_dir_all(&out).unwrap();
        fs_err::write(root.join("real"), "r").unwrap();
        let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, root.join(name)).unwrap();
        link(&out, "folder");
        link(&out.join("nothing"), "dangling");
        link(&root.join("real"), "inside");
        let absolute = out.join("x");
        for path in [
            "../out/x",
            "folder/x",
            "folder/new/x",
            "dangling",
            "a/../../out/x",
            absolute.to_str().unwrap(),
            "",
        ] {
            let tried = put(&root, path, "x", Mode::Overwrite, None);
            assert!(
                matches!(tried, Err(Error::Outside(_) | Error::Unsuitable(_))),
                "{path}: {tried:?}"
            );
        }
        assert_eq!(fs_err::read_dir(&out).unwrap().count(), 0);
        put(&root, "inside", "new", Mode::Overwrite, None).unwrap();
        assert_eq!(fs_err::read_to_string(root.join("real")).unwrap(), "new");
        assert!(root.join("inside").is_symlink());
    }
}
