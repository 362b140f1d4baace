//! Files and folders that the user attaches (reference `agent-loop.md` §2, «Part resolution»). What is stored is
//! what models get: everything is read, fetched or refused before (reference `v2.md` §14, gap 44).

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opencode_lsp::{Position, Question};
use opencode_project::search::open_regular;
use opencode_schema::part::{FilePart, FileSource};
use opencode_schema::{EventBody, MessageError, PartBody, PartId, SessionId};
use opencode_tool::contract::Attachment;
use opencode_tool::mcp::{self, Described};
use opencode_tool::{Output, read};
use percent_encoding::percent_decode_str;
use serde_json::json;
use url::Url;

use crate::image::{self, Picture};
use crate::prompt::synthetic;
use crate::web::Web;
use crate::{Error, Location};

/// Media type of folders.
const FOLDER: &str = "application/x-directory";
const PLAIN: &str = "text/plain";
/// Largest file that is attached as it is.
const SIZE_LIMIT: u64 = 20 * 1024 * 1024;
/// The longest that is waited for a file of the web.
const FETCH_LIMIT: Duration = Duration::from_secs(30);

type Resolved = Vec<(Option<PartId>, PartBody)>;

/// What an attached file becomes in the message. A file of this machine that cannot be read becomes a text that
/// says so.
///
/// # Errors
/// [`Error::Attachment`]: it is none that a model could ever be sent.
pub(crate) async fn resolve(
    location: &Arc<Location>,
    session_id: &SessionId,
    id: Option<PartId>,
    file: FilePart,
) -> Result<Resolved, Error> {
    let mut resolved = materialised(location, session_id, id, file).await?;
    let limits = image::Limits::of(&location.config);
    for (_, body) in &mut resolved {
        let PartBody::File(file) = body else { continue };
        if !image::is_picture(&file.mime) {
            continue;
        }
        let (mime, url) = (file.mime.clone(), std::mem::take(&mut file.url));
        let normalized = image::normalized(limits, Picture { mime, url }).await;
        let Picture { mime, url } = normalized.map_err(|error| refused(file, &error.to_string()))?;
        (file.mime, file.url) = (mime, url);
    }
    Ok(resolved)
}

async fn materialised(
    location: &Arc<Location>,
    session_id: &SessionId,
    id: Option<PartId>,
    mut file: FilePart,
) -> Result<Resolved, Error> {
    if let Some(FileSource::Resource { client_name, uri, .. }) = &file.source {
        return Ok(resource(location, &file, client_name, uri).await);
    }
    let scheme = Url::parse(&file.url).ok().map(|url| url.scheme().to_owned());
    if matches!(scheme.as_deref(), Some("http" | "https")) {
        let fetched = fetch(location, &file).await;
        file.url = fetched.map_err(|reason| refused(&file, &format!("it could not be fetched: {reason}")))?;
    }
    if let Some(data) = file.url.strip_prefix("data:") {
        let bytes = decode_data(data).ok_or_else(|| refused(&file, "its data: address is not valid"))?;
        if bytes.len() as u64 > SIZE_LIMIT {
            return Err(refused(&file, &format!("it is larger than {SIZE_LIMIT} bytes")));
        }
        if file.mime != PLAIN {
            return Ok(vec![(id, PartBody::File(file))]);
        }
        let name = file.filename.clone().unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        return Ok(vec![
            (None, synthetic(called_read(&json!({ "filePath": name })))),
            (None, synthetic(text)),
            (id, PartBody::File(file)),
        ]);
    }
    let Some(path) = local_path(&file.url) else {
        return Err(refused(
            &file,
            "its address is none of file:, data:, http: and https:",
        ));
    };
    let is_folder = tokio::fs::metadata(&path)
        .await
        .is_ok_and(|metadata| metadata.is_dir());
    let outcome = if is_folder {
        folder(location, &path, id, file).await
    } else if file.mime == PLAIN || file.mime == FOLDER {
        text(location, &path, id, file).await
    } else {
        binary(&path, id, file).await
    };
    Ok(match outcome {
        Ok(resolved) => resolved,
        Err(reason) => {
            let message = format!(
                "Read tool failed to read {} with the following error: {reason}",
                path.display()
            );
            let event = EventBody::SessionError {
                session_id: Some(session_id.clone()),
                error: Some(MessageError::unknown(reason)),
            };
            if let Err(error) = location.store.announce(event).await {
                tracing::debug!(%error, "an unreadable attachment could not be told");
            }
            vec![(None, synthetic(message))]
        }
    })
}

/// What a resource of an MCP server holds, in words and files.
async fn resource(location: &Arc<Location>, file: &FilePart, server: &str, uri: &str) -> Resolved {
    let name = file.filename.as_deref().unwrap_or(uri);
    let mut resolved = vec![(None, synthetic(format!("Reading MCP resource: {name} ({uri})")))];
    let read = location.mcp.read(server, uri).await;
    let contents = read.unwrap_or_else(|error| {
        let failed = format!("Failed to read MCP resource {name}: {error}");
        resolved.push((None, synthetic(failed)));
        Vec::new()
    });
    for content in contents {
        match mcp::described(content) {
            Described::Text(text) | Described::Omitted(text) => resolved.push((None, synthetic(text))),
            Described::Attached(note, attachment) => {
                resolved.push((None, synthetic(note)));
                resolved.push((None, PartBody::File(attached(attachment))));
            }
        }
    }
    resolved
}

/// Why a file cannot be attached; addresses may hold what is not for everybody, or megabytes.
fn refused(file: &FilePart, reason: &str) -> Error {
    let name = file.filename.as_deref().unwrap_or("the file");
    Error::Attachment(format!("{name} ({}) cannot be attached: {reason}", file.mime))
}

/// The file of an address of the web, as a `data:` address. The providers of models would ask for it at each
/// step, and many cannot.
async fn fetch(location: &Location, file: &FilePart) -> Result<String, String> {
    let request = location.web.client()?.get(&file.url);
    let limit = usize::try_from(SIZE_LIMIT).unwrap_or(usize::MAX);
    let bytes = Web::answer(request, FETCH_LIMIT, limit).await?;
    Ok(format!("data:{};base64,{}", file.mime, STANDARD.encode(bytes)))
}

/// What the model is told as if it had called the tool itself.
fn called_read(input: &serde_json::Value) -> String {
    format!("Called the Read tool with the following input: {input}")
}

/// The file that a `file:` address names.
fn local_path(url: &str) -> Option<PathBuf> {
    let url = Url::parse(url).ok().filter(|url| url.scheme() == "file")?;
    let path = percent_decode_str(url.path()).decode_utf8().ok()?;
    Some(PathBuf::from(path.into_owned()))
}

/// `?start=N&end=M` of the address: the first line and how many.
fn range(url: &str) -> (Option<u64>, Option<u64>) {
    let Ok(url) = Url::parse(url) else {
        return (None, None);
    };
    let number = |wanted: &str| {
        let value = url.query_pairs().find(|(name, _)| name == wanted)?.1.into_owned();
        value.parse::<u64>().ok()
    };
    let Some(offset) = number("start").map(|start| start.max(1)) else {
        return (None, None);
    };
    let limit = number("end").map(|end| end.saturating_add(1).saturating_sub(offset));
    (Some(offset), limit)
}

/// The line of an address that names just one.
fn one_line(url: &str) -> Option<u64> {
    let url = Url::parse(url).ok()?;
    let number = |wanted: &str| {
        let value = url.query_pairs().find(|(name, _)| name == wanted)?.1.into_owned();
        value.parse::<u64>().ok()
    };
    let start = number("start")?;
    (number("end") == Some(start)).then_some(start)
}

/// The last line of what is declared on a line, as language servers know it (reference `agent-loop.md` §4: one line
/// stands for the symbol that begins on it).
async fn end_of_symbol(location: &Arc<Location>, path: &Path, line: u64) -> Option<u64> {
    const LIMIT: Duration = Duration::from_secs(5);
    let asking = location
        .languages
        .ask(path, Position::default(), Question::DocumentSymbols);
    let symbols = tokio::time::timeout(LIMIT, asking).await.ok()?;
    let lines = symbols.iter().map(|symbol| {
        let range = if symbol["range"].is_object() {
            &symbol["range"]
        } else {
            &symbol["location"]["range"]
        };
        (range["start"]["line"].as_u64(), range["end"]["line"].as_u64())
    });
    // Faces name lines of symbols as servers do, from 0.
    let mut ends = lines
        .filter(|(start, _)| *start == Some(line))
        .filter_map(|(_, end)| end);
    ends.next()
}

async fn text(
    location: &Arc<Location>,
    path: &Path,
    id: Option<PartId>,
    file: FilePart,
) -> Result<Resolved, String> {
    let (offset, mut limit) = range(&file.url);
    if let Some(line) = one_line(&file.url)
        && let Some(end) = end_of_symbol(location, path, line).await
    {
        // Lines are counted from 1 here, and from 0 by servers.
        limit = offset.map(|offset| end.saturating_add(2).saturating_sub(offset));
    }
    let mut input = json!({ "filePath": path.to_string_lossy() });
    if let Some(offset) = offset {
        input["offset"] = offset.into();
    }
    if let Some(limit) = limit {
        input["limit"] = limit.into();
    }
    let scope = location.scope(&[]);
    let Output {
        output, attachments, ..
    } = read::page(&scope, path, offset, limit)
        .await
        .map_err(|failure| failure.to_string())?;
    let mut resolved = vec![(None, synthetic(called_read(&input))), (None, synthetic(output))];
    if attachments.is_empty() {
        resolved.push((id, PartBody::File(file)));
    } else {
        resolved.extend(attachments.into_iter().map(|attachment| {
            let attached = attached(attachment);
            let filename = attached.filename.or_else(|| file.filename.clone());
            (None, PartBody::File(FilePart { filename, ..attached }))
        }));
    }
    Ok(resolved)
}

async fn folder(
    location: &Arc<Location>,
    path: &Path,
    id: Option<PartId>,
    file: FilePart,
) -> Result<Resolved, String> {
    let scope = location.scope(&[]);
    let listing = read::page(&scope, path, None, None)
        .await
        .map_err(|failure| failure.to_string())?;
    let input = json!({ "filePath": path.to_string_lossy() });
    Ok(vec![
        (None, synthetic(called_read(&input))),
        (None, synthetic(listing.output)),
        (
            id,
            PartBody::File(FilePart {
                mime: FOLDER.to_owned(),
                ..file
            }),
        ),
    ])
}

async fn binary(path: &Path, id: Option<PartId>, file: FilePart) -> Result<Resolved, String> {
    let source = path.to_owned();
    let bytes = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        // Its size says nothing about a file that grows, or one of /proc.
        open_regular(&source)?
            .take(SIZE_LIMIT + 1)
            .read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    })
    .await
    .map_err(|error| error.to_string())?
    .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > SIZE_LIMIT {
        return Err(format!(
            "the file is too large: at most {SIZE_LIMIT} bytes can be attached"
        ));
    }
    let input = json!({ "filePath": path.to_string_lossy() });
    let url = format!("data:{};base64,{}", file.mime, STANDARD.encode(bytes));
    Ok(vec![
        (None, synthetic(called_read(&input))),
        (id, PartBody::File(FilePart { url, ..file })),
    ])
}

/// A file that came with what was read.
pub(crate) fn attached(attachment: Attachment) -> FilePart {
    FilePart {
        mime: attachment.mime,
        filename: attachment.filename,
        url: attachment.url,
        source: None,
    }
}

/// What a `data:` address holds, given what is behind `data:`.
fn decode_data(data: &str) -> Option<Vec<u8>> {
    let (head, body) = data.split_once(',')?;
    if head.ends_with(";base64") {
        STANDARD.decode(body.trim()).ok()
    } else {
        Some(percent_decode_str(body).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (url, wanted) in [
            ("file:///a.rs", (None, None)),
            ("file:///a.rs?start=3", (Some(3), None)),
            ("file:///a.rs?start=3&end=7", (Some(3), Some(5))),
            ("file:///a.rs?start=0&end=2", (Some(1), Some(2))),
            ("file:///a.rs?start=9&end=2", (Some(9), Some(0))),
            ("file:///a.rs?start=x", (None, None)),
        ] {
            assert_eq!(range(url), wanted, "{url}");
        }
    }

    #[test]
    fn data_addresses() {
        assert_eq!(
            decode_data("text/plain;base64,aGVsbG8=").as_deref(),
            Some(b"hello".as_slice())
        );
        assert_eq!(
            decode_data("text/plain,a%20b").as_deref(),
            Some(b"a b".as_slice())
        );
        assert_eq!(decode_data("text/plain;base64,@@@"), None);
        assert_eq!(decode_data("nothing"), None);
    }

    #[test]
    fn local_paths_are_decoded() {
        assert_eq!(
            local_path("file:///a%20b/%C3%A4.txt?start=1"),
            Some(PathBuf::from("/a b/ä.txt"))
        );
        assert_eq!(local_path("https://example.com/a"), None);
    }
}
