//! What a failed call means for a message, and whether it is tried again
//! (reference `agent-loop.md` §7, `providers.md` §11).

mod action;
mod overflow;

use std::time::{Duration, SystemTime};

use indexmap::IndexMap;
use opencode_llm::Error;
use opencode_llm::stream::StreamError;
use opencode_schema::MessageError;
use opencode_schema::error::ApiError;
use opencode_schema::time::{Millis, now};
use serde_json::Value;

pub(crate) use self::action::action;
use self::overflow::is_overflow;

/// Retries of one step at most.
pub(crate) const MAX_RETRIES: u32 = 5;
/// How often a durable session asks again, and how often of that before it says so: as often as the reference does
/// on the way to the provider (reference `v2.md` §6 «HTTP retries», §14 row 19).
pub(crate) const DURABLE_RETRIES: u32 = 4;
pub(crate) const QUIET_RETRIES: u32 = 2;
/// The first of those pauses, and the longest.
const QUIET_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_QUIET_PAUSE: Duration = Duration::from_secs(10);
/// The first pause when the provider does not say how long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest pause when no answer came at all.
const LONGEST_BLIND_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause of all: what fits a signed 32-bit number of milliseconds.
const LONGEST_PAUSE: Duration = Duration::from_millis(i32::MAX as u64);

/// What a failed call means for the message. `provider_id` is the provider that was asked.
pub(crate) fn of_call(error: &Error, provider_id: &str) -> MessageError {
    match error {
        Error::MissingKey { .. } | Error::NoIdentity { .. } => MessageError::ProviderAuth {
            provider_id: provider_id.to_owned(),
            message: error.to_string(),
        },
        Error::Http(http) => {
            let api = ApiError {
                message: http.message.clone(),
                status_code: Some(http.status),
                is_retryable: http.retryable || (http.status == 404 && provider_id.starts_with("openai")),
                response_headers: Some(http.headers.clone()),
                response_body: Some(http.body.clone()),
                metadata: Some(facts([("url", http.url.clone())])),
            };
            if is_overflow(&api) {
                return MessageError::ContextOverflow {
                    message: api.message,
                    response_body: api.response_body,
                };
            }
            MessageError::Api(api)
        }
        Error::Connection { url, message, code } => {
            let reset = code.as_deref() == Some("ECONNRESET");
            let words = if reset {
                "Connection reset by server".to_owned()
            } else {
                error.to_string()
            };
            let facts = [
                ("url", Some(url.clone())),
                ("code", code.clone()),
                ("syscall", reset.then(|| "read".to_owned())),
                ("message", reset.then(|| message.clone())),
            ];
            retryable(words, facts)
        }
        Error::HeaderTimeout { url, timeout_ms } | Error::RequestTimeout { url, timeout_ms } => {
            let of_headers = matches!(error, Error::HeaderTimeout { .. });
            retryable(
                error.to_string(),
                [
                    ("url", Some(url.clone())),
                    (
                        "code",
                        of_headers.then(|| "ProviderHeaderTimeoutError".to_owned()),
                    ),
                    ("timeoutMs", Some(timeout_ms.to_string())),
                ],
            )
        }
        Error::IdleTimeout { url, .. } => {
            retryable(error.to_string(), [("url", Some(url.clone())), ("code", None)])
        }
        Error::Decompression { url, message } => retryable(
            "Response decompression failed".to_owned(),
            [("url", Some(url.clone())), ("message", Some(message.clone()))],
        ),
        Error::Cancelled => MessageError::aborted(),
        Error::InvalidAnswer { message, body } => MessageError::Api(ApiError {
            message: message.clone(),
            is_retryable: false,
            response_body: body.clone(),
            ..ApiError::default()
        }),
        Error::Unsupported { .. } | Error::BadAddress { .. } => MessageError::unknown(error.to_string()),
    }
}

fn facts<const N: usize>(facts: [(&str, String); N]) -> IndexMap<String, String> {
    facts
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

fn retryable<const N: usize>(message: String, metadata: [(&str, Option<String>); N]) -> MessageError {
    let metadata = metadata
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect();
    MessageError::Api(ApiError {
        message,
        is_retryable: true,
        metadata: Some(metadata),
        ..ApiError::default()
    })
}

/// What an error inside an answer means for the message.
pub(crate) fn of_stream(error: &StreamError) -> MessageError {
    let body = error.body.as_ref().map(Value::to_string);
    let code = error.code.clone().or_else(|| code_of(error.body.as_ref()?));
    let api = |message: String, is_retryable| ApiError {
        message,
        is_retryable,
        response_body: body.clone(),
        metadata: code.clone().map(|code| facts([("code", code)])),
        ..ApiError::default()
    };
    let told = match code.as_deref() {
        Some("insufficient_quota") => api(
            "Quota exceeded. Check your plan and billing details.".to_owned(),
            false,
        ),
        Some("usage_not_included") => api(
            "This plan does not include the model. Choose another model or another plan.".to_owned(),
            false,
        ),
        Some("invalid_prompt") => api(error.message.clone(), false),
        Some(_) => api(error.message.clone(), true),
        None => api(error.message.clone(), false),
    };
    if code.as_deref() == Some("context_length_exceeded") || is_overflow(&told) {
        return MessageError::ContextOverflow {
            message: error.message.clone(),
            response_body: body,
        };
    }
    if code.is_none() {
        return MessageError::unknown(error.message.clone());
    }
    MessageError::Api(told)
}

/// The code in an error event, which some servers write as JSON inside of a text.
fn code_of(body: &Value) -> Option<String> {
    let parsed = body
        .as_str()
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    let body = parsed.as_ref().unwrap_or(body);
    let inner = body
        .get("error")
        .filter(|inner| inner.is_object())
        .unwrap_or(body);
    let code = |key: &str| inner.get(key).and_then(Value::as_str).map(str::to_owned);
    code("code").or_else(|| code("type"))
}

/// Texts that say that the same request may succeed later.
const PASSING: [&str; 38] = [
    "rate limit",
    "rate_limit",
    "rate-limit",
    "ratelimit",
    "too many requests",
    "too_many_requests",
    "overloaded",
    "service unavailable",
    "service_unavailable",
    "temporarily unavailable",
    "internal error",
    "internal server error",
    "internal_error",
    "server error",
    "server_error",
    "provider returned error",
    "fetch failed",
    "connection refused",
    "connection lost",
    "connection error",
    "connection reset",
    "socket hang up",
    "getaddrinfo",
    "enotfound",
    "eai_again",
    "econnrefused",
    "econnreset",
    "etimedout",
    "upstream connect",
    "reset before headers",
    "terminated",
    "timeout",
    "timed out",
    "try your request again",
    "resource exhausted",
    "try again later",
    "try again in",
    "at capacity",
];
const PASSING_STATUS: [&str; 6] = ["429", "500", "502", "503", "504", "524"];

fn sounds_passing(text: &str) -> bool {
    let text = text.to_lowercase();
    PASSING.iter().any(|pattern| text.contains(pattern))
        || PASSING_STATUS.iter().any(|status| has_number(&text, status))
}

/// Whether `number` stands in `text` as a number of its own.
fn has_number(text: &str, number: &str) -> bool {
    text.match_indices(number).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + number.len()..].chars().next();
        ![before, after].into_iter().flatten().any(|c| c.is_ascii_digit())
    })
}

/// Why a failed step is tried again; `None` when it is not.
pub(crate) fn retry_reason(error: &MessageError) -> Option<String> {
    match error {
        MessageError::Api(api) => {
            let passing = api.is_retryable
                || api.status_code.is_some_and(|status| status >= 500)
                || sounds_passing(&api.message)
                || api.response_body.as_deref().is_some_and(sounds_passing);
            passing.then(|| friendly(&api.message))
        }
        MessageError::Unknown { message, .. } => {
            let lower = message.to_lowercase();
            let passing =
                sounds_passing(message) || lower.contains("exhausted") || lower.contains("unavailable");
            passing.then(|| friendly(message))
        }
        _ => None,
    }
}

fn friendly(message: &str) -> String {
    let lower = message.to_lowercase();
    if lower.contains("too_many_requests") {
        "Too Many Requests".to_owned()
    } else if ["exhausted", "unavailable", "overloaded"]
        .iter()
        .any(|word| lower.contains(word))
    {
        "Provider is overloaded".to_owned()
    } else {
        message.to_owned()
    }
}

/// How long to wait before retry number `attempt` (from 1): as the provider says, else twice as long each
/// time with up to a quarter more, so that many clients do not come back together.
pub(crate) fn pause(error: &MessageError, attempt: u32) -> Duration {
    if let Some(wanted) = named_pause(error) {
        return wanted.min(LONGEST_PAUSE);
    }
    let headers = headers_of(error);
    let base = FIRST_PAUSE.saturating_mul(1 << attempt.saturating_sub(1).min(20));
    let mut byte = [0_u8];
    let _ = getrandom::fill(&mut byte);
    let pause = base + base.mul_f64(f64::from(byte[0]) / 255.0 / 4.0);
    pause.min(if headers.is_some() {
        LONGEST_PAUSE
    } else {
        LONGEST_BLIND_PAUSE
    })
}

/// The same for durable sessions: short at first, up to a fifth more or less, and only then as the others do.
pub(crate) fn durable_pause(error: &MessageError, attempt: u32) -> Duration {
    if attempt > QUIET_RETRIES {
        return pause(error, attempt - QUIET_RETRIES);
    }
    let base = QUIET_PAUSE.saturating_mul(1 << attempt.saturating_sub(1));
    let mut byte = [0_u8];
    let _ = getrandom::fill(&mut byte);
    let usual = base.mul_f64(0.8 + 0.4 * f64::from(byte[0]) / 255.0);
    named_pause(error).unwrap_or(usual).min(LONGEST_QUIET_PAUSE)
}

fn headers_of(error: &MessageError) -> Option<&IndexMap<String, String>> {
    match error {
        MessageError::Api(api) => api.response_headers.as_ref(),
        _ => None,
    }
}

/// How long the provider says to wait.
fn named_pause(error: &MessageError) -> Option<Duration> {
    headers_of(error).and_then(retry_after)
}

/// A time in words: `2d 3h`, `1h 1min`, `5min`, `7s`.
fn said_by(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}min"),
        (0, _, _) => format!("{hours}h {minutes}min"),
        _ => format!("{days}d {hours}h"),
    }
}

fn retry_after(headers: &IndexMap<String, String>) -> Option<Duration> {
    let seconds = |text: &str, unit: f64| {
        let number: f64 = text.trim().parse().ok()?;
        Duration::try_from_secs_f64(number * unit).ok()
    };
    if let Some(wanted) = headers
        .get("retry-after-ms")
        .and_then(|text| seconds(text, 0.001))
    {
        return Some(wanted);
    }
    let text = headers.get("retry-after")?;
    seconds(text, 1.0).or_else(|| {
        let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        SystemTime::from(at).duration_since(SystemTime::now()).ok()
    })
}

/// When a pause that begins now ends.
pub(crate) fn ends_at(pause: Duration) -> Millis {
    now() + i64::try_from(pause.as_millis()).unwrap_or(i64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn api(message: &str, status: u16, body: &str) -> ApiError {
        ApiError {
            message: message.into(),
            status_code: Some(status),
            response_body: Some(body.into()),
            ..ApiError::default()
        }
    }

    fn event(message: &str, code: Option<&str>, body: Value) -> StreamError {
        StreamError {
            message: message.into(),
            code: code.map(str::to_owned),
            body: (!body.is_null()).then_some(body),
        }
    }

    #[test]
    fn errors_inside_of_answers() {
        use serde_json::json;
        let nested =
            json!({ "type": "error", "error": { "code": "server_is_overloaded", "message": "busy" } });
        let as_text = Value::from(nested.to_string());
        for (error, name, retried) in [
            (
                event("too long", Some("context_length_exceeded"), Value::Null),
                "ContextOverflowError",
                false,
            ),
            (
                event(
                    "prompt is too long: 9 tokens > 8 maximum",
                    Some("invalid_request_error"),
                    Value::Null,
                ),
                "ContextOverflowError",
                false,
            ),
            (
                event("no money", Some("insufficient_quota"), Value::Null),
                "APIError",
                false,
            ),
            (
                event("no", Some("usage_not_included"), Value::Null),
                "APIError",
                false,
            ),
            (
                event("no", Some("invalid_prompt"), Value::Null),
                "APIError",
                false,
            ),
            (
                event("busy", Some("overloaded_error"), Value::Null),
                "APIError",
                true,
            ),
            (event("busy", None, nested), "APIError", true),
            (event("busy", None, as_text), "APIError", true),
            (event("odd", None, Value::Null), "UnknownError", false),
        ] {
            let told = of_stream(&error);
            let value = serde_json::to_value(&told).unwrap();
            assert_eq!(value["name"], name, "{error:?}");
            assert_eq!(retry_reason(&told).is_some(), retried, "{error:?}");
        }
    }

    #[test]
    fn statuses_that_are_tried_again() {
        for (status, provider, wanted) in [
            (400, "openai", false),
            (401, "mine", false),
            (404, "mine", false),
            (404, "openai", true),
            (404, "openai-like", true),
            (408, "mine", true),
            (409, "mine", true),
            (429, "mine", true),
            (500, "mine", true),
            (529, "mine", true),
        ] {
            let http = opencode_llm::error::HttpError {
                status,
                message: "words".into(),
                retryable: opencode_llm::error::is_retryable_status(status),
                ..Default::default()
            };
            let told = of_call(&Error::Http(Box::new(http)), provider);
            assert_eq!(retry_reason(&told).is_some(), wanted, "{status} {provider}");
        }
    }

    #[test]
    fn broken_connections_say_what_broke() {
        let error = Error::Connection {
            url: "http://a".into(),
            message: "reset".into(),
            code: Some("ECONNRESET".into()),
        };
        let MessageError::Api(api) = of_call(&error, "p") else {
            panic!("not an API error");
        };
        let facts = api.metadata.unwrap();
        assert_eq!(api.message, "Connection reset by server");
        assert_eq!(
            ["code", "syscall", "message"].map(|key| facts[key].as_str()),
            ["ECONNRESET", "read", "reset"]
        );
    }

    #[test]
    fn what_is_experiment_on_again() {
        for (error, wanted) in [
            (MessageError::Api(api("bad key", 401, "")), None),
            (MessageError::Api(api("no such thing", 400, "")), None),
            (MessageError::Api(api("busy", 503, "")), Some("busy")),
            (
                MessageError::Api(ApiError {
                    is_retryable: true,
                    ..api("Rate limit reached", 429, "")
                }),
                Some("Rate limit reached"),
            ),
            (
                MessageError::Api(api("Overloaded", 529, "")),
                Some("Provider is overloaded"),
            ),
            (
                MessageError::Api(api("status 4291 is no number of ours", 400, "")),
                None,
            ),
            (
                MessageError::Api(api("upstream said 502", 400, "")),
                Some("upstream said 502"),
            ),
            (MessageError::unknown("fetch failed"), Some("fetch failed")),
            (
                MessageError::unknown("Resource exhausted"),
                Some("Provider is overloaded"),
            ),
            (MessageError::unknown("the user is asleep"), None),
            (MessageError::aborted(), None),
            (
                MessageError::ContextOverflow {
                    message: "timeout".into(),
                    response_body: None,
                },
                None,
            ),
        ] {
            assert_eq!(retry_reason(&error).as_deref(), wanted, "{error:?}");
        }
    }

    fn with_headers(headers: &[(&str, &str)]) -> MessageError {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        MessageError::Api(ApiError {
            response_headers: Some(headers),
            ..ApiError::default()
        })
    }

    #[test]
    fn the_provider_says_how_long() {
        for (headers, wanted) in [
            (
                vec![("retry-after-ms", "700"), ("retry-after", "9")],
                Duration::from_millis(700),
            ),
            (vec![("retry-after", "1")], Duration::from_secs(1)),
            (vec![("retry-after", "99999999999")], LONGEST_PAUSE),
        ] {
            assert_eq!(pause(&with_headers(&headers), 1), wanted);
        }
        let later = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(100);
        let date = later
            .to_zoned(jiff::tz::TimeZone::UTC)
            .strftime("%a, %d %b %Y %H:%M:%S GMT")
            .to_string();
        let waited = pause(&with_headers(&[("retry-after", &date)]), 1);
        assert!((90..=100).contains(&waited.as_secs()), "{waited:?}");
    }

    #[test]
    fn pauses_grow_up_to_a_bound() {
        for (attempt, least) in [(1, 2), (2, 4), (3, 8)] {
            let waited = pause(&with_headers(&[("x", "y")]), attempt);
            assert!(
                waited >= Duration::from_secs(least) && waited <= Duration::from_secs(least).mul_f64(1.26),
                "{waited:?}"
            );
        }
        assert_eq!(pause(&MessageError::unknown("x"), 5), LONGEST_BLIND_PAUSE);
    }
}
