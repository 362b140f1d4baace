//! The git folder in which snapshots lie: where it is, how it is made, how git is called on it.
//!
//! It has the form that the reference program gives it, so that both can take turns. It borrows the
//! objects of the user's repository and starts with a copy of its index, so that the first snapshot has
//! nothing to store but what is not committed.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{Error, blocking};
use crate::git::{self, Call};
use crate::identity::{Git, sha1};

/// How long one run of git may take here. Longer than the default: the first one may have to read all
/// files there are.
const CALL_LIMIT: Duration = Duration::from_secs(120);
/// How much of a small text file of the user's repository is read.
const TEXT_LIMIT: u64 = 4 << 20;

/// One git folder for snapshots, and the files it is about. Cheap to clone into a blocking task.
#[derive(Clone, Debug)]
pub(super) struct Repository {
    /// Where trees are kept.
    pub(super) git_dir: Arc<Path>,
    /// Top of the checkout; paths in trees start here.
    pub(super) worktree: Arc<Path>,
    /// The folder in it that the instance was opened on.
    pub(super) directory: Arc<Path>,
    /// The user's repository.
    pub(super) git: Arc<Git>,
}

impl Repository {
    pub(super) fn new(data: &Path, project: &str, worktree: &Path, directory: &Path, git: Git) -> Self {
        let name = sha1(&worktree.to_string_lossy());
        Self {
            git_dir: data.join("snapshot").join(project).join(name).into(),
            worktree: worktree.into(),
            directory: directory.into(),
            git: Arc::new(git),
        }
    }

    /// A call of git on the snapshots that works from the top of the checkout.
    pub(super) fn call(&self, command: &str) -> Call {
        self.call_in(&self.worktree, command)
    }

    /// A call of git on the snapshots that is limited to the instance's folder, where it says `.`.
    pub(super) fn call_here(&self, command: &str) -> Call {
        self.call_in(&self.directory, command)
    }

    fn call_in(&self, directory: &Path, command: &str) -> Call {
        Call::on(&self.git_dir, &self.worktree, directory, command)
            // Names are names here: none is a pattern, whatever characters it has.
            .variable("GIT_LITERAL_PATHSPECS", "1")
            .timeout(CALL_LIMIT)
    }

    /// The file whose lock says that someone works on the snapshots. It lies beside the git folder, as
    /// that one is put in its place only when it is whole.
    pub(super) fn lock_file(&self) -> PathBuf {
        self.git_dir.with_extension("lock")
    }

    /// Whether there is a git folder yet.
    pub(super) async fn exists(&self) -> bool {
        let git_dir = Arc::clone(&self.git_dir);
        blocking(move || is_whole(&git_dir)).await.unwrap_or(false)
    }

    /// Makes the git folder where it is missing, and brings its list of ignored files up to date.
    pub(super) fn prepare(&self) -> Result<(), Error> {
        if !self.directory.is_dir() {
            return Err(git::Error::Directory(self.directory.to_path_buf()).into());
        }
        if !is_whole(&self.git_dir) {
            self.create()?;
        }
        self.write_exclude(&[])?;
        Ok(())
    }

    fn create(&self) -> io::Result<()> {
        if fs_err::symlink_metadata(&self.git_dir).is_ok() {
            // Someone was interrupted here; what there is may be referred to, so it stays.
            return self.fill(&self.git_dir);
        }
        let fresh = self.git_dir.with_extension("new");
        if fs_err::symlink_metadata(&fresh).is_ok() {
            fs_err::remove_dir_all(&fresh)?;
        }
        self.fill(&fresh)?;
        match fs_err::rename(&fresh, &self.git_dir) {
            Err(error) if !is_whole(&self.git_dir) => Err(error),
            Err(_) => fs_err::remove_dir_all(&fresh), // the reference program was faster
            Ok(()) => Ok(()),
        }
    }

    /// Writes what a git folder needs into `target`, where it is not there yet. By hand: asking git for
    /// it would take ten runs.
    fn fill(&self, target: &Path) -> io::Result<()> {
        for folder in ["info", "objects/info", "objects/pack", "refs/heads", "refs/tags"] {
            fs_err::create_dir_all(target.join(folder))?;
        }
        write_missing(&target.join("config"), self.configuration().as_bytes())?;
        if let Some(alternates) = alternates(&self.git.common_dir) {
            write_missing(&target.join("objects/info/alternates"), &alternates)?;
            let index = target.join("index");
            if fs_err::symlink_metadata(&index).is_err()
                && let Err(error) = copy_index(&self.git.git_dir.join("index"), &index)
            {
                tracing::debug!(%error, "starting snapshots without the project's index");
            }
        }
        // Last, because it is what makes it a git folder.
        write_missing(&target.join("HEAD"), b"ref: refs/heads/main\n")
    }

    fn configuration(&self) -> String {
        let worktree = quote(&self.worktree.to_string_lossy());
        let file_mode = cfg!(unix);
        // What `git init` finds out by trying.
        let system = if cfg!(target_os = "macos") {
            "\tignorecase = true\n\tprecomposeunicode = true\n"
        } else if cfg!(windows) {
            "\tignorecase = true\n"
        } else {
            ""
        };
        format!(
            "[core]\n\trepositoryformatversion = 0\n\tfilemode = {file_mode}\n\tbare = false\n\
             \tlogallrefupdates = true\n{system}\tworktree = {worktree}\n\tautocrlf = false\n\
             \tlongpaths = true\n\tsymlinks = true\n\tfsmonitor = false\n\tuntrackedCache = true\n\
             [feature]\n\tmanyFiles = true\n[index]\n\tversion = 4\n\tthreads = true\n"
        )
    }

    /// Writes the list of ignored files: the project's own, and files that are too large to keep.
    pub(super) fn write_exclude(&self, large: &[Vec<u8>]) -> io::Result<()> {
        let mut text = read_limited(&self.git.common_dir.join("info/exclude")).unwrap_or_default();
        text.truncate(text.trim_ascii_end().len());
        for path in large {
            if !text.is_empty() {
                text.push(b'\n');
            }
            text.extend(pattern(path));
        }
        if !text.is_empty() {
            text.push(b'\n');
        }
        let path = self.git_dir.join("info/exclude");
        if fs_err::metadata(&path).is_ok_and(|metadata| metadata.len() == text.len() as u64)
            && fs_err::read(&path).is_ok_and(|current| current == text)
        {
            return Ok(());
        }
        fs_err::create_dir_all(self.git_dir.join("info"))?;
        fs_err::write(path, text)
    }
}

/// Whether a folder is one that git would take for its own.
pub(super) fn is_whole(git_dir: &Path) -> bool {
    git_dir.join("HEAD").is_file()
        && git_dir.join("config").is_file()
        && git_dir.join("objects").is_dir()
        && git_dir.join("refs").is_dir()
}

fn write_missing(path: &Path, content: &[u8]) -> io::Result<()> {
    if fs_err::symlink_metadata(path).is_ok() {
        Ok(())
    } else {
        fs_err::write(path, content)
    }
}

fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    if fs_err::metadata(path)?.is_file() {
        fs_err::File::open(path)?
            .take(TEXT_LIMIT)
            .read_to_end(&mut content)?;
    }
    Ok(content)
}

/// Copies an index together with its time: git compares that with the times of files to know which of
/// them may have changed unnoticed.
fn copy_index(from: &Path, to: &Path) -> io::Result<()> {
    let modified = fs_err::metadata(from)?.modified()?;
    fs_err::copy(from, to)?;
    fs_err::OpenOptions::new()
        .write(true)
        .open(to)?
        .file()
        .set_modified(modified)
}

/// The object folders that can be read instead of keeping copies: the project's and those that it reads
/// itself. Nothing when they cannot be used, and then its index cannot either.
fn alternates(common_dir: &Path) -> Option<Vec<u8>> {
    let config = read_limited(&common_dir.join("config")).unwrap_or_default();
    if names_other_hashes(&String::from_utf8_lossy(&config)) {
        return None;
    }
    let objects = common_dir.join("objects");
    let listed = read_limited(&objects.join("info/alternates")).unwrap_or_default();
    let mut folders = vec![objects.clone()];
    folders.extend(
        listed
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii)
            .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
            .map(|line| objects.join(git::path(line))),
    );
    let mut text = Vec::new();
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        let folder = git::bytes(folder);
        // Such a name would be read as something else.
        if folder.contains(&b'\n') || matches!(folder.first(), Some(b'"' | b'#')) {
            continue;
        }
        text.extend(folder);
        text.push(b'\n');
    }
    (!text.is_empty()).then_some(text)
}

/// Whether a repository's configuration says that its objects are not named by SHA-1, as ours are.
fn names_other_hashes(config: &str) -> bool {
    config
        .lines()
        .map(|line| line.trim().to_ascii_lowercase())
        .any(|line| {
            line.strip_prefix("objectformat")
                .is_some_and(|rest| rest.contains('=') && !rest.contains("sha1"))
        })
}

/// A value as git writes it into a configuration file.
fn quote(value: &str) -> String {
    let mut out = String::new();
    for character in value.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            other => out.push(other),
        }
    }
    let bare = !value.contains(['#', ';']) && value.trim() == value;
    if bare { out } else { format!("\"{out}\"") }
}

/// A pattern of ignored files that matches `path`, seen from the top, and nothing else as far as the
/// syntax can say it.
fn pattern(path: &[u8]) -> Vec<u8> {
    let mut out = vec![b'/'];
    for byte in path {
        match byte {
            b'*' | b'?' | b'[' | b'\\' => out.extend([b'\\', *byte]),
            // A line break cannot be written; this matches it.
            b'\n' | b'\r' => out.push(b'?'),
            b' ' | b'\t' => out.extend([b'\\', *byte]),
            other => out.push(*other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn values_are_quoted_where_they_must_be() {
        for (value, wanted) in [
            ("/home/me/work", "/home/me/work"),
            ("/a b", "/a b"),
            (" /a", "\" /a\""),
            ("/a#b", "\"/a#b\""),
            ("/a;b", "\"/a;b\""),
            ("/a\"b\\c", "/a\\\"b\\\\c"),
            ("/a\nb\tc", "/a\\nb\\tc"),
        ] {
            assert_eq!(quote(value), wanted, "{value:?}");
        }
    }

    #[test]
    fn patterns_have_no_wildcards() {
        for (path, wanted) in [
            ("a/b.bin", "/a/b.bin"),
            ("a*[1]?.bin", "/a\\*\\[1]\\?.bin"),
            ("#a ", "/#a\\ "),
            ("!a\nb", "/!a?b"),
        ] {
            assert_eq!(
                String::from_utf8(pattern(path.as_bytes())).unwrap(),
                wanted,
                "{path:?}"
            );
        }
    }

    #[test]
    fn other_hashes_are_noticed() {
        for (config, wanted) in [
            ("[core]\n\tbare = false\n", false),
            ("[extensions]\n\tobjectFormat = sha256\n", true),
            ("[extensions]\n\tobjectformat=sha1\n", false),
        ] {
            assert_eq!(names_other_hashes(config), wanted, "{config}");
        }
    }
}
