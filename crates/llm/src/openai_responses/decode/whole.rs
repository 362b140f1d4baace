//! An answer that came whole.

use serde_json::{Map, Value};

use super::{Decoder, set_text, source};
use crate::json::{present, stringify, text_at};
use crate::openai_responses::{failure, hosted, usage};
use crate::protocol::Fault;
use crate::stream::{ProviderMetadata, StreamPart, ToolCall};

impl Decoder {
    /// Reads an answer that came whole.
    ///
    /// # Errors
    ///
    /// When it is no answer of this protocol, or one that says that the call failed.
    pub fn whole(&mut self, body: &str, parts: &mut Vec<StreamPart>) -> Result<(), Fault> {
        let answer: Value = serde_json::from_str(body).map_err(|error| Fault::unreadable(&error))?;
        self.bill.read(body);
        if let Some(error) = present(answer.get("error")) {
            return Err(failure::in_place(error, &answer));
        }
        let Some(items) = answer.get("output").and_then(Value::as_array) else {
            return Err(Fault::Broken {
                message: "the answer holds no output".to_owned(),
            });
        };
        let text = |key: &str| text_at(&answer, key).map(str::to_owned);
        self.response_id = text("id");
        parts.push(StreamPart::ResponseMetadata {
            id: text("id"),
            model: text("model"),
        });
        for item in items {
            self.whole_item(item, parts);
        }
        self.take_end(&answer);
        let word = usage::incomplete_reason(&answer);
        self.reason = usage::openai_reason(word, self.has_calls);
        self.raw_reason = word.map(str::to_owned);
        parts.push(StreamPart::Finish(self.finish()));
        Ok(())
    }

    fn whole_item(&mut self, item: &Value, parts: &mut Vec<StreamPart>) {
        let kind = text_at(item, "type").unwrap_or_default();
        let namespace = self.namespace;
        match kind {
            "message" => self.whole_message(item, parts),
            "reasoning" => self.whole_thoughts(item, parts),
            "function_call" => {
                let input = set_text(item, "arguments").filter(|input| !input.is_empty());
                self.whole_call(item, input.unwrap_or("{}").to_owned(), parts);
            }
            "custom_tool_call" => {
                self.whole_call(item, stringify(item.get("input").unwrap_or(&Value::Null)), parts);
            }
            "tool_search_call" => {
                let is_hosted = set_text(item, "execution") == Some("server");
                let id = set_text(item, "call_id").or_else(|| text_at(item, "id"));
                let id = id.unwrap_or_default().to_owned();
                if is_hosted {
                    self.searches.push_back(id.clone());
                }
                let call = hosted::tool_search(id, item, is_hosted, namespace);
                parts.push(StreamPart::ToolCall(call));
            }
            "tool_search_output" => {
                let id = set_text(item, "call_id").map(str::to_owned);
                let id = id.or_else(|| self.searches.pop_front());
                let id = id.unwrap_or_else(|| text_at(item, "id").unwrap_or_default().to_owned());
                parts.push(hosted::tools_found(id, item, namespace));
            }
            "mcp_call" => parts.extend(hosted::mcp(item, namespace)),
            "mcp_approval_request" => parts.push(hosted::mcp_request(item)),
            "shell_call_output" => parts.push(hosted::shell_result(item)),
            _ => {
                if let Some(hosted) = hosted::of_item(kind) {
                    parts.push(StreamPart::ToolCall(hosted.call(item)));
                    parts.push(hosted.result(item));
                }
                parts.extend(hosted::local_call(kind, item, namespace).map(StreamPart::ToolCall));
            }
        }
    }

    fn whole_call(&mut self, item: &Value, input: String, parts: &mut Vec<StreamPart>) {
        self.has_calls = true;
        let mut metadata = hosted::item_metadata(self.namespace, item);
        if let (Some(namespace), Some(fields)) =
            (present(item.get("namespace")), metadata.get_mut(self.namespace))
        {
            fields.insert("namespace".to_owned(), namespace.clone());
        }
        parts.push(StreamPart::ToolCall(ToolCall {
            id: text_at(item, "call_id").unwrap_or_default().to_owned(),
            name: text_at(item, "name").unwrap_or_default().to_owned(),
            input,
            provider_executed: false,
            metadata,
        }));
    }

    fn whole_message(&mut self, item: &Value, parts: &mut Vec<StreamPart>) {
        let id = text_at(item, "id").unwrap_or_default();
        let contents = item.get("content").and_then(Value::as_array);
        for (index, content) in contents.into_iter().flatten().enumerate() {
            let Some(text) = text_at(content, "text") else {
                continue;
            };
            if self.keeps_logprobs
                && let Some(logprobs) = present(content.get("logprobs"))
            {
                self.logprobs.push(logprobs.clone());
            }
            let annotations = content.get("annotations").and_then(Value::as_array);
            let mut metadata = self.text_metadata(id, set_text(item, "phase"));
            if let (Some(annotations), Some(fields)) = (
                annotations.filter(|annotations| !annotations.is_empty()),
                metadata.get_mut(self.namespace),
            ) {
                fields.insert("annotations".to_owned(), Value::Array(annotations.clone()));
            }
            let id = if index == 0 {
                id.to_owned()
            } else {
                format!("{id}:{index}")
            };
            parts.push(StreamPart::TextStart {
                id: id.clone(),
                metadata,
            });
            if !text.is_empty() {
                parts.push(StreamPart::TextDelta {
                    id: id.clone(),
                    delta: text.to_owned(),
                    metadata: ProviderMetadata::new(),
                });
            }
            parts.push(StreamPart::TextEnd {
                id,
                metadata: ProviderMetadata::new(),
            });
            let sources = annotations.into_iter().flatten().filter_map(source);
            parts.extend(sources.map(StreamPart::Source));
        }
    }

    fn whole_thoughts(&self, item: &Value, parts: &mut Vec<StreamPart>) {
        let id = text_at(item, "id").unwrap_or_default();
        let encrypted = item.get("encrypted_content").cloned().unwrap_or(Value::Null);
        let summaries = item.get("summary").and_then(Value::as_array);
        let mut texts: Vec<&str> = summaries
            .into_iter()
            .flatten()
            .map(|summary| text_at(summary, "text").unwrap_or_default())
            .collect();
        if texts.is_empty() {
            // The encrypted thoughts go back also without words.
            texts.push("");
        }
        for (index, text) in texts.into_iter().enumerate() {
            let part = format!("{id}:{index}");
            let fields = Map::from_iter([
                ("itemId".to_owned(), Value::from(id)),
                ("reasoningEncryptedContent".to_owned(), encrypted.clone()),
            ]);
            parts.push(StreamPart::ReasoningStart {
                id: part.clone(),
                metadata: self.metadata(fields),
            });
            if !text.is_empty() {
                parts.push(StreamPart::ReasoningDelta {
                    id: part.clone(),
                    delta: text.to_owned(),
                    metadata: ProviderMetadata::new(),
                });
            }
            parts.push(StreamPart::ReasoningEnd {
                id: part,
                metadata: ProviderMetadata::new(),
            });
        }
    }
}
