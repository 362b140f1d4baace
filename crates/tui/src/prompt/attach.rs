//! What is put into the prompt that is more than letters (reference `tui.md` §9): pastes, files whose path was
//! pasted, pictures of the clipboard, and what was chosen from the lists.

use std::ops::Range;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::autocomplete::{Action, Found, Lines, Pick, join};
use super::part::{FilePart, Part, Source};
use super::paste::{self, Kind};
use super::{Outcome, Prompt, StateFile};
use crate::bridge::Mention;

/// Files that may be read at the same time.
const PENDING: usize = 32;
/// What a path in an address may not contain as it is.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// A file that is being read because its path was pasted.
#[derive(Debug)]
pub(super) struct Pending {
    ticket: u64,
    path: String,
    kind: Kind,
    /// What was pasted, in case there is no such file.
    pasted: String,
}

/// What the clipboard has.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Clip {
    /// A picture.
    Image {
        /// Its kind.
        mime: String,
        /// The file.
        bytes: Vec<u8>,
    },
    /// Text.
    Text(String),
    /// Nothing that can be pasted.
    Nothing,
}

impl Prompt {
    /// Takes what the terminal pastes.
    pub(crate) fn paste(&mut self, pasted: &str) {
        let pasted = paste::normal(pasted);
        if pasted.trim().is_empty() {
            self.outcomes.push_back(Outcome::ReadClipboard);
            return;
        }
        let Some((path, kind)) = paste::path(&pasted).filter(|_| self.pending.len() < PENDING) else {
            self.put_text(&pasted);
            return;
        };
        self.next_ticket += 1;
        let ticket = self.next_ticket;
        self.outcomes.push_back(Outcome::ReadFile {
            ticket,
            path: path.clone(),
        });
        self.pending.push_back(Pending {
            ticket,
            path,
            kind,
            pasted,
        });
    }

    /// Takes what a file has whose path was pasted; without it, the path is text.
    pub(crate) fn file_read(&mut self, ticket: u64, content: Option<&[u8]>) {
        let Some(at) = self.pending.iter().position(|pending| pending.ticket == ticket) else {
            return;
        };
        let Some(pending) = self.pending.remove(at) else {
            return;
        };
        let name = pending
            .path
            .rsplit(['/', '\\'])
            .next()
            .unwrap_or_default()
            .to_owned();
        match (content, pending.kind) {
            (None, _) => self.put_text(&pending.pasted),
            (Some(source), Kind::Svg) => {
                let text = String::from_utf8_lossy(source).into_owned();
                let label = format!("[SVG: {name}]");
                self.put_mark(&label, Part::Text { text });
            }
            (Some(bytes), kind) => self.put_attachment(kind.mime(), bytes, name, pending.path),
        }
    }

    /// Takes what the clipboard has.
    pub(crate) fn clipboard(&mut self, clip: Clip) {
        match clip {
            Clip::Image { mime, bytes } => {
                self.put_attachment(&mime, &bytes, "clipboard".to_owned(), "clipboard".to_owned());
            }
            Clip::Text(text) => {
                let text = paste::normal(&text);
                if !text.trim().is_empty() {
                    self.put_text(&text);
                }
            }
            Clip::Nothing => {}
        }
    }

    fn put_text(&mut self, pasted: &str) {
        let trimmed = pasted.trim();
        let lines = paste::folded_lines(trimmed).filter(|_| !self.shows_pastes);
        match lines {
            Some(lines) => {
                let label = format!("[Pasted ~{lines} lines]");
                self.put_mark(
                    &label,
                    Part::Text {
                        text: trimmed.to_owned(),
                    },
                );
            }
            None => self.insert_text(pasted),
        }
    }

    fn put_attachment(&mut self, mime: &str, bytes: &[u8], filename: String, path: String) {
        let file = FilePart {
            mime: mime.to_owned(),
            filename: Some(filename),
            url: format!("data:{mime};base64,{}", STANDARD.encode(bytes)),
            source: Source::File { path },
        };
        let label = self.label(&file);
        self.put_mark(&label, Part::File(file));
    }

    /// What the mark of a file shows that is not named in the text: pictures and documents have numbers.
    pub(super) fn label(&self, file: &FilePart) -> String {
        let (name, kind) = if file.mime == Kind::Pdf.mime() {
            ("PDF", "application/pdf")
        } else if file.mime.starts_with("image/") {
            ("Image", "image/")
        } else {
            return format!("@{}", file.filename.as_deref().unwrap_or(&file.url));
        };
        let marks = self.editor.marks().iter();
        let same =
            marks.filter(|mark| matches!(&*mark.data, Part::File(file) if file.mime.starts_with(kind)));
        format!("[{name} {}]", same.count() + 1)
    }

    /// Writes a mark and a space behind it.
    pub(super) fn put_mark(&mut self, label: &str, part: Part) {
        let cursor = self.editor.cursor();
        let range = self.editor.selection().unwrap_or(cursor..cursor);
        self.editor.insert_mark(range, label, part);
        self.editor.insert(" ");
        self.follow(true);
    }

    /// Takes the chosen row of the list; with `descends` a folder is looked into instead.
    pub(super) fn choose(&mut self, descends: bool) {
        let Some((at, row)) = self.autocomplete.chosen() else {
            return;
        };
        let range = at..self.editor.cursor();
        let directory = self.autocomplete.sources.directory.clone();
        let (label, part, path) = match row.pick {
            Pick::Slash(Action::Run(id)) => {
                self.editor.clear();
                self.autocomplete.hide();
                self.outcomes.push_back(Outcome::Run(id));
                return;
            }
            Pick::Slash(Action::Write(name)) => {
                self.editor.replace(range, &format!("/{name} "));
                self.autocomplete.hide();
                return;
            }
            Pick::File(found, _) if descends && found.is_directory => {
                let path = found.path.trim_end_matches('/');
                self.editor.replace(range, &format!("@{path}/"));
                self.follow(true);
                return;
            }
            Pick::File(found, lines) => file(&directory, found, lines),
            Pick::Reference(reference) => {
                let file = FilePart {
                    mime: mime(true),
                    filename: Some(reference.name.clone()),
                    url: address(&join(&directory, &reference.path)),
                    source: Source::File {
                        path: reference.name.clone(),
                    },
                };
                let noted = join(&directory, &reference.name);
                (reference.name, Part::File(file), Some(noted))
            }
            Pick::Agent(name) => (name.clone(), Part::Agent { name }, None),
            Pick::Resource(resource) => {
                let file = FilePart {
                    mime: resource.mime.unwrap_or_else(|| mime(false)),
                    filename: Some(resource.name.clone()),
                    url: resource.uri.clone(),
                    source: Source::Resource {
                        client: resource.client,
                        uri: resource.uri,
                    },
                };
                (resource.name, Part::File(file), None)
            }
        };
        self.put_name(range, &label, part, path);
    }

    /// Writes the mark of a file that an editor mentions: in place of a name that is being written, else at the
    /// cursor.
    pub(crate) fn mention(&mut self, mention: &Mention) {
        let directory = self.autocomplete.sources.directory.clone();
        let path = mention.path.trim_end_matches('/');
        let inside = Path::new(path).strip_prefix(&directory).ok();
        let inside = inside.and_then(Path::to_str).filter(|inside| !inside.is_empty());
        let found = Found {
            path: inside.unwrap_or(path).to_owned(),
            is_directory: false,
        };
        let number = |line: i64| u32::try_from(line).unwrap_or(0);
        let lines = Lines {
            start: number(mention.line_start),
            end: (mention.line_end > mention.line_start).then(|| number(mention.line_end)),
        };
        let cursor = self.editor.cursor();
        let at = self.autocomplete.name_at().unwrap_or(cursor).min(cursor);
        let (label, part, path) = file(&directory, found, Some(lines));
        self.put_name(at..cursor, &label, part, path);
    }

    /// Writes the mark of something that has a name; a path is remembered as used.
    fn put_name(&mut self, range: Range<usize>, label: &str, part: Part, path: Option<String>) {
        if let Some(path) = path {
            let write = self.frecency.note(&path, self.now);
            self.outcomes
                .push_back(Outcome::Write(StateFile::Frecency, write));
        }
        let rest = self.editor.text().get(range.end..).unwrap_or_default();
        let is_apart = rest.starts_with(' ');
        self.editor.insert_mark(range, &format!("@{label}"), part);
        if !is_apart {
            self.editor.insert(" ");
        }
        self.autocomplete.hide();
    }
}

/// A file by its name: what its mark shows, what it stands for, and where the file is.
fn file(directory: &str, found: Found, lines: Option<Lines>) -> (String, Part, Option<String>) {
    let suffix = lines.map(|lines| lines.suffix()).unwrap_or_default();
    let query = lines.map(|lines| lines.query()).unwrap_or_default();
    let whole = join(directory, &found.path);
    let slash = if found.is_directory { "/" } else { "" };
    let file = FilePart {
        mime: mime(found.is_directory),
        filename: Some(found.path.clone() + &suffix),
        url: address(&whole) + slash + &query,
        source: Source::File {
            path: found.path.clone(),
        },
    };
    (found.path + &suffix, Part::File(file), Some(whole))
}

fn mime(is_directory: bool) -> String {
    if is_directory {
        "application/x-directory"
    } else {
        "text/plain"
    }
    .to_owned()
}

fn address(path: &str) -> String {
    format!("file://{}", utf8_percent_encode(path, PATH))
}
