//! What the tasks of servers and their callers do with what they share.

use std::path::Path;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use super::{CALL, Inner, Notice, START, Server, State};
use crate::connection::{Connection, Timeouts};
use crate::error::Error;
use crate::supervisor;

impl Inner {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell(&self, notice: Notice) {
        (self.listener)(notice);
    }

    pub(super) fn changed(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    /// How long a server may take (reference §A3).
    pub(crate) fn timeouts(&self, name: &str) -> Timeouts {
        let state = self.state();
        let own = state.servers.get(name).and_then(|server| server.config.timeout());
        let own = own.map(Duration::from_millis);
        Timeouts {
            start: own.unwrap_or(START),
            call: own.or(state.call).unwrap_or(CALL),
        }
    }

    /// Lets a task connect a server that is wanted, and look after it.
    pub(super) fn begin(self: &Arc<Self>, name: &str, may_wait: bool) {
        let task = {
            let mut state = self.state();
            state.is_started = true;
            state.generation += 1;
            let generation = state.generation;
            let Some(server) = state.servers.get_mut(name).filter(|server| server.is_wanted) else {
                return;
            };
            server.generation = generation;
            supervisor::Task {
                inner: Arc::clone(self),
                name: name.to_owned(),
                config: Arc::clone(&server.config),
                may_sample: server.may_sample,
                generation,
                stop: server.stop.clone(),
                wake: Arc::clone(&server.wake),
                facts: Arc::clone(&server.facts),
                may_wait: may_wait && server.known.is_some(),
            }
        };
        if !self.closing.is_cancelled() {
            self.tracker.spawn(task.run());
        }
    }

    /// Changes a server as long as it is the one that was begun with; tells of another status.
    pub(crate) fn update(&self, name: &str, generation: u64, change: impl FnOnce(&mut Server)) {
        let status = {
            let mut state = self.state();
            let Some(server) = state.servers.get_mut(name) else {
                return;
            };
            if server.generation != generation || server.stop.is_cancelled() {
                return;
            }
            let before = server.status.clone();
            change(server);
            let status = (before != server.status).then(|| server.status.clone());
            state.snapshot = None;
            status
        };
        self.changed();
        if let Some(status) = status {
            let server = name.to_owned();
            self.tell(Notice::StatusChanged { server, status });
        }
    }

    /// A connection is over: nobody shall call it any more.
    pub(crate) fn is_lost(&self, connection: &Arc<Connection>) {
        let generation = {
            let state = self.state();
            let server = state.servers.get(&connection.name);
            let is_current = |server: &&Server| {
                server
                    .connection
                    .as_ref()
                    .is_some_and(|own| Arc::ptr_eq(own, connection))
            };
            server.filter(is_current).map(|server| server.generation)
        };
        let Some(generation) = generation else { return };
        self.update(&connection.name, generation, |server| {
            server.drop_connection();
            server.status = Error::Closed.status();
        });
        let server = connection.name.clone();
        self.tell(Notice::ToolsChanged { server });
    }

    /// Something is wrong with the connection of a server: its task shall look.
    pub(super) fn suspect(&self, name: &str) {
        if let Some(server) = self.state().servers.get(name) {
            server.wake.notify_one();
        }
    }

    /// The project.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }
}
