//! Tools of MCP servers, as models know them (reference `integrations.md` §A5–A9).
//!
//! [`Toolbox`] makes them of what the servers of a place have, and keeps them as long as that stays the same. The
//! work is done by the servers; here are names, definitions, permissions and what becomes of results.

mod answers;
mod content;
pub mod deferred;
pub mod dispatch;
mod resources;
pub mod search;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opencode_mcp::{Error, Offered, Servers, name};
use opencode_permission::rules;
use opencode_schema::Object;
use opencode_schema::permission::Rule;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::contract::{Ask, Call, Definition, Failure, Output, Scope, Tool};
use crate::durable;

pub use content::{Described, described};
pub use deferred::Deferred;
pub use resources::{LIST, READ, TEMPLATES};

/// Reports of progress that may wait to be shown.
const REPORTS: usize = 16;

/// The tools of the servers of a place.
pub struct Toolbox {
    servers: Servers,
    made: Mutex<Option<Made>>,
}

/// What was made of an offer.
struct Made {
    offered: Arc<[Offered]>,
    tools: Vec<Arc<ServerTool>>,
    /// Places of tools by their names.
    places: HashMap<String, usize>,
    all: Arc<[Arc<dyn Tool>]>,
    durable: Arc<[Arc<dyn Tool>]>,
}

impl Toolbox {
    /// Of these servers.
    #[must_use]
    pub fn new(servers: Servers) -> Self {
        Self {
            servers,
            made: Mutex::default(),
        }
    }

    /// The tools that there are now, in the order of their servers; of durable sessions, or of the others. Their
    /// names are none of `taken`. One that is as it was is the very same.
    #[must_use]
    pub fn tools<'a>(&self, is_durable: bool, taken: impl Iterator<Item = &'a str>) -> Arc<[Arc<dyn Tool>]> {
        let offered = self.servers.offered();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let known = made.take_if(|made| !Arc::ptr_eq(&made.offered, &offered));
        let made = made.get_or_insert_with(|| self.make(offered, known, taken.map(str::to_owned).collect()));
        Arc::clone(if is_durable { &made.durable } else { &made.all })
    }

    /// What models are told of the servers, by name, in the words of the servers: of those that have at least one
    /// tool that these rules do not hide, or none at all (reference §A10).
    #[must_use]
    pub fn instructions(&self, rules: &[&[Rule]]) -> Option<String> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let made = made.as_ref()?;
        let mut told: Vec<(&str, &str)> = made
            .offered
            .iter()
            .filter_map(|one| Some((one.server.as_str(), one.offer.instructions.as_deref()?)))
            .filter(|(server, text)| {
                let mut own = made.tools.iter().filter(|tool| tool.server == *server).peekable();
                let is_shown = own.peek().is_none() || own.any(|tool| !rules::hides(&tool.name, rules));
                is_shown && !text.trim().is_empty()
            })
            .collect();
        told.sort_unstable();
        let blocks: Vec<String> = told
            .into_iter()
            .map(|(server, text)| block(server, text))
            .collect();
        (!blocks.is_empty())
            .then(|| format!("<mcp_instructions>\n{}\n</mcp_instructions>", blocks.join("\n")))
    }

    /// The tool of a server behind each of these, if there is one.
    fn origins(&self, tools: &[&Arc<dyn Tool>]) -> Vec<Option<Arc<ServerTool>>> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let find = |tool: &&Arc<dyn Tool>| {
            let made = made.as_ref()?;
            made.tools.get(*made.places.get(tool.name())?).cloned()
        };
        tools.iter().map(find).collect()
    }

    fn make(&self, offered: Arc<[Offered]>, known: Option<Made>, mut taken: HashSet<String>) -> Made {
        let mut tools = Vec::new();
        let (known, mut durable_known) = match known {
            Some(made) => (made.tools, made.durable.to_vec()),
            None => (Vec::new(), Vec::new()),
        };
        for one in offered.iter() {
            for tool in one.offer.tools.iter() {
                let name = name::unique(&one.server, &tool.name, &mut taken);
                let same = known
                    .iter()
                    .find(|known| known.name == name && known.is(&one.server, tool));
                tools.push(same.cloned().unwrap_or_else(|| {
                    durable_known.retain(|known| known.name() != name);
                    Arc::new(ServerTool {
                        size: name.len() + tool.size(),
                        name,
                        server: one.server.clone(),
                        tool: tool.clone(),
                        servers: self.servers.clone(),
                    })
                }));
            }
        }
        let mut all: Vec<Arc<dyn Tool>> = tools
            .iter()
            .map(|tool| Arc::clone(tool) as Arc<dyn Tool>)
            .collect();
        if offered.iter().any(|one| one.offer.has_resources) {
            all.extend(resources::tools(&self.servers));
        }
        let durable = all.iter().map(|tool| {
            let known = durable_known.iter().find(|known| known.name() == tool.name());
            known.map_or_else(|| durable::of_server(Arc::clone(tool)), Arc::clone)
        });
        let places = tools.iter().enumerate();
        let places = places.map(|(at, tool)| (tool.name.clone(), at)).collect();
        Made {
            durable: durable.collect(),
            all: all.into(),
            tools,
            places,
            offered,
        }
    }
}

/// What a server says of itself.
fn block(server: &str, text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("    {line}")).collect();
    format!("  <server name=\"{server}\">\n{}\n  </server>", lines.join("\n"))
}

/// A tool of a server.
struct ServerTool {
    /// The name that models know.
    name: String,
    server: String,
    tool: opencode_mcp::Tool,
    /// Characters of its definition, about.
    size: usize,
    servers: Servers,
}

impl ServerTool {
    fn is(&self, server: &str, tool: &opencode_mcp::Tool) -> bool {
        self.server == server && self.tool == *tool
    }

    async fn call(&self, call: &Call, input: Value) -> Result<Value, Failure> {
        let (reporter, mut reports) = mpsc::channel(REPORTS);
        // What is asked because of the call ends with it.
        let (mut asker, end) = (call.clone(), call.cancel.child_token());
        asker.cancel = end.clone();
        let _end = end.drop_guard();
        let answerer = Arc::new(answers::Answers::about(asker));
        let (server, tool) = (&self.server, &self.tool.name);
        let calling = self
            .servers
            .call(server, tool, input, &call.cancel, Some(reporter), Some(answerer));
        tokio::pin!(calling);
        loop {
            tokio::select! {
                result = &mut calling => return result.map_err(failure),
                Some(report) = reports.recv() => {
                    let shown = json!({ "progress": report.progress, "total": report.total });
                    let metadata = Object::from_iter([("progress".to_owned(), shown)]);
                    call.host.progress(call, report.message, metadata);
                }
            }
        }
    }
}

impl Tool for ServerTool {
    fn name(&self) -> &str {
        &self.name
    }

    fn definition(&self, _: &Scope) -> Definition {
        // Reference §A6.
        let mut parameters = self.tool.input.clone();
        parameters.insert("type".to_owned(), "object".into());
        if !parameters.get("properties").is_some_and(Value::is_object) {
            parameters.insert("properties".to_owned(), json!({}));
        }
        parameters.insert("additionalProperties".to_owned(), false.into());
        Definition {
            description: self.tool.description.clone(),
            parameters: Value::Object(parameters),
        }
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        async move {
            if !input.is_object() {
                return Err(Failure::told(format!(
                    "The arguments of {} are no JSON object.",
                    self.name
                )));
            }
            call.ask(Ask {
                permission: self.name.clone(),
                patterns: vec!["*".to_owned()],
                always: vec!["*".to_owned()],
                metadata: Object::new(),
            })
            .await?;
            if self.tool.needs_task {
                return Err(Failure::told(format!(
                    "{} can only be run as a task of its server, which is not possible here.",
                    self.name
                )));
            }
            let result = self.call(call, input).await?;
            content::of_result(&self.tool, &result)
        }
        .boxed()
    }
}

/// What a model is told when a server did not do what it was asked.
fn failure(error: Error) -> Failure {
    match error {
        Error::Cancelled => Failure::Aborted,
        error => Failure::Told(error.to_string()),
    }
}
