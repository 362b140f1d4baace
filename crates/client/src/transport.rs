//! How requests travel: over a network, or through a door to a server in the same process.

use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use reqwest::header::{HOST, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Method, StatusCode};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

/// How long a connection may take to come about.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Bytes that wait between both ends of a connection in the process.
const PIPE: usize = 64 * 1024;
/// Connections that may wait behind a [`Door`].
pub const DOOR_BOUND: usize = 16;

/// Where a server in the same process takes connections.
pub type Door = mpsc::Sender<DuplexStream>;

/// A request as it is sent.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// The bytes of an answer; what breaks them off is told in words.
pub(crate) type Body = Pin<Box<dyn Stream<Item = Result<Bytes, String>> + Send>>;

/// The head of an answer, and its body as it comes.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
}

/// How requests travel.
#[derive(Clone, Debug)]
pub(crate) enum Transport {
    Network(reqwest::Client),
    InProcess(Door),
}

impl Transport {
    /// A network, for a server at this address.
    pub(crate) fn network(url: &Url, extra_roots: Option<&Path>) -> Result<Self, String> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // It fails only when another thread was faster, with the same choice.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_LIMIT);
        let builder = if is_this_machine(url) {
            builder.no_proxy()
        } else {
            builder
        };
        let builder = if url.scheme() == "http" {
            // Reading the system's certificates takes a while and would be for nothing.
            builder.tls_certs_only([])
        } else {
            builder.tls_certs_merge(certificates(extra_roots))
        };
        builder.build().map(Self::Network).map_err(|error| cause(&error))
    }

    /// Sends a request and waits for the head of the answer.
    pub(crate) async fn send(&self, outgoing: Outgoing) -> Result<Answer, String> {
        match self {
            Self::Network(client) => over_network(client, outgoing).await,
            Self::InProcess(door) => in_process(door, outgoing).await,
        }
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Certificates that are trusted beside the system's. A file that cannot be used is reported and else
/// ignored.
fn certificates(path: Option<&Path>) -> Vec<Certificate> {
    let Some(path) = path else { return Vec::new() };
    let read = fs_err::read(path).map_err(|error| error.to_string());
    let parsed = read.and_then(|pem| Certificate::from_pem_bundle(&pem).map_err(|error| cause(&error)));
    parsed.unwrap_or_else(|error| {
        tracing::warn!(path = %path.display(), error, "further certificates cannot be used");
        Vec::new()
    })
}

async fn over_network(client: &reqwest::Client, outgoing: Outgoing) -> Result<Answer, String> {
    let request = client
        .request(outgoing.method, outgoing.url)
        .headers(outgoing.headers)
        .body(outgoing.body);
    let response = request.send().await.map_err(|error| cause(&error))?;
    Ok(Answer {
        status: response.status(),
        headers: response.headers().clone(),
        body: response.bytes_stream().map_err(|error| cause(&error)).boxed(),
    })
}

/// One connection a request: there is nothing to save by keeping it.
async fn in_process(door: &Door, outgoing: Outgoing) -> Result<Answer, String> {
    let gone = || "the server in this process has ended".to_owned();
    let (near, far) = tokio::io::duplex(PIPE);
    door.send(far).await.map_err(|_| gone())?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(near))
        .await
        .map_err(|error| error.to_string())?;
    let driver = AbortOnDropHandle::new(tokio::spawn(connection));
    let path = &outgoing.url[url::Position::BeforePath..];
    let mut request = hyper::Request::builder()
        .method(outgoing.method)
        .uri(path)
        .body(Full::new(Bytes::from(outgoing.body)))
        .map_err(|error| error.to_string())?;
    *request.headers_mut() = outgoing.headers;
    request
        .headers_mut()
        .insert(HOST, HeaderValue::from_static("localhost"));
    let response = sender.send_request(request).await.map_err(|error| {
        if error.is_canceled() || error.is_closed() {
            gone()
        } else {
            error.to_string()
        }
    })?;
    let (head, body) = response.into_parts();
    // The connection is driven for as long as somebody reads the answer.
    let body = body
        .into_data_stream()
        .map_err(|error| error.to_string())
        .map(move |chunk| {
            let _ = &driver;
            chunk
        });
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body: body.boxed(),
    })
}

/// The innermost reason; the layers above it only say that something failed.
fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(next) = innermost.source() {
        innermost = next;
    }
    if error.is_timeout() {
        return "it takes too long".to_owned();
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_reached_without_a_proxy() {
        for (url, is) in [
            ("http://127.0.0.1:4096", true),
            ("http://localhost:1", true),
            ("http://[::1]:1", true),
            ("https://example.org", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_this_machine(&url.parse().unwrap()), is, "{url}");
        }
    }
}
