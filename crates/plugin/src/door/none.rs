//! Without sockets that only this user can open there is no way for plugins to the HTTP interface.

use std::io;
use std::path::PathBuf;

use tokio::io::DuplexStream;
use tokio::sync::mpsc;

pub(crate) enum Door {}

impl Door {
    pub(crate) fn open(_engine: mpsc::Sender<DuplexStream>) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn socket(&self) -> PathBuf {
        match *self {}
    }

    pub(crate) async fn serve(self) {
        match self {}
    }
}
