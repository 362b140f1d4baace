//! The title of a conversation, made by a small model beside the first step (reference `agent-loop.md` §8).

use std::sync::Arc;

use opencode_catalog::headers::{self, Asking};
use opencode_catalog::request::{self, Purpose};
use opencode_catalog::transform;
use opencode_llm::request::Message;
use opencode_llm::stream::Finish;
use opencode_llm::{Client, StreamPart};
use opencode_schema::agent::Agent;
use opencode_schema::message::UserMessage;
use opencode_schema::model::Model;
use opencode_schema::session::{Session, is_default_title};
use opencode_schema::{MessageError, MessageWithParts, PartBody};
use tokio_util::sync::CancellationToken;

use crate::plugin::request::About;
use crate::step::{Tools, build};
use crate::{Engine, Location, failure, history};

/// Characters of a title.
const LENGTH: usize = 100;
/// How often a provider that is busy is asked again.
const RETRIES: u32 = 2;
/// What asks for the title.
const REQUEST: &str = "Generate a title for the conversation that begins like this:\n";

/// Begins to make a title, if the session needs one: nobody named it, nobody started it, and it has just
/// one message of a person.
pub(crate) fn begin(
    engine: &Engine,
    location: &Arc<Location>,
    session: &Session,
    history: &[MessageWithParts],
    user: &UserMessage,
) {
    if session.parent_id.is_some() || !is_default_title(&session.title) {
        return;
    }
    let mut by_person = history.iter().filter(|message| is_by_person(message));
    if by_person.next().is_none() || by_person.next().is_some() {
        return;
    }
    let by_person = history.iter().find(|message| is_by_person(message));
    let request_id = by_person
        .map(|message| message.info.id.to_string())
        .unwrap_or_default();
    let Some(at) = history.iter().position(is_by_person) else {
        return;
    };
    let task = Task {
        engine: engine.clone(),
        location: Arc::clone(location),
        session: session.clone(),
        first: history[..=at].to_vec(),
        user: user.clone(),
        request_id,
    };
    engine.inner.tasks.spawn(async move {
        match task.make().await {
            Ok(Some(title)) => task.store(title).await,
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "no title"),
        }
    });
}

fn is_by_person(message: &MessageWithParts) -> bool {
    let synthetic = |body: &PartBody| matches!(body, PartBody::Text(text) if text.synthetic == Some(true));
    message.info.as_user().is_some() && message.parts.iter().any(|part| !synthetic(&part.body))
}

/// What the title is of: the conversation up to the first message of a person.
fn conversation(first: &[MessageWithParts], model: &Model) -> Vec<Message> {
    let parts = first.last().map(|message| message.parts.as_slice());
    let parts = parts.unwrap_or_default();
    let tasks: Vec<&str> = parts
        .iter()
        .filter_map(|part| match &part.body {
            PartBody::Subtask(task) => Some(task.prompt.as_str()),
            _ => None,
        })
        .collect();
    if !tasks.is_empty() && tasks.len() == parts.len() {
        vec![Message::user(tasks.join("\n"))]
    } else {
        history::conversation(first, model, None)
    }
}

struct Task {
    engine: Engine,
    location: Arc<Location>,
    session: Session,
    /// The conversation up to the first message of a person.
    first: Vec<MessageWithParts>,
    user: UserMessage,
    request_id: String,
}

impl Task {
    /// The model: that of the agent, that for such work, that of the conversation.
    async fn model(&self, agent: &Agent) -> Result<Option<Model>, opencode_plugin::Error> {
        let (catalog, wanted) = (&self.location.catalog, &self.user.model);
        let own = agent.model.as_ref();
        if let Some(model) = own.and_then(|own| catalog.model(&own.provider_id, &own.model_id).ok()) {
            return Ok(Some(model));
        }
        let cancel = &self.engine.inner.ending;
        let chosen = match self.location.config.small_model {
            Some(_) => None,
            None => {
                let asked = self
                    .location
                    .hooks
                    .small_model(catalog, &wanted.provider_id, cancel);
                asked.await?
            }
        };
        Ok(chosen
            .or_else(|| catalog.small_model(&wanted.provider_id))
            .or_else(|| catalog.model(&wanted.provider_id, &wanted.model_id).ok()))
    }

    /// Asks for a title; a failure is only logged, the session keeps the title that it has.
    async fn make(&self) -> Result<Option<String>, opencode_plugin::Error> {
        let (location, cancel) = (&self.location, &self.engine.inner.ending);
        let Some(agent) = location.agents.get("title") else {
            return Ok(None);
        };
        let Some(model) = self.model(agent).await? else {
            return Ok(None);
        };
        let Some(provider) = location.catalog.provider(&model.provider_id) else {
            return Ok(None);
        };
        let session_id = self.session.id.as_str();
        let system = agent.prompt.clone().unwrap_or_default();
        let asked = location.hooks.system(Some(session_id), &model, system, cancel);
        let mut prompt = asked.await?;
        prompt.push(Message::user(REQUEST));
        prompt.extend(conversation(&self.first, &model));
        transform::conversation(&mut prompt, &model);
        let purpose = Purpose {
            agent,
            variant: self.user.model.variant.as_deref(),
            session_id,
            small: true,
            output_limit: request::OUTPUT_TOKEN_MAX,
        };
        let about = About {
            session_id,
            agent: &agent.name,
            model: &model,
            provider: Some(&provider),
            message_id: &self.request_id,
            user: &self.user,
        };
        let parameters = request::parameters(&model, &provider, purpose);
        let parameters = location.hooks.parameters(&about, parameters, cancel).await?;
        let target = match location.catalog.fresh_target(&model).await {
            Ok(target) => target,
            Err(error) => {
                tracing::debug!(%error, "no title");
                return Ok(None);
            }
        };
        let asking = Asking {
            session_id,
            parent_id: None,
            project_id: &self.location.project_id,
            request_id: &self.request_id,
            client: self.location.client(),
            purpose: headers::Purpose::Title,
        };
        let mut request = build(
            parameters,
            Some(&target),
            &model,
            prompt,
            Tools::default(),
            asking,
        );
        location
            .hooks
            .headers(&about, &mut request.headers, cancel)
            .await?;
        for attempt in 1.. {
            let asked = collect(&self.engine.inner.client, &target, &request, cancel.child_token());
            let error = match asked.await {
                Ok((text, _)) => return Ok(tidy(&text)),
                Err(error) => error,
            };
            if attempt > RETRIES || failure::retry_reason(&error).is_none() {
                tracing::warn!(error = error.message(), "no title");
                return Ok(None);
            }
            tokio::select! {
                () = tokio::time::sleep(failure::pause(&error, attempt)) => {}
                // The end of the program waits for an answer, not for a pause.
                () = self.engine.inner.housekeeping.cancelled() => return Ok(None),
            }
        }
        Ok(None)
    }

    async fn store(&self, title: String) {
        let id = self.session.id.clone();
        let stored = self.location.store.write(move |transaction| {
            transaction.update_session(&id, |session| {
                // Somebody may have named it meanwhile.
                if is_default_title(&session.title) {
                    session.title = title;
                }
            })
        });
        if let Err(error) = stored.await {
            tracing::warn!(%error, "the title could not be stored");
        }
    }
}

pub(crate) async fn collect(
    client: &Client,
    target: &opencode_llm::Target,
    request: &opencode_llm::Request,
    cancel: CancellationToken,
) -> Result<(String, Option<Finish>), MessageError> {
    let failed = |error| failure::of_call(&error, &target.provider_id);
    let mut stream = client.stream(target, request, cancel).await.map_err(failed)?;
    let mut text = String::new();
    let mut finish = None;
    while let Some(part) = stream.next().await {
        match part.map_err(failed)? {
            StreamPart::TextDelta { delta, .. } => text.push_str(&delta),
            StreamPart::Error(error) => return Err(failure::of_stream(&error)),
            StreamPart::Finish(last) => finish = Some(last),
            _ => {}
        }
    }
    Ok((text, finish))
}

/// The first line of an answer without thoughts, not too long; `None` when nothing is left.
fn tidy(text: &str) -> Option<String> {
    let mut rest = text;
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once("<think>") {
        plain.push_str(before);
        rest = after.split_once("</think>").map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    let line = plain.lines().map(str::trim).find(|line| !line.is_empty())?;
    if line.chars().count() <= LENGTH {
        return Some(line.to_owned());
    }
    let short: String = line.chars().take(LENGTH - 3).collect();
    Some(format!("{short}..."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_tidied() {
        let long = "x".repeat(150);
        for (text, wanted) in [
            ("A title", Some("A title".to_owned())),
            ("\n  A title  \nmore", Some("A title".to_owned())),
            ("<think>hm\nhm</think>\n\nA title", Some("A title".to_owned())),
            ("<think>never ends", None),
            ("", None),
            (long.as_str(), Some(format!("{}...", "x".repeat(97)))),
        ] {
            assert_eq!(tidy(text), wanted, "{text}");
        }
    }
}
