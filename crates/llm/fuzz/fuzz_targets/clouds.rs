//! The decoders of Google's and Amazon's protocols: streamed bytes, the same bytes as a whole answer, and as the
//! content of a frame.
#![no_main]

use libfuzzer_sys::fuzz_target;
use opencode_llm::adapter::by_package;
use opencode_llm::bedrock;
use opencode_llm::protocol::Decoder;
use opencode_llm::replay;

const EVENTS: [&str; 6] = [
    "messageStart",
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "metadata",
];

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    for package in ["@ai-sdk/google", "@ai-sdk/google-vertex", "@ai-sdk/amazon-bedrock", "@jerome-benoit/sap-ai-provider-v2"] {
        let Some(adapter) = by_package(package) else { return };
        let _ = replay::bytes(adapter, bytes);
        let _ = replay::whole(Decoder::for_adapter(adapter), &text);
    }
    let mut decoder = bedrock::Decoder::default();
    let mut parts = Vec::new();
    for (line, name) in text.lines().zip(EVENTS.iter().cycle()) {
        let _ = decoder.event(name, line, &mut parts);
        decoder.failure(name, line, &mut parts);
    }
});
