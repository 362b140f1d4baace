//! Tools that do something else: `bash`, `question`, `todowrite`, `skill`.

use std::path::PathBuf;
use std::sync::Arc;

use opencode_schema::skill::Skill;

use pretty_assertions::assert_eq;

use super::*;

#[tokio::test]
async fn a_command_tells_what_it_said_and_how_it_ended() {
    let bench = Bench::new();
    bench.write("sub/a", "");
    let sub = format!("{}\n", bench.path("sub").display());
    for (input, exit, said) in [
        (
            json!({ "command": "echo out; echo err >&2; exit 3" }),
            3,
            "out\nerr\n",
        ),
        (json!({ "command": "true" }), 0, "(no output)"),
        (json!({ "command": "pwd", "workdir": "sub" }), 0, &sub),
        (json!({ "command": "printf x", "timeout": 60_000 }), 0, "x"),
    ] {
        let told = told(&bench, "bash", input.clone()).await;
        let wanted = json!({ "exit": exit, "truncated": false });
        let remark = format!("Command exited with code {exit}.");
        assert_eq!(told, (wanted, vec![said.to_owned(), remark]), "{input}");
    }
    for input in [
        json!({ "command": "pwd", "workdir": "none" }),
        json!({ "command": "pwd", "workdir": "sub/a" }),
        json!({ "command": "" }),
    ] {
        failed(&bench, "bash", input).await;
    }
    let killed = failed(&bench, "bash", json!({ "command": "echo last; kill -9 $$" })).await;
    assert!(
        killed.contains("signal 9") && killed.ends_with("last\n"),
        "{killed}"
    );
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_ended() {
    let bench = Bench::new();
    let (facts, texts) = told(
        &bench,
        "bash",
        json!({ "command": "echo begin; sleep 60", "timeout": 300 }),
    )
    .await;
    assert_eq!(facts, json!({ "truncated": false, "timeout": true }));
    assert!(
        texts[0].starts_with("begin\nCommand exceeded timeout of 300 ms."),
        "{texts:?}"
    );
    assert_eq!(texts[1], "Command timed out before completion.");
}

#[tokio::test]
async fn of_long_output_both_ends_are_told() {
    let mut bench = Bench::new();
    bench.scope.truncation.max_lines = 8;
    for (command, last, kept) in [
        ("seq 1 30; exit 4", "30\nCommand exited with code 4.", "1\n2\n3\n"),
        // The output itself fits, not so with the remark.
        ("seq 1 8", "8\nCommand exited with code 0.", "1\n2\n3\n"),
    ] {
        let output = run(&bench, "bash", json!({ "command": command })).await.unwrap();
        let [path] = &output.output_paths[..] else {
            panic!("one file: {output:?}")
        };
        assert_eq!(
            output.output,
            format!("1\n2\n\n... output truncated; full content saved to {path} ...\n\n{last}")
        );
        assert_eq!(output.remarks, Vec::<String>::new());
        assert_eq!(output.metadata["truncated"], false);
        assert!(
            fs_err::read_to_string(path).unwrap().starts_with(kept),
            "{command}"
        );
    }
    let output = run(
        &bench,
        "bash",
        json!({ "command": "head -c 2000000 /dev/zero | tr '\\0' x" }),
    )
    .await
    .unwrap();
    assert!(output.output.len() <= bench.scope.truncation.max_bytes);
    assert_eq!(
        fs_err::metadata(&output.output_paths[0]).unwrap().len(),
        2_000_000
    );
}

#[tokio::test]
async fn a_command_line_is_asked_for_as_a_whole() {
    for (command, patterns) in [
        ("echo x", &["echo x"][..]),
        (" echo x ", &[" echo x "]),
        ("cd .", &["cd ."]),
        ("cd . && ls", &["cd . && ls", "ls"]),
        // A rule that allows the first must not allow the second.
        ("echo x && ls", &["echo x && ls", "echo x", "ls"]),
    ] {
        let bench = Bench::new();
        told(&bench, "bash", json!({ "command": command })).await;
        let patterns: Vec<String> = patterns.iter().map(|text| (*text).to_owned()).collect();
        let wanted = ("bash".to_owned(), patterns.clone(), patterns);
        assert_eq!(asked(&bench), [wanted], "{command}");
    }
}

#[tokio::test]
async fn a_folder_outside_is_asked_for_and_arguments_are_told() {
    let bench = Bench::new();
    let outside = bench.root().join("outside");
    fs_err::create_dir_all(&outside).unwrap();
    fs_err::write(outside.join("o.txt"), "far\n").unwrap();
    let pattern = outside.join("*").to_string_lossy().into_owned();
    let input = json!({ "command": "pwd", "workdir": outside });
    let (_, texts) = told(&bench, "bash", input).await;
    assert_eq!(texts[0], format!("{}\n", outside.display()));
    assert_eq!(
        asked(&bench),
        [
            ask("external_directory", &pattern, &pattern),
            ask("bash", "pwd", "pwd")
        ]
    );
    let command = format!("cat {}/o.txt", outside.display());
    let (_, texts) = told(&bench, "bash", json!({ "command": command })).await;
    assert_eq!(texts[0], "far\n");
    assert!(
        texts[1].starts_with("Warnings:\n- ") && texts[1].contains(&pattern),
        "{texts:?}"
    );
    assert!(texts[1].ends_with("\n\nCommand exited with code 0."), "{texts:?}");
    assert_eq!(asked(&bench)[2..], [ask("bash", &command, &command)]);
}

#[tokio::test]
async fn a_command_that_is_cancelled_is_none() {
    let bench = Bench::new();
    let cancel = bench.cancel.clone();
    let ready = bench.path("ready");
    let input = json!({ "command": "touch ready; sleep 60" });
    let stop = async {
        while !ready.exists() {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    };
    let (result, ()) = tokio::join!(run(&bench, "bash", input), stop);
    assert_eq!(result, Err(Failure::Aborted));
}

#[tokio::test]
async fn questions_need_permission() {
    let input = json!({ "questions": [{
        "question": "Colour?", "header": "C", "options": [{ "label": "Red", "description": "r" }],
    }] });
    let bench = Bench::answering(vec![vec!["Red".to_owned()]]);
    let (facts, texts) = told(&bench, "question", input.clone()).await;
    assert_eq!(facts, json!({ "answers": [["Red"]] }));
    assert!(texts[0].contains("\"Colour?\"=\"Red\""), "{texts:?}");
    assert_eq!(
        asked(&bench),
        [("question".to_owned(), vec!["*".to_owned()], Vec::new())]
    );
    let silent = Bench::asking(|_| Err(Failure::told("no")));
    failed(&silent, "question", input).await;
    assert_eq!(silent.recorded().questions, []);
}

#[tokio::test]
async fn the_list_of_things_to_do_is_replaced() {
    let bench = Bench::new();
    let todos = json!([{ "content": "a", "status": "pending", "priority": "high" }]);
    let (facts, texts) = told(&bench, "todowrite", json!({ "todos": todos })).await;
    assert_eq!(facts, json!({ "todos": todos }));
    assert_eq!(texts, [serde_json::to_string_pretty(&todos).unwrap()]);
    assert_eq!(asked(&bench), [ask("todowrite", "*", "*")]);
    assert_eq!(bench.recorded().todos.len(), 1);
}

#[tokio::test]
async fn a_skill_is_loaded() {
    let mut bench = Bench::new();
    let place = bench.write("skills/cooking/SKILL.md", "");
    let skill = |name: &str, location: PathBuf| Skill {
        name: name.into(),
        description: None,
        location: location.to_string_lossy().into_owned(),
        content: "boil it".into(),
    };
    bench.scope.skills = Arc::from(vec![
        skill("cooking", place.clone()),
        skill("own", Skill::BUILT_IN.into()),
    ]);
    let (facts, texts) = told(&bench, "skill", json!({ "name": "cooking" })).await;
    assert_eq!(
        facts,
        json!({
            "name": "cooking",
            "directory": place.parent().map(|folder| folder.to_string_lossy()),
            "output": texts[0],
        })
    );
    assert!(texts[0].contains("boil it"));
    assert_eq!(asked(&bench), [ask("skill", "cooking", "cooking")]);
    failed(&bench, "skill", json!({ "name": "none" })).await;
    assert_eq!(asked(&bench).len(), 1);
    let (facts, _) = told(&bench, "skill", json!({ "name": "own" })).await;
    assert_eq!(facts["directory"], "/builtin");
}
