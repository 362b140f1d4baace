//! Opening files that can be read to their end.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

#[cfg(unix)]
use rustix::fs::{Mode, OFlags};

/// Opens `path` for reading if it is a regular file, and does not wait for anybody to write into it.
///
/// # Errors
/// Those of the system; [`io::ErrorKind::InvalidInput`] for a pipe, a socket or a device.
pub fn open_regular(path: &Path) -> io::Result<File> {
    // Asked first, because opening alone may do something to a device.
    regular(path, &fs_err::metadata(path)?)?;
    open_listed(path)
}

/// As [`open_regular`], for a path that a folder lists as a regular file.
fn open_listed(path: &Path) -> io::Result<File> {
    let mut options = fs_err::OpenOptions::new();
    options.read(true);
    // The path may name a pipe by now, and some files of /proc wait for news.
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path)?.into_parts().0;
    regular(path, &file.metadata()?)?;
    Ok(file)
}

/// A folder whose files are opened by their names in it: the system need not look for the folder each time.
pub(super) struct Folder {
    path: PathBuf,
    #[cfg(unix)]
    descriptor: Option<rustix::fd::OwnedFd>,
}

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            #[cfg(unix)]
            descriptor: rustix::fs::open(path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok(),
        }
    }

    /// As [`open_regular`], for a file that the folder, or one in it, lists as a regular file.
    pub(super) fn open_listed(&self, name: &Path) -> io::Result<File> {
        #[cfg(unix)]
        if let Some(folder) = &self.descriptor {
            // The path may name a pipe by now, and some files of /proc wait for news.
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file = File::from(rustix::fs::openat(folder, name, flags, Mode::empty())?);
            regular(name, &file.metadata()?)?;
            return Ok(file);
        }
        open_listed(&self.path.join(name))
    }
}

fn regular(path: &Path, metadata: &std::fs::Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let message = format!("{} is not a regular file", path.display());
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}
