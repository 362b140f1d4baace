//! `opencode attach` (reference `cli.md` §4): a session at a server, line by line.
//!
//! Lines of standard input are prompts, or answers where the user is asked. It knows nothing that the client
//! of the HTTP interface does not tell it.

mod asking;
mod face;
mod input;
mod orders;

use std::path::PathBuf;

use opencode_client::Client;

use crate::arguments::Attach;
use crate::context::Context;
use crate::failure::Failure;
use crate::remote;
use face::Face;

/// Talks to a session of a server until the user has enough.
pub(crate) async fn run(context: &Context, arguments: Attach) -> Result<(), Failure> {
    if arguments.fork && !arguments.continue_last && arguments.session.is_none() {
        return Err(Failure::told("--fork requires --continue or --session"));
    }
    let directory = arguments
        .dir
        .as_ref()
        .map(|dir| folder(context, dir))
        .transpose()?;
    let client = remote::client(context, &arguments.url, &arguments.access, directory)?;
    talk(context, client, &arguments).await
}

async fn talk(context: &Context, client: Client, arguments: &Attach) -> Result<(), Failure> {
    let health = client.health().await?;
    let named = arguments.session.as_deref();
    let session = remote::continued(&client, named, arguments.continue_last, arguments.fork).await?;
    let directory = PathBuf::from(client.path().await?.directory);
    context.output.say(format_args!(
        "OpenCode {} at {}, in {}",
        health.version,
        client.server(),
        directory.display()
    ));
    let mut face = Face::new(context, client, directory)?;
    if let Some(session) = session {
        face.enter(session).await?;
    }
    face.run().await
}

/// A folder of this machine as its full path; any other is the server's to understand.
fn folder(context: &Context, wanted: &std::path::Path) -> Result<String, Failure> {
    let path = opencode_project::path::absolute(&context.directory()?, &wanted.to_string_lossy());
    let path = if path.is_dir() { path } else { wanted.to_owned() };
    Ok(path.display().to_string())
}
