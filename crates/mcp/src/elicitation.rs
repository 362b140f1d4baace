//! A server asks the user for something while a tool of it runs (beyond the reference, which refuses): forms with
//! fields of simple kinds.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use opencode_schema::Object;
use serde_json::{Map, Number, Value};

use crate::sampling::{Sampled, Sampling, Unsampled};

/// Fields of a form.
const FIELDS: usize = 20;

/// Answers a server that asks while a call of it runs.
pub trait Answerer: Send + Sync {
    /// Has a form filled in.
    fn fill_in(&self, form: Form) -> BoxFuture<'_, Filled>;

    /// Has the model asked. A future that is dropped stops it.
    fn sample(&self, asked: Sampling) -> BoxFuture<'_, Result<Sampled, Unsampled>>;
}

/// What a server wants to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// Which server.
    pub server: String,
    /// What it says.
    pub message: String,
    /// What is to be filled in.
    pub fields: Vec<Field>,
}

/// What became of a form.
#[derive(Clone, Debug, PartialEq)]
pub enum Filled {
    /// It is filled in.
    Accepted(Object),
    /// The user does not want to.
    Declined,
    /// Nobody answers.
    Cancelled,
}

/// A field of a form.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name for the server.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// What can be filled in.
    pub kind: Kind,
    /// Whether it must be.
    pub is_required: bool,
    /// What counts when nothing is.
    pub default: Option<Value>,
}

/// What can be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Words.
    Text,
    /// A number, maybe a whole one.
    Number {
        /// Only a whole one.
        is_whole: bool,
    },
    /// Yes or no.
    Boolean,
    /// One of these: for the server, and for people.
    One(Vec<(String, String)>),
    /// Any of these.
    Some(Vec<(String, String)>),
}

impl Form {
    /// As a server says it; none when it asks for something that is no simple field.
    pub(crate) fn read(server: &str, message: String, schema: &Value) -> Option<Self> {
        let required: Vec<&str> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let none = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&none);
        if properties.len() > FIELDS {
            return None;
        }
        let fields = properties.iter().map(|(name, schema)| {
            let text = |key: &str| schema[key].as_str().unwrap_or_default().to_owned();
            Some(Field {
                title: Some(text("title"))
                    .filter(|title| !title.is_empty())
                    .unwrap_or_else(|| name.clone()),
                description: text("description"),
                kind: kind(schema)?,
                is_required: required.contains(&name.as_str()),
                default: schema.get("default").filter(|value| !value.is_null()).cloned(),
                name: name.clone(),
            })
        });
        Some(Self {
            server: server.to_owned(),
            message,
            fields: fields.collect::<Option<_>>()?,
        })
    }
}

fn kind(schema: &Value) -> Option<Kind> {
    if let Some(choices) = choices(schema) {
        return Some(Kind::One(choices));
    }
    Some(match schema["type"].as_str()? {
        "string" => Kind::Text,
        "number" => Kind::Number { is_whole: false },
        "integer" => Kind::Number { is_whole: true },
        "boolean" => Kind::Boolean,
        "array" => Kind::Some(choices(&schema["items"])?),
        _ => return None,
    })
}

/// What can be chosen, where a schema says so in one of the ways of the protocol.
fn choices(schema: &Value) -> Option<Vec<(String, String)>> {
    if let Some(values) = schema["enum"].as_array() {
        let names = schema["enumNames"].as_array();
        let pair = |(at, value): (usize, &Value)| {
            let value = value.as_str()?.to_owned();
            let name = names.and_then(|names| names.get(at)?.as_str());
            Some((value.clone(), name.map_or(value, str::to_owned)))
        };
        return values.iter().enumerate().map(pair).collect();
    }
    let titled = schema["oneOf"].as_array().or(schema["anyOf"].as_array())?;
    let pair = |choice: &Value| {
        let value = choice["const"].as_str()?.to_owned();
        let title = choice["title"].as_str().map(str::to_owned);
        Some((value.clone(), title.unwrap_or(value)))
    };
    titled.iter().map(pair).collect()
}

impl Field {
    /// What can be chosen, for people; empty where it is not chosen.
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        match &self.kind {
            Kind::Text | Kind::Number { .. } => Vec::new(),
            Kind::Boolean => vec!["Yes".to_owned(), "No".to_owned()],
            Kind::One(choices) | Kind::Some(choices) => {
                choices.iter().map(|(_, label)| label.clone()).collect()
            }
        }
    }

    /// The value of an answer: labels, or words. None when nothing was filled in and nothing has to be.
    ///
    /// # Errors
    /// What is wrong with the answer.
    pub fn value(&self, answer: &[String]) -> Result<Option<Value>, String> {
        let words = answer.first().map(|words| words.trim()).unwrap_or_default();
        if words.is_empty() {
            return match &self.default {
                Some(default) => Ok(Some(default.clone())),
                None if self.is_required => Err(format!("{} is needed", self.title)),
                None => Ok(None),
            };
        }
        let chosen = |choices: &[(String, String)], words: &str| {
            let found = choices
                .iter()
                .find(|(value, label)| label == words || value == words);
            let found = found.map(|(value, _)| Value::from(value.as_str()));
            found.ok_or_else(|| format!("{words:?} is none of the choices for {}", self.title))
        };
        let wrong = |what: &str| format!("{words:?} is no {what}, which {} has to be", self.title);
        Ok(Some(match &self.kind {
            Kind::Text => words.into(),
            Kind::Number { is_whole: true } => {
                words.parse::<i64>().map_err(|_| wrong("whole number"))?.into()
            }
            Kind::Number { is_whole: false } => {
                let number = words.parse::<f64>().ok().and_then(Number::from_f64);
                Value::Number(number.ok_or_else(|| wrong("number"))?)
            }
            Kind::Boolean => match words.to_lowercase().as_str() {
                "yes" | "true" | "y" => true.into(),
                "no" | "false" | "n" => false.into(),
                _ => return Err(wrong("yes or no")),
            },
            Kind::One(choices) => chosen(choices, words)?,
            Kind::Some(choices) => {
                let values: Result<Vec<Value>, String> =
                    answer.iter().map(|words| chosen(choices, words.trim())).collect();
                Value::Array(values?)
            }
        }))
    }
}

/// Who answers while calls run; the newest call is taken to be the one that a server asks about.
#[derive(Clone, Default)]
pub(crate) struct Answerers(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    number: u64,
    all: Vec<(u64, Arc<dyn Answerer>)>,
    /// Questions that wait for an answer.
    waiting: usize,
}

impl Answerers {
    /// Somebody answers until what is given back is dropped.
    pub(crate) fn add(&self, answerer: Arc<dyn Answerer>) -> Answering {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.number += 1;
        let number = state.number;
        state.all.push((number, answerer));
        Answering(self.clone(), number)
    }

    /// Whether the server waits for somebody.
    pub(crate) fn are_asked(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).waiting > 0
    }

    pub(crate) async fn fill_in(&self, form: Form) -> Filled {
        match self.newest() {
            Some((answerer, _waiting)) => answerer.fill_in(form).await,
            None => Filled::Declined,
        }
    }

    pub(crate) async fn sample(&self, asked: Sampling) -> Result<Sampled, Unsampled> {
        match self.newest() {
            Some((answerer, _waiting)) => answerer.sample(asked).await,
            None => Err(Unsampled::Refused(
                "The model is asked only while a tool of the server runs".to_owned(),
            )),
        }
    }

    fn newest(&self) -> Option<(Arc<dyn Answerer>, Waiting)> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answerer = Arc::clone(&state.all.last()?.1);
        state.waiting += 1;
        Some((answerer, Waiting(self.clone())))
    }
}

/// A question that waits.
struct Waiting(Answerers);

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting = state.waiting.saturating_sub(1);
    }
}

/// Somebody answers as long as this is kept.
pub(crate) struct Answering(Answerers, u64);

impl Drop for Answering {
    fn drop(&mut self) {
        let mut state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.all.retain(|(number, _)| *number != self.1);
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_and_their_values() {
        let schema = json!({ "type": "object", "required": ["name", "size"], "properties": {
            "name": { "type": "string", "title": "Your name" },
            "age": { "type": "integer", "default": 7 },
            "weight": { "type": "number" },
            "sure": { "type": "boolean" },
            "size": { "type": "string", "enum": ["s", "l"], "enumNames": ["Small", "Large"] },
            "colour": { "type": "string", "oneOf": [{ "const": "r", "title": "Red" }] },
            "tags": { "type": "array", "items": { "type": "string", "enum": ["a", "b"] } },
        } });
        let form = Form::read("s", "?".into(), &schema).unwrap();
        let field = |name: &str| form.fields.iter().find(|field| field.name == name).unwrap();
        for (name, answer, value) in [
            ("name", &["Ada"][..], Ok(Some(json!("Ada")))),
            ("name", &[], Err("Your name is needed")),
            ("age", &["12"], Ok(Some(json!(12)))),
            ("age", &[], Ok(Some(json!(7)))),
            (
                "age",
                &["1.5"],
                Err("\"1.5\" is no whole number, which age has to be"),
            ),
            ("weight", &["1.5"], Ok(Some(json!(1.5)))),
            (
                "weight",
                &["NaN"],
                Err("\"NaN\" is no number, which weight has to be"),
            ),
            ("sure", &["Yes"], Ok(Some(json!(true)))),
            ("sure", &[], Ok(None)),
            ("size", &["Large"], Ok(Some(json!("l")))),
            ("size", &["Huge"], Err("\"Huge\" is none of the choices for size")),
            ("colour", &["Red"], Ok(Some(json!("r")))),
            ("tags", &["a", "b"], Ok(Some(json!(["a", "b"])))),
        ] {
            let answer: Vec<String> = answer.iter().map(|words| (*words).to_owned()).collect();
            assert_eq!(
                field(name).value(&answer),
                value.map_err(str::to_owned),
                "{name} {answer:?}"
            );
        }
        assert_eq!(field("size").labels(), ["Small", "Large"]);
        let nested = json!({ "properties": { "x": { "type": "object" } } });
        assert_eq!(Form::read("s", "?".into(), &nested), None, "no simple field");
    }
}
