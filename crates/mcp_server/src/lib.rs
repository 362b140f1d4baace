//! The engine as an MCP server (`opencode mcp serve`): other programs give prompts, read sessions and use the
//! file tools, over standard input and output ([`serve`]) or over HTTP ([`Endpoint`]).
//!
//! A face like any other: it drives the engine through `opencode-client` and holds no rule of its own. What the
//! user would be asked is asked of the client's user by elicitation; where the client cannot do that, it is refused.
//! Who may connect over HTTP is not decided here but by the server that the router is given to.

mod argument;
mod ask;
mod attend;
mod call;
mod catalogue;
mod command;
mod face;
mod follow;
mod http;
mod leaving;
mod progress;
mod session;
mod tool;
mod turn;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::Extensions;
use opencode_client::Client;
use rmcp::service::{ServerInitializeError, serve_server_with_ct};
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

use crate::face::Face;

pub use http::{Endpoint, PATH};

/// Bytes of a message, over standard input or HTTP.
const MESSAGE_BYTES: usize = 16 * 1024 * 1024;
/// How long what a client began may take to end after the client has gone.
const AFTERMATH: Duration = Duration::from_secs(40);

/// Hears of calls of tools over HTTP: what came with the request, and the call.
pub type Listener = Arc<dyn Fn(&Extensions, &Deed) + Send + Sync>;

/// A call of a tool that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// The name of the tool.
    pub tool: String,
    /// The session that a prompt went to.
    pub session: Option<String>,
    /// It failed, or there is no such tool.
    pub failed: bool,
    /// How long it took.
    pub took: Duration,
}

/// What is served.
#[derive(Clone)]
pub struct Options {
    /// The engine, in the folder that is worked in.
    pub client: Client,
    /// Version of the program.
    pub version: &'static str,
    /// Hears of calls, if somebody wants to.
    pub listener: Option<Listener>,
}

/// Why a client was not served to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It did not shake hands as the protocol has it.
    #[error("the MCP client did not begin as the protocol wants: {0}")]
    Handshake(String),
    /// Something here broke.
    #[error("the MCP connection broke down: {0}")]
    Broken(String),
}

/// Speaks with one client until it closes `input` or `stop` comes. Turns that it began are stopped then.
///
/// # Errors
/// See [`Error`]. A client that goes away before it said anything is none.
pub async fn serve<R, W>(options: Options, input: R, output: W, stop: CancellationToken) -> Result<(), Error>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let face = Face::new(options);
    let input = Ending {
        input,
        gone: face.gone.clone(),
    };
    let transport = AsyncRwTransport::new(input, output).with_max_line_length(MESSAGE_BYTES);
    let calls = face.calls.clone();
    let gone = face.gone.clone();
    let _gone_at_end = gone.clone().drop_guard();
    let serving = async {
        let running = match serve_server_with_ct(face, transport, stop.child_token()).await {
            Ok(running) => running,
            Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => {
                return Ok(());
            }
            Err(error) => return Err(Error::Handshake(error.to_string())),
        };
        let ended = running.waiting().await;
        ended.map(drop).map_err(|error| Error::Broken(error.to_string()))
    };
    let result = tokio::select! {
        result = serving => result,
        () = stop.cancelled() => Ok(()),
    };
    gone.cancel();
    calls.close();
    if tokio::time::timeout(AFTERMATH, calls.wait()).await.is_err() {
        tracing::warn!("calls of an MCP client did not end");
    }
    result
}

/// Input that tells its end at once: what is being answered then is still answered, but turns are stopped.
struct Ending<R> {
    input: R,
    gone: CancellationToken,
}

impl<R: AsyncRead + Unpin> AsyncRead for Ending<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.input).poll_read(context, buffer);
        let has_ended = match &read {
            Poll::Ready(Ok(())) => buffer.filled().len() == before && buffer.remaining() > 0,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if has_ended {
            self.gone.cancel();
        }
        read
    }
}
