//! `opencode completion`

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::arguments::{Arguments, Completion};
use crate::context::Context;
use crate::failure::Failure;

/// Prints a script that completes the command line of a shell.
pub(crate) fn run(context: &Context, arguments: &Completion) -> Result<(), Failure> {
    let used = context.environment.get("SHELL").and_then(Shell::from_shell_path);
    let shell = arguments.shell.or(used).unwrap_or(Shell::Bash);
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), "opencode", &mut script);
    context.output.data(String::from_utf8_lossy(&script).trim_end())?;
    Ok(())
}
