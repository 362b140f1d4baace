//! What the user can do about a limit of the makers' own service (reference `agent-loop.md` §7).

use opencode_schema::MessageError;
use opencode_schema::session::RetryAction;
use serde_json::Value;

use super::{named_pause, said_by};

const SERVICE: &str = "https://opencode.ai";

/// What can be done about an error that is tried again; `None` where nothing is known.
pub(crate) fn action(error: &MessageError, provider_id: &str) -> Option<RetryAction> {
    let MessageError::Api(api) = error else {
        return None;
    };
    let body = api.response_body.as_deref()?;
    if body.contains("FreeUsageLimitError") {
        return Some(RetryAction {
            reason: "free_tier_limit".to_owned(),
            provider: provider_id.to_owned(),
            title: "The free quota is used up".to_owned(),
            message: "Free models have a quota for a time. Wait until it is renewed, or subscribe to go on."
                .to_owned(),
            label: "subscribe".to_owned(),
            link: Some(format!("{SERVICE}/go")),
        });
    }
    if !body.contains("GoUsageLimitError") {
        return None;
    }
    let body: Option<Value> = serde_json::from_str(body).ok();
    let workspace = body
        .as_ref()
        .and_then(|body| body.pointer("/metadata/workspace")?.as_str())
        // It becomes part of an address.
        .filter(|id| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)));
    let reset = named_pause(error).map(|pause| format!(" It is renewed in {}.", said_by(pause)));
    Some(RetryAction {
        reason: "account_rate_limit".to_owned(),
        provider: provider_id.to_owned(),
        title: "The limit of the subscription is reached".to_owned(),
        message: format!(
            "The account has used what its plan allows for now.{}",
            reset.unwrap_or_default()
        ),
        label: "open settings".to_owned(),
        link: Some(workspace.map_or_else(
            || format!("{SERVICE}/go"),
            |id| format!("{SERVICE}/workspace/{id}/go"),
        )),
    })
}

#[cfg(test)]
mod tests {
    use opencode_schema::error::ApiError;

    use super::*;

    fn limited(body: &str, retry_after: Option<&str>) -> MessageError {
        MessageError::Api(ApiError {
            message: "limit".into(),
            status_code: Some(429),
            response_body: Some(body.into()),
            response_headers: retry_after.map(|after| {
                [("retry-after".to_owned(), after.to_owned())]
                    .into_iter()
                    .collect()
            }),
            ..ApiError::default()
        })
    }

    #[test]
    fn limits_of_the_service_say_what_to_do() {
        let free = action(
            &limited(r#"{"type":"error","error":{"type":"FreeUsageLimitError"}}"#, None),
            "opencode",
        );
        let free = free.unwrap();
        assert_eq!(
            (free.reason.as_str(), free.provider.as_str()),
            ("free_tier_limit", "opencode")
        );
        let body = r#"{"error":{"type":"GoUsageLimitError"},"metadata":{"workspace":"wrk_1"}}"#;
        let go = action(&limited(body, Some("3660")), "opencode-go").unwrap();
        assert_eq!(go.reason, "account_rate_limit");
        assert_eq!(go.link.as_deref(), Some("https://opencode.ai/workspace/wrk_1/go"));
        assert!(
            go.message.ends_with("It is renewed in 1h 1min."),
            "{}",
            go.message
        );
        let odd = r#"{"error":{"type":"GoUsageLimitError"},"metadata":{"workspace":"../x"}}"#;
        let odd = action(&limited(odd, None), "opencode-go").unwrap();
        assert_eq!(odd.link.as_deref(), Some("https://opencode.ai/go"));
        assert!(!odd.message.contains("renewed"), "{}", odd.message);
    }

    #[test]
    fn other_errors_say_nothing() {
        assert_eq!(action(&limited("{}", None), "p"), None);
        assert_eq!(action(&MessageError::unknown("FreeUsageLimitError"), "p"), None);
    }
}
