//! A folder held open: its entries are reached through it, whatever its name means by now.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, mkdirat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

use super::{Kind, displaced};

/// Enough to reach what is in a folder; whether it may be listed does not matter.
#[cfg(any(target_os = "linux", target_os = "android"))]
const REACH: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const REACH: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// How an entry is opened: not through a link, and without waiting for the other end of a pipe.
const ENTRY: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// A folder that is held open.
#[derive(Debug)]
pub struct Folder {
    handle: OwnedFd,
    /// For messages.
    path: PathBuf,
}

impl Folder {
    /// Opens the folder at an absolute path that has no links.
    ///
    /// # Errors
    /// Those of the system, and when there is a link on the path by now.
    pub fn open(path: &Path) -> io::Result<Self> {
        match open_at_once(path) {
            Err(Errno::NOSYS | Errno::PERM) => Self::step_by_step(path, false),
            Err(Errno::LOOP) => Err(displaced(path)),
            handle => Ok(Self {
                handle: handle?,
                path: path.to_owned(),
            }),
        }
    }

    /// As [`Folder::open`]; what is missing is made.
    ///
    /// # Errors
    /// Those of [`Folder::open`].
    pub fn make(path: &Path) -> io::Result<Self> {
        match Self::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::step_by_step(path, true),
            folder => folder,
        }
    }

    /// Opens one folder after the other, which needs nothing of the system but not to follow a link.
    pub(super) fn step_by_step(path: &Path, make: bool) -> io::Result<Self> {
        let mut handle = openat(CWD, "/", REACH, Mode::empty())?;
        for part in path.components() {
            let name = match part {
                Component::Normal(name) => name,
                Component::RootDir => continue,
                _ => return Err(io::ErrorKind::InvalidInput.into()),
            };
            let open = || openat(&handle, name, REACH | OFlags::NOFOLLOW, Mode::empty());
            let mut next = open();
            if make && matches!(next, Err(Errno::NOENT)) {
                match mkdirat(&handle, name, Mode::from_raw_mode(0o777)) {
                    // Somebody else was faster.
                    Ok(()) | Err(Errno::EXIST) => next = open(),
                    Err(error) => return Err(error.into()),
                }
            }
            handle = match next {
                Ok(next) => next,
                // Depending on the system a link is one of the two.
                Err(Errno::LOOP | Errno::NOTDIR) if is_link(&handle, name) => return Err(displaced(path)),
                Err(error) => return Err(error.into()),
            };
        }
        Ok(Self {
            handle,
            path: path.to_owned(),
        })
    }

    /// What an entry is; links are not followed.
    ///
    /// # Errors
    /// Those of the system.
    pub fn kind_of(&self, name: &OsStr) -> io::Result<Kind> {
        let stat = statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Folder,
            FileType::Symlink => Kind::Link,
            _ => Kind::Other,
        })
    }

    /// Opens an entry for reading if it is a regular file.
    ///
    /// # Errors
    /// Those of the system; [`io::ErrorKind::InvalidInput`] for a pipe, a socket or a device.
    pub fn open_regular(&self, name: &OsStr) -> io::Result<File> {
        self.regular(name, OFlags::RDONLY)
    }

    /// Opens an entry for writing, without changing it, if it is a regular file.
    ///
    /// # Errors
    /// As [`Folder::open_regular`].
    pub fn open_for_writing(&self, name: &OsStr) -> io::Result<File> {
        self.regular(name, OFlags::WRONLY)
    }

    fn regular(&self, name: &OsStr, flags: OFlags) -> io::Result<File> {
        // Asked first, because opening alone may do something to a device.
        self.expect_file(name, self.kind_of(name)?)?;
        let file = match openat(&self.handle, name, flags | ENTRY, Mode::empty()) {
            Err(Errno::LOOP) => return Err(displaced(&self.path.join(name))),
            file => File::from(file?),
        };
        let metadata = file.metadata()?;
        let kind = if metadata.is_file() {
            Kind::File
        } else if metadata.is_dir() {
            Kind::Folder
        } else {
            Kind::Other
        };
        self.expect_file(name, kind)?;
        Ok(file)
    }

    fn expect_file(&self, name: &OsStr, kind: Kind) -> io::Result<()> {
        match kind {
            Kind::File => Ok(()),
            Kind::Link => Err(displaced(&self.path.join(name))),
            Kind::Folder => Err(io::ErrorKind::IsADirectory.into()),
            Kind::Other => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{} is not a regular file", self.path.join(name).display()),
            )),
        }
    }

    /// Makes a file that is not there yet and opens it for writing. If it is `private`, nobody else may look into
    /// it; else it has what files usually have.
    ///
    /// # Errors
    /// Those of the system.
    pub fn create(&self, name: &OsStr, private: bool) -> io::Result<File> {
        let mode = Mode::from_raw_mode(if private { 0o600 } else { 0o666 });
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | ENTRY;
        Ok(File::from(openat(&self.handle, name, flags, mode)?))
    }

    /// Gives an entry another name, which it takes from whatever has it.
    ///
    /// # Errors
    /// Those of the system.
    pub fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(renameat(&self.handle, from, &self.handle, to)?)
    }

    /// Takes a file or link away.
    ///
    /// # Errors
    /// Those of the system.
    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.handle, name, AtFlags::empty())?)
    }

    /// Tells each entry, with whether it is a folder or leads to one, in no order. An error of `tell` ends it.
    ///
    /// # Errors
    /// Those of the system and of `tell`.
    pub fn entries(&self, mut tell: impl FnMut(OsString, bool) -> io::Result<()>) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let listing = openat(&self.handle, ".", flags, Mode::empty())?;
        for entry in Dir::new(listing)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let is_folder = match entry.file_type() {
                FileType::Directory => true,
                FileType::Symlink | FileType::Unknown => statat(&self.handle, name, AtFlags::empty())
                    .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory),
                _ => false,
            };
            tell(name.to_owned(), is_folder)?;
        }
        Ok(())
    }
}

fn is_link(folder: &OwnedFd, name: &OsStr) -> bool {
    statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}

#[cfg(target_os = "linux")]
fn open_at_once(path: &Path) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};
    openat2(CWD, path, REACH, Mode::empty(), ResolveFlags::NO_SYMLINKS)
}

#[cfg(not(target_os = "linux"))]
fn open_at_once(_path: &Path) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}
