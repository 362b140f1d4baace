//! The options of a call, read by name.

use serde_json::Value;

use super::dialect::Dialect;
use crate::json::present;
use crate::openai_model::model;
use crate::request::{Object, ProviderOptions};

/// The options that count for a dialect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options<'a> {
    object: Option<&'a Object>,
}

impl<'a> Options<'a> {
    pub(super) fn gather(dialect: &Dialect, options: &'a ProviderOptions) -> Self {
        let object = dialect.namespaces.iter().find_map(|name| options.get(*name));
        Self { object }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        present(self.object.and_then(|object| object.get(name)))
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(Value::as_bool)
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.get(name).and_then(Value::as_str)
    }

    /// Whether the model is one that reasons.
    pub(super) fn reasons(&self, model_id: &str) -> bool {
        self.flag("forceReasoning")
            .unwrap_or_else(|| model(model_id).reasoning)
    }

    /// The provider keeps what is said; unless it is told not to, it does.
    pub(super) fn is_stored(&self) -> bool {
        self.flag("store").unwrap_or(true)
    }
}
