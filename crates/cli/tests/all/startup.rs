//! A server answers at once, whatever it waits for (reference `v2.md` §14 row 50).

use std::time::Duration;

use opencode_testkit::{ScriptedModel, Step};
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::durable::{say, session, settle, told};
use crate::home;

/// Takes connections and says nothing to them.
async fn silent() -> (String, tokio::sync::watch::Receiver<usize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, count) = tokio::sync::watch::channel(0);
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            kept.push(socket);
            sender.send_replace(kept.len());
        }
    });
    (url, count)
}

#[tokio::test]
async fn gap_50_a_server_answers_while_the_catalogue_of_models_does_not_come() {
    let (url, mut asked) = silent().await;
    let model = ScriptedModel::start([Step::text("here")]).await;
    let home = home()
        .with("OPENCODE_MODELS_URL", &url)
        .with("OPENCODE_DISABLE_MODELS_FETCH", "0");
    home.configure(&model.url(), json!({}));
    let server = home.serve().await;
    let healthy = server.send("GET", "/api/health", None).await;
    assert_eq!(
        (healthy.status, healthy.json()),
        (200, json!({ "healthy": true }))
    );
    let hangs = tokio::time::timeout(Duration::from_secs(60), asked.wait_for(|count| *count > 0));
    hangs.await.unwrap().unwrap();
    // Nor does anything else wait for it.
    assert_eq!(server.send("GET", "/api/health", None).await.status, 200);
    assert_eq!(server.send("GET", "/api/model", None).await.status, 200);
    let id = session(&server).await;
    say(&server, &id, "are you there?").await;
    settle(&server, &id).await;
    let said = told(&crate::durable::messages(&server, &id).await);
    assert_eq!(said.last().unwrap().1, "here");
}
