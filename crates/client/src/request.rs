//! Requests as data, for faces that say what they want and leave the asking to others.

use reqwest::Method;
use serde_json::Value;

use crate::call::OLDER;
use crate::client::Client;
use crate::error::Error;

/// A request to the server, as it is written down.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The method of HTTP.
    pub method: Method,
    /// The parts of the path, as they are before they are encoded.
    pub path: Vec<String>,
    /// Names and values of the query.
    pub query: Vec<(String, String)>,
    /// The body.
    pub body: Option<Value>,
    /// The answer takes as long as a model does.
    pub is_turn: bool,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The answer; nothing is `null`.
    pub value: Value,
    /// Where the older ones of a page are.
    pub older: Option<String>,
}

impl Request {
    fn new(method: Method, path: &[&str]) -> Self {
        Self {
            method,
            path: path.iter().map(|&part| part.to_owned()).collect(),
            query: Vec::new(),
            body: None,
            is_turn: false,
        }
    }

    /// Asks for what stands there.
    #[must_use]
    pub fn get(path: &[&str]) -> Self {
        Self::new(Method::GET, path)
    }

    /// Has something done.
    #[must_use]
    pub fn post(path: &[&str], body: Value) -> Self {
        let mut request = Self::new(Method::POST, path);
        request.body = Some(body);
        request
    }

    /// Changes what stands there.
    #[must_use]
    pub fn patch(path: &[&str], body: Value) -> Self {
        let mut request = Self::new(Method::PATCH, path);
        request.body = Some(body);
        request
    }

    /// Puts something there.
    #[must_use]
    pub fn put(path: &[&str], body: Value) -> Self {
        let mut request = Self::new(Method::PUT, path);
        request.body = Some(body);
        request
    }

    /// Takes away what stands there.
    #[must_use]
    pub fn delete(path: &[&str]) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// With a name and a value in the query.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// Waits for the answer for as long as a model takes.
    #[must_use]
    pub fn turn(mut self) -> Self {
        self.is_turn = true;
        self
    }
}

impl Client {
    /// Sends a request.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn send(&self, request: Request) -> Result<Reply, Error> {
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        let mut call = self.call(request.method, &path);
        for (name, value) in &request.query {
            call = call.query(name, value);
        }
        if let Some(body) = &request.body {
            call = call.body(body);
        }
        if request.is_turn {
            call = call.unlimited();
        }
        let (head, value) = self.answer_with_head(call).await?;
        let older = head.get(OLDER).and_then(|older| older.to_str().ok());
        Ok(Reply {
            value,
            older: older.map(str::to_owned),
        })
    }
}
