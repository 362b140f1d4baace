//! What is told when a location is read again and differs: the keys of its configuration, and what has come,
//! gone or changed, by name.

use std::hash::Hash;
use std::sync::Arc;

use indexmap::IndexMap;
use opencode_plugin::CustomTool;
use opencode_schema::EventBody;
use opencode_schema::config::{ModelConfig, ProviderConfig};
use opencode_schema::skill::Skill;
use serde_json::Value;

use super::Location;

/// The events of one kind of thing.
struct Kind {
    added: fn(String) -> EventBody,
    updated: fn(String) -> EventBody,
    removed: fn(String) -> EventBody,
}

const AGENT: Kind = Kind {
    added: |name| EventBody::AgentAdded { name },
    updated: |name| EventBody::AgentUpdated { name },
    removed: |name| EventBody::AgentRemoved { name },
};
const COMMAND: Kind = Kind {
    added: |name| EventBody::CommandAdded { name },
    updated: |name| EventBody::CommandUpdated { name },
    removed: |name| EventBody::CommandRemoved { name },
};
const SKILL: Kind = Kind {
    added: |name| EventBody::SkillAdded { name },
    updated: |name| EventBody::SkillUpdated { name },
    removed: |name| EventBody::SkillRemoved { name },
};
const TOOL: Kind = Kind {
    added: |name| EventBody::ToolAdded { name },
    updated: |name| EventBody::ToolUpdated { name },
    removed: |name| EventBody::ToolRemoved { name },
};
const PLUGIN: Kind = Kind {
    added: |id| EventBody::PluginAdded { id },
    // It was started anew.
    updated: |id| EventBody::PluginAdded { id },
    removed: |id| EventBody::PluginRemoved { id },
};
const PROVIDER: Kind = Kind {
    added: |provider_id| EventBody::ProviderAdded { provider_id },
    updated: |provider_id| EventBody::ProviderUpdated { provider_id },
    removed: |provider_id| EventBody::ProviderRemoved { provider_id },
};

/// The events between two readings.
pub(super) fn between(before: &Location, now: &Location) -> Vec<EventBody> {
    let mut events: Vec<EventBody> = PLUGIN.between(&plugins(before), &plugins(now)).collect();
    events.extend(TOOL.between(&tools(before), &tools(now)));
    let changed = differences(&keys(&before.effective_config), &keys(&now.effective_config));
    if !changed.is_empty() {
        let keys = changed.into_iter().map(|(key, _)| key).collect();
        events.push(EventBody::ConfigUpdated { keys });
    }
    events.extend(AGENT.between(&before.agents, &now.agents));
    events.extend(COMMAND.between(&before.commands, &now.commands));
    events.extend(SKILL.between(&skills(before), &skills(now)));
    if !Arc::ptr_eq(&before.catalog, &now.catalog) {
        let none = IndexMap::new();
        let (old, new) = (&before.config.provider, &now.config.provider);
        let (old, new) = (old.as_ref().unwrap_or(&none), new.as_ref().unwrap_or(&none));
        events.extend(PROVIDER.between(old, new));
        events.extend(models(old, new));
        events.push(EventBody::CatalogUpdated {});
    }
    events
}

impl Kind {
    fn between<T: PartialEq>(
        &self,
        before: &IndexMap<String, T>,
        now: &IndexMap<String, T>,
    ) -> impl Iterator<Item = EventBody> {
        let changed = differences(before, now).into_iter();
        changed.map(|(name, change)| match change {
            Change::Added => (self.added)(name),
            Change::Updated => (self.updated)(name),
            Change::Removed => (self.removed)(name),
        })
    }
}

/// The events of the models of configured providers.
fn models(
    before: &IndexMap<String, ProviderConfig>,
    now: &IndexMap<String, ProviderConfig>,
) -> Vec<EventBody> {
    let of = |all: &IndexMap<String, ProviderConfig>| -> IndexMap<(String, String), ModelConfig> {
        let models = all.iter().flat_map(|(provider, config)| {
            let models = config.models.iter().flatten();
            models.map(move |(model, config)| ((provider.clone(), model.clone()), config.clone()))
        });
        models.collect()
    };
    let changed = differences(&of(before), &of(now)).into_iter();
    let events = changed.map(|((provider_id, model_id), change)| match change {
        Change::Added => EventBody::ModelAdded {
            provider_id,
            model_id,
        },
        Change::Updated => EventBody::ModelUpdated {
            provider_id,
            model_id,
        },
        Change::Removed => EventBody::ModelRemoved {
            provider_id,
            model_id,
        },
    });
    events.collect()
}

fn keys(config: &Value) -> IndexMap<String, Value> {
    let entries = config.as_object().into_iter().flatten();
    entries.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Plugins, each with the start that it is of.
fn plugins(location: &Location) -> IndexMap<String, usize> {
    let ids = location.hooks.ids().iter();
    ids.map(|id| (id.clone(), location.hooks.start())).collect()
}

fn tools(location: &Location) -> IndexMap<String, CustomTool> {
    let tools = location.custom_tools.iter();
    tools.map(|tool| (tool.name.clone(), tool.clone())).collect()
}

fn skills(location: &Location) -> IndexMap<String, Skill> {
    let all = location.skills.iter();
    all.map(|skill| (skill.name.clone(), skill.clone())).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Added,
    Updated,
    Removed,
}

/// What differs: first what is gone, then what is there.
fn differences<K: Clone + Eq + Hash, T: PartialEq>(
    before: &IndexMap<K, T>,
    now: &IndexMap<K, T>,
) -> Vec<(K, Change)> {
    let gone = before.keys().filter(|key| !now.contains_key(*key));
    let gone = gone.map(|key| (key.clone(), Change::Removed));
    let there = now.iter().filter_map(|(key, value)| match before.get(key) {
        None => Some((key.clone(), Change::Added)),
        Some(old) if old != value => Some((key.clone(), Change::Updated)),
        Some(_) => None,
    });
    gone.chain(there).collect()
}
