//! `question` of durable sessions: asks for permission first, since questions keep people from their work.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde_json::Value;

use super::schema;
use crate::contract::{Ask, Call, Definition, Failure, Output, Scope, Tool};
use crate::question::{DESCRIPTION, NAME, ask};

/// Asks the user.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Question;

/// Only described here; the tool of the same name reads them.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "stands for its schema")]
struct Arguments {
    /// What to ask
    questions: Vec<Prompt>,
}

#[derive(JsonSchema)]
#[schemars(rename = "QuestionV2.Prompt")]
#[expect(dead_code, reason = "stands for its schema")]
struct Prompt {
    /// The whole question
    question: String,
    /// The question in a word or two, at most 30 characters
    header: String,
    /// What can be chosen
    options: Vec<Choice>,
    multiple: Option<bool>,
}

#[derive(JsonSchema)]
#[schemars(rename = "QuestionV2.Option")]
#[expect(dead_code, reason = "stands for its schema")]
struct Choice {
    /// What the user sees, one to five words
    label: String,
    /// What choosing it means
    description: String,
}

impl Tool for Question {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        schema::definition::<Arguments>(DESCRIPTION)
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        run(call, input).boxed()
    }
}

async fn run(call: &Call, input: Value) -> Result<Output, Failure> {
    // Read before anybody is asked whether it may be asked.
    crate::question::read(input.clone())?;
    call.ask(Ask {
        permission: NAME.into(),
        patterns: vec!["*".into()],
        ..Ask::default()
    })
    .await?;
    ask(call, input).await
}
