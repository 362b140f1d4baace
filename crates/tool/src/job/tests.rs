use std::time::Duration;

use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::bash::Bash;
use crate::testing::Bench;

fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.scope.jobs = Some(Arc::default());
    bench
}

async fn begin(bench: &Bench, command: &str) -> String {
    let started = bench
        .run(
            &Bash::default(),
            json!({ "command": command, "background": true }),
        )
        .await
        .unwrap();
    started.metadata["jobId"].as_str().unwrap().to_owned()
}

async fn job(bench: &Bench, input: Value) -> String {
    bench.run(&Job, input).await.unwrap().output
}

#[test]
fn only_where_it_is_wanted() {
    let tool = Bash::default();
    let mut bench = bench();
    let with = tool.definition(&bench.scope);
    bench.scope.jobs = None;
    let without = tool.definition(&bench.scope);
    let keys = |definition: &Definition| -> Vec<String> {
        definition.parameters["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(keys(&without), ["command", "timeout", "workdir"]);
    assert_eq!(keys(&with), ["command", "timeout", "workdir", "background"]);
    assert!(with.description.starts_with(&without.description));
    assert!(with.description.contains("background"));
    let definition = Job.definition(&bench.scope);
    assert_eq!(definition.parameters["required"], json!(["action"]));
}

#[tokio::test]
async fn a_conversation_with_a_command() {
    let bench = bench();
    let id = begin(
        &bench,
        "while read line; do echo \"you said $line\"; done; echo bye",
    )
    .await;
    assert!(
        job(&bench, json!({ "action": "list" }))
            .await
            .contains(": running: while")
    );
    let said = json!({ "action": "input", "id": id, "text": "hello\n" });
    assert_eq!(job(&bench, said).await, format!("{id}: running\n\nWritten."));
    let output = json!({ "action": "output", "id": id, "wait": 60_000 });
    assert_eq!(
        job(&bench, output.clone()).await,
        format!("{id}: running\n\nyou said hello\n")
    );
    job(&bench, json!({ "action": "input", "id": id, "end": true })).await;
    let mut rest = String::new();
    while !rest.contains("ended with exit code 0") {
        rest += &job(&bench, output.clone()).await;
    }
    assert!(rest.contains("bye\n"), "{rest}");
    let asks = bench.recorded().asks;
    let asked: Vec<_> = asks
        .iter()
        .map(|ask| (ask.permission.as_str(), ask.patterns.join(",")))
        .collect();
    assert_eq!(asked.last().unwrap(), &("bash", "hello".to_owned()));
}

#[tokio::test]
async fn the_session_is_told_what_nobody_asked_for() {
    let bench = bench();
    begin(&bench, "echo done").await;
    let wait = async {
        while bench.told().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
    assert_eq!(bench.told().len(), 1);
    assert!(bench.told()[0].contains("<output>\ndone\n</output>"));
}

#[tokio::test]
async fn what_is_not_there() {
    let bench = bench();
    for (input, wanted) in [
        (json!({ "action": "stop" }), "needs the id"),
        (
            json!({ "action": "stop", "id": "job_x" }),
            "There is no job job_x. Jobs of this session: none",
        ),
        (json!({ "action": "dance" }), "invalid arguments"),
    ] {
        let failure = bench.run(&Job, input).await.unwrap_err().to_string();
        assert!(failure.contains(wanted), "{failure}");
    }
    let id = begin(&bench, "exec sleep 1000").await;
    let stopped = job(&bench, json!({ "action": "stop", "id": id })).await;
    assert_eq!(stopped, format!("{id}: stopped\n\n(nothing new)"));
    assert!(bench.told().is_empty());
    assert_eq!(job(&Bench::new(), json!({ "action": "list" })).await, "No jobs");
}

#[tokio::test]
async fn what_the_engine_remembers_is_listed_and_told_of() {
    let told = |id: &str, status: &str, task: Option<&str>| JobInfo {
        id: id.into(),
        status: status.into(),
        title: format!("title of {id}"),
        task: task.map(opencode_schema::SessionId::trusted),
        result: (status != "running").then(|| format!("what came of {id}")),
    };
    let mut bench = Bench::new().with_jobs(vec![
        told("job_1", "lost", None),
        told("job_2", "running", Some("ses_a")),
        told("job_3", "completed", Some("ses_b")),
    ]);
    // Also where no commands go on in the background.
    for (input, wanted) in [
        (
            json!({ "action": "list" }),
            "job_1: lost: title of job_1\njob_2: running: title of job_2\njob_3: completed: title of job_3",
        ),
        (
            json!({ "action": "output", "id": "job_1" }),
            "job_1: lost\n\nwhat came of job_1",
        ),
        (
            json!({ "action": "output", "id": "job_2" }),
            "job_2: running\n\n(nothing yet)",
        ),
        (
            json!({ "action": "stop", "id": "job_2" }),
            "job_2: cancelled\n\nStopped.",
        ),
    ] {
        assert_eq!(job(&bench, input.clone()).await, wanted, "{input}");
    }
    for (action, id, wanted) in [
        ("input", "job_2", "`task_id` ses_a"),
        ("stop", "job_3", "does not run any more: completed"),
        ("stop", "job_1", "does not run any more: lost"),
        ("output", "job_9", "job_1, job_2, job_3"),
    ] {
        let failed = bench.run(&Job, json!({ "action": action, "id": id })).await;
        let reason = failed.unwrap_err().to_string();
        assert!(reason.contains(wanted), "{reason}");
    }
    // What runs here is shown as it is here.
    bench.scope.jobs = Some(Arc::default());
    let id = begin(&bench, "read line").await;
    let listed = job(&bench, json!({ "action": "list" })).await;
    assert!(
        listed.ends_with(&format!("title of job_3\n{id}: running: read line")),
        "{listed}"
    );
    job(&bench, json!({ "action": "stop", "id": id })).await;
}
