//! All sources of a folder, in their order, merged and resolved (reference `config.md` §2).

use std::path::{Path, PathBuf};

use opencode_schema::config::{Config, SandboxConfig};
use serde_json::{Value, json};

use crate::environment::variable;
use crate::schema::Ignored;
use crate::text::{self, Source};
use crate::{
    Environment, Error, Paths, Place, managed, markdown, merge, newer, older, plugin, profile, remote,
    resolve, schema,
};

/// The configuration of a folder.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Typed, with older keys folded in and defaults set.
    pub config: Config,
    /// The same as it is written, with the keys that this version does not act on.
    pub effective: Value,
    /// Folders that hold agents, skills and so on, in the order in which they count.
    pub directories: Vec<PathBuf>,
    /// The sources, of which the later wins.
    pub layers: Vec<Layer>,
}

/// The global files, of which the later wins.
pub(crate) const GLOBAL_FILES: [&str; 4] =
    ["opencode.toml", "config.json", "opencode.json", "opencode.jsonc"];
/// What a file is taken to name when it names none. Parity: config.md §2.2, where it is written into the
/// file; here the user's files stay as they are.
const SCHEMA: &str = "https://opencode.ai/config.json";
/// The key of the sandbox.
const SANDBOX: &str = "sandbox";
/// The files of a project folder, of which the later wins.
pub(crate) const PROJECT_FILES: [&str; 3] = ["opencode.toml", "opencode.json", "opencode.jsonc"];
/// Keys that the terminal's configuration took over.
const OF_THE_TERMINAL: [&str; 3] = ["theme", "keybinds", "tui"];
/// The global file of the first days.
const OLDEST_FILE: &str = "config";

/// One source of a configuration.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The file, the address or the variable that says it.
    pub name: String,
    /// What it says, in today's form.
    pub value: Value,
    /// Keys that it has and nobody knows.
    ignored: Vec<Ignored>,
    /// The files that it was put together from, where it is more than one.
    pub parts: Vec<Layer>,
}

/// Reads everything that configures `place`. Later sources win: log-ins, global files, `OPENCODE_CONFIG`,
/// files from the root of the worktree down to the folder, `.opencode` folders, `OPENCODE_CONFIG_CONTENT`,
/// the chosen profile, the administrator's files, `OPENCODE_PERMISSION`.
///
/// # Errors
/// The first file that cannot be read or is wrong.
pub fn load(place: Place<'_>, paths: &Paths, environment: &Environment) -> Result<Loaded, Error> {
    let project = !environment.is_on(variable::DISABLE_PROJECT_CONFIG);
    let directories = directories(place, paths, environment, project);
    let layers = layers(place, paths, environment, &directories)?;
    let mut merged = json!({});
    for layer in &layers {
        add(&mut merged, layer);
    }
    let effective = resolve::shown(resolve::whole(merged, environment));
    Ok(Loaded {
        config: resolve::typed(effective.clone(), Path::new("configuration"))?,
        effective,
        directories,
        layers,
    })
}

/// Merges one source over those before it.
fn add(merged: &mut Value, layer: &Layer) {
    let mut value = layer.value.clone();
    let plugins = value
        .as_object_mut()
        .and_then(|object| object.shift_remove("plugin"));
    merge::source(merged, value);
    if let Some(Value::Array(plugins)) = plugins {
        plugin::add(merged, plugins);
    }
}

/// All sources in the order in which they are merged.
fn layers(
    place: Place<'_>,
    paths: &Paths,
    environment: &Environment,
    directories: &[PathBuf],
) -> Result<Vec<Layer>, Error> {
    let project = !environment.is_on(variable::DISABLE_PROJECT_CONFIG);
    let logins = remote::logins(paths, environment);
    // Tokens are known to what is written in files, and to nothing else.
    let with_tokens = &remote::with_tokens(environment, &logins);
    let mut layers = Vec::new();
    for login in &logins {
        layers.push(of_login(login, paths, with_tokens)?);
    }
    layers.push(global_layer(paths, with_tokens)?);
    let file = |layers: &mut Vec<Layer>, path: &Path| -> Result<(), Error> {
        let read = read(path, with_tokens, paths)?;
        layers.extend(read.map(|checked| Layer::checked(path.to_string_lossy(), checked)));
        Ok(())
    };
    if let Some(path) = environment.get(variable::CONFIG) {
        let path = place.directory.join(path);
        file(&mut layers, &path)?;
    }
    let trusted = layers.len();
    if project {
        let mut folders: Vec<&Path> = place.upward().collect();
        folders.reverse();
        for folder in folders {
            for name in PROJECT_FILES {
                file(&mut layers, &folder.join(name))?;
            }
        }
    }
    for directory in directories {
        let chosen = environment
            .get(variable::CONFIG_DIR)
            .is_some_and(|chosen| *directory == place.directory.join(chosen));
        if chosen || directory.file_name().is_some_and(|name| name == ".opencode") {
            for name in PROJECT_FILES {
                file(&mut layers, &directory.join(name))?;
            }
        }
        for (path, described) in markdown::described(directory)? {
            layers.push(Layer::new(path.to_string_lossy(), described));
        }
        let plugins = plugin::in_folder(directory);
        if !plugins.is_empty() {
            let value = json!({ "plugin": plugins });
            layers.push(Layer::new(directory.to_string_lossy(), value));
        }
    }
    keep_sandbox(&mut layers, trusted);
    if let Some(content) = environment.get(variable::CONFIG_CONTENT) {
        let path = Path::new(variable::CONFIG_CONTENT);
        let source = Source {
            path,
            folder: place.directory,
            environment,
            paths,
        };
        let checked = checked(content, &source)?;
        layers.push(Layer::checked(path.to_string_lossy(), checked));
    }
    if let Some(name) = environment.get(variable::PROFILE) {
        let chosen = profile::chosen(name, &layers)?;
        layers.push(chosen);
    }
    // Nobody is above the administrator.
    let managed = managed::folder(environment);
    for name in PROJECT_FILES {
        let path = managed.join(name);
        let read = read(&path, environment, paths)?;
        layers.extend(read.map(|checked| Layer::checked(path.to_string_lossy(), checked)));
    }
    if let Some((path, text)) = managed::preferences(environment) {
        let source = Source {
            path: &path,
            folder: path.parent().unwrap_or(Path::new("/")),
            environment,
            paths,
        };
        let checked = checked(&text, &source)?;
        layers.push(Layer::checked(path.to_string_lossy(), checked));
    }
    Ok(layers)
}

impl Layer {
    pub(crate) fn new(name: impl Into<String>, value: Value) -> Self {
        Self {
            name: name.into(),
            value,
            ignored: Vec::new(),
            parts: Vec::new(),
        }
    }

    fn checked(name: impl Into<String>, checked: Checked) -> Self {
        Self {
            ignored: checked.ignored,
            ..Self::new(name, checked.value)
        }
    }
}

impl Loaded {
    /// Keys of files that nobody knows: the file, the key, and a key that is near to it.
    #[must_use]
    pub fn ignored(&self) -> Vec<(String, Vec<String>, Option<String>)> {
        let of_layer = |layer: &Layer| {
            let ignored = layer.ignored.iter();
            ignored
                .map(|(key, near)| (layer.name.clone(), key.clone(), near.clone()))
                .collect::<Vec<_>>()
        };
        let all = self.layers.iter();
        all.flat_map(|layer| layer.parts.iter().chain([layer]))
            .flat_map(of_layer)
            .collect()
    }
}

/// What the text of one source says.
pub(crate) struct Checked {
    /// In today's form.
    pub(crate) value: Value,
    ignored: Vec<Ignored>,
}

/// What the last good answer of a log-in says.
fn of_login(login: &remote::Login, paths: &Paths, environment: &Environment) -> Result<Layer, Error> {
    let name = login.source();
    let Some(kept) = login.last_good(paths) else {
        return Err(Error::Remote {
            address: name,
            reason: "it has not been fetched yet".to_owned(),
        });
    };
    let source = Source {
        path: Path::new(&name),
        folder: Path::new(&login.address),
        environment,
        paths,
    };
    let checked = checked(&kept.config.to_string(), &source)?;
    Ok(Layer::checked(name, checked))
}

/// The sandbox that the user wants stays as he wants it: a project may want one of its own, but who writes the
/// project's files is just whom it is against.
fn keep_sandbox(layers: &mut [Layer], trusted: usize) {
    let (users, projects) = layers.split_at_mut(trusted);
    let mut wanted = Value::Null;
    for layer in users {
        if let Some(value) = layer.value.get(SANDBOX) {
            merge::deep(&mut wanted, value.clone());
        }
    }
    let wanted: Option<SandboxConfig> = serde_json::from_value(wanted).ok();
    if wanted.is_none_or(|wanted| wanted.settings().is_none()) {
        return;
    }
    for layer in projects {
        if let Some(object) = layer.value.as_object_mut() {
            object.shift_remove(SANDBOX);
        }
    }
}

/// What the global files say together.
///
/// # Errors
/// The first file that cannot be read or is wrong.
pub fn global(paths: &Paths, environment: &Environment) -> Result<Value, Error> {
    global_layer(paths, environment).map(|layer| layer.value)
}

fn global_layer(paths: &Paths, environment: &Environment) -> Result<Layer, Error> {
    let mut layer = Layer::new(paths.config.to_string_lossy(), json!({ "$schema": SCHEMA }));
    let mut oldest = older::read(&paths.config.join(OLDEST_FILE));
    for name in GLOBAL_FILES {
        let path = paths.config.join(name);
        if let Some(checked) = read(&path, environment, paths)? {
            // Parity: config.md §4, between the global files lists replace each other.
            merge::deep(&mut layer.value, checked.value.clone());
            layer.parts.push(Layer::checked(path.to_string_lossy(), checked));
        }
        // Parity: config.md §5.3, it is taken over into the file of this name.
        if name == "config.json"
            && let Some(value) = oldest.take()
        {
            let path = paths.config.join(OLDEST_FILE);
            let value = settle(value, &path, &paths.config)?;
            merge::deep(&mut layer.value, value.clone());
            layer.parts.push(Layer::new(path.to_string_lossy(), value));
        }
    }
    Ok(layer)
}

/// What one file says; `None` when there is none.
pub(crate) fn read(path: &Path, environment: &Environment, paths: &Paths) -> Result<Option<Checked>, Error> {
    let Some(content) = text::content(path)? else {
        return Ok(None);
    };
    let source = Source {
        path,
        folder: path.parent().unwrap_or(Path::new("/")),
        environment,
        paths,
    };
    let mut checked = checked(&content, &source)?;
    if let Value::Object(object) = &mut checked.value {
        object.entry("$schema").or_insert_with(|| json!(SCHEMA));
    }
    Ok(Some(checked))
}

/// What the text of one source says, in today's form.
///
/// # Errors
/// It is wrong; what is wrong is found in the text.
pub(crate) fn checked(content: &str, source: &Source<'_>) -> Result<Checked, Error> {
    let value = text::parse(content, source)?;
    let ignored = ignored(value.clone());
    settle(value, source.path, source.folder)
        .map(|value| Checked { value, ignored })
        .map_err(|error| text::located(error, content, source))
}

/// The keys of one source that nobody knows, in any generation or face of the program.
fn ignored(mut value: Value) -> Vec<Ignored> {
    profile::take(&mut value);
    if let Value::Object(object) = &mut value {
        for key in OF_THE_TERMINAL {
            object.shift_remove(key);
        }
        // Those of the next generation that have no effect are told where they are read.
        if newer::lower(object).is_err() {
            return Vec::new();
        }
    }
    schema::ignored(&value)
}

/// Makes paths of plugins whole, and puts everything, profiles too, into today's form.
fn settle(mut value: Value, path: &Path, folder: &Path) -> Result<Value, Error> {
    let profiles = profile::take(&mut value);
    plugin::resolve(&mut value, folder);
    let mut value = resolve::source(value, path)?;
    profile::put_back(&mut value, profiles, |mut profile| {
        plugin::resolve(&mut profile, folder);
        resolve::source(profile, path)
    })?;
    Ok(value)
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
    let chosen = environment.get(variable::CONFIG_DIR);
    all.extend(chosen.map(|chosen| place.directory.join(chosen)));
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
    fn a_project_does_not_weaken_the_sandbox() {
        let project = r#"{"sandbox": {"network": true, "write": ["/"]}}"#;
        let content = [("OPENCODE_CONFIG_CONTENT", r#"{"sandbox": false}"#)];
        for (global, project, variables, wanted) in [
            ("{}", project, None, json!({ "network": true, "write": ["/"] })),
            (r#"{"sandbox": true}"#, project, None, json!(true)),
            (r#"{"sandbox": true}"#, r#"{"sandbox": false}"#, None, json!(true)),
            (
                r#"{"sandbox": {"network": true}}"#,
                project,
                None,
                json!({ "network": true }),
            ),
            (r#"{"sandbox": false}"#, r#"{"sandbox": true}"#, None, json!(true)),
            (r#"{"sandbox": true}"#, project, Some(&content[..]), json!(false)),
        ] {
            let tree = Tree::new(&[(GLOBAL, global), ("project/opencode.json", project)]);
            let config = tree.config(variables.unwrap_or_default());
            assert_eq!(config["sandbox"], wanted, "{global} {project}");
        }
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
