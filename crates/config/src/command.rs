//! Commands: those that come with the program, those of configuration, and skills
//! (reference `agents-commands-permissions.md` §3).

use std::collections::BTreeSet;
use std::path::Path;

use indexmap::IndexMap;
use opencode_schema::command::{Command, Source};
use opencode_schema::config::Config;
use opencode_schema::skill::Skill;

/// The name of the command that writes the rules file of a project.
pub const INIT: &str = "init";

/// Commands by name: those of the program, which configuration may replace, those of configuration, then
/// the skills whose names are free.
#[must_use]
pub fn all(config: &Config, skills: &[Skill], worktree: &Path) -> IndexMap<String, Command> {
    let mut commands: IndexMap<String, Command> = built_in(worktree)
        .into_iter()
        .map(|command| (command.name.clone(), command))
        .collect();
    for (name, configured) in config.command.iter().flatten() {
        let command = Command {
            description: configured.description.clone(),
            agent: configured.agent.clone(),
            model: configured.model.clone(),
            variant: configured.variant.clone(),
            subtask: configured.subtask,
            ..plain(name, Source::Command, configured.template.clone())
        };
        commands.insert(name.clone(), command);
    }
    for skill in skills {
        commands.entry(skill.name.clone()).or_insert_with(|| {
            let template = match skill.folder() {
                Some(folder) => format!(
                    "{}\n\nRelative paths in this skill start from {}.",
                    skill.content.trim_end(),
                    folder.display()
                ),
                None => skill.content.clone(),
            };
            Command {
                description: skill.description.clone(),
                hints: Vec::new(),
                ..plain(&skill.name, Source::Skill, template)
            }
        });
    }
    commands
}

fn built_in(worktree: &Path) -> [Command; 2] {
    let init = include_str!("command/init.md").trim_end();
    let review = include_str!("command/review.md").trim_end();
    let init = init.replace("{worktree}", &worktree.to_string_lossy());
    [
        Command {
            description: Some("write or improve AGENTS.md".to_owned()),
            ..plain(INIT, Source::Command, init)
        },
        Command {
            description: Some("review changes: uncommitted, a commit, a branch or a pull request".to_owned()),
            subtask: Some(true),
            ..plain("review", Source::Command, review.to_owned())
        },
    ]
}

fn plain(name: &str, source: Source, template: String) -> Command {
    Command {
        name: name.to_owned(),
        description: None,
        agent: None,
        model: None,
        variant: None,
        source,
        hints: hints(&template),
        template,
        subtask: None,
    }
}

/// The places for arguments, each once: numbered ones in the order of their letters, then the whole.
#[must_use]
pub fn hints(template: &str) -> Vec<String> {
    let numbered: BTreeSet<String> = template
        .match_indices('$')
        .filter_map(|(at, _)| {
            let rest = template.get(at + 1..)?;
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            Some(format!(
                "${}",
                rest.get(..digits).filter(|digits| !digits.is_empty())?
            ))
        })
        .collect();
    let whole = template.contains("$ARGUMENTS").then(|| "$ARGUMENTS".to_owned());
    numbered.into_iter().chain(whole).collect()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn places_are_listed_once() {
        for (template, wanted) in [
            ("nothing", vec![]),
            ("$2 $1 $10 $1", vec!["$1", "$10", "$2"]),
            ("all: $ARGUMENTS, $3 costs $", vec!["$3", "$ARGUMENTS"]),
        ] {
            assert_eq!(hints(template), wanted, "{template}");
        }
    }

    #[test]
    fn configuration_replaces_and_skills_fill_up() {
        let config = r#"{"command": {"review": {"template": "Mine"}, "greet": {"template": "Hi $1", "agent": "plan"}}}"#;
        let config: Config = serde_json::from_str(config).unwrap();
        let skill = |name: &str| Skill {
            name: name.to_owned(),
            description: None,
            location: format!("/s/{name}/SKILL.md"),
            content: "Do it.\n".to_owned(),
        };
        let commands = all(&config, &[skill("greet"), skill("weave")], Path::new("/w"));
        assert_eq!(
            commands.keys().collect::<Vec<_>>(),
            ["init", "review", "greet", "weave"]
        );
        assert_eq!(
            (commands["review"].template.as_str(), commands["review"].subtask),
            ("Mine", None)
        );
        assert_eq!(commands["greet"].agent.as_deref(), Some("plan"));
        assert!(
            commands["weave"].template.starts_with("Do it.\n\n")
                && commands["weave"].template.contains("/s/weave")
        );
        assert!(commands["init"].template.contains("(/w)"));
    }
}
