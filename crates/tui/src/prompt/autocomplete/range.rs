//! Lines of a file, as `#12` and `#12-40` behind its name (reference `tui.md` §9).

/// Lines of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lines {
    /// The first.
    pub(crate) start: u32,
    /// The last, if there are several.
    pub(crate) end: Option<u32>,
}

impl Lines {
    /// As they are written behind a name.
    pub(crate) fn suffix(self) -> String {
        match self.end {
            Some(end) => format!("#{}-{end}", self.start),
            None => format!("#{}", self.start),
        }
    }

    /// As they are written behind an address.
    pub(crate) fn query(self) -> String {
        match self.end {
            Some(end) => format!("?start={}&end={end}", self.start),
            None => format!("?start={}", self.start),
        }
    }
}

/// A name and the lines that stand behind it.
pub(super) fn split(typed: &str) -> (&str, Option<Lines>) {
    let Some((name, lines)) = typed.rsplit_once('#') else {
        return (typed, None);
    };
    let (start, end) = lines.split_once('-').unwrap_or((lines, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(start) || !is_number(end) {
        return (typed, None);
    }
    let Ok(start) = start.parse() else {
        // What is still being written, such as `name#`, is looked up by its name.
        return (if lines.is_empty() { name } else { typed }, None);
    };
    let end = end.parse().ok().filter(|end| *end > start);
    (name, Some(Lines { start, end }))
}
