//! What plugins transform as a whole, and the state of it that crosses the wire. Whoever asks makes the state of what
//! there is and reads what came of it; all infos are those of the HTTP interface (`openapi.json`).
//!
//! | draft | state |
//! |---|---|
//! | agent | `{agents: [AgentV2Info], default?: id}` |
//! | catalog | `{providers: [{provider: ProviderV2Info, models: [ModelV2Info]}], default?: {providerID, modelID}}` |
//! | command | `[CommandV2Info]` |
//! | integration | `{integrations: [IntegrationRef], methods: {<integration>: [IntegrationMethod]}}` |
//! | reference | `[[name, ReferenceLocalSource or ReferenceGitSource]]` |
//! | skill | `[SkillV2Source]` |
//!
//! A transformation works on a copy, which takes the place of the state when it has not failed. What it makes is
//! JSON, and nothing else is promised of it: infos may lack what they need.

/// What plugins may transform as a whole (`@opencode-ai/plugin/v2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Draft {
    /// Agents.
    Agent,
    /// Providers and models.
    Catalog,
    /// Commands.
    Command,
    /// Ways to connect.
    Integration,
    /// Folders that models are told of.
    Reference,
    /// Sources of skills.
    Skill,
}

impl Draft {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Agent,
        Self::Catalog,
        Self::Command,
        Self::Integration,
        Self::Reference,
        Self::Skill,
    ];

    /// Its name in the plugin interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Catalog => "catalog",
            Self::Command => "command",
            Self::Integration => "integration",
            Self::Reference => "reference",
            Self::Skill => "skill",
        }
    }

    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|draft| draft.name() == name)
    }
}
