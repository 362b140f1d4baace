//! What marks in the prompt stand for, and its form on the wire and in the files of history and stash
//! (reference `tui.md` §9).

use std::ops::Range;

use serde_json::{Map, Value, json};
use unicode_segmentation::UnicodeSegmentation;

use crate::editor::{Editor, Mark, cells};

/// What a mark stands for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    /// A file, a folder, a picture, a resource of an MCP server.
    File(FilePart),
    /// An agent to be given a task.
    Agent {
        /// Its name.
        name: String,
    },
    /// Text that is shown folded.
    Text {
        /// All of it.
        text: String,
    },
}

/// A file of a prompt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FilePart {
    /// Its kind.
    pub(crate) mime: String,
    /// What it is called.
    pub(crate) filename: Option<String>,
    /// Where it is, or what it contains.
    pub(crate) url: String,
    /// Where it comes from.
    pub(crate) source: Source,
}

/// Where a file comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    /// The file system.
    File {
        /// Relative to the project, or absolute.
        path: String,
    },
    /// An MCP server.
    Resource {
        /// The server.
        client: String,
        /// Which of its resources.
        uri: String,
    },
}

impl FilePart {
    /// Reads a file of a message; `None` if it is none.
    pub(crate) fn from_wire(wire: &Value) -> Option<Self> {
        if wire.get("type").and_then(Value::as_str) != Some("file") {
            return None;
        }
        let filename = text(wire, "filename");
        let source = wire.get("source").unwrap_or(&Value::Null);
        let source = match source.get("type").and_then(Value::as_str) {
            Some("resource") => Source::Resource {
                client: text(source, "clientName").unwrap_or_default(),
                uri: text(source, "uri")?,
            },
            _ => Source::File {
                path: text(source, "path")
                    .or_else(|| filename.clone())
                    .unwrap_or_default(),
            },
        };
        Some(Self {
            mime: text(wire, "mime")?,
            filename,
            url: text(wire, "url")?,
            source,
        })
    }
}

/// A text of an object.
fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

/// A part with the mark that stands for it, in cells of the text as the reference counts them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placed {
    /// What the mark stands for.
    pub(crate) part: Part,
    /// Where it begins and ends.
    pub(crate) cells: Range<usize>,
    /// What it shows.
    pub(crate) value: String,
}

impl Placed {
    /// The form of `POST /session/{id}/message` and of the files.
    pub(crate) fn to_wire(&self) -> Value {
        let place = json!({"start": self.cells.start, "end": self.cells.end, "value": self.value});
        match &self.part {
            Part::Text { text } => json!({"type": "text", "text": text, "source": {"text": place}}),
            Part::Agent { name } => json!({"type": "agent", "name": name, "source": place}),
            Part::File(file) => {
                let mut wire = Map::new();
                wire.insert("type".into(), "file".into());
                wire.insert("mime".into(), file.mime.as_str().into());
                if let Some(filename) = &file.filename {
                    wire.insert("filename".into(), filename.as_str().into());
                }
                wire.insert("url".into(), file.url.as_str().into());
                let source = match &file.source {
                    // What was pasted names the path first; the order of keys is seen in the files.
                    Source::File { path } if file.url.starts_with("data:") => {
                        json!({"type": "file", "path": path, "text": place})
                    }
                    Source::File { path } => json!({"type": "file", "text": place, "path": path}),
                    Source::Resource { client, uri } => {
                        json!({"type": "resource", "text": place, "clientName": client, "uri": uri})
                    }
                };
                wire.insert("source".into(), source);
                Value::Object(wire)
            }
        }
    }

    /// Reads the form of the files and of messages; `None` if it is none that a mark can stand for.
    pub(crate) fn from_wire(wire: &Value) -> Option<Self> {
        let source = wire.get("source")?;
        let (part, place) = match wire.get("type")?.as_str()? {
            "text" => (
                Part::Text {
                    text: text(wire, "text")?,
                },
                source.get("text")?,
            ),
            "agent" => (
                Part::Agent {
                    name: text(wire, "name")?,
                },
                source,
            ),
            "file" => (Part::File(FilePart::from_wire(wire)?), source.get("text")?),
            _ => return None,
        };
        let number = |key: &str| {
            place
                .get(key)
                .and_then(Value::as_u64)
                .and_then(|n| usize::try_from(n).ok())
        };
        Some(Self {
            part,
            cells: number("start")?..number("end")?,
            value: text(place, "value")?,
        })
    }
}

/// The marks of a text with their places, in its order.
pub(crate) fn placed(editor: &Editor<Part>) -> Vec<Placed> {
    let (mut cells_before, mut end) = (0, 0);
    let text = editor.text();
    let slice = |range: Range<usize>| text.get(range).unwrap_or_default();
    editor
        .marks()
        .iter()
        .map(|mark| {
            let value = slice(mark.range.clone());
            cells_before += cells(slice(end..mark.range.start));
            let start = cells_before;
            cells_before += cells(value);
            end = mark.range.end;
            Placed {
                part: (*mark.data).clone(),
                cells: start..cells_before,
                value: value.to_owned(),
            }
        })
        .collect()
}

/// The marks that a text has for these parts: where they say, or else where their text is found first. A part
/// whose text is gone gets none.
pub(crate) fn marks(text: &str, parts: &[Placed]) -> Vec<Mark<Part>> {
    let mut marks: Vec<Mark<Part>> = Vec::new();
    for part in parts.iter().filter(|part| !part.value.is_empty()) {
        let told = byte_at(text, part.cells.start)
            .filter(|at| text.get(*at..).is_some_and(|rest| rest.starts_with(&part.value)));
        let found = text.match_indices(&part.value).map(|(at, _)| at);
        let free = told.into_iter().chain(found).find(|at| {
            let end = at + part.value.len();
            let is_free = |mark: &Mark<Part>| mark.range.end <= *at || end <= mark.range.start;
            marks.iter().all(is_free)
        });
        if let Some(at) = free {
            marks.push(Mark::new(at..at + part.value.len(), part.part.clone()));
        }
    }
    marks
}

/// The offset that stands behind a number of cells.
fn byte_at(text: &str, distance: usize) -> Option<usize> {
    let mut before = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        if before >= distance {
            return (before == distance).then_some(at);
        }
        before += if grapheme == "\n" { 1 } else { cells(grapheme) };
    }
    (before == distance).then_some(text.len())
}
