//! The only place that writes to the terminal. Data goes to standard output, everything else to standard
//! error; colours only where somebody looks and has not forbidden them.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use clap::builder::StyledStr;
use opencode_config::Environment;

use crate::failure::Failure;

/// Where and how to write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    colored: bool,
    terminal: bool,
}

/// What a text means; how that looks is decided here.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Style {
    /// As it is.
    Plain,
    /// Less important.
    Dim,
    /// Something needs attention.
    Warning,
    /// Something failed.
    Danger,
    /// Less important and not said aloud.
    Thought,
}

impl Output {
    pub(crate) fn new(environment: &Environment) -> Self {
        let wanted = environment.get("NO_COLOR").is_none() && environment.get("TERM") != Some("dumb");
        Self {
            colored: wanted && std::io::stderr().is_terminal(),
            terminal: std::io::stdout().is_terminal(),
        }
    }

    /// Whether a person reads standard output.
    pub(crate) fn is_terminal(self) -> bool {
        self.terminal
    }

    /// `text` in a style.
    pub(crate) fn styled(self, style: Style, text: impl Display) -> String {
        let code = match style {
            Style::Plain => return text.to_string(),
            Style::Dim => "90",
            Style::Warning => "93;1",
            Style::Danger => "91;1",
            Style::Thought => "90;3",
        };
        if self.colored {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_string()
        }
    }

    /// The same for standard output.
    pub(crate) fn styled_data(self, style: Style, text: impl Display) -> String {
        Self {
            colored: self.colored && self.terminal,
            ..self
        }
        .styled(style, text)
    }

    /// Help and the like with its own styles.
    pub(crate) fn rendered(self, text: &StyledStr) -> String {
        if self.colored {
            text.ansi().to_string()
        } else {
            text.to_string()
        }
    }

    /// A line of data. What cannot be written is told; only when the reader has gone is nobody left to tell.
    pub(crate) fn data(self, line: impl Display) -> Result<(), Failure> {
        self.piece(format_args!("{line}\n"))
    }

    /// Data that is no whole line yet.
    pub(crate) fn piece(self, text: impl Display) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        match write!(out, "{text}").and_then(|()| out.flush()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(Failure::told(format!("cannot write to standard output: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Standard output for a protocol, which nothing else may write to meanwhile.
    pub(crate) fn stream(self) -> tokio::io::Stdout {
        tokio::io::stdout()
    }

    /// The beginning of a line, behind which the user writes.
    pub(crate) fn ask(self, text: impl Display) {
        let mut out = std::io::stderr().lock();
        let _ = write!(out, "{text}").and_then(|()| out.flush());
    }

    /// A line of talk.
    pub(crate) fn say(self, line: impl Display) {
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }

    /// An error, with what to do about it in lines of their own.
    pub(crate) fn error(self, text: impl Display) {
        self.say(format_args!("{}{text}", self.styled(Style::Danger, "Error: ")));
    }

    /// Something that needs attention.
    pub(crate) fn warning(self, text: impl Display) {
        self.say(format_args!("{} {text}", self.styled(Style::Warning, "!")));
    }
}
