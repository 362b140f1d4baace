//! Small answers of web services that configuration names.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response};

/// Asks web services. Clones share their connections; nothing is made before the first request, since that
/// reads the system's certificates.
#[derive(Clone, Debug, Default)]
pub(crate) struct Web {
    client: Arc<OnceLock<Result<Client, String>>>,
}

impl Web {
    /// The client.
    pub(crate) fn client(&self) -> Result<&Client, String> {
        let client = self.client.get_or_init(|| {
            // Fails when one is installed already, and that one is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
            Client::builder().build().map_err(|error| error.to_string())
        });
        client.as_ref().map_err(Clone::clone)
    }

    /// The body of an answer that says that all is well, if it comes within `time` and has at most `bytes`.
    pub(crate) async fn answer(
        request: RequestBuilder,
        time: Duration,
        bytes: usize,
    ) -> Result<Vec<u8>, String> {
        let response = request.timeout(time).send().await.map_err(told)?;
        if !response.status().is_success() {
            return Err(format!("it answers {}", response.status()));
        }
        Self::body(response, bytes).await
    }

    /// The body of an answer, if it has at most `bytes`.
    pub(crate) async fn body(mut response: Response, bytes: usize) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(told)? {
            if body.len() + chunk.len() > bytes {
                return Err("its answer is too long".to_owned());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// Addresses may hold what is not for everybody.
pub(crate) fn told(error: reqwest::Error) -> String {
    error.without_url().to_string()
}
