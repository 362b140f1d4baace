//! `opencode serve` (reference `cli.md` §4, `http-api.md` §1): the HTTP interface, until it is stopped.

use opencode_config::environment::variable;
use opencode_server::Server;
use tokio_util::sync::CancellationToken;

use crate::arguments::Serve;
use crate::context::Context;
use crate::failure::Failure;
use crate::{network, signals};

/// A server that listens, as it is announced.
pub(crate) struct Listening {
    /// The name that it was told to listen on.
    pub(crate) hostname: String,
    pub(crate) port: u16,
    /// Nobody needs a password.
    pub(crate) is_open: bool,
}

/// Listens and answers until a signal comes.
pub(crate) async fn run(context: &Context, arguments: Serve) -> Result<(), Failure> {
    until_stopped(context, arguments, announce).await
}

fn announce(context: &Context, server: &Listening) -> Result<(), Failure> {
    if server.is_open {
        context.output.data(format_args!(
            "Warning: {} is not set; server is unsecured.",
            variable::SERVER_PASSWORD
        ))?;
    }
    // Clients read this line, word by word.
    context.output.data(format_args!(
        "opencode server listening on http://{}:{}",
        server.hostname, server.port
    ))
}

/// Listens, says so in the words of `announce`, and answers until a signal comes.
pub(crate) async fn until_stopped(
    context: &Context,
    arguments: Serve,
    announce: fn(&Context, &Listening) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let options = network::options(context, arguments.network)?;
    let is_open = options.password.is_none() && options.token.is_none();
    let hostname = options.hostname.clone();
    let stop = CancellationToken::new();
    let signals = tokio::spawn(signals::wait(stop.clone()));
    let engine = context.engine().await?;
    engine.keep_models_fresh();
    engine.watch_files();
    engine.resume_sessions();
    let server = Server::bind(engine.clone(), options)
        .await
        .map_err(|error| Failure::told(error.to_string()))?;
    let address = server.address().map_err(anyhow::Error::from)?;
    let listening = Listening {
        hostname,
        port: address.port(),
        is_open,
    };
    announce(context, &listening)?;
    server.run(stop).await;
    engine.hurry();
    engine.shutdown().await;
    signals.abort();
    Ok(())
}
