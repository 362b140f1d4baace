//! A file cut into chunks: pieces of code that belong together, each with the names that it defines.
//!
//! No grammar is asked. A chunk begins where something is defined at the left margin of its surroundings, or
//! at an empty line before it, so that comments stay with what they are about; what is long is cut into
//! windows that overlap. That holds for every language that people lay out for people.

/// Lines of a chunk that are wanted at least, where the text has them, and at most.
const FEW: usize = 8;
const MANY: usize = 60;
/// Lines that a window shares with the one before.
const OVERLAP: usize = 15;
/// Names of a chunk that are kept.
const MOST_NAMES: usize = 16;

/// Words before a name that is defined.
const DEFINING: [&str; 24] = [
    "fn",
    "def",
    "class",
    "function",
    "func",
    "struct",
    "enum",
    "trait",
    "interface",
    "impl",
    "type",
    "const",
    "static",
    "let",
    "var",
    "val",
    "module",
    "mod",
    "namespace",
    "record",
    "object",
    "macro",
    "defn",
    "sub",
];
/// Words that may stand before those.
const BEFORE: [&str; 18] = [
    "pub",
    "export",
    "default",
    "async",
    "public",
    "private",
    "protected",
    "internal",
    "static",
    "abstract",
    "final",
    "override",
    "unsafe",
    "extern",
    "inline",
    "virtual",
    "local",
    "data",
];

/// A piece of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Its first and its last line, from 1.
    pub(crate) first: u32,
    pub(crate) last: u32,
    /// The names that it defines.
    pub(crate) names: Vec<String>,
}

/// Cuts a text.
pub(crate) fn chunks(text: &str) -> Vec<Chunk> {
    let lines: Vec<&str> = text.lines().collect();
    let mut all = Vec::new();
    let mut start = 0;
    while start < lines.len() {
        let end = end_of(&lines, start);
        push(&mut all, &lines, start, end);
        start = if end < lines.len() && !is_start(&lines, end) {
            end.saturating_sub(OVERLAP).max(start + 1)
        } else {
            end
        };
    }
    all
}

/// Where the chunk that begins at `start` ends: at the next good place after a few lines, else when it is full.
fn end_of(lines: &[&str], start: usize) -> usize {
    let full = lines.len().min(start + MANY);
    (start + FEW..full)
        .find(|at| is_start(lines, *at))
        .unwrap_or(full)
}

/// Whether something new begins at a line.
fn is_start(lines: &[&str], at: usize) -> bool {
    let Some(line) = lines.get(at) else { return false };
    let is_left =
        line.starts_with(|letter: char| !letter.is_whitespace() && !matches!(letter, '}' | ')' | ']'));
    let after_space = at
        .checked_sub(1)
        .and_then(|before| lines.get(before))
        .is_some_and(|line| line.trim().is_empty());
    after_space && (is_left || defined(line).is_some())
}

fn push(all: &mut Vec<Chunk>, lines: &[&str], start: usize, end: usize) {
    let of_chunk = lines.get(start..end).unwrap_or_default();
    if of_chunk.iter().all(|line| line.trim().is_empty()) {
        return;
    }
    let mut names: Vec<String> = Vec::new();
    for name in of_chunk.iter().filter_map(|line| defined(line)) {
        if names.len() < MOST_NAMES && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    if let (Ok(first), Ok(last)) = (u32::try_from(start + 1), u32::try_from(end)) {
        all.push(Chunk { first, last, names });
    }
}

/// The lines of a text from one to another, both from 1.
pub(crate) fn lines(text: &str, first: u32, last: u32) -> impl Iterator<Item = &str> {
    let number = |line: u32| usize::try_from(line).unwrap_or(usize::MAX);
    text.lines()
        .take(number(last))
        .skip(number(first.saturating_sub(1)))
}

/// The name that a line defines.
fn defined(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if let Some(heading) = line.strip_prefix('#') {
        let heading = heading.trim_start_matches('#');
        return heading
            .starts_with(' ')
            .then(|| heading.trim())
            .filter(|heading| !heading.is_empty() && heading.len() <= 80);
    }
    let mut words = line.split_whitespace();
    let mut word = words.next()?;
    // `pub(crate)` is `pub`.
    while BEFORE.contains(&word.split('(').next().unwrap_or_default()) {
        word = words.next()?;
    }
    let defining = word.trim_end_matches('*').split('<').next().unwrap_or_default();
    if !DEFINING.contains(&defining) {
        return None;
    }
    let name = words.find(|word| !matches!(*word, "mut" | "self"))?;
    let end = name
        .find(|letter: char| !letter.is_alphanumeric() && !matches!(letter, '_' | '$' | '-' | '?' | '!'))
        .unwrap_or(name.len());
    name.get(..end).filter(|name| name.len() > 1)
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn definitions_are_known() {
        for (line, wanted) in [
            (
                "pub(crate) async fn load_all(paths: &[PathBuf])",
                Some("load_all"),
            ),
            ("export default class Server<T> {", Some("Server")),
            ("    def handle(self, x):", Some("handle")),
            ("func (s *Server) Serve() {", None),
            ("const LIMIT: usize = 3;", Some("LIMIT")),
            ("impl<T> Drop for Place {", Some("Drop")),
            ("## How to build", Some("How to build")),
            ("#include <stdio.h>", None),
            ("return fn;", None),
            ("if (x) {", None),
        ] {
            assert_eq!(defined(line), wanted, "{line}");
        }
    }

    #[test]
    fn code_is_cut_where_something_begins() {
        let body = "    work();\n".repeat(8);
        let text = format!(
            "use x;\n\n/// About one.\nfn one() {{\n{body}}}\n\n/// About two.\nfn two() {{\n{body}}}\n"
        );
        let found: Vec<_> = chunks(&text)
            .into_iter()
            .map(|chunk| (chunk.first, chunk.last, chunk.names.join(" ")))
            .collect();
        assert_eq!(found, [(1, 14, "one".to_owned()), (15, 25, "two".to_owned())]);
    }

    #[test]
    fn long_texts_have_windows_that_overlap() {
        let text = "  x\n".repeat(130);
        let found: Vec<_> = chunks(&text)
            .into_iter()
            .map(|chunk| (chunk.first, chunk.last))
            .collect();
        assert_eq!(found, [(1, 60), (46, 105), (91, 130)]);
        assert_eq!(chunks(""), []);
        assert_eq!(chunks("\n\n  \n"), []);
    }
}
