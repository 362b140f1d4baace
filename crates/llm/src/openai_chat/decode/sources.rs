//! What an answer refers to, and the pictures in it.

use serde_json::Value;
use serde_json::value::RawValue;

use super::Decoder;
use crate::json::text_at;
use crate::media::split_data_address;
use crate::openai_chat::dialect::Facts;
use crate::stream::{Source, StreamPart};

impl Decoder {
    pub(super) fn annotations(&mut self, raw: &RawValue, parts: &mut Vec<StreamPart>) {
        let annotations: Vec<Value> = serde_json::from_str(raw.get()).unwrap_or_default();
        if !self.rules.annotations {
            return;
        }
        self.begun |= !annotations.is_empty();
        for annotation in annotations {
            match text_at(&annotation, "type") {
                Some("url_citation") => parts.extend(url_citation(&annotation).map(StreamPart::Source)),
                Some("file") if self.rules.facts == Facts::OpenRouter => {
                    self.gathered.keep_file(annotation);
                }
                _ => {}
            }
        }
    }
}

/// Addresses in a list.
pub(super) fn citations(raw: Option<&RawValue>, parts: &mut Vec<StreamPart>) {
    let urls: Vec<String> = raw
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_default();
    parts.extend(
        urls.into_iter()
            .map(|url| StreamPart::Source(Source::Url { url, title: None })),
    );
}

/// A page that an annotation names.
pub(super) fn url_citation(annotation: &Value) -> Option<Source> {
    let citation = annotation.get("url_citation")?;
    Some(Source::Url {
        url: text_at(citation, "url")?.to_owned(),
        title: text_at(citation, "title").map(str::to_owned),
    })
}

/// Pictures that the model made.
pub(super) fn image_parts(images: &Value) -> Vec<StreamPart> {
    let addresses = images
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|image| image.pointer("/image_url/url"));
    addresses
        .filter_map(Value::as_str)
        .map(|address| {
            let (media_type, data) = split_data_address(address, "image/jpeg");
            StreamPart::File {
                media_type: media_type.to_owned(),
                data: data.to_owned(),
            }
        })
        .collect()
}
