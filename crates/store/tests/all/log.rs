//! The event log: sequences, order, and that rows and events are stored together or not at all.

use opencode_schema::event::Origin;
use opencode_schema::{EventBody, Session};
use opencode_store::{Database, Error, Store};
use pretty_assertions::assert_eq;

use crate::support::{
    Place, assistant, created, message_updated, part_updated, session, step_finish, stored_session, text,
    user,
};

fn log_of(place: &Place, session: &Session) -> Vec<(i64, String)> {
    let of = &session.id;
    numbered(
        place,
        &format!("SELECT seq, type FROM event WHERE aggregate_id = '{of}' ORDER BY seq"),
    )
}

/// Rows of a number and a text.
fn numbered(place: &Place, query: &str) -> Vec<(i64, String)> {
    let rows = place.rows(query).into_iter();
    rows.map(|row| (row[0].as_i64().unwrap(), row[1].as_str().unwrap().to_owned()))
        .collect()
}

#[tokio::test]
async fn sequences_start_at_zero_without_gaps() {
    let place = Place::new();
    let store = place.open().await;
    let session = stored_session(&store).await;
    let message = user(&session.id, 11);
    store.publish(message_updated(&message)).await.unwrap();
    store
        .publish(part_updated(&text(&message, "hello")))
        .await
        .unwrap();
    assert_eq!(
        log_of(&place, &session),
        [
            (0, "session.created.1".to_owned()),
            (1, "message.updated.1".to_owned()),
            (2, "message.part.updated.1".to_owned()),
        ]
    );
}

#[tokio::test]
async fn a_write_that_fails_leaves_nothing_and_makes_no_gap() {
    let place = Place::new();
    let store = place.open().await;
    let session = stored_session(&store).await;
    let mut listener = store.subscribe();
    let (lost, kept) = (user(&session.id, 11), user(&session.id, 12));
    let (lost_event, kept_event) = (message_updated(&lost), message_updated(&kept));
    let failed = store
        .write(move |transaction| {
            transaction.publish(lost_event)?;
            Err::<(), _>(Error::NotFound {
                what: "thing",
                id: "x".into(),
            })
        })
        .await;
    assert_eq!(failed.unwrap_err().to_string(), "thing not found: x");
    store.publish(kept_event).await.unwrap();
    assert_eq!(log_of(&place, &session).last().unwrap().0, 1);
    assert_eq!(
        listener.next().await.unwrap().unwrap().body,
        message_updated(&kept)
    );
    let messages = store
        .read(move |view| view.newest_messages(&session.id, 10))
        .await
        .unwrap();
    assert_eq!(messages, [kept]);
}

#[tokio::test]
async fn a_write_that_panics_leaves_nothing_and_the_writer_goes_on() {
    let place = Place::new();
    let store = place.open().await;
    let session = stored_session(&store).await;
    let failed = store
        .write(|_| -> Result<(), Error> { panic!("on purpose") })
        .await;
    assert_eq!(
        failed.unwrap_err().to_string(),
        "a write failed inside: on purpose"
    );
    store
        .publish(message_updated(&user(&session.id, 11)))
        .await
        .unwrap();
    assert_eq!(log_of(&place, &session).len(), 2);
}

#[tokio::test]
async fn writes_from_many_tasks_keep_one_order() {
    let place = Place::new();
    let store = place.open().await;
    let session = stored_session(&store).await;
    let mut listener = store.subscribe();
    let writers: Vec<_> = (0..200)
        .map(|n| {
            let (store, id) = (store.clone(), session.id.clone());
            tokio::spawn(async move { store.publish(message_updated(&user(&id, n))).await.unwrap() })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut heard = Vec::new();
    for _ in 0..200 {
        heard.push(listener.next().await.unwrap().unwrap().id.to_string());
    }
    let stored = numbered(&place, "SELECT seq, id FROM event WHERE seq > 0 ORDER BY seq");
    assert_eq!(
        stored.iter().map(|row| row.0).collect::<Vec<_>>(),
        (1..=200).collect::<Vec<_>>()
    );
    assert_eq!(stored.into_iter().map(|row| row.1).collect::<Vec<_>>(), heard);
}

#[tokio::test]
async fn passing_events_are_heard_in_order_and_not_stored() {
    let place = Place::new();
    let store = place.open().await;
    let session = stored_session(&store).await;
    let origin = Origin {
        directory: "/work/p".into(),
        project_id: None,
        workspace_id: None,
    };
    let mut listener = store.at(origin.clone()).subscribe();
    let message = user(&session.id, 11);
    let idle = EventBody::SessionIdle {
        session_id: session.id.clone(),
    };
    let store = store.at(origin.clone());
    store.publish(message_updated(&message)).await.unwrap();
    store.announce(idle.clone()).await.unwrap();
    store.publish(message_updated(&message)).await.unwrap();
    let mut kinds = Vec::new();
    for _ in 0..3 {
        let event = listener.next().await.unwrap().unwrap();
        assert_eq!(event.origin.as_deref(), Some(&origin));
        kinds.push(event.body.kind());
    }
    assert_eq!(kinds, ["message.updated", "session.idle", "message.updated"]);
    assert_eq!(log_of(&place, &session).len(), 3);
}

#[tokio::test]
async fn step_usage_is_summed_replaced_and_taken_out_again() {
    let place = Place::new();
    let store = place.open().await;
    let session = stored_session(&store).await;
    let message = assistant(&session.id, 11);
    store.publish(message_updated(&message)).await.unwrap();
    let sums = async |store: &Store| {
        let id = session.id.clone();
        let session = store.read(move |view| view.session(&id)).await.unwrap();
        (
            session.cost.unwrap().0,
            session.tokens.unwrap().input,
            session.time.updated,
        )
    };
    let (mut first, second) = (step_finish(&message, 0.5, 10), step_finish(&message, 0.25, 7));
    store.publish(part_updated(&first)).await.unwrap();
    store.publish(part_updated(&second)).await.unwrap();
    assert_eq!(sums(&store).await, (0.75, 17, 10));
    first.body = step_finish(&message, 1.0, 20).body;
    store.publish(part_updated(&first)).await.unwrap();
    assert_eq!(sums(&store).await, (1.25, 27, 10));
    let removed = EventBody::MessageRemoved {
        session_id: session.id.clone(),
        message_id: message.id.clone(),
    };
    store.publish(removed).await.unwrap();
    assert_eq!(sums(&store).await, (0.0, 0, 10));
}

#[tokio::test]
async fn session_updates_build_on_what_is_stored() {
    let place = Place::new();
    let store = place.open().await;
    let session = stored_session(&store).await;
    let message = assistant(&session.id, 11);
    store.publish(message_updated(&message)).await.unwrap();
    store
        .publish(part_updated(&step_finish(&message, 0.5, 10)))
        .await
        .unwrap();
    let id = session.id.clone();
    store
        .write(move |transaction| transaction.update_session(&id, |session| session.title = "Better".into()))
        .await
        .unwrap();
    let id = session.id.clone();
    let after = store.read(move |view| view.session(&id)).await.unwrap();
    assert_eq!((after.title.as_str(), after.cost.unwrap().0), ("Better", 0.5));
}

#[tokio::test]
async fn deleting_a_session_takes_everything_of_it_along() {
    let place = Place::new();
    let store = place.open().await;
    let session = stored_session(&store).await;
    let message = user(&session.id, 11);
    store.publish(message_updated(&message)).await.unwrap();
    store
        .publish(part_updated(&text(&message, "hello")))
        .await
        .unwrap();
    let deleted = EventBody::SessionDeleted {
        session_id: session.id.clone(),
        info: Box::new(session.clone()),
    };
    store.publish(deleted).await.unwrap();
    for table in ["session", "message", "part", "event", "event_sequence"] {
        assert_eq!(place.count(table), 0, "{table}");
    }
}

#[tokio::test]
async fn a_database_in_memory_reads_and_writes() {
    let store = Store::open(Database::Memory).await.unwrap();
    let session = stored_session(&store).await;
    let id = session.id.clone();
    assert_eq!(
        store.read(move |view| view.session(&id)).await.unwrap().title,
        session.title
    );
}

#[tokio::test]
async fn a_session_of_an_unknown_project_is_refused() {
    let place = Place::new();
    let store = place.open().await;
    let refused = store.publish(created(&session())).await.unwrap_err().to_string();
    assert!(
        refused.to_lowercase().contains("foreign key constraint"),
        "{refused}"
    );
    assert_eq!((place.count("event"), place.count("session")), (0, 0));
}
