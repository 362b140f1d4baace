//! Where a request goes: an adapter, a provider, a model and what the user set for them.
//!
//! The catalogue makes it (reference `providers.md` §3.1); it is complete, nothing is looked up later.
//! Secrets never show in its debug form.

use std::fmt;
use std::time::Duration;

use indexmap::IndexMap;
use secrecy::{ExposeSecret as _, SecretString};

use crate::adapter::{Adapter, Addressing, ModelPath};
use crate::error::Error;
use crate::identity::Identity;

/// The default of the header and idle limits (reference `providers.md` §9.6).
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(300);

/// Where a request goes.
#[derive(Clone)]
pub struct Target {
    /// How the provider is spoken to.
    pub adapter: &'static Adapter,
    /// The provider's id; also the namespace of options where the adapter has none of its own.
    pub provider_id: String,
    /// The model's id as the provider knows it.
    pub model_id: String,
    /// The address below which the protocol's paths lie; the adapter's own if `None`.
    pub base_url: Option<String>,
    /// The key.
    pub api_key: Option<SecretString>,
    /// Where to find who asks, for providers that want more than a key.
    pub identity: Option<Identity>,
    /// Headers of the provider and of the model, the user agent among them. They win over those of the
    /// adapter, the key's too.
    pub headers: IndexMap<String, String>,
    /// Limits in time.
    pub limits: Limits,
    /// Settings that only some adapters know.
    pub settings: Settings,
    /// Who sends its requests, where we do not do it ourselves.
    pub through: Option<Detour>,
}

/// Somebody on this machine who sends requests in our place: they go to an address of his, with the address that they
/// are for in a header.
#[derive(Clone, PartialEq, Eq)]
pub struct Detour {
    /// His address. Who knows it can send through it, so that it is a secret.
    pub url: String,
    /// The header.
    pub header: &'static str,
}

/// Limits in time; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until the headers of the answer came (`headerTimeout`).
    pub header: Option<Duration>,
    /// Between two pieces of a streamed answer (`chunkTimeout`).
    pub idle: Option<Duration>,
    /// The whole call (`timeout`).
    pub request: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header: Some(DEFAULT_LIMIT),
            idle: Some(DEFAULT_LIMIT),
            request: None,
        }
    }
}

/// Settings of a provider that only some adapters know (reference `providers.md` §2.1).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `includeUsage`: whether to ask for a usage record in the stream; the adapter's default if `None`.
    pub include_usage: Option<bool>,
    /// `supportsStructuredOutputs`: the provider holds answers to a JSON schema.
    pub structured_outputs: bool,
    /// `queryParams`: appended to the address.
    pub query: Vec<(String, String)>,
    /// `useDeploymentBasedUrls` of Azure.
    pub deployment_urls: bool,
    /// `apiVersion` of Azure; `v1` if `None`.
    pub api_version: Option<String>,
    /// The headers prove who asks in a way of their own, so that no key is needed.
    pub keyless: bool,
    /// The model may write its calls as text.
    pub written_calls: bool,
    /// The system prompt is wanted as an option of the protocol, not among the messages.
    pub instructions: bool,
}

impl Target {
    /// A target with the adapter's address and the default limits.
    #[must_use]
    pub fn new(
        adapter: &'static Adapter,
        provider_id: impl Into<String>,
        model_id: impl Into<String>,
    ) -> Self {
        Self {
            adapter,
            provider_id: provider_id.into(),
            model_id: model_id.into(),
            base_url: None,
            api_key: None,
            identity: None,
            headers: IndexMap::new(),
            limits: Limits::default(),
            settings: Settings::default(),
            through: None,
        }
    }

    /// The address to send to for a streamed answer.
    ///
    /// # Errors
    ///
    /// When neither the target nor the adapter has an address, or it is none.
    pub fn url(&self) -> Result<url::Url, Error> {
        self.url_for(true)
    }

    /// The address below which the protocol's paths lie, as text and taken apart.
    fn base(&self) -> Result<(&str, url::Url), Error> {
        let Some(base) = self
            .base_url
            .as_deref()
            .filter(|base| !base.is_empty())
            .or(self.adapter.base_url)
        else {
            let reason = format!(
                "provider {} has no address, and the adapter has no default",
                self.provider_id
            );
            return Err(Error::BadAddress {
                url: String::new(),
                reason,
            });
        };
        let base = base.strip_suffix('/').unwrap_or(base);
        let bad = |error: &dyn fmt::Display| Error::BadAddress {
            url: shown_text(base),
            reason: error.to_string(),
        };
        let base_url = url::Url::parse(base).map_err(|error| bad(&error))?;
        if !matches!(base_url.scheme(), "http" | "https") {
            return Err(bad(&"only http and https are spoken"));
        }
        Ok((base, base_url))
    }

    /// The address to send to.
    pub(crate) fn url_for(&self, streaming: bool) -> Result<url::Url, Error> {
        let path = self.adapter.path;
        match self.adapter.addressing {
            Addressing::Model { id, streamed, whole } => {
                let action = if streaming { streamed } else { whole };
                self.url_below(&format!("{path}{}{action}", self.model_path(id)))
            }
            Addressing::Plain | Addressing::Anthropic | Addressing::Azure => self.url_below(path),
        }
    }

    /// An address of the provider, by its path beside that of the protocol.
    pub(crate) fn url_below(&self, path: &str) -> Result<url::Url, Error> {
        let (base, base_url) = self.base()?;
        let (text, version) = match self.adapter.addressing {
            Addressing::Plain | Addressing::Model { .. } => (format!("{base}{path}"), None),
            Addressing::Anthropic => {
                let version = if base == "https://api.anthropic.com" {
                    "/v1"
                } else {
                    ""
                };
                (format!("{base}{version}{path}"), None)
            }
            Addressing::Azure => self.azure_url(base, &base_url, path),
        };
        let mut url = url::Url::parse(&text).map_err(|error| Error::BadAddress {
            url: shown_text(base),
            reason: error.to_string(),
        })?;
        let query = self
            .settings
            .query
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let version = version.map(|version| ("api-version", version));
        if version.is_some() || !self.settings.query.is_empty() {
            url.query_pairs_mut().extend_pairs(query.chain(version));
        }
        Ok(url)
    }

    fn model_path(&self, form: ModelPath) -> String {
        /// What `encodeURIComponent` leaves as it is.
        const LEFT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
            .remove(b'-')
            .remove(b'_')
            .remove(b'.')
            .remove(b'!')
            .remove(b'~')
            .remove(b'*')
            .remove(b'\'')
            .remove(b'(')
            .remove(b')');
        let id = self.model_id.trim();
        match form {
            ModelPath::Plain => id.to_owned(),
            ModelPath::Folder if id.contains('/') => id.to_owned(),
            ModelPath::Folder => format!("models/{id}"),
            ModelPath::Encoded => percent_encoding::utf8_percent_encode(id, LEFT).to_string(),
        }
    }

    /// Azure keeps its newer paths below `v1` on its own hosts, and the older ones below the deployment.
    fn azure_url(&self, base: &str, base_url: &url::Url, path: &str) -> (String, Option<&str>) {
        let own_host = base_url
            .host_str()
            .is_some_and(|host| host.ends_with(".openai.azure.com"));
        let text = if self.settings.deployment_urls {
            format!("{base}/deployments/{}{path}", self.model_id)
        } else if own_host {
            format!("{base}/v1{path}")
        } else {
            format!("{base}{path}")
        };
        let versioned = own_host || self.settings.deployment_urls;
        (
            text,
            versioned.then(|| self.settings.api_version.as_deref().unwrap_or("v1")),
        )
    }

    /// The header that carries the key, if there is one to carry.
    ///
    /// # Errors
    ///
    /// When the adapter needs a key and there is none.
    pub(crate) fn key_header(&self) -> Result<Option<(&'static str, SecretString)>, Error> {
        let style = &self.adapter.key;
        let key = self
            .api_key
            .as_ref()
            .map(|key| key.expose_secret())
            .filter(|key| style.required || !key.is_empty());
        match key {
            Some(key) => Ok(Some((
                style.header,
                SecretString::from(format!("{}{key}", style.prefix)),
            ))),
            None if style.required && !self.has_own_key_header() => Err(Error::MissingKey {
                provider: self.provider_id.clone(),
            }),
            None => Ok(None),
        }
    }

    fn has_own_key_header(&self) -> bool {
        self.settings.keyless
            || self.headers.keys().any(|name| {
                name.eq_ignore_ascii_case(self.adapter.key.header)
                    || name.eq_ignore_ascii_case("authorization")
            })
    }
}

/// An address as it may be shown: without a login and without the values of its query, where users put
/// keys.
pub(crate) fn shown(url: &url::Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Both fail only for addresses that cannot have a login, and then there is nothing to hide.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

fn shown_text(text: &str) -> String {
    let unparsed = || match text.split_once("://") {
        Some((scheme, _)) => format!("{scheme}://…"),
        None => "…".to_owned(),
    };
    url::Url::parse(text).map_or_else(|_| unparsed(), |url| shown(&url))
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("include_usage", &self.include_usage)
            .field("structured_outputs", &self.structured_outputs)
            .field(
                "query",
                &self.query.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            )
            .field("deployment_urls", &self.deployment_urls)
            .field("api_version", &self.api_version)
            .field("keyless", &self.keyless)
            .field("written_calls", &self.written_calls)
            .field("instructions", &self.instructions)
            .finish()
    }
}

impl fmt::Debug for Detour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Detour")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Target")
            .field("adapter", &self.adapter.package)
            .field("provider_id", &self.provider_id)
            .field("model_id", &self.model_id)
            .field("base_url", &self.base_url.as_deref().map(shown_text))
            .field("api_key", &self.api_key.as_ref().map(|_| "[redacted]"))
            .field("identity", &self.identity)
            // Users put keys into headers, so values are not shown.
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("limits", &self.limits)
            .field("settings", &self.settings)
            .field("through", &self.through)
            .finish()
    }
}
