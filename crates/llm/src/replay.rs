//! Answers from recorded bytes, without a connection: for tests, fuzzing and measuring.

use crate::adapter::Adapter;
use crate::bedrock::frames;
use crate::json::text_of;
use crate::protocol::{Decoder, Fault};
use crate::sse::Parser;
use crate::stream::StreamPart;
use crate::surrogate::Mender;

/// What recorded bytes decode to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replayed {
    /// The parts, up to a fault.
    pub parts: Vec<StreamPart>,
    /// What stopped the decoding.
    pub fault: Option<Fault>,
}

/// Decodes a streamed answer that comes in the given pieces.
#[must_use]
pub fn stream<'a>(decoder: Decoder, pieces: impl IntoIterator<Item = &'a [u8]>) -> Replayed {
    let mut feed = Feed::new(decoder);
    let mut replayed = Replayed::default();
    for piece in pieces {
        if let Err(fault) = feed.push(piece, &mut replayed.parts) {
            replayed.fault = Some(fault);
            return replayed;
        }
    }
    replayed.fault = feed.end(&mut replayed.parts).err();
    replayed
}

/// Decodes an answer that came whole.
#[must_use]
pub fn whole(mut decoder: Decoder, body: &str) -> Replayed {
    let mut replayed = Replayed::default();
    replayed.fault = decoder.whole(body, &mut replayed.parts).err();
    replayed
}

/// Decodes bytes as a streamed answer to an adapter; never panics, whatever the bytes are.
#[must_use]
pub fn bytes(adapter: &Adapter, bytes: &[u8]) -> Replayed {
    stream(Decoder::for_adapter(adapter), [bytes])
}

/// Parser and decoder in one: bytes in, parts out.
#[derive(Debug)]
pub struct Feed {
    framing: Framing,
    mender: Mender,
    decoder: Decoder,
}

/// How events are told apart.
#[derive(Debug)]
enum Framing {
    /// Lines of text.
    Lines(Parser),
    /// Binary frames.
    Frames(frames::Parser),
}

impl Feed {
    /// A feed for one streamed answer.
    #[must_use]
    pub fn new(decoder: Decoder) -> Self {
        let framing = if decoder.is_framed() {
            Framing::Frames(frames::Parser::default())
        } else {
            Framing::Lines(Parser::default())
        };
        Self {
            framing,
            mender: Mender::default(),
            decoder,
        }
    }

    /// Takes bytes of the answer, split anywhere.
    ///
    /// # Errors
    ///
    /// When nothing that follows can be of use.
    pub fn push(&mut self, bytes: &[u8], parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        let mut fault = None;
        let (decoder, mender) = (&mut self.decoder, &mut self.mender);
        let parsed = match &mut self.framing {
            Framing::Lines(parser) => parser
                .push(bytes, |data| {
                    if fault.is_none() {
                        fault = decoder.event(&mender.mend(data), parts).err();
                    }
                })
                .map_err(|error| error.to_string()),
            Framing::Frames(parser) => parser
                .push(bytes, |frame| {
                    if fault.is_none() {
                        let content = text_of(frame.content);
                        let content = mender.mend(&content);
                        fault = decoder.frame(frame.name, frame.failed, &content, parts).err();
                    }
                })
                .map_err(|damage| damage.to_string()),
        };
        match (fault, parsed) {
            (Some(fault), _) => Err(fault),
            (None, Err(message)) => Err(Fault::Broken { message }),
            (None, Ok(())) => Ok(()),
        }
    }

    /// The answer has ended in an orderly way.
    ///
    /// # Errors
    ///
    /// When what has come cannot be brought to an end.
    pub fn end(&mut self, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        match &mut self.framing {
            Framing::Lines(parser) => {
                if let Some(data) = parser.finish()
                    && serde_json::from_str::<serde::de::IgnoredAny>(&data).is_ok()
                {
                    // Some servers forget the blank line that closes the last event. One that is cut is no
                    // JSON.
                    self.decoder.event(&data, parts)?;
                }
            }
            Framing::Frames(parser) => parser.finish().map_err(|damage| Fault::Broken {
                message: damage.to_string(),
            })?,
        }
        self.decoder.end(parts)
    }
}
