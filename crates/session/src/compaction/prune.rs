//! Results of tools that are long ago are left out of requests (reference `agent-loop.md` §10, «Prune»).

use opencode_schema::time::now;
use opencode_schema::{EventBody, Part, PartBody, SessionId, ToolState};

use super::budget::estimate_text;
use crate::{Error, Location, history};

/// Turns whose results stay.
const KEPT_TURNS: usize = 2;
/// Tokens of results that stay beyond those turns.
const KEPT_TOKENS: u64 = 40_000;
/// Fewer tokens than this are not worth it.
const WORTH: u64 = 20_000;

/// Marks old results, if configuration wants it.
pub(crate) async fn prune(location: &Location, session_id: &SessionId) -> Result<(), Error> {
    if location.config.compaction.as_ref().and_then(|one| one.prune) != Some(true) {
        return Ok(());
    }
    let id = session_id.clone();
    let messages = location
        .store
        .read(move |view| history::visible(view, &id))
        .await?;
    let (mut turns, mut passed, mut left_out) = (0, 0, 0);
    let mut old: Vec<Part> = Vec::new();
    'messages: for message in messages.into_iter().rev() {
        if message.info.as_user().is_some() {
            turns += 1;
        }
        if turns < KEPT_TURNS {
            continue;
        }
        if message
            .info
            .as_assistant()
            .is_some_and(|one| one.summary == Some(true))
        {
            break;
        }
        for part in message.parts.into_iter().rev() {
            let PartBody::Tool(tool) = &part.body else {
                continue;
            };
            let ToolState::Completed { output, time, .. } = &tool.state else {
                continue;
            };
            if tool.tool == "skill" {
                continue;
            }
            if time.compacted.is_some() {
                break 'messages;
            }
            let size = estimate_text(output);
            passed += size;
            if passed > KEPT_TOKENS {
                left_out += size;
                old.push(part);
            }
        }
    }
    if left_out <= WORTH {
        return Ok(());
    }
    let id = session_id.clone();
    let marked = location.store.write(move |transaction| {
        for mut part in old {
            if let PartBody::Tool(tool) = &mut part.body
                && let ToolState::Completed { time, .. } = &mut tool.state
            {
                time.compacted = Some(now());
            }
            transaction.publish(EventBody::PartUpdated {
                session_id: id.clone(),
                part: Box::new(part),
                time: now(),
            })?;
        }
        Ok(())
    });
    Ok(marked.await?)
}
