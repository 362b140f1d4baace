//! Facts for the metadata of the end.

use serde_json::{Value, json};

use super::details::Details;
use crate::json::{Body, Count, present};
use crate::openai_chat::dialect::Facts;
use crate::openai_chat::usage::Record;
use crate::request::Object;
use crate::stream::ProviderMetadata;

/// Facts that are gathered on the way.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// The provider behind the provider.
    pub(super) provider: Option<String>,
    /// The reasoning is encrypted.
    pub(super) encrypted: Option<bool>,
    files: Vec<Value>,
    /// Pictures that the answer refers to.
    images: Option<Vec<Value>>,
    held: usize,
}

impl Gathered {
    /// Keeps an annotation of a file, which spares the provider to read it again.
    pub(super) fn keep_file(&mut self, annotation: Value) {
        self.held = self.held.saturating_add(annotation.to_string().len());
        self.files.push(annotation);
    }

    /// Keeps the pictures that an answer refers to; each chunk brings all of them.
    pub(super) fn keep_images(&mut self, images: Option<&Value>) {
        let Some(images) = images.and_then(Value::as_array) else {
            return;
        };
        let image = |image: &Value| {
            json!({
                "imageUrl": image.get("image_url"),
                "originUrl": image.get("origin_url"),
                "height": image.get("height"),
                "width": image.get("width"),
            })
        };
        self.images = Some(images.iter().map(image).collect());
    }

    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// The metadata of the end.
    pub(super) fn metadata(
        &self,
        facts: Facts,
        namespace: &str,
        record: Option<&Record>,
        details: &Details,
    ) -> ProviderMetadata {
        let mut fields = Body::new();
        match facts {
            Facts::Nothing => return ProviderMetadata::new(),
            Facts::Predictions => predictions(record, &mut fields),
            Facts::PredictionsAndDetails => {
                predictions(record, &mut fields);
                if !details.pieces().is_empty() {
                    fields.set("reasoningDetails", details.pieces().to_vec());
                }
                fields.put("reasoningEncrypted", self.encrypted.map(Value::from));
            }
            Facts::Opaque => {
                predictions(record, &mut fields);
                let opaque = details.opaque(namespace).unwrap_or_default();
                for (key, value) in opaque.into_values().flatten() {
                    fields.set(&key, value);
                }
            }
            Facts::CacheHits => {
                let count = |count: Option<Count>| count.map(|count| Value::from(count.0));
                fields.put(
                    "promptCacheHitTokens",
                    record.and_then(|record| count(record.prompt_cache_hit_tokens)),
                );
                fields.put(
                    "promptCacheMissTokens",
                    record.and_then(|record| count(record.prompt_cache_miss_tokens)),
                );
            }
            Facts::Perplexity => {
                fields.set("images", self.images.clone().map_or(Value::Null, Value::from));
                searches(record, &mut fields);
            }
            Facts::OpenRouter => {
                fields.set("usage", record.map_or_else(|| json!({}), openrouter_usage));
                fields.put("provider", self.provider.as_deref().map(Value::from));
                fields.set("reasoning_details", details.pieces().to_vec());
                if !self.files.is_empty() {
                    fields.set("annotations", self.files.clone());
                }
            }
        }
        let fields = match fields.into_value() {
            Value::Object(fields) => fields,
            _ => Object::new(),
        };
        ProviderMetadata::from([(namespace.to_owned(), fields)])
    }
}

fn predictions(record: Option<&Record>, fields: &mut Body) {
    let details = record.and_then(|record| record.completion_tokens_details.as_ref());
    let Some(details) = details else { return };
    fields.put(
        "acceptedPredictionTokens",
        details
            .accepted_prediction_tokens
            .map(|count| Value::from(count.0)),
    );
    fields.put(
        "rejectedPredictionTokens",
        details
            .rejected_prediction_tokens
            .map(|count| Value::from(count.0)),
    );
}

/// What was searched, and what it cost.
fn searches(record: Option<&Record>, fields: &mut Body) {
    let count = |count: Option<Count>| count.map_or(Value::Null, |count| Value::from(count.0));
    fields.set(
        "usage",
        json!({
            "citationTokens": count(record.and_then(|record| record.citation_tokens)),
            "numSearchQueries": count(record.and_then(|record| record.num_search_queries)),
        }),
    );
    let cost = present(record.and_then(|record| record.cost.as_ref())).filter(|cost| cost.is_object());
    let cost = cost.map_or(Value::Null, |cost| {
        json!({
            "inputTokensCost": cost.get("input_tokens_cost"),
            "outputTokensCost": cost.get("output_tokens_cost"),
            "requestCost": cost.get("request_cost"),
            "totalCost": cost.get("total_cost"),
        })
    });
    fields.set("cost", cost);
}

fn openrouter_usage(record: &Record) -> Value {
    let count = |count: Option<Count>| count.map_or(0, |count| count.0);
    let mut usage = Body::new();
    usage.set("promptTokens", count(record.prompt_tokens));
    if let Some(details) = &record.prompt_tokens_details {
        usage.set(
            "promptTokensDetails",
            json!({"cachedTokens": count(details.cached_tokens)}),
        );
    }
    usage.set("completionTokens", count(record.completion_tokens));
    if let Some(details) = &record.completion_tokens_details {
        usage.set(
            "completionTokensDetails",
            json!({"reasoningTokens": count(details.reasoning_tokens)}),
        );
    }
    usage.put("cost", present(record.cost.as_ref()).cloned());
    usage.put(
        "totalTokens",
        record.total_tokens.map(|count| Value::from(count.0)),
    );
    let upstream = record
        .cost_details
        .as_ref()
        .and_then(|details| details.get("upstream_inference_cost"));
    if let Some(upstream) = present(upstream) {
        usage.set("costDetails", json!({"upstreamInferenceCost": upstream}));
    }
    usage.into_value()
}
