//! What goes on after the turn that began it, and how its session is told (beyond the reference; compare `v2.md`
//! §14, 16).

use std::sync::Arc;

use futures_util::future::BoxFuture;
use opencode_catalog::Choice;
use opencode_schema::SessionId;

use crate::prompt::{DEFAULT_VARIANT, Prompt};
use crate::{Engine, Error, Location};

/// Lets `work` go on. When it has something to tell, the session is told once, and answers: after the turn that
/// runs, or in it, or with one of its own.
pub(crate) fn go_on(
    engine: &Engine,
    location: &Arc<Location>,
    session_id: &SessionId,
    work: BoxFuture<'static, Option<String>>,
) {
    let (engine, location, session_id) = (engine.clone(), Arc::clone(location), session_id.clone());
    let tasks = engine.inner.tasks.clone();
    tasks.spawn(async move {
        let Some(text) = work.await else { return };
        if engine.inner.housekeeping.is_cancelled() {
            return;
        }
        if let Err(error) = tell(&engine, &location, &session_id, text).await {
            tracing::warn!(%error, %session_id, "the end of a command could not be told");
        }
    });
}

async fn tell(
    engine: &Engine,
    location: &Arc<Location>,
    session_id: &SessionId,
    text: String,
) -> Result<(), Error> {
    let session = engine.session(session_id).await?;
    let mut prompt = Prompt::notice(session_id.clone(), text);
    // Whoever is at work in the session goes on.
    prompt.agent = session.agent;
    if let Some(model) = session.model {
        prompt.variant = model.variant.filter(|variant| variant != DEFAULT_VARIANT);
        prompt.model = Some(Choice {
            provider_id: model.provider_id,
            model_id: model.id,
        });
    }
    engine.prompt(location, prompt).await.map(drop)
}

impl Engine {
    /// Ends the commands that a session has in the background, without telling it.
    pub(crate) fn stop_commands(&self, session_id: &SessionId) {
        for location in self.locations() {
            location.jobs.stop(session_id);
        }
    }
}
