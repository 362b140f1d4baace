//! `opencode agent create` (reference `agents-commands-permissions.md` §1.6): a model describes the agent, and
//! its file is written.

use std::path::PathBuf;

use opencode_catalog::Choice;
use opencode_config::agent::{PERMISSIONS, document};
use opencode_schema::agent::{AgentModel, Mode};

use crate::arguments::{AgentCreate, AgentMode};
use crate::ask::{Ask, Entry};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Style;

pub(super) async fn run(context: &Context, arguments: AgentCreate) -> Result<(), Failure> {
    let known = arguments.permissions.as_deref().map(allowed);
    let known = known.transpose().map_err(Failure::told)?;
    let (engine, location) = context.here().await?;
    let ask = Ask::new(context.output);
    let folder = match &arguments.path {
        Some(path) => path.join("agents"),
        None if location.is_git && in_project(ask, &location.worktree, context).await? => {
            location.worktree.join(".opencode/agents")
        }
        None => context.paths.config.join("agents"),
    };
    let wish = match arguments.description {
        Some(wish) if !wish.trim().is_empty() => wish,
        _ => {
            ask.text("Description", Some("what should this agent do?"), required)
                .await?
        }
    };
    context.output.say(
        context
            .output
            .styled(Style::Dim, "Generating agent configuration..."),
    );
    let model = arguments.model.as_deref().map(AgentModel::parse);
    let model = model.map(|model| Choice {
        provider_id: model.provider_id,
        model_id: model.model_id,
    });
    let described = engine.describe_agent(&location, &wish, model).await;
    engine.shutdown().await;
    let described =
        described.map_err(|error| Failure::told(format!("LLM failed to generate agent: {error}")))?;
    context
        .output
        .say(format_args!("Agent {} generated", described.identifier));
    let allowed = match known {
        Some(known) => known,
        None => {
            let question = "Permissions to allow, separated by commas; nothing for all";
            let example = PERMISSIONS.join(", ");
            let answer = ask.text(question, Some(&example), |list| allowed(list).err());
            allowed(&answer.await?).map_err(Failure::told)?
        }
    };
    let mode = match arguments.mode {
        Some(AgentMode::All) => Mode::All,
        Some(AgentMode::Primary) => Mode::Primary,
        Some(AgentMode::Subagent) => Mode::Subagent,
        None => pick_mode(ask).await?,
    };
    let text = document(&described.when_to_use, mode, &allowed, &described.system_prompt)
        .map_err(|error| Failure::from(anyhow::Error::from(error)))?;
    let path = folder.join(format!("{}.md", described.identifier));
    write(&path, &text)?;
    context.output.data(path.display())
}

fn required(text: &str) -> Option<String> {
    text.is_empty().then(|| "Required".to_owned())
}

async fn in_project(ask: Ask, worktree: &std::path::Path, context: &Context) -> Result<bool, Failure> {
    let entry = |label: &str, id: &str, hint: String| Entry {
        label: label.to_owned(),
        id: id.to_owned(),
        hint,
    };
    let entries = vec![
        entry("Current project", "project", worktree.display().to_string()),
        entry("Global", "global", context.paths.config.display().to_string()),
    ];
    Ok(ask.pick("Location", entries).await? == 0)
}

async fn pick_mode(ask: Ask) -> Result<Mode, Failure> {
    let modes = [
        (Mode::All, "All", "all", "the user and other agents choose it"),
        (Mode::Primary, "Primary", "primary", "only the user chooses it"),
        (
            Mode::Subagent,
            "Subagent",
            "subagent",
            "only other agents give it tasks",
        ),
    ];
    let entries = modes.iter().map(|(_, label, id, hint)| Entry {
        label: (*label).to_owned(),
        id: (*id).to_owned(),
        hint: (*hint).to_owned(),
    });
    let at = ask.pick("Agent mode", entries.collect()).await?;
    Ok(modes.get(at).map_or(Mode::All, |(mode, ..)| *mode))
}

/// The permissions of a list; all when it is empty.
fn allowed(list: &str) -> Result<Vec<String>, String> {
    if list.trim().is_empty() {
        return Ok(PERMISSIONS.map(str::to_owned).to_vec());
    }
    let all: Vec<String> = list
        .split(',')
        .map(|one| one.trim().to_owned())
        .filter(|one| !one.is_empty())
        .collect();
    match all.iter().find(|one| !PERMISSIONS.contains(&one.as_str())) {
        Some(unknown) => Err(format!(
            "There is no permission \"{unknown}\". There are: {}",
            PERMISSIONS.join(", ")
        )),
        None => Ok(all),
    }
}

fn write(path: &PathBuf, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::told(format!("The agent file cannot be written: {error}"));
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder).map_err(failed)?;
    }
    let mut options = fs_err::OpenOptions::new();
    // Never over a file that is there.
    let opened = options.write(true).create_new(true).open(path);
    let mut file = opened.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::told(format!("Agent file already exists: {}", path.display()))
        }
        _ => failed(error),
    })?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)
}
