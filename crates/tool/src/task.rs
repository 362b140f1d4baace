//! The `task` tool: gives a task to another agent and waits for its answer (reference `tools.md` §3,
//! task).
//!
//! Everything about the other agent — whether there is one of that name, its session, how deep tasks may
//! nest, what it may do — is the engine's business ([`Host::delegate`](crate::Host::delegate)).

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opencode_schema::Object;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::contract::{
    Ask, Call, Definition, Delegated, Failure, Output, Scope, Subagent, Tool, arguments, schema_of,
};

/// Name of the tool.
pub const NAME: &str = "task";
const DESCRIPTION: &str = include_str!("descriptions/task.md");

/// The `task` tool.
#[derive(Clone, Copy, Debug, Default)]
pub struct Task;

#[derive(Debug, Deserialize, JsonSchema)]
struct Arguments {
    /// The task in three to five words
    description: String,
    /// What the agent should do, with all that it has to know
    prompt: String,
    /// Which agent
    subagent_type: String,
    /// Only to go on with an earlier task: the id that its result told
    task_id: Option<String>,
    /// Command that the task comes from
    command: Option<String>,
}

impl Tool for Task {
    fn name(&self) -> &str {
        NAME
    }

    fn definition(&self, scope: &Scope) -> Definition {
        let agents: String = scope.subagents.iter().map(line).collect();
        let description = if agents.is_empty() {
            DESCRIPTION.to_owned()
        } else {
            format!("{DESCRIPTION}\nAgents:{agents}")
        };
        Definition {
            description,
            parameters: schema_of::<Arguments>(),
        }
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        delegate(call, input).boxed()
    }
}

fn line(agent: &Subagent) -> String {
    let description = agent
        .description
        .as_deref()
        .unwrap_or("To be used only when the user asks for it.");
    format!("\n- {}: {description}", agent.name)
}

async fn delegate(call: &Call, input: Value) -> Result<Output, Failure> {
    let arguments: Arguments = arguments(NAME, input)?;
    let text = |text: &str| Value::String(text.to_owned());
    call.ask(Ask {
        permission: NAME.into(),
        patterns: vec![arguments.subagent_type.clone()],
        always: vec!["*".into()],
        metadata: Object::from_iter([
            ("description".to_owned(), text(&arguments.description)),
            ("subagent_type".to_owned(), text(&arguments.subagent_type)),
        ]),
    })
    .await?;
    let title = arguments.description.clone();
    let delegated = call
        .host
        .delegate(
            call,
            crate::contract::Task {
                description: arguments.description,
                prompt: arguments.prompt,
                subagent: arguments.subagent_type,
                resume: arguments.task_id.filter(|id| !id.is_empty()),
                command: arguments.command,
            },
        )
        .await?;
    Ok(Output {
        title,
        output: report(&delegated),
        metadata: delegated.metadata,
        attachments: Vec::new(),
    })
}

/// What the model is told of a task that is done.
#[must_use]
pub fn report(delegated: &Delegated) -> String {
    format!(
        "<task id=\"{}\" state=\"completed\">\n<task_result>\n{}\n</task_result>\n</task>",
        delegated.session_id, delegated.text
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use opencode_schema::SessionId;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::testing::Bench;

    #[tokio::test]
    async fn the_answer_comes_back_with_its_session() {
        let bench = Bench::delegating(|task| {
            Ok(Delegated {
                session_id: SessionId::trusted("ses_child"),
                text: format!("done: {}", task.prompt),
                metadata: Object::from_iter([("sessionId".to_owned(), "ses_child".into())]),
            })
        });
        let input =
            json!({"description": "look", "prompt": "count", "subagent_type": "general", "task_id": ""});
        let output = bench.run(&Task, input).await.unwrap();
        assert_eq!(output.title, "look");
        assert_eq!(output.metadata["sessionId"], "ses_child");
        insta::assert_snapshot!(output.output, @r#"
        <task id="ses_child" state="completed">
        <task_result>
        done: count
        </task_result>
        </task>
        "#);
        let recorded = bench.recorded();
        assert_eq!(
            recorded.tasks,
            [crate::contract::Task {
                description: "look".into(),
                prompt: "count".into(),
                subagent: "general".into(),
                ..Default::default()
            }]
        );
        assert_eq!(recorded.asks[0].patterns, ["general"]);
        assert_eq!(
            Value::Object(recorded.asks[0].metadata.clone()),
            json!({"description": "look", "subagent_type": "general"})
        );
    }

    #[tokio::test]
    async fn a_no_gives_nothing_away() {
        let bench = Bench::asking(|_| Err(Failure::told("no")));
        let input = json!({"description": "d", "prompt": "p", "subagent_type": "general"});
        assert_eq!(bench.run(&Task, input).await, Err(Failure::told("no")));
        assert_eq!(bench.recorded().tasks, []);
    }

    #[test]
    fn agents_are_listed() {
        let mut bench = Bench::new();
        assert_eq!(Task.definition(&bench.scope).description, DESCRIPTION);
        bench.scope.subagents = Arc::from(vec![
            Subagent {
                name: "explore".into(),
                description: Some("Searches.".into()),
            },
            Subagent {
                name: "mine".into(),
                description: None,
            },
        ]);
        assert_eq!(
            Task.definition(&bench.scope).description,
            format!(
                "{DESCRIPTION}\nAgents:\n- explore: Searches.\n- mine: To be used only when the user asks for it."
            )
        );
    }

    #[test]
    fn parameters() {
        insta::assert_json_snapshot!(schema_of::<Arguments>(), @r#"
        {
          "type": "object",
          "properties": {
            "description": {
              "type": "string",
              "description": "The task in three to five words"
            },
            "prompt": {
              "type": "string",
              "description": "What the agent should do, with all that it has to know"
            },
            "subagent_type": {
              "type": "string",
              "description": "Which agent"
            },
            "task_id": {
              "type": "string",
              "description": "Only to go on with an earlier task: the id that its result told"
            },
            "command": {
              "type": "string",
              "description": "Command that the task comes from"
            }
          },
          "required": [
            "description",
            "prompt",
            "subagent_type"
          ],
          "$schema": "https://json-schema.org/draft/2020-12/schema"
        }
        "#);
    }
}
