//! Running known programs.

use std::time::{Duration, Instant};

use opencode_process::Program;
use opencode_process::program::Error;
use pretty_assertions::assert_eq;

fn sh(script: &str) -> Program {
    Program::new("sh").args(["-c", script])
}

#[tokio::test]
async fn outputs_and_code_are_kept_apart() {
    let finished = sh("echo out; echo err >&2; exit 3").run().await.unwrap();
    assert_eq!(
        (finished.text().as_str(), finished.error_text().as_str()),
        ("out\n", "err\n")
    );
    assert_eq!(
        (finished.code, finished.success(), finished.cut),
        (Some(3), false, false)
    );
}

#[tokio::test]
async fn place_and_environment_are_those_of_the_call() {
    let folder = tempfile::tempdir().unwrap();
    let finished = sh("pwd -P; echo \"$ONE/${PATH-hidden}\"")
        .directory(folder.path())
        .variable("ONE", "1")
        .without_variable("PATH")
        .run()
        .await
        .unwrap();
    let place = fs_err::canonicalize(folder.path()).unwrap();
    // A shell without PATH may make up one of its own.
    assert!(
        finished.text().starts_with(&format!("{}\n1/", place.display())),
        "{}",
        finished.text()
    );
    assert!(std::env::var_os("ONE").is_none());
}

#[tokio::test]
async fn input_is_given_and_missing_input_is_empty() {
    let large = "x".repeat(1 << 20);
    assert_eq!(sh("cat").input(large.clone()).run().await.unwrap().text(), large);
    assert_eq!(sh("cat").run().await.unwrap().text(), "");
    // Nobody reads it: no error, no hanging.
    assert_eq!(sh("exit 4").input(large).run().await.unwrap().code, Some(4));
}

#[tokio::test]
async fn output_beyond_the_limit_is_dropped() {
    let finished = sh("head -c 3000000 /dev/zero; echo end >&2")
        .limit(1000)
        .run()
        .await
        .unwrap();
    assert_eq!((finished.stdout.len(), finished.cut), (1000, true));
    assert_eq!(finished.error_text(), "end\n");
}

#[tokio::test]
async fn a_program_that_takes_too_long_is_ended() {
    let start = Instant::now();
    let error = sh("sleep 60 & sleep 60")
        .timeout(Duration::from_millis(100))
        .run()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    assert_eq!(error.to_string(), "`sh` did not finish within 100 ms");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[tokio::test]
async fn what_a_program_leaves_behind_is_not_waited_for() {
    let start = Instant::now();
    let finished = sh("sleep 20 & echo $!").run().await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let ended = Program::new("kill")
        .arg(finished.text().trim())
        .run()
        .await
        .unwrap();
    assert!(
        ended.success(),
        "the process that was left should still be there: {}",
        ended.error_text()
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_program_that_nobody_waits_for_is_asked_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let (ready, ended) = (folder.path().join("ready"), folder.path().join("ended"));
    // Shells tell how their children end, and saying it into the closed pipe would end them at once.
    let script = "exec 2>/dev/null; trap 'touch ended; exit' TERM; touch ready; while :; do sleep 0.02; done";
    let run = tokio::spawn(sh(script).directory(folder.path()).run());
    until(|| ready.exists()).await;
    run.abort();
    until(|| ended.exists()).await;
}

/// Waits for something that another process does.
#[cfg(unix)]
async fn until(holds: impl Fn() -> bool) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not happen");
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let error = Program::new("no-such-program-here").run().await.unwrap_err();
    assert!(error.is_missing());
    assert_eq!(error.to_string(), "could not start `no-such-program-here`");
}

#[tokio::test]
async fn a_peer_is_talked_to_measured_and_ended_with_its_children() {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};
    let script = "trap '' TERM; sleep 1000 & while read line; do echo \"heard $line\"; done; wait";
    let (peer, mut pipes) = Program::new("sh").args(["-c", script]).start().unwrap();
    pipes.input.write_all(b"one\n").await.unwrap();
    let mut lines = tokio::io::BufReader::new(pipes.output).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("heard one"));
    if cfg!(target_os = "linux") {
        assert!(peer.memory().unwrap() > 100_000);
    }
    let id = peer.id().unwrap();
    drop(peer);
    let gone = async {
        while std::path::Path::new(&format!("/proc/{id}/fd/0")).exists() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), gone)
        .await
        .unwrap();
    let (mut peer, _pipes) = Program::new("sh").args(["-c", "exit 3"]).start().unwrap();
    assert_eq!(peer.wait().await, Some(3));
    peer.stop(std::time::Duration::from_secs(1)).await;
    assert_eq!(peer.id(), None);
}

#[tokio::test]
async fn a_program_that_nobody_wants_any_more_is_ended() {
    let error = Program::new("sleep")
        .arg("1000")
        .run_until(std::future::ready(()))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Stopped { .. }), "{error}");
}
