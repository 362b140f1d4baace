//! The event parser: no bytes may make it fail, and no split may change what it finds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use opencode_llm::sse::Parser;

fn events<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<String>, Option<String>) {
    let mut parser = Parser::default();
    let mut events = Vec::new();
    for piece in pieces {
        assert!(parser.push(piece, |data| events.push(data.to_owned())).is_ok());
    }
    (events, parser.finish())
}

fuzz_target!(|bytes: &[u8]| {
    let (size, bytes) = bytes.split_first().map_or((1, bytes), |(first, rest)| (usize::from(*first).max(1), rest));
    assert_eq!(events(std::iter::once(bytes)), events(bytes.chunks(size)));
});
