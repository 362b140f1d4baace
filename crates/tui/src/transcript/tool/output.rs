//! Tools whose result is text: commands, lists of what is to do, questions, and all that have no form of their
//! own.

use opencode_schema::PartId;
use ratatui::style::Style;
use serde_json::Value;

use super::{Call, Drawn, beginning, line_of};
use crate::row::{Row, Span, paragraph, wrap};
use crate::safe;
use crate::transcript::paint::{Paint, todo_state};
use crate::transcript::piece::Target;

/// Lines of a command's output that are seen while it is folded.
const COMMAND_LINES: usize = 10;
/// The same for tools without a form of their own.
const GENERIC_LINES: usize = 3;
/// Lines that are seen when it is unfolded.
const UNFOLDED_LINES: usize = 5000;

/// A command and what it printed.
pub(super) fn bash(paint: &Paint, call: &Call) -> Drawn {
    let command = call
        .input
        .text("command")
        .map(|command| safe::text(beginning(command)));
    let printed = call.fact_text("output").or_else(|| call.output());
    let (Some(command), Some(printed)) = (&command, printed.filter(|text| !text.is_empty())) else {
        let text = command.map(|command| command.into_owned());
        return call
            .line(paint, "$", text.as_deref(), "transcript.pending_bash")
            .into();
    };
    let width = paint.room.block();
    let is_moving = call.is_running() && !paint.scene.surroundings.is_asked_about(&call.tool.call_id);
    let sign = if is_moving && !paint.is_plain() {
        paint.spinner()
    } else {
        "$"
    };
    let mut rows = paragraph(&format!("{sign} {}", command.trim_end()), paint.plain(), width);
    let target = Target::Output(call.part.id.clone());
    let (shown, is_long) = folded(paint, &call.part.id, printed, COMMAND_LINES);
    if !shown.is_empty() {
        rows.push(Row::default());
        rows.extend(shown);
    }
    let folder = call
        .input
        .text("workdir")
        .map(|folder| paint.path(line_of(folder)));
    let title = folder.filter(|folder| folder != ".").map(|folder| {
        format!(
            "# {}",
            paint
                .scene
                .words
                .fill("transcript.running_in", &[("folder", &folder)])
        )
    });
    let piece = paint.block(title.as_deref(), rows, is_long.then_some(target));
    Drawn {
        pieces: vec![piece],
        is_moving,
        is_waiting: false,
    }
}

/// Rows of an output, folded unless the user unfolded it, and whether it can be folded.
fn folded(paint: &Paint, part: &PartId, printed: &str, lines: usize) -> (Vec<Row>, bool) {
    let width = paint.room.block();
    let is_cut = printed.len() > super::BYTES;
    let text = safe::output(beginning(printed));
    let text = text.trim();
    let letters = lines * paint.room.content().saturating_sub(6).max(20);
    // Only as much is counted as the answer needs.
    let is_long = text.split('\n').nth(lines).is_some() || text.chars().nth(letters).is_some();
    let is_open = paint.is_open(part);
    if !is_long {
        return (
            if text.is_empty() {
                Vec::new()
            } else {
                paragraph(text, paint.plain(), width)
            },
            false,
        );
    }
    let limit = if is_open { UNFOLDED_LINES } else { lines };
    let mut end = text
        .match_indices('\n')
        .nth(limit - 1)
        .map_or(text.len(), |(at, _)| at);
    if !is_open {
        end = end.min(text.char_indices().nth(letters).map_or(text.len(), |(at, _)| at));
    }
    let shown = text.get(..end).unwrap_or(text);
    let mut rows = paragraph(shown, paint.plain(), width);
    if end < text.len() || is_cut {
        rows.push(Row::text("…", paint.plain()));
    }
    if paint.room.is_printed {
        return (rows, false);
    }
    rows.push(Row::default());
    let key = if is_open {
        "transcript.collapse"
    } else {
        "transcript.expand"
    };
    rows.extend(wrap(
        vec![Span::frame(paint.scene.words.get(key), paint.muted())],
        width,
    ));
    (rows, true)
}

/// The list of what is to do.
pub(super) fn todos(paint: &Paint, call: &Call) -> Drawn {
    let todos = call
        .fact("todos")
        .filter(|_| call.is_completed())
        .and_then(Value::as_array);
    let Some(todos) = todos.filter(|todos| !todos.is_empty()) else {
        return call.line(paint, "⚙", None, "transcript.pending_todowrite").into();
    };
    let mut rows = Vec::new();
    for todo in todos.iter().take(500) {
        let text = |key: &str| todo.get(key).and_then(Value::as_str).unwrap_or_default();
        let (mark, style) = match text("status") {
            "completed" => ("[✓]", paint.muted()),
            "in_progress" => ("[•]", Style::new().fg(paint.scene.theme.warning)),
            _ => ("[ ]", paint.muted()),
        };
        let mark = match paint.is_plain() {
            true => format!("{}:", paint.scene.words.get(todo_state(text("status")))),
            false => mark.to_owned(),
        };
        let content = wrap(
            vec![Span::new(safe::line(line_of(text("content"))), style)],
            paint.room.block().saturating_sub(safe::width(&mark) + 1).max(1),
        );
        for (index, row) in content.into_iter().enumerate() {
            let head = if index == 0 {
                Span::new(format!("{mark} "), style)
            } else {
                Span::frame("    ", style)
            };
            rows.push(row.after(head));
        }
    }
    paint
        .block(
            Some(&format!("# {}", paint.scene.words.get("transcript.todos"))),
            rows,
            None,
        )
        .into()
}

/// What was asked and answered.
pub(super) fn questions(paint: &Paint, call: &Call) -> Drawn {
    let questions = call.input.get("questions").and_then(Value::as_array);
    let answers = call.fact("answers").and_then(Value::as_array);
    let (Some(questions), Some(answers)) = (questions, answers) else {
        let text = questions
            .filter(|questions| !questions.is_empty())
            .map(|questions| {
                let key = if questions.len() == 1 {
                    "transcript.asked_one"
                } else {
                    "transcript.asked_many"
                };
                paint
                    .scene
                    .words
                    .fill(key, &[("count", &questions.len().to_string())])
            });
        return call
            .line(paint, "→", text.as_deref(), "transcript.pending_question")
            .into();
    };
    let width = paint.room.block();
    let mut rows = Vec::new();
    for (index, question) in questions.iter().take(100).enumerate() {
        if index > 0 {
            rows.push(Row::default());
        }
        let asked = question
            .get("question")
            .and_then(Value::as_str)
            .unwrap_or_default();
        rows.extend(paragraph(&safe::text(beginning(asked)), paint.muted(), width));
        let chosen = answers.get(index).and_then(Value::as_array);
        let chosen: Vec<&str> = chosen.into_iter().flatten().filter_map(Value::as_str).collect();
        let answer = match chosen.is_empty() {
            true => paint.scene.words.get("transcript.no_answer").to_owned(),
            false => chosen.join(", "),
        };
        rows.extend(paragraph(&safe::text(beginning(&answer)), paint.plain(), width));
    }
    paint
        .block(
            Some(&format!("# {}", paint.scene.words.get("transcript.questions"))),
            rows,
            None,
        )
        .into()
}

/// A tool without a form of its own.
pub(super) fn generic(paint: &Paint, call: &Call) -> Drawn {
    let name = safe::line(line_of(&call.tool.tool));
    let text = format!("{name}{}", call.input.brief(&[]));
    let printed = call
        .output()
        .filter(|text| paint.scene.switches.generic_output && !text.trim().is_empty());
    let Some(printed) = printed else {
        return call
            .line(paint, "⚙", Some(&text), "transcript.pending_tool")
            .into();
    };
    let (rows, is_long) = folded(paint, &call.part.id, printed, GENERIC_LINES);
    let target = Target::Output(call.part.id.clone());
    paint
        .block(Some(&format!("# {text}")), rows, is_long.then_some(target))
        .into()
}
