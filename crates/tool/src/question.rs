//! The `question` tool: asks the user while the turn waits (reference `tools.md` §3, question).

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opencode_schema::Object;
use opencode_schema::question::{Answer, Choice, Question as Asked};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::contract::{Call, Definition, Failure, Output, Scope, Tool, arguments};

/// The name that models call.
pub const NAME: &str = "question";
pub(crate) const DESCRIPTION: &str = include_str!("descriptions/question.md");
/// Stands for an answer that was not given.
const UNANSWERED: &str = "Unanswered";

/// The `question` tool.
#[derive(Clone, Copy, Debug, Default)]
pub struct Question;

#[derive(Debug, Deserialize, JsonSchema)]
struct Arguments {
    /// What to ask
    questions: Vec<Item>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Item {
    /// The whole question
    question: String,
    /// The question in a word or two, at most 30 characters
    header: String,
    /// What can be chosen
    options: Vec<ItemOption>,
    /// Whether several options can be chosen
    multiple: Option<bool>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ItemOption {
    /// What the user sees, one to five words
    label: String,
    /// What choosing it means
    description: String,
}

impl Tool for Question {
    fn name(&self) -> &str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        Definition::of::<Arguments>(DESCRIPTION)
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        ask(call, input).boxed()
    }
}

/// Asks the user, and tells the answers.
pub(crate) async fn ask(call: &Call, input: Value) -> Result<Output, Failure> {
    let questions = read(input)?;
    let answers = call.host.question(call, questions.clone()).await?;
    let title = match questions.len() {
        1 => "Asked 1 question".to_owned(),
        count => format!("Asked {count} questions"),
    };
    let answered: Vec<String> = questions
        .iter()
        .enumerate()
        .map(|(at, asked)| format!("\"{}\"=\"{}\"", asked.question, joined(answers.get(at))))
        .collect();
    Ok(Output {
        title,
        output: format!(
            "The user answered: {}. Go on with these answers in mind.",
            answered.join(", ")
        ),
        metadata: Object::from_iter([("answers".to_owned(), json!(answers))]),
        ..Output::default()
    })
}

/// The questions of a call.
pub(crate) fn read(input: Value) -> Result<Vec<Asked>, Failure> {
    let arguments: Arguments = arguments(NAME, input)?;
    Ok(arguments.questions.into_iter().map(Asked::from).collect())
}

fn joined(answer: Option<&Answer>) -> String {
    match answer {
        Some(answer) if !answer.is_empty() => answer.join(", "),
        _ => UNANSWERED.to_owned(),
    }
}

impl From<Item> for Asked {
    fn from(item: Item) -> Self {
        let option = |ItemOption { label, description }| Choice { label, description };
        Self {
            question: item.question,
            header: item.header,
            options: item.options.into_iter().map(option).collect(),
            multiple: item.multiple,
            custom: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::testing::Bench;

    #[tokio::test]
    async fn answers_are_told_with_their_questions() {
        let question = |text: &str| json!({ "question": text, "header": "H", "options": [{ "label": "Red", "description": "warm" }] });
        let input = json!({ "questions": [question("Which?"), question("And?"), question("Or?")] });
        let answers = vec![vec!["Red".to_owned(), "Blue".to_owned()], Vec::new()];
        let output = Bench::answering(answers).run(&Question, input).await.unwrap();
        assert_eq!(output.title, "Asked 3 questions");
        assert!(
            output
                .output
                .contains(r#""Which?"="Red, Blue", "And?"="Unanswered", "Or?"="Unanswered""#),
            "{}",
            output.output
        );
        assert_eq!(output.metadata["answers"], json!([["Red", "Blue"], []]));
    }
}
