//! Reading without asking: one page of a file or folder as a tool's output.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use opencode_project::place::{Kind as EntryKind, Place};
use opencode_schema::Object;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::kind::{self, Kind};
use super::{folder, lines};
use crate::contract::{Attachment, Failure, Output, Scope};

/// Lines or entries of a page when nobody says how many.
const DEFAULT_LIMIT: u64 = 2000;

/// Lines or entries of the preview.
const PREVIEW: usize = 20;

/// Bytes from which the kind of a file is told.
const SAMPLE: u64 = 4096;

/// Largest picture or document. Ten times what any model takes; the reference has no limit.
const MAX_MEDIA: u64 = 20 * 1024 * 1024;

/// Reads `limit` lines (or entries) of whatever `path` leads to now, from line `offset` (from 1; 0 counts as 1) on.
///
/// Stops reading soon after the future is dropped.
///
/// # Errors
/// A text for the model when there is nothing at `path`, it is neither file nor folder, it is binary, or
/// it has no line `offset`.
pub async fn page(
    scope: &Scope,
    path: &Path,
    offset: Option<u64>,
    limit: Option<u64>,
) -> Result<Output, Failure> {
    let found = path.to_owned();
    let place = crate::write::blocking(move || Place::of(&found)).await??;
    of(scope, path, place, offset, limit).await
}

/// As [`page`], of what `path` was found to lead to.
pub(super) async fn of(
    scope: &Scope,
    path: &Path,
    place: Place,
    offset: Option<u64>,
    limit: Option<u64>,
) -> Result<Output, Failure> {
    let page = Page {
        title: scope.relative(path),
        path: path.to_owned(),
        place,
        offset: offset.unwrap_or(1).max(1),
        limit: limit.unwrap_or(DEFAULT_LIMIT),
        cancel: CancellationToken::new(),
    };
    let _stop_when_dropped = page.cancel.clone().drop_guard();
    crate::write::blocking(move || page.read()).await?
}

struct Page {
    title: String,
    /// Its name, for everybody to see.
    path: PathBuf,
    /// What is read.
    place: Place,
    offset: u64,
    limit: u64,
    cancel: CancellationToken,
}

impl Page {
    fn read(self) -> Result<Output, Failure> {
        match self.place.kind()? {
            None => return Err(self.missing()),
            Some(EntryKind::Folder) => return self.folder(),
            Some(_) => {}
        }
        let mut file = self.place.open_regular()?;
        let length = file.metadata()?.len();
        let mut sample = Vec::new();
        // Parity: tools.md §3 «read»: files that say they are empty, as those of /proc, are not looked into.
        file.by_ref().take(SAMPLE.min(length)).read_to_end(&mut sample)?;
        match kind::of(&self.path, &sample) {
            Kind::Media { mime, name } => self.media(mime, name, &sample, file),
            Kind::Binary => Err(Failure::told(format!(
                "Cannot read binary file: {}",
                self.path.display()
            ))),
            Kind::Text => self.text(io::Cursor::new(sample).chain(file)),
        }
    }

    fn missing(&self) -> Failure {
        let mut message = format!("File not found: {}", self.path.display());
        let near = folder::near_names(&self.path, &self.place);
        if !near.is_empty() {
            message.push_str("\n\nDid you mean one of these?\n");
            message.push_str(&near.join("\n"));
        }
        Failure::told(message)
    }

    fn folder(self) -> Result<Output, Failure> {
        let entries = folder::entries(&self.place, &self.cancel)?;
        let total = entries.len();
        let skip = usize::try_from(self.offset - 1).unwrap_or(usize::MAX);
        let take = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let shown: Vec<String> = entries.into_iter().skip(skip).take(take).collect();
        let truncated = skip.saturating_add(shown.len()) < total;
        let footer = if truncated {
            let next = self.offset.saturating_add(shown.len() as u64);
            format!(
                "(Showing {} of {total} entries. Use 'offset' parameter to read beyond entry {next})",
                shown.len()
            )
        } else {
            format!("({total} entries)")
        };
        let output = format!(
            "<path>{}</path>\n<type>directory</type>\n<entries>\n{}\n\n{footer}\n</entries>",
            self.path.display(),
            shown.join("\n"),
        );
        let preview = first(&shown);
        let display = json!({
            "type": "directory",
            "path": self.path.to_string_lossy(),
            "entries": shown,
            "offset": self.offset,
            "totalEntries": total,
            "truncated": truncated,
        });
        Ok(self.output(output, preview, truncated, Some(display)))
    }

    fn media(
        self,
        mime: &'static str,
        name: &str,
        sample: &[u8],
        file: std::fs::File,
    ) -> Result<Output, Failure> {
        let mut bytes = sample.to_vec();
        file.take(MAX_MEDIA + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_MEDIA {
            return Err(Failure::told(format!(
                "{} is too large to be shown: at most {MAX_MEDIA} bytes",
                self.path.display()
            )));
        }
        let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
        let url = format!("data:{mime};base64,{encoded}");
        let text = format!("{name} read successfully");
        let mut output = self.output(text.clone(), text, false, None);
        output.attachments.push(Attachment {
            mime: mime.into(),
            url,
            filename: None,
        });
        Ok(output)
    }

    fn text(self, reader: impl io::Read) -> Result<Output, Failure> {
        let page = lines::read(reader, self.offset, self.limit, &self.cancel)?;
        if page.count < self.offset && !(page.count == 0 && self.offset == 1) {
            return Err(Failure::told(format!(
                "Offset {} is out of range for this file ({} lines)",
                self.offset, page.count
            )));
        }
        let next = self.offset.saturating_add(page.lines.len() as u64);
        let last = next - 1;
        let numbered = page
            .lines
            .iter()
            .zip(self.offset..)
            .map(|(line, number)| format!("{number}: {line}"));
        let numbered = numbered.collect::<Vec<_>>().join("\n");
        let range = format!("Showing lines {}-{last}", self.offset);
        let footer = if page.cut {
            format!("(Output capped at 50 KB. {range}. Use offset={next} to continue.)")
        } else if page.more {
            format!("({range} of {}. Use offset={next} to continue.)", page.count)
        } else {
            format!("(End of file - total {} lines)", page.count)
        };
        let output = format!(
            "<path>{}</path>\n<type>file</type>\n<content>\n{numbered}\n\n{footer}\n</content>",
            self.path.display(),
        );
        let truncated = page.more || page.cut;
        let display = json!({
            "type": "file",
            "path": self.path.to_string_lossy(),
            "text": page.lines.join("\n"),
            "lineStart": self.offset,
            "lineEnd": last,
            "totalLines": page.count,
            "truncated": truncated,
        });
        Ok(self.output(output, first(&page.lines), truncated, Some(display)))
    }

    fn output(self, output: String, preview: String, truncated: bool, display: Option<Value>) -> Output {
        let mut metadata = Object::new();
        metadata.insert("preview".into(), preview.into());
        metadata.insert("truncated".into(), truncated.into());
        metadata.insert("loaded".into(), json!([]));
        if let Some(display) = display {
            metadata.insert("display".into(), display);
        }
        Output {
            title: self.title,
            output,
            metadata,
            ..Output::default()
        }
    }
}

/// The beginning, for people.
fn first(lines: &[String]) -> String {
    lines
        .iter()
        .take(PREVIEW)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join("\n")
}
