//! MCP servers that a client hands over with a session (reference `integrations.md` §D2).

use std::time::Duration;

use agent_client_protocol_schema::v1::McpServer;
use opencode_client::Client;
use serde_json::{Map, Value, json};
use tokio_util::task::TaskTracker;

use crate::agent::Agent;

/// How long a session waits for the servers that it was given; those that need longer come later.
const WAIT_LIMIT: Duration = Duration::from_secs(5);

/// Name and configuration of a server; none for a kind that was not offered.
fn configuration(server: &McpServer) -> Option<(String, Value)> {
    match server {
        McpServer::Stdio(server) => {
            let mut command = vec![server.command.display().to_string()];
            command.extend(server.args.iter().cloned());
            let pairs = server
                .env
                .iter()
                .map(|pair| (pair.name.clone(), json!(pair.value)));
            let environment: Map<String, Value> = pairs.collect();
            let config = json!({ "type": "local", "command": command, "environment": environment });
            Some((server.name.clone(), config))
        }
        McpServer::Http(server) => Some(remote(&server.name, &server.url, &server.headers)),
        McpServer::Sse(server) => Some(remote(&server.name, &server.url, &server.headers)),
        _ => None,
    }
}

fn remote(
    name: &str,
    url: &str,
    headers: &[agent_client_protocol_schema::v1::HttpHeader],
) -> (String, Value) {
    let pairs = headers
        .iter()
        .map(|header| (header.name.clone(), json!(header.value)));
    let headers: Map<String, Value> = pairs.collect();
    let config = json!({ "type": "remote", "url": url, "headers": headers });
    (name.to_owned(), config)
}

/// Connects the servers in the folder of a client, each once; what fails is logged, and the session goes on
/// without.
pub(crate) async fn connect(agent: &Agent, client: &Client, directory: &str, servers: &[McpServer]) {
    let connecting = TaskTracker::new();
    for (name, config) in servers.iter().filter_map(configuration) {
        if agent.is_new_server(directory, &name, &config) {
            let work = add(client.clone(), name, config);
            agent.tasks.spawn(connecting.track_future(work));
        }
    }
    connecting.close();
    if tokio::time::timeout(WAIT_LIMIT, connecting.wait()).await.is_err() {
        tracing::info!("MCP servers of the client are still connecting");
    }
}

/// Connects those that a folder had before it was given up.
pub(crate) fn connect_again(agent: &Agent, client: &Client, directory: &str) {
    for (name, config) in agent.servers_of(directory) {
        agent.tasks.spawn(add(client.clone(), name, config));
    }
}

async fn add(client: Client, name: String, config: Value) {
    if let Err(error) = client.add_mcp_server(&name, &config).await {
        tracing::warn!(name, %error, "an MCP server of the client is not used");
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn servers_are_configured_as_in_files() {
        for (given, wanted) in [
            (
                json!({ "name": "t", "command": "/bin/t", "args": ["-x"], "env": [{ "name": "A", "value": "b" }] }),
                json!({ "type": "local", "command": ["/bin/t", "-x"], "environment": { "A": "b" } }),
            ),
            (
                json!({ "type": "http", "name": "t", "url": "http://h/mcp", "headers": [{ "name": "x", "value": "y" }] }),
                json!({ "type": "remote", "url": "http://h/mcp", "headers": { "x": "y" } }),
            ),
            (
                json!({ "type": "sse", "name": "t", "url": "http://h/sse", "headers": [] }),
                json!({ "type": "remote", "url": "http://h/sse", "headers": {} }),
            ),
        ] {
            let server: McpServer = serde_json::from_value(given).unwrap();
            assert_eq!(configuration(&server), Some(("t".to_owned(), wanted)));
        }
    }
}
