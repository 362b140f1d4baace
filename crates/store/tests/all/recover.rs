//! Sessions of another file.

use opencode_store::TakenOver;
use pretty_assertions::assert_eq;

use crate::support::{Place, message_updated, part_updated, stored_session, text, user};

/// A file with one session that has a message, and the id of the session.
async fn with_session(place: &Place) -> String {
    let store = place.open().await;
    let session = stored_session(&store).await;
    let message = user(&session.id, 11);
    store.publish(message_updated(&message)).await.unwrap();
    store
        .publish(part_updated(&text(&message, "Hello.")))
        .await
        .unwrap();
    session.id.to_string()
}

#[tokio::test]
async fn sessions_of_another_file_come_with_their_log() {
    let (here, there) = (Place::new(), Place::file());
    let (own, foreign) = (with_session(&here).await, with_session(&there).await);
    assert_eq!(here.missing_sessions(&there), vec![foreign.clone()]);
    let taken = here.take_over(&there);
    assert_eq!(
        taken,
        TakenOver {
            taken: vec![foreign],
            refused: Vec::new()
        }
    );
    let counts = ["session", "message", "part", "event"].map(|table| here.count(table));
    assert_eq!(counts, [2, 2, 2, 6]);
    assert_eq!(here.check().problems, Vec::<String>::new());
    // The other file stays as it is, and nothing is taken twice.
    assert_eq!(there.count("session"), 1);
    assert_eq!(here.take_over(&there), TakenOver::default());
    let left: Vec<_> = fs_err::read_dir(there.path().parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("opencode.db"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
    if here.is_file() {
        assert_eq!(there.missing_sessions(&here), [own]);
    }
}

#[tokio::test]
async fn a_file_of_the_first_release_is_read_and_stays_old() {
    let (here, there) = (Place::new(), Place::file());
    with_session(&here).await;
    there
        .sqlite()
        .execute_batch(include_str!("data/first-release.sql"))
        .unwrap();
    let taken = here.take_over(&there);
    assert_eq!(taken.taken, ["ses_old"]);
    let old: bool = there
        .sqlite()
        .prepare("SELECT 1 FROM sqlite_master WHERE name = 'credential'")
        .unwrap()
        .exists([])
        .unwrap();
    assert!(!old);
}

#[tokio::test]
async fn a_session_whose_ids_are_taken_is_refused_alone() {
    let (here, there) = (Place::new(), Place::file());
    with_session(&here).await;
    let refused = with_session(&there).await;
    let taken = with_session(&there).await;
    let rows = here.rows("SELECT id FROM message");
    let id = rows[0][0].as_str().unwrap();
    there
        .sqlite()
        .execute_batch(&format!(
            "PRAGMA foreign_keys = OFF; UPDATE message SET id = '{id}' WHERE session_id = '{refused}'"
        ))
        .unwrap();
    let result = here.take_over(&there);
    assert_eq!(result.taken, [taken]);
    assert_eq!(result.refused.len(), 1, "{result:?}");
    assert_eq!(result.refused[0].0, refused);
    assert_eq!(here.count("session"), 2);
}
