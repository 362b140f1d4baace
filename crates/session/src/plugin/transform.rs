//! What plugins make of whole lists (reference `v2.md` §14 row 30): agents, commands, references, sources of skills,
//! and the catalogue. The lists cross as [`Draft`] says. What comes back is compared with what was given: what is as
//! it was stays as it is, and only the rest is read.

mod catalog;

use indexmap::IndexMap;
use opencode_config::Loaded;
use opencode_config::command::hints;
use opencode_config::reference::Reference;
use opencode_plugin::Draft;
use opencode_schema::Object;
use opencode_schema::agent::{Agent, AgentModel, Mode};
use opencode_schema::command::{Command, Source};
use opencode_schema::listing::{AgentInfo, CommandInfo};
use opencode_schema::permission::{Action, Rule};
use opencode_schema::skill::Skill;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{put, value};

pub(crate) use catalog::{catalog, with_catalog};

/// The state of agents.
pub(crate) fn agents(agents: &IndexMap<String, Agent>, default: Option<&str>) -> Value {
    let infos: Vec<AgentInfo> = agents.values().map(AgentInfo::from).collect();
    let mut state = json!({ "agents": value(&infos) });
    put(&mut state, "default", default);
    state
}

/// Agents as plugins made them, and the one that is the default then. What is no agent is left out.
pub(crate) fn read_agents(
    made: &Value,
    known: &IndexMap<String, Agent>,
) -> (IndexMap<String, Agent>, Option<String>) {
    let list = made.get("agents").and_then(Value::as_array);
    let agents = list.into_iter().flatten().filter_map(|info| {
        let id = info.get("id")?.as_str()?;
        let before = known.get(id);
        if let Some(before) = before.filter(|agent| value(&AgentInfo::from(*agent)) == *info) {
            return Some((id.to_owned(), before.clone()));
        }
        let said: AgentDraft = parsed(Draft::Agent, info)?;
        Some((id.to_owned(), said.agent(before)))
    });
    let default = made.get("default").and_then(Value::as_str);
    (agents.collect(), default.map(str::to_owned))
}

#[derive(Deserialize)]
struct AgentDraft {
    id: String,
    model: Option<ModelDraft>,
    #[serde(default)]
    request: RequestDraft,
    system: Option<String>,
    description: Option<String>,
    mode: Mode,
    #[serde(default)]
    hidden: bool,
    color: Option<String>,
    steps: Option<u32>,
    #[serde(default)]
    permissions: Vec<RuleDraft>,
}

#[derive(Deserialize)]
struct ModelDraft {
    id: String,
    #[serde(rename = "providerID")]
    provider_id: String,
    variant: Option<String>,
}

#[derive(Default, Deserialize)]
struct RequestDraft {
    #[serde(default)]
    body: Object,
}

#[derive(Deserialize)]
struct RuleDraft {
    action: String,
    resource: String,
    effect: Action,
}

impl AgentDraft {
    fn agent(self, before: Option<&Agent>) -> Agent {
        let mut options = self.request.body;
        let mut number = |key: &str| options.shift_remove(key).and_then(|number| number.as_f64());
        let (temperature, top_p) = (number("temperature"), number("top_p"));
        let variant = self.model.as_ref().and_then(|model| model.variant.clone());
        let rules = self.permissions.iter();
        Agent {
            name: self.id,
            description: self.description,
            mode: self.mode,
            native: before.and_then(|agent| agent.native),
            hidden: self.hidden.then_some(true),
            top_p,
            temperature,
            color: self.color,
            permission: rules
                .map(|rule| Rule::new(&rule.action, &rule.resource, rule.effect))
                .collect(),
            model: self.model.map(|model| AgentModel {
                model_id: model.id,
                provider_id: model.provider_id,
            }),
            variant,
            prompt: self.system,
            options,
            steps: self.steps,
        }
    }
}

/// The state of commands. Skills, which may be given as commands, have a list of their own.
pub(crate) fn commands(commands: &IndexMap<String, Command>) -> Value {
    let own = commands
        .values()
        .filter(|command| command.source != Source::Skill);
    value(&own.map(CommandInfo::from).collect::<Vec<_>>())
}

/// Commands as plugins made them. What is no command is left out.
pub(crate) fn read_commands(made: &Value, known: &IndexMap<String, Command>) -> IndexMap<String, Command> {
    let own = made.as_array().into_iter().flatten().filter_map(|info| {
        let name = info.get("name")?.as_str()?;
        let before = known.get(name).filter(|command| command.source != Source::Skill);
        if let Some(before) = before.filter(|command| value(&CommandInfo::from(*command)) == *info) {
            return Some((name.to_owned(), before.clone()));
        }
        let said: CommandDraft = parsed(Draft::Command, info)?;
        Some((name.to_owned(), said.command()))
    });
    let mut all: IndexMap<String, Command> = own.collect();
    for (name, command) in known
        .iter()
        .filter(|(_, command)| command.source == Source::Skill)
    {
        all.entry(name.clone()).or_insert_with(|| command.clone());
    }
    all
}

#[derive(Deserialize)]
struct CommandDraft {
    name: String,
    template: String,
    description: Option<String>,
    agent: Option<String>,
    model: Option<ModelDraft>,
    subtask: Option<bool>,
}

impl CommandDraft {
    fn command(self) -> Command {
        Command {
            hints: hints(&self.template),
            name: self.name,
            description: self.description,
            agent: self.agent,
            variant: self.model.as_ref().and_then(|model| model.variant.clone()),
            model: self
                .model
                .map(|model| format!("{}/{}", model.provider_id, model.id)),
            source: Source::Command,
            template: self.template,
            subtask: self.subtask,
        }
    }
}

/// The state of references.
pub(crate) fn references(references: &[Reference]) -> Value {
    let row = |reference: &Reference| {
        let mut source = match &reference.repository {
            None => json!({ "type": "local", "path": reference.path.to_string_lossy() }),
            Some(repository) => {
                let mut source = json!({ "type": "git", "repository": repository.named });
                put(&mut source, "branch", repository.branch.as_deref());
                source
            }
        };
        put(&mut source, "description", reference.description.as_deref());
        put(&mut source, "hidden", reference.hidden);
        json!([reference.name, source])
    };
    references.iter().map(row).collect()
}

/// The configuration with references as plugins made them.
pub(crate) fn with_references(effective: &mut Value, given: &Value, made: &Value) {
    const KEYS: [&str; 2] = ["references", "reference"];
    let key = KEYS.into_iter().find(|key| effective.get(key).is_some());
    let key = key.unwrap_or(KEYS[0]);
    let rows = |list: &Value| -> IndexMap<String, Value> {
        let rows = list.as_array().into_iter().flatten();
        rows.filter_map(|row| Some((row.get(0)?.as_str()?.to_owned(), row.get(1)?.clone())))
            .collect()
    };
    let (given, made) = (rows(given), rows(made));
    let Some(table) = table(effective, key) else {
        return;
    };
    for name in given.keys().filter(|name| !made.contains_key(*name)) {
        table.shift_remove(name);
    }
    for (name, mut source) in made {
        if given.get(&name) != Some(&source) {
            if let Some(source) = source.as_object_mut() {
                source.shift_remove("type");
            }
            table.insert(name, source);
        }
    }
}

/// The state of the sources of skills: what configuration names.
pub(crate) fn skills(effective: &Value) -> Value {
    let of = |key: &str| {
        let list = effective
            .get("skills")
            .and_then(|skills| skills.get(key)?.as_array());
        list.cloned().unwrap_or_default()
    };
    let folders = of("paths")
        .into_iter()
        .map(|path| json!({ "type": "directory", "path": path }));
    let addresses = of("urls")
        .into_iter()
        .map(|url| json!({ "type": "url", "url": url }));
    folders.chain(addresses).collect()
}

/// The configuration with the sources of skills that plugins want, and the skills that they have themselves.
pub(crate) fn with_skills(effective: &mut Value, made: &Value) -> Vec<Skill> {
    let sources = || made.as_array().into_iter().flatten();
    let of = |kind: &str, key: &str| -> Value {
        let sources = sources().filter(|source| source.get("type").is_some_and(|own| own == kind));
        sources.filter_map(|source| source.get(key).cloned()).collect()
    };
    let (folders, addresses) = (of("directory", "path"), of("url", "url"));
    let embedded = sources().filter_map(|source| parsed(Draft::Skill, source.get("skill")?));
    let embedded = embedded.collect();
    if let Some(table) = table(effective, "skills") {
        table.insert("paths".to_owned(), folders);
        table.insert("urls".to_owned(), addresses);
    }
    embedded
}

/// The configuration with what plugins made of some of its lists; nothing where it is the same.
pub(crate) fn changed(loaded: &Loaded, effective: Value) -> Option<Loaded> {
    if effective == loaded.effective {
        return None;
    }
    match loaded.with(effective) {
        Ok(changed) => Some(changed),
        Err(error) => {
            tracing::warn!(%error, "what plugins made of lists of the configuration does not count");
            None
        }
    }
}

/// A table of the configuration, made where there is none.
fn table<'a>(effective: &'a mut Value, key: &str) -> Option<&'a mut Object> {
    let table = effective.as_object_mut()?.entry(key).or_insert_with(|| json!({}));
    table.as_object_mut()
}

/// One item of a list.
fn parsed<T: DeserializeOwned>(draft: Draft, item: &Value) -> Option<T> {
    T::deserialize(item)
        .inspect_err(|error| {
            tracing::warn!(%error, draft = draft.name(), "what a plugin made of an item does not count");
        })
        .ok()
}
