//! The Markdown file of an agent, as it is written.

use opencode_schema::agent::Mode;
use serde::Serialize;

/// Permissions that can be taken from an agent when it is made.
pub const PERMISSIONS: [&str; 11] = [
    "bash",
    "read",
    "edit",
    "glob",
    "grep",
    "webfetch",
    "task",
    "todowrite",
    "websearch",
    "lsp",
    "skill",
];

#[derive(Serialize)]
struct FrontMatter<'a> {
    description: &'a str,
    mode: Mode,
    #[serde(skip_serializing_if = "indexmap::IndexMap::is_empty")]
    permission: indexmap::IndexMap<&'static str, &'static str>,
}

/// The text of the file: front matter, then the prompt. What is not `allowed` is denied.
///
/// # Errors
/// A text that cannot be written as YAML.
pub fn document(
    description: &str,
    mode: Mode,
    allowed: &[String],
    prompt: &str,
) -> Result<String, serde_yaml_ng::Error> {
    let denied = PERMISSIONS
        .into_iter()
        .filter(|permission| !allowed.iter().any(|one| one == permission));
    let front_matter = FrontMatter {
        description,
        mode,
        permission: denied.map(|permission| (permission, "deny")).collect(),
    };
    let yaml = serde_yaml_ng::to_string(&front_matter)?;
    Ok(format!("---\n{yaml}---\n{}\n", prompt.trim_end()))
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::front_matter;

    #[test]
    fn what_is_written_is_read_back() {
        let description = "Use when: it's \"odd\".\nSecond line # no comment\n---\nend";
        let allowed = PERMISSIONS.map(str::to_owned);
        let text = document(description, Mode::Subagent, &allowed[1..], "\nYou.\n\n---\nx\n").unwrap();
        let parts = front_matter::parse(&text).unwrap();
        assert_eq!(
            parts.data,
            serde_json::json!({ "description": description, "mode": "subagent", "permission": { "bash": "deny" } })
        );
        assert_eq!(parts.body.trim(), "You.\n\n---\nx");
        let all = document("d", Mode::All, &allowed, "p").unwrap();
        assert_eq!(all, "---\ndescription: d\nmode: all\n---\np\n");
    }
}
