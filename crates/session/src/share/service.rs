//! The service that shows shared sessions (reference `sessions.md` §7, «Share»).

use std::time::Duration;

use opencode_schema::SessionId;
use opencode_store::SharedSession;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::web::Web;

/// Where sessions are shared when configuration does not say.
const USUAL: &str = "https://opncd.ai";
/// How long the service may take to answer.
const LIMIT: Duration = Duration::from_secs(20);
/// Bytes of an answer that are read.
const ANSWER_LIMIT: usize = 64 << 10;

/// The service.
#[derive(Debug)]
pub(super) struct Service {
    base: String,
    web: Web,
}

#[derive(Deserialize)]
struct Made {
    id: String,
    url: String,
    secret: String,
}

impl Service {
    /// The service at an address; without one the usual one.
    pub(super) fn new(base: Option<&str>, web: Web) -> Self {
        Self {
            base: base.unwrap_or(USUAL).trim_end_matches('/').to_owned(),
            web,
        }
    }

    /// Gives a session a place.
    pub(super) async fn create(&self, session_id: &SessionId) -> Result<SharedSession, String> {
        let answer = self
            .send(Method::POST, "", json!({ "sessionID": session_id }))
            .await?;
        let Made { id, url, secret } = serde_json::from_slice(&answer)
            .map_err(|error| format!("the answer is not understood: {error}"))?;
        Ok(SharedSession { id, secret, url })
    }

    /// Sends what changed.
    pub(super) async fn sync(&self, share: &SharedSession, data: Vec<Value>) -> Result<(), String> {
        let path = format!("/{}/sync", escaped(&share.id));
        let body = json!({ "secret": share.secret, "data": data });
        self.send(Method::POST, &path, body).await.map(drop)
    }

    /// Takes a session's place away.
    pub(super) async fn remove(&self, share: &SharedSession) -> Result<(), String> {
        let path = format!("/{}", escaped(&share.id));
        let body = json!({ "secret": share.secret });
        self.send(Method::DELETE, &path, body).await.map(drop)
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> Result<Vec<u8>, String> {
        let url = format!("{}/api/share{path}", self.base);
        let request = self
            .web
            .client()?
            .request(method, url)
            .header("content-type", "application/json")
            .body(body.to_string());
        Web::answer(request, LIMIT, ANSWER_LIMIT).await
    }
}

/// An id as a part of a path.
fn escaped(id: &str) -> String {
    percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string()
}
