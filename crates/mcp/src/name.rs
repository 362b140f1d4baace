//! Names under which models and users know what servers have (reference `integrations.md` §A5).

use std::collections::HashSet;

use sha2::{Digest, Sha256};

/// Characters of a tool's name that every provider takes.
pub const LONGEST: usize = 64;
/// Characters that tell long names apart.
const MARK: usize = 8;

/// With `_` in place of every character that names of tools cannot have.
#[must_use]
pub fn sanitize(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.chars().map(|c| if fits(c) { c } else { '_' }).collect()
}

/// The name of a tool.
#[must_use]
pub fn tool(server: &str, tool: &str) -> String {
    format!("{}_{}", sanitize(server), sanitize(tool))
}

/// The name of the command that a prompt becomes.
#[must_use]
pub fn prompt(server: &str, prompt: &str) -> String {
    format!("{}:{}", sanitize(server), sanitize(prompt))
}

/// The key of a resource in lists.
#[must_use]
pub fn resource(server: &str, uri: &str) -> String {
    format!("{}:{uri}", server.replace('%', "%25").replace(':', "%3A"))
}

/// A name that providers take and that nobody has yet: a longer one is cut, and both that and one that is taken
/// get a mark that depends on nothing but `server` and `tool`, so that it stays the same.
pub fn unique(server: &str, name: &str, taken: &mut HashSet<String>) -> String {
    let wanted = tool(server, name);
    let candidate = if wanted.len() <= LONGEST && !taken.contains(&wanted) {
        wanted
    } else {
        let mut mark = hex::encode(Sha256::digest(format!("{server}\0{name}")));
        mark.truncate(MARK);
        let mut short = wanted;
        // Only ASCII since it was sanitized.
        short.truncate(LONGEST - MARK - 1);
        format!("{short}_{mark}")
    };
    taken.insert(candidate.clone());
    candidate
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn names() {
        assert_eq!(tool("every thing!", "get-sum"), "every_thing__get-sum");
        assert_eq!(tool("ä", "日本"), "__".to_owned() + "__");
        assert_eq!(
            prompt("every thing!", "simple prompt"),
            "every_thing_:simple_prompt"
        );
        assert_eq!(resource("a:b%", "file:///x"), "a%3Ab%25:file:///x");
    }

    #[test]
    fn names_are_short_and_unique() {
        let mut taken = HashSet::from(["s_taken".to_owned()]);
        let long = "x".repeat(100);
        let names = [
            unique("s", "plain", &mut taken),
            unique("s", "taken", &mut taken),
            unique("s", &long, &mut taken),
            unique("s", &format!("{long}2"), &mut taken),
            unique("a b", "c", &mut taken),
            unique("a_b", "c", &mut taken),
        ];
        assert_eq!(names[0], "s_plain");
        assert_eq!(names[4], "a_b_c");
        assert!(names.iter().all(|name| name.len() <= LONGEST), "{names:?}");
        assert_eq!(
            names.iter().collect::<HashSet<_>>().len(),
            names.len(),
            "{names:?}"
        );
        let again = unique("s", &long, &mut HashSet::new());
        assert_eq!(again, names[2], "the same at another time");
    }
}
