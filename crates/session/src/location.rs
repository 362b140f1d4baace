//! A location: a folder and everything that depends on it (reference `sessions.md` §6,
//! architecture «A location is a scope»).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use indexmap::IndexMap;
use opencode_catalog::public::Public;
use opencode_catalog::{Catalog, Sources};
use opencode_config::environment::variable;
use opencode_config::instruction::{self, Instruction};
use opencode_config::{Environment, Paths, Place, credential, skill};
use opencode_permission::{Permissions, Questions};
use opencode_project::identity::{self, Identity};
use opencode_project::path::relative;
use opencode_project::snapshot::Snapshots;
use opencode_schema::EventBody;
use opencode_schema::agent::{Agent, Mode};
use opencode_schema::command::Command;
use opencode_schema::config::Config;
use opencode_schema::event::Origin;
use opencode_schema::project::{Project, Times, Vcs};
use opencode_schema::skill::Skill;
use opencode_schema::time::now;
use opencode_store::Store;
use opencode_tool::contract::{Definition, Subagent};
use opencode_tool::registry::Registry;
use opencode_tool::truncation::Truncation;
use opencode_tool::{Scope, formatter};
use serde_json::Value;

use crate::share::Sharing;
use crate::step::request::subagents;
use crate::web::Web;
use crate::{Error, Terminals};

/// How long rules at an address may take, how long they may be, and how many are asked for at once.
const PAGE_LIMIT: Duration = Duration::from_secs(5);
const PAGE_BYTES: usize = 1 << 20;
const PAGES_AT_ONCE: usize = 4;

/// A folder and everything that depends on it.
pub struct Location {
    /// The folder, absolute.
    pub directory: PathBuf,
    /// Top of its checkout; `/` without repository.
    pub worktree: PathBuf,
    /// Whether it is in a git repository.
    pub is_git: bool,
    /// Id of its project.
    pub project_id: String,
    /// Its configuration.
    pub config: Arc<Config>,
    /// Its configuration as it is written, with the keys that this version does not act on.
    pub effective_config: Value,
    /// Its agents by name, in the order of their definition.
    pub agents: IndexMap<String, Agent>,
    /// Its skills.
    pub skills: Arc<[Skill]>,
    /// Its commands by name.
    pub commands: IndexMap<String, Command>,
    /// Its providers and models.
    pub catalog: Catalog,
    /// Its permissions.
    pub permissions: Arc<Permissions>,
    /// The questions of its sessions.
    pub questions: Arc<Questions>,
    /// Its tools.
    pub tools: Registry,
    /// Its terminals.
    pub terminals: Terminals,
    /// What a user should know of it: a repository that git refuses, for example.
    pub warnings: Vec<String>,
    pub(crate) snapshots: Option<Snapshots>,
    /// The store, whose events say that they come from here.
    pub store: Store,
    pub(crate) sharing: Sharing,
    pub(crate) web: Web,
    pub(crate) environment: Environment,
    pub(crate) paths: Paths,
    pub(crate) truncation: Truncation,
    /// Held while what a turn changed is compared and stored.
    pub(crate) summaries: tokio::sync::Mutex<()>,
    version: &'static str,
}

impl Location {
    /// Reads everything that `directory` depends on, and makes its project known to the store.
    ///
    /// # Errors
    /// Configuration is wrong, or the database failed.
    pub(crate) async fn open(
        directory: &Path,
        store: &Store,
        paths: &Paths,
        environment: &Environment,
        public: Arc<Public>,
        version: &'static str,
    ) -> Result<Self, Error> {
        let identity = identity::discover(directory).await;
        let text = directory.to_string_lossy().into_owned();
        let of_folder = text.clone();
        let store = store.at(Origin {
            directory: text,
            project_id: Some(identity.id.clone()),
            workspace_id: store.read(move |view| view.workspace_at(&of_folder)).await?,
        });
        register_project(&store, &identity, directory).await?;

        let place = Place {
            directory,
            worktree: &identity.worktree,
        };
        let loaded = opencode_config::load(place, paths, environment)?;
        let config = Arc::new(loaded.config);
        let skills: Arc<[Skill]> = skill::all(place, paths, environment, &loaded.directories, &config).into();
        let web = Web::default();
        let sharing = Sharing::new(&config, environment, &web);
        let commands = opencode_config::command::all(&config, &skills, &identity.worktree);
        let grounds = opencode_config::agent::Grounds {
            always: always_allowed(paths, &skills),
            plans_relative: relative(&identity.worktree, &paths.data.join("plans")),
        };
        let agents = opencode_config::agent::all(&config, paths, &grounds);
        let catalog = Catalog::new(Sources {
            paths: paths.clone(),
            environment: environment.clone(),
            credentials: credential::read(paths, environment),
            config: Arc::clone(&config),
            version,
            public,
            logins: opencode_catalog::login::Options::default(),
        });
        let snapshots = if config.snapshot == Some(false) {
            None
        } else {
            Snapshots::new(&paths.data, &identity, directory)
        };
        let limits = config.tool_output.clone().unwrap_or_default();
        let limit = |configured: Option<std::num::NonZeroU32>, default| {
            configured
                .and_then(|limit| usize::try_from(limit.get()).ok())
                .unwrap_or(default)
        };
        Ok(Self {
            directory: directory.to_owned(),
            is_git: identity.git.is_some(),
            project_id: identity.id,
            permissions: Permissions::new(store.clone()),
            questions: Questions::new(store.clone()),
            terminals: Terminals::new(store.clone()),
            tools: Registry::built_in(
                environment
                    .positive(variable::BASH_TIMEOUT)
                    .map(Duration::from_millis),
                may_ask(environment),
            ),
            warnings: identity.warning.iter().map(ToString::to_string).collect(),
            truncation: Truncation {
                max_lines: limit(limits.max_lines, Truncation::DEFAULT_LINES),
                max_bytes: limit(limits.max_bytes, Truncation::DEFAULT_BYTES),
                directory: paths.tool_output(),
            },
            worktree: identity.worktree,
            commands,
            config,
            effective_config: loaded.effective,
            agents,
            skills,
            catalog,
            snapshots,
            store,
            sharing,
            web,
            environment: environment.clone(),
            paths: paths.clone(),
            summaries: tokio::sync::Mutex::default(),
            version,
        })
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
            temporary: self.paths.temporary.clone(),
            version: self.version,
        }
    }

    /// Every tool with what a model is told of it when the usual agent works, in the order of registration.
    ///
    /// # Errors
    /// Those of [`Location::default_agent`].
    pub fn tool_definitions(&self) -> Result<Vec<(String, Definition)>, Error> {
        let agent = self.default_agent()?;
        let scope = self.scope(&subagents(self, &[&agent.permission]));
        let tools = self.tools.all().iter();
        Ok(tools
            .map(|tool| (tool.name().to_owned(), tool.definition(&scope)))
            .collect())
    }

    /// The formatters of this place, as configuration wants them.
    pub async fn formatters(&self) -> Vec<formatter::Status> {
        let ground = formatter::Ground {
            directory: &self.directory,
            worktree: &self.worktree,
            path: self.environment.get("PATH").unwrap_or_default(),
        };
        let config = self.effective_config.get("formatter").unwrap_or(&Value::Null);
        formatter::statuses(config, ground).await
    }

    pub(crate) fn place(&self) -> Place<'_> {
        Place {
            directory: &self.directory,
            worktree: &self.worktree,
        }
    }

    /// The folder as it is stored with sessions.
    #[must_use]
    pub fn directory_text(&self) -> String {
        self.directory.to_string_lossy().into_owned()
    }

    /// The folder relative to its worktree, as it is stored with sessions.
    #[must_use]
    pub fn path_text(&self) -> String {
        relative(&self.worktree, &self.directory)
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

    /// All agents as lists show them: the one that is taken when nobody chooses, then the others by name.
    #[must_use]
    pub fn listed_agents(&self) -> Vec<&Agent> {
        let first = self.default_agent().map(|agent| agent.name.as_str()).ok();
        let mut agents: Vec<&Agent> = self.agents.values().collect();
        agents.sort_by_key(|agent| (Some(agent.name.as_str()) != first, &agent.name));
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

    /// The face that drives the program.
    pub(crate) fn client(&self) -> &str {
        self.environment.get(variable::CLIENT).unwrap_or("cli")
    }

    /// The shell that commands are given to: the configured one, else the user's if scripts for it look
    /// like those for bash, else bash, else sh.
    pub(crate) fn shell(&self) -> PathBuf {
        let usual = |path: &str| {
            let name = Path::new(path)
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            !matches!(name.as_str(), "fish" | "nu")
        };
        self.shell_if(usual)
    }

    /// The shell for what the user types: the configured one, else the user's, else bash, else sh.
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

    /// The shell that a terminal is opened with: the configured one, else the user's, else bash, else sh.
    pub(crate) fn terminal_shell(&self) -> PathBuf {
        let configured = self.config.shell.as_deref();
        let wanted = configured.or_else(|| self.environment.get("SHELL"));
        wanted
            .and_then(|path| self.program(path))
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

    /// The trees of files that are kept for undo, if any are.
    #[must_use]
    pub fn snapshots(&self) -> Option<&Snapshots> {
        self.snapshots.as_ref()
    }

    /// Where files of the program are.
    #[must_use]
    pub fn paths(&self) -> &Paths {
        &self.paths
    }

    /// Rules files that every model is told here, as they are now: those of folders, then those of addresses
    /// (reference `agent-loop.md` §3).
    pub(crate) async fn instructions(self: &Arc<Self>) -> Vec<Instruction> {
        let (mut all, fetched) = tokio::join!(self.instruction_files(), self.instruction_pages());
        all.extend(fetched);
        all
    }

    /// Patterns make it look through folders, which is done on a thread of its own.
    async fn instruction_files(self: &Arc<Self>) -> Vec<Instruction> {
        let location = Arc::clone(self);
        let reading = tokio::task::spawn_blocking(move || {
            let configured = location.config.instructions.as_deref().unwrap_or_default();
            let found = instruction::find(
                location.place(),
                &location.paths,
                &location.environment,
                configured,
            );
            found.iter().filter_map(|path| instruction::read(path)).collect()
        });
        reading.await.unwrap_or_else(|error| {
            tracing::error!(%error, "the rules files could not be read");
            Vec::new()
        })
    }

    /// What addresses in `instructions` answer. One that cannot be had is left out.
    async fn instruction_pages(&self) -> Vec<Instruction> {
        let configured = self.config.instructions.as_deref().unwrap_or_default();
        let addresses = configured
            .iter()
            .filter(|entry| entry.starts_with("http://") || entry.starts_with("https://"));
        let pages: Vec<_> = addresses
            .map(|address| page(self.web.clone(), address.clone()))
            .collect();
        let pages: Vec<Option<Instruction>> = stream::iter(pages).buffered(PAGES_AT_ONCE).collect().await;
        pages
            .into_iter()
            .flatten()
            .filter(|page| !page.text.is_empty())
            .collect()
    }
}

/// Rules at an address.
async fn page(web: Web, address: String) -> Option<Instruction> {
    let answer = match web.client().map(|client| client.get(&address)) {
        Ok(request) => Web::answer(request, PAGE_LIMIT, PAGE_BYTES).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(bytes) => Some(Instruction {
            text: String::from_utf8_lossy(&bytes).into_owned(),
            path: PathBuf::from(address),
        }),
        Err(error) => {
            tracing::warn!(address, error, "rules at an address are left out");
            None
        }
    }
}

/// Whether whoever drives the program can show questions.
fn may_ask(environment: &Environment) -> bool {
    let client = environment.get(variable::CLIENT).unwrap_or("cli");
    matches!(client, "app" | "cli" | "desktop") || environment.is_on(variable::ENABLE_QUESTION_TOOL)
}

/// Folders outside the project that need no permission: whole tool results, scratch, skills.
fn always_allowed(paths: &Paths, skills: &[Skill]) -> Vec<String> {
    let fixed = [paths.tool_output(), paths.temporary.clone()];
    let of_skills = skills
        .iter()
        .filter_map(|skill| skill.folder().map(Path::to_path_buf));
    fixed
        .into_iter()
        .chain(of_skills)
        .map(|folder| folder.join("*").to_string_lossy().into_owned())
        .collect()
}

/// Worktrees of a project that are not there any more. Looked for before anything is written, because a
/// file system that does not answer must not hold up the database; what takes too long counts as there.
async fn gone_sandboxes(store: &Store, project_id: &str) -> Result<Vec<String>, Error> {
    const LIMIT: Duration = Duration::from_secs(1);
    let id = project_id.to_owned();
    let Some(project) = store.read(move |view| view.project(&id)).await? else {
        return Ok(Vec::new());
    };
    if project.sandboxes.is_empty() {
        return Ok(Vec::new());
    }
    let looking = tokio::task::spawn_blocking(move || {
        let mut sandboxes = project.sandboxes;
        sandboxes.retain(|folder| !Path::new(folder).is_dir());
        sandboxes
    });
    match tokio::time::timeout(LIMIT, looking).await {
        Ok(Ok(gone)) => Ok(gone),
        _ => Ok(Vec::new()),
    }
}

/// Makes a project known to the store (reference `sessions.md` §6, rules 3 and 4).
async fn register_project(store: &Store, identity: &Identity, directory: &Path) -> Result<(), Error> {
    let (id, worktree) = (
        identity.id.clone(),
        identity.worktree.to_string_lossy().into_owned(),
    );
    let directory = directory.to_string_lossy().into_owned();
    let vcs = identity.git.is_some().then_some(Vcs::Git);
    let moved_from = identity.moved_from().map(str::to_owned);
    let gone = gone_sandboxes(store, &id).await?;
    store
        .write(move |transaction| {
            let at = now();
            let fresh = || Project {
                id: id.clone(),
                worktree: worktree.clone(),
                vcs,
                name: None,
                icon: None,
                commands: None,
                time: Times {
                    created: at,
                    updated: at,
                    initialized: None,
                },
                sandboxes: Vec::new(),
            };
            let known = transaction.project(&id)?;
            let mut project = known.unwrap_or_else(fresh);
            project.time.updated = at;
            if id != identity::GLOBAL {
                project.vcs = vcs;
                project.sandboxes.retain(|folder| !gone.contains(folder));
                if project.worktree != worktree && !project.sandboxes.contains(&worktree) {
                    project.sandboxes.push(worktree.clone());
                }
            }
            transaction.put_project(&project)?;
            if let Some(old) = &moved_from {
                transaction.move_project(old, &id)?;
            }
            if id != identity::GLOBAL {
                transaction.put_project_directory(&id, &worktree)?;
                transaction.adopt_sessions(&id, &directory)?;
            }
            transaction.publish(EventBody::ProjectUpdated {
                project: Box::new(project),
            })
        })
        .await?;
    if let Err(error) = identity.remember().await {
        tracing::debug!(%error, "the project id could not be left in the repository");
    }
    Ok(())
}
