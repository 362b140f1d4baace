//! How fast answers are decoded: bytes → events → JSON → parts, on one core, protocol by protocol.
//!
//! `decode [FILTER]` makes streams as the providers send them ([`streams`]) and prints megabytes a second,
//! the best of some passes, once with each event in a piece of its own, as they come while a model thinks,
//! and once in pieces of 8 KiB, as they come through a proxy. Names that do not hold FILTER are left out.
#![expect(clippy::print_stdout, reason = "its lines are what it is for")]

mod streams;

use std::time::{Duration, Instant};

use opencode_llm::protocol::{Decoder, Fault};
use opencode_llm::replay::Feed;

use self::streams::Stream;

/// Passes over each stream; the best counts, as other work of the machine only ever makes one slower. They are
/// short, so that some of them have a core for themselves.
const PASSES: usize = 60;
/// A piece of a coalesced stream.
const BLOCK: usize = 8 * 1024;

fn main() -> Result<(), Fault> {
    let filter = std::env::args().nth(1).unwrap_or_default();
    println!(
        "{:<36}{:>8}{:>12}{:>12}{:>12}",
        "", "events", "bytes each", "each, MB/s", "8 KiB, MB/s"
    );
    for stream in streams::all() {
        if !stream.name.contains(&filter) {
            continue;
        }
        let bytes = stream.events.concat();
        let single = best(&stream, &stream.events.iter().map(Vec::as_slice))?;
        let blocks = best(&stream, &bytes.chunks(BLOCK))?;
        println!(
            "{:<36}{:>8}{:>12}{:>12.0}{:>12.0}",
            stream.name,
            stream.events.len(),
            bytes.len() / stream.events.len().max(1),
            rate(bytes.len(), single),
            rate(bytes.len(), blocks)
        );
    }
    Ok(())
}

fn best<'a>(stream: &Stream, pieces: &(impl Iterator<Item = &'a [u8]> + Clone)) -> Result<Duration, Fault> {
    let mut best = Duration::MAX;
    for _ in 0..PASSES {
        let mut feed = Feed::new(Decoder::for_adapter(stream.adapter));
        let mut parts = Vec::new();
        let mut count = 0;
        let start = Instant::now();
        for piece in pieces.clone() {
            feed.push(piece, &mut parts)?;
            count += parts.drain(..).count();
        }
        feed.end(&mut parts)?;
        best = best.min(start.elapsed());
        assert!(
            count + parts.len() > stream.events.len() / 2,
            "{} is not understood",
            stream.name
        );
    }
    Ok(best)
}

fn rate(bytes: usize, time: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below what a float can count")]
    let bytes = bytes as f64;
    bytes / 1e6 / time.as_secs_f64()
}
