//! `opencode agent` (reference `cli.md` §8).

mod create;

use opencode_schema::agent::Mode;

use crate::arguments;
use crate::context::Context;
use crate::failure::Failure;

pub(crate) async fn run(context: &Context, command: arguments::Agent) -> Result<(), Failure> {
    match command {
        arguments::Agent::List => list(context).await,
        arguments::Agent::Create(arguments) => create::run(context, arguments).await,
    }
}

/// Lists the agents, the built-in ones first, each with its rules.
async fn list(context: &Context) -> Result<(), Failure> {
    let (engine, location) = context.here().await?;
    engine.shutdown().await;
    let mut agents: Vec<_> = location.agents.values().collect();
    agents.sort_by_key(|agent| (agent.native != Some(true), agent.name.clone()));
    for agent in agents {
        let mode = match agent.mode {
            Mode::Subagent => "subagent",
            Mode::Primary => "primary",
            Mode::All => "all",
        };
        let rules = serde_json::to_string_pretty(&agent.permission)?;
        context
            .output
            .data(format_args!("{} ({mode})\n  {rules}", agent.name))?;
    }
    Ok(())
}
