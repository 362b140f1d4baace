//! The disk is full, cannot be written, or is read-only in the middle of a turn: the turn ends with one clear error,
//! the server goes on answering, and when there is room again the session works and log and rows agree.
//!
//! A small file system is made in a namespace of the server's own, which needs no privileges but may be forbidden; a
//! limit on the size of its files does for a disk that cannot be written. Where neither is to be had, the test says
//! so and is left out.

use std::process::{Command, Stdio};

use opencode_testkit::{Home, ScriptedModel, Served, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::durable::{messages, session};
use crate::{home, new_session};

/// A file system of 32 MB in place of the data folder, which is the first argument.
const SMALL_DISK: &str = r#"mount -t tmpfs -o size=32m,mode=700 tmpfs "$0" && exec "$@""#;
/// Files that are too large are an error, and not the end of the program.
const NO_SIGNAL: &str = r#"trap '' XFSZ; exec "$@""#;
/// Makes a folder read-only for whoever opens files in it from now on: once more where somebody opened one between
/// the two steps.
const READ_ONLY: &str = r#"for _ in $(seq 100); do
    mount --bind "$0" "$0" || exit; mount -o remount,bind,ro "$0" && exit; umount -l "$0"
done; exit 1"#;
const WRITABLE: &str = r#"umount "$0""#;

/// How writing is made impossible.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// A file system without room.
    Full,
    /// The system writes no byte more.
    Refused,
}

struct Disk {
    way: Way,
    home: Home,
    server: Served,
}

/// What is said where no disk can be made to fail.
const LEFT_OUT: &str =
    "left out: neither a namespace of its own nor a limit for another program is to be had here";

/// Whether a command is there and does what it is asked for.
fn works(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// Runs `script` by a shell with what stands before it, and then the command itself.
fn by(home: &Home, before: &[&str], script: &str, command: &Command) -> Command {
    let mut words: Vec<&str> = before.to_vec();
    words.extend(["sh", "-c", script]);
    let mut other = Command::new(words[0]);
    other
        .args(&words[1..])
        .arg(home.data())
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(home.project())
        .env_clear()
        .envs(home.environment())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    other
}

impl Disk {
    /// A server whose disk can be made to fail; `None` where that cannot be done.
    async fn new(way: Way, model: &ScriptedModel) -> Option<Self> {
        let is_possible = match way {
            Way::Full => works("unshare", &["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]),
            Way::Refused => works("prlimit", &["--fsize"]),
        };
        if !is_possible {
            return None;
        }
        let home = home();
        home.configure(&model.url(), json!({}));
        fs_err::create_dir_all(home.data()).unwrap();
        let server = home.serve_by(|command| match way {
            Way::Full => by(&home, &["unshare", "-rm"], SMALL_DISK, &command),
            Way::Refused => by(&home, &["env"], NO_SIGNAL, &command),
        });
        let server = server.await;
        Some(Self { way, home, server })
    }

    /// Nothing more can be written.
    fn fill(&self) {
        let id = self.server.id().to_string();
        match self.way {
            Way::Full => {
                let filler = self.filler();
                let mut file = fs_err::File::create(filler).unwrap();
                let piece = [0; 65_536];
                while std::io::Write::write_all(&mut file, &piece).is_ok() {}
            }
            Way::Refused => assert!(works("prlimit", &["--pid", &id, "--fsize=1:unlimited"])),
        }
    }

    /// There is room again.
    fn free(&self) {
        let id = self.server.id().to_string();
        match self.way {
            Way::Full => fs_err::remove_file(self.filler()).unwrap(),
            Way::Refused => assert!(works("prlimit", &["--pid", &id, "--fsize=unlimited:unlimited"])),
        }
    }

    /// A file on the server's disk, as it is seen from here.
    fn filler(&self) -> String {
        format!(
            "/proc/{}/root{}/filler",
            self.server.id(),
            self.home.data().display()
        )
    }

    /// A command of the shell where the server's disk is.
    fn there(&self, script: &str) -> bool {
        let id = self.server.id().to_string();
        let data = self.home.data().display().to_string();
        works(
            "nsenter",
            &[
                "-t",
                &id,
                "-U",
                "-m",
                "--preserve-credentials",
                "sh",
                "-c",
                script,
                &data,
            ],
        )
    }

    /// Another run of the program on the same disk.
    async fn run(&self, arguments: &[&str]) -> std::process::Output {
        let id = self.server.id().to_string();
        let inside = ["nsenter", "-t", &id, "-U", "-m", "--preserve-credentials"];
        let before: &[&str] = match self.way {
            Way::Full => &inside,
            Way::Refused => &["env"],
        };
        let mut command = by(&self.home, before, r#"exec "$@""#, &self.home.command(arguments));
        let output = tokio::task::spawn_blocking(move || command.output());
        output.await.unwrap().unwrap()
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let answer = self.server.send(method, path, body).await;
        assert!(matches!(answer.status, 200 | 204), "{path}: {answer:?}");
        match answer.text.is_empty() {
            true => Value::Null,
            false => answer.json(),
        }
    }

    async fn is_well(&self) {
        let checked = self.run(&["db", "check"]).await;
        let told = String::from_utf8_lossy(&checked.stdout);
        assert!(
            checked.status.success() && told.ends_with("Nothing is wrong\n"),
            "{checked:?}"
        );
    }
}

/// An answer that is too long for what the log has room for without more of the disk.
fn long_answer() -> (Step, opencode_testkit::Gate) {
    Step::text(&"many words ".repeat(300_000)).held()
}

/// A turn of a session of either kind. `say` begins one, `path` has the messages.
async fn a_turn_survives(disk: &Disk, model: &ScriptedModel, id: &str, is_durable: bool) {
    let name = format!("{:?}, durable: {is_durable}", disk.way);
    let (say, body, path) = match is_durable {
        true => (
            format!("/api/session/{id}/prompt"),
            json!({ "prompt": { "text": "go on" } }),
            format!("/api/session/{id}/message"),
        ),
        false => (
            format!("/session/{id}/prompt_async"),
            json!({ "parts": [{ "type": "text", "text": "go on" }] }),
            format!("/session/{id}/message"),
        ),
    };
    let (step, gate) = long_answer();
    model.now_answers([step]);
    let asked = model.asked();
    let begin = || async {
        disk.send("POST", &say, Some(body.clone())).await;
        model.wait_for_requests(asked + 1).await;
        disk.fill();
        gate.open();
    };
    let failed = |event: &Value| event["type"] == "session.error";
    let events = disk.server.events("/event", begin, failed).await;
    let error = &events.last().unwrap()["properties"];
    assert_eq!(error["sessionID"], id, "{name}: {error}");
    let told = error["error"]["data"]["message"].as_str().unwrap();
    let wanted = match disk.way {
        Way::Full => "the disk is full: ",
        Way::Refused => "is the disk full, or gone?",
    };
    assert!(told.contains(wanted), "{name}: {told}");
    assert_eq!(events.iter().filter(|event| failed(event)).count(), 1, "{name}");

    // It goes on answering.
    disk.send("GET", "/api/health", None).await;
    disk.send("GET", &path, None).await;
    // What cannot be kept is not taken.
    if is_durable {
        let refused = disk
            .server
            .send(
                "POST",
                &say,
                Some(json!({ "prompt": { "text": "x".repeat(9_000_000) } })),
            )
            .await;
        assert!(
            refused.status >= 500 && refused.text.contains("disk"),
            "{name}: {refused:?}"
        );
    }

    disk.free();
    model.now_answers([]);
    if is_durable {
        disk.send("POST", &say, Some(body)).await;
        disk.send("POST", &format!("/api/session/{id}/wait"), None).await;
        let all = messages(&disk.server, id).await;
        assert_eq!(all.last().unwrap()["finish"], "stop", "{name}");
    } else {
        let answer = disk.send("POST", &path, Some(body)).await;
        assert_eq!(answer["info"]["finish"], "stop", "{name}: {answer}");
        let all = disk.send("GET", &path, None).await;
        assert_eq!(super::is_open(&all), None, "{name}");
    }
    disk.is_well().await;
}

/// False where it cannot be seen.
async fn turns_survive(way: Way) -> bool {
    let model = ScriptedModel::start([]).await;
    let Some(disk) = Disk::new(way, &model).await else {
        return false;
    };
    let durable = session(&disk.server).await;
    let plain = new_session(&disk.server).await;
    a_turn_survives(&disk, &model, &durable, true).await;
    a_turn_survives(&disk, &model, &plain, false).await;
    a_turn_survives(&disk, &model, &durable, true).await;
    true
}

#[tokio::test]
async fn a_full_disk_ends_the_turn_and_nothing_else() {
    if !turns_survive(Way::Full).await {
        println!("{LEFT_OUT}");
    }
}

#[tokio::test]
async fn a_disk_that_is_not_written_ends_the_turn_and_nothing_else() {
    if !turns_survive(Way::Refused).await {
        println!("{LEFT_OUT}");
    }
}

#[tokio::test]
async fn a_disk_that_is_read_only_from_now_on_is_told_and_does_not_end_what_is_open() {
    let command = json!({ "command": "echo 1", "description": "says one" });
    let (first, gate) = Step::text("I look.").and_tool("bash", command).held();
    let model = ScriptedModel::start([first]).await;
    let Some(disk) = Disk::new(Way::Full, &model).await else {
        return println!("{LEFT_OUT}");
    };
    let id = session(&disk.server).await;
    let say = format!("/api/session/{id}/prompt");
    disk.send("POST", &say, Some(json!({ "prompt": { "text": "go on" } })))
        .await;
    model.wait_for_requests(1).await;
    assert!(disk.there(READ_ONLY));
    gate.open();
    disk.send("POST", &format!("/api/session/{id}/wait"), None).await;
    // What the server has open can be written; pictures of the files cannot be kept.
    let all = messages(&disk.server, &id).await;
    assert_eq!(all.last().unwrap()["finish"], "stop", "{all:?}");
    // Whoever starts now is told.
    let refused = disk.run(&["run", "hello"]).await;
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && told.to_lowercase().contains("read-only"),
        "{refused:?}"
    );
    assert!(disk.there(WRITABLE));
    disk.is_well().await;
}
