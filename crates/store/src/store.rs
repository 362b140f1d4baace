//! Opening the file, and the handle that everything else uses.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use opencode_schema::event::Origin;
use opencode_schema::{Event, EventBody, EventId};
use rusqlite::OpenFlags;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::feed::{Feed, Subscription};
use crate::sql::Connection;
use crate::sql::postgres::{Bell, Elsewhere, ServerAddress, Session, listen};
use crate::state::{Shared, State};
use crate::writer::{Announcement, Task, Work, Write, Writer};
use crate::{Error, Lease, Transaction, View, migration};

/// Waiting writes before callers have to wait to hand in more.
const QUEUE: usize = 1024;
/// Reads that run at the same time.
const READERS: usize = 2;

/// Which database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// A file; it and its folder are made if they are missing.
    File(PathBuf),
    /// In memory, gone when closed. Reads go through the writer.
    Memory,
    /// On a PostgreSQL server, for several programs on several machines.
    Server(ServerAddress),
}

/// A handle to the open database. Cheap to clone; the file closes when the last handle is dropped.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    /// The folder that events are told to come from.
    origin: Option<Arc<Origin>>,
    /// What must hold for anything to be written.
    fence: Option<Lease>,
}

struct Inner {
    database: Database,
    tasks: mpsc::Sender<Task>,
    feed: Feed,
    readers: Arc<Semaphore>,
    /// Open connections for reading that nobody uses now.
    idle: Mutex<Vec<Connection>>,
    shared: Shared,
    /// Rings when another program has committed something, where it can tell.
    bell: Option<Bell>,
}

impl Store {
    /// Opens the database, makes it if it is missing, and brings an older one to the present schema.
    ///
    /// # Errors
    /// [`Error::Open`], [`Error::ReadOnly`], [`Error::Full`], [`Error::Newer`], [`Error::Foreign`] or
    /// [`Error::Busy`], each with the path.
    pub async fn open(database: Database) -> Result<Self, Error> {
        let feed = Feed::new();
        let (tasks, queue) = mpsc::channel(QUEUE);
        let (ready, opened) = oneshot::channel();
        let (of_writer, feed_of_writer) = (database.clone(), feed.clone());
        let name = EventId::new();
        let of_bell = match &database {
            Database::Server(address) => Some((address.clone(), name.clone())),
            _ => None,
        };
        std::thread::Builder::new()
            .name("database".into())
            .spawn(move || {
                let connection = match connect(&of_writer, &name) {
                    Ok(connection) => connection,
                    Err(error) => return drop(ready.send(Err(error))),
                };
                if ready.send(Ok(())).is_ok() {
                    Writer::new(connection, of_writer.place(), feed_of_writer).run(queue);
                }
            })
            .map_err(|error| Error::Open {
                path: database.place(),
                reason: error.to_string(),
            })?;
        opened.await.map_err(|_| Error::Closed)??;
        let inner = Inner {
            database,
            tasks,
            feed,
            readers: Arc::new(Semaphore::new(READERS)),
            idle: Mutex::new(Vec::new()),
            shared: Shared::default(),
            bell: of_bell.map(|(address, name)| listen(address, name)).transpose()?,
        };
        Ok(Self {
            inner: Arc::new(inner),
            origin: None,
            fence: None,
        })
    }

    /// The same database, with events told to come from `origin`.
    #[must_use]
    pub fn at(&self, origin: Origin) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            origin: Some(Arc::new(origin)),
            fence: self.fence.clone(),
        }
    }

    /// The same database for who runs a session: nothing is written any more once somebody else does.
    #[must_use]
    pub fn fenced(&self, lease: &Lease) -> Self {
        Self {
            fence: Some(lease.clone()),
            ..self.clone()
        }
    }

    /// Runs `work` in a transaction. Either all of it is stored and its events are sent, or nothing is.
    ///
    /// Writes of all handles run one after the other; those that wait are committed together.
    ///
    /// # Errors
    /// What `work` returned, or why the commit failed.
    pub async fn write<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Transaction<'_>) -> Result<T, Error> + Send + 'static,
    {
        let (work, answer) = self.work(work);
        self.hand_in(Task::Write(work)).await?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Something for the writer to do, and where its answer will be.
    pub(crate) fn work<T, F>(&self, work: F) -> (Box<dyn Work>, oneshot::Receiver<Result<T, Error>>)
    where
        T: Send + 'static,
        F: FnOnce(&mut Transaction<'_>) -> Result<T, Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let fence = self.fence.clone();
        let fenced = move |transaction: &mut Transaction<'_>| {
            if let Some(lease) = &fence {
                lease.check(transaction)?;
            }
            work(transaction)
        };
        (Box::new(Write::new(fenced, self.origin.clone(), reply)), answer)
    }

    pub(crate) async fn hand_in(&self, task: Task) -> Result<(), Error> {
        self.inner.tasks.send(task).await.map_err(|_| Error::Closed)
    }

    /// Stores and sends one event.
    ///
    /// # Errors
    /// Those of [`Store::write`].
    pub async fn publish(&self, body: EventBody) -> Result<(), Error> {
        self.write(move |transaction| transaction.publish(body)).await
    }

    /// Sends an event without storing it, after everything that was written before.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn announce(&self, body: EventBody) -> Result<(), Error> {
        self.hand_in(self.announcement(body)).await
    }

    /// [`Store::announce`] for code that cannot wait. When the queue is full the event is left out: what
    /// passes this way must be nothing that a listener cannot do without.
    pub fn announce_now(&self, body: EventBody) {
        if self.inner.tasks.try_send(self.announcement(body)).is_err() {
            tracing::debug!("the queue of the database is full, a passing event was left out");
        }
    }

    fn announcement(&self, body: EventBody) -> Task {
        Task::Announce(Announcement(Arc::new(Event {
            id: EventId::new(),
            body,
            origin: self.origin.clone(),
            seq: None,
        })))
    }

    /// Runs `work` on the state that is committed now.
    ///
    /// # Errors
    /// What `work` returned, or why the file cannot be read.
    pub async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&View<'_>) -> Result<T, Error> + Send + 'static,
    {
        if self.inner.database == Database::Memory {
            return self.write(move |transaction| work(transaction)).await;
        }
        let readers = Arc::clone(&self.inner.readers);
        let permit = readers.acquire_owned().await.map_err(|_| Error::Closed)?;
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || {
            // Until the work is done, also when nobody waits for it any more.
            let _permit = permit;
            let path = inner.database.place();
            let connection = match inner.idle.lock().unwrap_or_else(PoisonError::into_inner).pop() {
                Some(connection) => connection,
                None => inner.another_reader().map_err(|error| error.explain(&path))?,
            };
            let result = in_transaction(&connection, work).map_err(|error| error.explain(&path));
            inner
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
            result
        })
        .await
        .map_err(|error| Error::Panicked(error.to_string()))?
    }

    /// The state that is committed now, also by other processes; `None` when it cannot be told. Whoever read
    /// something keeps it as long as this stays the same.
    #[must_use]
    pub fn state(&self) -> Option<State> {
        match &self.inner.database {
            Database::File(path) => self.inner.shared.state(path),
            Database::Memory | Database::Server(_) => None,
        }
    }

    /// Whether programs on other machines may use the same database.
    #[must_use]
    pub fn is_on_server(&self) -> bool {
        matches!(self.inner.database, Database::Server(_))
    }

    /// Hears of what other programs store from now on.
    #[must_use]
    pub fn elsewhere(&self) -> Elsewhere {
        self.inner.bell.as_ref().map(Bell::elsewhere).unwrap_or_default()
    }

    /// Hears every event from now on.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        self.inner.feed.subscribe()
    }

    /// Waits until everything that was handed in so far is stored.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn flush(&self) -> Result<(), Error> {
        self.write(|_| Ok(())).await
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("database", &self.inner.database)
            .finish_non_exhaustive()
    }
}

/// The path of a file, `:memory:`, or the address of a server without its password.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Memory => f.write_str(":memory:"),
            Self::Server(address) => address.fmt(f),
        }
    }
}

impl Database {
    /// What errors call it.
    pub(crate) fn place(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Memory | Self::Server(_) => PathBuf::from(self.to_string()),
        }
    }

    /// A connection for reading what is there. On a server the tables are made if they are missing.
    pub(crate) fn reader(&self) -> Result<Connection, Error> {
        match self {
            Self::Server(address) => Ok(Connection::Postgres(Box::new(Session::open(address)?))),
            Self::Memory => Ok(rusqlite::Connection::open_in_memory()?.into()),
            Self::File(path) => {
                // A file that was taken away is not made anew: it would be empty, and look like one without sessions.
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let file = rusqlite::Connection::open_with_flags(path, flags)?;
                file.pragma_update(None, "query_only", true)?;
                file.busy_timeout(migration::BUSY_TIMEOUT)?;
                file.set_prepared_statement_cache_capacity(64);
                Ok(file.into())
            }
        }
    }
}

fn connect(database: &Database, name: &EventId) -> Result<Connection, Error> {
    let path = database.place();
    let mut connection = match database {
        Database::Server(address) => {
            return Ok(Connection::Postgres(Box::new(Session::open_as(address, name)?)));
        }
        Database::Memory => rusqlite::Connection::open_in_memory(),
        Database::File(path) => {
            prepare_file(path)?;
            rusqlite::Connection::open(path)
        }
    }
    .map_err(|error| Error::from(error).explain(&path))?;
    migration::prepare(&mut connection, &path).map_err(|error| error.explain(&path))?;
    Ok(connection.into())
}

/// Makes the folder and an empty file that only its owner can read: the file holds conversations and
/// tokens. SQLite gives its side files the same mode.
fn prepare_file(path: &Path) -> Result<(), Error> {
    let open = |error: std::io::Error| Error::Open {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    if path.exists() {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder).map_err(open)?;
    }
    let mut options = fs_err::OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path).map_err(open).map(drop)
}

impl Inner {
    /// A reader beside the writer, which has made the tables.
    fn another_reader(&self) -> Result<Connection, Error> {
        match &self.database {
            Database::Server(address) => Ok(Connection::Postgres(Box::new(Session::connect(address)?))),
            database => database.reader(),
        }
    }
}

/// Everything that `work` reads is of one state.
fn in_transaction<T>(
    connection: &Connection,
    work: impl FnOnce(&View<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    connection.begin_reading()?;
    let result = work(&View::new(connection));
    if !connection.is_autocommit() {
        connection.rollback()?;
    }
    result
}
