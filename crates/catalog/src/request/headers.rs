//! Headers that say which conversation a request belongs to (reference `providers.md` §9.5).

use indexmap::IndexMap;

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The session.
    pub session_id: &'a str,
    /// The session that this one works for.
    pub parent_id: Option<&'a str>,
    /// The project.
    pub project_id: &'a str,
    /// The message of the user that is answered.
    pub message_id: Option<&'a str>,
    /// The face that the user sits before.
    pub client: &'a str,
}

/// The headers for a provider.
#[must_use]
pub fn session_headers(provider_id: &str, origin: Origin<'_>) -> IndexMap<String, String> {
    let mut headers = IndexMap::new();
    let mut add = |name: &str, value: &str| {
        headers.insert(name.to_owned(), value.to_owned());
    };
    if provider_id.starts_with("opencode") {
        add("x-opencode-project", origin.project_id);
        add("x-opencode-session", origin.session_id);
        if let Some(message_id) = origin.message_id {
            add("x-opencode-request", message_id);
        }
        add("x-opencode-client", origin.client);
    } else {
        add("x-session-affinity", origin.session_id);
        add("X-Session-Id", origin.session_id);
    }
    if let Some(parent) = origin.parent_id {
        add("x-parent-session-id", parent);
    }
    if provider_id == "openai" {
        add("originator", "opencode");
        add("session-id", origin.session_id);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_provider_gets_its_own() {
        let origin = Origin {
            session_id: "ses",
            parent_id: None,
            project_id: "pro",
            message_id: Some("msg"),
            client: "cli",
        };
        let names =
            |provider: &str, origin| session_headers(provider, origin).into_keys().collect::<Vec<_>>();
        assert_eq!(names("anthropic", origin), ["x-session-affinity", "X-Session-Id"]);
        assert_eq!(
            names("opencode-go", origin),
            [
                "x-opencode-project",
                "x-opencode-session",
                "x-opencode-request",
                "x-opencode-client"
            ]
        );
        let below = Origin {
            parent_id: Some("above"),
            ..origin
        };
        assert_eq!(
            names("openai", below),
            [
                "x-session-affinity",
                "X-Session-Id",
                "x-parent-session-id",
                "originator",
                "session-id"
            ]
        );
    }
}
