//! `opencode mcp debug`: what a server says, and what is known about the login there (reference `cli.md` §7,
//! `integrations.md` §A16).

use opencode_mcp::Unauthorized;
use opencode_mcp::oauth::{AuthStatus, Checked, Entry, OAuth};
use opencode_schema::mcp::{OAuth as Configured, Remote, ServerConfig};
use opencode_schema::time::{Millis, iso};
use secrecy::ExposeSecret as _;

use super::{location, logins, server, shown};
use crate::context::Context;
use crate::failure::Failure;
use crate::frame::Frame;

/// Characters of an answer that are shown.
const SHOWN: usize = 500;

pub(crate) async fn run(context: &Context, name: &str) -> Result<(), Failure> {
    let frame = Frame::begin(context.output, "MCP OAuth Debug")?;
    let location = location(context).await?;
    let remote = match server(&location, name) {
        None => {
            frame.error(format_args!("MCP server not found: {name}"))?;
            return frame.end("Done");
        }
        Some(ServerConfig::Local(_)) => {
            frame.error(format_args!("MCP server {name} is not a remote server"))?;
            return frame.end("Done");
        }
        Some(ServerConfig::Remote(remote)) if remote.oauth == Some(Configured::Switch(false)) => {
            frame.warn(format_args!("MCP server {name} has OAuth explicitly disabled"))?;
            return frame.end("Done");
        }
        Some(ServerConfig::Remote(remote)) => remote,
    };
    let oauth = logins(context);
    login(frame, &oauth, name, remote)?;
    match Box::pin(oauth.check(name, remote)).await {
        Ok(checked) => connection(frame, &checked, oauth.entry(name, remote).as_ref(), remote)?,
        Err(error) => {
            frame.error("Connection failed")?;
            frame.error(format_args!("Error: {error}"))?;
        }
    }
    oauth.shutdown().await;
    frame.end("Debug complete")
}

/// What is known about the login.
fn login(frame: Frame, oauth: &OAuth, name: &str, remote: &Remote) -> Result<(), Failure> {
    let status = oauth.status(name, remote);
    let (sign, words) = shown(status);
    frame.info(format_args!("Server: {name}"))?;
    frame.info(format_args!("URL: {}", remote.url))?;
    frame.info(format_args!("Auth status: {sign} {words}"))?;
    let Some(entry) = oauth.entry(name, remote) else {
        return Ok(());
    };
    if let Some(tokens) = &entry.tokens {
        frame.info(format_args!(
            "  Access token: {}",
            masked(tokens.access.expose_secret())
        ))?;
        if let Some(end) = tokens.expires_at {
            let ended = if status == AuthStatus::Expired {
                " (EXPIRED)"
            } else {
                ""
            };
            frame.info(format_args!("  Expires: {}{ended}", time(end)))?;
        }
        if tokens.refresh.is_some() {
            frame.info("  Refresh token: present")?;
        }
    }
    if let Some(client) = &entry.client {
        frame.info(format_args!("  Client ID: {}", client.id))?;
        let end = client
            .secret_expires_at
            .as_ref()
            .and_then(serde_json::Number::as_f64);
        if let Some(end) = end.filter(|end| *end > 0.0) {
            frame.info(format_args!("  Client secret expires: {}", time(end)))?;
        }
    }
    Ok(())
}

/// What the server says.
fn connection(
    frame: Frame,
    checked: &Checked,
    entry: Option<&Entry>,
    remote: &Remote,
) -> Result<(), Failure> {
    frame.step(format_args!(
        "HTTP response: {} {}",
        checked.status, checked.reason
    ))?;
    if let Some(challenge) = &checked.challenge {
        frame.info(format_args!("WWW-Authenticate: {challenge}"))?;
    }
    match (&checked.authorized, checked.status) {
        (Some(authorized), _) => {
            frame.info("The server wants a login. Trying what is stored, without logging in …")?;
            match authorized {
                Ok(()) => frame.success("Connection successful (already authenticated)")?,
                Err(Unauthorized::Login) => {
                    frame.info("OAuth flow triggered: Unauthorized")?;
                    let configured = match &remote.oauth {
                        Some(Configured::Settings(settings)) => settings.client_id.as_deref(),
                        _ => None,
                    };
                    let stored = entry
                        .and_then(|entry| entry.client.as_ref())
                        .map(|client| client.id.as_str());
                    match configured.or(stored) {
                        Some(id) => frame.info(format_args!("Client ID available: {id}"))?,
                        None => frame.info("No client ID - dynamic registration will be attempted")?,
                    }
                }
                Err(error) => frame.error(format_args!("Connection error: {error}"))?,
            }
        }
        (None, 200..300) => {
            frame.success("The server answers without a login")?;
            if let Some(info) = &checked.server_info {
                frame.info(format_args!("Server info: {info}"))?;
            }
        }
        (None, status) => {
            frame.warn(format_args!("Unexpected status: {status}"))?;
            let body: String = checked.body.trim().chars().take(SHOWN).collect();
            if !body.is_empty() {
                frame.info(format_args!("Response body: {body}"))?;
            }
        }
    }
    Ok(())
}

/// Enough of a token to know it again.
fn masked(token: &str) -> String {
    let characters: Vec<char> = token.chars().collect();
    match (characters.first_chunk::<4>(), characters.last_chunk::<4>()) {
        (Some(first), Some(last)) if characters.len() > 8 => {
            format!("{}***{}", String::from_iter(first), String::from_iter(last))
        }
        _ => "***".to_owned(),
    }
}

fn time(seconds: f64) -> String {
    iso((seconds * 1000.0) as Millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_masked() {
        for (token, wanted) in [
            ("", "***"),
            ("12345678", "***"),
            ("abcdefghijkl", "abcd***ijkl"),
            ("äöüßäöüßx", "äöüß***öüßx"),
        ] {
            assert_eq!(masked(token), wanted);
        }
    }
}
