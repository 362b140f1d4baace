//! Listeners that come and go leave nothing behind: no connection, no file, no thread, no memory (reference
//! `v2.md` §14 row 39).
//!
//! `OPENCODE_CHAOS_TAILS=100000` opens and closes that many.

use std::time::{Duration, Instant};

use opencode_testkit::{ScriptedModel, Served};

use super::dice::number;
use super::process::{Held, held};
use super::wire::{Stream, address_of};
use crate::durable::{say, served, session, settle};

/// Listeners in the suite.
const TAILS: u64 = 1000;
/// Those that are there at the same time.
const TOGETHER: u64 = 50;
/// How often a session is listened to.
const WAVES: u64 = 20;
/// Listeners before it is looked what the server holds: it keeps some memory for the next ones.
const FIRST: u64 = 200;
/// Memory that the ones after them may add.
const MORE_MEMORY: u64 = 16 << 20;
/// How long the server may take to notice that they are gone.
const LIMIT: Duration = Duration::from_secs(60);

/// Listeners of both kinds come, hear something, and go.
async fn come_and_go(server: &Served, count: u64) {
    let mut session = String::new();
    for wave in 0..count / TOGETHER {
        if wave % WAVES == 0 {
            // How long a conversation is is not what is looked at.
            session = self::session(server).await;
            say(server, &session, "begin").await;
            settle(server, &session).await;
        }
        let (address, path) = (address_of(server), format!("/api/session/{session}/event"));
        let open = tokio::task::spawn_blocking(move || {
            let paths = (0..TOGETHER).map(|number| if number % 4 == 0 { "/event" } else { &path });
            let mut streams: Vec<Stream> = paths
                .map(|path| Stream::open(&address, path, "").unwrap())
                .collect();
            for stream in &mut streams {
                stream.event().unwrap();
            }
            streams
        });
        let streams = open.await.unwrap();
        // All of them are woken.
        say(server, &session, "go on").await;
        drop(streams);
        settle(server, &session).await;
    }
}

/// What the server holds once nobody listens any more: as few files and threads as `known`. Threads that have
/// nothing to do end by themselves after some seconds.
async fn at_rest(server: &Served, known: Option<Held>) -> Option<Held> {
    let begun = Instant::now();
    loop {
        let held = held(server.id())?;
        let few = known.map_or(held.files <= TOGETHER as usize, |known| {
            held.files <= known.files + 4 && held.threads <= known.threads + 4
        });
        if few {
            return Some(held);
        }
        assert!(begun.elapsed() < LIMIT, "{held:?}, before {known:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn gap_39_listeners_that_are_gone_leave_nothing_behind() {
    let count = number("OPENCODE_CHAOS_TAILS", TAILS);
    let model = ScriptedModel::start([]).await;
    let (_home, server) = served(&model).await;
    come_and_go(&server, FIRST).await;
    let Some(before) = at_rest(&server, None).await else {
        return println!("left out: this system does not say what a process holds");
    };
    come_and_go(&server, count).await;
    let after = at_rest(&server, Some(before)).await.unwrap();
    println!("{count} listeners: {before:?}, after them {after:?}");
    assert!(
        after.memory <= before.memory + MORE_MEMORY,
        "{before:?} {after:?}"
    );
}
