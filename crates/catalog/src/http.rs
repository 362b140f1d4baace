//! Small calls to providers beside the calls of models: catalogues, logins, lists of models.
//!
//! Answers are bounded in size and time. Addresses in errors go without their query, which may be secret.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Method};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::OnceCell;
use url::Url;
use url::form_urlencoded::Serializer;

/// Bytes of an answer that are read, unless the call says otherwise.
const ANSWER_LIMIT: usize = 1 << 20;
/// How long a call may take, unless it says otherwise.
const LIMIT: Duration = Duration::from_secs(20);
/// Characters of a refusal that are shown.
const SHOWN: usize = 200;

/// A client for small calls. Cheap to clone; connections are made on first use.
#[derive(Debug, Clone, Default)]
pub struct Http {
    clients: Arc<Clients>,
}

#[derive(Debug, Default)]
struct Clients {
    /// For addresses of this machine: it loads no certificates and asks no proxy.
    local: OnceCell<Client>,
    secure: OnceCell<Client>,
}

/// Why a small call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// It is no address.
    #[error("{url} is no address of a server")]
    NoAddress {
        /// What it was.
        url: String,
    },
    /// Nothing came.
    #[error("{url} cannot be reached: {reason}")]
    Unreachable {
        /// The address.
        url: String,
        /// Why.
        reason: String,
    },
    /// The server refused.
    #[error("{url} answers {status}{}", told(body))]
    Refused {
        /// The address.
        url: String,
        /// The status.
        status: u16,
        /// What the server said.
        body: String,
    },
    /// The answer is something else than was asked for.
    #[error("{url} answers with something else than was expected: {reason}")]
    Unexpected {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

fn told(body: &str) -> String {
    let body = body.trim();
    if body.is_empty() || body.starts_with('<') {
        return String::new();
    }
    format!(": {}", body.chars().take(SHOWN).collect::<String>())
}

/// One call.
#[derive(Debug)]
pub struct Call<'a> {
    method: Method,
    url: String,
    headers: Vec<(&'a str, String)>,
    body: Option<(&'static str, String)>,
    limit: Duration,
    answer_limit: usize,
}

impl<'a> Call<'a> {
    /// Asks for something.
    #[must_use]
    pub fn get(url: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            url: url.into(),
            headers: Vec::new(),
            body: None,
            limit: LIMIT,
            answer_limit: ANSWER_LIMIT,
        }
    }

    /// Sends a form.
    #[must_use]
    pub fn form(url: impl Into<String>, fields: &[(&str, &str)]) -> Self {
        let form = Serializer::new(String::new()).extend_pairs(fields).finish();
        Self {
            method: Method::POST,
            body: Some(("application/x-www-form-urlencoded", form)),
            ..Self::get(url)
        }
    }

    /// Sends JSON.
    #[must_use]
    pub fn json(url: impl Into<String>, body: &Value) -> Self {
        Self {
            method: Method::POST,
            body: Some(("application/json", body.to_string())),
            ..Self::get(url)
        }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// It may take so long.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The answer may have so many bytes.
    #[must_use]
    pub fn at_most(mut self, bytes: usize) -> Self {
        self.answer_limit = bytes;
        self
    }
}

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The address, without what may be secret.
    pub url: String,
    /// The status.
    pub status: u16,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The same, unless the server refused.
    ///
    /// # Errors
    /// [`HttpError::Refused`].
    pub fn accepted(self) -> Result<Self, HttpError> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        Err(HttpError::Refused {
            url: self.url,
            status: self.status,
            body: String::from_utf8_lossy(&self.body).into_owned(),
        })
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// [`HttpError::Unexpected`]; the message holds nothing of the body.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, HttpError> {
        serde_json::from_slice(&self.body).map_err(|error| HttpError::Unexpected {
            url: self.url.clone(),
            reason: format!("no fitting JSON at line {}", error.line()),
        })
    }
}

impl Http {
    /// Makes a call. Whatever the server answers is an answer.
    ///
    /// # Errors
    /// Nothing came, or too much.
    pub async fn send(&self, call: Call<'_>) -> Result<Answer, HttpError> {
        let url = Url::parse(&call.url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        let Some(url) = url else {
            return Err(HttpError::NoAddress { url: call.url });
        };
        let shown = shown(&url);
        let unreachable = |reason: String| HttpError::Unreachable {
            url: shown.clone(),
            reason,
        };
        let (limit, answer_limit) = (call.limit, call.answer_limit);
        let ask = async {
            let client = self
                .client(&url)
                .await
                .map_err(|error| unreachable(reason(error)))?;
            let mut request = client
                .request(call.method, url)
                .header(ACCEPT, "application/json");
            for (name, value) in call.headers {
                let parsed = HeaderName::from_bytes(name.as_bytes())
                    .ok()
                    .zip(HeaderValue::from_str(&value).ok());
                let (name, value) =
                    parsed.ok_or_else(|| unreachable(format!("the header {name} cannot be sent")))?;
                request = request.header(name, value);
            }
            if let Some((kind, body)) = call.body {
                request = request.header(CONTENT_TYPE, kind).body(body);
            }
            let mut response = request.send().await.map_err(|error| unreachable(reason(error)))?;
            let status = response.status().as_u16();
            let mut body = Vec::new();
            while let Some(piece) = response
                .chunk()
                .await
                .map_err(|error| unreachable(reason(error)))?
            {
                if body.len() + piece.len() > answer_limit {
                    return Err(HttpError::Unexpected {
                        url: shown.clone(),
                        reason: format!("more than {answer_limit} bytes"),
                    });
                }
                body.extend_from_slice(&piece);
            }
            Ok(Answer {
                url: shown.clone(),
                status,
                body,
            })
        };
        match tokio::time::timeout(limit, Box::pin(ask)).await {
            Ok(answer) => answer,
            Err(_) => Err(unreachable(format!("no answer in {limit:?}"))),
        }
    }

    async fn client(&self, url: &Url) -> Result<Client, reqwest::Error> {
        let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if local && url.scheme() == "http" {
            let make = async || builder().no_proxy().tls_certs_only([]).build();
            return self.clients.local.get_or_try_init(make).await.cloned();
        }
        let make = async || {
            // Reading the system's certificates blocks.
            match tokio::task::spawn_blocking(|| builder().build()).await {
                Ok(client) => client,
                Err(_) => builder().build(),
            }
        };
        self.clients.secure.get_or_try_init(make).await.cloned()
    }
}

fn builder() -> ClientBuilder {
    // Fails when one is installed already, and that one is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().redirect(Policy::limited(5))
}

/// The error with what caused it, without the address.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Both fail only for addresses that cannot have a login.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}
