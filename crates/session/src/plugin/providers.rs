//! What plugins make of providers: options of stored credentials, who sends requests with them, and lists of models
//! (reference `providers.md` §1.5 steps 2 and 6).
//!
//! A plugin is asked again when the credential or what configuration says of providers is not what it was, and a while
//! after it has failed.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use indexmap::IndexMap;
use opencode_catalog::addition::{self, Addition, Additions, Loading};
use opencode_catalog::{Catalog, Sources};
use opencode_config::{Environment, Paths, credential};
use opencode_llm::target::Detour;
use opencode_plugin::{Credentials, Error, Loaded};
use opencode_schema::config::ProviderConfig;
use opencode_schema::model::Provider;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Held, Hooks, desk, value};
use crate::location::Ground;

/// A plugin that failed is not asked again before this.
const PAUSE: Duration = Duration::from_secs(60);

/// What plugins made of providers when they were last asked.
#[derive(Default)]
pub(crate) struct Known {
    made: IndexMap<String, Arc<Made>>,
    additions: Arc<Additions>,
}

/// What was made of one provider.
struct Made {
    of: Question,
    addition: Addition,
    failed: Option<Instant>,
}

/// What the answers of plugins depend on.
#[derive(Clone, PartialEq)]
struct Question {
    credential: Option<Value>,
    config: Option<ProviderConfig>,
}

impl Made {
    fn answers(&self, question: &Question) -> bool {
        self.of == *question && self.failed.is_none_or(|at| at.elapsed() < PAUSE)
    }
}

impl Hooks {
    /// What plugins add to the providers of these sources. One caller at a time.
    pub(crate) async fn additions(&self, ground: &Ground, sources: &Sources) -> Arc<Additions> {
        let Some(held) = &self.0 else {
            return Arc::default();
        };
        let logins = held.plugins.logins();
        let loading = logins.iter().filter(|login| login.loads);
        let loading: Vec<&str> = loading.map(|login| login.provider.as_str()).collect();
        let listing = held.plugins.listers();
        if loading.is_empty() && listing.is_empty() {
            return Arc::default();
        }
        let mut entries = stored(&sources.paths, &sources.environment).await;
        let mut ids: Vec<&str> = loading.clone();
        ids.retain(|id| entries.contains_key(*id));
        ids.extend(listing.iter().map(String::as_str));
        ids.sort_unstable();
        ids.dedup();
        let configured = sources.config.provider.as_ref();
        let before = held.known().made.clone();
        let asked = ids.into_iter().map(|id| {
            let question = Question {
                credential: entries.swap_remove(id),
                config: configured.and_then(|all| all.get(id)).cloned(),
            };
            let known = before.get(id).filter(|made| made.answers(&question)).cloned();
            let (lists, loads) = (held.plugins.lists(id), loading.contains(&id));
            async move {
                let made = match known {
                    Some(known) => known,
                    None => Arc::new(held.ask_of(ground, sources, id, question, lists, loads).await),
                };
                (id.to_owned(), made)
            }
        });
        let made: IndexMap<String, Arc<Made>> = join_all(asked).await.into_iter().collect();
        let is_known = |(id, made): (&String, &Arc<Made>)| {
            before.get(id).is_some_and(|before| Arc::ptr_eq(before, made))
        };
        if made.len() == before.len() && made.iter().all(is_known) {
            return Arc::clone(&held.known().additions);
        }
        let additions: Additions = made
            .iter()
            .filter(|(_, made)| made.addition != Addition::default())
            .map(|(id, made)| (id.clone(), made.addition.clone()))
            .collect();
        let mut known = held.known();
        known.made = made;
        if *known.additions != additions {
            known.additions = Arc::new(additions);
        }
        Arc::clone(&known.additions)
    }
}

impl Held {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.providers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for the list of models, then for what is made of the credential.
    async fn ask_of(
        &self,
        ground: &Ground,
        sources: &Sources,
        id: &str,
        question: Question,
        lists: bool,
        loads: bool,
    ) -> Made {
        let mut addition = Addition::default();
        let mut failed = None;
        let mut fail = |error: Error| {
            tracing::warn!(provider = id, %error, "a plugin failed");
            desk::tell_failure(&ground.store, error.to_string());
            failed = Some(Instant::now());
        };
        if lists {
            match self.models(sources, id, question.credential.clone()).await {
                Ok(models) => addition.models = models,
                Err(error) => fail(error),
            }
        }
        if loads && question.credential.is_some() {
            match self.load(sources, id, &addition).await {
                Ok(loading) => addition.loaded = loading,
                Err(error) => fail(error),
            }
        }
        Made {
            of: question,
            addition,
            failed,
        }
    }

    async fn models(
        &self,
        sources: &Sources,
        id: &str,
        credential: Option<Value>,
    ) -> Result<Option<IndexMap<String, opencode_schema::model::Model>>, Error> {
        // Parity: providers.md §1.5, what the public catalogue does not know has no list of a plugin.
        let Some(info) = described(sources, id, Catalog::public_provider).await else {
            return Ok(None);
        };
        let never = CancellationToken::new();
        let list = self.plugins.models(id, value(&info), credential, &never).await?;
        Ok(Some(addition::models(id, list)))
    }

    async fn load(&self, sources: &Sources, id: &str, addition: &Addition) -> Result<Option<Loading>, Error> {
        let with_models = Sources {
            additions: Arc::new(Additions::from_iter([(id.to_owned(), addition.clone())])),
            ..sources.clone()
        };
        let Some(info) = described(&with_models, id, Catalog::described_provider).await else {
            return Ok(None);
        };
        let credentials = Arc::new(Stored {
            paths: sources.paths.clone(),
            environment: sources.environment.clone(),
        });
        let never = CancellationToken::new();
        let Loaded { options, fetch } = self.plugins.load(id, value(&info), credentials, &never).await?;
        Ok(Some(Loading {
            options,
            through: fetch.map(|url| Detour {
                url,
                header: Loaded::TARGET,
            }),
        }))
    }
}

/// A provider as a catalogue of these sources has it. The catalogue is read on a thread for such work.
async fn described(
    sources: &Sources,
    id: &str,
    of: fn(&Catalog, &str) -> Option<Provider>,
) -> Option<Provider> {
    let (sources, id) = (sources.clone(), id.to_owned());
    let described = tokio::task::spawn_blocking(move || of(&Catalog::new(sources), &id)).await;
    described.unwrap_or_else(|error| {
        tracing::warn!(%error, "a provider is not known");
        None
    })
}

async fn stored(paths: &Paths, environment: &Environment) -> IndexMap<String, Value> {
    let (paths, environment) = (paths.clone(), environment.clone());
    let read = tokio::task::spawn_blocking(move || credential::entries(&paths, &environment)).await;
    read.unwrap_or_default()
}

/// The stored credentials, as they are whenever a plugin asks.
struct Stored {
    paths: Paths,
    environment: Environment,
}

impl Credentials for Stored {
    fn of<'a>(&'a self, provider: &'a str) -> BoxFuture<'a, Option<Value>> {
        Box::pin(async move { stored(&self.paths, &self.environment).await.swap_remove(provider) })
    }
}
