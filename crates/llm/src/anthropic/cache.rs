//! Cache marks: at most four in a request.

use serde_json::Value;

use super::options::NAMESPACE;
use crate::json::{present, truthy};
use crate::request::ProviderOptions;

/// More marks than this the provider refuses.
const MOST_MARKS: usize = 4;

/// Counts the marks of one request.
#[derive(Debug, Default)]
pub(super) struct Marks {
    used: usize,
}

impl Marks {
    /// The mark in a set of options, as long as there is room for it.
    pub(super) fn take(&mut self, options: &ProviderOptions) -> Option<Value> {
        let mark = mark(options)?;
        self.used += 1;
        if self.used > MOST_MARKS {
            tracing::warn!(used = self.used, most = MOST_MARKS, "cache mark left out");
            return None;
        }
        Some(mark.clone())
    }
}

fn mark(options: &ProviderOptions) -> Option<&Value> {
    let own = options.get(NAMESPACE)?;
    truthy(present(own.get("cacheControl")).or_else(|| own.get("cache_control")))
}
