//! The HTTP driver: sends a prepared request, watches the clock, hands the answer to the decoder.
//!
//! One [`Client`] serves all providers and is cheap to clone. It makes no second attempts: that is for the
//! session engine, which knows what it may cost (reference `providers.md` §9.6).

mod answer;
pub(crate) mod connection;
mod embed;
mod failure;
mod outgoing;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub use answer::PartStream;

use self::connection::Connections;
use self::outgoing::Outgoing;
use self::watch::Watch;
use crate::error::Error;
use crate::identity::{Failure, Identities, Identity};
use crate::protocol::{self, Decoder, Prepared};
use crate::request::{Request, Tool};
use crate::stream::{Finish, FinishReason, ProviderMetadata, StreamPart, Usage};
use crate::target::Target;
use crate::written_calls::WrittenCalls;

/// What a client is made with.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// A PEM file with certificates to trust beside those of the system (`NODE_EXTRA_CA_CERTS`).
    pub extra_roots: Option<PathBuf>,
    /// Use the proxies that the system or the environment names.
    pub system_proxies: bool,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            extra_roots: None,
            system_proxies: true,
        }
    }
}

/// Calls models. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    connections: Arc<Connections>,
    identities: Arc<Identities>,
}

impl Default for Client {
    fn default() -> Self {
        Self::new(ClientOptions::default())
    }
}

impl Client {
    /// A client. Nothing is loaded or opened before the first call.
    #[must_use]
    pub fn new(options: ClientOptions) -> Self {
        Self {
            connections: Arc::new(Connections::new(options)),
            identities: Arc::default(),
        }
    }

    /// Calls a model. Resolves when the provider has accepted the request; the answer comes through the
    /// stream.
    ///
    /// # Errors
    ///
    /// When the request cannot be sent, the provider refuses it, or the caller cancels.
    pub async fn stream(
        &self,
        target: &Target,
        request: &Request,
        cancel: CancellationToken,
    ) -> Result<PartStream, Error> {
        let Prepared {
            headers,
            body,
            decoder,
        } = protocol::prepare(target, request, true)?;
        if let Decoder::Demo(_) = decoder {
            let watch = Watch::new(target, String::new(), cancel);
            return Ok(PartStream::played(decoder, watch));
        }
        let outgoing = Outgoing::new(target, request, &headers, &body, true)?;
        let watch = Watch::new(target, outgoing.shown_url(), cancel);
        let response = match Box::pin(self.send(target, outgoing, &watch)).await {
            Err(error) if means_nothing_to_add(target, &error) => {
                return Ok(PartStream::ended(nothing(), watch));
            }
            sent => sent?,
        };
        let stream = PartStream::new(response, decoder, watch, target.limits.idle);
        if !target.settings.written_calls {
            return Ok(stream);
        }
        let tools = request.tools.iter();
        let tools = tools.map(|Tool::Function { name, .. }| name.clone()).collect();
        Ok(stream.looking_for_calls(WrittenCalls::new(tools)))
    }

    /// Calls a model for an answer in one piece, as the same parts.
    ///
    /// # Errors
    ///
    /// As for [`Client::stream`], and when the answer is not what the protocol says.
    pub async fn generate(
        &self,
        target: &Target,
        request: &Request,
        cancel: CancellationToken,
    ) -> Result<Vec<StreamPart>, Error> {
        let Prepared {
            headers,
            body,
            decoder,
        } = protocol::prepare(target, request, false)?;
        if let Decoder::Demo(answer) = decoder {
            return Ok(answer);
        }
        let outgoing = Outgoing::new(target, request, &headers, &body, false)?;
        let watch = Watch::new(target, outgoing.shown_url(), cancel);
        let response = match Box::pin(self.send(target, outgoing, &watch)).await {
            Err(error) if means_nothing_to_add(target, &error) => return Ok(vec![nothing()]),
            sent => sent?,
        };
        Box::pin(answer::whole(response, decoder, &watch, target.limits.idle)).await
    }

    /// Sends, and turns statuses that mean no into errors.
    async fn send(
        &self,
        target: &Target,
        outgoing: Outgoing,
        watch: &Watch,
    ) -> Result<reqwest::Response, Error> {
        let Some(identity) = &target.identity else {
            let response = watch.header(outgoing.send(&self.connections, watch)).await??;
            return accepted(response, target, watch).await;
        };
        let again = outgoing.clone();
        let response = self.introduce(target, identity, outgoing, watch).await?;
        let status = response.status().as_u16();
        if matches!(status, 401 | 403) {
            self.identities.forget(identity).await;
        }
        if status == 401 && identity.is_given_out() {
            // What was given out may have been taken back before its end.
            let response = self.introduce(target, identity, again, watch).await?;
            return accepted(response, target, watch).await;
        }
        accepted(response, target, watch).await
    }

    /// Sends with what shows who asks.
    async fn introduce(
        &self,
        target: &Target,
        identity: &Identity,
        mut outgoing: Outgoing,
        watch: &Watch,
    ) -> Result<reqwest::Response, Error> {
        let letter = outgoing.letter();
        let introduced = self.identities.introduce(identity, &self.connections, letter);
        watch.header(introduced).await?.map_err(|failure| match failure {
            Failure::None(message) => Error::NoIdentity {
                provider: target.provider_id.clone(),
                message,
            },
            Failure::Connection { url, message } => Error::Connection {
                url,
                message,
                code: None,
            },
        })?;
        watch.header(outgoing.send(&self.connections, watch)).await?
    }
}

/// Parity: providers.md §3.3, a refusal of some words is an empty answer.
fn means_nothing_to_add(target: &Target, error: &Error) -> bool {
    let (Some(words), Error::Http(refused)) = (target.adapter.nothing_to_add, error) else {
        return false;
    };
    refused.status == 400 && refused.body.to_lowercase().contains(words)
}

/// An answer that adds nothing.
fn nothing() -> StreamPart {
    StreamPart::Finish(Finish {
        reason: FinishReason::Stop,
        raw: Some("stop".to_owned()),
        usage: Usage::default(),
        metadata: ProviderMetadata::new(),
    })
}

async fn accepted(
    response: reqwest::Response,
    target: &Target,
    watch: &Watch,
) -> Result<reqwest::Response, Error> {
    if response.status().is_success() {
        return Ok(response);
    }
    Err(failure::of_status(response, target, watch).await)
}
