//! `opencode serve` (reference `cli.md` §4, `http-api.md` §1): the HTTP interface, until it is stopped.

use opencode_config::environment::variable;
use opencode_server::Server;
use tokio_util::sync::CancellationToken;

use crate::arguments::Serve;
use crate::context::Context;
use crate::failure::Failure;
use crate::{network, signals};

/// Listens and answers until a signal comes.
pub(crate) async fn run(context: &Context, arguments: Serve) -> Result<(), Failure> {
    let options = network::options(context, arguments.network)?;
    let is_open = options.password.is_none() && options.token.is_none();
    let hostname = options.hostname.clone();
    let stop = CancellationToken::new();
    let signals = tokio::spawn(signals::wait(stop.clone()));
    let engine = context.engine().await?;
    let server = Server::bind(engine.clone(), options)
        .await
        .map_err(|error| Failure::told(error.to_string()))?;
    let address = server.address().map_err(anyhow::Error::from)?;
    if is_open {
        context.output.data(format_args!(
            "Warning: {} is not set; server is unsecured.",
            variable::SERVER_PASSWORD
        ))?;
    }
    // Clients read this line, word by word.
    context.output.data(format_args!(
        "opencode server listening on http://{}:{}",
        hostname,
        address.port()
    ))?;
    server.run(stop).await;
    engine.hurry();
    engine.shutdown().await;
    signals.abort();
    Ok(())
}
