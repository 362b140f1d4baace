//! Answers as the providers stream them: long texts, thoughts, and calls with large arguments. Envelopes have
//! the fields, and pieces the sizes, that recorded answers have.

use opencode_llm::Adapter;
use opencode_llm::adapter::{Api, by_package_and_api, table::ADAPTERS};
use serde_json::{Value, json};

/// About as many bytes of content as each stream carries.
const CONTENT: usize = 64 * 1024;

/// What the model says, over and over. It has what real answers have: lines, quotes, code, other scripts.
const PASSAGE: &str = "The parser keeps the start of a line whose end has not come, so that a read may stop \
anywhere.\n\n```rust\nfn take(&mut self, bytes: &[u8]) -> Result<(), Error> {\n    let line = \
self.line(\"data: \")?; // naïve, but 速い enough\n    self.held += line.len();\n    Ok(())\n}\n```\n\nThen \
the *second* case: a character may be cut in two – the first byte comes now, the other two in the next read. \
We hold it back until it is whole, and say \"wait\" to whoever asks. ";

/// Makes the events of a stream.
type Maker = fn() -> Vec<Vec<u8>>;

/// A stream to measure.
pub(super) struct Stream {
    /// Protocol and content.
    pub(super) name: &'static str,
    /// Who decodes it.
    pub(super) adapter: &'static Adapter,
    /// The bytes, event by event.
    pub(super) events: Vec<Vec<u8>>,
}

pub(super) fn all() -> Vec<Stream> {
    let table: [(&str, &str, Maker); 23] = [
        ("anthropic, text", "@ai-sdk/anthropic", || {
            anthropic("text", "text_delta", "text")
        }),
        ("anthropic, thinking", "@ai-sdk/anthropic", || {
            anthropic("thinking", "thinking_delta", "thinking")
        }),
        ("anthropic, call", "@ai-sdk/anthropic", || {
            anthropic("tool_use", "input_json_delta", "partial_json")
        }),
        ("chat of openai, text", "@ai-sdk/openai", || chat("content")),
        ("chat of openai, call", "@ai-sdk/openai", chat_call),
        ("chat of others, text", "@ai-sdk/openai-compatible", || {
            chat("content")
        }),
        ("chat of others, reasoning", "@ai-sdk/openai-compatible", || {
            chat("reasoning_content")
        }),
        ("chat of others, call", "@ai-sdk/openai-compatible", chat_call),
        (
            "openrouter, reasoning details",
            "@openrouter/ai-sdk-provider",
            openrouter,
        ),
        ("mistral, text", "@ai-sdk/mistral", || chat("content")),
        ("perplexity, text", "@ai-sdk/perplexity", || chat("content")),
        ("responses, text", "@ai-sdk/openai", || {
            responses("msg", "response.output_text.delta", 5)
        }),
        ("responses, reasoning", "@ai-sdk/openai", || {
            responses("rs", "response.reasoning_summary_text.delta", 5)
        }),
        ("responses, call", "@ai-sdk/openai", || {
            responses("fc", "response.function_call_arguments.delta", 5)
        }),
        ("xai responses, text", "@ai-sdk/xai", || {
            responses("msg", "response.output_text.delta", 5)
        }),
        ("xai responses, reasoning", "@ai-sdk/xai", || {
            responses("rs", "response.reasoning_summary_text.delta", 5)
        }),
        ("gemini, text", "@ai-sdk/google", || gemini(None)),
        ("gemini, thoughts", "@ai-sdk/google", || gemini(Some("thought"))),
        ("gemini, calls", "@ai-sdk/google", gemini_calls),
        ("bedrock, text", "@ai-sdk/amazon-bedrock", || bedrock(false)),
        ("bedrock, call", "@ai-sdk/amazon-bedrock", || bedrock(true)),
        ("cohere, text", "@ai-sdk/cohere", || cohere(false)),
        ("cohere, call", "@ai-sdk/cohere", || cohere(true)),
    ];
    table
        .into_iter()
        .filter_map(|(name, package, events)| {
            let chats = name.starts_with("chat");
            let wanted = if chats { Api::Chat } else { Api::Responses };
            let adapter = by_package_and_api(package, wanted)
                .or_else(|| ADAPTERS.iter().find(|adapter| adapter.package == package))?;
            Some(Stream {
                name,
                adapter,
                events: events(),
            })
        })
        .collect()
}

/// The passage in pieces of about `size` bytes, as often as it takes.
fn pieces(size: usize) -> impl Iterator<Item = &'static str> {
    let mut cuts = vec![0];
    while let Some(last) = cuts.last().copied().filter(|last| *last < PASSAGE.len()) {
        // Not all of one size, as tokens are not.
        let wanted = last + size / 2 + (last * 7) % size + 1;
        cuts.push(
            (wanted..)
                .find(|at| PASSAGE.is_char_boundary(*at) || *at >= PASSAGE.len())
                .unwrap_or(wanted)
                .min(PASSAGE.len()),
        );
    }
    let slices: Vec<&str> = cuts
        .windows(2)
        .filter_map(|cut| PASSAGE.get(*cut.first()?..*cut.last()?))
        .collect();
    slices.into_iter().cycle().scan(0, |total, piece| {
        *total += piece.len();
        (*total < CONTENT).then_some(piece)
    })
}

/// Pieces of the text of large arguments: a file that a tool shall write.
fn arguments(size: usize) -> Vec<String> {
    let content = PASSAGE.repeat(CONTENT / PASSAGE.len());
    let text = json!({"filePath": "/src/parser.rs", "content": content}).to_string();
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(size).map(|piece| piece.iter().collect()).collect()
}

fn event(name: Option<&str>, data: &Value) -> Vec<u8> {
    match name {
        Some(name) => format!("event: {name}\ndata: {data}\n\n").into_bytes(),
        None => format!("data: {data}\n\n").into_bytes(),
    }
}

fn anthropic(block: &str, kind: &str, field: &str) -> Vec<Vec<u8>> {
    let named = |data: &Value| event(data.get("type").and_then(Value::as_str), data);
    let mut content = json!({"type": block, field: ""});
    if block == "tool_use" {
        content = json!({"type": block, "id": "toolu_01A09q90qw90lq917835lq9", "name": "write", "input": {}});
    }
    let usage = json!({"input_tokens": 20, "cache_read_input_tokens": 0, "output_tokens": 1});
    let start = json!({"type": "message_start", "message": {"id": "msg_01", "type": "message", "role":
        "assistant", "model": "claude-sonnet-4-5", "content": [], "stop_reason": null, "usage": usage}});
    let mut events = vec![
        named(&start),
        named(&json!({"type": "content_block_start", "index": 0, "content_block": content})),
        named(&json!({"type": "ping"})),
    ];
    let words: Vec<String> = if block == "tool_use" {
        arguments(16)
    } else {
        pieces(24).map(str::to_owned).collect()
    };
    let delta = |words: String| json!({"type": "content_block_delta", "index": 0, "delta": {"type": kind, field: words}});
    events.extend(words.into_iter().map(|words| named(&delta(words))));
    events.push(named(&json!({"type": "content_block_stop", "index": 0})));
    events.push(named(&json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}})));
    events.push(named(&json!({"type": "message_stop"})));
    events
}

fn chunk(delta: &Value, reason: Option<&str>) -> Vec<u8> {
    let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason});
    event(
        None,
        &json!({"id": "chatcmpl-D8Z5oo6uDh67AD85p73ksdT1KxhE0", "object": "chat.completion.chunk",
        "created": 1_770_933_892, "model": "gpt-4.1-nano-2025-04-14", "service_tier": "default",
        "system_fingerprint": "fp_de604bd877", "choices": [choice], "usage": null, "obfuscation": "yhjoJbEF"}),
    )
}

fn chat(field: &str) -> Vec<Vec<u8>> {
    let mut events = vec![chunk(&json!({"role": "assistant", field: ""}), None)];
    events.extend(pieces(5).map(|words| chunk(&json!({field: words}), None)));
    events.push(chunk(&json!({}), Some("stop")));
    events
}

fn chat_call() -> Vec<Vec<u8>> {
    let first = json!({"index": 0, "id": "call_O17Uplv4lJvD6DVdIvFFeRMw", "type": "function", "function":
        {"name": "write", "arguments": ""}});
    let mut events = vec![chunk(
        &json!({"role": "assistant", "content": null, "tool_calls": [first]}),
        None,
    )];
    events.extend(arguments(5).into_iter().map(|piece| {
        chunk(
            &json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}),
            None,
        )
    }));
    events.push(chunk(&json!({}), Some("tool_calls")));
    events
}

fn openrouter() -> Vec<Vec<u8>> {
    let delta = |words: &str| {
        json!({"role": "assistant", "content": "", "reasoning": words,
        "reasoning_details": [{"type": "reasoning.text", "text": words, "format": "anthropic-claude-v1", "index": 0}]})
    };
    let mut events: Vec<_> = pieces(16).map(|words| chunk(&delta(words), None)).collect();
    events.push(chunk(&json!({}), Some("stop")));
    events
}

fn responses(item: &str, kind: &str, size: usize) -> Vec<Vec<u8>> {
    let named = |data: &Value| event(data.get("type").and_then(Value::as_str), data);
    let id = format!("{item}_0e2ed64344ac7f31016994b30597248197afefe0ff4bfd83ec");
    let begun = match item {
        "msg" => {
            json!({"id": id, "type": "message", "status": "in_progress", "content": [], "role": "assistant"})
        }
        "rs" => json!({"id": id, "type": "reasoning", "encrypted_content": "g".repeat(1200), "summary": []}),
        _ => json!({"id": id, "type": "function_call", "status": "in_progress", "arguments": "",
            "call_id": "call_NBvxYuvUBNDGzKTvJ3Mq", "name": "write"}),
    };
    let words: Vec<String> = if item == "fc" {
        arguments(size)
    } else {
        pieces(size).map(str::to_owned).collect()
    };
    let response = json!({"id": "resp_0e2ed64344ac7f31016994b30480ac", "object": "response", "created_at": 1_771_352_836,
        "model": "gpt-5.2-2025-12-11", "status": "in_progress", "output": []});
    let mut events = vec![
        named(&json!({"type": "response.created", "response": response, "sequence_number": 0})),
        named(
            &json!({"type": "response.output_item.added", "item": begun, "output_index": 0, "sequence_number": 2}),
        ),
    ];
    events.extend((3..).zip(&words).map(|(number, words)| {
        named(&match item {
            "msg" => json!({"type": kind, "content_index": 0, "delta": words, "item_id": id, "logprobs": [],
                "obfuscation": "J8kd0lA2sR", "output_index": 0, "sequence_number": number}),
            "rs" => json!({"type": kind, "delta": words, "item_id": id, "obfuscation": "J8kd0lA2sR",
                "output_index": 0, "sequence_number": number, "summary_index": 0}),
            _ => json!({"type": kind, "delta": words, "item_id": id, "obfuscation": "J8kd0lA2sR",
                "output_index": 0, "sequence_number": number}),
        })
    }));
    let mut ended = begun;
    if let (Some(fields), "fc") = (ended.as_object_mut(), item) {
        fields.insert("arguments".to_owned(), Value::from(words.concat()));
    }
    events.push(named(
        &json!({"type": "response.output_item.done", "item": ended, "output_index": 0}),
    ));
    events.push(named(
        &json!({"type": "response.completed", "response": response}),
    ));
    events
}

fn gemini_chunk(part: &Value) -> Vec<u8> {
    event(
        None,
        &json!({"candidates": [{"content": {"parts": [part], "role": "model"}, "index": 0}],
        "usageMetadata": {"promptTokenCount": 1024, "candidatesTokenCount": 31, "totalTokenCount": 1055,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1024}], "thoughtsTokenCount": 240},
        "modelVersion": "gemini-2.5-pro", "responseId": "tjXVaYaxFISTq8YP_MWiyAo"}),
    )
}

fn gemini(mark: Option<&str>) -> Vec<Vec<u8>> {
    pieces(160)
        .map(|words| {
            let mut part = json!({"text": words});
            if let (Some(mark), Some(fields)) = (mark, part.as_object_mut()) {
                fields.insert(mark.to_owned(), Value::from(true));
            }
            gemini_chunk(&part)
        })
        .collect()
}

fn gemini_calls() -> Vec<Vec<u8>> {
    let content = PASSAGE.repeat(16);
    let args = json!({"filePath": "/src/parser.rs", "content": content});
    let call = json!({"functionCall": {"name": "write", "args": args}, "thoughtSignature": "Cs".repeat(300)});
    vec![gemini_chunk(&call); CONTENT / content.len()]
}

fn frame(name: &str, data: &Value) -> Vec<u8> {
    let mut headers = Vec::new();
    for (key, value) in [
        (":event-type", name),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ] {
        headers.push(u8::try_from(key.len()).unwrap_or_default());
        headers.extend(key.as_bytes());
        headers.push(7);
        headers.extend(u16::try_from(value.len()).unwrap_or_default().to_be_bytes());
        headers.extend(value.as_bytes());
    }
    let content = data.to_string().into_bytes();
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or_default().to_be_bytes();
    let mut frame = [length(headers.len() + content.len() + 16), length(headers.len())].concat();
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.extend(headers);
    frame.extend(content);
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame
}

fn bedrock(is_call: bool) -> Vec<Vec<u8>> {
    const PADDING: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    let padding = |at: usize| PADDING.get(..at % PADDING.len()).unwrap_or_default();
    let mut events = vec![frame("messageStart", &json!({"p": PADDING, "role": "assistant"}))];
    if is_call {
        let call = json!({"toolUse": {"name": "write", "toolUseId": "tooluse_kZJMlvQmRJ6eAyJE5GIl7Q"}});
        events.push(frame(
            "contentBlockStart",
            &json!({"contentBlockIndex": 0, "p": PADDING, "start": call}),
        ));
        events.extend(arguments(16).iter().enumerate().map(|(at, piece)| {
            frame(
                "contentBlockDelta",
                &json!({"contentBlockIndex": 0, "delta": {"toolUse": {"input": piece}}, "p": padding(at)}),
            )
        }));
    } else {
        events.extend(pieces(24).enumerate().map(|(at, words)| {
            frame(
                "contentBlockDelta",
                &json!({"contentBlockIndex": 0, "delta": {"text": words}, "p": padding(at)}),
            )
        }));
    }
    events.push(frame(
        "contentBlockStop",
        &json!({"contentBlockIndex": 0, "p": PADDING}),
    ));
    events.push(frame(
        "messageStop",
        &json!({"p": PADDING, "stopReason": "end_turn"}),
    ));
    events
}

fn cohere(is_call: bool) -> Vec<Vec<u8>> {
    let named = |data: &Value| event(data.get("type").and_then(Value::as_str), data);
    if is_call {
        let call = |function: Value| json!({"message": {"tool_calls": {"id": "c", "type": "function", "function": function}}});
        let first = json!({"name": "write", "arguments": ""});
        let mut events = vec![named(
            &json!({"type": "tool-call-start", "index": 0, "delta": call(first)}),
        )];
        events.extend(arguments(5).into_iter().map(|piece| {
            let delta = json!({"message": {"tool_calls": {"function": {"arguments": piece}}}});
            named(&json!({"type": "tool-call-delta", "index": 0, "delta": delta}))
        }));
        events.push(named(&json!({"type": "tool-call-end", "index": 0})));
        return events;
    }
    let start = json!({"message": {"content": {"type": "text", "text": ""}}});
    let mut events = vec![named(
        &json!({"type": "content-start", "index": 0, "delta": start}),
    )];
    events.extend(pieces(5).map(|words| {
        named(
            &json!({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": words}}}}),
        )
    }));
    events.push(named(&json!({"type": "content-end", "index": 0})));
    events
}
