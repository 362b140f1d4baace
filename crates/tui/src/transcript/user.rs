//! Messages of the user.

use jiff::Timestamp;
use opencode_schema::part::FilePart;
use opencode_schema::{MessageWithParts, PartBody, UserMessage};
use ratatui::style::{Color, Modifier, Style};

use super::paint::Paint;
use super::piece::{Kind, Look, Piece, Target};
use super::scene::Scene;
use crate::row::{Row, Span, paragraph, wrap};
use crate::safe;

/// A message of the user: what was written, what was attached, when, and whether it waits.
pub(crate) fn pieces(
    paint: &Paint,
    message: &MessageWithParts,
    user: &UserMessage,
    is_queued: bool,
) -> Vec<Piece> {
    let color = paint.scene.surroundings.agent_color(&user.agent);
    let mut pieces = Vec::new();
    let texts = message.parts.iter().filter_map(|part| match &part.body {
        PartBody::Text(text) if text.synthetic != Some(true) => Some(safe::text(&text.text)),
        _ => None,
    });
    let text = texts
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join("\n");
    let files = message.parts.iter().filter_map(|part| match &part.body {
        PartBody::File(file) => Some(file),
        _ => None,
    });
    let files: Vec<&FilePart> = files.collect();
    if !text.is_empty() || !files.is_empty() {
        if paint.is_plain() {
            pieces.push(paint.heading(paint.scene.words.get("plain.you")));
        }
        pieces.push(block(paint, user, &text, &files, is_queued, color));
    }
    if message
        .parts
        .iter()
        .any(|part| matches!(part.body, PartBody::Compaction(_)))
    {
        pieces.push(compaction(paint));
    }
    pieces
}

fn block(
    paint: &Paint,
    user: &UserMessage,
    text: &str,
    files: &[&FilePart],
    is_queued: bool,
    color: Color,
) -> Piece {
    let theme = paint.scene.theme;
    let width = paint.room.block();
    let style = match paint.room.is_printed {
        true => Style::new().fg(theme.primary),
        false => paint.plain(),
    };
    let marked = match paint.room.is_printed {
        true => format!("› {text}"),
        false => text.to_owned(),
    };
    let target = Target::Message(paint.message.clone());
    let mut rows = if text.is_empty() {
        Vec::new()
    } else {
        paragraph(&marked, style, width)
    };
    if !files.is_empty() {
        if !rows.is_empty() {
            rows.push(Row::default());
        }
        let mut line = Vec::new();
        for file in files {
            let (kind, name) = chip(paint, file);
            line.push(Span::new(
                format!(" {kind} "),
                Style::new().fg(theme.background).bg(theme.secondary),
            ));
            line.push(Span::new(
                format!(" {name} "),
                paint.muted().bg(theme.background_element),
            ));
            line.push(Span::new(" ", Style::new()));
        }
        rows.extend(wrap(line, width));
    }
    if is_queued && !paint.room.is_printed {
        let style = Style::new()
            .fg(theme.background)
            .bg(color)
            .add_modifier(Modifier::BOLD);
        let badge = format!(" {} ", paint.scene.words.get("transcript.queued"));
        rows.push(Row::new(vec![Span::frame(badge, style)]));
    } else if paint.scene.switches.timestamps {
        let time = clock(paint.scene, user.time.created);
        rows.push(Row::new(vec![Span::frame(time, paint.muted())]));
    }
    let is_hovered = paint.hover == Some(&target);
    let look = Look {
        border: color,
        below_border: theme.background,
        background: if is_hovered {
            theme.background_element
        } else {
            theme.background_panel
        },
    };
    Piece::new(Kind::Apart, paint.room.block_rows(rows, look)).with_target(target)
}

/// The two halves of the chip of an attached file: its kind and its name.
fn chip<'a>(paint: &Paint<'a>, file: &FilePart) -> (&'a str, String) {
    let words = paint.scene.words;
    let kind = match file.mime.as_str() {
        "application/x-directory" => words.get("transcript.chip_directory"),
        "application/pdf" => words.get("transcript.chip_pdf"),
        mime if mime.starts_with("image/") => words.get("transcript.chip_image"),
        _ => words.get("transcript.chip_file"),
    };
    let name = file
        .filename
        .as_deref()
        .unwrap_or(if file.url.starts_with("data:") {
            ""
        } else {
            &file.url
        });
    (
        kind,
        safe::cut(&safe::line(name), paint.room.block().saturating_sub(16).max(8)).into_owned(),
    )
}

/// The place where a conversation was shortened.
fn compaction(paint: &Paint) -> Piece {
    let title = format!(" {} ", paint.scene.words.get("transcript.compaction"));
    let width = paint.room.content();
    let free = width.saturating_sub(safe::width(&title));
    let line = Style::new().fg(paint.scene.theme.border_active);
    let margin = if paint.room.is_printed {
        0
    } else {
        super::piece::MARGIN
    };
    let row = Row::new(vec![
        Span::frame(" ".repeat(margin), Style::new()),
        Span::frame("─".repeat(free / 2), line),
        Span::new(title, line),
        Span::frame("─".repeat(free - free / 2), line),
    ]);
    Piece::new(Kind::Apart, vec![row])
}

/// A time as people say it: of today the time alone, else with the date.
pub(crate) fn clock(scene: &Scene, at: i64) -> String {
    let zoned = |at: i64| {
        Timestamp::from_millisecond(at)
            .ok()
            .map(|at| at.to_zoned(scene.zone.clone()))
    };
    let (Some(then), Some(now)) = (zoned(at), zoned(scene.now)) else {
        return String::new();
    };
    let format = if then.date() == now.date() {
        "%-I:%M %p"
    } else {
        "%-I:%M %p · %-m/%-d/%Y"
    };
    then.strftime(format).to_string()
}
