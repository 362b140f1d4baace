//! A request on its way: headers in the order of who wins, the body, and redirections.

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use url::Url;

use super::connection::Connections;
use super::failure;
use super::watch::Watch;
use crate::error::Error;
use crate::identity::Letter;
use crate::request::Request;
use crate::target::{Detour, Target, shown};

/// As many redirections as browsers follow, roughly.
const MOST_REDIRECTIONS: usize = 10;

/// A request on its way.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    url: Url,
    headers: HeaderMap,
    /// What is left of the headers when another host is asked: no key, and nothing that a user or a
    /// caller put there, because it may be one.
    plain: HeaderMap,
    body: Bytes,
    through: Option<Detour>,
}

impl Outgoing {
    pub(super) fn new(
        target: &Target,
        request: &Request,
        prepared: &[(&'static str, String)],
        body: &Value,
        streaming: bool,
    ) -> Result<Self, Error> {
        let own = request.headers.iter();
        let own = own.map(|(name, value)| (name.as_str(), value.as_str()));
        let prepared = prepared.iter().map(|(name, value)| (*name, value.as_str()));
        Self::to(target, target.url_for(streaming)?, own.chain(prepared), body)
    }

    /// A request to any address of a provider, with further headers.
    pub(super) fn to<'a>(
        target: &Target,
        url: Url,
        further: impl Iterator<Item = (&'a str, &'a str)>,
        body: &Value,
    ) -> Result<Self, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in target.adapter.headers {
            put(&mut headers, name, value)?;
        }
        let plain = headers.clone();
        if let Some((name, value)) = target.key_header()? {
            put(&mut headers, name, value.expose_secret())?;
            if let Some(value) = headers.get_mut(name) {
                value.set_sensitive(true);
            }
        }
        for (name, value) in &target.headers {
            put(&mut headers, name, value)?;
        }
        for (name, value) in further {
            put(&mut headers, name, value)?;
        }
        let body = serde_json::to_vec(body).map_err(|error| Error::Unsupported {
            message: format!("the request cannot be written as JSON: {error}"),
        })?;
        Ok(Self {
            url,
            headers,
            plain,
            body: Bytes::from(body),
            through: target.through.clone(),
        })
    }

    /// The address, as it may be shown.
    pub(super) fn shown_url(&self) -> String {
        shown(&self.url)
    }

    /// What shows who asks is added to it.
    pub(super) fn letter(&mut self) -> Letter<'_> {
        Letter {
            url: &mut self.url,
            headers: &mut self.headers,
            body: &self.body,
        }
    }

    /// Sends, and follows redirections that keep method and body.
    pub(super) async fn send(
        mut self,
        connections: &Connections,
        watch: &Watch,
    ) -> Result<reqwest::Response, Error> {
        if let Some(through) = self.through.take() {
            return self.send_through(&through, connections, watch).await;
        }
        for _ in 0..MOST_REDIRECTIONS {
            let fail = |error: &reqwest::Error| failure::of_connection(error, &watch.url);
            let client = connections
                .for_url(&self.url)
                .await
                .map_err(|error| fail(&error))?;
            let response = client
                .post(self.url.clone())
                .headers(self.headers.clone())
                .body(self.body.clone())
                .send()
                .await
                .map_err(|error| fail(&error))?;
            let Some(next) = redirection(&response, &self.url)? else {
                return Ok(response);
            };
            self.follow(next);
        }
        Err(Error::InvalidAnswer {
            message: format!("{} redirects without an end", watch.url),
            body: None,
        })
    }

    /// Gives it to somebody who sends it, and who follows redirections himself.
    async fn send_through(
        mut self,
        through: &Detour,
        connections: &Connections,
        watch: &Watch,
    ) -> Result<reqwest::Response, Error> {
        put(&mut self.headers, through.header, self.url.as_str())?;
        // The secret address is in no message.
        let fail = |error: reqwest::Error| failure::of_connection(&error.without_url(), &watch.url);
        let client = connections.near().await.map_err(fail)?;
        let sending = client.post(&through.url).headers(self.headers).body(self.body);
        sending.send().await.map_err(fail)
    }

    fn follow(&mut self, next: Url) {
        let same_host = next.host_str() == self.url.host_str()
            && next.port_or_known_default() == self.url.port_or_known_default();
        let upgraded =
            next.host_str() == self.url.host_str() && self.url.scheme() == "http" && next.scheme() == "https";
        if !same_host && !upgraded {
            self.headers = self.plain.clone();
        }
        self.url = next;
    }
}

/// Where an answer redirects to, if it does so and keeps method and body.
fn redirection(response: &reqwest::Response, from: &Url) -> Result<Option<Url>, Error> {
    if !matches!(response.status().as_u16(), 307 | 308) {
        return Ok(None);
    }
    let Some(location) = response
        .headers()
        .get(LOCATION)
        .and_then(|value| value.to_str().ok())
    else {
        return Ok(None);
    };
    let bad = |reason: String| Error::BadAddress {
        url: shown(from),
        reason,
    };
    let next = from
        .join(location)
        .map_err(|error| bad(format!("it redirects to no address: {error}")))?;
    let downgraded = from.scheme() == "https" && next.scheme() != "https";
    if downgraded || !matches!(next.scheme(), "http" | "https") {
        return Err(bad(format!(
            "it redirects to an address without protection: {}",
            shown(&next)
        )));
    }
    Ok(Some(next))
}

fn put(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Error> {
    // The value may be a secret, so that it is not part of the message.
    let bad = || Error::Unsupported {
        message: format!("the header {name} cannot be sent as it is"),
    };
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
    // Keys that were copied with the end of their line.
    let value = HeaderValue::from_str(value.trim()).map_err(|_| bad())?;
    headers.insert(parsed, value);
    Ok(())
}
