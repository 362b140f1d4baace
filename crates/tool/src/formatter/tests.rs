use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use pretty_assertions::assert_eq;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::apply_patch::ApplyPatch;
use crate::edit::Edit;
use crate::multiedit::Multiedit;
use crate::testing::Bench;
use crate::write::Write;

fn script(path: &Path, text: &str) {
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

async fn enabled(files: &[(&str, &str)], programs: &[(&str, &str)], config: Value) -> Vec<String> {
    let tree = TempDir::new().unwrap();
    let (bin, worktree) = (tree.path().join("bin"), tree.path().join("work"));
    let directory = worktree.join("folder");
    for folder in [&bin, &directory] {
        fs_err::create_dir_all(folder).unwrap();
    }
    for (name, text) in files {
        fs_err::write(worktree.join(name), text).unwrap();
    }
    for (name, text) in programs {
        script(&bin.join(name), text);
    }
    let ground = Ground {
        directory,
        worktree,
        packages: Packages::new(bin.to_str().unwrap(), tree.path().join("cache")),
        with_oxfmt: true,
    };
    let all = Formatters::new(&config, ground).statuses().await;
    let enabled = all.into_iter().filter(|one| one.enabled);
    enabled.map(|one| one.name).collect()
}

#[tokio::test]
async fn what_a_place_has() {
    let nothing: &[(&str, &str)] = &[];
    for (name, files, programs, wanted) in [
        ("nothing", nothing, nothing, vec![]),
        (
            "programs",
            nothing,
            &[("gofmt", ""), ("rustfmt", "")][..],
            vec!["rustfmt", "gofmt"],
        ),
        (
            "listed in a manifest",
            &[(
                "package.json",
                r#"{"devDependencies": {"prettier": "1", "oxfmt": "1"}}"#,
            )],
            nothing,
            vec!["prettier", "oxfmt"],
        ),
        (
            "a program alone is not enough",
            nothing,
            &[("clang-format", "")],
            vec![],
        ),
        (
            "a program and its file",
            &[(".clang-format", "")],
            &[("clang-format", "")],
            vec!["clang-format"],
        ),
        ("a file alone", &[("biome.json", "{}")], nothing, vec!["biome"]),
        (
            "ruff before uv",
            &[("pyproject.toml", "[tool.ruff]\n")],
            &[("ruff", ""), ("uv", "")],
            vec!["ruff"],
        ),
        (
            "uv that can format",
            nothing,
            &[("ruff", ""), ("uv", "")],
            vec!["uv"],
        ),
        ("uv that cannot", nothing, &[("uv", "exit 2")], vec![]),
        (
            "air of the R language",
            nothing,
            &[("air", "echo 'Air: An R language server and formatter'")],
            vec!["air"],
        ),
        ("another air", nothing, &[("air", "echo live reload")], vec![]),
    ] {
        assert_eq!(enabled(files, programs, json!(true)).await, wanted, "{name}");
    }
}

#[tokio::test]
async fn configuration_adds_changes_and_removes() {
    let programs = [("gofmt", ""), ("uv", "")];
    for off in [json!(false), Value::Null] {
        assert!(enabled(&[], &programs, off).await.is_empty());
    }
    let config = json!({
        "mine": { "command": ["cat", "$FILE"], "extensions": [".own"] },
        "empty": { "extensions": [".x"] },
        "gofmt": { "disabled": true },
        "shfmt": { "command": ["other"] },
        "ruff": { "disabled": true },
    });
    assert_eq!(enabled(&[], &programs, config).await, ["shfmt", "mine"]);
}

/// A place whose formatters are these commands of the shell, in order, for files that end in `.own`.
fn bench(scripts: &[&str]) -> Bench {
    let mut bench = Bench::new();
    let own = scripts.iter().enumerate().map(|(at, text)| {
        let own = json!({
            "command": ["sh", "-c", text, "sh", "$FILE"],
            "extensions": [".own"],
            "environment": { "COLOUR": "red" },
        });
        (format!("own{at}"), own)
    });
    let config = Value::Object(own.collect());
    bench.scope.formatters = Arc::new(Formatters::new(
        &config,
        Ground {
            directory: bench.scope.directory.clone(),
            worktree: bench.scope.worktree.clone(),
            packages: Packages::new("/usr/bin:/bin", bench.path("../cache")),
            with_oxfmt: false,
        },
    ));
    bench
}

#[tokio::test]
async fn all_run_in_order_in_the_folder_with_their_environment() {
    let bench = bench(&[
        "echo \"$(pwd) $1 $COLOUR\" >> log; sed -i s/ugly/pretty/ \"$1\"",
        "sed -i s/pretty/beautiful/ \"$1\"",
    ]);
    let input = json!({ "filePath": "a.own", "content": "ugly\n" });
    let output = bench.run(&Write, input).await.unwrap();
    assert_eq!(output.output, "Wrote file successfully.");
    assert_eq!(bench.read("a.own"), "beautiful\n");
    let wanted = format!(
        "{} {} red\n",
        bench.scope.directory.display(),
        bench.path("a.own").display()
    );
    assert_eq!(bench.read("log"), wanted);
    bench
        .run(&Write, json!({ "filePath": "own", "content": "ugly\n" }))
        .await
        .unwrap();
    assert_eq!(bench.read("own"), "ugly\n", "another kind of file");
}

#[tokio::test]
async fn an_edit_shows_what_the_formatters_made_of_the_file() {
    let bench = bench(&["echo end >> \"$1\""]);
    bench.write("a.own", "one\ntwo\n");
    let input = json!({ "filePath": "a.own", "oldString": "one", "newString": "1" });
    let output = bench.run(&Edit, input).await.unwrap();
    assert_eq!(bench.read("a.own"), "1\ntwo\nend\n");
    let filediff = &output.metadata["filediff"];
    assert_eq!(
        (&filediff["additions"], &filediff["deletions"]),
        (&json!(2), &json!(1))
    );
    assert!(output.metadata["diff"].as_str().unwrap().contains("+end\n"));
    let asked = &bench.recorded().asks[0].metadata["diff"];
    assert!(
        !asked.as_str().unwrap().contains("+end"),
        "it was asked for before"
    );
    let edits = json!([{ "oldString": "1", "newString": "uno" }, { "oldString": "two", "newString": "due" }]);
    let output = bench
        .run(&Multiedit, json!({ "filePath": "a.own", "edits": edits }))
        .await
        .unwrap();
    assert_eq!(bench.read("a.own"), "uno\ndue\nend\nend\n");
    assert_eq!(output.metadata["filediff"]["additions"], 3);
}

#[tokio::test]
async fn a_patch_formats_what_it_wrote_and_shows_what_was_asked_for() {
    let bench = bench(&["echo \"$1\" >> log; echo end >> \"$1\""]);
    for name in ["move.own", "gone.own", "plain.txt"] {
        bench.write(name, "a\n");
    }
    let patch = "*** Begin Patch\n*** Add File: new.own\n+new\n*** Update File: move.own\n*** Move to: moved.own\n@@\n-a\n+b\n*** Update File: plain.txt\n@@\n-a\n+b\n*** Delete File: gone.own\n*** End Patch";
    let output = bench
        .run(&ApplyPatch, json!({ "patchText": patch }))
        .await
        .unwrap();
    assert_eq!(
        (
            bench.read("new.own"),
            bench.read("moved.own"),
            bench.read("plain.txt")
        ),
        ("new\nend\n".into(), "b\nend\n".into(), "b\n".into())
    );
    let wanted = format!(
        "{}\n{}\n",
        bench.path("new.own").display(),
        bench.path("moved.own").display()
    );
    assert_eq!(bench.read("log"), wanted);
    assert!(!output.metadata["diff"].as_str().unwrap().contains("end"));
}

#[tokio::test]
async fn a_byte_order_mark_is_neither_lost_nor_brought() {
    let bench = bench(&["tr -d '\\357\\273\\277' < \"$1\" > t; cat t > \"$1\""]);
    bench.write("a.own", "\u{feff}one\n");
    let input = json!({ "filePath": "a.own", "oldString": "one", "newString": "two" });
    bench.run(&Edit, input).await.unwrap();
    assert_eq!(bench.read("a.own"), "\u{feff}two\n");
    let bench = self::bench(&["printf '\\357\\273\\277new\\n' > \"$1\""]);
    bench
        .run(&Write, json!({ "filePath": "a.own", "content": "x" }))
        .await
        .unwrap();
    assert_eq!(bench.read("a.own"), "new\n");
}

#[tokio::test]
async fn a_formatter_that_fails_does_not_lose_the_edit() {
    for (name, text, wanted) in [
        ("says no", "exit 1", "let one = two;\n"),
        ("is not there", "exec /no/such/program", "let one = two;\n"),
        ("garbles it", "echo broken > \"$1\"; exit 3", "let one = two;\n"),
        ("empties it", ": > \"$1\"; exit 1", "let one = two;\n"),
        ("empties it and is content", ": > \"$1\"", "let one = two;\n"),
        ("removes it", "rm \"$1\"; exit 1", "let one = two;\n"),
        ("puts a folder there", "rm \"$1\"; mkdir \"$1\"", "folder"),
        ("dies", "echo broken > \"$1\"; kill -9 $$", "let one = two;\n"),
        (
            "repairs it and complains",
            "echo 'let one=two' > \"$1\"; exit 1",
            "let one=two\n",
        ),
        (
            "speaks binary",
            "printf '\\377\\376\\000' > \"$1\"; exit 1",
            "let one = two;\n",
        ),
    ] {
        let bench = bench(&[text]);
        let input = json!({ "filePath": "a.own", "content": "let one = two;\n" });
        let output = bench.run(&Write, input).await.unwrap();
        assert_eq!(output.output, "Wrote file successfully.", "{name}");
        if wanted != "folder" {
            assert_eq!(bench.read("a.own"), wanted, "{name}");
        }
    }
}

#[tokio::test]
async fn a_turn_that_is_stopped_ends_the_formatter_and_keeps_the_edit() {
    let bench = bench(&[
        "echo half > \"$1\"; echo > begun; sleep 100; echo late > \"$1\"",
        "echo never > \"$1\"",
    ]);
    let cancel = bench.cancel.clone();
    let begun = bench.path("begun");
    let stopping = tokio::spawn(async move {
        while !begun.exists() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        cancel.cancel();
    });
    let input = json!({ "filePath": "a.own", "content": "all of it\n" });
    let output = tokio::time::timeout(std::time::Duration::from_secs(20), bench.run(&Write, input)).await;
    assert_eq!(output.unwrap().unwrap().output, "Wrote file successfully.");
    assert_eq!(bench.read("a.own"), "all of it\n");
    stopping.await.unwrap();
}

#[test]
fn files_are_chosen_by_their_ends() {
    let bench = bench(&["true"]);
    for (name, wanted) in [
        ("a.own", true),
        (".own", false),
        ("aown", false),
        ("a.own.txt", false),
        ("b.x.own", true),
    ] {
        assert_eq!(bench.scope.formatters.are_for(Path::new(name)), wanted, "{name}");
    }
}
