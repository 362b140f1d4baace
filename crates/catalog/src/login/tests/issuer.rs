//! An authorization server that keeps what it is sent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use url::form_urlencoded;

/// A request that the server got.
#[derive(Debug, Clone)]
pub(super) struct Got {
    pub(super) path: String,
    pub(super) authorization: Option<String>,
    pub(super) fields: HashMap<String, String>,
}

type Answerer = Box<dyn Fn(&Got, usize) -> (u16, Value) + Send + Sync>;

struct Shared {
    got: Mutex<Vec<Got>>,
    answer: Answerer,
}

/// An authorization server.
pub(super) struct Issuer {
    pub(super) url: String,
    shared: Arc<Shared>,
}

impl Issuer {
    pub(super) async fn start(answer: impl Fn(&Got, usize) -> (u16, Value) + Send + Sync + 'static) -> Self {
        let shared = Arc::new(Shared {
            got: Mutex::default(),
            answer: Box::new(answer),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    pub(super) fn got(&self) -> Vec<Got> {
        self.shared.got.lock().unwrap().clone()
    }
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let headers = request.headers().clone();
    let header = |name: &str| {
        let value = headers.get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    let (path, authorization) = (request.uri().path().to_owned(), header("authorization"));
    let is_json = header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let fields = if is_json {
        let object: HashMap<String, Value> = serde_json::from_slice(&body).unwrap();
        object
            .into_iter()
            .map(|(name, value)| (name, value.as_str().unwrap().to_owned()))
            .collect()
    } else {
        form_urlencoded::parse(&body).into_owned().collect()
    };
    let got = Got {
        path,
        authorization,
        fields,
    };
    let count = {
        let mut all = shared.got.lock().unwrap();
        all.push(got.clone());
        all.iter().filter(|one| one.path == got.path).count()
    };
    let (status, body) = (shared.answer)(&got, count);
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}
