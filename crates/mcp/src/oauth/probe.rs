//! Whether a server wants a login: it is asked without a token what every client asks first.

use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use serde_json::{Value, json};
use url::Url;

use super::challenge::Demand;
use super::discovery::{PROTOCOL_VERSION, VERSION_HEADER};
use super::error::OAuthError;
use super::http::{Answer, Call, Http};

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// What the server wants of a login; nothing when it wants none.
pub(super) async fn probe(
    http: &Http,
    server: &Url,
    headers: &HeaderMap,
) -> Result<Option<Demand>, OAuthError> {
    let first = first_request("opencode");
    let answer = http.send(call(server, &first, headers)).await?;
    if let Some(demand) = demand(&answer) {
        return Ok(Some(demand));
    }
    if !answer.is_good() {
        return older(http, server, headers, &answer).await;
    }
    // Some servers let everybody in and want a login for what is inside.
    let version = version(&answer.body).unwrap_or_else(|| PROTOCOL_VERSION.to_owned());
    let session = answer
        .headers
        .get(SESSION)
        .and_then(|session| session.to_str().ok());
    let within = |mut call: Call| {
        call = call.header(VERSION_HEADER, &version);
        match session {
            Some(session) => call.header(SESSION, session),
            None => call,
        }
    };
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
    let mut wanted = None;
    for message in [ready, list] {
        let answer = http.send(within(call(server, &message, headers))).await?;
        wanted = demand(&answer);
        if wanted.is_some() {
            break;
        }
    }
    if session.is_some() {
        // It would end by itself.
        let _ = http
            .send(within(Call::delete(server.clone()).headers(headers)))
            .await;
    }
    Ok(wanted)
}

/// What every client asks first.
pub(super) fn first_request(client: &str) -> Value {
    json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": PROTOCOL_VERSION,
            "capabilities": {},
            "clientInfo": { "name": client, "version": env!("CARGO_PKG_VERSION") },
        },
    })
}

/// A message to the server.
pub(super) fn call(server: &Url, message: &Value, headers: &HeaderMap) -> Call {
    Call::json(server.clone(), message)
        .header(ACCEPT, "application/json, text/event-stream")
        .headers(headers)
        .cut()
}

/// Servers of the time before streamable HTTP have a stream of events instead.
async fn older(
    http: &Http,
    server: &Url,
    headers: &HeaderMap,
    refused: &Answer,
) -> Result<Option<Demand>, OAuthError> {
    let stream = Call::get(server.clone())
        .header(ACCEPT, "text/event-stream")
        .headers(headers)
        .cut();
    let answer = http.send(stream).await?;
    if let Some(demand) = demand(&answer) {
        return Ok(Some(demand));
    }
    if answer.is_good() {
        return Ok(None);
    }
    Err(refused.unexpected(refused.status.to_string()))
}

fn demand(answer: &Answer) -> Option<Demand> {
    let headers = answer.headers.get_all(WWW_AUTHENTICATE).iter();
    let headers: Vec<_> = headers
        .filter_map(|header: &HeaderValue| header.to_str().ok())
        .collect();
    let demand = Demand::read(&headers.join(", "));
    let wants = answer.status == 401 || answer.status == 403 && demand != Demand::default();
    wants.then_some(demand)
}

/// The version that the server answers with: in a body of JSON, or in the first event of a stream.
fn version(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let mut messages = text
        .lines()
        .map(|line| line.strip_prefix("data:").unwrap_or(line))
        .filter_map(|line| serde_json::from_str::<Value>(line.trim()).ok());
    let whole = serde_json::from_slice::<Value>(body).ok();
    let message = whole.or_else(|| messages.find(Value::is_object))?;
    Some(message["result"]["protocolVersion"].as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found() {
        for (body, wanted) in [
            (
                r#"{"result":{"protocolVersion":"2025-06-18"}}"#,
                Some("2025-06-18"),
            ),
            (
                "event: message\ndata: {\"result\":{\"protocolVersion\":\"x\"}}\n\n",
                Some("x"),
            ),
            ("{\n \"result\": {\n \"protocolVersion\": \"y\" } }", Some("y")),
            ("", None),
            ("[]", None),
            ("\u{0}", None),
        ] {
            assert_eq!(version(body.as_bytes()).as_deref(), wanted, "{body}");
        }
    }
}
