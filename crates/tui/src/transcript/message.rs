//! A message as pieces. What did not change since it was last drawn is taken from there.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use opencode_schema::part::TextPart;
use opencode_schema::{AssistantMessage, MessageBody, MessageWithParts, Part, PartBody, PartId, ToolState};
use serde_json::Value;

use super::paint::{Paint, capitalised};
use super::piece::{Kind, Piece, Rendered};
use super::{assistant, tool, user};
use crate::markdown::{self, Document};
use crate::row::{Row, Span, wrap};
use crate::safe;

/// A part as it was last drawn.
#[derive(Default)]
pub(crate) struct Drawn {
    key: u64,
    pieces: Vec<Rc<Piece>>,
    is_moving: bool,
    is_waiting: bool,
    /// Of text: what has been read of it, and the rows that its pieces were made of.
    document: Document,
    made_of: Vec<Rc<Vec<Row>>>,
}

/// What of a message depends on others.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Context {
    /// Whether it waits for an answer that another message is getting.
    pub(crate) is_queued: bool,
    /// Whether it is the last answer.
    pub(crate) is_last: bool,
    /// When the question was asked that it answers.
    pub(crate) asked: Option<i64>,
}

/// Draws a message.
pub(crate) fn draw(
    paint: &Paint,
    message: &MessageWithParts,
    context: &Context,
    parts: &mut HashMap<PartId, Drawn>,
) -> Rendered {
    match &message.info.body {
        MessageBody::User(user) => {
            let pieces = user::pieces(paint, message, user, context.is_queued);
            let rendered = Rendered::stack(pieces.into_iter().map(Rc::new));
            Rendered {
                settled: rendered.pieces.len(),
                is_settled: true,
                ..rendered
            }
        }
        MessageBody::Assistant(body) => answer(paint, message, body, context, parts),
    }
}

fn answer(
    paint: &Paint,
    message: &MessageWithParts,
    body: &AssistantMessage,
    context: &Context,
    parts: &mut HashMap<PartId, Drawn>,
) -> Rendered {
    let is_running = body.time.completed.is_none() && body.error.is_none();
    let mut pieces: Vec<Rc<Piece>> = Vec::new();
    let (mut is_moving, mut is_waiting) = (false, false);
    let mut has_task = false;
    parts.retain(|id, _| message.parts.iter().any(|part| part.id == *id));
    let last = message.parts.len().saturating_sub(1);
    // Pieces before the first that may change.
    let mut settled = None;
    for (index, part) in message.parts.iter().enumerate() {
        let mut finished;
        let drawn = match &part.body {
            PartBody::Text(text) if !text.text.trim().is_empty() => {
                let drawn = parts.entry(part.id.clone()).or_default();
                let is_open =
                    is_running && index == last && text.time.as_ref().is_none_or(|time| time.end.is_none());
                draw_text(paint, text, is_open, drawn);
                finished = is_open.then(|| drawn.document.finished());
                drawn
            }
            PartBody::Reasoning(reasoning) => {
                let drawn = parts.entry(part.id.clone()).or_default();
                let key = key(paint, part, is_running);
                if drawn.is_stale(key) {
                    let made = assistant::reasoning(paint, &part.id, reasoning, is_running);
                    drawn.replace(key, made);
                }
                finished = (is_running && reasoning.time.end.is_none()).then_some(0);
                drawn
            }
            PartBody::Tool(call) => {
                has_task |= call.tool == "task";
                let drawn = parts.entry(part.id.clone()).or_default();
                let key = key(paint, part, is_running);
                if drawn.is_stale(key) {
                    let made = tool::draw(paint, part, call);
                    drawn.replace(key, made);
                }
                finished = (is_running && !call.state.is_settled()).then_some(0);
                drawn
            }
            _ => continue,
        };
        if drawn.is_waiting {
            finished = Some(0);
        }
        if let (None, Some(finished)) = (settled, finished) {
            settled = Some(pieces.len() + finished);
        }
        pieces.extend(drawn.pieces.iter().cloned());
        is_moving |= drawn.is_moving;
        is_waiting |= drawn.is_waiting;
    }
    if has_task && !paint.room.is_printed {
        pieces.push(Rc::new(task_hint(paint)));
    }
    if let Some(error) = body
        .error
        .as_ref()
        .and_then(|error| assistant::error(paint, error))
    {
        pieces.push(Rc::new(error));
    }
    if paint.is_plain() && !pieces.is_empty() {
        let agent = capitalised(&safe::line(&body.agent));
        pieces.insert(0, Rc::new(paint.heading(&format!("{agent}:"))));
    }
    // What is printed is there for good, while the last answer may not be the last for long.
    let is_last = context.is_last && !paint.room.is_printed;
    let is_end = is_last
        || assistant::is_final(body)
        || is_stopped(body)
        || body.error.is_some() && paint.room.is_printed;
    if is_end && paint.scene.switches.assistant_metadata {
        pieces.push(Rc::new(assistant::end_line(paint, body, context.asked)));
    }
    let is_settled = settled.is_none() && !is_running;
    let settled = settled.unwrap_or(pieces.len()).min(pieces.len());
    let settled = pieces[..settled].iter().filter(|piece| !piece.rows.is_empty());
    Rendered {
        is_moving,
        is_waiting,
        settled: settled.count(),
        is_settled,
        ..Rendered::stack(pieces)
    }
}

fn is_stopped(body: &AssistantMessage) -> bool {
    matches!(body.error, Some(opencode_schema::MessageError::Aborted { .. }))
}

impl Drawn {
    fn is_stale(&self, key: u64) -> bool {
        self.key != key || self.is_moving || self.is_waiting
    }

    fn replace(&mut self, key: u64, made: tool::Drawn) {
        self.key = key;
        self.pieces = made.pieces.into_iter().map(Rc::new).collect();
        self.is_moving = made.is_moving;
        self.is_waiting = made.is_waiting;
    }
}

/// Text of the model: each block of its Markdown is a piece, and finished ones stay as they are.
fn draw_text(paint: &Paint, text: &TextPart, is_open: bool, drawn: &mut Drawn) {
    let look = markdown::Look {
        theme: paint.scene.theme,
        highlighter: paint.scene.highlighter,
        width: paint.room.text(),
        conceal: paint.scene.switches.conceal,
    };
    drawn
        .document
        .update(&safe::text(text.text.trim()), is_open, look);
    let blocks = drawn.document.blocks();
    let same = blocks
        .iter()
        .zip(&drawn.made_of)
        .take_while(|(block, rows)| Rc::ptr_eq(&block.rows, rows))
        .count();
    drawn.pieces.truncate(same);
    drawn.made_of.truncate(same);
    for block in blocks.iter().skip(same) {
        let kind = if block.is_close { Kind::Close } else { Kind::Apart };
        drawn.pieces.push(Rc::new(Piece::new(
            kind,
            paint.room.indented(block.rows.to_vec()),
        )));
        drawn.made_of.push(Rc::clone(&block.rows));
    }
    drawn.is_waiting = drawn.document.is_waiting();
}

/// How one gets to the sessions of tasks.
fn task_hint(paint: &Paint) -> Piece {
    let line = vec![
        Span::new(paint.scene.child_keys, paint.plain()),
        Span::new(
            format!(" {}", paint.scene.words.get("transcript.view_tasks")),
            paint.muted(),
        ),
    ];
    Piece::new(Kind::Apart, paint.room.indented(wrap(line, paint.room.text())))
}

/// A number that is another one when a part is to be drawn anew.
fn key(paint: &Paint, part: &Part, is_running: bool) -> u64 {
    let mut hasher = DefaultHasher::new();
    let is_hovered = paint.hover.and_then(super::piece::Target::fold) == Some(&part.id);
    (is_running, paint.is_open(&part.id), is_hovered).hash(&mut hasher);
    match &part.body {
        PartBody::Reasoning(reasoning) => {
            reasoning.text.hash(&mut hasher);
            (reasoning.time.start, reasoning.time.end).hash(&mut hasher);
        }
        PartBody::Tool(call) => {
            paint
                .scene
                .surroundings
                .is_asked_about(&call.call_id)
                .hash(&mut hasher);
            hash_state(&call.state, &mut hasher);
            let metadata = match &call.state {
                ToolState::Completed { metadata, .. } => Some(metadata),
                ToolState::Running { metadata, .. } | ToolState::Error { metadata, .. } => metadata.as_ref(),
                ToolState::Pending { .. } => None,
            };
            let child = metadata
                .and_then(|metadata| metadata.get("sessionId"))
                .and_then(Value::as_str);
            let child = child.map(opencode_schema::SessionId::trusted);
            child
                .and_then(|child| paint.scene.surroundings.child(&child))
                .hash(&mut hasher);
        }
        _ => {}
    }
    hasher.finish()
}

fn hash_state(state: &ToolState, hasher: &mut DefaultHasher) {
    match state {
        ToolState::Pending { input, raw } => {
            (0, input.len(), raw.len()).hash(hasher);
        }
        ToolState::Running {
            input,
            title,
            metadata,
            time,
        } => {
            (1, title, time.start).hash(hasher);
            hash_value(input, hasher);
            metadata.iter().flatten().for_each(|(key, value)| {
                key.hash(hasher);
                hash_value(value, hasher);
            });
        }
        // What has ended does not change, except that its output is taken out later.
        ToolState::Completed {
            input,
            output,
            title,
            metadata,
            time,
            ..
        } => {
            (2, output.len(), title, metadata.len(), time.end, time.compacted).hash(hasher);
            input.as_object().map(serde_json::Map::len).hash(hasher);
        }
        ToolState::Error { error, time, .. } => {
            (3, error, time.end).hash(hasher);
        }
    }
}

fn hash_value(value: &Value, hasher: &mut DefaultHasher) {
    match value {
        Value::Null => 0.hash(hasher),
        Value::Bool(flag) => flag.hash(hasher),
        Value::Number(number) => number.to_string().hash(hasher),
        Value::String(text) => text.hash(hasher),
        Value::Array(values) => values.iter().for_each(|value| hash_value(value, hasher)),
        Value::Object(values) => values.iter().for_each(|(key, value)| {
            key.hash(hasher);
            hash_value(value, hasher);
        }),
    }
}
