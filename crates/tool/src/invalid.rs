//! The `invalid` tool: what becomes of a call that no tool can take (reference `tools.md` §3, invalid).
//!
//! No model is told of it. The engine puts it in the place of a tool that does not exist, or of arguments
//! that are no JSON, so that the model reads what was wrong and goes on.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::contract::{Call, Definition, Failure, Output, Scope, Tool, arguments};

/// Name of the tool; no model is told of it.
pub const NAME: &str = "invalid";

/// The `invalid` tool.
#[derive(Clone, Copy, Debug, Default)]
pub struct Invalid;

#[derive(Debug, Deserialize, JsonSchema)]
struct Arguments {
    /// Name that was called
    #[expect(dead_code, reason = "stored with the call, for people")]
    tool: String,
    /// What was wrong
    error: String,
}

impl Tool for Invalid {
    fn name(&self) -> &str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        Definition::of::<Arguments>("Not to be called.")
    }

    fn run<'a>(&'a self, _call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        async move {
            let Arguments { error, .. } = arguments(NAME, input)?;
            Ok(Output {
                title: "Invalid Tool".into(),
                output: format!("The arguments provided to the tool are invalid: {error}"),
                ..Output::default()
            })
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::testing::Bench;

    #[tokio::test]
    async fn says_what_was_wrong_as_a_result() {
        let bench = Bench::new();
        let output = bench
            .run(&Invalid, json!({"tool": "x", "error": "no such tool"}))
            .await
            .unwrap();
        assert_eq!(output.title, "Invalid Tool");
        assert_eq!(
            output.output,
            "The arguments provided to the tool are invalid: no such tool"
        );
        assert_eq!(bench.recorded(), crate::testing::Recorded::default());
    }
}
