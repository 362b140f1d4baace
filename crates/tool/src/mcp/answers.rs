//! The user fills in what a server asks for while a tool of it runs: its forms become questions.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opencode_mcp::{Answerer, Field, Filled, Form, Kind};
use opencode_schema::Object;
use opencode_schema::question::{Choice, Question};

use crate::contract::{Call, Failure};

/// How often is asked again when an answer makes no sense.
const ATTEMPTS: usize = 3;

/// Whoever can be asked about a call.
pub(super) struct Answers(pub(super) Call);

impl Answerer for Answers {
    fn fill_in(&self, form: Form) -> BoxFuture<'_, Filled> {
        async move {
            let mut wrong = None;
            for _ in 0..ATTEMPTS {
                let asked = self.0.host.question(&self.0, questions(&form, wrong.as_deref()));
                let answers = match asked.await {
                    Ok(answers) => answers,
                    Err(Failure::Rejected(_)) => return Filled::Declined,
                    Err(_) => return Filled::Cancelled,
                };
                if form.fields.is_empty() {
                    let is_yes = answers
                        .first()
                        .is_some_and(|answer| answer.iter().any(|words| words == YES));
                    return if is_yes {
                        Filled::Accepted(Object::new())
                    } else {
                        Filled::Declined
                    };
                }
                match values(&form, &answers) {
                    Ok(values) => return Filled::Accepted(values),
                    Err(reason) => wrong = Some(reason),
                }
            }
            Filled::Cancelled
        }
        .boxed()
    }
}

/// What stands for agreeing to a form without fields.
const YES: &str = "Yes";

fn values(form: &Form, answers: &[Vec<String>]) -> Result<Object, String> {
    let mut values = Object::new();
    for (at, field) in form.fields.iter().enumerate() {
        let answer = answers.get(at).map(Vec::as_slice).unwrap_or_default();
        if let Some(value) = field.value(answer)? {
            values.insert(field.name.clone(), value);
        }
    }
    Ok(values)
}

fn questions(form: &Form, wrong: Option<&str>) -> Vec<Question> {
    let said = match wrong {
        Some(wrong) => format!("{}\n({wrong}.)", form.message),
        None => form.message.clone(),
    };
    let choice = |label: String| Choice {
        label,
        description: String::new(),
    };
    if form.fields.is_empty() {
        return vec![Question {
            question: format!("The MCP server \"{}\" asks: {said}", form.server),
            header: form.server.chars().take(30).collect(),
            options: [YES, "No"].map(|label| choice(label.to_owned())).into(),
            multiple: None,
            custom: Some(false),
        }];
    }
    let question = |field: &Field| {
        let mut text = format!("The MCP server \"{}\" asks: {said}\n{}", form.server, field.title);
        if !field.description.is_empty() {
            text = format!("{text}: {}", field.description);
        }
        Question {
            question: text,
            header: field.title.chars().take(30).collect(),
            options: field.labels().into_iter().map(choice).collect(),
            multiple: matches!(field.kind, Kind::Some(_)).then_some(true),
            custom: (!matches!(field.kind, Kind::Text | Kind::Number { .. })).then_some(false),
        }
    };
    form.fields.iter().map(question).collect()
}
