//! Small calls while one logs in: bounded in size and time, and careful about where secrets go.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Method};
use serde_json::Value;
use tokio::sync::OnceCell;
use url::Url;

use super::error::OAuthError;

/// Bytes of an answer that are read.
const ANSWER_LIMIT: usize = 1 << 20;
/// How long a call may take.
const LIMIT: Duration = Duration::from_secs(20);

/// A client for small calls. Cheap to clone; connections are made on first use.
#[derive(Clone, Debug, Default)]
pub(super) struct Http {
    clients: Arc<Clients>,
}

#[derive(Debug, Default)]
struct Clients {
    /// For addresses of this machine: it loads no certificates and asks no proxy.
    local: OnceCell<Client>,
    secure: OnceCell<Client>,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) url: String,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body, if it is a JSON object.
    pub(super) fn object(&self) -> Option<Value> {
        serde_json::from_slice::<Value>(&self.body)
            .ok()
            .filter(Value::is_object)
    }

    pub(super) fn unexpected(&self, what: impl Into<String>) -> OAuthError {
        OAuthError::Unexpected {
            url: self.url.clone(),
            what: what.into(),
        }
    }
}

/// A call.
pub(super) struct Call {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<String>,
    /// Whether an answer that never ends is cut instead of refused: event streams.
    cut: bool,
}

impl Call {
    pub(super) fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: None,
            cut: false,
        }
    }

    pub(super) fn json(url: Url, body: &Value) -> Self {
        let mut call = Self::get(url);
        call.method = Method::POST;
        call.body = Some(body.to_string());
        call.header(CONTENT_TYPE, "application/json")
    }

    pub(super) fn form(url: Url, fields: &[(&str, &str)]) -> Self {
        let mut call = Self::get(url);
        call.method = Method::POST;
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        call.body = Some(form);
        call.header(CONTENT_TYPE, "application/x-www-form-urlencoded")
    }

    pub(super) fn delete(url: Url) -> Self {
        let mut call = Self::get(url);
        call.method = Method::DELETE;
        call
    }

    /// With one more header. One that cannot be sent is left out.
    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(value) {
            value.set_sensitive(name == reqwest::header::AUTHORIZATION);
            self.headers.insert(name, value);
        }
        self
    }

    /// With these headers, which do not replace those that are there.
    pub(super) fn headers(mut self, headers: &HeaderMap) -> Self {
        for (name, value) in headers {
            if !self.headers.contains_key(name) {
                self.headers.append(name.clone(), value.clone());
            }
        }
        self
    }

    /// An answer that does not end is cut.
    pub(super) fn cut(mut self) -> Self {
        self.cut = true;
        self
    }
}

impl Http {
    /// Makes a call. Whatever the server answers is an answer.
    pub(super) async fn send(&self, call: Call) -> Result<Answer, OAuthError> {
        let shown = shown(&call.url);
        let unreachable = |reason: String| OAuthError::Unreachable {
            url: shown.clone(),
            reason,
        };
        let cut = call.cut;
        let ask = async {
            let client = self
                .client(&call.url)
                .await
                .map_err(|error| unreachable(reason(error)))?;
            let mut headers = call.headers;
            headers
                .entry(ACCEPT)
                .or_insert(HeaderValue::from_static("application/json"));
            let mut request = client.request(call.method, call.url).headers(headers);
            if let Some(body) = call.body {
                request = request.body(body);
            }
            let response = request.send().await;
            let mut response = response.map_err(|error| unreachable(reason(error)))?;
            let mut answer = Answer {
                url: shown.clone(),
                status: response.status().as_u16(),
                headers: response.headers().clone(),
                body: Vec::new(),
            };
            let kind = answer.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
            let is_stream = kind.is_some_and(|kind| kind.starts_with(b"text/event-stream"));
            while let Some(piece) = response
                .chunk()
                .await
                .map_err(|error| unreachable(reason(error)))?
            {
                if answer.body.len() + piece.len() > ANSWER_LIMIT {
                    return Err(answer.unexpected(format!("with more than {ANSWER_LIMIT} bytes")));
                }
                answer.body.extend_from_slice(&piece);
                if cut && is_stream && holds_event(&answer.body) {
                    break;
                }
            }
            Ok(answer)
        };
        match tokio::time::timeout(LIMIT, Box::pin(ask)).await {
            Ok(answer) => answer,
            Err(_) => Err(unreachable(format!("no answer in {LIMIT:?}"))),
        }
    }

    async fn client(&self, url: &Url) -> Result<Client, reqwest::Error> {
        if is_here(url) && url.scheme() == "http" {
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
    // What is moved is followed as long as no body, which may hold secrets, goes to somebody else by that.
    let follow = Policy::custom(|attempt| {
        let before = attempt.previous().last();
        let leaves = before.is_some_and(|before| before.origin() != attempt.url().origin());
        let is_first = attempt.previous().first();
        let is_public = is_first.is_some_and(|first| first.path().contains("/.well-known/"));
        if attempt.previous().len() > 5 {
            attempt.error("too many redirections")
        } else if leaves && !is_public && matches!(attempt.status().as_u16(), 307 | 308) {
            attempt.stop()
        } else {
            attempt.follow()
        }
    });
    Client::builder()
        .redirect(follow)
        .user_agent(concat!("opencode/", env!("CARGO_PKG_VERSION")))
}

/// Whether a stream of events has come to the end of one that says something.
fn holds_event(stream: &[u8]) -> bool {
    let text = String::from_utf8_lossy(stream)
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    // What is behind the last end is not whole yet.
    let Some((whole, _)) = text.rsplit_once("\n\n") else {
        return false;
    };
    whole.lines().any(|line| line.starts_with("data:"))
}

/// Whether an address is one of this machine.
pub(super) fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The headers that configuration gives a server; what cannot be sent is left out.
pub(super) fn configured(headers: Option<&IndexMap<String, String>>) -> HeaderMap {
    let mut all = HeaderMap::new();
    for (name, value) in headers.into_iter().flatten() {
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .ok()
            .zip(HeaderValue::from_str(value).ok());
        match parsed {
            Some((name, value)) => {
                all.insert(name, value);
            }
            None => tracing::warn!(name, "a configured header cannot be sent"),
        }
    }
    all
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

/// An address without what may be secret.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Both fail only for addresses that cannot have a login.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_whole_when_they_have_ended() {
        for (stream, wanted) in [
            ("", false),
            ("data: 1\n", false),
            ("data: 1\n\n", true),
            ("data: 1\r\n\r\n", true),
            (": hello\n\n", false),
            (": hello\n\nid: 1\ndata:\n\n", true),
        ] {
            assert_eq!(holds_event(stream.as_bytes()), wanted, "{stream:?}");
        }
    }

    #[test]
    fn addresses_of_this_machine() {
        for (url, wanted) in [
            ("http://localhost:1/", true),
            ("http://127.0.0.9/", true),
            ("http://[::1]:5/", true),
            ("http://localhost.evil.test/", false),
            ("http://10.0.0.1/", false),
        ] {
            assert_eq!(is_here(&Url::parse(url).unwrap()), wanted, "{url}");
        }
    }
}
