//! Lists of sessions as they went out last: clients ask for them again and again, mostly in vain.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;
use opencode_session::Engine;
use opencode_store::{SessionFilter, State};

use crate::error::ApiError;

/// Lists that are kept.
const MOST: usize = 32;
/// Bytes of a list that is kept.
const LARGEST: usize = 1 << 20;

/// The lists that went out, and the state of the database that they show.
#[derive(Default)]
pub(crate) struct Lists(Mutex<HashMap<SessionFilter, (State, Bytes)>>);

impl Lists {
    /// Sessions by filter, as JSON.
    pub(crate) async fn sessions(&self, engine: &Engine, filter: SessionFilter) -> Result<Bytes, ApiError> {
        // Before the list is read: what is stored meanwhile makes it old.
        let state = engine.store().state();
        if let Some(kept) = state.and_then(|state| self.kept(&filter, state)) {
            return Ok(kept);
        }
        let sessions = engine.sessions(filter.clone()).await?;
        let json = serde_json::to_vec(&sessions).map_err(|error| ApiError::unexpected(&error))?;
        let json = Bytes::from(json);
        if let Some(state) = state.filter(|_| json.len() <= LARGEST) {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() >= MOST {
                kept.clear();
            }
            kept.insert(filter, (state, json.clone()));
        }
        Ok(json)
    }

    fn kept(&self, filter: &SessionFilter, state: State) -> Option<Bytes> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, json) = kept.get(filter)?;
        (*of == state).then(|| json.clone())
    }
}
