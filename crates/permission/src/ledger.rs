//! The audit of permissions: one file a session, one line a decision, the newest kept.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use opencode_schema::SessionId;
use opencode_schema::permission::Decision;

/// Bytes that a file may have before its older half is forgotten.
const LIMIT: u64 = 2 << 20;
/// What is added while the older half is forgotten would be lost.
static WRITING: Mutex<()> = Mutex::new(());

/// Where the file of a session is. Ids come from outside: one that could lead elsewhere has no file.
fn path(folder: &Path, session_id: &SessionId) -> Option<PathBuf> {
    let id = session_id.as_str();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (id.len() <= 128 && !id.is_empty() && id.bytes().all(plain)).then(|| folder.join(format!("{id}.jsonl")))
}

/// Adds a decision. Blocks.
pub(crate) fn append(folder: &Path, session_id: &SessionId, decision: &Decision) -> std::io::Result<()> {
    let Some(path) = path(folder, session_id) else {
        return Ok(());
    };
    let mut line = serde_json::to_vec(decision)?;
    line.push(b'\n');
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    if fs_err::metadata(&path).is_ok_and(|about| about.len() + line.len() as u64 > LIMIT) {
        shorten(&path)?;
    }
    let mut options = private();
    options.append(true);
    let mut file = match options.open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            fs_err::create_dir_all(folder)?;
            options.open(&path)?
        }
        opened => opened?,
    };
    // One call: lines of two programs do not mix.
    file.write_all(&line)
}

/// Forgets the older half.
fn shorten(path: &Path) -> std::io::Result<()> {
    let text = fs_err::read(path)?;
    let half = text.get(text.len() / 2..).unwrap_or_default();
    let start = half
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(half.len(), |at| at + 1);
    let beside = path.with_extension("half");
    let mut options = private();
    let mut file = options.write(true).truncate(true).open(&beside)?;
    file.write_all(half.get(start..).unwrap_or_default())?;
    fs_err::rename(&beside, path)
}

/// A new file is for the user alone: command lines may hold secrets.
fn private() -> fs_err::OpenOptions {
    let mut options = fs_err::OpenOptions::new();
    options.create(true);
    #[cfg(unix)]
    fs_err::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The decisions of a session, the oldest first. Lines that cannot be read are left out. Blocks.
pub(crate) fn read(folder: &Path, session_id: &SessionId) -> Vec<Decision> {
    let text = path(folder, session_id).and_then(|path| fs_err::read(path).ok());
    let text = text.unwrap_or_default();
    text.split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect()
}

/// Forgets a session. Blocks.
pub(crate) fn forget(folder: &Path, session_id: &SessionId) {
    if let Some(path) = path(folder, session_id) {
        let _ = fs_err::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use opencode_schema::permission::Outcome;
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn keeps_the_newest_and_survives_broken_lines() {
        let home = TempDir::new().unwrap();
        let folder = home.path().join("permissions");
        let id = SessionId::trusted("ses_1");
        let decision = |number: usize| Decision {
            time: i64::try_from(number).unwrap(),
            tool: None,
            permission: "bash".into(),
            patterns: vec!["x".repeat(40_000)],
            outcome: Outcome::Allowed,
            rules: Vec::new(),
        };
        for number in 0..200 {
            append(&folder, &id, &decision(number)).unwrap();
        }
        let file = folder.join("ses_1.jsonl");
        assert!(fs_err::metadata(&file).unwrap().len() <= LIMIT);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs_err::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "only for the user, shortened or not");
        }
        let kept = read(&folder, &id);
        assert_eq!(kept.last().unwrap().time, 199);
        assert!(kept.windows(2).all(|pair| pair[0].time + 1 == pair[1].time));

        fs_err::write(&file, "{broken\n\n{}\n").unwrap();
        append(&folder, &id, &decision(7)).unwrap();
        assert_eq!(read(&folder, &id), [decision(7)]);
        forget(&folder, &id);
        assert!(!file.exists());
        let bent = SessionId::trusted("../ses_1");
        append(&folder, &bent, &decision(1)).unwrap();
        assert!(!home.path().join("ses_1.jsonl").exists());
    }
}
