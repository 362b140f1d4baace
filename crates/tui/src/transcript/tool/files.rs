//! Tools that read and change files.

use ratatui::style::Style;
use serde_json::Value;

use super::{Call, Drawn, beginning, line_of};
use crate::diff;
use crate::highlight::Language;
use crate::row::{Row, Span, paragraph, wrap};
use crate::safe;
use crate::transcript::paint::Paint;
use crate::transcript::piece::{Kind, Piece};
use crate::transcript::scene::DiffStyle;

/// A wider transcript shows differences side by side. Parity: `tui.md` §4.
const SPLIT_WIDTH: usize = 120;
/// Lines of a written file that are shown.
const LINES: usize = 2000;
/// Diagnostics that are shown of a file.
const DIAGNOSTICS: usize = 3;
/// Instruction files and files of a patch that are listed.
const FILES: usize = 100;

/// A file that was read, with the instructions that came along.
pub(super) fn read(paint: &Paint, call: &Call) -> Drawn {
    let text = call.input.text("filePath").map(|path| {
        format!(
            "Read {}{}",
            paint.path(line_of(path)),
            call.input.brief(&["filePath"])
        )
    });
    let mut pieces = vec![call.line(paint, "→", text.as_deref(), "transcript.pending_read")];
    let loaded = call.fact("loaded").and_then(Value::as_array);
    for path in loaded.into_iter().flatten().filter_map(Value::as_str).take(FILES) {
        let path = paint.path(line_of(path));
        let text = paint.scene.words.fill("transcript.loaded", &[("path", &path)]);
        pieces.push(Piece::new(
            Kind::Inline,
            paint.below(&format!("↳ {text}"), paint.muted()),
        ));
    }
    Drawn {
        pieces,
        ..Drawn::default()
    }
}

/// A file that was written, with what stands in it.
pub(super) fn write(paint: &Paint, call: &Call) -> Drawn {
    let path = call.input.text("filePath");
    let content = call.input.text("content");
    let (Some(path), true) = (path, call.is_completed()) else {
        let text = path.map(|path| format!("Write {}", paint.path(line_of(path))));
        return call
            .line(paint, "←", text.as_deref(), "transcript.pending_write")
            .into();
    };
    let (mut rows, is_waiting) = code(paint, path, content.unwrap_or_default());
    rows.extend(diagnostics(paint, call, path));
    let title = paint
        .scene
        .words
        .fill("transcript.wrote", &[("path", &paint.path(line_of(path)))]);
    let piece = paint.block(Some(&format!("# {title}")), rows, None);
    Drawn {
        pieces: vec![piece],
        is_waiting,
        is_moving: false,
    }
}

/// Numbered lines of a file in colour.
fn code(paint: &Paint, path: &str, content: &str) -> (Vec<Row>, bool) {
    let theme = paint.scene.theme;
    let code = safe::text(beginning(content));
    let colors = paint
        .scene
        .highlighter
        .colors(Language::of_file(path).as_ref(), &code);
    let count = code.split('\n').count();
    let digits = count.min(LINES).to_string().len();
    let room = paint.room.block().saturating_sub(digits + 2).max(1);
    let base = Style::new().fg(theme.text);
    let mut rows = Vec::new();
    for (index, line) in code.split('\n').take(LINES).enumerate() {
        let line = line
            .get(..line.floor_char_boundary(8 * super::LINE_BYTES))
            .unwrap_or(line);
        for (part, row) in wrap(colors.line(index, line, base, theme), room)
            .into_iter()
            .enumerate()
        {
            let number = if part == 0 {
                format!(" {:>digits$} ", index + 1)
            } else {
                " ".repeat(digits + 2)
            };
            rows.push(row.after(Span::frame(number, paint.muted())));
        }
    }
    if count > LINES || code.len() < content.len().min(super::BYTES) {
        rows.push(Row::text("…", paint.muted()));
    }
    (rows, colors.is_waiting)
}

/// The first errors that a language server found in a file.
fn diagnostics(paint: &Paint, call: &Call, path: &str) -> Vec<Row> {
    let style = Style::new().fg(paint.scene.theme.error);
    let found = call
        .fact("diagnostics")
        .and_then(|all| all.get(path))
        .and_then(Value::as_array);
    let is_error = |found: &&Value| {
        found
            .get("severity")
            .and_then(Value::as_u64)
            .is_none_or(|level| level == 1)
    };
    let mut rows = Vec::new();
    for found in found.into_iter().flatten().filter(is_error).take(DIAGNOSTICS) {
        let at = |key: &str| {
            let number = found
                .pointer(&format!("/range/start/{key}"))
                .and_then(Value::as_u64);
            number.unwrap_or(0).saturating_add(1)
        };
        let message = found.get("message").and_then(Value::as_str).unwrap_or_default();
        let text = format!(
            "{} [{}:{}] {}",
            paint.scene.words.get("transcript.diagnostic"),
            at("line"),
            at("character"),
            safe::text(line_of(message))
        );
        rows.extend(paragraph(&text, style, paint.room.block()));
    }
    if !rows.is_empty() {
        rows.insert(0, Row::default());
    }
    rows
}

/// A file that was changed.
pub(super) fn edit(paint: &Paint, call: &Call) -> Drawn {
    let path = call.input.text("filePath");
    let patch = call.fact_text("diff").filter(|_| call.is_completed());
    let (Some(path), Some(patch)) = (path, patch) else {
        let text = path.map(|path| {
            let brief = call.input.brief(&["filePath", "oldString", "newString"]);
            format!("Edit {}{brief}", paint.path(line_of(path)))
        });
        return call
            .line(paint, "←", text.as_deref(), "transcript.pending_edit")
            .into();
    };
    let mut drawn = difference(paint, patch, path);
    drawn.rows.extend(diagnostics(paint, call, path));
    let shown = paint.path(line_of(path));
    let title = match paint.room.is_printed {
        true => format!("# {}", paint.scene.words.fill("mini.edited", &[("path", &shown)])),
        false => format!("← Edit {shown}"),
    };
    let piece = paint.block(Some(&title), drawn.rows, None);
    Drawn {
        pieces: vec![piece],
        is_waiting: drawn.is_waiting,
        is_moving: false,
    }
}

/// Files that were patched.
pub(super) fn apply_patch(paint: &Paint, call: &Call) -> Drawn {
    let files = call
        .fact("files")
        .filter(|_| call.is_completed())
        .and_then(Value::as_array);
    let Some(files) = files.filter(|files| !files.is_empty()) else {
        let text = (!call.is_running() || call.input.text("patchText").is_some()).then(|| "Patch".to_owned());
        return call
            .line(paint, "%", text.as_deref(), "transcript.pending_patch")
            .into();
    };
    let words = paint.scene.words;
    let mut drawn = Drawn::default();
    for file in files.iter().take(FILES) {
        let text = |key: &str| file.get(key).and_then(Value::as_str).unwrap_or_default();
        let path = if text("filePath").is_empty() {
            text("relativePath")
        } else {
            text("filePath")
        };
        let shown = paint.path(line_of(path));
        let moved = paint.path(line_of(text("movePath")));
        let title = match text("type") {
            "add" => format!("# {}", words.fill("transcript.created", &[("path", &shown)])),
            "delete" => format!("# {}", words.fill("transcript.deleted", &[("path", &shown)])),
            "move" => format!(
                "# {}",
                words.fill("transcript.moved", &[("from", &shown), ("to", &moved)])
            ),
            _ => format!("← {}", words.fill("transcript.patched", &[("path", &shown)])),
        };
        let mut rows = Vec::new();
        if text("type") == "delete" {
            let count = file.get("deletions").and_then(Value::as_u64).unwrap_or(0);
            let key = if count == 1 {
                "transcript.removed_one"
            } else {
                "transcript.removed_many"
            };
            let told = words.fill(key, &[("count", &count.to_string())]);
            rows.push(Row::text(told, Style::new().fg(paint.scene.theme.diff_removed)));
        } else {
            let patch = if text("patch").is_empty() {
                text("diff")
            } else {
                text("patch")
            };
            let difference = difference(
                paint,
                patch,
                if moved.is_empty() { path } else { text("movePath") },
            );
            drawn.is_waiting |= difference.is_waiting;
            rows.extend(difference.rows);
        }
        rows.extend(diagnostics(paint, call, path));
        drawn.pieces.push(paint.block(Some(&title), rows, None));
    }
    drawn
}

/// A difference in a block, one cell further in than its title.
fn difference(paint: &Paint, patch: &str, path: &str) -> diff::Drawn {
    let switches = paint.scene.switches;
    let look = diff::Look {
        theme: paint.scene.theme,
        highlighter: paint.scene.highlighter,
        width: paint.room.block().saturating_sub(1).max(1),
        wrap: switches.diff_wrap,
        is_split: switches.diff_style == DiffStyle::Auto && paint.room.content() > SPLIT_WIDTH,
    };
    let mut drawn = diff::rows(beginning(patch), path, look);
    for row in &mut drawn.rows {
        row.spans.insert(0, Span::frame(" ", Style::new()));
    }
    drawn
}
