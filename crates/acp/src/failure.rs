//! Errors of the server as a client is told them.

use opencode_client::{Error, Refusal};
use serde_json::{Value, json};

use crate::rpc::Failure;

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let mut data = json!({ "service": "session" });
        let Error::Refused(refusal) = error else {
            return Self::internal(error, data);
        };
        if !refusal.name.is_empty() {
            data["errorName"] = json!(refusal.name);
        }
        match refusal.name.as_str() {
            "ProviderAuthError" => Self::auth_required(&refusal.message, data),
            name if name.starts_with("Config") => Self::internal(configuration(refusal), data),
            _ => Self::internal(&refusal.message, data),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

/// What is wrong with a configuration, and where.
fn configuration(refusal: &Refusal) -> String {
    let data = &refusal.body["data"];
    let words = |value: &Value, key: &str| value[key].as_str().map(str::to_owned);
    let issues = data["issues"].as_array().into_iter().flatten();
    let issues = issues.filter_map(|issue| {
        let keys = issue["path"].as_array().into_iter().flatten();
        let keys: Vec<String> = keys
            .map(|key| key.as_str().map_or_else(|| key.to_string(), str::to_owned))
            .collect();
        let message = words(issue, "message")?;
        Some(match keys.is_empty() {
            true => message,
            false => format!("{message} at {}", keys.join(".")),
        })
    });
    let said: Vec<String> = words(data, "message").into_iter().chain(issues).collect();
    match (words(data, "path"), said.is_empty()) {
        (Some(path), false) => format!("{path}: {}", said.join("; ")),
        (Some(path), true) => format!("{path} cannot be used"),
        (None, false) => said.join("; "),
        (None, true) => refusal.message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn a_wrong_configuration_says_where() {
        let issue = json!({ "message": "expected a map", "path": ["agent", "x"] });
        for (name, data, wanted) in [
            (
                "ConfigInvalidError",
                json!({ "path": "/p/opencode.json", "issues": [issue] }),
                "/p/opencode.json: expected a map at agent.x",
            ),
            (
                "ConfigJsonError",
                json!({ "path": "/p/opencode.json", "message": "no JSON" }),
                "/p/opencode.json: no JSON",
            ),
            (
                "ConfigInvalidError",
                json!({ "path": "/p/opencode.json", "issues": [] }),
                "/p/opencode.json cannot be used",
            ),
            ("ConfigRemoteAuthError", json!({ "url": "x" }), "refused"),
            ("UnknownError", json!({ "message": "elsewhere" }), "refused"),
        ] {
            let refusal = Refusal {
                status: 400,
                name: name.to_owned(),
                message: "refused".to_owned(),
                reference: None,
                body: json!({ "name": name, "data": data }),
            };
            let failure = Failure::from(Error::Refused(Box::new(refusal)));
            let wanted = format!("Internal error: {wanted}");
            assert_eq!((failure.code, failure.message), (-32603, wanted), "{name}");
            assert_eq!(failure.data.unwrap()["errorName"], name);
        }
    }
}
