//! What is told of messages that were taken back.

use opencode_schema::session::Revert;
use ratatui::style::Style;

use super::paint::Paint;
use super::piece::{Kind, Look, Piece, Target};
use crate::row::{Row, Span, wrap};
use crate::{diff, safe};

/// Files that are listed.
const FILES: usize = 100;

/// The block in the place of messages that were taken back.
pub(crate) fn piece(paint: &Paint, revert: &Revert, messages: usize) -> Piece {
    let theme = paint.scene.theme;
    let words = paint.scene.words;
    let key = if messages == 1 {
        "transcript.reverted_one"
    } else {
        "transcript.reverted_many"
    };
    let width = paint.room.block();
    let told = words.fill(key, &[("count", &messages.to_string())]);
    let mut rows = wrap(vec![Span::new(told, paint.muted())], width);
    rows.extend(wrap(
        vec![
            Span::new(paint.scene.redo_keys, paint.plain()),
            Span::new(format!(" {}", words.get("transcript.restore")), paint.muted()),
        ],
        width,
    ));
    let files = files(revert);
    if !files.is_empty() {
        rows.push(Row::default());
    }
    for (path, added, removed) in files.into_iter().take(FILES) {
        let mut line = vec![Span::new(safe::line(&path), paint.plain())];
        if added > 0 {
            line.push(Span::new(format!(" +{added}"), Style::new().fg(theme.diff_added)));
        }
        if removed > 0 {
            line.push(Span::new(
                format!(" -{removed}"),
                Style::new().fg(theme.diff_removed),
            ));
        }
        rows.extend(wrap(line, width));
    }
    let is_hovered = paint.hover == Some(&Target::Reverted);
    let look = Look {
        border: theme.background_panel,
        below_border: theme.background,
        background: if is_hovered {
            theme.background_element
        } else {
            theme.background_panel
        },
    };
    Piece::new(Kind::Apart, paint.room.block_rows(rows, look)).with_target(Target::Reverted)
}

/// The changed files with their added and removed lines.
fn files(revert: &Revert) -> Vec<(String, u64, u64)> {
    if let Some(files) = &revert.files {
        return files
            .iter()
            .map(|file| (file.path.clone(), file.additions, file.deletions))
            .collect();
    }
    let diff = revert.diff.as_deref().unwrap_or_default();
    diff::files(diff)
        .into_iter()
        .map(|file| (file.path.to_owned(), file.added, file.removed))
        .collect()
}
