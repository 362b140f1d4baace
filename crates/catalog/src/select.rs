//! Choosing models: the default one, a small one, near names (reference `providers.md` §2.3).

use opencode_schema::model::{Model, Provider, Status};
use serde::Deserialize;

use crate::catalog::{Catalog, Error};
use crate::clouds;
use crate::demo::DEMO_PROVIDER;
use crate::login::route;
use crate::{convert, live};

/// Names that make a model a good default, the best last.
const PREFERRED: [&str; 4] = ["gpt-5", "claude-sonnet-4", "big-pickle", "gemini-3-pro"];
/// Families of small models, the best first.
const SMALL: [&str; 3] = ["gemini-flash", "gpt-nano", "claude-haiku"];
/// Providers that have others.
const OTHER_SMALL: [(Names, &[&str]); 4] = [
    (Names::Are("azure"), &[]),
    (Names::Are("azure-cognitive-services"), &[]),
    (Names::Begin("opencode"), &["gpt-nano"]),
    (
        Names::Begin("github-copilot"),
        &["gpt-mini", "gemini-flash", "gpt-nano", "claude-haiku"],
    ),
];

/// Ids of providers.
enum Names {
    Are(&'static str),
    Begin(&'static str),
}

impl Names {
    fn fit(&self, id: &str) -> bool {
        match self {
            Self::Are(name) => id == *name,
            Self::Begin(prefix) => id.starts_with(prefix),
        }
    }
}

/// Near names that are offered.
const SUGGESTIONS: usize = 3;

/// Words that differ more than this are not meant.
const UNLIKE: f64 = 0.15;

/// What the terminal face remembers of models.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Preferred {
    /// Those that were used last, the newest first.
    #[serde(default)]
    pub(crate) recent: Vec<Choice>,
    /// Those that the user marked.
    #[serde(default)]
    pub(crate) favorite: Vec<Choice>,
}

/// A model by the ids that name it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Choice {
    /// Provider id.
    #[serde(rename = "providerID")]
    pub provider_id: String,
    /// Model id within the provider.
    #[serde(rename = "modelID")]
    pub model_id: String,
}

impl Choice {
    /// Takes `provider/model` apart at the first slash.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (provider, model) = text.split_once('/').unwrap_or((text, ""));
        Self {
            provider_id: provider.to_owned(),
            model_id: model.to_owned(),
        }
    }
}

impl Catalog {
    /// The model when nobody chooses one: the configured one, else the last used that is still there, else
    /// the best of the first connected provider.
    ///
    /// # Errors
    /// [`Error::NoProvider`] when nothing but the demonstration is there; [`Error::NoModels`] when there
    /// is something, and nothing of it can be used.
    pub fn default_model(&self) -> Result<Choice, Error> {
        if let Some(model) = &self.sources.config.model {
            return Ok(Choice::parse(model));
        }
        if let Some(recent) = self.recent().into_iter().find(|choice| self.is_usable(choice)) {
            return Ok(recent);
        }
        let configured = self
            .sources
            .config
            .provider
            .as_ref()
            .filter(|providers| !providers.is_empty());
        let candidates: Vec<String> = self
            .connected()
            .into_iter()
            .filter(|id| id != DEMO_PROVIDER)
            .filter(|id| configured.is_none_or(|providers| providers.contains_key(id)))
            .collect();
        let chosen = candidates.iter().find_map(|id| {
            let provider = self.provider(id)?;
            best(&provider).map(|model| Choice {
                provider_id: id.clone(),
                model_id: model.id.clone(),
            })
        });
        chosen.ok_or_else(|| match candidates.into_iter().next() {
            None => Error::NoProvider,
            Some(provider_id) => Error::NoModels { provider_id },
        })
    }

    /// The best usable model of a connected provider.
    #[must_use]
    pub fn best_model(&self, provider_id: &str) -> Option<Model> {
        let provider = self.provider(provider_id)?;
        best(&provider).cloned()
    }

    /// The model of a provider that lists show as its first.
    #[must_use]
    pub fn first_model(provider: &Provider) -> Option<&Model> {
        provider.models.values().max_by_key(|model| rank(model))
    }

    /// Models that were used last, the newest first, as the terminal face keeps them.
    fn recent(&self) -> Vec<Choice> {
        self.preferred().recent
    }

    /// What the terminal face remembers of models.
    pub(crate) fn preferred(&self) -> Preferred {
        let path = self.sources.paths.state.join("model.json");
        let text = fs_err::read_to_string(path).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn is_usable(&self, choice: &Choice) -> bool {
        self.model(&choice.provider_id, &choice.model_id)
            .is_ok_and(|model| Self::adapter(&model).is_ok())
    }

    /// A model for small things such as titles: the configured one, else a small one of the same provider.
    #[must_use]
    pub fn small_model(&self, provider_id: &str) -> Option<Model> {
        if let Some(configured) = &self.sources.config.small_model {
            let choice = Choice::parse(configured);
            return self.model(&choice.provider_id, &choice.model_id).ok();
        }
        let provider = self.provider(provider_id)?;
        if let Some(model) = self.small_of_list(provider_id) {
            return Some(model);
        }
        let others = OTHER_SMALL.iter().find(|(names, _)| names.fit(provider_id));
        let families = others.map_or(&SMALL[..], |(_, families)| families);
        families.iter().find_map(|family| {
            usable(&provider)
                .filter(|model| model.family.as_deref() == Some(family))
                .filter_map(|model| Some((clouds::nearness(&provider, &model.id)?, model)))
                .max_by_key(|(near, model)| (*near, model.release_date.clone(), model.id.clone()))
                .map(|(_, model)| model.clone())
        })
    }

    /// The small model that a provider's own list has, shown or not.
    fn small_of_list(&self, provider_id: &str) -> Option<Model> {
        let wanted = route::small_models(provider_id);
        if wanted.is_empty() {
            return None;
        }
        let list = self.list_of(provider_id)?;
        let entry = self.snapshot().provider(provider_id);
        let package = route::package(provider_id);
        let known = entry.map(|entry| convert::provider_through(provider_id, &entry, package));
        let mut all = live::lay_over(known, provider_id, &list, true).models;
        wanted.iter().find_map(|id| all.shift_remove(*id))
    }

    /// Names near to one that does not exist: models of the provider, or providers when it is not known.
    pub(crate) fn near_names(&self, provider_id: &str, model_id: &str) -> Vec<String> {
        let snapshot = self.snapshot();
        let of_catalogue = || {
            let entry = snapshot.provider(provider_id)?;
            Some(
                entry
                    .models
                    .into_values()
                    .filter(|model| offered(model.status))
                    .map(|model| model.id)
                    .collect(),
            )
        };
        let connected = self
            .provider(provider_id)
            .map(|provider| provider.models.keys().cloned().collect::<Vec<_>>());
        if let Some(ids) = connected.or_else(of_catalogue) {
            return nearest(model_id, &ids)
                .into_iter()
                .map(|id| format!("{provider_id}/{id}"))
                .collect();
        }
        let providers = snapshot
            .heads()
            .map(|(id, _)| id.to_owned())
            .chain(self.connected());
        nearest(provider_id, &providers.collect::<Vec<_>>())
    }
}

fn offered(status: Status) -> bool {
    !matches!(status, Status::Deprecated | Status::Alpha)
}

/// Models whose protocol is spoken here.
fn usable(provider: &Provider) -> impl Iterator<Item = &Model> {
    provider
        .models
        .values()
        .filter(|model| Catalog::adapter(model).is_ok())
}

/// The best model of a provider (reference: preferred names, then `latest`, then the greatest id).
fn best(provider: &Provider) -> Option<&Model> {
    usable(provider).max_by_key(|model| rank(model))
}

fn rank(model: &Model) -> (Option<usize>, bool, &str) {
    let preferred = PREFERRED.iter().position(|name| model.id.contains(name));
    (preferred, model.id.contains("latest"), &model.id)
}

/// Up to three ids that `wanted` may have meant: those that have its letters in order, best fit first;
/// failing that, those whose words are like its words.
fn nearest(wanted: &str, ids: &[String]) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let fitting = |distance: fn(&str, &str) -> Option<usize>| -> Vec<(usize, &String)> {
        let distances = ids
            .iter()
            .filter_map(|id| Some((distance(&wanted, &id.to_lowercase())?, id)));
        distances.collect()
    };
    let mut near = fitting(spread);
    if near.is_empty() {
        near = fitting(unlikeness);
    }
    near.sort();
    near.dedup();
    near.into_iter()
        .take(SUGGESTIONS)
        .map(|(_, id)| id.clone())
        .collect()
}

/// How far the words of `wanted` are from the nearest words of `text`, in thousandths; `None` when they are
/// too far to be meant.
fn unlikeness(wanted: &str, text: &str) -> Option<usize> {
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_alphanumeric());
        words.filter(|word| word.len() > 1).map(str::to_owned).collect()
    };
    let (wanted, there) = (words(wanted), words(text));
    let nearest = |word: &String| {
        let distances = there.iter().map(|other| 1.0 - strsim::jaro_winkler(word, other));
        distances.fold(1.0, f64::min)
    };
    let mean = wanted.iter().map(nearest).sum::<f64>() / wanted.len() as f64;
    (mean < UNLIKE).then_some((mean * 1000.0) as usize)
}

/// How far the letters of `wanted` are spread in `text`, plus what `text` has besides; `None` when they
/// are not all there in order.
fn spread(wanted: &str, text: &str) -> Option<usize> {
    if wanted.is_empty() {
        return None;
    }
    let mut letters = text.char_indices();
    let mut first = None;
    let mut last = 0;
    for letter in wanted.chars() {
        let (at, _) = letters.find(|(_, c)| *c == letter)?;
        first.get_or_insert(at);
        last = at;
    }
    let span = last - first? + 1;
    Some((span - wanted.len().min(span)) * 4 + text.len().saturating_sub(wanted.len()) + first? * 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_by_letters_then_by_words() {
        let ids: Vec<String> = [
            "claude-sonnet-4-5",
            "claude-opus-4-5",
            "claude-haiku-4-5",
            "gpt-5",
            "gpt-5-mini",
            "o3",
        ]
        .map(str::to_owned)
        .into();
        for (wanted, near) in [
            ("claude-sonet-4-5", vec!["claude-sonnet-4-5"]),
            ("gpt5", vec!["gpt-5", "gpt-5-mini"]),
            ("GPT-5", vec!["gpt-5", "gpt-5-mini"]),
            ("sonnet-3", vec!["claude-sonnet-4-5"]),
            ("claude-opuss", vec!["claude-opus-4-5"]),
            ("zzz", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(nearest(wanted, &ids), near, "{wanted}");
        }
    }
}
