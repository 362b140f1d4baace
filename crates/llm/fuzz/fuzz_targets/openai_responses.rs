//! The decoders of Responses: streamed bytes, and the same bytes as a whole answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use opencode_llm::adapter::{Protocol, table::ADAPTERS};
use opencode_llm::protocol::Decoder;
use opencode_llm::replay;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let responses: Vec<_> =
        ADAPTERS.iter().filter(|adapter| matches!(adapter.protocol, Protocol::OpenAiResponses(_))).collect();
    let Some(adapter) = responses.get(usize::from(*choice) % responses.len().max(1)) else { return };
    let _ = replay::bytes(adapter, bytes);
    let _ = replay::whole(Decoder::for_adapter(adapter), &String::from_utf8_lossy(bytes));
});
