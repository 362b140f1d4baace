//! Files of state are written one after the other on a thread of their own: nobody waits for a disk.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use opencode_config::replace;

/// Writes that wait; who wants more waits.
const WAITING: usize = 256;

enum Job {
    /// The file has this and nothing else.
    Keep(PathBuf, String),
    /// The file ends with this line.
    Append(PathBuf, String),
}

/// The thread that writes.
pub(super) struct Writer {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start() -> Self {
        let (jobs, wanted) = sync_channel::<Job>(WAITING);
        let thread = std::thread::Builder::new()
            .name("state".to_owned())
            .spawn(move || {
                while let Ok(job) = wanted.recv() {
                    let (path, result) = match &job {
                        Job::Keep(path, text) => (path, replace(path, text.as_bytes())),
                        Job::Append(path, line) => (path, append(path, line)),
                    };
                    if let Err(error) = result {
                        tracing::warn!(%error, path = %path.display(), "a file of state was not written");
                    }
                }
            });
        Self {
            jobs: Some(jobs),
            thread: thread.ok(),
        }
    }

    pub(super) fn keep(&self, path: PathBuf, text: String) {
        self.write(Job::Keep(path, text));
    }

    pub(super) fn append(&self, path: PathBuf, line: String) {
        self.write(Job::Append(path, line));
    }

    fn write(&self, job: Job) {
        if let Some(jobs) = &self.jobs
            && jobs.send(job).is_err()
        {
            tracing::warn!("files of state are not written any more");
        }
    }

    /// Waits until everything is written.
    pub(super) fn finish(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the writing of files of state broke off");
        }
    }
}

fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs_err::create_dir_all(folder)?;
    let mut file = fs_err::OpenOptions::new().create(true).append(true).open(path)?;
    // At once, so that lines of two programs do not mix.
    file.write_all(format!("{}\n", line.trim_end_matches('\n')).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::Writer;

    #[test]
    fn files_are_written_in_their_order_before_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/kv.json");
        let mut writer = Writer::start();
        for number in 0..50 {
            writer.keep(path.clone(), number.to_string());
            writer.append(folder.path().join("history.jsonl"), number.to_string());
        }
        writer.finish();
        assert_eq!(fs_err::read_to_string(path).unwrap(), "49");
        let lines = fs_err::read_to_string(folder.path().join("history.jsonl")).unwrap();
        assert_eq!(lines.lines().count(), 50);
    }
}
