//! Blocks of content that a client sends, as parts of a prompt (reference `integrations.md` §D3).

use std::path::PathBuf;

use agent_client_protocol_schema::v1::{
    Annotations, ContentBlock, EmbeddedResource, EmbeddedResourceResource, ImageContent, ResourceLink, Role,
    TextContent,
};
use opencode_schema::input::{PartInput, PartInputBody};
use opencode_schema::part::{FilePart, TextPart};
use url::Url;

/// The kind of files that could be anything.
const UNKNOWN_KIND: &str = "application/octet-stream";

/// The parts that blocks become; blocks that mean nothing to a model are left out.
pub(crate) fn parts(blocks: &[ContentBlock]) -> Vec<PartInput> {
    blocks.iter().filter_map(part).collect()
}

fn part(block: &ContentBlock) -> Option<PartInput> {
    match block {
        ContentBlock::Text(text) => Some(words(text)),
        ContentBlock::Image(image) => picture(image),
        ContentBlock::ResourceLink(link) => Some(linked(link)),
        ContentBlock::Resource(resource) => embedded(resource),
        // Nobody was told that sound is understood.
        _ => None,
    }
}

fn words(text: &TextContent) -> PartInput {
    let audience = text
        .annotations
        .as_ref()
        .and_then(|Annotations { audience, .. }| audience.as_deref());
    let is_only = |role: &Role| audience.is_some_and(|audience| audience == std::slice::from_ref(role));
    PartInput {
        id: None,
        body: PartInputBody::Text(TextPart {
            text: text.text.clone(),
            synthetic: is_only(&Role::Assistant).then_some(true),
            ignored: is_only(&Role::User).then_some(true),
            ..TextPart::default()
        }),
    }
}

fn picture(image: &ImageContent) -> Option<PartInput> {
    let uri = image.uri.as_deref().unwrap_or_default();
    let url = if !image.data.is_empty() {
        format!("data:{};base64,{}", image.mime_type, image.data)
    } else if ["http://", "https://", "data:"]
        .iter()
        .any(|start| uri.starts_with(start))
    {
        uri.to_owned()
    } else {
        return None;
    };
    Some(PartInput::file(FilePart {
        mime: image.mime_type.clone(),
        filename: Some(name_of(uri).unwrap_or_else(|| "image".to_owned())),
        url,
        source: None,
    }))
}

/// A file of this machine is attached; of anything else only the address is told.
fn linked(link: &ResourceLink) -> PartInput {
    let Some(url) = file_url(&link.uri) else {
        return PartInput::text(&link.uri);
    };
    PartInput::file(FilePart {
        mime: link.mime_type.clone().unwrap_or_else(|| "text/plain".to_owned()),
        filename: Some(link.name.clone()),
        url,
        source: None,
    })
}

/// The address of a file, also where an editor has its own way to write it.
fn file_url(uri: &str) -> Option<String> {
    if uri.starts_with("file://") {
        return Some(uri.to_owned());
    }
    let url = Url::parse(uri).ok().filter(|url| url.scheme() == "zed")?;
    let (_, path) = url.query_pairs().find(|(name, _)| name == "path")?;
    Url::from_file_path(path.as_ref()).ok().map(String::from)
}

fn embedded(embedded: &EmbeddedResource) -> Option<PartInput> {
    match &embedded.resource {
        EmbeddedResourceResource::TextResourceContents(text) => {
            let place = place(&text.uri);
            Some(PartInput::text(format!("[{place}]\n{}", text.text)))
        }
        EmbeddedResourceResource::BlobResourceContents(blob) => {
            let filename = name_of(&blob.uri).unwrap_or_else(|| "file".to_owned());
            let guessed = || {
                let guess = mime_guess::from_path(&filename).first_raw();
                guess.filter(|mime| *mime != UNKNOWN_KIND).map(str::to_owned)
            };
            // What nothing is known of no model can read.
            let mime = blob.mime_type.clone().or_else(guessed)?;
            let url = format!("data:{mime};base64,{}", blob.blob);
            Some(PartInput::file(FilePart {
                mime,
                filename: Some(filename),
                url,
                source: None,
            }))
        }
        _ => None,
    }
}

/// The path that an address means, with the line where its fragment begins; any other address as it is.
fn place(uri: &str) -> String {
    let Some((path, fragment)) = path_of(uri) else {
        return uri.to_owned();
    };
    let line = fragment
        .as_deref()
        .and_then(|fragment| fragment.strip_prefix('L'))
        .map(|rest| rest.split(|character: char| !character.is_ascii_digit()).next())
        .and_then(|digits| digits?.parse::<u32>().ok());
    match line {
        Some(line) => format!("{}:{line}", path.display()),
        None => path.display().to_string(),
    }
}

fn path_of(uri: &str) -> Option<(PathBuf, Option<String>)> {
    let url = Url::parse(uri).ok().filter(|url| url.scheme() == "file")?;
    let path = url.to_file_path().ok()?;
    Some((path, url.fragment().map(str::to_owned)))
}

fn name_of(uri: &str) -> Option<String> {
    let (path, _) = path_of(uri)
        .or_else(|| Some((PathBuf::from(Url::parse(uri).ok()?.path()), None)))
        .filter(|_| !uri.starts_with("data:"))?;
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    use super::*;

    /// Exactly what the reference stores of each block.
    #[test]
    fn blocks_become_parts() {
        let text = |text: &str| json!({ "type": "text", "text": text });
        let file = |mime: &str, name: &str, url: &str| json!({ "type": "file", "mime": mime, "filename": name, "url": url });
        let resource = |contents: Value| json!({ "type": "resource", "resource": contents });
        let nothing = Value::Null;
        for (block, wanted) in [
            (text("visible"), text("visible")),
            (
                json!({ "type": "text", "text": "a", "annotations": { "audience": ["assistant"] } }),
                json!({ "type": "text", "text": "a", "synthetic": true }),
            ),
            (
                json!({ "type": "text", "text": "u", "annotations": { "audience": ["user"] } }),
                json!({ "type": "text", "text": "u", "ignored": true }),
            ),
            (
                json!({ "type": "text", "text": "b", "annotations": { "audience": ["user", "assistant"] } }),
                text("b"),
            ),
            (
                json!({ "type": "image", "mimeType": "image/png", "data": "AAAA" }),
                file("image/png", "image", "data:image/png;base64,AAAA"),
            ),
            (
                json!({ "type": "image", "mimeType": "image/png", "data": "", "uri": "https://example.org/x.png" }),
                file("image/png", "x.png", "https://example.org/x.png"),
            ),
            (
                json!({ "type": "image", "mimeType": "image/png", "data": "AAAA", "uri": "file:///tmp/x.png" }),
                file("image/png", "x.png", "data:image/png;base64,AAAA"),
            ),
            (
                json!({ "type": "image", "mimeType": "image/png", "data": "" }),
                nothing.clone(),
            ),
            (
                json!({ "type": "resource_link", "uri": "file:///p/a.txt", "name": "a.txt", "mimeType": "text/x" }),
                file("text/x", "a.txt", "file:///p/a.txt"),
            ),
            (
                json!({ "type": "resource_link", "uri": "file:///p/a.txt#L2:3", "name": "lines" }),
                file("text/plain", "lines", "file:///p/a.txt#L2:3"),
            ),
            (
                json!({ "type": "resource_link", "uri": "zed:///agent/file?path=/p/a.txt", "name": "z" }),
                file("text/plain", "z", "file:///p/a.txt"),
            ),
            (
                json!({ "type": "resource_link", "uri": "https://example.org/doc", "name": "doc" }),
                text("https://example.org/doc"),
            ),
            (
                resource(json!({ "uri": "file:///p/a.txt", "text": "inline", "mimeType": "text/plain" })),
                text("[/p/a.txt]\ninline"),
            ),
            (
                resource(json!({ "uri": "file:///p/a.txt#L2:3", "text": "inline" })),
                text("[/p/a.txt:2]\ninline"),
            ),
            (
                resource(json!({ "uri": "file:///p/a.txt#L12-30", "text": "inline" })),
                text("[/p/a.txt:12]\ninline"),
            ),
            (
                resource(json!({ "uri": "file:///p/a.txt?line=4", "text": "inline" })),
                text("[/p/a.txt]\ninline"),
            ),
            (
                resource(json!({ "uri": "zed:///agent/file?path=/p/a.txt", "text": "z" })),
                text("[zed:///agent/file?path=/p/a.txt]\nz"),
            ),
            (
                resource(json!({ "uri": "file:///p/b.png", "blob": "AAAA", "mimeType": "image/png" })),
                file("image/png", "b.png", "data:image/png;base64,AAAA"),
            ),
            (
                resource(json!({ "uri": "file:///p/b.png", "blob": "AAAA" })),
                file("image/png", "b.png", "data:image/png;base64,AAAA"),
            ),
            (
                resource(json!({ "uri": "file:///p/c.bin", "blob": "AAAA" })),
                nothing.clone(),
            ),
            (
                json!({ "type": "audio", "data": "AAAA", "mimeType": "audio/wav" }),
                nothing,
            ),
        ] {
            let read: ContentBlock = serde_json::from_value(block.clone()).unwrap();
            assert_eq!(json!(part(&read)), wanted, "{block}");
        }
    }
}
