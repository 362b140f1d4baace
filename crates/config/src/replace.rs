//! Files that are replaced as a whole: whoever reads one sees the old one or the new one, also when the machine stops
//! in between.

use std::io::{self, Write as _};
use std::path::Path;

/// Replaces a file of the program, or makes it with its folder. It is the user's alone.
///
/// # Errors
/// It cannot be written; the old one is still there.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs_err::create_dir_all(folder)?;
    // A temporary file is for its owner alone from the beginning.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
