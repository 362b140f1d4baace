//! What the user can order beside prompts: lines that begin with a slash.

use opencode_client::{NewSession, SessionChange, SessionQuery};
use opencode_schema::Session;
use opencode_schema::agent::Mode;

use super::conversation::Face;
use crate::failure::Failure;
use crate::remote;

/// Sessions that are listed.
const LISTED: u32 = 20;

/// Characters of a command's description.
const DESCRIBED: usize = 80;

/// Each order, what follows it, and what it does.
const ORDERS: [(&str, &str, &str); 8] = [
    ("/help", "", "show this"),
    ("/sessions", "", "list the sessions of this project"),
    ("/open", "ID", "go on with another session"),
    ("/new", "", "begin a new session"),
    ("/rename", "TITLE", "give the session another title"),
    ("/delete", "ID", "delete a session"),
    ("/model", "[PROVIDER/MODEL]", "choose the model, or list all"),
    ("/agent", "[NAME]", "choose the agent, or list all"),
];

/// A line that begins with a slash, taken apart.
pub(super) fn split(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if !line.starts_with('/') {
        return None;
    }
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    // A path is no order.
    let is_name = name
        .get(1..)
        .is_some_and(|name| !name.is_empty() && !name.contains('/'));
    is_name.then_some((name, rest.trim()))
}

impl Face<'_> {
    /// Follows an order; false if there is none of this name.
    pub(super) async fn order(&mut self, name: &str, rest: &str) -> Result<bool, Failure> {
        match (name, rest) {
            ("/help", _) => self.help().await,
            ("/sessions", _) => self.list_sessions().await?,
            ("/new", _) => self.leave(),
            ("/open", "") | ("/rename", "") | ("/delete", "") => self.say(format_args!("{name} what?")),
            ("/open", id) => {
                let session = remote::named(&self.client, id).await?;
                self.enter(session).await?;
            }
            ("/rename", title) => {
                let change = SessionChange {
                    title: Some(title.to_owned()),
                    ..SessionChange::default()
                };
                match self.session_id().cloned() {
                    Some(id) => drop(self.client.change_session(&id, &change).await?),
                    None => self.new.title = Some(title.to_owned()),
                }
            }
            ("/delete", id) => {
                let session = remote::named(&self.client, id).await?;
                self.client.delete_session(&session.id).await?;
                if self.session_id() == Some(&session.id) {
                    self.leave();
                }
            }
            ("/model", "") => self.list_models().await?,
            ("/model", model) => self.model = Some(model.to_owned()),
            ("/agent", "") => self.list_agents().await?,
            ("/agent", agent) => self.agent = Some(agent.to_owned()),
            _ => return Ok(false),
        }
        Ok(true)
    }

    async fn help(&mut self) {
        for (name, rest, does) in ORDERS {
            self.say(format_args!("{:28}{does}", format!("{name} {rest}")));
        }
        // A server without commands has none to show.
        for command in self.client.commands().await.unwrap_or_default() {
            let about: String = command
                .description
                .unwrap_or_default()
                .chars()
                .take(DESCRIBED)
                .collect();
            self.say(format_args!("{:28}{about}", format!("/{}", command.name)));
        }
        self.say("Ctrl-C stops the turn, Ctrl-D ends.");
    }

    async fn list_sessions(&mut self) -> Result<(), Failure> {
        let query = SessionQuery {
            roots: true,
            limit: Some(LISTED),
            ..SessionQuery::default()
        };
        for Session { id, title, .. } in self.client.sessions(&query).await? {
            let mark = if self.session_id() == Some(&id) { "*" } else { " " };
            self.say(format_args!("{mark} {}  {title}", id.as_str()));
        }
        Ok(())
    }

    async fn list_models(&mut self) -> Result<(), Failure> {
        for provider in self.client.providers().await?.providers {
            for model in provider.models.keys() {
                self.say(format_args!("{}/{model}", provider.id));
            }
        }
        Ok(())
    }

    async fn list_agents(&mut self) -> Result<(), Failure> {
        for agent in self.client.agents().await? {
            if agent.mode != Mode::Subagent && agent.hidden != Some(true) {
                self.say(format_args!(
                    "{:16}{}",
                    agent.name,
                    agent.description.unwrap_or_default()
                ));
            }
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.new = NewSession::default();
        self.place = None;
        self.say("The next prompt begins a new session.");
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn orders_begin_with_a_slash_and_paths_do_too() {
        for (line, wanted) in [
            ("/new", Some(("/new", ""))),
            (" /open  ses_1 ", Some(("/open", "ses_1"))),
            ("/usr/bin/env is what?", None),
            ("/", None),
            ("tell /new", None),
        ] {
            assert_eq!(split(line), wanted, "{line}");
        }
    }
}
