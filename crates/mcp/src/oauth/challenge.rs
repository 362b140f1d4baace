//! What a server says when it wants a token: the header `WWW-Authenticate` (RFC 9110 §11.6.1, RFC 6750 §3).

/// What a bearer challenge asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Demand {
    /// Where the server says who gives tokens for it.
    pub(super) resource_metadata: Option<String>,
    /// What the token must be good for.
    pub(super) scope: Option<String>,
    /// What is wrong with the token that was shown.
    pub(super) error: Option<String>,
}

impl Demand {
    /// The bearer challenge of a header; empty when it has none.
    pub(super) fn read(header: &str) -> Self {
        let mut demand = Self::default();
        let mut is_bearer = false;
        let mut rest = header;
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            let end = rest.find(|c: char| c.is_whitespace() || matches!(c, ',' | '=' | '"'));
            let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
            let behind = after.trim_start();
            if let Some(value) = behind.strip_prefix('=').filter(|_| !word.is_empty()) {
                let (value, after) = value_of(value.trim_start());
                rest = after;
                if is_bearer && !value.is_empty() {
                    demand.keep(word, value);
                }
            } else if word.is_empty() {
                // A character that begins nothing.
                let mut left = after.chars();
                if left.next().is_none() {
                    return demand;
                }
                rest = left.as_str();
            } else {
                is_bearer = word.eq_ignore_ascii_case("bearer");
                rest = after;
            }
        }
    }

    fn keep(&mut self, name: &str, value: String) {
        let field = match name.to_ascii_lowercase().as_str() {
            "resource_metadata" => &mut self.resource_metadata,
            "scope" => &mut self.scope,
            "error" => &mut self.error,
            _ => return,
        };
        // The first one counts.
        field.get_or_insert(value);
    }
}

/// A word, or what stands in quotation marks; and what is behind it.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| c.is_whitespace() || c == ',');
        let (value, rest) = text.split_at(end.unwrap_or(text.len()));
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next()),
            other => value.push(other),
        }
    }
    (value, characters.as_str())
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn bearer_challenges_are_read() {
        let demand = |metadata: &str, scope: &str, error: &str| {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            Demand {
                resource_metadata: some(metadata),
                scope: some(scope),
                error: some(error),
            }
        };
        for (header, wanted) in [
            ("", demand("", "", "")),
            ("Bearer", demand("", "", "")),
            (
                r#"Bearer scope="a b", resource_metadata="http://x/y""#,
                demand("http://x/y", "a b", ""),
            ),
            (
                r#"bearer error=insufficient_scope,scope=a"#,
                demand("", "a", "insufficient_scope"),
            ),
            (
                r#"Basic realm="x, scope=no", Bearer scope="yes""#,
                demand("", "yes", ""),
            ),
            (r#"Bearer realm="x", Basic scope="no""#, demand("", "", "")),
            (r#"Bearer scope = "a\"b""#, demand("", "a\"b", "")),
            (r#"Bearer scope="open"#, demand("", "open", "")),
            (r#"Bearer scope="a", scope="b""#, demand("", "a", "")),
            (r#"Bearer ,,= "" == scope="a""#, demand("", "a", "")),
            ("Bearer error_description=\"=\", error=\"e\"", demand("", "", "e")),
            ("DPoP scope=\"a\"", demand("", "", "")),
        ] {
            assert_eq!(Demand::read(header), wanted, "{header}");
        }
    }
}
