use std::time::Instant as Clock;

use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::testing::Bench;
use crate::truncation::Truncation;

async fn run(bench: &Bench, input: Value) -> Output {
    bench.run(&Bash::default(), input).await.unwrap()
}

fn keys(output: &Output) -> Vec<&str> {
    output.metadata.keys().map(String::as_str).collect()
}

#[tokio::test]
async fn output_and_code_are_the_result() {
    let rows = [
        ("echo out; echo err >&2; exit 3", "out\nerr\n", json!(3)),
        ("true", "(no output)", json!(0)),
        ("printf 'no newline'", "no newline", json!(0)),
        ("exit 300", "(no output)", json!(44)),
        (
            "kill -9 $$",
            "(no output)\n\n<shell_metadata>\nThe command was ended by signal 9\n</shell_metadata>",
            Value::Null,
        ),
    ];
    for (command, wanted, exit) in rows {
        let output = run(&Bench::new(), json!({"command": command})).await;
        assert_eq!((output.title.as_str(), output.output.as_str()), (command, wanted));
        assert_eq!(keys(&output), ["output", "exit", "truncated"]);
        assert_eq!(
            Value::Object(output.metadata),
            json!({"output": wanted, "exit": exit, "truncated": false}),
            "{command}"
        );
    }
}

#[tokio::test]
async fn a_command_runs_where_it_should() {
    let bench = Bench::new();
    bench.write("sub/in.txt", "");
    let project = bench.path("").to_string_lossy().trim_end_matches('/').to_owned();
    for (workdir, wanted) in [
        (json!(null), format!("{project}\n")),
        (json!(""), format!("{project}\n")),
        (json!("sub"), format!("{project}/sub\n")),
        (json!(bench.path("sub")), format!("{project}/sub\n")),
    ] {
        assert_eq!(
            run(&bench, json!({"command": "pwd", "workdir": workdir}))
                .await
                .output,
            wanted
        );
    }
    let error = bench
        .run(&Bash::default(), json!({"command": "pwd", "workdir": "none"}))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the working directory does not exist: {project}/none")
    );
}

#[tokio::test]
async fn a_command_knows_that_an_agent_runs_it() {
    let bench = Bench::new();
    let output = run(&bench, json!({"command": "echo $AGENT $OPENCODE $OPENCODE_PID"})).await;
    assert_eq!(output.output, format!("1 1 {}\n", std::process::id()));
    assert!(bench.scope.temporary.is_dir());
}

#[tokio::test]
async fn long_output_is_cut_at_its_beginning_and_kept() {
    let mut bench = Bench::new();
    bench.scope.truncation.max_lines = 6;
    let output = run(&bench, json!({"command": "seq 1 40"})).await;
    let all: String = (1..=40).map(|number| format!("{number}\n")).collect();
    let path = output.metadata["outputPath"].as_str().unwrap();
    assert_eq!(fs_err::read_to_string(path).unwrap(), all);
    assert_eq!(
        output.output,
        format!("...output truncated...\n\nFull output saved to: {path}\n\n36\n37\n38\n39\n40\n")
    );
    assert_eq!(keys(&output), ["output", "exit", "truncated", "outputPath"]);
    assert_eq!(
        (&output.metadata["output"], &output.metadata["truncated"]),
        (&json!(all), &json!(true))
    );
}

#[tokio::test]
async fn much_output_is_kept_whole_and_shown_at_its_end() {
    let bench = Bench::new();
    let output = run(&bench, json!({"command": "seq 1 200000; exit 1"})).await;
    let path = output.metadata["outputPath"].as_str().unwrap();
    let saved = fs_err::read_to_string(path).unwrap();
    assert!(saved.starts_with("1\n2\n") && saved.ends_with("\n200000\n") && saved.lines().count() == 200_000);
    assert!(output.output.ends_with("\n199999\n200000\n"));
    assert!(
        output.output.len() < Truncation::DEFAULT_BYTES + 200,
        "{}",
        output.output.len()
    );
    let shown = output.metadata["output"].as_str().unwrap();
    assert!(
        shown.starts_with("...\n\n") && shown.len() == 30_005,
        "{}",
        shown.len()
    );
    assert_eq!(output.metadata["exit"], 1);
}

#[tokio::test]
async fn a_timeout_is_told() {
    let bench = Bench::new();
    let output = run(&bench, json!({"command": "echo hi; sleep 60", "timeout": 300})).await;
    assert_eq!(
        output.output,
        "hi\n\n\n<shell_metadata>\nshell tool terminated command after exceeding timeout 300 ms. \
         If it needs more time and does not wait for input, call it again with a larger timeout.\n</shell_metadata>"
    );
    assert_eq!(
        Value::Object(output.metadata),
        json!({"output": "hi\n", "exit": null, "truncated": false})
    );
    let own = Bash {
        timeout: Duration::from_millis(200),
    };
    let output = bench.run(&own, json!({"command": "sleep 60"})).await.unwrap();
    assert!(
        output.output.contains("exceeding timeout 200 ms"),
        "{}",
        output.output
    );
}

#[tokio::test]
async fn an_abort_gives_what_there_is() {
    let bench = Bench::new();
    let started = bench.path("started");
    let stop = async {
        while !started.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bench.cancel.cancel();
    };
    let clock = Clock::now();
    let (output, ()) = tokio::join!(
        run(
            &bench,
            json!({"command": "echo begun; touch started; sleep 47; touch late"})
        ),
        stop
    );
    assert!(clock.elapsed() < Duration::from_secs(5), "{:?}", clock.elapsed());
    assert_eq!(
        output.output,
        "begun\n\n\n<shell_metadata>\nUser aborted the command\n</shell_metadata>"
    );
    assert_eq!(
        Value::Object(output.metadata),
        json!({"output": "begun\n", "exit": null, "truncated": false})
    );
    // Nothing begins after an abort.
    assert_eq!(
        bench
            .run(&Bash::default(), json!({"command": "touch late"}))
            .await,
        Err(Failure::Aborted)
    );
    assert!(!bench.path("late").exists());
}

#[tokio::test]
async fn progress_begins_empty_and_ends_whole() {
    let bench = Bench::new();
    run(&bench, json!({"command": "echo a"})).await;
    let shown: Vec<Value> = bench
        .recorded()
        .progress
        .into_iter()
        .map(|(_, metadata)| Value::Object(metadata))
        .collect();
    assert_eq!(shown, [json!({"output": ""}), json!({"output": "a\n"})]);
}

#[tokio::test]
async fn progress_is_shown_now_and_then() {
    let bench = Bench::new();
    let clock = Clock::now();
    run(&bench, json!({"command": "for i in $(seq 300); do echo $i; done; sleep 0.3; for i in $(seq 300); do echo $i; done"}))
        .await;
    let shown = bench.recorded().progress;
    // The empty one, the first output, one for every interval, the last.
    let most = 3 + (clock.elapsed().as_millis() / PROGRESS_EVERY.as_millis()) as usize;
    assert!(
        shown.len() >= 3 && shown.len() <= most,
        "{} of {most}",
        shown.len()
    );
    let last = shown.last().unwrap().1["output"].as_str().unwrap();
    assert!(last.ends_with("\n299\n300\n"), "{last}");
}

#[tokio::test]
async fn a_no_runs_nothing() {
    let bench = Bench::asking(|_| Err(Failure::Rejected("no".into())));
    let refused = bench
        .run(&Bash::default(), json!({"command": "touch made"}))
        .await;
    assert_eq!(refused, Err(Failure::Rejected("no".into())));
    assert!(!bench.path("made").exists());
    assert_eq!(bench.recorded().progress, []);
}

#[tokio::test]
async fn wrong_arguments_are_told() {
    for (input, wanted) in [
        (json!({}), "missing field `command`"),
        (
            json!({"command": "ls", "timeout": 0}),
            "expected an integer greater than 0, got 0 at `timeout`",
        ),
        (
            json!({"command": "ls", "timeout": -5}),
            "expected an integer greater than 0, got -5 at `timeout`",
        ),
        (
            json!({"command": "ls", "timeout": 1.5}),
            "expected an integer greater than 0, got 1.5 at `timeout`",
        ),
        (
            json!({"command": "ls", "timeout": 1e300}),
            "expected an integer greater than 0",
        ),
        (
            json!({"command": "ls", "timeout": "5"}),
            "invalid type: string \"5\", expected f64 at `timeout`",
        ),
        (json!({"command": ""}), "The command is empty."),
        (json!("ls"), "invalid type: string \"ls\""),
    ] {
        let bench = Bench::new();
        let error = bench
            .run(&Bash::default(), input.clone())
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(wanted), "{input}: {error}");
        assert_eq!(bench.recorded().asks, []);
    }
    for input in [
        json!({"command": "echo a", "timeout": null}),
        json!({"command": "echo a", "timeout": 9e15, "x": 1}),
    ] {
        assert_eq!(run(&Bench::new(), input).await.output, "a\n");
    }
}

#[test]
fn description_is_filled_in() {
    let bench = Bench::new();
    let description = Bash::default().definition(&bench.scope).description;
    assert!(!description.contains(['{', '}']), "{description}");
    for wanted in ["with sh on", "120000", "2000 lines or 51200 bytes"] {
        assert!(description.contains(wanted), "{wanted}: {description}");
    }
}

#[test]
fn parameters() {
    let told = Bash::default().definition(&Bench::new().scope);
    insta::assert_json_snapshot!(told.parameters, @r#"
        {
          "type": "object",
          "properties": {
            "command": {
              "type": "string",
              "description": "Command line for the shell"
            },
            "timeout": {
              "type": "integer",
              "minimum": -9007199254740991,
              "exclusiveMinimum": 0,
              "maximum": 9007199254740991,
              "description": "Milliseconds after which it is ended"
            },
            "workdir": {
              "type": "string",
              "description": "Folder to run it in, instead of `cd`; default: the project folder"
            }
          },
          "required": [
            "command"
          ],
          "$schema": "https://json-schema.org/draft/2020-12/schema"
        }
        "#);
}
