//! Answers from recorded bytes, without a connection: for tests, fuzzing and measuring.

use crate::adapter::Adapter;
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
pub(crate) struct Feed {
    parser: Parser,
    mender: Mender,
    decoder: Decoder,
}

impl Feed {
    pub(crate) fn new(decoder: Decoder) -> Self {
        Self {
            parser: Parser::default(),
            mender: Mender::default(),
            decoder,
        }
    }

    /// Takes bytes of the answer.
    pub(crate) fn push(&mut self, bytes: &[u8], parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        let mut fault = None;
        let (decoder, mender) = (&mut self.decoder, &mut self.mender);
        let parsed = self.parser.push(bytes, |data| {
            if fault.is_none() {
                fault = decoder.event(&mender.mend(data), parts).err();
            }
        });
        match (fault, parsed) {
            (Some(fault), _) => Err(fault),
            (None, Err(error)) => Err(Fault::Broken {
                message: error.to_string(),
            }),
            (None, Ok(())) => Ok(()),
        }
    }

    /// The answer has ended in an orderly way.
    pub(crate) fn end(&mut self, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        if let Some(data) = self.parser.finish()
            && serde_json::from_str::<serde::de::IgnoredAny>(&data).is_ok()
        {
            // Some servers forget the blank line that closes the last event. One that is cut is no JSON.
            self.decoder.event(&data, parts)?;
        }
        self.decoder.end(parts)
    }
}
