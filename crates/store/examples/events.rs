//! How many durable events one writer stores in a second: `cargo run --release -p opencode-store --example events`.
//!
//! `together`: by as many tasks at the same time as fill a batch; `alone`: by one that waits for each; `long`: of one
//! answer with very many texts. A case can be named. Prints a JSON line a case: events a second, and microseconds
//! an event.
#![expect(clippy::print_stdout, reason = "the figures are what this is for")]

use std::time::Instant;

use opencode_schema::project::{Project, Times as ProjectTimes};
use opencode_schema::session::Times;
use opencode_schema::{EventBody, MessageId, Session, SessionEvent, SessionId};
use opencode_store::{Database, Error, Store};
use serde_json::json;

/// Events of each case.
const EVENTS: u64 = 100_000;
/// Writes that wait at the same time.
const TOGETHER: u64 = 256;
/// Texts and calls of the long answer.
const CONTENT: u64 = 2_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(Database::File(folder.path().join("opencode.db"))).await?;
    let session = stored_session(&store).await?;
    let wanted = std::env::args().nth(1);
    let is_wanted = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
    if is_wanted("together") {
        case("together", &store, &session, EVENTS, TOGETHER).await?;
    }
    if is_wanted("alone") {
        case("alone", &store, &session, EVENTS / 10, 1).await?;
    }
    if is_wanted("long") {
        long_answer(&store, &session).await?;
    }
    Ok(())
}

/// A text as it is stored of a conversation.
fn said(session: &SessionId, text: &str) -> EventBody {
    SessionEvent::Synthetic {
        timestamp: 1,
        session_id: session.clone(),
        message_id: MessageId::new(),
        text: text.to_owned(),
    }
    .into()
}

async fn case(name: &str, store: &Store, session: &SessionId, count: u64, tasks: u64) -> Result<(), Error> {
    let begun = Instant::now();
    let all = (0..tasks).map(|_| {
        let (store, session) = (store.clone(), session.clone());
        tokio::spawn(async move {
            for _ in 0..count / tasks {
                store
                    .publish(said(&session, "some words of an answer, as they are stored"))
                    .await?;
            }
            Ok::<_, Error>(())
        })
    });
    for task in all.collect::<Vec<_>>() {
        task.await.map_err(|error| Error::Panicked(error.to_string()))??;
    }
    tell(name, count / tasks * tasks, begun);
    Ok(())
}

/// One answer with very many texts: each event changes the row of its message.
async fn long_answer(store: &Store, session: &SessionId) -> Result<(), Box<dyn std::error::Error>> {
    let event = |kind: &str, mut data: serde_json::Value| -> Result<EventBody, serde_json::Error> {
        data["sessionID"] = json!(session);
        data["timestamp"] = json!(1);
        data["assistantMessageID"] = json!("msg_long");
        serde_json::from_value(json!({ "type": format!("session.next.{kind}"), "properties": data }))
    };
    let model = json!({ "id": "m", "providerID": "p" });
    store
        .publish(event(
            "step.started",
            json!({ "agent": "build", "model": model }),
        )?)
        .await?;
    let begun = Instant::now();
    for number in 0..CONTENT {
        let id = format!("text-{number}");
        store
            .publish(event("text.started", json!({ "textID": id }))?)
            .await?;
        let text = "some words of an answer, as they are stored ".repeat(5);
        store
            .publish(event("text.ended", json!({ "textID": id, "text": text }))?)
            .await?;
    }
    tell("long", 2 * CONTENT, begun);
    Ok(())
}

fn tell(name: &str, count: u64, begun: Instant) {
    let taken = begun.elapsed();
    let case = json!({
        "case": name,
        "events": count,
        "a_second": (count as f64 / taken.as_secs_f64()).round(),
        "us_an_event": (taken.as_secs_f64() * 1e7 / count as f64).round() / 10.0,
    });
    println!("{case}");
}

async fn stored_session(store: &Store) -> Result<SessionId, Error> {
    let session = Session {
        id: SessionId::new(),
        slug: "measured".into(),
        project_id: "p1".into(),
        directory: "/work/p".into(),
        title: "A session".into(),
        version: "1".into(),
        time: Times::default(),
        ..Session::default()
    };
    let id = session.id.clone();
    let project = Project {
        id: "p1".into(),
        worktree: "/work/p".into(),
        vcs: None,
        name: None,
        icon: None,
        commands: None,
        time: ProjectTimes::default(),
        sandboxes: Vec::new(),
    };
    store
        .write(move |transaction| {
            transaction.put_project(&project)?;
            transaction.publish(EventBody::SessionCreated {
                session_id: session.id.clone(),
                info: Box::new(session),
            })
        })
        .await?;
    Ok(id)
}
