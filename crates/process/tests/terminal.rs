//! Programs in a terminal.

use std::path::PathBuf;
use std::time::Duration;

use opencode_process::terminal::{Error, Terminal, TerminalCommand};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(20);

fn command(script: &str) -> TerminalCommand {
    TerminalCommand {
        program: "/bin/sh".to_owned(),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        directory: std::env::temp_dir(),
        variables: vec![("GREETING".to_owned(), "hello".to_owned())],
    }
}

/// Waits until the output holds `text` and gives it all.
async fn said(terminal: &Terminal, text: &str) -> String {
    let mut all = String::new();
    let mut place = 0;
    let reading = async {
        while !all.contains(text) {
            assert!(terminal.grows_beyond(place).await, "it ended: {all:?}");
            let (more, next) = terminal.read(place, 1 << 20);
            all.push_str(&more);
            place = next;
        }
    };
    timeout(LIMIT, reading).await.unwrap();
    all
}

#[tokio::test]
async fn a_program_has_a_terminal_of_the_wanted_size() {
    let script =
        "echo $GREETING; test -t 0 && echo typed; stty size; read x; stty size; echo \"got $x\"; exit 3";
    let terminal = Terminal::start(command(script)).unwrap();
    let shown = said(&terminal, "24 80").await;
    assert!(
        shown.starts_with("hello\r\n") && shown.contains("typed"),
        "{shown:?}"
    );
    terminal.resize(30, 90).unwrap();
    terminal.write(b"w\xC3\xB6rd\r".to_vec()).await.unwrap();
    let shown = said(&terminal, "got wörd").await;
    assert!(shown.contains("30 90"), "{shown:?}");
    assert_eq!(timeout(LIMIT, terminal.ended()).await.unwrap(), 3);
    assert!(!terminal.grows_beyond(terminal.end()).await);
}

#[tokio::test]
async fn what_ignores_the_hangup_is_killed_with_all_that_it_started() {
    // A job with a group of its own, as an interactive shell starts them.
    let script = "trap '' HUP; set -m; sleep 1000 & echo job $!; echo ready; while :; do sleep 1; done";
    let terminal = Terminal::start(command(script)).unwrap();
    let shown = said(&terminal, "ready").await;
    let job = shown
        .split("job ")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap();
    let stat = PathBuf::from(format!("/proc/{job}/stat"));
    timeout(LIMIT, terminal.stop()).await.unwrap();
    assert!(terminal.is_over());
    #[cfg(target_os = "linux")]
    {
        let left = fs_err::read_to_string(&stat).unwrap_or_default();
        let state = left.rsplit(')').next().unwrap().split_whitespace().next();
        assert!(matches!(state, None | Some("Z" | "X")), "{left}");
        let own = PathBuf::from(format!("/proc/{}", terminal.id()));
        assert!(!own.exists(), "it is reaped");
    }
}

#[tokio::test]
async fn a_flood_is_kept_up_to_the_limit_and_holds_nobody_up() {
    let script = "head -c 6000000 /dev/zero | tr '\\0' x; echo; echo done";
    let terminal = Terminal::start(command(script)).unwrap();
    timeout(LIMIT, terminal.ended()).await.unwrap();
    let end = terminal.end();
    assert_eq!(end, 6_000_000 + "\r\ndone\r\n".len() as u64);
    let (kept, place) = terminal.read(0, u64::MAX);
    assert_eq!((kept.len() as u64, place), (2_097_152, end));
    assert_eq!(terminal.start_of_history(), end - 2_097_152);
}

#[tokio::test]
async fn what_cannot_be_started_is_said() {
    let mut missing = command("");
    missing.program = "/no/such/program".to_owned();
    assert!(matches!(Terminal::start(missing), Err(Error::Start { .. })));
    let mut nowhere = command("");
    nowhere.directory = PathBuf::from("/no/such/folder");
    assert!(matches!(Terminal::start(nowhere), Err(Error::NoDirectory(_))));
}
