//! The server over HTTP, for any number of clients.

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::ACCESS_CONTROL_EXPOSE_HEADERS;
use axum::middleware::map_response;
use axum::response::Response;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::face::Face;
use crate::leaving::Clients;
use crate::{AFTERMATH, MESSAGE_BYTES, Options};

/// Where clients connect.
pub const PATH: &str = "/mcp";

/// The routes of the server, and what clients began over them.
pub struct Endpoint {
    /// The routes. Whoever serves them decides who may ask.
    pub router: Router,
    calls: TaskTracker,
    stop: CancellationToken,
}

impl Endpoint {
    /// Routes that are served until `stop`.
    #[must_use]
    pub fn new(options: Options, stop: &CancellationToken) -> Self {
        let calls = TaskTracker::new();
        let stop = stop.child_token();
        let mut config = StreamableHttpServerConfig::default().disable_allowed_hosts();
        config.cancellation_token = stop.clone();
        config.max_request_body_bytes = MESSAGE_BYTES;
        let face = {
            let (calls, stop) = (calls.clone(), stop.clone());
            move || Ok(Face::with(options.clone(), stop.clone(), calls.clone()))
        };
        let service = StreamableHttpService::new(face, Arc::new(Clients::default()), config);
        let router = Router::new()
            .route_service(PATH, service)
            .layer(map_response(exposed));
        Self { router, calls, stop }
    }

    /// Stops what clients began and waits for its end.
    pub async fn end(self) {
        self.stop.cancel();
        self.calls.close();
        if tokio::time::timeout(AFTERMATH, self.calls.wait()).await.is_err() {
            tracing::warn!("calls of MCP clients did not end");
        }
    }
}

/// Pages that may read answers may read which session they belong to.
async fn exposed(mut response: Response) -> Response {
    response.headers_mut().insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("mcp-session-id, mcp-protocol-version"),
    );
    response
}
