//! The three forms in which files come into a request: an address, a `data:` address, bare base64.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::error::Error;

/// Base64 as the world writes it: padded or not, with stray bits at the end.
const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A file of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct File<'a> {
    /// Media type; that of a `data:` address wins over the one beside it.
    pub(crate) media_type: Cow<'a, str>,
    /// Where the bytes are.
    pub(crate) data: Data<'a>,
}

/// Where the bytes of a file are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Data<'a> {
    /// At an `http(s)` address.
    Url(&'a str),
    /// Here.
    Base64(Cow<'a, str>),
}

impl<'a> File<'a> {
    /// Reads the form that a file has.
    pub(crate) fn read(media_type: &'a str, data: &'a str) -> Self {
        if starts_with(data, "http://") || starts_with(data, "https://") {
            return Self {
                media_type: Cow::Borrowed(media_type),
                data: Data::Url(data),
            };
        }
        match data.strip_prefix("data:").and_then(|rest| rest.split_once(',')) {
            Some((head, payload)) => Self::from_data_address(media_type, head, payload),
            None => Self {
                media_type: Cow::Borrowed(media_type),
                data: Data::Base64(Cow::Borrowed(data)),
            },
        }
    }

    fn from_data_address(media_type: &'a str, head: &'a str, payload: &'a str) -> Self {
        let own = head.split(';').next().unwrap_or_default();
        let media_type = Cow::Borrowed(if own.is_empty() { media_type } else { own });
        let data = if head.ends_with(";base64") {
            Cow::Borrowed(payload)
        } else {
            let bytes: Vec<u8> = percent_encoding::percent_decode_str(payload).collect();
            Cow::Owned(base64::engine::general_purpose::STANDARD.encode(bytes))
        };
        Self {
            media_type,
            data: Data::Base64(data),
        }
    }

    /// Whether the type is of a kind (`image`, `audio`…).
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.media_type
            .strip_prefix(kind)
            .is_some_and(|rest| rest.starts_with('/'))
    }

    /// The media type with `kind/*` replaced by a concrete one.
    pub(crate) fn concrete<'b>(&'b self, general: &str, concrete: &'b str) -> &'b str {
        if self.media_type == general {
            concrete
        } else {
            &self.media_type
        }
    }

    /// The address, or a `data:` address of the given type.
    pub(crate) fn address(&self, media_type: &str) -> String {
        match &self.data {
            Data::Url(url) => (*url).to_owned(),
            Data::Base64(data) => format!("data:{media_type};base64,{data}"),
        }
    }
}

/// Base64 as text; bytes that are no UTF-8 are replaced.
pub(crate) fn decode_text(data: &str) -> Result<String, Error> {
    let standard = data.replace('-', "+").replace('_', "/");
    let bytes = FORGIVING
        .decode(standard.as_bytes())
        .map_err(|error| Error::Unsupported {
            message: format!("a text file is not valid base64: {error}"),
        })?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
}

/// Media type and base64 of a `data:` address that a model sent; anything else is taken as base64.
pub(crate) fn split_data_address<'a>(address: &'a str, otherwise: &'a str) -> (&'a str, &'a str) {
    match address
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(','))
    {
        Some((head, payload)) => {
            let media_type = head.split(';').next().unwrap_or_default();
            (
                if media_type.is_empty() {
                    otherwise
                } else {
                    media_type
                },
                payload,
            )
        }
        None => (otherwise, address),
    }
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_in_every_form() {
        let base64 = |text: &'static str| Data::Base64(Cow::Borrowed(text));
        let table = [
            ("bare base64", "image/png", "AAAA", "image/png", base64("AAAA")),
            (
                "address",
                "image/png",
                "https://a.example/b.png",
                "image/png",
                Data::Url("https://a.example/b.png"),
            ),
            (
                "address in capitals",
                "image/png",
                "HTTP://a.example",
                "image/png",
                Data::Url("HTTP://a.example"),
            ),
            (
                "data address",
                "image/*",
                "data:image/gif;base64,R0lG",
                "image/gif",
                base64("R0lG"),
            ),
            (
                "data address without a type",
                "image/png",
                "data:;base64,R0lG",
                "image/png",
                base64("R0lG"),
            ),
            (
                "data address in plain text",
                "text/plain",
                "data:text/plain,a%20b",
                "text/plain",
                base64("YSBi"),
            ),
        ];
        for (name, media_type, data, expected_type, expected) in table {
            let file = File::read(media_type, data);
            assert_eq!(file.media_type, expected_type, "{name}");
            assert_eq!(file.data, expected, "{name}");
        }
    }

    #[test]
    fn text_is_decoded_with_or_without_padding() {
        assert_eq!(decode_text("YSBi").unwrap(), "a b");
        assert_eq!(decode_text("YWI=").unwrap(), "ab");
        assert_eq!(decode_text("YWI").unwrap(), "ab");
        assert_eq!(decode_text("77u/YQ==").unwrap(), "a");
        assert!(decode_text("!").is_err());
    }
}
