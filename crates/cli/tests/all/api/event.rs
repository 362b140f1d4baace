//! The stream of everything that happens.

use opencode_testkit::Step;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::serve::said;
use crate::{new_session, with_model};

#[tokio::test]
async fn everything_is_told_with_its_place_and_the_stream_lives_on() {
    let (home, _model) = with_model([Step::text("Hello.")]).await;
    let server = home.serve().await;
    let turn = || async {
        let session = new_session(&server).await;
        let path = format!("/session/{session}/message");
        server.send("POST", &path, said("hi")).await;
    };
    let is_idle = |event: &Value| event["type"] == "session.idle";
    let events = server.events("/api/event", turn, is_idle).await;
    let first = &events[0];
    assert_eq!(
        (&first["type"], &first["data"]),
        (&json!("server.connected"), &json!({}))
    );

    let of = |kind: &str| events.iter().find(|event| event["type"] == kind).unwrap();
    let created = of("session.created");
    let session = &created["data"]["sessionID"];
    assert_eq!(
        created["durable"],
        json!({ "aggregateID": session, "seq": 0, "version": 1 })
    );
    let place = json!({ "directory": home.project() });
    assert_eq!(created["location"], place);
    // The reference's own stream breaks down at this one.
    let status = of("session.status");
    assert_eq!(status["data"]["status"]["type"], "busy");
    assert_eq!(status["location"], place);
    assert!(status.get("durable").is_none());
    assert!(
        events
            .iter()
            .all(|event| event["id"].as_str().unwrap().starts_with("evt_"))
    );
    assert!(events.iter().all(|event| event.get("properties").is_none()));
}
