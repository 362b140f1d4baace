//! Prompts of MCP servers as commands (reference `integrations.md` §A11, `agents-commands-permissions.md` §3).

use std::time::Duration;

use indexmap::IndexMap;
use opencode_mcp::{Prompt, name};
use opencode_schema::command::{Command, Source};
use serde_json::{Map, Value};

use crate::{Error, Location};

/// How long lists of commands wait for servers that are being connected.
const LIST_WAIT: Duration = Duration::from_secs(2);

impl Location {
    /// The commands as they are now, with those that prompts of servers make. These take the place of configured ones
    /// of their name; skills take nobody's place.
    pub async fn current_commands(&self) -> IndexMap<String, Command> {
        if !self.mcp.are_any() {
            return self.commands.clone();
        }
        self.mcp.settled(LIST_WAIT).await;
        let (skills, mut all): (IndexMap<_, _>, IndexMap<_, _>) = self
            .commands
            .clone()
            .into_iter()
            .partition(|(_, command)| command.source == Source::Skill);
        for prompt in self.mcp.prompts().await {
            let command = command(&prompt, String::new());
            all.insert(command.name.clone(), command);
        }
        for (name, skill) in skills {
            all.entry(name).or_insert(skill);
        }
        all
    }

    /// A command by its name; one that a prompt of a server makes with its text, which the server is asked for.
    ///
    /// # Errors
    /// [`Error::CommandNotFound`] with the names that there are; the server cannot be reached, or refused.
    pub async fn current_command(&self, name: &str) -> Result<Command, Error> {
        let Some(server) = self.mcp.server_of(name) else {
            return self.command(name).cloned();
        };
        self.mcp.awaited(std::slice::from_ref(&server)).await;
        let prompts = self.mcp.prompts().await;
        let of_prompt = |prompt: &&Prompt| name::prompt(&prompt.server, &prompt.name) == name;
        let Some(prompt) = prompts.iter().rfind(of_prompt) else {
            return self.command(name).cloned().map_err(|error| match error {
                Error::CommandNotFound { name, mut available } => {
                    available.extend(prompts.iter().map(|one| name::prompt(&one.server, &one.name)));
                    Error::CommandNotFound { name, available }
                }
                error => error,
            });
        };
        let places = prompt.arguments.iter().enumerate();
        let arguments: Map<String, Value> = places
            .map(|(at, argument)| (argument.clone(), format!("${}", at + 1).into()))
            .collect();
        let text = self
            .mcp
            .prompt(&prompt.server, &prompt.name, &Value::Object(arguments))
            .await
            .map_err(|error| Error::McpPrompt {
                name: name.to_owned(),
                reason: error.to_string(),
            })?;
        Ok(command(prompt, text))
    }
}

fn command(prompt: &Prompt, template: String) -> Command {
    Command {
        name: name::prompt(&prompt.server, &prompt.name),
        description: prompt.description.clone(),
        agent: None,
        model: None,
        variant: None,
        source: Source::Mcp,
        template,
        subtask: None,
        hints: (1..=prompt.arguments.len()).map(|at| format!("${at}")).collect(),
    }
}
