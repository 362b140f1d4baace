//! What the models of this protocol can do, by their names.

/// What a model can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Model {
    /// Most output tokens, thinking included.
    pub(super) max_output: u64,
    /// Takes a JSON schema for its answer, and strict tools.
    pub(super) structured: bool,
    /// Refuses temperature, top-k and top-p.
    pub(super) rejects_sampling: bool,
    /// Refuses efforts above `high` when thinking is switched off.
    pub(super) caps_effort_without_thinking: bool,
    /// The limit is certain, so that a request above it is lowered.
    pub(super) known: bool,
}

const fn known(max_output: u64, structured: bool, rejects_sampling: bool) -> Model {
    Model {
        max_output,
        structured,
        rejects_sampling,
        caps_effort_without_thinking: false,
        known: true,
    }
}

/// Models by a part of their name; the first that fits.
const MODELS: [(&str, Model); 14] = [
    (
        "claude-opus-5",
        Model {
            caps_effort_without_thinking: true,
            ..known(128_000, true, true)
        },
    ),
    ("claude-opus-4-8", known(128_000, true, true)),
    ("claude-opus-4-7", known(128_000, true, true)),
    ("claude-fable-5", known(128_000, true, true)),
    ("claude-sonnet-5", known(128_000, true, true)),
    ("claude-sonnet-4-6", known(128_000, true, false)),
    ("claude-opus-4-6", known(128_000, true, false)),
    ("claude-sonnet-4-5", known(64_000, true, false)),
    ("claude-opus-4-5", known(64_000, true, false)),
    ("claude-haiku-4-5", known(64_000, true, false)),
    ("claude-opus-4-1", known(32_000, true, false)),
    ("claude-sonnet-4-", known(64_000, false, false)),
    ("claude-opus-4-", known(32_000, false, false)),
    ("claude-3-haiku", known(4096, false, false)),
];

/// Models of before the table, and other makers' models behind this protocol.
const OTHER: Model = Model {
    max_output: 4096,
    structured: false,
    rejects_sampling: false,
    caps_effort_without_thinking: false,
    known: false,
};

/// A `claude-` name that the table does not hold is taken for a newer one.
const NEWER: Model = Model {
    max_output: 128_000,
    structured: true,
    rejects_sampling: true,
    caps_effort_without_thinking: true,
    known: false,
};

/// What a model can do.
pub(super) fn model(id: &str) -> Model {
    if let Some((_, model)) = MODELS.iter().find(|(part, _)| id.contains(part)) {
        return *model;
    }
    if id.contains("claude-") && !is_old(id) {
        NEWER
    } else {
        OTHER
    }
}

/// The generations `instant`, 2 and 3.
fn is_old(id: &str) -> bool {
    id.match_indices("claude-").any(|(at, part)| {
        let rest = id.get(at + part.len()..).unwrap_or_default();
        let follows = |name: &str, ends: &[char]| {
            rest.strip_prefix(name)
                .is_some_and(|after| after.is_empty() || after.starts_with(ends))
        };
        follows("instant", &['-'])
            || follows("2", &['-', '.', ':'])
            || follows("v2", &['-', '.', ':'])
            || follows("3", &['-', '.'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_told_by_name() {
        let table = [
            ("claude-opus-5", 128_000, true, true),
            ("claude-opus-4-7", 128_000, true, true),
            ("us.anthropic.claude-sonnet-4-5-v1:0", 64_000, false, true),
            ("claude-sonnet-4-20250514", 64_000, false, true),
            ("claude-opus-4-1", 32_000, false, true),
            ("claude-opus-4-20250514", 32_000, false, true),
            ("claude-3-haiku-20240307", 4096, false, true),
            ("claude-3-5-sonnet", 4096, false, false),
            ("claude-3", 4096, false, false),
            ("claude-v2:1", 4096, false, false),
            ("claude-instant", 4096, false, false),
            ("claude-instantly", 128_000, true, false),
            ("claude-30", 128_000, true, false),
            ("claude-next-9", 128_000, true, false),
            ("kimi-k3", 4096, false, false),
        ];
        for (name, max_output, rejects_sampling, known) in table {
            let model = model(name);
            assert_eq!(
                (model.max_output, model.rejects_sampling, model.known),
                (max_output, rejects_sampling, known),
                "{name}"
            );
        }
    }
}
