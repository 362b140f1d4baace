//! Locks between programs: files that the operating system lets go when their holder ends.

use std::fs::TryLockError;
use std::io;
use std::path::PathBuf;

use crate::Paths;

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "it is held by being open")] fs_err::File);

/// Takes the lock of this name, unless somebody has it: another program, or another part of this one.
///
/// # Errors
/// Its file cannot be made.
pub fn try_hold(paths: &Paths, name: &str) -> io::Result<Option<Lock>> {
    let path = path(paths, name);
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder)?;
    }
    let mut options = fs_err::OpenOptions::new();
    let file = options.create(true).write(true).truncate(false).open(path)?;
    match file.file().try_lock() {
        Ok(()) => Ok(Some(Lock(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether who held the lock of this name has gone without giving it back: its file is there, and nobody holds it.
/// Who has never held it on this machine is not known to be gone.
#[must_use]
pub fn is_left(paths: &Paths, name: &str) -> bool {
    let file = fs_err::OpenOptions::new().write(true).open(path(paths, name));
    file.is_ok_and(|file| file.file().try_lock().is_ok())
}

/// Gives a lock back that nobody will ask for again.
pub fn remove(paths: &Paths, name: &str, lock: Lock) {
    drop(lock);
    // It may be gone already.
    let _ = fs_err::remove_file(path(paths, name));
}

fn path(paths: &Paths, name: &str) -> PathBuf {
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect();
    paths.state.join("locks").join(format!("{plain}.lock"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;

    #[test]
    fn one_at_a_time() {
        let home = tempfile::TempDir::new().unwrap();
        let environment: Environment = [("HOME".to_owned(), home.path().display().to_string())]
            .into_iter()
            .collect();
        let paths = Paths::new(&environment);
        let held = try_hold(&paths, "auth-a/b").unwrap();
        assert!(held.is_some());
        assert!(try_hold(&paths, "auth-a/b").unwrap().is_none());
        assert!(try_hold(&paths, "auth-c").unwrap().is_some());
        assert!(!is_left(&paths, "auth-a/b") && !is_left(&paths, "unheard"));
        drop(held);
        assert!(is_left(&paths, "auth-a/b"));
        let held = try_hold(&paths, "auth-a/b").unwrap().unwrap();
        remove(&paths, "auth-a/b", held);
        assert!(!is_left(&paths, "auth-a/b"));
    }
}
