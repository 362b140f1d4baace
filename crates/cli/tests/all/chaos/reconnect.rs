//! A client whose line breaks again and again sees each place of a log once, while more is written
//! (reference `v2.md` §14 rows 15, 36, 39; of other sessions by `/sync/history`).
//!
//! `OPENCODE_CHAOS_RECONNECTS=10000` breaks the line that often.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use opencode_testkit::ScriptedModel;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::dice::{Dice, number};
use super::wire::{Stream, address_of};
use crate::durable::{say, served, session, settle};
use crate::new_session;

/// Broken lines in the suite.
const RECONNECTS: u64 = 100;

/// Reads a few events behind each place, by either kind of cursor.
fn read(address: &str, session: &str, times: u64) -> Vec<i64> {
    let mut dice = Dice(times);
    let mut seen: Vec<i64> = Vec::new();
    for _ in 0..times {
        let path = format!("/api/session/{session}/event");
        let mut stream = match seen.last() {
            None => Stream::open(address, &path, ""),
            Some(last) if dice.one_in(2) => Stream::open(address, &format!("{path}?after={last}"), ""),
            Some(last) => Stream::open(address, &path, &format!("last-event-id: {last}\r\n")),
        }
        .unwrap();
        for _ in 0..dice.below(4) {
            let event = stream.event().unwrap();
            seen.push(event["durable"]["seq"].as_i64().unwrap());
        }
    }
    seen
}

#[tokio::test]
async fn gaps_15_and_39_whoever_connects_again_and_again_sees_every_place_once() {
    let times = number("OPENCODE_CHAOS_RECONNECTS", RECONNECTS);
    let model = ScriptedModel::start([]).await;
    let (_home, server) = served(&model).await;
    let id = session(&server).await;
    let over = Arc::new(AtomicBool::new(false));
    let (address, of, ended) = (address_of(&server), id.clone(), Arc::clone(&over));
    let reading = tokio::task::spawn_blocking(move || {
        let seen = read(&address, &of, times);
        ended.store(true, Ordering::Release);
        seen
    });
    while !over.load(Ordering::Acquire) {
        say(&server, &id, "go on").await;
        settle(&server, &id).await;
    }
    let seen = reading.await.unwrap();
    let mut all = Vec::new();
    while all.len() < seen.len() {
        let after = all.last().map_or(String::new(), |last| format!("&after={last}"));
        let path = format!("/api/session/{id}/history?limit=1000{after}");
        let page = server.send("GET", &path, None).await.json();
        let places = page["data"].as_array().unwrap().iter();
        all.extend(places.map(|event| event["durable"]["seq"].as_i64().unwrap()));
    }
    assert_eq!(seen, all[..seen.len()]);
    println!("{times} lines, {} places", seen.len());
}

#[tokio::test]
async fn whoever_asks_for_what_came_after_sees_every_place_of_other_sessions_once() {
    let times = number("OPENCODE_CHAOS_RECONNECTS", RECONNECTS).min(1000);
    let model = ScriptedModel::start([]).await;
    let (_home, server) = served(&model).await;
    let id = new_session(&server).await;
    let mut seen: Vec<i64> = Vec::new();
    for _ in 0..times / 10 {
        let said = json!({ "parts": [{ "type": "text", "text": "go on" }] });
        let path = format!("/session/{id}/prompt_async");
        server.send("POST", &path, Some(said)).await;
        for _ in 0..10 {
            let known = seen
                .last()
                .map_or_else(|| json!({}), |last| json!({ id.as_str(): last }));
            let came = server.send("POST", "/sync/history", Some(known)).await.json();
            let came: &Vec<Value> = came.as_array().unwrap();
            seen.extend(came.iter().map(|event| event["seq"].as_i64().unwrap()));
        }
    }
    let wanted: Vec<i64> = (0..).take(seen.len()).collect();
    assert_eq!(seen, wanted);
    assert!(!seen.is_empty());
}
