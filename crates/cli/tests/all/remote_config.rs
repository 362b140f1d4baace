//! Configuration that an organisation gives to those who are logged in with it.

use opencode_testkit::Service;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::home;

fn shown(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn the_last_good_answer_counts_when_the_server_is_gone() {
    let answer = json!({ "config": { "username": "of {env:ORG_TOKEN}", "share": "disabled" } });
    let service = Service::start(200, answer).await;
    let login = json!({ service.url(): { "type": "wellknown", "key": "ORG_TOKEN", "token": "t-1" } });
    let home = home().with("OPENCODE_AUTH_CONTENT", &login.to_string());
    let config = shown(&home.run(["debug", "config"]).await.success().stdout);
    assert_eq!(config["username"], "of t-1");
    assert_eq!(service.asked()[0].path, "/.well-known/opencode");
    drop(service);
    // The answer is made older than it may be without being asked for anew.
    let folder = home.path().join(".cache/opencode/remote-config");
    let file = fs_err::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let mut kept = shown(&fs_err::read_to_string(&file).unwrap());
    assert!(!kept.to_string().contains("t-1"), "the token is not kept");
    kept["fetched"] = json!(1);
    fs_err::write(&file, kept.to_string()).unwrap();
    let config = shown(&home.run(["debug", "config"]).await.success().stdout);
    assert_eq!(
        (&config["username"], &config["share"]),
        (&json!("of t-1"), &json!("disabled"))
    );
}

#[tokio::test]
async fn without_any_answer_the_error_says_whose() {
    let service = Service::start(401, json!({})).await;
    let login = json!({ service.url(): { "type": "wellknown", "key": "ORG_TOKEN", "token": "t-1" } });
    let home = home().with("OPENCODE_AUTH_CONTENT", &login.to_string());
    let failed = home.run(["debug", "config"]).await;
    assert_eq!(failed.code(), Some(1));
    assert!(
        failed.stderr.contains(&service.url()) && failed.stderr.contains("401"),
        "{}",
        failed.stderr
    );
}
