//! Entries of the public catalogue as models (reference `providers.md` §1.3–1.4).

use indexmap::IndexMap;
use opencode_schema::Object;
use opencode_schema::config::CostConfig;
use opencode_schema::model::{
    Api, CachePrice, Capabilities, Limit, Modalities, Model, Price, Pricing, Provider, Source, Tier,
};
use serde_json::Value;

use crate::snapshot::{Mode, ModelEntry, ProviderEntry};
use crate::variants;

/// The adapter of a provider or model that names none.
pub(crate) const DEFAULT_ADAPTER: &str = "@ai-sdk/openai-compatible";

/// A provider as the public catalogue has it, not connected yet.
pub(crate) fn provider(id: &str, entry: &ProviderEntry) -> Provider {
    provider_through(id, entry, None)
}

/// The same with all models through one package, if there is one.
pub(crate) fn provider_through(id: &str, entry: &ProviderEntry, package: Option<&str>) -> Provider {
    let mut models = IndexMap::new();
    for model in entry.models.values() {
        let mut base = convert(id, entry, model);
        if let Some(package) = package {
            package.clone_into(&mut base.api.npm);
        }
        for (name, mode) in model
            .experimental
            .iter()
            .flat_map(|experimental| &experimental.modes)
        {
            let variant = with_mode(&base, name, mode);
            models.insert(variant.id.clone(), variant);
        }
        models.insert(base.id.clone(), base);
    }
    for (id, model) in &mut models {
        let options = entry.models.get(id).or_else(|| entry.models.get(&model.api.id));
        let options = options.and_then(|entry| entry.reasoning_options.as_deref());
        model.variants = Some(variants::of(model, options));
    }
    Provider {
        id: id.to_owned(),
        name: entry.head.name.clone(),
        source: Source::Custom,
        env: entry.head.env.clone(),
        key: None,
        options: Object::new(),
        models,
    }
}

fn convert(provider_id: &str, provider: &ProviderEntry, entry: &ModelEntry) -> Model {
    let own = entry.provider.clone().unwrap_or_default();
    let npm = own
        .npm
        .or_else(|| provider.head.npm.clone())
        .unwrap_or_else(|| DEFAULT_ADAPTER.to_owned());
    Model {
        id: entry.id.clone(),
        provider_id: provider_id.to_owned(),
        name: entry.name.clone(),
        family: entry.family.clone(),
        api: Api {
            endpoint: None,
            id: entry.id.clone(),
            url: own.api.or_else(|| provider.head.api.clone()).unwrap_or_default(),
            npm: gateway_adapter(provider_id, &entry.id).map_or(npm, str::to_owned),
        },
        status: entry.status,
        headers: IndexMap::new(),
        options: Object::new(),
        cost: entry.cost.as_ref().map(pricing).unwrap_or_default(),
        limit: Limit {
            context: entry.limit.context,
            input: entry.limit.input,
            output: entry.limit.output,
        },
        capabilities: Capabilities {
            temperature: entry.temperature,
            reasoning: entry.reasoning,
            attachment: entry.attachment,
            toolcall: entry.tool_call,
            input: modalities(
                entry
                    .modalities
                    .as_ref()
                    .and_then(|modalities| modalities.input.as_deref()),
            ),
            output: modalities(
                entry
                    .modalities
                    .as_ref()
                    .and_then(|modalities| modalities.output.as_deref()),
            ),
            interleaved: entry.interleaved.clone().unwrap_or_default(),
        },
        release_date: entry.release_date.clone(),
        variants: None,
    }
}

/// Cloudflare's gateway speaks the protocol of whoever made the model.
pub(crate) fn gateway_adapter(provider_id: &str, model_id: &str) -> Option<&'static str> {
    if provider_id != "cloudflare-ai-gateway" {
        return None;
    }
    match model_id.split_once('/')?.0 {
        "openai" => Some("@ai-sdk/openai"),
        "anthropic" => Some("@ai-sdk/anthropic"),
        _ => None,
    }
}

/// A price list as the catalogue and configuration write it.
pub(crate) fn pricing(cost: &CostConfig) -> Pricing {
    let tiers = cost.tiers.as_ref().map(|tiers| {
        tiers
            .iter()
            .map(|tier| Tier {
                price: price(tier.input, tier.output, tier.cache_read, tier.cache_write),
                tier: tier.tier.clone(),
            })
            .collect()
    });
    let over = cost.context_over_200k.as_ref();
    Pricing {
        base: price(cost.input, cost.output, cost.cache_read, cost.cache_write),
        tiers,
        over_200k: over.map(|cost| price(cost.input, cost.output, cost.cache_read, cost.cache_write)),
    }
}

fn price(input: f64, output: f64, cache_read: Option<f64>, cache_write: Option<f64>) -> Price {
    Price {
        input,
        output,
        cache: CachePrice {
            read: cache_read.unwrap_or(0.0),
            write: cache_write.unwrap_or(0.0),
        },
    }
}

/// Kinds of content by name.
pub(crate) fn modalities(names: Option<&[String]>) -> Modalities {
    let has = |wanted: &str| names.is_some_and(|names| names.iter().any(|name| name == wanted));
    Modalities {
        text: has("text"),
        audio: has("audio"),
        image: has("image"),
        video: has("video"),
        pdf: has("pdf"),
    }
}

/// A way to run a model as a model of its own: `<id>-<mode>`.
fn with_mode(base: &Model, name: &str, mode: &Mode) -> Model {
    let mut model = base.clone();
    model.id = format!("{}-{name}", base.id);
    let mut letters = name.chars();
    let title: String = letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default();
    model.name = format!("{} {title}", base.name);
    let number = |key: &str| {
        mode.cost
            .as_ref()
            .and_then(|cost| cost.get(key))
            .and_then(Value::as_f64)
    };
    let price = &mut model.cost.base;
    price.input = number("input").unwrap_or(price.input);
    price.output = number("output").unwrap_or(price.output);
    price.cache.read = number("cache_read").unwrap_or(price.cache.read);
    price.cache.write = number("cache_write").unwrap_or(price.cache.write);
    if let Some(request) = &mode.provider {
        model.headers = request.headers.clone();
        model.options = mode_options(&base.api.npm, &request.body);
    }
    model
}

fn mode_options(npm: &str, body: &Object) -> Object {
    let mut options: Object = body
        .iter()
        .map(|(key, value)| (camel_case(key), value.clone()))
        .collect();
    if npm == "@ai-sdk/openai"
        && let Some(Value::String(mode)) = body.get("reasoning").and_then(|reasoning| reasoning.get("mode"))
    {
        options.shift_remove("reasoning");
        options.insert("reasoningMode".to_owned(), Value::String(mode.clone()));
    }
    options
}

fn camel_case(key: &str) -> String {
    let mut words = key.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut out, word| {
        let mut letters = word.chars();
        out.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        out.push_str(letters.as_str());
        out
    })
}
