//! Tasks of durable sessions: what is to be done is admitted to the inbox of a durable session of its own.

use std::sync::Arc;

use opencode_schema::input::PartInputBody;
use opencode_schema::prompt::{Delivery, Prompt as Said, PromptAgent, PromptFile};
use opencode_schema::session_message::{Answer, AnswerContent, CallState, StepError};
use opencode_schema::{MessageId, SessionId, SessionMessageBody};

use super::chosen;
use crate::durable::Admission;
use crate::prompt::Prompt;
use crate::{Engine, Error, Location};

/// The last words that answer a prompt, or why there are none.
pub(super) async fn answer(
    engine: &Engine,
    location: &Arc<Location>,
    prompt: &Prompt,
) -> Result<String, String> {
    let answered = ask(engine, location, prompt).await;
    match answered.map_err(|error| error.to_string())? {
        Some(answer) => words(answer),
        None => Err("it was stopped before it began".to_owned()),
    }
}

async fn ask(engine: &Engine, location: &Arc<Location>, prompt: &Prompt) -> Result<Option<Answer>, Error> {
    let id = &prompt.session_id;
    if let Some(agent) = &prompt.agent {
        engine.switch_agent(location, id, agent).await?;
    }
    if let Some(model) = &prompt.model {
        let model = chosen(model, prompt.variant.as_deref());
        engine.switch_model(location, id, model).await?;
    }
    let before = newest(engine, id).await?.map(|(message, _)| message);
    let admission = Admission {
        session_id: id.clone(),
        id: prompt.message_id.clone(),
        prompt: said(prompt),
        delivery: Delivery::Steer,
        // Whoever gave the task sees to it; a program that comes later does not.
        resume: false,
    };
    let admitted = engine.admit_to_inbox(location, admission).await;
    admitted.map_err(|error| match error {
        crate::AdmissionError::Engine(error) => error,
        conflict => Error::Broken(conflict.to_string()),
    })?;
    engine.run(location, id).await?;
    let newest = newest(engine, id).await?;
    Ok(newest
        .filter(|(message, _)| before.as_ref() != Some(message))
        .map(|(_, answer)| answer))
}

async fn newest(engine: &Engine, id: &SessionId) -> Result<Option<(MessageId, Answer)>, Error> {
    let id = id.clone();
    let newest = engine
        .inner
        .store
        .read(move |view| view.newest_answer(&id))
        .await?;
    Ok(newest.and_then(|message| match message.body {
        SessionMessageBody::Assistant(answer) => Some((message.id, *answer)),
        _ => None,
    }))
}

fn words(answer: Answer) -> Result<String, String> {
    if let Some(StepError::Unknown { message }) = answer.error {
        return Err(message);
    }
    let mut text = None;
    for content in answer.content.into_iter().rev() {
        match content {
            AnswerContent::Tool(call) => {
                if let CallState::Error {
                    error: StepError::Unknown { message },
                    ..
                } = call.state
                {
                    return Err(message);
                }
            }
            AnswerContent::Text { text: said, .. } if text.is_none() => text = Some(said),
            _ => {}
        }
    }
    Ok(text.unwrap_or_default())
}

/// A prompt as durable sessions are given it.
fn said(prompt: &Prompt) -> Said {
    let mut said = Said::default();
    for part in &prompt.parts {
        match &part.body {
            PartInputBody::Text(text) => said.text.push_str(&text.text),
            PartInputBody::File(file) => said.files.get_or_insert_default().push(PromptFile {
                uri: file.url.clone(),
                mime: file.mime.clone(),
                name: file.filename.clone(),
                description: None,
                source: None,
                content: Vec::new(),
            }),
            PartInputBody::Agent(agent) => said.agents.get_or_insert_default().push(PromptAgent {
                name: agent.name.clone(),
                source: None,
            }),
            PartInputBody::Subtask(_) => {}
        }
    }
    said
}
