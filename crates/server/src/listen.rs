//! Listening: the address, the router with everything around it, and the end (reference `http-api.md` §1).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use opencode_catalog::login::{Attempts as LoginAttempts, Logins};
use opencode_project::search::names::Names;
use opencode_session::Engine;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::Access;
use crate::attempts::Attempts;
use crate::audit::{Audit, Writing};
use crate::compat::Chats;
use crate::discovery::Announced;
use crate::lists::Lists;
use crate::orders::Orders;
use crate::routes::provider::Providers;
use crate::ticket::Tickets;
use crate::{access, compress, connections, operations};

pub use crate::access::{Password, Token};

/// The port that is tried first when any will do.
const USUAL_PORT: u16 = 4096;
/// How long answers that are being given get to end.
pub(crate) const GRACE: Duration = Duration::from_secs(1);

/// How to listen.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name or address of the interface.
    pub hostname: String,
    /// The port; 0 takes 4096, or any when that is taken.
    pub port: u16,
    /// Origins of pages that may read answers, beside the usual ones.
    pub cors: Vec<String>,
    /// What a client must know; without it and a token everybody may do everything.
    pub password: Option<Password>,
    /// What a client may show instead; either is enough.
    pub token: Option<Token>,
    /// The name under which the local network is told of the server, if it is.
    pub mdns_domain: Option<String>,
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
    pub(crate) lists: Lists,
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
    /// Logins that are going on.
    pub(crate) logins: Logins,
    /// Those of them that clients ask after.
    pub(crate) attempts: LoginAttempts,
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
    routed: Routed,
    hostname: String,
    mdns_domain: Option<String>,
}

/// The address of a listener for programs of this machine.
fn seen_from_here(listener: &TcpListener) -> Option<url::Url> {
    let mut address = listener.local_addr().ok()?;
    if address.ip().is_unspecified() {
        let ip = match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        address.set_ip(ip);
    }
    url::Url::parse(&format!("http://{address}/")).ok()
}

impl Server {
    /// Takes a port.
    ///
    /// # Errors
    /// [`Error::Bind`].
    pub async fn bind(engine: Engine, options: Options) -> Result<Self, Error> {
        let listener = listen(&options.hostname, options.port).await?;
        if let Some(address) = seen_from_here(&listener) {
            engine.listens_at(address);
        }
        let access = access(&listener, &options);
        let log = options.audit.then(|| engine.paths().audit());
        let routed = Routed::new(engine, options.directory, options.version, access, log);
        Ok(Self {
            listener,
            routed,
            hostname: options.hostname,
            mdns_domain: options.mdns_domain,
        })
    }

    /// Takes a port for routes of another interface, behind the same guards as the operations: who may ask, from
    /// which pages, how often and how much. Port 0 takes any.
    ///
    /// # Errors
    /// [`Error::Bind`].
    pub async fn bind_router(engine: &Engine, options: Options, router: Router) -> Result<Self, Error> {
        let listener = listen_at(&options.hostname, options.port).await?;
        let access = access(&listener, &options);
        let log = options.audit.then(|| engine.paths().audit());
        Ok(Self {
            listener,
            routed: Routed::guarding(router, engine, access, log),
            hostname: options.hostname,
            mdns_domain: options.mdns_domain,
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
            routed,
            hostname,
            mdns_domain,
        } = self;
        let ending = routed.ending.clone();
        let port = listener.local_addr().map(|address| address.port());
        let announced = match (mdns_domain, port) {
            (Some(domain), Ok(port)) => Announced::new(&hostname, port, &domain),
            _ => None,
        };
        let serving = connections::serve(listener, routed.router.clone(), ending.clone());
        let limit = async {
            stop.cancelled().await;
            ending.cancel();
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            () = serving => {}
            () = limit => tracing::info!("answers that took too long were cut"),
        }
        if let Some(announced) = announced {
            announced.withdraw().await;
        }
        routed.end().await;
    }
}

/// The operations with everything around them and behind them.
pub(crate) struct Routed {
    pub(crate) router: Router,
    /// Ends streams that would go on for ever.
    pub(crate) ending: CancellationToken,
    sockets: TaskTracker,
    writing: Writing,
}

impl Routed {
    /// What is executed is written down in the file `audit`, if there is one.
    pub(crate) fn new(
        engine: Engine,
        directory: PathBuf,
        version: &'static str,
        mut access: Access,
        audit: Option<PathBuf>,
    ) -> Self {
        let ending = CancellationToken::new();
        let sockets = TaskTracker::new();
        let (audit, writing) = Audit::begin(audit, &engine);
        access.audit = audit.clone();
        let access = Arc::new(access);
        let logins = Logins::new(
            engine.paths().clone(),
            engine.environment().clone(),
            opencode_catalog::login::Options::default(),
        );
        let app = App(Arc::new(Shared {
            engine,
            directory,
            version,
            providers: Providers::default(),
            lists: Lists::default(),
            orders: Orders::default(),
            names: Names::default(),
            ending: ending.clone(),
            sockets: sockets.clone(),
            access: Arc::clone(&access),
            tickets: Tickets::default(),
            audit,
            chats: Chats::default(),
            attempts: LoginAttempts::new(logins.clone()),
            logins,
        }));
        let router = operations::router()
            .with_state(app)
            .layer(axum::middleware::from_fn(compress::layer))
            .layer(axum::middleware::from_fn_with_state(access, access::guard))
            .layer(axum::middleware::from_fn(connections::limit_head));
        Self {
            router,
            ending,
            sockets,
            writing,
        }
    }

    /// Other routes than the operations, behind the same guards.
    fn guarding(router: Router, engine: &Engine, mut access: Access, audit: Option<PathBuf>) -> Self {
        let (audit, writing) = Audit::begin(audit, engine);
        access.audit = audit;
        let router = router
            .layer(axum::middleware::from_fn_with_state(
                Arc::new(access),
                access::guard,
            ))
            .layer(axum::middleware::from_fn(connections::limit_head));
        Self {
            router,
            ending: CancellationToken::new(),
            sockets: TaskTracker::new(),
            writing,
        }
    }

    /// Waits for sockets to close and for what is still to be written down.
    pub(crate) async fn end(self) {
        self.sockets.close();
        if tokio::time::timeout(GRACE, self.sockets.wait()).await.is_err() {
            tracing::info!("sockets that took too long were cut");
        }
        self.writing.end().await;
    }
}

/// Who may ask whoever listens there.
fn access(listener: &TcpListener, options: &Options) -> Access {
    let is_exposed = listener
        .local_addr()
        .is_ok_and(|address| !address.ip().is_loopback());
    Access {
        is_open_to_all: is_exposed
            && options.password.is_none()
            && options.token.is_none()
            && !options.insecure,
        password: options.password.clone(),
        token: options.token.clone(),
        attempts: Attempts::default(),
        cors: options.cors.clone(),
        hostname: options.hostname.clone(),
        mdns_domain: options.mdns_domain.clone(),
        audit: Audit::default(),
    }
}

async fn listen(hostname: &str, port: u16) -> Result<TcpListener, Error> {
    if port == 0
        && let Ok(listener) = TcpListener::bind((hostname, USUAL_PORT)).await
    {
        return Ok(listener);
    }
    listen_at(hostname, port).await
}

async fn listen_at(hostname: &str, port: u16) -> Result<TcpListener, Error> {
    TcpListener::bind((hostname, port))
        .await
        .map_err(|error| Error::Bind {
            address: format!("{hostname}:{port}"),
            reason: error.to_string(),
        })
}
