//! The title of a conversation, made by a small model beside the first step (reference `agent-loop.md` §8).

use std::sync::Arc;

use opencode_catalog::headers::{self, Asking};
use opencode_catalog::request::{self, Purpose};
use opencode_catalog::transform;
use opencode_llm::request::Message;
use opencode_llm::stream::Finish;
use opencode_llm::{Client, StreamPart};
use opencode_schema::message::UserMessage;
use opencode_schema::model::Model;
use opencode_schema::session::{Session, is_default_title};
use opencode_schema::{MessageError, MessageWithParts, PartBody};
use tokio_util::sync::CancellationToken;

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
    let Some((model, conversation)) = prepare(location, history, user) else {
        return;
    };
    let task = Task {
        engine: engine.clone(),
        location: Arc::clone(location),
        session: session.clone(),
        model,
        conversation,
        variant: user.model.variant.clone(),
        request_id,
    };
    engine.inner.tasks.spawn(async move {
        if let Some(title) = task.make().await {
            task.store(title).await;
        }
    });
}

fn is_by_person(message: &MessageWithParts) -> bool {
    let synthetic = |body: &PartBody| matches!(body, PartBody::Text(text) if text.synthetic == Some(true));
    message.info.as_user().is_some() && message.parts.iter().any(|part| !synthetic(&part.body))
}

/// The model and what it is told.
fn prepare(
    location: &Location,
    history: &[MessageWithParts],
    user: &UserMessage,
) -> Option<(Model, Vec<Message>)> {
    let own = location.agents.get("title")?.model.as_ref();
    let of_agent = own.and_then(|own| location.catalog.model(&own.provider_id, &own.model_id).ok());
    let model = of_agent
        .or_else(|| location.catalog.small_model(&user.model.provider_id))
        .or_else(|| {
            location
                .catalog
                .model(&user.model.provider_id, &user.model.model_id)
                .ok()
        })?;
    let at = history.iter().position(is_by_person)?;
    let first = &history[..=at];
    let tasks: Vec<&str> = first
        .last()?
        .parts
        .iter()
        .filter_map(|part| match &part.body {
            PartBody::Subtask(task) => Some(task.prompt.as_str()),
            _ => None,
        })
        .collect();
    let only_tasks = !tasks.is_empty() && tasks.len() == first.last()?.parts.len();
    let conversation = if only_tasks {
        vec![Message::user(tasks.join("\n"))]
    } else {
        history::conversation(first, &model, None)
    };
    Some((model, conversation))
}

struct Task {
    engine: Engine,
    location: Arc<Location>,
    session: Session,
    model: Model,
    conversation: Vec<Message>,
    variant: Option<String>,
    request_id: String,
}

impl Task {
    /// Asks for a title; a failure is only logged, the session keeps the title that it has.
    async fn make(&self) -> Option<String> {
        let agent = self.location.agents.get("title")?;
        let provider = self.location.catalog.provider(&self.model.provider_id)?;
        let mut prompt = vec![
            Message::system(agent.prompt.clone().unwrap_or_default()),
            Message::user(REQUEST),
        ];
        prompt.extend(self.conversation.iter().cloned());
        transform::conversation(&mut prompt, &self.model);
        let session_id = self.session.id.as_str();
        let purpose = Purpose {
            agent,
            variant: self.variant.as_deref(),
            session_id,
            small: true,
            output_limit: request::OUTPUT_TOKEN_MAX,
        };
        let parameters = request::parameters(&self.model, &provider, purpose);
        let target = match self.location.catalog.fresh_target(&self.model).await {
            Ok(target) => target,
            Err(error) => {
                tracing::debug!(%error, "no title");
                return None;
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
        let request = build(
            parameters,
            Some(&target),
            &self.model,
            prompt,
            Tools::default(),
            asking,
        );
        let cancel = &self.engine.inner.ending;
        for attempt in 1.. {
            let asked = collect(&self.engine.inner.client, &target, &request, cancel.child_token());
            let error = match asked.await {
                Ok((text, _)) => return tidy(&text),
                Err(error) => error,
            };
            if attempt > RETRIES || failure::retry_reason(&error).is_none() {
                tracing::warn!(error = error.message(), "no title");
                return None;
            }
            tokio::select! {
                () = tokio::time::sleep(failure::pause(&error, attempt)) => {}
                // The end of the program waits for an answer, not for a pause.
                () = self.engine.inner.housekeeping.cancelled() => return None,
            }
        }
        None
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
