//! Where the rules of an agent come from: the program, `permission`, or the agent's own `permission`, and in
//! which file that stands.

use opencode_schema::agent::Agent;
use opencode_schema::config::Config;
use opencode_schema::permission::Rule;
use serde_json::Value;

use crate::environment::variable;
use crate::{Loaded, Paths, origin, rules};

/// Where a rule comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// What every agent begins with.
    Default,
    /// The agent, as the program brings it.
    BuiltIn,
    /// `permission` of the configuration.
    General,
    /// `permission` of the agent in the configuration.
    Agent,
    /// Nothing may be changed.
    ReadOnly,
}

/// The origin of each rule of an agent, in their order.
#[must_use]
pub fn of_rules(agent: &Agent, key: &str, config: &Config, paths: &Paths) -> Vec<Origin> {
    let count = |config: Option<&_>| config.map_or(0, |config| rules::of(config, paths).len());
    let overlay = config.agent.as_ref().and_then(|agents| agents.get(key));
    let own = count(overlay.and_then(|overlay| overlay.permission.as_ref()));
    let general = count(config.permission.as_ref());
    let rules = &agent.permission;
    let is_lock = |rule: &&Rule| rule.pattern == "*" && ["edit", "bash"].contains(&rule.permission.as_str());
    let last = format!("{}/*", paths.tool_output().display());
    let is_last = |rule: &&Rule| rule.permission == "external_directory" && rule.pattern == last;
    // From the end, as they were put there: the lock, the folder of tool results, the configuration.
    let locked =
        if rules.last().filter(is_lock).is_some() && rules.iter().rev().nth(2).filter(is_last).is_some() {
            2
        } else {
            0
        };
    let tail = usize::from(rules.iter().rev().nth(locked).filter(is_last).is_some());
    let configured = rules.len().saturating_sub(locked + tail);
    let own_at = configured.saturating_sub(own);
    let general_at = own_at.saturating_sub(general);
    let base_ends = rules
        .iter()
        .position(|rule| rule.permission == "read" && rule.pattern == "*.env.example")
        .map_or(0, |at| at + 1);
    (0..rules.len())
        .map(|at| match at {
            at if at >= rules.len() - locked => Origin::ReadOnly,
            at if at >= configured => Origin::Default,
            at if at >= own_at => Origin::Agent,
            at if at >= general_at => Origin::General,
            at if at < base_ends => Origin::Default,
            _ => Origin::BuiltIn,
        })
        .collect()
}

/// The file or variable that declares a rule last: in `permission`, or in that of an agent.
#[must_use]
pub fn declared(loaded: &Loaded, paths: &Paths, agent: Option<&str>, rule: &Rule) -> Option<String> {
    let said = loaded.layers.iter().flat_map(origin::said_by);
    let declaring = said.rev().find(|(_, said)| match agent {
        None => sets(said, rule, paths),
        Some(agent) => ["agent", "mode"]
            .iter()
            .filter_map(|key| said.get(key)?.get(agent))
            .any(|agent| sets(agent, rule, paths)),
    });
    declaring
        .map(|(name, _)| name.to_owned())
        .or_else(|| of_environment(loaded, agent, rule, paths))
}

/// The variable whose permissions are merged over all others is no source of its own.
fn of_environment(loaded: &Loaded, agent: Option<&str>, rule: &Rule, paths: &Paths) -> Option<String> {
    (agent.is_none() && sets(&loaded.effective, rule, paths)).then(|| variable::PERMISSION.to_owned())
}

/// Whether `permission` or the older `tools` of an object has the rule.
fn sets(object: &Value, rule: &Rule, paths: &Paths) -> bool {
    let of_permission = match object.get("permission") {
        Some(Value::String(_)) => rule.permission == "*" && rule.pattern == "*",
        Some(Value::Object(all)) => match all.get(&rule.permission) {
            Some(Value::String(_)) => rule.pattern == "*",
            Some(Value::Object(patterns)) => patterns
                .keys()
                .any(|pattern| paths.expand(pattern) == rule.pattern),
            _ => false,
        },
        _ => false,
    };
    let of_tools = || {
        let tools = object.get("tools").and_then(Value::as_object);
        tools.into_iter().flatten().any(|(tool, _)| match tool.as_str() {
            "write" | "edit" | "patch" => rule.permission == "edit",
            tool => tool == rule.permission,
        })
    };
    of_permission || of_tools()
}
