//! Reasoning details on their way back: the signed and encrypted pieces that a model wants to see again,
//! each once.

use std::collections::HashSet;

use serde_json::Value;

use super::NAMESPACE;
use crate::json::text_at;
use crate::request::{Content, ProviderOptions};

/// Formats whose pieces are refused without a signature; also that of pieces that name none.
const SIGNED_FORMATS: [&str; 2] = ["anthropic-claude-v1", "google-gemini-v1"];

/// The pieces of a request that were written already.
#[derive(Debug, Default)]
pub(super) struct Details {
    seen: HashSet<String>,
}

impl Details {
    /// The pieces that go back with a message: its own, else those of its first call or reasoning that has
    /// some.
    pub(super) fn of_message(
        &mut self,
        content: &[Content],
        options: &ProviderOptions,
    ) -> Option<Vec<Value>> {
        let candidates = of_options(options).or_else(|| first_of_parts(content))?;
        Some(
            candidates
                .into_iter()
                .filter(|detail| is_accepted(detail) && self.is_new(detail))
                .collect(),
        )
    }

    fn is_new(&mut self, detail: &Value) -> bool {
        let non_empty = |key: &str| text_at(detail, key).filter(|text| !text.is_empty());
        let name = match text_at(detail, "type") {
            Some("reasoning.summary") => text_at(detail, "summary"),
            Some("reasoning.encrypted") => non_empty("id").or_else(|| text_at(detail, "data")),
            Some("reasoning.text") => non_empty("text").or_else(|| non_empty("signature")),
            _ => None,
        };
        name.is_some_and(|name| self.seen.insert(name.to_owned()))
    }
}

fn first_of_parts(content: &[Content]) -> Option<Vec<Value>> {
    let of = |part: &Content| match part {
        Content::ToolCall { provider_options, .. } | Content::Reasoning { provider_options, .. } => {
            of_options(provider_options).filter(|details| !details.is_empty())
        }
        _ => None,
    };
    let calls = content
        .iter()
        .filter(|part| matches!(part, Content::ToolCall { .. }));
    let reasoning = content
        .iter()
        .filter(|part| matches!(part, Content::Reasoning { .. }));
    calls.chain(reasoning).find_map(of)
}

fn of_options(options: &ProviderOptions) -> Option<Vec<Value>> {
    let details = options.get(NAMESPACE)?.get("reasoning_details")?.as_array()?;
    Some(
        details
            .iter()
            .filter(|detail| is_known(detail))
            .cloned()
            .collect(),
    )
}

/// Pieces of kinds that nobody knows are left out one by one.
fn is_known(detail: &Value) -> bool {
    match text_at(detail, "type") {
        Some("reasoning.summary") => text_at(detail, "summary").is_some(),
        Some("reasoning.encrypted") => text_at(detail, "data").is_some(),
        Some("reasoning.text") => true,
        _ => false,
    }
}

fn is_accepted(detail: &Value) -> bool {
    if text_at(detail, "type") != Some("reasoning.text") {
        return true;
    }
    let signed_format = text_at(detail, "format").is_none_or(|format| SIGNED_FORMATS.contains(&format));
    !signed_format || text_at(detail, "signature").is_some_and(|signature| !signature.is_empty())
}
