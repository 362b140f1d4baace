//! The `batch` tool: several calls of other tools at once. Off until configuration names it.

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use opencode_schema::Object;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::contract::{Call, Definition, Failure, Output, Scope, Tool, arguments};

/// The name of the tool.
pub const NAME: &str = "batch";
/// Calls in one.
const MOST_CALLS: usize = 25;

/// The `batch` tool.
#[derive(Clone, Copy, Debug, Default)]
pub struct Batch;

#[derive(Debug, Deserialize, JsonSchema)]
struct Arguments {
    /// What to call
    tool_calls: Vec<Item>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Item {
    /// Name of the tool
    tool: String,
    /// Its arguments
    parameters: Object,
}

impl Tool for Batch {
    fn name(&self) -> &str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        Definition::of::<Arguments>(include_str!("descriptions/batch.md"))
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        run(call, input).boxed()
    }
}

async fn run(call: &Call, input: Value) -> Result<Output, Failure> {
    let Arguments { tool_calls } = arguments(NAME, input)?;
    let count = tool_calls.len();
    if count == 0 || count > MOST_CALLS {
        return Err(Failure::told(format!(
            "Give 1 to {MOST_CALLS} calls, not {count}"
        )));
    }
    let work = tool_calls.iter().map(|item| async {
        if item.tool == NAME {
            return Err(Failure::told("batch cannot be called by batch"));
        }
        let input = Value::Object(item.parameters.clone());
        call.host.call_tool(call, &item.tool, input).await
    });
    let results = join_all(work).await;
    let mut sections = Vec::with_capacity(count);
    let mut details = Vec::with_capacity(count);
    let mut attachments = Vec::new();
    let mut failed = 0;
    for (number, (item, result)) in (1..).zip(tool_calls.iter().zip(results)) {
        let tool = &item.tool;
        match result {
            Ok(output) => {
                sections.push(format!(
                    "<result number=\"{number}\" tool=\"{tool}\">\n{}\n</result>",
                    output.output
                ));
                details.push(json!({ "tool": tool, "success": true, "title": output.title, "metadata": output.metadata }));
                attachments.extend(output.attachments);
            }
            // Who stops the turn or says no means all of it.
            Err(failure @ (Failure::Aborted | Failure::Rejected(_))) => return Err(failure),
            Err(failure) => {
                failed += 1;
                sections.push(format!(
                    "<error number=\"{number}\" tool=\"{tool}\">\n{failure}\n</error>"
                ));
                details.push(json!({ "tool": tool, "success": false, "error": failure.to_string() }));
            }
        }
    }
    Ok(Output {
        title: format!("{} of {count} calls succeeded", count - failed),
        output: sections.join("\n\n"),
        metadata: Object::from_iter([("details".to_owned(), details.into())]),
        attachments,
        ..Output::default()
    })
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::testing::Bench;

    #[tokio::test]
    async fn results_come_in_order_and_failures_do_not_stop_the_rest() {
        let bench = Bench::new();
        let path = bench.write("a.txt", "text");
        let call = |tool: &str, parameters: Value| json!({ "tool": tool, "parameters": parameters });
        let calls = [
            call("todoread", json!({})),
            call("batch", json!({ "tool_calls": [] })),
            call("read", json!({ "filePath": path })),
            call("nothing", json!({})),
        ];
        let output = bench.run(&Batch, json!({ "tool_calls": calls })).await.unwrap();
        assert_eq!(output.title, "2 of 4 calls succeeded");
        let parts: Vec<&str> = output.output.split("\n\n<").collect();
        assert_eq!(parts[0], "<result number=\"1\" tool=\"todoread\">\n[]\n</result>");
        assert_eq!(
            parts[1],
            "error number=\"2\" tool=\"batch\">\nbatch cannot be called by batch\n</error>"
        );
        assert!(parts[2].contains("1: text"), "{}", parts[2]);
        assert_eq!(
            output.metadata["details"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| &one["success"])
                .collect::<Vec<_>>(),
            [true, false, true, false]
        );
    }

    #[tokio::test]
    async fn a_no_of_the_user_ends_all() {
        let bench = Bench::asking(|_| Err(Failure::Rejected("no".into())));
        let calls = json!([{ "tool": "todoread", "parameters": {} }]);
        let failure = bench
            .run(&Batch, json!({ "tool_calls": calls }))
            .await
            .unwrap_err();
        assert_eq!(failure, Failure::Rejected("no".into()));
    }

    #[tokio::test]
    async fn too_many_are_refused() {
        for count in [0, 26] {
            let calls = vec![json!({ "tool": "todoread", "parameters": {} }); count];
            let failure = Bench::new()
                .run(&Batch, json!({ "tool_calls": calls }))
                .await
                .unwrap_err();
            assert_eq!(failure.to_string(), format!("Give 1 to 25 calls, not {count}"));
        }
    }
}
