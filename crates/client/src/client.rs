//! A client: the address of a server, the folder that is worked in, who asks. Requests and answers in general;
//! the single operations stand in [`call`](crate::call).

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::error::{Error, Refusal};
use crate::transport::{Answer, Door, Outgoing, Transport};

/// How long an answer may take that needs no model.
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// Most bytes of an answer.
const ANSWER_LIMIT: usize = 256 * 1024 * 1024;
/// Most bytes of an error.
const REFUSAL_LIMIT: usize = 64 * 1024;

/// Who asks.
#[derive(Clone)]
pub struct Credentials {
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Which server, for whom.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Its address, `http://host:port` or `https://…`.
    pub url: String,
    /// The folder that is worked in, as the server knows it; without one the server's own.
    pub directory: Option<String>,
    /// Who asks, when the server wants to know.
    pub credentials: Option<Credentials>,
    /// A file with certificates that are trusted beside the system's (PEM).
    pub extra_roots: Option<PathBuf>,
}

/// A client of one server and one folder. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
    base: Url,
    headers: HeaderMap,
    directory: Option<String>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("server", &self.server())
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// A request that is being put together.
pub(crate) struct Call {
    method: Method,
    url: Url,
    body: Option<Result<Vec<u8>, serde_json::Error>>,
    /// The turn of a model takes as long as it takes.
    limit: Option<Duration>,
}

impl Client {
    /// A client of a server somewhere. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn new(options: Options) -> Result<Self, Error> {
        let bad = |reason: String| Error::Address {
            text: options.url.clone(),
            reason,
        };
        let base = Url::parse(&options.url).map_err(|error| bad(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(bad("it begins with http:// or https://".to_owned()));
        }
        let transport = Transport::network(&base, options.extra_roots.as_deref()).map_err(bad)?;
        let mut client = Self::with(transport, base, options.directory);
        if let Some(Credentials { username, password }) = &options.credentials {
            let token = STANDARD.encode(format!("{username}:{password}"));
            if let Ok(mut value) = HeaderValue::from_str(&format!("Basic {token}")) {
                value.set_sensitive(true);
                client.headers.insert(AUTHORIZATION, value);
            }
        }
        Ok(client)
    }

    /// A client of a server in the same process.
    ///
    /// # Errors
    /// None in practice.
    pub fn in_process(door: Door, directory: Option<String>) -> Result<Self, Error> {
        let text = "http://localhost/";
        let base = Url::parse(text).map_err(|error| Error::Address {
            text: text.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self::with(Transport::InProcess(door), base, directory))
    }

    fn with(transport: Transport, mut base: Url, directory: Option<String>) -> Self {
        base.set_query(None);
        base.set_fragment(None);
        // They are told to nobody, not even in errors.
        let _ = base.set_username("");
        let _ = base.set_password(None);
        let mut client = Self {
            transport,
            base,
            headers: HeaderMap::new(),
            directory: None,
        };
        client.set_directory(directory);
        client
    }

    /// Works in another folder from now on.
    pub fn set_directory(&mut self, directory: Option<String>) {
        const NAME: &str = "x-opencode-directory";
        self.headers.remove(NAME);
        if let Some(directory) = &directory
            && let Ok(value) =
                HeaderValue::from_str(&utf8_percent_encode(directory, NON_ALPHANUMERIC).to_string())
        {
            self.headers.insert(NAME, value);
        }
        self.directory = directory;
    }

    /// The folder that is worked in, when it was named.
    #[must_use]
    pub fn directory(&self) -> Option<&str> {
        self.directory.as_deref()
    }

    /// The address of the server, for people.
    #[must_use]
    pub fn server(&self) -> String {
        match self.transport {
            Transport::Network(_) => self.base.as_str().trim_end_matches('/').to_owned(),
            Transport::InProcess(_) => "the server in this process".to_owned(),
        }
    }

    pub(crate) fn call(&self, method: Method, path: &[&str]) -> Call {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        Call {
            method,
            url,
            body: None,
            limit: Some(CALL_LIMIT),
        }
    }

    /// Sends a request and reads the answer as JSON.
    pub(crate) async fn answer<T: DeserializeOwned>(&self, call: Call) -> Result<T, Error> {
        self.answer_with_head(call).await.map(|(_, value)| value)
    }

    pub(crate) async fn answer_with_head<T: DeserializeOwned>(
        &self,
        call: Call,
    ) -> Result<(HeaderMap, T), Error> {
        let what = call.what();
        let limit = call.limit;
        let reading = async {
            let mut answer = self.open(call).await?;
            let bytes = self.read(&mut answer, ANSWER_LIMIT, &what).await?;
            // No content is nothing, as JSON has it.
            let bytes = if bytes.is_empty() {
                b"null"
            } else {
                bytes.as_slice()
            };
            let value = serde_json::from_slice(bytes).map_err(|error| Error::Unexpected {
                server: self.server(),
                what: what.clone(),
                reason: error.to_string(),
            })?;
            Ok((answer.headers, value))
        };
        match limit {
            None => reading.await,
            Some(limit) => tokio::time::timeout(limit, reading).await.unwrap_or_else(|_| {
                Err(Error::TimedOut {
                    server: self.server(),
                    what: what.clone(),
                    limit,
                })
            }),
        }
    }

    /// Sends a request and waits for the head of an answer that is no refusal.
    pub(crate) async fn open(&self, call: Call) -> Result<Answer, Error> {
        let what = call.what();
        let mut headers = self.headers.clone();
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/json, text/event-stream"),
        );
        let body = match call.body {
            None => Vec::new(),
            Some(body) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                body.map_err(|error| self.unexpected(&what, error))?
            }
        };
        let outgoing = Outgoing {
            method: call.method,
            url: call.url,
            headers,
            body,
        };
        let mut answer = self
            .transport
            .send(outgoing)
            .await
            .map_err(|reason| self.unreachable(reason))?;
        let kind = answer.headers.get(CONTENT_TYPE);
        let is_page = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        match answer.status {
            StatusCode::UNAUTHORIZED => Err(Error::Unauthorized {
                server: self.server(),
            }),
            // Parity: http-api.md §2.5, what the server does not know is answered with its web page.
            StatusCode::METHOD_NOT_ALLOWED => Err(self.unsupported(what)),
            status if status.is_success() && is_page => Err(self.unsupported(what)),
            status if status.is_success() => Ok(answer),
            status => {
                let bytes = self.read(&mut answer, REFUSAL_LIMIT, &what).await?;
                Err(Error::Refused(Box::new(Refusal::read(status, &bytes))))
            }
        }
    }

    async fn read(&self, answer: &mut Answer, limit: usize, what: &str) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.body.next().await {
            let chunk = chunk.map_err(|reason| self.unreachable(reason))?;
            if bytes.len() + chunk.len() > limit {
                return Err(Error::TooLarge {
                    what: what.to_owned(),
                    limit,
                });
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    pub(crate) fn unreachable(&self, reason: String) -> Error {
        Error::Unreachable {
            server: self.server(),
            reason,
        }
    }

    fn unsupported(&self, what: String) -> Error {
        Error::Unsupported {
            server: self.server(),
            what,
        }
    }

    fn unexpected(&self, what: &str, reason: impl fmt::Display) -> Error {
        Error::Unexpected {
            server: self.server(),
            what: what.to_owned(),
            reason: reason.to_string(),
        }
    }
}

impl Call {
    pub(crate) fn query(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.url.query_pairs_mut().append_pair(name, value.as_ref());
        self
    }

    pub(crate) fn body(mut self, body: &impl Serialize) -> Self {
        self.body = Some(serde_json::to_vec(body));
        self
    }

    /// Waits for the answer for as long as the caller does.
    pub(crate) fn unlimited(mut self) -> Self {
        self.limit = None;
        self
    }

    /// The operation, for errors.
    fn what(&self) -> String {
        format!("{} {}", self.method, self.url.path())
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn client(url: &str) -> Result<Client, Error> {
        Client::new(Options {
            url: url.to_owned(),
            ..Options::default()
        })
    }

    #[test]
    fn addresses() {
        for (base, wanted) in [
            ("http://a:1", "http://a:1/session/x%2F..%2Fy"),
            ("http://a:1/", "http://a:1/session/x%2F..%2Fy"),
            (
                "https://user:word@a/behind/proxy/?q#f",
                "https://a/behind/proxy/session/x%2F..%2Fy",
            ),
        ] {
            let call = client(base).unwrap().call(Method::GET, &["session", "x/../y"]);
            assert_eq!(call.url.as_str(), wanted);
        }
        for bad in ["", "a:1", "ftp://a", "file:///a"] {
            assert!(matches!(client(bad), Err(Error::Address { .. })), "{bad}");
        }
    }

    #[test]
    fn folders_are_encoded_and_passwords_are_not_shown() {
        let options = Options {
            url: "http://a:1".into(),
            directory: Some("/ä b".into()),
            credentials: Some(Credentials {
                username: "me".into(),
                password: "secret".into(),
            }),
            extra_roots: None,
        };
        let shown = format!("{options:?}");
        let client = Client::new(options).unwrap();
        assert_eq!(client.headers["x-opencode-directory"], "%2F%C3%A4%20b");
        assert_eq!(client.headers[AUTHORIZATION], "Basic bWU6c2VjcmV0");
        assert!(!format!("{shown}{client:?}{:?}", client.headers).contains("c2VjcmV0"));
        assert!(!shown.contains("secret"));
    }
}
