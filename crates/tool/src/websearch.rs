//! The `websearch` tool: asks a search service of the web (reference `tools.md` §3, websearch;
//! `integrations-2.md` M).
//!
//! Who is asked, where and with which key is [`Settings`]; how, is [`service`]; what the answer says, [`reply`].

mod reply;
mod service;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opencode_schema::Object;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::service::{Settings, Who};
use crate::contract::{Ask, Call, Definition, Failure, Output, Scope, Tool, arguments};
use crate::web::Lazy;

/// The name of the tool.
pub const NAME: &str = "websearch";
pub(crate) const DESCRIPTION: &str = include_str!("descriptions/websearch.md");
/// What is said when nothing was found.
const NOTHING: &str = "No search results found. Please try a different query.";

/// The `websearch` tool.
#[derive(Debug, Default)]
pub struct Websearch {
    settings: Settings,
    client: Lazy,
}

#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Arguments {
    /// What to look for
    query: String,
    /// Results wanted, at most 20 (default 8)
    #[serde(skip_serializing_if = "Option::is_none")]
    num_results: Option<f64>,
    /// Whether pages are read anew: only when there is no copy (fallback, the default), or first (preferred)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Livecrawl")]
    livecrawl: Option<Livecrawl>,
    /// How thorough: auto (default), fast or deep
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Kind")]
    kind: Option<Kind>,
    /// Characters wanted at most, up to 50000
    #[serde(skip_serializing_if = "Option::is_none")]
    context_max_characters: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Livecrawl {
    #[default]
    Fallback,
    Preferred,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Auto,
    Fast,
    Deep,
}

impl Websearch {
    /// A tool that asks as `settings` say.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            client: Lazy::default(),
        }
    }

    async fn search(&self, call: &Call, input: Value) -> Result<Output, Failure> {
        let arguments: Arguments = arguments(NAME, input)?;
        let who = self.settings.who(call.session_id.as_str());
        let metadata = Object::from_iter([("provider".to_owned(), who.id().into())]);
        let title = format!("{} \"{}\"", who.name(), arguments.query);
        call.host.progress(call, Some(title), metadata.clone());
        let output = self.find(call, who, &arguments).await?;
        Ok(Output {
            title: format!("{}: {}", who.name(), arguments.query),
            output,
            metadata,
            ..Output::default()
        })
    }

    /// What a service says to the arguments of a call, and which it was.
    pub(crate) async fn answer(&self, call: &Call, input: Value) -> Result<(&'static str, String), Failure> {
        let arguments: Arguments = arguments(NAME, input)?;
        let who = self.settings.who(call.session_id.as_str());
        Ok((who.id(), self.find(call, who, &arguments).await?))
    }

    async fn find(&self, call: &Call, who: Who, arguments: &Arguments) -> Result<String, Failure> {
        let mut of_question = match serde_json::to_value(arguments) {
            Ok(Value::Object(object)) => object,
            _ => Object::new(),
        };
        of_question.values_mut().for_each(without_fraction);
        of_question.insert("provider".into(), who.id().into());
        call.ask(Ask {
            permission: NAME.into(),
            patterns: vec![arguments.query.clone()],
            always: vec!["*".into()],
            metadata: of_question,
        })
        .await?;
        let found = self.ask_service(call, who, arguments).await?;
        Ok(found.unwrap_or_else(|| NOTHING.to_owned()))
    }
}

/// Numbers as the model wrote them: without a fraction when there is none.
fn without_fraction(value: &mut Value) {
    if let Some(number) = value
        .as_f64()
        .filter(|number| number.fract() == 0.0 && number.abs() < 1e15)
    {
        *value = (number as i64).into();
    }
}

impl Tool for Websearch {
    fn name(&self) -> &str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        let year = jiff::Zoned::now().year().to_string();
        Definition::of::<Arguments>(&DESCRIPTION.replace("{year}", &year))
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        self.search(call, input).boxed()
    }
}

#[cfg(test)]
mod tests;
