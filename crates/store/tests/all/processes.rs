//! Several processes on one file: nobody sees a lock, nothing is lost, migrations run once.

use std::process::{Child, Command};

use opencode_store::Store;
use pretty_assertions::assert_eq;

use crate::support::{Place, database_at, message_updated, stored_session, user};

const PATH: &str = "STORE_TEST_PATH";
const SESSION: &str = "STORE_TEST_SESSION";
const PROCESSES: usize = 8;
const WRITES: i64 = 150;

/// This test binary, running only the test named `name`, with the file handed over.
fn child(name: &str, place: &Place, session: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--ignored", "--nocapture"])
        .env(PATH, place.address())
        .env(SESSION, session)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

/// The database that was handed over.
async fn opened() -> Store {
    let database = database_at(&std::env::var(PATH).unwrap());
    Store::open(database).await.unwrap()
}

fn all_succeed(children: Vec<Child>) {
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
}

#[tokio::test]
#[ignore = "runs as a child of `processes_write_at_once`"]
async fn child_writes() {
    let store = opened().await;
    let session = opencode_schema::SessionId::trusted(std::env::var(SESSION).unwrap());
    for n in 0..WRITES {
        store.publish(message_updated(&user(&session, n))).await.unwrap();
    }
}

#[tokio::test]
async fn processes_write_at_once() {
    let place = Place::new();
    let store = place.open().await;
    let session = stored_session(&store).await;
    all_succeed(
        (0..PROCESSES)
            .map(|_| child("processes::child_writes", &place, session.id.as_str()))
            .collect(),
    );
    let wanted = PROCESSES as i64 * WRITES;
    let stored = place.rows("SELECT count(*), max(seq) FROM event WHERE type = 'message.updated.1'");
    assert_eq!(stored, [[wanted, wanted]]);
    assert_eq!(place.count("message"), wanted);
}

#[tokio::test]
#[ignore = "runs as a child of `gap_38_an_old_file_is_migrated_once_by_processes_that_start_at_once`"]
async fn child_opens() {
    let store = opened().await;
    let session = opencode_schema::SessionId::trusted("ses_old");
    assert!(store.read(move |view| view.session(&session)).await.is_ok());
}

fn processes_open_an_old_file(rounds: usize) {
    for round in 0..rounds {
        let place = Place::file();
        place
            .sqlite()
            .execute_batch(include_str!("data/first-release.sql"))
            .unwrap();
        all_succeed(
            (0..PROCESSES)
                .map(|_| child("processes::child_opens", &place, ""))
                .collect(),
        );
        let marked: (i64, i64) = place
            .sqlite()
            .query_row("SELECT count(*), count(DISTINCT id) FROM migration", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        assert_eq!(marked, (38, 38), "round {round}");
        // Who migrates makes a copy first: one of them did.
        let copies = fs_err::read_dir(place.path().parent().unwrap())
            .unwrap()
            .filter(|entry| {
                let name = entry.as_ref().unwrap().file_name();
                name.to_string_lossy().contains("-before-")
            })
            .count();
        assert_eq!(copies, 1, "round {round}");
    }
}

#[test]
fn gap_38_an_old_file_is_migrated_once_by_processes_that_start_at_once() {
    processes_open_an_old_file(4);
}

#[test]
#[ignore = "the same for long: 50 rounds"]
fn gap_38_an_old_file_is_migrated_once_in_fifty_rounds() {
    processes_open_an_old_file(50);
}

#[test]
fn gap_38_a_claim_ends_with_the_process_that_holds_it() {
    let place = Place::file();
    place
        .sqlite()
        .execute_batch(concat!(
            "PRAGMA journal_mode = WAL;",
            include_str!("data/first-release.sql")
        ))
        .unwrap();
    let mut holder = child("processes::child_claims", &place, "");
    let claimed = place.path().with_file_name("claimed");
    let begin = std::time::Instant::now();
    while !claimed.exists() {
        assert!(begin.elapsed() < std::time::Duration::from_secs(60));
        std::thread::yield_now();
    }
    let waiting: Vec<Child> = (0..2)
        .map(|_| child("processes::child_opens", &place, ""))
        .collect();
    let old: i64 = place
        .sqlite()
        .query_row(
            "SELECT count(*) FROM sqlite_master WHERE name = 'credential'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(old, 0, "nobody but the holder changes the file");
    holder.kill().unwrap();
    holder.wait().unwrap();
    all_succeed(waiting);
}

#[test]
#[ignore = "runs as a child of `gap_38_a_claim_ends_with_the_process_that_holds_it`"]
fn child_claims() {
    let path = std::path::PathBuf::from(std::env::var_os(PATH).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch("BEGIN IMMEDIATE; CREATE TABLE half_done (id text);")
        .unwrap();
    fs_err::write(path.with_file_name("claimed"), "").unwrap();
    // Until it is killed, but not for ever.
    std::thread::park_timeout(std::time::Duration::from_secs(60));
}

#[tokio::test]
async fn processes_make_a_new_file_at_once() {
    for _ in 0..3 {
        let place = Place::new();
        all_succeed(
            (0..PROCESSES)
                .map(|_| child("processes::child_makes", &place, ""))
                .collect(),
        );
        assert_eq!(place.count("migration"), 38);
    }
}

#[tokio::test]
#[ignore = "runs as a child of `processes_make_a_new_file_at_once`"]
async fn child_makes() {
    drop(opened().await);
}
