//! Answers: as a stream of parts, or in one piece.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until};

use super::failure;
use super::watch::Watch;
use crate::error::{Error, HttpError, is_html};
use crate::protocol::{Decoder, Fault};
use crate::replay::Feed;
use crate::stream::StreamPart;
use crate::written_calls::WrittenCalls;

/// Most bytes of an answer that comes in one piece.
const WHOLE_LIMIT: usize = 64 * 1024 * 1024;

/// Between two parts of an answer that is only played.
const PACE: Duration = Duration::from_millis(4);

/// As much of an unusable answer is kept for the error.
const EXCERPT: usize = 4096;

/// The parts of an answer as they come. Dropping it drops the connection.
#[derive(Debug)]
pub struct PartStream {
    /// Gone when the answer has ended, in whatever way.
    response: Option<reqwest::Response>,
    content: Content,
    parts: Vec<StreamPart>,
    ready: VecDeque<StreamPart>,
    failed: Option<Error>,
    watch: Watch,
    idle: Option<Duration>,
    headers: indexmap::IndexMap<String, String>,
    received: u64,
    /// When the next part of an answer that is only played may come.
    pace: Option<Instant>,
    /// Finds calls in text.
    written: Option<WrittenCalls>,
}

/// What an answer turns out to be.
#[derive(Debug)]
enum Content {
    /// Nothing but white space has come.
    Unknown(Decoder),
    /// Events.
    Events(Feed),
    /// A document in their place.
    Document(Decoder, Vec<u8>),
    /// It is at its end.
    Nothing,
}

impl PartStream {
    pub(super) fn new(
        response: reqwest::Response,
        decoder: Decoder,
        watch: Watch,
        idle: Option<Duration>,
    ) -> Self {
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| {
                (
                    name.as_str().to_owned(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect();
        Self {
            response: Some(response),
            content: Content::Unknown(decoder),
            parts: Vec::new(),
            ready: VecDeque::new(),
            failed: None,
            watch,
            idle,
            headers,
            received: 0,
            pace: None,
            written: None,
        }
    }

    /// An answer that is whole already, given out at the pace of a reader.
    pub(super) fn played(mut decoder: Decoder, watch: Watch) -> Self {
        let mut parts = Vec::new();
        let failed = decoder.end(&mut parts).err();
        let mut stream = Self {
            response: None,
            content: Content::Nothing,
            parts: Vec::new(),
            ready: parts.into(),
            failed: None,
            watch,
            idle: None,
            headers: indexmap::IndexMap::new(),
            received: 0,
            pace: Some(Instant::now()),
            written: None,
        };
        stream.failed = failed.map(|fault| stream.fault(fault, None));
        stream
    }

    /// An answer that is over with its only part.
    pub(super) fn ended(part: StreamPart, watch: Watch) -> Self {
        let mut stream = Self::played(Decoder::Demo(vec![part]), watch);
        stream.pace = None;
        stream
    }

    /// The same, with calls that are written as text.
    pub(super) fn looking_for_calls(mut self, written: WrittenCalls) -> Self {
        self.written = Some(written);
        self
    }

    /// Headers of the answer, names in lower case.
    #[must_use]
    pub fn headers(&self) -> &indexmap::IndexMap<String, String> {
        &self.headers
    }

    /// How many bytes of the answer have come, unpacked.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The next part; `None` when there are no more. An error comes after the parts that were there before
    /// it, and is the last. The future may be dropped without losing anything.
    pub async fn next(&mut self) -> Option<Result<StreamPart, Error>> {
        loop {
            if let (Some(moment), false) = (self.pace, self.ready.is_empty()) {
                if let Err(error) = self.watch.piece(None, sleep_until(moment)).await {
                    self.ready.clear();
                    return Some(Err(error));
                }
                self.pace = Some(Instant::now() + PACE);
            }
            if let Some(part) = self.ready.pop_front() {
                return Some(Ok(part));
            }
            if let Some(error) = self.failed.take() {
                return Some(Err(error));
            }
            let response = self.response.as_mut()?;
            let piece = self.watch.piece(self.idle, response.chunk()).await;
            let outcome = match piece {
                Ok(Ok(Some(bytes))) => self.take(&bytes),
                Ok(Ok(None)) => {
                    self.response = None;
                    self.end()
                }
                Ok(Err(error)) => Err(failure::of_body(&error, &self.watch.url)),
                Err(error) => Err(error),
            };
            match &mut self.written {
                None => self.ready.extend(self.parts.drain(..)),
                Some(written) => {
                    for part in self.parts.drain(..) {
                        written.take(part, &mut self.ready);
                    }
                    if outcome.is_err() || self.response.is_none() {
                        written.end(&mut self.ready);
                    }
                }
            }
            if let Err(error) = outcome {
                self.response = None;
                if matches!(error, Error::Cancelled) {
                    self.ready.clear();
                }
                self.failed = Some(error);
            }
        }
    }

    fn take(&mut self, bytes: &Bytes) -> Result<(), Error> {
        self.received = self.received.saturating_add(bytes.len() as u64);
        if matches!(self.content, Content::Unknown(_)) {
            self.look(bytes);
        }
        match &mut self.content {
            Content::Events(feed) => feed
                .push(bytes, &mut self.parts)
                .map_err(|fault| self.fault(fault, None)),
            Content::Document(_, held) => {
                held.extend_from_slice(bytes);
                if held.len() > WHOLE_LIMIT {
                    Err(too_large(&self.watch))
                } else {
                    Ok(())
                }
            }
            Content::Unknown(_) | Content::Nothing => Ok(()),
        }
    }

    /// Looks what the answer is. Events never begin with a bracket; what does so is JSON or a web page,
    /// whatever its headers say.
    fn look(&mut self, bytes: &Bytes) {
        let Some(first) = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) else {
            return;
        };
        self.content = match (std::mem::replace(&mut self.content, Content::Nothing), first) {
            (Content::Unknown(decoder), b'{' | b'[' | b'<') => Content::Document(decoder, Vec::new()),
            (Content::Unknown(decoder), _) => Content::Events(Feed::new(decoder)),
            (other, _) => other,
        };
    }

    fn end(&mut self) -> Result<(), Error> {
        match std::mem::replace(&mut self.content, Content::Nothing) {
            Content::Unknown(decoder) => {
                let mut feed = Feed::new(decoder);
                feed.end(&mut self.parts).map_err(|fault| self.fault(fault, None))
            }
            Content::Events(mut feed) => feed.end(&mut self.parts).map_err(|fault| self.fault(fault, None)),
            Content::Document(mut decoder, bytes) => {
                let body = String::from_utf8(bytes)
                    .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
                if is_html(&body) {
                    return Err(web_page(&self.watch, &body));
                }
                decoder
                    .whole(&body, &mut self.parts)
                    .map_err(|fault| self.fault(fault, Some(&body)))
            }
            Content::Nothing => Ok(()),
        }
    }

    fn fault(&self, fault: Fault, body: Option<&str>) -> Error {
        fault_error(fault, &self.watch, self.headers.clone(), body)
    }
}

/// Reads an answer in one piece.
pub(super) async fn whole(
    mut response: reqwest::Response,
    mut decoder: Decoder,
    watch: &Watch,
    idle: Option<Duration>,
) -> Result<Vec<StreamPart>, Error> {
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let body = text(&mut response, watch, idle).await?;
    let mut parts = Vec::new();
    decoder
        .whole(&body, &mut parts)
        .map_err(|fault| fault_error(fault, watch, headers, Some(&body)))?;
    Ok(parts)
}

/// The body of an answer in one piece.
pub(super) async fn text(
    response: &mut reqwest::Response,
    watch: &Watch,
    idle: Option<Duration>,
) -> Result<String, Error> {
    let mut bytes = Vec::new();
    while let Some(piece) = watch
        .piece(idle, response.chunk())
        .await?
        .map_err(|error| failure::of_body(&error, &watch.url))?
    {
        bytes.extend_from_slice(&piece);
        if bytes.len() > WHOLE_LIMIT {
            return Err(too_large(watch));
        }
    }
    let body = String::from_utf8_lossy(&bytes).into_owned();
    if is_html(&body) {
        return Err(web_page(watch, &body));
    }
    Ok(body)
}

fn fault_error(
    fault: Fault,
    watch: &Watch,
    headers: indexmap::IndexMap<String, String>,
    answer: Option<&str>,
) -> Error {
    match fault {
        Fault::Refused {
            status,
            message,
            retryable,
            body,
        } => {
            let url = watch.url.clone();
            Error::Http(Box::new(HttpError {
                url,
                status,
                message,
                headers,
                body,
                retryable,
            }))
        }
        Fault::Broken { message } => Error::InvalidAnswer {
            message,
            body: answer.map(excerpt),
        },
    }
}

fn too_large(watch: &Watch) -> Error {
    Error::InvalidAnswer {
        message: format!(
            "{} answers with more than {WHOLE_LIMIT} bytes in one piece",
            watch.url
        ),
        body: None,
    }
}

fn web_page(watch: &Watch, body: &str) -> Error {
    let message = format!(
        "{} answers with a web page; is it the address of the provider's interface?",
        watch.url
    );
    Error::InvalidAnswer {
        message,
        body: Some(excerpt(body)),
    }
}

fn excerpt(body: &str) -> String {
    body.chars().take(EXCERPT).collect()
}
