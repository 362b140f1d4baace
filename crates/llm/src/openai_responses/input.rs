//! The conversation as items.

mod hosted;
mod openai;
mod xai;

use serde_json::{Value, json};

use super::dialect::{Dialect, Items};
use super::options::Options;
use crate::error::Error;
use crate::json::{Body, present, stringify};
use crate::request::{Object, ProviderOptions, Request, ToolOutput};

/// What items are written from.
pub(super) struct Scene<'a> {
    pub(super) request: &'a Request,
    pub(super) dialect: &'static Dialect,
    pub(super) options: Options<'a>,
    /// Instructions come from the developer.
    pub(super) developer: bool,
}

/// Writes the items of a request.
pub(super) fn write(scene: &Scene<'_>) -> Result<Vec<Value>, Error> {
    match scene.dialect.items {
        Items::OpenAi => openai::write(scene),
        Items::Xai => xai::write(scene),
    }
}

impl Scene<'_> {
    /// What the provider left with a part.
    fn own<'b>(&self, options: &'b ProviderOptions) -> Option<&'b Object> {
        let own = options.get(self.dialect.namespace());
        own.filter(|_| !self.dialect.forgets)
    }

    fn own_text<'b>(&self, options: &'b ProviderOptions, key: &str) -> Option<&'b str> {
        present(self.own(options)?.get(key))?.as_str()
    }
}

/// Something said.
fn message(role: &str, content: impl Into<Value>) -> Body {
    let mut wire = Body::new();
    wire.set("role", role);
    wire.set("content", content);
    wire
}

/// An item of a kind.
fn item(kind: &str) -> Body {
    let mut wire = Body::new();
    wire.set("type", kind);
    wire
}

fn text_part(text: &str) -> Value {
    json!({"type": "input_text", "text": text})
}

/// The summary of a thought.
fn summary(text: &str) -> Vec<Value> {
    if text.is_empty() {
        Vec::new()
    } else {
        vec![json!({"type": "summary_text", "text": text})]
    }
}

/// The words of a result that has no media.
fn result_text(output: &ToolOutput) -> Option<String> {
    match output {
        ToolOutput::Text(text) | ToolOutput::ErrorText(text) => Some(text.clone()),
        ToolOutput::Json(value) | ToolOutput::ErrorJson(value) => Some(stringify(value)),
        ToolOutput::Content(_) => None,
    }
}
