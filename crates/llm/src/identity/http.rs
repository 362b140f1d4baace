//! Small questions to those who give out identities.

use std::borrow::Cow;
use std::time::Duration;

use reqwest::Method;
use url::Url;

use super::Failure;
use crate::client::connection::Connections;

/// Services on the network.
pub(super) const LIMIT: Duration = Duration::from_secs(20);
/// Services of the machine that the program runs on: when they are there, they answer at once.
pub(super) const NEAR_LIMIT: Duration = Duration::from_secs(1);
/// No answer is larger.
const MOST: usize = 1024 * 1024;

/// Asks.
pub(super) struct Http<'a> {
    pub(super) connections: &'a Connections,
}

/// A question.
pub(super) struct Question {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(Cow<'static, str>, String)>,
    pub(super) body: Option<String>,
    pub(super) limit: Duration,
    /// Proxies are for the network, not for this machine.
    pub(super) near: bool,
}

/// An answer.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The status and the first words, for an error.
    pub(super) fn short(&self) -> String {
        let words: String = self.body.trim().chars().take(300).collect();
        format!("status {}: {words}", self.status)
    }
}

impl Question {
    pub(super) fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: Vec::new(),
            body: None,
            limit: LIMIT,
            near: false,
        }
    }

    pub(super) fn form(url: Url, fields: &[(&str, &str)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        Self {
            method: Method::POST,
            body: Some(body),
            headers: vec![(
                "content-type".into(),
                "application/x-www-form-urlencoded".to_owned(),
            )],
            ..Self::get(url)
        }
    }

    /// On this machine.
    pub(super) fn near(mut self) -> Self {
        self.near = true;
        self.limit = NEAR_LIMIT;
        self
    }

    pub(super) fn json(url: Url, body: &serde_json::Value) -> Self {
        Self {
            method: Method::POST,
            body: Some(body.to_string()),
            headers: vec![("content-type".into(), "application/json".to_owned())],
            ..Self::get(url)
        }
    }

    pub(super) fn header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl Http<'_> {
    pub(super) async fn ask(&self, question: Question) -> Result<Reply, Failure> {
        let shown = crate::target::shown(&question.url);
        let limit = question.limit;
        let failed = |message: String| Failure::Connection {
            url: shown.clone(),
            message,
        };
        match tokio::time::timeout(limit, self.ask_now(question)).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => Err(failed(error.without_url().to_string())),
            Err(_) => Err(failed(format!("no answer within {} s", limit.as_secs()))),
        }
    }

    async fn ask_now(&self, question: Question) -> Result<Reply, reqwest::Error> {
        let client = if question.near {
            self.connections.near().await?
        } else {
            self.connections.for_url(&question.url).await?
        };
        let mut request = client.request(question.method, question.url);
        for (name, value) in question.headers {
            request = request.header(&*name, value);
        }
        if let Some(body) = question.body {
            request = request.body(body);
        }
        let mut response = request.send().await?;
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > MOST {
                break;
            }
        }
        Ok(Reply {
            status,
            body: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }
}
