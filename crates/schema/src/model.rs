//! Providers and models as the catalogue gives them and the API shows them (reference `providers.md` §1.3).

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{Object, number};

/// A provider that can be used here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provider {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How it came to be connected.
    pub source: Source,
    /// Environment variables that may hold its key.
    pub env: Vec<String>,
    /// The key, when one variable or stored credential gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Options from configuration.
    pub options: Object,
    /// Its models by id.
    pub models: IndexMap<String, Model>,
}

/// How a provider came to be connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// An environment variable.
    Env,
    /// Configuration.
    Config,
    /// A loader of its own.
    Custom,
    /// A stored credential.
    Api,
}

/// A model of a provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Its id within the provider.
    pub id: String,
    /// The provider.
    #[serde(rename = "providerID")]
    pub provider_id: String,
    /// Its name.
    pub name: String,
    /// Family name, for choosing a small model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// How it is reached.
    pub api: Api,
    /// How mature it is.
    pub status: Status,
    /// Headers sent with each request.
    pub headers: IndexMap<String, String>,
    /// Options sent with each request.
    pub options: Object,
    /// Prices in US dollars per million tokens.
    pub cost: Pricing,
    /// Token limits.
    pub limit: Limit,
    /// What it can do.
    pub capabilities: Capabilities,
    /// `YYYY-MM-DD`, or empty.
    pub release_date: String,
    /// Named sets of options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variants: Option<IndexMap<String, Object>>,
}

/// How a model is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Api {
    /// The id that the provider knows.
    pub id: String,
    /// Base address; empty when the adapter has its own.
    pub url: String,
    /// The adapter, which decides the wire protocol.
    pub npm: String,
    /// Which of the adapter's interfaces it has, where its provider says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// How mature a model is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Experimental.
    Alpha,
    /// Nearly there.
    Beta,
    /// Going away.
    Deprecated,
    /// In use.
    #[default]
    Active,
}

/// Prices in US dollars per million tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pricing {
    /// The base price.
    #[serde(flatten)]
    pub base: Price,
    /// Prices from a context size on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tiers: Option<Vec<Tier>>,
    /// Price when the input is over 200 000 tokens.
    #[serde(rename = "experimentalOver200K", skip_serializing_if = "Option::is_none")]
    pub over_200k: Option<Price>,
}

/// Prices in US dollars per million tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// Input.
    #[serde(with = "number")]
    pub input: f64,
    /// Output.
    #[serde(with = "number")]
    pub output: f64,
    /// Cache.
    pub cache: CachePrice,
}

/// Prices of the prompt cache in US dollars per million tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CachePrice {
    /// Read.
    #[serde(with = "number")]
    pub read: f64,
    /// Write.
    #[serde(with = "number")]
    pub write: f64,
}

/// A price from a context size on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tier {
    /// The price.
    #[serde(flatten)]
    pub price: Price,
    /// From when on.
    pub tier: TierBound,
}

/// From when on a price holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TierBound {
    /// `context`.
    pub r#type: String,
    /// Input tokens beyond which it holds.
    pub size: u64,
}

/// Token limits; 0 is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Input and output together.
    pub context: u64,
    /// Input alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<u64>,
    /// Output alone.
    pub output: u64,
}

/// What a model can do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Takes a temperature.
    pub temperature: bool,
    /// Reasons.
    pub reasoning: bool,
    /// Takes files.
    pub attachment: bool,
    /// Calls tools.
    pub toolcall: bool,
    /// What it takes.
    pub input: Modalities,
    /// What it gives.
    pub output: Modalities,
    /// How reasoning goes back with the history.
    pub interleaved: Interleaved,
}

/// Kinds of content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Modalities {
    /// Words.
    pub text: bool,
    /// Sound.
    pub audio: bool,
    /// Pictures.
    pub image: bool,
    /// Films.
    pub video: bool,
    /// PDF documents.
    pub pdf: bool,
}

/// How reasoning goes back with the history: the adapter's own way, or in a named field of the message.
/// Read from `true`, a field's name, or `{"field": name}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, from = "InterleavedForm")]
pub enum Interleaved {
    /// The adapter's own way.
    Flag(bool),
    /// In this field of the assistant message.
    Field {
        /// Name of the field.
        field: String,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum InterleavedForm {
    Flag(bool),
    Name(String),
    Field { field: String },
}

impl From<InterleavedForm> for Interleaved {
    fn from(form: InterleavedForm) -> Self {
        match form {
            InterleavedForm::Flag(flag) => Self::Flag(flag),
            InterleavedForm::Name(field) | InterleavedForm::Field { field } => Self::Field { field },
        }
    }
}

impl Default for Interleaved {
    fn default() -> Self {
        Self::Flag(false)
    }
}

impl Interleaved {
    /// The field that reasoning goes into, when one is named.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Field { field } => Some(field),
            Self::Flag(_) => None,
        }
    }
}
