//! Skills at addresses (reference `agents-commands-permissions.md` §4.2): what an address lists, and where
//! the files are kept. Fetching them is not done here; what was fetched last counts until it is done again.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Paths;

/// The file that makes a folder a skill.
pub const MAIN: &str = "SKILL.md";
/// The version that a folder holds.
pub const VERSION: &str = ".opencode-version";
/// What an address may list at most.
const SKILLS: usize = 200;
const FILES: usize = 500;

/// What an address lists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// The skills.
    pub skills: Vec<Entry>,
}

/// A skill at an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name, which is that of its folder.
    pub name: String,
    /// Its files, from its folder.
    pub files: Vec<String>,
    /// Changes with the files; without it, files that are there are never fetched again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Index {
    /// Reads a list. Entries that are no skill, or whose names lead elsewhere, are left out.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut index: Self = serde_json::from_slice(text).ok()?;
        index.skills.retain(|entry| {
            let sound = is_below(&entry.name)
                && !entry.name.contains('/')
                && entry.files.len() <= FILES
                && entry.files.iter().all(|file| is_below(file))
                && entry.files.iter().any(|file| file == MAIN);
            if !sound {
                tracing::warn!(name = entry.name, "an entry of a list of skills is left out");
            }
            sound
        });
        index.skills.truncate(SKILLS);
        Some(index)
    }
}

/// Whether a path stays below where it begins.
fn is_below(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\\', '\0'])
        && Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

/// Where fetched skills are.
#[must_use]
pub fn cache(paths: &Paths) -> PathBuf {
    paths.cache.join("skills")
}

/// Where what an address listed last is kept.
#[must_use]
pub fn index(paths: &Paths, address: &str) -> PathBuf {
    let readable: String = address
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .take(80)
        .collect();
    // FNV-1a: two addresses that read alike are kept apart, and the name is the same in every version.
    let hash = address.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    cache(paths)
        .join(".lists")
        .join(format!("{readable}-{hash:016x}.json"))
}

/// The folders of the skills that addresses listed last and that were fetched.
pub(super) fn folders(paths: &Paths, addresses: &[String]) -> Vec<PathBuf> {
    let lists = addresses.iter().filter_map(|address| {
        let text = fs_err::read(index(paths, address)).ok()?;
        Index::parse(&text)
    });
    lists
        .flat_map(|list| list.skills)
        .map(|entry| cache(paths).join(entry.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_left_out() {
        let list = br#"{"skills": [
            {"name": "good", "files": ["SKILL.md", "a/b.md"], "version": "1"},
            {"name": "../evil", "files": ["SKILL.md"]},
            {"name": "a/b", "files": ["SKILL.md"]},
            {"name": "up", "files": ["SKILL.md", "../../x"]},
            {"name": "abs", "files": ["SKILL.md", "/etc/passwd"]},
            {"name": "back", "files": ["SKILL.md", "..\\x"]},
            {"name": "none", "files": ["README.md"]}
        ]}"#;
        let names: Vec<_> = Index::parse(list)
            .unwrap()
            .skills
            .into_iter()
            .map(|entry| entry.name)
            .collect();
        assert_eq!(names, ["good"]);
        assert_eq!(Index::parse(b"<html>"), None);
    }
}
