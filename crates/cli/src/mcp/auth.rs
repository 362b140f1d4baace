//! `opencode mcp auth` and `logout`: logging in at servers, and forgetting it (reference `cli.md` §7,
//! `integrations.md` §A16). Problems are told in the box, and end it well.

use std::sync::Arc;

use opencode_mcp::oauth::{AuthStatus, OAuth, OAuthError};
use opencode_mcp::{Servers, Settings};
use opencode_schema::mcp::{Remote, ServerConfig, Status};

use super::{can_log_in, location, logins, server, shown, with_logins};
use crate::ask::{Ask, Entry};
use crate::context::Context;
use crate::failure::Failure;
use crate::frame::Frame;
use crate::output::Style;

/// Logs in at a server.
pub(crate) async fn run(context: &Context, name: Option<String>) -> Result<(), Failure> {
    let output = context.output;
    let frame = Frame::begin(output, "MCP OAuth Authentication")?;
    let location = location(context).await?;
    let all = with_logins(&location);
    if all.is_empty() {
        none(frame)?;
        frame.info(
            "One can log in at every remote server. One is added to opencode.json like this:\n\n\
             \"mcp\": {\n  \"my-server\": { \"type\": \"remote\", \"url\": \"https://example.com/mcp\" }\n}",
        )?;
        return frame.end("Done");
    }
    let oauth = logins(context);
    let ask = Ask::new(output);
    let name = match name {
        Some(name) => name,
        None => {
            let entries = all.iter().map(|(name, remote)| {
                let (sign, words) = shown(oauth.status(name, remote));
                Entry {
                    label: format!("{sign} {name} ({words})"),
                    id: (*name).to_owned(),
                    hint: remote.url.clone(),
                }
            });
            let at = ask
                .pick("Select MCP server to authenticate", entries.collect())
                .await?;
            let (name, _) = all.get(at).ok_or_else(|| Failure::told("Nothing was picked"))?;
            (*name).to_owned()
        }
    };
    let Some(found) = server(&location, &name) else {
        frame.error(format_args!("MCP server not found: {name}"))?;
        return frame.end("Done");
    };
    let Some(remote) = can_log_in(found) else {
        frame.error(format_args!(
            "MCP server {name} is not an OAuth-capable remote server"
        ))?;
        return frame.end("Done");
    };
    match oauth.status(&name, remote) {
        AuthStatus::Authenticated => {
            let question = format!("{name} already has valid credentials. Log in again?");
            let answers = [("Yes", "yes"), ("No", "no")].map(|(label, id)| Entry {
                label: label.to_owned(),
                id: id.to_owned(),
                hint: String::new(),
            });
            // Nobody who answers is nobody who wants it.
            if ask.pick(&question, answers.into()).await.unwrap_or(1) != 0 {
                return frame.end("Cancelled");
            }
        }
        AuthStatus::Expired => {
            frame.warn(format_args!("The login at {name} has ended. Logging in again …"))?;
        }
        AuthStatus::NotAuthenticated => {}
    }
    let told = |url: &str| {
        // Whoever does not read any more still sees the page.
        let _ = frame.step("Authorize in your browser:");
        let _ = frame.info(url);
        output.say("Waiting for authorization …");
    };
    let ended = Box::pin(oauth.authenticate(&name, remote, told)).await;
    let status = match ended {
        Ok(()) => Ok(try_out(context, &oauth, &name, remote).await?),
        Err(error) => Err(error),
    };
    oauth.shutdown().await;
    match status {
        Ok(Status::Connected) => frame.step("Authentication successful!")?,
        Ok(Status::Failed { error } | Status::NeedsClientRegistration { error }) => {
            frame.error("Authentication failed")?;
            frame.error(error)?;
        }
        Ok(Status::NeedsAuth | Status::Disabled) => {
            frame.error("Authentication failed")?;
            frame.error("The server does not accept the login")?;
        }
        Err(error) => {
            frame.error("Authentication failed")?;
            frame.error(&error)?;
            if error == OAuthError::NoRegistration {
                frame.info(format_args!(
                    "Give it the client id that you have there:\n\n\"mcp\": {{\n  \"{name}\": {{\n    \"type\": \
                     \"remote\",\n    \"url\": \"{}\",\n    \"oauth\": {{ \"clientId\": \"…\", \"clientSecret\": \"…\" }}\n  }}\n}}",
                    remote.url
                ))?;
            }
        }
    }
    frame.end("Done")
}

/// Whether the server takes the login.
async fn try_out(context: &Context, oauth: &OAuth, name: &str, remote: &Remote) -> Result<Status, Failure> {
    let servers = Servers::new(Settings {
        directory: context.directory()?,
        version: env!("CARGO_PKG_VERSION"),
        cache: None,
        authorizers: Arc::new(oauth.clone()),
        may_ask: false,
        listener: Box::new(|_| {}),
    });
    let remote = Remote {
        enabled: Some(true),
        ..remote.clone()
    };
    servers.add(name, ServerConfig::Remote(remote)).await;
    let status = servers.status(name);
    servers.close().await;
    status.map_err(|error| Failure::told(error.to_string()))
}

/// Lists where one can log in.
pub(crate) async fn list(context: &Context) -> Result<(), Failure> {
    let frame = Frame::begin(context.output, "MCP OAuth Status")?;
    let location = location(context).await?;
    let all = with_logins(&location);
    if all.is_empty() {
        none(frame)?;
        return frame.end("Done");
    }
    let oauth = logins(context);
    let dim = |text: &str| context.output.styled_data(Style::Dim, text);
    for (name, remote) in &all {
        let (sign, words) = shown(oauth.status(name, remote));
        let (words, url) = (dim(words), dim(&remote.url));
        frame.info(format_args!("{sign} {name} {words}\n    {url}"))?;
    }
    frame.end(format_args!("{} OAuth-capable server(s)", all.len()))
}

/// Forgets the login at a server, also at one that is not configured any more.
pub(crate) async fn out(context: &Context, name: Option<String>) -> Result<(), Failure> {
    let frame = Frame::begin(context.output, "MCP OAuth Logout")?;
    let oauth = logins(context);
    let stored = oauth.stored();
    if stored.is_empty() {
        frame.warn("No MCP OAuth credentials stored")?;
        return frame.end("Done");
    }
    let name = match name {
        Some(name) => name,
        None => {
            let entries = stored.iter().map(|(name, entry)| Entry {
                label: name.clone(),
                id: name.clone(),
                hint: match (&entry.tokens, &entry.client) {
                    (Some(_), Some(_)) => "tokens + client",
                    (Some(_), None) => "tokens",
                    (None, Some(_)) => "client registration",
                    (None, None) => "",
                }
                .to_owned(),
            });
            let at = Ask::new(context.output)
                .pick("Select MCP server to log out from", entries.collect())
                .await?;
            let (name, _) = stored
                .get(at)
                .ok_or_else(|| Failure::told("Nothing was picked"))?;
            name.clone()
        }
    };
    if stored.iter().any(|(known, _)| *known == name) {
        oauth
            .remove(&name)
            .await
            .map_err(|error| Failure::told(error.to_string()))?;
        frame.success(format_args!("Removed OAuth credentials for {name}"))?;
    } else {
        frame.error(format_args!("No credentials found for: {name}"))?;
    }
    frame.end("Done")
}

fn none(frame: Frame) -> Result<(), Failure> {
    frame.warn("No OAuth-capable MCP servers configured")
}
