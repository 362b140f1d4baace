//! What a program that ended left in the middle of something (reference `v2.md` §6, §14 rows 21, 22, 25, 27). What
//! can go on without doing anything twice goes on: requests that had not left, calls of tools that change nothing.
//! The rest is ended in a way that everybody sees.

use opencode_llm::stream::FinishReason;
use opencode_schema::part::{Span, ToolPart};
use opencode_schema::session::{Cost, Tokens};
use opencode_schema::session_message::{Answer, CallState, Execution, StepError, ToolCallContent};
use opencode_schema::time::now;
use opencode_schema::{SessionEvent, SessionId, SessionMessage, SessionMessageBody, ToolState};
use opencode_store::{ActivityState, Attempt, Owed, Standing, Store, Transaction, View};

use crate::Error;

/// What a call becomes that nobody works on any more.
const INTERRUPTED: &str = "Tool execution interrupted";
/// What an answer becomes that nobody works on any more.
const CUT_OFF: &str = "Provider turn interrupted";

/// What is to be done before a session works.
pub(super) enum Unfinished {
    /// Nothing any more.
    Ready,
    /// Nothing, and it is not to work either: somebody must say what is to become of it.
    Undecided,
    /// These calls of an answer are to be run again.
    Calls {
        answer: Box<SessionMessage>,
        calls: Vec<ToolPart>,
        /// Others were ended, because to run them again might do something twice.
        cut: bool,
    },
}

/// Puts in order what was left, as who may write to the session.
pub(super) async fn settle(
    store: &Store,
    session_id: &SessionId,
    is_idempotent: impl Fn(&str) -> bool,
) -> Result<Unfinished, Error> {
    let id = session_id.clone();
    let read = store.read(move |view| Ok((view.standing(&id)?, view.newest_answer(&id)?)));
    let (standing, newest) = read.await?;
    let Some((answer, calls, cut)) = newest
        .filter(|_| standing == Standing::Answered)
        .and_then(|newest| to_run_again(newest, is_idempotent))
    else {
        store.write(settlement(session_id)).await?;
        return Ok(Unfinished::Ready);
    };
    let (id, ended) = (
        session_id.clone(),
        cut.iter().map(|call| failed(session_id, &answer, call)),
    );
    let mut ended: Vec<SessionEvent> = ended.collect();
    if calls.is_empty() {
        ended.push(step_ended(session_id, &answer));
    }
    let (is_cut, none_left) = (!cut.is_empty(), calls.is_empty());
    let undecided = store.write(move |transaction| {
        transaction.count_recovery(&id)?;
        for event in ended {
            transaction.publish(event.into())?;
        }
        if none_left {
            transaction.set_attempt(&id, None)?;
        }
        if none_left && !is_cut {
            transaction.owe(&id, Owed::Continuation)?;
        }
        let is_undecided = none_left && is_cut;
        if is_undecided && transaction.is_owed(&id, Owed::Wake)? && transaction.has_waiting_inputs(&id)? {
            // Somebody has said something else meanwhile.
            transaction.end_activity(&id, ActivityState::Abandoned)?;
            return Ok(false);
        }
        Ok(is_undecided)
    });
    if undecided.await? {
        return Ok(Unfinished::Undecided);
    }
    if none_left {
        return Ok(Unfinished::Ready);
    }
    Ok(Unfinished::Calls {
        answer: Box::new(answer),
        calls,
        cut: is_cut,
    })
}

/// The calls of an answer without a result: those that can be run again, and those that cannot.
fn to_run_again(
    message: SessionMessage,
    is_idempotent: impl Fn(&str) -> bool,
) -> Option<(SessionMessage, Vec<ToolPart>, Vec<ToolCallContent>)> {
    let SessionMessageBody::Assistant(answer) = &message.body else {
        return None;
    };
    if message.time.completed.is_some() {
        return None;
    }
    let mut again = Vec::new();
    let mut cut = Vec::new();
    for call in answer.open_calls() {
        match part(call).filter(|part| is_idempotent(&part.tool)) {
            Some(part) => again.push(part),
            None => cut.push(call.clone()),
        }
    }
    Some((message, again, cut))
}

/// A call that was being run, as steps know it.
fn part(call: &ToolCallContent) -> Option<ToolPart> {
    let CallState::Running { input, .. } = &call.state else {
        return None;
    };
    let provider = call.provider.clone().unwrap_or_default();
    if provider.executed {
        return None;
    }
    Some(ToolPart {
        call_id: call.id.clone(),
        tool: call.name.clone(),
        state: ToolState::Running {
            input: input.clone().into(),
            title: None,
            metadata: None,
            time: Span {
                start: now(),
                end: None,
            },
        },
        metadata: provider.metadata,
    })
}

/// The tree of files before an answer.
pub(super) fn tree_before(message: &SessionMessage) -> Option<String> {
    match &message.body {
        SessionMessageBody::Assistant(answer) => answer.snapshot.as_ref()?.start.clone(),
        _ => None,
    }
}

/// Ends what a program that died left open. What can go on is owed from then on; an activity that cannot is given
/// up.
pub(crate) fn settlement(
    session_id: &SessionId,
) -> impl FnOnce(&mut Transaction<'_>) -> Result<(), opencode_store::Error> + Send + 'static {
    let id = session_id.clone();
    move |transaction| {
        let standing = transaction.standing(&id)?;
        let attempt = transaction.attempt(&id)?;
        let newest = transaction.newest_answer(&id)?;
        let is_whole = attempt == Some(Attempt::Prepared)
            || attempt == Some(Attempt::Answered)
                && newest
                    .as_ref()
                    .and_then(answer)
                    .is_some_and(Answer::waits_for_model);
        if let Some(newest) = newest {
            for event in left_open(&id, &newest, is_whole) {
                transaction.publish(event.into())?;
            }
        }
        if attempt.is_some() {
            transaction.set_attempt(&id, None)?;
        }
        match standing {
            Standing::GoesOn => {
                if !transaction.is_owed(&id, Owed::Resume)? {
                    transaction.owe(&id, Owed::Continuation)?;
                    transaction.count_recovery(&id)?;
                }
                Ok(())
            }
            Standing::Over => transaction.end_activity(&id, ActivityState::Settled),
            Standing::Rests => Ok(()),
            Standing::Answered | Standing::Undecided => {
                transaction.settle_owed(&id, Owed::Continuation)?;
                transaction.end_activity(&id, ActivityState::Abandoned)
            }
        }
    }
}

/// What somebody decided about what was left: its model goes on, or it is given up as it is.
pub(super) fn decision(
    session_id: &SessionId,
    retry: bool,
) -> impl FnOnce(&mut Transaction<'_>) -> Result<(), opencode_store::Error> + Send + 'static {
    let id = session_id.clone();
    move |transaction| {
        let is_prepared = transaction.attempt(&id)? == Some(Attempt::Prepared);
        if let Some(newest) = transaction.newest_answer(&id)? {
            for event in left_open(&id, &newest, is_prepared) {
                transaction.publish(event.into())?;
            }
        }
        transaction.set_attempt(&id, None)?;
        transaction.settle_owed(&id, Owed::Continuation)?;
        if retry {
            transaction.note_progress(&id)?;
            return transaction.owe(&id, Owed::Resume);
        }
        transaction.end_activity(&id, ActivityState::Abandoned)
    }
}

/// Puts a session in order that does not go on by itself: calls are ended that nobody works on, and an activity is
/// that was done.
pub(super) fn tidy(
    session_id: &SessionId,
) -> impl FnOnce(&mut Transaction<'_>) -> Result<(), opencode_store::Error> + Send + 'static {
    let id = session_id.clone();
    move |transaction| match transaction.standing(&id)? {
        Standing::Over => transaction.end_activity(&id, ActivityState::Settled),
        Standing::Undecided => {
            let Some(newest) = transaction.newest_answer(&id)? else {
                return Ok(());
            };
            let calls = answer(&newest).into_iter().flat_map(Answer::open_calls);
            let ended: Vec<SessionEvent> = calls.map(|call| failed(&id, &newest, call)).collect();
            let mut ended = ended.into_iter();
            ended.try_for_each(|event| transaction.publish(event.into()))
        }
        _ => Ok(()),
    }
}

/// Whether something is taken for running in a session.
pub(super) fn has_open_calls(view: &View<'_>, session_id: &SessionId) -> Result<bool, opencode_store::Error> {
    let newest = view.newest_answer(session_id)?;
    Ok(newest
        .as_ref()
        .and_then(answer)
        .is_some_and(|answer| answer.open_calls().next().is_some()))
}

fn answer(message: &SessionMessage) -> Option<&Answer> {
    match &message.body {
        SessionMessageBody::Assistant(answer) => Some(answer),
        _ => None,
    }
}

/// What has to be told of an answer that nobody works on any more.
fn left_open(session_id: &SessionId, message: &SessionMessage, is_whole: bool) -> Vec<SessionEvent> {
    let Some(answer) = answer(message).filter(|_| message.time.completed.is_none()) else {
        return Vec::new();
    };
    let end = if is_whole {
        step_ended(session_id, message)
    } else {
        SessionEvent::StepFailed {
            timestamp: now(),
            session_id: session_id.clone(),
            assistant_message_id: message.id.clone(),
            error: StepError::unknown(CUT_OFF),
        }
    };
    let calls = answer.open_calls().map(|call| failed(session_id, message, call));
    calls.chain([end]).collect()
}

fn failed(session_id: &SessionId, message: &SessionMessage, call: &ToolCallContent) -> SessionEvent {
    SessionEvent::ToolFailed {
        timestamp: now(),
        session_id: session_id.clone(),
        assistant_message_id: message.id.clone(),
        call_id: call.id.clone(),
        error: StepError::unknown(INTERRUPTED),
        result: None,
        provider: Execution {
            executed: call.provider.as_ref().is_some_and(|provider| provider.executed),
            ..Execution::default()
        },
    }
}

fn step_ended(session_id: &SessionId, message: &SessionMessage) -> SessionEvent {
    SessionEvent::StepEnded {
        timestamp: now(),
        session_id: session_id.clone(),
        assistant_message_id: message.id.clone(),
        finish: FinishReason::ToolCalls.as_str().to_owned(),
        // What it used was not written down any more.
        cost: Cost::default(),
        tokens: Tokens::default(),
        snapshot: None,
        files: None,
    }
}
