//! Having a model describe an agent (reference `agents-commands-permissions.md` §1.6).

use std::time::Duration;

use opencode_catalog::headers::{self, Asking};
use opencode_catalog::request::{self, Purpose};
use opencode_catalog::{Choice, transform};
use opencode_llm::request::{Message, ResponseFormat};
use opencode_schema::SessionId;
use serde::Deserialize;
use serde_json::json;

use crate::step::{Tools, build};
use crate::title::collect;
use crate::{Engine, Error, Location};

/// How long the model may take.
const LIMIT: Duration = Duration::from_secs(180);
/// Parity: agents-commands-permissions.md §1.6.
const TEMPERATURE: f64 = 0.3;
const SYSTEM: &str = include_str!("prompts/describe.md");

/// An agent as a model describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// Its name.
    pub identifier: String,
    /// When to give it a task.
    pub when_to_use: String,
    /// Its prompt.
    pub system_prompt: String,
}

impl Engine {
    /// Has a model describe the agent that somebody wishes for.
    ///
    /// # Errors
    /// There is no such model, it failed, or its answer is no description.
    pub async fn describe_agent(
        &self,
        location: &Location,
        wish: &str,
        model: Option<Choice>,
    ) -> Result<Description, Error> {
        let choice = match model {
            Some(choice) => choice,
            None => location.catalog.default_model()?,
        };
        let model = location.catalog.model(&choice.provider_id, &choice.model_id)?;
        let provider = location.catalog.provider(&model.provider_id);
        let names: Vec<&str> = location
            .agents
            .values()
            .map(|agent| agent.name.as_str())
            .collect();
        let wish = format!(
            "The agent that is wished for: \"{wish}\"\n\nThese identifiers are taken: {}",
            names.join(", ")
        );
        let cancel = self.inner.ending.child_token();
        let system = SYSTEM.trim_end().to_owned();
        let mut prompt = location.hooks.system(None, &model, system, &cancel).await?;
        prompt.push(Message::user(wish));
        transform::conversation(&mut prompt, &model);
        // The call is of no session, but providers want to know which calls belong together.
        let id = SessionId::new();
        let purpose = Purpose {
            agent: location.default_agent()?,
            variant: None,
            session_id: id.as_str(),
            small: true,
            output_limit: request::OUTPUT_TOKEN_MAX,
        };
        let mut parameters = provider
            .map(|provider| request::parameters(&model, &provider, purpose))
            .unwrap_or_default();
        parameters.temperature = Some(TEMPERATURE);
        let target = location.catalog.fresh_target(&model).await?;
        let asking = Asking {
            session_id: id.as_str(),
            parent_id: None,
            project_id: &location.project_id,
            request_id: "",
            client: location.client(),
            purpose: headers::Purpose::Title,
        };
        let mut request = build(
            parameters,
            Some(&target),
            &model,
            prompt,
            Tools::default(),
            asking,
        );
        request.response_format = Some(ResponseFormat::Json {
            schema: Some(json!({
                "type": "object",
                "properties": {
                    "identifier": { "type": "string" },
                    "whenToUse": { "type": "string" },
                    "systemPrompt": { "type": "string" },
                },
                "required": ["identifier", "whenToUse", "systemPrompt"],
                "additionalProperties": false,
            })),
            name: None,
            description: None,
        });
        // Given up with the wait for it.
        let _giving_up = cancel.clone().drop_guard();
        let asked = collect(&self.inner.client, &target, &request, cancel);
        let text = match tokio::time::timeout(LIMIT, asked).await {
            Ok(Ok((text, _))) => text,
            Ok(Err(error)) => return Err(Error::Describe(error.message().to_owned())),
            Err(_) => return Err(Error::Describe("it did not answer in time".to_owned())),
        };
        described(&text, &names).map_err(Error::Describe)
    }
}

/// The description in an answer, which may stand between other words.
fn described(text: &str, taken: &[&str]) -> Result<Description, String> {
    let object = text
        .find('{')
        .zip(text.rfind('}'))
        .and_then(|(start, end)| text.get(start..=end))
        .ok_or("its answer holds no JSON object")?;
    let mut description: Description =
        serde_json::from_str(object).map_err(|error| format!("its answer is no description: {error}"))?;
    // The name becomes that of a file.
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    let identifier: String = description
        .identifier
        .trim()
        .chars()
        .map(plain)
        .take(64)
        .collect();
    let identifier = identifier.trim_matches('-').to_lowercase();
    if identifier.is_empty() {
        return Err("it gave no identifier".to_owned());
    }
    if taken.contains(&identifier.as_str()) {
        return Err(format!("there is an agent \"{identifier}\" already"));
    }
    if description.system_prompt.trim().is_empty() {
        return Err("it gave no prompt".to_owned());
    }
    description.identifier = identifier;
    Ok(description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_checked() {
        let answer = |name: &str| {
            format!(
                "Here:\n```json\n{{\"identifier\": \"{name}\", \"whenToUse\": \"w\", \"systemPrompt\": \"p\"}}\n```"
            )
        };
        for (text, wanted) in [
            (answer("code-reviewer"), Ok("code-reviewer")),
            (answer("../../Etc/x y"), Ok("etc-x-y")),
            (answer("build"), Err("there is an agent \"build\" already")),
            (answer("…"), Err("it gave no identifier")),
            ("no".to_owned(), Err("its answer holds no JSON object")),
        ] {
            let told = described(&text, &["build"]).map(|one| one.identifier);
            assert_eq!(told.as_deref().map_err(String::as_str), wanted, "{text}");
        }
        assert!(described("{\"identifier\": 1}", &[]).is_err());
    }
}
