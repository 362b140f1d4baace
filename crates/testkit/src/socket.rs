//! A client of the binary's sockets.

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::{LIMIT, Served};

/// A socket to the binary.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What came over a socket.
#[derive(Debug, PartialEq)]
pub enum Frame {
    /// Words.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// The end, with its code.
    Closed(Option<u16>),
}

impl Served {
    /// Opens a socket.
    ///
    /// # Errors
    /// The status of the answer, when that is no socket.
    pub async fn socket(&self, path: &str, headers: &[(&'static str, &str)]) -> Result<Socket, u16> {
        let mut request = format!("ws://{}{path}", self.address)
            .into_client_request()
            .expect("an address");
        for (name, value) in headers {
            request
                .headers_mut()
                .insert(*name, value.parse().expect("a header"));
        }
        match timeout(LIMIT, connect_async(request)).await.expect("an answer") {
            Ok((stream, _)) => Ok(Socket(stream)),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("no socket: {error}"),
        }
    }
}

impl Socket {
    /// Sends words.
    pub async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("it is sent");
    }

    /// Sends words that the binary may not take.
    pub async fn try_send(&mut self, text: &str) {
        // It may hang up before it has them all.
        let _ = self.0.send(Message::text(text)).await;
    }

    /// What comes next, apart from signs of life.
    pub async fn next(&mut self) -> Frame {
        loop {
            let next = timeout(LIMIT, self.0.next()).await.expect("something comes");
            match next {
                Some(Ok(Message::Text(text))) => return Frame::Text(text.to_string()),
                Some(Ok(Message::Binary(bytes))) => return Frame::Binary(bytes.to_vec()),
                Some(Ok(Message::Close(frame))) => {
                    return Frame::Closed(frame.map(|frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Frame::Closed(None),
            }
        }
    }

    /// Words until they hold `text`, joined.
    pub async fn text_with(&mut self, text: &str) -> String {
        let mut all = String::new();
        while !all.contains(text) {
            match self.next().await {
                Frame::Text(more) => all.push_str(&more),
                Frame::Binary(_) => {}
                Frame::Closed(code) => panic!("closed with {code:?}: {all}"),
            }
        }
        all
    }

    /// Words that are JSON, up to those whose `type` is `kind`.
    pub async fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        while all.last().is_none_or(|last| last["type"] != kind) {
            match self.next().await {
                Frame::Text(text) => all.push(serde_json::from_str(&text).expect("JSON")),
                other => panic!("{other:?} after {all:?}"),
            }
        }
        all
    }

    /// The code with which it is closed, whatever comes before.
    pub async fn close_code(&mut self) -> Option<u16> {
        loop {
            if let Frame::Closed(code) = self.next().await {
                return code;
            }
        }
    }
}
