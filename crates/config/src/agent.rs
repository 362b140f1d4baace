//! Agents: those that come with the program, and what configuration makes of them
//! (reference `agents-commands-permissions.md` §1).

mod document;

pub use document::{PERMISSIONS, document};

use indexmap::IndexMap;
use opencode_schema::Object;
use opencode_schema::agent::{Agent, AgentModel, Mode};
use opencode_schema::config::{AgentConfig, Config};
use opencode_schema::permission::Action::{Allow, Ask, Deny};
use opencode_schema::permission::{Rule, Ruleset};
use serde_json::Value;

use crate::{Paths, merge, rules};

/// Folders that the rules of agents speak about.
#[derive(Clone, Debug, Default)]
pub struct Grounds {
    /// Patterns of folders outside the project that may always be used: whole tool results, scratch, skills.
    pub always: Vec<String>,
    /// The folder of plans that belong to no repository, relative to the worktree.
    pub plans_relative: String,
    /// Nothing may be changed.
    pub read_only: bool,
}

/// Permissions that models are not even shown when nothing may be changed.
const READ_ONLY: [&str; 2] = ["edit", "bash"];

/// Agents by name in the order of their definition: those of the program, then those of configuration.
#[must_use]
pub fn all(config: &Config, paths: &Paths, grounds: &Grounds) -> IndexMap<String, Agent> {
    let tool_output = format!("{}/*", paths.tool_output().display());
    let general_rules = config
        .permission
        .as_ref()
        .map(|config| rules::of(config, paths))
        .unwrap_or_default();
    let base = base_rules(grounds);
    let mut agents: IndexMap<String, Agent> = built_in(paths, grounds)
        .into_iter()
        .map(|mut agent| {
            let own = std::mem::take(&mut agent.permission);
            agent.permission = [base.clone(), own, general_rules.clone()].concat();
            (agent.name.clone(), agent)
        })
        .collect();
    for (name, overlay) in config.agent.iter().flatten() {
        if overlay.disable == Some(true) {
            agents.shift_remove(name);
            continue;
        }
        let agent = agents.entry(name.clone()).or_insert_with(|| {
            let permission = [base.clone(), general_rules.clone()].concat();
            Agent {
                native: Some(false),
                permission,
                ..plain(name, Mode::All)
            }
        });
        apply(agent, overlay, paths);
    }
    for agent in agents.values_mut() {
        let forbidden = agent
            .permission
            .iter()
            .any(|rule| *rule == Rule::new("external_directory", &tool_output, Deny));
        if !forbidden {
            agent
                .permission
                .push(Rule::new("external_directory", &tool_output, Allow));
        }
        if grounds.read_only {
            agent
                .permission
                .extend(READ_ONLY.map(|tool| Rule::new(tool, "*", Deny)));
        }
    }
    agents
}

fn plain(name: &str, mode: Mode) -> Agent {
    Agent {
        name: name.to_owned(),
        description: None,
        mode,
        native: Some(true),
        hidden: None,
        top_p: None,
        temperature: None,
        color: None,
        permission: Ruleset::new(),
        model: None,
        variant: None,
        prompt: None,
        options: Object::new(),
        steps: None,
    }
}

/// An agent that the program itself asks for a text: it has no tools, and nobody chooses it.
fn hidden(name: &str, prompt: &str) -> Agent {
    Agent {
        hidden: Some(true),
        permission: vec![Rule::new("*", "*", Deny)],
        prompt: Some(prompt.trim_end().to_owned()),
        ..plain(name, Mode::Primary)
    }
}

/// The rules that every agent begins with (reference §1.2).
fn base_rules(grounds: &Grounds) -> Ruleset {
    let mut rules = vec![
        Rule::new("*", "*", Allow),
        Rule::new("doom_loop", "*", Ask),
        Rule::new("external_directory", "*", Ask),
    ];
    rules.extend(
        grounds
            .always
            .iter()
            .map(|pattern| Rule::new("external_directory", pattern, Allow)),
    );
    rules.extend([
        Rule::new("question", "*", Deny),
        Rule::new("plan_enter", "*", Deny),
        Rule::new("plan_exit", "*", Deny),
        Rule::new("read", "*", Allow),
        Rule::new("read", "*.env", Ask),
        Rule::new("read", "*.env.*", Ask),
        Rule::new("read", "*.env.example", Allow),
    ]);
    rules
}

/// The agents of the program, each with the rules that come after the base.
fn built_in(paths: &Paths, grounds: &Grounds) -> [Agent; 7] {
    let described = |agent: Agent, description: &str| Agent {
        description: Some(description.to_owned()),
        ..agent
    };
    let mut explore_rules = vec![Rule::new("*", "*", Deny)];
    explore_rules.extend(
        ["grep", "glob", "list", "bash", "webfetch", "websearch", "read"]
            .map(|tool| Rule::new(tool, "*", Allow)),
    );
    explore_rules.push(Rule::new("external_directory", "*", Ask));
    explore_rules.extend(
        grounds
            .always
            .iter()
            .map(|pattern| Rule::new("external_directory", pattern, Allow)),
    );
    let plans = paths.data.join("plans").join("*");
    [
        Agent {
            permission: vec![
                Rule::new("question", "*", Allow),
                Rule::new("plan_enter", "*", Allow),
            ],
            ..described(
                plain("build", Mode::Primary),
                "The default agent. Runs tools as the permissions allow.",
            )
        },
        Agent {
            permission: vec![
                Rule::new("question", "*", Allow),
                Rule::new("plan_exit", "*", Allow),
                Rule::new("task", "general", Deny),
                Rule::new("external_directory", plans.to_string_lossy(), Allow),
                Rule::new("edit", "*", Deny),
                Rule::new("edit", ".opencode/plans/*.md", Allow),
                Rule::new("edit", format!("{}/*.md", grounds.plans_relative), Allow),
            ],
            ..described(plain("plan", Mode::Primary), "Plans without changing files.")
        },
        Agent {
            permission: vec![Rule::new("todowrite", "*", Deny)],
            ..described(
                plain("general", Mode::Subagent),
                "For questions and tasks of several steps; several can work at once.",
            )
        },
        Agent {
            permission: explore_rules,
            prompt: Some(include_str!("agent/explore.md").trim_end().to_owned()),
            ..described(
                plain("explore", Mode::Subagent),
                "Finds things in the code base quickly: files by name, contents by keyword, answers to «how does X work». \
                 Say how thorough it should be: quick, medium or very thorough.",
            )
        },
        hidden("compaction", include_str!("agent/compaction.md")),
        Agent {
            temperature: Some(0.5),
            ..hidden("title", include_str!("agent/title.md"))
        },
        hidden("summary", include_str!("agent/summary.md")),
    ]
}

/// What configuration changes on an agent (reference §1.3).
fn apply(agent: &mut Agent, overlay: &AgentConfig, paths: &Paths) {
    fn set<T: Clone>(field: &mut Option<T>, value: Option<&T>) {
        if let Some(value) = value {
            *field = Some(value.clone());
        }
    }
    if let Some(model) = &overlay.model {
        agent.model = Some(AgentModel::parse(model));
    }
    set(&mut agent.variant, overlay.variant.as_ref());
    set(&mut agent.prompt, overlay.prompt.as_ref());
    set(&mut agent.description, overlay.description.as_ref());
    set(&mut agent.temperature, overlay.temperature.as_ref());
    set(&mut agent.top_p, overlay.top_p.as_ref());
    set(&mut agent.color, overlay.color.as_ref());
    set(&mut agent.hidden, overlay.hidden.as_ref());
    set(&mut agent.steps, overlay.steps.as_ref());
    if let Some(mode) = overlay.mode {
        agent.mode = mode;
    }
    if let Some(name) = &overlay.name {
        agent.name.clone_from(name);
    }
    let mut options = Value::Object(std::mem::take(&mut agent.options));
    merge::deep(&mut options, Value::Object(overlay.other.clone()));
    merge::deep(
        &mut options,
        Value::Object(overlay.options.clone().unwrap_or_default()),
    );
    if let Value::Object(options) = options {
        agent.options = options;
    }
    if let Some(permission) = &overlay.permission {
        agent.permission.extend(rules::of(permission, paths));
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::Environment;

    fn agents(config: &str) -> IndexMap<String, Agent> {
        let environment: Environment = [("HOME".to_owned(), "/h".to_owned())].into_iter().collect();
        let grounds = Grounds {
            always: vec!["/tmp/x/*".into()],
            plans_relative: "../h/plans".into(),
            read_only: false,
        };
        all(
            &serde_json::from_str(config).unwrap(),
            &Paths::new(&environment),
            &grounds,
        )
    }

    fn rules(agent: &Agent) -> Vec<String> {
        agent
            .permission
            .iter()
            .map(|rule| format!("{} {} {:?}", rule.permission, rule.pattern, rule.action))
            .collect()
    }

    const BASE: [&str; 11] = [
        "* * Allow",
        "doom_loop * Ask",
        "external_directory * Ask",
        "external_directory /tmp/x/* Allow",
        "question * Deny",
        "plan_enter * Deny",
        "plan_exit * Deny",
        "read * Allow",
        "read *.env Ask",
        "read *.env.* Ask",
        "read *.env.example Allow",
    ];
    const LAST: &str = "external_directory /h/.local/share/opencode/tool-output/* Allow";

    #[test]
    fn rules_come_in_the_order_base_own_general_overlay() {
        let agents = agents(
            r#"{"permission": {"edit": "ask"}, "agent": {"build": {"permission": {"bash": "deny"}}}}"#,
        );
        let mut wanted = BASE.to_vec();
        wanted.extend([
            "question * Allow",
            "plan_enter * Allow",
            "edit * Ask",
            "bash * Deny",
            LAST,
        ]);
        assert_eq!(rules(&agents["build"]), wanted);
    }

    #[test]
    fn a_new_agent_begins_with_the_base() {
        let agents = agents(
            r#"{"agent": {"review": {"description": "d", "model": "p/m/x", "reasoningEffort": "low", "options": {"a": 1}}}}"#,
        );
        let review = &agents["review"];
        assert_eq!(review.mode, Mode::All);
        assert_eq!(review.native, Some(false));
        assert_eq!(
            review.model,
            Some(AgentModel {
                provider_id: "p".into(),
                model_id: "m/x".into()
            })
        );
        assert_eq!(
            Value::Object(review.options.clone()),
            serde_json::json!({ "reasoningEffort": "low", "a": 1 })
        );
        let mut wanted = BASE.to_vec();
        wanted.push(LAST);
        assert_eq!(rules(review), wanted);
        assert_eq!(
            agents.keys().collect::<Vec<_>>(),
            [
                "build",
                "plan",
                "general",
                "explore",
                "compaction",
                "title",
                "summary",
                "review"
            ]
        );
    }

    #[test]
    fn an_agent_can_be_removed_or_shut_off_from_tool_results() {
        assert!(!agents(r#"{"agent": {"plan": {"disable": true}}}"#).contains_key("plan"));
        let forbidden = r#"{"agent": {"a": {"permission": {"external_directory": {"/h/.local/share/opencode/tool-output/*": "deny"}}}}}"#;
        assert!(!rules(&agents(forbidden)["a"]).contains(&LAST.to_owned()));
    }

    #[test]
    fn plan_may_edit_plans_only() {
        let rules = rules(&agents("{}")["plan"]);
        let edits: Vec<_> = rules.iter().filter(|rule| rule.starts_with("edit")).collect();
        assert_eq!(
            edits,
            [
                "edit * Deny",
                "edit .opencode/plans/*.md Allow",
                "edit ../h/plans/*.md Allow"
            ]
        );
    }
}
