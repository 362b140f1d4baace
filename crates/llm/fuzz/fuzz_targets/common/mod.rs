//! What every target asks of a decoder.

use std::mem::discriminant;

use opencode_llm::Adapter;
use opencode_llm::protocol::Decoder;
use opencode_llm::replay::{self, Replayed};
use opencode_llm::stream::StreamPart;

/// No bytes make it fail, no split changes what they decode to, and what comes out is in proportion.
pub fn check(adapter: &Adapter, bytes: &[u8]) {
    let at_once = replay::bytes(adapter, bytes);
    let size = bytes.first().map_or(1, |first| usize::from(first % 31) + 1);
    let in_pieces = replay::stream(Decoder::for_adapter(adapter), bytes.chunks(size));
    assert_same(&at_once, &in_pieces);
    assert_small(&at_once, bytes.len());
    let whole = replay::whole(Decoder::for_adapter(adapter), &String::from_utf8_lossy(bytes));
    assert_small(&whole, bytes.len());
}

/// Ids may be made up anew; kinds and words may not.
pub fn assert_same(left: &Replayed, right: &Replayed) {
    assert_eq!(left.fault, right.fault);
    assert_eq!(left.parts.len(), right.parts.len());
    for (left, right) in left.parts.iter().zip(&right.parts) {
        assert_eq!(discriminant(left), discriminant(right));
        assert_eq!(words(left), words(right));
    }
}

fn words(part: &StreamPart) -> &str {
    match part {
        StreamPart::TextDelta { delta, .. }
        | StreamPart::ReasoningDelta { delta, .. }
        | StreamPart::ToolInputDelta { delta, .. } => delta,
        StreamPart::ToolCall(call) => &call.input,
        StreamPart::Error(error) => &error.message,
        _ => "",
    }
}

/// A few parts for some bytes: whoever sends little cannot make much of it.
pub fn assert_small(replayed: &Replayed, bytes: usize) {
    assert!(replayed.parts.len() <= bytes + 8, "{} parts of {bytes} bytes", replayed.parts.len());
    let out: usize = replayed.parts.iter().map(|part| words(part).len()).sum();
    // Pieces of calls come twice, as deltas and whole; a byte that is no UTF-8 becomes three.
    assert!(out <= bytes * 16 + 4096, "{out} bytes of {bytes}");
}
