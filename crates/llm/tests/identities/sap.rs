//! Who asks SAP's models, and which deployment has them.

use opencode_llm::identity::{Identity, Sap, ServiceKey};
use opencode_llm::{Error, Target};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{client, header, hello, send, token};
use crate::server::{Reply, Server};
use crate::shared::package;

/// A target that leads to a server which is SAP's login and service in one.
fn sap(server: &Server, deployment: Option<&str>) -> Target {
    let url = server.url();
    let key =
        json!({"clientid": "id", "clientsecret": "se cret", "url": url, "serviceurls": {"AI_API_URL": url}});
    let key = ServiceKey::read(&key.to_string()).unwrap();
    let mut target = Target::new(
        package("@jerome-benoit/sap-ai-provider-v2"),
        "sap-ai-core",
        "gpt-4.1",
    );
    target.base_url = Some(key.api().to_owned());
    target.identity = Some(Identity::Sap(Sap {
        key,
        resource_group: "group".to_owned(),
        deployment: deployment.map(str::to_owned),
    }));
    target
}

fn deployed(ids: &[&str]) -> Reply {
    let resources: Vec<Value> = ids
        .iter()
        .map(|id| json!({"id": id, "status": "RUNNING"}))
        .collect();
    Reply::new(200, "application/json")
        .body([json!({"count": resources.len(), "resources": resources}).to_string()])
}

#[tokio::test]
async fn sap_is_asked_for_a_token_and_a_deployment_once() {
    let result = json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"},
        "finish_reason": "stop"}]});
    let fine = || Reply::new(200, "application/json").body([json!({"final_result": result}).to_string()]);
    let server = Server::start(vec![token("one", 3600), deployed(&["d1", "d2"]), fine(), fine()]).await;
    let client = client();
    let target = sap(&server, None);
    for _ in 0..2 {
        let answer = client.generate(&target, &hello(), CancellationToken::new()).await;
        answer.unwrap();
    }
    let seen = server.requests();
    let paths: Vec<&str> = seen.iter().map(|seen| seen.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/oauth/token",
            "/v2/lm/deployments?scenarioId=orchestration&status=RUNNING",
            "/v2/inference/deployments/d1/v2/completion",
            "/v2/inference/deployments/d1/v2/completion",
        ]
    );
    assert_eq!(
        String::from_utf8_lossy(&seen[0].body),
        "grant_type=client_credentials&client_id=id&client_secret=se+cret"
    );
    assert_eq!(header(&seen[1], "ai-resource-group"), Some("group"));
    assert_eq!(header(&seen[1], "authorization"), Some("Bearer one"));
    assert_eq!(header(&seen[3], "authorization"), Some("Bearer one"));
}

#[tokio::test]
async fn sap_may_have_no_deployment_and_refuse_keys() {
    let named = Server::start(vec![token("one", 3600), Reply::new(400, "text/plain")]).await;
    let refused = send(&client(), &sap(&named, Some("mine"))).await;
    assert!(matches!(refused, Error::Http(_)), "{refused:?}");
    assert_eq!(
        named.requests()[1].path,
        "/v2/inference/deployments/mine/v2/completion"
    );
    for (replies, words) in [
        (
            vec![Reply::new(401, "text/plain").body(["bad client"])],
            "bad client",
        ),
        (vec![token("one", 3600), deployed(&[])], "group"),
    ] {
        let server = Server::start(replies).await;
        match send(&client(), &sap(&server, None)).await {
            Error::NoIdentity { message, .. } => assert!(message.contains(words), "{message}"),
            other => panic!("{other:?}"),
        }
    }
}
