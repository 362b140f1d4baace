//! A model that answers by a script and keeps every request.

use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore, watch};

use crate::wire;

/// One answer of the model.
#[derive(Debug, Clone, Default)]
pub struct Step {
    pub(crate) text: Option<String>,
    pub(crate) reasoning: Option<String>,
    pub(crate) tools: Vec<Value>,
    pub(crate) usage: Option<Value>,
    pub(crate) finish: Option<String>,
    pub(crate) error: Option<Refusal>,
    pub(crate) raw: Option<String>,
    pub(crate) cut: bool,
    pub(crate) hold: Option<Gate>,
    pub(crate) in_task: bool,
}

/// An error answer.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    status: u16,
    body: Value,
    headers: Vec<(String, String)>,
}

/// Keeps an answer from going on until it is opened.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    /// Lets one answer go on.
    pub fn open(&self) {
        self.0.add_permits(1);
    }

    async fn pass(&self) {
        self.0.acquire().await.expect("the gate is never closed").forget();
    }
}

impl Step {
    /// Words.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self {
            text: Some(text.to_owned()),
            ..Self::default()
        }
    }

    /// A tool call.
    #[must_use]
    pub fn tool(name: &str, arguments: impl Into<Value>) -> Self {
        Self::default().and_tool(name, arguments)
    }

    /// One more tool call.
    #[must_use]
    pub fn and_tool(mut self, name: &str, arguments: impl Into<Value>) -> Self {
        let id = format!("call_{}_{}", name, self.tools.len());
        self.tools
            .push(json!({ "id": id, "name": name, "arguments": arguments.into() }));
        self
    }

    /// Thoughts before the words.
    #[must_use]
    pub fn thinking(mut self, text: &str) -> Self {
        self.reasoning = Some(text.to_owned());
        self
    }

    /// Tokens: `{"input": …, "output": …, "cached": …, "reasoning": …}`.
    #[must_use]
    pub fn usage(mut self, usage: Value) -> Self {
        self.usage = Some(usage);
        self
    }

    /// Why the answer ends, in the words of OpenAI chat.
    #[must_use]
    pub fn finish(mut self, reason: &str) -> Self {
        self.finish = Some(reason.to_owned());
        self
    }

    /// An error answer.
    #[must_use]
    pub fn error(status: u16, body: Value) -> Self {
        Self {
            error: Some(Refusal {
                status,
                body,
                headers: Vec::new(),
            }),
            ..Self::default()
        }
    }

    /// A header of an error answer.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Some(refusal) = &mut self.error {
            refusal.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Exactly these bytes as the body of an event stream.
    #[must_use]
    pub fn raw(body: &str) -> Self {
        Self {
            raw: Some(body.to_owned()),
            ..Self::default()
        }
    }

    /// The answer ends after the first words.
    #[must_use]
    pub fn cut(mut self) -> Self {
        self.cut = true;
        self
    }

    /// Only for the session of a task; the steps without this are then for the others.
    #[must_use]
    pub fn in_task(mut self) -> Self {
        self.in_task = true;
        self
    }

    /// After the first words nothing comes until the gate is opened.
    #[must_use]
    pub fn held(mut self) -> (Self, Gate) {
        let gate = Gate(Arc::new(Semaphore::new(0)));
        self.hold = Some(gate.clone());
        (self, gate)
    }
}

/// A request that the model got.
#[derive(Debug, Clone)]
pub struct Received {
    /// Path of the address.
    pub path: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Value,
    /// Whether it asked for a title.
    pub is_title: bool,
}

impl Received {
    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The messages without the system prompt.
    #[must_use]
    pub fn conversation(&self) -> Vec<Value> {
        let messages = self.body["messages"].as_array().cloned().unwrap_or_default();
        messages
            .into_iter()
            .filter(|message| message["role"] != "system")
            .collect()
    }

    /// The system prompt.
    #[must_use]
    pub fn system(&self) -> String {
        let of_chat = self.body["messages"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|message| message["role"] == "system");
        let content = of_chat.map_or(&self.body["system"], |message| &message["content"]);
        match content {
            Value::String(text) => text.clone(),
            other => other
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|part| part["text"].as_str())
                .collect(),
        }
    }

    /// Names of the tools, in order.
    #[must_use]
    pub fn tools(&self) -> Vec<String> {
        let tools = self.body["tools"].as_array().cloned().unwrap_or_default();
        let name = |tool: &Value| {
            tool["function"]["name"]
                .as_str()
                .or(tool["name"].as_str())
                .map(str::to_owned)
        };
        tools.iter().filter_map(name).collect()
    }
}

#[derive(Default)]
struct Script {
    steps: Vec<Step>,
    received: Vec<Received>,
}

impl Script {
    /// The first step that is meant for such a session.
    fn next(&mut self, in_task: bool) -> Step {
        let marked = self.steps.iter().position(|step| step.in_task);
        let place = match marked.filter(|_| in_task) {
            Some(marked) => Some(marked),
            None => self.steps.iter().position(|step| !step.in_task),
        };
        place.map_or_else(|| Step::text("done"), |place| self.steps.remove(place))
    }
}

/// A model that answers by a script and keeps every request. It lives as long as the value.
pub struct ScriptedModel {
    address: std::net::SocketAddr,
    shared: Arc<Shared>,
    stop: Arc<Notify>,
}

struct Shared {
    script: Mutex<Script>,
    count: watch::Sender<usize>,
}

impl ScriptedModel {
    /// Starts a model that answers each request with the next step, and with the word `done` when there is
    /// none left. Requests for a title are answered with «A scripted title».
    pub async fn start(steps: impl IntoIterator<Item = Step>) -> Self {
        let script = Script {
            steps: steps.into_iter().collect(),
            received: Vec::new(),
        };
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            count: watch::Sender::new(0),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        let routes = Router::new()
            .route("/v1/chat/completions", post(answer))
            .route("/v1/messages", post(answer))
            .route("/v1/responses", post(answer))
            .with_state(Arc::clone(&shared));
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        tokio::spawn(async move {
            let served =
                axum::serve(listener, routes).with_graceful_shutdown(async move { stopped.notified().await });
            served.await.expect("the server runs");
        });
        Self {
            address,
            shared,
            stop,
        }
    }

    /// The base address for OpenAI's protocol and for Anthropic's.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Every request so far that asked for an answer.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.all_requests()
            .into_iter()
            .filter(|request| !request.is_title)
            .collect()
    }

    /// Every request so far, those for titles too.
    #[must_use]
    pub fn all_requests(&self) -> Vec<Received> {
        self.shared.script.lock().unwrap().received.clone()
    }

    /// Waits until the model has got so many requests that asked for an answer.
    pub async fn wait_for_requests(&self, count: usize) {
        let mut seen = self.shared.count.subscribe();
        tokio::time::timeout(crate::LIMIT, seen.wait_for(|seen| *seen >= count))
            .await
            .unwrap_or_else(|_| panic!("the model is not asked {count} times"))
            .expect("the model lives");
    }

    /// How often the model was asked for an answer.
    #[must_use]
    pub fn asked(&self) -> usize {
        *self.shared.count.borrow()
    }

    /// Forgets the requests so far, for tests that make very many; [`ScriptedModel::asked`] goes on.
    pub fn forget_requests(&self) {
        self.shared.script.lock().unwrap().received.clear();
    }

    /// From now on these are the steps.
    pub fn now_answers(&self, steps: impl IntoIterator<Item = Step>) {
        self.shared.script.lock().unwrap().steps = steps.into_iter().collect();
    }
}

impl Drop for ScriptedModel {
    fn drop(&mut self) {
        self.stop.notify_one();
    }
}

fn is_title(body: &Value) -> bool {
    let head = format!("{}{}{}", body["system"], body["messages"], body["input"]).to_lowercase();
    body.get("tools").is_none() && head.contains("title") && head.contains("generat")
}

async fn answer(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return (StatusCode::BAD_REQUEST, "the body is no JSON").into_response();
    };
    let is_title = is_title(&body);
    let step = {
        let mut script = shared.script.lock().unwrap();
        let pairs = headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("").to_owned()));
        script.received.push(Received {
            path: uri.path().to_owned(),
            headers: pairs.collect(),
            body,
            is_title,
        });
        if is_title {
            Step::text("A scripted title")
        } else {
            script.next(headers.contains_key("x-parent-session-id"))
        }
    };
    if !is_title {
        shared.count.send_modify(|count| *count += 1);
    }
    if let Some(Refusal {
        status,
        body,
        headers,
    }) = &step.error
    {
        let mut response = (StatusCode::from_u16(*status).expect("a status"), Json(body)).into_response();
        for (name, value) in headers {
            let name: axum::http::HeaderName = name.parse().expect("a header");
            response
                .headers_mut()
                .insert(name, value.parse().expect("a header value"));
        }
        return response;
    }
    let events = match &step.raw {
        Some(raw) => wire::Events {
            before: raw.clone(),
            after: String::new(),
        },
        None if uri.path().ends_with("/messages") => wire::anthropic(&step),
        None => wire::chat(&step),
    };
    stream(step, events)
}

/// The events as a stream: what comes before the gate, then what comes after it.
fn stream(step: Step, events: wire::Events) -> Response {
    let wire::Events { before, after } = events;
    let chunks = futures_util::stream::unfold(0, move |at| {
        let (before, after, step) = (before.clone(), after.clone(), step.clone());
        async move {
            match at {
                0 => Some((Ok::<_, std::io::Error>(Bytes::from(before)), 1)),
                1 if step.cut => None,
                1 => {
                    if let Some(gate) = &step.hold {
                        gate.pass().await;
                    }
                    Some((Ok(Bytes::from(after)), 2))
                }
                _ => None,
            }
        }
    });
    ([("content-type", "text/event-stream")], Body::from_stream(chunks)).into_response()
}
