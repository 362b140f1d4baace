//! The tools for resources of MCP servers (reference `integrations.md` §A9). They are there when some server has
//! resources.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opencode_mcp::{Resource, Servers};
use opencode_schema::Object;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{content, failure};
use crate::contract::{Ask, Call, Definition, Failure, Output, Scope, Tool, arguments};

/// Names of the tools.
pub const LIST: &str = "list_mcp_resources";
/// Lists templates.
pub const TEMPLATES: &str = "list_mcp_resource_templates";
/// Reads one.
pub const READ: &str = "read_mcp_resource";

/// All three.
pub(super) fn tools(servers: &Servers) -> [Arc<dyn Tool>; 3] {
    [
        Arc::new(List {
            servers: servers.clone(),
            templates: false,
        }),
        Arc::new(List {
            servers: servers.clone(),
            templates: true,
        }),
        Arc::new(Read {
            servers: servers.clone(),
        }),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct ListArguments {
    /// Only those of this MCP server
    server: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct ReadArguments {
    /// The MCP server that has the resource
    server: String,
    /// The address of the resource, as the list of resources names it
    uri: String,
}

/// The servers that have resources, by name; only `wanted`, if one is.
fn with_resources(servers: &Servers, wanted: Option<&str>) -> Result<Vec<String>, Failure> {
    let offered = servers.offered();
    let having = offered.iter().filter(|one| one.offer.has_resources);
    let mut names: Vec<String> = having.map(|one| one.server.clone()).collect();
    names.sort();
    let Some(wanted) = wanted else { return Ok(names) };
    if names.iter().any(|name| name == wanted) {
        return Ok(vec![wanted.to_owned()]);
    }
    Err(Failure::told(format!(
        "There is no MCP server \"{wanted}\" with resources. Servers with resources: {}.",
        names.join(", ")
    )))
}

async fn ask(call: &Call, patterns: Vec<String>, always: Vec<String>) -> Result<(), Failure> {
    call.ask(Ask {
        permission: "read".to_owned(),
        patterns,
        always,
        metadata: Object::new(),
    })
    .await
}

fn all_of(server: &str) -> String {
    format!("mcp:{server}:*")
}

/// Lists resources, or templates of their addresses.
struct List {
    servers: Servers,
    templates: bool,
}

impl Tool for List {
    fn name(&self) -> &str {
        if self.templates { TEMPLATES } else { LIST }
    }

    fn permission(&self) -> &str {
        "read"
    }

    fn is_idempotent(&self) -> bool {
        true
    }

    fn definition(&self, _: &Scope) -> Definition {
        Definition::of::<ListArguments>(if self.templates {
            include_str!("templates.md")
        } else {
            include_str!("list.md")
        })
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        async move {
            let ListArguments { server } = arguments(self.name(), input)?;
            let servers = with_resources(&self.servers, server.as_deref())?;
            let patterns: Vec<String> = servers.iter().map(|server| all_of(server)).collect();
            ask(call, patterns.clone(), patterns).await?;
            tokio::select! {
                () = self.servers.awaited(&servers) => {}
                () = call.cancel.cancelled() => return Err(Failure::Aborted),
            }
            let mut found = self.servers.resources(self.templates).await;
            found.retain(|resource| servers.contains(&resource.server));
            found.sort_by(|a, b| (&a.server, &a.name, &a.uri).cmp(&(&b.server, &b.name, &b.uri)));
            let (key, address, label) = match self.templates {
                true => ("resourceTemplates", "uriTemplate", "MCP resource templates"),
                false => ("resources", "uri", "MCP resources"),
            };
            let listed: Vec<Value> = found.iter().map(|resource| entry(resource, address)).collect();
            Ok(Output {
                title: match &server {
                    Some(server) => format!("{label}: {server}"),
                    None => label.to_owned(),
                },
                // An object of texts can always be written.
                output: serde_json::to_string_pretty(&json!({ key: listed })).unwrap_or_default(),
                ..Output::default()
            })
        }
        .boxed()
    }
}

fn entry(resource: &Resource, address: &str) -> Value {
    let mut entry = Object::new();
    let mut set = |key: &str, value: Option<&String>| {
        if let Some(value) = value {
            entry.insert(key.to_owned(), value.as_str().into());
        }
    };
    set("name", Some(&resource.name));
    set(address, Some(&resource.uri));
    set("description", resource.description.as_ref());
    set("mimeType", resource.mime.as_ref());
    set("server", Some(&resource.server));
    Value::Object(entry)
}

/// Reads a resource.
struct Read {
    servers: Servers,
}

impl Tool for Read {
    fn name(&self) -> &str {
        READ
    }

    fn permission(&self) -> &str {
        "read"
    }

    fn is_idempotent(&self) -> bool {
        true
    }

    fn definition(&self, _: &Scope) -> Definition {
        Definition::of::<ReadArguments>(include_str!("read.md"))
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        async move {
            let ReadArguments { server, uri } = arguments(self.name(), input)?;
            with_resources(&self.servers, Some(&server))?;
            ask(call, vec![format!("mcp:{server}:{uri}")], vec![all_of(&server)]).await?;
            let contents = tokio::select! {
                contents = self.servers.read(&server, &uri) => contents.map_err(failure)?,
                () = call.cancel.cancelled() => return Err(Failure::Aborted),
            };
            Ok(Output {
                title: format!("MCP resource: {uri}"),
                ..content::of_contents(contents)
            })
        }
        .boxed()
    }
}
