//! The file of the audit log: appended to, and put aside when it is large.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::{Actor, Record, line};

/// Bytes after which a new file is begun.
const SIZE_LIMIT: u64 = 50 << 20;
/// Files that are kept, with the one that is written.
const FILES: u32 = 10;
/// Lines that are written together.
const BATCH: usize = 256;

/// Writes on a thread of its own until it is told to end; the receiver says when that is done.
pub(super) fn write(
    path: PathBuf,
    waiting: mpsc::Receiver<Option<String>>,
    lost: Arc<AtomicU64>,
) -> Option<oneshot::Receiver<()>> {
    let (done, written) = oneshot::channel();
    let started = std::thread::Builder::new()
        .name("audit".to_owned())
        .spawn(move || {
            run(&path, waiting, &lost, SIZE_LIMIT);
            // Nobody waits any more when the end took too long.
            let _ = done.send(());
        });
    match started {
        Ok(_) => Some(written),
        Err(error) => {
            tracing::error!(%error, "nothing is audited");
            None
        }
    }
}

fn run(path: &Path, mut waiting: mpsc::Receiver<Option<String>>, lost: &AtomicU64, size_limit: u64) {
    let mut goes_on = true;
    while goes_on && let Some(Some(first)) = waiting.blocking_recv() {
        let mut batch = first;
        let mut lines = 1;
        while goes_on
            && lines < BATCH
            && let Ok(more) = waiting.try_recv()
        {
            goes_on = more.is_some();
            batch.push_str(&more.unwrap_or_default());
            lines += 1;
        }
        let missing = lost.swap(0, Ordering::Relaxed);
        if missing > 0 {
            let record = Record::new(&Actor::internal(), "audit.lost", json!({ "records": missing }));
            batch.push_str(&line(&record));
        }
        if let Err(error) = append(path, &batch, size_limit) {
            tracing::error!(%error, lines, "not audited");
        }
    }
}

fn append(path: &Path, batch: &str, size_limit: u64) -> io::Result<()> {
    if fs_err::metadata(path).is_ok_and(|metadata| metadata.len() >= size_limit) {
        put_aside(path)?;
    }
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder)?;
    }
    let mut options = fs_err::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(batch.as_bytes())?;
    file.sync_data()
}

/// `audit.jsonl` becomes `audit.1.jsonl`, that `audit.2.jsonl`, and so on; the oldest goes.
fn put_aside(path: &Path) -> io::Result<()> {
    let numbered = |number: u32| match number {
        0 => path.to_path_buf(),
        number => path.with_extension(format!("{number}.jsonl")),
    };
    for number in (0..FILES - 1).rev() {
        let older = numbered(number);
        if older.exists() {
            fs_err::rename(older, numbered(number + 1))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn large_files_are_put_aside_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log/audit.jsonl");
        for number in 0..12 {
            append(&path, &format!("{number}\n"), 1).unwrap();
        }
        let read = |name: &str| fs_err::read_to_string(path.with_file_name(name)).unwrap_or_default();
        assert_eq!(
            (read("audit.jsonl"), read("audit.1.jsonl"), read("audit.9.jsonl")),
            ("11\n".to_owned(), "10\n".to_owned(), "2\n".to_owned())
        );
        assert_eq!(fs_err::read_dir(path.parent().unwrap()).unwrap().count(), 10);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs_err::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn what_was_lost_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let (queue, waiting) = mpsc::channel(1);
        queue.try_send(Some("{}\n".to_owned())).unwrap();
        drop(queue);
        run(&path, waiting, &AtomicU64::new(3), SIZE_LIMIT);
        let text = fs_err::read_to_string(&path).unwrap();
        assert!(
            text.contains("\"audit.lost\"") && text.contains("\"records\":3"),
            "{text}"
        );
    }
}
