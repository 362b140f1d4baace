//! Reading how a folder is configured, and reading it again while sessions run (reference `config.md` §2,
//! `v2.md` §14 row 49).
//!
//! A location is read again before each prompt and each step, and when its files change. What a reading finds
//! unchanged is kept as it is; when all of it is, so is the location. A configuration that is wrong leaves the
//! last good one in force and is told once.

mod changes;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use opencode_catalog::addition::Additions;
use opencode_catalog::{Catalog, Sources};
use opencode_config::agent::Grounds;
use opencode_config::credential::{self, Credentials};
use opencode_config::environment::variable;
use opencode_config::reference::{self, Reference};
use opencode_config::{Environment, Loaded, Paths, agent, command, skill};
use opencode_lsp::{self as lsp, Languages};
use opencode_plugin::Draft;
use opencode_schema::EventBody;
use opencode_schema::agent::Agent;
use opencode_schema::command::Command;
use opencode_schema::config::{Config, PermissionConfig};
use opencode_schema::event::{ToastVariant, toast_duration};
use opencode_schema::skill::Skill;
use opencode_tool::formatter::{self, Formatters};
use opencode_tool::registry::{Registry, Settings};
use opencode_tool::truncation::Truncation;
use opencode_tool::websearch;

use serde_json::Value;

use super::ground::client;
use super::{Ground, Location};
use crate::plugin::desk::Wanted;
use crate::plugin::{Hooks, transform};
use crate::remote::{self, Wait};
use crate::remote_skills;
use crate::share::Sharing;
use crate::{Error, plan};

/// Everything that files say.
struct Files {
    hooks: Hooks,
    awaits_plugins: bool,
    plugin_files: Vec<PathBuf>,
    loaded: Loaded,
    agents: IndexMap<String, Agent>,
    skills: Vec<Skill>,
    references: Vec<Reference>,
    commands: IndexMap<String, Command>,
    credentials: Credentials,
    /// What plugins add to providers.
    additions: Arc<Additions>,
}

impl Location {
    /// Reads how a folder is configured, without plugins.
    ///
    /// # Errors
    /// Configuration is wrong.
    pub(super) async fn read(ground: &Arc<Ground>) -> Result<Self, Error> {
        let files = Box::pin(Files::read(ground, false)).await?;
        Ok(Self::of(Arc::clone(ground), files, None))
    }

    /// The location as its files are now, and what to tell of it: nothing when they are as they were at the
    /// last reading. One reading at a time; without `wait` there is none while another goes on.
    pub(crate) async fn read_again(self: &Arc<Self>, wait: bool) -> (Arc<Self>, Vec<EventBody>) {
        let latest = || self.ground.latest().unwrap_or_else(|| Arc::clone(self));
        let mut fault = match self.reading.try_lock() {
            Ok(fault) => fault,
            Err(_) if wait => self.reading.lock().await,
            Err(_) => return (latest(), Vec::new()),
        };
        let latest = latest();
        match Box::pin(Files::read(&self.ground, true)).await {
            Ok(files) => {
                *fault = None;
                if files.are_those_of(&latest) {
                    return (latest, Vec::new());
                }
                let now = Arc::new(Self::of(Arc::clone(&self.ground), files, Some(&latest)));
                self.is_now(&now);
                let events = changes::between(&latest, &now);
                (now, events)
            }
            Err(error) => {
                let message = error.to_string();
                if fault.as_ref() == Some(&message) {
                    return (latest, Vec::new());
                }
                tracing::warn!(
                    message,
                    "the configuration is wrong; the one before stays in force"
                );
                *fault = Some(message.clone());
                (latest, broken(message))
            }
        }
    }

    fn of(ground: Arc<Ground>, files: Files, before: Option<&Self>) -> Self {
        let config = Arc::new(files.loaded.config);
        ground.configure_servers(&config, &files.agents);
        let environment = &ground.environment;
        let sources = Sources {
            additions: files.additions,
            ..sources(&ground, Arc::clone(&config), files.credentials)
        };
        let same_catalog = before.filter(|before| before.catalog.is_like(&sources));
        let same_sharing = before.filter(|before| Sharing::is_same(&before.config, &config));
        let limits = config.tool_output.clone().unwrap_or_default();
        let limit = |configured: Option<NonZeroU32>, default| {
            configured
                .and_then(|limit| usize::try_from(limit.get()).ok())
                .unwrap_or(default)
        };
        let kept_formatters = before.filter(|before| {
            before.effective_config.get("formatter") == files.loaded.effective.get("formatter")
        });
        let kept_languages = before.filter(|before| {
            before.effective_config.get("lsp") == files.loaded.effective.get("lsp")
                && limits_of_languages(&before.config) == limits_of_languages(&config)
        });
        Self {
            languages: kept_languages.map_or_else(
                || Arc::new(languages(&ground, &files.loaded.effective, &config)),
                |before| Arc::clone(&before.languages),
            ),
            formatters: kept_formatters.map_or_else(
                || Arc::new(formatters(&ground, &files.loaded.effective)),
                |before| Arc::clone(&before.formatters),
            ),
            catalog: same_catalog.map_or_else(
                || Arc::new(Catalog::new(sources)),
                |before| Arc::clone(&before.catalog),
            ),
            sharing: same_sharing.map_or_else(
                || Arc::new(Sharing::new(&config, environment, &ground.web)),
                |before| Arc::clone(&before.sharing),
            ),
            tools: Registry::built_in(tool_settings(environment, &config)),
            durable_tools: {
                let tools = Registry::durable(tool_settings(environment, &config));
                match before {
                    Some(before) => tools.after(&before.durable_tools),
                    None => tools,
                }
            },
            custom_tools: files.hooks.custom_tools(),
            hooks: files.hooks,
            awaits_plugins: files.awaits_plugins,
            plugin_files: files.plugin_files,
            truncation: Truncation {
                max_lines: limit(limits.max_lines, Truncation::DEFAULT_LINES),
                max_bytes: limit(limits.max_bytes, Truncation::DEFAULT_BYTES),
                directory: ground.paths.tool_output(),
            },
            effective_config: files.loaded.effective,
            directories: files.loaded.directories,
            agents: files.agents,
            skills: files.skills.into(),
            references: files.references.into(),
            commands: files.commands,
            config,
            ground,
        }
    }
}

impl Files {
    /// Reads them, once more when addresses that were not asked before have skills.
    async fn read(ground: &Arc<Ground>, with_plugins: bool) -> Result<Self, Error> {
        remote::refresh(&ground.paths, &ground.environment, Wait::No).await?;
        let files = Self::read_once(ground, with_plugins).await?;
        if remote_skills::refresh(ground, &files.loaded.config).await {
            return Self::read_once(ground, with_plugins).await;
        }
        Ok(files)
    }

    /// Reads them, on a thread for such work. Where plugins are wanted, they have a say before the rest is made of the
    /// configuration.
    async fn read_once(ground: &Arc<Ground>, with_plugins: bool) -> Result<Self, Error> {
        let read = blocking(ground, move |ground| {
            let loaded = opencode_config::load(ground.place(), &ground.paths, &ground.environment)?;
            let wanted = Wanted::of(&loaded, &ground.environment);
            Ok(if wanted.is_empty() || !with_plugins {
                Read::Whole(Box::new(Self::of(ground, loaded, !wanted.is_empty())))
            } else {
                Read::Configuration(Box::new((loaded, wanted)))
            })
        });
        let (loaded, wanted) = match read.await? {
            Read::Configuration(read) => *read,
            Read::Whole(files) => {
                if with_plugins {
                    ground.plugins.clear();
                }
                return Ok(*files);
            }
        };
        let plugin_files = wanted.files().map(Path::to_path_buf).collect();
        let hooks = ground.plugins.with(ground, wanted).await;
        let loaded = ground.plugins.configured(ground, &hooks, loaded).await;
        let files = blocking(ground, move |ground| Ok(Self::of(ground, loaded, false))).await?;
        let files = files.transformed(ground, &hooks).await?;
        let sources = files.sources(ground);
        Ok(Self {
            additions: hooks.additions(ground, &sources).await,
            hooks,
            plugin_files,
            ..files
        })
    }

    /// With lists as plugins make them: first those that configuration can say, then agents and commands.
    async fn transformed(self, ground: &Arc<Ground>, hooks: &Hooks) -> Result<Self, Error> {
        if !Draft::ALL.iter().any(|draft| hooks.transforms(*draft)) {
            return Ok(self);
        }
        let (desk, mut files) = (&ground.plugins, self);
        let mut effective = files.loaded.effective.clone();
        let list = || transform::references(&files.references);
        if let Some((given, made)) = desk.transformed(hooks, Draft::Reference, list).await {
            transform::with_references(&mut effective, &given, &made);
        }
        let mut skills = Vec::new();
        let list = || transform::skills(&files.loaded.effective);
        if let Some((_, made)) = desk.transformed(hooks, Draft::Skill, list).await {
            skills = transform::with_skills(&mut effective, &made);
        }
        if hooks.transforms(Draft::Catalog) {
            let (sources, config) = (files.sources(ground), effective.clone());
            let list = blocking(ground, move |_| {
                Ok(transform::catalog(&Catalog::new(sources), &config))
            });
            let list = list.await?;
            if let Some((given, made)) = desk.transformed(hooks, Draft::Catalog, || list).await {
                transform::with_catalog(&mut effective, &given, &made);
            }
        }
        if let Some(loaded) = transform::changed(&files.loaded, effective) {
            files = blocking(ground, move |ground| Ok(Self::of(ground, loaded, false))).await?;
        }
        for skill in skills {
            files.skills.retain(|known| known.name != skill.name);
            files.skills.push(skill);
        }
        let default = files.loaded.config.default_agent.clone();
        let list = || transform::agents(&files.agents, default.as_deref());
        if let Some((_, made)) = desk.transformed(hooks, Draft::Agent, list).await {
            let (agents, default) = transform::read_agents(&made, &files.agents);
            if let Some(effective) = files.loaded.effective.as_object_mut()
                && default != files.loaded.config.default_agent
            {
                effective.insert("default_agent".to_owned(), default.clone().into());
            }
            (files.agents, files.loaded.config.default_agent) = (agents, default);
        }
        let list = || transform::commands(&files.commands);
        if let Some((_, made)) = desk.transformed(hooks, Draft::Command, list).await {
            files.commands = transform::read_commands(&made, &files.commands);
        }
        Ok(files)
    }

    /// What a catalogue is made of.
    fn sources(&self, ground: &Ground) -> Sources {
        sources(
            ground,
            Arc::new(self.loaded.config.clone()),
            self.credentials.clone(),
        )
    }

    /// What follows from a configuration.
    fn of(ground: &Ground, loaded: Loaded, awaits_plugins: bool) -> Self {
        let (place, paths, environment) = (ground.place(), &ground.paths, &ground.environment);
        let config = &loaded.config;
        let skills = skill::all(place, paths, environment, &loaded.directories, config);
        let references = reference::all(&loaded, place, paths, environment);
        let grounds = Grounds {
            always: always_allowed(paths, &skills, &references),
            read_only: environment.is_on(variable::READ_ONLY),
            plans_relative: opencode_project::path::relative(&ground.worktree, &paths.data.join("plans")),
        };
        Self {
            agents: agent::all(config, paths, &grounds),
            commands: command::all(config, &skills, &ground.worktree),
            credentials: credential::read(paths, environment),
            skills,
            references,
            loaded,
            hooks: Hooks::default(),
            additions: Arc::default(),
            awaits_plugins,
            plugin_files: Vec::new(),
        }
    }

    fn are_those_of(&self, location: &Location) -> bool {
        self.loaded.effective == location.effective_config
            && self.loaded.directories == location.directories
            && self.agents == location.agents
            && self.skills[..] == location.skills[..]
            && self.references[..] == location.references[..]
            && self.commands == location.commands
            && location.catalog.has_credentials(&self.credentials)
            && location.catalog.has_additions(&self.additions)
            && self.hooks.are(&location.hooks)
            && self.hooks.custom_tools() == location.custom_tools
            && self.awaits_plugins == location.awaits_plugins
    }
}

/// What a first look at configuration gives.
enum Read {
    /// Everything.
    Whole(Box<Files>),
    /// Plugins come before the rest.
    Configuration(Box<(Loaded, Wanted)>),
}

/// Does something on a thread that may wait for files.
async fn blocking<T: Send + 'static>(
    ground: &Arc<Ground>,
    work: impl FnOnce(&Ground) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let ground = Arc::clone(ground);
    let working = tokio::task::spawn_blocking(move || work(&ground));
    working.await.map_err(|error| Error::Broken(error.to_string()))?
}

/// What a catalogue is made of.
fn sources(ground: &Ground, config: Arc<Config>, credentials: Credentials) -> Sources {
    Sources {
        paths: ground.paths.clone(),
        environment: ground.environment.clone(),
        credentials,
        config,
        version: ground.version,
        public: Arc::clone(&ground.public),
        logins: opencode_catalog::login::Options::default(),
        additions: Arc::default(),
    }
}

/// What is told of a configuration that is wrong.
fn broken(message: String) -> Vec<EventBody> {
    let toast = EventBody::TuiToastShow {
        title: Some("The configuration before stays in force".to_owned()),
        message: message.clone(),
        variant: ToastVariant::Error,
        duration: toast_duration(),
    };
    vec![EventBody::ConfigFailed { message }, toast]
}

/// What the tools of a place depend on.
fn tool_settings(environment: &Environment, config: &Config) -> Settings {
    let timeout = environment.positive(variable::BASH_TIMEOUT);
    Settings {
        command_timeout: timeout.map(Duration::from_millis),
        may_ask: may_ask(environment),
        background: runs_in_background(config),
        background_tasks: environment.is_experiment_on(variable::BACKGROUND_SUBAGENTS),
        plan_files: plan::is_on(environment) && client(environment) == "cli",
        with_languages: environment.is_experiment_on(variable::LSP_TOOL),
        search: websearch::Settings::of(environment),
        named: named_permissions(config),
    }
}

/// The formatters that configuration wants.
fn formatters(ground: &Ground, config: &Value) -> Formatters {
    let place = formatter::Ground {
        directory: ground.directory.clone(),
        worktree: ground.worktree.clone(),
        packages: ground.packages.clone(),
        with_oxfmt: ground.environment.is_experiment_on(variable::OXFMT),
    };
    Formatters::new(config.get("formatter").unwrap_or(&Value::Null), place)
}

/// The language servers that configuration wants. None is started before a file is touched.
fn languages(ground: &Ground, effective: &Value, config: &Config) -> Languages {
    let environment = &ground.environment;
    let store = ground.store.clone();
    Languages::new(lsp::Settings {
        config: effective.get("lsp").cloned().unwrap_or_default(),
        with_ty: environment.is_on(variable::LSP_TY),
        ground: lsp::Ground {
            directory: ground.directory.clone(),
            worktree: ground.worktree.clone(),
            packages: ground.packages.clone(),
            may_install: !environment.is_on(variable::DISABLE_LSP_DOWNLOAD),
            virtual_env: environment.get("VIRTUAL_ENV").map(PathBuf::from),
            home: ground.paths.home.clone(),
        },
        limits: limits_of_languages(config),
        on_change: Box::new(move || store.announce_now(EventBody::LspUpdated {})),
    })
}

/// What language servers may take.
fn limits_of_languages(config: &Config) -> lsp::Limits {
    let usual = lsp::Limits::default();
    let Some(experimental) = &config.experimental else {
        return usual;
    };
    let of = |configured: Option<u64>, usual| {
        configured.map_or(usual, |limit| Some(limit).filter(|limit| *limit > 0))
    };
    lsp::Limits {
        idle: of(
            experimental.lsp_idle_seconds,
            usual.idle.map(|idle| idle.as_secs()),
        )
        .map(Duration::from_secs),
        memory: of(experimental.lsp_memory_mb, usual.memory.map(|bytes| bytes >> 20))
            .map(|megabytes| megabytes << 20),
        ..usual
    }
}

/// Whether commands can go on in the background.
pub(super) fn runs_in_background(config: &Config) -> bool {
    let experimental = config.experimental.as_ref();
    experimental.is_some_and(|experimental| experimental.background_commands == Some(true))
}

/// Permissions that configuration names, for all agents or for one. `tools` are permissions by now.
fn named_permissions(config: &Config) -> Vec<String> {
    let agents = config.agent.iter().flatten();
    let of_agents = agents.filter_map(|(_, agent)| agent.permission.as_ref());
    let mut names = Vec::new();
    for permission in config.permission.iter().chain(of_agents) {
        if let PermissionConfig::By(permissions) = permission {
            names.extend(permissions.keys().cloned());
        }
    }
    names
}

/// Whether whoever drives the program can show questions.
pub(crate) fn may_ask(environment: &Environment) -> bool {
    matches!(client(environment), "app" | "cli" | "desktop")
        || environment.is_on(variable::ENABLE_QUESTION_TOOL)
}

/// Folders outside the project that need no permission: whole tool results, scratch, skills, references.
fn always_allowed(paths: &Paths, skills: &[Skill], references: &[Reference]) -> Vec<String> {
    let fixed = [paths.tool_output(), paths.temporary.clone()];
    let of_skills = skills
        .iter()
        .filter_map(|skill| skill.folder().map(Path::to_path_buf));
    fixed
        .into_iter()
        .chain(of_skills)
        .chain(references.iter().map(|one| one.path.clone()))
        .map(|folder| folder.join("*").to_string_lossy().into_owned())
        .collect()
}
