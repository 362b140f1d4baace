//! The `task` tool: gives a task to another agent, and waits for its answer or lets it work in the background
//! (reference `tools.md` §3, task).
//!
//! Everything about the other agent — whether there is one of that name, its session, how deep tasks may
//! nest, what it may do — is the engine's business ([`Host::delegate`](crate::Host::delegate)).

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opencode_schema::{Object, SessionId};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::contract::{
    Ask, Call, Definition, Delegated, Failure, Output, Progress, Scope, Subagent, Tool, arguments, schema_of,
};

/// Name of the tool.
pub const NAME: &str = "task";
const DESCRIPTION: &str = include_str!("descriptions/task.md");
const BACKGROUND: &str = include_str!("descriptions/task_background.md");

/// What a model is told instead of an answer.
const BEGUN: &str = "The task goes on in the background; you are told when it ends. Do not wait, ask for it or do \
    the same work meanwhile. Work on something else, or tell the user what you started and end your answer.";
const EXTENDED: &str = "The task runs in the background and gets this next; you are told when it ends. Do not wait, \
    ask for it or do the same work meanwhile. Work on something else, or tell the user and end your answer.";

/// The `task` tool.
#[derive(Clone, Copy, Debug, Default)]
pub struct Task {
    /// Whether tasks may run in the background.
    pub background: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Arguments {
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
    /// Not to wait for the task: you are told when it ends
    background: Option<bool>,
}

impl Tool for Task {
    fn name(&self) -> &str {
        NAME
    }

    fn definition(&self, scope: &Scope) -> Definition {
        self.described(scope, schema_of::<Arguments>())
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        delegate(*self, call, input).boxed()
    }
}

impl Task {
    /// With arguments in the form of one kind of sessions.
    pub(crate) fn described(&self, scope: &Scope, mut parameters: Value) -> Definition {
        let mut description = DESCRIPTION.to_owned();
        if self.background {
            description.push_str(BACKGROUND);
        } else if let Some(properties) = parameters["properties"].as_object_mut() {
            properties.shift_remove("background");
        }
        let agents: String = scope.subagents.iter().map(line).collect();
        if !agents.is_empty() {
            description = format!("{description}\nAgents:{agents}");
        }
        Definition {
            description,
            parameters,
        }
    }
}

fn line(agent: &Subagent) -> String {
    let description = agent
        .description
        .as_deref()
        .unwrap_or("To be used only when the user asks for it.");
    format!("\n- {}: {description}", agent.name)
}

async fn delegate(tool: Task, call: &Call, input: Value) -> Result<Output, Failure> {
    let arguments: Arguments = arguments(NAME, input)?;
    let background = arguments.background == Some(true);
    if background && !tool.background {
        return Err(Failure::told(
            "Tasks run in the background only where OPENCODE_EXPERIMENTAL_BACKGROUND_SUBAGENTS=true is set. \
             Call again without `background`.",
        ));
    }
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
                background,
            },
        )
        .await?;
    Ok(Output {
        title,
        output: report(&delegated),
        metadata: delegated.metadata,
        ..Output::default()
    })
}

/// What the model is told of a task that it gave.
#[must_use]
pub fn report(delegated: &Delegated) -> String {
    let id = &delegated.session_id;
    match &delegated.progress {
        Progress::Done(text) => block(id, "completed", None, text),
        Progress::Begun => block(id, "running", Some("Background task started"), BEGUN),
        Progress::Extended => block(id, "running", Some("Background task updated"), EXTENDED),
    }
}

/// What a session is told when a task that it does not wait for has ended.
#[must_use]
pub fn notice(id: &SessionId, description: &str, result: Result<&str, &str>) -> String {
    match result {
        Ok(text) => {
            let summary = format!("Background task completed: {description}");
            block(id, "completed", Some(&summary), text)
        }
        Err(reason) => {
            let summary = format!("Background task failed: {description}");
            block(id, "error", Some(&summary), reason)
        }
    }
}

/// What a session is told of a task in the background whose program ended before it did.
#[must_use]
pub fn lost(id: &SessionId, description: &str) -> String {
    let summary = format!("Background task lost: {description}");
    let reason = format!(
        "The program ended while this task was worked on. What was done until then is kept: go on with it by \
         `task_id` {id} if its result is still needed."
    );
    block(id, "lost", Some(&summary), &reason)
}

fn block(id: &SessionId, state: &str, summary: Option<&str>, text: &str) -> String {
    let tag = if matches!(state, "error" | "lost") {
        "task_error"
    } else {
        "task_result"
    };
    let summary = summary.map_or_else(String::new, |summary| format!("<summary>{summary}</summary>\n"));
    format!("<task id=\"{id}\" state=\"{state}\">\n{summary}<{tag}>\n{text}\n</{tag}>\n</task>")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::testing::Bench;

    #[tokio::test]
    async fn the_answer_comes_back_with_its_session() {
        let bench = Bench::delegating(|task| {
            Ok(Delegated {
                session_id: SessionId::trusted("ses_child"),
                progress: match task.background {
                    false => Progress::Done(format!("done: {}", task.prompt)),
                    true => Progress::Begun,
                },
                metadata: Object::from_iter([("sessionId".to_owned(), "ses_child".into())]),
            })
        });
        let input =
            json!({"description": "look", "prompt": "count", "subagent_type": "general", "task_id": ""});
        let output = bench.run(&Task::default(), input).await.unwrap();
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
        assert_eq!(bench.run(&Task::default(), input).await, Err(Failure::told("no")));
        assert_eq!(bench.recorded().tasks, []);
    }

    #[test]
    fn agents_are_listed() {
        let mut bench = Bench::new();
        assert_eq!(Task::default().definition(&bench.scope).description, DESCRIPTION);
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
            Task::default().definition(&bench.scope).description,
            format!(
                "{DESCRIPTION}\nAgents:\n- explore: Searches.\n- mine: To be used only when the user asks for it."
            )
        );
    }

    #[test]
    fn parameters() {
        let scope = Bench::new().scope;
        insta::assert_json_snapshot!(Task::default().definition(&scope).parameters, @r#"
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

    #[test]
    fn the_background_is_offered_where_it_is_switched_on() {
        let scope = Bench::new().scope;
        let definition = Task { background: true }.definition(&scope);
        assert_eq!(definition.description, format!("{DESCRIPTION}{BACKGROUND}"));
        insta::assert_json_snapshot!(definition.parameters["properties"]["background"], @r#"
        {
          "type": "boolean",
          "description": "Not to wait for the task: you are told when it ends"
        }
        "#);
    }

    #[tokio::test]
    async fn the_background_is_refused_where_it_is_switched_off() {
        let bench = Bench::new();
        let input =
            json!({"description": "d", "prompt": "p", "subagent_type": "general", "background": true});
        let refused = bench.run(&Task::default(), input.clone()).await.unwrap_err();
        assert!(refused.to_string().contains("BACKGROUND_SUBAGENTS"), "{refused}");
        assert_eq!(
            (bench.recorded().asks.len(), bench.recorded().tasks.len()),
            (0, 0)
        );
    }

    #[test]
    fn tasks_in_the_background_are_told_of() {
        let id = SessionId::trusted("ses_child");
        insta::assert_snapshot!(notice(&id, "look", Ok("found")), @r#"
        <task id="ses_child" state="completed">
        <summary>Background task completed: look</summary>
        <task_result>
        found
        </task_result>
        </task>
        "#);
        insta::assert_snapshot!(notice(&id, "look", Err("no model")), @r#"
        <task id="ses_child" state="error">
        <summary>Background task failed: look</summary>
        <task_error>
        no model
        </task_error>
        </task>
        "#);
        let begun = |progress| {
            report(&Delegated {
                session_id: id.clone(),
                progress,
                metadata: Object::new(),
            })
        };
        for (progress, summary) in [
            (Progress::Begun, "<summary>Background task started</summary>"),
            (Progress::Extended, "<summary>Background task updated</summary>"),
        ] {
            let text = begun(progress);
            assert!(
                text.starts_with("<task id=\"ses_child\" state=\"running\">\n"),
                "{text}"
            );
            assert!(text.contains(summary), "{text}");
        }
    }
}
