//! Calls: those that come whole, those whose arguments come in pieces, and those that the provider runs.

use serde_json::{Value, json};

use super::arguments::Arguments;
use super::wire::{FunctionCall, Part, ServerCall, ServerResponse};
use super::{Decoder, id};
use crate::json::{Body, Text, stringify, text_at};
use crate::stream::{ProviderMetadata, StreamPart, ToolCall};

/// The tool under which the provider runs code.
const CODE: &str = "code_execution";

/// A call whose arguments are coming.
#[derive(Debug)]
pub(super) struct OpenCall {
    id: String,
    name: String,
    arguments: Arguments,
    metadata: ProviderMetadata,
}

impl OpenCall {
    pub(super) fn held(&self) -> usize {
        self.arguments.held()
    }
}

impl Decoder {
    /// Takes a call of a tool, or a piece of one.
    pub(super) fn function_call(
        &mut self,
        call: FunctionCall<'_>,
        metadata: ProviderMetadata,
        parts: &mut Vec<StreamPart>,
    ) {
        let goes_on = call.will_continue == Some(true);
        if let Some(name) = call.name {
            // The provider sometimes forgets to close the call before.
            self.close_call(parts);
            if !goes_on && call.partial_args.is_none() {
                let input = match call.args {
                    None => None,
                    Some(Value::String(text)) => Some(text),
                    Some(args) => Some(stringify(&args)),
                };
                self.whole_call(name.into_string(), input, metadata, parts);
                return;
            }
            let mut open = OpenCall {
                id: id(),
                name: name.into_string(),
                arguments: Arguments::default(),
                metadata,
            };
            parts.push(StreamPart::ToolInputStart {
                id: open.id.clone(),
                name: open.name.clone(),
                provider_executed: false,
            });
            let delta = open.arguments.take(&call.partial_args.unwrap_or_default());
            push_delta(&open.id, delta, parts);
            self.call = Some(open);
            if !goes_on {
                self.close_call(parts);
            }
            return;
        }
        if let Some(pieces) = call.partial_args {
            if let Some(open) = &mut self.call {
                let delta = open.arguments.take(&pieces);
                push_delta(&open.id, delta, parts);
            }
        } else if call.args.is_none() && call.will_continue.is_none() {
            self.close_call(parts);
        }
    }

    fn whole_call(
        &mut self,
        name: String,
        input: Option<String>,
        metadata: ProviderMetadata,
        parts: &mut Vec<StreamPart>,
    ) {
        let id = id();
        parts.push(StreamPart::ToolInputStart {
            id: id.clone(),
            name: name.clone(),
            provider_executed: false,
        });
        if let Some(input) = &input {
            push_delta(&id, input.clone(), parts);
        }
        parts.push(StreamPart::ToolInputEnd { id: id.clone() });
        self.called = true;
        let input = input
            .filter(|input| !input.is_empty())
            .unwrap_or_else(|| "{}".to_owned());
        parts.push(StreamPart::ToolCall(ToolCall {
            id,
            name,
            input,
            provider_executed: false,
            metadata,
        }));
    }

    /// Closes the call whose arguments were coming.
    pub(super) fn close_call(&mut self, parts: &mut Vec<StreamPart>) {
        let Some(open) = self.call.take() else { return };
        let (input, rest) = open.arguments.finish();
        push_delta(&open.id, rest, parts);
        parts.push(StreamPart::ToolInputEnd { id: open.id.clone() });
        self.called = true;
        parts.push(StreamPart::ToolCall(ToolCall {
            id: open.id,
            name: open.name,
            input,
            provider_executed: false,
            metadata: open.metadata,
        }));
    }

    /// Code that the provider runs, and what came of it. Gives back whether the part was one of them.
    pub(super) fn code(&mut self, part: &Part<'_>, parts: &mut Vec<StreamPart>) -> bool {
        if let Some(code) = &part.executable_code
            && text_at(code, "code").is_some_and(|code| !code.is_empty())
        {
            let id = id();
            self.code_call = Some(id.clone());
            parts.push(StreamPart::ToolCall(ToolCall {
                id,
                name: CODE.to_owned(),
                input: stringify(code),
                provider_executed: true,
                metadata: ProviderMetadata::new(),
            }));
            return true;
        }
        let Some(result) = &part.code_execution_result else {
            return false;
        };
        // It follows its call.
        if let Some(id) = self.code_call.take() {
            parts.push(StreamPart::ToolResult {
                id,
                name: CODE.to_owned(),
                output: json!({
                    "outcome": result.get("outcome"),
                    "output": text_at(result, "output").unwrap_or_default(),
                }),
                is_error: false,
                metadata: ProviderMetadata::new(),
            });
        }
        true
    }

    /// A call of a tool that the provider runs itself.
    pub(super) fn server_call(
        &mut self,
        call: ServerCall,
        signature: Option<&Text<'_>>,
        parts: &mut Vec<StreamPart>,
    ) {
        let id = call.id.unwrap_or_else(id);
        self.server_call = Some(id.clone());
        parts.push(StreamPart::ToolCall(ToolCall {
            name: format!("server:{}", call.tool_type),
            input: call.args.as_ref().map_or_else(|| "{}".to_owned(), stringify),
            provider_executed: true,
            metadata: self.server_metadata(&id, &call.tool_type, signature),
            id,
        }));
    }

    /// What came of it.
    pub(super) fn server_response(
        &mut self,
        response: ServerResponse,
        signature: Option<&Text<'_>>,
        parts: &mut Vec<StreamPart>,
    ) {
        let id = self.server_call.take().or(response.id).unwrap_or_else(id);
        parts.push(StreamPart::ToolResult {
            name: format!("server:{}", response.tool_type),
            output: response.response.unwrap_or_else(|| json!({})),
            is_error: false,
            metadata: self.server_metadata(&id, &response.tool_type, signature),
            id,
        });
    }

    fn server_metadata(&self, id: &str, kind: &str, signature: Option<&Text<'_>>) -> ProviderMetadata {
        let mut facts = Body::new();
        facts.put(
            "thoughtSignature",
            signature.map(|signature| Value::from(signature.as_str())),
        );
        facts.set("serverToolCallId", id);
        facts.set("serverToolType", kind);
        self.metadata(facts)
    }
}

fn push_delta(id: &str, delta: String, parts: &mut Vec<StreamPart>) {
    if !delta.is_empty() {
        parts.push(StreamPart::ToolInputDelta {
            id: id.to_owned(),
            delta,
        });
    }
}
