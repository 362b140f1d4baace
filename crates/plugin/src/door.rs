//! How plugins reach the HTTP interface of the engine: by a socket that only this user can open.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use tokio::io::{DuplexStream, copy_bidirectional, duplex};
use tokio::net::UnixListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

/// Connections at a time; who comes then waits.
const CONNECTIONS: usize = 64;
/// Bytes that a connection keeps in each direction.
const BUFFER: usize = 64 << 10;

/// A socket in a private folder, which goes with it.
pub(crate) struct Door {
    folder: TempDir,
    listener: UnixListener,
    engine: mpsc::Sender<DuplexStream>,
}

impl Door {
    pub(crate) fn open(engine: mpsc::Sender<DuplexStream>) -> io::Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::Builder::new()
            .prefix("opencode-plugins-")
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir()?;
        let listener = UnixListener::bind(Self::socket_in(folder.path()))?;
        Ok(Self {
            folder,
            listener,
            engine,
        })
    }

    pub(crate) fn socket(&self) -> PathBuf {
        Self::socket_in(self.folder.path())
    }

    fn socket_in(folder: &Path) -> PathBuf {
        folder.join("http")
    }

    /// Passes connections on until the engine takes no more.
    pub(crate) async fn serve(self) {
        let mut connections = JoinSet::new();
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&room).acquire_owned().await else {
                return;
            };
            while connections.try_join_next().is_some() {}
            let mut outside = match self.listener.accept().await {
                Ok((outside, _)) => outside,
                Err(error) => {
                    tracing::debug!(%error, "a connection of plugins failed");
                    tokio::task::yield_now().await;
                    continue;
                }
            };
            let (mut inside, other) = duplex(BUFFER);
            if self.engine.send(other).await.is_err() {
                return;
            }
            connections.spawn(async move {
                // Who hangs up is no news.
                let _ = copy_bidirectional(&mut outside, &mut inside).await;
                drop(place);
            });
        }
    }
}
