//! Folding older forms in and setting defaults (reference `config.md` §2 rows 10–13, §5.3).

use std::path::Path;

use opencode_schema::config::Config;
use serde_json::{Map, Value, json};

use crate::environment::variable;
use crate::error::Issue;
use crate::{Environment, Error, merge, newer, profile, schema};

/// What one source says: checked against the schema, agents and permissions in today's form.
pub(crate) fn source(mut value: Value, path: &Path) -> Result<Value, Error> {
    let invalid = |issues| Error::Invalid {
        path: path.to_owned(),
        issues,
    };
    if let Value::Object(object) = &mut value {
        for key in newer::lower(object).map_err(invalid)? {
            tracing::warn!(path = %path.display(), key, "a key of the newer configuration has no effect");
        }
    }
    let mut value = schema::configuration(value).map_err(invalid)?;
    today(&mut value);
    // The types are stricter where this version acts on a value: it is told where it stands.
    typed(value.clone(), path)?;
    Ok(value)
}

/// A valid configuration with agents and permissions in today's form.
pub(crate) fn today(value: &mut Value) {
    let Value::Object(object) = value else { return };
    if let Some(permission) = object.get_mut("permission") {
        as_object(permission);
    }
    for key in ["agent", "mode"] {
        for agent in entries(object.get_mut(key)) {
            agent_of_today(agent);
        }
    }
}

/// All sources together: modes are agents, tools are permissions, defaults are set.
pub(crate) fn whole(merged: Value, environment: &Environment) -> Value {
    let Value::Object(mut config) = merged else {
        return merged;
    };
    for key in ["agent", "mode", "command"] {
        config.entry(key).or_insert_with(|| json!({}));
    }
    config.entry("plugin").or_insert_with(|| json!([]));
    let modes = config.get("mode").cloned();
    for (name, mode) in modes.iter().filter_map(Value::as_object).flatten() {
        let mut mode = mode.clone();
        mode["mode"] = json!("primary");
        if let Some(agents) = config.get_mut("agent").and_then(Value::as_object_mut) {
            merge::entry(agents, name, mode);
        }
    }
    add_permission_overlay(&mut config, environment);
    if let Some(Value::Object(tools)) = config.get("tools") {
        let folded = with_tools(tools, config.get("permission"));
        config.insert("permission".to_owned(), folded);
    }
    if config.get("username").is_none_or(|name| name == "") {
        let name = environment.get("USER").unwrap_or("user");
        config.insert("username".to_owned(), json!(name));
    }
    if config.get("autoshare") == Some(&json!(true)) {
        config.entry("share").or_insert_with(|| json!("auto"));
    }
    for (name, key) in [
        (variable::DISABLE_AUTOCOMPACT, "auto"),
        (variable::DISABLE_PRUNE, "prune"),
    ] {
        if environment.is_on(name) {
            merge::entry(&mut config, "compaction", json!({ key: false }));
        }
    }
    Value::Object(config)
}

/// The configuration as it is shown: where two sources say different kinds of one thing, without what is left
/// of the earlier kind.
pub(crate) fn shown(mut whole: Value) -> Value {
    let profiles = profile::take(&mut whole);
    let mut shown = schema::configuration(whole.clone()).unwrap_or(whole);
    if let (Some(profiles), Value::Object(shown)) = (profiles, &mut shown) {
        shown.insert(profile::KEY.to_owned(), profiles);
    }
    shown
}

/// A configuration in types.
pub(crate) fn typed(value: Value, path: &Path) -> Result<Config, Error> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let key = error
            .path()
            .iter()
            .filter_map(|segment| match segment {
                serde_path_to_error::Segment::Map { key } => Some(key.clone()),
                serde_path_to_error::Segment::Seq { index } => Some(index.to_string()),
                _ => None,
            })
            .collect();
        let message = error.into_inner().to_string();
        Error::Invalid {
            path: path.to_owned(),
            issues: vec![Issue::new(key, message)],
        }
    })
}

fn entries(map: Option<&mut Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    map.and_then(Value::as_object_mut)
        .into_iter()
        .flatten()
        .filter_map(|(_, value)| value.as_object_mut())
}

/// An action for everything is an action for `*`.
pub(crate) fn as_object(permission: &mut Value) {
    if permission.is_string() {
        *permission = json!({ "*": permission.take() });
    }
}

/// Keys that are not an agent's own are options; `tools` are permissions; `maxSteps` are `steps`.
fn agent_of_today(agent: &mut Map<String, Value>) {
    let mut options = agent.clone();
    for key in schema::agent_keys().chain(["name"]) {
        options.shift_remove(key);
    }
    // Parity: config.md §6.1, what stands beside `options` wins over what stands in it.
    let mut all = agent.shift_remove("options").unwrap_or_else(|| json!({}));
    if let Value::Object(all) = &mut all {
        all.extend(options);
    }
    let options = all;
    agent.insert("options".to_owned(), options);
    if let (None, Some(steps)) = (agent.get("steps"), agent.get("maxSteps").cloned()) {
        agent.insert("steps".to_owned(), steps);
    }
    let mut permission = agent.shift_remove("permission").unwrap_or_else(|| json!({}));
    as_object(&mut permission);
    if let Some(Value::Object(tools)) = agent.get("tools") {
        permission = with_tools(tools, Some(&permission));
    }
    agent.insert("permission".to_owned(), permission);
}

/// Tools on and off as permissions underneath those that are there.
pub(crate) fn with_tools(tools: &Map<String, Value>, permission: Option<&Value>) -> Value {
    let mut all = Map::new();
    for (tool, on) in tools {
        let permission = match tool.as_str() {
            "write" | "edit" | "patch" => "edit",
            other => other,
        };
        let action = if *on == Value::Bool(true) { "allow" } else { "deny" };
        all.insert(permission.to_owned(), json!(action));
    }
    for (name, patterns) in permission.and_then(Value::as_object).into_iter().flatten() {
        // An explicit rule stands behind those of `tools`, so that it wins.
        all.shift_remove(name);
        all.insert(name.clone(), patterns.clone());
    }
    Value::Object(all)
}

/// Merges `OPENCODE_PERMISSION` over `permission`; what is no JSON object or action is logged and left out.
fn add_permission_overlay(config: &mut Map<String, Value>, environment: &Environment) {
    let Some(text) = environment.get(variable::PERMISSION) else {
        return;
    };
    let overlay = serde_json::from_str::<Value>(text)
        .ok()
        .and_then(|value| schema::permission(value).ok());
    let Some(mut overlay) = overlay else {
        tracing::warn!(
            "{} is not a permission configuration and is ignored",
            variable::PERMISSION
        );
        return;
    };
    as_object(&mut overlay);
    merge::entry(config, "permission", overlay);
}
