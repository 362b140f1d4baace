//! All sources of a folder, in their order, merged and resolved (reference `config.md` §2).

mod sandbox;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use opencode_schema::config::Config;
use serde_json::{Value, json};

use crate::environment::variable;
use crate::schema::Ignored;
use crate::source::{self, GLOBAL_FILES, OLDEST_FILE, Part, Writer};
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

/// What a file is taken to name when it names none. Parity: config.md §2.2, where it is written into the
/// file; here the user's files stay as they are.
const SCHEMA: &str = "https://opencode.ai/config.json";
/// Keys that the terminal's configuration took over.
const OF_THE_TERMINAL: [&str; 3] = ["theme", "keybinds", "tui"];

/// One source of a configuration.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The file, the address or the variable that says it.
    pub name: String,
    /// What it says, in today's form.
    pub value: Value,
    writer: Writer,
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
    Reader::new(paths, environment).load(place)
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

/// Reads sources.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    paths: &'a Paths,
    environment: &'a Environment,
    /// A file, and what is taken for its content.
    instead: Option<(&'a Path, &'a str)>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(paths: &'a Paths, environment: &'a Environment) -> Self {
        Self {
            paths,
            environment,
            instead: None,
        }
    }

    /// As if a file had another content.
    pub(crate) fn with(self, path: &'a Path, content: &'a str) -> Self {
        Self {
            instead: Some((path, content)),
            ..self
        }
    }

    /// See [`load`].
    pub(crate) fn load(&self, place: Place<'_>) -> Result<Loaded, Error> {
        let directories = source::directories(place, self.paths, self.environment);
        let layers = self.layers(place, &directories)?;
        let mut merged = json!({});
        for layer in &layers {
            add(&mut merged, layer);
        }
        let effective = resolve::shown(resolve::whole(merged, self.environment));
        Ok(Loaded {
            config: resolve::typed(effective.clone(), Path::new("configuration"))?,
            effective,
            directories,
            layers,
        })
    }

    /// All sources in the order in which they are merged.
    fn layers(&self, place: Place<'_>, directories: &[PathBuf]) -> Result<Vec<Layer>, Error> {
        let (paths, environment) = (self.paths, self.environment);
        let logins = remote::logins(paths, environment);
        // Tokens are known to what is written in files, and to nothing else.
        let with_tokens = &remote::with_tokens(environment, &logins);
        let files = Reader {
            environment: with_tokens,
            ..*self
        };
        let mut layers = Vec::new();
        for login in &logins {
            layers.push(of_login(login, paths, with_tokens)?);
        }
        layers.push(files.global()?);
        for part in source::parts(place, paths, environment, directories) {
            match part {
                Part::File { path, writer } => {
                    let read = files.file(&path)?;
                    let layer = read.map(|checked| Layer::checked(path.to_string_lossy(), checked));
                    layers.extend(layer.map(|layer| Layer { writer, ..layer }));
                }
                Part::Folder { path, writer } => {
                    let said = of_folder(path)?.into_iter();
                    layers.extend(said.map(|layer| Layer { writer, ..layer }));
                }
            }
        }
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
        // Nobody is above the administrator.
        let managed = self.managed()?;
        let profile = environment.get(variable::PROFILE);
        sandbox::keep(&mut layers, &managed, profile);
        if let Some(name) = profile {
            let chosen = profile::chosen(name, &layers)?;
            layers.push(chosen);
        }
        layers.extend(managed);
        Ok(layers)
    }

    /// What the global files say together.
    fn global(&self) -> Result<Layer, Error> {
        let folder = &self.paths.config;
        let mut layer = Layer::new(folder.to_string_lossy(), json!({ "$schema": SCHEMA }));
        let mut oldest = older::read(&folder.join(OLDEST_FILE));
        for name in GLOBAL_FILES {
            let path = folder.join(name);
            if let Some(checked) = self.file(&path)? {
                // Parity: config.md §4, between the global files lists replace each other.
                merge::deep(&mut layer.value, checked.value.clone());
                layer.parts.push(Layer::checked(path.to_string_lossy(), checked));
            }
            // Parity: config.md §5.3, it is taken over into the file of this name.
            if name == "config.json"
                && let Some(value) = oldest.take()
            {
                let path = folder.join(OLDEST_FILE);
                let value = settle(value, &path, folder)?;
                merge::deep(&mut layer.value, value.clone());
                layer.parts.push(Layer::new(path.to_string_lossy(), value));
            }
        }
        Ok(layer)
    }

    /// What the administrator prescribes.
    fn managed(&self) -> Result<Vec<Layer>, Error> {
        let mut layers = Vec::new();
        for path in managed::files(self.environment) {
            let read = self.file(&path)?;
            layers.extend(read.map(|checked| Layer::checked(path.to_string_lossy(), checked)));
        }
        if let Some((path, text)) = managed::preferences(self.environment) {
            let checked = checked(&text, &self.source(&path))?;
            layers.push(Layer::checked(path.to_string_lossy(), checked));
        }
        Ok(layers)
    }

    /// What one file says; `None` when there is none.
    fn file(&self, path: &Path) -> Result<Option<Checked>, Error> {
        let content = match self.instead {
            Some((of, content)) if of == path => content.to_owned(),
            _ => match text::content(path)? {
                Some(content) => content,
                None => return Ok(None),
            },
        };
        let mut checked = checked(&content, &self.source(path))?;
        if let Value::Object(object) = &mut checked.value {
            object.entry("$schema").or_insert_with(|| json!(SCHEMA));
        }
        Ok(Some(checked))
    }

    fn source<'b>(&'b self, path: &'b Path) -> Source<'b> {
        Source {
            path,
            folder: path.parent().unwrap_or(Path::new("/")),
            environment: self.environment,
            paths: self.paths,
        }
    }
}

/// What the Markdown files and the scripts in a folder of configuration say.
fn of_folder(directory: &Path) -> Result<Vec<Layer>, Error> {
    let described = markdown::described(directory)?.into_iter();
    let mut layers: Vec<Layer> = described
        .map(|(path, described)| Layer::new(path.to_string_lossy(), described))
        .collect();
    let plugins = plugin::in_folder(directory);
    if !plugins.is_empty() {
        let value = json!({ "plugin": plugins });
        layers.push(Layer::new(directory.to_string_lossy(), value));
    }
    Ok(layers)
}

impl Layer {
    pub(crate) fn new(name: impl Into<String>, value: Value) -> Self {
        Self {
            name: name.into(),
            value,
            writer: Writer::User,
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
    /// With what plugins made of it, which is checked as a source is.
    ///
    /// # Errors
    /// It is no configuration.
    pub fn with(&self, mut effective: Value) -> Result<Self, Error> {
        let path = Path::new("the configuration of the plugins");
        let profiles = profile::take(&mut effective);
        let mut effective = resolve::source(effective, path)?;
        profile::put_back(&mut effective, profiles, |profile| resolve::source(profile, path))?;
        Ok(Self {
            config: resolve::typed(effective.clone(), path)?,
            effective,
            ..self.clone()
        })
    }

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

/// What the global files say together.
///
/// # Errors
/// The first file that cannot be read or is wrong.
pub fn global(paths: &Paths, environment: &Environment) -> Result<Value, Error> {
    Reader::new(paths, environment).global().map(|layer| layer.value)
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
