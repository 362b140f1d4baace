//! What an answer costs (reference `providers.md` §10).

use opencode_llm::stream::ProviderMetadata;
use opencode_schema::model::{Model, Price};
use opencode_schema::session::{Cost, Tokens};

/// Prices are counted in billionths of a dollar per million tokens, so that sums are exact.
const UNITS_PER_DOLLAR: f64 = 1e9;
/// Units of a dollar for a single token: a billion times a million.
const UNITS_PER_TOKEN_DOLLAR: f64 = 1e15;
/// Input beyond which `over_200k` holds.
const LARGE_INPUT: u64 = 200_000;

/// What `tokens` of a model cost in US dollars.
#[must_use]
pub fn of(model: &Model, tokens: &Tokens) -> Cost {
    let input = tokens
        .input
        .saturating_add(tokens.cache.read)
        .saturating_add(tokens.cache.write);
    let price = price(model, input);
    let units = |dollars: f64, tokens: u64| {
        (dollars * UNITS_PER_DOLLAR).round().max(0.0) as i128 * i128::from(tokens)
    };
    let sum = units(price.input, tokens.input)
        + units(price.output, tokens.output)
        + units(price.output, tokens.reasoning)
        + units(price.cache.read, tokens.cache.read)
        + units(price.cache.write, tokens.cache.write);
    Cost(sum as f64 / UNITS_PER_TOKEN_DOLLAR)
}

/// What the provider itself says that an answer cost, in billionths of the cent that it bills by.
#[must_use]
pub fn billed(metadata: &ProviderMetadata) -> Option<Cost> {
    const UNITS_PER_DOLLAR: f64 = 1e11;
    let units = metadata.get("copilot")?.get("totalNanoAiu")?.as_f64()?;
    (units.is_finite() && units >= 0.0).then(|| Cost(units / UNITS_PER_DOLLAR))
}

/// The price list that holds for so much input: the largest tier below it, else the one for large input.
fn price(model: &Model, input: u64) -> &Price {
    let tiers = model.cost.tiers.iter().flatten();
    let tier = tiers
        .filter(|tier| tier.tier.r#type == "context" && input > tier.tier.size)
        .max_by_key(|tier| tier.tier.size);
    match (tier, &model.cost.over_200k) {
        (Some(tier), _) => &tier.price,
        (None, Some(price)) if input > LARGE_INPUT => price,
        _ => &model.cost.base,
    }
}

#[cfg(test)]
mod tests {
    use opencode_schema::model::{CachePrice, Pricing, Tier, TierBound};
    use opencode_schema::session::CacheTokens;

    use super::*;

    fn price_of(input: f64) -> Price {
        Price {
            input,
            output: 15.0,
            cache: CachePrice {
                read: 0.3,
                write: 3.75,
            },
        }
    }

    fn tokens(input: u64) -> Tokens {
        Tokens {
            total: None,
            input,
            output: 50,
            reasoning: 10,
            cache: CacheTokens { read: 400, write: 0 },
        }
    }

    fn model(cost: Pricing) -> Model {
        let mut model: Model = serde_json::from_value(serde_json::json!({
            "id": "m", "providerID": "p", "name": "M", "api": { "id": "m", "url": "", "npm": "n" }, "status": "active",
            "headers": {}, "options": {}, "limit": { "context": 0, "output": 0 }, "release_date": "",
            "cost": { "input": 0, "output": 0, "cache": { "read": 0, "write": 0 } },
            "capabilities": { "temperature": false, "reasoning": false, "attachment": false, "toolcall": true,
                "input": { "text": true, "audio": false, "image": false, "video": false, "pdf": false },
                "output": { "text": true, "audio": false, "image": false, "video": false, "pdf": false },
                "interleaved": false },
        }))
        .unwrap();
        model.cost = cost;
        model
    }

    #[test]
    fn sums_are_exact_decimals() {
        let model = model(Pricing {
            base: price_of(3.0),
            tiers: None,
            over_200k: None,
        });
        // 600 * 3 + (50 + 10) * 15 + 400 * 0.3, by a million.
        assert_eq!(of(&model, &tokens(600)), Cost(0.00282));
        assert_eq!(of(&model, &Tokens::default()), Cost(0.0));
    }

    #[test]
    fn what_the_provider_bills_wins() {
        let metadata = |value: serde_json::Value| -> ProviderMetadata {
            serde_json::from_value(serde_json::json!({ "copilot": { "totalNanoAiu": value } })).unwrap()
        };
        for (value, wanted) in [
            (serde_json::json!(250_000_000), Some(Cost(0.0025))),
            (serde_json::json!(0), Some(Cost(0.0))),
            (serde_json::json!(-1), None),
            (serde_json::json!("5"), None),
        ] {
            assert_eq!(billed(&metadata(value.clone())), wanted, "{value}");
        }
        assert_eq!(billed(&ProviderMetadata::new()), None);
    }

    #[test]
    fn caches_and_reasoning_have_their_prices() {
        let mut over = price_of(6.0);
        over.cache.write = 7.5;
        let model = model(Pricing {
            base: price_of(3.0),
            tiers: None,
            over_200k: Some(over),
        });
        let tokens = |input, write| Tokens {
            total: None,
            input,
            output: 100,
            reasoning: 1_000,
            cache: CacheTokens { read: 50_000, write },
        };
        // 100 000 * 3 + 1 100 * 15 + 50 000 * 0.3 + 20 000 * 3.75, by a million.
        assert_eq!(of(&model, &tokens(100_000, 20_000)), Cost(0.4065));
        // Caches count when it is about the size: 140 000 * 6 + 1 100 * 15 + 50 000 * 0.3 + 20 000 * 7.5.
        assert_eq!(of(&model, &tokens(140_000, 20_000)), Cost(1.0215));
    }

    #[test]
    fn large_input_has_its_own_price() {
        let tier = |size, input| Tier {
            price: price_of(input),
            tier: TierBound {
                r#type: "context".into(),
                size,
            },
        };
        for (name, cost, input, wanted) in [
            (
                "base",
                Pricing {
                    base: price_of(1.0),
                    tiers: None,
                    over_200k: Some(price_of(2.0)),
                },
                199_600,
                1.0,
            ),
            (
                "over 200k",
                Pricing {
                    base: price_of(1.0),
                    tiers: None,
                    over_200k: Some(price_of(2.0)),
                },
                199_601,
                2.0,
            ),
            (
                "the largest tier that is passed",
                Pricing {
                    base: price_of(1.0),
                    tiers: Some(vec![tier(100, 5.0), tier(1000, 6.0), tier(9_999_999, 7.0)]),
                    over_200k: None,
                },
                5_000,
                6.0,
            ),
        ] {
            let model = model(cost);
            assert_eq!(super::price(&model, input + 400).input, wanted, "{name}");
        }
    }
}
