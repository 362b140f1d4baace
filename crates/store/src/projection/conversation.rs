//! What happens in durable sessions, in the tables `session_input` and `session_message` (reference `v2.md`
//! §3.1, column «Projection»).

use crate::sql::{Connection, Optional as _, params};
use opencode_schema::prompt::{Delivery, Prompt};
use opencode_schema::session::{Cost, SessionModel, Tokens};
use opencode_schema::session_message::{
    Answer, AnswerContent, AnswerSnapshot, CallState, CallTime, Execution, MessageTime, ReasoningContent,
    StepError, ToolCallContent,
};
use opencode_schema::time::{Millis, now};
use opencode_schema::{MessageId, Object, SessionEvent, SessionId, SessionMessage, SessionMessageBody};

use super::add_usage;
use crate::conversation::{self, stored};
use crate::{Error, inbox};

/// Changes the tables as the event at the place `seq` of the log says.
pub(super) fn apply(connection: &Connection, event: &SessionEvent, seq: i64) -> Result<(), Error> {
    use SessionEvent as E;
    let session = Of {
        connection,
        id: event.session_id(),
        at: event.timestamp(),
        seq,
    };
    match event {
        E::Moved {
            location,
            subdirectory,
            ..
        } => super::move_session(
            connection,
            session.id,
            location,
            subdirectory.as_deref(),
            session.at,
        ),
        E::AgentSwitched {
            message_id, agent, ..
        } => {
            connection
                .prepare_cached("UPDATE session SET agent = ?2 WHERE id = ?1")?
                .execute([session.id.as_str(), agent])?;
            let agent = agent.clone();
            session.add(message_id, SessionMessageBody::AgentSwitched { agent })
        }
        E::ModelSwitched {
            message_id, model, ..
        } => {
            connection
                .prepare_cached("UPDATE session SET model = ?2 WHERE id = ?1")?
                .execute([session.id.as_str(), &serde_json::to_string(model)?])?;
            let model = model.clone();
            session.add(message_id, SessionMessageBody::ModelSwitched { model })
        }
        E::PromptAdmitted {
            message_id,
            prompt,
            delivery,
            ..
        } => session.admit(message_id, prompt, *delivery),
        E::Prompted {
            message_id, prompt, ..
        } => session.promote(message_id, prompt),
        E::ContextUpdated { message_id, text, .. } => {
            session.add(message_id, SessionMessageBody::System { text: text.clone() })
        }
        E::Synthetic { message_id, text, .. } => {
            session.take_notice(message_id)?;
            let body = SessionMessageBody::Synthetic {
                session_id: session.id.clone(),
                text: text.clone(),
            };
            session.add(message_id, body)
        }
        E::ShellStarted {
            message_id,
            call_id,
            command,
            ..
        } => {
            let body = SessionMessageBody::Shell {
                call_id: call_id.clone(),
                command: command.clone(),
                output: String::new(),
            };
            session.add(message_id, body)
        }
        E::ShellEnded { call_id, output, .. } => session.end_shell(call_id, output),
        E::StepStarted {
            assistant_message_id,
            agent,
            model,
            snapshot,
            ..
        } => session.start_step(assistant_message_id, agent, model, snapshot.as_deref()),
        E::StepEnded {
            assistant_message_id,
            finish,
            cost,
            tokens,
            snapshot,
            files,
            ..
        } => {
            add_usage(connection, session.id, Some((cost.0, tokens.clone())), 1)?;
            session.change(assistant_message_id, |message, answer| {
                message.completed = Some(session.at);
                end_step(
                    answer,
                    finish,
                    *cost,
                    tokens,
                    snapshot.as_deref(),
                    files.as_deref(),
                );
            })
        }
        E::StepFailed {
            assistant_message_id,
            error,
            ..
        } => session.change(assistant_message_id, |message, answer| {
            message.completed = Some(session.at);
            answer.finish = Some("error".to_owned());
            answer.error = Some(error.clone());
        }),
        E::RevertStaged { revert, .. } => session.set_revert(Some(&serde_json::to_string(revert)?)),
        E::RevertCleared { .. } => session.set_revert(None),
        E::RevertCommitted { message_id, .. } => session.commit_revert(message_id),
        E::CompactionEnded {
            message_id,
            reason,
            text,
            recent,
            cost,
            tokens,
            ..
        } => {
            let used = cost.map(|cost| (cost.0, tokens.clone().unwrap_or_default()));
            add_usage(connection, session.id, used, 1)?;
            let body = SessionMessageBody::Compaction {
                reason: *reason,
                summary: text.clone(),
                recent: recent.clone(),
            };
            session.add(message_id, body)
        }
        E::Retried { .. } | E::CompactionStarted { .. } => Ok(()),
        content => session.change_content(content),
    }
}

/// A session and the moment at which something happens to it.
struct Of<'a> {
    connection: &'a Connection,
    id: &'a SessionId,
    at: Millis,
    seq: i64,
}

impl Of<'_> {
    fn add(&self, id: &MessageId, body: SessionMessageBody) -> Result<(), Error> {
        self.add_at(id, self.at, body)
    }

    fn add_at(&self, id: &MessageId, created: Millis, body: SessionMessageBody) -> Result<(), Error> {
        let message = SessionMessage {
            id: id.clone(),
            time: MessageTime {
                created,
                completed: None,
            },
            body,
        };
        self.connection
            .prepare_cached(
                "INSERT INTO session_message (id, session_id, type, seq, time_created, time_updated, data)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                id.as_str(),
                self.id.as_str(),
                message.body.kind(),
                self.seq,
                created,
                now(),
                stored(&message)?,
            ])?;
        Ok(())
    }

    fn put(&self, message: &SessionMessage) -> Result<(), Error> {
        self.connection
            .prepare_cached("UPDATE session_message SET data = ?2, time_updated = ?3 WHERE id = ?1")?
            .execute(params![message.id.as_str(), stored(message)?, now()])?;
        Ok(())
    }

    fn admit(&self, id: &MessageId, prompt: &Prompt, delivery: Delivery) -> Result<(), Error> {
        let taken = inbox::input(self.connection, id)?
            .map(|input| input.session_id)
            .or(conversation::owner(self.connection, id)?);
        if let Some(owner) = taken {
            return Err(Error::Taken {
                what: "message",
                id: id.to_string(),
                owner: owner.to_string(),
            });
        }
        self.connection
            .prepare_cached(
                "INSERT INTO session_input (id, session_id, prompt, delivery, admitted_seq, time_created)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                id.as_str(),
                self.id.as_str(),
                serde_json::to_string(prompt)?,
                delivery.as_str(),
                self.seq,
                self.at,
            ])?;
        Ok(())
    }

    fn promote(&self, id: &MessageId, prompt: &Prompt) -> Result<(), Error> {
        let input = inbox::input(self.connection, id)?;
        let waits = |input: &opencode_schema::SessionInput| {
            input.session_id == *self.id
                && input.promoted_seq.is_none()
                && input.prompt.without_content() == *prompt
        };
        let Some(input) = input.filter(waits) else {
            return Err(Error::Refused(format!(
                "the prompt {id} does not wait in the session {}",
                self.id
            )));
        };
        self.connection
            .prepare_cached("UPDATE session_input SET promoted_seq = ?2, prompt = ?3 WHERE id = ?1")?
            .execute(params![id.as_str(), self.seq, serde_json::to_string(prompt)?])?;
        let Prompt { text, files, agents } = input.prompt;
        let body = SessionMessageBody::User { text, files, agents };
        self.add_at(id, input.time_created, body)
    }

    /// What the program says may have waited in the inbox.
    fn take_notice(&self, id: &MessageId) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "UPDATE session_input SET promoted_seq = ?3
                 WHERE id = ?1 AND session_id = ?2 AND promoted_seq IS NULL",
            )?
            .execute(params![id.as_str(), self.id.as_str(), self.seq])?;
        Ok(())
    }

    fn end_shell(&self, call: &str, printed: &str) -> Result<(), Error> {
        let open = conversation::newest(
            self.connection,
            self.id,
            "shell",
            |message| matches!(&message.body, SessionMessageBody::Shell { call_id, .. } if call_id == call),
        )?;
        let Some(mut message) = open else {
            return Err(self.missing("shell command", call));
        };
        message.time.completed = Some(self.at);
        if let SessionMessageBody::Shell { output, .. } = &mut message.body {
            *output = printed.to_owned();
        }
        self.put(&message)
    }

    fn start_step(
        &self,
        id: &MessageId,
        agent: &str,
        model: &SessionModel,
        snapshot: Option<&str>,
    ) -> Result<(), Error> {
        let before = conversation::newest(self.connection, self.id, "assistant", |_| true)?;
        if let Some(mut before) = before.filter(|message| message.time.completed.is_none()) {
            before.time.completed = Some(self.at);
            self.put(&before)?;
        }
        let answer = Answer {
            agent: agent.to_owned(),
            model: model.clone(),
            snapshot: snapshot.map(|tree| AnswerSnapshot {
                start: Some(tree.to_owned()),
                ..AnswerSnapshot::default()
            }),
            ..Answer::default()
        };
        self.add(id, SessionMessageBody::Assistant(Box::new(answer)))
    }

    fn change(
        &self,
        id: &MessageId,
        change: impl FnOnce(&mut MessageTime, &mut Answer),
    ) -> Result<(), Error> {
        let message = conversation::message(self.connection, self.id, id)?;
        let Some(mut message) = message else {
            return Err(self.missing("message", id.as_str()));
        };
        let SessionMessageBody::Assistant(answer) = &mut message.body else {
            return Err(self.missing("answer", id.as_str()));
        };
        change(&mut message.time, answer);
        self.put(&message)
    }

    /// What happens to one text, thought or call of an answer.
    fn change_content(&self, event: &SessionEvent) -> Result<(), Error> {
        let Some(id) = event.answer() else { return Ok(()) };
        let change = |answer: &mut Answer| change_content(answer, event, self.at);
        match super::content::change(self.connection, self.id, id, event, change)? {
            true => Ok(()),
            false => Err(self.missing("answer", id.as_str())),
        }
    }

    fn set_revert(&self, revert: Option<&str>) -> Result<(), Error> {
        self.connection
            .prepare_cached("UPDATE session SET revert = ?2 WHERE id = ?1")?
            .execute(params![self.id.as_str(), revert])?;
        Ok(())
    }

    /// What came after a message is gone, what waits too.
    fn commit_revert(&self, last: &MessageId) -> Result<(), Error> {
        let seq: Option<i64> = self
            .connection
            .prepare_cached("SELECT seq FROM session_message WHERE id = ?1 AND session_id = ?2")?
            .query_row([last.as_str(), self.id.as_str()], |row| row.get(0))
            .optional()?;
        let seq = seq.ok_or_else(|| self.missing("message", last.as_str()))?;
        for statement in [
            "DELETE FROM session_message WHERE session_id = ?1 AND seq > ?2",
            "DELETE FROM session_input WHERE session_id = ?1 AND (admitted_seq > ?2 OR promoted_seq > ?2)",
        ] {
            self.connection
                .prepare_cached(statement)?
                .execute(params![self.id.as_str(), seq])?;
        }
        // What the model was told of its surroundings may be among what is gone.
        self.connection
            .prepare_cached("DELETE FROM session_context_epoch WHERE session_id = ?1")?
            .execute([self.id.as_str()])?;
        self.set_revert(None)
    }

    fn missing(&self, what: &'static str, id: &str) -> Error {
        Error::NotFound {
            what,
            id: id.to_owned(),
        }
    }
}

fn end_step(
    answer: &mut Answer,
    finish: &str,
    cost: Cost,
    tokens: &Tokens,
    snapshot: Option<&str>,
    files: Option<&[String]>,
) {
    answer.finish = Some(finish.to_owned());
    answer.cost = Some(cost);
    answer.tokens = Some(tokens.clone());
    if snapshot.is_some() || files.is_some() {
        let trees = answer.snapshot.get_or_insert_default();
        trees.end = snapshot.map(str::to_owned);
        trees.files = files.map(<[String]>::to_vec);
    }
}

fn change_content(answer: &mut Answer, event: &SessionEvent, at: Millis) {
    use SessionEvent as E;
    match event {
        E::TextStarted { text_id, .. } => answer.content.push(AnswerContent::Text {
            id: text_id.clone(),
            text: String::new(),
        }),
        E::TextEnded { text_id, text, .. } => {
            // The newest of its name: after another attempt names come again.
            let open = answer.content.iter_mut().rev().find_map(|content| match content {
                AnswerContent::Text { id, text } if id == text_id => Some(text),
                _ => None,
            });
            if let Some(open) = open {
                open.clone_from(text);
            }
        }
        E::ReasoningStarted {
            reasoning_id,
            provider_metadata,
            ..
        } => answer.content.push(AnswerContent::Reasoning(ReasoningContent {
            id: reasoning_id.clone(),
            text: String::new(),
            provider_metadata: provider_metadata.clone(),
            time: Some(MessageTime {
                created: at,
                completed: None,
            }),
        })),
        E::ReasoningEnded {
            reasoning_id,
            text,
            provider_metadata,
            ..
        } => {
            let open = answer.content.iter_mut().rev().find_map(|content| match content {
                AnswerContent::Reasoning(thought) if thought.id == *reasoning_id => Some(thought),
                _ => None,
            });
            if let Some(open) = open {
                open.text.clone_from(text);
                if provider_metadata.is_some() {
                    open.provider_metadata.clone_from(provider_metadata);
                }
                open.time.get_or_insert_default().completed = Some(at);
            }
        }
        E::ToolInputStarted { call_id, name, .. } => {
            answer.content.push(AnswerContent::Tool(Box::new(ToolCallContent {
                id: call_id.clone(),
                name: name.clone(),
                provider: None,
                state: CallState::Pending { input: String::new() },
                time: CallTime {
                    created: at,
                    ..CallTime::default()
                },
            })));
        }
        other => change_call(answer, other, at),
    }
}

fn change_call(answer: &mut Answer, event: &SessionEvent, at: Millis) {
    use SessionEvent as E;
    let Some(id) = event.call() else { return };
    let call = answer.content.iter_mut().rev().find_map(|content| match content {
        AnswerContent::Tool(call) if call.id == id => Some(call),
        _ => None,
    });
    let Some(call) = call else { return };
    match event {
        E::ToolInputEnded { text, .. } => call.state = CallState::Pending { input: text.clone() },
        E::ToolCalled {
            tool,
            input,
            provider,
            ..
        } => {
            call.name.clone_from(tool);
            call.provider = Some(provider.clone());
            call.time.ran = Some(at);
            call.state = CallState::Running {
                input: input.clone(),
                structured: Object::new(),
                content: Vec::new(),
            };
        }
        E::ToolProgress {
            structured, content, ..
        } => {
            if let CallState::Running {
                structured: facts,
                content: shown,
                ..
            } = &mut call.state
            {
                facts.clone_from(structured);
                shown.clone_from(content);
            }
        }
        E::ToolSuccess {
            structured,
            content,
            output_paths,
            result,
            provider,
            ..
        } => {
            settle(call, provider, at);
            call.state = CallState::Completed {
                input: call.input(),
                content: content.clone(),
                output_paths: output_paths.clone(),
                structured: structured.clone(),
                result: result.clone(),
            };
        }
        E::ToolFailed {
            error,
            result,
            provider,
            ..
        } => {
            settle(call, provider, at);
            fail(call, error, result.as_ref());
        }
        _ => {}
    }
}

fn settle(call: &mut ToolCallContent, provider: &Execution, at: Millis) {
    call.time.completed = Some(at);
    let known = call.provider.get_or_insert_default();
    known.executed = provider.executed;
    known.result_metadata.clone_from(&provider.metadata);
}

fn fail(call: &mut ToolCallContent, error: &StepError, result: Option<&serde_json::Value>) {
    let (structured, content) = match &mut call.state {
        CallState::Running {
            structured, content, ..
        } => (std::mem::take(structured), std::mem::take(content)),
        _ => (Object::new(), Vec::new()),
    };
    call.state = CallState::Error {
        input: call.input(),
        content,
        structured,
        error: error.clone(),
        result: result.cloned(),
    };
}
