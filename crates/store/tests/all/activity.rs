//! Activities of durable sessions (reference `v2.md` §14 rows 22, 23, 28).

use opencode_schema::prompt::{Delivery, Prompt, SessionInput};
use opencode_schema::{MessageId, SessionId};
use opencode_store::{ActivityState, Error, Standing, Store};
use pretty_assertions::assert_eq;

use crate::support::{Place, stored_session};

async fn admit(store: &Store, session: &SessionId, id: &str, delivery: Delivery) -> SessionInput {
    let input = SessionInput {
        admitted_seq: 0,
        id: MessageId::trusted(id),
        session_id: session.clone(),
        prompt: Prompt {
            text: "go".to_owned(),
            ..Prompt::default()
        },
        delivery,
        time_created: 50,
        promoted_seq: None,
    };
    store
        .write(move |transaction| transaction.admit(input))
        .await
        .unwrap()
}

async fn take(store: &Store, session: &SessionId, inputs: Vec<SessionInput>) -> Result<(), Error> {
    let session = session.clone();
    store
        .write(move |transaction| transaction.take_up(&session, inputs))
        .await
}

#[tokio::test]
async fn gap_22_an_activity_begins_with_its_first_prompt_and_ends_once() {
    let place = Place::new();
    let store = place.open().await;
    let id = stored_session(&store).await.id;
    let first = admit(&store, &id, "msg_1", Delivery::Steer).await;
    let second = admit(&store, &id, "msg_2", Delivery::Steer).await;
    take(&store, &id, vec![first.clone()]).await.unwrap();
    // What cannot be taken leaves nothing behind.
    assert!(take(&store, &id, vec![second.clone(), first]).await.is_err());
    let of = id.clone();
    let read = move |store: &Store| {
        let (of, store) = (of.clone(), store.clone());
        async move {
            let read = store.read(move |view| {
                let input = MessageId::trusted("msg_2");
                Ok((
                    view.activities(&of)?,
                    view.activity_of(&input)?,
                    view.standing(&of)?,
                ))
            });
            read.await.unwrap()
        }
    };
    let (activities, none, standing) = read(&store).await;
    assert_eq!((none, standing), (None, Standing::GoesOn));
    assert_eq!(activities.len(), 1);
    let opened = activities[0].clone();
    assert_eq!(
        (opened.opener.as_str(), opened.state, opened.last_seq),
        ("msg_1", ActivityState::Open, None)
    );
    take(&store, &id, vec![second]).await.unwrap();
    for state in [ActivityState::Settled, ActivityState::Abandoned] {
        let of = id.clone();
        let ended = store.write(move |transaction| transaction.end_activity(&of, state));
        ended.await.unwrap();
    }
    let (activities, assigned, standing) = read(&store).await;
    assert_eq!((assigned, standing), (Some(opened.id.clone()), Standing::Rests));
    assert_eq!(activities.len(), 1);
    assert_eq!(
        (activities[0].state, activities[0].last_seq),
        (ActivityState::Settled, Some(opened.first_seq + 1))
    );
}

#[tokio::test]
async fn gap_23_a_queued_prompt_opens_one_activity_whoever_takes_it() {
    let place = Place::new();
    let (one, other) = (place.open().await, place.open().await);
    let id = stored_session(&one).await.id;
    for round in 0..50 {
        let queued = admit(&one, &id, &format!("msg_{round}"), Delivery::Queue).await;
        let (first, second) = tokio::join!(
            take(&one, &id, vec![queued.clone()]),
            take(&other, &id, vec![queued.clone()])
        );
        assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
        let of = id.clone();
        let ended = other.write(move |transaction| transaction.end_activity(&of, ActivityState::Settled));
        ended.await.unwrap();
    }
    let read = one.read(move |view| view.activities(&id));
    assert_eq!(read.await.unwrap().len(), 50);
}

#[tokio::test]
async fn gap_28_what_is_open_is_found_by_an_index_however_much_was_done() {
    // Where there are plans to look at.
    let place = Place::file();
    let store = place.open().await;
    let mut open = Vec::new();
    for number in 0..5 {
        let id = stored_session(&store).await.id;
        let input = admit(&store, &id, &format!("msg_{number}"), Delivery::Steer).await;
        take(&store, &id, vec![input]).await.unwrap();
        if number == 2 {
            let ended = store.write(move |transaction| transaction.end_activity(&id, ActivityState::Settled));
            ended.await.unwrap();
        } else {
            open.push(id);
        }
    }
    open.sort_unstable();
    let mut found = Vec::new();
    loop {
        let after = found.last().cloned();
        let page = store.read(move |view| view.sessions_with_open_activities(after.as_ref(), 2));
        let page = page.await.unwrap();
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    assert_eq!(found, open);
    let plan: String = place
        .sqlite()
        .query_row(
            "EXPLAIN QUERY PLAN SELECT session_id FROM session_activity
             WHERE state = 'open' AND session_id > ?1 ORDER BY session_id LIMIT ?2",
            ["", "2"],
            |row| row.get(3),
        )
        .unwrap();
    assert!(
        plan.contains("USING COVERING INDEX session_activity_open"),
        "{plan}"
    );
}
