//! What a server asks for while a tool of it runs: its forms become questions to the user, the model is asked by the
//! engine.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opencode_mcp::{Answerer, Field, Filled, Form, Kind, Sampled, Sampling, Unsampled};
use opencode_schema::Object;
use opencode_schema::question::{Choice, Question};

use crate::contract::{Call, Failure};

/// How often is asked again when an answer makes no sense.
const ATTEMPTS: usize = 3;

/// How often the model is asked within one call.
const SAMPLES: usize = 32;

/// Whoever can be asked about a call.
pub(super) struct Answers {
    call: Call,
    sampled: AtomicUsize,
}

impl Answers {
    pub(super) fn about(call: Call) -> Self {
        Self {
            call,
            sampled: AtomicUsize::new(0),
        }
    }
}

impl Answerer for Answers {
    fn fill_in(&self, form: Form) -> BoxFuture<'_, Filled> {
        async move {
            let mut wrong = None;
            for _ in 0..ATTEMPTS {
                let asked = self
                    .call
                    .host
                    .question(&self.call, questions(&form, wrong.as_deref()));
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

    fn sample(&self, asked: Sampling) -> BoxFuture<'_, Result<Sampled, Unsampled>> {
        async move {
            if self.sampled.fetch_add(1, Ordering::Relaxed) >= SAMPLES {
                return Err(Unsampled::Refused(format!(
                    "The model was asked {SAMPLES} times within this call already"
                )));
            }
            let answer = self.call.host.sample(&self.call, asked).await;
            answer.map_err(|failure| match failure {
                Failure::Told(reason) => Unsampled::Failed(reason),
                Failure::Rejected(reason) => Unsampled::Refused(reason),
                Failure::Aborted => Unsampled::Cancelled,
            })
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
