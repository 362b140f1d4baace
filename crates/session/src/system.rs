//! The system prompt (reference `agent-loop.md` §3): pieces in a fixed order, byte-stable as long as
//! their sources are.

use std::path::Path;

use opencode_config::instruction::Instruction;
use opencode_config::reference::Reference;
use opencode_permission::rules;
use opencode_schema::agent::Agent;
use opencode_schema::model::Model;
use opencode_schema::permission::{Action, Rule};
use opencode_schema::skill::Skill;

const COMMON: &str = include_str!("prompts/common.md");

/// What is said when the answer is wanted as JSON of a schema.
const STRUCTURED: &str = "The answer to this request must have a given form: when you know it, call the tool \
    StructuredOutput with it. Words alone do not count as an answer.";

/// What follows the common part for a kind of model.
struct Family {
    /// Whether a model is of this kind: its API id, in lower case, and its provider.
    is: fn(&str, &str) -> bool,
    text: &'static str,
}

/// Kinds of models; the first that fits counts.
const FAMILIES: &[Family] = &[
    Family {
        is: |id, _| id.contains("muse"),
        text: include_str!("prompts/muse.md"),
    },
    Family {
        is: |id, _| ["gpt-4", "o1", "o3"].iter().any(|name| id.contains(name)),
        text: include_str!("prompts/beast.md"),
    },
    Family {
        is: |id, _| id.contains("gpt-6"),
        text: include_str!("prompts/gpt6.md"),
    },
    Family {
        is: |id, _| id.contains("gpt") && id.contains("codex"),
        text: include_str!("prompts/codex.md"),
    },
    Family {
        is: |id, _| id.contains("gpt"),
        text: include_str!("prompts/gpt.md"),
    },
    Family {
        is: |id, _| id.contains("gemini-"),
        text: include_str!("prompts/gemini.md"),
    },
    Family {
        is: |id, _| id.contains("claude"),
        text: include_str!("prompts/anthropic.md"),
    },
    Family {
        is: |id, _| id.contains("trinity"),
        text: include_str!("prompts/trinity.md"),
    },
    Family {
        is: |id, provider| {
            id.contains("kimi") || matches!(provider, "kimi-for-coding" | "moonshotai" | "moonshotai-cn")
        },
        text: include_str!("prompts/kimi.md"),
    },
    Family {
        is: |_, _| true,
        text: include_str!("prompts/default.md"),
    },
];

/// Everything that the system prompt is made of.
pub(crate) struct Sources<'a> {
    pub(crate) agent: &'a Agent,
    pub(crate) model: &'a Model,
    pub(crate) directory: &'a Path,
    pub(crate) worktree: &'a Path,
    pub(crate) is_git: bool,
    pub(crate) references: &'a [Reference],
    pub(crate) instructions: &'a [Instruction],
    /// What MCP servers say of themselves.
    pub(crate) servers: Option<&'a str>,
    pub(crate) skills: &'a [Skill],
    /// Rules for the skills: those of the agent, then those of the session.
    pub(crate) rules: &'a [&'a [Rule]],
    /// The answer is wanted through a tool.
    pub(crate) structured: bool,
    /// What the user's message adds.
    pub(crate) user: Option<&'a str>,
    /// Today, as [`today`] gives it.
    pub(crate) date: &'a str,
}

/// The system prompt as one text.
pub(crate) fn prompt(sources: &Sources<'_>) -> String {
    let date = format!("  Today's date: {}\n", sources.date);
    let model = format!("{}\n", model(sources));
    let mut pieces = vec![base(sources), model + &environment(sources, &date)];
    pieces.extend(references(sources.references));
    pieces.extend(instructions(sources));
    pieces.extend(sources.servers.map(str::to_owned));
    pieces.extend(skills(sources));
    pieces.extend(sources.structured.then(|| STRUCTURED.to_owned()));
    pieces.extend(sources.user.map(str::to_owned));
    pieces.retain(|piece| !piece.is_empty());
    pieces.join("\n")
}

/// The prompt of the agent, or that of the model.
pub(crate) fn base(sources: &Sources<'_>) -> String {
    let own = sources.agent.prompt.clone();
    own.unwrap_or_else(|| base_prompt(sources.model))
}

/// What a model is told of its surroundings, piece by piece under the names of the pieces
/// (reference `v2.md` §8).
pub(crate) fn surroundings(sources: &Sources<'_>) -> Vec<(&'static str, String)> {
    let instructions: Vec<String> = instructions(sources).collect();
    let pieces = [
        ("core/environment", Some(environment(sources, ""))),
        ("core/date", Some(format!("Today's date: {}", sources.date))),
        ("core/references", references(sources.references)),
        ("core/instructions", Some(instructions.join("\n"))),
        ("core/servers", sources.servers.map(str::to_owned)),
        ("core/skills", skills(sources)),
    ];
    let told = pieces.into_iter().filter_map(|(name, text)| Some((name, text?)));
    told.filter(|(_, text)| !text.is_empty()).collect()
}

fn instructions(sources: &Sources<'_>) -> impl Iterator<Item = String> {
    let all = sources.instructions.iter();
    all.map(|one| format!("Instructions from: {}\n{}", one.path.display(), one.text))
}

/// The prompt of a model for agents that have none of their own.
fn base_prompt(model: &Model) -> String {
    let id = model.api.id.to_lowercase();
    let family = FAMILIES
        .iter()
        .find(|family| (family.is)(&id, &model.provider_id));
    let text = family.map_or("", |family| family.text);
    let name = if id.contains("muse-glimmer") {
        "Muse Glimmer"
    } else {
        "Muse Spark"
    };
    format!("{COMMON}\n{}", text.replace("{name}", name).trim_end())
}

fn model(sources: &Sources<'_>) -> String {
    format!(
        "The model behind you is {api}, with the exact id {provider}/{api}.",
        api = sources.model.api.id,
        provider = sources.model.provider_id,
    )
}

/// Where the agent works; `more` is said with it, as whole lines.
fn environment(sources: &Sources<'_>, more: &str) -> String {
    let Sources {
        directory,
        worktree,
        is_git,
        ..
    } = sources;
    let platform = match std::env::consts::OS {
        "macos" => "darwin",
        "windows" => "win32",
        other => other,
    };
    format!(
        "This is where you work:\n\
         <env>\n  \
         Working directory: {}\n  \
         Workspace root folder: {}\n  \
         Is directory a git repo: {}\n  \
         Platform: {platform}\n\
         {more}</env>",
        directory.display(),
        worktree.display(),
        if *is_git { "yes" } else { "no" },
    )
}

/// Today as JavaScript's `toDateString` writes it: `Fri Nov 20 2026`.
pub(crate) fn today() -> String {
    jiff::Zoned::now().strftime("%a %b %d %Y").to_string()
}

/// The list of other folders, or nothing when none is described.
fn references(all: &[Reference]) -> Option<String> {
    let mut told: Vec<(&Reference, &str)> = all
        .iter()
        .filter_map(|one| Some((one, one.description.as_deref()?)))
        .collect();
    if told.is_empty() {
        return None;
    }
    told.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    let mut text = "Other folders that may be read when they help:\n<available_references>\n".to_owned();
    for (one, description) in told {
        text.push_str(&format!(
            "  <reference>\n    <name>{}</name>\n    <path>{}</path>\n    <description>{description}</description>\n  </reference>\n",
            one.name,
            one.path.display(),
        ));
    }
    text.push_str("</available_references>");
    Some(text)
}

/// The list of skills, or nothing when the agent may use none at all.
fn skills(sources: &Sources<'_>) -> Option<String> {
    if rules::hides("skill", sources.rules) {
        return None;
    }
    let offered = offered_skills(sources.skills, sources.rules);
    let mut text = "Skills are instructions for special tasks. Load one with the skill tool when a task fits its description.\n".to_owned();
    if offered.is_empty() {
        text.push_str("No skills are currently available.");
        return Some(text);
    }
    text.push_str("<available_skills>\n");
    for skill in offered {
        text.push_str(&format!(
            "  <skill>\n    <name>{}</name>\n    <description>{}</description>\n    <location>{}</location>\n  </skill>\n",
            skill.name,
            skill.description.as_deref().unwrap_or_default(),
            escape(&skill.location)
        ));
    }
    text.push_str("</available_skills>");
    Some(text)
}

/// Skills that a model is told of: with a description, not forbidden, by name.
pub(crate) fn offered_skills<'a>(skills: &'a [Skill], rules: &[&[Rule]]) -> Vec<&'a Skill> {
    let mut offered: Vec<&Skill> = skills
        .iter()
        .filter(|skill| skill.description.is_some())
        .filter(|skill| rules::evaluate("skill", &skill.name, rules) != Action::Deny)
        .collect();
    offered.sort_by(|a, b| a.name.cmp(&b.name));
    offered
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
