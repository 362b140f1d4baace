//! `opencode acp` (reference `integrations.md` §D, `cli.md` §4): an editor drives the agent over standard
//! input and output, which carry nothing but the protocol. The server that does the work runs in this program.

use opencode_acp::{Options, Profile};
use opencode_config::environment::variable;
use tokio::io::BufReader;
use tokio_util::sync::CancellationToken;

use crate::arguments::{Acp, Network};
use crate::context::Context;
use crate::failure::Failure;
use crate::inside::Inside;
use crate::{network, signals};

/// The face, as configuration and telemetry know it.
const FACE: &str = "acp";
/// Tells on standard error how long requests took.
const PROFILE: &str = "OPENCODE_ACP_PROFILE";

/// Speaks with an editor until it closes standard input.
pub(crate) async fn run(context: &Context, arguments: Acp) -> Result<(), Failure> {
    let face = (variable::CLIENT.to_owned(), FACE.to_owned());
    let context = &Context {
        environment: context.environment.with([face]),
        paths: context.paths.clone(),
        output: context.output,
        started: context.started,
    };
    let mut directory = context.directory()?;
    if let Some(cwd) = &arguments.cwd {
        directory = opencode_project::path::absolute(&directory, &cwd.to_string_lossy());
        if !directory.is_dir() {
            return Err(Failure::told(format!(
                "Failed to change directory to {}",
                directory.display()
            )));
        }
    }
    let mut inside = Inside::start(context, &directory).await?;
    let stop = CancellationToken::new();
    let signals = tokio::spawn(signals::wait(stop.clone()));
    if arguments.network != Network::default() {
        let options = opencode_server::Options {
            directory: directory.clone(),
            ..network::options(context, arguments.network)?
        };
        inside.listen(options).await?;
    }
    let options = Options {
        client: inside.client.clone(),
        directory,
        version: env!("CARGO_PKG_VERSION"),
        profile: profile(context),
    };
    let input = BufReader::new(tokio::io::stdin());
    let result = tokio::select! {
        result = opencode_acp::serve(options, input, context.output.stream()) => result,
        () = stop.cancelled() => Ok(()),
    };
    inside.end().await;
    signals.abort();
    result.map_err(|error| Failure::told(format!("cannot speak with the client: {error}")))
}

/// Where it is told how long requests took, if somebody wants to know.
fn profile(context: &Context) -> Option<Profile> {
    let output = context.output;
    let told: Profile = Box::new(move |line| output.say(line));
    context.environment.is_on(PROFILE).then_some(told)
}
