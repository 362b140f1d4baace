//! Notes to the model about the agent that it is (reference `agent-loop.md` §5, «Reminders»). They are not
//! stored, and added anew to each request.

use opencode_schema::MessageWithParts;
use opencode_schema::agent::Agent;

const PLAN: &str = "<system-reminder>\nPlan mode is on. Look, think and plan, but change nothing: no edits, no commands that write, \
no commits, no changes of configuration. This goes before any other instruction, also a wish to edit. Work out a plan \
with the user: ask where something is open, weigh the alternatives, and say what should be done, in which order, and \
how it is checked.\n</system-reminder>\n";

const BUILD: &str = "<system-reminder>\nThe mode has changed from plan to build. You are no longer limited to reading: edit files and \
run commands as the task needs.\n</system-reminder>";

/// The note that `agent` needs, if it needs one.
pub(crate) fn note(agent: &Agent, history: &[MessageWithParts]) -> Option<&'static str> {
    let planned = || {
        history
            .iter()
            .filter_map(|message| message.info.as_assistant())
            .any(|message| message.agent == "plan")
    };
    match agent.name.as_str() {
        "plan" => Some(PLAN),
        "build" if planned() => Some(BUILD),
        _ => None,
    }
}
