//! A program with a terminal of its own, at which a person sits (reference `http-api.md` §6.9).
//!
//! The program leads a session, so that all it starts can be ended with it. Its terminal is read and
//! written on threads of their own, because neither can be waited for otherwise on every system. Readers
//! keep a place in the output instead of a queue: the terminal never waits for them, and one that is too
//! slow finds that its place is gone.

mod history;

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::timeout;

use history::History;

/// UTF-16 units of output that are kept.
pub const HISTORY_LIMIT: u64 = 2_097_152;
/// Pieces of input that may wait for a program that does not read.
const INPUT_QUEUE: usize = 64;
/// How long a program gets to end after its terminal was hung up, before it is killed.
const HANGUP_GRACE: Duration = Duration::from_millis(500);
/// How long a killed program is waited for.
const KILL_GRACE: Duration = Duration::from_secs(1);
/// How long output is read after the program itself has ended: what it left behind may never close it.
const LINGER: Duration = Duration::from_millis(250);
/// Bytes that are read at once.
const PIECE: usize = 32 << 10;
/// Stacks of the threads, which do nothing deep.
const STACK: usize = 128 << 10;
/// Terminals of this process; each costs threads.
const MOST: usize = 128;

static ROOM: std::sync::LazyLock<Arc<Semaphore>> =
    std::sync::LazyLock::new(|| Arc::new(Semaphore::new(MOST)));

/// Why there is no terminal, or it does not do what it was asked to.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// There is no such folder.
    #[error("the working directory does not exist: {}", .0.display())]
    NoDirectory(PathBuf),
    /// The program cannot be started.
    #[error("could not start `{program}` in a terminal: {reason}")]
    Start {
        /// Which.
        program: String,
        /// Why.
        reason: String,
    },
    /// There are too many.
    #[error("{MOST} terminals are open; close one first")]
    TooMany,
    /// The terminal is gone.
    #[error("the terminal is closed")]
    Closed,
}

/// A program for a terminal.
#[derive(Clone, Debug)]
pub struct TerminalCommand {
    /// The program, by name or path.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Where it runs.
    pub directory: PathBuf,
    /// Variables beside those of this process.
    pub variables: Vec<(String, String)>,
}

/// A program in a terminal. Dropping it kills the program with all that it started.
pub struct Terminal {
    id: u32,
    master: Mutex<Box<dyn MasterPty + Send>>,
    input: mpsc::Sender<Vec<u8>>,
    shared: Arc<Shared>,
}

struct Shared {
    history: Mutex<History>,
    state: watch::Sender<State>,
}

impl Shared {
    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    /// Where the output ends.
    end: u64,
    /// The exit code, once the program has ended.
    exit: Option<u32>,
}

impl Terminal {
    /// Starts a program in a new terminal of 24 rows and 80 columns. Blocks for as long as that takes.
    ///
    /// # Errors
    /// [`Error::NoDirectory`], [`Error::Start`], [`Error::TooMany`].
    pub fn start(command: TerminalCommand) -> Result<Self, Error> {
        let room = Arc::clone(&ROOM)
            .try_acquire_owned()
            .map_err(|_| Error::TooMany)?;
        if !command.directory.is_dir() {
            return Err(Error::NoDirectory(command.directory));
        }
        let failed = |reason: String| Error::Start {
            program: command.program.clone(),
            reason,
        };
        let size = PtySize {
            rows: 24,
            cols: 80,
            ..PtySize::default()
        };
        let pair = native_pty_system()
            .openpty(size)
            .map_err(|error| failed(error.to_string()))?;
        let mut builder = CommandBuilder::new(&command.program);
        builder.args(&command.arguments);
        builder.cwd(&command.directory);
        for (name, value) in &command.variables {
            builder.env(name, value);
        }
        let reader = pair.master.try_clone_reader();
        let reader = reader.map_err(|error| failed(error.to_string()))?;
        let writer = pair.master.take_writer();
        let writer = writer.map_err(|error| failed(error.to_string()))?;
        let child = pair
            .slave
            .spawn_command(builder)
            .map_err(|error| failed(error.to_string()))?;
        // Ours would keep the terminal open after the program's end.
        drop(pair.slave);
        let (input, waiting) = mpsc::channel(INPUT_QUEUE);
        let shared = Arc::new(Shared {
            history: Mutex::new(History::new(HISTORY_LIMIT)),
            state: watch::Sender::new(State { end: 0, exit: None }),
        });
        let terminal = Self {
            id: child.process_id().unwrap_or_default(),
            master: Mutex::new(pair.master),
            input,
            shared: Arc::clone(&shared),
        };
        // From here on, dropping the terminal ends the program.
        let id = terminal.id;
        let (closed, is_closed) = std::sync::mpsc::sync_channel(1);
        let reading = Arc::clone(&shared);
        let started = thread("terminal-wait", move || wait(child, id, &is_closed, &shared))
            .and_then(|()| thread("terminal-read", move || read(reader, &reading, &closed, room)))
            .and_then(|()| thread("terminal-write", move || write(writer, waiting)));
        started.map_err(|error| failed(error.to_string()))?;
        Ok(terminal)
    }

    /// The process id of the program.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Sets the size of the screen; the program is told.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn resize(&self, rows: u16, columns: u16) -> Result<(), Error> {
        let size = PtySize {
            rows,
            cols: columns,
            ..PtySize::default()
        };
        let master = self.master.lock().unwrap_or_else(PoisonError::into_inner);
        master.resize(size).map_err(|_| Error::Closed)
    }

    /// Types. Waits while the program does not read and too much waits for it already.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn write(&self, bytes: Vec<u8>) -> Result<(), Error> {
        self.input.send(bytes).await.map_err(|_| Error::Closed)
    }

    /// Where the output ends at this moment, in UTF-16 units since the beginning.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.shared.history().end()
    }

    /// Where the output that is still kept begins.
    #[must_use]
    pub fn start_of_history(&self) -> u64 {
        self.shared.history().start()
    }

    /// At most `limit` units of output from `from` on, and where they end. What is not kept any more is
    /// left out.
    #[must_use]
    pub fn read(&self, from: u64, limit: u64) -> (String, u64) {
        self.shared.history().read(from, limit)
    }

    /// Waits until there is output after `place`, and says that there is; false when there never will be.
    pub async fn grows_beyond(&self, place: u64) -> bool {
        let mut state = self.shared.state.subscribe();
        let seen = state.wait_for(|state| state.end > place || state.exit.is_some());
        seen.await.is_ok_and(|state| state.end > place)
    }

    /// Waits for the end of the program and gives its exit code. What it wrote until then can be read.
    pub async fn ended(&self) -> u32 {
        let mut state = self.shared.state.subscribe();
        let ended = state.wait_for(|state| state.exit.is_some()).await;
        ended.ok().and_then(|state| state.exit).unwrap_or_default()
    }

    /// Whether the program has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.shared.state.borrow().exit.is_some()
    }

    /// Hangs up, kills what does not go then, and waits for the end.
    pub async fn stop(&self) {
        if self.is_over() {
            return;
        }
        session::signal(self.id, session::Signal::Hangup);
        // Members of the session may outlive its leader, who is all that the end tells of.
        let gone = timeout(HANGUP_GRACE, self.ended()).await;
        session::signal(self.id, session::Signal::Kill);
        if gone.is_err() && timeout(KILL_GRACE, self.ended()).await.is_err() {
            tracing::warn!(id = self.id, "a killed program is still in its terminal");
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if !self.is_over() {
            session::signal(self.id, session::Signal::Kill);
        }
    }
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let started = std::thread::Builder::new()
        .name(name.to_owned())
        .stack_size(STACK)
        .spawn(work);
    started.map(drop)
}

/// Reads until the terminal is closed. It may be held open by what left the session long ago; then this
/// thread, and its place among the terminals, stays until that ends.
fn read(
    mut reader: Box<dyn Read + Send>,
    shared: &Shared,
    closed: &std::sync::mpsc::SyncSender<()>,
    room: OwnedSemaphorePermit,
) {
    let mut piece = vec![0; PIECE];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => {
                let end = {
                    let mut history = shared.history();
                    history.push(piece.get(..count).unwrap_or_default());
                    history.end()
                };
                shared.state.send_modify(|state| state.end = end);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Linux says so when nobody holds the other side any more.
            Err(_) => break,
        }
    }
    let end = {
        let mut history = shared.history();
        history.close();
        history.end()
    };
    shared.state.send_modify(|state| state.end = end);
    // The one who waits may have given up.
    let _ = closed.send(());
    drop(room);
}

/// Writes until the terminal is dropped or closed.
fn write(mut writer: Box<dyn Write + Send>, mut waiting: mpsc::Receiver<Vec<u8>>) {
    while let Some(bytes) = waiting.blocking_recv() {
        if writer.write_all(&bytes).and_then(|()| writer.flush()).is_err() {
            break;
        }
    }
}

/// Waits for the program, so that it leaves nothing behind in the table of processes, then for its last
/// words.
fn wait(
    mut child: Box<dyn Child + Send + Sync>,
    id: u32,
    is_closed: &std::sync::mpsc::Receiver<()>,
    shared: &Shared,
) {
    let exit = child.wait().map_or_else(
        |error| {
            tracing::warn!(%error, id, "lost track of a program in a terminal");
            1
        },
        |status| status.exit_code(),
    );
    // As when a person closes the window: who wants to stay can ignore it.
    session::signal(id, session::Signal::Hangup);
    let _ = is_closed.recv_timeout(LINGER);
    shared.state.send_modify(|state| state.exit = Some(exit));
}

#[cfg(unix)]
mod session {
    //! All processes of a session.

    use nix::sys::signal::{self, kill, killpg};
    use nix::unistd::Pid;

    #[derive(Clone, Copy, Debug)]
    pub(super) enum Signal {
        Hangup,
        Kill,
    }

    pub(super) fn signal(leader: u32, signal: Signal) {
        let Some(leader) = i32::try_from(leader).ok().filter(|leader| *leader > 1) else {
            return;
        };
        let signal = match signal {
            Signal::Hangup => signal::Signal::SIGHUP,
            Signal::Kill => signal::Signal::SIGKILL,
        };
        // Errors mean that nobody is left, or that somebody else's program is meant.
        let _ = killpg(Pid::from_raw(leader), signal);
        for member in members(leader) {
            let _ = kill(member, signal);
        }
    }

    /// Who is in a session, beside the group of its leader.
    #[cfg(target_os = "linux")]
    fn members(leader: i32) -> Vec<Pid> {
        let Ok(processes) = fs_err::read_dir("/proc") else {
            return Vec::new();
        };
        let member = |process: fs_err::DirEntry| {
            let id: i32 = process.file_name().to_str()?.parse().ok()?;
            let stat = fs_err::read(process.path().join("stat")).ok()?;
            let stat = String::from_utf8_lossy(&stat);
            // `pid (name) state parent group session …`; the name may hold anything, also `)`.
            let mut fields = stat.rsplit(')').next()?.split_ascii_whitespace().skip(2);
            let group: i32 = fields.next()?.parse().ok()?;
            let session: i32 = fields.next()?.parse().ok()?;
            (session == leader && group != leader).then(|| Pid::from_raw(id))
        };
        processes.flatten().filter_map(member).collect()
    }

    #[cfg(not(target_os = "linux"))]
    fn members(_: i32) -> Vec<Pid> {
        Vec::new()
    }
}

#[cfg(not(unix))]
mod session {
    //! Windows closes what belongs to a terminal with it.

    #[derive(Clone, Copy, Debug)]
    pub(super) enum Signal {
        Hangup,
        Kill,
    }

    pub(super) fn signal(_: u32, _: Signal) {}
}
