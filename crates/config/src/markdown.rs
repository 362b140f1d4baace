//! Agents, modes and commands in Markdown files: front matter is their configuration, the text is their
//! prompt (reference `agents-commands-permissions.md` §1.5, §3).

use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use serde_json::{Map, Value};

use crate::{Error, front_matter, resolve};

/// Files and folders looked at in one place at most.
const WALK_LIMIT: usize = 20_000;

/// A kind of thing that Markdown files describe.
struct Kind {
    /// Names of the folder that holds them.
    folders: [&'static str; 2],
    /// The key of the configuration that they stand under.
    key: &'static str,
    /// The field that their text is.
    body: &'static str,
    /// A field that is always the same.
    fixed: Option<(&'static str, &'static str)>,
    /// Whether folders in the folder count, as part of the name.
    nested: bool,
    /// Whether one that does not fit its schema is left out, instead of being an error.
    lenient: bool,
}

const KINDS: [Kind; 3] = [
    Kind {
        folders: ["command", "commands"],
        key: "command",
        body: "template",
        fixed: None,
        nested: true,
        lenient: false,
    },
    Kind {
        folders: ["agent", "agents"],
        key: "agent",
        body: "prompt",
        fixed: None,
        nested: true,
        lenient: false,
    },
    Kind {
        folders: ["mode", "modes"],
        key: "agent",
        body: "prompt",
        fixed: Some(("mode", "primary")),
        nested: false,
        lenient: true,
    },
];

/// Names of the folders that hold them.
pub(crate) fn folders() -> impl Iterator<Item = &'static str> {
    KINDS.iter().flat_map(|kind| kind.folders)
}

/// What the Markdown files of a configuration folder describe, in the order in which it is merged. Files
/// that cannot be read are logged and left out.
///
/// # Errors
/// A file that describes something that cannot be.
pub(crate) fn described(directory: &Path) -> Result<Vec<(PathBuf, Value)>, Error> {
    let mut all = Vec::new();
    for kind in &KINDS {
        for folder in kind.folders {
            let folder = directory.join(folder);
            if !folder.is_dir() {
                continue;
            }
            let walk = WalkBuilder::new(&folder)
                .standard_filters(false)
                .follow_links(true)
                .max_depth((!kind.nested).then_some(1))
                .sort_by_file_name(Ord::cmp)
                .build();
            for entry in walk.take(WALK_LIMIT).filter_map(Result::ok) {
                let path = entry.path();
                let is_markdown = path.extension().is_some_and(|extension| extension == "md");
                if is_markdown && path.is_file() {
                    let described = read(kind, &folder, path)?;
                    all.extend(described.map(|described| (path.to_owned(), described)));
                }
            }
        }
    }
    Ok(all)
}

fn read(kind: &Kind, folder: &Path, path: &Path) -> Result<Option<Value>, Error> {
    let text = match front_matter::read(path) {
        Ok(text) => text,
        Err(error) => {
            tracing::warn!(%error, "a Markdown file cannot be read");
            return Ok(None);
        }
    };
    // Parity: agents-commands-permissions.md §1.5, front matter that cannot be read is text like the rest.
    let front_matter::Parts { data, body } = front_matter::parse(&text).unwrap_or_else(|| {
        tracing::warn!(path = %path.display(), "the front matter of a Markdown file cannot be read");
        front_matter::Parts {
            data: Value::Object(Map::new()),
            body: &text,
        }
    });
    let Value::Object(mut fields) = data else {
        return Ok(None);
    };
    let named = fields.get("name").and_then(Value::as_str).map(str::to_owned);
    let Some(name) = named.or_else(|| name_of(folder, path)) else {
        return Ok(None);
    };
    fields.insert(kind.body.to_owned(), body.trim().into());
    if kind.key == "agent" {
        fields.insert("name".to_owned(), name.clone().into());
    }
    if let Some((field, value)) = kind.fixed {
        fields.insert(field.to_owned(), value.into());
    }
    let described = Value::Object(Map::from_iter([(
        kind.key.to_owned(),
        Value::Object(Map::from_iter([(name, Value::Object(fields))])),
    )]));
    match resolve::source(described, path) {
        Ok(described) => Ok(Some(described)),
        Err(error) if kind.lenient => {
            tracing::warn!(%error, "a mode is left out");
            Ok(None)
        }
        Err(Error::Invalid { path, mut issues }) => {
            for issue in &mut issues {
                // Keys are those of the file.
                issue.key.drain(..issue.key.len().min(2));
            }
            Err(Error::Invalid { path, issues })
        }
        Err(error) => Err(error),
    }
}

/// The path below the folder without extension, with `/` between its parts.
fn name_of(folder: &Path, path: &Path) -> Option<String> {
    let below = path.strip_prefix(folder).ok()?.with_extension("");
    let parts: Option<Vec<&str>> = below.iter().map(|part| part.to_str()).collect();
    Some(parts?.join("/"))
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;
    use crate::merge;

    fn merged(files: &[(&str, &str)], base: Value) -> Result<Value, Error> {
        let folder = TempDir::new().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, content).unwrap();
        }
        let mut merged = base;
        for (_, described) in described(folder.path())? {
            merge::deep(&mut merged, described);
        }
        Ok(merged)
    }

    #[test]
    fn files_describe_agents_modes_and_commands() {
        let files = [
            (
                "agent/helper.md",
                "---\ndescription: has: colon\nmode: subagent\nzeal: 3\n---\n\nHelp.\n",
            ),
            ("agents/team/lead.md", "Lead.\n"),
            ("mode/old.md", "---\ntemperature: 0.9\n---\nOld.\n"),
            ("mode/deep/ignored.md", "x"),
            ("mode/broken.md", "---\ntemperature: hot\n---\n"),
            ("command/git/commit.md", "---\nagent: plan\n---\nCommit $1\n"),
            ("commands/renamed.md", "---\nname: other\n---\nBody\n"),
            ("command/no.txt", "no"),
            ("command/unreadable.md", "---\n[\n---\nx"),
        ];
        let base = json!({ "agent": { "helper": { "description": "old", "top_p": 0.5 } } });
        let wanted = json!({
            "agent": {
                "helper": { "description": "has: colon", "top_p": 0.5, "mode": "subagent", "zeal": 3, "prompt": "Help.", "name": "helper", "options": { "zeal": 3 }, "permission": {} },
                "team/lead": { "prompt": "Lead.", "name": "team/lead", "options": {}, "permission": {} },
                "old": { "temperature": 0.9, "prompt": "Old.", "name": "old", "mode": "primary", "options": {}, "permission": {} },
            },
            "command": {
                "git/commit": { "agent": "plan", "template": "Commit $1" },
                "unreadable": { "template": "---\n[\n---\nx" },
                "other": { "template": "Body" },
            },
        });
        assert_eq!(merged(&files, base).unwrap(), wanted);
    }

    #[test]
    fn what_cannot_be_is_an_error_that_names_the_file() {
        let error = merged(&[("agent/a.md", "---\nmode: sideways\n---\n")], json!({})).unwrap_err();
        assert!(error.to_string().contains("a.md"), "{error}");
    }
}
