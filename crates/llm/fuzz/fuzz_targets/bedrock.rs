//! Bedrock: any bytes as frames and as a whole answer, and any lines as the content of sound frames.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use opencode_llm::adapter::by_package;
use opencode_llm::protocol::Decoder;
use opencode_llm::replay;

const EVENTS: [&str; 8] = [
    "messageStart",
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "metadata",
    "throttlingException",
    "later",
];

/// A line as a frame; its first letter says what kind of event it is.
fn frame(line: &str) -> Vec<u8> {
    let (first, content) = line.split_at_checked(1).unwrap_or(("", line));
    let choice = first.bytes().next().unwrap_or_default();
    let name = EVENTS[usize::from(choice) % EVENTS.len()];
    let kind = if choice % 16 == 15 { "exception" } else { "event" };
    let mut headers = Vec::new();
    for (key, value) in [(":event-type", name), (":exception-type", name), (":message-type", kind)] {
        headers.push(key.len() as u8);
        headers.extend(key.as_bytes());
        headers.push(7);
        headers.extend((value.len() as u16).to_be_bytes());
        headers.extend(value.as_bytes());
    }
    let length = (headers.len() + content.len() + 16) as u32;
    let mut frame = [length.to_be_bytes(), (headers.len() as u32).to_be_bytes()].concat();
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.extend(headers);
    frame.extend(content.as_bytes());
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame
}

fuzz_target!(|bytes: &[u8]| {
    let Some(adapter) = by_package("@ai-sdk/amazon-bedrock") else { return };
    common::check(adapter, bytes);
    let text = String::from_utf8_lossy(bytes);
    let frames: Vec<u8> = text.lines().flat_map(frame).collect();
    let size = bytes.first().map_or(1, |first| usize::from(*first) + 1);
    let at_once = replay::bytes(adapter, &frames);
    let in_pieces = replay::stream(Decoder::for_adapter(adapter), frames.chunks(size));
    common::assert_same(&at_once, &in_pieces);
    common::assert_small(&at_once, frames.len());
});
