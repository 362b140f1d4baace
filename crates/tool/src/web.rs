//! What tools that reach the web share: a client that is made on first use, and errors that say why.

use std::error::Error as _;
use std::sync::OnceLock;

use reqwest::Client;
use reqwest::redirect::Policy;

/// A client that is made on first use, since that reads the system's certificates.
#[derive(Debug, Default)]
pub(crate) struct Lazy(OnceLock<Result<Client, String>>);

impl Lazy {
    /// The client, which follows redirects as `policy` says.
    pub(crate) fn client(&self, policy: impl FnOnce() -> Policy) -> Result<&Client, String> {
        let client = self.0.get_or_init(|| {
            // Fails when one is installed already, and that one is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let client = Client::builder().redirect(policy()).build();
            client.map_err(|error| with_causes(&error))
        });
        client.as_ref().map_err(Clone::clone)
    }
}

/// What went wrong and why, in one line: the outermost error of reqwest alone does not say.
pub(crate) fn with_causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
