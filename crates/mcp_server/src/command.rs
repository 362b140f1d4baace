//! The commands of the location as prompts: the model of the client is told to run one.

use opencode_client::{Client, Error};
use rmcp::model::{GetPromptResult, JsonObject, Prompt, PromptArgument, PromptMessage, Role};
use serde_json::Value;

use crate::catalogue::PROMPT;

/// What a command is given.
const ARGUMENTS: &str = "arguments";

pub(crate) async fn list(client: &Client) -> Result<Vec<Prompt>, Error> {
    let commands = client.commands().await?;
    let prompt = |command: opencode_client::Command| {
        let argument = PromptArgument::new(ARGUMENTS)
            .with_description("What the command is given")
            .with_required(false);
        Prompt::new(command.name, command.description, Some(vec![argument]))
    };
    Ok(commands.into_iter().map(prompt).collect())
}

/// A command as a prompt; nothing when there is none by this name.
pub(crate) async fn get(
    client: &Client,
    name: &str,
    arguments: Option<&JsonObject>,
) -> Result<Option<GetPromptResult>, Error> {
    let commands = client.commands().await?;
    let Some(command) = commands.into_iter().find(|command| command.name == name) else {
        return Ok(None);
    };
    let arguments = arguments.and_then(|arguments| arguments.get(ARGUMENTS)?.as_str());
    let line = format!("/{name} {}", arguments.unwrap_or_default().trim());
    let line = Value::String(line.trim_end().to_owned());
    let text = format!("Call the tool `{PROMPT}` with this `text`, and show what it answers: {line}");
    let result = GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]);
    Ok(Some(match command.description {
        Some(description) => result.with_description(description),
        None => result,
    }))
}
