//! The engine and a server of it in this program, without a port, for the faces that a command starts.

use std::path::Path;

use opencode_client::{Client, DOOR_BOUND};
use opencode_server::{Options, Server, serve_inside};
use opencode_session::Engine;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::failure::Failure;

/// An engine with servers; [`Inside::end`] ends them.
pub(crate) struct Inside {
    pub(crate) engine: Engine,
    /// A client of the server without a port, for the folder.
    pub(crate) client: Client,
    stop: CancellationToken,
    servers: Vec<JoinHandle<()>>,
}

impl Inside {
    /// Starts the engine and the server for a folder.
    pub(crate) async fn start(context: &Context, directory: &Path) -> Result<Self, Failure> {
        let engine = context.engine().await?;
        engine.keep_models_fresh();
        engine.watch_files();
        let (door, connections) = mpsc::channel(DOOR_BOUND);
        let client = Client::in_process(door, Some(directory.to_string_lossy().into_owned()))?;
        let stop = CancellationToken::new();
        let version = env!("CARGO_PKG_VERSION");
        let directory = directory.to_owned();
        let server = serve_inside(engine.clone(), directory, version, connections, stop.clone());
        Ok(Self {
            client,
            stop,
            servers: vec![tokio::spawn(server)],
            engine,
        })
    }

    /// Has the engine answer at an address, too.
    pub(crate) async fn listen(&mut self, options: Options) -> Result<(), Failure> {
        let server = Server::bind(self.engine.clone(), options).await;
        let server = server.map_err(|error| Failure::told(error.to_string()))?;
        self.servers.push(tokio::spawn(server.run(self.stop.clone())));
        Ok(())
    }

    /// Ends the servers, then the engine.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        self.engine.hurry();
        for server in self.servers {
            // It ends a second after it is told to.
            let _ = server.await;
        }
        self.engine.shutdown().await;
    }
}
