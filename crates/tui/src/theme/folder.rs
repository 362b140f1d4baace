//! Where users keep themes of their own (reference `tui.md` §12): `themes/*.json` of the configuration folder, then
//! of `.opencode` in the working directory and all folders above it; of themes with one name the last wins.
//!
//! It reads files: the runtime asks, not update or view.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::file::ThemeError;

/// The largest file that is read, in bytes.
const LIMIT: u64 = 256 * 1024;

/// How many themes there may be in one folder.
const COUNT: usize = 1000;

/// The folders, the one that wins last.
pub(crate) fn folders(config: &Path, directory: &Path) -> Vec<PathBuf> {
    let mut folders = vec![config.join("themes")];
    folders.extend(
        directory
            .ancestors()
            .map(|folder| folder.join(".opencode/themes")),
    );
    folders
}

/// All themes in folders by their names.
pub(crate) fn list(folders: &[PathBuf]) -> BTreeMap<String, PathBuf> {
    let mut themes = BTreeMap::new();
    for folder in folders {
        // Most do not exist.
        let Ok(entries) = fs_err::read_dir(folder) else {
            continue;
        };
        for entry in entries.take(COUNT).flatten() {
            let path = entry.path();
            let name = path.file_stem().and_then(|name| name.to_str());
            if let Some(name) = name
                && path.extension().is_some_and(|extension| extension == "json")
            {
                themes.insert(name.to_owned(), path.clone());
            }
        }
    }
    themes
}

/// The file of one theme, without looking at all others.
pub(crate) fn find(folders: &[PathBuf], name: &str) -> Option<PathBuf> {
    // A name is no path.
    if name.contains(['/', '\\']) || name.starts_with('.') {
        return None;
    }
    let files = folders
        .iter()
        .rev()
        .map(|folder| folder.join(format!("{name}.json")));
    files.into_iter().find(|file| file.is_file())
}

/// The text of a theme file.
pub(crate) fn read(path: &Path) -> Result<String, ThemeError> {
    let unreadable = |error: std::io::Error| ThemeError::Unreadable(error.to_string());
    if !path.is_file() {
        return Err(ThemeError::Unreadable(format!("{} is no file", path.display())));
    }
    let file = fs_err::File::open(path).map_err(unreadable)?;
    let mut text = String::new();
    file.take(LIMIT + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    match text.len() as u64 > LIMIT {
        true => Err(ThemeError::Unreadable(format!("{} is too large", path.display()))),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn the_last_folder_wins() {
        let root = tempfile::TempDir::new().unwrap();
        let write = |path: &str| {
            let path = root.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(&path, path.display().to_string()).unwrap();
        };
        for path in [
            "config/themes/mine.json",
            "config/themes/both.json",
            "config/themes/no.txt",
            "project/.opencode/themes/both.json",
            "project/.opencode/themes/near.json",
            "project/sub/.opencode/themes/near.json",
        ] {
            write(path);
        }
        fs_err::create_dir_all(root.path().join("config/themes/folder.json")).unwrap();
        let folders = folders(&root.path().join("config"), &root.path().join("project/sub"));
        let at = |path: &str| root.path().join(path);
        let listed = list(&folders);
        let cases = [
            ("mine", Some("config/themes/mine.json")),
            ("both", Some("project/.opencode/themes/both.json")),
            ("near", Some("project/.opencode/themes/near.json")),
            ("no", None),
            ("../themes/mine", None),
        ];
        for (name, expected) in cases {
            assert_eq!(find(&folders, name), expected.map(at), "{name}");
            assert_eq!(listed.get(name).cloned(), expected.map(at), "{name}");
        }
        assert!(read(&at("config/themes/mine.json")).is_ok());
        assert!(matches!(
            read(&at("config/themes/folder.json")),
            Err(ThemeError::Unreadable(_))
        ));
        fs_err::write(at("large"), "x".repeat(300_000)).unwrap();
        assert!(matches!(read(&at("large")), Err(ThemeError::Unreadable(_))));
    }
}
