//! `opencode mcp` (reference `cli.md` §7): servers that lend tools.

mod add;
mod auth;
mod debug;
mod list;
mod serve;

use std::sync::Arc;

use opencode_mcp::oauth::{AuthStatus, OAuth, Options};
use opencode_schema::mcp::{Entry, OAuth as Configured, Remote, ServerConfig};
use opencode_session::Location;

use crate::arguments::{Mcp, McpAuthAction};
use crate::context::Context;
use crate::failure::Failure;

pub(crate) async fn run(context: &Context, command: Mcp) -> Result<(), Failure> {
    match command {
        Mcp::List => list::run(context).await,
        Mcp::Add(arguments) => add::run(context, arguments).await,
        Mcp::Auth(arguments) => match arguments.action {
            Some(McpAuthAction::List) => auth::list(context).await,
            None => auth::run(context, arguments.name).await,
        },
        Mcp::Logout { name } => auth::out(context, name).await,
        Mcp::Serve(arguments) => serve::run(context, arguments).await,
        Mcp::Debug { name } => debug::run(context, &name).await,
    }
}

/// The logins of this user.
fn logins(context: &Context) -> OAuth {
    OAuth::new(
        context.paths.clone(),
        context.environment.clone(),
        Options::default(),
    )
}

/// The configuration of the folder that the user is in.
async fn location(context: &Context) -> Result<Arc<Location>, Failure> {
    let (engine, location) = context.here().await?;
    engine.shutdown().await;
    Ok(location)
}

/// A server as the configuration has it.
fn server<'a>(location: &'a Location, name: &str) -> Option<&'a ServerConfig> {
    match location.config.mcp.as_ref()?.get(name)? {
        Entry::Server(server) => Some(server),
        Entry::Switch { .. } => None,
    }
}

/// The servers at which one can log in.
fn with_logins(location: &Location) -> Vec<(&str, &Remote)> {
    let all = location.config.mcp.iter().flatten();
    all.filter_map(|(name, entry)| match entry {
        Entry::Server(server) => Some((name.as_str(), can_log_in(server)?)),
        Entry::Switch { .. } => None,
    })
    .collect()
}

fn can_log_in(server: &ServerConfig) -> Option<&Remote> {
    match server {
        ServerConfig::Remote(remote) => (remote.oauth != Some(Configured::Switch(false))).then_some(remote),
        ServerConfig::Local(_) => None,
    }
}

/// Whether somebody is logged in, in a sign and in words.
fn shown(status: AuthStatus) -> (&'static str, &'static str) {
    match status {
        AuthStatus::Authenticated => ("✓", "authenticated"),
        AuthStatus::Expired => ("⚠", "expired"),
        AuthStatus::NotAuthenticated => ("✗", "not authenticated"),
    }
}
