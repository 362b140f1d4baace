//! Getting a document: headers like a browser's, a limit for its size, a few redirects.
//!
//! The time limit and the cancel are the caller's: dropping the future ends the request.

use reqwest::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, USER_AGENT};
use reqwest::{Client, Response, StatusCode, redirect};

use crate::web::{Lazy, with_causes};

/// Bytes of a document at most.
const MOST_BYTES: usize = 5 << 20;
/// Redirects that are followed.
const MOST_REDIRECTS: usize = 20;

// Many sites answer nothing useful to what they do not take for a browser.
const BROWSER: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36";
/// What is said when the browser's name is not believed.
const HONEST: &str = "opencode";

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The client could not be made.
    #[error("The web cannot be reached from here: {0}")]
    Client(String),
    /// No answer.
    #[error("Request failed: {0}")]
    Request(String),
    /// An answer that is not a document.
    #[error("Request failed: the server answered {0}")]
    Status(StatusCode),
    /// A document that is too long.
    #[error("Response too large (exceeds 5MB limit)")]
    TooLarge,
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        Self::Request(with_causes(&error))
    }
}

/// A document.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// As the server wrote it; empty when it did not.
    pub(crate) content_type: String,
    /// All of it.
    pub(crate) body: Vec<u8>,
}

/// Gets documents.
#[derive(Debug, Default)]
pub(super) struct Fetcher {
    client: Lazy,
}

impl Fetcher {
    fn client(&self) -> Result<&Client, Error> {
        self.client
            .client(|| redirect::Policy::limited(MOST_REDIRECTS))
            .map_err(Error::Client)
    }

    /// Gets the document at `url`.
    pub(super) async fn get(&self, url: &str, accept: &str) -> Result<Fetched, Error> {
        let mut response = self.request(url, accept, BROWSER).await?;
        if is_challenge(&response) {
            response = self.request(url, accept, HONEST).await?;
        }
        if !response.status().is_success() {
            return Err(Error::Status(response.status()));
        }
        if response
            .content_length()
            .is_some_and(|length| length > MOST_BYTES as u64)
        {
            return Err(Error::TooLarge);
        }
        let content_type = response
            .headers()
            .get(CONTENT_TYPE)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .unwrap_or_default();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(Error::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Fetched { content_type, body })
    }

    async fn request(&self, url: &str, accept: &str, agent: &str) -> Result<Response, Error> {
        let request = self
            .client()?
            .get(url)
            .header(USER_AGENT, agent)
            .header(ACCEPT, accept)
            .header(ACCEPT_LANGUAGE, "en-US,en;q=0.9");
        Ok(request.send().await?)
    }
}

/// Whether Cloudflare asks a browser to prove that it is one.
fn is_challenge(response: &Response) -> bool {
    response.status() == StatusCode::FORBIDDEN
        && response
            .headers()
            .get("cf-mitigated")
            .is_some_and(|value| value == "challenge")
}
