//! What OpenAI's own models can do, by their names.

/// What a model can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Model {
    /// It reasons: it wants other names and refuses sampling parameters.
    pub(crate) reasoning: bool,
    /// It takes sampling parameters when its effort is `none`.
    pub(crate) sampling_without_effort: bool,
    /// It can be served slowly and cheaply.
    pub(crate) flex: bool,
    /// It can be served first.
    pub(crate) priority: bool,
}

/// Models that search the web on their own and take no temperature.
const SEARCH_MODELS: [&str; 2] = ["gpt-4o-search-preview", "gpt-4o-mini-search-preview"];

/// What a model can do.
pub(crate) fn model(id: &str) -> Model {
    let o_series = o_series(id);
    let gpt = gpt(id);
    let variant = |name: &str| {
        gpt.as_ref()
            .is_some_and(|gpt| gpt.variant.is_some_and(|variant| variant.starts_with(name)))
    };
    let chat = variant("chat") && gpt.as_ref().is_some_and(|gpt| gpt.minor.is_none());
    let modern = gpt.as_ref().is_some_and(|gpt| gpt.major >= 5) && !chat;
    let late_o = o_series.is_some_and(|version| version >= 3);
    Model {
        reasoning: o_series.is_some() || modern,
        sampling_without_effort: gpt
            .as_ref()
            .is_some_and(|gpt| (gpt.major, gpt.minor.unwrap_or(0)) >= (5, 1)),
        flex: late_o || modern,
        priority: late_o || id.starts_with("gpt-4") || (modern && !variant("nano")),
    }
}

/// Whether a model searches the web on its own.
pub(crate) fn is_search_model(id: &str) -> bool {
    SEARCH_MODELS.iter().any(|name| id.starts_with(name))
}

/// `o3`, `o4-mini`…
fn o_series(id: &str) -> Option<u32> {
    let (version, rest) = digits(id.strip_prefix('o')?)?;
    (rest.is_empty() || rest.starts_with('-')).then_some(version)
}

struct Gpt<'a> {
    major: u32,
    minor: Option<u32>,
    variant: Option<&'a str>,
}

/// `gpt-5`, `gpt-5.1-codex`…
fn gpt(id: &str) -> Option<Gpt<'_>> {
    let (major, rest) = digits(id.strip_prefix("gpt-")?)?;
    let (minor, rest) = match rest.strip_prefix('.').and_then(digits) {
        Some((minor, rest)) => (Some(minor), rest),
        None => (None, rest),
    };
    let variant = if rest.is_empty() {
        None
    } else {
        Some(rest.strip_prefix('-').filter(|variant| !variant.is_empty())?)
    };
    Some(Gpt {
        major,
        minor,
        variant,
    })
}

fn digits(text: &str) -> Option<(u32, &str)> {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_told_by_name() {
        let table = [
            // name, reasoning, sampling without effort, flex, priority
            ("o1", true, false, false, false),
            ("o3-mini", true, false, true, true),
            ("o3x", false, false, false, false),
            ("gpt-4o", false, false, false, true),
            ("gpt-4.1-nano-2025-04-14", false, false, false, true),
            ("gpt-5", true, false, true, true),
            ("gpt-5-nano", true, false, true, false),
            ("gpt-5-chat-latest", false, false, false, false),
            ("gpt-5.1-chat-latest", true, true, true, true),
            ("gpt-5.4", true, true, true, true),
            ("gpt-6", true, true, true, true),
            ("gpt-5x", false, false, false, false),
            ("llama", false, false, false, false),
        ];
        for (name, reasoning, sampling_without_effort, flex, priority) in table {
            assert_eq!(
                model(name),
                Model {
                    reasoning,
                    sampling_without_effort,
                    flex,
                    priority
                },
                "{name}"
            );
        }
        assert!(is_search_model("gpt-4o-search-preview-2025"));
    }
}
