//! Running command lines: whatever they do, the call ends in time and in bounded memory.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use opencode_process::shell::{Error, LINGER_LIMIT};
use opencode_process::{Ending, Environment, Event, Program, Running, ShellCommand};
use pretty_assertions::assert_eq;
use tokio_util::sync::CancellationToken;

fn command(line: &str) -> ShellCommand {
    ShellCommand {
        shell: PathBuf::from("/bin/sh"),
        command: line.to_owned(),
        directory: std::env::temp_dir(),
        environment: Environment::default(),
        as_user: false,
        sandbox: None,
        input: false,
        timeout: None,
        cancel: CancellationToken::new(),
    }
}

fn exited(code: i32) -> Ending {
    Ending::Exited {
        code: Some(code),
        signal: None,
    }
}

/// All output, and the end.
async fn finish(mut running: Running) -> (String, Ending) {
    let mut output = Vec::new();
    loop {
        match running.next().await {
            Event::Output(chunk) => {
                assert!(!chunk.is_empty());
                output.extend(chunk);
            }
            Event::Ended(ending) => return (String::from_utf8_lossy(&output).into_owned(), ending),
        }
    }
}

async fn run(line: &str) -> (String, Ending) {
    finish(command(line).start().unwrap()).await
}

async fn run_for(line: &str, timeout: Duration) -> (String, Ending, Duration) {
    let start = Instant::now();
    let (output, ending) = finish(
        ShellCommand {
            timeout: Some(timeout),
            ..command(line)
        }
        .start()
        .unwrap(),
    )
    .await;
    (output, ending, start.elapsed())
}

async fn is_alive(pid: &str) -> bool {
    // What is dead and only not noticed by its parent counts as gone.
    let state = Program::new("ps")
        .args(["-o", "stat=", "-p", pid])
        .run()
        .await
        .unwrap()
        .text();
    !state.trim().is_empty() && !state.starts_with('Z')
}

#[tokio::test]
async fn both_outputs_come_in_the_order_of_writing() {
    let line = "for i in 1 2 3 4 5; do echo out$i; echo err$i >&2; done; exit 3";
    let wanted: String = (1..=5).map(|i| format!("out{i}\nerr{i}\n")).collect();
    assert_eq!(run(line).await, (wanted, exited(3)));
    assert_eq!(run("true").await, (String::new(), exited(0)));
}

#[tokio::test]
async fn output_comes_while_the_command_runs() {
    let folder = tempfile::tempdir().unwrap();
    let line = "echo first; until [ -e go ]; do sleep 0.01; done; echo second";
    let mut running = ShellCommand {
        directory: folder.path().to_owned(),
        ..command(line)
    }
    .start()
    .unwrap();
    assert_eq!(running.next().await, Event::Output(b"first\n".to_vec()));
    fs_err::write(folder.path().join("go"), "").unwrap();
    assert_eq!(finish(running).await, ("second\n".into(), exited(0)));
}

#[tokio::test]
async fn there_is_no_input_and_no_terminal() {
    assert_eq!(
        run("cat; (: </dev/tty) 2>/dev/null || echo none").await,
        ("none\n".into(), exited(0))
    );
}

#[tokio::test]
async fn a_signal_is_an_end_without_code() {
    assert_eq!(
        run("kill -9 $$").await.1,
        Ending::Exited {
            code: None,
            signal: Some(9)
        }
    );
}

#[tokio::test]
async fn a_job_in_the_background_is_not_waited_for_and_lives_on() {
    let start = Instant::now();
    let (output, ending) = run("sleep 30 & echo $!").await;
    assert_eq!(ending, exited(0));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(is_alive(output.trim()).await);
    Program::new("kill").arg(output.trim()).run().await.unwrap();
}

#[tokio::test]
async fn a_job_in_the_background_may_go_on_printing() {
    let folder = tempfile::tempdir().unwrap();
    let line = "(sleep 0.5; echo later; echo later; touch done) & echo now";
    let running = ShellCommand {
        directory: folder.path().to_owned(),
        ..command(line)
    }
    .start()
    .unwrap();
    assert_eq!(finish(running).await, ("now\n".into(), exited(0)));
    let done = folder.path().join("done");
    for _ in 0..1000 {
        if done.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the job was ended by its own output");
}

#[tokio::test]
async fn a_job_in_the_background_that_never_falls_silent_is_left() {
    let start = Instant::now();
    let (output, ending) = run("(for i in $(seq 200); do echo x; sleep 0.02; done) & echo now").await;
    assert_eq!(ending, exited(0));
    assert!(output.contains("now\n"), "{output}");
    assert!(
        start.elapsed() < LINGER_LIMIT + Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn a_timeout_ends_the_whole_group() {
    let (output, ending, took) = run_for("sleep 60 & echo $!; sleep 60", Duration::from_millis(300)).await;
    assert_eq!(ending, Ending::TimedOut);
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(!is_alive(output.trim()).await);
}

#[tokio::test]
async fn who_ignores_the_request_is_killed() {
    let line = "trap '' TERM; echo $$; while :; do sleep 1; done";
    let (output, ending, took) = run_for(line, Duration::from_millis(200)).await;
    assert_eq!(ending, Ending::TimedOut);
    assert!(
        took > Duration::from_secs(3) && took < Duration::from_secs(5),
        "{took:?}"
    );
    assert!(!is_alive(output.trim()).await);
}

#[tokio::test]
async fn a_child_that_ignores_the_request_is_killed_too() {
    // The shell ends at once, its child does not and holds no output.
    let line = "(trap '' TERM; exec sleep 60) >/dev/null 2>&1 & echo $!; exec sleep 60";
    let (output, ending, took) = run_for(line, Duration::from_millis(300)).await;
    assert_eq!(ending, Ending::TimedOut);
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(!is_alive(output.trim()).await);
}

#[tokio::test]
async fn last_words_after_the_request_are_heard() {
    let line = "trap 'echo bye; exit 0' TERM; echo hi; while :; do sleep 0.02; done";
    let (output, ending, _) = run_for(line, Duration::from_millis(300)).await;
    assert_eq!(ending, Ending::TimedOut);
    // Some shells also tell how their children ended.
    assert!(
        output.starts_with("hi\n") && output.ends_with("bye\n"),
        "{output}"
    );
}

#[tokio::test]
async fn a_cancel_ends_it() {
    let cancel = CancellationToken::new();
    let mut running = ShellCommand {
        cancel: cancel.clone(),
        ..command("echo begun; sleep 60")
    }
    .start()
    .unwrap();
    assert_eq!(running.next().await, Event::Output(b"begun\n".to_vec()));
    cancel.cancel();
    assert_eq!(running.next().await, Event::Ended(Ending::Cancelled));
    // Asked again, it says it again.
    assert_eq!(running.next().await, Event::Ended(Ending::Cancelled));
}

#[tokio::test]
async fn endless_output_can_be_stopped() {
    let mut running = ShellCommand {
        timeout: Some(Duration::from_millis(300)),
        ..command("yes")
    }
    .start()
    .unwrap();
    let start = Instant::now();
    let mut bytes = 0;
    let ending = loop {
        match running.next().await {
            Event::Output(chunk) => bytes += chunk.len(),
            Event::Ended(ending) => break ending,
        }
    };
    assert_eq!(ending, Ending::TimedOut);
    assert!(bytes > 1 << 20, "{bytes}");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[tokio::test]
async fn endless_output_that_ignores_the_request_can_be_stopped() {
    let (_, ending, took) = run_for(
        "trap '' TERM; while :; do echo x; done",
        Duration::from_millis(100),
    )
    .await;
    assert_eq!(ending, Ending::TimedOut);
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn output_that_is_closed_early_is_no_end() {
    assert_eq!(
        run("echo a; exec >&- 2>&-; sleep 0.3; exit 7").await,
        ("a\n".into(), exited(7))
    );
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let missing = ShellCommand {
        directory: "/no/such/folder".into(),
        ..command("ls")
    }
    .start()
    .unwrap_err();
    assert!(matches!(missing, Error::NoDirectory(_)));
    assert_eq!(
        missing.to_string(),
        "the working directory does not exist: /no/such/folder"
    );
    let shell = ShellCommand {
        shell: "/no/such/shell".into(),
        ..command("ls")
    }
    .start()
    .unwrap_err();
    assert!(
        shell
            .to_string()
            .starts_with("could not start the shell `/no/such/shell`: "),
        "{shell}"
    );
    assert!(command("echo a\0b").start().is_err());
    assert!(command(&"x".repeat(1 << 20)).start().is_err());
}

#[tokio::test]
async fn the_environment_is_that_of_the_call() {
    let mut environment = Environment::default();
    environment.set("ONE", "1");
    environment.remove("HOME");
    let running = ShellCommand {
        environment,
        ..command("echo $ONE ${HOME-none}")
    }
    .start()
    .unwrap();
    assert_eq!(finish(running).await.0, "1 none\n");
}

#[tokio::test]
async fn a_user_has_the_aliases_of_the_start_up_files() {
    let home = tempfile::tempdir().unwrap();
    fs_err::write(
        home.path().join(".bashrc"),
        "alias greet='echo hello'\ncd /\necho noise\n",
    )
    .unwrap();
    let mut environment = Environment::default();
    environment.set("HOME", home.path());
    let running = ShellCommand {
        shell: "bash".into(),
        directory: home.path().to_owned(),
        environment,
        as_user: true,
        ..command("greet 'it''s me'; pwd")
    }
    .start()
    .unwrap();
    let wanted = format!("hello its me\n{}\n", home.path().display());
    assert_eq!(finish(running).await.0, wanted);
}
