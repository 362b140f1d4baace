//! Putting content into files, whole or not at all where that can be done.
//!
//! A file is replaced by a new one that takes its place when it is complete: whoever reads meanwhile sees
//! the old or the new content, and a full disk leaves the old. What belongs to the file and not to its
//! content stays: a link keeps pointing to it, its mode and owner are given to the new one. Where that
//! would lose something (other names of the same file, extended attributes, a folder in which nothing can
//! be made), the file is written in place.

use std::fs::{File, Metadata};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use fs_err::OpenOptions;

/// Links that are followed before they count as a circle.
const MAX_LINKS: usize = 40;

/// Makes `path` hold `content`. Missing folders are made.
///
/// # Errors
/// Those of the system; [`io::ErrorKind::InvalidInput`] for what is neither missing nor a regular file.
pub(crate) fn store(path: &Path, content: &[u8]) -> io::Result<()> {
    let path = follow(path)?;
    match fs_err::metadata(&path) {
        Ok(metadata) if metadata.is_file() => replace(&path, &metadata, content),
        Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(&path, content),
        Err(error) => Err(error),
    }
}

/// Where `path` leads if it is a link, even if nothing is there.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        if !fs_err::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink()) {
            return Ok(path);
        }
        let target = fs_err::read_link(&path)?;
        path = path
            .parent()
            .map_or_else(|| target.clone(), |folder| folder.join(&target));
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "too many levels of symbolic links",
    ))
}

fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    fs_err::create_dir_all(folder)?;
    let mut new = builder();
    // What a file made the ordinary way would have; the process's mask is taken off by the system.
    #[cfg(unix)]
    new.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut new = new.tempfile_in(folder)?;
    new.write_all(content)?;
    new.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn replace(path: &Path, metadata: &Metadata, content: &[u8]) -> io::Result<()> {
    // Opened in any case: a file that may not be written must not be replaced either.
    let mut old = OpenOptions::new().write(true).open(path)?.into_parts().0;
    if !has_more_than_content(&old, metadata) && put_in_place_of(path, metadata, content).is_ok() {
        return Ok(());
    }
    old.rewind()?;
    old.write_all(content)?;
    old.set_len(content.len() as u64)
}

/// Writes a new file beside `path` and lets it take the place of `path`.
fn put_in_place_of(path: &Path, metadata: &Metadata, content: &[u8]) -> io::Result<()> {
    let mut new = builder().tempfile_in(folder_of(path))?;
    new.write_all(content)?;
    give_owner(new.as_file(), metadata)?;
    new.as_file().set_permissions(metadata.permissions())?;
    new.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".opencode-").suffix(".tmp");
    builder
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

#[cfg(unix)]
fn has_more_than_content(file: &File, metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let no_room: &mut [u8] = &mut [];
    metadata.nlink() > 1 || rustix::fs::flistxattr(file, no_room).is_ok_and(|length| length > 0)
}

#[cfg(not(unix))]
fn has_more_than_content(_file: &File, _metadata: &Metadata) -> bool {
    // Alternate streams and access lists would be lost.
    true
}

#[cfg(unix)]
fn give_owner(file: &File, wanted: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let has = file.metadata()?;
    if (has.uid(), has.gid()) == (wanted.uid(), wanted.gid()) {
        return Ok(());
    }
    std::os::unix::fs::fchown(file, Some(wanted.uid()), Some(wanted.gid()))
}

#[cfg(not(unix))]
fn give_owner(_file: &File, _wanted: &Metadata) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt, symlink};

    use pretty_assertions::assert_eq;

    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().expect("a temporary folder"))
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn read(&self, name: &str) -> String {
            fs_err::read_to_string(self.path(name)).expect("it is there")
        }

        fn names(&self) -> Vec<String> {
            let entries = fs_err::read_dir(self.0.path()).expect("it is there");
            let mut names: Vec<_> = entries
                .map(|entry| {
                    entry
                        .expect("readable")
                        .file_name()
                        .to_string_lossy()
                        .into_owned()
                })
                .collect();
            names.sort();
            names
        }
    }

    #[test]
    fn a_new_file_gets_its_folders_and_the_usual_mode() {
        let folder = Folder::new();
        store(&folder.path("a/b/new.txt"), b"x").expect("writable");
        fs_err::write(folder.path("usual"), "").expect("writable");
        let mode = |name| fs_err::metadata(folder.path(name)).expect("it is there").mode();
        assert_eq!(
            (folder.read("a/b/new.txt"), mode("a/b/new.txt")),
            ("x".into(), mode("usual"))
        );
        assert_eq!(folder.names(), ["a", "usual"]);
    }

    #[test]
    fn the_mode_stays_and_nothing_is_left_behind() {
        let folder = Folder::new();
        fs_err::write(folder.path("run.sh"), "a long first content").expect("writable");
        fs_err::set_permissions(folder.path("run.sh"), PermissionsExt::from_mode(0o751)).expect("ours");
        store(&folder.path("run.sh"), b"short").expect("writable");
        let metadata = fs_err::metadata(folder.path("run.sh")).expect("it is there");
        assert_eq!(
            (folder.read("run.sh").as_str(), metadata.mode() & 0o7777),
            ("short", 0o751)
        );
        assert_eq!(folder.names(), ["run.sh"]);
    }

    #[test]
    fn a_link_stays_a_link_and_its_target_changes() {
        let folder = Folder::new();
        fs_err::write(folder.path("target"), "old").expect("writable");
        symlink("target", folder.path("link")).expect("links can be made");
        symlink("made/later", folder.path("dangling")).expect("links can be made");
        store(&folder.path("link"), b"new").expect("writable");
        store(&folder.path("dangling"), b"made").expect("writable");
        assert_eq!(
            (folder.read("target"), folder.read("made/later")),
            ("new".into(), "made".into())
        );
        for name in ["link", "dangling"] {
            assert!(
                fs_err::symlink_metadata(folder.path(name))
                    .expect("it is there")
                    .is_symlink()
            );
        }
        symlink("circle", folder.path("circle")).expect("links can be made");
        assert!(store(&folder.path("circle"), b"").is_err());
    }

    #[test]
    fn other_names_of_a_file_see_the_change() {
        let folder = Folder::new();
        fs_err::write(folder.path("one"), "first content").expect("writable");
        fs_err::hard_link(folder.path("one"), folder.path("two")).expect("links can be made");
        store(&folder.path("one"), b"second").expect("writable");
        assert_eq!(
            (folder.read("one"), folder.read("two")),
            ("second".into(), "second".into())
        );
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = Folder::new();
        assert_eq!(
            store(folder.0.path(), b"").map_err(|error| error.kind()),
            Err(io::ErrorKind::IsADirectory)
        );
        rustix::fs::mknodat(
            rustix::fs::CWD,
            folder.path("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .expect("pipes can be made");
        let refused = store(&folder.path("pipe"), b"").map_err(|error| error.kind());
        assert_eq!(refused, Err(io::ErrorKind::InvalidInput));
        fs_err::write(folder.path("file"), "").expect("writable");
        assert!(store(&folder.path("file/below"), b"").is_err());
    }
}
