//! Finding models by some words: names, providers, families, and what they can do
//! (reference `providers.md` §2.3, «ranked fuzzy model search»).
//!
//! Every word must fit somewhere. A whole name counts more than the beginning of a word, that more than a
//! piece, and that more than letters in their order; models that the user has used or marked come before
//! others that fit as well.

use opencode_schema::model::Model;

use crate::catalog::Catalog;
use crate::select::Choice;

/// What a fit is worth.
mod worth {
    /// The word is the whole name.
    pub(super) const WHOLE: u32 = 100;
    /// It says what the model can do.
    pub(super) const ABILITY: u32 = 80;
    /// A word of the name begins with it.
    pub(super) const BEGINNING: u32 = 60;
    /// It is somewhere in the name.
    pub(super) const PIECE: u32 = 40;
    /// Its letters are in the name, in their order and close together.
    pub(super) const LETTERS: u32 = 10;
    /// The user marked the model.
    pub(super) const FAVORITE: u32 = 9;
    /// The user used the model lately.
    pub(super) const RECENT: u32 = 6;
}

/// A context from which on a model counts as one for long texts.
const LONG: u64 = 400_000;
/// Letters of a word before they are looked for one by one.
const LETTERS: usize = 3;

impl Catalog {
    /// Whether a provider of this name is connected, or known and not connected.
    #[must_use]
    pub fn is_known(&self, provider_id: &str) -> bool {
        let configured = self.sources.config.provider.as_ref();
        self.provider(provider_id).is_some()
            || self.snapshot().heads().any(|(id, _)| id == provider_id)
            || configured.is_some_and(|providers| providers.contains_key(provider_id))
    }

    /// The models that can be used here and fit these words, the best first.
    #[must_use]
    pub fn search(&self, words: &str) -> Vec<Model> {
        let words: Vec<String> = words
            .split(|c: char| c.is_whitespace() || c == '/' || c == ',')
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        if words.is_empty() {
            return Vec::new();
        }
        let preferred = self.preferred();
        let is_in = |choices: &[Choice], model: &Model| {
            let same =
                |choice: &Choice| choice.provider_id == model.provider_id && choice.model_id == model.id;
            choices.iter().any(same)
        };
        let mut found: Vec<(u32, Model)> = Vec::new();
        for id in self.connected() {
            let Some(provider) = self.provider(&id) else {
                continue;
            };
            let usable = provider
                .models
                .values()
                .filter(|model| Self::adapter(model).is_ok());
            for model in usable {
                let Some(mut score) = score(&words, &provider.name, model) else {
                    continue;
                };
                if is_in(&preferred.favorite, model) {
                    score += worth::FAVORITE;
                }
                if is_in(&preferred.recent, model) {
                    score += worth::RECENT;
                }
                found.push((score, model.clone()));
            }
        }
        found.sort_by(|(a, one), (b, other)| {
            let newest = other.release_date.cmp(&one.release_date);
            let names = || (&one.provider_id, &one.id).cmp(&(&other.provider_id, &other.id));
            b.cmp(a).then(newest).then_with(names)
        });
        found.into_iter().map(|(_, model)| model).collect()
    }
}

/// How well a model fits all words; `None` when one does not fit at all.
fn score(words: &[String], provider_name: &str, model: &Model) -> Option<u32> {
    let names = [
        model.id.to_lowercase(),
        model.name.to_lowercase(),
        model.family.as_deref().unwrap_or_default().to_lowercase(),
        model.provider_id.to_lowercase(),
        provider_name.to_lowercase(),
    ];
    let of_word = |word: &String| {
        let by_name = names.iter().filter_map(|name| fit(word, name)).max();
        by_name.max(can(model, word).then_some(worth::ABILITY))
    };
    words
        .iter()
        .map(of_word)
        .try_fold(0_u32, |sum, worth| Some(sum + worth?))
}

fn fit(word: &str, name: &str) -> Option<u32> {
    if word == name {
        return Some(worth::WHOLE);
    }
    let begins = |at: usize| {
        let before = name.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|before| !before.is_alphanumeric())
    };
    if name.match_indices(word).any(|(at, _)| begins(at)) {
        return Some(worth::BEGINNING);
    }
    if name.contains(word) {
        return Some(worth::PIECE);
    }
    let plain = |text: &str| -> String { text.chars().filter(|c| c.is_alphanumeric()).collect() };
    let (word, name) = (plain(word), plain(name));
    if word.chars().count() < LETTERS {
        return None;
    }
    if name.contains(&word) {
        return Some(worth::PIECE);
    }
    is_spread(&word, &name).then_some(worth::LETTERS)
}

/// Whether the letters of a word are in a name, in their order, the first at the beginning of the name, and
/// no more than half as many others between them.
fn is_spread(word: &str, name: &str) -> bool {
    let mut letters = name.char_indices();
    let mut span = 0;
    for (count, letter) in word.chars().enumerate() {
        let Some((at, _)) = letters.find(|(_, c)| *c == letter) else {
            return false;
        };
        if count == 0 && at != 0 {
            return false;
        }
        span = at + 1;
    }
    span * 2 <= word.len() * 3
}

/// Whether a word says something that a model can do.
fn can(model: &Model, word: &str) -> bool {
    let about = &model.capabilities;
    match word {
        "reasoning" | "thinking" => about.reasoning,
        "tool" | "tools" => about.toolcall,
        "image" | "images" | "vision" => about.input.image,
        "pdf" => about.input.pdf,
        "audio" => about.input.audio,
        "video" => about.input.video,
        "free" => model.cost.base.input == 0.0 && model.cost.base.output == 0.0,
        "long" => model.limit.context >= LONG,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::loader::tests::catalog;

    fn found(words: &str) -> Vec<String> {
        let config = json!({ "disabled_providers": ["opencode"], "provider": {
            "acme": { "name": "Acme Works", "models": {
                "swift-9b": { "family": "swift", "release_date": "2026-01-01", "cost": { "input": 1, "output": 1 },
                    "limit": { "context": 8000, "output": 1000 } },
                "swift-9b-vision": { "family": "swift", "release_date": "2026-02-01",
                    "modalities": { "input": ["text", "image"], "output": ["text"] } },
                "deep-think": { "name": "Deep Think", "reasoning": true, "cost": { "input": 1, "output": 1 } },
            }, "npm": "@ai-sdk/openai-compatible", "api": "http://127.0.0.1:1" },
            "other": { "models": { "swift-9b": { "release_date": "2025-01-01" } },
                "npm": "@ai-sdk/openai-compatible", "api": "http://127.0.0.1:1" },
        } });
        let found = catalog(&[], vec![], config).search(words);
        found
            .iter()
            .map(|model| format!("{}/{}", model.provider_id, model.id))
            .collect()
    }

    #[test]
    fn the_best_fit_comes_first() {
        for (words, wanted) in [
            (
                "swift-9b",
                &["acme/swift-9b", "other/swift-9b", "acme/swift-9b-vision"][..],
            ),
            ("other swift", &["other/swift-9b"]),
            ("acme/swift", &["acme/swift-9b-vision", "acme/swift-9b"]),
            ("SWIFT image", &["acme/swift-9b-vision"]),
            (
                "swift9b",
                &["acme/swift-9b-vision", "acme/swift-9b", "other/swift-9b"],
            ),
            ("deepthnk", &["acme/deep-think"]),
            ("reasoning", &["acme/deep-think"]),
            ("works think", &["acme/deep-think"]),
            ("swift free", &["acme/swift-9b-vision", "other/swift-9b"]),
            ("nothing-like-it", &[]),
            (" / ", &[]),
        ] {
            assert_eq!(found(words), wanted, "{words}");
        }
    }
}
