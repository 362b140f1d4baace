//! Pages of messages, lists of sessions, rows that other versions wrote.

use opencode_schema::SessionId;
use opencode_store::{Cursor, SessionFilter};
use pretty_assertions::assert_eq;

use crate::support::{
    Place, created, message_updated, part_updated, project, session, stored_session, text, user,
};

#[tokio::test]
async fn messages_page_backwards_by_time_then_id() {
    let place = Place::new();
    let store = place.open().await;
    let session = stored_session(&store).await;
    let mut messages: Vec<_> = [5, 3, 3, 9].map(|time| user(&session.id, time)).into();
    for message in &messages {
        store.publish(message_updated(message)).await.unwrap();
    }
    messages.sort_by_key(|message| std::cmp::Reverse((message.created(), message.id.clone())));
    let broken = &messages[1].id;
    place.execute(&format!("UPDATE message SET data = '{{' WHERE id = '{broken}'"));
    let mut seen = Vec::new();
    let mut cursor: Option<Cursor> = None;
    loop {
        let (id, before) = (session.id.clone(), cursor.clone());
        let page = store
            .read(move |view| view.messages_before(&id, before.as_ref(), 1))
            .await
            .unwrap();
        if page.oldest.is_none() {
            break;
        }
        cursor = page.oldest;
        seen.extend(page.messages);
    }
    // One that cannot be read hides none of the older ones.
    messages.remove(1);
    assert_eq!(seen, messages);
}

#[tokio::test]
async fn sessions_are_filtered_and_last_touched_first() {
    let place = Place::new();
    let store = place.open().await;
    let rows = [
        ("/work/p", "", "Alpha", 10, None),
        ("/work/p/sub", "sub", "Beta 100%", 30, None),
        ("/work/p/sub/deep", "sub/deep", "Gamma", 20, Some("ses_parent")),
        ("/work/p/subway", "subway", "Delta", 5, None),
    ];
    for (directory, path, title, updated, parent) in rows {
        let mut session = session();
        session.directory = directory.into();
        session.path = Some(path.into());
        session.title = title.into();
        session.time.updated = updated;
        session.parent_id = parent.map(SessionId::trusted);
        store
            .write(move |transaction| {
                transaction.put_project(&project("p1"))?;
                transaction.publish(created(&session))
            })
            .await
            .unwrap();
    }
    let all = SessionFilter::default();
    for (name, filter, wanted) in [
        ("all", all.clone(), vec!["Beta 100%", "Gamma", "Alpha", "Delta"]),
        (
            "roots",
            SessionFilter {
                roots: true,
                ..all.clone()
            },
            vec!["Beta 100%", "Alpha", "Delta"],
        ),
        (
            "directory",
            SessionFilter {
                directory: Some("/work/p".into()),
                ..all.clone()
            },
            vec!["Alpha"],
        ),
        (
            "path and below",
            SessionFilter {
                path: Some("sub".into()),
                ..all.clone()
            },
            vec!["Beta 100%", "Gamma"],
        ),
        (
            "from",
            SessionFilter {
                updated_from: Some(20),
                ..all.clone()
            },
            vec!["Beta 100%", "Gamma"],
        ),
        (
            "before",
            SessionFilter {
                updated_before: Some(10),
                ..all.clone()
            },
            vec!["Delta"],
        ),
        (
            "search takes % as it is",
            SessionFilter {
                search: Some("100%".into()),
                ..all.clone()
            },
            vec!["Beta 100%"],
        ),
        (
            "search ignores case",
            SessionFilter {
                search: Some("GAM".into()),
                ..all.clone()
            },
            vec!["Gamma"],
        ),
        (
            "limit",
            SessionFilter {
                limit: Some(1),
                ..all.clone()
            },
            vec!["Beta 100%"],
        ),
        (
            "other project",
            SessionFilter {
                project_id: Some("p2".into()),
                ..all.clone()
            },
            vec![],
        ),
    ] {
        let titles: Vec<String> = store
            .read(move |view| view.sessions(&filter))
            .await
            .unwrap()
            .into_iter()
            .map(|session| session.title)
            .collect();
        assert_eq!(titles, wanted, "{name}");
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_read_does_not_hide_the_others() {
    let place = Place::new();
    let store = place.open().await;
    let session = stored_session(&store).await;
    let good = user(&session.id, 11);
    store.publish(message_updated(&good)).await.unwrap();
    store.publish(part_updated(&text(&good, "hello"))).await.unwrap();
    let (of, under) = (&session.id, &good.id);
    place.execute(&format!(
        r#"INSERT INTO message VALUES ('msg_bad', '{of}', 12, 12, '{{"role":"prophet"}}')"#
    ));
    place.execute(&format!(
        r#"INSERT INTO part VALUES ('prt_odd', '{under}', '{of}', 12, 12, '{{"type":"hologram","depth":3}}')"#
    ));
    let id = session.id.clone();
    let transcript = store.read(move |view| view.transcript(&id)).await.unwrap();
    assert_eq!(transcript.len(), 1);
    let odd = transcript[0]
        .parts
        .iter()
        .find(|part| part.id.as_str() == "prt_odd")
        .unwrap();
    let kept = serde_json::to_value(&odd.body).unwrap();
    assert_eq!(kept, serde_json::json!({ "type": "hologram", "depth": 3 }));
}

#[tokio::test]
async fn every_commit_is_another_state() {
    let place = Place::file();
    let store = place.open().await;
    let session = stored_session(&store).await;
    let first = store.state().unwrap();
    let id = session.id.clone();
    store.read(move |view| view.session(&id)).await.unwrap();
    assert_eq!(store.state(), Some(first), "reading changes nothing");
    let id = session.id.clone();
    let touched =
        store.write(move |transaction| transaction.update_session(&id, |one| one.title = "Own".into()));
    touched.await.unwrap();
    let second = store.state().unwrap();
    assert_ne!(first, second);
    let by_others = "UPDATE session SET title = 'Theirs'";
    place.sqlite().execute(by_others, []).unwrap();
    let third = store.state().unwrap();
    assert_ne!(second, third);
    place
        .sqlite()
        .pragma_query(None, "wal_checkpoint", |_| Ok(()))
        .unwrap();
    let again = "UPDATE session SET title = 'Theirs again'";
    place.sqlite().execute(again, []).unwrap();
    assert_ne!(store.state().unwrap(), third);
}
