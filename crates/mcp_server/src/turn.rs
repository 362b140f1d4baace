//! `prompt`: a turn of the agent, from the client's words to the answer.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use opencode_client::{Client, CommandRun, Error, NewSession, Prompt, PromptModel};
use opencode_schema::input::PartInput;
use opencode_schema::part::ToolPart;
use opencode_schema::session::{Session, Tokens};
use opencode_schema::{EventBody, MessageWithParts, PartBody, PartId, SessionId, ToolState};
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::{Value, json};

use crate::argument;
use crate::attend::{Ended, attend};
use crate::call::Call;
use crate::follow::Follow;
use crate::progress::{Lines, Progress};
use crate::tool::failed;

/// How long a stopped turn may take to end before it is stopped again.
const ABORT_PAUSE: Duration = Duration::from_secs(1);
/// How often a turn is stopped before nobody waits for its end any more.
const ABORTS: usize = 30;
/// Messages among which those of the turn are looked for, to sum up what they cost.
const NEWEST: u32 = 200;
/// Characters of a tool's failure that are told on the way.
const SHOWN: usize = 200;

/// Gives a prompt to a session and waits for the answer.
pub(crate) async fn run(call: &mut Call, wanted: argument::Prompt) -> CallToolResult {
    match perform(call, wanted).await {
        Ok(result) => result,
        Err(error) => failed(error.to_string()),
    }
}

async fn perform(call: &mut Call, wanted: argument::Prompt) -> Result<CallToolResult, Error> {
    if wanted.text.trim().is_empty() {
        return Ok(failed("The argument `text` is empty".to_owned()));
    }
    let session = match &wanted.session_id {
        None => {
            let session = call.client.create_session(&NewSession::default()).await?;
            let result = in_session(call, &session, wanted).await;
            if !result.as_ref().is_ok_and(|result| result.is_error == Some(false)) {
                forget_if_unanswered(&call.client, &session.id).await;
            }
            return result;
        }
        Some(text) => {
            let unknown = || failed(format!("There is no session {text}"));
            let Ok(id) = SessionId::parse(text.as_str()) else {
                return Ok(unknown());
            };
            match call.client.session(&id).await {
                Err(error) if error.is_not_found() => return Ok(unknown()),
                session => session?,
            }
        }
    };
    in_session(call, &session, wanted).await
}

/// Takes back a session that was made for a turn which was refused before the model said anything: the client is not
/// told of it, so it could not go on with it.
async fn forget_if_unanswered(client: &Client, id: &SessionId) {
    let is_unanswered = match client.messages(id, NEWEST, None).await {
        Ok(page) => page
            .messages
            .iter()
            .all(|message| message.info.as_assistant().is_none()),
        Err(error) => {
            tracing::info!(%error, "it is not known whether a session that was made for a turn has an answer");
            false
        }
    };
    if is_unanswered && let Err(error) = client.delete_session(id).await {
        tracing::info!(%error, "a session that was made for a refused turn stays");
    }
}

async fn in_session(
    call: &mut Call,
    session: &Session,
    wanted: argument::Prompt,
) -> Result<CallToolResult, Error> {
    // A session works in its own folder, and is heard there.
    call.client.set_directory(Some(session.directory.clone()));
    let client = call.client.clone();
    let mut follow = Follow::open(&client, &session.id).await?;
    if call.is_stopped() {
        return Ok(failed("The call was cancelled".to_owned()));
    }
    let answer = say(&client, &session.id, wanted);
    tokio::pin!(answer);
    let mut telling = Telling::default();
    let progress = &call.progress;
    let ended = attend(call, &mut follow, answer.as_mut(), |event| {
        telling.tell(progress, event);
    })
    .await;
    telling.rest(progress);
    match ended {
        Ended::Done(answer) => Ok(result(&client, &session.id, &answer?).await),
        Ended::Stopped => {
            let stopped = stop(&client, &session.id, answer).await;
            Ok(match stopped {
                Some(answer) => result(&client, &session.id, &answer).await,
                None => failed("The turn was stopped".to_owned()),
            })
        }
        Ended::Unheard(error) => {
            stop(&client, &session.id, answer).await;
            Err(error)
        }
    }
}

/// Says something to a session: text that begins with `/` and names a command is one.
async fn say(client: &Client, id: &SessionId, wanted: argument::Prompt) -> Result<MessageWithParts, Error> {
    let argument::Prompt {
        text, agent, model, ..
    } = wanted;
    if let Some((name, arguments)) = slash(&text)
        && client
            .commands()
            .await?
            .iter()
            .any(|command| command.name == name)
    {
        let command = CommandRun {
            command: name.to_owned(),
            arguments: arguments.to_owned(),
            agent,
            model,
            ..CommandRun::default()
        };
        return client.run_command(id, &command).await;
    }
    let prompt = Prompt {
        parts: vec![PartInput::text(text)],
        model: model.as_deref().map(PromptModel::parse),
        agent,
        ..Prompt::default()
    };
    client.prompt(id, &prompt).await
}

/// The name of a command and what follows it.
fn slash(text: &str) -> Option<(&str, &str)> {
    let text = text.trim().strip_prefix('/')?;
    let (name, arguments) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (!name.is_empty()).then(|| (name, arguments.trim()))
}

/// Stops a turn and waits until it has ended. Gives what had been answered until then.
async fn stop<F>(client: &Client, id: &SessionId, mut answer: Pin<&mut F>) -> Option<MessageWithParts>
where
    F: Future<Output = Result<MessageWithParts, Error>>,
{
    for _ in 0..ABORTS {
        // The prompt may be on its way to the session still, where nothing can be stopped yet.
        if let Err(error) = client.abort(id).await {
            tracing::warn!(%error, "a turn was not stopped");
        }
        if let Ok(answer) = tokio::time::timeout(ABORT_PAUSE, answer.as_mut()).await {
            return answer.ok();
        }
    }
    tracing::error!("a turn that was stopped does not end");
    None
}

async fn result(client: &Client, id: &SessionId, answer: &MessageWithParts) -> CallToolResult {
    let texts = answer.parts.iter().filter_map(|part| match &part.body {
        PartBody::Text(text) if text.ignored != Some(true) && !text.text.is_empty() => {
            Some(text.text.as_str())
        }
        _ => None,
    });
    let text = texts.collect::<Vec<_>>().join("\n\n");
    let error = answer
        .info
        .as_assistant()
        .and_then(|answer| answer.error.as_ref());
    let mut content = Vec::new();
    if !text.is_empty() || error.is_none() {
        content.push(ContentBlock::text(text));
    }
    if let Some(error) = error {
        content.push(ContentBlock::text(format!(
            "The turn failed: {}",
            error.message()
        )));
    }
    let mut result = CallToolResult::success(content);
    result.is_error = Some(error.is_some());
    result.structured_content = Some(structured(id, answer, &turn(client, id, answer).await));
    result
}

/// The messages of the turn.
async fn turn(client: &Client, id: &SessionId, answer: &MessageWithParts) -> Vec<MessageWithParts> {
    let prompt = answer.info.as_assistant().map(|answer| &answer.parent_id);
    let mut messages = match client.messages(id, NEWEST, None).await {
        Ok(page) => page.messages,
        Err(error) => {
            tracing::info!(%error, "what a turn cost is known of its last step only");
            vec![answer.clone()]
        }
    };
    messages.retain(|message| message.info.as_assistant().map(|one| &one.parent_id) == prompt);
    messages
}

fn structured(id: &SessionId, answer: &MessageWithParts, turn: &[MessageWithParts]) -> Value {
    let mut cost = 0.0;
    let mut sum = Tokens::default();
    for step in turn.iter().filter_map(|message| message.info.as_assistant()) {
        cost += step.cost.0;
        sum.input += step.tokens.input;
        sum.output += step.tokens.output;
        sum.reasoning += step.tokens.reasoning;
        sum.cache.read += step.tokens.cache.read;
        sum.cache.write += step.tokens.cache.write;
    }
    json!({
        "sessionID": id,
        "messageID": answer.info.id,
        "cost": cost,
        "tokens": {
            "input": sum.input,
            "output": sum.output,
            "reasoning": sum.reasoning,
            "cache": { "read": sum.cache.read, "write": sum.cache.write },
        },
    })
}

/// What the client has been told of the turn.
#[derive(Debug, Default)]
struct Telling {
    lines: Lines,
    /// Parts whose pieces are words, not thoughts.
    texts: HashSet<PartId>,
    /// How far each call was.
    calls: HashMap<PartId, &'static str>,
}

impl Telling {
    fn tell(&mut self, progress: &Progress, event: EventBody) {
        match event {
            EventBody::PartUpdated { part, .. } => match &part.body {
                PartBody::Text(_) => {
                    self.texts.insert(part.id);
                }
                PartBody::Tool(call) => {
                    if let Some(message) = self.call(&part.id, call) {
                        self.rest(progress);
                        progress.tell(message);
                    }
                }
                _ => {}
            },
            EventBody::PartDelta {
                part_id,
                field,
                delta,
                ..
            } if field == "text" && self.texts.contains(&part_id) => {
                if let Some(text) = self.lines.push(&delta) {
                    progress.tell(text);
                }
            }
            _ => {}
        }
    }

    /// Tells what has not been told of a text that goes on no more.
    fn rest(&mut self, progress: &Progress) {
        if let Some(text) = self.lines.take() {
            progress.tell(text);
        }
    }

    fn call(&mut self, id: &PartId, call: &ToolPart) -> Option<String> {
        let (status, message) = match &call.state {
            ToolState::Pending { .. } => return None,
            ToolState::Running { title, .. } => {
                let title = title
                    .as_deref()
                    .map(|title| format!(": {title}"))
                    .unwrap_or_default();
                ("running", format!("{} runs{title}", call.tool))
            }
            ToolState::Completed { title, .. } if title.is_empty() => {
                ("completed", format!("{} is done", call.tool))
            }
            ToolState::Completed { title, .. } => ("completed", format!("{} is done: {title}", call.tool)),
            ToolState::Error { error, .. } => {
                let error: String = error.chars().take(SHOWN).collect();
                ("error", format!("{} failed: {error}", call.tool))
            }
        };
        let before = self.calls.insert(id.clone(), status);
        (before != Some(status)).then_some(message)
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn commands_are_read() {
        for (text, wanted) in [
            ("/hello big  world", Some(("hello", "big  world"))),
            ("  /hello\nx ", Some(("hello", "x"))),
            ("/", None),
            ("hello /x", None),
            ("", None),
        ] {
            assert_eq!(slash(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn calls_are_told_when_they_begin_and_end() {
        let id = PartId::default();
        let mut telling = Telling::default();
        let mut tell = |state: Value| {
            let call = json!({ "callID": "c", "tool": "read", "state": state });
            telling.call(&id, &serde_json::from_value(call).unwrap())
        };
        let running = json!({ "status": "running", "input": {}, "time": { "start": 1 } });
        assert_eq!(tell(json!({ "status": "pending", "input": {}, "raw": "" })), None);
        assert_eq!(tell(running.clone()), Some("read runs".to_owned()));
        assert_eq!(tell(running), None);
        let done = json!({
            "status": "completed", "input": {}, "output": "", "title": "a.txt", "metadata": {},
            "time": { "start": 1, "end": 2 },
        });
        assert_eq!(tell(done), Some("read is done: a.txt".to_owned()));
    }
}
