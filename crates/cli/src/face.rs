//! The terminal face (reference `tui.md` §1): with a server in the same process, or at one elsewhere.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use opencode_client::Client;
use opencode_tui::{Arguments, Exit, Options, Replay, Settings};
use tokio::sync::oneshot;

use crate::arguments::{Attach, Continued, Face};
use crate::attach::Wanted;
use crate::context::Context;
use crate::failure::Failure;
use crate::inside::Inside;
use crate::{attach, network, remote};

/// `opencode [project]`.
pub(crate) async fn run(context: &Context, face: Face) -> Result<(), Failure> {
    face.continued.check()?;
    if let Some(project) = &face.project {
        std::env::set_current_dir(project)
            .map_err(|error| Failure::told(format!("{} cannot be worked in: {error}", project.display())))?;
    }
    let replay = face.mini.replay()?;
    if let (Some(_), Some(option)) = (replay, face.network.given()) {
        return Err(Failure::told(format!("{option} cannot be used with --mini")));
    }
    if let Some(replay) = replay.filter(|_| !has_terminal()) {
        return Box::pin(line_by_line(context, face, replay)).await;
    }
    needs_terminal()?;
    let directory = context.directory()?;
    let listens = match face.network.given() {
        None => None,
        Some(_) => Some(network::options(context, face.network)?),
    };
    let (started, inside) = oneshot::channel();
    let options = Options {
        settings: settings(context, &directory),
        arguments: Arguments {
            prompt: face.prompt,
            agent: face.agent,
            model: face.model,
            is_auto: face.auto,
            ..continued(face.continued, replay)
        },
        connect: Box::pin(connect(context.clone(), directory, listens, started)),
    };
    let exit = opencode_tui::run(options).await;
    if let Ok(inside) = inside.await {
        inside.end().await;
    }
    farewell(context, exit, replay.is_some())
}

async fn line_by_line(context: &Context, face: Face, replay: Replay) -> Result<(), Failure> {
    let beside = [(face.prompt.is_some(), "--prompt"), (face.auto, "--auto")];
    if let Some((_, option)) = beside.iter().find(|(is_given, _)| *is_given) {
        return Err(Failure::told(format!("{option} with --mini needs a terminal")));
    }
    let wanted = Wanted {
        continued: face.continued,
        model: face.model,
        agent: face.agent,
        replay,
    };
    attach::alone(context, wanted).await
}

fn continued(wanted: Continued, mini: Option<Replay>) -> Arguments {
    Arguments {
        mini,
        session: wanted.session,
        continue_last: wanted.continue_last,
        fork: wanted.fork,
        ..Arguments::default()
    }
}

/// `opencode attach <url>`.
pub(crate) async fn attached(
    context: &Context,
    arguments: Attach,
    replay: Option<Replay>,
) -> Result<(), Failure> {
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
        arguments: continued(arguments.continued, replay),
        connect: Box::pin(async move { Ok(client) }),
    };
    let exit = opencode_tui::run(options).await;
    farewell(context, exit, replay.is_some())
}

/// Whether somebody types and looks.
pub(crate) fn has_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
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

/// Starts the engine while the screen is there already.
async fn connect(
    context: Context,
    directory: PathBuf,
    listens: Option<opencode_server::Options>,
    started: oneshot::Sender<Inside>,
) -> Result<Client, String> {
    let starting = async move {
        let mut inside = Inside::start(&context, &directory).await?;
        inside.engine.resume_sessions();
        if let Some(options) = listens {
            inside.listen(options).await?;
        }
        Ok::<_, Failure>(inside)
    };
    let inside = tokio::spawn(starting).await.map_err(|error| error.to_string())?;
    let inside = inside.map_err(|failure| failure.to_string())?;
    let client = inside.client.clone();
    // Nobody waits for it any more if the face ended meanwhile.
    if let Err(inside) = started.send(inside) {
        inside.end().await;
    }
    Ok(client)
}

/// What is left on the screen that the user comes from.
fn farewell(context: &Context, exit: std::io::Result<Exit>, is_mini: bool) -> Result<(), Failure> {
    let exit = exit.map_err(|error| Failure::told(format!("The terminal cannot be used: {error}")))?;
    if let Some(reason) = exit.reason {
        return Err(Failure::told(reason));
    }
    if let (Some((title, id)), true) = (&exit.session, is_mini) {
        let mark = opencode_tui::mark(&[
            &format!("Session  {title}"),
            &format!("Continue opencode --mini -s {id}"),
        ]);
        return context.output.data(format_args!("\n{mark}"));
    }
    if let Some((title, id)) = exit.session {
        let logo = opencode_tui::logo();
        context.output.data(format_args!(
            "\n{logo}\n\n  Session   {title}\n  Continue  opencode -s {id}\n"
        ))?;
    }
    Ok(())
}
