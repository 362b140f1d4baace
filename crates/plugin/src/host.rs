//! The program that runs plugins: JavaScript that is part of this one, and is written where a runtime can read it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::runtime;

/// Its files beside those of [`runtime::FILES`]; the first one is started.
const FILES: &[(&str, &str)] = &[
    ("host.mjs", include_str!("../host/host.mjs")),
    ("auth.mjs", include_str!("../host/auth.mjs")),
    ("client.mjs", include_str!("../host/client.mjs")),
    ("context.mjs", include_str!("../host/context.mjs")),
    ("drafts.mjs", include_str!("../host/drafts.mjs")),
    ("fetch.mjs", include_str!("../host/fetch.mjs")),
    ("hooks.mjs", include_str!("../host/hooks.mjs")),
    ("http.mjs", include_str!("../host/http.mjs")),
    ("lifecycle.mjs", include_str!("../host/lifecycle.mjs")),
    ("load.mjs", include_str!("../host/load.mjs")),
    ("offer.mjs", include_str!("../host/offer.mjs")),
    ("registry.mjs", include_str!("../host/registry.mjs")),
    ("time.mjs", include_str!("../host/time.mjs")),
    ("tools.mjs", include_str!("../host/tools.mjs")),
    ("wire.mjs", include_str!("../host/wire.mjs")),
];

/// Makes sure that its files are in a folder of their own below `cache`; gives the one that is started. Programs that
/// do this at the same time do not disturb each other.
pub(crate) fn unpack(cache: &Path) -> io::Result<PathBuf> {
    let folder = cache.join("plugin-host").join(format!("{:016x}", version()));
    make_private(&folder)?;
    for (name, text) in all() {
        let path = folder.join(name);
        if fs_err::read(&path).is_ok_and(|content| content == text.as_bytes()) {
            continue;
        }
        let mut file = tempfile::NamedTempFile::new_in(&folder)?;
        file.write_all(text.as_bytes())?;
        file.persist(&path).map_err(|error| error.error)?;
    }
    Ok(folder.join("host.mjs"))
}

fn all() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    FILES.iter().chain(&runtime::FILES)
}

fn version() -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    for file in all() {
        file.hash(&mut hasher);
    }
    hasher.finish()
}

fn make_private(folder: &Path) -> io::Result<()> {
    fs_err::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs_err::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_is_written_again() {
        let cache = tempfile::tempdir().unwrap();
        let main = unpack(cache.path()).unwrap();
        let text = fs_err::read(&main).unwrap();
        fs_err::write(&main, "something else").unwrap();
        assert_eq!(unpack(cache.path()).unwrap(), main);
        assert_eq!(fs_err::read(&main).unwrap(), text);
        assert_eq!(
            fs_err::read_dir(main.parent().unwrap()).unwrap().count(),
            all().count()
        );
    }
}
