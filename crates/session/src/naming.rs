//! Names for copies of a project, by what is to be done there (reference `http-api.md` §6.7).

use std::time::Duration;

use opencode_catalog::headers::{self, Asking};
use opencode_catalog::request::{self, Purpose};
use opencode_catalog::transform;
use opencode_llm::request::Message;
use opencode_schema::SessionId;

use crate::step::{Tools, build};
use crate::title::collect;
use crate::worktree::slugged;
use crate::{Engine, Location, slug};

/// How long a client waits for a better name than any.
const LIMIT: Duration = Duration::from_secs(10);
/// Words of a name.
const WORDS: usize = 3;
/// Characters of the work that the model is told.
const CONTEXT: usize = 4000;
/// What asks for a name.
const REQUEST: &str = "Name a working copy of a repository after the task that is to be done in it. Answer \
    with two or three plain lower-case words joined by hyphens, and nothing else. The task:\n";

impl Engine {
    /// A name for a folder in which `context` is to be done: by the small model, else two words of no
    /// meaning.
    pub async fn copy_name(&self, location: &Location, context: Option<&str>) -> String {
        let context = context.map(str::trim).filter(|context| !context.is_empty());
        let named = match context {
            Some(context) => tokio::time::timeout(LIMIT, self.ask_name(location, context))
                .await
                .unwrap_or_else(|_| {
                    tracing::debug!("the model did not name the copy in time");
                    None
                }),
            None => None,
        };
        named.unwrap_or_else(slug::random)
    }

    async fn ask_name(&self, location: &Location, context: &str) -> Option<String> {
        let agent = location.agents.get("title")?;
        let usual = location.catalog.default_model().ok()?;
        let model = location
            .catalog
            .small_model(&usual.provider_id)
            .or_else(|| location.catalog.model(&usual.provider_id, &usual.model_id).ok())?;
        let provider = location.catalog.provider(&model.provider_id)?;
        let context: String = context.chars().take(CONTEXT).collect();
        let mut prompt = vec![Message::user(format!("{REQUEST}{context}"))];
        transform::conversation(&mut prompt, &model);
        // The call is of no session, but providers want to know which calls belong together.
        let id = SessionId::new();
        let purpose = Purpose {
            agent,
            variant: None,
            session_id: id.as_str(),
            small: true,
            output_limit: request::OUTPUT_TOKEN_MAX,
        };
        let parameters = request::parameters(&model, &provider, purpose);
        let target = location.catalog.fresh_target(&model).await.ok()?;
        let asking = Asking {
            session_id: id.as_str(),
            parent_id: None,
            project_id: &location.project_id,
            request_id: "",
            client: location.client(),
            purpose: headers::Purpose::Title,
        };
        let request = build(
            parameters,
            Some(&target),
            &model,
            prompt,
            Tools::default(),
            asking,
        );
        let cancel = self.inner.ending.child_token();
        // Given up with the wait for it.
        let _giving_up = cancel.clone().drop_guard();
        match collect(&self.inner.client, &target, &request, cancel).await {
            Ok((text, _)) => name_in(&text),
            Err(error) => {
                tracing::debug!(error = error.message(), "the model did not name the copy");
                None
            }
        }
    }
}

/// The first words of an answer.
fn name_in(text: &str) -> Option<String> {
    let line = text.lines().map(slugged).find(|line| !line.is_empty())?;
    let words: Vec<&str> = line.split('-').take(WORDS).collect();
    Some(words.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_words_of_an_answer_are_the_name() {
        for (text, wanted) in [
            ("fix-login", Some("fix-login")),
            ("\n**Fix the Login bug** today", Some("fix-the-login")),
            ("…\n", None),
        ] {
            assert_eq!(name_in(text).as_deref(), wanted, "{text}");
        }
    }
}
