//! The `todoread` tool: the session's list of things to do. Off until configuration names it.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::contract::{Ask, Call, Definition, Failure, Output, Scope, Tool, arguments};
use crate::todowrite::listed;

/// The name of the tool.
pub const NAME: &str = "todoread";

/// The `todoread` tool.
#[derive(Clone, Copy, Debug, Default)]
pub struct Todoread;

#[derive(Debug, Deserialize, JsonSchema)]
struct Arguments {}

impl Tool for Todoread {
    fn name(&self) -> &str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        Definition::of::<Arguments>(include_str!("descriptions/todoread.md"))
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        read(call, input).boxed()
    }
}

async fn read(call: &Call, input: Value) -> Result<Output, Failure> {
    let Arguments {} = arguments(NAME, input)?;
    call.ask(Ask {
        permission: NAME.into(),
        patterns: vec!["*".into()],
        always: vec!["*".into()],
        ..Ask::default()
    })
    .await?;
    listed(&call.host.todos(call).await?)
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::testing::Bench;
    use crate::todowrite::Todowrite;

    #[tokio::test]
    async fn what_was_written_is_read() {
        let bench = Bench::new();
        let empty = bench.run(&Todoread, json!({})).await.unwrap();
        assert_eq!((empty.title.as_str(), empty.output.as_str()), ("0 todos", "[]"));
        let todos = json!([{ "content": "a", "status": "pending", "priority": "low" }]);
        let written = bench.run(&Todowrite, json!({ "todos": todos })).await.unwrap();
        assert_eq!(bench.run(&Todoread, json!({})).await.unwrap(), written);
        assert_eq!(bench.recorded().asks[0].permission, "todoread");
    }
}
