//! `opencode serve` (reference `cli.md` §4, `http-api.md` §1): the HTTP interface, until it is stopped.

use opencode_config::environment::variable;
use opencode_server::{Options, Password, Server};
use tokio_util::sync::CancellationToken;

use crate::arguments::Serve;
use crate::context::Context;
use crate::failure::Failure;
use crate::signals;

/// Listens and answers until a signal comes.
pub(crate) async fn run(context: &Context, arguments: Serve) -> Result<(), Failure> {
    let environment = &context.environment;
    let password = environment
        .get(variable::SERVER_PASSWORD)
        .filter(|word| !word.is_empty());
    let safety = opencode_config::server_safety(&context.paths, environment)
        .map_err(|error| Failure::told(error.to_string()))?;
    let options = Options {
        audit: safety.audit,
        insecure: arguments.insecure || safety.insecure,
        hostname: arguments.hostname.clone(),
        port: arguments.port,
        cors: arguments.cors,
        password: password.map(|word| Password {
            username: environment
                .get(variable::SERVER_USERNAME)
                .unwrap_or("opencode")
                .to_owned(),
            password: word.to_owned(),
        }),
        directory: context.directory()?,
        version: env!("CARGO_PKG_VERSION"),
    };
    let stop = CancellationToken::new();
    let signals = tokio::spawn(signals::wait(stop.clone()));
    let engine = context.engine().await?;
    let server = Server::bind(engine.clone(), options)
        .await
        .map_err(|error| Failure::told(error.to_string()))?;
    let address = server.address().map_err(anyhow::Error::from)?;
    if password.is_none() {
        context.output.data(format_args!(
            "Warning: {} is not set; server is unsecured.",
            variable::SERVER_PASSWORD
        ))?;
    }
    // Clients read this line, word by word.
    context.output.data(format_args!(
        "opencode server listening on http://{}:{}",
        arguments.hostname,
        address.port()
    ))?;
    server.run(stop).await;
    engine.hurry();
    engine.shutdown().await;
    signals.abort();
    Ok(())
}
