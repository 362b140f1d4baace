//! Connections and what one client may take of them (reference `seed-http.md` §7): so many at once, a head
//! of so many bytes within so many seconds.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Layer;

use crate::error::ApiError;

/// Connections at once.
const MOST: usize = 1024;
/// How long the head of a request may take, and a connection be idle.
const HEAD_LIMIT: Duration = Duration::from_secs(30);
/// Bytes of an address.
const ADDRESS_BYTES: usize = 16 * 1024;
/// Bytes of all headers.
const HEADER_BYTES: usize = 32 * 1024;
/// Bytes that are read before a head must be complete: both of the above, and what stands between.
const HEAD_BYTES: usize = 64 * 1024;
/// After the system refused a connection: it has no room, and needs some time to get it.
const PAUSE: Duration = Duration::from_millis(200);

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Answers whoever connects until `stop`, then waits for what is being answered. Dropping it cuts all
/// connections.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    let places = Arc::new(Semaphore::new(MOST));
    let cut = CancellationToken::new();
    let _cut_at_end = cut.clone().drop_guard();
    while let Some((stream, peer, place)) = stop.run_until_cancelled(next(&listener, &places)).await {
        let router = Extension(peer).layer(router.clone());
        let (stop, cut) = (stop.clone(), cut.clone());
        tasks.spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_LIMIT)
                .max_buf_size(HEAD_BYTES)
                .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
                .with_upgrades();
            let mut connection = std::pin::pin!(connection);
            let result = tokio::select! {
                result = &mut connection => result,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    cut.run_until_cancelled(connection).await.unwrap_or(Ok(()))
                }
            };
            if let Err(error) = result {
                tracing::debug!(%error, peer = %peer.0, "a connection ended");
            }
            drop(place);
        });
    }
    tasks.close();
    tasks.wait().await;
}

async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, Peer, Option<OwnedSemaphorePermit>) {
    // Nobody closes it, so there is always a place in the end.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "small answers may come late");
                }
                return (stream, Peer(peer), place);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was refused");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Refuses heads that are longer than anybody needs.
pub(crate) async fn limit_head(request: Request, next: Next) -> Response {
    let address = request
        .uri()
        .path_and_query()
        .map_or(0, |path| path.as_str().len());
    if address > ADDRESS_BYTES {
        return refused(StatusCode::URI_TOO_LONG, "UriTooLongError", ADDRESS_BYTES);
    }
    let lengths = request.headers().iter();
    let headers: usize = lengths
        .map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len())
        .sum();
    if headers > HEADER_BYTES {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return refused(status, "RequestHeaderFieldsTooLargeError", HEADER_BYTES);
    }
    next.run(request).await
}

fn refused(status: StatusCode, tag: &str, limit: usize) -> Response {
    ApiError::tagged(status, tag, format!("At most {limit} bytes are read"))
        .with("limit", limit)
        .into_response()
}
