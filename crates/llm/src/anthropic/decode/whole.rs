//! An answer that came whole.

use serde_json::Value;

use super::blocks::{PROGRAMMATIC, call_of, with_kind, with_programmatic_kind};
use super::{Decoder, is_web_citation};
use crate::anthropic::results::{self, own_metadata};
use crate::json::{present, stringify, text_at};
use crate::protocol::Fault;
use crate::stream::{ProviderMetadata, StreamPart};

impl Decoder {
    /// Reads an answer that came whole.
    ///
    /// # Errors
    ///
    /// When it is no answer of this protocol.
    pub fn whole(&mut self, body: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        let message: Value = serde_json::from_str(body).map_err(|error| Fault::unreadable(&error))?;
        self.bill.read(body);
        let content = message.get("content").and_then(Value::as_array);
        let Some(content) = content.filter(|_| text_at(&message, "type") == Some("message")) else {
            return Err(Fault::Broken {
                message: "the answer is no message".to_owned(),
            });
        };
        let before = parts.len();
        parts.push(StreamPart::ResponseMetadata {
            id: text_at(&message, "id").map(str::to_owned),
            model: text_at(&message, "model").map(str::to_owned),
        });
        for (index, block) in content.iter().enumerate() {
            self.whole_block(index as u64, block, parts);
        }
        self.report.whole(&message);
        parts.push(StreamPart::Finish(self.finish()));
        self.name_metadata(parts, before);
        Ok(())
    }

    fn whole_block(&mut self, index: u64, block: &Value, parts: &mut Vec<StreamPart>) {
        let text = |key: &str| text_at(block, key).unwrap_or_default().to_owned();
        match text_at(block, "type").unwrap_or_default() {
            "text" if self.json_tool => {}
            "text" => {
                let citations = block
                    .get("citations")
                    .and_then(Value::as_array)
                    .cloned()
                    .unwrap_or_default();
                let (web, metadata) = web_citations(&citations);
                let metadata = if web { metadata } else { ProviderMetadata::new() };
                whole_text(index, text("text"), metadata, parts);
                parts.extend(
                    citations
                        .iter()
                        .filter_map(|citation| self.citation_source(citation))
                        .map(StreamPart::Source),
                );
            }
            "compaction" => whole_text(
                index,
                text("content"),
                own_metadata([("type", Value::from("compaction"))]),
                parts,
            ),
            "thinking" => {
                let signature = present(block.get("signature")).cloned();
                let metadata = signature.map_or_else(ProviderMetadata::new, |signature| {
                    own_metadata([("signature", signature)])
                });
                whole_reasoning(index, text("thinking"), metadata, parts);
            }
            "redacted_thinking" => {
                let metadata = own_metadata([("redactedData", Value::from(text("data")))]);
                whole_reasoning(index, String::new(), metadata, parts);
            }
            "tool_use" if self.is_json_tool(block) => {
                self.report.json_tool_answered = true;
                let input = block.get("input").map(stringify).unwrap_or_default();
                whole_text(index, input, ProviderMetadata::new(), parts);
            }
            "tool_use" => {
                let input = block.get("input").map_or_else(|| "{}".to_owned(), stringify);
                parts.push(StreamPart::ToolCall(
                    call_of(block, None).with_input(input).finish(),
                ));
            }
            "server_tool_use" => {
                let Some(server) = self.server_tool(block) else {
                    return;
                };
                let fields = block
                    .get("input")
                    .and_then(Value::as_object)
                    .cloned()
                    .unwrap_or_default();
                let fields = match server.kind {
                    Some(PROGRAMMATIC) => with_programmatic_kind(fields),
                    Some(kind) => with_kind(kind, fields),
                    None => fields,
                };
                let input = stringify(&Value::Object(fields));
                parts.push(StreamPart::ToolCall(
                    call_of(block, Some(server)).with_input(input).finish(),
                ));
            }
            "mcp_tool_use" => parts.extend(self.mcp_call(block)),
            "fallback" => {}
            kind => parts.extend(results::parts(kind, block, &mut self.known, &mut self.documents)),
        }
    }
}

/// Whether there are citations of pages, and they as metadata.
fn web_citations(citations: &[Value]) -> (bool, ProviderMetadata) {
    let web: Vec<Value> = citations
        .iter()
        .filter(|citation| is_web_citation(citation))
        .cloned()
        .collect();
    (!web.is_empty(), own_metadata([("citations", Value::Array(web))]))
}

fn whole_text(index: u64, text: String, metadata: ProviderMetadata, parts: &mut Vec<StreamPart>) {
    let id = index.to_string();
    parts.push(StreamPart::TextStart {
        id: id.clone(),
        metadata: metadata.clone(),
    });
    if !text.is_empty() {
        parts.push(StreamPart::TextDelta {
            id: id.clone(),
            delta: text,
            metadata: ProviderMetadata::new(),
        });
    }
    parts.push(StreamPart::TextEnd { id, metadata });
}

fn whole_reasoning(index: u64, text: String, metadata: ProviderMetadata, parts: &mut Vec<StreamPart>) {
    let id = index.to_string();
    parts.push(StreamPart::ReasoningStart {
        id: id.clone(),
        metadata: metadata.clone(),
    });
    if !text.is_empty() {
        parts.push(StreamPart::ReasoningDelta {
            id: id.clone(),
            delta: text,
            metadata: ProviderMetadata::new(),
        });
    }
    parts.push(StreamPart::ReasoningEnd { id, metadata });
}
