//! What the models behind Converse can do, by their ids.

/// Models whose copy of the Messages schema refuses newer fields: formats of answers, strict tools.
const OLD_SCHEMA: [&str; 5] = [
    "claude-opus-4-7",
    "claude-opus-4-8",
    "claude-opus-5",
    "claude-fable-5",
    "claude-sonnet-5",
];

/// Whose model it is, as far as requests differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Maker {
    Anthropic,
    /// OpenAI's open models, which take the effort as a field of its own.
    OpenAiOpen,
    OpenAi,
    Mistral,
    Other,
}

impl Maker {
    /// By the id; `thinks_by_budget` tells for profiles, which hide whose model they are.
    pub(super) fn of(id: &str, thinks_by_budget: bool) -> Self {
        let profile = id.contains(":application-inference-profile/") && thinks_by_budget;
        if id.contains("anthropic") || profile {
            return Self::Anthropic;
        }
        // The name of a region may stand before it.
        let after_region = id.split_once('.').map_or("", |(_, rest)| rest);
        let named = |prefix: &str| id.starts_with(prefix) || after_region.starts_with(prefix);
        if named("openai.gpt-oss-") {
            Self::OpenAiOpen
        } else if named("openai.") {
            Self::OpenAi
        } else if id.contains("mistral.") {
            Self::Mistral
        } else {
            Self::Other
        }
    }
}

/// The model takes strict tools and a format for its answer.
pub(super) fn takes_newer_fields(id: &str) -> bool {
    !OLD_SCHEMA.iter().any(|model| id.contains(model))
}

/// The id of a call as the model takes it: Mistral's want nine letters and digits.
pub(super) fn call_id(id: &str, mistral: bool) -> String {
    if mistral {
        id.chars().filter(char::is_ascii_alphanumeric).take(9).collect()
    } else {
        id.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makers_are_told_by_id() {
        let table = [
            (
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                false,
                Maker::Anthropic,
            ),
            (
                "arn:aws:bedrock:us-east-1:1:application-inference-profile/x",
                true,
                Maker::Anthropic,
            ),
            (
                "arn:aws:bedrock:us-east-1:1:application-inference-profile/x",
                false,
                Maker::Other,
            ),
            ("openai.gpt-oss-120b-1:0", false, Maker::OpenAiOpen),
            ("us.openai.gpt-5.6", false, Maker::OpenAi),
            ("us.mistral.pixtral-large-2502-v1:0", false, Maker::Mistral),
            ("amazon.nova-lite-v1:0", false, Maker::Other),
        ];
        for (id, budget, expected) in table {
            assert_eq!(Maker::of(id, budget), expected, "{id}");
        }
        assert_eq!(call_id("tooluse_bpe71yCfRu2b5i", true), "toolusebp");
        assert_eq!(call_id("tooluse_b", false), "tooluse_b");
    }
}
