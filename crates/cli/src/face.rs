//! The terminal face (reference `tui.md` §1): with a server in the same process, or at one elsewhere.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use opencode_client::{Client, DOOR_BOUND};
use opencode_server::{Server, serve_inside};
use opencode_session::Engine;
use opencode_tui::{Arguments, Exit, Options, Settings};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::arguments::{Attach, Face, Network};
use crate::context::Context;
use crate::failure::Failure;
use crate::{attach, network, remote};

/// What ends with the face: the engine and the server on top of it.
struct Inside {
    engine: Engine,
    stop: CancellationToken,
    server: tokio::task::JoinHandle<()>,
}

/// `opencode [project]`.
pub(crate) async fn run(context: &Context, face: Face) -> Result<(), Failure> {
    if face.fork && !face.continue_last && face.session.is_none() {
        return Err(Failure::told("--fork requires --continue or --session"));
    }
    if let Some(project) = &face.project {
        std::env::set_current_dir(project)
            .map_err(|error| Failure::told(format!("{} cannot be worked in: {error}", project.display())))?;
    }
    let listens = face.network != Network::default();
    if face.mini {
        if listens {
            return Err(Failure::told(
                "--mini does not listen: leave out --port, --hostname, --mdns and --cors",
            ));
        }
        return Box::pin(attach::alone(context)).await;
    }
    needs_terminal()?;
    let directory = context.directory()?;
    let listens = if listens {
        Some(network::options(context, face.network)?)
    } else {
        None
    };
    let arguments = Arguments {
        session: face.session,
        continue_last: face.continue_last,
        fork: face.fork,
        prompt: face.prompt,
        agent: face.agent,
        model: face.model,
        is_auto: face.auto,
    };
    let (started, inside) = oneshot::channel();
    let connect = Box::pin(connect(context.clone(), directory.clone(), listens, started));
    let options = Options {
        settings: settings(context, &directory),
        arguments,
        connect,
    };
    let exit = opencode_tui::run(options).await;
    if let Ok(inside) = inside.await {
        inside.stop.cancel();
        inside.engine.hurry();
        // It ends a second after it is told to.
        let _ = inside.server.await;
        inside.engine.shutdown().await;
    }
    farewell(context, exit)
}

/// `opencode attach <url>`.
pub(crate) async fn attached(context: &Context, arguments: Attach) -> Result<(), Failure> {
    needs_terminal()?;
    let directory = arguments
        .dir
        .as_ref()
        .map(|dir| attach::folder(context, dir))
        .transpose()?;
    let client = remote::client(context, &arguments.url, &arguments.access, directory)?;
    client.health().await?;
    let options = Options {
        settings: settings(context, &context.directory()?),
        arguments: Arguments {
            session: arguments.session,
            continue_last: arguments.continue_last,
            fork: arguments.fork,
            ..Arguments::default()
        },
        connect: Box::pin(async move { Ok(client) }),
    };
    let exit = opencode_tui::run(options).await;
    farewell(context, exit)
}

fn needs_terminal() -> Result<(), Failure> {
    if std::io::stdout().is_terminal() {
        return Ok(());
    }
    Err(Failure::told(
        "The terminal interface needs a terminal\nUse `opencode run` for one prompt, or --mini to talk line by line",
    ))
}

fn settings(context: &Context, directory: &Path) -> Settings {
    let directory = directory.display().to_string();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Settings::read(&context.environment, &context.paths, directory, version)
}

/// Starts the engine and a server without a port, and one with a port where that is asked for, while the
/// screen is there already.
async fn connect(
    context: Context,
    directory: PathBuf,
    listens: Option<opencode_server::Options>,
    started: oneshot::Sender<Inside>,
) -> Result<Client, String> {
    let engine = tokio::spawn(async move { context.engine().await }).await;
    let engine = engine
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())?;
    engine.keep_models_fresh();
    engine.watch_files();
    engine.resume_sessions();
    let (door, connections) = mpsc::channel(DOOR_BOUND);
    let stop = CancellationToken::new();
    let version = env!("CARGO_PKG_VERSION");
    let server = serve_inside(engine.clone(), directory, version, connections, stop.clone());
    let outside = match listens {
        Some(options) => Some(
            Server::bind(engine.clone(), options)
                .await
                .map_err(|error| error.to_string())?,
        ),
        None => None,
    };
    let ends = stop.clone();
    let server = tokio::spawn(async move {
        match outside {
            Some(outside) => {
                tokio::join!(server, outside.run(ends));
            }
            None => server.await,
        }
    });
    let inside = Inside { engine, stop, server };
    // Nobody waits for it any more if the face ended meanwhile.
    if let Err(inside) = started.send(inside) {
        inside.stop.cancel();
        inside.engine.shutdown().await;
    }
    Client::in_process(door, None).map_err(|error| error.to_string())
}

/// What is left on the screen that the user comes from.
fn farewell(context: &Context, exit: std::io::Result<Exit>) -> Result<(), Failure> {
    let exit = exit.map_err(|error| Failure::told(format!("The terminal cannot be used: {error}")))?;
    if let Some(reason) = exit.reason {
        return Err(Failure::told(reason));
    }
    if let Some((title, id)) = exit.session {
        let logo = opencode_tui::logo();
        context.output.data(format_args!(
            "\n{logo}\n\n  Session   {title}\n  Continue  opencode -s {id}\n"
        ))?;
    }
    Ok(())
}
