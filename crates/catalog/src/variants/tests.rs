//! Variants of models that the catalogue does not know.

use opencode_schema::model::Model;
use serde_json::{Value, json};

use super::*;

fn model(provider: &str, npm: &str, id: &str, release_date: &str, output: u64) -> Model {
    let mut model = crate::fixture::model(provider, npm, id);
    model.release_date = release_date.to_owned();
    model.limit.output = output;
    model.capabilities.reasoning = true;
    model
}

/// `usual.json` is what the reference program gave for configured models of these names; `#` is followed by
/// a release date, `!` by an output limit.
#[test]
fn names_tell_what_a_model_takes() {
    let recorded: Value = serde_json::from_str(include_str!("tests/usual.json")).unwrap();
    let mut wrong = Vec::new();
    for case in recorded["cases"].as_array().unwrap() {
        let (provider, npm) = (
            case["provider"].as_str().unwrap(),
            case["package"].as_str().unwrap(),
        );
        for group in case["models"].as_array().unwrap() {
            let wanted = &recorded["sets"][usize::try_from(group[0].as_u64().unwrap()).unwrap()];
            let wanted = wanted.to_string();
            for name in group[1].as_str().unwrap().split(' ') {
                let (rest, output) = name.split_once('!').unwrap_or((name, "64000"));
                let (id, date) = rest.split_once('#').unwrap_or((rest, "2025-01-01"));
                let ours = of(&model(provider, npm, id, date, output.parse().unwrap()), None);
                let ours = serde_json::to_string(&ours).unwrap();
                if ours != wanted {
                    wrong.push(format!(
                        "{provider} {npm} {name}\n  reference {wanted}\n  ours      {ours}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn models_that_do_not_reason_have_none() {
    let mut model = model("p", "@ai-sdk/openai", "gpt-5", "2025-08-07", 1);
    model.capabilities.reasoning = false;
    assert!(of(&model, None).is_empty());
}

#[test]
fn a_date_is_no_version() {
    let variants = of(
        &model("p", "@ai-sdk/openai", "gpt-5-2025-08-07", "2025-08-07", 1),
        None,
    );
    assert!(variants.keys().eq(["minimal", "low", "medium", "high"]));
}

#[test]
fn switches_and_budgets() {
    let budget = ReasoningOption::BudgetTokens {
        min: Some(1024),
        max: Some(8000),
    };
    for (npm, options, wanted) in [
        (
            "@ai-sdk/alibaba",
            vec![ReasoningOption::Toggle],
            json!({ "none": { "enableThinking": false }, "high": { "enableThinking": true } }),
        ),
        (
            "@ai-sdk/cohere",
            vec![ReasoningOption::Toggle],
            json!({ "none": { "thinking": { "type": "disabled" } }, "high": { "thinking": { "type": "enabled" } } }),
        ),
        (
            "@ai-sdk/anthropic",
            vec![ReasoningOption::Toggle, budget],
            json!({ "high": { "thinking": { "type": "enabled", "budgetTokens": 4000 } },
                "max": { "thinking": { "type": "enabled", "budgetTokens": 8000 } } }),
        ),
        ("@ai-sdk/anthropic", vec![], json!({})),
    ] {
        let variants = of(&model("p", npm, "m", "", 64_000), Some(&options));
        assert_eq!(json!(variants), wanted, "{npm}");
    }
}
