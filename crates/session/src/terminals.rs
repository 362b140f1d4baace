//! The terminals of a location (reference `http-api.md` §6.9). They end with it. The older and the newer
//! interface have registries of their own; the newer one remembers what has ended.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use indexmap::IndexMap;
use opencode_process::shells;
use opencode_process::terminal::{self, Terminal, TerminalCommand};
use opencode_project::path::absolute;
use opencode_schema::pty::{Pty, Status};
use opencode_schema::{EventBody, PtyId};
use opencode_store::Store;

use crate::{Engine, Error, Ground, Location};

/// Characters of the id that a title ends with when nobody gives one.
const TITLE_ID: usize = 4;

/// Ended terminals that the newer interface remembers.
const REMEMBERED: usize = 25;

/// One of the registries of a location.
pub type TerminalsOf = fn(&Ground) -> &Terminals;

/// The terminals of one location.
pub struct Terminals {
    store: Store,
    /// How many that have ended are still listed.
    remembers: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: IndexMap<PtyId, Arc<OpenTerminal>>,
    /// What is remembered of those that have ended, the oldest first.
    ended: VecDeque<Pty>,
    /// The location is given up: no more are opened.
    is_closed: bool,
}

/// A terminal whose program runs.
pub struct OpenTerminal {
    info: Mutex<Pty>,
    /// The terminal itself.
    pub terminal: Terminal,
}

impl OpenTerminal {
    /// What is known of it.
    #[must_use]
    pub fn info(&self) -> Pty {
        self.info.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What a new terminal shall be; what is left out is usual.
#[derive(Clone, Debug, Default)]
pub struct NewTerminal {
    /// The program: the user's shell.
    pub command: Option<String>,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its folder, absolute or as seen from the location's: that itself.
    pub directory: Option<String>,
    /// What it is called: by its id.
    pub title: Option<String>,
    /// Variables beside those of this process.
    pub variables: Vec<(String, String)>,
}

/// What shall be different about a terminal.
#[derive(Clone, Debug, Default)]
pub struct TerminalChange {
    /// What it is called.
    pub title: Option<String>,
    /// Rows and columns of its screen.
    pub size: Option<(u16, u16)>,
}

impl Terminals {
    /// Terminals that are forgotten when their programs end.
    pub(crate) fn forgetting(store: Store) -> Self {
        Self {
            store,
            remembers: 0,
            state: Mutex::default(),
        }
    }

    /// Terminals of which some are remembered when their programs have ended.
    pub(crate) fn remembering(store: Store) -> Self {
        Self {
            remembers: REMEMBERED,
            ..Self::forgetting(store)
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of them, in the order in which they were opened.
    #[must_use]
    pub fn all(&self) -> Vec<Pty> {
        let state = self.state();
        let open = state.open.values().map(|one| one.info());
        let mut all: Vec<Pty> = state.ended.iter().cloned().chain(open).collect();
        all.sort_by(|one, other| one.id.cmp(&other.id));
        all
    }

    /// Whether a program runs in one.
    #[must_use]
    pub fn are_at_work(&self) -> bool {
        !self.state().open.is_empty()
    }

    /// What is known of one, whether its program runs or has ended.
    #[must_use]
    pub fn info(&self, id: &PtyId) -> Option<Pty> {
        let state = self.state();
        let open = state.open.get(id).map(|open| open.info());
        open.or_else(|| state.ended.iter().find(|info| info.id == *id).cloned())
    }

    /// One whose program runs.
    #[must_use]
    pub fn get(&self, id: &PtyId) -> Option<Arc<OpenTerminal>> {
        self.state().open.get(id).map(Arc::clone)
    }

    /// Changes title or size; `None` when there is no such terminal.
    ///
    /// # Errors
    /// The database is closed.
    pub async fn update(&self, id: &PtyId, change: TerminalChange) -> Result<Option<Pty>, Error> {
        let Some(open) = self.get(id) else {
            return self.retitle_ended(id, change.title).await;
        };
        if let Some((rows, columns)) = change.size
            && let Err(error) = open.terminal.resize(rows, columns)
        {
            // Its program is just ending.
            tracing::debug!(%error, %id, "not resized");
        }
        let info = {
            let mut info = open.info.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(title) = change.title.filter(|title| !title.is_empty()) {
                info.title = title;
            }
            info.clone()
        };
        self.updated(info).await.map(Some)
    }

    async fn retitle_ended(&self, id: &PtyId, title: Option<String>) -> Result<Option<Pty>, Error> {
        let info = {
            let mut state = self.state();
            let Some(info) = state.ended.iter_mut().find(|info| info.id == *id) else {
                return Ok(None);
            };
            if let Some(title) = title.filter(|title| !title.is_empty()) {
                info.title = title;
            }
            info.clone()
        };
        self.updated(info).await.map(Some)
    }

    async fn updated(&self, info: Pty) -> Result<Pty, Error> {
        let event = EventBody::PtyUpdated {
            info: Box::new(info.clone()),
        };
        self.store.announce(event).await?;
        Ok(info)
    }

    /// Takes one from those at work when its program has ended; false when it was removed before.
    fn retire(&self, id: &PtyId, exit_code: u32) -> bool {
        let mut state = self.state();
        let Some(open) = state.open.shift_remove(id) else {
            return false;
        };
        if self.remembers > 0 {
            if state.ended.len() >= self.remembers {
                state.ended.pop_front();
            }
            state.ended.push_back(Pty {
                status: Status::Exited,
                exit_code: Some(exit_code),
                ..open.info()
            });
        }
        true
    }

    /// Ends a terminal with all that runs in it; false when there is no such terminal. It is gone from the
    /// list at once.
    ///
    /// # Errors
    /// The database is closed.
    pub async fn remove(&self, id: &PtyId) -> Result<bool, Error> {
        let taken = self.state().open.shift_remove(id);
        match taken {
            Some(open) => open.terminal.stop().await,
            None => {
                let mut state = self.state();
                let Some(at) = state.ended.iter().position(|info| info.id == *id) else {
                    return Ok(false);
                };
                state.ended.remove(at);
            }
        }
        self.store
            .announce(EventBody::PtyDeleted { id: id.clone() })
            .await?;
        Ok(true)
    }

    /// Ends all of them, for ever.
    pub(crate) async fn close(&self) {
        let all = {
            let mut state = self.state();
            state.is_closed = true;
            std::mem::take(&mut state.open)
        };
        join_all(all.values().map(|open| open.terminal.stop())).await;
    }
}

impl Engine {
    /// Opens a terminal.
    ///
    /// # Errors
    /// [`Error::Terminal`] when the program cannot be started; [`Error::Ending`] when the location was given
    /// up meanwhile.
    pub async fn open_terminal(
        &self,
        location: &Arc<Location>,
        registry: TerminalsOf,
        new: NewTerminal,
    ) -> Result<Pty, Error> {
        let id = PtyId::new();
        let command = new.command.filter(|command| !command.is_empty());
        let command = command.unwrap_or_else(|| location.user_shell().to_string_lossy().into_owned());
        let mut arguments = new.arguments;
        if shells::can_log_in(&command) {
            arguments.push("-l".to_owned());
        }
        let directory = match new.directory.as_deref() {
            None | Some("") => location.directory.clone(),
            Some(path) => absolute(&location.directory, path),
        };
        let mut variables = new.variables;
        let stop = &self.inner.housekeeping;
        variables.extend(location.hooks.variables(&directory, None, stop).await?);
        variables.push(("TERM".to_owned(), "xterm-256color".to_owned()));
        variables.push(("OPENCODE_TERMINAL".to_owned(), "1".to_owned()));
        let command = TerminalCommand {
            program: command,
            arguments,
            directory,
            variables,
        };
        let terminal = started(command.clone()).await?;
        let title = new.title.filter(|title| !title.is_empty());
        let info = Pty {
            title: title.unwrap_or_else(|| format!("Terminal {}", ending(&id))),
            id: id.clone(),
            command: command.program,
            args: command.arguments,
            cwd: command.directory.to_string_lossy().into_owned(),
            status: Status::Running,
            pid: terminal.id(),
            exit_code: None,
        };
        let open = Arc::new(OpenTerminal {
            info: Mutex::new(info.clone()),
            terminal,
        });
        {
            let mut state = registry(location).state();
            if state.is_closed {
                return Err(Error::Ending);
            }
            state.open.insert(id.clone(), Arc::clone(&open));
        }
        let event = EventBody::PtyCreated {
            info: Box::new(info.clone()),
        };
        location.store.announce(event).await?;
        let location = Arc::clone(location);
        self.inner.tasks.spawn(async move {
            let exit_code = open.terminal.ended().await;
            let ended_by_itself = registry(&location).retire(&id, exit_code);
            if ended_by_itself
                && let Err(error) = location
                    .store
                    .announce(EventBody::PtyExited { id, exit_code })
                    .await
            {
                tracing::debug!(%error, "the end of a terminal could not be told");
            }
        });
        Ok(info)
    }
}

/// Starting a program waits for the system, on a thread that may.
async fn started(command: TerminalCommand) -> Result<Terminal, Error> {
    let (program, directory) = (command.program.clone(), PathBuf::from(&command.directory));
    let starting = tokio::task::spawn_blocking(move || Terminal::start(command));
    let started = starting.await.map_err(|error| {
        tracing::error!(%error, directory = %directory.display(), "starting a terminal broke down");
        terminal::Error::Start {
            program,
            reason: error.to_string(),
        }
    })?;
    Ok(started?)
}

fn ending(id: &PtyId) -> &str {
    let text = id.as_str();
    let start = text.len().saturating_sub(TITLE_ID);
    text.get(start..).unwrap_or(text)
}
