//! Shortening the conversation of a durable session: its older part gives way to a summary, the newest stays as
//! it was said (reference `v2.md` §7).

use std::sync::Arc;

use opencode_schema::message::UserMessage;
use opencode_schema::model::Model;
use opencode_schema::session::Session;
use opencode_schema::session_message::CompactionReason;
use opencode_schema::time::now;
use opencode_schema::{MessageId, MessageWithParts, SessionEvent, SessionMessage, SessionMessageBody};
use opencode_store::Store;
use tokio_util::sync::CancellationToken;

use super::history;
use crate::compaction::pieces::{Asker, whole};
use crate::compaction::transcript;
use crate::step::Billed;
use crate::{Engine, Error, Location};

/// Tokens that are kept as they were said, and that stay free, when configuration does not say.
const KEPT: u64 = 8_000;
const FREE: u64 = 20_000;
/// Characters of JSON that are taken for a token.
const CHARACTERS_A_TOKEN: usize = 4;

/// Whether a conversation does not fit any more.
pub(super) fn is_due(
    location: &Location,
    model: &Model,
    system: &str,
    conversation: &[MessageWithParts],
) -> bool {
    let config = location.config.compaction.as_ref();
    if model.limit.context == 0 || config.and_then(|config| config.auto) == Some(false) {
        return false;
    }
    let free = config.and_then(|config| config.reserved).unwrap_or(FREE);
    let usable = model.limit.context.saturating_sub(model.limit.output.max(free));
    let length: usize = conversation.iter().map(written).sum();
    estimate(length + system.len()) > usable
}

/// How long a message is as JSON, which is what estimates are of.
fn written(message: &MessageWithParts) -> usize {
    let parts = message.parts.iter();
    parts
        .map(|part| serde_json::to_string(&part.body).map_or(0, |text| text.len()))
        .sum()
}

fn estimate(characters: usize) -> u64 {
    u64::try_from(characters / CHARACTERS_A_TOKEN).unwrap_or(u64::MAX)
}

/// What is to be shortened, by whom.
pub(super) struct Work<'a> {
    pub(super) engine: &'a Engine,
    pub(super) location: &'a Arc<Location>,
    pub(super) store: &'a Store,
    pub(super) session: &'a Session,
    pub(super) user: &'a UserMessage,
    pub(super) model: &'a Model,
    pub(super) messages: Vec<SessionMessage>,
    pub(super) reason: CompactionReason,
    pub(super) cancel: &'a CancellationToken,
}

/// Shortens a conversation. False when that is not possible: nothing is old enough, or no summary was given; then
/// the conversation stays as it is.
pub(super) async fn shorten(work: Work<'_>) -> Result<bool, Error> {
    let (prior, messages) = split_prior(work.messages);
    let conversation = history::conversation(&work.session.id, work.user, messages);
    let config = work.location.config.compaction.as_ref();
    let kept = config
        .and_then(|config| config.preserve_recent_tokens)
        .unwrap_or(KEPT);
    let start = recent_start(&conversation, kept);
    let (head, recent) = conversation.split_at(start);
    let told = |messages: &[MessageWithParts]| transcript::text(&messages.iter().collect::<Vec<_>>());
    let before = prior
        .as_ref()
        .map(|(_, recent)| recent.as_str())
        .unwrap_or_default();
    let heard: Vec<&MessageWithParts> = head.iter().collect();
    let heard = crate::compaction::told(&work.location.hooks, &heard, work.cancel).await?;
    let head = [before, &heard].join("\n\n").trim().to_owned();
    if head.is_empty() {
        return Ok(false);
    }
    let agent = work.location.agent("compaction")?;
    let model = match &agent.model {
        Some(own) => work.location.catalog.model(&own.provider_id, &own.model_id)?,
        None => work.model.clone(),
    };
    let message_id = MessageId::new();
    let started = SessionEvent::CompactionStarted {
        timestamp: now(),
        session_id: work.session.id.clone(),
        message_id: message_id.clone(),
        reason: work.reason,
    };
    work.store.publish(started.into()).await?;
    let hooks = &work.location.hooks;
    let wanted = hooks.compacting(&work.session.id, work.cancel).await?;
    let asker = Asker {
        wanted: &wanted,
        engine: work.engine,
        location: work.location,
        session: work.session,
        agent,
        model: &model,
        user: work.user,
        request_id: message_id.as_str(),
        cancel: work.cancel,
    };
    let mut billed = Billed::default();
    let summary = whole(&asker, &head, prior.map(|(summary, _)| summary), &mut billed).await;
    let (cost, tokens) = billed.into_parts();
    let text = match summary {
        Ok(text) => text,
        Err(error) => {
            tracing::warn!(session = %work.session.id, error = error.message(), "the conversation was not shortened");
            return Ok(false);
        }
    };
    let ended = SessionEvent::CompactionEnded {
        timestamp: now(),
        session_id: work.session.id.clone(),
        message_id,
        reason: work.reason,
        text,
        recent: told(recent),
        cost: Some(cost),
        tokens: Some(tokens),
    };
    work.store.publish(ended.into()).await?;
    Ok(true)
}

/// The summary that a conversation begins with, with what was kept beside it, and what came after.
fn split_prior(mut messages: Vec<SessionMessage>) -> (Option<(String, String)>, Vec<SessionMessage>) {
    let is_summary = matches!(
        messages.first().map(|message| &message.body),
        Some(SessionMessageBody::Compaction { .. })
    );
    if !is_summary {
        return (None, messages);
    }
    let prior = match messages.remove(0).body {
        SessionMessageBody::Compaction { summary, recent, .. } => Some((summary, recent)),
        _ => None,
    };
    (prior, messages)
}

/// Where the messages begin that are kept as they were said: as many of the newest as fit.
fn recent_start(conversation: &[MessageWithParts], tokens: u64) -> usize {
    let mut length = 0;
    let mut start = conversation.len();
    for (at, message) in conversation.iter().enumerate().rev() {
        length += written(message);
        if estimate(length) > tokens {
            break;
        }
        start = at;
    }
    start
}
