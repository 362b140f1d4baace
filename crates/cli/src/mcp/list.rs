//! `opencode mcp list`: the servers, whether they can be had, and what they are.

use std::time::Duration;

use opencode_mcp::oauth::AuthStatus;
use opencode_schema::mcp::{ServerConfig, Status};

use crate::context::Context;
use crate::failure::Failure;
use crate::frame::Frame;

/// How long servers are waited for: each has its own time, and says itself when it is over.
const LIMIT: Duration = Duration::from_secs(120);

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let frame = Frame::begin(context.output, "MCP Servers")?;
    let (engine, location) = context.here().await?;
    if location.mcp.configured().is_empty() {
        engine.shutdown().await;
        frame.warn("No MCP servers configured")?;
        return frame.end("Add servers with: opencode mcp add");
    }
    location.mcp.settled(LIMIT).await;
    let servers = location.mcp.configured();
    let logins = super::logins(context);
    let mut lines = Vec::new();
    for (name, config, status) in &servers {
        let (sign, words) = match status {
            Status::Connected => ("✓", "connected".to_owned()),
            Status::Disabled => ("○", "disabled".to_owned()),
            Status::NeedsAuth => ("⚠", "needs authentication".to_owned()),
            Status::NeedsClientRegistration { error } => {
                ("✗", format!("needs client registration\n    {error}"))
            }
            Status::Failed { error } => ("✗", format!("failed\n    {}", error.replace('\n', "\n    "))),
        };
        let (address, login) = match &**config {
            ServerConfig::Local(server) => (server.command.join(" "), ""),
            ServerConfig::Remote(server) => {
                let is_logged_in = logins.status(name, server) != AuthStatus::NotAuthenticated;
                let hint = if *status == Status::Connected && is_logged_in {
                    " (OAuth)"
                } else {
                    ""
                };
                (server.url.clone(), hint)
            }
        };
        lines.push(format!("{sign} {name} {words}{login}\n    {address}"));
    }
    engine.shutdown().await;
    for line in lines {
        frame.info(line)?;
    }
    frame.end(format_args!("{} server(s)", servers.len()))
}
