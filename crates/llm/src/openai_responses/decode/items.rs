//! Items as they begin and end, and the arguments of calls between.

use serde_json::{Map, Value};

use super::slots::{OpenCall, Progress, Slot};
use super::{Decoder, escaped, set_text};
use crate::json::{Text, stringify, text_at};
use crate::openai_responses::hosted::{self, APPLY_PATCH, TOOL_SEARCH};
use crate::openai_responses::wire::{self, Event, Item};
use crate::stream::{StreamPart, ToolCall};

impl Decoder {
    pub(super) fn item_added(&mut self, event: &Event<'_>, parts: &mut Vec<StreamPart>) {
        let Some(item) = Item::read(event.item) else {
            return;
        };
        let kind = item.kind.as_str();
        match kind {
            "message" => {
                let phase = item.phase.clone().map(Text::into_string);
                self.open_text(event, item.item_id().to_owned(), phase, parts);
            }
            "reasoning" => self.open_thoughts(event, &item, parts),
            "function_call" | "custom_tool_call" => {
                let call = OpenCall::new(text_of(item.call_id.as_ref()), text_of(item.name.as_ref()));
                parts.push(start(&call, false));
                self.slots.open(event, item.item_id(), Slot::Call(call));
            }
            "tool_search_call" => {
                let whole = wire::value(event.item);
                let call = OpenCall::new(item.item_id().to_owned(), TOOL_SEARCH.to_owned());
                if set_text(&whole, "execution") == Some("server") {
                    parts.push(start(&call, true));
                }
                self.slots.open(event, item.item_id(), Slot::Call(call));
            }
            "apply_patch_call" => self.open_patch(event, &item, parts),
            _ => self.open_hosted(event, kind, parts),
        }
    }

    fn open_hosted(&mut self, event: &Event<'_>, kind: &str, parts: &mut Vec<StreamPart>) {
        let Some(hosted) = hosted::of_item(kind) else {
            return;
        };
        let item = wire::value(event.item);
        let ready = hosted.call(&item);
        let mut call = OpenCall::new(ready.id.clone(), ready.name.clone());
        if hosted.announced {
            parts.push(start(&call, true));
        }
        if kind == "code_interpreter_call" {
            let container = set_text(&item, "container_id").unwrap_or_default();
            parts.push(StreamPart::ToolInputDelta {
                id: call.id.clone(),
                delta: format!("{{\"containerId\":\"{}\",\"code\":\"", escaped(container)),
            });
            call.container = Some(container.to_owned());
        }
        if hosted.at_once {
            if hosted.announced {
                parts.push(StreamPart::ToolInputEnd { id: call.id.clone() });
            }
            call.progress.called = true;
            parts.push(StreamPart::ToolCall(ready));
        }
        let key = call.id.clone();
        self.slots.open(event, &key, Slot::Call(call));
    }

    pub(super) fn item_done(&mut self, event: &Event<'_>, parts: &mut Vec<StreamPart>) {
        let Some(item) = Item::read(event.item) else {
            return;
        };
        let slot = self.slots.close(event);
        let kind = item.kind.as_str();
        match kind {
            "message" => self.close_text(slot, &item, parts),
            "reasoning" => {
                if let Some(Slot::Reasoning(thoughts)) = slot {
                    self.close_thoughts(&thoughts, &item, parts);
                }
            }
            "function_call" => self.close_function(slot, &item, parts),
            "custom_tool_call" => {
                let input = wire::value(event.item).get("input").map(stringify);
                self.close_call(slot, &item, input, parts);
            }
            "tool_search_call" => self.close_tool_search(slot, &wire::value(event.item), parts),
            "tool_search_output" => {
                let whole = wire::value(event.item);
                let id = set_text(&whole, "call_id").map(str::to_owned);
                let id = id
                    .or_else(|| self.searches.pop_front())
                    .unwrap_or_else(|| item.item_id().to_owned());
                parts.push(hosted::tools_found(id, &whole, self.namespace));
            }
            "mcp_call" => parts.extend(hosted::mcp(&wire::value(event.item), self.namespace)),
            "mcp_approval_request" => parts.push(hosted::mcp_request(&wire::value(event.item))),
            "shell_call_output" => parts.push(hosted::shell_result(&wire::value(event.item))),
            "apply_patch_call" => self.close_patch(slot, &wire::value(event.item), parts),
            "local_shell_call" | "shell_call" => {
                let whole = wire::value(event.item);
                parts.extend(hosted::local_call(kind, &whole, self.namespace).map(StreamPart::ToolCall));
            }
            _ => close_hosted(slot.as_ref(), kind, &wire::value(event.item), parts),
        }
    }

    fn close_text(&mut self, slot: Option<Slot>, item: &Item<'_>, parts: &mut Vec<StreamPart>) {
        let id = item.item_id();
        let phase = item
            .phase
            .clone()
            .map(Text::into_string)
            .or_else(|| self.phase.take());
        self.phase = None;
        let mut metadata = self.text_metadata(id, phase.as_deref());
        let annotations = std::mem::take(&mut self.annotations);
        if !annotations.is_empty()
            && let Some(fields) = metadata.get_mut(self.namespace)
        {
            fields.insert("annotations".to_owned(), Value::Array(annotations));
        }
        if let Some(Slot::Text { id }) = slot {
            parts.push(StreamPart::TextEnd { id, metadata });
        }
    }

    fn close_function(&mut self, slot: Option<Slot>, item: &Item<'_>, parts: &mut Vec<StreamPart>) {
        let input = item.argument_text().filter(|arguments| !arguments.is_empty());
        self.close_call(slot, item, input, parts);
    }

    fn close_call(
        &mut self,
        slot: Option<Slot>,
        item: &Item<'_>,
        input: Option<String>,
        parts: &mut Vec<StreamPart>,
    ) {
        self.has_calls = true;
        let open = match slot {
            Some(Slot::Call(open)) => open,
            _ => {
                let open = OpenCall::new(text_of(item.call_id.as_ref()), text_of(item.name.as_ref()));
                parts.push(start(&open, false));
                open
            }
        };
        parts.push(StreamPart::ToolInputEnd { id: open.id.clone() });
        let mut fields = Map::from_iter([("itemId".to_owned(), Value::from(item.item_id()))]);
        if let Some(namespace) = &item.namespace {
            fields.insert("namespace".to_owned(), Value::from(namespace.as_str()));
        }
        let heard = Some(open.arguments).filter(|arguments| !arguments.is_empty());
        parts.push(StreamPart::ToolCall(ToolCall {
            id: open.id,
            name: open.name,
            input: input.or(heard).unwrap_or_else(|| "{}".to_owned()),
            provider_executed: false,
            metadata: self.metadata(fields),
        }));
    }

    fn close_tool_search(&mut self, slot: Option<Slot>, item: &Value, parts: &mut Vec<StreamPart>) {
        let Some(Slot::Call(open)) = slot else { return };
        let is_hosted = set_text(item, "execution") == Some("server");
        let id = if is_hosted {
            self.held = self.held.saturating_add(open.id.len());
            self.searches.push_back(open.id.clone());
            open.id
        } else {
            let own = set_text(item, "call_id").or_else(|| text_at(item, "id"));
            let call = OpenCall::new(own.unwrap_or_default().to_owned(), open.name);
            parts.push(start(&call, false));
            call.id
        };
        parts.push(StreamPart::ToolInputEnd { id: id.clone() });
        let call = hosted::tool_search(id, item, is_hosted, self.namespace);
        parts.push(StreamPart::ToolCall(call));
    }

    pub(super) fn arguments(&mut self, event: &Event<'_>, parts: &mut Vec<StreamPart>) {
        let Some(delta) = &event.delta else { return };
        let Some(Slot::Call(call)) = self.slots.get(event) else {
            return;
        };
        call.arguments.push_str(delta.as_str());
        parts.push(StreamPart::ToolInputDelta {
            id: call.id.clone(),
            delta: delta.as_str().to_owned(),
        });
        self.slots.grew(event, delta.as_str().len());
    }

    pub(super) fn code(&mut self, event: &Event<'_>, parts: &mut Vec<StreamPart>) {
        if let (Some(delta), Some(Slot::Call(call))) = (&event.delta, self.slots.get(event)) {
            parts.push(StreamPart::ToolInputDelta {
                id: call.id.clone(),
                delta: escaped(delta.as_str()),
            });
        }
    }

    pub(super) fn code_done(&mut self, event: &Event<'_>, parts: &mut Vec<StreamPart>) {
        let Some(Slot::Call(call)) = self.slots.get(event) else {
            return;
        };
        let code = wire::value(event.code);
        let input = serde_json::json!({"code": code, "containerId": call.container});
        call.progress.called = true;
        let id = call.id.clone();
        parts.push(StreamPart::ToolInputDelta {
            id: id.clone(),
            delta: "\"}".to_owned(),
        });
        parts.push(StreamPart::ToolInputEnd { id: id.clone() });
        parts.push(StreamPart::ToolCall(ToolCall {
            id,
            name: call.name.clone(),
            input: stringify(&input),
            provider_executed: true,
            metadata: crate::stream::ProviderMetadata::new(),
        }));
    }

    fn open_patch(&mut self, event: &Event<'_>, item: &Item<'_>, parts: &mut Vec<StreamPart>) {
        let whole = wire::value(event.item);
        let operation = whole.get("operation").cloned().unwrap_or(Value::Null);
        let field = |key: &str| escaped(text_at(&operation, key).unwrap_or_default());
        let mut call = OpenCall::new(text_of(item.call_id.as_ref()), APPLY_PATCH.to_owned());
        parts.push(start(&call, false));
        // Only deletions have no change to wait for.
        let is_whole = text_at(&operation, "type") == Some("delete_file");
        let head = if is_whole {
            stringify(&serde_json::json!({"callId": call.id, "operation": operation}))
        } else {
            format!(
                "{{\"callId\":\"{}\",\"operation\":{{\"type\":\"{}\",\"path\":\"{}\",\"diff\":\"",
                escaped(&call.id),
                field("type"),
                field("path")
            )
        };
        parts.push(StreamPart::ToolInputDelta {
            id: call.id.clone(),
            delta: head,
        });
        if is_whole {
            parts.push(StreamPart::ToolInputEnd { id: call.id.clone() });
        }
        call.progress = Progress {
            has_diff: is_whole,
            ended: is_whole,
            called: false,
        };
        self.slots.open(event, item.item_id(), Slot::Call(call));
    }

    pub(super) fn patch(&mut self, event: &Event<'_>, parts: &mut Vec<StreamPart>) {
        if let (Some(delta), Some(Slot::Call(call))) = (&event.delta, self.slots.get(event)) {
            call.progress.has_diff = true;
            parts.push(StreamPart::ToolInputDelta {
                id: call.id.clone(),
                delta: escaped(delta.as_str()),
            });
        }
    }

    pub(super) fn patch_done(&mut self, event: &Event<'_>, parts: &mut Vec<StreamPart>) {
        if let Some(Slot::Call(call)) = self.slots.get(event) {
            end_patch(call, event.diff.as_ref().map(Text::as_str), parts);
        }
    }

    fn close_patch(&mut self, slot: Option<Slot>, item: &Value, parts: &mut Vec<StreamPart>) {
        let Some(Slot::Call(mut call)) = slot else { return };
        let diff = item.pointer("/operation/diff").and_then(Value::as_str);
        end_patch(&mut call, diff, parts);
        if text_at(item, "status") == Some("completed") {
            let call = hosted::local_call("apply_patch_call", item, self.namespace);
            parts.extend(call.map(StreamPart::ToolCall));
        }
    }
}

fn end_patch(call: &mut OpenCall, diff: Option<&str>, parts: &mut Vec<StreamPart>) {
    if call.progress.ended {
        return;
    }
    let diff = diff.filter(|_| !call.progress.has_diff).map(escaped);
    for delta in diff.into_iter().chain(["\"}}".to_owned()]) {
        parts.push(StreamPart::ToolInputDelta {
            id: call.id.clone(),
            delta,
        });
    }
    parts.push(StreamPart::ToolInputEnd { id: call.id.clone() });
    call.progress.has_diff = true;
    call.progress.ended = true;
}

fn close_hosted(slot: Option<&Slot>, kind: &str, item: &Value, parts: &mut Vec<StreamPart>) {
    let Some(hosted) = hosted::of_item(kind) else {
        return;
    };
    let called = matches!(slot, Some(Slot::Call(call)) if call.progress.called);
    if !called {
        let call = hosted.call(item);
        if hosted.announced && slot.is_some() {
            parts.push(StreamPart::ToolInputEnd { id: call.id.clone() });
        }
        parts.push(StreamPart::ToolCall(call));
    }
    parts.push(hosted.result(item));
}

fn start(call: &OpenCall, provider_executed: bool) -> StreamPart {
    StreamPart::ToolInputStart {
        id: call.id.clone(),
        name: call.name.clone(),
        provider_executed,
    }
}

fn text_of(text: Option<&Text<'_>>) -> String {
    text.map(Text::as_str).unwrap_or_default().to_owned()
}
