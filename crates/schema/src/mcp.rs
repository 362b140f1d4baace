//! MCP servers: how they are configured, and how they are (reference `integrations.md` §A1 and §A14).

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// An entry of `mcp` in a configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Entry {
    /// A server.
    Server(Box<ServerConfig>),
    /// Only switches a server on or off that another source defines. When it is all there is, there is no server.
    Switch {
        /// Whether it is used.
        enabled: bool,
    },
}

/// How a server is reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ServerConfig {
    /// A program that is started here.
    Local(Local),
    /// An address.
    Remote(Remote),
}

impl ServerConfig {
    /// Whether it is used; it is unless configuration says otherwise.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        match self {
            Self::Local(Local { enabled, .. }) | Self::Remote(Remote { enabled, .. }) => {
                *enabled != Some(false)
            }
        }
    }

    /// Milliseconds that it may take to answer, where its configuration says so.
    #[must_use]
    pub fn timeout(&self) -> Option<u64> {
        match self {
            Self::Local(Local { timeout, .. }) | Self::Remote(Remote { timeout, .. }) => *timeout,
        }
    }
}

/// A server that is a program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Local {
    /// Program and arguments; no shell is asked.
    pub command: Vec<String>,
    /// Where it runs, relative to the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Variables besides those of this program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<IndexMap<String, String>>,
    /// Whether it is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Milliseconds that it may take to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
}

/// A server elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Remote {
    /// Its address.
    pub url: String,
    /// Whether it is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Headers of every request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<IndexMap<String, String>>,
    /// How one logs in; found out when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth: Option<OAuth>,
    /// Milliseconds that it may take to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
}

/// How one logs in at a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OAuth {
    /// Whether one does: `false`, and nothing else.
    Switch(bool),
    /// With these.
    Settings(OAuthSettings),
}

/// What is known about logging in before the server is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OAuthSettings {
    /// The id of this program at the server; it registers itself when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// What proves the id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// What is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Where the browser comes back to: a port of this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_port: Option<u16>,
    /// Where the browser comes back to: the whole address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
}

/// How a server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Status {
    /// It answers.
    Connected,
    /// It is not used, or nobody needed it yet.
    Disabled,
    /// It does not answer.
    Failed {
        /// Why.
        error: String,
    },
    /// Somebody has to log in.
    NeedsAuth,
    /// This program has to be made known to it.
    NeedsClientRegistration {
        /// What is missing.
        error: String,
    },
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn entries_are_read_as_they_are_written() {
        let cases = [
            json!({ "enabled": false }),
            json!({ "type": "local", "command": ["a", "b"], "cwd": "c", "environment": { "X": "y" }, "timeout": 5 }),
            json!({ "type": "remote", "url": "http://x", "headers": { "a": "b" }, "oauth": false }),
            json!({ "type": "remote", "url": "http://x", "enabled": true,
                "oauth": { "clientId": "i", "clientSecret": "s", "scope": "a b", "callbackPort": 1, "redirectUri": "r" } }),
        ];
        for case in cases {
            let entry: Entry = serde_json::from_value(case.clone()).unwrap();
            assert_eq!(serde_json::to_value(&entry).unwrap(), case);
            let is_switch = matches!(entry, Entry::Switch { .. });
            assert_eq!(is_switch, case.get("type").is_none(), "{case}");
        }
    }

    #[test]
    fn statuses_have_their_wire_form() {
        let cases: [(Status, Value); 5] = [
            (Status::Connected, json!({ "status": "connected" })),
            (Status::Disabled, json!({ "status": "disabled" })),
            (Status::NeedsAuth, json!({ "status": "needs_auth" })),
            (
                Status::Failed { error: "e".into() },
                json!({ "status": "failed", "error": "e" }),
            ),
            (
                Status::NeedsClientRegistration { error: "e".into() },
                json!({ "status": "needs_client_registration", "error": "e" }),
            ),
        ];
        for (status, wire) in cases {
            assert_eq!(serde_json::to_value(status).unwrap(), wire);
        }
    }
}
