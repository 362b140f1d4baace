//! What a server says to somebody who looks for a fault (reference `integrations.md` §A16, `mcp debug`).

use opencode_schema::mcp::Remote;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::OAuth;
use super::authorizer::Guard;
use super::error::OAuthError;
use super::login::Server;
use super::probe::{call, first_request};
use crate::authorization::{Authorizer as _, Challenge, Unauthorized};

/// What a server answers.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The status of its answer to a request without a token.
    pub status: u16,
    /// The usual words for that.
    pub reason: &'static str,
    /// What it wants.
    pub challenge: Option<String>,
    /// What it says of itself.
    pub server_info: Option<Value>,
    /// The answer.
    pub body: String,
    /// Where it wants a token: whether it takes the one that there is.
    pub authorized: Option<Result<(), Unauthorized>>,
}

impl OAuth {
    /// Asks a server what every client asks first, without a token and then with the one that is stored. No
    /// login is begun.
    ///
    /// # Errors
    /// There is no such server, or it wants no logins.
    pub async fn check(&self, name: &str, server: &Remote) -> Result<Checked, OAuthError> {
        let server = Server::new(name, server)?;
        let message = first_request("opencode-debug");
        let answer = self
            .shared
            .http
            .send(call(&server.url, &message, &server.headers))
            .await?;
        let challenge = answer.headers.get(WWW_AUTHENTICATE);
        let challenge = challenge
            .and_then(|challenge| challenge.to_str().ok())
            .map(str::to_owned);
        let authorized = match answer.status {
            401 => Some(Box::pin(self.try_token(&server, &message, challenge.clone())).await),
            _ => None,
        };
        Ok(Checked {
            status: answer.status,
            reason: StatusCode::from_u16(answer.status)
                .ok()
                .and_then(|status| status.canonical_reason())
                .unwrap_or_default(),
            challenge,
            server_info: server_info(&answer.body),
            // It is shown in terminals, which it shall not drive.
            body: String::from_utf8_lossy(&answer.body)
                .chars()
                .filter(|character| !character.is_control() || *character == '\n')
                .collect(),
            authorized,
        })
    }

    async fn try_token(
        &self,
        server: &Server,
        message: &Value,
        mut header: Option<String>,
    ) -> Result<(), Unauthorized> {
        let guard = Guard::new(self.clone(), server.clone());
        // The second time with a token that was renewed because the first was refused.
        for _ in 0..2 {
            let token = guard.token().await?;
            if let Some(token) = &token {
                let bearer = format!("Bearer {}", token.expose_secret());
                let call = call(&server.url, message, &server.headers).header(AUTHORIZATION, &bearer);
                let answer = self.shared.http.send(call).await;
                let answer = answer.map_err(|error| error.unauthorized())?;
                if answer.is_good() {
                    return Ok(());
                }
                if answer.status != 401 {
                    return Err(Unauthorized::Failed(format!("HTTP {}", answer.status)));
                }
                let wanted = answer.headers.get(WWW_AUTHENTICATE);
                header = wanted.and_then(|wanted| wanted.to_str().ok()).map(str::to_owned);
            }
            let challenge = Challenge {
                status: 401,
                header: header.clone(),
                token,
            };
            guard.refused(challenge).await?;
        }
        Err(Unauthorized::Login)
    }
}

fn server_info(body: &[u8]) -> Option<Value> {
    let text = String::from_utf8_lossy(body);
    let whole = serde_json::from_slice::<Value>(body).ok();
    let mut lines = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data:")?.trim()).ok());
    let info = whole.or_else(|| lines.next())?["result"]["serverInfo"].take();
    (!info.is_null()).then_some(info)
}
