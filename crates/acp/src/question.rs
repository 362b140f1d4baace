//! Questions of the model, as forms of clients that can show them; not in the reference, where nobody answers.

use std::sync::Arc;

use opencode_schema::question::{Answer, Question, Request};
use serde_json::{Map, Value, json};

use crate::agent::Agent;
use crate::session::Known;
use crate::tool_call::text;

/// What stands behind the name of a question's field for an answer in own words.
const OWN: &str = "_other";

/// Puts questions before the user, and gives his answers to the session; where that cannot be, nobody waits for
/// them any more.
pub(crate) async fn ask(agent: Arc<Agent>, known: Arc<Known>, request: Request) {
    let answers = if agent.announced().shows_forms {
        let mut settled = known.settled.subscribe();
        let id = request.id.as_str();
        let is_settled = async {
            // The sender lives as long as the session.
            let _ = settled.wait_for(|settled| settled.contains(id)).await;
        };
        let form = form(&known, &request);
        match agent
            .wire
            .request_until("elicitation/create", form, is_settled)
            .await
        {
            Some(answer) => answer.ok().and_then(|answer| answers(&request, &answer)),
            None => return,
        }
    } else {
        None
    };
    let told = match answers {
        Some(answers) => known.client.reply_question(&request.id, &answers).await,
        None => known.client.reject_question(&request.id).await,
    };
    if let Err(error) = told
        && !error.is_not_found()
    {
        tracing::warn!(%error, "an answer to questions was lost");
    }
}

fn name(index: usize) -> String {
    format!("question_{}", index + 1)
}

fn form(known: &Known, request: &Request) -> Value {
    let mut fields = Map::new();
    for (index, question) in request.questions.iter().enumerate() {
        fields.insert(name(index), field(question));
        if takes_own_words(question) && !question.options.is_empty() {
            let own = json!({ "type": "string", "title": format!("{}: something else", question.header) });
            fields.insert(format!("{}{OWN}", name(index)), own);
        }
    }
    let questions = request
        .questions
        .iter()
        .map(|question| question.question.as_str());
    let mut form = json!({
        "sessionId": known.id,
        "mode": "form",
        "message": questions.collect::<Vec<_>>().join("\n"),
        "requestedSchema": { "type": "object", "properties": fields },
    });
    if let Some(tool) = &request.tool {
        form["toolCallId"] = json!(tool.call_id);
    }
    form
}

fn takes_own_words(question: &Question) -> bool {
    question.custom != Some(false)
}

fn field(question: &Question) -> Value {
    let mut field = json!({ "title": question.header, "description": question.question });
    let choices: Vec<Value> = question
        .options
        .iter()
        .map(|choice| {
            let mut row = json!({ "const": choice.label, "title": choice.label });
            if !choice.description.is_empty() {
                row["description"] = json!(choice.description);
            }
            row
        })
        .collect();
    if choices.is_empty() {
        field["type"] = json!("string");
    } else if question.multiple == Some(true) {
        field["type"] = json!("array");
        field["items"] = json!({ "anyOf": choices });
    } else {
        field["type"] = json!("string");
        field["oneOf"] = json!(choices);
    }
    field
}

/// What was answered to each question; none when the user does not want to answer, or nothing was.
fn answers(request: &Request, answer: &Value) -> Option<Vec<Answer>> {
    if text(answer, "action") != Some("accept") {
        return None;
    }
    let content = &answer["content"];
    let words = |key: &str| -> Answer {
        match &content[key] {
            Value::String(word) => vec![word.clone()],
            Value::Array(words) => words
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        }
    };
    let of_question = |(index, question): (usize, &Question)| -> Answer {
        let mut chosen = words(&name(index));
        let own = words(&format!("{}{OWN}", name(index)));
        if takes_own_words(question) && own.iter().any(|words| !words.trim().is_empty()) {
            if question.multiple != Some(true) {
                chosen.clear();
            }
            chosen.extend(own);
        }
        chosen.retain(|words| !words.trim().is_empty());
        chosen
    };
    let answers: Vec<Answer> = request.questions.iter().enumerate().map(of_question).collect();
    answers.iter().any(|answer| !answer.is_empty()).then_some(answers)
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn request() -> Request {
        let options =
            json!([{ "label": "Red", "description": "warm" }, { "label": "Blue", "description": "" }]);
        let request = json!({ "id": "que_1", "sessionID": "ses_1", "questions": [
            { "question": "Which?", "header": "Colour", "options": options },
            { "question": "All?", "header": "Colours", "options": options, "multiple": true, "custom": false },
            { "question": "Why?", "header": "Reason", "options": [] },
        ] });
        serde_json::from_value(request).unwrap()
    }

    #[test]
    fn questions_become_fields() {
        let choices = json!([
            { "const": "Red", "title": "Red", "description": "warm" },
            { "const": "Blue", "title": "Blue" },
        ]);
        let wanted = [
            json!({ "title": "Colour", "description": "Which?", "type": "string", "oneOf": choices }),
            json!({ "title": "Colours", "description": "All?", "type": "array", "items": { "anyOf": choices } }),
            json!({ "title": "Reason", "description": "Why?", "type": "string" }),
        ];
        let fields: Vec<Value> = request().questions.iter().map(field).collect();
        assert_eq!(fields, wanted);
    }

    #[test]
    fn answers_are_read() {
        let accept = |content: Value| json!({ "action": "accept", "content": content });
        for (answer, wanted) in [
            (
                accept(json!({ "question_1": "Red", "question_2": ["Red", "Blue"], "question_3": "so" })),
                Some(vec![vec!["Red"], vec!["Red", "Blue"], vec!["so"]]),
            ),
            (
                accept(json!({ "question_1": "Red", "question_1_other": "Green", "question_2_other": "no" })),
                Some(vec![vec!["Green"], vec![], vec![]]),
            ),
            (accept(json!({ "question_1": " " })), None),
            (accept(json!({ "question_1": 5 })), None),
            (accept(json!(null)), None),
            (json!({ "action": "decline" }), None),
            (
                json!({ "action": "cancel", "content": { "question_1": "Red" } }),
                None,
            ),
            (json!("accept"), None),
        ] {
            let read = answers(&request(), &answer);
            let wanted: Option<Vec<Answer>> = wanted.map(|all| {
                let words = |one: Vec<&str>| one.into_iter().map(str::to_owned).collect();
                all.into_iter().map(words).collect()
            });
            assert_eq!(read, wanted, "{answer}");
        }
    }
}
