//! The text of a patch, taken apart (reference `tools.md` §3 «apply_patch»).

use opencode_project::diff::trim;

const BEGIN: &str = "*** Begin Patch";
const END: &str = "*** End Patch";
const ADD: &str = "*** Add File:";
const DELETE: &str = "*** Delete File:";
const UPDATE: &str = "*** Update File:";
const MOVE: &str = "*** Move to:";
const END_OF_FILE: &str = "*** End of File";

/// What a patch does to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hunk {
    /// The file, as the patch names it.
    pub(super) path: String,
    pub(super) action: Action,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// The file is to hold these lines.
    Add(Vec<String>),
    Delete,
    Update {
        /// Where the file goes.
        target: Option<String>,
        chunks: Vec<Chunk>,
    },
}

/// A change in one place of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chunk {
    /// A line that stands somewhere before the place.
    pub(super) context: Option<String>,
    /// The lines in their order.
    pub(super) lines: Vec<Line>,
    /// The place is the end of the file.
    pub(super) at_end: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Same(String),
    Removed(String),
    Added(String),
    /// A line of the patch that is quite empty: most likely an empty line that stays, whose blank was lost.
    Empty,
}

/// Why a text is no patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("apply_patch verification failed: Error: Invalid patch format: missing Begin/End markers")]
    Markers,
    #[error("patch rejected: empty patch")]
    Empty,
    #[error("apply_patch verification failed: no hunks found")]
    NoHunks,
}

/// Takes a patch apart. What is before its beginning and after its end does not count, nor do lines that mean
/// nothing where they are.
pub(super) fn parse(text: &str) -> Result<Vec<Hunk>, Error> {
    let lines: Vec<&str> = text
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .collect();
    let begin = lines.iter().position(|line| trim(line) == BEGIN);
    let end = lines.iter().rposition(|line| trim(line) == END);
    let (Some(begin), Some(end)) = (begin, end) else {
        return Err(Error::Markers);
    };
    let body = lines.get(begin + 1..end).ok_or(Error::Markers)?;
    let mut hunks: Vec<Hunk> = Vec::new();
    for line in body {
        if let Some(hunk) = header(line) {
            hunks.push(hunk);
        } else if let Some(hunk) = hunks.last_mut() {
            take(&mut hunk.action, line);
        }
    }
    if hunks.is_empty() {
        let is_blank = body.iter().all(|line| trim(line).is_empty());
        return Err(if is_blank { Error::Empty } else { Error::NoHunks });
    }
    Ok(hunks)
}

fn header(line: &str) -> Option<Hunk> {
    let named = |marker: &str| {
        let path = trim(line.strip_prefix(marker)?).to_owned();
        (!path.is_empty()).then_some(path)
    };
    let add = || Some((named(ADD)?, Action::Add(Vec::new())));
    let delete = || Some((named(DELETE)?, Action::Delete));
    let update = || {
        let (target, chunks) = (None, Vec::new());
        Some((named(UPDATE)?, Action::Update { target, chunks }))
    };
    let (path, action) = add().or_else(delete).or_else(update)?;
    Some(Hunk { path, action })
}

/// Takes a line into what is done to a file.
fn take(action: &mut Action, line: &str) {
    match action {
        Action::Add(lines) => lines.extend(line.strip_prefix('+').map(str::to_owned)),
        Action::Delete => {}
        Action::Update { target, chunks } => {
            if let Some(path) = line.strip_prefix(MOVE).filter(|_| chunks.is_empty()) {
                *target = Some(trim(path).to_owned());
            } else if let Some(context) = line.strip_prefix("@@") {
                let context = Some(trim(context).to_owned()).filter(|context| !context.is_empty());
                chunks.push(Chunk {
                    context,
                    ..Chunk::default()
                });
            } else if trim(line) == END_OF_FILE {
                if let Some(chunk) = chunks.last_mut() {
                    chunk.at_end = true;
                }
            } else if let Some(line) = Line::of(line) {
                // The first place may go without its mark.
                if chunks.is_empty() && line != Line::Empty {
                    chunks.push(Chunk::default());
                }
                if let Some(chunk) = chunks.last_mut() {
                    chunk.lines.push(line);
                }
            }
        }
    }
}

impl Line {
    fn of(line: &str) -> Option<Self> {
        let mut letters = line.chars();
        let Some(sign) = letters.next() else {
            return Some(Self::Empty);
        };
        let text = letters.as_str().to_owned();
        match sign {
            ' ' => Some(Self::Same(text)),
            '-' => Some(Self::Removed(text)),
            '+' => Some(Self::Added(text)),
            _ => None,
        }
    }
}

impl Chunk {
    /// The lines that are there before and after, `with_empty` with the quite empty lines of the patch; those at
    /// the end only divide the patch's parts.
    pub(super) fn sides(&self, with_empty: bool) -> (Vec<&str>, Vec<&str>) {
        let last = self.lines.iter().rposition(|line| *line != Line::Empty);
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for line in self.lines.iter().take(last.map_or(0, |last| last + 1)) {
            match line {
                Line::Same(text) => {
                    before.push(text.as_str());
                    after.push(text.as_str());
                }
                Line::Removed(text) => before.push(text),
                Line::Added(text) => after.push(text),
                Line::Empty if with_empty => {
                    before.push("");
                    after.push("");
                }
                Line::Empty => {}
            }
        }
        (before, after)
    }

    /// Whether it has quite empty lines that may count.
    pub(super) fn has_empty(&self) -> bool {
        self.lines.contains(&Line::Empty)
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn update(target: Option<&str>, chunks: Vec<Chunk>) -> Action {
        Action::Update {
            target: target.map(str::to_owned),
            chunks,
        }
    }

    #[test]
    fn patches_are_taken_apart() {
        let text = "Here:\ncat <<'EOF'\n*** Begin Patch\n*** Add File: a b.md \n+one\nlost\n+\n\
                    *** Update File: f\r\n*** Move to: g\r\n@@ fn x()\r\n same\r\n-old\r\n+new\r\n\n@@\n+end\n\
                    *** End of File\n*** Frobnicate\n*** Delete File: gone\n*** End Patch\nEOF\nafter";
        let first = Chunk {
            context: Some("fn x()".into()),
            lines: vec![
                Line::Same("same".into()),
                Line::Removed("old".into()),
                Line::Added("new".into()),
                Line::Empty,
            ],
            at_end: false,
        };
        assert_eq!(first.sides(true), (vec!["same", "old"], vec!["same", "new"]));
        let second = Chunk {
            lines: vec![Line::Added("end".into())],
            at_end: true,
            ..Chunk::default()
        };
        let hunk = |path: &str, action| Hunk {
            path: path.into(),
            action,
        };
        assert_eq!(
            parse(text),
            Ok(vec![
                hunk("a b.md", Action::Add(vec!["one".into(), String::new()])),
                hunk("f", update(Some("g"), vec![first, second])),
                hunk("gone", Action::Delete),
            ])
        );
    }

    #[test]
    fn empty_lines_stay_inside_and_go_at_the_end() {
        let text = "*** Begin Patch\n*** Update File: f\n\n-a\n\n+b\n\n*** End Patch";
        let Ok(hunks) = parse(text) else { panic!("a patch") };
        let Action::Update { chunks, .. } = &hunks[0].action else {
            panic!("an update")
        };
        assert_eq!(chunks[0].sides(true), (vec!["a", ""], vec!["", "b"]));
        assert_eq!(chunks[0].sides(false), (vec!["a"], vec!["b"]));
    }

    #[test]
    fn what_is_no_patch_is_told() {
        for (text, wanted) in [
            ("just text", Error::Markers),
            ("*** End Patch\n*** Begin Patch", Error::Markers),
            ("*** Begin Patch\n*** Add File: f\n+x", Error::Markers),
            ("*** Begin Patch\n\n*** End Patch", Error::Empty),
            (
                "*** Begin Patch\n  *** Update File: f\n*** End Patch",
                Error::NoHunks,
            ),
            ("*** Begin Patch\n*** Add File: \n*** End Patch", Error::NoHunks),
        ] {
            assert_eq!(parse(text), Err(wanted), "{text}");
        }
    }
}
