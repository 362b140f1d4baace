//! Where a path really leads, and opening just that.
//!
//! Permission is given for a path at one moment; a folder on the way may be a link at the next. A [`Place`] is
//! a path without links, found once. From then on it is opened folder by folder and never through a link
//! ([`Folder`]), so what is read or written is what was asked about, or nothing (reference `v2.md` §14, 48).
//!
//! On Linux the system does that in one step (`openat2`), where it may not (old kernels, some containers) and
//! on other Unix systems one folder is opened after the other. Elsewhere paths are used as they are.

#[cfg_attr(unix, path = "place/unix.rs")]
#[cfg_attr(not(unix), path = "place/plain.rs")]
mod folder;
#[cfg(test)]
#[cfg(unix)]
mod tests;

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};

pub use folder::Folder;

/// Links that are followed before they count as a circle.
const MAX_LINKS: usize = 40;

/// Where a path leads, whether something is there or not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    name: PathBuf,
    target: PathBuf,
}

/// What is somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A link.
    Link,
    /// A pipe, a socket, a device.
    Other,
}

impl Place {
    /// Follows all links of an absolute path. What is not there, or may not be looked at, has no links.
    ///
    /// # Errors
    /// When there are too many links.
    pub fn of(path: &Path) -> io::Result<Self> {
        let target = without_links(path)?;
        let name = match (path.parent(), path.file_name()) {
            (Some(folder), Some(name)) => without_links(folder)?.join(name),
            _ => target.clone(),
        };
        Ok(Self { name, target })
    }

    /// The name itself, which may be a link; no other part of the path is one.
    #[must_use]
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// What the name leads to. No part of it is a link.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// What is there; `None` when nothing is.
    ///
    /// # Errors
    /// Those of the system, and when a link has taken the place of a part of the path.
    pub fn kind(&self) -> io::Result<Option<Kind>> {
        let kind = match split(&self.target) {
            Ok((folder, name)) => Folder::open(folder).and_then(|folder| folder.kind_of(name)),
            Err(_) => Folder::open(&self.target).map(|_| Kind::Folder),
        };
        match kind {
            Err(error) if is_absent(&error) => Ok(None),
            Ok(Kind::Link) => Err(displaced(&self.target)),
            kind => kind.map(Some),
        }
    }

    /// Opens the regular file that is there for reading, and does not wait for anybody to write into it.
    ///
    /// # Errors
    /// As those of [`Place::kind`]; [`io::ErrorKind::InvalidInput`] for a pipe, a socket or a device.
    pub fn open_regular(&self) -> io::Result<File> {
        let (folder, name) = split(&self.target)?;
        Folder::open(folder)?.open_regular(name)
    }

    /// Opens the folder that is there.
    ///
    /// # Errors
    /// As those of [`Place::kind`].
    pub fn open_folder(&self) -> io::Result<Folder> {
        Folder::open(&self.target)
    }

    /// The folder of the target, made if it is missing, and the target's name in it.
    ///
    /// # Errors
    /// As those of [`Place::kind`].
    pub fn make_parent(&self) -> io::Result<(Folder, &OsStr)> {
        let (folder, name) = split(&self.target)?;
        Ok((Folder::make(folder)?, name))
    }

    /// Takes the name away, not what it leads to if it is a link.
    ///
    /// # Errors
    /// As those of [`Place::kind`].
    pub fn remove(&self) -> io::Result<()> {
        let (folder, name) = split(&self.name)?;
        Folder::open(folder)?.remove(name)
    }
}

/// Whether an error says that there is nothing.
#[must_use]
pub fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn split(path: &Path) -> io::Result<(&Path, &OsStr)> {
    path.parent()
        .zip(path.file_name())
        .ok_or_else(|| io::ErrorKind::IsADirectory.into())
}

/// A link stands where none was.
fn displaced(path: &Path) -> io::Error {
    io::Error::other(format!(
        "a link has taken the place of {} or of a folder above it",
        path.display()
    ))
}

#[cfg(unix)]
fn without_links(path: &Path) -> io::Result<PathBuf> {
    let parts = |path: &Path| -> Vec<OsString> {
        let parts = path.components();
        parts.map(|part| part.as_os_str().to_owned()).collect()
    };
    let mut left: VecDeque<OsString> = parts(path).into();
    let mut out = PathBuf::new();
    let mut links = 0;
    while let Some(part) = left.pop_front() {
        match Path::new(&part).components().next() {
            Some(Component::Normal(name)) => out.push(name),
            Some(Component::ParentDir) => {
                out.pop();
                continue;
            }
            Some(root @ Component::RootDir) => {
                out = PathBuf::from(root.as_os_str());
                continue;
            }
            _ => continue,
        }
        if let Ok(to) = fs_err::read_link(&out) {
            links += 1;
            if links > MAX_LINKS {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("{}: too many levels of symbolic links", path.display()),
                ));
            }
            out.pop();
            for part in parts(&to).into_iter().rev() {
                left.push_front(part);
            }
        }
    }
    Ok(out)
}

#[cfg(not(unix))]
fn without_links(path: &Path) -> io::Result<PathBuf> {
    Ok(path.to_owned())
}
