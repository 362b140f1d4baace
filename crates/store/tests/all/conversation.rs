//! Durable sessions: what events make of a conversation (reference `v2.md` §3.1, §4, §10).

use std::sync::Arc;
use std::time::Duration;

use opencode_schema::prompt::{Delivery, Prompt, SessionInput};
use opencode_schema::{EventBody, MessageId, Session, SessionEvent, SessionId};
use opencode_store::{ContextEpoch, Direction, Error, Store};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::support::{Place, stored_session};

/// An event as it stands in a log.
fn event(session: &Session, kind: &str, mut data: Value) -> EventBody {
    data["sessionID"] = json!(session.id);
    if data.get("timestamp").is_none() {
        data["timestamp"] = json!(100);
    }
    serde_json::from_value(json!({ "type": format!("session.next.{kind}"), "properties": data })).unwrap()
}

async fn publish(store: &Store, session: &Session, events: &[(&str, Value)]) {
    for (kind, data) in events {
        store.publish(event(session, kind, data.clone())).await.unwrap();
    }
}

async fn messages(store: &Store, session: &SessionId) -> Value {
    let session = session.clone();
    let read = store.read(move |view| view.session_messages(&session, Direction::Ascending, None, 100));
    json!(read.await.unwrap())
}

fn waiting(session: &Session, id: &str, text: &str, delivery: Delivery) -> SessionInput {
    SessionInput {
        admitted_seq: 0,
        id: MessageId::trusted(id),
        session_id: session.id.clone(),
        prompt: Prompt {
            text: text.to_owned(),
            ..Prompt::default()
        },
        delivery,
        time_created: 50,
        promoted_seq: None,
    }
}

async fn admit(store: &Store, input: SessionInput) -> Result<SessionInput, Error> {
    store.write(move |transaction| transaction.admit(input)).await
}

async fn promote(store: &Store, input: SessionInput) -> Result<(), Error> {
    store.write(move |transaction| transaction.promote(input)).await
}

#[tokio::test]
async fn gap_5_a_turn_becomes_messages_as_the_reference_stores_them() {
    let place = Place::new();
    let store = place.open().await;
    let session = stored_session(&store).await;
    let input = waiting(&session, "msg_1", "make a note", Delivery::Steer);
    let admitted = admit(&store, input).await.unwrap();
    promote(&store, admitted).await.unwrap();
    let answer = "msg_2";
    let tool = json!({ "assistantMessageID": answer, "callID": "call_1" });
    let of_tool = |more: Value| {
        let mut data = tool.clone();
        data.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        data
    };
    publish(
        &store,
        &session,
        &[
            ("step.started", json!({ "assistantMessageID": answer, "agent": "build", "model": { "id": "m", "providerID": "p" }, "snapshot": "tree1" })),
            ("text.started", json!({ "assistantMessageID": answer, "textID": "text-0" })),
            ("tool.input.started", of_tool(json!({ "name": "read", "timestamp": 101 }))),
            ("tool.input.ended", of_tool(json!({ "text": "{\"path\": \"a.txt\"}" }))),
            ("tool.called", of_tool(json!({ "tool": "read", "input": { "path": "a.txt" }, "provider": { "executed": false }, "timestamp": 102 }))),
            ("text.ended", json!({ "assistantMessageID": answer, "textID": "text-0", "text": "reading" })),
            ("tool.success", of_tool(json!({ "structured": { "content": "alpha" }, "content": [], "outputPaths": [], "provider": { "executed": false }, "timestamp": 103 }))),
            ("step.ended", json!({ "assistantMessageID": answer, "finish": "tool-calls", "cost": 0.5, "tokens": { "input": 100, "output": 10, "reasoning": 0, "cache": { "read": 0, "write": 0 } }, "snapshot": "tree2", "files": ["a.txt"], "timestamp": 104 })),
            // A step that never ended is closed by the next one.
            ("step.started", json!({ "assistantMessageID": "msg_3", "agent": "build", "model": { "id": "m", "providerID": "p" } })),
            ("reasoning.started", json!({ "assistantMessageID": "msg_3", "reasoningID": "r-0" })),
            ("reasoning.ended", json!({ "assistantMessageID": "msg_3", "reasoningID": "r-0", "text": "hm", "providerMetadata": { "p": { "sign": "x" } } })),
            ("tool.input.started", json!({ "assistantMessageID": "msg_3", "callID": "call_2", "name": "bash" })),
            ("tool.failed", json!({ "assistantMessageID": "msg_3", "callID": "call_2", "error": { "type": "unknown", "message": "no" }, "provider": { "executed": false } })),
            ("step.started", json!({ "assistantMessageID": "msg_4", "agent": "build", "model": { "id": "m", "providerID": "p" }, "timestamp": 110 })),
            ("step.failed", json!({ "assistantMessageID": "msg_4", "error": { "type": "unknown", "message": "gone" }, "timestamp": 111 })),
        ],
    )
    .await;
    assert_eq!(
        messages(&store, &session.id).await,
        json!([
            { "id": "msg_1", "time": { "created": 50 }, "type": "user", "text": "make a note" },
            {
                "id": "msg_2", "time": { "created": 100, "completed": 104 }, "type": "assistant", "agent": "build",
                "model": { "id": "m", "providerID": "p" },
                "content": [
                    { "type": "text", "id": "text-0", "text": "reading" },
                    {
                        "type": "tool", "id": "call_1", "name": "read", "provider": { "executed": false },
                        "state": { "status": "completed", "input": { "path": "a.txt" }, "content": [], "outputPaths": [], "structured": { "content": "alpha" } },
                        "time": { "created": 101, "ran": 102, "completed": 103 },
                    },
                ],
                "snapshot": { "start": "tree1", "end": "tree2", "files": ["a.txt"] },
                "finish": "tool-calls", "cost": 0.5,
                "tokens": { "input": 100, "output": 10, "reasoning": 0, "cache": { "read": 0, "write": 0 } },
            },
            {
                "id": "msg_3", "time": { "created": 100, "completed": 110 }, "type": "assistant", "agent": "build",
                "model": { "id": "m", "providerID": "p" },
                "content": [
                    { "type": "reasoning", "id": "r-0", "text": "hm", "providerMetadata": { "p": { "sign": "x" } }, "time": { "created": 100, "completed": 100 } },
                    {
                        "type": "tool", "id": "call_2", "name": "bash", "provider": { "executed": false },
                        "state": { "status": "error", "input": {}, "content": [], "structured": {}, "error": { "type": "unknown", "message": "no" } },
                        "time": { "created": 100, "completed": 100 },
                    },
                ],
            },
            {
                "id": "msg_4", "time": { "created": 110, "completed": 111 }, "type": "assistant", "agent": "build",
                "model": { "id": "m", "providerID": "p" }, "content": [], "finish": "error",
                "error": { "type": "unknown", "message": "gone" },
            },
        ])
    );
    // What steps used counts for the session.
    let id = session.id.clone();
    let used = store.read(move |view| view.session(&id)).await.unwrap();
    assert_eq!((used.cost.unwrap().0, used.tokens.unwrap().input), (0.5, 100));
    // Rows hold nothing that stands in columns of their own.
    let data = place.rows("SELECT data FROM session_message WHERE id = 'msg_1'");
    assert_eq!(data[0][0], r#"{"time":{"created":50},"text":"make a note"}"#);
}

#[tokio::test]
async fn gap_9_prompts_are_admitted_once_and_promoted_once() {
    let place = Place::new();
    let store = place.open().await;
    let session = stored_session(&store).await;
    let input = waiting(&session, "msg_a", "once", Delivery::Steer);
    let first = admit(&store, input.clone()).await.unwrap();
    assert_eq!((first.admitted_seq, first.promoted_seq), (1, None));
    // Again, and with other words: what is stored stays.
    assert_eq!(admit(&store, input).await.unwrap(), first);
    let other = waiting(&session, "msg_a", "twice", Delivery::Queue);
    assert_eq!(admit(&store, other).await.unwrap(), first);
    let queued = admit(&store, waiting(&session, "msg_b", "later", Delivery::Queue))
        .await
        .unwrap();

    let id = session.id.clone();
    let (steers, queue, sessions) = store
        .read(move |view| {
            Ok((
                view.waiting_inputs(&id, Delivery::Steer)?,
                view.waiting_inputs(&id, Delivery::Queue)?,
                view.sessions_with_inputs()?,
            ))
        })
        .await
        .unwrap();
    assert_eq!(
        (steers, queue, sessions),
        (vec![first.clone()], vec![queued], vec![session.id.clone()])
    );

    promote(&store, first.clone()).await.unwrap();
    let again = promote(&store, first.clone()).await;
    assert!(matches!(again, Err(Error::Refused(_))), "{again:?}");
    let read = store
        .read(|view| view.session_input(&MessageId::trusted("msg_a")))
        .await;
    assert_eq!(read.unwrap().unwrap().promoted_seq, Some(3));
    // The id of a message is no id for another prompt.
    let elsewhere = SessionInput {
        session_id: SessionId::trusted("ses_none"),
        ..waiting(&session, "msg_c", "x", Delivery::Steer)
    };
    assert!(matches!(
        admit(&store, elsewhere).await,
        Err(Error::NotFound { .. })
    ));
}

#[tokio::test]
async fn what_is_not_said_by_a_model_becomes_messages_too() {
    let place = Place::new();
    let store = place.open().await;
    let session = stored_session(&store).await;
    publish(
        &store,
        &session,
        &[
            ("agent.switched", json!({ "messageID": "msg_1", "agent": "plan" })),
            (
                "model.switched",
                json!({ "messageID": "msg_2", "model": { "id": "m", "providerID": "p", "variant": "high" } }),
            ),
            (
                "context.updated",
                json!({ "messageID": "msg_3", "text": "It is Sunday" }),
            ),
            (
                "synthetic",
                json!({ "messageID": "msg_4", "text": "A job has ended" }),
            ),
            (
                "shell.started",
                json!({ "messageID": "msg_5", "callID": "c", "command": "ls" }),
            ),
            (
                "shell.ended",
                json!({ "callID": "c", "output": "a.txt", "timestamp": 105 }),
            ),
            (
                "compaction.started",
                json!({ "messageID": "msg_6", "reason": "manual" }),
            ),
            (
                "compaction.ended",
                json!({ "messageID": "msg_6", "reason": "manual", "text": "much", "recent": "little" }),
            ),
            ("synthetic", json!({ "messageID": "msg_7", "text": "after" })),
        ],
    )
    .await;
    let time = json!({ "created": 100 });
    assert_eq!(
        messages(&store, &session.id).await,
        json!([
            { "id": "msg_1", "time": time, "type": "agent-switched", "agent": "plan" },
            { "id": "msg_2", "time": time, "type": "model-switched", "model": { "id": "m", "providerID": "p", "variant": "high" } },
            { "id": "msg_3", "time": time, "type": "system", "text": "It is Sunday" },
            { "id": "msg_4", "time": time, "type": "synthetic", "sessionID": session.id, "text": "A job has ended" },
            { "id": "msg_5", "time": { "created": 100, "completed": 105 }, "type": "shell", "callID": "c", "command": "ls", "output": "a.txt" },
            { "id": "msg_6", "time": time, "type": "compaction", "reason": "manual", "summary": "much", "recent": "little" },
            { "id": "msg_7", "time": time, "type": "synthetic", "sessionID": session.id, "text": "after" },
        ])
    );
    let id = session.id.clone();
    let (stored, context, page, none) = store
        .read(move |view| {
            let anchor = MessageId::trusted("msg_5");
            Ok((
                view.session(&id)?,
                view.session_context(&id)?,
                view.session_messages(&id, Direction::Descending, Some(&anchor), 2)?,
                view.session_messages(&id, Direction::Descending, Some(&MessageId::trusted("msg_x")), 2)?,
            ))
        })
        .await
        .unwrap();
    assert_eq!(
        (stored.agent.as_deref(), stored.model.unwrap().variant.as_deref()),
        (Some("plan"), Some("high"))
    );
    let ids = |messages: Vec<opencode_schema::SessionMessage>| -> Vec<String> {
        messages.iter().map(|message| message.id.to_string()).collect()
    };
    assert_eq!(ids(context), ["msg_6", "msg_7"]);
    assert_eq!(ids(page), ["msg_4", "msg_3"]);
    assert!(none.is_empty());
}

#[tokio::test]
async fn what_is_taken_back_for_good_takes_its_surroundings_with_it() {
    let place = Place::new();
    let store = place.open().await;
    let session = stored_session(&store).await;
    for (id, text) in [("msg_1", "one"), ("msg_2", "two")] {
        let input = admit(&store, waiting(&session, id, text, Delivery::Steer))
            .await
            .unwrap();
        promote(&store, input).await.unwrap();
    }
    admit(&store, waiting(&session, "msg_3", "three", Delivery::Queue))
        .await
        .unwrap();
    let epoch = ContextEpoch {
        baseline: "You are here".into(),
        snapshot: json!({ "core/date": "today" }).as_object().unwrap().clone(),
        baseline_seq: 2,
    };
    let (id, stored) = (session.id.clone(), epoch.clone());
    store
        .write(move |transaction| transaction.put_context_epoch(&id, &stored))
        .await
        .unwrap();
    let id = session.id.clone();
    assert_eq!(
        store.read(move |view| view.context_epoch(&id)).await.unwrap(),
        Some(epoch)
    );

    publish(
        &store,
        &session,
        &[(
            "revert.staged",
            json!({ "revert": { "messageID": "msg_1", "snapshot": "t", "files": [] } }),
        )],
    )
    .await;
    let id = session.id.clone();
    let staged = store
        .read(move |view| view.session(&id))
        .await
        .unwrap()
        .revert
        .unwrap();
    assert_eq!(
        (staged.message_id.as_str(), staged.files),
        ("msg_1", Some(Vec::new()))
    );
    publish(
        &store,
        &session,
        &[("revert.committed", json!({ "messageID": "msg_1" }))],
    )
    .await;
    let id = session.id.clone();
    let (revert, epoch, waiting) = store
        .read(move |view| {
            Ok((
                view.session(&id)?.revert,
                view.context_epoch(&id)?,
                view.waiting_inputs(&id, Delivery::Queue)?,
            ))
        })
        .await
        .unwrap();
    assert_eq!((revert, epoch, waiting), (None, None, Vec::new()));
    assert_eq!(messages(&store, &session.id).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn gap_40_history_is_read_in_pages() {
    let place = Place::new();
    let store = place.open().await;
    let session = stored_session(&store).await;
    for number in 0..5 {
        let event = SessionEvent::Synthetic {
            timestamp: number,
            session_id: session.id.clone(),
            message_id: MessageId::new(),
            text: number.to_string(),
        };
        store.publish(event.into()).await.unwrap();
    }
    let mut after = -1;
    let mut seen = Vec::new();
    loop {
        let id = session.id.clone();
        let page = store.read(move |view| view.history(&id, after, 2)).await.unwrap();
        seen.extend(page.events.iter().map(|event| event.seq.unwrap()));
        after = page.read_to;
        if !page.has_more {
            break;
        }
    }
    // The session's creation is no event of its conversation.
    assert_eq!(seen, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn gaps_20_and_29_whoever_lost_a_session_changes_nothing() {
    let place = Place::new();
    let (ours, theirs) = (place.open().await, place.open().await);
    let session = stored_session(&ours).await;
    let (we, they): (Arc<str>, Arc<str>) = ("we".into(), "they".into());
    let long = Duration::from_secs(60);
    // Ends at once: we are paused for longer than it lasts.
    let lost = ours
        .acquire_lease(&session.id, &we, Duration::ZERO, |_| false)
        .await
        .unwrap()
        .unwrap();
    let taken = theirs
        .acquire_lease(&session.id, &they, long, |_| false)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        ours.acquire_lease(&session.id, &we, long, |_| false)
            .await
            .unwrap(),
        None
    );

    let said = |text: &str| {
        event(
            &session,
            "synthetic",
            json!({ "messageID": format!("msg_{text}"), "text": text }),
        )
    };
    let refused = ours.fenced(&lost).publish(said("late")).await;
    assert!(matches!(refused, Err(Error::Fenced(_))), "{refused:?}");
    assert!(matches!(
        ours.renew_lease(&lost, long).await,
        Err(Error::Fenced(_))
    ));
    ours.release_lease(&lost).await.unwrap();
    theirs.fenced(&taken).publish(said("ours")).await.unwrap();
    assert_eq!(
        messages(&theirs, &session.id).await,
        json!([{ "id": "msg_ours", "time": { "created": 100 }, "type": "synthetic", "sessionID": session.id, "text": "ours" }])
    );

    // Who owns the copies of a log is another question.
    let id = session.id.clone();
    ours.write(move |transaction| transaction.claim(&id, "wrk_1"))
        .await
        .unwrap();
    theirs.renew_lease(&taken, long).await.unwrap();
    theirs.release_lease(&taken).await.unwrap();
    let again = ours
        .acquire_lease(&session.id, &we, long, |_| false)
        .await
        .unwrap();
    assert!(again.is_some_and(|again| again != lost));
}
