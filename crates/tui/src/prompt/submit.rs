//! What is sent: the requests of a prompt (reference `tui.md` §7 and §9).

use serde_json::{Value, json};

use super::part::{Part, Placed};

/// Words that end the program when they stand alone.
pub(super) const EXIT_WORDS: &[&str] = &["exit", "quit", ":q"];

/// A prompt that is ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Submission {
    /// Words for the agent, and what is attached to them.
    Message {
        /// In the form of the request.
        parts: Vec<Value>,
    },
    /// A command of the server.
    Command {
        /// Its name.
        command: String,
        /// What stands behind it.
        arguments: String,
        /// Files that are attached.
        parts: Vec<Value>,
    },
    /// A command line.
    Shell {
        /// All of it.
        command: String,
    },
}

/// Who is to answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Choice {
    /// The agent's name.
    pub(crate) agent: String,
    /// The provider's id.
    pub(crate) provider: String,
    /// The model's id.
    pub(crate) model: String,
    /// One of the model's variants.
    pub(crate) variant: Option<String>,
}

impl Submission {
    /// The words of the prompt with what is folded in them.
    pub(super) fn message(text: &str, parts: &[Placed]) -> Self {
        let mut wire = vec![json!({"type": "text", "text": text})];
        let attached = parts
            .iter()
            .filter(|placed| !matches!(placed.part, Part::Text { .. }));
        wire.extend(attached.map(Placed::to_wire));
        Self::Message { parts: wire }
    }

    /// The command that a text calls, if `is_known` knows one of its name.
    pub(super) fn command(text: &str, parts: &[Placed], is_known: impl Fn(&str) -> bool) -> Option<Self> {
        let text = text.strip_prefix('/')?;
        let (line, more) = match text.split_once('\n') {
            Some((line, more)) => (line, Some(more)),
            None => (text, None),
        };
        let (command, arguments) = line.split_once(' ').unwrap_or((line, ""));
        if !is_known(command) {
            return None;
        }
        let mut arguments = arguments.to_owned();
        if let Some(more) = more.filter(|more| !more.is_empty()) {
            arguments.push('\n');
            arguments.push_str(more);
        }
        let files = parts.iter().filter(|placed| matches!(placed.part, Part::File(_)));
        Some(Self::Command {
            command: command.to_owned(),
            arguments,
            parts: files.map(Placed::to_wire).collect(),
        })
    }

    /// The path and the body of the request that sends it to a session.
    pub(crate) fn request(&self, session: &str, choice: &Choice) -> (String, Value) {
        let model = json!({"providerID": choice.provider, "modelID": choice.model});
        let (what, mut body) = match self {
            Self::Message { parts } => {
                let mut body = json!({"agent": choice.agent, "model": model});
                set_variant(&mut body, choice);
                body["parts"] = parts.as_slice().into();
                ("message", body)
            }
            Self::Command {
                command,
                arguments,
                parts,
            } => {
                let mut body = json!({
                    "command": command,
                    "arguments": arguments,
                    "agent": choice.agent,
                    "model": format!("{}/{}", choice.provider, choice.model),
                });
                set_variant(&mut body, choice);
                body["parts"] = parts.as_slice().into();
                ("command", body)
            }
            Self::Shell { command } => (
                "shell",
                json!({"agent": choice.agent, "model": model, "command": command}),
            ),
        };
        (format!("/session/{session}/{what}"), body.take())
    }
}

fn set_variant(body: &mut Value, choice: &Choice) {
    if let Some(variant) = &choice.variant {
        body["variant"] = variant.as_str().into();
    }
}
