//! The newer interface, `/api/…`: one module an area.

mod catalog;
mod event;
mod fs;
mod integration;
mod place;
mod pty;

use opencode_testkit::Served;
use serde_json::Value;

/// The answer to a request without a body that goes well.
async fn get(server: &Served, path: &str) -> Value {
    let answer = server.send("GET", path, None).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()
}

/// Status and tag of a refusal.
async fn refusal(server: &Served, method: &str, path: &str, body: Option<&str>) -> (u16, String) {
    let answer = server.send_with(method, path, &[], body.map(str::to_owned)).await;
    let json = answer.json();
    let tag = json["_tag"].as_str();
    let tag = tag.unwrap_or_else(|| panic!("{method} {path}: {answer:?}"));
    assert!(json["message"].is_string(), "{json}");
    (answer.status, tag.to_owned())
}
