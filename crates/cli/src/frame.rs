//! Answers that are drawn as a box on standard output (reference `cli.md` §1): a title, lines with a sign, an end.

use std::fmt::Display;

use crate::failure::Failure;
use crate::output::Output;

/// A box that is being drawn.
#[derive(Clone, Copy)]
pub(crate) struct Frame {
    output: Output,
}

impl Frame {
    /// Begins one.
    pub(crate) fn begin(output: Output, title: impl Display) -> Result<Self, Failure> {
        output.data(format_args!("┌  {title}\n│"))?;
        Ok(Self { output })
    }

    fn line(self, sign: char, text: &str) -> Result<(), Failure> {
        let text = text.replace('\n', "\n│  ");
        self.output.data(format_args!("{sign}  {text}\n│"))
    }

    /// Something to know.
    pub(crate) fn info(self, text: impl Display) -> Result<(), Failure> {
        self.line('●', &text.to_string())
    }

    /// A step that is done.
    pub(crate) fn step(self, text: impl Display) -> Result<(), Failure> {
        self.line('◇', &text.to_string())
    }

    /// Something that went well.
    pub(crate) fn success(self, text: impl Display) -> Result<(), Failure> {
        self.line('◆', &text.to_string())
    }

    /// Something to look at.
    pub(crate) fn warn(self, text: impl Display) -> Result<(), Failure> {
        self.line('▲', &text.to_string())
    }

    /// Something that went wrong.
    pub(crate) fn error(self, text: impl Display) -> Result<(), Failure> {
        self.line('■', &text.to_string())
    }

    /// Ends it.
    pub(crate) fn end(self, text: impl Display) -> Result<(), Failure> {
        self.output.data(format_args!("└  {text}\n"))
    }
}
