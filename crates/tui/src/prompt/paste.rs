//! What a paste becomes (reference `tui.md` §9): text, folded text, or the file that it names.

use percent_encoding::percent_decode_str;

/// Lines from which pasted text is folded.
const LINES: usize = 3;
/// Letters above which it is.
const LETTERS: usize = 150;

/// Files that are attached when their path is pasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Becomes an attachment of this kind.
    Image(&'static str),
    /// Becomes an attachment.
    Pdf,
    /// Becomes its source text, folded.
    Svg,
}

impl Kind {
    fn of(path: &str) -> Option<Self> {
        let (_, extension) = path.rsplit_once('.')?;
        Some(match extension.to_ascii_lowercase().as_str() {
            "avif" => Self::Image("image/avif"),
            "gif" => Self::Image("image/gif"),
            "jpeg" | "jpg" => Self::Image("image/jpeg"),
            "png" => Self::Image("image/png"),
            "webp" => Self::Image("image/webp"),
            "pdf" => Self::Pdf,
            "svg" => Self::Svg,
            _ => return None,
        })
    }

    pub(super) fn mime(self) -> &'static str {
        match self {
            Self::Image(mime) => mime,
            Self::Pdf => "application/pdf",
            Self::Svg => "image/svg+xml",
        }
    }
}

/// The path of a file that is attached, if that is what was pasted.
pub(super) fn path(pasted: &str) -> Option<(String, Kind)> {
    let pasted = pasted.trim();
    if pasted.contains('\n') {
        return None;
    }
    let bare = ['\'', '"']
        .into_iter()
        .find_map(|quote| pasted.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(pasted);
    let path = match bare.strip_prefix("file://") {
        Some(address) => percent_decode_str(address).decode_utf8().ok()?.into_owned(),
        None if cfg!(windows) => bare.to_owned(),
        None => without_escapes(bare),
    };
    let kind = Kind::of(&path)?;
    let is_address = path.starts_with("http://") || path.starts_with("https://");
    (!is_address).then_some((path, kind))
}

/// The signs that stand behind backslashes, as terminals write dropped paths.
fn without_escapes(path: &str) -> String {
    let mut signs = path.chars();
    let mut bare = String::new();
    while let Some(sign) = signs.next() {
        bare.push(if sign == '\\' {
            signs.next().unwrap_or(sign)
        } else {
            sign
        });
    }
    bare
}

/// Line ends as they are here.
pub(super) fn normal(pasted: &str) -> String {
    if pasted.contains('\r') {
        pasted.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        pasted.to_owned()
    }
}

/// How many lines a text has that is shown folded; `None` if it is shown as it is.
pub(super) fn folded_lines(trimmed: &str) -> Option<usize> {
    let lines = trimmed.split('\n').count();
    let is_long = || trimmed.encode_utf16().nth(LETTERS).is_some();
    (lines >= LINES || is_long()).then_some(lines)
}
