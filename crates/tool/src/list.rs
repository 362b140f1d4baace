//! The `list` tool: the files of a folder as a tree. Off until configuration names it.

use std::path::{Component, PathBuf};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opencode_project::search;
use opencode_schema::Object;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::contract::{Ask, Call, Definition, Failure, Output, PathKind, Scope, Tool, arguments};

/// The name of the tool.
pub const NAME: &str = "list";
/// Files that are told at most.
const LIMIT: usize = 200;

/// Shows the files of a folder.
#[derive(Clone, Copy, Debug, Default)]
pub struct List;

#[derive(Debug, Deserialize, JsonSchema)]
struct Arguments {
    /// Folder to show; leave out for the working directory
    path: Option<String>,
}

impl Tool for List {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        Definition::of::<Arguments>(include_str!("descriptions/list.md"))
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        run(call, input).boxed()
    }
}

async fn run(call: &Call, input: Value) -> Result<Output, Failure> {
    let Arguments { path } = arguments(NAME, input)?;
    let directory = call.scope.resolve(path.as_deref().unwrap_or_default());
    let place = call.reach(&directory, PathKind::Directory).await?;
    let name = call.scope.relative(&directory);
    let shown = directory.to_string_lossy().into_owned();
    call.ask(Ask {
        permission: NAME.into(),
        patterns: vec![if name.is_empty() {
            ".".to_owned()
        } else {
            name.clone()
        }],
        always: vec!["*".into()],
        metadata: Object::from_iter([("path".to_owned(), shown.clone().into())]),
    })
    .await?;
    match tokio::fs::metadata(place.target()).await {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(Failure::told(format!("{shown} is a file: use read"))),
        Err(_) => return Err(Failure::told(format!("Folder not found: {shown}"))),
    }
    let query = search::Glob {
        directory: place.target().to_owned(),
        pattern: String::new(),
        hidden: false,
        limit: LIMIT + 1,
    };
    let mut paths = match search::glob(query, &call.cancel).await {
        Ok(paths) => paths,
        Err(search::Error::Cancelled) => return Err(Failure::Aborted),
        Err(error) => return Err(Failure::told(error.to_string())),
    };
    let more = paths.len() > LIMIT;
    paths.truncate(LIMIT);
    let mut output = format!("{}/\n{}", shown.trim_end_matches('/'), tree(&paths));
    if more {
        output.push_str(&format!(
            "\n(There are more: these are the first {LIMIT} files. List one of the folders.)\n"
        ));
    }
    Ok(Output {
        title: name,
        output,
        metadata: Object::from_iter([
            ("count".to_owned(), paths.len().into()),
            ("truncated".to_owned(), more.into()),
        ]),
        ..Output::default()
    })
}

/// Paths in their order as a tree, two blanks for each level.
fn tree(paths: &[PathBuf]) -> String {
    let mut text = String::new();
    let mut open: Vec<String> = Vec::new();
    for path in paths {
        let mut names: Vec<String> = path
            .components()
            .filter_map(|one| match one {
                Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
                _ => None,
            })
            .collect();
        let Some(file) = names.pop() else { continue };
        let same = open
            .iter()
            .zip(&names)
            .take_while(|(one, other)| one == other)
            .count();
        for (level, name) in names.iter().enumerate().skip(same) {
            text.push_str(&format!("{:1$}{name}/\n", "", 2 * (level + 1)));
        }
        text.push_str(&format!("{:1$}{file}\n", "", 2 * (names.len() + 1)));
        open = names;
    }
    text
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::testing::Bench;

    #[tokio::test]
    async fn a_folder_is_shown_as_a_tree() {
        let bench = Bench::new();
        for file in ["src/deep/a.rs", "src/b.rs", "z.txt", ".hidden", "target/out"] {
            bench.write(file, "");
        }
        bench.write(".ignore", "target\n");
        let output = bench.run(&List, json!({})).await.unwrap();
        let root = bench.path("");
        let root = root.to_string_lossy();
        assert_eq!(
            output.output,
            format!(
                "{root}/\n  src/\n    b.rs\n    deep/\n      a.rs\n  z.txt\n",
                root = root.trim_end_matches('/')
            )
        );
        assert_eq!(output.metadata["count"], 3);
        let below = bench.run(&List, json!({ "path": "src" })).await.unwrap();
        assert_eq!(below.title, "src");
        let asks = bench.recorded().asks;
        let patterns: Vec<_> = asks
            .iter()
            .map(|ask| (ask.permission.as_str(), ask.patterns[0].as_str()))
            .collect();
        assert_eq!(patterns, [("list", "."), ("list", "src")]);
    }

    #[tokio::test]
    async fn many_files_are_not_all_told() {
        let bench = Bench::new();
        for number in 0..=LIMIT {
            bench.write(format!("f{number:04}"), "");
        }
        let output = bench.run(&List, json!({})).await.unwrap();
        assert_eq!(
            (&output.metadata["count"], &output.metadata["truncated"]),
            (&json!(LIMIT), &json!(true))
        );
        assert!(output.output.contains("(There are more"), "{}", output.output);
    }

    #[tokio::test]
    async fn what_is_no_folder_is_told() {
        let bench = Bench::new();
        bench.write("file", "");
        for (path, wanted) in [("file", "is a file: use read"), ("none", "Folder not found")] {
            let failure = bench.run(&List, json!({ "path": path })).await.unwrap_err();
            assert!(failure.to_string().contains(wanted), "{failure}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_is_asked_for_where_it_leads() {
        let bench = Bench::asking(|ask| match ask.permission.as_str() {
            "external_directory" => Err(Failure::told("outside")),
            _ => Ok(()),
        });
        let outside = bench.root().join("outside");
        fs_err::create_dir(&outside).unwrap();
        std::os::unix::fs::symlink(&outside, bench.path("link")).unwrap();
        let failure = bench.run(&List, json!({ "path": "link" })).await.unwrap_err();
        assert_eq!(failure.to_string(), "outside");
    }
}
