//! What all sockets have in common: limits, signs of life, and how they end.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::time::timeout;

/// Largest frame, and message, that is taken.
pub(crate) const FRAME_LIMIT: usize = 1 << 20;
/// Between two signs of life that are asked for.
pub(crate) const PING: Duration = Duration::from_secs(20);
/// How long a client may be silent: two signs of life, and a moment for the third.
const SILENCE: Duration = Duration::from_secs(50);
/// How long a client may take to read what is sent to it.
const SEND_LIMIT: Duration = Duration::from_secs(20);
/// How long a client gets to close its side.
const CLOSE_LIMIT: Duration = Duration::from_millis(500);

/// How a socket ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Close {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
}

impl Close {
    /// What it was for is over.
    pub(crate) const DONE: Self = Self::new(1000, "");
    /// The server ends.
    pub(crate) const ENDING: Self = Self::new(1001, "server closing");
    /// The client does not read fast enough.
    pub(crate) const SLOW: Self = Self::new(4429, "too slow");
    /// What it is for is not there.
    pub(crate) const MISSING: Self = Self::new(4404, "session not found");

    pub(crate) const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }
}

/// The client has gone, or does not read.
#[derive(Debug)]
pub(crate) struct Gone;

/// The side of a socket that is written to.
pub(crate) struct Sender(SplitSink<WebSocket, Message>);

/// The side of a socket that is read.
pub(crate) struct Receiver(SplitStream<WebSocket>);

/// Takes a socket apart.
pub(crate) fn halves(socket: WebSocket) -> (Sender, Receiver) {
    let (sink, stream) = socket.split();
    (Sender(sink), Receiver(stream))
}

impl Sender {
    /// Sends, unless the client does not read.
    pub(crate) async fn send(&mut self, message: Message) -> Result<(), Gone> {
        match timeout(SEND_LIMIT, self.0.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    /// Asks for a sign of life.
    pub(crate) async fn ping(&mut self) -> Result<(), Gone> {
        self.send(Message::Ping(Vec::new().into())).await
    }
}

impl Receiver {
    /// What the client says next; [`Gone`] when it closes or is silent for too long.
    pub(crate) async fn next(&mut self) -> Result<Message, Gone> {
        match timeout(SILENCE, self.0.next()).await {
            Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) | Err(_) => Err(Gone),
            Ok(Some(Ok(message))) => Ok(message),
        }
    }
}

/// Ends a socket and lets the client know why.
pub(crate) async fn close(mut sender: Sender, mut receiver: Receiver, close: Close) {
    let frame = Message::Close(Some(CloseFrame {
        code: close.code,
        reason: close.reason.into(),
    }));
    let ending = async {
        if sender.0.send(frame).await.is_ok() {
            // What is unread when a connection ends can take the last words with it.
            while let Some(Ok(_)) = receiver.0.next().await {}
        }
    };
    // A client that does not listen is left.
    let _ = timeout(CLOSE_LIMIT, ending).await;
}
