//! Long conversations are shortened, and what the user said is not lost by it.

use opencode_testkit::{Home, Received, ScriptedModel, Served, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::{home, new_session, stored};

/// A server whose model has a context of so many tokens.
async fn with_context(
    context: u64,
    config: Value,
    steps: impl IntoIterator<Item = Step>,
) -> (Home, ScriptedModel, Served) {
    let model = ScriptedModel::start(steps).await;
    let home = home();
    home.configure(&model.url(), config);
    let limit = json!({ "limit": { "context": context, "output": 100 } });
    let mut written: Value =
        serde_json::from_slice(&fs_err::read(home.project().join("opencode.json")).unwrap()).unwrap();
    written["provider"]["scripted"]["models"]["scripted"] = limit;
    home.write("opencode.json", written.to_string());
    let server = home.serve().await;
    (home, model, server)
}

async fn say(server: &Served, session: &str, text: &str) -> Value {
    let body = json!({ "parts": [{ "type": "text", "text": text }] });
    let answer = server
        .send("POST", &format!("/session/{session}/message"), Some(body))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// Stores what the user says, and nobody answers.
async fn note(server: &Served, session: &str, text: &str) {
    let body = json!({ "noReply": true, "parts": [{ "type": "text", "text": text }] });
    let answer = server
        .send("POST", &format!("/session/{session}/message"), Some(body))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

async fn shorten(server: &Served, session: &str) {
    let body = json!({ "providerID": "scripted", "modelID": "scripted" });
    let answer = server
        .send("POST", &format!("/session/{session}/summarize"), Some(body))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn sent(request: &Received) -> String {
    Value::Array(request.conversation()).to_string()
}

fn summaries(home: &Home, session: &str) -> Vec<Value> {
    let messages = stored(home, session).into_iter().map(|(message, _)| message);
    messages.filter(|message| message["summary"] == true).collect()
}

#[tokio::test]
async fn what_the_user_said_stays() {
    let facts: Vec<String> = (0..100)
        .map(|at| match at % 4 {
            0 => format!("The service {at} listens on port {}.", 7_000 + at),
            1 => format!("Never change /srv/vault-{at}/keys.toml."),
            2 => format!("Ticket QX-{at}7 must be named in the commit."),
            _ => format!("Ann{at} decided that retries end after {at} seconds."),
        })
        .collect();
    let answers = (0..10).map(|at| Step::text(&format!("Noted, part {at}.")));
    let (home, model, server) =
        with_context(128_000, json!({ "compaction": { "tail_turns": 0 } }), answers).await;
    let session = new_session(&server).await;
    for of_message in facts.chunks(10) {
        say(&server, &session, &of_message.join("\n")).await;
    }
    model.now_answers([Step::text("## Objective\nSomething with services.")]);
    shorten(&server, &session).await;
    let before = model.requests().len();
    say(&server, &session, "Go on.").await;
    let request = sent(&model.requests()[before]);
    let kept = facts
        .iter()
        .filter(|fact| request.contains(fact.as_str()))
        .count();
    assert!(kept >= 95, "{kept} of 100 facts");
    assert!(
        !request.contains("Noted, part"),
        "what the model said is in the summary"
    );

    // The same again: the words of the user are those of the whole conversation, and each is there once.
    model.now_answers([Step::text("## Objective\nServices.")]);
    shorten(&server, &session).await;
    let before = model.requests().len();
    say(&server, &session, "And further.").await;
    let request = sent(&model.requests()[before]);
    for text in facts.iter().map(String::as_str).chain(["Go on."]) {
        assert_eq!(request.matches(text).count(), 1, "{text}");
    }
    // It is made for requests and is in no message.
    let mut texts = stored(&home, &session).into_iter().flat_map(|(_, parts)| parts);
    assert!(texts.all(|part| !part["text"].as_str().unwrap_or_default().contains("user-words")));
}

#[tokio::test]
async fn todos_and_files_stay() {
    let todos = json!({ "todos": [
        { "content": "Write the tests", "status": "in_progress", "priority": "high" },
        { "content": "Read the code", "status": "completed", "priority": "low" },
    ] });
    let (home, model, server) = with_context(
        128_000,
        json!({ "compaction": { "tail_turns": 0 } }),
        [
            Step::tool("todowrite", todos)
                .and_tool("write", json!({ "filePath": "made.rs", "content": "x" }))
                .and_tool("read", json!({ "filePath": "looked-at.md" })),
            Step::text("Begun."),
            Step::text("## Objective\nTests."),
        ],
    )
    .await;
    home.write("looked-at.md", "words");
    let session = new_session(&server).await;
    say(&server, &session, "begin").await;
    shorten(&server, &session).await;
    say(&server, &session, "go on").await;
    let request = sent(model.requests().last().unwrap());
    for wanted in ["[in_progress] Write the tests", "made.rs", "looked-at.md"] {
        assert!(request.contains(wanted), "{wanted}: {request}");
    }
}

#[tokio::test]
async fn long_words_do_not_fill_the_context_again() {
    let (_home, model, server) = with_context(4_000, json!({ "compaction": { "tail_turns": 0 } }), []).await;
    let session = new_session(&server).await;
    note(&server, &session, "The first wish: a lighthouse.").await;
    for at in 0..20 {
        note(&server, &session, &format!("{at} {}", "long ".repeat(300))).await;
    }
    note(&server, &session, "The last wish: a harbour.").await;
    model.now_answers((0..30).map(|_| Step::text("A summary.")));
    shorten(&server, &session).await;
    say(&server, &session, "Go on.").await;
    let request = sent(model.requests().last().unwrap());
    assert!(
        request.contains("a lighthouse") && request.contains("a harbour"),
        "{request}"
    );
    assert!(request.len() < 6_000, "{}", request.len());
}

#[tokio::test]
async fn what_is_too_long_for_one_summary_is_summarised_in_pieces() {
    let (home, model, server) = with_context(4_000, json!({ "compaction": { "tail_turns": 0 } }), []).await;
    let session = new_session(&server).await;
    for at in 0..40 {
        note(
            &server,
            &session,
            &format!("Message {at}: {}", "word ".repeat(200)),
        )
        .await;
    }
    let steps = (0..20).map(|at| {
        Step::text(&format!("Summary up to piece {at}.")).usage(json!({ "input": 1000, "output": 10 }))
    });
    model.now_answers(steps);
    shorten(&server, &session).await;
    let requests = model.requests();
    assert!(requests.len() >= 4, "{} requests", requests.len());
    for (at, request) in requests.iter().enumerate() {
        let sent = sent(request);
        assert!(sent.len() < 16_000, "{} bytes", sent.len());
        if at > 0 {
            assert!(
                sent.contains(&format!("Summary up to piece {}.", at - 1)),
                "{sent}"
            );
        }
    }
    let all: String = requests.iter().map(sent).collect();
    for at in 0..40 {
        assert_eq!(all.matches(&format!("Message {at}:")).count(), 1, "message {at}");
    }
    let summaries = summaries(&home, &session);
    assert_eq!(summaries.len(), 1);
    assert_eq!(
        summaries[0]["tokens"]["input"],
        1000 * requests.len(),
        "all pieces are counted"
    );
}

#[tokio::test]
async fn a_summary_that_does_not_fit_is_made_of_smaller_pieces() {
    let too_long = || {
        Step::error(
            400,
            json!({ "error": { "message": "prompt is too long", "code": "context_length_exceeded" } }),
        )
    };
    let (home, model, server) = with_context(128_000, json!({ "compaction": { "tail_turns": 0 } }), []).await;
    let session = new_session(&server).await;
    for at in 0..12 {
        note(
            &server,
            &session,
            &format!("Message {at}: {}", "word ".repeat(100)),
        )
        .await;
    }
    model.now_answers([
        too_long(),
        too_long(),
        Step::text("First part."),
        Step::text("Second part."),
        Step::text("Third part."),
        Step::text("All of it."),
        Step::text("Gone on."),
    ]);
    shorten(&server, &session).await;
    let made = summaries(&home, &session);
    assert!(made.last().unwrap()["error"].is_null(), "{made:?}");
    let asked = model.requests().len();
    say(&server, &session, "Go on.").await;
    let request = sent(&model.requests()[asked]);
    assert!(!request.contains("[User]"), "{request}");
    assert!(
        request.contains("part.") || request.contains("All of it."),
        "{request}"
    );

    // One that can be made no smaller ends with the provider's words.
    let session = new_session(&server).await;
    note(&server, &session, "short").await;
    model.now_answers([too_long()]);
    shorten(&server, &session).await;
    let made = summaries(&home, &session);
    assert_eq!(made[0]["error"]["name"], "ContextOverflowError");
    assert_eq!(made[0]["finish"], "error");
}

#[tokio::test]
async fn a_summary_can_be_stopped_and_made_again() {
    let (step, _gate) = Step::text("half of a summary").held();
    let (home, model, server) =
        with_context(128_000, json!({ "compaction": { "tail_turns": 0 } }), [step]).await;
    let session = new_session(&server).await;
    note(&server, &session, "remember the blue door").await;
    let (_, ()) = tokio::join!(shorten(&server, &session), async {
        model.wait_for_requests(1).await;
        let path = format!("/session/{session}/abort");
        assert_eq!(server.send("POST", &path, None).await.status, 200);
    });
    assert_eq!(
        summaries(&home, &session)[0]["error"]["name"],
        "MessageAbortedError"
    );
    model.now_answers([Step::text("## Objective\nDoors."), Step::text("Blue.")]);
    let answer = say(&server, &session, "which door?").await;
    assert!(answer["parts"].to_string().contains("Blue."), "{answer}");
    let request = sent(model.requests().last().unwrap());
    assert!(
        request.contains("Doors.") && request.contains("blue door"),
        "{request}"
    );
}
