//! All sources of a folder, in their order, merged and resolved (reference `config.md` §2).

use std::path::{Path, PathBuf};

use opencode_schema::config::Config;
use serde_json::{Value, json};

use crate::environment::variable;
use crate::text::{self, Source};
use crate::{Environment, Error, Paths, Place, markdown, merge, resolve};

/// The configuration of a folder.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Typed, with older keys folded in and defaults set.
    pub config: Config,
    /// The same as it is written, with the keys that this version does not act on.
    pub effective: Value,
    /// Folders that hold agents, skills and so on, in the order in which they count.
    pub directories: Vec<PathBuf>,
}

/// The global files, of which the later wins.
pub(crate) const GLOBAL_FILES: [&str; 3] = ["config.json", "opencode.json", "opencode.jsonc"];
/// What a file is taken to name when it names none. Parity: config.md §2.2, where it is written into the
/// file; here the user's files stay as they are.
const SCHEMA: &str = "https://opencode.ai/config.json";
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
        if let Some(value) = read(path, environment, paths)? {
            merge::source(merged, value);
        }
        Ok(())
    };

    merge::source(&mut merged, global(paths, environment)?);
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
        let value = resolve::source(text::parse(content, &source)?, path)?;
        merge::source(&mut merged, value);
    }
    let effective = resolve::whole(merged, environment);
    Ok(Loaded {
        config: resolve::typed(effective.clone(), Path::new("configuration"))?,
        effective,
        directories,
    })
}

/// What the global files say together.
///
/// # Errors
/// The first file that cannot be read or is wrong.
pub fn global(paths: &Paths, environment: &Environment) -> Result<Value, Error> {
    let mut global = json!({ "$schema": SCHEMA });
    for name in GLOBAL_FILES {
        if let Some(value) = read(&paths.config.join(name), environment, paths)? {
            // Parity: config.md §4, between the global files `instructions` replace each other.
            merge::deep(&mut global, value);
        }
    }
    Ok(global)
}

/// What one file says; `None` when there is none.
pub(crate) fn read(path: &Path, environment: &Environment, paths: &Paths) -> Result<Option<Value>, Error> {
    let Some(value) = text::read(path, environment, paths)? else {
        return Ok(None);
    };
    let mut value = resolve::source(value, path)?;
    if let Value::Object(object) = &mut value {
        object.entry("$schema").or_insert_with(|| json!(SCHEMA));
    }
    Ok(Some(value))
}

/// What only the global files say of the server's safety (reference `seed-http.md` §6, §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerSafety {
    /// It is written down who had what executed or changed.
    pub audit: bool,
    /// Other machines may have things executed without a password.
    pub insecure: bool,
}

/// Reads it.
///
/// # Errors
/// The first file that cannot be read or is wrong.
pub fn server_safety(paths: &Paths, environment: &Environment) -> Result<ServerSafety, Error> {
    let global = global(paths, environment)?;
    let server = &global["server"];
    Ok(ServerSafety {
        audit: server["audit"].as_bool().unwrap_or(true),
        insecure: server["insecure"].as_bool().unwrap_or(false),
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

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
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
            let mut config = self.load(variables).unwrap().effective;
            let all = config.as_object_mut().unwrap();
            all.shift_remove("username");
            all.shift_remove("$schema");
            for name in ["agent", "mode", "command", "plugin"] {
                if all[name] == json!({}) || all[name] == json!([]) {
                    all.shift_remove(name);
                }
            }
            config
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
                json!({ "permission": { "edit": "deny", "bash": "ask" }, "tools": { "write": false, "bash": false } }),
            ),
            (
                "modes become primary agents",
                r#"{"mode": {"review": {"prompt": "p"}}, "agent": {"review": {"prompt": "q", "temperature": 1}}}"#,
                json!({
                    "mode": { "review": { "prompt": "p", "options": {}, "permission": {} } },
                    "agent": { "review": { "prompt": "p", "temperature": 1, "mode": "primary", "options": {}, "permission": {} } },
                }),
            ),
            (
                "maxSteps becomes steps",
                r#"{"agent": {"a": {"maxSteps": 3}}}"#,
                json!({ "agent": { "a": { "steps": 3, "maxSteps": 3, "options": {}, "permission": {} } } }),
            ),
            (
                "one action is an action for everything",
                r#"{"permission": "ask", "agent": {"a": {"permission": "deny", "tools": {"bash": true}}}}"#,
                json!({
                    "permission": { "*": "ask" },
                    "agent": { "a": { "tools": { "bash": true }, "options": {}, "permission": { "bash": "allow", "*": "deny" } } },
                }),
            ),
            (
                "autoshare shares",
                r#"{"autoshare": true}"#,
                json!({ "autoshare": true, "share": "auto" }),
            ),
            (
                "unknown keys are ignored, those of agents kept",
                r#"{"theme": "x", "agent": {"a": {"reasoningEffort": "low"}}}"#,
                json!({ "agent": { "a": { "reasoningEffort": "low", "options": { "reasoningEffort": "low" }, "permission": {} } } }),
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
        let Error::Invalid { path, issues } = &error else {
            panic!("{error}")
        };
        assert!(path.ends_with("project/opencode.json"));
        assert_eq!(issues[0].key.join("."), "provider.p.models.m.limit.context");
        assert!(
            error.to_string().contains("↳ Expected number, got \"big\""),
            "{error}"
        );
    }
}
