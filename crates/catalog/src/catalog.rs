//! What a folder can use.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use indexmap::IndexSet;
use opencode_config::credential::{self, Credential, Credentials};
use opencode_config::{Environment, Paths};
use opencode_llm::adapter::{self, Adapter};
use opencode_llm::target::{Limits, Settings, Target};
use opencode_schema::Object;
use opencode_schema::config::Config;
use opencode_schema::model::{Model, Provider};
use secrecy::SecretString;
use serde_json::Value;

use crate::addition::{self, Additions};
use crate::build;
use crate::clouds;
use crate::convert::{self, DEFAULT_ADAPTER};
use crate::demo::{self, DEMO_PROVIDER};
use crate::http::Http;
use crate::live::Lists;
use crate::loader;
use crate::login::{self, refresh, route};
use crate::public::Public;
use crate::snapshot::Snapshot;
use crate::{azure, gitlab, interface, sap, user_agent};

/// What a catalogue is made of.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Where files are.
    pub paths: Paths,
    /// Variables that may hold keys and addresses.
    pub environment: Environment,
    /// Stored credentials.
    pub credentials: Credentials,
    /// Configuration of the folder.
    pub config: Arc<Config>,
    /// Version of the program, for `User-Agent`.
    pub version: &'static str,
    /// The public catalogue of this process.
    pub public: Arc<Public>,
    /// Where tokens are renewed.
    pub logins: login::Options,
    /// What plugins add to providers.
    pub additions: Arc<Additions>,
}

/// The providers and models that a folder can use. Nothing is unpacked before it is asked for.
#[derive(Debug)]
pub struct Catalog {
    pub(crate) sources: Sources,
    snapshot: OnceLock<Arc<Snapshot>>,
    made: Mutex<HashMap<String, Option<Arc<Provider>>>>,
    /// Logins with tokens that are newer than those of `sources`.
    logins: Mutex<Credentials>,
    pub(crate) http: Http,
    pub(crate) lists: Lists,
}

/// Why a model cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no such model here.
    #[error("Model not found: {provider_id}/{model_id}.{}", did_you_mean(suggestions))]
    UnknownModel {
        /// The provider that was named.
        provider_id: String,
        /// The model that was named.
        model_id: String,
        /// Near names, the nearest first: models, or providers when the provider is not known.
        suggestions: Vec<String>,
    },
    /// Nothing is connected.
    #[error("No provider is connected")]
    NoProvider,
    /// What is connected has no models, or none whose protocol this version speaks.
    #[error(
        "{provider_id} is connected, and has no model that this version can use: set the key of another provider, \
         or name a model of one with -m"
    )]
    NoModels {
        /// The provider.
        provider_id: String,
    },
    /// The model speaks a protocol that this version does not.
    #[error(
        "{provider_id}/{model_id} is reached through {package}, whose protocol this version does not speak. \
         Choose a model of another provider"
    )]
    NoAdapter {
        /// The provider.
        provider_id: String,
        /// The model.
        model_id: String,
        /// The adapter that it would need.
        package: String,
    },
    /// A provider that cannot be reached without a setting.
    #[error(
        "{provider_id} needs a {option}: set {}, or `provider.{provider_id}.options.{option}` in opencode.json",
        one_of(variables)
    )]
    MissingSetting {
        /// The provider.
        provider_id: String,
        /// The option.
        option: String,
        /// Variables that were looked at.
        variables: Vec<String>,
    },
    /// No key for the provider.
    #[error(
        "{provider_id} needs an API key: set {}, or `provider.{provider_id}.options.apiKey` in opencode.json",
        one_of(variables)
    )]
    MissingKey {
        /// The provider.
        provider_id: String,
        /// Variables that were looked at.
        variables: Vec<String>,
    },
    /// The key of a provider is not what it should be.
    #[error("the key of {provider_id} cannot be used: {reason}")]
    BadKey {
        /// The provider.
        provider_id: String,
        /// Why; nothing of the key.
        reason: String,
    },
    /// The login to the provider has ended and cannot be renewed.
    #[error(
        "the login to {provider_id} has ended: {reason}. Log in again with `opencode auth login -p {provider_id}`"
    )]
    LoginEnded {
        /// The provider.
        provider_id: String,
        /// Why.
        reason: String,
    },
}

fn did_you_mean(suggestions: &[String]) -> String {
    if suggestions.is_empty() {
        String::new()
    } else {
        format!(" Did you mean: {}?", suggestions.join(", "))
    }
}

fn one_of(variables: &[String]) -> String {
    if variables.is_empty() {
        "its key".to_owned()
    } else {
        variables.join(" or ")
    }
}

impl Catalog {
    /// A catalogue of these sources. Cheap: nothing is read yet.
    #[must_use]
    pub fn new(sources: Sources) -> Self {
        Self {
            sources,
            snapshot: OnceLock::new(),
            made: Mutex::default(),
            logins: Mutex::default(),
            http: Http::default(),
            lists: Lists::default(),
        }
    }

    /// Whether it was made of the same stored credentials. Tokens that were renewed make no difference: whoever
    /// needs one takes the newest.
    #[must_use]
    pub fn has_credentials(&self, credentials: &Credentials) -> bool {
        credential::are_same_logins(&self.sources.credentials, credentials)
    }

    /// Whether it was made of these additions.
    #[must_use]
    pub fn has_additions(&self, additions: &Arc<Additions>) -> bool {
        Arc::ptr_eq(&self.sources.additions, additions) || self.sources.additions == *additions
    }

    /// Whether one of these sources would hold the same providers and models.
    #[must_use]
    pub fn is_like(&self, sources: &Sources) -> bool {
        let (before, now) = (&self.sources.config, &sources.config);
        before.provider == now.provider
            && before.enabled_providers == now.enabled_providers
            && before.disabled_providers == now.disabled_providers
            && before.model == now.model
            && before.small_model == now.small_model
            && self.has_credentials(&sources.credentials)
            && self.has_additions(&sources.additions)
    }

    /// The public catalogue, as it was when this one first needed it.
    pub fn snapshot(&self) -> &Snapshot {
        self.snapshot.get_or_init(|| self.sources.public.snapshot())
    }

    /// Ids of providers that something connects, in the order in which they count: by environment, by
    /// key, by login, by what the surroundings hold, without being asked for, by configuration. The
    /// demonstration is there when nothing else is.
    #[must_use]
    pub fn connected(&self) -> Vec<String> {
        let by_environment = self
            .snapshot()
            .heads()
            .filter(|(_, head)| {
                head.env
                    .iter()
                    .any(|name| self.sources.environment.get(name).is_some())
            })
            .map(|(id, _)| id.to_owned());
        let by_credential = self
            .sources
            .credentials
            .iter()
            .filter(|(_, credential)| matches!(credential, Credential::Api { .. }))
            .map(|(id, _)| id.clone());
        let by_surroundings = clouds::IDS
            .into_iter()
            .filter(|id| {
                let providers = self.sources.config.provider.as_ref();
                let options = providers.and_then(|providers| providers.get(*id)?.options.clone());
                clouds::found(id, &options.unwrap_or_default(), &self.sources).is_some()
            })
            .map(str::to_owned);
        let by_login = self
            .sources
            .credentials
            .iter()
            .filter(|(_, credential)| matches!(credential, Credential::Oauth { .. }))
            .map(|(id, _)| id.clone());
        let by_addition = self.sources.additions.keys().cloned();
        let unasked = loader::unasked().map(str::to_owned);
        let by_config = self
            .sources
            .config
            .provider
            .iter()
            .flatten()
            .map(|(id, _)| id.clone());
        let all: IndexSet<String> = by_environment
            .chain(by_credential)
            .chain(by_login)
            .chain(by_addition)
            .chain(by_surroundings)
            .chain(unasked)
            .chain(by_config)
            .chain(self.listed())
            .collect();
        let mut there: Vec<String> = all.into_iter().filter(|id| self.provider(id).is_some()).collect();
        if there.is_empty() && self.provider(DEMO_PROVIDER).is_some() {
            there.push(DEMO_PROVIDER.to_owned());
        }
        there
    }

    /// Every provider that may be used here: those of the public catalogue as it has them, connected ones as
    /// they are here, and at the end those that the catalogue does not know. One is made at a time.
    pub fn known(&self) -> impl Iterator<Item = Arc<Provider>> + '_ {
        let connected: IndexSet<String> = self.connected().into_iter().collect();
        let public: IndexSet<String> = self.snapshot().heads().map(|(id, _)| id.to_owned()).collect();
        let own: Vec<String> = connected.difference(&public).cloned().collect();
        public.into_iter().chain(own).filter_map(move |id| {
            if connected.contains(&id) {
                return self.provider(&id);
            }
            let entry = self.snapshot().provider(&id).filter(|_| self.is_allowed(&id))?;
            Some(Arc::new(convert::provider(&id, &entry)))
        })
    }

    /// Ids of the providers that have a stored credential, as it is now.
    #[must_use]
    pub fn with_credential(&self) -> Vec<String> {
        let stored = credential::read(&self.sources.paths, &self.sources.environment);
        stored.into_keys().collect()
    }

    /// A connected provider with its models.
    #[must_use]
    pub fn provider(&self, id: &str) -> Option<Arc<Provider>> {
        if let Some(known) = self.made().get(id) {
            return known.clone();
        }
        let provider = if !self.is_allowed(id) {
            None
        } else if id == DEMO_PROVIDER {
            Some(demo::provider(&self.sources.paths))
        } else {
            build::provider(id, &self.sources, self.snapshot(), self.list_of(id).as_ref())
        };
        let provider = provider.map(Arc::new);
        self.made().insert(id.to_owned(), provider.clone());
        provider
    }

    /// A provider that may be used here and that the public catalogue or a list of its own knows, without what is
    /// said of it here.
    #[must_use]
    pub fn public_provider(&self, id: &str) -> Option<Provider> {
        let entry = self.snapshot().provider(id).filter(|_| self.is_allowed(id))?;
        build::known(id, &self.sources, Some(&entry), self.list_of(id).as_ref())
    }

    /// A provider that may be used here as configuration wants it, connected or not.
    #[must_use]
    pub fn described_provider(&self, id: &str) -> Option<Provider> {
        let entry = self.snapshot().provider(id);
        let described = build::described(id, &self.sources, entry.as_ref(), self.list_of(id).as_ref());
        described.filter(|_| self.is_allowed(id))
    }

    /// Lets a provider be put together anew.
    pub(crate) fn forget(&self, id: &str) {
        self.made().remove(id);
    }

    fn made(&self) -> std::sync::MutexGuard<'_, HashMap<String, Option<Arc<Provider>>>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether configuration lets a provider be used.
    #[must_use]
    pub fn is_allowed(&self, id: &str) -> bool {
        let contains =
            |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| list.iter().any(|one| one == id));
        let config = &self.sources.config;
        (config.enabled_providers.is_none() || contains(&config.enabled_providers))
            && !contains(&config.disabled_providers)
    }

    /// A model of a connected provider.
    ///
    /// # Errors
    /// [`Error::UnknownModel`] with near names.
    pub fn model(&self, provider_id: &str, model_id: &str) -> Result<Model, Error> {
        let provider = self.provider(provider_id);
        let model = provider
            .as_ref()
            .and_then(|provider| provider.models.get(model_id));
        model.cloned().ok_or_else(|| Error::UnknownModel {
            provider_id: provider_id.to_owned(),
            model_id: model_id.to_owned(),
            suggestions: self.near_names(provider_id, model_id),
        })
    }

    /// The adapter that speaks a model's protocol.
    ///
    /// # Errors
    /// [`Error::NoAdapter`].
    pub fn adapter(model: &Model) -> Result<&'static Adapter, Error> {
        let package = model.api.npm.as_str();
        let known = if gitlab::serves(model) {
            gitlab::adapter(model)
        } else {
            adapter::by_package(package)
        };
        // A package that nobody knows is an own build of the common one, if it says where the provider is.
        let known = known.or_else(|| {
            let placed = !model.api.url.is_empty() || loader::has_place(&model.provider_id);
            let foreign = !package.starts_with("@ai-sdk/") && !gitlab::serves(model) && placed;
            adapter::by_package(DEFAULT_ADAPTER).filter(|_| foreign)
        });
        known.ok_or_else(|| Error::NoAdapter {
            provider_id: model.provider_id.clone(),
            model_id: model.id.clone(),
            package: package.to_owned(),
        })
    }

    /// Where requests to a model go, with the key and the headers that belong to it.
    ///
    /// # Errors
    /// [`Error::UnknownModel`], [`Error::NoAdapter`], [`Error::MissingKey`].
    pub fn target(&self, model: &Model) -> Result<Target, Error> {
        let provider = self
            .provider(&model.provider_id)
            .ok_or_else(|| Error::UnknownModel {
                provider_id: model.provider_id.clone(),
                model_id: model.id.clone(),
                suggestions: Vec::new(),
            })?;
        let adapter = interface::of(Self::adapter(model)?, model, &provider, &self.sources);
        let resource = azure::resource(&provider, &self.sources);
        let options = &provider.options;
        let text = |key: &str| {
            options
                .get(key)
                .and_then(Value::as_str)
                .filter(|value| !value.is_empty())
        };
        let environment = &self.sources.environment;
        let variable = |name: Option<&'static str>| name.and_then(|name| environment.get(name));

        let mut keyless = false;
        let place = loader::place(&provider, &model.api.id).filter(|_| text("baseURL").is_none());
        let model_id = place.as_ref().map_or(&model.api.id, |place| &place.model_id);
        let mut target = Target::new(adapter, &provider.id, model_id);
        let url = text("baseURL").unwrap_or(&model.api.url);
        let url = match &place {
            Some(place) => place.url,
            None if url.is_empty() => variable(adapter.variables.base_url).unwrap_or(""),
            None => url,
        };
        let mut names = clouds::names(model, &provider, &self.sources);
        names.extend(azure::variable(&provider.id).zip(resource.clone()));
        let own = resource
            .as_deref()
            .filter(|_| url.is_empty())
            .and_then(|resource| azure::address(&provider, resource));
        target.base_url = match own {
            Some(own) => Some(own),
            None if url.is_empty() => None,
            None => Some(self.expand(url, &provider, &names)?),
        };
        if let Some(variable) = azure::variable(&provider.id)
            && target.base_url.is_none()
        {
            return Err(Error::MissingSetting {
                provider_id: provider.id.clone(),
                option: "resourceName".to_owned(),
                variables: vec![variable.to_owned()],
            });
        }
        // Clouds have variables that are named like keys and are a part of something else.
        let may_be_key = adapter.key.required || !clouds::IDS.contains(&provider.id.as_str());
        let loading = addition::loading(&provider.id, &self.sources);
        target.through = loading.and_then(|loading| loading.through.clone());
        let key = text("apiKey")
            .or_else(|| text("token"))
            .or(provider.key.as_deref())
            .or_else(|| variable(adapter.variables.key))
            .or_else(|| loader::key(&provider, &self.sources).filter(|_| may_be_key))
            // Parity: providers.md §12.1, who sends requests himself may say that the key is empty.
            .filter(|_| target.through.is_none() || options.get("apiKey") != Some(&Value::from("")));
        keyless |= target.through.is_some() && key.is_none();
        target.api_key = key.map(SecretString::from);
        target.headers.insert(
            "User-Agent".to_owned(),
            user_agent::of(&provider.id, self.sources.version),
        );
        for (name, value) in loader::headers_of_environment(&provider, &self.sources, key) {
            target.headers.insert(name.to_owned(), value.to_owned());
        }
        if let Some(Value::Object(headers)) = options.get("headers") {
            let texts = headers
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
            target.headers.extend(texts);
        }
        target.headers.extend(model.headers.clone());
        if let Some(place) = place {
            for (name, value) in place.headers {
                target
                    .headers
                    .insert((*name).to_owned(), self.expand(value, &provider, &names)?);
            }
            if let (Some(header), Some(key)) = (place.key_header, key) {
                // The provider behind the gateway has a key of its own, which the gateway knows.
                target.headers.insert(header.to_owned(), format!("Bearer {key}"));
                target.api_key = None;
                keyless = true;
            }
        }
        target.limits = limits(options);
        target.settings = Settings {
            keyless,
            written_calls: options.get("textToolCalls").map_or_else(
                || loader::writes_calls(&provider.id),
                |wanted| wanted == &Value::Bool(true),
            ),
            ..settings(options)
        };
        clouds::complete(&mut target, model, &provider, &self.sources)?;
        let login = self.login(&provider.id);
        if let Some(login) = &login {
            route::apply(&mut target, login, text("baseURL").is_some());
            azure::enter(&mut target, login, environment)?;
        }
        gitlab::complete(&mut target, model, &provider, &self.sources, login.as_ref())?;
        sap::complete(&mut target, model, &provider, &self.sources)?;
        let needs_key = adapter.key.required && !keyless && login.is_none();
        if needs_key && key.is_none() && !has_key_header(&target, adapter) {
            let own = adapter.variables.key.map(str::to_owned);
            let variables: IndexSet<String> = provider.env.iter().cloned().chain(own).collect();
            return Err(Error::MissingKey {
                provider_id: provider.id.clone(),
                variables: variables.into_iter().collect(),
            });
        }
        Ok(target)
    }

    /// The same with a token that lasts: one that has ended is renewed first.
    ///
    /// # Errors
    /// Those of [`Catalog::target`]; [`Error::LoginEnded`].
    pub async fn fresh_target(&self, model: &Model) -> Result<Target, Error> {
        let id = model.provider_id.as_str();
        if login::is_served(id) && addition::loading(id, &self.sources).is_none() {
            let Sources {
                paths, environment, ..
            } = &self.sources;
            let options = &self.sources.logins;
            let fresh = Box::pin(refresh::fresh(id, paths, environment, &self.http, options)).await;
            let fresh = fresh.map_err(|error| Error::LoginEnded {
                provider_id: id.to_owned(),
                reason: error.to_string(),
            })?;
            if let Some(fresh) = fresh {
                self.newer().insert(id.to_owned(), fresh);
            }
        }
        self.target(model)
    }

    /// The login to a provider, if that is how it is reached, and if nobody else has made something of it.
    fn login(&self, provider_id: &str) -> Option<Credential> {
        if addition::loading(provider_id, &self.sources).is_some() {
            return None;
        }
        let newer = self.newer().get(provider_id).cloned();
        let login = newer.or_else(|| self.sources.credentials.get(provider_id).cloned());
        login.filter(|login| matches!(login, Credential::Oauth { .. }) && login::is_served(provider_id))
    }

    fn newer(&self) -> std::sync::MutexGuard<'_, Credentials> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces `${NAME}` by what stands for it with this provider, or by the variable.
    ///
    /// # Errors
    /// [`Error::MissingSetting`]: nothing stands for it.
    fn expand(&self, text: &str, provider: &Provider, names: &[(&str, String)]) -> Result<String, Error> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let Some((name, tail)) = after.split_once('}') else {
                out.push_str("${");
                rest = after;
                continue;
            };
            let named = names.iter().find(|(known, _)| *known == name);
            let known = named.map(|(_, value)| value.clone());
            let known = known.or_else(|| loader::name(name, provider, &self.sources));
            let known = known.or_else(|| self.sources.environment.get(name).map(str::to_owned));
            out.push_str(&known.ok_or_else(|| Error::MissingSetting {
                provider_id: provider.id.clone(),
                option: "baseURL".to_owned(),
                variables: vec![name.to_owned()],
            })?);
            rest = tail;
        }
        out.push_str(rest);
        Ok(out)
    }
}

fn has_key_header(target: &Target, adapter: &Adapter) -> bool {
    let names = [adapter.key.header, "authorization"];
    target
        .headers
        .keys()
        .any(|name| names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted)))
}

/// Limits in time as configuration says them: milliseconds, or `false` for none.
fn limits(options: &Object) -> Limits {
    let read = |key: &str, default: Option<Duration>| match options.get(key) {
        Some(Value::Bool(false)) => None,
        Some(Value::Number(number)) => number
            .as_u64()
            .filter(|ms| *ms > 0)
            .map(Duration::from_millis)
            .or(default),
        _ => default,
    };
    let default = Limits::default();
    Limits {
        header: read("headerTimeout", default.header),
        idle: read("chunkTimeout", default.idle),
        request: read("timeout", default.request),
    }
}

fn settings(options: &Object) -> Settings {
    let flag = |key: &str| options.get(key).and_then(Value::as_bool);
    let query = options.get("queryParams").and_then(Value::as_object);
    Settings {
        include_usage: flag("includeUsage"),
        structured_outputs: flag("supportsStructuredOutputs").unwrap_or(false),
        query: query
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect(),
        deployment_urls: flag("useDeploymentBasedUrls").unwrap_or(false),
        api_version: options
            .get("apiVersion")
            .and_then(Value::as_str)
            .map(str::to_owned),
        keyless: false,
        written_calls: false,
        instructions: false,
    }
}
