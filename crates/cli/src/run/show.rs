//! What `run` shows: for people, or as lines of JSON (reference `cli.md` §3.4–3.5).

use std::collections::HashSet;
use std::fmt::Display;
use std::path::PathBuf;

use opencode_schema::session::Status;
use opencode_schema::time::now;
use opencode_schema::{
    EventBody, Message, MessageError, MessageWithParts, Part, PartBody, PartId, SessionId, ToolState,
};
use serde_json::{Value, json};

use super::tool_line;
use crate::arguments::Format;
use crate::failure::Failure;
use crate::output::{Output, Style};

/// Shows what happens in a session.
pub(crate) struct Show {
    output: Output,
    session_id: SessionId,
    /// Paths are shown as seen from here.
    directory: PathBuf,
    format: Format,
    thinking: bool,
    introduced: bool,
    shown: HashSet<PartId>,
    /// Tasks whose beginning was shown.
    begun: HashSet<PartId>,
    failed: bool,
    /// Standard output cannot be written.
    broken: bool,
}

impl Show {
    pub(crate) fn new(
        output: Output,
        session_id: SessionId,
        directory: PathBuf,
        format: Format,
        thinking: bool,
    ) -> Self {
        Self {
            output,
            session_id,
            directory,
            format,
            thinking,
            introduced: false,
            shown: HashSet::new(),
            begun: HashSet::new(),
            failed: false,
            broken: false,
        }
    }

    /// Whether something failed.
    pub(crate) fn failed(&self) -> bool {
        self.failed
    }

    /// Whether that was because standard output cannot be written.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether lines of JSON are shown.
    pub(crate) fn is_for_programs(&self) -> bool {
        self.format == Format::Json
    }

    pub(crate) fn event(&mut self, event: &EventBody) {
        if event.session_id() != Some(&self.session_id) {
            return;
        }
        match event {
            EventBody::MessageUpdated { info, .. } => self.introduce(info),
            EventBody::PartUpdated { part, .. } => self.part(part),
            EventBody::SessionError {
                error: Some(error), ..
            } => self.error(error),
            EventBody::SessionStatus {
                status:
                    Status::Retry {
                        attempt,
                        message,
                        next,
                        ..
                    },
                ..
            } if self.format == Format::Default => {
                // Whole seconds, rounded up: «in 0 s» would say that nothing is waited for.
                let seconds = ((next - now() + 999) / 1000).max(1);
                self.output.warning(format_args!(
                    "{message}; trying again in {seconds} s (retry {attempt})"
                ));
            }
            _ => {}
        }
    }

    /// Shows what was not shown yet of these messages.
    pub(crate) fn transcript(&mut self, messages: &[MessageWithParts]) {
        let Some(prompt) = messages
            .iter()
            .rposition(|message| message.info.as_user().is_some())
        else {
            return;
        };
        for message in &messages[prompt + 1..] {
            self.introduce(&message.info);
            message.parts.iter().for_each(|part| self.part(part));
        }
    }

    fn introduce(&mut self, message: &Message) {
        let Some(assistant) = message.as_assistant() else {
            return;
        };
        if self.introduced || self.format == Format::Json {
            return;
        }
        self.introduced = true;
        self.output
            .say(format_args!("\n> {} · {}\n", assistant.agent, assistant.model_id));
    }

    fn part(&mut self, part: &Part) {
        let done = match &part.body {
            PartBody::Text(text) => text.time.as_ref().is_some_and(|time| time.end.is_some()),
            PartBody::Reasoning(reasoning) => self.thinking && reasoning.time.end.is_some(),
            PartBody::Tool(tool) => {
                if matches!(tool.state, ToolState::Running { .. })
                    && tool.tool == "task"
                    && self.begun.insert(part.id.clone())
                {
                    self.for_people(part);
                }
                tool.state.is_settled()
            }
            PartBody::StepStart(_) | PartBody::StepFinish(_) => true,
            _ => false,
        };
        if !done || !self.shown.insert(part.id.clone()) {
            return;
        }
        match self.format {
            Format::Json => self.line(kind(&part.body), "part", json!(part)),
            Format::Default => self.for_people(part),
        }
    }

    pub(crate) fn error(&mut self, error: &MessageError) {
        self.failed = true;
        match self.format {
            Format::Json => self.line("error", "error", json!(error)),
            Format::Default => self.output.error(error.message()),
        }
    }

    fn line(&mut self, kind: &str, key: &str, value: Value) {
        let mut line = json!({ "type": kind, "timestamp": now(), "sessionID": self.session_id });
        line[key] = value;
        self.data(line);
    }

    /// A line of standard output. That it cannot be written is told once, and makes the command fail; the
    /// turn goes on.
    fn data(&mut self, line: impl Display) {
        if let Err(failure) = self.output.data(line)
            && !std::mem::replace(&mut self.broken, true)
        {
            self.failed = true;
            self.output.error(failure);
        }
    }

    fn for_people(&mut self, part: &Part) {
        if self.format == Format::Json {
            return;
        }
        match &part.body {
            PartBody::Text(text) => self.words(Style::Plain, text.text.trim()),
            PartBody::Reasoning(reasoning) if !reasoning.text.trim().is_empty() => {
                self.words(Style::Thought, &format!("Thinking: {}", reasoning.text.trim()));
            }
            PartBody::Tool(tool) => {
                tool_line::of(tool, &self.directory).print(self.output);
                if let ToolState::Error { error, .. } = &tool.state {
                    self.output.error(error);
                }
            }
            _ => {}
        }
    }

    fn words(&mut self, style: Style, text: &str) {
        if text.is_empty() {
            return;
        }
        if !self.output.is_terminal() {
            return self.data(text);
        }
        self.output.say("");
        self.data(self.output.styled(style, text));
        self.output.say("");
    }
}

fn kind(body: &PartBody) -> &'static str {
    match body {
        PartBody::Text(_) => "text",
        PartBody::Reasoning(_) => "reasoning",
        PartBody::Tool(_) => "tool_use",
        PartBody::StepStart(_) => "step_start",
        _ => "step_finish",
    }
}

/// A line of JSON for an error that came before there was a session.
pub(super) fn lonely_error(output: Output, error: &MessageError) -> Result<(), Failure> {
    output.data(json!({ "type": "error", "timestamp": now(), "error": error }))
}
