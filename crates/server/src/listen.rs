//! Listening: the address, the router with everything around it, and the end (reference `http-api.md` §1).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use opencode_project::search::names::Names;
use opencode_session::Engine;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::Access;
use crate::audit::{Audit, Writing};
use crate::compat::Chats;
use crate::orders::Orders;
use crate::routes::provider::Providers;
use crate::ticket::Tickets;
use crate::{access, compress, operations};

pub use crate::access::Password;

/// The port that is tried first when any will do.
const USUAL_PORT: u16 = 4096;
/// How long answers that are being given get to end.
const GRACE: Duration = Duration::from_secs(1);

/// How to listen.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name or address of the interface.
    pub hostname: String,
    /// The port; 0 takes 4096, or any when that is taken.
    pub port: u16,
    /// Origins of pages that may read answers, beside the usual ones.
    pub cors: Vec<String>,
    /// What a client must know; without it everybody may do everything.
    pub password: Option<Password>,
    /// The folder of requests that name none.
    pub directory: PathBuf,
    /// Version of the program.
    pub version: &'static str,
    /// Whether it is written down who had what executed or changed.
    pub audit: bool,
    /// Whether other machines may have things executed without a password.
    pub insecure: bool,
}

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be had.
    #[error("cannot listen on {address}: {reason}")]
    Bind {
        /// Host and port.
        address: String,
        /// What the system says.
        reason: String,
    },
}

/// What handlers share.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) directory: PathBuf,
    pub(crate) version: &'static str,
    pub(crate) providers: Providers,
    /// What terminal faces are to do.
    pub(crate) orders: Orders,
    /// Lists of files, for searching them by name.
    pub(crate) names: Names,
    /// Ends streams that would go on for ever.
    pub(crate) ending: CancellationToken,
    /// Connections that have become sockets.
    pub(crate) sockets: TaskTracker,
    pub(crate) access: Arc<Access>,
    pub(crate) tickets: Tickets,
    pub(crate) audit: Audit,
    pub(crate) chats: Chats,
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// A server that has its port and is not answering yet.
pub struct Server {
    listener: TcpListener,
    router: Router,
    ending: CancellationToken,
    sockets: TaskTracker,
    writing: Writing,
}

impl Server {
    /// Takes a port.
    ///
    /// # Errors
    /// [`Error::Bind`].
    pub async fn bind(engine: Engine, options: Options) -> Result<Self, Error> {
        let listener = listen(&options.hostname, options.port).await?;
        let ending = CancellationToken::new();
        let sockets = TaskTracker::new();
        let log = options.audit.then(|| engine.paths().audit());
        let (audit, writing) = Audit::begin(log, &engine);
        let is_exposed = listener
            .local_addr()
            .is_ok_and(|address| !address.ip().is_loopback());
        let access = Arc::new(Access {
            is_open_to_all: is_exposed && options.password.is_none() && !options.insecure,
            password: options.password,
            cors: options.cors,
            hostname: options.hostname,
            audit: audit.clone(),
        });
        let app = App(Arc::new(Shared {
            engine,
            directory: options.directory,
            version: options.version,
            providers: Providers::default(),
            orders: Orders::default(),
            names: Names::default(),
            ending: ending.clone(),
            sockets: sockets.clone(),
            access: Arc::clone(&access),
            tickets: Tickets::default(),
            audit,
            chats: Chats::default(),
        }));
        let router = operations::router()
            .with_state(app)
            .layer(axum::middleware::from_fn(compress::layer))
            .layer(axum::middleware::from_fn_with_state(access, access::guard));
        Ok(Self {
            listener,
            router,
            ending,
            sockets,
            writing,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `stop`, then lets what is being answered end for a second.
    pub async fn run(self, stop: CancellationToken) {
        let Self {
            listener,
            router,
            ending,
            sockets,
            writing,
        } = self;
        let graceful = {
            let ending = ending.clone();
            async move {
                stop.cancelled().await;
                ending.cancel();
            }
        };
        // Keys that are typed are small pieces, which must not wait for more.
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        let serving = axum::serve(listener, router).with_graceful_shutdown(graceful);
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
        sockets.close();
        if tokio::time::timeout(GRACE, sockets.wait()).await.is_err() {
            tracing::info!("sockets that took too long were cut");
        }
        writing.end().await;
    }
}

async fn listen(hostname: &str, port: u16) -> Result<TcpListener, Error> {
    if port == 0
        && let Ok(listener) = TcpListener::bind((hostname, USUAL_PORT)).await
    {
        return Ok(listener);
    }
    TcpListener::bind((hostname, port))
        .await
        .map_err(|error| Error::Bind {
            address: format!("{hostname}:{port}"),
            reason: error.to_string(),
        })
}
