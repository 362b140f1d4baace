//! Locks between programs: files that the operating system lets go when their holder ends.

use std::fs::TryLockError;
use std::io;

use crate::Paths;

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "it is held by being open")] fs_err::File);

/// Takes the lock of this name, unless somebody has it: another program, or another part of this one.
///
/// # Errors
/// Its file cannot be made.
pub fn try_hold(paths: &Paths, name: &str) -> io::Result<Option<Lock>> {
    let folder = paths.state.join("locks");
    fs_err::create_dir_all(&folder)?;
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
    let mut options = fs_err::OpenOptions::new();
    let file = options
        .create(true)
        .write(true)
        .truncate(false)
        .open(folder.join(format!("{plain}.lock")))?;
    match file.file().try_lock() {
        Ok(()) => Ok(Some(Lock(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
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
        drop(held);
        assert!(try_hold(&paths, "auth-a/b").unwrap().is_some());
    }
}
