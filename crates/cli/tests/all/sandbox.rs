//! The sandbox of commands: what stops in it, what goes on in it, and that nothing runs without it.
#![cfg(target_os = "linux")]

use opencode_testkit::{Finished, Home, ScriptedModel, Step};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::home;

/// What a command said when the model ran it with this configuration; nothing where there is no sandbox.
#[expect(
    clippy::print_stderr,
    reason = "who reads the test's words wants to know what was not tested"
)]
async fn run(home: &Home, mut config: Value, command: &str) -> Option<(String, ScriptedModel)> {
    let model = ScriptedModel::start([
        Step::tool("bash", json!({ "command": command })),
        Step::text("Done."),
    ])
    .await;
    config["permission"] = json!({ "external_directory": "allow" });
    home.configure(&model.url(), config);
    let run: Finished = home.run(["run", "--format", "json", "go"]).await.success();
    let state = &run.of_type("tool_use")[0]["part"]["state"];
    if let Some(error) = state["error"]
        .as_str()
        .filter(|error| error.contains("no sandbox is available"))
    {
        eprintln!("skipped: {error}");
        return None;
    }
    Some((state["output"].as_str().unwrap_or_default().to_owned(), model))
}

#[tokio::test]
async fn a_command_writes_inside_and_not_outside() {
    let home = home();
    let outside = home.path().join("outside.txt");
    fs_err::write(home.path().join("kept.txt"), "kept").unwrap();
    let command = format!(
        "echo made > inside.txt; echo made > \"$TMPDIR/scratch.txt\"; echo made > {0}; rm {1}; mv inside.txt {0}; \
         : > {1}; ln {1} linked; (echo made > {0}) & wait; cat {1}",
        outside.display(),
        home.path().join("kept.txt").display(),
    );
    let Some((output, model)) = run(&home, json!({ "sandbox": true }), &command).await else {
        return;
    };
    assert!(!outside.exists(), "{output}");
    assert_eq!(
        fs_err::read_to_string(home.path().join("kept.txt")).unwrap(),
        "kept"
    );
    assert!(output.ends_with("kept"), "everything may be read: {output}");
    assert!(output.contains("Permission denied"), "{output}");
    assert_eq!(
        fs_err::read_to_string(home.project().join("inside.txt")).unwrap(),
        "made\n"
    );
    let told = model.requests()[0].body["tools"].to_string();
    assert!(told.contains("There is no network."), "the model is told");
}

#[tokio::test]
async fn a_command_has_no_network_unless_it_is_given() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let command = format!("echo hello > /dev/tcp/127.0.0.1/{port} && echo reached");
    let Some((output, _)) = run(&home(), json!({ "sandbox": true }), &command).await else {
        return;
    };
    assert!(!output.contains("reached"), "{output}");
    assert!(output.contains("Permission denied"), "{output}");
    let sandbox = json!({ "sandbox": { "network": true } });
    let (output, _) = run(&home(), sandbox, &command).await.unwrap();
    assert!(output.contains("reached"), "{output}");
    listener.accept().await.unwrap();
}

#[tokio::test]
async fn folders_are_let_in_by_name() {
    let home = home();
    fs_err::create_dir_all(home.path().join("more")).unwrap();
    fs_err::write(home.path().join("secret.txt"), "secret").unwrap();
    let command = "echo made > ~/more/a.txt; cat ~/secret.txt ~/more/a.txt; git --version";
    let sandbox = json!({ "sandbox": { "write": ["~/more"], "read": [] } });
    let Some((output, _)) = run(&home, sandbox, command).await else {
        return;
    };
    assert!(
        output.contains("made") && output.contains("git version"),
        "{output}"
    );
    assert!(
        !output.contains("secret\n") && output.contains("Permission denied"),
        "{output}"
    );
}

#[tokio::test]
async fn without_the_key_nothing_is_different() {
    let home = home();
    let outside = home.path().join("outside.txt");
    let command = "echo made > ~/outside.txt";
    let (_, model) = run(&home, json!({}), command).await.unwrap();
    assert_eq!(fs_err::read_to_string(outside).unwrap(), "made\n");
    assert!(!model.requests()[0].body["tools"].to_string().contains("sandbox"));
}
