//! What the engine asks its user is asked of the client's user, by elicitation.

use std::time::Duration;

use opencode_client::Error;
use opencode_schema::permission::{self, Reply};
use opencode_schema::question;
use rmcp::model::{
    ClientResult, ElicitRequest, ElicitRequestParams, ElicitationAction, ElicitationSchema, ServerRequest,
};
use rmcp::service::PeerRequestOptions;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::call::Call;
use crate::follow::Asked;

/// How long the user may think.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// Characters of what a permission is about that are shown.
const SHOWN: usize = 4000;
/// The field of the answer to a request for permission.
const DECISION: &str = "decision";

/// Why nobody is asked.
const MUTE: &str = "This needs the user's permission, and the connected MCP client cannot ask its user (it does not \
                    announce elicitation). Allow it under `permission` in the configuration if it should be done.";

/// Asks the client's user, and answers the engine.
pub(crate) async fn answer(call: &Call, asked: &Asked, settled: &CancellationToken) {
    if !call.can_ask() {
        return refuse(call, asked, MUTE).await;
    }
    let told = match asked {
        Asked::Permission(request) => {
            let answer = elicit(call, permission_text(request), permission_form(), settled).await;
            let Some(answer) = answer else { return };
            let reply = decision(answer.as_ref());
            call.client.reply_permission(&request.id, reply, None).await
        }
        Asked::Question(request) => {
            let answer = elicit(call, question_text(request), question_form(request), settled).await;
            match answer {
                None => return,
                Some(Some(content)) => {
                    let answers = answers(request, &content);
                    call.client.reply_question(&request.id, &answers).await
                }
                Some(None) => call.client.reject_question(&request.id).await,
            }
        }
    };
    log(told);
}

/// Says no to the engine.
pub(crate) async fn refuse(call: &Call, asked: &Asked, reason: &str) {
    log(match asked {
        Asked::Permission(request) => {
            let reply = call
                .client
                .reply_permission(&request.id, Reply::Reject, Some(reason));
            reply.await
        }
        Asked::Question(request) => call.client.reject_question(&request.id).await,
    });
}

fn log(told: Result<bool, Error>) {
    if let Err(error) = told
        && !error.is_not_found()
    {
        tracing::warn!(%error, "an answer of an MCP client's user was lost");
    }
}

/// What the user filled in, nothing if he does not want to; nothing at all when it was settled otherwise.
async fn elicit(
    call: &Call,
    message: String,
    form: Value,
    settled: &CancellationToken,
) -> Option<Option<Map<String, Value>>> {
    let requested_schema: ElicitationSchema = match serde_json::from_value(form) {
        Ok(schema) => schema,
        Err(error) => {
            tracing::error!(%error, "a form that is none");
            return Some(None);
        }
    };
    let params = ElicitRequestParams::FormElicitationParams {
        meta: None,
        message,
        requested_schema,
    };
    let request = ServerRequest::ElicitRequest(ElicitRequest::new(params));
    let options = PeerRequestOptions::no_options();
    let mut handle = match call.peer.send_cancellable_request(request, options).await {
        Ok(handle) => handle,
        Err(error) => {
            tracing::info!(%error, "an MCP client could not be asked");
            return Some(None);
        }
    };
    let response = tokio::select! {
        response = &mut handle.rx => response,
        () = settled.cancelled() => {
            let _ = handle.cancel(Some("settled otherwise".to_owned())).await;
            return None;
        }
        () = tokio::time::sleep(PATIENCE) => {
            let _ = handle.cancel(Some("no answer".to_owned())).await;
            return Some(None);
        }
    };
    match response {
        Ok(Ok(ClientResult::ElicitResult(result))) if result.action == ElicitationAction::Accept => {
            Some(match result.content {
                Some(Value::Object(content)) => Some(content),
                _ => None,
            })
        }
        Ok(Ok(ClientResult::ElicitResult(_))) | Err(_) => Some(None),
        Ok(Ok(_)) => {
            tracing::info!("an MCP client answered something else than it was asked");
            Some(None)
        }
        Ok(Err(error)) => {
            tracing::info!(%error, "an MCP client did not ask its user");
            Some(None)
        }
    }
}

fn permission_text(request: &permission::Request) -> String {
    let objects = request.patterns.join(", ");
    let mut text = format!(
        "OpenCode asks for the permission `{}` for: {objects}",
        request.permission
    );
    let shown = ["command", "diff", "filepath", "url", "query"]
        .into_iter()
        .filter_map(|key| request.metadata.get(key)?.as_str())
        .find(|shown| !shown.is_empty() && *shown != objects);
    if let Some(shown) = shown {
        text.push_str("\n\n");
        text.extend(shown.chars().take(SHOWN));
        if shown.chars().nth(SHOWN).is_some() {
            text.push('…');
        }
    }
    if !request.always.is_empty() {
        text.push_str("\n\n«always» allows from now on: ");
        text.push_str(&request.always.join(", "));
    }
    text
}

fn permission_form() -> Value {
    json!({
        "type": "object",
        "properties": { DECISION: {
            "type": "string",
            "title": "Decision",
            "description": "once: this time; always: from now on; reject: no",
            "enum": ["once", "always", "reject"],
        } },
        "required": [DECISION],
    })
}

/// What was decided; anything that is no clear yes is a no.
fn decision(content: Option<&Map<String, Value>>) -> Reply {
    let decision = content.and_then(|content| content.get(DECISION)?.as_str());
    match decision {
        Some("once") => Reply::Once,
        Some("always") => Reply::Always,
        _ => Reply::Reject,
    }
}

fn question_text(request: &question::Request) -> String {
    let mut text = String::from("The agent asks:");
    for question in &request.questions {
        text.push_str("\n\n");
        text.push_str(&question.question);
        for choice in &question.options {
            text.push_str("\n- ");
            text.push_str(&choice.label);
            if !choice.description.is_empty() {
                text.push_str(": ");
                text.push_str(&choice.description);
            }
        }
    }
    text
}

fn chosen(index: usize) -> String {
    format!("answer_{}", index + 1)
}

fn own_words(index: usize) -> String {
    format!("other_{}", index + 1)
}

/// A field for the choice and, where own words count, one for them.
fn question_form(request: &question::Request) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (index, question) in request.questions.iter().enumerate() {
        let labels: Vec<&str> = question
            .options
            .iter()
            .map(|choice| choice.label.as_str())
            .collect();
        let takes_own = question.custom != Some(false) || labels.is_empty();
        if !labels.is_empty() {
            let field = if question.multiple == Some(true) {
                json!({ "type": "array", "items": { "type": "string", "enum": labels } })
            } else {
                json!({ "type": "string", "enum": labels })
            };
            let mut field = field;
            field["title"] = json!(question.header);
            field["description"] = json!(question.question);
            properties.insert(chosen(index), field);
            if !takes_own {
                required.push(chosen(index));
            }
        }
        if takes_own {
            let title = format!("{} (own words)", question.header);
            let field = json!({ "type": "string", "title": title, "description": question.question });
            properties.insert(own_words(index), field);
        }
    }
    json!({ "type": "object", "properties": properties, "required": required })
}

fn answers(request: &question::Request, content: &Map<String, Value>) -> Vec<question::Answer> {
    let answer = |index: usize| {
        let mut answer: question::Answer = match content.get(&chosen(index)) {
            Some(Value::String(label)) => vec![label.clone()],
            Some(Value::Array(labels)) => labels
                .iter()
                .filter_map(|label| label.as_str().map(str::to_owned))
                .collect(),
            _ => Vec::new(),
        };
        let own = content.get(&own_words(index)).and_then(Value::as_str);
        answer.extend(own.filter(|own| !own.trim().is_empty()).map(str::to_owned));
        answer
    };
    (0..request.questions.len()).map(answer).collect()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        for (content, wanted) in [
            (json!({ "decision": "once" }), Reply::Once),
            (json!({ "decision": "always" }), Reply::Always),
            (json!({ "decision": "reject" }), Reply::Reject),
            (json!({ "decision": true }), Reply::Reject),
            (json!({}), Reply::Reject),
        ] {
            assert_eq!(decision(content.as_object()), wanted, "{content}");
        }
        assert_eq!(decision(None), Reply::Reject);
    }

    #[test]
    fn questions_become_forms_and_forms_answers() {
        let request: question::Request = serde_json::from_value(json!({
            "id": "que_1", "sessionID": "ses_1",
            "questions": [
                { "question": "Which?", "header": "Which", "options": [{ "label": "A", "description": "the first" }], "custom": false },
                { "question": "More?", "header": "More", "options": [{ "label": "B", "description": "" }], "multiple": true },
                { "question": "Why?", "header": "Why", "options": [] },
            ],
        }))
        .unwrap();
        let form = question_form(&request);
        assert_eq!(form["required"], json!(["answer_1"]));
        let fields: Vec<&String> = form["properties"].as_object().unwrap().keys().collect();
        assert_eq!(fields, ["answer_1", "answer_2", "other_2", "other_3"]);
        assert!(serde_json::from_value::<ElicitationSchema>(form).is_ok());
        assert!(serde_json::from_value::<ElicitationSchema>(permission_form()).is_ok());
        let content =
            json!({ "answer_1": "A", "answer_2": ["B"], "other_2": "mine", "other_3": " ", "x": 1 });
        assert_eq!(
            answers(&request, content.as_object().unwrap()),
            vec![
                vec!["A".to_owned()],
                vec!["B".to_owned(), "mine".to_owned()],
                vec![]
            ]
        );
        assert_eq!(
            question_text(&request),
            "The agent asks:\n\nWhich?\n- A: the first\n\nMore?\n- B\n\nWhy?"
        );
    }

    #[test]
    fn requests_say_what_they_are_about() {
        let request: permission::Request = serde_json::from_value(json!({
            "id": "per_1", "sessionID": "ses_1", "permission": "edit", "patterns": ["a.txt"],
            "metadata": { "diff": "x".repeat(SHOWN + 1) }, "always": ["*"],
        }))
        .unwrap();
        let wanted = format!(
            "OpenCode asks for the permission `edit` for: a.txt\n\n{}…\n\n«always» allows from now on: *",
            "x".repeat(SHOWN)
        );
        assert_eq!(permission_text(&request), wanted);
    }
}
