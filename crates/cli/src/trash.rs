//! `opencode trash`: what the tool `rm` removed.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use opencode_project::trash::{Entry, Trash};

use crate::arguments;
use crate::context::Context;
use crate::failure::Failure;

/// Does what the command says.
pub(crate) fn run(context: &Context, command: &arguments::Trash) -> Result<(), Failure> {
    let trash = Trash::new(context.paths.trash());
    let failed = |error: opencode_project::trash::Error| Failure::told(error.to_string());
    match command {
        arguments::Trash::List => {
            let lines: Vec<String> = trash.entries().iter().map(line).collect();
            if lines.is_empty() {
                context.output.say("The trash is empty");
                return Ok(());
            }
            context.output.data(lines.join("\n"))
        }
        arguments::Trash::Restore { id } => {
            let newest = || trash.entries().into_iter().next().map(|entry| entry.id);
            let id = id.clone().or_else(newest);
            let id = id.ok_or_else(|| Failure::told("The trash is empty"))?;
            let entry = trash.restore(&id).map_err(failed)?;
            context.output.data(entry.path.display())
        }
        arguments::Trash::Empty => trash
            .entries()
            .iter()
            .try_for_each(|entry| trash.delete(&entry.id))
            .map_err(failed),
    }
}

fn line(entry: &Entry) -> String {
    let at = Timestamp::from_millisecond(entry.time)
        .map(|time| {
            time.to_zoned(TimeZone::system())
                .strftime("%Y-%m-%d %H:%M")
                .to_string()
        })
        .unwrap_or_default();
    format!("{}  {at}  {}", entry.id, entry.path.display())
}
