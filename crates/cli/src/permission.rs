//! `opencode permission`: approvals that are kept for the project, why something is asked, and what was
//! decided for a session.

use opencode_schema::SessionId;
use opencode_schema::permission::{Action, Decision, Origin, Outcome, Rule};
use opencode_schema::time::iso;
use opencode_session::{Explanation, Matter, Source};

use crate::arguments::{self, ListFormat, PermissionExplain};
use crate::context::Context;
use crate::failure::Failure;

pub(crate) async fn run(context: &Context, command: arguments::Permission) -> Result<(), Failure> {
    match command {
        arguments::Permission::List { format } => list(context, format).await,
        arguments::Permission::Add { permission, patterns } => add(context, &permission, patterns).await,
        arguments::Permission::Remove { id } => remove(context, id).await,
        arguments::Permission::Explain(arguments) => explain(context, arguments).await,
        arguments::Permission::Audit { session, format } => audit(context, &session, format).await,
    }
}

async fn list(context: &Context, format: ListFormat) -> Result<(), Failure> {
    let (engine, location) = context.here().await?;
    let saved = location.permissions.saved().await?;
    engine.shutdown().await;
    if format == ListFormat::Json {
        return context.output.data(serde_json::to_string_pretty(&saved)?);
    }
    if saved.is_empty() {
        context.output.say("Nothing is kept for this project");
        return Ok(());
    }
    let width = saved.iter().map(|one| one.action.chars().count()).max();
    for one in &saved {
        let width = width.unwrap_or_default();
        context.output.data(format_args!(
            "{}  {:width$}  {}",
            one.id, one.action, one.resource
        ))?;
    }
    Ok(())
}

async fn add(context: &Context, permission: &str, patterns: Vec<String>) -> Result<(), Failure> {
    if permission.trim().is_empty() || patterns.iter().any(|pattern| pattern.trim().is_empty()) {
        return Err(Failure::told("A permission and its patterns are not empty"));
    }
    let (engine, location) = context.here().await?;
    let count = patterns.len();
    location.permissions.save(permission, patterns).await?;
    engine.shutdown().await;
    context
        .output
        .say(format_args!("{permission}: {count} kept for this project"));
    Ok(())
}

async fn remove(context: &Context, id: String) -> Result<(), Failure> {
    let (engine, location) = context.here().await?;
    let known = location.permissions.saved().await?;
    if !known.iter().any(|one| one.id == id) {
        engine.shutdown().await;
        return Err(Failure::told(format!(
            "This project keeps no approval {id}\n`opencode permission list` shows those that it keeps"
        )));
    }
    let gone = id.clone();
    let removed = engine
        .store()
        .write(move |transaction| transaction.remove_saved_permission(&gone));
    removed.await?;
    engine.shutdown().await;
    context.output.say(format_args!("Approval {id} removed"));
    Ok(())
}

fn session_id(text: &str) -> Result<SessionId, Failure> {
    SessionId::parse(text).map_err(|_| Failure::told(format!("Session not found: {text}")))
}

async fn explain(context: &Context, arguments: PermissionExplain) -> Result<(), Failure> {
    let session_id = arguments.session.as_deref().map(session_id).transpose()?;
    let (engine, location) = context.here().await?;
    let matter = Matter {
        permission: arguments.permission,
        pattern: arguments.pattern.unwrap_or_else(|| "*".to_owned()),
        agent: arguments.agent,
        session_id,
    };
    let explanation = engine.explain(&location, matter.clone()).await;
    engine.shutdown().await;
    let explanation = explanation?;
    if arguments.format == ListFormat::Json {
        return context.output.data(serde_json::to_string_pretty(&explanation)?);
    }
    told(context, &matter, &explanation)
}

fn told(context: &Context, matter: &Matter, explanation: &Explanation) -> Result<(), Failure> {
    let Explanation {
        action,
        agent,
        because,
    } = explanation;
    context.output.data(format_args!(
        "{} {}: {} (agent {agent})",
        matter.permission,
        matter.pattern,
        name(*action)
    ))?;
    if because.is_empty() {
        return context.output.data("  no rule speaks of it");
    }
    for (at, reason) in because.iter().enumerate() {
        let mark = if at == 0 { "→" } else { " " };
        let rule = reason.rule.as_ref().map_or_else(String::new, written);
        let source = match &reason.source {
            Source::ReadOnly => "read-only mode".to_owned(),
            Source::Approval => "answered with «always»".to_owned(),
            Source::Saved { id } => format!("kept approval {id}"),
            Source::Session => "the session".to_owned(),
            Source::Config { file } => placed("permission", file.as_deref()),
            Source::Agent { file } => placed("the agent", file.as_deref()),
            Source::BuiltIn => format!("the built-in agent {agent}"),
            Source::Default => "default of every agent".to_owned(),
        };
        context
            .output
            .data(format!("{mark} {rule}  {source}").replace("   ", "  ").trim_end())?;
    }
    Ok(())
}

fn placed(what: &str, file: Option<&str>) -> String {
    match file {
        Some(file) => format!("{what} in {file}"),
        None => format!("{what} in the configuration"),
    }
}

fn name(action: Action) -> &'static str {
    match action {
        Action::Allow => "allow",
        Action::Deny => "deny",
        Action::Ask => "ask",
    }
}

fn written(rule: &Rule) -> String {
    format!("{} {} {}", rule.permission, rule.pattern, name(rule.action))
}

async fn audit(context: &Context, session: &str, format: ListFormat) -> Result<(), Failure> {
    let id = session_id(session)?;
    let (engine, location) = context.here().await?;
    engine.session(&id).await?;
    let decisions = location.permissions.decisions(&id).await;
    engine.shutdown().await;
    if format == ListFormat::Json {
        return context.output.data(serde_json::to_string_pretty(&decisions)?);
    }
    if decisions.is_empty() {
        context.output.say("Nothing was decided in this session");
        return Ok(());
    }
    for decision in &decisions {
        context.output.data(line(decision))?;
    }
    Ok(())
}

fn line(decision: &Decision) -> String {
    let outcome = match decision.outcome {
        Outcome::Allowed => "allowed",
        Outcome::Denied => "denied",
        Outcome::Once => "once",
        Outcome::Always => "always",
        Outcome::Rejected => "rejected",
        Outcome::Cancelled => "cancelled",
    };
    let decisive = decision.rules.iter().find_map(|ruling| {
        let from = match ruling.from {
            Origin::None => return None,
            Origin::Rules => "rule",
            Origin::Approval => "approval",
            Origin::Saved => "kept approval",
            Origin::ReadOnly => return Some("read-only mode".to_owned()),
        };
        Some(format!("{from}: {}", written(ruling.rule.as_ref()?)))
    });
    format!(
        "{}  {outcome:9}  {} {}  {}",
        iso(decision.time),
        decision.permission,
        decision.patterns.join(", "),
        decisive.unwrap_or_default()
    )
    .trim_end()
    .to_owned()
}
