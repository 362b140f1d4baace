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

use super::growing::Growing;
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
    /// The text that is shown while it grows, where somebody watches.
    growing: Option<Growing>,
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
            growing: None,
        }
    }

    /// Shows texts while they grow.
    pub(crate) fn live(mut self) -> Self {
        self.growing = Some(Growing::default());
        self
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
            EventBody::PartDelta { part_id, delta, .. } => {
                if let Some(more) = self.growing.as_mut().and_then(|text| text.grow(part_id, delta)) {
                    self.piece(more);
                }
            }
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

    /// Shows messages from before.
    pub(crate) fn history(&mut self, messages: &[MessageWithParts]) {
        for message in messages {
            if message.info.as_user().is_some() {
                self.said(message);
                self.begin();
            } else {
                self.answer(message);
            }
        }
    }

    /// The next answer may be another agent's.
    pub(crate) fn begin(&mut self) {
        self.introduced = false;
    }

    /// What the user said; what was added for the model is not shown.
    fn said(&mut self, message: &MessageWithParts) {
        for part in &message.parts {
            if let PartBody::Text(text) = &part.body
                && text.synthetic != Some(true)
                && self.shown.insert(part.id.clone())
            {
                let words = text.text.trim().replace('\n', "\n  ");
                self.output
                    .say(self.output.styled(Style::Dim, format_args!("› {words}")));
            }
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
        messages[prompt + 1..]
            .iter()
            .for_each(|message| self.answer(message));
    }

    /// Shows what was not shown yet of an answer.
    pub(crate) fn answer(&mut self, message: &MessageWithParts) {
        self.introduce(&message.info);
        message.parts.iter().for_each(|part| self.part(part));
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
        if let (Some(growing), PartBody::Text(text)) = (&mut self.growing, &part.body)
            && text.time.as_ref().is_some_and(|time| time.end.is_none())
        {
            growing.begin(part.id.clone(), &text.text);
        }
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

    fn piece(&mut self, text: String) {
        let written = self.output.piece(text);
        self.check(written);
    }

    /// A line of standard output. That it cannot be written is told once, and makes the command fail; the
    /// turn goes on.
    fn data(&mut self, line: impl Display) {
        let written = self.output.data(line);
        self.check(written);
    }

    fn check(&mut self, written: Result<(), Failure>) {
        if let Err(failure) = written
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
            PartBody::Text(text) => {
                match self
                    .growing
                    .as_mut()
                    .and_then(|growing| growing.end(&part.id, &text.text))
                {
                    Some(rest) => self.data(rest),
                    None => self.words(Style::Plain, text.text.trim()),
                }
            }
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
