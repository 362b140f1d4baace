//! The decoder of Cohere chat: streamed bytes, and the same bytes as a whole answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use opencode_llm::adapter::by_package;
use opencode_llm::protocol::Decoder;
use opencode_llm::replay;

fuzz_target!(|bytes: &[u8]| {
    let Some(adapter) = by_package("@ai-sdk/cohere") else { return };
    let _ = replay::bytes(adapter, bytes);
    let _ = replay::whole(Decoder::for_adapter(adapter), &String::from_utf8_lossy(bytes));
});
