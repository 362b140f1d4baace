//! What stays of a location while its configuration changes: where it is, and the desks at which others wait.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::join;
use opencode_catalog::public::Public;
use opencode_config::environment::variable;
use opencode_config::{Environment, Paths, Place};
use opencode_lsp::Packages;
use opencode_mcp::Servers;
use opencode_mcp::oauth::OAuth;
use opencode_permission::{Permissions, Questions};
use opencode_project::identity::{self, Identity};
use opencode_project::snapshot::Snapshots;
use opencode_schema::event::Origin;
use opencode_schema::project::{Project, Times, Vcs};
use opencode_schema::time::now;
use opencode_schema::{EventBody, WorkspaceId};
use opencode_store::Store;
use opencode_tool::jobs::Jobs;
use opencode_tool::mcp::Toolbox;

use crate::indexing::Kept;
use crate::plugin::desk::{Desk, Link};
use crate::remote::{self, Wait};
use crate::web::Web;
use crate::{Error, Location, Terminals, mcp, permission};

/// What every location needs to know of the program.
pub(crate) struct Surroundings {
    pub(crate) paths: Paths,
    pub(crate) environment: Environment,
    /// The public catalogue of models.
    pub(crate) public: Arc<Public>,
    /// Logins at MCP servers.
    pub(crate) logins: OAuth,
    /// What plugins are given.
    pub(crate) link: Link,
    pub(crate) version: &'static str,
}

/// What stays of a location while its configuration changes. Each view of it ([`Location`]) leads here.
pub struct Ground {
    /// The folder, absolute.
    pub directory: PathBuf,
    /// Top of its checkout; `/` without repository.
    pub worktree: PathBuf,
    /// Whether it is in a git repository.
    pub is_git: bool,
    /// Where git keeps what belongs to its checkout, when that is elsewhere.
    pub(super) git_directories: Vec<PathBuf>,
    /// Id of its project.
    pub project_id: String,
    /// The workspace that the folder belongs to.
    pub workspace_id: Option<WorkspaceId>,
    /// Its permissions.
    pub permissions: Arc<Permissions>,
    /// The questions of its sessions.
    pub questions: Arc<Questions>,
    /// Its terminals.
    pub terminals: Terminals,
    /// Those of the newer interface.
    pub remembered_terminals: Terminals,
    /// Its commands in the background.
    pub jobs: Arc<Jobs>,
    /// Its MCP servers.
    pub mcp: Servers,
    /// Logins there.
    pub mcp_logins: OAuth,
    /// The logins that servers were last connected with again, by name.
    tried_logins: Mutex<HashMap<String, u64>>,
    /// Their tools.
    pub(crate) server_tools: Toolbox,
    /// Its plugins.
    pub(crate) plugins: Desk,
    /// What a user should know of it: a repository that git refuses, for example.
    pub warnings: Vec<String>,
    /// The store, whose events say that they come from here.
    pub store: Store,
    pub(crate) trees: Option<Snapshots>,
    pub(crate) web: Web,
    /// Addresses that were asked for skills.
    pub(crate) asked_for_skills: Mutex<HashSet<String>>,
    pub(crate) paths: Paths,
    pub(crate) environment: Environment,
    /// Programs, also those that package managers bring.
    pub(super) packages: Packages,
    /// The public catalogue of models.
    pub(super) public: Arc<Public>,
    pub(super) version: &'static str,
    /// Held while what a turn changed is compared and stored.
    pub(crate) summaries: tokio::sync::Mutex<()>,
    /// Its search index, when somebody has asked for it.
    pub(crate) index: tokio::sync::Mutex<Option<Arc<Kept>>>,
    /// Held while it is read again. Why the newest configuration is not in force, if it is not.
    pub(super) reading: tokio::sync::Mutex<Option<String>>,
    /// How it was last read; nothing once nobody uses it.
    latest: Mutex<Weak<Location>>,
}

impl Ground {
    /// Finds out where a folder is, and makes its project known to the store.
    ///
    /// # Errors
    /// The database failed, or a log-in has configuration that cannot be had.
    pub(super) async fn open(
        directory: &Path,
        store: &Store,
        surroundings: Surroundings,
    ) -> Result<Self, Error> {
        let identity = identity::discover(directory).await;
        let text = directory.to_string_lossy().into_owned();
        let of_folder = text.clone();
        let workspace_id = store.read(move |view| view.workspace_at(&of_folder)).await?;
        let store = store.at(Origin {
            directory: text,
            project_id: Some(identity.id.clone()),
            workspace_id: workspace_id.clone(),
        });
        register_project(&store, &identity, directory).await?;
        let remote = remote::refresh(&surroundings.paths, &surroundings.environment, Wait::Little).await?;
        let mcp_logins = mcp::logins(&surroundings.logins, &store);
        let mcp = mcp::servers(&surroundings, directory, &store, &mcp_logins);
        Ok(Self {
            directory: directory.to_owned(),
            is_git: identity.git.is_some(),
            git_directories: identity
                .git
                .iter()
                .flat_map(|git| [git.git_dir.clone(), git.common_dir.clone()])
                .collect(),
            permissions: Permissions::new(
                store.clone(),
                permission::ground(&identity.id, &surroundings.paths, &surroundings.environment),
            ),
            questions: Questions::new(store.clone()),
            terminals: Terminals::forgetting(store.clone()),
            remembered_terminals: Terminals::remembering(store.clone()),
            jobs: Arc::default(),
            server_tools: Toolbox::new(mcp.clone()),
            plugins: Desk::new(surroundings.link),
            mcp,
            mcp_logins,
            tried_logins: Mutex::default(),
            warnings: identity
                .warning
                .iter()
                .map(ToString::to_string)
                .chain(remote)
                .collect(),
            trees: Snapshots::new(&surroundings.paths.data, &identity, directory),
            project_id: identity.id,
            workspace_id,
            worktree: identity.worktree,
            store,
            web: Web::default(),
            packages: Packages::new(
                surroundings.environment.get("PATH").unwrap_or_default(),
                &surroundings.paths.cache,
            ),
            asked_for_skills: Mutex::default(),
            paths: surroundings.paths,
            environment: surroundings.environment,
            public: surroundings.public,
            version: surroundings.version,
            summaries: tokio::sync::Mutex::default(),
            index: tokio::sync::Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            latest: Mutex::default(),
        })
    }

    /// Whether a program runs in a terminal.
    pub(crate) fn has_terminal(&self) -> bool {
        self.terminals.are_at_work() || self.remembered_terminals.are_at_work()
    }

    pub(crate) fn tried_logins(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.tried_logins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends its connections to MCP servers, for ever.
    pub(crate) async fn close_servers(&self) {
        self.mcp.close().await;
    }

    /// Ends its terminals, for ever.
    pub(crate) async fn close_terminals(&self) {
        join(self.terminals.close(), self.remembered_terminals.close()).await;
    }

    /// The folder with the root of its worktree.
    pub(crate) fn place(&self) -> Place<'_> {
        Place {
            directory: &self.directory,
            worktree: &self.worktree,
        }
    }

    /// Where git keeps what belongs to its checkout.
    pub(crate) fn git_directory(&self) -> Option<&Path> {
        self.git_directories.first().map(PathBuf::as_path)
    }

    /// The location as it was last read, while anybody uses it.
    pub(crate) fn latest(&self) -> Option<Arc<Location>> {
        self.latest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .upgrade()
    }

    /// Says how it was last read.
    pub(super) fn is_now(&self, location: &Arc<Location>) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(location);
    }

    /// The folder as it is stored with sessions.
    #[must_use]
    pub fn directory_text(&self) -> String {
        self.directory.to_string_lossy().into_owned()
    }

    /// The folder relative to its worktree, as it is stored with sessions.
    #[must_use]
    pub fn path_text(&self) -> String {
        opencode_project::path::relative(&self.worktree, &self.directory)
    }

    /// The face that drives the program.
    pub(crate) fn client(&self) -> &str {
        client(&self.environment)
    }

    /// Version of the program.
    pub(crate) fn version(&self) -> &'static str {
        self.version
    }

    /// Where files of the program are.
    #[must_use]
    pub fn paths(&self) -> &Paths {
        &self.paths
    }
}

impl Drop for Ground {
    /// Nobody asks for what its servers have any more.
    fn drop(&mut self) {
        self.mcp.end();
    }
}

/// The face that drives the program.
pub(super) fn client(environment: &Environment) -> &str {
    environment.get(variable::CLIENT).unwrap_or("cli")
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
