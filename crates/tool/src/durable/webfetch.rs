//! `webfetch` of durable sessions: texts only.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{facts, schema};
use crate::contract::{Call, Definition, Failure, Output, Scope, Tool, arguments};
use crate::webfetch::{self, DESCRIPTION, Fetched, Format, NAME};

/// Seconds at most.
const MOST_SECONDS: f64 = 120.0;

/// Media types of programs that are texts; so are those that end in `+json` and `+xml`.
const TEXTS: [&str; 6] = [
    "application/json",
    "application/xml",
    "application/javascript",
    "application/yaml",
    "application/toml",
    "application/sql",
];

/// Gets the content of an address of the web.
#[derive(Debug, Default)]
pub(super) struct Webfetch(webfetch::Webfetch);

#[derive(Debug, Deserialize, JsonSchema)]
struct Arguments {
    /// Full address
    url: String,
    /// Form of the result, markdown when left out
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "format_schema")]
    format: Option<Format>,
    /// Seconds to wait at most, up to 120
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "timeout_schema")]
    timeout: Option<f64>,
}

fn format_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ["text", "markdown", "html"] })
}

fn timeout_schema(_: &mut SchemaGenerator) -> Schema {
    // Parity: `v2.md` §6: numbers that JSON does not have are named, though the bounds exclude them.
    json_schema!({
        "allOf": [{ "exclusiveMinimum": 0 }, { "maximum": 120 }],
        "anyOf": [
            { "type": "number" },
            { "type": "string", "enum": ["NaN"] },
            { "type": "string", "enum": ["Infinity"] },
            { "type": "string", "enum": ["-Infinity"] },
        ],
    })
}

impl Tool for Webfetch {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        schema::definition::<Arguments>(DESCRIPTION)
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        self.fetch(call, input).boxed()
    }
}

impl Webfetch {
    async fn fetch(&self, call: &Call, input: Value) -> Result<Output, Failure> {
        let Arguments { url, format, timeout } = arguments(NAME, input)?;
        if timeout.is_some_and(|timeout| !(timeout > 0.0 && timeout <= MOST_SECONDS)) {
            return Err(Failure::told(format!(
                "timeout must be more than 0 and at most {MOST_SECONDS} seconds"
            )));
        }
        let format = format.unwrap_or_default();
        let fetched = self.0.retrieve(call, &url, format, timeout).await?;
        let Fetched { content_type, body } = fetched;
        if !is_text(&webfetch::media_type(&content_type), &body) {
            return Err(Failure::told(format!(
                "Unable to fetch {url}: it is no text but {content_type}"
            )));
        }
        let output = webfetch::text_of(&content_type, body, format).await?;
        Ok(Output {
            title: url.clone(),
            metadata: facts(json!({
                "url": url, "contentType": content_type, "format": format.name(), "output": output,
            })),
            output,
            ..Output::default()
        })
    }
}

/// Whether a document can be told in words. Where its type leaves that open, it has to be UTF-8.
fn is_text(mime: &str, body: &[u8]) -> bool {
    let kind = mime.split('/').next().unwrap_or_default();
    if kind == "text" || TEXTS.contains(&mime) || mime.ends_with("+json") || mime.ends_with("+xml") {
        return true;
    }
    if matches!(kind, "image" | "audio" | "video" | "font") || mime == "application/pdf" {
        return false;
    }
    !body.contains(&0) && std::str::from_utf8(body).is_ok()
}
