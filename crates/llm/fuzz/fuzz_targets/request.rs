//! Requests of any shape to any adapter: encoding says no or makes JSON, and never fails in another way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use opencode_llm::adapter::table::ADAPTERS;
use opencode_llm::{Request, Target, protocol};

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let Some(adapter) = ADAPTERS.get(usize::from(*choice) % ADAPTERS.len()) else { return };
    let Ok(request) = serde_json::from_slice::<Request>(bytes) else { return };
    for model in ["gpt-5", "claude-sonnet-4-5", "gemini-3-pro", "mistral-large"] {
        let target = Target::new(adapter, "provider", model);
        let _ = protocol::prepare(&target, &request, true);
        let _ = target.url();
    }
});
