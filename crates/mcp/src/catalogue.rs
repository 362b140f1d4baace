//! What servers have: tools, prompts, resources; read from what they say, as far as it makes sense.

use std::sync::Arc;

use opencode_schema::Object;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Characters that tell definitions apart.
const MARK: usize = 8;

/// A tool of a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name there.
    pub name: String,
    /// What it does.
    #[serde(default)]
    pub description: String,
    /// JSON Schema of its arguments.
    pub input: Object,
    /// JSON Schema of `structuredContent` in its results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Object>,
    /// It can only be run as a task, which we cannot.
    #[serde(default)]
    pub needs_task: bool,
}

/// A prompt of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Whose it is.
    pub server: String,
    /// Its name there.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Names of its arguments, in order.
    pub arguments: Vec<String>,
}

/// A resource of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Whose it is.
    pub server: String,
    /// Its name.
    pub name: String,
    /// Its address; of a template, the pattern of addresses.
    pub uri: String,
    /// What it is.
    pub description: Option<String>,
    /// Its media type.
    pub mime: Option<String>,
}

/// A piece of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its address.
    pub uri: String,
    /// Its media type.
    pub mime: Option<String>,
    /// What it holds.
    pub body: Body,
}

/// What a piece of a resource holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Words.
    Text(String),
    /// Bytes, in Base64.
    Blob(String),
}

/// What a connected server has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Offer {
    /// Its tools, in its order.
    pub tools: Arc<[Tool]>,
    /// What a model should know of it.
    pub instructions: Option<String>,
    /// Whether it has resources.
    pub has_resources: bool,
    /// Whether it has prompts.
    pub has_prompts: bool,
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

impl Tool {
    /// As a server says it; none when that is no tool.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let object = |key: &str| value.get(key).and_then(Value::as_object).cloned();
        Some(Self {
            name: text(value, "name").filter(|name| !name.is_empty())?,
            description: text(value, "description").unwrap_or_default(),
            input: object("inputSchema").unwrap_or_default(),
            output: object("outputSchema"),
            needs_task: crate::wire::needs_task(value),
        })
    }

    /// Characters of what models are told of the tool, about.
    #[must_use]
    pub fn size(&self) -> usize {
        // An object can always be written.
        let input = serde_json::to_string(&self.input).unwrap_or_default();
        self.description.len() + input.len()
    }

    /// A short text that is another one when what models are told of the tool is.
    #[must_use]
    pub fn mark(&self) -> String {
        let told = json!([self.name, self.description, self.input]).to_string();
        let mut mark = hex::encode(Sha256::digest(told));
        mark.truncate(MARK);
        mark
    }
}

impl Prompt {
    pub(crate) fn read(server: &str, value: &Value) -> Option<Self> {
        let arguments = value.get("arguments").and_then(Value::as_array);
        Some(Self {
            server: server.to_owned(),
            name: text(value, "name").filter(|name| !name.is_empty())?,
            description: text(value, "description"),
            arguments: arguments
                .into_iter()
                .flatten()
                .filter_map(|argument| text(argument, "name"))
                .collect(),
        })
    }
}

impl Resource {
    /// As a server says it; `key` is where its address stands.
    pub(crate) fn read(server: &str, key: &str, value: &Value) -> Option<Self> {
        let uri = text(value, key).filter(|uri| !uri.is_empty())?;
        Some(Self {
            server: server.to_owned(),
            name: text(value, "name").unwrap_or_else(|| uri.clone()),
            uri,
            description: text(value, "description"),
            mime: text(value, "mimeType"),
        })
    }
}

impl Content {
    /// A piece of `contents`, or the `resource` of a result.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        let body = match (text(value, "text"), text(value, "blob")) {
            (Some(text), _) => Body::Text(text),
            (None, Some(blob)) => Body::Blob(blob),
            (None, None) => return None,
        };
        Some(Self {
            uri: text(value, "uri").unwrap_or_default(),
            mime: text(value, "mimeType"),
            body,
        })
    }
}

/// The text of the messages of a prompt (reference `integrations.md` §A11): what is no text is left out.
pub(crate) fn prompt_text(result: &Value) -> String {
    let messages = result.get("messages").and_then(Value::as_array);
    let texts = messages.into_iter().flatten().filter_map(|message| {
        let content = message.get("content")?;
        match content.get("type").and_then(Value::as_str) {
            Some("text") | None => content.get("text").and_then(Value::as_str),
            _ => None,
        }
    });
    texts.collect::<Vec<_>>().join("\n")
}
