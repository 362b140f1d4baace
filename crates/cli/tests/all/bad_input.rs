//! Tools meet what never ends, is far too large or is no file: each call gets one clear result, and the turn goes on.
//!
//! Calls that are wrong in themselves are in `faults`; too many of them, and turns without an end, in `limits`; tasks
//! that give themselves away in `tasks`.
#![cfg(unix)]

use std::path::{Path, PathBuf};

use opencode_testkit::{Home, ScriptedModel, Step};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::{home, only_session, stored_calls};

/// Makes the calls in one answer. Gives how each ended and what it said.
async fn results(home: &Home, calls: &[(&str, Value)]) -> Vec<(String, String)> {
    let answer = calls.iter().fold(Step::default(), |step, (tool, input)| {
        step.and_tool(tool, input.clone())
    });
    let model = ScriptedModel::start([answer, Step::text("I see.")]).await;
    home.configure(
        &model.url(),
        json!({ "permission": { "external_directory": "allow" } }),
    );
    home.run(["run", "go"]).await.success();
    let sent = model.requests()[1].conversation();
    let told = sent.iter().filter(|message| message["role"] == "tool").count();
    assert_eq!(told, calls.len(), "the model is told of each");
    let results = stored_calls(home, &only_session(home)).into_iter().map(|call| {
        let state = &call["state"];
        let said = state["output"].as_str().or(state["error"].as_str());
        (
            state["status"].as_str().unwrap().to_owned(),
            said.unwrap().to_owned(),
        )
    });
    results.collect()
}

/// The same with what each has to end as and to say.
async fn check(home: &Home, rows: &[(&str, Value, &str, &str)]) {
    let calls: Vec<(&str, Value)> = rows
        .iter()
        .map(|(tool, input, ..)| (*tool, input.clone()))
        .collect();
    let results = results(home, &calls).await;
    assert_eq!(results.len(), rows.len());
    for ((tool, input, status, says), (ended, said)) in rows.iter().zip(results) {
        assert!(
            ended == *status && said.contains(says),
            "{tool} {input}: {ended}: {said}"
        );
    }
}

/// The result of one shell command.
async fn command(home: &Home, command: &str, timeout: u32) -> String {
    let input = json!({ "command": command, "timeout": timeout });
    let (ended, said) = results(home, &[("bash", input)]).await.remove(0);
    assert_eq!(ended, "completed", "{said}");
    said
}

fn pipe(home: &Home, name: &str) -> PathBuf {
    let path = home.project().join(name);
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    path
}

/// A file that is a hole after its beginning.
fn giant(home: &Home, name: &str, beginning: &str) {
    let path = home.write(name, beginning);
    let file = fs_err::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(5 << 30).unwrap();
}

/// What waits for a pipe to be opened goes on.
fn let_go(pipe: &Path) {
    let _ = fs_err::OpenOptions::new()
        .read(true)
        .write(true)
        .open(pipe)
        .unwrap();
}

#[tokio::test]
async fn a_command_whose_children_hold_its_output() {
    for background in ["cat pipe &", "setsid cat pipe &", "(cat pipe & cat pipe) &"] {
        let home = home();
        let pipe = pipe(&home, "pipe");
        let said = command(&home, &format!("{background} echo begun"), 100_000).await;
        assert_eq!(said, "begun\n", "{background}");
        let_go(&pipe);
    }
}

#[tokio::test]
async fn a_command_that_ignores_every_request_to_end() {
    let said = command(
        &home(),
        "trap '' TERM INT HUP QUIT; echo begun; while :; do :; done",
        300,
    )
    .await;
    assert!(said.contains("begun") && said.contains("300 ms"), "{said}");
}

#[tokio::test]
async fn a_command_that_wants_input() {
    let said = command(
        &home(),
        "read word; cat; head -c 1 < /dev/tty || echo \"none [$word]\"",
        100_000,
    )
    .await;
    assert!(said.contains("none []"), "{said}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_command_that_prints_a_gigabyte() {
    let home = home();
    let said = command(
        &home,
        "yes aaaaaaaa | head -c 1000000000; echo; grep VmHWM: /proc/$PPID/status",
        50_000,
    )
    .await;
    assert!(said.contains("Full output saved to"), "{}", said.len());
    assert!(said.len() < 100_000, "{}", said.len());
    let peak = said
        .split("VmHWM:")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    assert!(peak.is_some_and(|peak| peak < 200_000), "{peak:?} kB");
}

#[tokio::test]
async fn files_of_five_gigabytes() {
    let home = home();
    giant(&home, "zeros", "");
    giant(&home, "text", "line one\nline two\n");
    home.write("small", "line one\n");
    let change = json!({ "filePath": "text", "oldString": "line one", "newString": "x" });
    check(
        &home,
        &[
            ("read", json!({ "filePath": "zeros" }), "error", "binary"),
            (
                "read",
                json!({ "filePath": "text", "offset": 2 }),
                "error",
                "binary",
            ),
            ("edit", change, "error", "too large"),
            (
                "grep",
                json!({ "pattern": "^line one" }),
                "completed",
                "small:\n  Line 1: line one",
            ),
        ],
    )
    .await;
    let length = fs_err::metadata(home.project().join("text")).unwrap().len();
    assert_eq!(length, 5 << 30);
}

#[tokio::test]
async fn what_is_no_file() {
    let home = home();
    pipe(&home, "pipe");
    let edit = |path: &str| json!({ "filePath": path, "oldString": "a", "newString": "b" });
    let write = |path: &str| json!({ "filePath": path, "content": "a" });
    let refused = "not a regular file";
    check(
        &home,
        &[
            ("read", json!({ "filePath": "pipe" }), "error", refused),
            ("edit", edit("pipe"), "error", refused),
            ("write", write("pipe"), "error", refused),
            ("read", json!({ "filePath": "/dev/zero" }), "error", refused),
            ("edit", edit("/dev/zero"), "error", refused),
            ("write", write("/dev/full"), "error", refused),
            ("grep", json!({ "pattern": "a", "path": "." }), "completed", ""),
            (
                "glob",
                json!({ "pattern": "pipe" }),
                "completed",
                "No files found",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn text_that_is_no_utf8() {
    let home = home();
    home.write("bytes", b"one \xff\xfe\nneedle \xe9\n");
    let change = json!({ "filePath": "bytes", "oldString": "one", "newString": "two" });
    check(
        &home,
        &[(
            "read",
            json!({ "filePath": "bytes" }),
            "completed",
            "2: needle \u{fffd}",
        )],
    )
    .await;
    let home = crate::home();
    let path = home.write("bytes", b"one \xff\xfe\nneedle \xe9\n");
    check(&home, &[("edit", change, "completed", "applied")]).await;
    assert_eq!(fs_err::read(path).unwrap(), b"two \xff\xfe\nneedle \xe9\n");
}

#[tokio::test]
async fn a_line_of_a_hundred_megabytes() {
    let home = home();
    home.write(
        "line",
        [vec![b'a'; 100_000_000].as_slice(), b"\nneedle\n"].concat(),
    );
    home.write("small", "needle\n");
    let change = json!({ "filePath": "line", "oldString": "needle", "newString": "x" });
    check(
        &home,
        &[
            (
                "read",
                json!({ "filePath": "line" }),
                "completed",
                "line truncated",
            ),
            ("edit", change, "error", "too large"),
            (
                "grep",
                json!({ "pattern": "needle" }),
                "completed",
                "small:\n  Line 1: needle",
            ),
        ],
    )
    .await;
}

/// A web server: `/forwards` leads to another address each time, everything else is a page without an end.
async fn web() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut count = 0;
        while let Ok((stream, _)) = listener.accept().await {
            count += 1;
            tokio::spawn(answer(stream, count));
        }
    });
    format!("http://{address}")
}

async fn answer(mut stream: TcpStream, count: usize) -> std::io::Result<()> {
    let mut request = [0; 2000];
    let length = stream.read(&mut request).await?;
    if request
        .get(..length)
        .unwrap_or_default()
        .starts_with(b"GET /forwards")
    {
        let head = format!(
            "HTTP/1.1 302 Found\r\nlocation: /forwards{count}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        return stream.write_all(head.as_bytes()).await;
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    loop {
        stream.write_all(&[b'x'; 65536]).await?;
    }
}

#[tokio::test]
async fn pages_without_an_end() {
    let web = web().await;
    check(
        &home(),
        &[
            (
                "webfetch",
                json!({ "url": format!("{web}/flood") }),
                "error",
                "too large",
            ),
            (
                "webfetch",
                json!({ "url": format!("{web}/forwards") }),
                "error",
                "too many redirects",
            ),
        ],
    )
    .await;
}
