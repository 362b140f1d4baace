//! Models and providers for tests.

use opencode_schema::Object;
use opencode_schema::agent::Agent;
use opencode_schema::model::{Model, Provider};
use serde_json::{Value, json};

pub(crate) fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

pub(crate) fn model(provider: &str, npm: &str, id: &str) -> Model {
    let text = json!({ "text": true, "audio": false, "image": false, "video": false, "pdf": false });
    serde_json::from_value(json!({
        "id": id, "providerID": provider, "name": id, "status": "active", "headers": {}, "options": {},
        "api": { "id": id, "url": "", "npm": npm }, "limit": { "context": 200_000, "output": 64_000 },
        "release_date": "2025-01-01", "cost": { "input": 0, "output": 0, "cache": { "read": 0, "write": 0 } },
        "capabilities": { "temperature": false, "reasoning": false, "attachment": false, "toolcall": true,
            "input": text, "output": text, "interleaved": false },
    }))
    .unwrap()
}

pub(crate) fn provider(id: &str, options: Value) -> Provider {
    let mut provider = json!({ "id": id, "name": id, "source": "config", "env": [], "models": {} });
    provider["options"] = options;
    serde_json::from_value(provider).unwrap()
}

pub(crate) fn agent() -> Agent {
    serde_json::from_value(json!({ "name": "build", "mode": "primary", "permission": [], "options": {} }))
        .unwrap()
}
