//! Taking common indentation out of a patch.

use super::whitespace::{is_whitespace, trim};

/// `patch` without the indentation that all its non-blank body lines share.
///
/// Parity: tools.md §3 «diff format». A body line that looks like a file line (`---`, `+++`) is neither
/// counted nor changed, even if it is a removed or added line that begins with two more signs.
#[must_use]
pub fn without_common_indentation(patch: &str) -> String {
    let texts = patch.split('\n').filter_map(body).map(|(_, text)| text);
    let common = texts
        .filter(|text| !trim(text).is_empty())
        .map(indent)
        .min()
        .unwrap_or(0);
    if common == 0 {
        return patch.to_owned();
    }
    let mut out = String::with_capacity(patch.len());
    for (index, line) in patch.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        match body(line) {
            Some((sign, text)) => {
                out.push_str(sign);
                out.extend(text.chars().skip(common));
            }
            None => out.push_str(line),
        }
    }
    out
}

/// The sign and the text of a body line.
fn body(line: &str) -> Option<(&str, &str)> {
    let signed = line.starts_with(['+', '-', ' ']) && !line.starts_with("---") && !line.starts_with("+++");
    signed.then(|| line.split_at(1))
}

/// How many characters stand before the first that is not white space.
fn indent(text: &str) -> usize {
    text.chars().take_while(|char| is_whitespace(*char)).count()
}
