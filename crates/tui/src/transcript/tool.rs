//! Calls of tools (reference `tui.md` §4): a line while there is little to say, a block where there is a result
//! to see.

mod files;
mod output;
mod task;

use opencode_schema::part::ToolPart;
use opencode_schema::{Part, ToolState};
use ratatui::style::{Modifier, Style};
use serde_json::{Map, Value};

use super::paint::Paint;
use super::piece::{Kind, Piece, Target};
use crate::safe;

/// Bytes of a text of a tool that are looked at: the store keeps far less, and nobody reads more here.
const BYTES: usize = 512 * 1024;
/// Bytes of a line of a tool that are shown.
const LINE_BYTES: usize = 2000;

/// A call that was drawn.
#[derive(Default)]
pub(crate) struct Drawn {
    /// What there is to see.
    pub(crate) pieces: Vec<Piece>,
    /// Whether something in it turns.
    pub(crate) is_moving: bool,
    /// Whether colours of code are waited for.
    pub(crate) is_waiting: bool,
}

impl From<Piece> for Drawn {
    fn from(piece: Piece) -> Self {
        Self {
            pieces: vec![piece],
            ..Self::default()
        }
    }
}

/// A call of a tool with what is known of it.
struct Call<'a> {
    part: &'a Part,
    tool: &'a ToolPart,
    input: Input<'a>,
    metadata: Option<&'a Map<String, Value>>,
}

/// The arguments of a call.
#[derive(Clone, Copy)]
struct Input<'a>(Option<&'a Map<String, Value>>);

impl<'a> Input<'a> {
    fn get(self, key: &str) -> Option<&'a Value> {
        self.0?.get(key)
    }

    fn text(self, key: &str) -> Option<&'a str> {
        self.get(key)?.as_str().filter(|text| !text.is_empty())
    }

    /// The arguments that fit into a line: `[offset=1, limit=5]`, with a blank before; nothing if there is none.
    fn brief(self, without: &[&str]) -> String {
        let shown = self
            .0
            .into_iter()
            .flatten()
            .filter(|(key, _)| !without.contains(&key.as_str()));
        let pairs = shown.filter_map(|(key, value)| {
            let value = match value {
                Value::String(text) => safe::line(line_of(text)).into_owned(),
                Value::Number(number) => number.to_string(),
                Value::Bool(flag) => flag.to_string(),
                _ => return None,
            };
            Some(format!("{}={value}", safe::line(key)))
        });
        let pairs: Vec<String> = pairs.collect();
        if pairs.is_empty() {
            String::new()
        } else {
            format!(" [{}]", pairs.join(", "))
        }
    }
}

impl<'a> Call<'a> {
    fn is_running(&self) -> bool {
        matches!(
            self.tool.state,
            ToolState::Pending { .. } | ToolState::Running { .. }
        )
    }

    fn is_completed(&self) -> bool {
        matches!(self.tool.state, ToolState::Completed { .. })
    }

    fn error(&self) -> Option<&'a str> {
        match &self.tool.state {
            ToolState::Error { error, .. } => Some(error),
            _ => None,
        }
    }

    fn output(&self) -> Option<&'a str> {
        match &self.tool.state {
            ToolState::Completed { output, .. } => Some(output),
            _ => None,
        }
    }

    fn fact(&self, key: &str) -> Option<&'a Value> {
        self.metadata?.get(key)
    }

    fn fact_text(&self, key: &str) -> Option<&'a str> {
        self.fact(key)?.as_str()
    }

    /// The line of the call: the text once its arguments are known, before that what is about to happen.
    fn line(&self, paint: &Paint, sign: &str, text: Option<&str>, pending: &'static str) -> Piece {
        let theme = paint.scene.theme;
        let is_asked = paint.scene.surroundings.is_asked_about(&self.tool.call_id);
        let refused = self.error().is_some_and(is_refusal);
        let target = Target::Failure(self.part.id.clone());
        let style = match self.error() {
            Some(_) if refused => paint.muted().add_modifier(Modifier::CROSSED_OUT),
            Some(_) => Style::new().fg(theme.error),
            None if is_asked => Style::new().fg(theme.warning),
            None if text.is_some() => paint.muted(),
            None => paint.plain(),
        };
        let mut rows = match text {
            Some(text) => paint.line(sign, text, style),
            None => paint.line("~", &format!("{}…", paint.scene.words.get(pending)), style),
        };
        let Some(error) = self.error().filter(|_| !refused) else {
            return Piece::new(Kind::Inline, rows);
        };
        if paint.room.is_printed {
            let name = safe::line(&self.tool.tool);
            let reason = safe::output(beginning(error));
            let failed = [("name", &*name), ("reason", reason.trim())];
            let failed = paint.scene.words.fill("mini.failed", &failed);
            rows.extend(paint.line("✖", &failed, style));
        } else if paint.is_open(&self.part.id) {
            let error = safe::output(beginning(error));
            for line in error.trim().split('\n').take(200) {
                rows.extend(paint.below(line, Style::new().fg(theme.error)));
            }
        }
        Piece::new(Kind::Inline, rows).with_target(target)
    }
}

/// Whether a call failed because somebody or something did not want it.
fn is_refusal(error: &str) -> bool {
    let words = [
        "QuestionRejectedError",
        "rejected permission",
        "specified a rule",
        "user dismissed",
        "a rule which prevents",
    ];
    words.iter().any(|word| error.contains(word))
}

/// The beginning of a text that is too long to be looked at as a whole.
pub(crate) fn beginning(text: &str) -> &str {
    text.get(..text.floor_char_boundary(BYTES)).unwrap_or(text)
}

/// The beginning of a line.
fn line_of(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LINE_BYTES)).unwrap_or(text)
}

/// A word that says how many, in its form for one and for all other numbers.
fn matches(paint: &Paint, count: Option<u64>) -> String {
    let Some(count) = count else { return String::new() };
    let key = if count == 1 {
        "transcript.match"
    } else {
        "transcript.matches"
    };
    format!(
        " ({})",
        paint.scene.words.fill(key, &[("count", &count.to_string())])
    )
}

/// Draws a call.
pub(crate) fn draw(paint: &Paint, part: &Part, tool: &ToolPart) -> Drawn {
    let empty = None;
    let (input, metadata) = match &tool.state {
        ToolState::Pending { input, .. } => (Some(input), empty),
        ToolState::Running { input, metadata, .. } => (input.as_object(), metadata.as_ref()),
        ToolState::Completed { input, metadata, .. } => (input.as_object(), Some(metadata)),
        ToolState::Error { input, metadata, .. } => (input.as_object(), metadata.as_ref()),
    };
    let call = Call {
        part,
        tool,
        input: Input(input),
        metadata,
    };
    if call.is_completed() && !paint.scene.switches.tool_details {
        return Drawn::default();
    }
    let mut drawn = shown(paint, &call);
    if paint.is_plain() && !drawn.pieces.is_empty() {
        let words = paint.scene.words;
        let state = match &tool.state {
            _ if paint.scene.surroundings.is_asked_about(&tool.call_id) => "plain.asked",
            ToolState::Pending { .. } | ToolState::Running { .. } => "plain.running",
            ToolState::Completed { .. } => "plain.done",
            ToolState::Error { error, .. } if is_refusal(error) => "plain.refused",
            ToolState::Error { .. } => "plain.failed",
        };
        let name = safe::line(line_of(&tool.tool));
        let told = words.fill("plain.tool", &[("name", &name), ("state", words.get(state))]);
        drawn.pieces.insert(0, paint.heading(&told));
    }
    drawn
}

fn shown(paint: &Paint, call: &Call) -> Drawn {
    match call.tool.tool.as_str() {
        "bash" => output::bash(paint, call),
        "read" => files::read(paint, call),
        "write" => files::write(paint, call),
        "edit" => files::edit(paint, call),
        "apply_patch" => files::apply_patch(paint, call),
        "glob" => found(paint, call, "✱", "Glob", "count", "transcript.pending_glob"),
        "grep" => found(paint, call, "✱", "Grep", "matches", "transcript.pending_grep"),
        "webfetch" => {
            let text = call
                .input
                .text("url")
                .map(|url| format!("WebFetch {}", safe::line(line_of(url))));
            call.line(paint, "%", text.as_deref(), "transcript.pending_webfetch")
                .into()
        }
        "websearch" => websearch(paint, call).into(),
        "todowrite" => output::todos(paint, call),
        "question" => output::questions(paint, call),
        "task" => task::task(paint, call),
        "execute" => task::execute(paint, call),
        "skill" => {
            let text = call
                .input
                .text("name")
                .map(|name| format!("Skill \"{}\"", safe::line(line_of(name))));
            call.line(paint, "→", text.as_deref(), "transcript.pending_skill")
                .into()
        }
        _ => output::generic(paint, call),
    }
}

/// A search: what for, where, and how much was found.
fn found(paint: &Paint, call: &Call, sign: &str, name: &str, count: &str, pending: &'static str) -> Drawn {
    let text = call.input.text("pattern").map(|pattern| {
        let place = call
            .input
            .text("path")
            .map(|path| format!(" in {}", paint.path(line_of(path))));
        let found = matches(paint, call.fact(count).and_then(Value::as_u64));
        format!(
            "{name} \"{}\"{}{found}",
            safe::line(line_of(pattern)),
            place.unwrap_or_default()
        )
    });
    call.line(paint, sign, text.as_deref(), pending).into()
}

fn websearch(paint: &Paint, call: &Call) -> Piece {
    let name = match call.fact_text("provider") {
        Some("exa") => "Exa Web Search",
        Some("parallel") => "Parallel Web Search",
        _ => "Web Search",
    };
    let text = call.input.text("query").map(|query| {
        let count = call.fact("numResults").and_then(Value::as_u64).map(|count| {
            let key = if count == 1 {
                "transcript.result"
            } else {
                "transcript.results"
            };
            format!(
                " ({})",
                paint.scene.words.fill(key, &[("count", &count.to_string())])
            )
        });
        format!(
            "{name} \"{}\"{}",
            safe::line(line_of(query)),
            count.unwrap_or_default()
        )
    });
    call.line(paint, "◈", text.as_deref(), "transcript.pending_websearch")
}
