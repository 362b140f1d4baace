//! Reasoning variants: named sets of options that make a model think more or less
//! (reference `providers.md` §8).

use indexmap::IndexMap;
use opencode_schema::Object;
use opencode_schema::model::Model;
use serde_json::{Value, json};

use crate::snapshot::ReasoningOption;

/// Variants by name, the weakest first.
pub(crate) type Variants = IndexMap<String, Object>;

/// The largest thinking budget that is ever asked for.
const BUDGET_LIMIT: i64 = 31_999;
/// The budget of «high» where nothing else is known.
const HIGH_BUDGET: i64 = 16_000;

/// The variants of a model; none for one that does not reason.
pub(crate) fn of(model: &Model, options: Option<&[ReasoningOption]>) -> Variants {
    if !model.capabilities.reasoning {
        return Variants::new();
    }
    let family = Family::of(model);
    let declared = match options {
        Some([]) => return Variants::new(),
        Some(options) => declared(model, family, options),
        None => Variants::new(),
    };
    if declared.is_empty() {
        usual(model, family)
    } else {
        declared
    }
}

/// Adapters that take the same options.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Anthropic,
    OpenRouter,
    Alibaba,
    /// Adapters that take `reasoningEffort`.
    Effort,
    Other,
}

impl Family {
    fn of(model: &Model) -> Self {
        match model.api.npm.as_str() {
            "@ai-sdk/anthropic" | "@ai-sdk/google-vertex/anthropic" => Self::Anthropic,
            "@openrouter/ai-sdk-provider" => Self::OpenRouter,
            "@ai-sdk/alibaba" => Self::Alibaba,
            "@ai-sdk/openai-compatible"
            | "@ai-sdk/xai"
            | "@ai-sdk/groq"
            | "@ai-sdk/cerebras"
            | "@ai-sdk/deepinfra"
            | "@ai-sdk/togetherai"
            | "venice-ai-sdk-provider" => Self::Effort,
            _ => Self::Other,
        }
    }
}

/// What the catalogue itself says about a model.
fn declared(model: &Model, family: Family, options: &[ReasoningOption]) -> Variants {
    let efforts = options.iter().find_map(|option| match option {
        ReasoningOption::Effort { values } => Some(values),
        _ => None,
    });
    if let Some(values) = efforts {
        let names = values.iter().map(|value| value.as_deref().unwrap_or("none"));
        return names
            .filter_map(|name| Some((name.to_owned(), effort(model, family, name)?)))
            .collect();
    }
    let limits = options.iter().find_map(|option| match option {
        ReasoningOption::BudgetTokens { min, max } => Some((min.unwrap_or(0), *max)),
        _ => None,
    });
    if let Some((min, max)) = limits {
        let output = i64::try_from(model.limit.output).unwrap_or(i64::MAX);
        let most = max
            .unwrap_or(BUDGET_LIMIT)
            .min(output.saturating_sub(1))
            .min(BUDGET_LIMIT);
        let high = ((most + 1) / 2).max(min).min(most);
        return [("high", high), ("max", most)]
            .into_iter()
            .filter_map(|(name, tokens)| Some((name.to_owned(), budget(family, tokens)?)))
            .collect();
    }
    if family == Family::Alibaba && options.contains(&ReasoningOption::Toggle) {
        return [("none", false), ("high", true)]
            .into_iter()
            .map(|(name, on)| (name.to_owned(), object(json!({ "enableThinking": on }))))
            .collect();
    }
    Variants::new()
}

/// The options of a named effort.
fn effort(model: &Model, family: Family, name: &str) -> Option<Object> {
    let options = match family {
        Family::Effort => json!({ "reasoningEffort": name }),
        Family::OpenRouter => json!({ "reasoning": { "effort": name } }),
        Family::Anthropic if is_kimi(model) => {
            json!({ "thinking": { "type": "adaptive", "display": "summarized" }, "effort": name })
        }
        Family::Anthropic => match claude_version(&model.api.id) {
            Some(Claude::OPUS_4_5) if model.api.id.contains("opus") => {
                let output = i64::try_from(model.limit.output).unwrap_or(i64::MAX);
                let tokens = HIGH_BUDGET.min(output / 2 - 1);
                json!({ "thinking": { "type": "enabled", "budgetTokens": tokens }, "effort": name })
            }
            Some(version) if version >= Claude(4, 7) => {
                json!({ "thinking": { "type": "adaptive", "display": "summarized" }, "effort": name })
            }
            Some(version) if version >= Claude(4, 6) => {
                json!({ "thinking": { "type": "adaptive" }, "effort": name })
            }
            _ => json!({ "effort": name }),
        },
        Family::Alibaba | Family::Other => return None,
    };
    Some(object(options))
}

/// The options of a thinking budget.
fn budget(family: Family, tokens: i64) -> Option<Object> {
    let options = match family {
        Family::Anthropic => json!({ "thinking": { "type": "enabled", "budgetTokens": tokens } }),
        Family::OpenRouter => json!({ "reasoning": { "max_tokens": tokens } }),
        Family::Alibaba => json!({ "enableThinking": true, "thinkingBudget": tokens }),
        Family::Effort | Family::Other => return None,
    };
    Some(object(options))
}

/// What models of a kind take when nobody says.
fn usual(model: &Model, family: Family) -> Variants {
    let id = model.api.id.to_lowercase();
    let has = |names: &[&str]| names.iter().any(|name| id.contains(name));
    let efforts = |names: &[&str]| -> Variants {
        names
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), effort(model, family, name)?)))
            .collect()
    };
    if has(&["minimax-m3"]) && matches!(family, Family::Anthropic | Family::Effort) {
        // Two hosts run the model behind a chat template that takes the switch under a name of its own.
        let template = matches!(model.provider_id.as_str(), "nvidia" | "lilac");
        let thinking = |on: bool| match (template, on) {
            (false, true) => json!({ "thinking": { "type": "adaptive" } }),
            (false, false) => json!({ "thinking": { "type": "disabled" } }),
            (true, true) => json!({ "chat_template_kwargs": { "thinking_mode": "enabled" } }),
            (true, false) => json!({ "chat_template_kwargs": { "thinking_mode": "disabled" } }),
        };
        return [("none", false), ("thinking", true)]
            .into_iter()
            .map(|(name, on)| (name.to_owned(), object(thinking(on))))
            .collect();
    }
    if has(&["glm-5.2", "glm-5-2"]) {
        return efforts(&["high", "max"]);
    }
    let none = [
        "deepseek-chat",
        "deepseek-reasoner",
        "deepseek-r1",
        "deepseek-v3",
        "minimax",
        "glm",
        "kimi",
        "k2p",
    ];
    if has(&none) || has(&["qwen", "big-pickle"]) {
        return Variants::new();
    }
    if has(&["grok-3-mini"]) {
        return efforts(&["low", "high"]);
    }
    match family {
        Family::Anthropic => match claude_version(&model.api.id) {
            Some(version) if version >= Claude(4, 7) => efforts(&["low", "medium", "high", "xhigh", "max"]),
            Some(version) if version >= Claude(4, 6) => efforts(&["low", "medium", "high", "max"]),
            _ => {
                let output = i64::try_from(model.limit.output).unwrap_or(i64::MAX);
                [
                    ("high", HIGH_BUDGET.min(output / 2 - 1)),
                    ("max", BUDGET_LIMIT.min(output - 1)),
                ]
                .into_iter()
                .filter_map(|(name, tokens)| Some((name.to_owned(), budget(family, tokens)?)))
                .collect()
            }
        },
        Family::Effort if model.api.npm == "@ai-sdk/groq" => efforts(&["none", "low", "medium", "high"]),
        Family::Effort if has(&["deepseek-v4"]) => efforts(&["low", "medium", "high", "max"]),
        Family::OpenRouter if has(&["openai/o"]) => {
            efforts(&["none", "minimal", "low", "medium", "high", "xhigh"])
        }
        Family::Effort | Family::OpenRouter => efforts(&["low", "medium", "high"]),
        Family::Alibaba | Family::Other => Variants::new(),
    }
}

fn is_kimi(model: &Model) -> bool {
    let id = model.api.id.to_lowercase();
    ["kimi", "k2p"].iter().any(|name| id.contains(name)) || model.provider_id.contains("moonshot")
}

/// The version of a Claude model. An id without numbers is taken for the newest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Claude(u32, u32);

impl Claude {
    const OPUS_4_5: Self = Self(4, 5);
    const NEWEST: Self = Self(u32::MAX, 0);
}

fn claude_version(id: &str) -> Option<Claude> {
    let rest = &id[id.find("claude-")? + "claude-".len()..];
    let mut numbers = rest.split(['-', '.', '@', ':']).map_while_numbers();
    Some(match (numbers.next(), numbers.next()) {
        (None, _) => Claude::NEWEST,
        (Some(major), minor) => Claude(major, minor.unwrap_or(0)),
    })
}

trait FirstNumbers<'a>: Iterator<Item = &'a str> + Sized {
    /// The first run of short numbers; a date is none.
    fn map_while_numbers(self) -> impl Iterator<Item = u32> {
        self.skip_while(|word| small_number(word).is_none())
            .map_while(small_number)
    }
}

impl<'a, I: Iterator<Item = &'a str>> FirstNumbers<'a> for I {}

fn small_number(word: &str) -> Option<u32> {
    (word.len() <= 2).then(|| word.parse().ok()).flatten()
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::convert;
    use crate::snapshot::Snapshot;

    #[test]
    fn claude_versions() {
        for (id, wanted) in [
            ("claude-sonnet-4-5-20250929", Some(Claude(4, 5))),
            ("claude-opus-4-20250514", Some(Claude(4, 0))),
            ("claude-3-5-haiku-20241022", Some(Claude(3, 5))),
            ("us.anthropic.claude-opus-4-7", Some(Claude(4, 7))),
            ("anthropic/claude-sonnet-4.6", Some(Claude(4, 6))),
            ("claude-fable-5", Some(Claude(5, 0))),
            ("claude-latest", Some(Claude::NEWEST)),
            ("gpt-5", None),
        ] {
            assert_eq!(claude_version(id), wanted, "{id}");
        }
    }

    /// Against what the reference made of the whole public catalogue, as far as this version speaks the
    /// adapters' protocols.
    #[test]
    fn fixtures_variants_of_the_catalogue() {
        let shared = std::env::var_os("OPENCODE_SHARED").map_or_else(
            || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
            std::path::PathBuf::from,
        );
        let path = shared.join("fixtures/provider-catalogue-golden.json");
        let Ok(text) = fs_err::read_to_string(&path) else {
            println!("skipped: {} is not there", path.display());
            return;
        };
        let golden: Value = serde_json::from_str(&text).unwrap();
        let snapshot = Snapshot::embedded();
        let mut models: BTreeMap<String, Model> = BTreeMap::new();
        let ids: Vec<String> = snapshot.heads().map(|(id, _)| id.to_owned()).collect();
        for id in ids {
            let provider = convert::provider(&id, &snapshot.provider(&id).unwrap());
            models.extend(
                provider
                    .models
                    .into_values()
                    .map(|model| (format!("{id}/{}", model.id), model)),
            );
        }
        let mut wrong = Vec::new();
        let mut checked = 0;
        for (name, wanted) in golden["models"].as_object().unwrap() {
            let Some(model) = models.get(name) else { continue };
            if Family::of(model) == Family::Other {
                continue;
            }
            checked += 1;
            assert_eq!(model.api.npm, wanted["npm"].as_str().unwrap(), "{name}");
            let set = &golden["variant_sets"][wanted["variants"].as_u64().unwrap() as usize];
            let ours = serde_json::to_value(&model.variants).unwrap();
            if ours != *set {
                wrong.push(format!("{name}\n  reference {set}\n  ours      {ours}"));
            }
        }
        assert!(checked > 1000, "{checked}");
        assert!(
            wrong.is_empty(),
            "{} of {checked} differ:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }
}
