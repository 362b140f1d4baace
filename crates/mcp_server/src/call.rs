//! A call of a client while it is worked on: the engine, the client that waits, and what stops it.

use opencode_client::Client;
use rmcp::RoleServer;
use rmcp::service::{ElicitationMode, Peer, RequestContext};
use tokio_util::sync::CancellationToken;

use crate::progress::Progress;

/// A call.
pub(crate) struct Call {
    /// The engine.
    pub(crate) client: Client,
    /// Who waits.
    pub(crate) peer: Peer<RoleServer>,
    /// Whether it may be told what happens.
    pub(crate) progress: Progress,
    cancelled: CancellationToken,
    gone: CancellationToken,
}

impl Call {
    pub(crate) fn new(client: Client, context: RequestContext<RoleServer>, gone: CancellationToken) -> Self {
        Self {
            client,
            progress: Progress::new(context.peer.clone(), context.meta.get_progress_token()),
            cancelled: context.ct,
            peer: context.peer,
            gone,
        }
    }

    /// Waits until nobody wants the answer any more.
    pub(crate) async fn stopped(&self) {
        tokio::select! {
            () = self.cancelled.cancelled() => {}
            () = self.gone.cancelled() => {}
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.cancelled.is_cancelled() || self.gone.is_cancelled()
    }

    /// Whether the client's user can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        self.peer
            .supported_elicitation_modes()
            .contains(&ElicitationMode::Form)
    }
}
