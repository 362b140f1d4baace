//! The file that an index is, and what is in it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use sha1::{Digest as _, Sha1};

use crate::vectors::Signs;

/// Of the tables below. An index of another version is made anew.
const VERSION: i64 = 2;
/// How long one waits for another program that writes.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries where the system does not wait by itself.
const PAUSE: Duration = Duration::from_millis(10);

const TABLES: &str = "
    CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE file (
        id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, size INTEGER NOT NULL, modified INTEGER NOT NULL
    );
    CREATE TABLE chunk (
        -- Never given again: a vector may come when its chunk is gone.
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        file_id INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, names TEXT NOT NULL
    );
    CREATE INDEX chunk_of_file ON chunk (file_id);
    CREATE TABLE vector (chunk_id INTEGER PRIMARY KEY, data BLOB NOT NULL);
    CREATE VIRTUAL TABLE words USING fts5 (
        path, names, text, content = '', contentless_delete = 1, tokenize = 'ascii'
    );
";

/// Why an index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be used.
    #[error("the search index: {0}")]
    Database(#[from] rusqlite::Error),
    /// A folder or file cannot be read or made.
    #[error("the search index: {0}")]
    Io(#[from] std::io::Error),
    /// The project cannot be walked through.
    #[error("the search index: {0}")]
    Search(#[from] opencode_project::search::Error),
    /// Somebody stopped it.
    #[error("stopped")]
    Stopped,
}

/// The search index of a folder.
#[derive(Debug)]
pub struct Index {
    path: PathBuf,
    /// The folder whose files it holds.
    pub(crate) root: PathBuf,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    /// The signs of all vectors, while they are asked for.
    pub(crate) signs: Mutex<Option<std::sync::Arc<Signs>>>,
}

/// How much an index holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Files.
    pub files: u64,
    /// Chunks of them.
    pub chunks: u64,
    /// Chunks that have a vector.
    pub vectors: u64,
    /// Bytes on the disk.
    pub bytes: u64,
    /// When it was last filled from the whole folder, in milliseconds since 1970.
    pub filled: Option<i64>,
    /// The model of its vectors.
    pub model: Option<String>,
}

impl Index {
    /// Opens the index of the folder `root` that lies at `path`, or makes it. One that is damaged or of another
    /// version is made anew: everything in it can be found again.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn open(path: &Path, root: &Path) -> Result<Self, Error> {
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder)?;
        }
        let (writer, reader) = match patiently(|| connections(path)) {
            // Somebody else may be making it.
            Err(error) if is_busy(&error) => return Err(error.into()),
            Err(error) => {
                tracing::info!(%error, "the search index is made anew");
                remove(path);
                patiently(|| connections(path))?
            }
            Ok(connections) => connections,
        };
        Ok(Self {
            path: path.to_owned(),
            root: root.to_owned(),
            writer: Mutex::new(writer),
            reader: Mutex::new(reader),
            signs: Mutex::default(),
        })
    }

    /// Where the index of a folder lies among others.
    #[must_use]
    pub fn place(indexes: &Path, root: &Path) -> PathBuf {
        let name = hex::encode(Sha1::digest(root.as_os_str().as_encoded_bytes()));
        indexes.join(format!("{name}.db"))
    }

    /// Takes the index at `path` away. It must not be open.
    pub fn remove(path: &Path) {
        remove(path);
    }

    pub(crate) fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn reader(&self) -> MutexGuard<'_, Connection> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much it holds.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn status(&self) -> Result<Status, Error> {
        let reader = self.reader();
        let count = |table: &str| -> rusqlite::Result<u64> {
            let count: i64 =
                reader.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?;
            Ok(u64::try_from(count).unwrap_or_default())
        };
        let size = |ending: &str| {
            let mut path = self.path.clone().into_os_string();
            path.push(ending);
            fs_err::metadata(PathBuf::from(path)).map_or(0, |metadata| metadata.len())
        };
        Ok(Status {
            files: count("file")?,
            chunks: count("chunk")?,
            vectors: count("vector")?,
            bytes: size("") + size("-wal"),
            filled: fact(&reader, "filled")?.and_then(|text| text.parse().ok()),
            model: fact(&reader, "model")?,
        })
    }
}

fn connections(path: &Path) -> Result<(Connection, Connection), rusqlite::Error> {
    let mut writer = Connection::open(path)?;
    writer.busy_timeout(PATIENCE)?;
    writer.pragma_update(None, "journal_mode", "WAL")?;
    writer
        .execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY;")?;
    if version(&writer)? != VERSION {
        make(&mut writer)?;
    }
    let reader = Connection::open(path)?;
    reader.busy_timeout(PATIENCE)?;
    reader.execute_batch(
        "PRAGMA cache_size = -16000; PRAGMA mmap_size = 268435456;
         CREATE VIRTUAL TABLE temp.frequency USING fts5vocab (main, words, row);",
    )?;
    Ok((writer, reader))
}

fn version(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Makes the tables, unless another program has made them meanwhile.
fn make(writer: &mut Connection) -> Result<(), rusqlite::Error> {
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if version(&transaction)? == VERSION {
        return Ok(());
    }
    let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    if tables > 0 {
        return Err(rusqlite::Error::InvalidQuery);
    }
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// Tries again for a while what is refused because another program has the file: switching to another journal
/// does not wait by itself.
fn patiently<T>(mut work: impl FnMut() -> Result<T, rusqlite::Error>) -> Result<T, rusqlite::Error> {
    let last = Instant::now() + PATIENCE;
    loop {
        match work() {
            Err(error) if is_busy(&error) && Instant::now() < last => std::thread::sleep(PAUSE),
            result => return result,
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked))
}

fn remove(path: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(ending);
        match fs_err::remove_file(PathBuf::from(file)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%error, "the search index");
            }
            _ => {}
        }
    }
}

/// A fact of the index as a whole.
pub(crate) fn fact(connection: &Connection, name: &str) -> Result<Option<String>, rusqlite::Error> {
    connection
        .query_row("SELECT value FROM fact WHERE name = ?1", [name], |row| row.get(0))
        .optional()
}

/// Sets one.
pub(crate) fn set_fact(connection: &Connection, name: &str, value: &str) -> Result<(), rusqlite::Error> {
    let text = "INSERT INTO fact VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
    connection.execute(text, params![name, value]).map(drop)
}
