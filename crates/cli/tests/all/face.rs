//! The terminal face on a real terminal (reference `tui.md`): what is seen after which keys, and what the model
//! was sent.

use opencode_testkit::Step;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{only_session, stored, with_model};

const PASTE: (&str, &str) = ("\x1b[200~", "\x1b[201~");

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_is_answered_and_the_session_can_be_gone_on_with() {
    let (home, model) = with_model([
        Step::text("I look.").and_tool("bash", json!({ "command": "seq 1 14" })),
        Step::text("# Done\n\nIt **counts**."),
    ])
    .await;
    let mut face = home.terminal::<&str>([], 120, 36);
    face.sees("Ask anything");
    face.send("count to fourteen");
    face.sees("count to fourteen");
    face.send("\r");
    face.sees("It counts.");
    for seen in [
        "count to fourteen",
        "I look.",
        "$ seq 1 14",
        "Click to expand",
        "Done",
    ] {
        face.sees(seen);
    }
    face.sees("▣  Build · Scripted");
    assert_eq!(model.requests().len(), 2, "two steps");
    // The sidebar comes and goes with the room there is.
    face.resize(170, 36);
    face.sees("Context");
    // What is still to come of this picture must not be taken for the next one.
    face.sees("ctrl+p commands");
    face.resize(80, 24);
    face.sees("ctrl+p commands");
    face.loses("Context");
    face.send("\x18b");
    face.sees("Context");
    face.send("\x18b");
    face.loses("Context");
    face.send("/exit");
    face.sees("/exit");
    face.send("\r");
    let (code, left) = face.end();
    assert_eq!(code, 0);
    let id = only_session(&home);
    assert!(left.contains(&format!("opencode -s {id}")), "{left}");

    let mut face = home.terminal(["-s", &id], 100, 30);
    face.sees("It counts.");
    face.sees("▣  Build");
    face.send("\x04");
    assert_eq!(face.end().0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_and_questions_are_answered_by_keys() {
    let question = json!({ "questions": [
        { "question": "Which colour?", "header": "Colour", "options": [
            { "label": "Red", "description": "warm" }, { "label": "Blue", "description": "cold" },
        ] },
    ] });
    let (home, model) = with_model([
        Step::tool("bash", json!({ "command": "echo allowed" })),
        Step::tool("question", question),
        Step::text("Blue it is."),
    ])
    .await;
    home.configure(&model.url(), json!({ "permission": { "bash": "ask" } }));
    let mut face = home.terminal(["--prompt", "go on"], 100, 30);
    face.sees("Permission required");
    face.sees("$ echo allowed");
    face.send("\r");
    face.sees("Which colour?");
    face.send("\x1b[B");
    face.send("\r");
    face.sees("Blue it is.");
    let calls = crate::stored_calls(&home, &only_session(&home));
    assert_eq!(calls[0]["state"]["output"], "allowed\n");
    assert_eq!(calls[1]["state"]["metadata"]["answers"], json!([["Blue"]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn long_pastes_are_folded_and_sent_whole() {
    let (home, model) = with_model([Step::text("Read.")]).await;
    let mut face = home.terminal::<&str>([], 100, 30);
    face.sees("Ask anything");
    let pasted: Vec<String> = (1..=40).map(|line| format!("line {line}")).collect();
    let pasted = pasted.join("\r");
    face.send(&format!("{}{pasted}{}", PASTE.0, PASTE.1));
    face.sees("[Pasted ~40 lines]");
    face.send("\r");
    face.sees("Read.");
    let asked = model.requests();
    let sent = asked
        .iter()
        .any(|request| request.body.to_string().contains("line 39\\nline 40"));
    assert!(sent, "the model is sent all of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_is_stopped_by_the_second_escape() {
    let (step, _gate) = Step::text("never said in full").held();
    let (home, _model) = with_model([step]).await;
    let mut face = home.terminal(["--prompt", "go"], 100, 30);
    face.sees("esc interrupt");
    face.send("\x1b");
    face.sees("again to interrupt");
    face.send("\x1b");
    face.sees("interrupted");
    let (answer, _) = stored(&home, &only_session(&home)).pop().unwrap();
    assert_eq!(answer["error"]["name"], "MessageAbortedError", "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_model_says_reaches_the_terminal_as_it_is() {
    let evil = "a\u{1b}]0;owned\u{7}b \u{1b}[2Jc \u{202e}desrever\u{9b}31m";
    let (home, _model) = with_model([Step::text(evil), Step::text("title")]).await;
    let mut face = home.terminal(["--prompt", "go"], 80, 24);
    face.sees("▣");
    let written = String::from_utf8_lossy(&face.written).into_owned();
    for bad in ["\u{1b}]0;owned", "\u{202e}", "\u{9b}"] {
        assert!(!written.contains(bad), "{bad:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_elsewhere_is_shown_the_same_and_its_end_is_told() {
    let (home, _model) = with_model([Step::text("From elsewhere.")]).await;
    let server = home.serve().await;
    let mut face = home.terminal(["attach", &server.url()], 100, 30);
    face.sees("Ask anything");
    face.send("go");
    face.sees("go");
    face.send("\r");
    face.sees("From elsewhere.");
    drop(server);
    face.sees("The server does not answer");
    face.send("\x03");
    assert_eq!(face.end().0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_programs_drive_a_face() {
    let (home, _model) = with_model([Step::text("Sent from outside.")]).await;
    let server = home.serve().await;
    let mut face = home.terminal(["attach", &server.url()], 100, 30);
    face.sees("Ask anything");
    face.sees("Build · Scripted");
    let order = async |what: &str, body| server.send("POST", &format!("/tui/{what}"), Some(body)).await;
    order("append-prompt", json!({ "text": "from outside" })).await;
    face.sees("from outside");
    order("submit-prompt", json!({})).await;
    face.sees("Sent from outside.");
    order("open-help", json!({})).await;
    face.sees("Press ctrl+p");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_face_listens_where_it_is_told_to() {
    let (home, _model) = with_model([]).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let mut face = home.terminal(["--port", &address.port().to_string()], 100, 30);
    face.sees("Ask anything");
    let mut socket = loop {
        match tokio::net::TcpStream::connect(address).await {
            Ok(socket) => break socket,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let request = b"GET /global/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    socket.write_all(request).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("\"healthy\":true"), "{answer}");
    face.send("\x03");
    assert_eq!(face.end().0, 0);
}

#[tokio::test]
async fn without_a_terminal_it_says_what_to_use() {
    let (home, _model) = with_model([]).await;
    let refused = home.run::<&str>([]).await;
    assert_eq!(refused.code(), Some(1));
    assert!(refused.stderr.contains("opencode run"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_face_without_a_screen_of_its_own_prints_what_is_said() {
    let (home, model) = with_model([
        Step::text("I look.").and_tool("bash", json!({ "command": "echo $((6 * 7))" })),
        Step::text("# Done\n\nIt **is** 42."),
        Step::text("More of it."),
    ])
    .await;
    home.configure(&model.url(), json!({ "permission": { "bash": "ask" } }));
    let mut face = home.terminal(["--mini"], 80, 24);
    face.sees("▀▀▀▀");
    face.sees("Ask anything");
    face.send("how much");
    face.sees("how much");
    face.send("\r");
    face.sees("Permission required");
    face.send("\r");
    face.sees("▣ Build · Scripted");
    for seen in [
        "› how much",
        "I look.",
        "$ echo $((6 * 7))\n\n42",
        "Done\n\nIt is 42.",
        " BUILD ",
        "ctrl+p cmd",
    ] {
        face.sees(seen);
    }
    face.send("/exit");
    face.sees("/exit");
    face.send("\r");
    let taken = String::from_utf8_lossy(&face.written).into_owned();
    let (code, left) = face.end();
    assert_eq!(code, 0);
    assert!(!taken.contains("[?1049h"), "it has no screen of its own");
    let id = only_session(&home);
    assert!(
        left.contains(&format!("Continue opencode --mini -s {id}")),
        "{left}"
    );
    assert!(left.contains("It is 42.") && !left.contains(" BUILD "), "{left}");

    let mut face = home.terminal(["--mini", "-c", "--replay-limit", "1"], 80, 24);
    let screen = face.sees("It is 42.");
    assert!(!screen.contains("› how much"), "{screen}");
    face.sees("ctrl+p cmd");
    face.send("go on");
    face.sees("go on");
    face.send("\r");
    face.sees("More of it.");
    face.sees("› go on");
    // At another width everything is printed again, as far as it is wanted.
    face.resize(60, 24);
    face.wait_for("the same at another width", |screen| {
        screen.contains("More of it.") && !screen.contains("› go on")
    });
    face.send("\x03");
    face.sees("Press ctrl+c again to exit");
    face.send("\x03");
    assert_eq!(face.end().0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_that_are_written_while_the_agent_works_wait_in_a_face_without_a_screen() {
    let (step, gate) = Step::text("The first answer.").held();
    let (home, model) = with_model([step, Step::text("The second answer.")]).await;
    let server = home.serve().await;
    let mut face = home.terminal(["attach", &server.url(), "--mini"], 90, 24);
    face.sees("Ask anything");
    face.send("one");
    face.sees("one");
    face.send("\r");
    face.sees("esc interrupt");
    face.send("two");
    face.sees("two");
    face.send("\r");
    face.sees("1 queued");
    assert!(model.requests().len() < 2, "it waits here");
    gate.open();
    let screen = face.wait_for("both answers", |screen| {
        let answers = ["The first answer.", "› two", "The second answer.", "ctrl+p cmd"];
        answers.iter().all(|text| screen.contains(text)) && !screen.contains("queued")
    });
    assert!(
        screen.find("The first answer.") < screen.find("› two"),
        "{screen}"
    );
    drop(server);
    face.sees("The server does not answer");
    face.send("\x03");
    face.send("\x03");
    assert_eq!(face.end().0, 0);
}

#[tokio::test]
async fn options_that_do_not_go_together_are_refused() {
    let (home, _model) = with_model([]).await;
    for (arguments, says) in [
        (vec!["--no-replay"], "--no-replay requires --mini"),
        (vec!["--replay-limit", "3"], "--replay-limit requires --mini"),
        (
            vec!["attach", "http://127.0.0.1:1", "--no-replay"],
            "--no-replay requires --mini",
        ),
        (
            vec!["--mini", "--replay-limit", "0"],
            "--replay-limit must be a positive integer",
        ),
        (
            vec!["--mini", "--replay-limit", "-1"],
            "--replay-limit must be a positive integer",
        ),
        (
            vec!["--mini", "--replay-limit", "x"],
            "--replay-limit must be a positive integer",
        ),
        (vec!["--mini", "--port", "0"], "--port cannot be used with --mini"),
        (
            vec!["--mini", "--hostname", "::"],
            "--hostname cannot be used with --mini",
        ),
        (vec!["--mini", "--mdns"], "--mdns cannot be used with --mini"),
        (
            vec!["--mini", "--mdns-domain", "x"],
            "--mdns-domain cannot be used with --mini",
        ),
        (vec!["--mini", "--cors", "x"], "--cors cannot be used with --mini"),
        (
            vec!["--mini", "--fork"],
            "--fork requires --continue or --session",
        ),
    ] {
        let refused = home.run(&arguments).await;
        assert_eq!(refused.code(), Some(1), "{arguments:?}: {refused:?}");
        assert!(refused.stderr.contains(says), "{arguments:?}: {refused:?}");
    }
}
