//! The search index of a location (reference `integrations-2.md` §Q): filled when somebody first searches, and
//! again beside later searches, so that nobody waits for it who can have an answer already.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opencode_index::{Fill, Index};
use opencode_llm::Target;
use opencode_schema::EventBody;
use opencode_schema::config::IndexEmbedding;
use opencode_store::Subscription;
use opencode_tool::{Call, Failure};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Engine, Error, Location};

pub use opencode_index::{Hit, Progress as IndexProgress, Question as IndexQuestion, Status as IndexStatus};

/// How long a search waits for the first filling, and for a later one.
const FIRST_PATIENCE: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_millis(300);
/// A filling that takes less is done again for each search. Others are old when they are this many times as old
/// as they took.
const QUICK: Duration = Duration::from_millis(100);
const OLD: u32 = 20;
/// How long the vector of a question may take.
const VECTOR_PATIENCE: Duration = Duration::from_secs(3);
/// Texts that a model is given at once.
const TOGETHER: usize = 64;

/// The index of a folder, and when it was last filled.
#[derive(Debug)]
pub(crate) struct Kept {
    index: Arc<Index>,
    /// When this program last filled it, and how long that took. Held while it is filled.
    filled: Arc<tokio::sync::Mutex<Option<(Instant, Duration)>>>,
    /// Tells what changes meanwhile.
    events: Mutex<Subscription>,
    /// Held while vectors are made: who makes them makes all that are missing, and each costs once.
    vectors: tokio::sync::Mutex<()>,
}

impl Kept {
    /// The files of a folder that are known to have changed since this was last asked; nothing if there may be
    /// others.
    fn changes(&self, directory: &Path) -> Option<Vec<PathBuf>> {
        let mut changed = BTreeSet::new();
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_whole = true;
        while let Some(event) = events.try_next() {
            let Ok(event) = event else {
                is_whole = false;
                continue;
            };
            if let EventBody::FileEdited { file } | EventBody::FileWatcherUpdated { file, .. } = &event.body
                && let Ok(relative) = Path::new(file).strip_prefix(directory)
            {
                changed.insert(relative.to_owned());
            }
        }
        is_whole.then(|| changed.into_iter().collect())
    }
}

impl Engine {
    /// The pieces of code that fit a question best. What other programs have changed a moment ago may be missing
    /// in a large project.
    ///
    /// # Errors
    /// The index cannot be used.
    pub async fn search_code(
        &self,
        location: &Arc<Location>,
        question: IndexQuestion,
    ) -> Result<Vec<Hit>, Error> {
        let kept = kept(location).await?;
        let changes = kept.changes(&location.directory);
        self.freshen(location, &kept, changes.is_none()).await?;
        if let Some(changes) = changes.filter(|changes| !changes.is_empty()) {
            let index = Arc::clone(&kept.index);
            beside(move || index.refresh(&changes)).await?;
        }
        let vector = self.vector(location, &question.text).await;
        let index = Arc::clone(&kept.index);
        beside(move || index.search(&question, vector.as_deref())).await
    }

    /// Files that have something to do with words, the best first, by the index as it is: for lists that are shown
    /// while somebody types. None where nobody has made an index.
    pub async fn files_about(&self, directory: &Path, words: &str, limit: usize) -> Vec<String> {
        let place = Index::place(&self.paths().data.join("index"), directory);
        if !tokio::fs::try_exists(&place).await.unwrap_or_default() {
            return Vec::new();
        }
        let question = IndexQuestion {
            text: words.to_owned(),
            limit,
            ..IndexQuestion::default()
        };
        let searching = async {
            let index = Arc::clone(&kept(&self.location(directory).await?).await?.index);
            beside(move || index.search(&question, None)).await
        };
        let hits = searching.await.unwrap_or_else(|error: Error| {
            tracing::warn!(%error, "the search index is left out of a list");
            Vec::new()
        });
        let mut paths: Vec<String> = Vec::new();
        for hit in hits {
            if !paths.contains(&hit.path) {
                paths.push(hit.path);
            }
        }
        paths
    }

    /// Searches for a tool, until its call is stopped.
    pub(crate) async fn search_for(
        &self,
        location: &Arc<Location>,
        call: &Call,
        question: IndexQuestion,
    ) -> Result<Vec<Hit>, Failure> {
        tokio::select! {
            found = self.search_code(location, question) => {
                found.map_err(|error| Failure::Told(error.to_string()))
            }
            () = call.cancel.cancelled() => Err(Failure::Aborted),
        }
    }

    /// Fills the index with everything that has changed, vectors too if a model is configured for them.
    ///
    /// # Errors
    /// The index cannot be used; the model for vectors fails.
    pub async fn build_index(
        &self,
        location: &Arc<Location>,
        progress: impl FnMut(IndexProgress) + Send + 'static,
    ) -> Result<IndexStatus, Error> {
        let kept = kept(location).await?;
        let mut filled = kept.filled.lock().await;
        let cancel = self.inner.housekeeping.clone();
        *filled = Some(fill(location, &kept.index, cancel.clone(), progress).await?);
        drop(filled);
        let making = kept.vectors.lock().await;
        self.make_vectors(location, &kept.index, cancel).await?;
        drop(making);
        let index = Arc::clone(&kept.index);
        beside(move || index.status()).await
    }

    /// How much the index holds.
    ///
    /// # Errors
    /// The index cannot be used.
    pub async fn index_status(&self, location: &Arc<Location>) -> Result<IndexStatus, Error> {
        let index = Arc::clone(&kept(location).await?.index);
        beside(move || index.status()).await
    }

    /// Takes the index away: the next search makes it anew.
    pub async fn clear_index(&self, location: &Location) {
        let mut place = location.index.lock().await;
        *place = None;
        Index::remove(&path(location));
    }

    /// Fills the index beside whoever asks, and waits a little for it.
    async fn freshen(&self, location: &Arc<Location>, kept: &Arc<Kept>, at_once: bool) -> Result<(), Error> {
        let Ok(filled) = Arc::clone(&kept.filled).try_lock_owned() else {
            // Somebody fills it.
            return Ok(());
        };
        if !at_once
            && let Some((at, took)) = *filled
            && took >= QUICK
            && at.elapsed() < took * OLD
        {
            return Ok(());
        }
        let index = Arc::clone(&kept.index);
        let status = beside(move || index.status()).await?;
        let patience = if status.filled.is_some() {
            PATIENCE
        } else {
            FIRST_PATIENCE
        };
        let (engine, of_task, kept) = (self.clone(), Arc::clone(location), Arc::clone(kept));
        let mut filled = filled;
        let (done, waiting) = tokio::sync::oneshot::channel();
        self.inner.tasks.spawn(async move {
            let cancel = engine.inner.housekeeping.clone();
            match fill(&of_task, &kept.index, cancel.clone(), |_| {}).await {
                Ok(took) => *filled = Some(took),
                Err(error) => return tracing::warn!(%error, "the search index is not filled"),
            }
            drop(filled);
            // Whoever waited may have gone.
            let _ = done.send(());
            let Ok(_making) = kept.vectors.try_lock() else {
                return;
            };
            if let Err(error) = engine.make_vectors(&of_task, &kept.index, cancel).await {
                tracing::warn!(%error, "the search index has no vectors for some of its chunks");
            }
        });
        // What is there already is searched when it takes longer.
        let _ = tokio::time::timeout(patience, waiting).await;
        Ok(())
    }

    /// Brings vectors for the chunks that have none, if a model is configured for them.
    async fn make_vectors(
        &self,
        location: &Location,
        index: &Arc<Index>,
        cancel: CancellationToken,
    ) -> Result<(), Error> {
        let Some(embedding) = embedding(location) else {
            return Ok(());
        };
        let target = target(location, embedding).await?;
        let model = format!(
            "{}/{} {}",
            embedding.provider,
            embedding.model,
            embedding.dimensions.unwrap_or_default()
        );
        let of_model = Arc::clone(index);
        beside(move || of_model.use_model(&model)).await?;
        loop {
            let of_pending = Arc::clone(index);
            let pending = beside(move || of_pending.pending(TOGETHER)).await?;
            if pending.is_empty() || cancel.is_cancelled() {
                return Ok(());
            }
            let (ids, texts): (Vec<i64>, Vec<String>) =
                pending.into_iter().map(|one| (one.id, one.text)).unzip();
            let client = &self.inner.client;
            let made = client.embed(&target, &texts, embedding.dimensions, cancel.clone());
            let vectors = made.await.map_err(|error| Error::Files(error.to_string()))?;
            let vectors: Vec<_> = ids.into_iter().zip(vectors).collect();
            let of_vectors = Arc::clone(index);
            beside(move || of_vectors.put_vectors(&vectors)).await?;
        }
    }

    /// The vector of a question, if there is a model that is quick enough.
    async fn vector(&self, location: &Location, text: &str) -> Option<Vec<f32>> {
        let embedding = embedding(location)?;
        let cancel = CancellationToken::new();
        let _stopped_when_late = cancel.clone().drop_guard();
        let texts = [text.to_owned()];
        let making = async {
            let target = target(location, embedding).await.ok()?;
            let client = &self.inner.client;
            let made = client.embed(&target, &texts, embedding.dimensions, cancel);
            match made.await {
                Ok(vectors) => vectors.into_iter().next(),
                Err(error) => {
                    tracing::warn!(%error, "code is searched by words alone");
                    None
                }
            }
        };
        tokio::time::timeout(VECTOR_PATIENCE, making).await.ok().flatten()
    }
}

fn embedding(location: &Location) -> Option<&IndexEmbedding> {
    location.config.index.as_ref()?.embedding.as_ref()
}

/// Where vectors are made: at the address of the provider's other models.
async fn target(location: &Location, embedding: &IndexEmbedding) -> Result<Target, Error> {
    let provider = location.catalog.provider(&embedding.provider);
    let any = provider.as_ref().and_then(|provider| {
        let own = provider.models.get(&embedding.model);
        own.or_else(|| provider.models.values().next())
    });
    let any = any.ok_or_else(|| {
        Error::Files(format!(
            "`index.embedding.provider` in opencode.json names {}, which is not connected or has no models",
            embedding.provider
        ))
    })?;
    let mut target = location.catalog.fresh_target(any).await?;
    target.model_id.clone_from(&embedding.model);
    Ok(target)
}

/// The index of a location, opened when it is first asked for.
async fn kept(location: &Arc<Location>) -> Result<Arc<Kept>, Error> {
    let mut place = location.index.lock().await;
    if let Some(kept) = &*place {
        return Ok(Arc::clone(kept));
    }
    let of_opening = Arc::clone(location);
    let index = beside(move || Index::open(&path(&of_opening), &of_opening.directory)).await?;
    let kept = Arc::new(Kept {
        index: Arc::new(index),
        filled: Arc::default(),
        events: Mutex::new(location.store.subscribe()),
        vectors: tokio::sync::Mutex::default(),
    });
    *place = Some(Arc::clone(&kept));
    Ok(kept)
}

/// Where the index of a location lies.
fn path(location: &Location) -> PathBuf {
    Index::place(&location.paths.data.join("index"), &location.directory)
}

async fn fill(
    location: &Location,
    index: &Arc<Index>,
    cancel: CancellationToken,
    progress: impl FnMut(IndexProgress) + Send + 'static,
) -> Result<(Instant, Duration), Error> {
    let fill = Fill {
        exclude: location
            .config
            .index
            .as_ref()
            .map(|index| index.exclude.clone())
            .unwrap_or_default(),
    };
    let begun = Instant::now();
    let index = Arc::clone(index);
    // A thread of its own, because it gives way to all others for the rest of its life.
    let (done, filled) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("index".to_owned());
    thread
        .spawn(move || done.send(index.fill(&fill, &cancel, progress)))
        .map_err(|error| Error::Files(error.to_string()))?;
    let filled = filled.await.map_err(|error| Error::Broken(error.to_string()))?;
    filled.map_err(|error| Error::Files(error.to_string()))?;
    Ok((Instant::now(), begun.elapsed()))
}

/// Does what waits for the disk.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, opencode_index::Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::Broken(error.to_string()))?
        .map_err(|error| Error::Files(error.to_string()))
}
