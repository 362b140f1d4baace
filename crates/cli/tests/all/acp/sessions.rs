//! Sessions: made, opened again, copied, listed, closed; what is chosen for them.

use opencode_testkit::Step;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::client::{Client, chosen, said};
use super::{connected, merged, text};
use crate::home;

fn with_variants() -> Value {
    let variants = json!({ "low": { "reasoningEffort": "low" }, "high": { "reasoningEffort": "high" } });
    json!({
        "provider": { "scripted": { "models": {
            "scripted": { "reasoning": true, "variants": variants },
            "other": { "name": "Other", "limit": { "context": 1000, "output": 100 } },
        } } },
        "agent": {
            "helper": { "mode": "all", "description": "Helps", "prompt": "x" },
            "sub": { "mode": "subagent", "description": "Sub" },
            "unseen": { "mode": "primary", "hidden": true },
        },
        "command": { "hello": { "description": "Says hello", "template": "Hello $ARGUMENTS" }, "bare": { "template": "Bare" } },
    })
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter()
        .map(|(one, other)| ((*one).to_owned(), (*other).to_owned()))
        .collect()
}

#[tokio::test]
async fn the_agent_says_what_it_can_do() {
    let home = home();
    let mut client = Client::start(&home, &[]);
    let method = json!({
        "id": "opencode-login",
        "name": "Login with opencode",
        "description": "Run `opencode auth login` in the terminal",
    });
    let mut wanted = json!({
        "protocolVersion": 1,
        "agentCapabilities": {
            "loadSession": true,
            "mcpCapabilities": { "http": true, "sse": true },
            "promptCapabilities": { "embeddedContext": true, "image": true },
            "sessionCapabilities": { "close": {}, "fork": {}, "list": {}, "resume": {} },
        },
        "authMethods": [method],
        "agentInfo": { "name": "OpenCode", "version": env!("CARGO_PKG_VERSION") },
    });
    assert_eq!(client.initialize().await, wanted);
    for version in [0, 7] {
        let capabilities = json!({ "_meta": { "terminal-auth": true } });
        let params = json!({ "protocolVersion": version, "clientCapabilities": capabilities });
        let terminal = json!({ "command": "opencode", "args": ["auth", "login"], "label": "OpenCode Login" });
        wanted["authMethods"][0]["_meta"] = json!({ "terminal-auth": terminal });
        assert_eq!(client.call("initialize", params).await, wanted);
    }
    let params = json!({ "methodId": "opencode-login" });
    assert_eq!(client.call("authenticate", params).await, json!({}));
}

#[tokio::test]
async fn what_can_be_chosen_is_offered_and_what_is_chosen_counts() {
    let (home, model, mut client) = connected([], with_variants()).await;
    let params = json!({ "cwd": home.project(), "mcpServers": [] });
    let opened = client.call("session/new", params).await;
    let session = opened["sessionId"].as_str().unwrap().to_owned();
    let options = opened["configOptions"].as_array().unwrap();
    let names = |option: &Value| -> Vec<(String, String)> {
        let row = |row: &Value| {
            (
                row["value"].as_str().unwrap().to_owned(),
                row["name"].as_str().unwrap().to_owned(),
            )
        };
        option["options"].as_array().unwrap().iter().map(row).collect()
    };
    assert_eq!(
        names(&options[0]),
        pairs(&[
            ("scripted/other", "Scripted/Other"),
            ("scripted/scripted", "Scripted/Scripted")
        ])
    );
    let efforts = names(&options[1]);
    assert_eq!(
        (efforts.first().unwrap(), efforts.last().unwrap()),
        (
            &("low".to_owned(), "Low".to_owned()),
            &("default".to_owned(), "Default".to_owned())
        )
    );
    assert_eq!(
        names(&options[2]),
        pairs(&[("build", "build"), ("helper", "helper"), ("plan", "plan")])
    );
    let kinds: Vec<&Value> = options.iter().map(|option| &option["category"]).collect();
    assert_eq!(kinds, ["model", "thought_level", "mode"]);
    let first = pairs(&[
        ("model", "scripted/scripted"),
        ("effort", "low"),
        ("mode", "build"),
    ]);
    assert_eq!(chosen(&opened), first);
    let commands = client.commands().await;
    for name in ["bare", "customize-opencode", "hello", "init", "review"] {
        assert!(
            commands.iter().any(|command| command == name),
            "{name}: {commands:?}"
        );
    }
    assert!(commands.is_sorted());

    let set = |option: &str, value: &str| json!({ "sessionId": session, "configId": option, "value": value });
    for (option, value, wanted) in [
        (
            "effort",
            "high",
            [
                ("model", "scripted/scripted"),
                ("effort", "high"),
                ("mode", "build"),
            ]
            .as_slice(),
        ),
        (
            "mode",
            "helper",
            &[
                ("model", "scripted/scripted"),
                ("effort", "high"),
                ("mode", "helper"),
            ],
        ),
        (
            "model",
            "scripted/other",
            &[("model", "scripted/other"), ("mode", "helper")],
        ),
        (
            "model",
            "scripted/scripted/high",
            &[
                ("model", "scripted/scripted"),
                ("effort", "high"),
                ("mode", "helper"),
            ],
        ),
    ] {
        let answer = client.call("session/set_config_option", set(option, value)).await;
        assert_eq!(chosen(&answer), pairs(wanted), "{option} {value}");
        let told = client.updates(&session);
        let wanted: &[Value] = match option {
            // Another model has other options.
            "model" => &[
                json!({ "sessionUpdate": "config_option_update", "configOptions": answer["configOptions"] }),
            ],
            _ => &[],
        };
        assert_eq!(told, wanted, "{option} {value}");
    }
    client.prompt(&session, text("one")).await;
    let mode = json!({ "sessionId": session, "modeId": "plan" });
    assert_eq!(client.call("session/set_mode", mode).await, json!({}));
    client
        .call("session/set_config_option", set("effort", "default"))
        .await;
    client.prompt(&session, text("two")).await;
    let other = json!({ "sessionId": session, "modelId": "scripted/other" });
    client.told.clear();
    assert_eq!(client.call("session/set_model", other).await, json!({}));
    assert_eq!(
        client.updates(&session)[0]["sessionUpdate"],
        "config_option_update"
    );
    client.prompt(&session, text("three")).await;
    let sent: Vec<(Value, Value)> = model
        .requests()
        .iter()
        .map(|request| {
            (
                request.body["model"].clone(),
                request.body["reasoning_effort"].clone(),
            )
        })
        .collect();
    let high = json!("high");
    assert_eq!(
        sent,
        [
            (json!("scripted"), high),
            (json!("scripted"), Value::Null),
            (json!("other"), Value::Null)
        ]
    );

    // What the last prompt had is found again.
    let params = json!({ "sessionId": session, "cwd": home.project() });
    client
        .call("session/close", json!({ "sessionId": session }))
        .await;
    let again = client.call("session/resume", params).await;
    assert_eq!(
        chosen(&again),
        pairs(&[("model", "scripted/other"), ("mode", "plan")])
    );
}

#[tokio::test]
async fn a_conversation_is_told_again_copied_listed_and_closed() {
    let steps = [
        Step::text("I look.")
            .thinking("Hm.")
            .and_tool("bash", json!({ "command": "echo out" })),
        Step::text("It says out."),
    ];
    let (home, _model, mut client) = connected(steps, json!({})).await;
    let session = client.open(&home).await;
    client.prompt(&session, text("look")).await;
    let live = client.updates(&session);
    assert_eq!(said(&live, "agent_message_chunk"), "I look.It says out.");
    assert_eq!(said(&live, "agent_thought_chunk"), "Hm.");

    let place = json!({ "sessionId": session, "cwd": home.project(), "mcpServers": [] });
    let loaded = client.call("session/load", place.clone()).await;
    assert_eq!(loaded.as_object().unwrap().len(), 1);
    let replayed = client.updates(&session);
    let kinds = |updates: &[Value]| -> Vec<String> {
        let kind = |update: &Value| update["sessionUpdate"].as_str().unwrap().to_owned();
        updates.iter().map(kind).collect()
    };
    let wanted = [
        "user_message_chunk",
        "agent_thought_chunk",
        "agent_message_chunk",
        "tool_call",
        "tool_call_update",
        "agent_message_chunk",
    ];
    assert_eq!(kinds(&replayed), wanted);
    assert_eq!(said(&replayed, "user_message_chunk"), "look");
    let command = |updates: &[Value], status: &str| -> Value {
        updates
            .iter()
            .find(|update| update["status"] == status)
            .unwrap()
            .clone()
    };
    assert_eq!(command(&replayed, "completed"), command(&live, "completed"));
    assert_eq!(command(&replayed, "pending")["title"], "echo out");
    client.commands().await;

    client.call("session/resume", place.clone()).await;
    assert_eq!(client.updates(&session), Vec::<Value>::new());
    client.commands().await;

    let forked = client.call("session/fork", place.clone()).await;
    let copy = forked["sessionId"].as_str().unwrap().to_owned();
    assert_eq!(kinds(&client.updates(&copy)), wanted);
    client.commands().await;

    let listed = client
        .call("session/list", json!({ "cwd": home.project() }))
        .await;
    let sessions = listed["sessions"].as_array().unwrap();
    let ids: Vec<&Value> = sessions.iter().map(|session| &session["sessionId"]).collect();
    assert_eq!(ids, [&json!(copy), &json!(session)]);
    assert_eq!(sessions[0]["cwd"], json!(home.project()));
    assert!(sessions[0]["updatedAt"].as_str().unwrap().ends_with('Z'));
    assert_eq!(sessions[0]["title"], "A scripted title (fork #1)");
    assert_eq!(
        client.call("session/list", json!({ "cwd": "/" })).await,
        json!({ "sessions": [] })
    );
    assert_eq!(client.call("session/list", json!({})).await, listed);

    assert_eq!(
        client
            .call("session/close", json!({ "sessionId": session }))
            .await,
        json!({})
    );
    let params = json!({ "sessionId": session, "prompt": text("x") });
    assert_eq!(client.fail("session/prompt", params).await["code"], -32602);
    assert_eq!(
        client
            .call("session/close", json!({ "sessionId": "ses_none" }))
            .await,
        json!({})
    );
}

#[tokio::test]
async fn long_lists_come_in_pages() {
    let (home, _model, mut client) = connected([], json!({})).await;
    let mut made = Vec::new();
    for _ in 0..103 {
        made.push(client.open(&home).await);
    }
    made.reverse();
    let mut found = Vec::new();
    let mut cursor = Value::Null;
    for count in [100, 3] {
        let page = client
            .call("session/list", json!({ "cwd": home.project(), "cursor": cursor }))
            .await;
        let sessions = page["sessions"].as_array().unwrap();
        assert_eq!(sessions.len(), count);
        found.extend(
            sessions
                .iter()
                .map(|session| session["sessionId"].as_str().unwrap().to_owned()),
        );
        cursor = page["nextCursor"].clone();
    }
    assert_eq!(cursor, Value::Null);
    assert_eq!(found, made);
}

#[tokio::test]
async fn sessions_work_in_their_own_folders() {
    let steps = [
        Step::tool("bash", json!({ "command": "pwd" })),
        Step::text("There."),
        Step::tool("bash", json!({ "command": "pwd" })),
        Step::text("Here."),
    ];
    let (home, model, mut client) = connected(steps, json!({})).await;
    let elsewhere = home.path().join("elsewhere");
    fs_err::create_dir(&elsewhere).unwrap();
    fs_err::copy(
        home.project().join("opencode.json"),
        elsewhere.join("opencode.json"),
    )
    .unwrap();
    home.configure(&model.url(), merged(json!({})));
    let here = client.open(&home).await;
    let params = json!({ "cwd": elsewhere, "mcpServers": [] });
    let there = client.call("session/new", params).await["sessionId"]
        .as_str()
        .unwrap()
        .to_owned();
    client.commands().await;
    for (session, folder) in [(&there, &elsewhere), (&here, &home.project())] {
        client.prompt(session, text("where?")).await;
        let calls = client.calls(session);
        assert_eq!(calls[0]["rawInput"]["cwd"], json!(folder));
        let output = format!("{}\n", folder.display());
        assert_eq!(calls.last().unwrap()["rawOutput"]["output"], output);
    }
}

#[tokio::test]
async fn the_folder_can_be_chosen_and_must_be_there() {
    let home = home();
    let mut client = Client::start(&home, &["--cwd", ".."]);
    client.initialize().await;
    client
        .call("session/new", json!({ "cwd": "project", "mcpServers": [] }))
        .await;
    assert_eq!(client.end().await.code(), Some(0));
    let refused = home.run(["acp", "--cwd", "no-such"]).await;
    assert_eq!((refused.code(), refused.stdout.as_str()), (Some(1), ""));
    assert!(
        refused.stderr.contains("Failed to change directory to"),
        "{}",
        refused.stderr
    );
}

#[tokio::test]
async fn servers_that_cannot_be_connected_keep_nobody_waiting() {
    let (home, _model, mut client) = connected([], json!({})).await;
    let servers = json!([
        { "name": "gone", "command": "/no/such/program", "args": [], "env": [] },
        { "type": "http", "name": "silent", "url": "http://127.0.0.1:1/mcp", "headers": [{ "name": "x", "value": "y" }] },
        { "type": "sse", "name": "old", "url": "http://127.0.0.1:1/sse", "headers": [] },
    ]);
    for _ in 0..2 {
        let params = json!({ "cwd": home.project(), "mcpServers": servers });
        let opened = client.call("session/new", params).await;
        let session = opened["sessionId"].as_str().unwrap().to_owned();
        client.commands().await;
        assert_eq!(
            client.prompt(&session, text("go")).await["stopReason"],
            "end_turn"
        );
    }
}
