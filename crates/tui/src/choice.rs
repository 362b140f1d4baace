//! Agent, model and variant of the next prompt (reference `tui.md` §9, §10; `providers.md` §4).
//!
//! Each agent has the model that was chosen for it here; without a choice its own, then the configured one,
//! then the last one that was used, then the best of the first provider.

use std::collections::HashMap;

use opencode_schema::UserMessage;
use opencode_schema::agent::Agent;
use opencode_schema::agent::Mode;
use opencode_schema::part::{Part, PartBody, ToolState};
use ratatui::style::Color;

use crate::app::Arguments;
use crate::settings::Settings;
use crate::store::Store;
use crate::theme::Theme;

pub(crate) use crate::settings::ModelRef;

/// The variant that is none.
pub(crate) const DEFAULT: &str = "default";

/// What was chosen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choice {
    agent: Option<String>,
    /// By agent.
    models: HashMap<String, ModelRef>,
    /// Of the command line, for every agent that has no other.
    model: Option<ModelRef>,
}

impl Choice {
    /// What the command line says.
    pub(crate) fn new(arguments: &Arguments) -> Self {
        Self {
            agent: arguments.agent.clone(),
            models: HashMap::new(),
            model: arguments.model.as_deref().and_then(ModelRef::parse),
        }
    }

    /// The agent of the command line is none.
    pub(crate) fn forget_agent(&mut self) {
        self.agent = None;
    }

    /// The model of the command line is none.
    pub(crate) fn forget_model(&mut self) {
        self.model = None;
    }

    /// Agents that a prompt can be for.
    pub(crate) fn agents(store: &Store) -> impl Iterator<Item = &Agent> {
        store
            .agents
            .iter()
            .filter(|agent| agent.mode != Mode::Subagent && agent.hidden != Some(true))
    }

    /// The agent.
    pub(crate) fn agent<'a>(&self, store: &'a Store) -> Option<&'a Agent> {
        let chosen = self.agent.as_deref();
        let named = |name: &str| Self::agents(store).find(|agent| agent.name == name);
        let configured = store.config.get("default_agent").and_then(|name| name.as_str());
        chosen
            .and_then(named)
            .or_else(|| configured.and_then(named))
            .or_else(|| Self::agents(store).next())
    }

    /// The agent's name; before agents are known what was asked for, or `build`.
    pub(crate) fn agent_name(&self, store: &Store) -> String {
        match self.agent(store) {
            Some(agent) => agent.name.clone(),
            None => self.agent.clone().unwrap_or_else(|| "build".to_owned()),
        }
    }

    /// Chooses an agent.
    pub(crate) fn set_agent(&mut self, name: impl Into<String>) {
        self.agent = Some(name.into());
    }

    /// Chooses the agent that comes so many after the one that is chosen.
    pub(crate) fn cycle_agent(&mut self, store: &Store, by: isize) {
        let names: Vec<&str> = Self::agents(store).map(|agent| agent.name.as_str()).collect();
        let now = self.agent_name(store);
        let at = names.iter().position(|name| *name == now).unwrap_or(0);
        if let Some(next) = step(at, by, names.len()) {
            self.agent = Some(names[next].to_owned());
        }
    }

    /// The model, if there is any.
    pub(crate) fn model(&self, store: &Store, settings: &Settings) -> Option<ModelRef> {
        let agent = self.agent(store);
        let is_there = |model: &ModelRef| store.model(&model.provider, &model.model).is_some();
        let chosen = self.models.get(&self.agent_name(store));
        // What the command line names counts; when lists are there, it is looked for in them.
        if let Some(named) = self
            .model
            .as_ref()
            .filter(|_| chosen.is_none_or(|chosen| !is_there(chosen)))
        {
            return Some(named.clone());
        }
        let own = agent
            .and_then(|agent| agent.model.as_ref())
            .map(|model| ModelRef {
                provider: model.provider_id.clone(),
                model: model.model_id.clone(),
            });
        let configured = store.config.get("model").and_then(|model| model.as_str());
        let recent = settings.models.recent();
        let first = store.providers.iter().find_map(|provider| {
            let best = store.default_models.get(&provider.id);
            let model = best.or_else(|| provider.models.keys().next())?;
            Some(ModelRef {
                provider: provider.id.clone(),
                model: model.clone(),
            })
        });
        let candidates = chosen
            .cloned()
            .into_iter()
            .chain(own)
            .chain(configured.and_then(ModelRef::parse))
            .chain(recent.iter().cloned())
            .chain(first);
        candidates.into_iter().find(is_there)
    }

    /// Chooses a model for the agent.
    pub(crate) fn set_model(&mut self, store: &Store, model: ModelRef) {
        self.models.insert(self.agent_name(store), model);
    }

    /// Names of the model's variants.
    pub(crate) fn variants(&self, store: &Store, settings: &Settings) -> Vec<String> {
        let Some(chosen) = self.model(store, settings) else {
            return Vec::new();
        };
        let model = store.model(&chosen.provider, &chosen.model);
        let variants = model.and_then(|(_, model)| model.variants.as_ref());
        variants.map_or_else(Vec::new, |variants| variants.keys().cloned().collect())
    }

    /// The variant, if one is chosen.
    pub(crate) fn variant(&self, store: &Store, settings: &Settings) -> Option<String> {
        let model = self.model(store, settings)?;
        let chosen = settings.models.variant(&model).filter(|name| *name != DEFAULT)?;
        let variants = self.variants(store, settings);
        variants
            .iter()
            .any(|name| name == chosen)
            .then(|| chosen.to_owned())
    }

    /// Goes on with what a session's last prompt was for, except for what the command line says.
    pub(crate) fn take_up(&mut self, user: &UserMessage, arguments: &Arguments) {
        if arguments.agent.is_none() {
            self.agent = Some(user.agent.clone());
        }
        if arguments.model.is_none() {
            let model = ModelRef {
                provider: user.model.provider_id.clone(),
                model: user.model.model_id.clone(),
            };
            self.models.insert(user.agent.clone(), model);
        }
    }

    /// Plans are made and left by tools (reference §16).
    pub(crate) fn follow(&mut self, part: &Part) {
        let PartBody::Tool(call) = &part.body else {
            return;
        };
        if !matches!(call.state, ToolState::Completed { .. }) {
            return;
        }
        match call.tool.as_str() {
            "plan_enter" => self.agent = Some("plan".to_owned()),
            "plan_exit" => self.agent = Some("build".to_owned()),
            _ => {}
        }
    }
}

/// The place that is so many after another, going round.
pub(crate) fn step(at: usize, by: isize, count: usize) -> Option<usize> {
    let count = isize::try_from(count).ok().filter(|count| *count > 0)?;
    let at = isize::try_from(at).ok()?;
    usize::try_from((at + by).rem_euclid(count)).ok()
}

/// The colour of an agent: the configured one, else one of a row of colours by its place.
pub(crate) fn agent_color(theme: &Theme, store: &Store, name: &str) -> Color {
    let row = [
        theme.secondary,
        theme.accent,
        theme.success,
        theme.warning,
        theme.primary,
        theme.error,
        theme.info,
    ];
    let visible = store.agents.iter().filter(|agent| agent.hidden != Some(true));
    let Some((place, agent)) = visible.enumerate().find(|(_, agent)| agent.name == name) else {
        return row[0];
    };
    let configured = agent.color.as_deref().and_then(|color| theme.named(color));
    configured.unwrap_or(row[place % row.len()])
}
