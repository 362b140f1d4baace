//! Words of code and of questions: identifiers whole and in their parts, without letters' case, and without the
//! endings that English puts to a word.

/// Longer words are hashes and data.
const MOST_LETTERS: usize = 40;
/// Words that say nothing about what is looked for.
const EMPTY_WORDS: [&str; 44] = [
    "a", "an", "and", "are", "as", "at", "be", "by", "can", "do", "does", "for", "from", "has", "have",
    "how", "i", "if", "in", "into", "is", "it", "its", "of", "on", "or", "our", "so", "that", "the", "their",
    "then", "there", "this", "to", "was", "we", "what", "when", "where", "which", "who", "with", "you",
];

/// Calls `take` with every word of a text: each identifier as a whole, and its parts if it has several.
pub(crate) fn each(text: &str, mut take: impl FnMut(&str)) {
    let mut lower = String::new();
    for word in text.split(|letter: char| !letter.is_alphanumeric() && letter != '_') {
        let word = word.trim_matches('_');
        if word.is_empty() || word.chars().count() > MOST_LETTERS {
            continue;
        }
        let mut count = 0;
        parts(word, |part| {
            count += 1;
            lower.clear();
            lower.extend(part.chars().flat_map(char::to_lowercase));
            take(stem(&lower));
        });
        if count > 1 {
            lower.clear();
            let letters = word.chars().filter(|letter| *letter != '_');
            lower.extend(letters.flat_map(char::to_lowercase));
            take(&lower);
        }
    }
}

/// A word without its ending: that of several, of what goes on, of what is done. The rest need not be a word; it
/// only has to be the same for both.
fn stem(word: &str) -> &str {
    if word.len() < 4 || !word.bytes().all(|letter| letter.is_ascii_lowercase()) {
        return word;
    }
    let is_plural = !["ss", "us", "is"].iter().any(|ending| word.ends_with(ending));
    let word = word.strip_suffix('s').filter(|_| is_plural).unwrap_or(word);
    let longer = |least: usize, ending: &str| word.strip_suffix(ending).filter(|rest| rest.len() >= least);
    let rest = longer(3, "ing")
        .or_else(|| longer(3, "ed"))
        .or_else(|| longer(3, "e"));
    let word = rest
        .or_else(|| longer(3, "y"))
        .or_else(|| longer(3, "i"))
        .unwrap_or(word);
    match word.as_bytes() {
        [.., one, other] if word.len() > 3 && one == other && !b"lsaeiou".contains(one) => {
            word.get(..word.len() - 1).unwrap_or(word)
        }
        _ => word
            .strip_suffix('i')
            .filter(|rest| rest.len() >= 3)
            .unwrap_or(word),
    }
}

/// The parts of an identifier: `parseHTTPRequest2` is parse, HTTP, Request, 2.
fn parts<'a>(word: &'a str, mut take: impl FnMut(&'a str)) {
    let letters: Vec<(usize, char)> = word.char_indices().collect();
    let mut start = 0;
    for (at, window) in letters.windows(2).enumerate() {
        let [(_, one), (next_at, next)] = window else {
            continue;
        };
        let after = letters.get(at + 2).map(|(_, letter)| *letter);
        let is_border = *next == '_'
            || *one == '_'
            || one.is_numeric() != next.is_numeric()
            || (one.is_lowercase() && next.is_uppercase())
            || (one.is_uppercase() && next.is_uppercase() && after.is_some_and(char::is_lowercase));
        if is_border {
            let part = word.get(start..*next_at).unwrap_or_default().trim_matches('_');
            if !part.is_empty() {
                take(part);
            }
            start = *next_at;
        }
    }
    let part = word.get(start..).unwrap_or_default().trim_matches('_');
    if !part.is_empty() {
        take(part);
    }
}

/// The words of a text, one after the other, as they are stored.
pub(crate) fn stored(text: &str) -> String {
    let mut all = String::with_capacity(text.len() + text.len() / 2);
    each(text, |word| {
        all.push_str(word);
        all.push(' ');
    });
    all
}

/// The different words of a question that say something; all of them if none does.
pub(crate) fn asked(question: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    each(question, |word| {
        if !all.iter().any(|one| one == word) {
            all.push(word.to_owned());
        }
    });
    let telling: Vec<String> = all
        .iter()
        .filter(|word| !EMPTY_WORDS.iter().any(|empty| stem(empty) == word.as_str()))
        .cloned()
        .collect();
    if telling.is_empty() { all } else { telling }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn identifiers_are_whole_and_in_parts() {
        for (text, wanted) in [
            ("parse_config(path)", "pars config parseconfig path "),
            ("parseHTTPRequest2", "pars http request 2 parsehttprequest2 "),
            ("XMLReader __init__ IO", "xml reader xmlreader init io "),
            ("größe Ärger_Maß", "größe ärger maß ärgermaß "),
            ("x = 0xdeadbeef;", "x 0 xdeadbeef 0xdeadbeef "),
            ("___ -- ()", ""),
        ] {
            assert_eq!(stored(text), wanted, "{text}");
        }
        assert_eq!(stored(&"a".repeat(41)), "");
    }

    #[test]
    fn endings_do_not_count() {
        for (one, other) in [
            ("parse", "parsing"),
            ("parses", "parsed"),
            ("query", "queries"),
            ("attempts", "attempt"),
            ("run", "running"),
            ("stopped", "stops"),
            ("wait", "waiting"),
            ("caches", "caching"),
        ] {
            assert_eq!(stored(one), stored(other), "{one} {other}");
        }
        for word in ["class", "status", "this", "bus", "id"] {
            assert_eq!(stored(word).trim(), word);
        }
    }

    #[test]
    fn questions_are_what_they_ask_for() {
        assert_eq!(
            asked("Where is the session title set?"),
            ["session", "titl", "set"]
        );
        assert_eq!(asked("what is it"), ["what", "is", "it"]);
    }
}
