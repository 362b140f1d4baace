//! Models that providers list themselves: servers on this machine, Copilot, Modal, the routers of DigitalOcean
//! (reference `providers.md` §3.3, §12.3; local servers are beyond it).
//!
//! Lists are asked for beside everything else and with short limits; until they come, and when they do not
//! come, the catalogue is what it is without them.

mod copilot;
mod digitalocean;
mod lm_studio;
mod modal;
mod ollama;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indexmap::IndexMap;
use opencode_config::environment::variable;
use opencode_schema::Object;
use opencode_schema::model::{
    Api, Capabilities, Interleaved, Limit, Modalities, Model, Pricing, Provider, Source, Status,
};
use serde_json::Value;
use tokio::time::Instant;

use crate::build::unknown;
use crate::catalog::{Catalog, Sources};
use crate::convert::DEFAULT_ADAPTER;
use crate::http::Http;
use crate::snapshot::Snapshot;
use crate::variants::{self, Variants};

/// How long a server on this machine may take for one answer.
pub(crate) const LOCAL_LIMIT: Duration = Duration::from_millis(400);
/// A list is not asked for again before it is so old.
const FRESH: Duration = Duration::from_secs(30);
/// Models of one list.
const MOST_MODELS: usize = 256;
/// Tokens of a context that tools and a first prompt fill: what has less cannot work with them.
pub const SMALL_CONTEXT: u64 = 16_384;

/// What a provider lists.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Live {
    /// Name of the provider, where the public catalogue does not know it.
    pub(crate) name: &'static str,
    /// Address for requests.
    pub(crate) url: String,
    /// Its models.
    pub(crate) models: Vec<Listed>,
    /// They come to those of the public catalogue, and do not replace them.
    pub(crate) adds: bool,
}

/// A model as its provider lists it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Listed {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    /// The package that speaks to it, if not the usual one.
    pub(crate) npm: Option<&'static str>,
    /// Which interface of the package.
    pub(crate) endpoint: Option<&'static str>,
    /// Its address, if not that of the list.
    pub(crate) url: Option<String>,
    /// What it is called on the wire, if it has another name there.
    pub(crate) api_id: Option<String>,
    /// Tokens that it takes now.
    pub(crate) context: Option<u64>,
    /// Tokens of a request.
    pub(crate) input: Option<u64>,
    /// Tokens of an answer.
    pub(crate) output: Option<u64>,
    pub(crate) tools: Option<bool>,
    pub(crate) images: Option<bool>,
    pub(crate) reasoning: Option<bool>,
    pub(crate) pdf: Option<bool>,
    pub(crate) cost: Option<Pricing>,
    pub(crate) variants: Option<Variants>,
    pub(crate) family: Option<String>,
    pub(crate) release_date: Option<String>,
    /// Where the public catalogue knows it, name, family, age and whether it reasons stay as they are there.
    pub(crate) yields: bool,
    /// It is not shown, and there for small things only.
    pub(crate) hidden: bool,
    pub(crate) temperature: Option<bool>,
    /// The model of the public catalogue that it is, if it has another id there.
    pub(crate) like: Option<String>,
    /// What goes in and comes out, where the list says so.
    pub(crate) input_kinds: Option<Modalities>,
    pub(crate) output_kinds: Option<Modalities>,
    /// US dollars for a million tokens in, out, and read from the cache.
    pub(crate) prices: [Option<f64>; 3],
    pub(crate) interleaved: Option<Interleaved>,
}

/// When lists were last asked for, and what came.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    asked: tokio::sync::Mutex<Option<Instant>>,
    came: std::sync::Mutex<IndexMap<&'static str, Live>>,
    changes: AtomicU64,
}

/// What a list of models is asked with.
pub(crate) struct Asking<'a> {
    pub(crate) http: &'a Http,
    pub(crate) sources: &'a Sources,
    pub(crate) provider_id: &'static str,
    pub(crate) snapshot: &'a (dyn Fn() -> &'a Snapshot + Sync),
}

impl Asking<'_> {
    /// An option of the provider in configuration.
    fn option(&self, name: &str) -> Option<&Value> {
        self.config()?.options.as_ref()?.get(name)
    }

    fn config(&self) -> Option<&opencode_schema::config::ProviderConfig> {
        self.sources.config.provider.as_ref()?.get(self.provider_id)
    }

    /// The configured address without the folder of its version, else another.
    fn base(&self, usual: impl FnOnce() -> String) -> String {
        let own = self
            .option("baseURL")
            .and_then(Value::as_str)
            .filter(|url| !url.is_empty());
        let own = own.or_else(|| self.config()?.api.as_deref());
        let base = own.map_or_else(usual, str::to_owned);
        let base = base.trim_end_matches('/');
        base.strip_suffix("/v1").unwrap_or(base).to_owned()
    }
}

/// Providers that list their models.
const IDS: [&str; 5] = ["github-copilot", "ollama", "lmstudio", "modal", "digitalocean"];

impl Catalog {
    /// Whether a provider lists its models itself.
    #[must_use]
    pub fn lists_models(provider_id: &str) -> bool {
        IDS.contains(&provider_id)
    }

    /// Asks for the lists if this provider may be in one that has not come yet. For whoever needs one model.
    pub async fn ready(&self, provider_id: &str) {
        if Self::lists_models(provider_id) && self.list_of(provider_id).is_none() {
            self.discover().await;
        }
    }

    /// Asks providers for their lists, unless they were asked a moment ago. Who comes meanwhile waits for the
    /// same lists. Tells whether something has changed.
    pub async fn discover(&self) -> bool {
        let mut asked = self.lists.asked.lock().await;
        if asked.is_some_and(|at| at.elapsed() < FRESH) {
            return false;
        }
        let snapshot = || self.snapshot();
        let local = !self.sources.environment.is_on(variable::DISABLE_LOCAL_MODELS);
        let list = async |provider_id: &'static str| {
            let asking = Asking {
                http: &self.http,
                sources: &self.sources,
                provider_id,
                snapshot: &snapshot,
            };
            if !self.is_allowed(provider_id) {
                return None;
            }
            match provider_id {
                "github-copilot" => copilot::list(&asking).await,
                "ollama" if local => ollama::list(&asking).await,
                "lmstudio" if local => lm_studio::list(&asking).await,
                "modal" => modal::list(&asking).await,
                "digitalocean" => digitalocean::list(&asking).await,
                _ => None,
            }
        };
        let [one, two, three, four, five] = IDS.map(list);
        let lists = tokio::join!(one, two, three, four, five);
        let lists = [lists.0, lists.1, lists.2, lists.3, lists.4];
        let mut changed = false;
        for (id, list) in IDS.into_iter().zip(lists) {
            let Some(mut list) = list else { continue };
            list.models.truncate(MOST_MODELS);
            let before = self.came().insert(id, list.clone());
            if before.as_ref() != Some(&list) {
                self.forget(id);
                self.lists.changes.fetch_add(1, Ordering::Relaxed);
                changed = true;
            }
        }
        *asked = Some(Instant::now());
        changed
    }

    /// How often lists have changed.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.lists.changes.load(Ordering::Relaxed)
    }

    /// Ids of the providers whose lists came, and hold something.
    pub(crate) fn listed(&self) -> Vec<String> {
        let came = self.came();
        let filled = came.iter().filter(|(_, list)| !list.models.is_empty());
        filled.map(|(id, _)| (*id).to_owned()).collect()
    }

    /// The list of a provider.
    pub(crate) fn list_of(&self, provider_id: &str) -> Option<Live> {
        self.came().get(provider_id).cloned()
    }

    fn came(&self) -> std::sync::MutexGuard<'_, IndexMap<&'static str, Live>> {
        self.lists
            .came
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What a user should know before working with a model: its context is too small for tools.
    #[must_use]
    pub fn warning(&self, model: &Model) -> Option<String> {
        let Model { id, provider_id, .. } = model;
        let list = self.list_of(provider_id)?;
        let context = list.models.iter().find(|listed| listed.id == *id)?.context?;
        let advice = match provider_id.as_str() {
            "ollama" => {
                "set provider.ollama.options.num_ctx in opencode.json, or OLLAMA_CONTEXT_LENGTH for Ollama"
            }
            _ => "load it with a longer context",
        };
        (context < SMALL_CONTEXT).then(|| {
            format!(
                "{provider_id}/{id} runs with a context of {context} tokens, which is too small for tools. \
                 To give it more, {advice}"
            )
        })
    }
}

/// The provider with the models of its list. What the public catalogue knows of a model stays where the list
/// is silent; models that are not in the list are gone. Those that are not shown are there if `hidden` says so.
pub(crate) fn lay_over(known: Option<Provider>, provider_id: &str, list: &Live, hidden: bool) -> Provider {
    let mut provider = known.unwrap_or_else(|| Provider {
        name: list.name.to_owned(),
        source: Source::Custom,
        ..unknown(provider_id)
    });
    let before = std::mem::take(&mut provider.models);
    if list.adds {
        provider.models.clone_from(&before);
    }
    for listed in list.models.iter().filter(|listed| hidden || !listed.hidden) {
        if list.adds && before.contains_key(&listed.id) {
            continue;
        }
        let known = before.get(listed.like.as_ref().unwrap_or(&listed.id)).cloned();
        let stays = known.is_some() && listed.yields;
        let mut model = known.unwrap_or_else(|| new_model(provider_id, &listed.id));
        if model.id != listed.id {
            model.id.clone_from(&listed.id);
            model.api.id.clone_from(&listed.id);
        }
        model.api.url.clone_from(listed.url.as_ref().unwrap_or(&list.url));
        model.api.endpoint = listed.endpoint.map(str::to_owned);
        if let Some(api_id) = &listed.api_id {
            model.api.id.clone_from(api_id);
        }
        if !stays {
            let Listed {
                name,
                family,
                release_date,
                ..
            } = listed.clone();
            model.name = name.unwrap_or(model.name);
            model.family = family.or(model.family);
            model.release_date = release_date.unwrap_or(model.release_date);
        }
        // A context that the tools alone fill would only have the conversation shortened again and again.
        let context = listed
            .context
            .map(|context| if context < SMALL_CONTEXT { 0 } else { context });
        model.limit.context = context.unwrap_or(model.limit.context);
        model.limit.input = listed.input.or(model.limit.input);
        model.limit.output = listed.output.unwrap_or(model.limit.output);
        let can = &mut model.capabilities;
        can.toolcall = listed.tools.unwrap_or(can.toolcall);
        can.reasoning = listed.reasoning.filter(|_| !stays).unwrap_or(can.reasoning);
        can.input.image = listed.images.unwrap_or(can.input.image);
        can.input.pdf = listed.pdf.unwrap_or(can.input.pdf);
        can.temperature = listed.temperature.unwrap_or(can.temperature);
        if let Some(input) = &listed.input_kinds {
            can.input.clone_from(input);
        }
        if let Some(output) = &listed.output_kinds {
            can.output.clone_from(output);
        }
        if let Some(interleaved) = &listed.interleaved {
            can.interleaved.clone_from(interleaved);
        }
        can.attachment = can.attachment || can.input.image;
        if let Some(cost) = &listed.cost {
            model.cost = cost.clone();
        }
        let price = &mut model.cost.base;
        for (place, known) in [&mut price.input, &mut price.output, &mut price.cache.read]
            .into_iter()
            .zip(listed.prices)
        {
            *place = known.unwrap_or(*place);
        }
        if let Some(npm) = listed.npm {
            npm.clone_into(&mut model.api.npm);
            let said = listed.variants.clone();
            model.variants = Some(said.unwrap_or_else(|| variants::of(&model, None)));
        } else if let Some(said) = &listed.variants {
            model.variants = Some(said.clone());
        }
        provider.models.insert(listed.id.clone(), model);
    }
    provider
}

fn new_model(provider_id: &str, id: &str) -> Model {
    let text = Modalities {
        text: true,
        ..Modalities::default()
    };
    Model {
        id: id.to_owned(),
        provider_id: provider_id.to_owned(),
        name: id.to_owned(),
        family: None,
        api: Api {
            endpoint: None,
            id: id.to_owned(),
            url: String::new(),
            npm: DEFAULT_ADAPTER.to_owned(),
        },
        status: Status::Active,
        headers: IndexMap::new(),
        options: Object::new(),
        cost: Pricing::default(),
        limit: Limit::default(),
        capabilities: Capabilities {
            temperature: true,
            toolcall: true,
            input: text.clone(),
            output: text,
            interleaved: Interleaved::Flag(false),
            ..Capabilities::default()
        },
        release_date: String::new(),
        variants: Some(IndexMap::new()),
    }
}

#[cfg(test)]
mod tests;
