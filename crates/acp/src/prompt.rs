//! A prompt, from its blocks to its result (reference `integrations.md` §D3).

use std::sync::Arc;
use std::time::Duration;

use agent_client_protocol_schema::v1::ContentBlock;
use opencode_client::{Client, CommandRun, Error, Prompt};
use opencode_schema::input::{PartInput, PartInputBody};
use opencode_schema::session::Tokens;
use opencode_schema::{AssistantMessage, MessageError, MessageWithParts};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::agent::Agent;
use crate::blocks;
use crate::choice::Offer;
use crate::feed::{self, State};
use crate::rpc::Failure;
use crate::session::Known;

/// How long the last events of a turn may follow its answer.
const REST_LIMIT: Duration = Duration::from_secs(2);
/// How long a stopped turn may take to end before it is stopped again.
const ABORT_PAUSE: Duration = Duration::from_secs(1);
/// How often a turn is stopped before nobody waits for its end any more.
const ABORTS: usize = 30;
/// Messages among which the last answer is looked for.
const NEWEST: u32 = 20;

/// What a prompt wants.
enum Wanted {
    /// An answer.
    Answer(Prompt),
    /// An answer to a command.
    Command(CommandRun),
    /// A shorter conversation.
    Compaction,
    /// A command that there is not.
    Unknown(String),
}

/// What became of it.
enum Outcome {
    Answered(Box<MessageWithParts>),
    /// There is no answer to show.
    Done,
    Cancelled,
    Failed(Error),
    /// What happened could not be heard to its end.
    Unheard,
}

/// Gives a prompt to a session and waits for its end.
pub(crate) async fn run(
    agent: &Arc<Agent>,
    known: &Arc<Known>,
    blocks: &[ContentBlock],
    turn: CancellationToken,
    mut heard: watch::Receiver<State>,
) -> Result<Value, Failure> {
    let parts = blocks::parts(blocks);
    let wanted = wanted(known, parts)
        .await
        .map_err(|error| Failure::from(&error))?;
    let mut ends = known.ends.subscribe();
    ends.mark_unchanged();
    let outcome = tokio::select! {
        outcome = perform(agent, known, &wanted, &turn) => outcome,
        () = feed::gone(&mut heard) => Outcome::Unheard,
    };
    let is_stopped = turn.is_cancelled();
    turn.cancel();
    let answer = match outcome {
        Outcome::Answered(answer) => {
            let end = tokio::time::timeout(REST_LIMIT, ends.changed()).await;
            if end.is_err() {
                tracing::info!("the end of a turn was not heard");
            }
            tell_rest(agent, known, &answer, end.is_ok()).await;
            Some(*answer)
        }
        Outcome::Failed(error) => return Err(Failure::from(&error)),
        Outcome::Unheard => {
            let data = json!({ "service": "event" });
            return Err(Failure::internal("ACP event stream disconnected", data));
        }
        Outcome::Cancelled => {
            tell_usage(agent, known).await;
            return Ok(result("cancelled", None));
        }
        Outcome::Done => None,
    };
    tell_usage(agent, known).await;
    match answer.as_ref().and_then(|answer| answer.info.as_assistant()) {
        // Whoever stops a turn is told so, even if it has ended in this moment.
        Some(answer) if is_stopped => Ok(result("cancelled", Some(&answer.tokens))),
        Some(answer) => ended(answer),
        None => Ok(result("end_turn", None)),
    }
}

/// Reads what is wanted: text that begins with `/` and names a command is one.
async fn wanted(known: &Known, parts: Vec<PartInput>) -> Result<Wanted, Error> {
    let choice = known.choice();
    let texts = parts.iter().filter_map(|part| match &part.body {
        PartInputBody::Text(text) => Some(text.text.as_str()),
        _ => None,
    });
    let text: String = texts.collect();
    if let Some((name, arguments)) = slash(&text) {
        let commands = known.client.commands().await?;
        if commands.iter().any(|command| command.name == name) {
            let has_model = choice.has_model();
            return Ok(Wanted::Command(CommandRun {
                command: name.to_owned(),
                arguments: arguments.to_owned(),
                agent: choice.mode.clone(),
                model: has_model.then(|| format!("{}/{}", choice.model.provider_id, choice.model.model_id)),
                variant: choice.variant(),
                parts: parts
                    .into_iter()
                    .filter(|part| matches!(part.body, PartInputBody::File(_)))
                    .collect(),
            }));
        }
        if name == "compact" {
            return Ok(Wanted::Compaction);
        }
        // A path is meant for the model.
        if !name.contains('/') {
            return Ok(Wanted::Unknown(name.to_owned()));
        }
    }
    Ok(Wanted::Answer(Prompt {
        parts,
        model: choice.has_model().then(|| choice.model.clone()),
        variant: choice.variant(),
        agent: choice.mode,
        no_reply: false,
    }))
}

/// The name of a command and what follows it.
fn slash(text: &str) -> Option<(&str, &str)> {
    let text = text.trim().strip_prefix('/')?;
    let (name, arguments) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (!name.is_empty()).then(|| (name, arguments.trim()))
}

async fn perform(agent: &Agent, known: &Known, wanted: &Wanted, turn: &CancellationToken) -> Outcome {
    if turn.is_cancelled() {
        return Outcome::Cancelled;
    }
    let (client, id) = (&known.client, &known.id);
    let answer = async {
        match wanted {
            Wanted::Answer(prompt) => client.prompt(id, prompt).await.map(Some),
            Wanted::Command(command) => client.run_command(id, command).await.map(Some),
            Wanted::Compaction => client.summarize(id, &known.choice().model).await.map(|_| None),
            Wanted::Unknown(name) => {
                let said = format!("There is no command /{name}.");
                let content = json!({ "type": "text", "text": said });
                let update = json!({ "sessionUpdate": "agent_message_chunk", "content": content });
                agent.update(id, update).await;
                Ok(None)
            }
        }
    };
    tokio::pin!(answer);
    let outcome = |answer: Result<Option<MessageWithParts>, Error>| match answer {
        Ok(Some(answer)) => Outcome::Answered(Box::new(answer)),
        Ok(None) => Outcome::Done,
        Err(error) => Outcome::Failed(error),
    };
    tokio::select! {
        answer = &mut answer => return outcome(answer),
        () = turn.cancelled() => {}
    }
    for _ in 0..ABORTS {
        // It may be on its way to the session still, where nothing can be stopped yet.
        if let Err(error) = client.abort(id).await {
            tracing::warn!(%error, "a turn was not stopped");
        }
        match tokio::time::timeout(ABORT_PAUSE, &mut answer).await {
            Ok(Ok(Some(answer))) => return Outcome::Answered(Box::new(answer)),
            Ok(_) => return Outcome::Cancelled,
            Err(_) => {}
        }
    }
    tracing::error!("a turn that was stopped does not end");
    Outcome::Cancelled
}

/// Tells what of the answer has not been heard, if anything: a turn that is stopped ends before its calls do.
async fn tell_rest(agent: &Agent, known: &Known, answer: &MessageWithParts, end_was_heard: bool) {
    let mut transcript = known.transcript.lock().await;
    // Another turn may have begun since; what this one said was told before that.
    if end_was_heard && !transcript.knows(&answer.info) {
        return;
    }
    transcript.message(&answer.info);
    for part in &answer.parts {
        for update in transcript.part(part, &known.directory) {
            agent.update(&known.id, update).await;
        }
    }
}

/// Tells how full the context is and what the session has cost. Nothing depends on it.
async fn tell_usage(agent: &Agent, known: &Known) {
    match usage(&known.client, known).await {
        Ok(Some(update)) => agent.update(&known.id, update).await,
        Ok(None) => {}
        Err(error) => tracing::info!(%error, "what was used is not known"),
    }
}

async fn usage(client: &Client, known: &Known) -> Result<Option<Value>, Error> {
    let newest = client.messages(&known.id, NEWEST, None).await?.messages;
    let last = newest
        .iter()
        .rev()
        .find_map(|message| message.info.as_assistant());
    let Some(last) = last else { return Ok(None) };
    let (offer, session) = tokio::try_join!(Offer::read(client), client.session(&known.id))?;
    let Some(size) = offer.context(&last.provider_id, &last.model_id) else {
        return Ok(None);
    };
    let Tokens { input, cache, .. } = &last.tokens;
    Ok(Some(json!({
        "sessionUpdate": "usage_update",
        "used": input + cache.read + cache.write,
        "size": size,
        "cost": { "amount": session.cost.unwrap_or_default(), "currency": "USD" },
    })))
}

/// The result of a turn by the message that it ended with.
fn ended(answer: &AssistantMessage) -> Result<Value, Failure> {
    let reason = match &answer.error {
        Some(MessageError::Aborted { .. }) => "cancelled",
        Some(MessageError::OutputLength {}) => "max_tokens",
        Some(MessageError::ContentFilter { .. }) => "refusal",
        Some(error) => {
            let name = json!(error)["name"].clone();
            let data = json!({ "service": "session", "errorName": name });
            return Err(match error {
                MessageError::ProviderAuth { message, .. } => Failure::auth_required(message, data),
                error => Failure::internal(error.message(), data),
            });
        }
        None => match answer.finish.as_deref() {
            Some("length") => "max_tokens",
            Some("content-filter") => "refusal",
            _ => "end_turn",
        },
    };
    Ok(result(reason, Some(&answer.tokens)))
}

fn result(reason: &str, tokens: Option<&Tokens>) -> Value {
    let mut result = json!({ "stopReason": reason, "_meta": {} });
    if let Some(tokens) = tokens {
        let Tokens {
            total,
            input,
            output,
            reasoning,
            cache,
        } = tokens;
        let sum = input + output + reasoning + cache.read + cache.write;
        let mut usage = json!({
            "inputTokens": input,
            "outputTokens": output,
            "totalTokens": total.unwrap_or(sum),
        });
        for (name, count) in [
            ("thoughtTokens", reasoning),
            ("cachedReadTokens", &cache.read),
            ("cachedWriteTokens", &cache.write),
        ] {
            if *count > 0 {
                usage[name] = json!(count);
            }
        }
        result["usage"] = usage;
    }
    result
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
            ("/compact", Some(("compact", ""))),
            ("/", None),
            ("/ x", None),
            ("hello /x", None),
            ("", None),
        ] {
            assert_eq!(slash(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn results_say_why_a_turn_ended() {
        let answer = |error: Value, finish: &str| {
            let mut answer = json!(AssistantMessage::default());
            answer["error"] = error;
            answer["finish"] = json!(finish);
            serde_json::from_value::<AssistantMessage>(answer).unwrap()
        };
        let error = |name: &str| json!({ "name": name, "data": { "message": "why", "providerID": "p" } });
        for (error, finish, wanted) in [
            (Value::Null, "stop", Ok("end_turn")),
            (Value::Null, "tool-calls", Ok("end_turn")),
            (Value::Null, "length", Ok("max_tokens")),
            (Value::Null, "content-filter", Ok("refusal")),
            (error("MessageAbortedError"), "", Ok("cancelled")),
            (error("MessageOutputLengthError"), "", Ok("max_tokens")),
            (error("ContentFilterError"), "", Ok("refusal")),
            (error("UnknownError"), "", Err((-32603, "Internal error: why"))),
            (
                error("ProviderAuthError"),
                "",
                Err((-32000, "Authentication required: why")),
            ),
        ] {
            let ended = ended(&answer(error.clone(), finish));
            let told = ended
                .as_ref()
                .map(|result| result["stopReason"].as_str().unwrap())
                .map_err(|failure| (failure.code, failure.message.as_str()));
            assert_eq!(told, wanted, "{error} {finish}");
        }
    }

    #[test]
    fn tokens_are_told_by_kind() {
        let tokens = Tokens {
            input: 80,
            output: 5,
            reasoning: 5,
            cache: opencode_schema::session::CacheTokens { read: 20, write: 0 },
            ..Tokens::default()
        };
        let wanted = json!({ "inputTokens": 80, "outputTokens": 5, "totalTokens": 110, "thoughtTokens": 5, "cachedReadTokens": 20 });
        assert_eq!(result("end_turn", Some(&tokens))["usage"], wanted);
    }
}
