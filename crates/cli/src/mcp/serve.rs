//! `opencode mcp serve`: the engine as an MCP server, for one client over standard input and output, or for any
//! number of them over HTTP. The server that does the work runs in this program.

use std::sync::Arc;

use opencode_config::environment::variable;
use opencode_mcp_server::{Endpoint, Listener, Options, PATH};
use opencode_server::{Deeds, Server};
use opencode_session::Engine;
use tokio_util::sync::CancellationToken;

use crate::arguments::{McpServe, Network};
use crate::context::Context;
use crate::failure::Failure;
use crate::inside::Inside;
use crate::{network, signals};

/// Where it listens when nobody says; unlike `serve`, whatever the configuration says.
const LOOPBACK: &str = "127.0.0.1";

/// Serves until standard input ends, or a signal comes.
pub(crate) async fn run(context: &Context, arguments: McpServe) -> Result<(), Failure> {
    let directory = context.directory()?;
    // It outlives the face, which stops its turns through it.
    let inside = Inside::start(context, &directory).await?;
    let stop = CancellationToken::new();
    let signals = tokio::spawn(signals::wait(stop.clone()));
    let folder = directory.to_string_lossy().into_owned();
    let options = Options {
        client: inside.client.clone(),
        version: env!("CARGO_PKG_VERSION"),
        listener: arguments.http.then(|| recorder(folder)),
    };
    let result = if arguments.http {
        listen(context, &inside.engine, arguments, options, stop).await
    } else {
        let (input, output) = (tokio::io::stdin(), tokio::io::stdout());
        opencode_mcp_server::serve(options, input, output, stop)
            .await
            .map_err(|error| Failure::told(error.to_string()))
    };
    inside.end().await;
    signals.abort();
    result
}

/// Writes calls of tools into the audit log of the server that let their requests in.
fn recorder(folder: String) -> Listener {
    Arc::new(move |request, deed| {
        if let Some(deeds) = request.get::<Deeds>() {
            deeds.mcp_call(
                &deed.tool,
                &folder,
                deed.session.as_deref(),
                deed.failed,
                deed.took,
            );
        }
    })
}

async fn listen(
    context: &Context,
    engine: &Engine,
    arguments: McpServe,
    options: Options,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let network = Network {
        port: Some(arguments.port.unwrap_or(0)),
        hostname: Some(arguments.hostname.unwrap_or_else(|| LOOPBACK.to_owned())),
        mdns: Some(false),
        mdns_domain: None,
        cors: arguments.cors,
        insecure: arguments.insecure,
    };
    let network = network::options(context, network)?;
    let is_open = network.password.is_none() && network.token.is_none();
    let hostname = network.hostname.clone();
    let mut endpoint = Endpoint::new(options, &stop);
    let router = std::mem::take(&mut endpoint.router);
    let server = Server::bind_router(engine, network, router)
        .await
        .map_err(|error| Failure::told(error.to_string()))?;
    let port = server.address().map_err(anyhow::Error::from)?.port();
    if is_open {
        context.output.warning(format_args!(
            "{} is not set; every program of this machine can use the server.",
            variable::SERVER_PASSWORD
        ));
    }
    context.output.data(format_args!(
        "opencode MCP server listening on http://{hostname}:{port}{PATH}"
    ))?;
    server.run(stop).await;
    endpoint.end().await;
    Ok(())
}
