//! Notes to the model about the agent that it is (reference `agent-loop.md` §5, «Reminders», §12).
//!
//! Where plans are kept in files, a note is stored with the message of the user that changes the mode; elsewhere
//! it is not stored, and added anew to each request.

use opencode_schema::agent::Agent;
use opencode_schema::time::now;
use opencode_schema::{EventBody, MessageId, MessageWithParts, Part, PartBody, PartId};

use crate::prompt::synthetic;
use crate::step::StepInput;
use crate::{Error, Location, plan};

const PLAN: &str = include_str!("reminder/plan.md");
const PLAN_FILE: &str = include_str!("reminder/plan_file.md");
const BUILD: &str = include_str!("reminder/build.md");

/// The agent that plans, and the one that takes over from it.
const PLANNER: &str = "plan";
pub(crate) const BUILDER: &str = "build";

/// The note that a request needs, if it needs one.
pub(crate) fn note(input: &StepInput<'_>) -> Option<&'static str> {
    if plan::is_on(&input.location.environment) {
        return None;
    }
    of_agent(input.agent, input.history)
}

fn of_agent(agent: &Agent, history: &[MessageWithParts]) -> Option<&'static str> {
    let mut answers = history.iter().filter_map(|message| message.info.as_assistant());
    match agent.name.as_str() {
        PLANNER => Some(PLAN),
        BUILDER if answers.any(|answer| answer.agent == PLANNER) => Some(BUILD),
        _ => None,
    }
}

/// Stores the note that the user's newest message needs, if it changes the mode and plans are kept in files. The
/// history with it, if so.
pub(crate) async fn keep(
    location: &Location,
    session: &opencode_schema::session::Session,
    agent: &Agent,
    user_id: &MessageId,
    history: &[MessageWithParts],
) -> Result<Option<Vec<MessageWithParts>>, Error> {
    if !plan::is_on(&location.environment) {
        return Ok(None);
    }
    let planned = last_planned(history);
    let plans = agent.name == PLANNER;
    if plans == planned {
        return Ok(None);
    }
    let file = plan::file(location, session);
    let there = tokio::fs::try_exists(&file).await.unwrap_or(false);
    let text = if plans {
        if let Some(folder) = file.parent().filter(|_| !there)
            && let Err(error) = tokio::fs::create_dir_all(folder).await
        {
            tracing::warn!(%error, "there is no place for plans");
        }
        on_entering(&file.to_string_lossy(), there)
    } else {
        on_leaving(there.then(|| file.to_string_lossy()).as_deref())
    };
    let mut history = history.to_vec();
    let Some(message) = history.iter_mut().find(|message| message.info.id == *user_id) else {
        return Ok(None);
    };
    let body = synthetic(text);
    // A turn that was stopped before its first answer has it already.
    if message.parts.iter().any(|part| is_same(&part.body, &body)) {
        return Ok(None);
    }
    let part = Part {
        id: PartId::new(),
        session_id: session.id.clone(),
        message_id: user_id.clone(),
        body,
    };
    message.parts.push(part.clone());
    let session_id = session.id.clone();
    let stored = location.store.write(move |transaction| {
        transaction.publish(EventBody::PartUpdated {
            session_id,
            part: Box::new(part),
            time: now(),
        })
    });
    stored.await?;
    Ok(Some(history))
}

/// Whether the newest answer is one of the agent that plans.
fn last_planned(history: &[MessageWithParts]) -> bool {
    let mut answers = history
        .iter()
        .rev()
        .filter_map(|message| message.info.as_assistant());
    answers.next().is_some_and(|answer| answer.agent == PLANNER)
}

fn is_same(one: &PartBody, other: &PartBody) -> bool {
    match (one, other) {
        (PartBody::Text(one), PartBody::Text(other)) => one.text == other.text,
        _ => false,
    }
}

fn on_entering(file: &str, there: bool) -> String {
    let about = if there {
        format!("There is a plan already: {file}. Read it, and change it with the edit tool.")
    } else {
        format!("There is no plan yet. Write it to {file} with the write tool.")
    };
    PLAN_FILE.replace("{file}", &about)
}

fn on_leaving(file: Option<&str>) -> String {
    match file {
        Some(file) => format!("{BUILD}\n\nThe plan is in {file}. Read it and carry it out."),
        None => BUILD.to_owned(),
    }
}
