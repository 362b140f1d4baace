//! The `webfetch` tool: the content of an address of the web (reference `tools.md` §3, webfetch).
//!
//! Asks, fetches within limits of size and time ([`fetch`]), and turns pages into what was asked for:
//! Markdown ([`markdown`]) or text ([`text`]).

mod fetch;
mod html;
mod markdown;
mod text;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opencode_schema::Object;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contract::{Ask, Attachment, Call, Definition, Failure, Output, Scope, Tool, arguments};
pub(crate) use fetch::Fetched;
use fetch::Fetcher;

pub(crate) const NAME: &str = "webfetch";
pub(crate) const DESCRIPTION: &str = include_str!("descriptions/webfetch.md");

/// Seconds when the model does not say.
const DEFAULT_SECONDS: f64 = 30.0;
/// Seconds at most.
const MOST_SECONDS: f64 = 120.0;

/// The `webfetch` tool.
#[derive(Debug, Default)]
pub struct Webfetch {
    fetcher: Fetcher,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Arguments {
    /// Full address
    url: String,
    /// Form of the result
    #[serde(default)]
    format: Format,
    /// Seconds to wait at most, up to 120
    timeout: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    Text,
    #[default]
    Markdown,
    Html,
}

impl Format {
    /// Its name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Markdown => "markdown",
            Self::Html => "html",
        }
    }

    /// What servers are told of it.
    fn accept(self) -> &'static str {
        match self {
            Self::Markdown => {
                "text/markdown;q=1.0, text/x-markdown;q=0.9, text/plain;q=0.8, text/html;q=0.7, */*;q=0.1"
            }
            Self::Text => "text/plain;q=1.0, text/markdown;q=0.9, text/html;q=0.8, */*;q=0.1",
            Self::Html => {
                "text/html;q=1.0, application/xhtml+xml;q=0.9, text/plain;q=0.8, text/markdown;q=0.7, */*;q=0.1"
            }
        }
    }
}

impl Tool for Webfetch {
    fn name(&self) -> &str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        Definition::of::<Arguments>(DESCRIPTION)
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        self.fetch(call, input).boxed()
    }
}

impl Webfetch {
    async fn fetch(&self, call: &Call, input: Value) -> Result<Output, Failure> {
        let Arguments { url, format, timeout } = arguments(NAME, input)?;
        let fetched = self.retrieve(call, &url, format, timeout).await?;
        result(&url, format, fetched).await
    }

    /// Gets the document at an address, once that is allowed.
    pub(crate) async fn retrieve(
        &self,
        call: &Call,
        url: &str,
        format: Format,
        timeout: Option<f64>,
    ) -> Result<Fetched, Failure> {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(Failure::told("URL must start with http:// or https://"));
        }
        let mut metadata = Object::new();
        metadata.insert("url".into(), url.into());
        metadata.insert("format".into(), format.name().into());
        if let Some(timeout) = timeout {
            metadata.insert("timeout".into(), seconds(timeout));
        }
        call.ask(Ask {
            permission: NAME.into(),
            patterns: vec![url.to_owned()],
            always: vec!["*".into()],
            metadata,
        })
        .await?;
        let limit = timeout
            .filter(|timeout| *timeout > 0.0)
            .unwrap_or(DEFAULT_SECONDS)
            .min(MOST_SECONDS);
        let limit = Duration::try_from_secs_f64(limit).unwrap_or(Duration::from_secs(30));
        let fetched = tokio::select! {
            fetched = tokio::time::timeout(limit, self.fetcher.get(url, format.accept())) => fetched,
            () = call.cancel.cancelled() => return Err(Failure::Aborted),
        };
        fetched
            .map_err(|_| Failure::told("Request timed out"))?
            .map_err(|error| Failure::told(error.to_string()))
    }
}

/// As the model wrote it: without a fraction when there is none.
fn seconds(timeout: f64) -> Value {
    if timeout.fract() == 0.0 && timeout.abs() < 1e15 {
        (timeout as i64).into()
    } else {
        timeout.into()
    }
}

async fn result(url: &str, format: Format, fetched: Fetched) -> Result<Output, Failure> {
    let Fetched { content_type, body } = fetched;
    let title = format!("{url} ({content_type})");
    let mime = media_type(&content_type);
    if is_image(&mime) {
        let url = format!("data:{mime};base64,{}", STANDARD.encode(&body));
        return Ok(Output {
            title,
            output: "Image fetched successfully".into(),
            attachments: vec![Attachment {
                mime,
                url,
                filename: None,
            }],
            ..Output::default()
        });
    }
    let output = text_of(&content_type, body, format).await?;
    Ok(Output {
        title,
        output,
        ..Output::default()
    })
}

/// A document in the form that is wanted.
pub(crate) async fn text_of(content_type: &str, body: Vec<u8>, format: Format) -> Result<String, Failure> {
    let page = content_type.contains("text/html");
    let convert = move || {
        let text = String::from_utf8_lossy(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&body));
        match format {
            Format::Markdown if page => markdown::convert(&text),
            Format::Text if page => text::convert(&text),
            _ => text.into_owned(),
        }
    };
    tokio::task::spawn_blocking(convert)
        .await
        .map_err(|error| Failure::told(format!("The page could not be converted: {error}")))
}

/// The media type alone, in small letters.
pub(crate) fn media_type(content_type: &str) -> String {
    let mime = content_type.split(';').next().unwrap_or_default();
    mime.trim().to_ascii_lowercase()
}

/// Whether models are shown it as a picture; drawings are text.
pub(crate) fn is_image(mime: &str) -> bool {
    mime.starts_with("image/") && !matches!(mime, "image/svg+xml" | "image/vnd.fastbidsheet")
}

#[cfg(test)]
mod tests;
