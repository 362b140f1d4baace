//! A call of a tool with what plugins have to say before and after it.

use opencode_plugin::{Error, Hook};
use opencode_tool::mcp::dispatch;
use opencode_tool::{Call, Failure, Output};
use serde_json::Value;

use super::{CallOf, Hooks};

/// What plugins are told of calls.
#[derive(Clone, Default)]
pub(crate) struct Around {
    hooks: Hooks,
    /// The tool is that of a server, whose results have a form of their own.
    is_of_server: bool,
}

impl Around {
    pub(crate) fn new(hooks: &Hooks, is_of_server: impl FnOnce() -> bool) -> Self {
        Self {
            is_of_server: hooks.has(Hook::ToolExecuteAfter) && is_of_server(),
            hooks: hooks.clone(),
        }
    }

    /// The arguments as plugins want them.
    ///
    /// # Errors
    /// A plugin does not want the call, and why.
    pub(crate) async fn before(&self, call: &Call, tool: &str, mut input: Value) -> Result<Value, Failure> {
        if !self.hooks.has(Hook::ToolExecuteBefore) {
            return Ok(input);
        }
        match called_through(tool, &mut input) {
            Some((inner, arguments)) => {
                let of = of(call, &inner);
                let changed = self.hooks.tool_before(&of, arguments, &call.cancel);
                let changed = changed.await.map_err(failure)?;
                if let Some(input) = input.as_object_mut() {
                    input.insert(ARGUMENTS.to_owned(), changed);
                }
                Ok(input)
            }
            None => {
                let of = of(call, tool);
                let changed = self.hooks.tool_before(&of, input, &call.cancel);
                changed.await.map_err(failure)
            }
        }
    }

    /// The result as plugins want it.
    ///
    /// # Errors
    /// A plugin does not let it pass, and why.
    pub(crate) async fn after(
        &self,
        call: &Call,
        tool: &str,
        mut input: Value,
        output: Output,
    ) -> Result<Output, Failure> {
        if !self.hooks.has(Hook::ToolExecuteAfter) {
            return Ok(output);
        }
        let (tool, arguments) = match called_through(tool, &mut input) {
            Some(inner) => inner,
            None => (tool.to_owned(), input),
        };
        let of = of(call, &tool);
        let changed = self
            .hooks
            .tool_after(&of, &arguments, output, self.is_of_server, &call.cancel);
        changed.await.map_err(failure)
    }
}

/// The field of a call through another tool that holds its arguments.
const ARGUMENTS: &str = "arguments";

/// The tool that is called through the one that calls deferred tools, with its arguments, which are taken out.
fn called_through(tool: &str, input: &mut Value) -> Option<(String, Value)> {
    if tool != dispatch::NAME {
        return None;
    }
    let inner = input.get("tool")?.as_str()?.to_owned();
    let arguments = input
        .get_mut(ARGUMENTS)
        .filter(|arguments| arguments.is_object())?;
    Some((inner, arguments.take()))
}

fn of(call: &Call, tool: &str) -> CallOf {
    CallOf {
        tool: tool.to_owned(),
        session_id: call.session_id.clone(),
        call_id: call.call_id.clone(),
    }
}

/// A plugin's no is what the model is told.
pub(crate) fn failure(error: Error) -> Failure {
    match error {
        Error::Stopped { .. } => Failure::Aborted,
        error => Failure::Told(error.to_string()),
    }
}
