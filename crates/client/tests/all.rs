//! The client against servers that do what they should not.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use opencode_client::{Client, DOOR_BOUND, Error, Events, Signal};
use opencode_schema::SessionId;
use pretty_assertions::assert_eq;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
const GREETING: &str = "data: {\"id\":\"evt_1\",\"type\":\"server.connected\",\"properties\":{}}\n\n";
const HEARTBEAT: &str = "data: {\"id\":\"evt_2\",\"type\":\"server.heartbeat\",\"properties\":{}}\n\n";

/// A client, and where its requests arrive.
fn pair() -> (Client, mpsc::Receiver<DuplexStream>) {
    let (door, requests) = mpsc::channel(DOOR_BOUND);
    (Client::in_process(door, None).unwrap(), requests)
}

/// The next request, when its head has come.
async fn request(requests: &mut mpsc::Receiver<DuplexStream>) -> (DuplexStream, String) {
    let mut connection = requests.recv().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    (connection, String::from_utf8(head).unwrap())
}

fn idle(session: &str) -> String {
    format!(
        "data: {{\"id\":\"evt_3\",\"type\":\"session.idle\",\"properties\":{{\"sessionID\":\"{session}\"}}}}\n\n"
    )
}

/// A word for a signal.
async fn heard(events: &mut Events) -> String {
    match events.next().await {
        Signal::Open { again: false } => "open".to_owned(),
        Signal::Open { again: true } => "open again".to_owned(),
        Signal::Event(event) => event.body.session_id().unwrap().to_string(),
        Signal::Lost(Error::Unreachable { reason, .. }) => reason,
        Signal::Lost(error) => error.to_string(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_is_opened_again_and_says_so() {
    let (client, mut requests) = pair();
    let mut events = client.events();
    let server = async {
        let (mut connection, head) = request(&mut requests).await;
        assert!(head.starts_with("GET /event HTTP/1.1"), "{head}");
        let unknown = "data: {\"id\":\"e\",\"type\":\"of.tomorrow\",\"properties\":{}}\n\ndata: no JSON\n\n";
        let text = [STREAM, GREETING, unknown, HEARTBEAT, &idle("ses_1")].concat();
        // Split in the middle of a line.
        let (first, second) = text.split_at(text.len() - 20);
        connection.write_all(first.as_bytes()).await.unwrap();
        tokio::task::yield_now().await;
        connection.write_all(second.as_bytes()).await.unwrap();
        drop(connection);
        let (connection, _) = request(&mut requests).await;
        drop(connection);
        let (mut connection, _) = request(&mut requests).await;
        let text = [STREAM, GREETING, &idle("ses_2")].concat();
        connection.write_all(text.as_bytes()).await.unwrap();
        connection
    };
    let listener = async {
        let mut all = Vec::new();
        for _ in 0..6 {
            all.push(heard(&mut events).await);
        }
        all
    };
    let (_connection, all) = tokio::join!(server, listener);
    assert_eq!(all[..3], ["open", "ses_1", "the stream of events ended"]);
    assert_eq!(all[4..], ["open again", "ses_2"], "{all:?}");
    assert_eq!(events.failures(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_gives_no_sign_of_life_counts_as_gone() {
    let (client, mut requests) = pair();
    let mut events = client.events();
    let server = async {
        let (mut connection, _) = request(&mut requests).await;
        connection
            .write_all([STREAM, GREETING].concat().as_bytes())
            .await
            .unwrap();
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(10)).await;
            connection.write_all(HEARTBEAT.as_bytes()).await.unwrap();
        }
        connection
    };
    let begin = Instant::now();
    let listener = async {
        assert_eq!(heard(&mut events).await, "open");
        heard(&mut events).await
    };
    let (_connection, end) = tokio::join!(server, listener);
    assert_eq!(end, "no sign of life for 35 s");
    assert_eq!(begin.elapsed().as_secs(), 65);
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_and_attempts_can_be_given_up() {
    let (client, requests) = pair();
    drop(requests);
    let mut events = client.events();
    let begin = Instant::now();
    let mut pauses = Vec::new();
    for _ in 0..9 {
        let Signal::Lost(error) = events.next().await else {
            panic!()
        };
        assert!(error.may_pass());
        pauses.push(begin.elapsed().as_millis());
    }
    // The clock of tests counts whole milliseconds, one more for each wait.
    let wanted = [0, 250, 750, 1750, 3750, 7750, 15750, 25750, 35750];
    for (pause, wanted) in pauses.iter().zip(wanted) {
        assert!((wanted..wanted + 20).contains(pause), "{pauses:?}");
    }
    assert_eq!(events.failures(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_answered_ends_by_itself() {
    let (client, mut requests) = pair();
    let silent = async { request(&mut requests).await };
    let (_connection, result) = tokio::join!(silent, client.health());
    assert_eq!(
        result.unwrap_err().to_string(),
        "the server in this process did not answer GET /global/health within 30 s"
    );
}

#[tokio::test]
async fn answers_that_are_none_are_errors() {
    for (answer, wanted) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi",
            "does not know GET /global/health",
        ),
        (
            "HTTP/1.1 405 No\r\ncontent-length: 0\r\n\r\n",
            "does not know GET /global/health",
        ),
        (
            "HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n",
            "wants another name or password",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
            "something unexpected",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{", "cannot reach"),
        ("HTTP/1.1 503 No\r\ncontent-length: 4\r\n\r\nbusy", "busy"),
        ("no HTTP at all\r\n\r\n", "cannot reach"),
        ("", "cannot reach"),
    ] {
        let (client, mut requests) = pair();
        let server = async {
            let (mut connection, _) = request(&mut requests).await;
            connection.write_all(answer.as_bytes()).await.unwrap();
        };
        let ((), result) = tokio::join!(server, client.health());
        let error = result.unwrap_err().to_string();
        assert!(error.contains(wanted), "{answer:?}: {error}");
    }
}

#[tokio::test]
async fn what_is_not_there_can_be_told_from_what_failed() {
    let (client, mut requests) = pair();
    let server = async {
        let (mut connection, head) = request(&mut requests).await;
        assert!(head.starts_with("GET /session/ses_%2F..%2Fx HTTP/1.1"), "{head}");
        let body = r#"{"name":"NotFoundError","data":{"message":"Session not found: ses_x"}}"#;
        let answer = format!("HTTP/1.1 404 No\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        connection.write_all(answer.as_bytes()).await.unwrap();
    };
    let id = SessionId::parse("ses_/../x").unwrap();
    let ((), result) = tokio::join!(server, client.session(&id));
    let error = result.unwrap_err();
    assert!(error.is_not_found() && !error.may_pass());
    assert_eq!(error.to_string(), "Session not found: ses_x");
}
