//! What transcripts look like and how they move, with the messages of the reference's screens.

use std::borrow::Cow;
use std::collections::HashMap;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use serde_json::{Value, json};

use opencode_schema::session::Revert;
use opencode_schema::{MessageWithParts, SessionId};

use super::Transcript;
use super::scene::{Child, Messages, Scene, Surroundings, Switches};
use crate::highlight::Highlighter;
use crate::highlight::tests::work;
use crate::theme::Theme;
use crate::words::Words;

mod bad_input;
mod messages;
mod moving;
mod pieces;
mod reference;

/// What a session is made of, for tests.
struct Stage {
    messages: Vec<(MessageWithParts, u64)>,
    theme: Theme,
    words: Words,
    highlighter: Highlighter,
    switches: Switches,
    revert: Option<Revert>,
    children: HashMap<String, Child>,
    asked: Vec<&'static str>,
    frame: u64,
    zone: jiff::tz::TimeZone,
    has_older: bool,
}

/// Colours that can be told from each other.
fn theme() -> Theme {
    let mut theme = Theme::plain();
    for (index, (_, color)) in theme.colors_mut().into_iter().enumerate() {
        *color = Color::Rgb(100, 0, index as u8);
    }
    theme
}

impl Stage {
    fn new(messages: Vec<Value>) -> Self {
        let read = |value: Value| (serde_json::from_value(value).expect("a message"), 1);
        Self {
            messages: messages.into_iter().map(read).collect(),
            theme: theme(),
            words: Words::english(),
            highlighter: Highlighter::default(),
            switches: Switches::default(),
            revert: None,
            children: HashMap::new(),
            asked: Vec::new(),
            frame: 0,
            zone: jiff::tz::TimeZone::UTC,
            has_older: false,
        }
    }

    fn with<T>(&self, action: impl FnOnce(&Scene) -> T) -> T {
        action(&Scene {
            messages: self,
            surroundings: self,
            theme: &self.theme,
            words: &self.words,
            highlighter: &self.highlighter,
            switches: self.switches,
            revert: self.revert.as_ref(),
            directory: "/home/dev/demo",
            home: "/home/dev",
            child_keys: "ctrl+x down",
            redo_keys: "ctrl+x r",
            frame: self.frame,
            now: 1_700_000_000_000,
            zone: &self.zone,
        })
    }

    fn draw(&self, transcript: &Transcript, width: u16, height: u16) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        self.with(|scene| transcript.view(scene, buffer.area, &mut buffer));
        if work(&self.highlighter) > 0 {
            buffer.reset();
            self.with(|scene| transcript.view(scene, buffer.area, &mut buffer));
        }
        buffer
    }

    /// The whole transcript, drawn anew.
    fn screen(&self, width: u16, height: u16) -> String {
        text(&self.draw(&Transcript::default(), width, height))
    }
}

impl Messages for Stage {
    fn len(&self) -> usize {
        self.messages.len()
    }

    fn get(&self, index: usize) -> Option<(&MessageWithParts, u64)> {
        Messages::get(self.messages.as_slice(), index)
    }

    fn index(&self, id: &opencode_schema::MessageId) -> Option<usize> {
        self.messages
            .binary_search_by(|(message, _)| message.info.id.cmp(id))
            .ok()
    }

    fn has_older(&self) -> bool {
        self.has_older
    }
}

impl Surroundings for Stage {
    fn agent_color(&self, agent: &str) -> Color {
        if agent == "build" {
            self.theme.secondary
        } else {
            self.theme.accent
        }
    }

    fn model_name<'a>(&'a self, _: &str, model: &'a str) -> Cow<'a, str> {
        if model == "scripted" {
            Cow::Borrowed("Scripted")
        } else {
            Cow::Borrowed(model)
        }
    }

    fn child(&self, session: &SessionId) -> Option<Child> {
        self.children.get(session.as_str()).cloned()
    }

    fn is_asked_about(&self, call: &str) -> bool {
        self.asked.contains(&call)
    }
}

/// A buffer as text, without blanks at the ends of rows and without free rows at the end.
fn text(buffer: &Buffer) -> String {
    let area = buffer.area;
    let mut rows = Vec::new();
    for y in area.top()..area.bottom() {
        let mut row = String::new();
        let mut covered = 0;
        for x in area.left()..area.right() {
            if covered > 0 {
                covered -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            covered = crate::safe::width(symbol).saturating_sub(1);
            row.push_str(symbol);
        }
        rows.push(row.trim_end().to_owned());
    }
    rows.join("\n").trim_end().to_owned()
}

/// A message of the user.
fn asked(number: u32, text: &str) -> Value {
    question(number, &json!([{"type": "text", "text": text}]))
}

fn question(number: u32, parts: &Value) -> Value {
    let id = format!("msg_{number:06}");
    json!({
        "info": {"id": id, "sessionID": "ses_1", "role": "user", "time": {"created": 1_700_000_000_000_i64},
            "agent": "build", "model": {"providerID": "scripted", "modelID": "scripted"}},
        "parts": with_ids(&id, parts),
    })
}

/// An answer that has ended, to the message before it.
fn answered(number: u32, milliseconds: i64, parts: &Value) -> Value {
    let mut answer = open(number, parts);
    answer["info"]["time"]["completed"] = json!(1_700_000_000_000_i64 + milliseconds);
    answer["info"]["finish"] = json!("stop");
    answer
}

/// An answer that is still being written.
fn open(number: u32, parts: &Value) -> Value {
    let id = format!("msg_{number:06}");
    json!({
        "info": {"id": id, "sessionID": "ses_1", "role": "assistant", "parentID": format!("msg_{:06}", number - 1),
            "time": {"created": 1_700_000_000_000_i64}, "agent": "build", "mode": "build",
            "providerID": "scripted", "modelID": "scripted", "cost": 0,
            "path": {"cwd": "/home/dev/demo", "root": "/home/dev/demo"},
            "tokens": {"input": 0, "output": 0, "reasoning": 0, "cache": {"read": 0, "write": 0}}},
        "parts": with_ids(&id, parts),
    })
}

fn with_ids(message: &str, parts: &Value) -> Value {
    let Value::Array(parts) = parts.clone() else {
        return json!([]);
    };
    let part = |(index, mut part): (usize, Value)| {
        part["id"] = json!(format!("prt_{message}_{index:03}"));
        part["sessionID"] = json!("ses_1");
        part["messageID"] = json!(message);
        part
    };
    Value::Array(parts.into_iter().enumerate().map(part).collect())
}

fn said(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

/// A tool call that has ended.
fn done(tool: &str, input: &Value, output: &str, metadata: &Value) -> Value {
    json!({"type": "tool", "callID": format!("call_{tool}"), "tool": tool, "state": {
        "status": "completed", "input": input, "output": output, "title": "", "metadata": metadata,
        "time": {"start": 1_700_000_000_000_i64, "end": 1_700_000_001_500_i64}}})
}

fn running(tool: &str, input: &Value, metadata: &Value) -> Value {
    json!({"type": "tool", "callID": format!("call_{tool}"), "tool": tool, "state": {
        "status": "running", "input": input, "metadata": metadata, "time": {"start": 1_700_000_000_000_i64}}})
}

fn pending(tool: &str) -> Value {
    json!({"type": "tool", "callID": format!("call_{tool}"), "tool": tool,
        "state": {"status": "pending", "input": {}, "raw": ""}})
}

fn failed(tool: &str, input: &Value, error: &str) -> Value {
    json!({"type": "tool", "callID": format!("call_{tool}"), "tool": tool, "state": {
        "status": "error", "input": input, "error": error,
        "time": {"start": 1_700_000_000_000_i64, "end": 1_700_000_001_500_i64}}})
}
