//! The terminals of a location (reference `http-api.md` §6.9). They end with it.

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

use crate::{Engine, Error, Location};

/// Characters of the id that a title ends with when nobody gives one.
const TITLE_ID: usize = 4;

/// The terminals of one location.
pub struct Terminals {
    store: Store,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: IndexMap<PtyId, Arc<OpenTerminal>>,
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
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All whose programs run, in the order in which they were opened.
    #[must_use]
    pub fn all(&self) -> Vec<Pty> {
        self.state().open.values().map(|one| one.info()).collect()
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, id: &PtyId) -> Option<Arc<OpenTerminal>> {
        self.state().open.get(id).map(Arc::clone)
    }

    /// Changes title or size; `None` when there is no such terminal.
    ///
    /// # Errors
    /// The database is closed.
    pub async fn update(&self, id: &PtyId, change: TerminalChange) -> Result<Option<Pty>, Error> {
        let Some(open) = self.get(id) else { return Ok(None) };
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
        let event = EventBody::PtyUpdated {
            info: Box::new(info.clone()),
        };
        self.store.announce(event).await?;
        Ok(Some(info))
    }

    /// Ends a terminal with all that runs in it; false when there is no such terminal. It is gone from the
    /// list at once.
    ///
    /// # Errors
    /// The database is closed.
    pub async fn remove(&self, id: &PtyId) -> Result<bool, Error> {
        let taken = self.state().open.shift_remove(id);
        let Some(open) = taken else { return Ok(false) };
        open.terminal.stop().await;
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
    pub async fn open_terminal(&self, location: &Arc<Location>, new: NewTerminal) -> Result<Pty, Error> {
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
            let mut state = location.terminals.state();
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
            let ended_by_itself = location.terminals.state().open.shift_remove(&id).is_some();
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
