//! Models that were used, are favourites, and their variants: `model.json` (reference `tui.md` §2).

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// How many used models are kept.
const RECENT: usize = 10;

/// A model by its provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct ModelRef {
    /// Its provider.
    #[serde(rename = "providerID")]
    pub(crate) provider: String,
    /// Its id there.
    #[serde(rename = "modelID")]
    pub(crate) model: String,
}

impl ModelRef {
    /// Reads `provider/model`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (provider, model) = text.split_once('/')?;
        Some(Self {
            provider: provider.to_owned(),
            model: model.to_owned(),
        })
    }

    fn name(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }
}

/// What is kept of models.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Models {
    recent: Vec<ModelRef>,
    favorite: Vec<ModelRef>,
    variant: IndexMap<String, String>,
}

impl Models {
    pub(crate) fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Models that were used, the last one first.
    pub(crate) fn recent(&self) -> &[ModelRef] {
        &self.recent
    }

    /// Favourites, the first first.
    pub(crate) fn favorites(&self) -> &[ModelRef] {
        &self.favorite
    }

    /// The variant of a model, if one was chosen.
    pub(crate) fn variant(&self, model: &ModelRef) -> Option<&str> {
        self.variant.get(&model.name()).map(String::as_str)
    }

    /// A model is used.
    pub(crate) fn used(&mut self, model: &ModelRef) {
        self.recent.retain(|known| known != model);
        self.recent.insert(0, model.clone());
        self.recent.truncate(RECENT);
    }

    /// Makes a model a favourite, or not any more.
    pub(crate) fn toggle_favorite(&mut self, model: &ModelRef) {
        match self.favorite.iter().position(|known| known == model) {
            Some(at) => {
                self.favorite.remove(at);
            }
            None => self.favorite.insert(0, model.clone()),
        }
    }

    /// Chooses a variant of a model.
    pub(crate) fn set_variant(&mut self, model: &ModelRef, variant: &str) {
        self.variant.insert(model.name(), variant.to_owned());
    }
}
