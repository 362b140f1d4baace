//! Tasks for other agents: in the background, sent there, gone on with, stopped (reference `tools.md` §3, task).

use opencode_testkit::{Home, ScriptedModel, Served, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::serve::said;
use crate::{new_session, stored, stored_calls, with_model};

async fn with_background(steps: impl IntoIterator<Item = Step>) -> (Home, ScriptedModel) {
    let (home, model) = with_model(steps).await;
    let home = home.with("OPENCODE_EXPERIMENTAL_BACKGROUND_SUBAGENTS", "true");
    (home, model)
}

fn task(more: &Value) -> Step {
    let mut task = json!({ "description": "look", "prompt": "Look", "subagent_type": "general" });
    task.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    Step::tool("task", task)
}

/// Prompts a session and waits until it rests with so many messages.
async fn rests_with(
    home: &Home,
    server: &Served,
    session: &str,
    messages: usize,
    prompt: impl AsyncFnOnce(),
) {
    let rests = {
        let (session, home) = (session.to_owned(), home.data().join("opencode.db"));
        move |event: &Value| {
            let idle =
                event["type"] == "session.idle" && event["properties"]["sessionID"] == session.as_str();
            idle && {
                let database = rusqlite::Connection::open(&home).unwrap();
                let query = "SELECT count(*) FROM message WHERE session_id = ?";
                let count: i64 = database.query_row(query, [&session], |row| row.get(0)).unwrap();
                usize::try_from(count).unwrap() >= messages
            }
        }
    };
    server.events("/event", || prompt(), rests).await;
}

async fn begin(server: &Served, session: &str) {
    let path = format!("/session/{session}/prompt_async");
    assert_eq!(server.send("POST", &path, said("go")).await.status, 204);
}

async fn begin_and_rest(home: &Home, server: &Served, session: &str, messages: usize) {
    let prompt = async || {
        begin(server, session).await;
    };
    rests_with(home, server, session, messages, prompt).await;
}

/// The texts that the program itself put into a session.
fn notices(home: &Home, session: &str) -> Vec<String> {
    let parts = stored(home, session).into_iter().flat_map(|(_, parts)| parts);
    let texts = parts.filter(|part| part["synthetic"] == true);
    texts
        .map(|part| part["text"].as_str().unwrap().to_owned())
        .collect()
}

fn child_of(home: &Home, session: &str) -> String {
    let query = "SELECT id FROM session WHERE parent_id = ?";
    home.database()
        .query_row(query, [session], |row| row.get(0))
        .unwrap()
}

#[tokio::test]
async fn a_task_in_the_background_is_told_once() {
    let (step, gate) = Step::text("found it").in_task().held();
    let (home, model) = with_background([
        task(&json!({ "background": true })),
        step,
        Step::text("It is on its way."),
        Step::text("It was found."),
    ])
    .await;
    let server = home.serve().await;
    let able = server.send("GET", "/experimental/capabilities", None).await;
    assert_eq!(able.json(), json!({ "backgroundSubagents": true }));
    let session = new_session(&server).await;
    begin_and_rest(&home, &server, &session, 3).await;
    let call = stored_calls(&home, &session).remove(0);
    let child = child_of(&home, &session);
    let metadata = &call["state"]["metadata"];
    assert_eq!(
        (&metadata["background"], &metadata["jobId"]),
        (&json!(true), &json!(child))
    );
    let output = call["state"]["output"].as_str().unwrap();
    assert!(
        output.contains("state=\"running\"") && output.contains("Background task started"),
        "{output}"
    );
    assert_eq!(notices(&home, &session), [""; 0]);

    rests_with(&home, &server, &session, 5, async || gate.open()).await;
    let wanted = format!(
        "<task id=\"{child}\" state=\"completed\">\n<summary>Background task completed: look</summary>\n\
         <task_result>\nfound it\n</task_result>\n</task>"
    );
    assert_eq!(notices(&home, &session), [wanted.as_str()]);
    let last = model.requests().pop().unwrap().conversation().pop().unwrap();
    assert!(last.to_string().contains("found it"), "{last}");
    assert_eq!(server.stop().await.code(), Some(0));
    assert_eq!(stored(&home, &session).len(), 5, "told once");
}

#[tokio::test]
async fn a_task_that_is_waited_for_is_sent_to_the_background() {
    let (step, gate) = Step::text("found it").in_task().held();
    let (home, model) = with_background([task(&json!({})), step]).await;
    let server = home.serve().await;
    let session = new_session(&server).await;
    let path = format!("/experimental/session/{session}/background");
    assert_eq!(server.send("POST", &path, None).await.json(), json!(false));
    let send = async || {
        begin(&server, &session).await;
        model.wait_for_requests(2).await;
        assert_eq!(server.send("POST", &path, None).await.json(), json!(true));
        assert_eq!(server.send("POST", &path, None).await.json(), json!(false));
    };
    rests_with(&home, &server, &session, 3, send).await;
    let call = stored_calls(&home, &session).remove(0);
    assert_eq!(call["state"]["metadata"]["background"], true);
    rests_with(&home, &server, &session, 5, async || gate.open()).await;
    assert_eq!(notices(&home, &session).len(), 1);
}

#[tokio::test]
async fn nothing_is_sent_to_the_background_where_that_is_switched_off() {
    let (step, gate) = Step::text("found it").in_task().held();
    let (home, model) = with_model([task(&json!({})), step]).await;
    let server = home.serve().await;
    let session = new_session(&server).await;
    let path = format!("/experimental/session/{session}/background");
    let send = async || {
        begin(&server, &session).await;
        model.wait_for_requests(2).await;
        assert_eq!(server.send("POST", &path, None).await.json(), json!(false));
        gate.open();
    };
    rests_with(&home, &server, &session, 3, send).await;
    let call = stored_calls(&home, &session).remove(0);
    assert!(
        call["state"]["output"].as_str().unwrap().contains("found it"),
        "{call}"
    );
    let schema = model.requests()[0].body["tools"].to_string();
    assert!(!schema.contains("background"), "the model does not hear of it");
}

#[tokio::test]
async fn what_is_added_to_a_running_task_is_its_next_prompt() {
    let (step, gate) = Step::text("found one").in_task().held();
    let (home, model) = with_background([
        task(&json!({ "background": true })),
        step,
        Step::text("Begun."),
        Step::text("found two").in_task(),
    ])
    .await;
    let server = home.serve().await;
    let session = new_session(&server).await;
    begin_and_rest(&home, &server, &session, 3).await;
    let child = child_of(&home, &session);
    model.now_answers([
        task(&json!({ "task_id": child, "prompt": "And another" })),
        Step::text("Added."),
        Step::text("found two").in_task(),
        Step::text("Both are there."),
    ]);
    begin_and_rest(&home, &server, &session, 6).await;
    let output = stored_calls(&home, &session)[1]["state"]["output"].to_string();
    assert!(output.contains("Background task updated"), "{output}");
    rests_with(&home, &server, &session, 8, async || gate.open()).await;
    let said: Vec<Value> = stored(&home, &child)
        .into_iter()
        .flat_map(|(_, parts)| parts)
        .filter(|part| part["type"] == "text")
        .map(|part| part["text"].clone())
        .collect();
    assert_eq!(said, ["Look", "found one", "And another", "found two"]);
    let notices = notices(&home, &session);
    assert_eq!(notices.len(), 1);
    assert!(notices[0].contains("found two"), "{notices:?}");
}

#[tokio::test]
async fn a_task_goes_on_with_an_earlier_one_and_its_rules_do_not_loosen() {
    let (home, model) = with_model([
        task(&json!({ "prompt": "Look at @notes.md" })),
        Step::text("found one").in_task(),
        Step::text("One."),
    ])
    .await;
    home.write("notes.md", "what is noted");
    let server = home.serve().await;
    let session = new_session(&server).await;
    begin_and_rest(&home, &server, &session, 3).await;
    let request = &model.requests()[1];
    assert!(
        request.body["messages"].to_string().contains("what is noted"),
        "mentions are read"
    );
    let child = child_of(&home, &session);
    model.now_answers([
        task(&json!({ "prompt": "Once more", "task_id": child })),
        Step::text("found two").in_task(),
        Step::text("Two."),
        task(&json!({ "prompt": "Anew", "task_id": "ses_unknown" })),
        Step::text("found three").in_task(),
    ]);
    // Rules of the session that forbid something are the task's from then on.
    let path = format!("/session/{session}/prompt_async");
    let body = json!({ "parts": [{ "type": "text", "text": "go" }], "tools": { "bash": false } });
    let forbid = async || {
        assert_eq!(server.send("POST", &path, Some(body)).await.status, 204);
    };
    rests_with(&home, &server, &session, 6, forbid).await;
    let request = model.requests().into_iter().nth(4).unwrap();
    assert!(
        request.body["messages"].to_string().contains("found one"),
        "it knows what was"
    );
    assert!(!request.tools().contains(&"bash".to_owned()));
    begin_and_rest(&home, &server, &session, 9).await;
    let path = format!("/session/{session}/children");
    let children = server.send("GET", &path, None).await.json();
    assert_eq!(
        children.as_array().unwrap().len(),
        2,
        "an id that nobody knows is a new task"
    );
}

#[tokio::test]
async fn stopping_the_giver_stops_its_tasks() {
    let (step, _gate) = Step::text("half").in_task().held();
    let (home, model) =
        with_background([task(&json!({ "background": true })), step, Step::text("Begun.")]).await;
    let server = home.serve().await;
    let session = new_session(&server).await;
    begin_and_rest(&home, &server, &session, 3).await;
    model.wait_for_requests(3).await;
    let stop = server
        .send("POST", &format!("/session/{session}/abort"), None)
        .await;
    assert_eq!(stop.json(), json!(true));
    let child = child_of(&home, &session);
    let (answer, _) = stored(&home, &child).pop().unwrap();
    assert_eq!(answer["error"]["name"], "MessageAbortedError");
    let busy = server.send("GET", "/session/status", None).await.json();
    assert_eq!(busy, json!({}));
    assert_eq!(server.stop().await.code(), Some(0));
    assert_eq!(notices(&home, &session), [""; 0], "who stops it need not be told");
}

#[tokio::test]
async fn a_task_that_fails_in_the_background_is_told_of() {
    let (home, _model) = with_background([
        task(&json!({ "background": true })),
        Step::error(400, json!({ "error": { "message": "not today" } })).in_task(),
        Step::text("Begun."),
        Step::text("It failed."),
    ])
    .await;
    // `run` ends when the task has been told of.
    let run = home.run(["run", "first"]).await;
    let session = crate::only_session(&home);
    let notices = notices(&home, &session);
    assert_eq!(notices.len(), 1, "{run:?}");
    assert!(
        notices[0].contains("state=\"error\"") && notices[0].contains("not today"),
        "{notices:?}"
    );
}

#[tokio::test]
async fn tasks_that_give_themselves_away_end_at_the_limit() {
    for (depth, sessions) in [(0, 1), (1, 2), (3, 4)] {
        let (home, model) = with_model([]).await;
        let settings = json!({
            "subagent_depth": depth,
            "agent": { "general": { "permission": { "task": "allow" } } },
        });
        home.configure(&model.url(), settings);
        model.now_answers(
            (0..sessions)
                .map(|_| task(&json!({})))
                .chain((0..sessions).map(|_| Step::text("enough"))),
        );
        home.run(["run", "first"]).await;
        let query = "SELECT count(*) FROM session";
        let count: i64 = home.database().query_row(query, [], |row| row.get(0)).unwrap();
        assert_eq!(count, i64::from(sessions), "depth {depth}");
    }
}
