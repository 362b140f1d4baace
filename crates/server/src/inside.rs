//! A server for faces in the same process: connections come through a door, not a port. Nobody else can
//! knock there, so nobody is asked for a password.

use std::path::PathBuf;

use axum::serve::Listener;
use opencode_session::Engine;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::attempts::Attempts;
use crate::audit::Audit;
use crate::listen::{GRACE, Routed};

/// Answers what comes through the door until `stop`. `directory` is the folder of requests that name none. Nothing is
/// made before somebody knocks.
pub async fn serve_inside(
    engine: Engine,
    directory: PathBuf,
    version: &'static str,
    mut connections: mpsc::Receiver<DuplexStream>,
    stop: CancellationToken,
) {
    let first = tokio::select! {
        first = connections.recv() => first,
        () = stop.cancelled() => return,
    };
    let access = Access {
        password: None,
        token: None,
        attempts: Attempts::default(),
        cors: Vec::new(),
        hostname: "localhost".to_owned(),
        mdns_domain: None,
        is_open_to_all: false,
        audit: Audit::default(),
    };
    let routed = Routed::new(engine, directory, version, access, None);
    let ending = routed.ending.clone();
    let graceful = {
        let ending = ending.clone();
        async move {
            stop.cancelled().await;
            ending.cancel();
        }
    };
    let serving = axum::serve(
        Inside {
            first,
            others: connections,
        },
        routed.router.clone(),
    )
    .with_graceful_shutdown(graceful);
    let limit = async {
        ending.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        result = serving => {
            if let Err(error) = result {
                tracing::error!(%error, "the server ended");
            }
        }
        () = limit => tracing::info!("answers that took too long were cut"),
    }
    routed.end().await;
}

struct Inside {
    first: Option<DuplexStream>,
    others: mpsc::Receiver<DuplexStream>,
}

impl Listener for Inside {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        if let Some(connection) = self.first.take() {
            return (connection, ());
        }
        match self.others.recv().await {
            Some(connection) => (connection, ()),
            // All clients are gone; the end comes by the token.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<()> {
        Ok(())
    }
}
