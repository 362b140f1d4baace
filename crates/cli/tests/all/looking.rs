//! Commands that only look: what was used, what is stored, what the program sees.

use opencode_testkit::Step;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::{home, only_session, with_model};

#[tokio::test]
async fn what_was_used_is_counted() {
    let usage = json!({ "input": 1500, "output": 20, "cached": 500, "reasoning": 5 });
    let (home, _model) = with_model([
        Step::tool("bash", json!({ "command": "true" }))
            .and_tool("bash", json!({ "command": "true" }))
            .and_tool("glob", json!({ "pattern": "*" }))
            .usage(usage.clone()),
        Step::text("Done.").usage(usage),
    ])
    .await;
    home.run(["run", "go"]).await.success();
    let stats = home
        .run(["stats", "--models", "--project"])
        .await
        .success()
        .stdout;
    for line in [
        "│                       OVERVIEW                         │",
        "│Sessions                                              1 │",
        "│Messages                                              3 │",
        "│Days                                                  1 │",
        "│                    COST & TOKENS                       │",
        "│Avg Tokens/Session                                 3.0K │",
        "│Input                                              2.0K │",
        "│Cache Read                                         1.0K │",
        "│ scripted/scripted                                      │",
        "│  Messages                                            2 │",
        "│  Cost                                          $0.0000 │",
        "│ bash               ████████████████████   2 (66.7%)    │",
        "│ glob               ██████████             1 (33.3%)    │",
    ] {
        assert!(stats.lines().any(|one| one == line), "{line}\n{stats}");
    }
    let few = home
        .run(["stats", "--tools", "1", "--days", "0"])
        .await
        .success()
        .stdout;
    assert!(few.contains("bash") && !few.contains("glob"), "{few}");
    let none = home
        .run(["stats", "--project", "of nobody"])
        .await
        .success()
        .stdout;
    assert!(
        none.contains("│Sessions                                              0 │"),
        "{none}"
    );
    assert!(!none.contains("TOOL USAGE"), "{none}");
}

#[tokio::test]
async fn the_database_can_be_asked() {
    let (home, _model) = with_model([]).await;
    home.run(["run", "go"]).await.success();
    let id = only_session(&home);
    let path = home.run(["db", "path"]).await.success().stdout;
    assert_eq!(path.trim(), home.data().join("opencode.db").display().to_string());
    let query = "SELECT id, parent_id, 1.0 AS one, x'0aff' AS bytes FROM session";
    let rows = home.run(["db", query]).await.success().stdout;
    assert_eq!(rows, format!("id\tparent_id\tone\tbytes\n{id}\t\t1\t0aff\n"));
    let rows: Value =
        serde_json::from_str(&home.run(["db", query, "--format", "json"]).await.success().stdout).unwrap();
    assert_eq!(
        rows,
        json!([{ "id": id, "parent_id": null, "one": 1, "bytes": "0aff" }])
    );
    let none = "SELECT id FROM session WHERE false";
    assert_eq!(home.run(["db", none]).await.success().stdout, "");
    assert_eq!(
        home.run(["db", none, "--format", "json"]).await.success().stdout,
        "[]\n"
    );
    home.run(["db", "UPDATE session SET title = 'Other'"])
        .await
        .success();
    assert!(
        home.run(["session", "list"])
            .await
            .success()
            .stdout
            .contains("Other")
    );
    let wrong = home.run(["db", "SELEC"]).await;
    assert_eq!(wrong.code(), Some(1));
    assert!(wrong.stderr.contains("near \"SELEC\": syntax error"), "{wrong:?}");
}

#[tokio::test]
async fn tools_can_be_tried_as_an_agent() {
    let home = home();
    home.configure("http://127.0.0.1:1/v1", json!({ "agent": { "careful": { "mode": "primary", "permission": { "bash": { "*": "ask", "rm *": "deny" } } } } }));
    home.write("note.txt", "remember the milk");
    let debug = async |more: &[&str]| {
        let mut arguments = vec!["debug", "agent"];
        arguments.extend(more);
        home.run(arguments).await
    };
    let shown: Value = serde_json::from_str(&debug(&["plan"]).await.success().stdout).unwrap();
    assert_eq!(
        (&shown["name"], &shown["tools"]["read"]),
        (&json!("plan"), &json!(true))
    );
    let tried = debug(&["careful", "--tool", "read", "--params", "{filePath: 'note.txt'}"])
        .await
        .success();
    let tried: Value = serde_json::from_str(&tried.stdout).unwrap();
    assert_eq!(tried["input"], json!({ "filePath": "note.txt" }));
    assert!(
        tried["result"]["output"]
            .as_str()
            .unwrap()
            .contains("1: remember the milk"),
        "{tried}"
    );
    for (arguments, says) in [
        (
            &["nobody"][..],
            "Agent nobody not found, run 'opencode agent list' to get an agent list",
        ),
        (
            &["build", "--tool", "nothing"],
            "Tool nothing not found for agent build",
        ),
        (&["build", "--tool", "read", "--params", "[1]"], "it is no object"),
        (
            &["build", "--tool", "read", "--params", "{filePath: 'gone.txt'}"],
            "Error: File not found",
        ),
        (
            &[
                "careful",
                "--tool",
                "bash",
                "--params",
                "{command: 'rm note.txt', description: 'x'}",
            ],
            "may not do this",
        ),
    ] {
        let failed = debug(arguments).await;
        assert_eq!(failed.code(), Some(1), "{failed:?}");
        assert!(failed.stderr.contains(says), "{failed:?}");
    }
    assert!(home.project().join("note.txt").exists());
}

#[tokio::test]
async fn the_program_tells_what_it_sees() {
    let home = home();
    home.configure("http://127.0.0.1:1/v1", json!({}));
    home.write("folder/note.txt", "remember the milk\n");
    let debug = async |more: &[&str]| {
        let mut arguments = vec!["debug"];
        arguments.extend(more);
        home.run(arguments).await.success().stdout
    };
    let config: Value = serde_json::from_str(&debug(&["config"]).await).unwrap();
    assert_eq!(config["provider"]["scripted"]["options"]["apiKey"], "***");
    assert_eq!(
        debug(&["rg", "files", "--glob", "**/*.txt"]).await,
        "folder/note.txt\n"
    );
    let found: Value = serde_json::from_str(&debug(&["rg", "search", "the m.lk"]).await).unwrap();
    assert_eq!(
        (&found[0]["line"], &found[0]["submatches"][0]["text"]),
        (&json!(1), &json!("the milk"))
    );
    let list: Value = serde_json::from_str(&debug(&["file", "list", "folder"]).await).unwrap();
    assert_eq!(list, json!([{ "path": "folder/note.txt", "type": "file" }]));
    let read: Value = serde_json::from_str(&debug(&["file", "read", "folder/note.txt"]).await).unwrap();
    assert_eq!(
        read,
        json!({ "content": "cmVtZW1iZXIgdGhlIG1pbGsK", "encoding": "base64", "mime": "text/plain" })
    );
    let hash = debug(&["snapshot", "track"]).await;
    home.write("folder/note.txt", "remember the bread\n");
    let patch: Value = serde_json::from_str(&debug(&["snapshot", "patch", hash.trim()]).await).unwrap();
    assert_eq!(patch["files"], json!([home.project().join("folder/note.txt")]));
    assert!(
        debug(&["snapshot", "diff", hash.trim()])
            .await
            .contains("+remember the bread")
    );
    assert!(debug(&["startup"]).await.trim().parse::<f64>().unwrap() > 0.0);
    assert!(debug(&["info"]).await.starts_with("opencode version: "));
    let projects: Value = serde_json::from_str(&debug(&["scrap"]).await).unwrap();
    assert_eq!(projects[0]["worktree"], json!(home.project()));
}

#[tokio::test]
async fn what_connects_to_providers_is_listed() {
    let home = home().with("GROQ_API_KEY", "secret-one");
    let none = home.run(["auth", "list"]).await.success().stdout;
    assert!(
        none.starts_with("┌  Credentials ~/.local/share/opencode/auth.json\n│\n└  0 credentials\n"),
        "{none}"
    );
    let stored = json!({ "openrouter": { "type": "api", "key": "secret-two" }, "someone": { "type": "oauth", "refresh": "r", "access": "a", "expires": 1 } });
    fs_err::create_dir_all(home.data()).unwrap();
    fs_err::write(home.data().join("auth.json"), stored.to_string()).unwrap();
    let all = home.run(["providers", "ls"]).await.success().stdout;
    for line in [
        "●  OpenRouter api",
        "●  someone oauth",
        "└  2 credentials",
        "●  Groq GROQ_API_KEY",
        "└  1 environment variable",
    ] {
        assert!(all.lines().any(|one| one == line), "{line}\n{all}");
    }
    assert!(!all.contains("secret"), "{all}");
}
