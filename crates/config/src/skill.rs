//! Skills: instructions that a model loads when it needs them
//! (reference `agents-commands-permissions.md` §4).

pub mod remote;

use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use indexmap::IndexMap;
use opencode_schema::config::Config;
use opencode_schema::skill::Skill;

use crate::environment::variable;
use crate::{Environment, Paths, Place, front_matter};

/// Files and folders looked at in one place at most: a skill folder is small, a home folder given by
/// mistake is not.
const WALK_LIMIT: usize = 20_000;

/// Folders of other programs, in homes and projects, that may have skills.
pub(crate) const OTHERS: [&str; 2] = [CLAUDE, ".agents"];
const CLAUDE: &str = ".claude";
/// The folders in a folder of configuration that hold skills.
pub(crate) const FOLDERS: [&str; 2] = ["skill", "skills"];

/// All skills of a place, by name in the order in which they were found; of two with the same name the
/// later found counts.
#[must_use]
pub fn all(
    place: Place<'_>,
    paths: &Paths,
    environment: &Environment,
    directories: &[PathBuf],
    config: &Config,
) -> Vec<Skill> {
    let mut found: IndexMap<String, Skill> = IndexMap::new();
    let builtin = parse(include_str!("skill/customize-opencode.md"), Skill::BUILT_IN);
    found.extend(builtin.map(|skill| (skill.name.clone(), skill)));
    for folder in folders(place, paths, environment, directories, config) {
        for skill in in_folder(&folder) {
            found.insert(skill.name.clone(), skill);
        }
    }
    found.into_values().collect()
}

/// Where skills are looked for, in order.
fn folders(
    place: Place<'_>,
    paths: &Paths,
    environment: &Environment,
    directories: &[PathBuf],
    config: &Config,
) -> Vec<PathBuf> {
    let mut all = of_others(place, paths, environment);
    for directory in directories {
        all.extend(FOLDERS.map(|name| directory.join(name)));
    }
    let configured = config
        .skills
        .iter()
        .flat_map(|skills| skills.paths.iter().flatten());
    all.extend(configured.map(|path| place.directory.join(paths.expand(path))));
    let urls = config.skills.as_ref().and_then(|skills| skills.urls.as_deref());
    all.extend(remote::folders(paths, urls.unwrap_or_default()));
    all.retain(|folder| folder.is_dir());
    all
}

/// The folders of other programs that may have skills, whether or not they are there.
#[must_use]
pub fn of_others(place: Place<'_>, paths: &Paths, environment: &Environment) -> Vec<PathBuf> {
    if environment.is_on(variable::DISABLE_EXTERNAL_SKILLS) {
        return Vec::new();
    }
    let without_claude = [
        variable::DISABLE_CLAUDE_CODE,
        variable::DISABLE_CLAUDE_CODE_SKILLS,
    ]
    .iter()
    .any(|name| environment.is_on(name));
    let others = || {
        OTHERS
            .into_iter()
            .filter(|name| !without_claude || *name != CLAUDE)
    };
    let folders = std::iter::once(paths.home.as_path()).chain(place.upward());
    folders
        .flat_map(|folder| others().map(|name| folder.join(name).join("skills")))
        .collect()
}

fn in_folder(folder: &Path) -> Vec<Skill> {
    let walk = WalkBuilder::new(folder)
        .standard_filters(false)
        .follow_links(true)
        .sort_by_file_name(Ord::cmp)
        .build();
    walk.take(WALK_LIMIT)
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name() == "SKILL.md")
        .filter_map(|entry| read(entry.path()))
        .collect()
}

fn read(path: &Path) -> Option<Skill> {
    let text = match front_matter::read(path) {
        Ok(text) => text,
        Err(error) => {
            tracing::warn!(%error, "a skill cannot be read");
            return None;
        }
    };
    let skill = parse(&text, &path.to_string_lossy());
    if skill.is_none() {
        tracing::warn!(path = %path.display(), "a skill needs front matter with a name");
    }
    skill
}

fn parse(text: &str, location: &str) -> Option<Skill> {
    let parts = front_matter::parse(text)?;
    let description = match parts.data.get("description") {
        None => None,
        // Parity: agents-commands-permissions.md §4.1, what is no text there makes the file no skill.
        Some(text) => Some(text.as_str()?.to_owned()),
    };
    Some(Skill {
        name: parts.data.get("name")?.as_str()?.to_owned(),
        description,
        location: location.to_owned(),
        content: parts.body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use tempfile::TempDir;

    use super::*;

    fn names(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Vec<(String, Option<String>)> {
        let tree = TempDir::new().unwrap();
        let root = tree.path();
        fs_err::create_dir_all(root.join("project/folder")).unwrap();
        for (name, content) in files {
            let path = root.join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, content).unwrap();
        }
        let mut all_variables = vec![("HOME".to_owned(), root.join("home").display().to_string())];
        all_variables.extend(
            variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let environment: Environment = all_variables.into_iter().collect();
        let place = Place {
            directory: &root.join("project/folder"),
            worktree: &root.join("project"),
        };
        let config: Config = serde_json::from_str(r#"{"skills": {"paths": ["own", "~/more"]}}"#).unwrap();
        let directories = [root.join("project/.opencode")];
        all(
            place,
            &Paths::new(&environment),
            &environment,
            &directories,
            &config,
        )
        .into_iter()
        .skip(1)
        .map(|skill| (skill.name, skill.description))
        .collect()
    }

    fn skill(name: &str, description: &str) -> String {
        format!("---\nname: {name}\ndescription: {description}\n---\nText of {name}.\n")
    }

    #[test]
    fn found_in_all_places_and_the_later_counts() {
        let [claude, agents, own, more, config] =
            ["claude", "agents", "own", "more", "config"].map(|place| skill(place, "d"));
        let (first, second) = (skill("twice", "first"), skill("twice", "second"));
        let files = [
            ("home/.claude/skills/a/SKILL.md", claude.as_str()),
            ("project/.agents/skills/deep/er/SKILL.md", agents.as_str()),
            ("project/.opencode/skill/c/SKILL.md", config.as_str()),
            ("project/folder/own/x/SKILL.md", own.as_str()),
            ("home/more/y/SKILL.md", more.as_str()),
            ("home/.agents/skills/t/SKILL.md", first.as_str()),
            ("project/.opencode/skills/t/SKILL.md", second.as_str()),
            (
                "project/.opencode/skills/broken/SKILL.md",
                "---\ndescription: nameless\n---\n",
            ),
            (
                "project/.opencode/skills/number/SKILL.md",
                "---\nname: number\ndescription: 5\n---\n",
            ),
        ];
        let d = Some("d".to_owned());
        let wanted = ["claude", "twice", "agents", "config", "own", "more"].map(|name| {
            (
                name.to_owned(),
                if name == "twice" {
                    Some("second".to_owned())
                } else {
                    d.clone()
                },
            )
        });
        assert_eq!(names(&files, &[]), wanted);
        let without_claude: Vec<_> = wanted
            .iter()
            .filter(|(name, _)| name != "claude")
            .cloned()
            .collect();
        assert_eq!(
            names(&files, &[("OPENCODE_DISABLE_CLAUDE_CODE", "true")]),
            without_claude
        );
        let own_only: Vec<_> = names(&files, &[("OPENCODE_DISABLE_EXTERNAL_SKILLS", "1")]);
        assert_eq!(
            own_only.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["config", "twice", "own", "more"]
        );
    }

    #[test]
    fn the_built_in_one_can_be_read() {
        let skill = parse(include_str!("skill/customize-opencode.md"), Skill::BUILT_IN).unwrap();
        assert_eq!(
            (skill.name.as_str(), skill.location.as_str()),
            ("customize-opencode", "<built-in>")
        );
        assert!(skill.description.is_some());
    }
}
