//! Logins that clients begin and ask after later (reference `v2.md` §12). An attempt goes on by itself, ends
//! at a time that is said when it begins, and is remembered for a while when it is over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opencode_schema::id::{Order, generate};
use opencode_schema::time::{Millis, now};
use serde_json::Value;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::{Authorization, Inputs, LoginError, Logins, Proceeding};

/// How long an attempt may take.
const LIFE: Duration = Duration::from_secs(600);
/// How long it is remembered when it is over, in milliseconds.
const REMEMBERED: Millis = 60_000;
/// Attempts at once.
const MOST: usize = 100;

/// The attempts that go on or are remembered. Cheap to clone.
#[derive(Clone)]
pub struct Attempts {
    logins: Logins,
    all: Arc<Mutex<HashMap<String, Going>>>,
}

/// An attempt as it is at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its id.
    pub id: String,
    /// When it began.
    pub created: Millis,
    /// When it ends by itself.
    pub expires: Millis,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on.
    Pending,
    /// The credential is stored.
    Complete,
    /// It did not take place.
    Failed(String),
    /// Nobody logged in in time.
    Expired,
}

struct Going {
    integration: String,
    attempt: Attempt,
    /// When it was over.
    over: Option<Millis>,
    task: Option<JoinHandle<()>>,
    /// Takes the code that it ends with.
    code: Option<oneshot::Sender<String>>,
    /// Closed when it is over.
    ended: watch::Receiver<()>,
}

impl Drop for Going {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Attempts {
    /// None goes on yet.
    #[must_use]
    pub fn new(logins: Logins) -> Self {
        Self {
            logins,
            all: Arc::default(),
        }
    }

    /// Begins a login; one that goes on to the same place is given up. `stored` runs when the credential is
    /// stored.
    ///
    /// # Errors
    /// Those of [`Logins::authorize`]; [`LoginError::TooMany`].
    pub async fn begin<Stored>(
        &self,
        integration: &str,
        method: usize,
        inputs: &Inputs,
        label: Option<String>,
        stored: Stored,
    ) -> Result<(Attempt, Authorization), LoginError>
    where
        Stored: Future<Output = ()> + Send + 'static,
    {
        self.make_room(integration).await?;
        let begun = self.logins.authorize(integration, method, inputs).await?;
        let begun = begun.ok_or_else(|| LoginError::UnknownMethod {
            provider_id: integration.to_owned(),
            method,
        })?;
        let (attempts, name) = (self.clone(), integration.to_owned());
        let login = async move {
            let credential = attempts.logins.end(&name, method).await?;
            attempts.logins.connect(&name, &credential, label).await
        };
        Ok((self.go(integration, None, login, stored), begun))
    }

    /// The same for a login that somebody else has begun: `login` gives the entry of `auth.json` that comes of it,
    /// with the code that the user brings, if it ends with one.
    ///
    /// # Errors
    /// [`LoginError::TooMany`].
    pub async fn begin_by<Login, Stored>(
        &self,
        integration: &str,
        ends: Proceeding,
        login: impl FnOnce(Option<String>) -> Login + Send + 'static,
        label: Option<String>,
        stored: Stored,
    ) -> Result<Attempt, LoginError>
    where
        Login: Future<Output = Result<Value, LoginError>> + Send + 'static,
        Stored: Future<Output = ()> + Send + 'static,
    {
        self.make_room(integration).await?;
        let (sender, code) = oneshot::channel();
        let sender = Some(sender).filter(|_| ends == Proceeding::Code);
        let needs_code = sender.is_some();
        let (attempts, name) = (self.clone(), integration.to_owned());
        let login = async move {
            let code = if needs_code {
                let brought = code.await;
                Some(brought.map_err(|_| LoginError::Failed {
                    reason: "nobody brought a code".to_owned(),
                })?)
            } else {
                None
            };
            let entry = login(code).await?;
            attempts.logins.connect_entry(&name, entry, label).await
        };
        Ok(self.go(integration, sender, login, stored))
    }

    /// Brings the code that an attempt ends with, and waits until it is over.
    ///
    /// # Errors
    /// [`LoginError::NotBegun`] for one that takes no code, or has one already; [`LoginError::NoCode`].
    pub async fn complete(&self, id: &str, code: Option<String>) -> Result<(), LoginError> {
        let provider_id = || id.to_owned();
        let mut over = {
            let mut all = self.all();
            let not_begun = || LoginError::NotBegun {
                provider_id: provider_id(),
            };
            let going = all.get_mut(id).ok_or_else(not_begun)?;
            if going.code.is_none() {
                return Err(not_begun());
            }
            let code = code.filter(|code| !code.is_empty());
            let code = code.ok_or_else(|| LoginError::NoCode {
                provider_id: provider_id(),
            })?;
            if let Some(sender) = going.code.take() {
                // A login that ends at this moment needs none.
                let _ = sender.send(code);
            }
            going.ended.clone()
        };
        // It fails when nobody can say anything any more, which is the end.
        while over.changed().await.is_ok() {}
        Ok(())
    }

    /// Ends what goes on to a place.
    async fn make_room(&self, integration: &str) -> Result<(), LoginError> {
        for task in self.give_up(integration)? {
            // It has a port, which is free when it has ended.
            let _ = task.await;
        }
        Ok(())
    }

    /// Lets a login go on by itself.
    fn go(
        &self,
        integration: &str,
        code: Option<oneshot::Sender<String>>,
        login: impl Future<Output = Result<(), LoginError>> + Send + 'static,
        stored: impl Future<Output = ()> + Send + 'static,
    ) -> Attempt {
        let created = now();
        let attempt = Attempt {
            id: generate("con", Order::Ascending),
            created,
            expires: created.saturating_add(LIFE.as_millis() as Millis),
            outcome: Outcome::Pending,
        };
        let (attempts, id) = (self.clone(), attempt.id.clone());
        let (ending, ended) = watch::channel(());
        // It is in the list before it can end.
        let mut all = self.all();
        let task = tokio::spawn(async move {
            let _ending = ending;
            let outcome = match tokio::time::timeout(LIFE, Box::pin(login)).await {
                Ok(Ok(())) => Outcome::Complete,
                Ok(Err(error)) => Outcome::Failed(error.to_string()),
                Err(_) => Outcome::Expired,
            };
            if outcome == Outcome::Complete {
                stored.await;
            }
            attempts.settle(&id, outcome);
        });
        all.insert(
            attempt.id.clone(),
            Going {
                integration: integration.to_owned(),
                attempt: attempt.clone(),
                over: None,
                task: Some(task),
                code,
                ended,
            },
        );
        attempt
    }

    /// How an attempt is getting on.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Attempt> {
        let mut all = self.all();
        forget_old(&mut all);
        all.get(id).map(|going| going.attempt.clone())
    }

    /// Gives an attempt up; it may be over or unknown.
    pub fn cancel(&self, id: &str) {
        self.all().remove(id);
    }

    /// Ends what goes on to a place, and what nobody asks after any more; gives tasks that are ending.
    fn give_up(&self, integration: &str) -> Result<Vec<JoinHandle<()>>, LoginError> {
        let mut all = self.all();
        forget_old(&mut all);
        let mut ending = Vec::new();
        for going in all.values_mut() {
            if going.integration == integration && going.over.is_none() {
                going.attempt.outcome = Outcome::Failed("another login was begun".to_owned());
                going.over = Some(now());
                ending.extend(going.task.take().inspect(JoinHandle::abort));
            }
        }
        if all.len() >= MOST {
            return Err(LoginError::TooMany);
        }
        Ok(ending)
    }

    fn settle(&self, id: &str, outcome: Outcome) {
        if let Some(going) = self.all().get_mut(id) {
            going.attempt.outcome = outcome;
            going.over = Some(now());
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Going>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_old(all: &mut HashMap<String, Going>) {
    let now = now();
    all.retain(|_, going| {
        going
            .over
            .is_none_or(|over| over.saturating_add(REMEMBERED) > now)
    });
}

impl std::fmt::Debug for Attempts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempts").finish_non_exhaustive()
    }
}
