//! A folder by its path, where folders cannot be held open.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use fs_err::OpenOptions;

use super::Kind;

/// A folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder at a path.
    ///
    /// # Errors
    /// Those of the system.
    pub fn open(path: &Path) -> io::Result<Self> {
        if !fs_err::metadata(path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// As [`Folder::open`]; what is missing is made.
    ///
    /// # Errors
    /// Those of the system.
    pub fn make(path: &Path) -> io::Result<Self> {
        fs_err::create_dir_all(path)?;
        Self::open(path)
    }

    /// What an entry is.
    ///
    /// # Errors
    /// Those of the system.
    pub fn kind_of(&self, name: &OsStr) -> io::Result<Kind> {
        let metadata = fs_err::metadata(self.path.join(name))?;
        Ok(if metadata.is_file() {
            Kind::File
        } else if metadata.is_dir() {
            Kind::Folder
        } else {
            Kind::Other
        })
    }

    /// Opens an entry for reading if it is a regular file.
    ///
    /// # Errors
    /// Those of the system; [`io::ErrorKind::InvalidInput`] for a pipe, a socket or a device.
    pub fn open_regular(&self, name: &OsStr) -> io::Result<File> {
        crate::search::open_regular(&self.path.join(name))
    }

    /// Opens an entry for writing, without changing it.
    ///
    /// # Errors
    /// Those of the system.
    pub fn open_for_writing(&self, name: &OsStr) -> io::Result<File> {
        let file = OpenOptions::new().write(true).open(self.path.join(name))?;
        Ok(file.into_parts().0)
    }

    /// Makes a file that is not there yet and opens it for writing.
    ///
    /// # Errors
    /// Those of the system.
    pub fn create(&self, name: &OsStr, _private: bool) -> io::Result<File> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(self.path.join(name))?;
        Ok(file.into_parts().0)
    }

    /// Gives an entry another name, which it takes from whatever has it.
    ///
    /// # Errors
    /// Those of the system.
    pub fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        fs_err::rename(self.path.join(from), self.path.join(to))
    }

    /// Takes a file or link away.
    ///
    /// # Errors
    /// Those of the system.
    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        fs_err::remove_file(self.path.join(name))
    }

    /// Tells each entry, with whether it is a folder or leads to one, in no order. An error of `tell` ends it.
    ///
    /// # Errors
    /// Those of the system and of `tell`.
    pub fn entries(&self, mut tell: impl FnMut(OsString, bool) -> io::Result<()>) -> io::Result<()> {
        for entry in fs_err::read_dir(&self.path)? {
            let entry = entry?;
            let is_folder = fs_err::metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir());
            tell(entry.file_name(), is_folder)?;
        }
        Ok(())
    }
}
