//! What models take when the catalogue does not say, by their names.

use opencode_schema::model::Model;
use serde_json::json;

use super::claude::Claude;
use super::forms::{self, Form, is_kimi, object, usual_budget};
use super::{BUDGET_LIMIT, HIGH_BUDGET, Variants, gpt, output_of};

const PLAIN: &[&str] = &["low", "medium", "high"];
/// All efforts of hosts that pass on whatever they are told.
const EVERY: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh"];

/// Models whose thinking cannot be set, or not in a way that hosts agree on.
const UNSETTABLE: &[&str] = &[
    "deepseek-chat",
    "deepseek-reasoner",
    "deepseek-r1",
    "deepseek-v3",
    "minimax",
    "glm",
    "kimi",
    "k2p",
    "qwen",
    "big-pickle",
];

/// Mistral models that can be told to think.
const THINKING_MISTRAL: &[&str] = &[
    "mistral-small-2603",
    "mistral-small-latest",
    "mistral-medium-3.5",
    "mistral-medium-2604",
];

/// The variants of a model by its name.
pub(super) fn of(model: &Model, form: Form) -> Variants {
    let id = model.api.id.to_lowercase();
    let has = |names: &[&str]| names.iter().any(|name| id.contains(name));
    let efforts = |names: &[&str]| efforts(model, form, names);
    let npm = model.api.npm.as_str();
    let common = matches!(npm, "@ai-sdk/anthropic" | "@ai-sdk/openai-compatible");
    if has(&["minimax-m3"]) && common {
        return minimax_switch(&model.provider_id);
    }
    if has(&["glm-5.2", "glm-5-2"]) {
        if form == Form::OpenRouter {
            return efforts(&["high", "xhigh"]);
        }
        if common {
            return efforts(&["high", "max"]);
        }
    } else if form == Form::Anthropic && is_kimi(model) {
        return efforts(&["low", "medium", "high", "xhigh", "max"]);
    } else if has(UNSETTABLE) {
        return Variants::new();
    }
    if has(&["grok-3-mini"]) {
        let form = if form == Form::OpenRouter {
            form
        } else {
            Form::Effort
        };
        return self::efforts(model, form, &["low", "high"]);
    }
    match form {
        Form::Anthropic => claude(model, form, &id),
        Form::Google => gemini(model, form, &id),
        Form::Bedrock => match Claude::of(&id) {
            Some(version) if version.adapts() => efforts(claude_efforts(version)),
            _ if has(&["anthropic"]) => budgets(model, form),
            _ => efforts(PLAIN),
        },
        Form::Gateway if has(&["anthropic"]) => claude(model, form, &id),
        Form::Gateway if has(&["google"]) && has(&["gemini-2.5"]) => gemini(model, form, &id),
        Form::Gateway if has(&["google"]) => efforts(&["low", "high"]),
        Form::Gateway => efforts(gpt::by_name(&id).unwrap_or(EVERY)),
        Form::OpenRouter if has(&["gpt", "openai/"]) => efforts(gpt::by_name(&id).unwrap_or(EVERY)),
        Form::OpenRouter => efforts(PLAIN),
        Form::Copilot => {
            let xhigh = has(&["5.1-codex-max", "5.2", "5.3"])
                || (has(&["gpt-5"]) && gpt::knows_xhigh(&model.release_date));
            let xhigh = xhigh && !has(&["claude"]);
            efforts(if xhigh {
                &["low", "medium", "high", "xhigh"]
            } else {
                PLAIN
            })
        }
        Form::Responses => efforts(&gpt::efforts(&id, &model.release_date)),
        Form::Effort if npm == "@ai-sdk/groq" => efforts(&["none", "low", "medium", "high"]),
        Form::Effort if npm == "ai-gateway-provider" && id.starts_with("openai/") => {
            efforts(&gpt::efforts(&id, &model.release_date))
        }
        Form::Effort if npm == "ai-gateway-provider" => efforts(PLAIN),
        Form::Effort if has(&["deepseek-v4"]) => efforts(&["low", "medium", "high", "max"]),
        Form::Effort if has(&["north-mini-code"]) => efforts(&["none", "high"]),
        Form::Effort => efforts(PLAIN),
        Form::Sap if has(&["anthropic"]) => claude(model, form, &id),
        Form::Sap if has(&["gemini-2.5"]) => gemini(model, form, &id),
        Form::Sap => gpt::efforts(&id, &model.release_date)
            .into_iter()
            .map(|name| {
                let options = json!({ "modelParams": { "reasoning_effort": name } });
                (name.to_owned(), object(options))
            })
            .collect(),
        Form::DeclaredEffort if npm == "@ai-sdk/mistral" && has(THINKING_MISTRAL) => efforts(&["high"]),
        Form::DeclaredEffort | Form::GitLab | Form::Cohere | Form::Alibaba | Form::Other => Variants::new(),
    }
}

fn efforts(model: &Model, form: Form, names: &[&str]) -> Variants {
    names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), forms::effort(model, form, name)?)))
        .collect()
}

/// Two hosts run the model behind a chat template that takes the switch under a name of its own.
fn minimax_switch(provider_id: &str) -> Variants {
    let template = matches!(provider_id, "nvidia" | "lilac");
    let thinking = |on: bool| match (template, on) {
        (false, true) => json!({ "thinking": { "type": "adaptive" } }),
        (false, false) => json!({ "thinking": { "type": "disabled" } }),
        (true, true) => json!({ "chat_template_kwargs": { "thinking_mode": "enabled" } }),
        (true, false) => json!({ "chat_template_kwargs": { "thinking_mode": "disabled" } }),
    };
    [("none", false), ("thinking", true)]
        .into_iter()
        .map(|(name, on)| (name.to_owned(), object(thinking(on))))
        .collect()
}

fn claude_efforts(version: Claude) -> &'static [&'static str] {
    if version.hides_thoughts() {
        &["low", "medium", "high", "xhigh", "max"]
    } else {
        &["low", "medium", "high", "max"]
    }
}

fn claude(model: &Model, form: Form, id: &str) -> Variants {
    let Some(version) = Claude::of(id) else {
        return budgets(model, form);
    };
    if form == Form::Anthropic && version.is_opus_4_5(id) {
        return efforts(model, form, PLAIN);
    }
    if !version.adapts() {
        return budgets(model, form);
    }
    // Parity: Copilot serves the newer ones without the highest efforts, and one with a single effort (§8).
    if model.provider_id == "github-copilot" {
        let only_medium = version.is_opus_4_7(id);
        return efforts(model, form, if only_medium { &["medium"] } else { PLAIN });
    }
    let mut variants = efforts(model, form, claude_efforts(version));
    if !version.hides_thoughts() {
        variants.values_mut().for_each(forms::show_as_it_likes);
    }
    variants
}

fn budgets(model: &Model, form: Form) -> Variants {
    let most = BUDGET_LIMIT.min(output_of(model).saturating_sub(1));
    [("high", usual_budget(model)), ("max", most)]
        .into_iter()
        .filter_map(|(name, tokens)| Some((name.to_owned(), forms::budget(model, form, tokens)?)))
        .collect()
}

fn gemini(model: &Model, form: Form, id: &str) -> Variants {
    let has = |name: &str| id.contains(name);
    if has("gemini-2.5") {
        let most = if has("pro") { 32_768 } else { 24_576 };
        return [("high", HIGH_BUDGET), ("max", most)]
            .into_iter()
            .filter_map(|(name, tokens)| Some((name.to_owned(), forms::budget(model, form, tokens)?)))
            .collect();
    }
    let names: &[&str] = if has("gemini-1") || has("gemini-2") {
        &["low", "high"]
    } else if has("gemma") || (has("flash-image")) {
        &["minimal", "high"]
    } else if has("pro-image") {
        &["high"]
    } else if has("flash") {
        &["minimal", "low", "medium", "high"]
    } else {
        PLAIN
    };
    efforts(model, form, names)
}
