//! Forms of what this surface takes and gives.

use opencode_schema::SessionId;
use serde_json::Value;

use crate::error::{ApiError, Kind};

/// A session's id from outside.
pub(super) fn session_id(text: &str, field: &str) -> Result<SessionId, ApiError> {
    let is_clean = text.len() <= 124
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    SessionId::parse(text).ok().filter(|_| is_clean).ok_or_else(|| {
        ApiError::bad_request(Kind::Payload, format!("this is no id of a session\n  at {field}"))
    })
}

/// An object without the keys whose values are null.
pub(super) fn compact(mut value: Value) -> Value {
    if let Some(entries) = value.as_object_mut() {
        entries.retain(|_, value| !value.is_null());
    }
    value
}
