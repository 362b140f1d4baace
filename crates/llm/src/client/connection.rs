//! Connections: a pool for plain addresses, and one for those with TLS that is made when it is needed.
//!
//! Loading the system's certificates takes tens of milliseconds and some megabytes; a client that only talks
//! to a server on this machine shall not pay for it.

use reqwest::redirect::Policy;
use reqwest::{Certificate, ClientBuilder};
use tokio::sync::OnceCell;

use super::ClientOptions;

/// Variables that name the proxy for plain addresses.
const PLAIN_PROXIES: [&str; 4] = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];

/// The pools of a client.
#[derive(Debug)]
pub(crate) struct Connections {
    options: ClientOptions,
    plain: OnceCell<reqwest::Client>,
    secure: OnceCell<reqwest::Client>,
    near: OnceCell<reqwest::Client>,
}

impl Connections {
    pub(super) fn new(options: ClientOptions) -> Self {
        Self {
            options,
            plain: OnceCell::new(),
            secure: OnceCell::new(),
            near: OnceCell::new(),
        }
    }

    /// The pool for an address.
    pub(crate) async fn for_url(&self, url: &url::Url) -> Result<reqwest::Client, reqwest::Error> {
        let plain = url.scheme() == "http" && !(self.options.system_proxies && proxy_needs_tls());
        if plain {
            // Without certificates there is nothing to load; no secure address ever goes through it.
            let make = async || self.builder().tls_certs_only([]).build();
            return self.plain.get_or_try_init(make).await.cloned();
        }
        self.secure.get_or_try_init(|| self.make_secure()).await.cloned()
    }

    /// The pool for services of this machine, which no proxy reaches. It speaks no TLS.
    pub(crate) async fn near(&self) -> Result<reqwest::Client, reqwest::Error> {
        let make = async || self.builder().no_proxy().tls_certs_only([]).build();
        self.near.get_or_try_init(make).await.cloned()
    }

    async fn make_secure(&self) -> Result<reqwest::Client, reqwest::Error> {
        let builder = self.builder().tls_certs_merge(self.extra_roots().await);
        // Reading the system's certificates blocks.
        match tokio::task::spawn_blocking(move || builder.build()).await {
            Ok(client) => client,
            Err(error) => {
                tracing::warn!(%error, "making the client in the background failed, it is made here");
                self.builder().build()
            }
        }
    }

    fn builder(&self) -> ClientBuilder {
        install_crypto();
        let builder = reqwest::Client::builder().redirect(Policy::none());
        if self.options.system_proxies {
            builder
        } else {
            builder.no_proxy()
        }
    }

    /// The further certificates. As in the reference, a file that cannot be used is reported and else
    /// ignored.
    async fn extra_roots(&self) -> Vec<Certificate> {
        let Some(path) = &self.options.extra_roots else {
            return Vec::new();
        };
        let pem = match tokio::fs::read(path).await {
            Ok(pem) => pem,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "further certificates cannot be read");
                return Vec::new();
            }
        };
        match Certificate::from_pem_bundle(&pem) {
            Ok(certificates) => certificates,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "further certificates cannot be used");
                Vec::new()
            }
        }
    }
}

/// Chooses the cryptography of the process: ring, which builds everywhere without further tools. Safe to call
/// again, and harmless when the process has chosen already.
fn install_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // It fails only when another thread was faster, with the same choice.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// The proxy for plain addresses is itself reached through TLS.
fn proxy_needs_tls() -> bool {
    PLAIN_PROXIES
        .iter()
        .any(|name| std::env::var(name).is_ok_and(|value| value.starts_with("https:")))
}
