//! The tools that this face has of its own, as clients are told of them. Those of the engine are in
//! [`tool`](crate::tool).

use std::sync::Arc;

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

pub(crate) const PROMPT: &str = "prompt";
pub(crate) const SESSION_LIST: &str = "session_list";
pub(crate) const SESSION_READ: &str = "session_read";

/// Sessions that are listed, usually and at most.
pub(crate) const SESSIONS: (u32, u32) = (50, 200);
/// Messages that are read, usually and at most.
pub(crate) const MESSAGES: (u32, u32) = (20, 200);

pub(crate) fn own() -> Vec<Tool> {
    let session = json!({ "type": "string", "description": "Id of the session, `ses_…`" });
    vec![
        tool(
            PROMPT,
            "Prompt the agent",
            "Gives a prompt to the coding agent and waits for its answer. The agent works in the project by itself: \
             it reads and changes files and runs commands, as the user's permissions allow. Name `sessionID` to go on \
             with a session; without it a new one begins. A text that begins with `/` and the name of a command runs \
             that command.",
            json!({
                "type": "object",
                "properties": {
                    "text": { "type": "string", "minLength": 1, "description": "What the agent is to do" },
                    "sessionID": session,
                    "agent": { "type": "string", "description": "The agent that answers; without it the usual one" },
                    "model": { "type": "string", "description": "The model that answers, as `provider/model`" },
                },
                "required": ["text"],
                "additionalProperties": false,
            }),
            ToolAnnotations::new().read_only(false).destructive(true).open_world(true),
        )
        .with_raw_output_schema(object(json!({
            "type": "object",
            "properties": {
                "sessionID": { "type": "string", "description": "The session, with which one can go on" },
                "messageID": { "type": "string", "description": "The last message of the answer" },
                "cost": { "type": "number", "description": "US dollars that the turn cost" },
                "tokens": {
                    "type": "object",
                    "properties": {
                        "input": { "type": "integer" },
                        "output": { "type": "integer" },
                        "reasoning": { "type": "integer" },
                        "cache": {
                            "type": "object",
                            "properties": { "read": { "type": "integer" }, "write": { "type": "integer" } },
                            "required": ["read", "write"],
                        },
                    },
                    "required": ["input", "output", "reasoning", "cache"],
                },
            },
            "required": ["sessionID", "messageID", "cost", "tokens"],
        }))),
        tool(
            SESSION_LIST,
            "List sessions",
            "Lists the sessions of the project, the last used first.",
            json!({
                "type": "object",
                "properties": { "limit": limit(SESSIONS) },
                "additionalProperties": false,
            }),
            reading(),
        )
        .with_raw_output_schema(object(json!({
            "type": "object",
            "properties": { "sessions": { "type": "array", "items": {
                "type": "object",
                "properties": {
                    "id": { "type": "string" },
                    "title": { "type": "string" },
                    "directory": { "type": "string" },
                    "created": { "type": "integer", "description": "Milliseconds since 1970" },
                    "updated": { "type": "integer", "description": "Milliseconds since 1970" },
                },
                "required": ["id", "title", "directory", "created", "updated"],
            } } },
            "required": ["sessions"],
        }))),
        tool(
            SESSION_READ,
            "Read a session",
            "Reads the newest messages of a session: what was said, and which tools were called.",
            json!({
                "type": "object",
                "properties": {
                    "sessionID": session,
                    "limit": limit(MESSAGES),
                    "before": { "type": "string", "description": "`older` of an earlier answer: reads on from there" },
                },
                "required": ["sessionID"],
                "additionalProperties": false,
            }),
            reading(),
        )
        .with_raw_output_schema(object(json!({
            "type": "object",
            "properties": {
                "sessionID": { "type": "string" },
                "title": { "type": "string" },
                "messages": { "type": "array", "items": {
                    "type": "object",
                    "properties": {
                        "id": { "type": "string" },
                        "role": { "type": "string", "enum": ["user", "assistant"] },
                        "text": { "type": "string" },
                        "tools": { "type": "array", "items": {
                            "type": "object",
                            "properties": {
                                "tool": { "type": "string" },
                                "status": { "type": "string" },
                                "title": { "type": "string" },
                            },
                            "required": ["tool", "status"],
                        } },
                    },
                    "required": ["id", "role", "text", "tools"],
                } },
                "older": { "type": "string", "description": "Where older messages are, if there are any" },
            },
            "required": ["sessionID", "title", "messages"],
        }))),
    ]
}

/// What a tool that changes nothing is told to be.
pub(crate) fn reading() -> ToolAnnotations {
    ToolAnnotations::new().read_only(true).open_world(false)
}

fn limit((usual, most): (u32, u32)) -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": most, "description": format!("At most so many [{usual}]") })
}

fn tool(
    name: &'static str,
    title: &str,
    description: &'static str,
    schema: Value,
    annotations: ToolAnnotations,
) -> Tool {
    Tool::new(name, description, object(schema))
        .with_title(title)
        .with_annotations(annotations)
}

/// A schema, which is an object.
pub(crate) fn object(schema: Value) -> Arc<JsonObject> {
    match schema {
        Value::Object(schema) => Arc::new(schema),
        _ => Arc::default(),
    }
}
