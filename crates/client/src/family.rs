//! Which session works for which: tasks are sessions of their own, and what they ask is answered by whoever drives
//! the one that gave them away.

use std::collections::HashMap;

use opencode_schema::SessionId;

use crate::Client;

/// Sessions above a session, at most.
const DEPTH: usize = 16;
/// Sessions that are remembered at most; then all are forgotten, and looked up again.
const BOUND: usize = 4096;

/// Sessions that descend from others, with what was found out of them.
#[derive(Debug, Default)]
pub struct Family {
    roots: HashMap<SessionId, SessionId>,
}

impl Family {
    /// The session that `id` descends from, or is, of those that `is_root` names. None where there is none, or
    /// where the server cannot tell.
    pub async fn root(
        &mut self,
        client: &Client,
        id: &SessionId,
        is_root: impl Fn(&SessionId) -> bool,
    ) -> Option<SessionId> {
        let mut seen = Vec::new();
        let mut at = id.clone();
        for _ in 0..DEPTH {
            if let Some(root) = self.known(&at, &is_root) {
                for id in seen {
                    self.remember(id, root.clone());
                }
                return Some(root);
            }
            let parent = match client.session(&at).await {
                Ok(session) => session.parent_id?,
                Err(error) => {
                    tracing::debug!(%error, "whose session it is, is not known");
                    return None;
                }
            };
            seen.push(std::mem::replace(&mut at, parent));
        }
        None
    }

    /// A session begins for another one.
    pub fn begins(&mut self, id: SessionId, parent: &SessionId, is_root: impl Fn(&SessionId) -> bool) {
        if let Some(root) = self.known(parent, &is_root) {
            self.remember(id, root);
        }
    }

    fn known(&self, id: &SessionId, is_root: &impl Fn(&SessionId) -> bool) -> Option<SessionId> {
        if is_root(id) {
            return Some(id.clone());
        }
        // A root may be given up.
        self.roots.get(id).filter(|root| is_root(root)).cloned()
    }

    fn remember(&mut self, id: SessionId, root: SessionId) {
        if self.roots.len() >= BOUND {
            self.roots.clear();
        }
        self.roots.insert(id, root);
    }
}
