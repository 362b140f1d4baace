//! A conversation that is too long to be summarised at once (beyond the reference): piece by piece, each with the
//! summary of what came before.

use std::sync::Arc;

use opencode_catalog::headers::{self, Asking};
use opencode_catalog::request::{self, Purpose};
use opencode_catalog::{cost, transform};
use opencode_llm::request::Message;
use opencode_schema::MessageError;
use opencode_schema::agent::Agent;
use opencode_schema::message::UserMessage;
use opencode_schema::model::Model;
use opencode_schema::session::Session;
use tokio_util::sync::CancellationToken;

use crate::plugin::Instructions;
use crate::plugin::request::About;
use crate::step::{Billed, Tools, build, tokens_of};
use crate::{Engine, Location, failure, title};

/// The pieces of a text, none longer than so many characters, cut between blocks where it can be.
pub(super) fn split(text: &str, most: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut length = 0;
    for block in text.split_inclusive("\n\n") {
        let size = block.chars().count();
        if length + size > most && length > 0 {
            pieces.push(std::mem::take(&mut piece));
            length = 0;
        }
        if size <= most {
            piece.push_str(block);
            length += size;
            continue;
        }
        for character in block.chars() {
            if length == most {
                pieces.push(std::mem::take(&mut piece));
                length = 0;
            }
            piece.push(character);
            length += 1;
        }
    }
    if length > 0 || pieces.is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// Who asks for the summary of a piece.
pub(crate) struct Asker<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) location: &'a Arc<Location>,
    pub(crate) session: &'a Session,
    pub(crate) agent: &'a Agent,
    pub(crate) model: &'a Model,
    pub(crate) user: &'a UserMessage,
    pub(crate) request_id: &'a str,
    pub(crate) cancel: &'a CancellationToken,
    /// What plugins want of the summary.
    pub(crate) wanted: &'a Instructions,
}

/// The summary of a text that goes together with an earlier one. A text that is too long is summarised in pieces,
/// which get smaller as long as the provider refuses them.
pub(crate) async fn whole(
    asker: &Asker<'_>,
    text: &str,
    mut prior: Option<String>,
    billed: &mut Billed,
) -> Result<String, MessageError> {
    let mut room = asker.location.budget(asker.model).question();
    let mut rest = text.to_owned();
    loop {
        let pieces = split(&rest, room);
        let mut refused = None;
        for (at, piece) in pieces.iter().enumerate() {
            let spent = asker
                .engine
                .refused_spending(asker.location, &asker.session.id)
                .await;
            if let Some(reason) = spent.map_err(|error| MessageError::unknown(error.to_string()))? {
                return Err(MessageError::unknown(reason));
            }
            match asker
                .ask(&super::question(piece, prior.as_deref(), asker.wanted), billed)
                .await
            {
                Ok(summary) => prior = Some(summary),
                Err(error) => {
                    refused = Some((at, error));
                    break;
                }
            }
        }
        let Some((at, error)) = refused else {
            return prior.ok_or_else(|| MessageError::unknown("The model gave no summary"));
        };
        if !matches!(error, MessageError::ContextOverflow { .. }) || room <= super::LEAST_PIECE {
            return Err(error);
        }
        rest = pieces.get(at..).unwrap_or_default().concat();
        room = (room.min(rest.chars().count()) / 2).max(super::LEAST_PIECE);
    }
}

impl Asker<'_> {
    /// The answer to a question; asked again as long as the failure may pass.
    pub(super) async fn ask(&self, question: &str, billed: &mut Billed) -> Result<String, MessageError> {
        for attempt in 1.. {
            let error = match self.once(question, billed).await {
                Ok(text) if text.trim().is_empty() => MessageError::unknown("The model gave no summary"),
                Ok(text) => return Ok(text),
                Err(error) => error,
            };
            if attempt > failure::MAX_RETRIES || failure::retry_reason(&error).is_none() {
                return Err(error);
            }
            tokio::select! {
                () = tokio::time::sleep(failure::pause(&error, attempt)) => {}
                () = self.cancel.cancelled() => return Err(MessageError::aborted()),
            }
        }
        Err(MessageError::aborted())
    }

    async fn once(&self, question: &str, billed: &mut Billed) -> Result<String, MessageError> {
        let location = self.location;
        let session_id = self.session.id.as_str();
        let purpose = Purpose {
            agent: self.agent,
            variant: self.user.model.variant.as_deref(),
            session_id,
            small: false,
            output_limit: location.output_limit(),
        };
        let provider = location.catalog.provider(&self.model.provider_id);
        let about = About {
            session_id,
            agent: &self.agent.name,
            model: self.model,
            provider: provider.as_deref(),
            message_id: self.request_id,
            user: self.user,
        };
        let (hooks, cancel) = (&location.hooks, self.cancel);
        let refused = |error: opencode_plugin::Error| MessageError::unknown(error.to_string());
        let system = self.agent.prompt.clone().unwrap_or_default();
        let asked = hooks.system(Some(session_id), self.model, system, cancel);
        let mut prompt = asked.await.map_err(refused)?;
        prompt.push(Message::user(question));
        let parameters = provider
            .as_ref()
            .map(|provider| request::parameters(self.model, provider, purpose))
            .unwrap_or_default();
        let parameters = hooks
            .parameters(&about, parameters, cancel)
            .await
            .map_err(refused)?;
        transform::conversation(&mut prompt, self.model);
        let target = tokio::select! {
            target = location.catalog.fresh_target(self.model) => target,
            () = self.cancel.cancelled() => return Err(MessageError::aborted()),
        };
        let target = target.map_err(|error| MessageError::unknown(error.to_string()))?;
        let asking = Asking {
            session_id,
            parent_id: self
                .session
                .parent_id
                .as_ref()
                .map(opencode_schema::SessionId::as_str),
            project_id: &location.project_id,
            request_id: self.request_id,
            client: location.client(),
            purpose: headers::Purpose::Summary,
        };
        let mut request = build(
            parameters,
            Some(&target),
            self.model,
            prompt,
            Tools::default(),
            asking,
        );
        let headers = hooks.headers(&about, &mut request.headers, cancel);
        headers.await.map_err(refused)?;
        let client = &self.engine.inner.client;
        let (text, finish) = title::collect(client, &target, &request, self.cancel.child_token()).await?;
        if let Some(finish) = finish {
            let tokens = tokens_of(&finish);
            let price = cost::billed(&finish.metadata).unwrap_or_else(|| cost::of(self.model, &tokens));
            billed.add(&tokens, price);
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_blocks_where_they_fit() {
        for (text, most, wanted) in [
            ("", 5, vec![""]),
            ("ab\n\ncd", 100, vec!["ab\n\ncd"]),
            ("ab\n\ncd\n\nef", 8, vec!["ab\n\ncd\n\n", "ef"]),
            ("äöüäöüä", 3, vec!["äöü", "äöü", "ä"]),
            ("a\n\nbcdefg\n\nh", 4, vec!["a\n\n", "bcde", "fg\n\n", "h"]),
        ] {
            assert_eq!(split(text, most), wanted, "{text:?} in {most}");
            assert_eq!(split(text, most).concat(), text);
        }
    }
}
