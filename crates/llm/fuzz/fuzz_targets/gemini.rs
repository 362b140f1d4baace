//! The decoders of Gemini on each of its services: streamed bytes, and the same bytes as a whole answer.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use opencode_llm::adapter::{Protocol, table::ADAPTERS};

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let services: Vec<_> =
        ADAPTERS.iter().filter(|adapter| matches!(adapter.protocol, Protocol::Gemini(_))).collect();
    let Some(adapter) = services.get(usize::from(*choice) % services.len().max(1)) else { return };
    common::check(adapter, bytes);
});
