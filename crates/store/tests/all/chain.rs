//! Writes in a row that nobody waits for one by one.

use opencode_schema::{EventBody, MessageId, SessionEvent};
use opencode_store::{Chain, Error};
use pretty_assertions::assert_eq;

use crate::support::{Place, stored_session};

#[tokio::test]
async fn what_is_stored_of_a_row_is_a_beginning_of_it() {
    let place = Place::new();
    let store = place.open().await;
    let session = stored_session(&store).await;
    let said = |text: &str| SessionEvent::Synthetic {
        timestamp: 1,
        session_id: session.id.clone(),
        message_id: MessageId::new(),
        text: text.to_owned(),
    };
    let row = Chain::new(store.clone());
    let mut heard = store.subscribe();
    row.publish(said("one").into()).await.unwrap();
    row.settled().await.unwrap();
    row.publish(said("two").into()).await.unwrap();
    row.write(|_| Err(Error::Closed)).await.unwrap();
    // It may be known by now that there is no use in going on.
    let _ = row.publish(said("three").into()).await;
    let error = row.settled().await.unwrap_err();
    assert!(matches!(error, Error::Closed), "{error}");
    assert!(matches!(
        row.publish(said("four").into()).await,
        Err(Error::Closed)
    ));
    store.publish(said("five").into()).await.unwrap();
    let mut told = Vec::new();
    while told.last().is_none_or(|last| last != "five") {
        if let EventBody::Session(event) = &heard.next().await.unwrap().unwrap().body
            && let SessionEvent::Synthetic { text, .. } = &**event
        {
            told.push(text.clone());
        }
    }
    assert_eq!(told, ["one", "two", "five"]);
}
