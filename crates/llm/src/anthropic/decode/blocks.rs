//! Content blocks: their start and their end.

use serde_json::Value;

use super::{Decoder, McpCall};
use crate::anthropic::results::{self, caller_metadata, own_metadata};
use crate::json::{stringify, text_at};
use crate::request::Object;
use crate::stream::{ProviderMetadata, StreamPart, ToolCall};

/// A block that is not closed.
#[derive(Debug)]
pub(super) enum Block {
    /// Words, with citations of pages that the provider wants back.
    Text { citations: Vec<Value> },
    /// Thoughts.
    Reasoning,
    /// A call.
    Call(Call),
}

/// A call whose arguments are coming.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: String,
    name: String,
    input: String,
    server: Option<ServerTool>,
    /// Nothing of the arguments has come.
    fresh: bool,
    metadata: ProviderMetadata,
}

/// A tool of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ServerTool {
    /// Its name on the wire.
    wire: &'static str,
    /// Its name on this side: the kinds of code execution are one tool.
    name: &'static str,
    /// Put first into the arguments as `type`, so that the kind is not lost.
    pub(super) kind: Option<&'static str>,
    /// Its arguments, where they never come.
    fixed_input: Option<&'static str>,
}

pub(super) const PROGRAMMATIC: &str = "programmatic-tool-call";

const fn server_tool(name: &'static str) -> ServerTool {
    ServerTool {
        wire: name,
        name,
        kind: None,
        fixed_input: None,
    }
}

/// The provider's tools. Calls of others are read over.
const SERVER_TOOLS: [ServerTool; 8] = [
    server_tool("web_fetch"),
    server_tool("web_search"),
    ServerTool {
        kind: Some(PROGRAMMATIC),
        ..server_tool("code_execution")
    },
    ServerTool {
        wire: "bash_code_execution",
        kind: Some("bash_code_execution"),
        ..server_tool("code_execution")
    },
    ServerTool {
        wire: "text_editor_code_execution",
        kind: Some("text_editor_code_execution"),
        ..server_tool("code_execution")
    },
    server_tool("tool_search_tool_regex"),
    server_tool("tool_search_tool_bm25"),
    ServerTool {
        fixed_input: Some("{}"),
        ..server_tool("advisor")
    },
];

impl ServerTool {
    fn is_search(self) -> bool {
        self.name.starts_with("tool_search_tool")
    }
}

impl Block {
    pub(super) fn text() -> Self {
        Self::Text {
            citations: Vec::new(),
        }
    }

    /// The part that opens this block.
    pub(super) fn start(&self, index: u64, metadata: ProviderMetadata) -> StreamPart {
        match self {
            Self::Text { .. } => StreamPart::TextStart {
                id: index.to_string(),
                metadata,
            },
            Self::Reasoning => StreamPart::ReasoningStart {
                id: index.to_string(),
                metadata,
            },
            Self::Call(call) => StreamPart::ToolInputStart {
                id: call.id.clone(),
                name: call.name.clone(),
                provider_executed: call.server.is_some(),
            },
        }
    }
}

impl Call {
    /// Takes a piece of the arguments; gives back what is shown of it.
    pub(super) fn take(&mut self, delta: &str) -> String {
        let kind = self.server.and_then(|server| server.kind).filter(|_| self.fresh);
        let delta = match (kind, delta.strip_prefix('{')) {
            (Some(kind), Some(rest)) => format!("{}{rest}", opening(kind)),
            _ => delta.to_owned(),
        };
        self.fresh = false;
        self.input.push_str(&delta);
        delta
    }

    /// The same with arguments that came whole.
    pub(super) fn with_input(self, input: String) -> Self {
        Self { input, ..self }
    }

    pub(super) fn finish(self) -> ToolCall {
        let mut input = if self.input.is_empty() {
            "{}".to_owned()
        } else {
            self.input
        };
        if let Some(server) = self.server {
            input = finished_input(server, input);
        }
        ToolCall {
            id: self.id,
            name: self.name,
            input,
            provider_executed: self.server.is_some(),
            metadata: self.metadata,
        }
    }
}

fn opening(kind: &str) -> String {
    format!("{{\"type\": \"{kind}\",")
}

/// Arguments of a provider's tool as they are kept.
fn finished_input(server: ServerTool, input: String) -> String {
    let Some(kind) = server.kind else { return input };
    // The kind was put before arguments that turned out to be empty.
    let opening = opening(kind);
    if let Some(rest) = input.strip_prefix(&opening)
        && rest.trim() == "}"
    {
        return format!("{}}}", opening.trim_end_matches(','));
    }
    if kind != PROGRAMMATIC {
        return input;
    }
    match serde_json::from_str(&input) {
        Ok(Value::Object(fields)) if is_programmatic(&fields) => {
            stringify(&Value::Object(with_programmatic_kind(fields)))
        }
        _ => input,
    }
}

fn is_programmatic(fields: &Object) -> bool {
    fields.contains_key("code") && !fields.contains_key("type")
}

/// Code that calls tools is marked as such.
pub(super) fn with_programmatic_kind(fields: Object) -> Object {
    if is_programmatic(&fields) {
        with_kind(PROGRAMMATIC, fields)
    } else {
        fields
    }
}

/// The arguments with their kind first.
pub(super) fn with_kind(kind: &str, fields: Object) -> Object {
    let mut all = Object::from_iter([("type".to_owned(), Value::from(kind))]);
    all.extend(fields);
    all
}

/// A call that came whole at the head of an answer.
pub(super) fn ready_call(block: &Value, parts: &mut Vec<StreamPart>) {
    let call = call_of(block, None);
    let input = block.get("input").map_or_else(|| "{}".to_owned(), stringify);
    parts.push(Block::Call(call_of(block, None)).start(0, ProviderMetadata::new()));
    parts.push(StreamPart::ToolInputDelta {
        id: call.id.clone(),
        delta: input.clone(),
    });
    parts.push(StreamPart::ToolInputEnd { id: call.id.clone() });
    parts.push(StreamPart::ToolCall(call.with_input(input).finish()));
}

pub(super) fn call_of(block: &Value, server: Option<ServerTool>) -> Call {
    let name = server.map_or_else(
        || text_at(block, "name").unwrap_or_default(),
        |server| server.name,
    );
    let input = match server.and_then(|server| server.fixed_input) {
        Some(fixed) => fixed.to_owned(),
        None if server.is_some_and(ServerTool::is_search) => String::new(),
        None => initial_input(block),
    };
    Call {
        id: text_at(block, "id").unwrap_or_default().to_owned(),
        name: name.to_owned(),
        fresh: input.is_empty(),
        input,
        server,
        metadata: caller_metadata(block),
    }
}

/// Arguments that came with the start of a block; an empty object is none, as deltas follow.
fn initial_input(block: &Value) -> String {
    match block.get("input") {
        Some(Value::Object(fields)) if !fields.is_empty() => stringify(&Value::Object(fields.clone())),
        _ => String::new(),
    }
}

impl Decoder {
    pub(super) fn block_start(&mut self, index: u64, content: &Value, parts: &mut Vec<StreamPart>) {
        let kind = text_at(content, "type").unwrap_or_default();
        if kind == "fallback" {
            return;
        }
        self.thinking = kind == "thinking";
        let (block, metadata) = match kind {
            "text" if self.json_tool => return,
            "text" => (Block::text(), ProviderMetadata::new()),
            "compaction" => (Block::text(), own_metadata([("type", Value::from("compaction"))])),
            "thinking" => (Block::Reasoning, ProviderMetadata::new()),
            "redacted_thinking" => {
                let data = content.get("data").cloned().unwrap_or(Value::Null);
                (Block::Reasoning, own_metadata([("redactedData", data)]))
            }
            "tool_use" if self.is_json_tool(content) => {
                self.report.json_tool_answered = true;
                (Block::text(), ProviderMetadata::new())
            }
            "tool_use" => (Block::Call(call_of(content, None)), ProviderMetadata::new()),
            "server_tool_use" => {
                let Some(server) = self.server_tool(content) else {
                    return;
                };
                (
                    Block::Call(call_of(content, Some(server))),
                    ProviderMetadata::new(),
                )
            }
            "mcp_tool_use" => {
                parts.extend(self.mcp_call(content));
                return;
            }
            _ => {
                parts.extend(results::parts(
                    kind,
                    content,
                    &mut self.known,
                    &mut self.documents,
                ));
                return;
            }
        };
        parts.push(block.start(index, metadata));
        self.blocks.insert(index, block);
        self.initial_words(index, kind, content, parts);
    }

    /// Words that came with the start of a block. The provider itself sends none, others do.
    fn initial_words(&self, index: u64, kind: &str, content: &Value, parts: &mut Vec<StreamPart>) {
        let Some(words) = text_at(content, kind).filter(|words| !words.is_empty()) else {
            return;
        };
        let (id, delta, metadata) = (index.to_string(), words.to_owned(), ProviderMetadata::new());
        match kind {
            "text" => parts.push(StreamPart::TextDelta { id, delta, metadata }),
            "thinking" => parts.push(StreamPart::ReasoningDelta { id, delta, metadata }),
            _ => {}
        }
    }

    pub(super) fn block_stop(&mut self, index: u64, parts: &mut Vec<StreamPart>) {
        self.thinking = false;
        match self.blocks.remove(&index) {
            Some(Block::Text { citations }) => {
                let metadata = if citations.is_empty() {
                    ProviderMetadata::new()
                } else {
                    own_metadata([("citations", Value::Array(citations))])
                };
                parts.push(StreamPart::TextEnd {
                    id: index.to_string(),
                    metadata,
                });
            }
            Some(Block::Reasoning) => {
                parts.push(StreamPart::ReasoningEnd {
                    id: index.to_string(),
                    metadata: ProviderMetadata::new(),
                });
            }
            Some(Block::Call(call)) => {
                self.held = self.held.saturating_sub(call.input.len());
                parts.push(StreamPart::ToolInputEnd { id: call.id.clone() });
                parts.push(StreamPart::ToolCall(call.finish()));
            }
            None => {}
        }
    }

    pub(super) fn is_json_tool(&self, content: &Value) -> bool {
        self.json_tool && text_at(content, "name") == Some("json")
    }

    pub(super) fn server_tool(&mut self, content: &Value) -> Option<ServerTool> {
        let name = text_at(content, "name")?;
        let Some(server) = SERVER_TOOLS.iter().find(|tool| tool.wire == name) else {
            tracing::debug!(name, "call of an unknown tool of the provider is read over");
            return None;
        };
        if server.is_search()
            && let Some(id) = text_at(content, "id")
        {
            self.known.tool_searches.insert(id.to_owned(), name.to_owned());
        }
        Some(*server)
    }

    pub(super) fn mcp_call(&mut self, content: &Value) -> Option<StreamPart> {
        let id = text_at(content, "id")?.to_owned();
        let name = text_at(content, "name")?.to_owned();
        let server = content.get("server_name").cloned().unwrap_or(Value::Null);
        let metadata = own_metadata([("type", Value::from("mcp-tool-use")), ("serverName", server)]);
        self.known.mcp_calls.insert(
            id.clone(),
            McpCall {
                name: name.clone(),
                metadata: metadata.clone(),
            },
        );
        let input = content.get("input").map_or_else(|| "{}".to_owned(), stringify);
        Some(StreamPart::ToolCall(ToolCall {
            id,
            name,
            input,
            provider_executed: true,
            metadata,
        }))
    }
}
