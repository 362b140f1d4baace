//! What is asked for, in words: a row of data for each kind of permission.

use opencode_schema::permission::Request;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use serde_json::Value;

use crate::app::App;
use crate::paint;
use crate::row;
use crate::safe;
use crate::theme::Theme;
use crate::transcript::paint::capitalised;

/// A row of the panel's body.
pub(super) enum Row {
    /// A text in a colour.
    Text(String, fn(&Theme) -> Color),
    /// A row of a diff.
    Styled(row::Row),
}

impl Row {
    pub(super) fn draw(&self, theme: &Theme, area: Rect, y: u16, buffer: &mut Buffer) {
        match self {
            Self::Text(text, color) => {
                let text = paint::cut(text, usize::from(area.width));
                paint::text(buffer, area.x, y, &text, Style::new().fg(color(theme)));
            }
            // Its rows have a free column before their numbers.
            Self::Styled(row) => row.draw(buffer, area.x.saturating_sub(1), y, area.width),
        }
    }
}

const TEXT: fn(&Theme) -> Color = |theme| theme.text;
const MUTED: fn(&Theme) -> Color = |theme| theme.text_muted;

/// What a request says of a name.
fn fact<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.metadata.get(name).and_then(Value::as_str)
}

/// The body of a request in rows of a width.
pub(super) fn of(app: &App, request: &Request, width: usize) -> Vec<Row> {
    let words = &app.words;
    let first = request.patterns.first().map_or("", String::as_str);
    let path = |name: &str| app.path(fact(request, name).unwrap_or(first));
    let (heading, detail) = match request.permission.as_str() {
        "edit" => (
            format!("→ {} {}", words.get("permission.edit"), path("filepath")),
            None,
        ),
        "read" => (
            format!("→ {} {}", words.get("permission.read"), path("filepath")),
            None,
        ),
        "list" => (
            format!("→ {} {}", words.get("permission.list"), path("path")),
            None,
        ),
        "glob" => (
            format!("✱ Glob \"{}\"", fact(request, "pattern").unwrap_or(first)),
            None,
        ),
        "grep" => (
            format!("✱ Grep \"{}\"", fact(request, "pattern").unwrap_or(first)),
            None,
        ),
        "bash" => {
            let command = fact(request, "command").unwrap_or(first);
            let heading = fact(request, "description").unwrap_or(words.get("permission.bash"));
            (format!("# {heading}"), Some(format!("$ {command}")))
        }
        "task" => {
            let agent = fact(request, "subagent_type").unwrap_or(first);
            let heading = words.fill("permission.task", &[("agent", &capitalised(agent))]);
            let detail = fact(request, "description").map(|text| format!("◉ {text}"));
            (format!("# {heading}"), detail)
        }
        "webfetch" => (
            format!("% WebFetch {}", fact(request, "url").unwrap_or(first)),
            None,
        ),
        "websearch" => (
            format!(
                "◈ {} \"{}\"",
                words.get("permission.search"),
                fact(request, "query").unwrap_or(first)
            ),
            None,
        ),
        "external_directory" => {
            let directory = fact(request, "parentDir")
                .or(fact(request, "filepath"))
                .unwrap_or(first);
            let heading = words.fill("permission.directory", &[("directory", &app.path(directory))]);
            (format!("← {heading}"), Some(list(&request.patterns)))
        }
        "doom_loop" => (
            format!("⟳ {}", words.get("permission.loop")),
            Some(words.get("permission.loop.why").to_owned()),
        ),
        tool => {
            let heading = words.fill("permission.tool", &[("tool", tool)]);
            (format!("⚙ {heading}"), None)
        }
    };
    let mut rows = text(&format!("  {heading}"), width, TEXT);
    if let Some(detail) = detail {
        rows.push(Row::Text(String::new(), TEXT));
        rows.extend(text(&detail, width, TEXT));
    }
    if let Some(diff) = fact(request, "diff").filter(|diff| !diff.is_empty()) {
        rows.push(Row::Text(String::new(), TEXT));
        let name = fact(request, "filepath").unwrap_or(first);
        rows.extend(app.diff_rows(diff, name, width).into_iter().map(Row::Styled));
    }
    rows
}

/// What «always» would allow.
pub(super) fn always(app: &App, request: &Request, width: usize) -> Vec<Row> {
    let words = &app.words;
    if request.always.iter().any(|pattern| pattern == "*") || request.always.is_empty() {
        let told = words.fill("permission.always.all", &[("permission", &request.permission)]);
        return text(&told, width, MUTED);
    }
    let mut rows = vec![Row::Text(String::new(), TEXT)];
    rows.extend(text(words.get("permission.always.patterns"), width, MUTED));
    rows.push(Row::Text(String::new(), TEXT));
    rows.extend(text(&list(&request.always), width, TEXT));
    rows
}

/// What the reason of a refusal is for.
pub(super) fn reason(app: &App, width: usize) -> Vec<Row> {
    text(app.words.get("permission.reject.why"), width, MUTED)
}

fn text(text: &str, width: usize, color: fn(&Theme) -> Color) -> Vec<Row> {
    let rows = paint::wrap(&safe::text(text), width);
    rows.into_iter().map(|row| Row::Text(row, color)).collect()
}

fn list(patterns: &[String]) -> String {
    let lines: Vec<String> = patterns.iter().map(|pattern| format!("- {pattern}")).collect();
    lines.join("\n")
}
