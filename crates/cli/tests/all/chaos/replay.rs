//! A very long log is read in memory that does not grow with it: page by page, as a stream, and as the list that
//! other programs copy (reference `v2.md` §14 row 40).
//!
//! `OPENCODE_CHAOS_EVENTS=1000000` makes it that long.

use opencode_testkit::{Home, ScriptedModel, Served};
use pretty_assertions::assert_eq;

use super::dice::number;
use super::process::status;
use super::wire::{Stream, address_of};
use crate::durable::{served, session};

/// Events in the suite.
const EVENTS: u64 = 20_000;
/// Events of a page.
const PAGE: u64 = 1000;
/// Memory that reading may take besides what the server has.
const MEMORY: u64 = 64 << 20;

/// Writes so many events behind those that are there. Gives the place of the last one.
fn write(home: &Home, session: &str, count: u64) -> i64 {
    let database = home.database();
    let first: i64 = database
        .query_row(
            "SELECT seq + 1 FROM event_sequence WHERE aggregate_id = ?1",
            [session],
            |row| row.get(0),
        )
        .unwrap();
    let last = first + i64::try_from(count).unwrap() - 1;
    let words = "words ".repeat(20);
    database
        .execute(
            "WITH RECURSIVE place (seq) AS (SELECT ?2 UNION ALL SELECT seq + 1 FROM place WHERE seq < ?3)
             INSERT INTO event (id, aggregate_id, seq, type, data)
             SELECT printf('evt_long%010d', seq), ?1, seq, 'session.next.synthetic.1',
               json_object('sessionID', ?1, 'timestamp', 1, 'messageID', printf('msg_long%010d', seq), 'text', ?4)
             FROM place",
            (session, first, last, &words),
        )
        .unwrap();
    database
        .execute(
            "UPDATE event_sequence SET seq = ?2 WHERE aggregate_id = ?1",
            (session, last),
        )
        .unwrap();
    last
}

/// The most memory that the server has had since `read` began, beyond what it had then.
async fn more_memory<F: Future<Output = ()>>(server: &Served, read: F) -> Option<u64> {
    // The highest so far is forgotten.
    fs_err::write(format!("/proc/{}/clear_refs", server.id()), "5").ok()?;
    let before = status(server.id(), "VmRSS")?;
    read.await;
    Some(status(server.id(), "VmHWM")?.saturating_sub(before))
}

async fn by_pages(server: &Served, session: &str, last: i64) {
    let mut next = last + 1 - i64::try_from(number("OPENCODE_CHAOS_EVENTS", EVENTS)).unwrap();
    let mut after = next - 1;
    loop {
        let path = format!("/api/session/{session}/history?limit={PAGE}&after={after}");
        let page = server.send("GET", &path, None).await.json();
        for event in page["data"].as_array().unwrap() {
            assert_eq!(event["durable"]["seq"], next);
            next += 1;
        }
        after = next - 1;
        if page["hasMore"] == false {
            break;
        }
    }
    assert_eq!(after, last);
}

async fn by_a_stream(server: &Served, session: &str, last: i64) {
    let (address, path) = (address_of(server), format!("/api/session/{session}/event"));
    let reading = tokio::task::spawn_blocking(move || {
        let mut stream = Stream::open(&address, &path, "").unwrap();
        let mut before = None;
        loop {
            let seq = stream.event().unwrap()["durable"]["seq"].as_i64().unwrap();
            assert!(before.is_none_or(|before| before + 1 == seq), "{before:?} {seq}");
            before = Some(seq);
            if seq == last {
                return;
            }
        }
    });
    reading.await.unwrap();
}

async fn by_the_list(server: &Served, last: i64) {
    let address = address_of(server);
    let reading = tokio::task::spawn_blocking(move || {
        let headers = "content-type: application/json\r\ncontent-length: 2\r\n";
        let mut stream = Stream::ask(&address, "POST", "/sync/history", headers, "{}").unwrap();
        for next in 0..=last {
            stream.piece(b"\"seq\":").unwrap();
            let seq = stream.piece(b",").unwrap();
            assert_eq!(seq, next.to_string());
        }
    });
    reading.await.unwrap();
}

#[tokio::test]
async fn gap_40_a_very_long_log_is_read_in_flat_memory() {
    let count = number("OPENCODE_CHAOS_EVENTS", EVENTS);
    let model = ScriptedModel::start([]).await;
    let (home, server) = served(&model).await;
    let id = session(&server).await;
    let last = write(&home, &id, count);
    let ways = [
        ("pages", more_memory(&server, by_pages(&server, &id, last)).await),
        (
            "a stream",
            more_memory(&server, by_a_stream(&server, &id, last)).await,
        ),
        ("a list", more_memory(&server, by_the_list(&server, last)).await),
    ];
    for (name, more) in ways {
        let Some(more) = more else {
            println!("the memory of {name} is left out: this system does not say what a process holds");
            continue;
        };
        println!("{count} events by {name}: {} kB more", more / 1024);
        assert!(more < MEMORY, "{name}: {more}");
    }
}
