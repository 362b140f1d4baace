//! Sessions from their making to their end (reference `sessions.md` §7).

use std::collections::HashMap;
use std::sync::Arc;

use opencode_schema::permission::Ruleset;
use opencode_schema::session::{Cost, Session, SessionModel, Times, Tokens, default_title};
use opencode_schema::time::{Millis, now};
use opencode_schema::{
    EventBody, Message, MessageBody, MessageId, MessageWithParts, Object, Part, PartBody, PartId, SessionId,
    WorkspaceId,
};
use opencode_store::{SessionFilter, Store, View};

use crate::{Engine, Error, Location, slug};

/// What a new session is made of; everything may be left out.
#[derive(Debug, Clone, Default)]
pub struct NewSession {
    /// Its id; a new one when there is none.
    pub id: Option<SessionId>,
    /// The session that starts it.
    pub parent_id: Option<SessionId>,
    /// Its title; without one it gets a better one after the first message.
    pub title: Option<String>,
    /// The agent that works in it.
    pub agent: Option<String>,
    /// The model that answers in it.
    pub model: Option<SessionModel>,
    /// Rules that come after those of the agent.
    pub permission: Option<Ruleset>,
    /// Anything a client keeps with it.
    pub metadata: Option<Object>,
    /// The workspace that it works in.
    pub workspace_id: Option<WorkspaceId>,
}

/// What a client may change of a session; what is left out stays.
#[derive(Debug, Clone, Default)]
pub struct SessionChange {
    /// Its title.
    pub title: Option<String>,
    /// What a client keeps with it, all of it.
    pub metadata: Option<Object>,
    /// Rules that come after those that it has.
    pub permission: Option<Ruleset>,
    /// When it was put away.
    pub archived: Option<Millis>,
}

impl Engine {
    /// Makes a session in a location; one that has its id already is given as it is.
    ///
    /// # Errors
    /// The database failed.
    pub async fn create_session(&self, location: &Arc<Location>, new: NewSession) -> Result<Session, Error> {
        let session = self.new_session(location, new);
        let wanted = session.clone();
        let stored = location.store.write(move |transaction| {
            if let Some(known) = transaction.find_session(&wanted.id)? {
                return Ok(Some(known));
            }
            transaction.publish(created(&wanted)).map(|()| None)
        });
        if let Some(known) = stored.await? {
            return Ok(known);
        }
        self.share_if_automatic(location, &session);
        Ok(session)
    }

    fn new_session(&self, location: &Location, new: NewSession) -> Session {
        let at = now();
        Session {
            id: new.id.unwrap_or_default(),
            slug: slug::random(),
            project_id: location.project_id.clone(),
            directory: location.directory_text(),
            path: Some(location.path_text()),
            title: new
                .title
                .unwrap_or_else(|| default_title(new.parent_id.is_some(), at)),
            parent_id: new.parent_id,
            agent: new.agent,
            model: new.model,
            permission: new.permission,
            metadata: new.metadata,
            workspace_id: new.workspace_id.map(|id| id.to_string()),
            cost: Some(Cost::default()),
            tokens: Some(Tokens::default()),
            version: self.inner.options.version.to_owned(),
            time: Times {
                created: at,
                updated: at,
                ..Times::default()
            },
            ..Session::default()
        }
    }

    /// A session.
    ///
    /// # Errors
    /// [`Error::SessionNotFound`].
    pub async fn session(&self, id: &SessionId) -> Result<Session, Error> {
        let id = id.clone();
        Ok(self.inner.store.read(move |view| view.session(&id)).await?)
    }

    /// Sessions by filter, last touched first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn sessions(&self, filter: SessionFilter) -> Result<Vec<Session>, Error> {
        Ok(self.inner.store.read(move |view| view.sessions(&filter)).await?)
    }

    /// Ids of a session, the sessions that it started, those that they started, and so on; itself first.
    ///
    /// # Errors
    /// [`Error::SessionNotFound`].
    pub async fn family(&self, id: &SessionId) -> Result<Vec<SessionId>, Error> {
        let id = id.clone();
        Ok(self.inner.store.read(move |view| family_of(view, id)).await?)
    }

    /// Deletes a session and all that it started. What runs in them is stopped first, beginning with the
    /// session itself, so that nothing new is started.
    ///
    /// # Errors
    /// [`Error::SessionNotFound`].
    pub async fn delete_session(&self, location: &Location, id: &SessionId) -> Result<(), Error> {
        for id in self.family(id).await? {
            self.abort(&id).await;
            location.permissions.forget(&id).await;
        }
        let id = id.clone();
        let deleted = location.store.write(move |transaction| {
            let mut shares = Vec::new();
            for id in family_of(transaction, id)?.into_iter().rev() {
                shares.extend(transaction.share(&id)?);
                let info = Box::new(transaction.session(&id)?);
                transaction.publish(EventBody::SessionDeleted { session_id: id, info })?;
            }
            Ok(shares)
        });
        self.forget_shares(location, deleted.await?);
        Ok(())
    }

    /// Makes a session with the messages of another, up to `before` (without it), or all.
    ///
    /// # Errors
    /// [`Error::SessionNotFound`].
    pub async fn fork_session(
        &self,
        location: &Location,
        id: &SessionId,
        before: Option<MessageId>,
    ) -> Result<Session, Error> {
        let original = self.session(id).await?;
        let new = NewSession {
            title: Some(forked_title(&original.title)),
            metadata: original.metadata,
            ..NewSession::default()
        };
        let fork = self.new_session(location, new);
        let (from, to) = (id.clone(), fork.id.clone());
        location
            .store
            .write(move |transaction| {
                transaction.publish(created(&fork))?;
                let mut names: HashMap<MessageId, MessageId> = HashMap::new();
                for message in transaction.transcript(&from)? {
                    if before.as_ref() == Some(&message.info.id) {
                        break;
                    }
                    let MessageWithParts { info, parts } = message;
                    let new_id = MessageId::new();
                    names.insert(info.id.clone(), new_id.clone());
                    let copy = copied_message(info, &to, new_id, &names);
                    let parts = parts
                        .into_iter()
                        .map(|part| copied_part(part, &copy, &names))
                        .collect::<Vec<_>>();
                    transaction.publish(EventBody::MessageUpdated {
                        session_id: to.clone(),
                        info: Box::new(copy),
                    })?;
                    for part in parts {
                        let time = now();
                        transaction.publish(EventBody::PartUpdated {
                            session_id: to.clone(),
                            part: Box::new(part),
                            time,
                        })?;
                    }
                }
                transaction.reset_usage(&to)?;
                transaction.session(&to)
            })
            .await
            .map_err(Error::from)
    }

    /// Changes what a client may change of a session.
    ///
    /// # Errors
    /// [`Error::SessionNotFound`].
    pub async fn change_session(
        &self,
        store: &Store,
        id: &SessionId,
        change: SessionChange,
    ) -> Result<Session, Error> {
        let id = id.clone();
        let changed = store.write(move |transaction| {
            transaction.update_session(&id, |session| {
                let SessionChange {
                    title,
                    metadata,
                    permission,
                    archived,
                } = change;
                session.title = title.unwrap_or_else(|| std::mem::take(&mut session.title));
                session.metadata = metadata.or_else(|| session.metadata.take());
                if let Some(rules) = permission {
                    session.permission.get_or_insert_default().extend(rules);
                }
                session.time.archived = archived.or(session.time.archived);
            })
        });
        Ok(changed.await?)
    }
}

fn created(session: &Session) -> EventBody {
    EventBody::SessionCreated {
        session_id: session.id.clone(),
        info: Box::new(session.clone()),
    }
}

fn family_of(view: &View<'_>, id: SessionId) -> Result<Vec<SessionId>, opencode_store::Error> {
    view.session(&id)?;
    let mut all = vec![id];
    let mut at = 0;
    while let Some(parent) = all.get(at).cloned() {
        let children = view.children(&parent)?.into_iter().map(|session| session.id);
        // A damaged file may make a session its own ancestor.
        all.extend(children.filter(|child| !all.contains(child)).collect::<Vec<_>>());
        at += 1;
    }
    Ok(all)
}

fn copied_message(
    mut info: Message,
    session_id: &SessionId,
    id: MessageId,
    names: &HashMap<MessageId, MessageId>,
) -> Message {
    info.session_id = session_id.clone();
    info.id = id;
    if let MessageBody::Assistant(assistant) = &mut info.body
        && let Some(parent) = names.get(&assistant.parent_id)
    {
        assistant.parent_id = parent.clone();
    }
    info
}

fn copied_part(mut part: Part, message: &Message, names: &HashMap<MessageId, MessageId>) -> Part {
    part.id = PartId::new();
    part.session_id = message.session_id.clone();
    part.message_id = message.id.clone();
    if let PartBody::Compaction(compaction) = &mut part.body {
        compaction.tail_start_id = compaction
            .tail_start_id
            .as_ref()
            .map(|id| names.get(id).unwrap_or(id).clone());
    }
    part
}

/// `title (fork #1)`, and from there on `#2`, `#3`…
fn forked_title(title: &str) -> String {
    let numbered = title.strip_suffix(')').and_then(|start| {
        let (base, number) = start.rsplit_once(" (fork #")?;
        Some((base, number.parse::<u32>().ok()?))
    });
    match numbered {
        Some((base, number)) => format!("{base} (fork #{})", number.saturating_add(1)),
        None => format!("{title} (fork #1)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forks_are_numbered() {
        for (title, wanted) in [
            ("Plan", "Plan (fork #1)"),
            ("Plan (fork #1)", "Plan (fork #2)"),
            ("Plan (fork #41) later", "Plan (fork #41) later (fork #1)"),
            ("(fork #x)", "(fork #x) (fork #1)"),
        ] {
            assert_eq!(forked_title(title), wanted);
        }
    }
}
