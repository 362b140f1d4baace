//! Messages of the model: text, thoughts, errors and the line at the end of a turn. Tools have
//! [a module of their own](super::tool).

use opencode_schema::part::ReasoningPart;
use opencode_schema::{AssistantMessage, MessageError, PartId};
use ratatui::style::{Modifier, Style};

use super::paint::{Paint, blend, capitalised, duration};
use super::piece::{Kind, Look, Piece, Target};
use super::tool::Drawn;
use crate::row::{Row, Span, paragraph, wrap};
use crate::{markdown, safe};

/// A thought: its title alone, or with its text (reference `tui.md` §4).
pub(crate) fn reasoning(paint: &Paint, id: &PartId, part: &ReasoningPart, is_running: bool) -> Drawn {
    let theme = paint.scene.theme;
    let words = paint.scene.words;
    let text = safe::text(&part.text).replace("[REDACTED]", "");
    let (title, body) = titled(text.trim());
    let is_open_ended = is_running && part.time.end.is_none();
    if text.trim().is_empty() && (part.metadata.is_none() || is_open_ended) {
        return Drawn::default();
    }
    let name = if is_open_ended || paint.room.is_printed {
        words.get("transcript.thinking")
    } else {
        words.get("transcript.thought")
    };
    let lasted = part
        .time
        .end
        .map(|end| duration(end.saturating_sub(part.time.start)));
    let mut line = name.to_owned();
    match (title, &lasted) {
        (Some(title), Some(lasted)) => line.push_str(&format!(": {title} · {lasted}")),
        (Some(title), None) => line.push_str(&format!(": {title}")),
        (None, Some(lasted)) if !body.is_empty() => line.push_str(&format!(": {lasted}")),
        (None, Some(lasted)) => line.push_str(&format!(" · {lasted}")),
        (None, None) => {}
    }
    let target = Target::Thought(id.clone());
    let faint = |color| blend(color, theme.background, theme.thinking_opacity);
    if paint.scene.switches.thinking || paint.room.is_printed {
        // A thought that is printed is told at once, before it is known how long it takes.
        let line = match title {
            Some(title) if paint.room.is_printed => format!("{name}: {title}"),
            None if paint.room.is_printed => name.to_owned(),
            _ => line,
        };
        let head = paint.room.indented(wrap(
            vec![Span::new(line, faint(theme.warning))],
            paint.room.text(),
        ));
        let mut pieces = vec![Piece::new(Kind::Apart, head)];
        if !body.is_empty() {
            let (piece, is_waiting) = thought_body(paint, body, 0);
            pieces.push(piece);
            return Drawn {
                pieces,
                is_waiting,
                is_moving: false,
            };
        }
        return Drawn {
            pieces,
            ..Drawn::default()
        };
    }
    let style = Style::new().fg(theme.warning);
    if is_open_ended {
        let piece = Piece::new(Kind::Apart, paint.line(paint.spinner(), &line, style));
        return Drawn {
            is_moving: true,
            ..piece.into()
        };
    }
    if body.is_empty() {
        let rows = wrap(vec![Span::new(line, style)], paint.room.text());
        return Piece::new(Kind::Apart, paint.room.indented(rows)).into();
    }
    if !paint.is_open(id) {
        return Piece::new(Kind::Apart, paint.line("+", &line, style))
            .with_target(target)
            .into();
    }
    let head = Piece::new(Kind::Apart, paint.line("-", &line, faint(theme.warning).into()));
    let (piece, is_waiting) = thought_body(paint, body, 2);
    Drawn {
        pieces: vec![head.with_target(target.clone()), piece.with_target(target)],
        is_waiting,
        is_moving: false,
    }
}

/// The text of a thought, in colours that are seen through.
fn thought_body(paint: &Paint, body: &str, indent: usize) -> (Piece, bool) {
    let look = markdown::Look {
        theme: paint.scene.theme,
        highlighter: paint.scene.highlighter,
        width: paint.room.text().saturating_sub(indent).max(1),
        conceal: paint.scene.switches.conceal,
    };
    let theme = paint.scene.theme;
    let (mut rows, is_waiting) = markdown::rows(body, look);
    for row in &mut rows {
        for span in &mut row.spans {
            let color = span.style.fg.unwrap_or(theme.text);
            span.style = span
                .style
                .fg(blend(color, theme.background, theme.thinking_opacity));
        }
        if indent > 0 {
            row.spans.insert(0, Span::frame(" ".repeat(indent), Style::new()));
        }
    }
    (Piece::new(Kind::Apart, paint.room.indented(rows)), is_waiting)
}

/// The title at the beginning of a thought, in bold there, and the rest of it.
fn titled(text: &str) -> (Option<&str>, &str) {
    let split = text.strip_prefix("**").and_then(|rest| rest.split_once("**"));
    match split {
        Some((title, rest)) if !title.trim().is_empty() && !title.contains('\n') && starts_line(rest) => {
            (Some(title.trim()), rest.trim())
        }
        _ => (None, text),
    }
}

fn starts_line(rest: &str) -> bool {
    rest.is_empty() || rest.trim_start_matches([' ', '\t']).starts_with('\n')
}

/// Why a message failed. That it was stopped is told by its end line.
pub(crate) fn error(paint: &Paint, error: &MessageError) -> Option<Piece> {
    if matches!(error, MessageError::Aborted { .. }) {
        return None;
    }
    let theme = paint.scene.theme;
    if paint.room.is_printed {
        let text = safe::text(error.message());
        let shown = super::tool::beginning(text.trim());
        let style = Style::new().fg(theme.error).add_modifier(Modifier::BOLD);
        return Some(Piece::new(
            Kind::Apart,
            paragraph(shown, style, paint.room.text()),
        ));
    }
    let look = Look {
        border: theme.error,
        below_border: theme.background_panel,
        background: theme.background_panel,
    };
    let text = safe::text(error.message());
    let shown = super::tool::beginning(text.trim());
    let rows = paragraph(shown, paint.muted(), paint.room.block());
    Some(Piece::new(Kind::Apart, paint.room.block_rows(rows, look)))
}

/// The line at the end of a turn: who answered and how long it took.
pub(crate) fn end_line(paint: &Paint, message: &AssistantMessage, asked: Option<i64>) -> Piece {
    let scene = paint.scene;
    let is_stopped = matches!(message.error, Some(MessageError::Aborted { .. }));
    let mark = if is_stopped {
        scene.theme.text_muted
    } else {
        scene.surroundings.agent_color(&message.agent)
    };
    let agent = if message.agent.is_empty() {
        &message.mode
    } else {
        &message.agent
    };
    let model = scene
        .surroundings
        .model_name(&message.provider_id, &message.model_id);
    let mut facts = format!(" · {}", safe::line(&model));
    let took = message
        .time
        .completed
        .zip(asked)
        .filter(|_| is_final(message) || paint.room.is_printed);
    if let Some((end, start)) = took {
        facts.push_str(&format!(" · {}", duration(end.saturating_sub(start))));
    }
    if is_stopped {
        facts.push_str(&format!(" · {}", scene.words.get("transcript.interrupted")));
    }
    let line = vec![
        Span::new(
            match (paint.is_plain(), paint.room.is_printed) {
                (true, _) => "",
                (false, true) => "▣ ",
                (false, false) => "▣  ",
            },
            Style::new().fg(mark),
        ),
        Span::new(capitalised(&safe::line(agent)), paint.plain()),
        Span::new(facts, paint.muted()),
    ];
    let rows: Vec<Row> = wrap(line, paint.room.text());
    Piece::new(Kind::Apart, paint.room.indented(rows))
}

/// Whether the model had nothing more to do after a message.
pub(crate) fn is_final(message: &AssistantMessage) -> bool {
    message
        .finish
        .as_deref()
        .is_some_and(|finish| !matches!(finish, "tool-calls" | "unknown"))
}
