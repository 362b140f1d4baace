//! Agents as the API shows them (reference `agents-commands-permissions.md` §1).

use serde::{Deserialize, Serialize};

use crate::Object;
use crate::permission::Ruleset;

/// A way of working: a prompt, a model, what is allowed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Agent {
    /// Its name.
    pub name: String,
    /// When to use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who may choose it.
    pub mode: Mode,
    /// Comes with the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub native: Option<bool>,
    /// Not offered to the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
    /// Nucleus sampling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Sampling temperature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Colour name or `#rrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// What it may do; the last rule that fits decides.
    pub permission: Ruleset,
    /// Its own model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<AgentModel>,
    /// Named set of options of its own model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Its system prompt, instead of that of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Options sent with each request.
    pub options: Object,
    /// Model calls in one run at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
}

/// Who may choose an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Other agents only.
    Subagent,
    /// The user only.
    Primary,
    /// Both.
    All,
}

/// The model of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentModel {
    /// Model id within the provider.
    #[serde(rename = "modelID")]
    pub model_id: String,
    /// Provider id.
    #[serde(rename = "providerID")]
    pub provider_id: String,
}

impl AgentModel {
    /// Takes `provider/model` apart at the first slash.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (provider, model) = text.split_once('/').unwrap_or((text, ""));
        Self {
            provider_id: provider.to_owned(),
            model_id: model.to_owned(),
        }
    }
}
