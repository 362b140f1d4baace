//! Whether anything was stored since: the head of the file that SQLite shares between processes, which every
//! commit changes (<https://www.sqlite.org/walformat.html>, «The WAL-Index File Format»).

use std::fs::File;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Bytes of the head: version, number of the change, size, sums.
const HEAD: usize = 48;

/// A committed state of the database. Two that are equal hold the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State([u8; HEAD]);

/// Looks at the head.
#[derive(Default)]
pub(crate) struct Shared {
    /// Never closed: that would take from this process all locks that SQLite has on the file
    /// (<https://www.sqlite.org/howtocorrupt.html>, §2.2), perhaps while the writer still ends its work.
    file: OnceLock<Option<ManuallyDrop<File>>>,
}

impl Shared {
    /// The state that is committed now; `None` when it cannot be told. Takes about a microsecond and waits for
    /// nothing.
    pub(crate) fn state(&self, database: &Path) -> Option<State> {
        let file = self.file.get_or_init(|| {
            let mut path = database.as_os_str().to_owned();
            path.push("-shm");
            fs_err::File::open(PathBuf::from(path))
                .map(|file| ManuallyDrop::new(file.into_parts().0))
                .map_err(|error| tracing::debug!(%error, "whether anything was stored cannot be told"))
                .ok()
        });
        let head = head_of(file.as_ref()?)?;
        // Without a version nothing was written since the file was made.
        (head[..4] != [0; 4]).then_some(State(head))
    }
}

#[cfg(unix)]
fn head_of(file: &File) -> Option<[u8; HEAD]> {
    use std::os::unix::fs::FileExt;
    let mut head = [0; HEAD];
    file.read_exact_at(&mut head, 0).ok()?;
    Some(head)
}

/// Elsewhere the file is locked against reading.
#[cfg(not(unix))]
fn head_of(_: &File) -> Option<[u8; HEAD]> {
    None
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use rusqlite::Connection;

    use super::*;

    #[test]
    fn looking_takes_no_lock_away() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("a.db");
        let connection = Connection::open(&database).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.execute_batch("CREATE TABLE t (a)").unwrap();
        let inode = fs_err::metadata(folder.path().join("a.db-shm")).unwrap().ino();
        let locks = || {
            let all = fs_err::read_to_string("/proc/locks").unwrap_or_default();
            let ours = format!(":{inode} ");
            all.lines().filter(|line| line.contains(&ours)).count()
        };
        let before = locks();
        let shared = Shared::default();
        assert!(shared.state(&database).is_some());
        drop(shared);
        assert_eq!(locks(), before);
    }
}
