//! What can be connected, and connecting it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use opencode_testkit::{Home, Served};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{get, refusal};
use crate::home;

fn stored(home: &Home) -> Value {
    let text = fs_err::read_to_string(home.data().join("auth.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

async fn integration(server: &Served, id: &str) -> Value {
    get(server, &format!("/api/integration/{id}")).await["data"].take()
}

#[tokio::test]
async fn integrations_show_how_they_are_connected_and_what_connects_them() {
    let home = home().with("AZURE_API_KEY", "k").with("AZURE_RESOURCE_NAME", "r");
    home.write(
        "opencode.json",
        json!({ "provider": {
            "own": { "name": "Own", "env": ["OWN_KEY"], "models": { "m": {} } },
            "silent": { "models": { "m": {} } },
            "xai": { "env": ["MY_XAI"] },
        } })
        .to_string(),
    );
    let server = home.serve().await;
    let all = get(&server, "/api/integration").await;
    let all = all["data"].as_array().unwrap();
    let names: Vec<String> = all
        .iter()
        .map(|one| one["name"].as_str().unwrap().to_lowercase())
        .collect();
    assert!(names.len() > 50 && names.is_sorted());
    let of = |id: &str| all.iter().find(|one| one["id"] == id);
    assert_eq!(
        of("azure").unwrap(),
        &json!({
            "id": "azure", "name": "Azure",
            "methods": [
                { "type": "key" },
                { "type": "env", "names": ["AZURE_RESOURCE_NAME", "AZURE_API_KEY"] },
            ],
            "connections": [
                { "type": "env", "name": "AZURE_RESOURCE_NAME" },
                { "type": "env", "name": "AZURE_API_KEY" },
            ],
        })
    );
    assert_eq!(
        of("own").unwrap()["methods"],
        json!([{ "type": "env", "names": ["OWN_KEY"] }])
    );
    assert_eq!(of("silent"), None);
    assert_eq!(of("xai").unwrap()["methods"][1]["names"], json!(["MY_XAI"]));
    assert_eq!(
        of("openai").unwrap()["methods"],
        json!([
            { "type": "key" },
            { "type": "env", "names": ["OPENAI_API_KEY"] },
            { "type": "oauth", "id": "chatgpt-browser", "label": "ChatGPT Pro/Plus (browser)" },
            { "type": "oauth", "id": "chatgpt-headless", "label": "ChatGPT Pro/Plus (headless)" },
        ])
    );
    let copilot = of("github-copilot").unwrap()["methods"][2].clone();
    assert_eq!(copilot["prompts"][1]["when"]["key"], "deploymentType");
    assert_eq!(integration(&server, "none").await, Value::Null);
}

#[tokio::test]
async fn gap_33_a_key_is_connected_named_and_removed_for_both_interfaces() {
    let home = home();
    let server = home.serve().await;
    let path = "/api/integration/groq/connect/key";
    let connect = async |body: Value| {
        let done = server.send("POST", path, Some(body)).await;
        assert_eq!((done.status, done.text.as_str()), (204, ""));
    };
    get(&server, "/api/location").await;
    let connecting = connect(json!({ "key": "gsk-secret", "label": "work" }));
    let is_told = |event: &Value| event["type"] == "integration.updated";
    let events = server.events("/api/event", || connecting, is_told).await;
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(
        kinds,
        [
            "server.connected",
            "catalog.updated",
            "integration.connection.updated",
            "integration.updated"
        ]
    );
    assert_eq!(events[2]["data"], json!({ "integrationID": "groq" }));
    assert_eq!(
        stored(&home),
        json!({ "groq": { "type": "api", "key": "gsk-secret" } })
    );

    let answer = server.send("GET", "/api/integration/groq", None).await;
    assert!(!answer.text.contains("gsk-secret"));
    let mut connection = answer.json()["data"]["connections"][0].clone();
    assert_eq!(connection["label"], "work");
    let id = connection["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("cred_"));
    let connected = get(&server, "/api/provider").await;
    let providers = connected["data"].as_array().unwrap();
    assert!(providers.iter().any(|provider| provider["id"] == "groq"));

    let label = json!({ "label": "home" });
    let credential = format!("/api/credential/{id}");
    let renamed = server.send("PATCH", &credential, Some(label.clone())).await;
    assert_eq!(renamed.status, 204);
    connection["label"] = json!("home");
    let now = integration(&server, "groq").await;
    assert_eq!(now["connections"], json!([connection]));

    // Another key is another credential.
    connect(json!({ "key": "gsk-other" })).await;
    let other = integration(&server, "groq").await["connections"][0].clone();
    assert_eq!(other["label"], "default");
    assert_ne!(other["id"], id);
    for method in ["PATCH", "DELETE"] {
        let done = server.send(method, &credential, Some(label.clone())).await;
        assert_eq!(done.status, 204, "it is gone and changes nothing");
    }
    assert_eq!(stored(&home)["groq"]["key"], "gsk-other");
    let credential = format!("/api/credential/{}", other["id"].as_str().unwrap());
    assert_eq!(server.send("DELETE", &credential, None).await.status, 204);
    assert_eq!(stored(&home), json!({}));
    assert_eq!(integration(&server, "groq").await["connections"], json!([]));

    // What the older interface stores is seen here.
    let body = json!({ "type": "api", "key": "by-v1" });
    server.send("PUT", "/auth/groq", Some(body)).await;
    let seen = integration(&server, "groq").await["connections"][0].clone();
    let credential = format!("/api/credential/{}", seen["id"].as_str().unwrap());
    assert_eq!(server.send("DELETE", &credential, None).await.status, 204);
    assert_eq!(stored(&home), json!({}));
}

#[tokio::test]
async fn a_login_is_begun_asked_after_and_given_up() {
    let home = home();
    let server = home.serve().await;
    let body = json!({ "methodID": "browser", "inputs": {} });
    let begun = server
        .send("POST", "/api/integration/poe/connect/oauth", Some(body))
        .await;
    assert_eq!(begun.status, 200, "{begun:?}");
    let begun = begun.json()["data"].clone();
    assert_eq!(begun["mode"], "auto");
    let created = begun["time"]["created"].as_i64().unwrap();
    assert_eq!(begun["time"]["expires"], created + 600_000);
    let path = format!(
        "/api/integration/attempt/{}",
        begun["attemptID"].as_str().unwrap()
    );
    assert_eq!(
        get(&server, &path).await["data"],
        json!({ "status": "pending", "time": begun["time"] })
    );
    let complete = format!("{path}/complete");
    let early = server.send("POST", &complete, Some(json!({}))).await;
    assert_eq!(
        (early.status, &early.json()["kind"]),
        (400, &json!("integration_authorization"))
    );

    // The browser comes back without a login.
    let url = begun["url"].as_str().unwrap().to_owned();
    let port = url
        .split("127.0.0.1%3A")
        .nth(1)
        .unwrap()
        .split("%2F")
        .next()
        .unwrap();
    let address = format!("127.0.0.1:{port}");
    let visit = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let request = "GET /callback?error=access_denied HTTP/1.1\r\nhost: x\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        // However it ends, it has been heard.
        let _ = stream.read_to_string(&mut answer);
    };
    tokio::task::spawn_blocking(visit).await.unwrap();
    let mut status = Value::Null;
    for _ in 0..1000 {
        status = get(&server, &path).await["data"].take();
        if status["status"] != "pending" {
            break;
        }
    }
    assert_eq!(status["status"], "failed", "{status}");
    assert!(status["message"].as_str().unwrap().contains("access_denied"));
    let failed = server.send("POST", &complete, Some(json!({}))).await;
    assert_eq!(failed.status, 400);

    for _ in 0..2 {
        assert_eq!(server.send("DELETE", &path, None).await.status, 204);
    }
    let gone = (404, "IntegrationAttemptNotFoundError".to_owned());
    assert_eq!(refusal(&server, "GET", &path, None).await, gone);
    assert_eq!(refusal(&server, "POST", &complete, Some("{}")).await, gone);
}

#[tokio::test]
async fn mistakes_have_tags() {
    let home = home();
    home.write(
        "opencode.json",
        json!({ "provider": { "own": { "env": ["OWN_KEY"], "models": { "m": {} } } } }).to_string(),
    );
    let server = home.serve().await;
    let wrong = (400, "InvalidRequestError");
    let unknown = (404, "IntegrationNotFoundError");
    for (path, body, wanted) in [
        ("integration/none/connect/key", r#"{"key":"k"}"#, unknown),
        ("integration/openai/connect/key", "{bad", wrong),
        ("integration/openai/connect/key", r#"{"ky":"k"}"#, wrong),
        ("integration/own/connect/key", r#"{"key":"k"}"#, wrong),
        (
            "integration/none/connect/oauth",
            r#"{"methodID":"x","inputs":{}}"#,
            unknown,
        ),
        (
            "integration/openai/connect/oauth",
            r#"{"methodID":"x","inputs":{}}"#,
            wrong,
        ),
        (
            "integration/openai/connect/oauth",
            r#"{"methodID":"chatgpt-browser"}"#,
            wrong,
        ),
        (
            "integration/snowflake-cortex/connect/oauth",
            r#"{"methodID":"browser","inputs":{"account":""}}"#,
            wrong,
        ),
    ] {
        let (status, tag) = refusal(&server, "POST", &format!("/api/{path}"), Some(body)).await;
        assert_eq!((status, tag.as_str()), wanted, "{path} {body}");
    }
    let (status, tag) = refusal(&server, "PATCH", "/api/credential/cred_1", Some("{}")).await;
    assert_eq!((status, tag.as_str()), wrong);
    assert!(!home.data().join("auth.json").exists());
}

#[tokio::test]
async fn gaps_33_and_35_a_key_of_the_environment_connects_where_none_is_stored() {
    let home = home().with("GROQ_API_KEY", "of-environment");
    let server = home.serve().await;
    let kinds = async || -> Vec<String> {
        let groq = integration(&server, "groq").await;
        let all = groq["connections"].as_array().unwrap().iter();
        all.map(|one| one["type"].as_str().unwrap().to_owned()).collect()
    };
    let has_groq = async || {
        let providers = get(&server, "/api/provider").await;
        let all = providers["data"].as_array().unwrap();
        all.iter().any(|provider| provider["id"] == "groq")
    };
    assert_eq!(kinds().await, ["env"]);
    assert!(has_groq().await);
    let key = json!({ "key": "stored" });
    let path = "/api/integration/groq/connect/key";
    assert_eq!(server.send("POST", path, Some(key)).await.status, 204);
    assert_eq!(kinds().await, ["credential", "env"]);
    let id = integration(&server, "groq").await["connections"][0]["id"].clone();
    let path = format!("/api/credential/{}", id.as_str().unwrap());
    assert_eq!(server.send("DELETE", &path, None).await.status, 204);
    assert_eq!(kinds().await, ["env"]);
    assert!(has_groq().await, "the environment is left");
}
