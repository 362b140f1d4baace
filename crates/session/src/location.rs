//! A location: a folder and everything that depends on it (reference `sessions.md` §6,
//! architecture «A location is a scope»).
//!
//! [`Ground`] is what stays; a [`Location`] is how the folder is configured at one moment. It is read again
//! before each step and when its files change ([`reload`]); whoever holds one keeps what he began with.

mod ground;
mod reload;
mod rules;
mod sandbox;
mod watched;

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use opencode_catalog::Catalog;
use opencode_config::instruction;
use opencode_config::reference::Reference;
use opencode_lsp::Languages;
use opencode_plugin::CustomTool;
use opencode_project::snapshot::Snapshots;
use opencode_schema::agent::{Agent, Mode};
use opencode_schema::command::Command;
use opencode_schema::config::Config;
use opencode_schema::skill::Skill;
use opencode_store::Store;
use opencode_tool::Scope;
use opencode_tool::contract::{Definition, Subagent};
use opencode_tool::formatter::{self, Formatters};
use opencode_tool::registry::{Audience, Registry};
use opencode_tool::truncation::Truncation;
use serde_json::Value;

pub use ground::Ground;
pub(crate) use ground::Surroundings;
pub(crate) use reload::may_ask;

use crate::Error;
use crate::plugin::Hooks;
use crate::share::Sharing;
use crate::step::request::subagents;

/// A folder and everything that depends on it, as it is configured at one moment.
pub struct Location {
    ground: Arc<Ground>,
    /// Its configuration.
    pub config: Arc<Config>,
    /// Its configuration as it is written, with the keys that this version does not act on.
    pub effective_config: Value,
    /// Its agents by name, in the order of their definition.
    pub agents: IndexMap<String, Agent>,
    /// Its skills.
    pub skills: Arc<[Skill]>,
    /// Folders that its models are told of.
    pub references: Arc<[Reference]>,
    /// Its commands by name.
    pub commands: IndexMap<String, Command>,
    /// Its providers and models.
    pub catalog: Arc<Catalog>,
    /// Its tools.
    pub tools: Registry,
    /// Those of its durable sessions.
    pub durable_tools: Registry,
    /// Its plugins.
    pub(crate) hooks: Hooks,
    /// What they had for tools.
    custom_tools: Arc<[CustomTool]>,
    /// Plugins are named that do not run yet.
    pub(crate) awaits_plugins: bool,
    /// Files of plugins and tools.
    plugin_files: Vec<PathBuf>,
    pub(crate) sharing: Arc<Sharing>,
    pub(crate) truncation: Truncation,
    pub(crate) formatters: Arc<Formatters>,
    /// Its language servers.
    pub languages: Arc<Languages>,
    /// Folders that hold agents, skills and so on.
    directories: Vec<PathBuf>,
}

impl Deref for Location {
    type Target = Ground;

    fn deref(&self) -> &Ground {
        &self.ground
    }
}

impl Location {
    /// Reads everything that `directory` depends on, and makes its project known to the store. Its plugins are not
    /// started yet.
    ///
    /// # Errors
    /// Configuration is wrong, or the database failed.
    pub(crate) async fn open(
        directory: &Path,
        store: &Store,
        surroundings: Surroundings,
    ) -> Result<Arc<Self>, Error> {
        let ground = Arc::new(Ground::open(directory, store, surroundings).await?);
        let location = Arc::new(Self::read(&ground).await?);
        ground.is_now(&location);
        Ok(location)
    }

    /// What stays of it while its configuration changes.
    #[must_use]
    pub fn ground(&self) -> &Arc<Ground> {
        &self.ground
    }

    /// The tools of its durable sessions, or of the others.
    pub(crate) fn tools_of(&self, is_durable: bool) -> &Registry {
        if is_durable {
            &self.durable_tools
        } else {
            &self.tools
        }
    }

    /// The trees of files that are kept for undo, if any are.
    #[must_use]
    pub fn snapshots(&self) -> Option<&Snapshots> {
        let wanted = self.config.snapshot != Some(false);
        self.ground.trees.as_ref().filter(|_| wanted)
    }

    /// The place as tools see it, with the agents that they can give tasks to.
    pub(crate) fn scope(&self, subagents: &[Subagent]) -> Scope {
        Scope {
            directory: self.directory.clone(),
            worktree: self.worktree.clone(),
            shell: self.shell(),
            truncation: self.truncation.clone(),
            skills: Arc::clone(&self.skills),
            subagents: subagents.into(),
            rules: instruction::names(&self.environment),
            trash: self.paths.trash(),
            temporary: self.paths.temporary.clone(),
            sandbox: self.sandbox(),
            jobs: reload::runs_in_background(&self.config).then(|| Arc::clone(&self.jobs)),
            formatters: Arc::clone(&self.formatters),
            languages: Arc::clone(&self.languages),
            version: self.version,
        }
    }

    /// The tools that a model works with, when the usual agent works, with what it is told of them, in the order
    /// of registration.
    ///
    /// # Errors
    /// Those of [`Location::default_agent`].
    pub fn tool_definitions(&self, audience: Audience<'_>) -> Result<Vec<(String, Definition)>, Error> {
        let agent = self.default_agent()?;
        let scope = self.scope(&subagents(self, &[&agent.permission]));
        let all = self.own_registry(false);
        let tools = all.of_model(audience);
        Ok(tools
            .map(|tool| (tool.name().to_owned(), tool.definition(&scope)))
            .collect())
    }

    /// Names of the tools of the program and of plugins, in the order of registration.
    #[must_use]
    pub fn tool_names(&self) -> Vec<String> {
        self.own_registry(false).names().map(str::to_owned).collect()
    }

    /// The formatters of this place, as configuration wants them.
    pub async fn formatters(&self) -> Vec<formatter::Status> {
        self.formatters.statuses().await
    }

    /// The agent when nobody chooses one (reference `agents-commands-permissions.md` §1.4).
    ///
    /// # Errors
    /// [`Error::DefaultAgent`] when configuration names one that cannot be it; [`Error::NoAgent`].
    pub fn default_agent(&self) -> Result<&Agent, Error> {
        let Some(name) = &self.config.default_agent else {
            return self
                .agents
                .values()
                .find(|agent| agent.mode != Mode::Subagent && agent.hidden != Some(true))
                .ok_or(Error::NoAgent);
        };
        let refused = |reason| {
            Err(Error::DefaultAgent {
                name: name.clone(),
                reason,
            })
        };
        match self.agents.get(name) {
            None => refused("not found"),
            Some(agent) if agent.mode == Mode::Subagent => refused("is a subagent"),
            Some(agent) if agent.hidden == Some(true) => refused("is hidden"),
            Some(agent) => Ok(agent),
        }
    }

    /// All agents as lists show them: the one that configuration names for when nobody chooses, then the others by name.
    #[must_use]
    pub fn listed_agents(&self) -> Vec<&Agent> {
        let first = self.config.default_agent.as_deref().unwrap_or("build");
        let mut agents: Vec<&Agent> = self.agents.values().collect();
        agents.sort_by_key(|agent| (agent.name != first, &agent.name));
        agents
    }

    /// An agent by its name.
    ///
    /// # Errors
    /// [`Error::AgentNotFound`] with the names that there are.
    pub fn agent(&self, name: &str) -> Result<&Agent, Error> {
        self.agents.get(name).ok_or_else(|| Error::AgentNotFound {
            name: name.to_owned(),
            available: self
                .agents
                .values()
                .filter(|agent| agent.hidden != Some(true))
                .map(|agent| agent.name.clone())
                .collect(),
        })
    }

    /// A command by its name.
    ///
    /// # Errors
    /// [`Error::CommandNotFound`] with the names that there are.
    pub fn command(&self, name: &str) -> Result<&Command, Error> {
        self.commands.get(name).ok_or_else(|| Error::CommandNotFound {
            name: name.to_owned(),
            available: self.commands.keys().cloned().collect(),
        })
    }

    /// The shell that commands are given to: the configured one, else the user's if scripts for it look
    /// like those for bash, else bash, else sh.
    pub(crate) fn shell(&self) -> PathBuf {
        let usual = |path: &str| {
            let name = Path::new(path).file_name().and_then(|name| name.to_str());
            !matches!(name, Some("fish" | "nu"))
        };
        self.shell_if(usual)
    }

    /// The shell for what the user types, and for terminals: the configured one, else the user's, else bash, else sh.
    pub(crate) fn user_shell(&self) -> PathBuf {
        self.shell_if(|_| true)
    }

    fn shell_if(&self, users_will_do: impl Fn(&str) -> bool) -> PathBuf {
        let configured = self.config.shell.as_deref();
        let users = self.environment.get("SHELL").filter(|path| users_will_do(path));
        let wanted = configured.or(users).and_then(|path| self.program(path));
        wanted
            .or_else(|| self.program("bash"))
            .unwrap_or_else(|| PathBuf::from("/bin/sh"))
    }

    /// A program by its path, or by its name in the search path.
    fn program(&self, name: &str) -> Option<PathBuf> {
        if name.contains('/') {
            return Some(PathBuf::from(name)).filter(|path| path.is_file());
        }
        let search = self
            .environment
            .get("PATH")
            .unwrap_or("/usr/local/bin:/usr/bin:/bin");
        std::env::split_paths(search)
            .map(|folder| folder.join(name))
            .find(|path| path.is_file())
    }
}
