//! The decoder of SAP's orchestration: streamed bytes, and the same bytes as a whole answer.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use opencode_llm::adapter::by_package;

fuzz_target!(|bytes: &[u8]| {
    let Some(adapter) = by_package("@jerome-benoit/sap-ai-provider-v2") else { return };
    common::check(adapter, bytes);
});
