//! Why something is allowed, asked or forbidden: every rule that speaks of it, with where it comes from.

use opencode_config::environment::variable;
use opencode_config::rule_origin::{self, Origin};
use opencode_config::{Environment, Paths};
use opencode_permission::{Ground, changes_nothing, rules};
use opencode_schema::SessionId;
use opencode_schema::permission::{Action, Rule, Saved};
use serde::Serialize;

use crate::{Engine, Error, Location};

/// What the desk of a location stands on.
pub(crate) fn ground(project_id: &str, paths: &Paths, environment: &Environment) -> Ground {
    Ground {
        project_id: project_id.to_owned(),
        ledger: Some(paths.decisions()),
        read_only: environment.is_on(variable::READ_ONLY),
    }
}

/// What somebody wants to know the reason of.
#[derive(Clone, Debug)]
pub struct Matter {
    /// Which permission.
    pub permission: String,
    /// Which object of it.
    pub pattern: String,
    /// The agent that asks; without one the usual agent, or that of the session.
    pub agent: Option<String>,
    /// The session that asks.
    pub session_id: Option<SessionId>,
}

/// What is done, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// What is done.
    pub action: Action,
    /// The agent whose rules count.
    pub agent: String,
    /// Everything that speaks of it; the first decides. Empty: nothing does, and the user is asked.
    pub because: Vec<Reason>,
}

/// A rule with where it comes from.
#[derive(Clone, Debug, Serialize)]
pub struct Reason {
    /// The rule; none where no rule is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
    /// Where it comes from.
    #[serde(flatten)]
    pub source: Source,
}

/// Where a rule comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "source", rename_all = "kebab-case")]
pub enum Source {
    /// Read-only mode.
    ReadOnly,
    /// An answer «always» since the program began.
    Approval,
    /// An approval that is kept for the project.
    Saved {
        /// Its id.
        id: String,
    },
    /// The session.
    Session,
    /// `permission` of the configuration.
    Config {
        /// The file or variable, where one is found.
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<String>,
    },
    /// The agent in the configuration.
    Agent {
        /// The file or variable, where one is found.
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<String>,
    },
    /// The agent, as the program brings it.
    BuiltIn,
    /// What every agent begins with.
    Default,
}

impl Engine {
    /// Why something is allowed, asked or forbidden here.
    ///
    /// # Errors
    /// There is no such agent or session; the database failed.
    pub async fn explain(&self, location: &Location, matter: Matter) -> Result<Explanation, Error> {
        let session = match &matter.session_id {
            Some(id) => Some(self.session(id).await?),
            None => None,
        };
        let of_session = session.as_ref().and_then(|session| session.agent.as_deref());
        let agent = match matter.agent.as_deref().or(of_session) {
            Some(name) => location.agent(name)?,
            None => location.default_agent()?,
        };
        let fits = |rule: &Rule| rules::fits(&matter.permission, &matter.pattern, rule);
        let mut because = Vec::new();
        if location.permissions.is_read_only() && !changes_nothing(&matter.permission) {
            because.push((
                Action::Deny,
                Reason {
                    rule: None,
                    source: Source::ReadOnly,
                },
            ));
        }
        let mut add = |rule: &Rule, source: Source| {
            because.push((
                rule.action,
                Reason {
                    rule: Some(rule.clone()),
                    source,
                },
            ));
        };
        let approved = location.permissions.approved();
        for rule in approved.iter().rev().filter(|rule| fits(rule)) {
            add(rule, Source::Approval);
        }
        let own = session.as_ref().and_then(|session| session.permission.as_deref());
        for rule in own.unwrap_or_default().iter().rev().filter(|rule| fits(rule)) {
            add(rule, Source::Session);
        }
        let key = location
            .agents
            .iter()
            .find(|(_, one)| one.name == agent.name)
            .map_or(agent.name.as_str(), |(key, _)| key.as_str());
        let ground = std::sync::Arc::clone(location.ground());
        let loading = tokio::task::spawn_blocking(move || {
            opencode_config::load(ground.place(), &ground.paths, &ground.environment)
        });
        let loaded = loading
            .await
            .map_err(|error| Error::Broken(error.to_string()))?
            .unwrap_or_default();
        let origins = rule_origin::of_rules(agent, key, &location.config, &location.paths);
        let own = agent.permission.iter().zip(origins).rev();
        for (rule, from) in own.filter(|(rule, _)| fits(rule)) {
            let file = |agent| rule_origin::declared(&loaded, &location.paths, agent, rule);
            let source = match from {
                Origin::Default => Source::Default,
                Origin::BuiltIn => Source::BuiltIn,
                Origin::General => Source::Config { file: file(None) },
                Origin::Agent => Source::Agent {
                    file: file(Some(key)),
                },
                Origin::ReadOnly => Source::ReadOnly,
            };
            add(rule, source);
        }
        let saved = location.permissions.saved().await?;
        let kept = saved.iter().rev().find(|saved| fits(&saved.rule()));
        let mut action = because.first().map_or(Action::Ask, |(action, _)| *action);
        if let Some(saved @ Saved { id, .. }) = kept {
            let reason = Reason {
                rule: Some(saved.rule()),
                source: Source::Saved { id: id.clone() },
            };
            // Parity: v2.md, what configuration forbids stays forbidden.
            if action == Action::Ask {
                because.insert(0, (Action::Allow, reason));
                action = Action::Allow;
            } else {
                because.push((Action::Allow, reason));
            }
        }
        Ok(Explanation {
            action,
            agent: agent.name.clone(),
            because: because.into_iter().map(|(_, reason)| reason).collect(),
        })
    }
}
