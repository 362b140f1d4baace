//! All sources of a folder, in their order, merged and resolved (reference `config.md` §2).

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use opencode_schema::agent::Mode;
use opencode_schema::config::{AgentConfig, Config, PatternConfig, PermissionConfig};
use opencode_schema::permission::Action;
use serde_json::Value;

use crate::environment::variable;
use crate::text::{self, Source};
use crate::{Environment, Error, Paths, Place, markdown, merge};

/// The configuration of a folder.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Typed, with older keys folded in and defaults set.
    pub config: Config,
    /// Folders that hold agents, skills and so on, in the order in which they count.
    pub directories: Vec<PathBuf>,
}

/// The global files, of which the later wins.
const GLOBAL_FILES: [&str; 3] = ["config.json", "opencode.json", "opencode.jsonc"];
/// The files of a project folder, of which the later wins.
const PROJECT_FILES: [&str; 2] = ["opencode.json", "opencode.jsonc"];

/// Reads everything that configures `place`. Later sources win: global files, `OPENCODE_CONFIG`, files from
/// the root of the worktree down to the folder, `.opencode` folders, `OPENCODE_CONFIG_CONTENT`,
/// `OPENCODE_PERMISSION`.
///
/// # Errors
/// The first file that cannot be read or is wrong.
pub fn load(place: Place<'_>, paths: &Paths, environment: &Environment) -> Result<Loaded, Error> {
    let project = !environment.is_on(variable::DISABLE_PROJECT_CONFIG);
    let directories = directories(place, paths, environment, project);
    let mut merged = Value::Object(serde_json::Map::new());
    let add = |merged: &mut Value, path: &Path| -> Result<(), Error> {
        if let Some(value) = text::read(path, environment, paths)? {
            check(&value, path)?;
            merge::source(merged, value);
        }
        Ok(())
    };

    let mut global = Value::Object(serde_json::Map::new());
    for name in GLOBAL_FILES {
        let path = paths.config.join(name);
        if let Some(value) = text::read(&path, environment, paths)? {
            check(&value, &path)?;
            // Parity: config.md §4, between the global files `instructions` replace each other.
            merge::deep(&mut global, value);
        }
    }
    merge::source(&mut merged, global);
    if let Some(path) = environment.get(variable::CONFIG) {
        add(&mut merged, &place.directory.join(path))?;
    }
    if project {
        let mut folders: Vec<&Path> = place.upward().collect();
        folders.reverse();
        for folder in folders {
            for name in PROJECT_FILES {
                add(&mut merged, &folder.join(name))?;
            }
        }
    }
    for directory in &directories {
        let chosen = environment
            .get(variable::CONFIG_DIR)
            .is_some_and(|chosen| directory == Path::new(chosen));
        if chosen || directory.file_name().is_some_and(|name| name == ".opencode") {
            for name in PROJECT_FILES {
                add(&mut merged, &directory.join(name))?;
            }
        }
        markdown::merge_folder(&mut merged, directory)?;
    }
    if let Some(content) = environment.get(variable::CONFIG_CONTENT) {
        let path = Path::new(variable::CONFIG_CONTENT);
        let source = Source {
            path,
            folder: place.directory,
            environment,
            paths,
        };
        let value = text::parse(content, &source)?;
        check(&value, path)?;
        merge::source(&mut merged, value);
    }
    add_permission_overlay(&mut merged, environment);
    Ok(Loaded {
        config: resolve(merged, environment)?,
        directories,
    })
}

/// Folders that hold agents, skills and so on (reference `config.md` §2.1).
fn directories(place: Place<'_>, paths: &Paths, environment: &Environment, project: bool) -> Vec<PathBuf> {
    let mut all = vec![paths.config.clone()];
    if project {
        all.extend(
            place
                .upward()
                .map(|folder| folder.join(".opencode"))
                .filter(|folder| folder.is_dir()),
        );
    }
    all.push(paths.home.join(".opencode"));
    all.extend(environment.get(variable::CONFIG_DIR).map(PathBuf::from));
    let mut kept: Vec<PathBuf> = Vec::new();
    for directory in all {
        if directory.is_dir() && !kept.contains(&directory) {
            kept.push(directory);
        }
    }
    kept
}

/// Whether every key that is known has a value of its type.
pub(crate) fn check(value: &Value, path: &Path) -> Result<(), Error> {
    typed(value.clone(), path).map(drop)
}

fn typed(value: Value, path: &Path) -> Result<Config, Error> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let key = error
            .path()
            .iter()
            .filter_map(|segment| match segment {
                serde_path_to_error::Segment::Map { key } => Some(key.clone()),
                serde_path_to_error::Segment::Seq { index } => Some(index.to_string()),
                _ => None,
            })
            .collect();
        Error::Invalid {
            path: path.to_owned(),
            key,
            message: error.into_inner().to_string(),
        }
    })
}

/// Merges `OPENCODE_PERMISSION` over `permission`; what is no JSON object or action is logged and left out.
fn add_permission_overlay(merged: &mut Value, environment: &Environment) {
    let Some(text) = environment.get(variable::PERMISSION) else {
        return;
    };
    let overlay = serde_json::from_str::<Value>(text)
        .ok()
        .filter(|value| serde_json::from_value::<PermissionConfig>(value.clone()).is_ok());
    let Some(overlay) = overlay else {
        tracing::warn!(
            "{} is not a permission configuration and is ignored",
            variable::PERMISSION
        );
        return;
    };
    let overlay = Value::Object([("permission".to_owned(), overlay)].into_iter().collect());
    merge::deep(merged, overlay);
}

/// Folds older keys in and sets defaults (reference `config.md` §2 rows 10–13, §5.3).
fn resolve(mut merged: Value, environment: &Environment) -> Result<Config, Error> {
    let tools = take_map::<bool>(&mut merged, "tools");
    let modes = take_map::<AgentConfig>(&mut merged, "mode");
    let mut config = typed(merged, Path::new("configuration"))?;
    for (name, mut mode) in modes {
        mode.mode = Some(Mode::Primary);
        let agents = config.agent.get_or_insert_default();
        let folded = match agents.shift_remove(&name) {
            Some(agent) => merged_agents(mode, &agent)?,
            None => mode,
        };
        agents.insert(name, folded);
    }
    if !tools.is_empty() {
        config.permission = Some(with_tools(&tools, config.permission.take()));
    }
    for agent in config.agent.iter_mut().flat_map(IndexMap::values_mut) {
        agent.steps = agent.steps.or(agent.max_steps);
        if let Some(tools) = &agent.tools {
            agent.permission = Some(with_tools(tools, agent.permission.take()));
        }
    }
    if config.username.is_none() {
        config.username = Some(environment.get("USER").unwrap_or("user").to_owned());
    }
    Ok(config)
}

/// Takes a key out whose value is a map; entries that do not fit are left out.
fn take_map<T: serde::de::DeserializeOwned>(merged: &mut Value, key: &str) -> IndexMap<String, T> {
    let Some(Value::Object(map)) = merged.as_object_mut().and_then(|object| object.shift_remove(key)) else {
        return IndexMap::new();
    };
    map.into_iter()
        .filter_map(|(name, value)| Some((name, serde_json::from_value(value).ok()?)))
        .collect()
}

fn merged_agents(base: AgentConfig, over: &AgentConfig) -> Result<AgentConfig, Error> {
    let invalid = |error: serde_json::Error| Error::Invalid {
        path: PathBuf::from("configuration"),
        key: vec!["agent".to_owned()],
        message: error.to_string(),
    };
    let mut value = serde_json::to_value(base).map_err(invalid)?;
    merge::deep(&mut value, serde_json::to_value(over).map_err(invalid)?);
    serde_json::from_value(value).map_err(invalid)
}

/// Tools on and off as permissions underneath those that are there.
fn with_tools(tools: &IndexMap<String, bool>, permission: Option<PermissionConfig>) -> PermissionConfig {
    let mut all: IndexMap<String, PatternConfig> = tools
        .iter()
        .map(|(tool, on)| {
            let permission = if matches!(tool.as_str(), "write" | "edit" | "patch") {
                "edit"
            } else {
                tool
            };
            (
                permission.to_owned(),
                PatternConfig::All(if *on { Action::Allow } else { Action::Deny }),
            )
        })
        .collect();
    match permission {
        Some(PermissionConfig::All(action)) => {
            all.insert("*".to_owned(), PatternConfig::All(action));
        }
        Some(PermissionConfig::By(explicit)) => {
            for (name, patterns) in explicit {
                // An explicit rule stands behind those of `tools`, so that it wins.
                all.shift_remove(&name);
                all.insert(name, patterns);
            }
        }
        None => {}
    }
    PermissionConfig::By(all)
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    /// A home, a project in it, and a folder in the project.
    struct Tree(TempDir);

    impl Tree {
        fn new(files: &[(&str, &str)]) -> Self {
            let tree = Self(TempDir::new().unwrap());
            fs_err::create_dir_all(tree.0.path().join("project/folder")).unwrap();
            for (name, content) in files {
                let path = tree.0.path().join(name);
                fs_err::create_dir_all(path.parent().unwrap()).unwrap();
                fs_err::write(path, content).unwrap();
            }
            tree
        }

        fn load(&self, variables: &[(&str, &str)]) -> Result<Loaded, Error> {
            let root = self.0.path();
            let mut all = vec![("HOME".to_owned(), root.join("home").display().to_string())];
            all.extend(variables.iter().map(|(name, value)| {
                (
                    (*name).to_owned(),
                    value.replace("ROOT", &root.display().to_string()),
                )
            }));
            let environment: Environment = all.into_iter().collect();
            let place = Place {
                directory: &root.join("project/folder"),
                worktree: &root.join("project"),
            };
            load(place, &Paths::new(&environment), &environment)
        }

        fn config(&self, variables: &[(&str, &str)]) -> Value {
            let mut config = self.load(variables).unwrap().config;
            config.username = None;
            serde_json::to_value(config).unwrap()
        }
    }

    const GLOBAL: &str = "home/.config/opencode/opencode.json";

    #[test]
    fn later_sources_win() {
        let model = |name: &str| format!(r#"{{"model": "{name}"}}"#);
        let sources = [
            ("home/.config/opencode/config.json", "1"),
            (GLOBAL, "2"),
            ("home/.config/opencode/opencode.jsonc", "3"),
            ("custom.json", "4"),
            ("project/opencode.json", "5"),
            ("project/opencode.jsonc", "6"),
            ("project/folder/opencode.json", "7"),
            ("project/folder/.opencode/opencode.json", "8"),
            ("project/.opencode/opencode.json", "9"),
            ("home/.opencode/opencode.jsonc", "10"),
        ];
        let variables = [("OPENCODE_CONFIG", "ROOT/custom.json")];
        for last in 1..=sources.len() {
            let texts: Vec<_> = sources[..last]
                .iter()
                .map(|(path, name)| (*path, model(name)))
                .collect();
            let files: Vec<_> = texts.iter().map(|(path, text)| (*path, text.as_str())).collect();
            let merged = Tree::new(&files).config(if last >= 4 { &variables } else { &[] });
            assert_eq!(
                merged,
                json!({ "model": last.to_string() }),
                "{}",
                sources[last - 1].0
            );
        }
        let tree = Tree::new(&[(GLOBAL, &model("2"))]);
        let content = [(
            "OPENCODE_CONFIG_CONTENT",
            r#"{"model": "content", // inline
        }"#,
        )];
        assert_eq!(tree.config(&content), json!({ "model": "content" }));
    }

    #[test]
    fn the_project_can_be_left_out() {
        let tree = Tree::new(&[
            (GLOBAL, r#"{"model": "global"}"#),
            ("project/opencode.json", r#"{"model": "project"}"#),
            (
                "project/.opencode/opencode.json",
                r#"{"model": "project folder"}"#,
            ),
        ]);
        assert_eq!(
            tree.config(&[("OPENCODE_DISABLE_PROJECT_CONFIG", "1")]),
            json!({ "model": "global" })
        );
    }

    #[test]
    fn nothing_above_the_worktree_counts() {
        let tree = Tree::new(&[("opencode.json", r#"{"model": "above"}"#)]);
        assert_eq!(tree.config(&[]), json!({}));
    }

    #[test]
    fn older_keys_are_folded() {
        for (name, text, wanted) in [
            (
                "tools become permissions below explicit ones",
                r#"{"tools": {"write": false, "bash": false}, "permission": {"bash": "ask"}}"#,
                json!({ "permission": { "edit": "deny", "bash": "ask" } }),
            ),
            (
                "modes become primary agents",
                r#"{"mode": {"review": {"prompt": "p"}}}"#,
                json!({ "agent": { "review": { "prompt": "p", "mode": "primary" } } }),
            ),
            (
                "maxSteps becomes steps",
                r#"{"agent": {"a": {"maxSteps": 3}}}"#,
                json!({ "agent": { "a": { "steps": 3, "maxSteps": 3 } } }),
            ),
            (
                "unknown keys are ignored, those of agents kept",
                r#"{"theme": "x", "agent": {"a": {"reasoningEffort": "low"}}}"#,
                json!({ "agent": { "a": { "reasoningEffort": "low" } } }),
            ),
        ] {
            assert_eq!(Tree::new(&[(GLOBAL, text)]).config(&[]), wanted, "{name}");
        }
    }

    #[test]
    fn permissions_from_the_environment_are_merged_over() {
        let tree = Tree::new(&[(GLOBAL, r#"{"permission": {"bash": "ask", "edit": "ask"}}"#)]);
        let wanted = json!({ "permission": { "bash": "deny", "edit": "ask" } });
        assert_eq!(
            tree.config(&[("OPENCODE_PERMISSION", r#"{"bash": "deny"}"#)]),
            wanted
        );
        let unchanged = json!({ "permission": { "bash": "ask", "edit": "ask" } });
        for nonsense in ["{", "5", r#"{"bash": "maybe"}"#] {
            assert_eq!(
                tree.config(&[("OPENCODE_PERMISSION", nonsense)]),
                unchanged,
                "{nonsense}"
            );
        }
    }

    #[test]
    fn a_wrong_value_names_file_and_key() {
        let tree = Tree::new(&[(
            "project/opencode.json",
            r#"{"provider": {"p": {"models": {"m": {"limit": {"context": "big", "output": 1}}}}}}"#,
        )]);
        let error = tree.load(&[]).unwrap_err();
        let Error::Invalid { path, key, .. } = &error else {
            panic!("{error}")
        };
        assert!(path.ends_with("project/opencode.json"));
        assert_eq!(key.join("."), "provider.p.models.m.limit.context");
        assert!(
            error
                .to_string()
                .contains("↳ invalid type: string \"big\", expected u64"),
            "{error}"
        );
    }
}
