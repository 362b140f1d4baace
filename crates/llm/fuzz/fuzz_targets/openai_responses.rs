//! The decoders of Responses, of OpenAI and of xAI: streamed bytes, and the same bytes as a whole answer.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use opencode_llm::adapter::{Protocol, table::ADAPTERS};

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let responses: Vec<_> =
        ADAPTERS.iter().filter(|adapter| matches!(adapter.protocol, Protocol::OpenAiResponses(_))).collect();
    let Some(adapter) = responses.get(usize::from(*choice) % responses.len().max(1)) else { return };
    common::check(adapter, bytes);
});
