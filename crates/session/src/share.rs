//! Sharing sessions at a service (reference `sessions.md` §7, «Share»): a session gets a place there, and from
//! then on whatever changes in it is sent, collected for a second.

mod service;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use indexmap::IndexMap;
use opencode_config::Environment;
use opencode_config::environment::variable;
use opencode_schema::config::{Config, ShareMode};
use opencode_schema::session::Share;
use opencode_schema::{Event, EventBody, MessageWithParts, Session, SessionId};
use opencode_store::{SharedSession, Store};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::service::Service;
use crate::location::Ground;
use crate::web::Web;
use crate::{Engine, Error, Location};

/// How long changes are collected before they are sent.
const COLLECT: Duration = Duration::from_secs(1);
/// How long the next attempt waits when the service could not be reached.
const RETRY: Duration = Duration::from_secs(30);
/// Changes of a session that are collected at most; beyond that all of it is sent.
const QUEUE_LIMIT: usize = 4096;
/// Sessions of which it is remembered whether they are shared.
const KNOWN_LIMIT: usize = 1024;

/// Sharing in a location.
#[derive(Debug)]
pub(crate) struct Sharing {
    /// None where nothing may be shared.
    service: Option<Arc<Service>>,
    is_automatic: bool,
    /// Changes are being followed.
    follows: AtomicBool,
}

impl Sharing {
    pub(crate) fn new(config: &Config, environment: &Environment, web: &Web) -> Self {
        let is_off = config.share == Some(ShareMode::Disabled) || environment.is_on(variable::DISABLE_SHARE);
        let base = config.enterprise.as_ref().and_then(|one| one.url.as_deref());
        let is_automatic = config.share == Some(ShareMode::Auto) || environment.is_on(variable::AUTO_SHARE);
        Self {
            service: (!is_off).then(|| Arc::new(Service::new(base, web.clone()))),
            is_automatic,
            follows: AtomicBool::new(false),
        }
    }

    /// Whether sharing is the same under both configurations.
    pub(crate) fn is_same(before: &Config, now: &Config) -> bool {
        before.share == now.share && before.enterprise == now.enterprise
    }

    fn service(&self) -> Result<&Arc<Service>, Error> {
        let off = || Error::Share("sharing is switched off (`share` in opencode.json)".to_owned());
        self.service.as_ref().ok_or_else(off)
    }
}

impl Engine {
    /// Shares a session and gives it back with its public address.
    ///
    /// # Errors
    /// [`Error::SessionNotFound`]; [`Error::Share`] when sharing is switched off or the service fails.
    pub async fn share_session(&self, location: &Arc<Location>, id: &SessionId) -> Result<Session, Error> {
        let session = self.session(id).await?;
        let service = location.sharing.service()?;
        if session.share.is_some() {
            return Ok(session);
        }
        let share = service.create(id).await.map_err(Error::Share)?;
        let (id, kept) = (id.clone(), share.clone());
        let shared = location.store.write(move |transaction| {
            transaction.put_share(&id, Some(&kept))?;
            transaction.update_session(&id, |session| session.share = Some(Share { url: kept.url }))
        });
        let session = shared.await?;
        follow(self, location);
        let (location, service, id) = (Arc::clone(location), Arc::clone(service), session.id.clone());
        self.inner.tasks.spawn(async move {
            if let Err(error) = send_whole(&location, &service, &id, &share).await {
                tracing::warn!(error, "a shared session could not be sent");
            }
        });
        Ok(session)
    }

    /// Takes a session back from the public. One that is not shared stays as it is.
    ///
    /// # Errors
    /// [`Error::SessionNotFound`]; [`Error::Share`] when the service fails.
    pub async fn unshare_session(&self, location: &Arc<Location>, id: &SessionId) -> Result<Session, Error> {
        let key = id.clone();
        let read = location
            .store
            .read(move |view| Ok((view.session(&key)?, view.share(&key)?)));
        let (session, Some(share)) = read.await? else {
            return self.session(id).await;
        };
        location
            .sharing
            .service()?
            .remove(&share)
            .await
            .map_err(Error::Share)?;
        let id = session.id;
        let unshared = location.store.write(move |transaction| {
            transaction.put_share(&id, None)?;
            transaction.update_session(&id, |session| session.share = None)
        });
        Ok(unshared.await?)
    }

    /// Shares a new session where all are shared. Nobody waits for it.
    pub(crate) fn share_if_automatic(&self, location: &Arc<Location>, session: &Session) {
        if !location.sharing.is_automatic || session.parent_id.is_some() || location.sharing.service.is_none()
        {
            return;
        }
        let (engine, location, id) = (self.clone(), Arc::clone(location), session.id.clone());
        self.inner.tasks.spawn(async move {
            if let Err(error) = engine.share_session(&location, &id).await {
                tracing::warn!(%error, "a new session could not be shared");
            }
        });
    }

    /// Takes sessions that are gone back from the public. Nobody waits for it.
    pub(crate) fn forget_shares(&self, location: &Location, shares: Vec<SharedSession>) {
        let Some(service) = location.sharing.service.clone().filter(|_| !shares.is_empty()) else {
            return;
        };
        self.inner.tasks.spawn(async move {
            for share in shares {
                if let Err(error) = service.remove(&share).await {
                    tracing::warn!(error, "a deleted session is still shared");
                }
            }
        });
    }
}

/// Follows changes from now on, if anything is shared here.
pub(crate) async fn begin(engine: &Engine, location: &Arc<Location>) {
    if location.sharing.service.is_none() {
        return;
    }
    match location.store.read(|view| view.is_anything_shared()).await {
        Ok(true) => follow(engine, location),
        Ok(false) => {}
        Err(error) => tracing::warn!(%error, "shared sessions cannot be read"),
    }
}

fn follow(engine: &Engine, location: &Arc<Location>) {
    let Some(service) = location.sharing.service.clone() else {
        return;
    };
    if location.sharing.follows.swap(true, Ordering::AcqRel) {
        return;
    }
    let follower = Follower {
        store: location.store.clone(),
        directory: location.directory_text(),
        ground: Arc::downgrade(location.ground()),
        service,
        known: HashMap::new(),
        waiting: HashMap::new(),
        due: None,
    };
    let ending = engine.inner.housekeeping.clone();
    engine.inner.tasks.spawn(follower.run(ending));
}

/// Follows the changes of a location.
struct Follower {
    store: Store,
    directory: String,
    /// Not held: a location that is given up, or shares in another way, ends this.
    ground: Weak<Ground>,
    service: Arc<Service>,
    /// How sessions are shared, as far as it was looked up.
    known: HashMap<SessionId, Option<SharedSession>>,
    waiting: HashMap<SessionId, Waiting>,
    due: Option<Instant>,
}

/// What is to be sent of a session.
#[derive(Default)]
struct Waiting {
    /// By what it is about, the newest state of each.
    changes: IndexMap<String, Value>,
    /// Changes were missed.
    whole: bool,
}

impl Follower {
    async fn run(mut self, ending: CancellationToken) {
        let mut events = self.store.subscribe();
        loop {
            tokio::select! {
                () = ending.cancelled() => break,
                event = events.next() => match event {
                    None => break,
                    Some(Err(_)) => self.missed(),
                    Some(Ok(event)) => {
                        if self.is_over(&event) || !self.is_in_force() {
                            break;
                        }
                        self.note(&event).await;
                    }
                },
                () = until(self.due) => self.send().await,
            }
        }
        self.send().await;
    }

    fn is_over(&self, event: &Event) -> bool {
        matches!(&event.body, EventBody::InstanceDisposed { directory } if *directory == self.directory)
    }

    /// Whether the location still shares at this service.
    fn is_in_force(&self) -> bool {
        self.location().is_none_or(|location| {
            let service = location.sharing.service.as_ref();
            service.is_some_and(|service| Arc::ptr_eq(service, &self.service))
        })
    }

    fn location(&self) -> Option<Arc<Location>> {
        self.ground.upgrade()?.latest()
    }

    fn missed(&mut self) {
        let shared: Vec<SessionId> = self
            .known
            .iter()
            .filter(|(_, share)| share.is_some())
            .map(|(id, _)| id.clone())
            .collect();
        for id in shared {
            self.waiting.entry(id).or_default().whole = true;
        }
        self.due.get_or_insert_with(|| Instant::now() + COLLECT);
    }

    async fn note(&mut self, event: &Event) {
        if event
            .origin
            .as_ref()
            .is_none_or(|origin| origin.directory != self.directory)
        {
            return;
        }
        let Some(id) = event.body.session_id().cloned() else {
            return;
        };
        let changes = changes(&event.body, self.location().as_deref());
        if changes.is_empty() {
            return;
        }
        if let EventBody::SessionUpdated { info, .. } = &event.body {
            let known = self.known.get(&id).is_some_and(Option::is_some);
            if info.share.is_some() != known {
                self.known.remove(&id);
            }
        }
        if !self.is_shared(&id).await {
            return;
        }
        let waiting = self.waiting.entry(id).or_default();
        for (key, value) in changes {
            waiting.changes.insert(key, value);
        }
        if waiting.changes.len() > QUEUE_LIMIT {
            waiting.changes.clear();
            waiting.whole = true;
        }
        self.due.get_or_insert_with(|| Instant::now() + COLLECT);
    }

    async fn is_shared(&mut self, id: &SessionId) -> bool {
        if let Some(known) = self.known.get(id) {
            return known.is_some();
        }
        let key = id.clone();
        let share = self
            .store
            .read(move |view| view.share(&key))
            .await
            .unwrap_or_default();
        if self.known.len() >= KNOWN_LIMIT {
            self.known.clear();
        }
        let is_shared = share.is_some();
        self.known.insert(id.clone(), share);
        is_shared
    }

    async fn send(&mut self) {
        self.due = None;
        for (id, waiting) in std::mem::take(&mut self.waiting) {
            let Some(Some(share)) = self.known.get(&id).cloned() else {
                continue;
            };
            let sent = match self.location().filter(|_| waiting.whole) {
                Some(location) => send_whole(&location, &self.service, &id, &share).await,
                None => {
                    let data = waiting.changes.values().cloned().collect();
                    self.service.sync(&share, data).await
                }
            };
            if let Err(error) = sent {
                tracing::warn!(error, session = %id, "changes of a shared session could not be sent");
                self.waiting.insert(id, waiting);
                self.due = Some(Instant::now() + RETRY);
            }
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// What an event means for those who look at the session, by what it is about.
fn changes(event: &EventBody, location: Option<&Location>) -> Vec<(String, Value)> {
    let one = |key: &str, kind: &str, data: Value| vec![(key.to_owned(), entry(kind, &data))];
    match event {
        EventBody::SessionUpdated { info, .. } => one("session", "session", json!(info)),
        EventBody::SessionDiff { diff, .. } => one("session_diff", "session_diff", json!(diff)),
        EventBody::PartUpdated { part, .. } => one(part.id.as_str(), "part", json!(part)),
        EventBody::MessageUpdated { info, .. } => {
            let mut all = one(info.id.as_str(), "message", json!(info));
            let model = info.as_user().map(|user| &user.model);
            if let (Some(model), Some(location)) = (model, location)
                && let Ok(model) = location.catalog.model(&model.provider_id, &model.model_id)
            {
                all.extend(one("model", "model", json!([model])));
            }
            all
        }
        _ => Vec::new(),
    }
}

fn entry(kind: &str, data: &Value) -> Value {
    json!({ "type": kind, "data": data })
}

/// Sends all of a session.
async fn send_whole(
    location: &Location,
    service: &Service,
    id: &SessionId,
    share: &SharedSession,
) -> Result<(), String> {
    let key = id.clone();
    let read = location
        .store
        .read(move |view| Ok((view.session(&key)?, view.transcript(&key)?)));
    let (session, transcript) = read.await.map_err(|error| error.to_string())?;
    let mut models: IndexMap<(String, String), Value> = IndexMap::new();
    let mut data = vec![entry("session", &json!(session))];
    for MessageWithParts { info, parts } in &transcript {
        if let Some(user) = info.as_user() {
            let model = &user.model;
            if let Ok(found) = location.catalog.model(&model.provider_id, &model.model_id) {
                models.insert((model.provider_id.clone(), model.model_id.clone()), json!(found));
            }
        }
        data.push(entry("message", &json!(info)));
        data.extend(parts.iter().map(|part| entry("part", &json!(part))));
    }
    data.push(entry("session_diff", &json!([])));
    data.push(entry("model", &models.into_values().collect()));
    service.sync(share, data).await
}
