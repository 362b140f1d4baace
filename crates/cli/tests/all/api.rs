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

/// Everything that is referred to below a value.
fn references(value: &Value, found: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(name) = fields.get("$ref").and_then(Value::as_str) {
                found.insert(name.trim_start_matches("#/components/schemas/").to_owned());
            }
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn gap_47_types_have_the_names_that_generated_clients_know() {
    let home = crate::home();
    let server = home.serve().await;
    let document = get(&server, "/doc").await;
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut named = std::collections::BTreeSet::new();
    references(&document, &mut named);
    for name in &named {
        assert!(schemas.contains_key(name), "{name} is referred to and not there");
    }
    // Files have other names in the older interface than in the newer one; neither may be lost.
    let of = |path: &str| {
        let operation = &document["paths"][path]["get"]["responses"]["200"];
        let mut found = std::collections::BTreeSet::new();
        references(operation, &mut found);
        found.into_iter().collect::<Vec<_>>().join(" ")
    };
    for (path, names) in [
        ("/file", "FileNode"),
        ("/file/content", "FileContent"),
        ("/file/status", "File"),
        ("/find/symbol", "Symbol"),
        ("/api/fs/list", "FileSystemEntry LocationInfo"),
        ("/api/fs/find", "FileSystemEntry LocationInfo"),
    ] {
        assert_eq!(of(path), names, "{path}");
    }
}
