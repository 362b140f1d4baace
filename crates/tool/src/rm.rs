//! The `rm` tool: moves files and folders to the trash. Off until configuration names it.
//!
//! Whoever may not edit a file may not throw it away either.

use std::path::Path;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use opencode_project::place::Place;
use opencode_project::trash::Trash;
use opencode_schema::Object;
use opencode_schema::event::{EventBody, FileChange};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::contract::{Ask, Call, Definition, Failure, Output, Scope, Tool, arguments};
use crate::write::{blocking, lock};

/// The name of the tool.
pub const NAME: &str = "rm";

/// Moves files and folders to the trash.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rm;

#[derive(Debug, Deserialize, JsonSchema)]
struct Arguments {
    /// What to remove
    path: String,
    /// Whether a folder goes with everything in it
    recursive: Option<bool>,
}

impl Tool for Rm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn definition(&self, _scope: &Scope) -> Definition {
        Definition::of::<Arguments>(include_str!("descriptions/rm.md"))
    }

    fn permission(&self) -> &'static str {
        "edit"
    }

    fn run<'a>(&'a self, call: &'a Call, input: Value) -> BoxFuture<'a, Result<Output, Failure>> {
        run(call, input).boxed()
    }
}

async fn run(call: &Call, input: Value) -> Result<Output, Failure> {
    let Arguments { path, recursive } = arguments(NAME, input)?;
    if path.is_empty() {
        return Err(Failure::told("path is required"));
    }
    let path = call.scope.resolve(&path);
    protect(&call.scope, &path)?;
    let place = call.reach_name(&path).await?;
    protect(&call.scope, place.name())?;
    let name = call.scope.relative(&path);
    for permission in [NAME, "edit"] {
        call.ask(Ask {
            permission: permission.into(),
            patterns: vec![name.clone()],
            always: vec!["*".into()],
            metadata: Object::from_iter([("filepath".to_owned(), path.to_string_lossy().into())]),
        })
        .await?;
    }
    let _lock = lock::lock(&path, &call.cancel).await?;
    let trash = Trash::new(call.scope.trash.clone());
    let whole = recursive == Some(true);
    let entry = blocking(move || {
        let found = place.name();
        // The answers may have taken long, and what was asked about is nothing else.
        if Place::of(found)?.name() != found {
            return Err(Failure::told(format!(
                "{} is not where it was any more: a folder above it has become a link",
                found.display()
            )));
        }
        is_removable(found, whole)?;
        trash
            .discard(found)
            .map_err(|error| Failure::told(error.to_string()))
    })
    .await??;
    call.host.announce(EventBody::FileWatcherUpdated {
        file: path.to_string_lossy().into_owned(),
        event: FileChange::Unlink,
    });
    Ok(Output {
        output: format!(
            "Moved {} to the trash. The user can bring it back: opencode trash restore {}",
            path.display(),
            entry.id
        ),
        title: name,
        metadata: Object::from_iter([
            ("filepath".to_owned(), path.to_string_lossy().into()),
            ("trash".to_owned(), entry.id.into()),
        ]),
        ..Output::default()
    })
}

/// What everything hangs on is never removed.
fn protect(scope: &Scope, path: &Path) -> Result<(), Failure> {
    let repository = scope.worktree.join(".git");
    let dear = [&scope.directory, &scope.worktree, &scope.trash, &repository];
    if dear.into_iter().any(|dear| dear.starts_with(path)) || path.starts_with(&repository) {
        return Err(Failure::told(format!(
            "{} is not removed: this work depends on it",
            path.display()
        )));
    }
    Ok(())
}

fn is_removable(path: &Path, whole: bool) -> Result<(), Failure> {
    let metadata = fs_err::symlink_metadata(path)
        .map_err(|_| Failure::told(format!("File not found: {}", path.display())))?;
    if metadata.is_dir() && !whole && fs_err::read_dir(path)?.next().is_some() {
        return Err(Failure::told(format!(
            "{} is a folder that is not empty: set recursive to remove it with everything in it",
            path.display()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::{Arc, OnceLock};

    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::testing::Bench;

    #[tokio::test]
    async fn what_is_removed_can_be_restored() {
        let bench = Bench::new();
        let file = bench.write("a/b.txt", "text");
        let output = bench.run(&Rm, json!({ "path": "a/b.txt" })).await.unwrap();
        assert!(!file.exists());
        assert_eq!(output.title, "a/b.txt");
        let asks: Vec<_> = bench
            .recorded()
            .asks
            .into_iter()
            .map(|ask| (ask.permission, ask.patterns))
            .collect();
        let patterns = || vec!["a/b.txt".to_owned()];
        assert_eq!(
            asks,
            [("rm".to_owned(), patterns()), ("edit".to_owned(), patterns())]
        );
        let id = output.metadata["trash"].as_str().unwrap();
        assert!(output.output.contains(id), "{}", output.output);
        Trash::new(bench.scope.trash.clone()).restore(id).unwrap();
        assert_eq!(bench.read("a/b.txt"), "text");
    }

    #[tokio::test]
    async fn a_full_folder_needs_to_be_meant() {
        let bench = Bench::new();
        bench.write("a/b.txt", "");
        let failure = bench.run(&Rm, json!({ "path": "a" })).await.unwrap_err();
        assert!(failure.to_string().contains("set recursive"), "{failure}");
        bench
            .run(&Rm, json!({ "path": "a", "recursive": true }))
            .await
            .unwrap();
        assert!(!bench.path("a").exists());
    }

    #[tokio::test]
    async fn a_no_keeps_it() {
        for permission in ["rm", "edit"] {
            let bench = Bench::asking(move |ask| {
                if ask.permission == permission {
                    return Err(Failure::told("no"));
                }
                Ok(())
            });
            let file = bench.write("a", "");
            bench.run(&Rm, json!({ "path": "a" })).await.unwrap_err();
            assert!(file.exists());
        }
    }

    #[tokio::test]
    async fn what_the_work_depends_on_stays() {
        let bench = Bench::new();
        bench.write(".git/HEAD", "");
        for path in [".", "..", "/", ".git", ".git/HEAD", "../data"] {
            let failure = bench
                .run(&Rm, json!({ "path": path, "recursive": true }))
                .await
                .unwrap_err();
            assert!(failure.to_string().contains("depends on it"), "{path}: {failure}");
        }
        let failure = bench.run(&Rm, json!({ "path": "none" })).await.unwrap_err();
        assert!(failure.to_string().starts_with("File not found"), "{failure}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_folder_that_is_a_link_is_asked_for_where_it_leads() {
        let bench = Bench::asking(|ask| match ask.permission.as_str() {
            "external_directory" => Err(Failure::told("outside")),
            _ => Ok(()),
        });
        let outside = bench.root().join("outside");
        fs_err::create_dir(&outside).unwrap();
        fs_err::write(outside.join("dear"), "").unwrap();
        std::os::unix::fs::symlink(&outside, bench.path("link")).unwrap();
        let failure = bench.run(&Rm, json!({ "path": "link/dear" })).await.unwrap_err();
        assert_eq!(failure.to_string(), "outside");
        // The link itself is inside.
        bench.run(&Rm, json!({ "path": "link" })).await.unwrap();
        assert!(outside.join("dear").exists());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_folder_that_becomes_a_link_while_somebody_is_asked_keeps_what_is_behind_it() {
        let places = Arc::new(OnceLock::<[PathBuf; 2]>::new());
        let of_asker = Arc::clone(&places);
        let bench = Bench::asking(move |ask| {
            if ask.permission == "edit" {
                let [folder, outside] = of_asker.get().unwrap();
                fs_err::remove_dir_all(folder).unwrap();
                std::os::unix::fs::symlink(outside, folder).unwrap();
            }
            Ok(())
        });
        bench.write("folder/dear", "");
        let outside = bench.root().join("outside");
        fs_err::create_dir(&outside).unwrap();
        fs_err::write(outside.join("dear"), "").unwrap();
        places.set([bench.path("folder"), outside.clone()]).unwrap();
        let failure = bench
            .run(&Rm, json!({ "path": "folder/dear" }))
            .await
            .unwrap_err();
        assert!(failure.to_string().contains("has become a link"), "{failure}");
        assert!(outside.join("dear").exists());
    }
}
