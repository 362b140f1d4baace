//! Options that requests carry without anybody asking (reference `providers.md` §7).

use opencode_schema::Object;
use opencode_schema::model::{Model, Provider};
use serde_json::{Value, json};

use crate::merge::merge;

const ENCRYPTED: &str = "reasoning.encrypted_content";

/// What the rules look at.
struct Facts<'a> {
    id: String,
    npm: &'a str,
    provider: &'a str,
    url: &'a str,
    reasoning: bool,
}

impl<'a> Facts<'a> {
    fn of(model: &'a Model, provider: &'a Provider) -> Self {
        Self {
            id: model.api.id.to_lowercase(),
            npm: &model.api.npm,
            provider: &provider.id,
            url: &model.api.url,
            reasoning: model.capabilities.reasoning,
        }
    }

    fn has(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.id.contains(name))
    }

    fn is_npm(&self, packages: &[&str]) -> bool {
        packages.contains(&self.npm)
    }

    fn is_compatible(&self) -> bool {
        self.npm == "@ai-sdk/openai-compatible"
    }

    fn is_kimi(&self) -> bool {
        self.has(&["kimi", "k2p"])
            || ["kimi", "moonshot"]
                .iter()
                .any(|name| self.provider.contains(name) || self.url.contains(name))
    }

    /// The maker's own protocol, which keeps answers unless told not to.
    fn keeps_answers(&self) -> bool {
        self.provider == "openai"
            || self.is_npm(&[
                "@ai-sdk/openai",
                "@ai-sdk/github-copilot",
                "@ai-sdk/amazon-bedrock/mantle",
                "@ai-sdk/xai",
                "@ai-sdk/azure",
            ])
    }

    fn is_old_gemini(&self) -> bool {
        self.has(&["gemini-1", "gemini-2"])
    }
}

/// Options that every request to such a model carries.
pub(super) fn base(model: &Model, provider: &Provider, session_id: &str) -> Object {
    let facts = Facts::of(model, provider);
    let npm = facts.npm;
    let cache_key = provider.options.get("setCacheKey").and_then(Value::as_bool);
    let openrouter = npm == "@openrouter/ai-sdk-provider";
    let anthropic = npm == "@ai-sdk/anthropic";
    let rows: [(bool, Value); 16] = [
        (
            npm == "@ai-sdk/google-vertex/anthropic" || (anthropic && !facts.has(&["claude"])),
            json!({ "toolStreaming": false }),
        ),
        (facts.keeps_answers(), json!({ "store": false })),
        (openrouter, json!({ "usage": { "include": true } })),
        (
            openrouter && facts.has(&["gemini"]) && !facts.is_old_gemini(),
            json!({ "reasoning": { "effort": "high" } }),
        ),
        (
            facts.provider == "baseten"
                || (facts.provider == "opencode" && facts.has(&["kimi-k2-thinking", "glm-4.6"])),
            json!({ "chat_template_args": { "enable_thinking": true } }),
        ),
        (
            facts.is_compatible()
                && ["zai", "zhipuai"]
                    .iter()
                    .any(|name| facts.provider.contains(name)),
            json!({ "thinking": { "type": "enabled", "clear_thinking": false } }),
        ),
        (
            facts.provider == "meta" && npm == "@ai-sdk/openai",
            json!({ "reasoningSummary": "auto", "include": [ENCRYPTED] }),
        ),
        (
            facts.is_npm(&["@ai-sdk/google", "@ai-sdk/google-vertex"]) && facts.reasoning,
            if facts.is_old_gemini() {
                json!({ "thinkingConfig": { "includeThoughts": true } })
            } else {
                json!({ "thinkingConfig": { "includeThoughts": true, "thinkingLevel": "high" } })
            },
        ),
        (
            anthropic && facts.has(&["minimax-m3"]),
            json!({ "thinking": { "type": "adaptive" } }),
        ),
        (
            anthropic && facts.is_kimi() && facts.reasoning,
            json!({ "thinking": { "type": "adaptive", "display": "summarized" }, "effort": "high" }),
        ),
        (
            facts.is_compatible()
                && facts.provider == "alibaba-cn"
                && facts.reasoning
                && !facts.has(&["kimi-k2-thinking"]),
            json!({ "enable_thinking": true }),
        ),
        (
            npm == "@ai-sdk/gateway",
            json!({ "gateway": { "caching": "auto" } }),
        ),
        (
            // xAI's adapter reads over the name that the others take; its Responses carry this one.
            facts.is_npm(&[
                "@ai-sdk/deepinfra",
                "@ai-sdk/cerebras",
                "@ai-sdk/mistral",
                "@ai-sdk/xai",
            ]) && cache_key != Some(false),
            json!({ "prompt_cache_key": session_id }),
        ),
        (
            cache_key == Some(true) || (takes_cache_key(&facts) && cache_key != Some(false)),
            json!({ "promptCacheKey": session_id }),
        ),
        (
            is_azure_chat(model, provider),
            if generation(&facts.id).is_some_and(|generation| generation >= (5, 5)) {
                json!({})
            } else {
                json!({ "reasoningEffort": "medium" })
            },
        ),
        (
            !is_azure_chat(model, provider),
            fifth_generation(&facts, session_id, cache_key),
        ),
    ];
    let mut options = Object::new();
    for (_, row) in rows.iter().filter(|(applies, _)| *applies) {
        if let Value::Object(row) = row {
            merge(&mut options, row);
        }
    }
    options
}

fn takes_cache_key(facts: &Facts<'_>) -> bool {
    facts.provider == "openai"
        || facts.is_npm(&[
            "@ai-sdk/openai",
            "@ai-sdk/azure",
            "@ai-sdk/xai",
            "venice-ai-sdk-provider",
        ])
}

/// Azure's older protocol was asked for.
fn is_azure_chat(model: &Model, provider: &Provider) -> bool {
    model.api.npm == "@ai-sdk/azure" && provider.options.get("useCompletionUrls") == Some(&Value::Bool(true))
}

/// What GPT models of the fifth generation get, whoever serves them.
fn fifth_generation(facts: &Facts<'_>, session_id: &str, cache_key: Option<bool>) -> Value {
    let mut options = json!({});
    if !facts.has(&["gpt-5"]) || facts.has(&["gpt-5-chat"]) {
        return options;
    }
    let own_protocol = facts.is_npm(&["@ai-sdk/openai", "@ai-sdk/amazon-bedrock/mantle"]);
    if !facts.has(&["gpt-5-pro"]) {
        options["reasoningEffort"] = json!("medium");
        if own_protocol || facts.is_npm(&["@ai-sdk/azure", "@ai-sdk/github-copilot"]) {
            options["reasoningSummary"] = json!("auto");
        }
        if own_protocol {
            options["include"] = json!([ENCRYPTED]);
        }
    }
    if own_protocol && facts.has(&["gpt-5."]) && !facts.has(&["codex", "-chat"]) {
        options["textVerbosity"] = json!("low");
    }
    if facts.provider.starts_with("opencode") {
        if cache_key != Some(false) {
            options["promptCacheKey"] = json!(session_id);
        }
        options["include"] = json!([ENCRYPTED]);
        options["reasoningSummary"] = json!("auto");
    }
    options
}

/// The generation in the name of a GPT model.
fn generation(id: &str) -> Option<(u32, u32)> {
    let (_, rest) = id.split_once("gpt-")?;
    let mut numbers = rest
        .split(['.', '-'])
        .map(|word| word.parse().ok().filter(|_| word.len() <= 2));
    Some((numbers.next()??, numbers.next().flatten().unwrap_or(0)))
}

/// Options of requests for small things: as little thinking as the model allows.
pub(super) fn small(model: &Model, provider: &Provider) -> Object {
    let facts = Facts::of(model, provider);
    let mut options = if facts.keeps_answers() && facts.npm != "@ai-sdk/azure" {
        json!({ "store": false })
    } else {
        json!({})
    };
    let first = model.variants.as_ref().and_then(|variants| variants.first());
    let less = match (first, facts.npm) {
        (Some((_, first)), _) => Value::Object(first.clone()),
        (None, "@openrouter/ai-sdk-provider") if facts.has(&["google"]) => {
            json!({ "reasoning": { "enabled": false } })
        }
        (None, "venice-ai-sdk-provider") => json!({ "veniceParameters": { "disableThinking": true } }),
        (None, _) => json!({}),
    };
    if let (Value::Object(options), Value::Object(less)) = (&mut options, &less) {
        merge(options, less);
    }
    match options {
        Value::Object(options) => options,
        _ => Object::new(),
    }
}

/// What follows from options, wherever they came from.
pub(super) fn settle(model: &Model, provider: &Provider, options: &mut Object) {
    // Parity: Copilot's Anthropic interface does not stream the input of tools (§12.3).
    if model.provider_id.contains("github-copilot") && model.api.npm == "@ai-sdk/anthropic" {
        options.insert("toolStreaming".to_owned(), false.into());
    }
    let facts = Facts::of(model, provider);
    if facts.is_npm(&["@ai-sdk/anthropic", "@ai-sdk/google-vertex/anthropic"]) {
        bind_thinking(&facts.id, options);
    }
    if is_azure_chat(model, provider) {
        options.shift_remove("reasoningSummary");
        options.shift_remove("include");
    }
    let responses = facts.is_npm(&["@ai-sdk/openai", "@ai-sdk/azure", "@ai-sdk/amazon-bedrock/mantle"]);
    if responses
        && (facts.reasoning
            || options
                .get("reasoningEffort")
                .is_some_and(|effort| !effort.is_null()))
    {
        options.entry("forceReasoning").or_insert(Value::Bool(true));
    }
}

/// Newer Claude models check that thoughts stand where they were thought; a block that does not is dropped
/// rather than refused. Parity: saying so also turns thinking on where nothing was said of it (§9.1).
fn bind_thinking(id: &str, options: &mut Object) {
    let mythos = id.contains("mythos") && ["5-1", "5.1"].iter().any(|version| id.contains(version));
    let checks = crate::variants::claude_since(id, 5, 1) && !mythos;
    if checks && !options.contains_key("thinking") {
        options.insert("thinking".to_owned(), json!({}));
    }
    let Some(Value::Object(thinking)) = options.get_mut("thinking") else {
        return;
    };
    if thinking.get("blockBinding") == Some(&Value::Bool(false)) {
        thinking.shift_remove("blockBinding");
    } else if checks && thinking.get("type").is_none_or(|kind| kind != "disabled") {
        thinking.entry("type").or_insert_with(|| json!("adaptive"));
        thinking
            .entry("blockBinding")
            .or_insert_with(|| json!({ "prefixMismatchBehavior": "drop_block" }));
    }
    if thinking.is_empty() {
        options.shift_remove("thinking");
    }
}

/// Whether the length of an answer is limited. Some providers count thoughts and answer in ways that a
/// limit would cut.
pub(super) fn is_limited(model: &Model, options: &Object) -> bool {
    let copilot = model.provider_id.starts_with("github-copilot") && model.api.id.contains("gpt");
    let own = model.api.npm == "@ai-sdk/cerebras" && options.contains_key("max_completion_tokens");
    !(model.provider_id == "openai" || copilot || own)
}

#[cfg(test)]
mod tests;
