//! `opencode attach` (reference `cli.md` §4): a session at a server; with `--mini` and without a terminal line by
//! line.
//!
//! Lines of standard input are prompts, or answers where the user is asked. It knows nothing that the client
//! of the HTTP interface does not tell it.

mod asking;
mod conversation;
mod input;
mod orders;

use std::path::PathBuf;

use opencode_client::Client;
use opencode_tui::Replay;

use crate::arguments::{Attach, Continued};
use crate::context::Context;
use crate::failure::Failure;
use crate::inside::Inside;
use crate::{face, remote};
use conversation::Face;

/// Talks to a session of a server until the user has enough.
pub(crate) async fn run(context: &Context, arguments: Attach) -> Result<(), Failure> {
    arguments.continued.check()?;
    let replay = arguments.mini.replay()?;
    let replay = match replay {
        Some(replay) if !face::has_terminal() => replay,
        replay => return face::attached(context, arguments, replay).await,
    };
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
    let wanted = Wanted {
        continued: arguments.continued,
        model: None,
        agent: None,
        replay,
    };
    talk(context, client, wanted).await
}

/// The same without a server elsewhere: one that has no port runs in this program.
pub(crate) async fn alone(context: &Context, wanted: Wanted) -> Result<(), Failure> {
    let inside = Inside::start(context, &context.directory()?).await?;
    let result = talk(context, inside.client.clone(), wanted).await;
    inside.end().await;
    result
}

/// What the command line says of the session.
pub(crate) struct Wanted {
    pub(crate) continued: Continued,
    pub(crate) model: Option<String>,
    pub(crate) agent: Option<String>,
    pub(crate) replay: Replay,
}

async fn talk(context: &Context, client: Client, wanted: Wanted) -> Result<(), Failure> {
    let session = remote::continued(&client, &wanted.continued).await?;
    let directory = PathBuf::from(client.path().await?.directory);
    context.output.say(format_args!(
        "In {}; /help says what can be done",
        directory.display()
    ));
    let mut face = Face::new(context, client, directory)?;
    face.model = wanted.model;
    face.agent = wanted.agent;
    face.replay(wanted.replay);
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
