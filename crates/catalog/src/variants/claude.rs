//! Versions of Claude models.

/// The version of a Claude model. An id without numbers is taken for the newest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Claude(u32, u32);

impl Claude {
    pub(super) fn new(major: u32, minor: u32) -> Self {
        Self(major, minor)
    }

    const NEWEST: Self = Self(u32::MAX, 0);

    /// The version in a model's id; `None` for models of another family.
    pub(super) fn of(id: &str) -> Option<Self> {
        let (_, rest) = id.split_once("claude-")?;
        let mut numbers = rest
            .split(['-', '.', '@', ':'])
            .skip_while(|word| small_number(word).is_none())
            .map_while(small_number);
        Some(match (numbers.next(), numbers.next()) {
            (None, _) => Self::NEWEST,
            (Some(major), minor) => Self(major, minor.unwrap_or(0)),
        })
    }

    /// Its id has no number.
    pub(super) fn is_unnumbered(self) -> bool {
        self == Self::NEWEST
    }

    /// It decides itself how much to think, within an effort.
    pub(super) fn adapts(self) -> bool {
        self >= Self(4, 6)
    }

    /// It shows its thoughts only when asked to.
    pub(super) fn hides_thoughts(self) -> bool {
        self >= Self(4, 7)
    }

    /// It takes an effort beside a budget.
    pub(super) fn is_opus_4_5(self, id: &str) -> bool {
        self == Self(4, 5) && id.contains("opus")
    }

    /// It is Opus of this version, which one host serves in a narrower way.
    pub(super) fn is_opus_4_7(self, id: &str) -> bool {
        self == Self(4, 7) && id.contains("opus")
    }
}

/// A part of a version; a date is none.
fn small_number(word: &str) -> Option<u32> {
    (word.len() <= 2).then(|| word.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claude_versions() {
        for (id, wanted) in [
            ("claude-sonnet-4-5-20250929", Some(Claude(4, 5))),
            ("claude-opus-4-20250514", Some(Claude(4, 0))),
            ("claude-3-5-haiku-20241022", Some(Claude(3, 5))),
            ("us.anthropic.claude-opus-4-7", Some(Claude(4, 7))),
            ("anthropic/claude-sonnet-4.6", Some(Claude(4, 6))),
            ("claude-fable-5", Some(Claude(5, 0))),
            ("claude-latest", Some(Claude::NEWEST)),
            ("gpt-5", None),
        ] {
            assert_eq!(Claude::of(id), wanted, "{id}");
        }
    }
}
