//! The `todowrite` tool: replaces the session's list of things to do (reference `tools.md` §3, todowrite).

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opencode_schema::Object;
use opencode_schema::session::Todo;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::contract::{Ask, Call, Definition, Failure, Output, Scope, Tool, arguments};

pub(crate) const NAME: &str = "todowrite";
pub(crate) const DESCRIPTION: &str = include_str!("descriptions/todowrite.md");

/// The `todowrite` tool.
#[derive(Clone, Copy, Debug, Default)]
pub struct Todowrite;

#[derive(Debug, Deserialize, JsonSchema)]
struct Arguments {
    /// The whole list as it should be from now on
    todos: Vec<Item>,
}

// What status and priority may be is told and not enforced: a model that invents a value is understood.
#[derive(Debug, Deserialize, JsonSchema)]
struct Item {
    /// What to do, in few words
    content: String,
    /// pending, in_progress, completed or cancelled
    status: String,
    /// high, medium or low
    priority: String,
}

impl Tool for Todowrite {
    fn name(&self) -> &str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        Definition::of::<Arguments>(DESCRIPTION)
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        replace(call, input).boxed()
    }
}

/// Replaces the list.
pub(crate) async fn replace(call: &Call, input: Value) -> Result<Output, Failure> {
    let arguments: Arguments = arguments(NAME, input)?;
    call.ask(Ask {
        permission: NAME.into(),
        patterns: vec!["*".into()],
        always: vec!["*".into()],
        metadata: Object::new(),
    })
    .await?;
    let todos: Vec<Todo> = arguments
        .todos
        .into_iter()
        .map(
            |Item {
                 content,
                 status,
                 priority,
             }| Todo {
                content,
                status,
                priority,
            },
        )
        .collect();
    call.host.replace_todos(call, todos.clone()).await?;
    listed(&todos)
}

/// A list as models are told it.
pub(crate) fn listed(todos: &[Todo]) -> Result<Output, Failure> {
    let open = todos.iter().filter(|todo| todo.status != "completed").count();
    let failed = |error: serde_json::Error| Failure::told(format!("The list could not be written: {error}"));
    Ok(Output {
        title: format!("{open} todos"),
        output: serde_json::to_string_pretty(todos).map_err(failed)?,
        metadata: Object::from_iter([("todos".to_owned(), serde_json::to_value(todos).map_err(failed)?)]),
        ..Output::default()
    })
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::contract::schema_of;
    use crate::testing::Bench;

    #[tokio::test]
    async fn the_list_is_replaced_and_given_back() {
        let bench = Bench::new();
        let todos = json!([
            {"priority": "high", "content": "first", "status": "completed", "id": 1},
            {"content": "second", "status": "cancelled", "priority": "whenever"},
        ]);
        let output = bench.run(&Todowrite, json!({"todos": todos})).await.unwrap();
        assert_eq!(output.title, "1 todos");
        insta::assert_snapshot!(output.output, @r#"
        [
          {
            "content": "first",
            "status": "completed",
            "priority": "high"
          },
          {
            "content": "second",
            "status": "cancelled",
            "priority": "whenever"
          }
        ]
        "#);
        assert_eq!(
            output.metadata["todos"],
            serde_json::from_str::<Value>(&output.output).unwrap()
        );
        let recorded = bench.recorded();
        assert_eq!(
            recorded.todos,
            [serde_json::from_str::<Vec<Todo>>(&output.output).unwrap()]
        );
        assert_eq!(recorded.asks[0].patterns, ["*"]);
    }

    #[tokio::test]
    async fn an_empty_list_is_a_list() {
        let output = Bench::new().run(&Todowrite, json!({"todos": []})).await.unwrap();
        assert_eq!((output.title.as_str(), output.output.as_str()), ("0 todos", "[]"));
    }

    #[tokio::test]
    async fn a_no_changes_nothing() {
        let bench = Bench::asking(|_| Err(Failure::told("no")));
        bench.run(&Todowrite, json!({"todos": []})).await.unwrap_err();
        assert_eq!(bench.recorded().todos, Vec::<Vec<Todo>>::new());
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        let error = Bench::new()
            .run(&Todowrite, json!({"todos": [{"content": "a"}]}))
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("missing field `status` at `todos[0]`"),
            "{error}"
        );
    }

    #[test]
    fn parameters() {
        insta::assert_json_snapshot!(schema_of::<Arguments>(), @r#"
        {
          "type": "object",
          "properties": {
            "todos": {
              "type": "array",
              "items": {
                "type": "object",
                "properties": {
                  "content": {
                    "description": "What to do, in few words",
                    "type": "string"
                  },
                  "status": {
                    "description": "pending, in_progress, completed or cancelled",
                    "type": "string"
                  },
                  "priority": {
                    "description": "high, medium or low",
                    "type": "string"
                  }
                },
                "required": [
                  "content",
                  "status",
                  "priority"
                ]
              },
              "description": "The whole list as it should be from now on"
            }
          },
          "required": [
            "todos"
          ],
          "$schema": "https://json-schema.org/draft/2020-12/schema"
        }
        "#);
    }
}
