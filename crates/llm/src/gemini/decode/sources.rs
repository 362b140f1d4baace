//! What an answer is grounded on, as sources.

use super::wire::{Grounding, GroundingChunk, Place};
use crate::json::Text;
use crate::stream::Source;

/// Types of documents by the end of their address.
const TYPES: [(&str, &str); 6] = [
    (".pdf", "application/pdf"),
    (".txt", "text/plain"),
    (
        ".docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    (".doc", "application/msword"),
    (".md", "text/markdown"),
    (".markdown", "text/markdown"),
];
const UNKNOWN_TYPE: &str = "application/octet-stream";
const UNTITLED: &str = "Unknown Document";

/// The sources of a grounding record.
pub(super) fn sources(grounding: &Grounding<'_>) -> Vec<Source> {
    let chunks = grounding.grounding_chunks.iter().flatten();
    chunks.filter_map(source).collect()
}

fn source(chunk: &GroundingChunk<'_>) -> Option<Source> {
    if let Some(web) = &chunk.web {
        return page(web, web.uri.as_ref());
    }
    // The provider wants the page credited, not the picture.
    if let Some(image) = &chunk.image {
        return page(image, image.source_uri.as_ref());
    }
    if let Some(context) = &chunk.retrieved_context {
        return retrieved(context);
    }
    let maps = chunk.maps.as_ref()?;
    page(maps, maps.uri.as_ref())
}

fn text(text: Option<&Text<'_>>) -> Option<String> {
    text.map(|text| text.as_str().to_owned())
}

fn page(place: &Place<'_>, uri: Option<&Text<'_>>) -> Option<Source> {
    Some(Source::Url {
        url: text(uri).filter(|url| !url.is_empty())?,
        title: text(place.title.as_ref()),
    })
}

fn retrieved(place: &Place<'_>) -> Option<Source> {
    let uri = place.uri.as_ref().map(Text::as_str).filter(|uri| !uri.is_empty());
    if uri.is_some_and(|uri| uri.starts_with("http://") || uri.starts_with("https://")) {
        return page(place, place.uri.as_ref());
    }
    let (path, media_type) = match uri {
        Some(uri) => {
            let known = TYPES.iter().find(|(end, _)| uri.ends_with(end));
            (uri, known.map_or(UNKNOWN_TYPE, |(_, media_type)| media_type))
        }
        None => (place.file_search_store.as_ref()?.as_str(), UNKNOWN_TYPE),
    };
    Some(Source::Document {
        title: text(place.title.as_ref()).unwrap_or_else(|| UNTITLED.to_owned()),
        filename: path.rsplit('/').next().map(str::to_owned),
        media_type: Some(media_type.to_owned()),
    })
}
