//! Eight servers work on one file at the same time, in sessions of their own and in one that is everybody's: nobody
//! is told of a lock, and nothing that was written is lost (reference `v2.md` §14 rows 20, 38).
//!
//! `OPENCODE_CHAOS_SECONDS=600` lets them do that for so long.

use std::time::{Duration, Instant};

use opencode_testkit::{ScriptedModel, Served};
use pretty_assertions::assert_eq;
use serde_json::json;

use super::dice::{Dice, number};
use super::wire::try_send;
use crate::durable::session;
use crate::{home, new_session};

/// Seconds in the suite.
const SECONDS: u64 = 4;
const SERVERS: u64 = 8;
/// Turns of a session before a new one takes its place: what grows with a conversation is not looked at here.
const OF_A_SESSION: u64 = 20;
/// How long none of the prompts that wait may be taken.
const LIMIT: Duration = Duration::from_secs(120);

/// What a server was told, and took.
#[derive(Default)]
struct Told {
    /// Ids of prompts, with their sessions.
    prompts: Vec<(String, String)>,
    /// Sessions of the other kind, with the number of their turns.
    turns: Vec<(String, u64)>,
}

async fn post(server: &Served, path: &str, body: serde_json::Value) {
    let (status, answer) = try_send(server, "POST", path, Some(body)).await.unwrap();
    assert!(matches!(status, 200 | 204), "{path}: {status} {answer}");
}

/// Works with one server until the time is over.
async fn works(number: u64, server: &Served, shared: &str, until: Instant) -> Told {
    let mut dice = Dice(number);
    let mut told = Told::default();
    let mut own = String::new();
    let mut count = 0;
    while Instant::now() < until {
        if count % OF_A_SESSION == 0 {
            own = session(server).await;
            told.turns.push((new_session(server).await, 0));
        }
        count += 1;
        let of = if dice.one_in(8) { shared } else { &own };
        let id = format!("msg_of{number}x{count:08}");
        let delivery = ["steer", "queue"][dice.below(2) as usize];
        let prompt = json!({ "id": id, "prompt": { "text": "go on" }, "delivery": delivery });
        post(server, &format!("/api/session/{of}/prompt"), prompt).await;
        told.prompts.push((id, of.to_owned()));
        let (plain, turns) = told.turns.last_mut().unwrap();
        let said = json!({ "parts": [{ "type": "text", "text": "go on" }] });
        post(server, &format!("/session/{plain}/message"), said).await;
        *turns += 1;
        if dice.one_in(3) {
            let path = format!("/api/session/{own}/wait");
            let (status, _) = try_send(server, "POST", &path, None).await.unwrap();
            assert_eq!(status, 204);
        }
    }
    told
}

#[tokio::test]
async fn eight_servers_share_a_file_and_lose_nothing() {
    let seconds = number("OPENCODE_CHAOS_SECONDS", SECONDS);
    let model = ScriptedModel::start([]).await;
    let home = home();
    home.configure(&model.url(), json!({}));
    let mut servers = Vec::new();
    for _ in 0..SERVERS {
        servers.push(home.serve().await);
    }
    let shared = session(&servers[0]).await;
    let until = Instant::now() + Duration::from_secs(seconds);
    let all = servers
        .iter()
        .zip(1..)
        .map(|(server, number)| works(number, server, &shared, until));
    let forgetting = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            model.forget_requests();
        }
    };
    let told = tokio::select! {
        told = futures_util::future::join_all(all) => told,
        () = forgetting => unreachable!(),
    };
    // Everything that was taken is answered.
    let database = home.database();
    let waiting = || -> i64 {
        let query = "SELECT count(*) FROM session_input WHERE promoted_seq IS NULL";
        database.query_row(query, [], |row| row.get(0)).unwrap()
    };
    let mut fewest = waiting();
    let mut since = Instant::now();
    while fewest > 0 {
        let now = waiting();
        if now < fewest {
            (fewest, since) = (now, Instant::now());
        }
        assert!(since.elapsed() < LIMIT, "{now} prompts are not taken");
        tokio::task::yield_now().await;
    }
    let mut prompts = 0;
    for (id, of) in told.iter().flat_map(|told| &told.prompts) {
        let query =
            "SELECT count(*) FROM session_message WHERE id = ?1 AND session_id = ?2 AND type = 'user'";
        let found: i64 = database.query_row(query, [id, of], |row| row.get(0)).unwrap();
        assert_eq!(found, 1, "{id} of {of}");
        prompts += 1;
    }
    let mut turns = 0;
    for (of, count) in told.iter().flat_map(|told| &told.turns) {
        let query = "SELECT count(*) FROM message WHERE session_id = ?1 AND data ->> '$.finish' = 'stop'";
        let found: i64 = database.query_row(query, [of], |row| row.get(0)).unwrap();
        assert_eq!(u64::try_from(found), Ok(*count), "{of}");
        turns += count;
    }
    assert!(prompts > 0 && turns > 0);
    for server in servers {
        let ended = server.stop().await;
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    }
    let log = fs_err::read_to_string(home.data().join("log/opencode.log")).unwrap_or_default();
    for line in log.lines() {
        assert!(!line.contains("locked") && !line.contains("panicked"), "{line}");
    }
    let checked = home.run(["db", "check"]).await;
    assert!(checked.status.success(), "{}\n{}", checked.stdout, checked.stderr);
    println!("{seconds} s, {SERVERS} servers: {prompts} prompts and {turns} turns of other sessions");
}
