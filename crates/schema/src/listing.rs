//! What `/api` lists of a location: where it is, its agents, commands, skills, references, providers and
//! models (reference `v2.md` §10.1, §12). The names differ from those of the older lists.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::agent::{Agent, Mode};
use crate::command::Command;
use crate::model::{Limit, Model, Price, Status, TierBound};
use crate::permission::{Action, Rule};
use crate::skill::Skill;
use crate::{Object, WorkspaceId};

/// Where a list was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LocationInfo {
    /// The folder.
    pub directory: String,
    /// The workspace that the folder belongs to.
    #[serde(rename = "workspaceID", skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<WorkspaceId>,
    /// The project.
    pub project: ProjectPlace,
}

/// The project of a location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProjectPlace {
    /// Its id.
    pub id: String,
    /// The root of its worktree.
    pub directory: String,
}

/// A model by its name, with a variant of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelChoice {
    /// Its id within the provider.
    pub id: String,
    /// The provider.
    #[serde(rename = "providerID")]
    pub provider_id: String,
    /// Named set of options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// What goes with each request.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Extras {
    /// Headers.
    pub headers: IndexMap<String, String>,
    /// Options.
    pub body: Object,
}

/// A rule of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedRule {
    /// Which permission.
    pub action: String,
    /// Which objects of it, as a pattern.
    pub resource: String,
    /// What to do.
    pub effect: Action,
}

impl From<&Rule> for ListedRule {
    fn from(rule: &Rule) -> Self {
        Self {
            action: rule.permission.clone(),
            resource: rule.pattern.clone(),
            effect: rule.action,
        }
    }
}

/// An agent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgentInfo {
    /// Its name.
    pub id: String,
    /// Its own model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelChoice>,
    /// What goes with its requests.
    pub request: Extras,
    /// Its system prompt, instead of that of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// When to use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who may choose it.
    pub mode: Mode,
    /// Not offered to the user.
    pub hidden: bool,
    /// Colour name or `#rrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// Model calls in one run at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// What it may do; the last rule that fits decides.
    pub permissions: Vec<ListedRule>,
}

impl From<&Agent> for AgentInfo {
    fn from(agent: &Agent) -> Self {
        let mut body = agent.options.clone();
        for (key, value) in [("temperature", agent.temperature), ("top_p", agent.top_p)] {
            body.extend(value.map(|value| (key.to_owned(), value.into())));
        }
        Self {
            id: agent.name.clone(),
            model: agent.model.as_ref().map(|model| ModelChoice {
                id: model.model_id.clone(),
                provider_id: model.provider_id.clone(),
                variant: agent.variant.clone(),
            }),
            request: Extras {
                body,
                ..Extras::default()
            },
            system: agent.prompt.clone(),
            description: agent.description.clone(),
            mode: agent.mode,
            hidden: agent.hidden == Some(true),
            color: agent.color.clone(),
            steps: agent.steps,
            permissions: agent.permission.iter().map(ListedRule::from).collect(),
        }
    }
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommandInfo {
    /// Its name.
    pub name: String,
    /// The prompt.
    pub template: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The agent that it is given to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The model that answers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelChoice>,
    /// Whether it runs in a session of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subtask: Option<bool>,
}

impl From<&Command> for CommandInfo {
    fn from(command: &Command) -> Self {
        let model = command.model.as_deref().map(|model| {
            let (provider, id) = model.split_once('/').unwrap_or((model, ""));
            ModelChoice {
                id: id.to_owned(),
                provider_id: provider.to_owned(),
                variant: command.variant.clone(),
            }
        });
        Self {
            name: command.name.clone(),
            template: command.template.clone(),
            description: command.description.clone(),
            agent: command.agent.clone(),
            model,
            subtask: command.subtask,
        }
    }
}

/// A skill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SkillInfo {
    /// Its name.
    pub name: String,
    /// When to use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Absolute path of its file; one that is built in has a path that no file has.
    pub location: String,
    /// Its text.
    pub content: String,
}

impl From<&Skill> for SkillInfo {
    fn from(skill: &Skill) -> Self {
        let location = match skill.location.as_str() {
            Skill::BUILT_IN => format!("/builtin/{}.md", skill.name),
            path => path.to_owned(),
        };
        Self {
            name: skill.name.clone(),
            description: skill.description.clone(),
            location,
            content: skill.content.clone(),
        }
    }
}

/// A folder that models may be told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReferenceInfo {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub path: String,
    /// What it is for, and whether it is hidden.
    #[serde(flatten)]
    pub remark: ReferenceRemark,
    /// Where it comes from.
    pub source: ReferenceSource,
}

/// What configuration says of a reference besides its place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReferenceRemark {
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it is not to be offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
}

/// Where a reference comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ReferenceSource {
    /// A folder of this machine.
    Local {
        /// The folder.
        path: String,
        /// The rest of what configuration says.
        #[serde(flatten)]
        remark: ReferenceRemark,
    },
    /// A repository.
    Git {
        /// The repository as configuration names it.
        repository: String,
        /// The branch.
        #[serde(skip_serializing_if = "Option::is_none")]
        branch: Option<String>,
        /// The rest of what configuration says.
        #[serde(flatten)]
        remark: ReferenceRemark,
    },
}

/// How a provider or a model is reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Interface {
    /// Through an adapter.
    Aisdk {
        /// The adapter.
        package: String,
        /// Base address, where the adapter has none of its own.
        #[serde(skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        /// What configuration gives the adapter.
        #[serde(skip_serializing_if = "Option::is_none")]
        settings: Option<Object>,
    },
}

/// A provider.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProviderInfo {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How it is reached.
    pub api: Interface,
    /// What goes with each request.
    pub request: Extras,
}

/// How a model is reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelInterface {
    /// The id that the provider knows.
    pub id: String,
    /// The rest.
    #[serde(flatten)]
    pub interface: Interface,
}

/// What a model takes and gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Abilities {
    /// Calls tools.
    pub tools: bool,
    /// Kinds of content that it takes.
    pub input: Vec<&'static str>,
    /// Kinds of content that it gives.
    pub output: Vec<&'static str>,
}

/// A named set of options.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VariantInfo {
    /// Its name.
    pub id: String,
    /// What goes with each request.
    #[serde(flatten)]
    pub request: Extras,
}

/// A price in US dollars per million tokens.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ListedPrice {
    /// From when on it holds: always, when it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<TierBound>,
    /// The price.
    #[serde(flatten)]
    pub price: Price,
}

/// When a model came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Release {
    /// In milliseconds since 1970; 0 is unknown.
    pub released: i64,
}

/// A model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelInfo {
    /// Its id within the provider.
    pub id: String,
    /// The provider.
    #[serde(rename = "providerID")]
    pub provider_id: String,
    /// Family name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Its name.
    pub name: String,
    /// How it is reached.
    pub api: ModelInterface,
    /// What it can do.
    pub capabilities: Abilities,
    /// What goes with each request.
    pub request: Extras,
    /// Named sets of options.
    pub variants: Vec<VariantInfo>,
    /// When it came out.
    pub time: Release,
    /// Prices, the base price first.
    pub cost: Vec<ListedPrice>,
    /// How mature it is.
    pub status: Status,
    /// Whether it may be used.
    pub enabled: bool,
    /// Token limits.
    pub limit: Limit,
}

/// The prices of a model as a list.
#[must_use]
pub fn prices(model: &Model) -> Vec<ListedPrice> {
    /// Input tokens beyond which the price for large inputs holds.
    const LARGE: u64 = 200_000;
    let cost = &model.cost;
    let base = ListedPrice {
        tier: None,
        price: cost.base.clone(),
    };
    let tiers = cost.tiers.iter().flatten().map(|tier| ListedPrice {
        tier: Some(tier.tier.clone()),
        price: tier.price.clone(),
    });
    let large = cost.over_200k.iter().map(|price| ListedPrice {
        tier: Some(TierBound {
            r#type: "context".to_owned(),
            size: LARGE,
        }),
        price: price.clone(),
    });
    std::iter::once(base).chain(tiers).chain(large).collect()
}

/// Something that can be connected: a provider that takes a key or a login.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IntegrationInfo {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How it is connected.
    pub methods: Vec<IntegrationMethod>,
    /// What connects it.
    pub connections: Vec<ConnectionInfo>,
}

/// A way to connect something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum IntegrationMethod {
    /// By a key.
    Key {},
    /// By variables of the environment.
    Env {
        /// Their names.
        names: Vec<String>,
    },
    /// By a login.
    Oauth {
        /// Its name among those of the integration.
        id: String,
        /// What lists call it.
        label: String,
        /// What is asked first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        prompts: Vec<Value>,
    },
}

/// What connects something. Never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ConnectionInfo {
    /// A stored credential.
    Credential {
        /// Its id.
        id: String,
        /// What the user calls it.
        label: String,
    },
    /// A variable of the environment.
    Env {
        /// Its name.
        name: String,
    },
}
