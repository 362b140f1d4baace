//! `opencode mcp add`: writes a server into a configuration file.

use opencode_config::edit;
use serde_json::{Map, Value, json};

use crate::arguments::McpAdd;
use crate::ask::{Ask, Entry};
use crate::context::Context;
use crate::failure::Failure;

pub(super) async fn run(context: &Context, arguments: McpAdd) -> Result<(), Failure> {
    let is_said = arguments.url.is_some()
        || !arguments.command.is_empty()
        || !arguments.environment.is_empty()
        || !arguments.headers.is_empty();
    let (name, server, is_global) = match (arguments.name.clone(), is_said) {
        (None, true) => {
            return Err(Failure::told(
                "A server name is required for non-interactive MCP configuration",
            ));
        }
        (Some(name), _) => (name, said(&arguments)?, true),
        (None, false) => asked(context).await?,
    };
    let file = match is_global {
        true => edit::global_file(&context.paths),
        false => edit::project_file(&context.directory()?),
    };
    let key = ["mcp".to_owned(), name.clone()];
    edit::set(&file, &key, Some(&server), &context.paths, &context.environment)
        .map_err(|error| Failure::told(error.to_string()))?;
    context
        .output
        .data(format_args!("MCP server \"{name}\" added to {}", file.display()))
}

/// The server that the command line describes.
fn said(arguments: &McpAdd) -> Result<Value, Failure> {
    match (&arguments.url, arguments.command.is_empty()) {
        (Some(url), true) => {
            if !arguments.environment.is_empty() {
                return Err(Failure::told("--env is only valid for local MCP servers"));
            }
            let mut server = remote(url)?;
            let headers = pairs(&arguments.headers, "header")?;
            if !headers.is_empty() {
                server["headers"] = headers.into();
            }
            Ok(server)
        }
        (None, false) => {
            if !arguments.headers.is_empty() {
                return Err(Failure::told("--header is only valid for remote MCP servers"));
            }
            let mut server = json!({ "type": "local", "command": arguments.command });
            let environment = pairs(&arguments.environment, "environment variable")?;
            if !environment.is_empty() {
                server["environment"] = environment.into();
            }
            Ok(server)
        }
        _ => Err(Failure::told("Provide either --url <url> or a command after --")),
    }
}

fn remote(url: &str) -> Result<Value, Failure> {
    if !is_address(url) {
        return Err(Failure::told(format!("Invalid URL: {url}")));
    }
    Ok(json!({ "type": "remote", "url": url }))
}

/// Whether an address is one of the web.
fn is_address(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn pairs(given: &[String], what: &str) -> Result<Map<String, Value>, Failure> {
    let pair = |text: &String| match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), Value::from(value))),
        _ => Err(Failure::told(format!(
            "Invalid {what}: {text}. Expected KEY=VALUE"
        ))),
    };
    given.iter().map(pair).collect()
}

/// The server that the user describes when he is asked.
async fn asked(context: &Context) -> Result<(String, Value, bool), Failure> {
    let ask = Ask::new(context.output);
    let place = ask
        .pick("Where is it configured?", entries(["Current project", "Global"]))
        .await?;
    let wanted = |text: &str| {
        text.trim()
            .is_empty()
            .then(|| "Something is needed here".to_owned())
    };
    let name = ask.text("Name of the MCP server", None, wanted).await?;
    let kinds = entries(["Local: a program", "Remote: an address"]);
    let server = if ask.pick("Kind of the MCP server", kinds).await? == 0 {
        let line = ask
            .text("Command to run", Some("npx -y some-server"), wanted)
            .await?;
        let command: Vec<&str> = line.split_whitespace().collect();
        json!({ "type": "local", "command": command })
    } else {
        let fault =
            |text: &str| (!is_address(text.trim())).then(|| "This is no address of the web".to_owned());
        let url = ask
            .text("URL of the MCP server", Some("https://example.com/mcp"), fault)
            .await?;
        remote(url.trim())?
    };
    Ok((name.trim().to_owned(), server, place == 1))
}

fn entries(labels: [&str; 2]) -> Vec<Entry> {
    let entry = |label: &str| Entry {
        label: label.to_owned(),
        id: label.to_owned(),
        hint: String::new(),
    };
    labels.map(entry).into()
}
