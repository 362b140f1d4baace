//! The public catalogue of this process and how it stays fresh (reference `providers.md` §1.1).
//!
//! It is read once, when somebody needs it, and never waits for the network: the newest document lies in the
//! cache folder, where a long-lived program puts it from time to time.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use opencode_config::environment::variable;
use opencode_config::{Environment, Paths};
use sha1::{Digest as _, Sha1};

use crate::http::{Answer, Call, Http, HttpError};
use crate::login::refresh::hold;
use crate::snapshot::{self, Snapshot};

/// Where the document is.
const USUAL: &str = "https://models.opencode.ai";
/// A file that is younger counts as fresh.
const FRESH: Duration = Duration::from_secs(5 * 60);
/// Between the end of one look and the next.
pub const EVERY: Duration = Duration::from_secs(60 * 60);
/// How long one try may take.
const LIMIT: Duration = Duration::from_secs(10);
/// Bytes of a document.
const MOST: usize = 64 << 20;
/// Tries after the first.
const RETRIES: u32 = 2;
/// Before the second try; before each further one it is twice as long.
const PAUSE: Duration = Duration::from_millis(200);

/// The public catalogue of this process.
#[derive(Debug)]
pub struct Public {
    url: String,
    agent: String,
    /// The file that somebody named; it is read and never written.
    named: Option<PathBuf>,
    cache: PathBuf,
    may_fetch: bool,
    paths: Paths,
    http: Http,
    read: Mutex<Option<Arc<Snapshot>>>,
}

/// Why the document could not be had.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The server did not do its part.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// What came is no catalogue.
    #[error("{url} is no catalogue of models")]
    NoCatalogue {
        /// Where it came from.
        url: String,
    },
    /// It cannot be kept.
    #[error("the catalogue of models cannot be written: {0}")]
    Write(#[from] std::io::Error),
    /// Another program fetches it and does not end.
    #[error("{0}")]
    Held(String),
}

impl Public {
    /// The catalogue as the environment wants it. Nothing is read yet.
    #[must_use]
    pub fn new(paths: &Paths, environment: &Environment, version: &str) -> Self {
        let base = environment
            .get(variable::MODELS_URL)
            .unwrap_or(USUAL)
            .trim_end_matches('/');
        let name = if base == USUAL {
            "models.json".to_owned()
        } else {
            format!("models-{}.json", hex(&Sha1::digest(base)))
        };
        let client = environment.get(variable::CLIENT).unwrap_or("cli");
        Self {
            url: format!("{base}/api.json"),
            agent: format!("opencode/latest/{version}/{client}"),
            named: environment.get(variable::MODELS_PATH).map(PathBuf::from),
            cache: paths.cache.join(name),
            may_fetch: !environment.is_on(variable::DISABLE_MODELS_FETCH),
            paths: paths.clone(),
            http: Http::default(),
            read: Mutex::default(),
        }
    }

    /// The catalogue: the file that somebody named, else the one in the cache folder, else the copy that the
    /// program carries.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(read.get_or_insert_with(|| Arc::new(self.load())))
    }

    fn load(&self) -> Snapshot {
        let path = self.named.as_deref().unwrap_or(&self.cache);
        if !path.is_file() {
            return Snapshot::embedded();
        }
        if let Some(packed) = self.packed() {
            return packed;
        }
        let read = Snapshot::read(path);
        if self.named.is_none() {
            match &read {
                // Another program fetched it; the next start shall not pay for it again.
                Some(_) => self.pack(),
                // It would be as broken the next time.
                None => drop(fs_err::remove_file(path)),
            }
        }
        read.unwrap_or_else(Snapshot::embedded)
    }

    /// The packed copy of the document in the cache folder, if it is one of this very document. Reading the
    /// document takes some milliseconds, of which every start would pay its share.
    fn packed(&self) -> Option<Snapshot> {
        if self.named.is_some() {
            return None;
        }
        let mut packed = fs_err::read(packed_path(&self.cache)).ok()?;
        let mark = packed.split_first_chunk::<MARK>()?.0;
        if *mark != self::mark(&self.cache)? {
            return None;
        }
        packed.drain(..MARK);
        Snapshot::unpack(packed.into())
    }

    /// Makes the packed copy, unless there is one.
    fn pack(&self) {
        if self.packed().is_some() {
            return;
        }
        let made = || -> std::io::Result<()> {
            let mark = mark(&self.cache).ok_or(std::io::ErrorKind::NotFound)?;
            write(&packed_path(&self.cache), || {
                let packed = snapshot::pack_quickly(&fs_err::read(&self.cache)?)?;
                Ok([&mark[..], &packed].concat())
            })
        };
        if let Err(error) = made() {
            tracing::debug!(%error, "there is no packed copy of the catalogue");
        }
    }

    /// Whether this process may look for a newer document by itself.
    #[must_use]
    pub fn may_fetch(&self) -> bool {
        self.may_fetch && self.named.is_none()
    }

    /// Fetches the document, unless there is a fresh one. One program at a time does so. Tells whether there
    /// is another document than before.
    ///
    /// # Errors
    /// The document cannot be had or kept; the old one stays.
    pub async fn refresh(self: &Arc<Self>, force: bool) -> Result<bool, RefreshError> {
        let changed = self.renew(force).await;
        let this = Arc::clone(self);
        // Packing takes a moment.
        let _ = tokio::task::spawn_blocking(move || this.pack()).await;
        changed
    }

    async fn renew(&self, force: bool) -> Result<bool, RefreshError> {
        if !force && is_fresh(&self.cache) {
            return Ok(false);
        }
        let _held = hold(&self.paths, &format!("models-dev:{}", self.cache.display()))
            .await
            .map_err(|error| RefreshError::Held(error.to_string()))?;
        // Whoever held it before may have fetched it.
        if !force && is_fresh(&self.cache) {
            self.forget();
            return Ok(true);
        }
        let text = self.fetch().await?;
        if Snapshot::parse(&text).is_none() {
            return Err(RefreshError::NoCatalogue {
                url: self.url.clone(),
            });
        }
        write(&self.cache, || Ok(text))?;
        self.forget();
        Ok(true)
    }

    async fn fetch(&self) -> Result<Vec<u8>, HttpError> {
        let mut pause = PAUSE;
        let mut tries = 0;
        loop {
            let call = Call::get(&self.url)
                .header("user-agent", &self.agent)
                .within(LIMIT)
                .at_most(MOST);
            let error = match self.http.send(call).await.and_then(Answer::accepted) {
                Ok(answer) => return Ok(answer.body),
                Err(error) => error,
            };
            let passing = match &error {
                HttpError::Unreachable { .. } => true,
                HttpError::Refused { status, .. } => matches!(status, 408 | 429 | 500..),
                HttpError::NoAddress { .. } | HttpError::Unexpected { .. } => false,
            };
            if !passing || tries == RETRIES {
                return Err(error);
            }
            tries += 1;
            tokio::time::sleep(pause + jitter(pause)).await;
            pause *= 2;
        }
    }

    fn forget(&self) {
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Bytes that say which document a packed copy is of.
const MARK: usize = 16;

/// Its length and when it was written.
fn mark(document: &Path) -> Option<[u8; MARK]> {
    let about = fs_err::metadata(document).ok()?;
    let written = about
        .modified()
        .ok()?
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?;
    let written = u64::try_from(written.as_nanos()).ok()?;
    let mark = [about.len().to_le_bytes(), written.to_le_bytes()].concat();
    mark.try_into().ok()
}

fn packed_path(document: &Path) -> PathBuf {
    document.with_extension("json.packed")
}

fn is_fresh(path: &Path) -> bool {
    let written = fs_err::metadata(path).and_then(|about| about.modified());
    let age = written
        .ok()
        .and_then(|at| SystemTime::now().duration_since(at).ok());
    age.is_some_and(|age| age < FRESH)
}

/// Writes what is made; nothing is made where nothing can be written.
fn write(path: &Path, make: impl FnOnce() -> std::io::Result<Vec<u8>>) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs_err::create_dir_all(folder)?;
    let now = opencode_schema::time::now();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!("{name}.{}.{now}.tmp", std::process::id()));
    let mut file = fs_err::File::create(&temporary)?;
    let written = make()
        .and_then(|text| file.write_all(&text))
        .and_then(|()| fs_err::rename(&temporary, path));
    if written.is_err() {
        let _ = fs_err::remove_file(&temporary);
    }
    written
}

fn jitter(pause: Duration) -> Duration {
    let mut byte = [0; 1];
    // Without randomness all programs ask at the same time, which is a pity and no more.
    let _ = getrandom::fill(&mut byte);
    pause.mul_f64(f64::from(byte[0]) / 1024.0)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
