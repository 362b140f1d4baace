//! What a file is: a picture or document to attach, something binary, or text.

use std::path::Path;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A picture or document that models can look at.
    Media { mime: &'static str, name: &'static str },
    /// Neither that nor text.
    Binary,
    /// Text, as far as can be seen.
    Text,
}

const PDF: &str = "application/pdf";

/// Extensions of files that are binary whatever they hold.
const BINARY_EXTENSIONS: [&str; 28] = [
    "zip", "tar", "gz", "exe", "dll", "so", "class", "jar", "war", "7z", "doc", "docx", "xls", "xlsx", "ppt",
    "pptx", "odt", "ods", "odp", "bin", "dat", "obj", "o", "a", "lib", "wasm", "pyc", "pyo",
];

/// What the file at `path` is, by its first bytes, else by its extension.
pub(super) fn of(path: &Path, sample: &[u8]) -> Kind {
    let extension = path
        .extension()
        .map(|extension| extension.to_string_lossy().to_lowercase());
    let extension = extension.as_deref().unwrap_or_default();
    match by_content(sample).or_else(|| by_extension(extension)) {
        Some(PDF) => Kind::Media {
            mime: PDF,
            name: "PDF",
        },
        Some(mime) if mime != "image/bmp" => Kind::Media { mime, name: "Image" },
        _ if BINARY_EXTENSIONS.contains(&extension) || is_binary(sample) => Kind::Binary,
        _ => Kind::Text,
    }
}

/// The media type of a picture, by its first bytes.
pub(crate) fn picture(sample: &[u8]) -> Option<&'static str> {
    by_content(sample).filter(|mime| !matches!(*mime, PDF | "image/bmp"))
}

/// Whether what is at `path` is surely no text; pictures are none either.
pub(crate) fn is_no_text(path: &Path, sample: &[u8]) -> bool {
    let extension = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    by_content(sample) == Some(PDF) || BINARY_EXTENSIONS.contains(&&*extension) || is_binary(sample)
}

fn by_content(sample: &[u8]) -> Option<&'static str> {
    let starts: [(&[u8], &str); 5] = [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF8", "image/gif"),
        // Known, but nothing that is attached; it outweighs an extension that is.
        (b"BM", "image/bmp"),
        (b"%PDF-", PDF),
    ];
    let webp = || sample.starts_with(b"RIFF") && sample.get(8..12) == Some(b"WEBP");
    let known = starts
        .iter()
        .find(|(start, _)| sample.starts_with(start))
        .map(|(_, mime)| *mime);
    known.or_else(|| webp().then_some("image/webp"))
}

fn by_extension(extension: &str) -> Option<&'static str> {
    match extension {
        "png" => Some("image/png"),
        "jpg" | "jpeg" | "jpe" => Some("image/jpeg"),
        "gif" => Some("image/gif"),
        "webp" => Some("image/webp"),
        "pdf" => Some(PDF),
        _ => None,
    }
}

/// Whether there is a NUL, or more than three in ten bytes are control characters that text does not have.
fn is_binary(sample: &[u8]) -> bool {
    let control = sample
        .iter()
        .filter(|byte| matches!(byte, 0..=8 | 14..=31))
        .count();
    sample.contains(&0) || control * 10 > sample.len() * 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let media = |mime, name| Kind::Media { mime, name };
        let controls = |count: usize| [vec![1; count], vec![b'A'; 100 - count]].concat();
        for (path, sample, wanted) in [
            ("a.txt", b"text".to_vec(), Kind::Text),
            ("a.txt", Vec::new(), Kind::Text),
            (
                "dot.png",
                b"\x89PNG\r\n\x1a\n...".to_vec(),
                media("image/png", "Image"),
            ),
            (
                "photo.txt",
                b"\xff\xd8\xff\xe0".to_vec(),
                media("image/jpeg", "Image"),
            ),
            ("a", b"GIF89a".to_vec(), media("image/gif", "Image")),
            ("a", b"RIFF....WEBP".to_vec(), media("image/webp", "Image")),
            ("a", b"RIFF....WAVE".to_vec(), Kind::Text),
            ("a", b"%PDF-1.4".to_vec(), media("application/pdf", "PDF")),
            ("A.PNG", b"no picture".to_vec(), media("image/png", "Image")),
            ("a.pdf", b"no document".to_vec(), media("application/pdf", "PDF")),
            ("a.jpe", b"".to_vec(), media("image/jpeg", "Image")),
            (".png", b"hidden".to_vec(), Kind::Text),
            ("a.bmp", b"BMabc".to_vec(), Kind::Text),
            ("a.png", b"BM\0".to_vec(), Kind::Binary),
            ("a.svg", b"<svg/>".to_vec(), Kind::Text),
            ("lib.so", b"text".to_vec(), Kind::Binary),
            ("a.ZIP", b"".to_vec(), Kind::Binary),
            ("zero.dat2", b"ab\0".to_vec(), Kind::Binary),
            ("a", controls(31), Kind::Binary),
            ("a", controls(30), Kind::Text),
            ("a", vec![b'\t'; 9], Kind::Text),
        ] {
            assert_eq!(of(Path::new(path), &sample), wanted, "{path} {sample:?}");
        }
    }
}
