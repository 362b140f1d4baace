//! `opencode attach` (reference `cli.md` §4): a session at a server, line by line.
//!
//! Lines of standard input are prompts, or answers where the user is asked. It knows nothing that the client
//! of the HTTP interface does not tell it.

mod asking;
mod conversation;
mod input;
mod orders;

use std::path::PathBuf;

use opencode_client::{Client, DOOR_BOUND};
use opencode_schema::Session;
use opencode_server::serve_inside;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::arguments::Attach;
use crate::context::Context;
use crate::failure::Failure;
use crate::{face, remote};
use conversation::Face;

/// Talks to a session of a server until the user has enough.
pub(crate) async fn run(context: &Context, arguments: Attach) -> Result<(), Failure> {
    if arguments.fork && !arguments.continue_last && arguments.session.is_none() {
        return Err(Failure::told("--fork requires --continue or --session"));
    }
    if !arguments.mini {
        return face::attached(context, arguments).await;
    }
    let directory = arguments
        .dir
        .as_ref()
        .map(|dir| folder(context, dir))
        .transpose()?;
    let client = remote::client(context, &arguments.url, &arguments.access, directory)?;
    let health = client.health().await?;
    context
        .output
        .say(format_args!("OpenCode {} at {}", health.version, client.server()));
    let named = arguments.session.as_deref();
    let session = remote::continued(&client, named, arguments.continue_last, arguments.fork).await?;
    talk(context, client, session).await
}

/// The same without a server elsewhere: one that has no port runs in this program.
pub(crate) async fn alone(context: &Context) -> Result<(), Failure> {
    let engine = context.engine().await?;
    engine.keep_models_fresh();
    engine.watch_files();
    let (door, connections) = mpsc::channel(DOOR_BOUND);
    let stop = CancellationToken::new();
    let directory = context.directory()?;
    let version = env!("CARGO_PKG_VERSION");
    let server = serve_inside(engine.clone(), directory, version, connections, stop.clone());
    let server = tokio::spawn(server);
    let result = match Client::in_process(door, None) {
        Ok(client) => talk(context, client, None).await,
        Err(error) => Err(error.into()),
    };
    stop.cancel();
    engine.hurry();
    // It ends a second after it is told to.
    let _ = server.await;
    engine.shutdown().await;
    result
}

async fn talk(context: &Context, client: Client, session: Option<Session>) -> Result<(), Failure> {
    let directory = PathBuf::from(client.path().await?.directory);
    context.output.say(format_args!(
        "In {}; /help says what can be done",
        directory.display()
    ));
    let mut face = Face::new(context, client, directory)?;
    if let Some(session) = session {
        face.enter(session).await?;
    }
    face.run().await
}

/// A folder of this machine as its full path; any other is the server's to understand.
pub(crate) fn folder(context: &Context, wanted: &std::path::Path) -> Result<String, Failure> {
    let path = opencode_project::path::absolute(&context.directory()?, &wanted.to_string_lossy());
    let path = if path.is_dir() { path } else { wanted.to_owned() };
    Ok(path.display().to_string())
}
