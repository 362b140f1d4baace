//! `websearch` of durable sessions.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Value, json};

use super::schema::Count;
use super::{facts, schema};
use crate::contract::{Call, Definition, Failure, Output, Scope, Tool, arguments};
use crate::websearch::{self, NAME, Settings};

/// Asks a search service of the web.
#[derive(Debug, Default)]
pub(super) struct Websearch(websearch::Websearch);

/// What is checked here; the tool of the same name reads the rest, too.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "read to be checked")]
struct Arguments {
    /// What to look for
    query: String,
    /// Results wanted, at most 20 (default 8)
    num_results: Option<Count<20>>,
    /// Whether pages are read anew: only when there is no copy (fallback, the default), or first (preferred)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "livecrawl_schema")]
    livecrawl: Option<String>,
    /// How thorough: auto (default), fast or deep
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "kind_schema")]
    kind: Option<String>,
    /// Characters wanted at most, up to 50000
    context_max_characters: Option<Count<50_000>>,
}

fn livecrawl_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ["fallback", "preferred"] })
}

fn kind_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ["auto", "fast", "deep"] })
}

impl Websearch {
    /// A tool that asks as `settings` say.
    pub(super) fn new(settings: Settings) -> Self {
        Self(websearch::Websearch::new(settings))
    }

    async fn search(&self, call: &Call, input: Value) -> Result<Output, Failure> {
        let Arguments { query, .. } = arguments(NAME, input.clone())?;
        let (provider, text) = self.0.answer(call, input).await?;
        Ok(Output {
            title: query,
            metadata: facts(json!({ "provider": provider, "text": text })),
            output: text,
            ..Output::default()
        })
    }
}

impl Tool for Websearch {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self, scope: &Scope) -> Definition {
        schema::definition::<Arguments>(&self.0.definition(scope).description)
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        self.search(call, input).boxed()
    }
}
