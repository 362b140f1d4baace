//! What works beside the model: MCP servers, language servers, formatters, plugins (reference `tui.md` §10).

use ratatui::style::Color;
use serde_json::Value;

use crate::app::App;
use crate::dialog::Alert;
use crate::dialog::alert::Line;
use crate::safe;
use crate::theme::Theme;

type Paint = fn(&Theme) -> Color;

const TEXT: Paint = |theme| theme.text;
const MUTED: Paint = |theme| theme.text_muted;
const GOOD: Paint = |theme| theme.success;
const BAD: Paint = |theme| theme.error;
const CARE: Paint = |theme| theme.warning;

/// Shows it.
pub(crate) fn open(app: &mut App) {
    app.reload_mcp();
    let title = app.words.get("status.title");
    app.open_dialog(Alert::live(title, lines));
}

fn lines(app: &App) -> Vec<Line> {
    let words = &app.words;
    let mut lines: Vec<Line> = Vec::new();
    let count = |key, count: usize| {
        let text = words.fill(key, &[("count", &count.to_string())]);
        vec![(text, TEXT), (String::new(), TEXT)]
    };
    let row = |color: Paint, name: &str, what: &str| {
        vec![
            ("• ".to_owned(), color),
            (format!("{} ", safe::line(name)), TEXT),
            (safe::line(what).into_owned(), MUTED),
        ]
    };
    if app.store.mcp.is_empty() {
        lines.push(vec![(words.get("status.no_mcp").to_owned(), TEXT)]);
    } else {
        lines.push(count("status.mcp", app.store.mcp.len()));
    }
    for (name, server) in &app.store.mcp {
        let (color, what): (Paint, &str) = match server.status.as_str() {
            "connected" => (GOOD, words.get("mcp.connected")),
            "failed" => (BAD, server.error.as_deref().unwrap_or(words.get("mcp.failed"))),
            "needs_auth" => (CARE, words.get("mcp.needs_auth")),
            "needs_client_registration" => (CARE, words.get("mcp.needs_registration")),
            "disabled" => (MUTED, words.get("mcp.disabled")),
            _ => (MUTED, words.get("mcp.pending")),
        };
        lines.push(row(color, name, what));
    }
    if !app.store.lsp.is_empty() {
        lines.push(Vec::new());
        lines.push(count("status.lsp", app.store.lsp.len()));
        for server in &app.store.lsp {
            let color = if server.status == "connected" { GOOD } else { BAD };
            lines.push(row(color, &server.id, &server.root));
        }
    }
    let formatters: Vec<_> = app
        .store
        .formatters
        .iter()
        .filter(|formatter| formatter.enabled)
        .collect();
    lines.push(Vec::new());
    if formatters.is_empty() {
        lines.push(vec![(words.get("status.no_formatters").to_owned(), TEXT)]);
    } else {
        lines.push(count("status.formatters", formatters.len()));
    }
    for formatter in formatters {
        lines.push(row(GOOD, &formatter.name, ""));
    }
    let plugins = app.store.config.get("plugin").and_then(Value::as_array);
    if let Some(plugins) = plugins.filter(|plugins| !plugins.is_empty()) {
        lines.push(Vec::new());
        lines.push(count("status.plugins", plugins.len()));
        for plugin in plugins {
            let name = plugin.as_str().or_else(|| plugin.get(0).and_then(Value::as_str));
            lines.push(row(GOOD, name.unwrap_or_default(), ""));
        }
    }
    lines
}
