//! Putting content into files, whole or not at all where that can be done.
//!
//! A file is replaced by a new one that takes its place when it is complete: whoever reads meanwhile sees
//! the old or the new content, and a full disk leaves the old. What belongs to the file and not to its
//! content stays: a link keeps pointing to it, its mode and owner are given to the new one. Where that
//! would lose something (other names of the same file, extended attributes, a folder in which nothing can
//! be made), the file is written in place.

use std::collections::hash_map::RandomState;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{self, Seek as _, Write as _};

use opencode_project::place::{Folder, Kind, Place};

/// Names that are tried for a new file until one is free.
const MAX_TRIES: usize = 100;

/// Makes what `place` leads to hold `content`. Missing folders are made.
///
/// # Errors
/// Those of the system; [`io::ErrorKind::InvalidInput`] for what is neither missing nor a regular file; and when
/// a link has taken the place of a part of the path.
pub(crate) fn store(place: &Place, content: &[u8]) -> io::Result<()> {
    if place.target().file_name().is_none() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let (folder, name) = place.make_parent()?;
    match folder.kind_of(name) {
        Ok(Kind::Folder) => Err(io::ErrorKind::IsADirectory.into()),
        Ok(Kind::Other) => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
        // A link is refused there.
        Ok(Kind::File | Kind::Link) => replace(&folder, name, content),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let (mut file, mut new) = New::create(&folder, false)?;
            file.write_all(content)?;
            new.become_named(name)
        }
        Err(error) => Err(error),
    }
}

fn replace(folder: &Folder, name: &OsStr, content: &[u8]) -> io::Result<()> {
    // Opened in any case: a file that may not be written must not be replaced either.
    let mut old = folder.open_for_writing(name)?;
    let metadata = old.metadata()?;
    if !has_more_than_content(&old, &metadata) && put_in_place_of(folder, name, &metadata, content).is_ok() {
        return Ok(());
    }
    old.rewind()?;
    old.write_all(content)?;
    old.set_len(content.len() as u64)
}

/// Writes a new file beside the old and lets it take its place.
fn put_in_place_of(folder: &Folder, name: &OsStr, metadata: &Metadata, content: &[u8]) -> io::Result<()> {
    let (mut file, mut new) = New::create(folder, true)?;
    file.write_all(content)?;
    give_owner(&file, metadata)?;
    file.set_permissions(metadata.permissions())?;
    new.become_named(name)
}

/// The name of a new file, which is taken away again unless the file gets another one.
struct New<'a> {
    folder: &'a Folder,
    name: Option<OsString>,
}

impl<'a> New<'a> {
    fn create(folder: &'a Folder, private: bool) -> io::Result<(File, Self)> {
        for _ in 0..MAX_TRIES {
            let random = RandomState::new().build_hasher().finish();
            let name = OsString::from(format!(".opencode-{random:016x}.tmp"));
            match folder.create(&name, private) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                file => {
                    let name = Some(name);
                    return Ok((file?, Self { folder, name }));
                }
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn become_named(&mut self, name: &OsStr) -> io::Result<()> {
        if let Some(own) = &self.name {
            self.folder.rename(own, name)?;
        }
        self.name = None;
        Ok(())
    }
}

impl Drop for New<'_> {
    fn drop(&mut self) {
        let Some(name) = &self.name else { return };
        if let Err(error) = self.folder.remove(name) {
            tracing::debug!(%error, "an unfinished file stays behind");
        }
    }
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

    use std::path::{Path, PathBuf};

    use super::*;

    fn store(path: &Path, content: &[u8]) -> io::Result<()> {
        super::store(&Place::of(path)?, content)
    }

    struct Ground(tempfile::TempDir);

    impl Ground {
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
        let folder = Ground::new();
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
        let folder = Ground::new();
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
        let folder = Ground::new();
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
        let folder = Ground::new();
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
        let folder = Ground::new();
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
