//! Plans that are kept in files (reference `agent-loop.md` §12): whether they are wanted, where they are, and who
//! carries them out.

use std::path::PathBuf;

use opencode_config::Environment;
use opencode_config::environment::variable;
use opencode_schema::session::Session;
use opencode_schema::{SessionId, UserMessage};
use opencode_store::Role;

use crate::prompt::{say, synthetic};
use crate::{Error, Ground, Location};

/// Whether plans are kept in files.
pub(crate) fn is_on(environment: &Environment) -> bool {
    environment.is_experiment_on(variable::PLAN_MODE)
}

/// The plan of a session: in the repository when there is one, else beside the program's data.
pub(crate) fn file(ground: &Ground, session: &Session) -> PathBuf {
    let folder = if ground.is_git {
        ground.worktree.join(".opencode").join("plans")
    } else {
        ground.paths.data.join("plans")
    };
    folder.join(format!("{}-{}.md", session.time.created, session.slug))
}

/// Gives a session to another agent, which is told `words` in the name of the user.
pub(crate) async fn hand_over(
    location: &Location,
    session_id: &SessionId,
    agent: &str,
    words: String,
) -> Result<(), Error> {
    let agent = location.agent(agent)?.name.clone();
    let id = session_id.clone();
    let newest = location.store.read(move |view| view.newest_of(&id, Role::User));
    let newest = newest.await?;
    let Some(model) = newest
        .as_ref()
        .and_then(|message| Some(message.as_user()?.model.clone()))
    else {
        return Err(Error::SessionNotFound(session_id.clone()));
    };
    let user = UserMessage {
        agent,
        model,
        ..UserMessage::default()
    };
    say(location, session_id, user, vec![synthetic(words)]).await
}
