//! A web service that keeps what it is asked, and answers everything alike.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::sync::watch;

/// A request to a [`Service`].
#[derive(Clone, Debug)]
pub struct Asked {
    /// `POST` and so on.
    pub method: String,
    /// The path.
    pub path: String,
    /// The body; null when it was no JSON.
    pub body: Value,
}

/// A web service that answers every request with one JSON value. It lives as long as the value.
pub struct Service {
    address: std::net::SocketAddr,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    status: StatusCode,
    answer: Value,
    /// Texts by their path; everything else is not found. None: everything is answered alike.
    files: Mutex<Option<HashMap<String, String>>>,
    asked: Mutex<Vec<Asked>>,
    count: watch::Sender<usize>,
}

impl Service {
    /// Starts a service.
    pub async fn start(status: u16, answer: Value) -> Self {
        let shared = Arc::new(Shared {
            status: StatusCode::from_u16(status).expect("a status"),
            answer,
            files: Mutex::default(),
            asked: Mutex::default(),
            count: watch::Sender::new(0),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(reply).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the server runs");
        });
        Self {
            address,
            shared,
            task,
        }
    }

    /// From now on answers with these texts by their path, and knows nothing else.
    pub fn now_serves(&self, files: &[(&str, &str)]) {
        let files = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        *self.shared.files.lock().expect("no test failed meanwhile") = Some(files.collect());
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that it was asked.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// Waits until a request fits.
    pub async fn wait_for(&self, fits: impl Fn(&Asked) -> bool) -> Asked {
        let mut seen = self.shared.count.subscribe();
        let found = async {
            loop {
                seen.borrow_and_update();
                if let Some(asked) = self.asked().into_iter().find(&fits) {
                    return asked;
                }
                seen.changed().await.expect("the service lives");
            }
        };
        tokio::time::timeout(crate::LIMIT, found)
            .await
            .unwrap_or_else(|_| panic!("no such request among {:#?}", self.asked()))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn reply(State(shared): State<Arc<Shared>>, method: Method, uri: Uri, body: Bytes) -> Response {
    let asked = Asked {
        method: method.to_string(),
        path: uri.path().to_owned(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    shared.asked.lock().unwrap().push(asked);
    shared.count.send_modify(|count| *count += 1);
    if let Some(files) = &*shared.files.lock().unwrap() {
        return match files.get(uri.path()) {
            Some(text) => text.clone().into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        };
    }
    (shared.status, axum::Json(shared.answer.clone())).into_response()
}
