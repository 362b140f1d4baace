//! Where calls may reach, with the tools that do.

use std::os::unix::fs::symlink;

use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::apply_patch::ApplyPatch;
use crate::edit::Edit;
use crate::glob::Glob;
use crate::read::Read;
use crate::testing::Bench;
use crate::write::Write;

const DELETE: &str = "*** Begin Patch\n*** Delete File: PATH\n*** End Patch";
const CHANGE: &str = "*** Begin Patch\n*** Update File: PATH\n@@\n-out\n+new\n*** End Patch";

/// A project with links: `out` to a folder outside, `file` to a file there, `same` to a folder of its own, `back`
/// out and in again.
fn with_links(bench: &Bench) -> PathBuf {
    let outside = bench.root().join("outside");
    fs_err::create_dir_all(outside.join("deep")).unwrap();
    fs_err::write(outside.join("a.txt"), "out\n").unwrap();
    bench.write("own/a.txt", "out\n");
    symlink(&outside, bench.path("out")).unwrap();
    symlink("../outside/a.txt", bench.path("file")).unwrap();
    symlink("own", bench.path("same")).unwrap();
    symlink(bench.path("own/a.txt"), outside.join("back")).unwrap();
    outside
}

#[tokio::test]
async fn what_leads_out_is_asked_for() {
    let change = |path: &str| json!({ "filePath": path, "oldString": "out", "newString": "new" });
    let patch = |text: &str, path: &str| json!({ "patchText": text.replace("PATH", path) });
    let read = |path: &str| json!({ "filePath": path });
    let write = |path: &str| json!({ "filePath": path, "content": "new" });
    let cases: Vec<(&dyn Tool, Value, &str)> = vec![
        (&Read, read("own/a.txt"), ""),
        (&Read, read("same/a.txt"), ""),
        (&Read, read("same"), ""),
        (&Read, read("out/a.txt"), "*"),
        (&Read, read("file"), "*"),
        (&Read, read("out"), "*"),
        (&Read, read("out/deep"), "deep/*"),
        (&Read, read("out/back"), "*"),
        (&Write, write("same/new.txt"), ""),
        (&Write, write("out/new/file.txt"), "new/*"),
        (&Write, write("file"), "*"),
        (&Edit, change("same/a.txt"), ""),
        (&Edit, change("file"), "*"),
        (&ApplyPatch, patch(CHANGE, "same/a.txt"), ""),
        (&ApplyPatch, patch(CHANGE, "out/a.txt"), "*"),
        (&ApplyPatch, patch(DELETE, "out/back"), "*"),
        (&Glob, json!({ "pattern": "*", "path": "own" }), ""),
        (&Glob, json!({ "pattern": "*", "path": "out" }), "*"),
    ];
    for (tool, input, asked) in cases {
        let bench = Bench::asking(|ask| {
            if ask.permission == "external_directory" {
                return Err(Failure::told("stays inside"));
            }
            Ok(())
        });
        let outside = with_links(&bench);
        let result = bench.run(tool, input.clone()).await;
        let asks = bench.recorded().asks;
        let external = asks.iter().filter(|ask| ask.permission == "external_directory");
        let external: Vec<&[String]> = external.map(|ask| ask.patterns.as_slice()).collect();
        let text = fs_err::read_to_string(outside.join("a.txt")).unwrap();
        assert_eq!(text, "out\n", "{} {input}", tool.name());
        if asked.is_empty() {
            assert_eq!(
                (external.len(), result.is_ok()),
                (0, true),
                "{} {input}",
                tool.name()
            );
        } else {
            let wanted = vec![external_pattern(&outside).replace('*', asked)];
            assert_eq!(external, [wanted.as_slice()], "{} {input}", tool.name());
            assert_eq!(result, Err(Failure::told("stays inside")));
        }
    }
}

#[tokio::test]
async fn a_project_behind_a_link_is_no_place_outside() {
    let mut bench = Bench::new();
    bench.write("a.txt", "text");
    let link = bench.root().join("link");
    symlink(&bench.scope.directory, &link).unwrap();
    bench.scope.directory = link.clone();
    bench.scope.worktree = link;
    let output = bench.run(&Read, json!({ "filePath": "a.txt" })).await.unwrap();
    assert!(output.output.contains("1: text"));
    let asks = bench.recorded().asks;
    assert_eq!(
        asks.iter().map(|ask| ask.permission.as_str()).collect::<Vec<_>>(),
        ["read"]
    );
}

#[tokio::test]
async fn an_external_folder_is_asked_for_once() {
    let bench = Bench::new();
    let outside = with_links(&bench);
    symlink(&outside, bench.root().join("other name")).unwrap();
    let path = bench.root().join("other name/a.txt");
    bench.run(&Read, json!({ "filePath": path })).await.unwrap();
    let asks = bench.recorded().asks;
    let names: Vec<&str> = asks.iter().map(|ask| ask.permission.as_str()).collect();
    assert_eq!(names, ["external_directory", "read"]);
}

#[tokio::test]
async fn what_was_allowed_is_what_is_changed() {
    for (tool, input) in [
        (
            &Write as &dyn Tool,
            json!({ "filePath": "own/a.txt", "content": "new" }),
        ),
        (
            &Edit,
            json!({ "filePath": "own/a.txt", "oldString": "out", "newString": "new" }),
        ),
        (
            &ApplyPatch,
            json!({ "patchText": CHANGE.replace("PATH", "own/a.txt") }),
        ),
        (
            &ApplyPatch,
            json!({ "patchText": DELETE.replace("PATH", "own/a.txt") }),
        ),
        (&Read, json!({ "filePath": "own/a.txt" })),
    ] {
        let swap: Arc<std::sync::OnceLock<(PathBuf, PathBuf)>> = Arc::default();
        let bench = Bench::asking({
            let swap = Arc::clone(&swap);
            move |ask| {
                // While the user thinks, the folder becomes a link.
                let (own, outside) = swap.get().expect("set below");
                assert!(ask.permission == "edit" || ask.permission == "read");
                fs_err::rename(own, own.with_extension("old")).unwrap();
                symlink(outside, own).unwrap();
                Ok(())
            }
        });
        let outside = with_links(&bench);
        swap.set((bench.path("own"), outside.clone())).expect("once");
        let result = bench.run(tool, input).await;
        assert!(result.is_err(), "{}: {result:?}", tool.name());
        assert_eq!(fs_err::read_to_string(outside.join("a.txt")).unwrap(), "out\n");
        assert_eq!(fs_err::read_dir(&outside).unwrap().count(), 3, "{}", tool.name());
    }
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn nothing_is_written_outside_while_a_folder_is_swapped_for_a_link() {
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::fs::{CWD, RenameFlags, renameat_with};

    const TRIES: usize = 2000;
    let bench = Bench::asking(|ask| match ask.permission.as_str() {
        "external_directory" => Err(Failure::told("stays inside")),
        _ => Ok(()),
    });
    let outside = with_links(&bench);
    let over = Arc::new(AtomicBool::new(false));
    let attacker = {
        let (own, out, over) = (bench.path("own"), bench.path("out"), Arc::clone(&over));
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                renameat_with(CWD, &own, CWD, &out, RenameFlags::EXCHANGE).unwrap();
            }
        })
    };
    let mut written = 0;
    for round in 0..TRIES {
        let path = if round % 2 == 0 {
            "own/a.txt"
        } else {
            "own/new.txt"
        };
        let content = format!("round {round}");
        let result = bench
            .run(&Write, json!({ "filePath": path, "content": content }))
            .await;
        written += usize::from(result.is_ok());
        // What is read is the project's own.
        if let Ok(output) = bench.run(&Read, json!({ "filePath": "own/a.txt" })).await {
            assert!(!output.output.contains("1: secret"), "{}", output.output);
        }
        if round == 0 {
            fs_err::write(outside.join("a.txt"), "secret").unwrap();
        }
    }
    over.store(true, Ordering::Relaxed);
    attacker.join().expect("no panic");
    assert!(written > 0);
    assert_eq!(fs_err::read_to_string(outside.join("a.txt")).unwrap(), "secret");
    assert_eq!(fs_err::read_dir(&outside).unwrap().count(), 3);
}
