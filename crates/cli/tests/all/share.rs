//! Sharing sessions at a service.

use opencode_testkit::{Service, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::serve::said;
use crate::{new_session, with_model};

fn kinds(data: &Value) -> Vec<&str> {
    data.as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| entry["type"].as_str())
        .collect()
}

#[tokio::test]
async fn a_shared_session_is_sent_with_everything_that_changes() {
    let made = json!({ "id": "sh/1", "url": "https://share.test/s/1", "secret": "hush" });
    let service = Service::start(200, made).await;
    let (home, model) = with_model([Step::text("Hello."), Step::text("Again.")]).await;
    home.configure(&model.url(), json!({ "enterprise": { "url": service.url() } }));
    let server = home.serve().await;
    let session = new_session(&server).await;
    let path = format!("/session/{session}");
    server.send("POST", &format!("{path}/message"), said("hi")).await;

    let shared = server.send("POST", &format!("{path}/share"), None).await;
    assert_eq!(
        shared.json()["share"]["url"],
        "https://share.test/s/1",
        "{shared:?}"
    );
    let created = service.wait_for(|asked| asked.path == "/api/share").await;
    assert_eq!(created.body, json!({ "sessionID": session }));
    let whole = service
        .wait_for(|asked| asked.path == "/api/share/sh%2F1/sync")
        .await;
    assert_eq!(whole.body["secret"], "hush");
    let kinds = kinds(&whole.body["data"]);
    assert_eq!((kinds[0], kinds.last()), ("session", Some(&"model")), "{kinds:?}");

    server
        .send("POST", &format!("{path}/message"), said("more"))
        .await;
    let has_answer = |asked: &opencode_testkit::Asked| asked.body["data"].to_string().contains("Again.");
    service.wait_for(has_answer).await;

    let gone = server.send("DELETE", &path, None).await;
    assert_eq!(gone.status, 200);
    let removed = service.wait_for(|asked| asked.method == "DELETE").await;
    assert_eq!(
        (removed.path.as_str(), &removed.body["secret"]),
        ("/api/share/sh%2F1", &json!("hush"))
    );
}

#[tokio::test]
async fn what_cannot_be_shared_stays_private() {
    let service = Service::start(503, json!({})).await;
    let (home, model) = with_model([]).await;
    home.configure(&model.url(), json!({ "enterprise": { "url": service.url() } }));
    let server = home.serve().await;
    let session = new_session(&server).await;
    let path = format!("/session/{session}/share");
    let failed = server.send("POST", &path, None).await;
    assert_eq!(
        (failed.status, failed.json()),
        (500, json!({ "_tag": "InternalServerError" }))
    );
    let unshared = server.send("DELETE", &path, None).await;
    assert_eq!((unshared.status, &unshared.json()["share"]), (200, &Value::Null));
    drop(server);

    home.configure(
        &model.url(),
        json!({ "share": "disabled", "enterprise": { "url": service.url() } }),
    );
    let server = home.serve().await;
    let before = service.asked().len();
    assert_eq!(server.send("POST", &path, None).await.status, 500);
    assert_eq!(service.asked().len(), before);
}

#[tokio::test]
async fn a_run_says_where_it_can_be_seen() {
    let made = json!({ "id": "sh", "url": "https://share.test/s/2", "secret": "hush" });
    let service = Service::start(200, made).await;
    let (home, model) = with_model([Step::text("Hello.")]).await;
    home.configure(&model.url(), json!({ "enterprise": { "url": service.url() } }));
    let run = home.run(["run", "--share", "hi"]).await.success();
    assert!(run.stderr.contains("~  https://share.test/s/2"), "{run:?}");
    let told = |asked: &opencode_testkit::Asked| asked.body["data"].to_string().contains("Hello.");
    service.wait_for(told).await;
}
