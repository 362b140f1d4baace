//! The words in which adapters want efforts, budgets and switches.

use opencode_schema::Object;
use opencode_schema::model::Model;
use serde_json::{Value, json};

use super::claude::Claude;
use super::{HIGH_BUDGET, output_of};

/// Adapters that take the same options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Anthropic,
    Google,
    Bedrock,
    /// Vercel's gateway: the words of whoever made the model.
    Gateway,
    Copilot,
    /// Responses: the effort, a summary, and the thoughts in a sealed form.
    Responses,
    OpenRouter,
    /// `reasoningEffort`, and nothing else.
    Effort,
    /// The same, where only the catalogue knows which models take it.
    DeclaredEffort,
    Sap,
    GitLab,
    Cohere,
    Alibaba,
    /// No words are known.
    Other,
}

/// Which adapter has which form.
const FORMS: &[(&str, Form)] = &[
    ("@ai-sdk/anthropic", Form::Anthropic),
    ("@ai-sdk/google-vertex/anthropic", Form::Anthropic),
    ("@ai-sdk/google", Form::Google),
    ("@ai-sdk/google-vertex", Form::Google),
    ("@ai-sdk/amazon-bedrock", Form::Bedrock),
    ("@ai-sdk/gateway", Form::Gateway),
    ("@ai-sdk/github-copilot", Form::Copilot),
    ("@ai-sdk/openai", Form::Responses),
    ("@ai-sdk/azure", Form::Responses),
    ("@ai-sdk/amazon-bedrock/mantle", Form::Responses),
    ("@openrouter/ai-sdk-provider", Form::OpenRouter),
    ("@ai-sdk/openai-compatible", Form::Effort),
    ("@ai-sdk/xai", Form::Effort),
    ("@ai-sdk/groq", Form::Effort),
    ("@ai-sdk/cerebras", Form::Effort),
    ("@ai-sdk/deepinfra", Form::Effort),
    ("@ai-sdk/togetherai", Form::Effort),
    ("venice-ai-sdk-provider", Form::Effort),
    ("ai-gateway-provider", Form::Effort),
    ("@ai-sdk/mistral", Form::DeclaredEffort),
    ("merge-gateway-ai-sdk-provider", Form::DeclaredEffort),
    ("@jerome-benoit/sap-ai-provider-v2", Form::Sap),
    ("gitlab-ai-provider", Form::GitLab),
    ("@ai-sdk/cohere", Form::Cohere),
    ("@ai-sdk/alibaba", Form::Alibaba),
];

impl Form {
    pub(super) fn of(model: &Model) -> Self {
        let known = FORMS.iter().find(|(package, _)| *package == model.api.npm);
        known.map_or(Self::Other, |(_, form)| *form)
    }
}

/// The options of a named effort.
pub(super) fn effort(model: &Model, form: Form, name: &str) -> Option<Object> {
    let id = model.api.id.to_lowercase();
    let options = match form {
        Form::Effort | Form::DeclaredEffort => json!({ "reasoningEffort": name }),
        Form::OpenRouter => json!({ "reasoning": { "effort": name } }),
        Form::Responses => responses(name),
        Form::Google => level(name),
        Form::Anthropic => claude(model, &id, name),
        Form::Bedrock => bedrock(model, &id, name)?,
        Form::Gateway if id.contains("anthropic") => {
            json!({ "thinking": { "type": "adaptive", "display": "summarized" }, "effort": name })
        }
        Form::Gateway if id.contains("google") => level(name),
        Form::Gateway => json!({ "reasoningEffort": name }),
        Form::Copilot if id.contains("gemini") => return None,
        Form::Copilot if id.contains("claude") => json!({ "reasoningEffort": name }),
        Form::Copilot => responses(name),
        Form::Sap if id.contains("anthropic") => json!({ "modelParams": {
            "thinking": { "type": "adaptive", "display": "summarized" },
            "output_config": { "effort": name },
        } }),
        Form::Sap => json!({ "modelParams": { "reasoning_effort": name } }),
        Form::GitLab if id.contains("gpt") => json!({ "reasoningEffort": name }),
        Form::GitLab => json!({ "thinking": { "type": "adaptive", "effort": name } }),
        Form::Cohere | Form::Alibaba | Form::Other => return None,
    };
    Some(object(options))
}

fn responses(name: &str) -> Value {
    json!({ "reasoningEffort": name, "reasoningSummary": "auto", "include": ["reasoning.encrypted_content"] })
}

fn level(name: &str) -> Value {
    json!({ "thinkingConfig": { "includeThoughts": true, "thinkingLevel": name } })
}

fn claude(model: &Model, id: &str, name: &str) -> Value {
    if is_kimi(model) {
        return json!({ "thinking": { "type": "adaptive", "display": "summarized" }, "effort": name });
    }
    match Claude::of(id) {
        Some(version) if version.is_opus_4_5(id) => {
            json!({ "thinking": { "type": "enabled", "budgetTokens": usual_budget(model) }, "effort": name })
        }
        Some(version) if version.hides_thoughts() => {
            json!({ "thinking": { "type": "adaptive", "display": "summarized" }, "effort": name })
        }
        Some(version) if version.adapts() => json!({ "thinking": { "type": "adaptive" }, "effort": name }),
        _ => json!({ "effort": name }),
    }
}

fn bedrock(model: &Model, id: &str, name: &str) -> Option<Value> {
    let config = match Claude::of(id) {
        Some(version) if version.hides_thoughts() => {
            json!({ "type": "adaptive", "maxReasoningEffort": name, "display": "summarized" })
        }
        Some(version) if version.adapts() => json!({ "type": "adaptive", "maxReasoningEffort": name }),
        Some(version) if version.is_opus_4_5(id) && id.contains("anthropic") => {
            json!({ "type": "enabled", "budgetTokens": usual_budget(model), "maxReasoningEffort": name })
        }
        _ if id.contains("anthropic") => return None,
        _ => json!({ "type": "enabled", "maxReasoningEffort": name }),
    };
    Some(json!({ "reasoningConfig": config }))
}

/// The options of a thinking budget.
pub(super) fn budget(model: &Model, form: Form, tokens: i64) -> Option<Object> {
    let id = model.api.id.to_lowercase();
    let thinking = || json!({ "thinking": { "type": "enabled", "budgetTokens": tokens } });
    let config = || json!({ "thinkingConfig": { "includeThoughts": true, "thinkingBudget": tokens } });
    let options = match form {
        Form::Anthropic => thinking(),
        Form::Google => config(),
        Form::Bedrock => json!({ "reasoningConfig": { "type": "enabled", "budgetTokens": tokens } }),
        Form::Gateway if id.contains("anthropic") => thinking(),
        Form::Gateway if id.contains("google") => config(),
        Form::OpenRouter => json!({ "reasoning": { "max_tokens": tokens } }),
        Form::Sap if id.contains("anthropic") => {
            json!({ "modelParams": { "thinking": { "type": "enabled", "budget_tokens": tokens } } })
        }
        Form::Sap if id.contains("gemini") => json!({ "modelParams": config() }),
        Form::Cohere => json!({ "thinking": { "type": "enabled", "tokenBudget": tokens } }),
        Form::Alibaba => json!({ "enableThinking": true, "thinkingBudget": tokens }),
        Form::Gateway
        | Form::Copilot
        | Form::Responses
        | Form::Effort
        | Form::DeclaredEffort
        | Form::Sap
        | Form::GitLab
        | Form::Other => return None,
    };
    Some(object(options))
}

/// The options that switch thinking off and on, where an adapter has such a switch.
pub(super) fn switch(form: Form) -> Option<(Object, Object)> {
    let (off, on) = match form {
        Form::Cohere => (
            json!({ "thinking": { "type": "disabled" } }),
            json!({ "thinking": { "type": "enabled" } }),
        ),
        Form::Alibaba => (
            json!({ "enableThinking": false }),
            json!({ "enableThinking": true }),
        ),
        _ => return None,
    };
    Some((object(off), object(on)))
}

/// The budget of «high» for a model of unknown limits; half of a short answer.
pub(super) fn usual_budget(model: &Model) -> i64 {
    HIGH_BUDGET.min(output_of(model) / 2 - 1)
}

/// Takes out of an effort's options how thoughts shall be shown.
pub(super) fn show_as_it_likes(options: &mut Object) {
    for (key, value) in options.iter_mut() {
        match value {
            Value::Object(inner) if key == "thinking" => {
                inner.shift_remove("display");
            }
            Value::Object(inner) if key == "modelParams" => show_as_it_likes(inner),
            _ => {}
        }
    }
}

/// Kimi models behind Anthropic's protocol.
pub(super) fn is_kimi(model: &Model) -> bool {
    let provider = model.provider_id.to_lowercase();
    let names = ["kimi", "moonshot"];
    let id = model.api.id.to_lowercase();
    names
        .iter()
        .any(|name| id.contains(name) || provider.contains(name))
}

pub(super) fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}
