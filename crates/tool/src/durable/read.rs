//! `read` of durable sessions: a text as a whole or by the page, a picture, or what is in a folder.

use std::io::{self, Read as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opencode_project::place::{Kind, Place};
use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::locate::{Located, locate, resource};
use super::schema::{Count, UNBOUNDED};
use super::{facts, mime, schema};
use crate::contract::{Ask, Attachment, Call, Definition, Failure, Output, Scope, Tool, arguments};
use crate::read::{collate, kind, lines};

const NAME: &str = "read";

/// Lines or entries of a page when the call does not say, and at most.
const LIMIT: u64 = 2000;

/// Bytes from which the kind of a file is told.
const SAMPLE: u64 = 4096;

/// Largest picture.
const MAX_PICTURE: u64 = 20 * 1024 * 1024;

/// Reads a file or a folder.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Read;

#[derive(Debug, Deserialize, JsonSchema)]
struct Arguments {
    /// File or folder
    // What the other tools call it.
    #[serde(alias = "filePath")]
    path: String,
    /// First line or entry, from 1
    offset: Option<Count<UNBOUNDED>>,
    /// Lines or entries
    limit: Option<Count<LIMIT>>,
}

impl Tool for Read {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        schema::definition::<Arguments>(include_str!("../descriptions/durable/read.md"))
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        run(call, input).boxed()
    }
}

async fn run(call: &Call, input: Value) -> Result<Output, Failure> {
    let Arguments { path, offset, limit } = arguments(NAME, input)?;
    let located = locate(call, &path).await?;
    let place = located.place.clone();
    let found = crate::write::blocking(move || place.kind()).await?;
    if !matches!(found, Ok(Some(_))) {
        return Err(unable(&path, "there is no such file or folder"));
    }
    call.ask(Ask {
        permission: NAME.into(),
        patterns: vec![resource(&call.scope, &located.path)],
        always: vec!["*".into()],
        ..Ask::default()
    })
    .await?;
    call.scope.languages.warm(&located.path);
    let reading = Reading {
        given: path,
        located,
        whole: offset.is_none() && limit.is_none(),
        offset: offset.map_or(1, |count| count.0),
        limit: limit.map_or(LIMIT, |count| count.0),
        cancel: CancellationToken::new(),
    };
    let _stop_when_dropped = reading.cancel.clone().drop_guard();
    tokio::select! {
        output = crate::write::blocking(move || reading.read()) => output?,
        () = call.cancel.cancelled() => Err(Failure::Aborted),
    }
}

fn unable(given: &str, why: impl std::fmt::Display) -> Failure {
    Failure::told(format!("Unable to read {given}: {why}"))
}

struct Reading {
    /// The path as it was given.
    given: String,
    located: Located,
    /// Neither offset nor limit were given.
    whole: bool,
    offset: u64,
    limit: u64,
    cancel: CancellationToken,
}

impl Reading {
    fn read(self) -> Result<Output, Failure> {
        let structured = match self.located.place.kind() {
            Ok(Some(Kind::Folder)) => self.folder(&self.located.place),
            Ok(_) => return self.file(),
            Err(error) => Err(error),
        };
        let structured = structured.map_err(|error| unable(&self.given, error))?;
        Ok(Output {
            title: self.given,
            metadata: facts(structured),
            ..Output::default()
        })
    }

    /// Folders first. Links are left out.
    fn folder(&self, place: &Place) -> io::Result<Value> {
        let folder = place.open_folder()?;
        let (mut folders, mut files) = (Vec::new(), Vec::new());
        folder.entries(|name, _| {
            if self.cancel.is_cancelled() {
                return Err(io::Error::other("nobody waits for this folder any longer"));
            }
            let shown = name.to_string_lossy();
            match folder.kind_of(&name) {
                Ok(Kind::Folder) => folders.push(format!("{shown}/")),
                Ok(Kind::File) => files.push(shown.into_owned()),
                // What is gone meanwhile is no entry either.
                _ => {}
            }
            Ok(())
        })?;
        collate::sort(&mut folders);
        collate::sort(&mut files);
        let total = folders.len() + files.len();
        let kinds = [("directory", folders), ("file", files)];
        let all = kinds
            .into_iter()
            .flat_map(|(kind, names)| names.into_iter().map(move |name| (kind, name)));
        let skip = usize::try_from(self.offset - 1).unwrap_or(usize::MAX);
        let take = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let entries: Vec<Value> = all
            .skip(skip)
            .take(take)
            .map(|(kind, path)| json!({ "path": path, "type": kind }))
            .collect();
        let next = skip.saturating_add(entries.len());
        let mut structured = json!({ "entries": entries, "truncated": next < total });
        if next < total {
            structured["next"] = (next + 1).into();
        }
        Ok(structured)
    }

    fn file(self) -> Result<Output, Failure> {
        let unable = |error: io::Error| unable(&self.given, error);
        let mut file = self.located.place.open_regular().map_err(unable)?;
        let length = file.metadata().map_err(unable)?.len();
        let mut sample = Vec::new();
        file.by_ref()
            .take(SAMPLE)
            .read_to_end(&mut sample)
            .map_err(unable)?;
        if let Some(mime) = kind::picture(&sample) {
            return self.picture(mime, sample, file);
        }
        if kind::is_no_text(&self.located.path, &sample) {
            return Err(Failure::told(format!("Cannot read binary file: {}", self.given)));
        }
        let reader = io::Cursor::new(sample).chain(file);
        let structured = if self.whole && length <= lines::MAX_BYTES as u64 {
            self.whole(reader)?
        } else {
            self.page(reader)?
        };
        Ok(Output {
            title: self.given,
            metadata: facts(structured),
            ..Output::default()
        })
    }

    /// The name and the address of the file.
    fn identity(&self) -> (String, String) {
        let path = &self.located.path;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let address = Url::from_file_path(path)
            .map_or_else(|()| format!("file://{}", path.display()), |url| url.to_string());
        (name.into_owned(), address)
    }

    fn picture(self, mime: &str, mut bytes: Vec<u8>, file: std::fs::File) -> Result<Output, Failure> {
        file.take(MAX_PICTURE + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| unable(&self.given, error))?;
        if bytes.len() as u64 > MAX_PICTURE {
            return Err(unable(
                &self.given,
                format!("pictures can have {MAX_PICTURE} bytes at most"),
            ));
        }
        let (name, uri) = self.identity();
        let content = STANDARD.encode(bytes);
        Ok(Output {
            title: self.given,
            output: "Image read successfully".into(),
            attachments: vec![Attachment {
                mime: mime.into(),
                url: format!("data:{mime};base64,{content}"),
                filename: Some(name.clone()),
            }],
            metadata: facts(json!({
                "uri": uri, "name": name, "content": content, "encoding": "base64", "mime": mime,
            })),
            ..Output::default()
        })
    }

    fn whole(&self, reader: impl io::Read) -> Result<Value, Failure> {
        let mut bytes = Vec::new();
        // It may have grown since its length was looked at.
        reader
            .take(2 * lines::MAX_BYTES as u64)
            .read_to_end(&mut bytes)
            .map_err(|error| unable(&self.given, error))?;
        let text = String::from_utf8(bytes).map_err(|_| {
            let why = "it is not UTF-8. Give an offset to see it all the same, or convert it with bash";
            unable(&self.given, why)
        })?;
        let content = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let (name, uri) = self.identity();
        let mime = mime::of(&self.located.path);
        Ok(json!({ "uri": uri, "name": name, "content": content, "encoding": "utf8", "mime": mime }))
    }

    fn page(&self, reader: impl io::Read) -> Result<Value, Failure> {
        let page = lines::read(reader, self.offset, self.limit, &self.cancel)
            .map_err(|error| unable(&self.given, error))?;
        if page.count < self.offset && !(page.count == 0 && self.offset == 1) {
            let why = format!("it has only {} lines", page.count);
            return Err(unable(&self.given, why));
        }
        let mut structured = json!({
            "type": "text-page",
            "content": page.lines.join("\n"),
            "mime": mime::of(&self.located.path),
            "offset": self.offset,
            "truncated": page.more,
        });
        if page.more {
            structured["next"] = (self.offset + page.lines.len() as u64).into();
        }
        Ok(structured)
    }
}
