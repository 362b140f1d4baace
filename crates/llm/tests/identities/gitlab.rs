//! Who asks behind GitLab's gateway: passes that an instance gives out.

use opencode_llm::adapter::{Api, by_package_and_api};
use opencode_llm::identity::{GitLab, Identity};
use opencode_llm::{Error, Target};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{bearers, client, header, hello, send};
use crate::server::{Reply, Server};
use crate::shared::package;

fn gitlab(instance: &Server) -> Identity {
    Identity::GitLab(GitLab {
        instance: format!("{}/", instance.url()),
        token: "pat".into(),
        features: [("duo".to_owned(), true.into())].into_iter().collect(),
        headers: [("x-in".to_owned(), "1".to_owned())].into_iter().collect(),
    })
}

fn pass(token: &str) -> Reply {
    let headers = json!({"x-gitlab-realm": "saas", "anthropic-beta": "given", "x-api-key": "not this"});
    Reply::new(201, "application/json").body([json!({"token": token, "headers": headers}).to_string()])
}

#[tokio::test]
async fn a_pass_is_given_out_once_and_again_when_it_is_taken_back() {
    let instance = Server::start(vec![pass("one"), pass("two")]).await;
    let fine = || {
        let words = r#"{"type":"message","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn"}"#;
        Reply::new(200, "application/json").body([words])
    };
    let gateway = Server::start(vec![
        fine(),
        Reply::new(401, "application/json").body([r#"{"error":{"message":"token revoked"}}"#]),
        fine(),
    ])
    .await;
    let mut target = Target::new(
        by_package_and_api("gitlab-ai-provider", Api::Messages).unwrap(),
        "gitlab",
        "claude-x",
    );
    target.base_url = Some(gateway.url());
    target
        .headers
        .insert("anthropic-beta".to_owned(), "ours".to_owned());
    target.identity = Some(gitlab(&instance));
    let client = client();
    for _ in 0..2 {
        let answer = client.generate(&target, &hello(), CancellationToken::new()).await;
        answer.unwrap();
    }
    assert_eq!(
        bearers(&gateway),
        ["Bearer one", "Bearer one", "Bearer two"],
        "the pass is kept, and asked for anew when it is refused"
    );
    let asked = instance.requests();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].path, "/api/v4/ai/third_party_agents/direct_access");
    assert_eq!(header(&asked[0], "authorization"), Some("Bearer pat"));
    assert_eq!(header(&asked[0], "x-in"), Some("1"));
    assert_eq!(
        serde_json::from_slice::<Value>(&asked[0].body).unwrap(),
        json!({"feature_flags": {"duo": true}})
    );
    let sent = &gateway.requests()[0];
    assert_eq!(sent.path, "/ai/v1/proxy/anthropic/v1/messages");
    assert_eq!(header(sent, "x-gitlab-realm"), Some("saas"));
    assert_eq!(header(sent, "anthropic-beta"), Some("ours"));
    assert_eq!(header(sent, "x-api-key"), None);
}

#[tokio::test]
async fn who_gets_no_pass_is_told_why() {
    for (reply, words) in [
        (Reply::new(401, "text/plain"), "opencode auth login -p gitlab"),
        (Reply::new(403, "text/plain").body(["no seat"]), "no seat"),
        (Reply::new(200, "text/plain").body(["<html>"]), "no pass"),
        (
            Reply::new(404, "text/plain").body(["no such page"]),
            "no such page",
        ),
    ] {
        let instance = Server::start(vec![reply]).await;
        let mut target = Target::new(package("gitlab-ai-provider"), "gitlab", "claude-x");
        target.identity = Some(gitlab(&instance));
        match send(&client(), &target).await {
            Error::NoIdentity { message, .. } => assert!(message.contains(words), "{message}"),
            other => panic!("{other:?}"),
        }
    }
    let instance = Server::start(vec![Reply::new(503, "text/plain")]).await;
    let mut target = Target::new(package("gitlab-ai-provider"), "gitlab", "claude-x");
    target.identity = Some(gitlab(&instance));
    let later = send(&client(), &target).await;
    assert!(matches!(later, Error::Connection { .. }), "{later:?}");
}
