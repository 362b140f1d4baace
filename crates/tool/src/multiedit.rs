//! The `multiedit` tool: several replacements in one file, all of them or none. Off until configuration names it.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::contract::{Call, Definition, Failure, Output, Scope, Tool, arguments};
use crate::edit::{Replacement, edit};

/// The name of the tool.
pub const NAME: &str = "multiedit";
/// Replacements of one call.
const MOST_EDITS: usize = 1000;

/// Makes several replacements in one file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Multiedit;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Arguments {
    /// Absolute path
    file_path: String,
    /// What to replace, in order
    edits: Vec<Replacement>,
}

impl Tool for Multiedit {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        Definition::of::<Arguments>(include_str!("descriptions/multiedit.md"))
    }

    fn permission(&self) -> &'static str {
        "edit"
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        run(call, input).boxed()
    }
}

async fn run(call: &Call, input: Value) -> Result<Output, Failure> {
    let Arguments { file_path, edits } = arguments(NAME, input)?;
    if edits.is_empty() || edits.len() > MOST_EDITS {
        return Err(Failure::told(format!(
            "Give 1 to {MOST_EDITS} edits, not {}",
            edits.len()
        )));
    }
    edit(call, &file_path, edits).await
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::testing::Bench;

    fn replace(old: &str, new: &str) -> Value {
        json!({ "oldString": old, "newString": new })
    }

    #[tokio::test]
    async fn each_builds_on_those_before_and_one_question_is_asked() {
        let bench = Bench::new();
        bench.write("a.txt", "one\ntwo\nthree\n");
        let edits = [
            replace("one", "1"),
            replace("1\ntwo", "1\n2"),
            replace("three", "3"),
        ];
        let output = bench
            .run(&Multiedit, json!({ "filePath": "a.txt", "edits": edits }))
            .await
            .unwrap();
        assert_eq!(bench.read("a.txt"), "1\n2\n3\n");
        assert_eq!(output.title, "a.txt");
        assert_eq!(
            (
                &output.metadata["filediff"]["additions"],
                &output.metadata["filediff"]["deletions"]
            ),
            (&json!(3), &json!(3))
        );
        let asks = bench.recorded().asks;
        assert_eq!(
            asks.iter().map(|ask| ask.permission.as_str()).collect::<Vec<_>>(),
            ["edit"]
        );
    }

    #[tokio::test]
    async fn a_new_file_begins_with_its_first_text() {
        let bench = Bench::new();
        let edits = [replace("", "a b"), replace("b", "c")];
        bench
            .run(&Multiedit, json!({ "filePath": "new.txt", "edits": edits }))
            .await
            .unwrap();
        assert_eq!(bench.read("new.txt"), "a c");
    }

    #[tokio::test]
    async fn one_that_fails_leaves_all_as_it_was() {
        let bench = Bench::new();
        bench.write("a.txt", "one two");
        for (edits, wanted) in [
            (
                vec![replace("one", "1"), replace("none", "x")],
                "Edit 2 of 2: Could not find oldString",
            ),
            (
                vec![replace("one", "1"), replace("two", "two")],
                "Edit 2 of 2: No changes to apply",
            ),
            (vec![], "Give 1 to 1000 edits, not 0"),
        ] {
            let failure = bench
                .run(&Multiedit, json!({ "filePath": "a.txt", "edits": edits }))
                .await
                .unwrap_err();
            assert!(failure.to_string().starts_with(wanted), "{failure}");
            assert_eq!(bench.read("a.txt"), "one two");
        }
        assert_eq!(bench.recorded().asks, []);
    }
}
