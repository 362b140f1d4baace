//! What clients and the world do to a server, on purpose or not: it answers, and goes on.

use opencode_testkit::{Served, Step};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::{home, new_session, stored, with_model};

fn said(text: &str) -> Option<Value> {
    Some(json!({ "parts": [{ "type": "text", "text": text }] }))
}

async fn is_well(server: &Served) {
    let answer = server.send("GET", "/global/health", None).await;
    assert_eq!((answer.status, &answer.json()["healthy"]), (200, &json!(true)));
}

#[tokio::test]
async fn ids_that_lead_elsewhere_are_refused() {
    let (home, model) = with_model([]).await;
    let server = home.serve().await;
    let session = new_session(&server).await;
    for bent in [
        "ses_..%2f..%2fx",
        "ses_%00",
        "ses_%2e%2e",
        "ses_a%5cb",
        "..%2fses_a",
    ] {
        for (method, rest) in [
            ("GET", ""),
            ("DELETE", ""),
            ("GET", "/message"),
            ("POST", "/abort"),
            ("POST", "/fork"),
        ] {
            let answer = server.send(method, &format!("/session/{bent}{rest}"), None).await;
            assert_eq!(answer.status, 400, "{method} {bent}{rest} {answer:?}");
        }
    }
    let path = format!("/session/{session}/message");
    for body in [
        json!({ "parts": [], "messageID": "msg_../../x" }),
        json!({ "parts": [{ "type": "text", "text": "x", "id": "prt_a/b" }] }),
        json!({ "parts": [], "messageID": format!("msg_{}", "x".repeat(500)) }),
    ] {
        assert_eq!(server.send("POST", &path, Some(body)).await.status, 400);
    }
    for body in [
        json!({ "parentID": "nobody" }),
        json!({ "parentID": "ses_../x" }),
        json!({ "workspaceID": "" }),
    ] {
        assert_eq!(server.send("POST", "/session", Some(body)).await.status, 400);
    }
    assert_eq!(stored(&home, &session), []);
    assert_eq!(model.requests().len(), 0);
}

#[tokio::test]
async fn links_do_not_lead_out_of_the_project() {
    let home = home();
    let secret = home.path().join("secret");
    fs_err::write(&secret, "the secret").unwrap();
    let project = home.project();
    for (target, link) in [
        (home.path(), "folder"),
        (secret.clone(), "file"),
        ("..".into(), "up"),
    ] {
        fs_err::os::unix::fs::symlink(target, project.join(link)).unwrap();
    }
    let server = home.serve().await;
    for query in [
        "/file/content?path=file",
        "/file/content?path=folder/secret",
        "/file/content?path=up/home/secret",
        "/file/content?path=up%2fhome%2fsecret",
        "/file?path=folder",
        "/file?path=up/home",
        "/file/content?path=../home/secret",
    ] {
        let answer = server.send("GET", query, None).await;
        assert_eq!(answer.status, 400, "{query} {answer:?}");
        assert!(!answer.text.contains("the secret"), "{answer:?}");
    }
    let searched = server.send("GET", "/find?pattern=secret", None).await;
    assert_eq!(searched.json(), json!([]));
    // A file is no folder.
    home.write("plain", "x");
    assert_eq!(server.send("GET", "/file?path=plain", None).await.status, 404);
    let inside = server.send("GET", "/file/content?path=plain/below", None).await;
    assert_eq!(inside.json(), json!({ "type": "text", "content": "" }));
}

#[tokio::test]
async fn two_prompts_at_once_get_one_answer() {
    let (step, gate) = Step::text("first").held();
    let (home, model) = with_model([step, Step::text("for both")]).await;
    let server = home.serve().await;
    let session = new_session(&server).await;
    let path = format!("/session/{session}/message");
    let first = server.send("POST", &path, said("one"));
    let second = async {
        model.wait_for_requests(1).await;
        let waiting = server.send("POST", &path, said("two"));
        let opening = async {
            while stored(&home, &session).len() < 3 {
                tokio::task::yield_now().await;
            }
            gate.open();
        };
        tokio::join!(waiting, opening).0
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.json()["parts"][1]["text"], "for both");
    assert_eq!(first.json(), second.json());
    assert_eq!(model.requests().len(), 2);
}

#[tokio::test]
async fn a_session_is_deleted_while_it_works() {
    let (step, _gate) = Step::text("never").held();
    let (home, model) = with_model([step]).await;
    let server = home.serve().await;
    let session = new_session(&server).await;
    let path = format!("/session/{session}");
    let prompt_path = format!("{path}/message");
    let prompt = server.send("POST", &prompt_path, said("go"));
    let delete = async {
        model.wait_for_requests(1).await;
        server.send("DELETE", &path, None).await
    };
    let (prompt, delete) = tokio::join!(prompt, delete);
    assert_eq!(delete.json(), json!(true));
    assert!(matches!(prompt.status, 200 | 404), "{prompt:?}");
    assert_eq!(server.send("GET", &path, None).await.status, 404);
    assert_eq!(server.send("DELETE", &path, None).await.status, 404);
    assert_eq!(
        server.send("GET", "/session/status", None).await.json(),
        json!({})
    );
    let left: i64 = home
        .database()
        .query_row(
            "SELECT (SELECT count(*) FROM message) + (SELECT count(*) FROM event)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn listeners_that_go_away_are_forgotten() {
    let (home, _model) = with_model([Step::text("Hello."), Step::text("Hello.")]).await;
    let server = home.serve().await;
    let session = new_session(&server).await;
    let path = format!("/session/{session}/message");
    for stream in ["/event", "/global/event"].repeat(20) {
        // Gone after the greeting.
        server.events(stream, || async {}, |_| true).await;
    }
    assert_eq!(server.send("POST", &path, said("hi")).await.status, 200);
    let prompt = || async {
        server.send("POST", &path, said("hi")).await;
    };
    // Gone in the middle of a turn.
    server
        .events("/event", prompt, |event| event["type"] == "message.updated")
        .await;
    is_well(&server).await;
    assert_eq!(server.stop().await.code(), Some(0));
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_no_trouble() {
    let home = home();
    let server = home.serve().await;
    let project = server.send("GET", "/project/current", None).await.json();
    let copy = format!("/experimental/project/{}/copy", project["id"].as_str().unwrap());
    let elsewhere = home.path().join("no/such/folder");
    for (method, path, body) in [
        ("GET", "/path", None),
        ("GET", "/vcs", None),
        ("GET", "/vcs/status", None),
        ("GET", "/vcs/diff?mode=git", None),
        ("GET", "/vcs/diff/raw", None),
        ("GET", "/file?path=", None),
        ("GET", "/file/content?path=x", None),
        ("GET", "/find?pattern=x", None),
        ("GET", "/session", None),
        ("POST", "/project/git/init", None),
        ("POST", "/vcs/apply", Some(json!({ "patch": "x" }))),
        (
            "POST",
            "/experimental/worktree",
            Some(json!({ "startCommand": "touch ran" })),
        ),
        (
            "POST",
            "/experimental/worktree/reset",
            Some(json!({ "directory": "x" })),
        ),
        (
            "DELETE",
            "/experimental/worktree",
            Some(json!({ "directory": "x" })),
        ),
        (
            "POST",
            &copy,
            Some(json!({ "strategy": "git_worktree", "directory": "x" })),
        ),
        ("DELETE", &copy, Some(json!({ "directory": "x", "force": true }))),
        ("POST", "/experimental/workspace/sync-list", None),
        ("POST", "/instance/dispose", None),
    ] {
        let mark = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{mark}directory={}", elsewhere.display());
        let answer = server.send(method, &path, body).await;
        assert!(answer.status < 500, "{method} {path} {answer:?}");
        assert!(!elsewhere.exists(), "{method} {path}");
    }
    let zero = server.send("GET", "/path?directory=%00", None).await;
    assert_eq!(zero.status, 400);
    is_well(&server).await;
}

#[tokio::test]
async fn json_that_is_too_deep_or_too_large_is_refused() {
    let home = home();
    let server = home.serve().await;
    let session = new_session(&server).await;
    let nested =
        |depth: usize, open: &str, close: &str| format!("{}{}", open.repeat(depth), close.repeat(depth));
    let within = |inside: String| format!("{{\"metadata\":{{\"a\":{inside}}}}}");
    for path in [
        "/session".to_owned(),
        format!("/session/{session}/message"),
        "/sync/replay".to_owned(),
        "/tui/control/response".to_owned(),
    ] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[", ""), ("{\"a\":[", "")] {
            let body = nested(150_000, open, close);
            let answer = server.send_with("POST", &path, &[], Some(body)).await;
            assert_eq!(answer.status, 400, "{path} {open}");
        }
    }
    let fits = server
        .send_with("POST", "/session", &[], Some(within(nested(100, "[", "]"))))
        .await;
    assert_eq!(fits.status, 200, "{fits:?}");
    let deep = server
        .send_with("POST", "/session", &[], Some(within(nested(128, "[", "]"))))
        .await;
    assert_eq!(deep.status, 400);
    let id = fits.json()["id"].as_str().unwrap().to_owned();
    let read = server.send("GET", &format!("/session/{id}"), None).await;
    assert_eq!(
        read.json()["metadata"],
        fits.json()["metadata"],
        "what is taken can be read"
    );
    for (length, status) in [(1_000_000, 200), (5_000_000, 413)] {
        let wide = json!({ "title": "x".repeat(length) });
        let answer = server.send("POST", "/session", Some(wide)).await;
        assert_eq!(answer.status, status, "{length}");
    }
    is_well(&server).await;
}

#[tokio::test]
async fn a_database_that_is_taken_away_does_not_take_the_server_with_it() {
    let home = home();
    let server = home.serve().await;
    let session = new_session(&server).await;
    for name in ["opencode.db", "opencode.db-wal", "opencode.db-shm"] {
        // The side files may not be there.
        let _ = fs_err::remove_file(home.data().join(name));
    }
    for _ in 0..3 {
        for (method, path) in [
            ("GET", "/session".to_owned()),
            ("POST", "/session".to_owned()),
            ("GET", format!("/session/{session}")),
            ("POST", "/sync/history".to_owned()),
        ] {
            let body = (path == "/sync/history").then(|| json!({}));
            let answer = server.send(method, &path, body).await;
            assert!(matches!(answer.status, 200 | 503), "{method} {path} {answer:?}");
        }
    }
    is_well(&server).await;
    let file = home.data().join("opencode.db");
    assert!(
        !file.exists(),
        "an empty file would look like one without sessions"
    );
    assert_eq!(server.stop().await.code(), Some(0));
    let server = home.serve().await;
    assert_eq!(server.send("GET", "/session", None).await.json(), json!([]));
}
