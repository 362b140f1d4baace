//! A copy of an older file before it is changed: `opencode.db.<time>-before-<version>.bak` beside it.
//!
//! Whoever goes back to an older program, or finds something amiss after an update, has the file as it was.
//! Made by whoever holds the claim on the file (see [`crate::migration`]), so there is one copy a change.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::{Error, migration};

/// Copies that stay; older ones make room.
const KEPT: usize = 3;
/// What is left free on the disk beside the copy: the change itself needs about as much as the file.
const SPARE_FACTOR: u64 = 2;
const ENDING: &str = ".bak";
const UNFINISHED: &str = ".bak.unfinished";

/// Keeps a copy of the file at `path` if it holds sessions. `connection` holds the lock for writing.
/// A disk without room for it is no reason not to start: then there is no copy, and the log says so.
pub(crate) fn before_change(connection: &Connection, path: &Path) -> Result<(), Error> {
    keep(connection, path, free_space(path))
}

fn keep(connection: &Connection, path: &Path, free: Option<u64>) -> Result<(), Error> {
    let is_file = connection.path().is_some_and(|name| !name.is_empty());
    let holds_sessions = || connection.prepare("SELECT 1 FROM session LIMIT 1")?.exists([]);
    if !is_file || !holds_sessions()? {
        return Ok(());
    }
    let size = size(connection)?;
    if let Some(free) = free
        && free < size.saturating_mul(SPARE_FACTOR)
    {
        tracing::warn!(
            path = %path.display(), size, free,
            "the disk has no room for a copy of the database before it is brought to this version; it is changed without one"
        );
        return Ok(());
    }
    let stamp: String =
        connection.query_row("SELECT strftime('%Y%m%dT%H%M%fZ', 'now')", [], |row| row.get(0))?;
    let stem = format!("{}-before-{}", stamp.replace('.', ""), env!("CARGO_PKG_VERSION"));
    let (unfinished, finished) = (
        beside(path, &format!("{stem}{UNFINISHED}")),
        beside(path, &format!("{stem}{ENDING}")),
    );
    remove_unfinished(path);
    if let Err(error) = copy(path, &unfinished, &finished) {
        let _ = fs_err::remove_file(&unfinished);
        if matches!(error, Error::Full { .. }) {
            tracing::warn!(
                path = %path.display(), size,
                "the disk was full before the copy of the database was made; it is changed without one"
            );
            return Ok(());
        }
        return Err(Error::Backup {
            path: path.to_owned(),
            reason: error.to_string(),
        });
    }
    tracing::info!(path = %finished.display(), "kept a copy of the database before it is changed");
    for old in copies(path).into_iter().skip(KEPT) {
        if let Err(error) = fs_err::remove_file(&old) {
            tracing::warn!(%error, "an old copy of the database could not be removed");
        }
    }
    Ok(())
}

/// A copy of one state of the file, on the disk as a whole before it has its name.
fn copy(path: &Path, unfinished: &Path, finished: &Path) -> Result<(), Error> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::StorageFull => Error::Full {
            path: unfinished.to_owned(),
        },
        _ => Error::Open {
            path: unfinished.to_owned(),
            reason: error.to_string(),
        },
    };
    let mut options = fs_err::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let file = options.open(unfinished).map_err(failed)?;
    vacuum_into(path, unfinished)?;
    file.sync_all().map_err(failed)?;
    fs_err::rename(unfinished, finished).map_err(failed)
}

/// Writes a consistent copy of the file at `path` to `target`, which is missing or empty.
pub(crate) fn vacuum_into(path: &Path, target: &Path) -> Result<(), Error> {
    // A reader of its own: the lock for writing does not keep it out.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let name = target.to_str().ok_or_else(|| Error::Open {
        path: target.to_owned(),
        reason: "its name is not valid UTF-8".to_owned(),
    })?;
    let work = || {
        let reader = Connection::open_with_flags(path, flags)?;
        reader.busy_timeout(migration::BUSY_TIMEOUT)?;
        reader.execute("VACUUM INTO ?1", [name])?;
        Ok(())
    };
    work().map_err(|error: Error| error.explain(target))
}

/// The copies of the file at `path`, the newest first.
pub(crate) fn copies(path: &Path) -> Vec<PathBuf> {
    let mut copies: Vec<PathBuf> = siblings(path, ENDING);
    copies.sort_unstable_by(|a, b| b.cmp(a));
    copies
}

/// What a process left that died while it copied.
fn remove_unfinished(path: &Path) {
    for left in siblings(path, UNFINISHED) {
        if let Err(error) = fs_err::remove_file(&left) {
            tracing::warn!(%error, "an unfinished copy of the database could not be removed");
        }
    }
}

fn siblings(path: &Path, ending: &str) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Vec::new();
    };
    let begin = format!("{}.", name.to_string_lossy());
    let is_one = |name: &str| {
        name.strip_prefix(&begin)
            .is_some_and(|rest| rest.ends_with(ending) && rest.contains("-before-"))
    };
    let Ok(entries) = fs_err::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_str().is_some_and(is_one))
        .map(|entry| entry.path())
        .collect()
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

fn size(connection: &Connection) -> Result<u64, Error> {
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let bytes = number("PRAGMA page_count")?.saturating_mul(number("PRAGMA page_size")?);
    Ok(u64::try_from(bytes).unwrap_or_default())
}

/// Bytes that this user may still write where the file is, if the system tells.
fn free_space(path: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty())?;
        let disk = rustix::fs::statvfs(folder).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_a_session() -> (tempfile::TempDir, PathBuf, Connection) {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("opencode.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("CREATE TABLE session (id text); INSERT INTO session VALUES ('ses_1');")
            .unwrap();
        (folder, path, connection)
    }

    #[test]
    fn a_disk_without_room_gets_no_copy() {
        let (_folder, path, connection) = with_a_session();
        keep(&connection, &path, Some(1000)).unwrap();
        assert_eq!(copies(&path), Vec::<PathBuf>::new());
        keep(&connection, &path, Some(1_000_000)).unwrap();
        assert_eq!(copies(&path).len(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_copied_is_not_changed() {
        let (folder, _, connection) = with_a_session();
        let elsewhere = folder.path().join("gone").join("opencode.db");
        let error = keep(&connection, &elsewhere, None).unwrap_err();
        assert!(matches!(error, Error::Backup { .. }), "{error}");
    }
}
